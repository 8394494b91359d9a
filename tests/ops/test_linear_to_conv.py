"""A fully connected layer read as a convolution: the same numbers, the same outputs (FCN, section 3.1)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segcourse import ops

MANY = settings(max_examples=50, deadline=None, derandomize=True, database=None)


def linear_layer(inputs, outputs, *, bias=True, seed=0, dtype=torch.float64):
    layer = nn.Linear(inputs, outputs, bias=bias)
    generator = torch.Generator().manual_seed(seed)
    for part in layer.parameters():
        part.data.normal_(generator=generator)
    return layer.to(dtype)


@MANY
@given(channels=st.integers(1, 5), kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
       outputs=st.integers(1, 6), bias=st.booleans(), seed=st.integers(0, 99))
def test_equal_on_the_map_that_was_flattened(channels, kernel, outputs, bias, seed):
    """Square or not; in float64 up to the order of at most 245 additions of numbers around 1."""
    linear = linear_layer(channels * kernel[0] * kernel[1], outputs, bias=bias, seed=seed)
    conv = ops.linear_to_conv(linear, kernel)
    x = torch.randn(3, channels, *kernel, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    out = conv(x)
    assert out.shape == (3, outputs, 1, 1)
    torch.testing.assert_close(out[..., 0, 0], linear(x.flatten(1)), rtol=1e-12, atol=1e-11)


def test_one_answer_for_each_place_of_a_larger_map():
    linear = linear_layer(2 * 3 * 4, 5)
    x = torch.randn(1, 2, 6, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out = ops.linear_to_conv(linear, (3, 4))(x)
    assert out.shape == (1, 5, 4, 6)
    for row in range(4):
        for column in range(6):
            window = x[:, :, row:row + 3, column:column + 4]
            torch.testing.assert_close(out[:, :, row, column], linear(window.flatten(1)), rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_the_same_numbers_in_the_same_order(dtype):
    linear = linear_layer(2 * 3 * 4, 5, dtype=dtype)
    conv = ops.linear_to_conv(linear, (3, 4))
    assert conv.weight.shape == (5, 2, 3, 4) and conv.weight.dtype == dtype
    assert torch.equal(conv.weight.flatten(1), linear.weight) and torch.equal(conv.bias, linear.bias)
    assert sum(part.numel() for part in conv.parameters()) == sum(part.numel() for part in linear.parameters())


def test_the_weights_are_copied():
    linear = linear_layer(8, 2)
    conv = ops.linear_to_conv(linear, 2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
    assert linear.weight.abs().min() > 0 and linear.bias.abs().min() > 0


def test_without_bias_on_no_device_and_with_weights_that_lie_across():
    assert ops.linear_to_conv(linear_layer(8, 2, bias=False), 2).bias is None
    assert ops.linear_to_conv(nn.Linear(25088, 4096, device="meta"), 7).weight.shape == (4096, 512, 7, 7)
    linear = linear_layer(8, 2)
    linear.weight = nn.Parameter(linear.weight.data.t().contiguous().t())
    assert torch.equal(ops.linear_to_conv(linear, 2).weight.flatten(1), linear.weight)


REFUSED = {
    "does not divide": (24, 5, ["24", "5x5"]),
    "divides one way only": (24, (4, 5), ["24", "4x5"]),
    "larger than the input": (24, 7, ["24", "7x7"]),
    "no kernel": (24, 0, ["0x0"]),
    "a word": (24, "seven", ["seven"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    inputs, kernel, told = REFUSED[what]
    refused(lambda: ops.linear_to_conv(nn.Linear(inputs, 3), kernel), told)

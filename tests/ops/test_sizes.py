"""How large outputs are: against torch, and against one another."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segcourse import ops

MANY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
SIZES = {"size": st.integers(1, 40), "kernel": st.integers(1, 9), "stride": st.integers(1, 5),
         "padding": st.integers(0, 6), "dilation": st.integers(1, 4)}


@MANY
@given(**SIZES)
def test_a_convolution_leaves_what_torch_leaves(size, kernel, stride, padding, dilation):
    """Where torch refuses the kernel, so do we."""
    layer = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation, device="meta")
    picture = torch.empty(1, 1, size, size, device="meta")
    if dilation * (kernel - 1) + 1 > size + 2 * padding:
        with pytest.raises(ValueError, match=f"{kernel}"):
            ops.output_size(size, kernel, stride, padding, dilation)
        with pytest.raises(RuntimeError):
            layer(picture)
    else:
        assert ops.output_size(size, kernel, stride, padding, dilation) == layer(picture).shape[-1]


@MANY
@given(**SIZES, extra=st.integers(0, 4))
def test_a_transposed_convolution_makes_what_torch_makes(size, kernel, stride, padding, dilation, extra):
    extra = extra % max(stride, dilation)
    made = (size - 1) * stride + dilation * (kernel - 1) + 1 + extra - 2 * padding
    if made < 1:
        with pytest.raises(ValueError, match=f"{padding}"):
            ops.transposed_output_size(size, kernel, stride, padding, extra, dilation)
        return
    layer = nn.ConvTranspose2d(1, 1, kernel, stride=stride, padding=padding, output_padding=extra, dilation=dilation, device="meta")
    theirs = layer(torch.empty(1, 1, size, size, device="meta"))
    assert ops.transposed_output_size(size, kernel, stride, padding, extra, dilation) == theirs.shape[-1]


@MANY
@given(**SIZES)
def test_one_undoes_the_other_but_for_what_the_stride_forgets(size, kernel, stride, padding, dilation):
    if dilation * (kernel - 1) + 1 > size + 2 * padding:
        return
    down = ops.output_size(size, kernel, stride, padding, dilation)
    forgotten = (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
    assert ops.transposed_output_size(down, kernel, stride, padding, forgotten, dilation) == size


@pytest.mark.parametrize(("function", "arguments", "told"), [
    (ops.output_size, (0, 3), ["0"]), (ops.output_size, (5, 0), ["0"]), (ops.output_size, (5, 3, 0), ["0"]),
    (ops.output_size, (5, 3, 1, -1), ["-1"]),
    (ops.output_size, (5, 3, 1, 0, 0), ["0"]), (ops.output_size, (5, 7), ["7", "5"]), (ops.transposed_output_size, (0, 3), ["0"]),
    (ops.transposed_output_size, (2, 3, 1, 2), ["2", "0"]), (ops.transposed_output_size, (2, 3, 2, 0, -1), ["-1"]),
])
def test_refused_in_one_line_with_the_value(function, arguments, told, refused):
    refused(lambda: function(*arguments), told)

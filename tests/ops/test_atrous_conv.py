"""atrous_conv2d against torch's conv2d(dilation=...), and against an ordinary convolution with the zero-stuffed kernel. The tolerance is argued in test_conv.py."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segcourse import ops

UNIT = {torch.float64: 2 * 2.0**-53, torch.float32: 2.0**-24}
MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def numbers(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@st.composite
def cases(draw):
    """(x shape, weight shape, biased, options), all of which fit together; every option a (y, x) pair."""
    groups, taps_in, taps_out = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    options, sides = {"rate": [], "stride": [], "padding": []}, []
    for axis in range(2):
        rate, stride, padding = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 5))
        least = max(1, rate * (kernel[axis] - 1) + 1 - 2 * padding)
        sides.append(draw(st.integers(least, least + 6)))
        for name, value in zip(options, (rate, stride, padding), strict=True):
            options[name].append(value)
    options = {name: tuple(values) for name, values in options.items()} | {"groups": groups}
    return (draw(st.integers(1, 2)), groups * taps_in, *sides), (groups * taps_out, taps_in, *kernel), draw(st.booleans()), options


def torchs(x, weight, bias, options):
    return F.conv2d(x, weight, bias, stride=options["stride"], padding=options["padding"], dilation=options["rate"], groups=options["groups"])


@pytest.mark.parametrize("dtype", list(UNIT), ids=str)
@MANY
@given(case=cases(), seed=st.integers(0, 99))
def test_equal_to_torch(dtype, case, seed):
    shape, weights, biased, options = case
    x, weight = numbers(*shape, seed=seed, dtype=dtype), numbers(*weights, seed=seed + 1, dtype=dtype)
    bias = numbers(weights[0], seed=seed + 2, dtype=dtype) if biased else None
    ours = ops.atrous_conv2d(x, weight, bias, **options)
    exact = [None if part is None else part.double() for part in (x, weight, bias)]
    size = torchs(*[None if part is None else part.abs() for part in exact], options)
    theirs = torchs(*exact, options)
    assert ours.dtype == dtype and ours.shape == theirs.shape
    assert ((ours.double() - theirs).abs() <= (weight[0].numel() + 2) * UNIT[dtype] * size + 1e-300).all()


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(case=cases(), seed=st.integers(0, 99))
def test_gradients_equal_torchs(case, seed):
    shape, weights, _, options = case
    leaves = [numbers(*shape, seed=seed), numbers(*weights, seed=seed + 1), numbers(weights[0], seed=seed + 2)]
    found = []
    for operation in (lambda *parts: ops.atrous_conv2d(*parts, **options), lambda *parts: torchs(*parts, options)):
        parts = [leaf.clone().requires_grad_() for leaf in leaves]
        out = operation(*parts)
        found.append(torch.autograd.grad((out * numbers(*out.shape, seed=seed + 3)).sum(), parts))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(case=cases(), seed=st.integers(0, 99))
def test_an_ordinary_convolution_with_the_zero_stuffed_kernel_is_the_same(case, seed):
    shape, weights, _, options = case
    x, weight = numbers(*shape, seed=seed), numbers(*weights, seed=seed + 1)
    stuffed = ops.zero_stuffed(weight, options["rate"])
    assert stuffed.shape[2:] == tuple(map(ops.effective_kernel, weights[2:], options["rate"]))
    assert (stuffed != 0).sum() == weight.numel() and torch.equal(stuffed[:, :, ::options["rate"][0], ::options["rate"][1]], weight)
    ordinary = ops.conv2d(x, stuffed, stride=options["stride"], padding=options["padding"], groups=options["groups"])
    assert torch.allclose(ops.atrous_conv2d(x, weight, **options), ordinary, rtol=0, atol=1e-12)


def test_by_hand():
    """Three taps two cells apart: 1 at the first, 10 at the middle one, 100 at the last."""
    row = torch.arange(1.0, 8.0).view(1, 1, 1, 7)
    weight = torch.tensor([1.0, 10.0, 100.0]).view(1, 1, 1, 3)
    assert ops.atrous_conv2d(row, weight, rate=(1, 2)).tolist() == [[[[531.0, 642.0, 753.0]]]]
    assert ops.atrous_conv2d(row, weight, rate=(1, 2), padding=(0, 2)).tolist() == [[[[310.0, 420.0, 531.0, 642.0, 753.0, 64.0, 75.0]]]]
    assert ops.zero_stuffed(weight, (1, 2)).flatten().tolist() == [1.0, 0.0, 10.0, 0.0, 100.0]


@pytest.mark.parametrize(("kernel", "rate", "cells"), [(3, 1, 3), (3, 2, 5), (3, 12, 25), (7, 4, 25), (4, 8, 25), (4, 4, 13), (1, 9, 1)])
def test_three_pairs_of_deeplab_cover_25_cells(kernel, rate, cells):
    assert ops.effective_kernel(kernel, rate) == cells


X, W = torch.zeros(1, 2, 8, 8), torch.zeros(3, 2, 3, 3)
REFUSED = {
    "rate 0": (lambda: ops.atrous_conv2d(X, W, rate=0), ["rate", "0"]),
    "half a rate": (lambda: ops.atrous_conv2d(X, W, rate=1.5), ["1.5"]),
    "too wide": (lambda: ops.atrous_conv2d(X, W, rate=4), ["9", "8"]),
    "no batch": (lambda: ops.atrous_conv2d(X[0], W), ["(2, 8, 8)"]),
    "channels": (lambda: ops.atrous_conv2d(X[:, :1], W), ["2", "1"]),
    "a flat kernel": (lambda: ops.zero_stuffed(W[0, 0], 2), ["(3, 3)", "weight[None, None]"]),
    "stuffed at rate 0": (lambda: ops.zero_stuffed(W, (1, 0)), ["rate", "0"]),
    "no tap": (lambda: ops.effective_kernel(0, 2), ["kernel", "0"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, told = REFUSED[what]
    refused(action, told)

"""conv2d, from scratch, against torch's: outputs, gradients, bad input.

Tolerance, for every dtype the same argument (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1): a sum of n rounded
products, added up in any order, differs from the exact one by at most about n * u * sum|x||w|, with u the dtype's unit roundoff (2^-53,
2^-24, 2^-8). The exact one is torch's float64 result for the same, already rounded, numbers. It has an error of its own, hence twice
the bound in float64.
"""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segcourse import ops

UNIT = {torch.float64: 2 * 2.0**-53, torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8}
DTYPES = pytest.mark.parametrize("dtype", list(UNIT), ids=str)
MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
FEW = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def numbers(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def one_or_two(least, most):
    """A number, or a (y, x) pair."""
    return st.one_of(st.integers(least, most), st.tuples(st.integers(least, most), st.integers(least, most)))


@st.composite
def cases(draw):
    """(x shape, weight shape, biased, options), all of which fit together."""
    groups = draw(st.integers(1, 3))
    taps_in, taps_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    options = {"stride": draw(one_or_two(1, 3)), "padding": draw(one_or_two(0, 3)), "dilation": draw(one_or_two(1, 3)), "groups": groups}
    sides = []
    for axis in range(2):
        padding, dilation = (value if isinstance(value, int) else value[axis] for value in (options["padding"], options["dilation"]))
        least = max(1, dilation * (kernel[axis] - 1) + 1 - 2 * padding)
        sides.append(draw(st.integers(least, least + 6)))
    return (draw(st.integers(1, 2)), groups * taps_in, *sides), (groups * taps_out, taps_in, *kernel), draw(st.booleans()), options


def bound(x, weight, bias, options, dtype):
    """The largest difference that rounding explains, output by output."""
    size = F.conv2d(x.abs(), weight.abs(), None if bias is None else bias.abs(), **options)
    terms = weight[0].numel() + 2       # the products of one output, its bias, the last rounding
    return terms * UNIT[dtype] * size + 1e-300


@DTYPES
@MANY
@given(case=cases(), seed=st.integers(0, 99))
def test_equal_to_torch(dtype, case, seed):
    shape, weights, biased, options = case
    x, weight = numbers(*shape, seed=seed, dtype=dtype), numbers(*weights, seed=seed + 1, dtype=dtype)
    bias = numbers(weights[0], seed=seed + 2, dtype=dtype) if biased else None
    ours = ops.conv2d(x, weight, bias, **options)
    exact = [None if part is None else part.double() for part in (x, weight, bias)]
    theirs = F.conv2d(*exact, **options)
    assert ours.dtype == dtype and ours.shape == theirs.shape
    assert ((ours.double() - theirs).abs() <= bound(*exact, options, dtype)).all()


@FEW
@given(case=cases(), seed=st.integers(0, 99))
def test_gradients_equal_to_torch(case, seed):
    shape, weights, biased, options = case
    parts = [numbers(*shape, seed=seed), numbers(*weights, seed=seed + 1)] + ([numbers(weights[0], seed=seed + 2)] if biased else [])
    results = []
    for function in (ops.conv2d, F.conv2d):
        leaves = [part.clone().requires_grad_() for part in parts]
        out = function(*leaves, **options)
        out.backward(numbers(*out.shape, seed=seed + 3))
        results.append([leaf.grad for leaf in leaves])
    for ours, theirs in zip(*results, strict=True):     # float64: at most some thousand products of numbers around 1, each exact to 1e-16
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": (2, 1), "groups": 2}], ids=str)
def test_gradcheck(options):
    """Against finite differences, so not only as torch has it."""
    groups = options.get("groups", 1)
    parts = [numbers(1, 2, 5, 4, seed=0), numbers(2, 2 // groups, 3, 2, seed=1), numbers(2, seed=2)]
    assert torch.autograd.gradcheck(lambda *leaves: ops.conv2d(*leaves, **options), [part.requires_grad_() for part in parts])


def test_a_picture_by_hand():
    """Cross-correlation: the kernel is not turned over."""
    x, weight = torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]]]), torch.tensor([[[[10.0, 1]]]])
    assert ops.conv2d(x, weight).tolist() == [[[[12, 23], [45, 56]]]]


def test_any_layout_of_memory():
    x, weight = numbers(2, 4, 6, 7, seed=0), numbers(6, 2, 3, 3, seed=1)
    once = ops.conv2d(x, weight, groups=2)
    strided = numbers(2, 7, 6, 4, seed=5).copy_(x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
    for same in (x.to(memory_format=torch.channels_last), strided):
        torch.testing.assert_close(ops.conv2d(same, weight.to(memory_format=torch.channels_last), groups=2), once, rtol=0, atol=1e-12)


def test_no_pictures_at_all():
    assert ops.conv2d(torch.zeros(0, 2, 5, 5), torch.zeros(3, 2, 3, 3), torch.zeros(3)).shape == (0, 3, 3, 3)


X, W = torch.zeros(1, 4, 5, 6), torch.zeros(6, 4, 3, 3)
REFUSED = {
    "no batch axis": (lambda: ops.conv2d(X[0], W), ["(4, 5, 6)", "x[None]"]),
    "a vector as weight": (lambda: ops.conv2d(X, W[0, 0, 0]), ["(3,)"]),
    "other channels": (lambda: ops.conv2d(X[:, :3], W), ["(6, 4, 3, 3)", "3"]),
    "groups": (lambda: ops.conv2d(X, W, groups=3), ["groups=3", "4"]),
    "groups of none": (lambda: ops.conv2d(X, W, groups=0), ["groups=0"]),
    "stride": (lambda: ops.conv2d(X, W, stride=0), ["0", "1"]),
    "padding": (lambda: ops.conv2d(X, W, padding=-1), ["-1"]),
    "dilation": (lambda: ops.conv2d(X, W, dilation=(1, 0)), ["0", "1"]),
    "too large a kernel": (lambda: ops.conv2d(X, torch.zeros(6, 4, 7, 7)), ["7", "5"]),
    "bias of another length": (lambda: ops.conv2d(X, W, torch.zeros(5)), ["(5,)", "6"]),
    "one bias for all": (lambda: ops.conv2d(X, W, torch.zeros(1)), ["(1,)", "6"]),
    "padding in a word": (lambda: ops.conv2d(X, W, padding="same"), ["same"]),
    "half a cell": (lambda: ops.conv2d(X, W, stride=1.5), ["1.5"]),
    "three numbers": (lambda: ops.conv2d(X, W, stride=(1, 2, 3)), ["(1, 2, 3)"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, told = REFUSED[what]
    refused(action, told)

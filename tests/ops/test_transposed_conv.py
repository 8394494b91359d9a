"""conv_transpose2d, stamp and add, against torch's; the stamps on each cell. The tolerance is argued in test_conv.py."""

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


@st.composite
def cases(draw):
    """(x shape, weight shape, biased, options), all of which fit together; every option a (y, x) pair."""
    groups = draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    sides, options = [], {"stride": [], "padding": [], "output_padding": [], "dilation": []}
    for axis in range(2):
        side, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
        extra = draw(st.integers(0, max(stride, dilation) - 1))
        full = (side - 1) * stride + dilation * (kernel[axis] - 1) + 1 + extra
        for name, value in zip(options, (stride, draw(st.integers(0, min(3, (full - 1) // 2))), extra, dilation), strict=True):
            options[name].append(value)
        sides.append(side)
    channels = groups * draw(st.integers(1, 3))
    options = {name: tuple(values) for name, values in options.items()} | {"groups": groups}
    return (draw(st.integers(1, 2)), channels, *sides), (channels, draw(st.integers(1, 3)), *kernel), draw(st.booleans()), options


def bound(x, weight, bias, options, dtype):
    """The largest difference that rounding explains, output by output."""
    size = F.conv_transpose2d(x.abs(), weight.abs(), None if bias is None else bias.abs(), **options)
    terms = weight[0, 0].numel() * weight.shape[0] // options["groups"] + 2
    return terms * UNIT[dtype] * size + 1e-300


@DTYPES
@MANY
@given(case=cases(), seed=st.integers(0, 99))
def test_equal_to_torch(dtype, case, seed):
    shape, weights, biased, options = case
    x, weight = numbers(*shape, seed=seed, dtype=dtype), numbers(*weights, seed=seed + 1, dtype=dtype)
    bias = numbers(weights[1] * options["groups"], seed=seed + 2, dtype=dtype) if biased else None
    ours = ops.conv_transpose2d(x, weight, bias, **options)
    exact = [None if part is None else part.double() for part in (x, weight, bias)]
    theirs = F.conv_transpose2d(*exact, **options)
    assert ours.dtype == dtype and ours.shape == theirs.shape
    assert ((ours.double() - theirs).abs() <= bound(*exact, options, dtype)).all()


@FEW
@given(case=cases(), seed=st.integers(0, 99))
def test_gradients_equal_to_torch(case, seed):
    shape, weights, biased, options = case
    parts = [numbers(*shape, seed=seed), numbers(*weights, seed=seed + 1)]
    parts += [numbers(weights[1] * options["groups"], seed=seed + 2)] if biased else []
    results = []
    for function in (ops.conv_transpose2d, F.conv_transpose2d):
        leaves = [part.clone().requires_grad_() for part in parts]
        out = function(*leaves, **options)
        out.backward(numbers(*out.shape, seed=seed + 3))
        results.append([leaf.grad for leaf in leaves])
    for ours, theirs in zip(*results, strict=True):     # float64: at most some thousand products of numbers around 1, each exact to 1e-16
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": (2, 1), "groups": 2}], ids=str)
def test_gradcheck(options):
    groups = options.get("groups", 1)
    parts = [numbers(1, 2, 3, 4, seed=0), numbers(2, 2 // groups, 3, 2, seed=1), numbers(2, seed=2)]
    assert torch.autograd.gradcheck(lambda *leaves: ops.conv_transpose2d(*leaves, **options), [part.requires_grad_() for part in parts])


@FEW
@given(case=cases(), seed=st.integers(0, 99))
def test_it_is_the_transpose_of_the_convolution(case, seed):
    """<conv(a), b> = <a, conv_transpose(b)> for the same weight: what "transposed" means. Both are ours, no torch."""
    shape, weights, _, options = case
    x, weight = numbers(*shape, seed=seed), numbers(*weights, seed=seed + 1)
    large = ops.conv_transpose2d(x, weight, **options)
    other = numbers(*large.shape, seed=seed + 2)
    down = ops.conv2d(other, weight, **{name: value for name, value in options.items() if name != "output_padding"})
    torch.testing.assert_close((large * other).sum(), (x * down[..., :x.shape[2], :x.shape[3]]).sum(), rtol=1e-10, atol=1e-10)


def test_stamps_by_hand():
    """Two cells 1 and 10, stamp (1 2 3), stride 2: the middle is a sum."""
    x, weight = torch.tensor([[[[1.0, 10]]]]), torch.tensor([[[[1.0, 2, 3]]]])
    assert ops.conv_transpose2d(x, weight, stride=(1, 2)).tolist() == [[[[1, 2, 13, 20, 30]]]]


def test_the_input_is_left_alone_and_memory_may_lie_anyhow():
    x, weight = numbers(2, 4, 3, 5, seed=0), numbers(4, 3, 3, 3, seed=1)
    before, once = x.clone(), ops.conv_transpose2d(x, weight, stride=2, groups=2)
    turned = ops.conv_transpose2d(x.to(memory_format=torch.channels_last), weight.to(memory_format=torch.channels_last), stride=2, groups=2)
    torch.testing.assert_close(turned, once, rtol=0, atol=1e-12)
    assert torch.equal(x, before)


def test_numbers_in_the_order_that_torch_has_them():
    x, weight, bias = numbers(1, 2, 4, 4, seed=0), numbers(2, 1, 3, 3, seed=1), numbers(2, seed=2)
    positional = (2, 1, 1, 2, 1)        # stride, padding, output_padding, groups, dilation
    ours, theirs = (function(x, weight, bias, *positional) for function in (ops.conv_transpose2d, F.conv_transpose2d))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


# -- how many stamps ---------------------------------------------------------------------------------------------------------------------

@MANY
@given(size=st.tuples(st.integers(1, 7), st.integers(1, 7)), kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
       stride=st.tuples(st.integers(1, 4), st.integers(1, 4)), padding=st.integers(0, 2))
def test_stamp_count_is_what_one_counts(size, kernel, stride, padding):
    """Against the definition in plain loops, and against ones stamped with ones by torch."""
    full = [(n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True)]
    if min(full) <= 2 * padding:
        return
    by_hand = torch.zeros(*full, dtype=torch.int64)
    for y in range(size[0]):
        for x in range(size[1]):
            by_hand[y * stride[0]:y * stride[0] + kernel[0], x * stride[1]:x * stride[1] + kernel[1]] += 1
    by_hand = by_hand[padding:full[0] - padding, padding:full[1] - padding]
    counted = ops.stamp_count(size, kernel, stride, padding)
    assert counted.dtype == torch.int64 and torch.equal(counted, by_hand)
    stamped = F.conv_transpose2d(torch.ones(1, 1, *size), torch.ones(1, 1, *kernel), stride=stride, padding=padding)
    assert torch.equal(counted.float(), stamped[0, 0])


@pytest.mark.parametrize(("kernel", "stride", "found"), [
    (3, 2, {1, 2, 4}), (5, 2, {4, 6, 9}), (5, 3, {1, 2, 4}), (4, 2, {4}), (2, 2, {1}), (6, 3, {4}), (64, 32, {4}), (63, 32, {1, 2, 4}),
])
def test_checkerboards(kernel, stride, found):
    """Where the stride divides the kernel all cells inside get as many stamps; elsewhere a pattern stays (Odena, Dumoulin, Olah 2016)."""
    inside = ops.stamp_count((9, 9), kernel, stride)[kernel:-kernel, kernel:-kernel]
    assert inside.numel() and set(inside.unique().tolist()) == found


# -- bad input ---------------------------------------------------------------------------------------------------------------------------

X, W = torch.zeros(1, 4, 5, 6), torch.zeros(4, 2, 3, 3)
REFUSED = {
    "no batch axis": (lambda: ops.conv_transpose2d(X[0], W), ["(4, 5, 6)", "x[None]"]),
    "a vector as weight": (lambda: ops.conv_transpose2d(X, W[0, 0, 0]), ["(3,)"]),
    "other channels": (lambda: ops.conv_transpose2d(X[:, :3], W), ["(4, 2, 3, 3)", "3"]),
    "groups": (lambda: ops.conv_transpose2d(X, W, groups=3), ["groups=3", "4"]),
    "stride": (lambda: ops.conv_transpose2d(X, W, stride=0), ["0", "1"]),
    "padding": (lambda: ops.conv_transpose2d(X, W, padding=-2), ["-2"]),
    "nothing left": (lambda: ops.conv_transpose2d(X, W, padding=9), ["9", "-11"]),
    "output padding of a stride": (lambda: ops.conv_transpose2d(X, W, stride=2, output_padding=2), ["2"]),
    "negative output padding": (lambda: ops.conv_transpose2d(X, W, stride=2, output_padding=-1), ["-1"]),
    "bias of another length": (lambda: ops.conv_transpose2d(X, W, torch.zeros(2), groups=2), ["(2,)", "4"]),
    "one bias for all": (lambda: ops.conv_transpose2d(X, W, torch.zeros(1)), ["(1,)", "2"]),
    "stride in a word": (lambda: ops.conv_transpose2d(X, W, stride="two"), ["two"]),
    "nothing to stamp": (lambda: ops.stamp_count((0, 3), 3, 2), ["0", "1"]),
    "no kernel": (lambda: ops.stamp_count((3, 3), 0, 2), ["0", "1"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, told = REFUSED[what]
    refused(action, told)

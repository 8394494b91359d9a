"""Max pooling that keeps its switches, and unpooling: equal to torch, gradients included, ties, padding, NaN, overlaps and all."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segcourse import ops

MANY = settings(max_examples=60, deadline=None, derandomize=True, database=None)
FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None)
KINDS = ("normal", "ties", "nan", "-inf", "inf")


def numbers(shape, seed, kind="normal"):
    """Normal numbers; or few values, so that windows hold equal ones; or with NaN or infinities among those."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "normal":
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    x = torch.randint(-2, 2, shape, generator=generator).double()
    if kind != "ties":
        x[torch.rand(shape, generator=generator) < 0.4] = float(kind)
    return x


@st.composite
def cases(draw):
    """(shape of x, options) of poolings that torch accepts: one axis after the other, kernel and stride apart from each other."""
    sides, options = [], {"kernel": [], "stride": [], "padding": []}
    ceil_mode = draw(st.booleans())
    for _ in range(2):
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 5))
        padding = draw(st.integers(0, kernel // 2))
        least = max(1, kernel - 2 * padding - (stride - 1 if ceil_mode else 0))
        sides.append(draw(st.integers(least, least + 7)))
        for name, value in zip(options, (kernel, stride, padding), strict=True):
            options[name].append(value)
    return (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *sides), {name: tuple(value) for name, value in options.items()} | {"ceil_mode": ceil_mode}


def torchs_pool(x, kernel, stride=None, padding=0, ceil_mode=False):
    return F.max_pool2d(x, kernel, stride, padding, 1, ceil_mode, True)


def torchs_unpool(pooled, switches, size):
    """torch's kernel itself: F.max_unpool2d would ask for the pooling's numbers first. On one thread: several race for a place that several windows chose."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return torch._C._nn.max_unpool2d(pooled, switches, size)
    finally:
        torch.set_num_threads(threads)


# -- pooling -----------------------------------------------------------------------------------------------------------------------------

@MANY
@given(case=cases(), seed=st.integers(0, 99), kind=st.sampled_from(KINDS))
def test_pooling_is_torchs(case, seed, kind):
    """Values and switches, to the bit: of equal numbers the first, of NaN the last, never the padding."""
    shape, options = case
    x = numbers(shape, seed, kind)
    (pooled, switches), (theirs, places) = ops.max_pool2d_with_switches(x, **options), torchs_pool(x, **options)
    assert switches.dtype == torch.int64 and torch.equal(switches, places)
    torch.testing.assert_close(pooled, theirs, rtol=0, atol=0, equal_nan=True)


@FEW
@given(case=cases(), seed=st.integers(0, 99), kind=st.sampled_from(("normal", "ties")))
def test_pooling_has_torchs_gradient(case, seed, kind):
    """Where windows overlap, a cell that won several receives the sum."""
    shape, options = case
    grads = []
    for pool in (ops.max_pool2d_with_switches, torchs_pool):
        x = numbers(shape, seed, kind).requires_grad_()
        pooled, _ = pool(x, **options)
        pooled.backward(numbers(pooled.shape, seed + 1))
        grads.append(x.grad)
    torch.testing.assert_close(*grads, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32])
def test_whole_and_short_numbers(dtype):
    """Negative ones too, beside a padding which must not win."""
    x = (torch.randint(0, 99, (2, 3, 5, 7), generator=torch.Generator().manual_seed(0)) - (0 if dtype == torch.uint8 else 200)).to(dtype)
    pooled, switches = ops.max_pool2d_with_switches(x, 3, 2, 1, True)
    theirs, places = torchs_pool(x.double(), 3, 2, 1, True)
    assert pooled.dtype == dtype and torch.equal(pooled.double(), theirs) and torch.equal(switches, places)
    back = ops.max_unpool2d(pooled, switches, (5, 7))
    assert back.dtype == dtype and torch.equal(back.double(), torchs_unpool(theirs, places, (5, 7)))


def test_by_hand():
    x = torch.tensor([[[[1.0, 2, 0], [5, 5, 9], [3, 0, 0]]]])
    pooled, switches = ops.max_pool2d_with_switches(x, 2, ceil_mode=True)
    assert pooled.tolist() == [[[[5, 9], [3, 0]]]] and switches.tolist() == [[[[3, 5], [6, 8]]]]
    assert ops.max_unpool2d(pooled, switches, (3, 3)).tolist() == [[[[0, 0, 0], [5, 0, 9], [3, 0, 0]]]]


def test_45_and_46_both_leave_23():
    """Which is why the size must be told; rounded down, 45 leaves 22 and its last row is never chosen."""
    for side, ceil_mode, left in ((45, True, 23), (46, True, 23), (46, False, 23), (45, False, 22)):
        x = numbers((1, 1, side, side), 0).abs() + 1
        pooled, switches = ops.max_pool2d_with_switches(x, 2, ceil_mode=ceil_mode)
        back = ops.max_unpool2d(pooled, switches, (side, side))
        assert pooled.shape[2] == left and back.shape == x.shape and torch.equal(back[back != 0], x[back != 0]) and (back != 0).sum() == left ** 2


def test_a_stride_may_be_left_out_and_numbers_may_be_given_in_order():
    x = numbers((1, 2, 6, 6), 0)
    assert torch.equal(ops.max_pool2d_with_switches(x, 3)[0], ops.max_pool2d_with_switches(x, (3, 3), (3, 3), (0, 0), False)[0])


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_no_picture_and_no_channel(shape):
    pooled, switches = ops.max_pool2d_with_switches(torch.zeros(shape), 2)
    assert pooled.shape == switches.shape == (*shape[:2], 2, 2) and ops.max_unpool2d(pooled, switches, (4, 4)).shape == shape


def test_memory_may_lie_anyhow_and_the_input_is_left_alone():
    x = numbers((2, 3, 6, 8), 0)
    before, (pooled, switches) = x.clone(), ops.max_pool2d_with_switches(x, 2)
    turned, turned_switches = ops.max_pool2d_with_switches(x.to(memory_format=torch.channels_last), 2)
    assert torch.equal(turned, pooled) and torch.equal(turned_switches, switches) and torch.equal(x, before)


# -- unpooling ---------------------------------------------------------------------------------------------------------------------------

@MANY
@given(case=cases(), seed=st.integers(0, 99))
def test_unpooling_is_torchs(case, seed):
    """Also of numbers that no longer are the maxima, as in a decoder, and where windows overlap: then the last one stands."""
    shape, options = case
    _, switches = ops.max_pool2d_with_switches(numbers(shape, seed, "ties"), **options)
    results = []
    for unpool in (ops.max_unpool2d, torchs_unpool):
        pooled = numbers(switches.shape, seed + 1).requires_grad_()
        back = unpool(pooled, switches, shape[2:])
        back.backward(numbers(shape, seed + 2))
        results.append((back.detach(), pooled.grad))
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def test_several_windows_may_choose_one_place():
    """A kernel of 3 at stride 2: the 9 in the middle is the maximum of all four windows; written four times, the last stays, each gets the gradient."""
    x = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    x[..., 2, 2] = 9
    _, switches = ops.max_pool2d_with_switches(x, 3, 2)
    assert switches.flatten().tolist() == [12] * 4
    pooled = torch.tensor([[[[1.0, 2], [3, 4]]]], requires_grad=True)
    back = ops.max_unpool2d(pooled, switches, (5, 5))
    assert back[..., 2, 2] == 4 and back.sum() == 4
    back[..., 2, 2].backward(torch.tensor([[7.0]]))
    assert pooled.grad.flatten().tolist() == [7.0] * 4


@pytest.mark.parametrize("options", [{"kernel": 2}, {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}], ids=str)
def test_gradcheck(options):
    x = torch.randperm(2 * 6 * 7, generator=torch.Generator().manual_seed(0)).double().view(1, 2, 6, 7).requires_grad_()
    _, switches = ops.max_pool2d_with_switches(x, **options)
    assert torch.autograd.gradcheck(lambda x: ops.max_pool2d_with_switches(x, **options)[0], [x])
    if options == {"kernel": 2}:                    # where windows overlap, torch's gradient is not the derivative: see above
        y = numbers(switches.shape, 1).requires_grad_()
        assert torch.autograd.gradcheck(lambda y: ops.max_unpool2d(y, switches, (6, 7)), [y])


def test_pool_unpool_pool_gives_y_back_while_no_number_is_negative():
    """Claim 3.5b: zeros win over negative numbers, and unpooling does not bring x back."""
    x = numbers((1, 2, 6, 6), 0).abs()
    y, switches = ops.max_pool2d_with_switches(x, 2)
    back = ops.max_unpool2d(y, switches, (6, 6))
    assert torch.equal(ops.max_pool2d_with_switches(back, 2)[0], y) and not torch.equal(back, x)
    again = ops.max_pool2d_with_switches(ops.max_unpool2d(-y, switches, (6, 6)), 2)[0]
    assert again.eq(0).all()


# -- ways back without switches ----------------------------------------------------------------------------------------------------------

SIZES = pytest.mark.parametrize(("stride", "size"), [(2, None), (2, (5, 6)), (2, (6, 5)), (2, (7, 7)), ((3, 2), (7, 5)), ((3, 2), (11, 7)), (1, (3, 3)), (4, None)])


@SIZES
def test_bed_of_nails(stride, size):
    pooled = numbers((2, 2, 3, 3), 0).requires_grad_()
    out = ops.bed_of_nails(pooled, stride, size)
    sy, sx = stride if isinstance(stride, tuple) else (stride, stride)
    assert out.shape == (2, 2, *(size or (3 * sy, 3 * sx)))
    assert torch.equal(out[..., ::sy, ::sx][..., :3, :3], pooled) and out.count_nonzero() == pooled.numel()
    out.sum().backward()
    assert pooled.grad.eq(1).all()


@SIZES
def test_nearest(stride, size):
    pooled = numbers((2, 2, 3, 3), 0).requires_grad_()
    out = ops.nearest_unpool2d(pooled, stride, size)
    sy, sx = stride if isinstance(stride, tuple) else (stride, stride)
    assert out.shape == (2, 2, *(size or (3 * sy, 3 * sx)))
    for y in range(out.shape[2]):
        for x in range(out.shape[3]):
            block = (y // sy, x // sx)
            assert torch.equal(out[..., y, x], pooled[..., block[0], block[1]] if max(block) < 3 else torch.zeros(2, 2, dtype=torch.float64))
    if size is None:
        assert torch.equal(out, F.interpolate(pooled, scale_factor=(sy, sx), mode="nearest"))
    out.sum().backward()
    assert pooled.grad.sum() == min(out.shape[2], 3 * sy) * min(out.shape[3], 3 * sx) * 4


def test_without_switches_the_place_is_lost():
    x = numbers((1, 1, 8, 8), 0).abs() + 1
    y, switches = ops.max_pool2d_with_switches(x, 2)
    with_them, without = ops.max_unpool2d(y, switches, (8, 8)), ops.bed_of_nails(y, 2)
    assert torch.equal(with_them[with_them != 0], x[with_them != 0])
    share = (without == x).sum().item() / y.numel()
    assert 0 < share < 0.6 and math.isclose(with_them.sum(), without.sum())


# -- bad input ---------------------------------------------------------------------------------------------------------------------------

X = torch.zeros(1, 2, 6, 8)
Y, S = ops.max_pool2d_with_switches(X, 2)
REFUSED = {
    "no batch axis": (lambda: ops.max_pool2d_with_switches(X[0], 2), ValueError, ["(2, 6, 8)", "x[None]"]),
    "complex": (lambda: ops.max_pool2d_with_switches(X.cfloat(), 2), TypeError, ["complex64", "abs()"]),
    "no kernel": (lambda: ops.max_pool2d_with_switches(X, 0), ValueError, ["0"]),
    "no stride": (lambda: ops.max_pool2d_with_switches(X, 2, 0), ValueError, ["0"]),
    "padding of more than half": (lambda: ops.max_pool2d_with_switches(X, 3, 2, 2), ValueError, ["1", "2"]),
    "negative padding": (lambda: ops.max_pool2d_with_switches(X, 3, 2, -1), ValueError, ["-1"]),
    "a kernel too large": (lambda: ops.max_pool2d_with_switches(X, 7), ValueError, ["7", "6"]),
    "an empty map": (lambda: ops.max_pool2d_with_switches(X[..., :0], 2), ValueError, ["0"]),
    "a kernel in a word": (lambda: ops.max_pool2d_with_switches(X, "two"), ValueError, ["two"]),
    "fewer switches": (lambda: ops.max_unpool2d(Y, S[..., :-1], (6, 8)), ValueError, ["(1, 2, 3, 4)", "(1, 2, 3, 3)"]),
    "switches of one channel": (lambda: ops.max_unpool2d(Y, S[:, :1], (6, 8)), ValueError, ["(1, 2, 3, 4)", "(1, 1, 3, 4)"]),
    "a smaller plane": (lambda: ops.max_unpool2d(Y, S, (5, 7)), ValueError, ["38", "5x7", "34"]),
    "a switch before the plane": (lambda: ops.max_unpool2d(Y, S - 1, (6, 8)), ValueError, ["-1", "6x8"]),
    "the first place after it": (lambda: ops.max_unpool2d(Y, S * 0 + 48, (6, 8)), ValueError, ["48", "47"]),
    "switches that are no whole numbers": (lambda: ops.max_unpool2d(Y, S.float(), (6, 8)), TypeError, ["float32", "int64"]),
    "no switches": (lambda: ops.max_unpool2d(Y, None, (6, 8)), TypeError, ["NoneType"]),
    "no size": (lambda: ops.max_unpool2d(Y, S, (0, 8)), ValueError, ["0x8"]),
    "a size of three": (lambda: ops.max_unpool2d(Y, S, (1, 6, 8)), ValueError, ["(1, 6, 8)"]),
    "one axis too few": (lambda: ops.max_unpool2d(Y[0], S[0], (6, 8)), ValueError, ["pooled[None]"]),
    "nails beyond the block": (lambda: ops.bed_of_nails(Y, 2, (8, 8)), ValueError, ["8x8", "5x7", "7x9"]),
    "nails in too small a map": (lambda: ops.bed_of_nails(Y, 2, (6, 6)), ValueError, ["6x6", "5x7"]),
    "no stride, nearest": (lambda: ops.nearest_unpool2d(Y, 0), ValueError, ["0"]),
    "nearest in a wrong size": (lambda: ops.nearest_unpool2d(Y, (2, 3), (6, 9)), ValueError, ["6x9", "5x10"]),
    "nearest without a batch": (lambda: ops.nearest_unpool2d(Y[0], 2), ValueError, ["(2, 3, 4)"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, kind, told = REFUSED[what]
    refused(action, told, kind)


@FEW
@given(shape=st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)), kernel=st.integers(1, 8), stride=st.integers(1, 4),
       padding=st.integers(0, 4), ceil_mode=st.booleans())
def test_refused_where_torch_refuses(shape, kernel, stride, padding, ceil_mode):
    outcomes = []
    for pool in (ops.max_pool2d_with_switches, torchs_pool):
        try:
            outcomes.append(pool(torch.zeros(shape), kernel, stride, padding, ceil_mode)[0].shape)
        except (ValueError, RuntimeError):
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]

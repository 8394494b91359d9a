"""The bilinear kernel: interpolation by stamping (FCN, section 3.3)."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segcourse import ops

MANY = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@MANY
@given(factor=st.integers(1, 9), height=st.integers(3, 7), width=st.integers(3, 7), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_inside_it_is_bilinear_interpolation(factor, height, width, channels, seed):
    """F.interpolate with align_corners=False has pixel j at cell (j + 1/2) / f - 1/2, stamping k taps at (j - (k - 1) / 2) / f. An even
    factor meets it with 2f taps and f / 2 cut off, an odd one with 2f - 1 taps and (f - 1) / 2 cut off. They differ at the rim alone, where
    interpolation repeats the edge. The weights are float32 numbers, hence 1e-6 for values around 1."""
    x = numbers(1, channels, height, width, seed=seed)
    taps, cut = (2 * factor, factor // 2) if factor % 2 == 0 else (2 * factor - 1, (factor - 1) // 2)
    full = ops.conv_transpose2d(x, ops.bilinear_kernel(channels, factor, taps).double(), stride=factor)
    ours = full[:, :, cut:cut + factor * height, cut:cut + factor * width]
    theirs = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert ours.shape == theirs.shape
    inside = slice(factor, -factor)
    torch.testing.assert_close(ours[:, :, inside, inside], theirs[:, :, inside, inside], rtol=0, atol=2e-6)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8, 16, 32])
@pytest.mark.parametrize("short", [False, True])
def test_a_plane_stays_a_plane(factor, short):
    """Linear functions are interpolated exactly, wherever a stamp's centre lies: cell i of the map at pixel f*i + (k-1)/2."""
    taps = 2 * factor - short
    ys, xs = torch.meshgrid(torch.arange(6.0, dtype=torch.float64), torch.arange(5.0, dtype=torch.float64), indexing="ij")
    plane = (2 * ys - 3 * xs + 1)[None, None]
    out = ops.conv_transpose2d(plane, ops.bilinear_kernel(1, factor, taps).double(), stride=factor)[0, 0]
    rows = (torch.arange(out.shape[0], dtype=torch.float64) - (taps - 1) / 2) / factor
    columns = (torch.arange(out.shape[1], dtype=torch.float64) - (taps - 1) / 2) / factor
    exact = 2 * rows[:, None] - 3 * columns + 1
    inside = slice(taps, -taps)
    assert out[inside, inside].numel()
    torch.testing.assert_close(out[inside, inside], exact[inside, inside], rtol=0, atol=3e-5)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 16, 32])
@pytest.mark.parametrize("short", [False, True])
def test_the_weights_of_every_phase_add_up_to_one(factor, short):
    kernel = ops.bilinear_kernel(1, factor, 2 * factor - short)[0, 0].double()
    for row in range(factor):
        for column in range(factor):
            assert kernel[row::factor, column::factor].sum().item() == pytest.approx(1, abs=1e-6)
    assert kernel.min() > 0


def test_one_kernel_a_channel_and_nothing_between_channels():
    kernel = ops.bilinear_kernel(3, 2)
    assert kernel.shape == (3, 3, 4, 4) and kernel.dtype == torch.float32
    tap = torch.tensor([0.25, 0.75, 0.75, 0.25])
    for ours in range(3):
        for theirs in range(3):
            assert torch.equal(kernel[ours, theirs], tap[:, None] * tap if ours == theirs else torch.zeros(4, 4))


@pytest.mark.parametrize(("first", "second"), [(2, 2), (2, 4), (2, 8), (3, 2), (4, 8)])
def test_short_kernels_compose_exactly(first, second):
    """With 2f - 1 taps, twice two times is four times, to the last pixel; with FCN's 2f taps it is not."""
    x = numbers(1, 1, 4, 5)

    def enlarged(picture, factor, taps):
        return ops.conv_transpose2d(picture, ops.bilinear_kernel(1, factor, taps).double(), stride=factor)

    both = first * second
    in_steps = enlarged(enlarged(x, first, 2 * first - 1), second, 2 * second - 1)
    torch.testing.assert_close(in_steps, enlarged(x, both, 2 * both - 1), rtol=0, atol=1e-6)
    long_steps, at_once = enlarged(enlarged(x, first, 2 * first), second, 2 * second), enlarged(x, both, 2 * both)
    rim = [(long - once) // 2 for long, once in zip(long_steps.shape[2:], at_once.shape[2:], strict=True)]
    cut = long_steps[:, :, rim[0]:rim[0] + at_once.shape[2], rim[1]:rim[1] + at_once.shape[3]]
    inside = slice(2 * both, -2 * both)
    assert (cut - at_once)[:, :, inside, inside].abs().max() > 1e-2


REFUSED = {
    "taps": ((1, 2, 5), ["2", "5", "4", "3"]),
    "channels": ((0, 2), ["0"]),
    "factor": ((1, 0), ["0"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    arguments, told = REFUSED[what]
    refused(lambda: ops.bilinear_kernel(*arguments), told)

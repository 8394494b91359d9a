"""Where maps lie: the rules of Grid against taps counted one by one, crops against sizes."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segcourse.models.geometry import Grid, crop

MANY = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@st.composite
def layers(draw):
    """One layer with a kernel: a convolution, a pooling or a transposed convolution."""
    kernel, stride, padding = draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(0, 4))
    kind = draw(st.sampled_from(["conv", "pool", "transposed"]))
    if kind == "pool":
        return nn.MaxPool2d(kernel, stride=stride, padding=min(padding, kernel // 2), ceil_mode=draw(st.booleans()))
    make = nn.Conv2d if kind == "conv" else nn.ConvTranspose2d
    return make(1, 1, kernel, stride=stride, padding=padding, dilation=draw(st.integers(1, 3)), device="meta")


def one(value):
    return value if isinstance(value, int) else value[0]


def centres_by_taps(layer, centres):
    """Two neighbouring output centres from the centres {cell: pixel} of the input's cells, tap by tap."""
    kernel, stride, padding, dilation = (one(getattr(layer, name, 1)) for name in ("kernel_size", "stride", "padding", "dilation"))
    taps = [dilation * tap - padding for tap in range(kernel)]
    if not isinstance(layer, nn.ConvTranspose2d):
        return [sum((centres(i * stride + tap) for tap in taps), Fraction(0)) / kernel for i in (0, 1)]
    middle = Fraction(sum(taps), kernel)                            # of cell 0's print, on the output
    place = {stride * i + middle: centres(i) for i in (0, 1)}       # an output position and the pixel over it
    (p0, c0), (p1, c1) = sorted(place.items())
    return [c0 + (c1 - c0) * (i - p0) / (p1 - p0) for i in (0, 1)]


@MANY
@given(chain=st.lists(layers(), min_size=1, max_size=4))
def test_centres_are_the_mean_of_the_taps(chain):
    grid, scale, shift = Grid(), Fraction(1), Fraction(0)
    for layer in chain:
        first, second = centres_by_taps(layer, lambda i, scale=scale, shift=shift: scale * i + shift)
        scale, shift = second - first, first
        grid = grid.after(layer)
        assert (grid.scale, grid.shift) == (scale, shift)
    assert Grid().after_all(chain) == grid


def test_layers_without_a_kernel_change_nothing():
    grid = Grid(Fraction(8), Fraction(-3, 2))
    assert grid.after_all([nn.ReLU(), nn.Dropout(), nn.BatchNorm2d(3), nn.Identity(), nn.LocalResponseNorm(5)]) == grid


def test_offsets():
    small, large = Grid(Fraction(2), Fraction(7)), Grid(Fraction(2), Fraction(-3))
    assert small.offset_in(large) == 5 and large.offset_in(small) == -5
    with pytest.raises(ValueError, match="lie on each other"):
        small.offset_in(Grid(Fraction(2), Fraction(0)))
    with pytest.raises(ValueError, match="lie on each other"):
        small.offset_in(Grid(Fraction(4), Fraction(7)))


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 32])
def test_upsampling_undoes_as_much_downsampling(factor):
    """f x f poolings and bilinear stamps of 2f taps: back on the pixels, f / 2 of them further."""
    pooled = Grid().after(nn.MaxPool2d(factor))
    up = nn.ConvTranspose2d(1, 1, 2 * factor, stride=factor, device="meta")
    assert Grid().offset_in(pooled.after(up)) == factor // 2


def test_crop_keeps_the_reference_s_height_and_width():
    larger = torch.arange(2 * 3 * 9 * 8).view(2, 3, 9, 8)
    assert torch.equal(crop(larger, 2, torch.empty(1, 7, 5, 4)), larger[:, :, 2:7, 2:6])

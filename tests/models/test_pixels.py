"""PixelNet: every pixel gets a score a class, what one cell sees, and how it starts."""

import math

import pytest
import torch
from torch.nn import functional as F

from segcourse import models, ops


def made(**options):
    torch.manual_seed(0)
    return models.create("pixelnet", 11, **options).eval()


@pytest.mark.parametrize("size", [(96, 128), (97, 131), (1, 1), (5, 300)])
def test_the_answer_is_as_large_as_the_image(size):
    with torch.no_grad():
        assert made()(torch.rand(2, 3, *size)).shape == (2, 11, *size)


def test_it_has_24_thousand_weights():
    """Convolutions of 16, 32, 32, 32 channels, two numbers a channel for each normalisation, a 1x1 convolution with bias."""
    expected = 3 * 16 * 9 + 16 * 32 * 9 + 2 * 32 * 32 * 9 + 2 * (16 + 3 * 32) + 32 * 11 + 11
    assert sum(parameter.numel() for parameter in made().parameters()) == expected == 24059


def test_a_cell_sees_23_pixels():
    field = ops.receptive_field(made(), (96, 128), at="score")
    assert field.size == (23, 23) and field.stride == (4, 4)


def test_it_starts_without_an_opinion():
    logits = made()(torch.rand(1, 3, 20, 24))
    assert F.cross_entropy(logits, torch.zeros(1, 20, 24, dtype=torch.long)).item() == pytest.approx(math.log(11))


def test_it_enlarges_by_pixel_centres():
    """Its last step is the course's own resizing."""
    net = made()
    torch.nn.init.normal_(net.score.weight)
    images = torch.rand(1, 3, 30, 41)
    with torch.no_grad():
        assert torch.allclose(net(images), ops.resize(net.score(net.features(images)), (30, 41)), atol=1e-5)

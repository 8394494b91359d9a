"""Enlarging a map to its picture, held to torch's interpolation where both mean the same, and to geometry where torch has no word for it."""

import pytest
import torch
from torch.nn import functional as F

from segcourse.models.dense import enlarge
from segcourse.models.geometry import Grid


@pytest.mark.parametrize("factor, cells", [(2, (3, 5)), (8, (4, 6)), (32, (4, 6)), (5, (1, 7)), (4, (1, 1))])
def test_a_map_that_tiles_the_picture_is_torchs_interpolation(factor, cells):
    scores = torch.randn(2, 3, *cells, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    size = tuple(factor * n for n in cells)
    wanted = F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(scores, Grid(factor, (factor - 1) / 2), size), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride, cells", [(16, (7, 11)), (8, (13, 21))])
def test_a_dense_map_reaches_less_far_and_goes_on_as_it_ends(stride, cells):
    # Its cell 0 stands where that of stride 32 stands, over pixel 15.5: torch's picture of it is smaller, and the rim repeats.
    scores = torch.randn(1, 2, *cells, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    inner = F.interpolate(scores, scale_factor=stride, mode="bilinear", align_corners=False)
    rim = (32 - stride) // 2
    wanted = F.pad(inner, (rim, 192 - inner.shape[3] - rim, rim, 128 - inner.shape[2] - rim), mode="replicate")
    torch.testing.assert_close(enlarge(scores, Grid(stride, 15.5), (128, 192)), wanted, rtol=0, atol=1e-12)


def test_over_a_cell_stands_its_own_score():
    scores = torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(enlarge(scores, Grid(4, 3), (20, 24))[:, :, 3:16:4, 3:20:4], scores, rtol=0, atol=1e-12)

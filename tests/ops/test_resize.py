"""Resizing against torch's own, larger and smaller, whole factors and odd ones."""

import pytest
import torch
from torch.nn import functional as F

from segcourse import ops

SIZES = [((5, 7), (10, 14)), ((5, 7), (13, 9)), ((8, 6), (4, 3)), ((9, 12), (5, 5)), ((1, 4), (3, 1)), ((6, 1), (1, 5)), ((4, 4), (4, 4))]


@pytest.mark.parametrize("size_in, size_out", SIZES)
@pytest.mark.parametrize("align_corners", [False, True])
def test_bilinear_equals_torch(size_in, size_out, align_corners):
    x = torch.randn(2, 3, *size_in, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = F.interpolate(x, size=size_out, mode="bilinear", align_corners=align_corners)
    assert torch.allclose(ops.resize(x, size_out, align_corners=align_corners), expected, atol=1e-12)


@pytest.mark.parametrize("size_in, size_out", SIZES)
def test_nearest_equals_torchs_exact_one_and_keeps_labels(size_in, size_out):
    x = torch.randint(0, 12, (2, *size_in), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    ours = ops.resize(x, size_out, mode="nearest")
    assert ours.dtype == torch.uint8
    assert torch.equal(ours, F.interpolate(x[:, None].float(), size=size_out, mode="nearest-exact")[:, 0].to(torch.uint8))


def test_points_are_where_the_centres_are():
    assert ops.sample_points(2, 4).tolist() == [-0.25, 0.25, 0.75, 1.25]
    assert ops.sample_points(4, 2).tolist() == [0.5, 2.5]
    assert ops.sample_points(2, 4, align_corners=True).tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert ops.sample_points(5, 1, align_corners=True).tolist() == [0]


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        ops.resize(torch.zeros(2, 2, dtype=torch.uint8), (4, 4))
    with pytest.raises(ValueError, match="cubic"):
        ops.resize(torch.zeros(2, 2), (4, 4), mode="cubic")
    with pytest.raises(ValueError, match="align_corners"):
        ops.resize(torch.zeros(2, 2), (4, 4), mode="nearest", align_corners=True)
    with pytest.raises(ValueError, match="0"):
        ops.resize(torch.zeros(2, 2), (0, 4))

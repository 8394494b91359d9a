"""The bands along outlines against a slow reference and scipy's erosion."""

import numpy as np
import pytest
import torch

from segcourse import ops


def slow_band(mask, reach):
    """Pixels of the mask with a pixel outside the mask or the image no further than `reach` away, counted one by one."""
    height, width = mask.shape
    band = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            near = [(y + dy, x + dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
            band[y, x] = mask[y, x] and any(not (0 <= v < height and 0 <= u < width) or not mask[v, u] for v, u in near)
    return band


@pytest.mark.parametrize("reach", [1, 2, 3, 5, 7])
def test_band_equals_a_slow_reference_and_erosion(reach):
    morphology = pytest.importorskip("scipy.ndimage")
    masks = np.random.default_rng(reach).random((3, 17, 23)) < 0.93
    bands = ops.boundary_band(torch.from_numpy(masks), reach).numpy()
    for mask, band in zip(masks, bands, strict=True):
        assert np.array_equal(band, slow_band(mask, reach))
        eroded = morphology.binary_erosion(mask, np.ones((2 * reach + 1, 2 * reach + 1)), border_value=0)
        assert np.array_equal(band, mask & ~eroded)


def test_reach_is_two_per_cent_of_the_diagonal():
    assert ops.boundary_reach(360, 480) == 12 and ops.boundary_reach(96, 128) == 3 and ops.boundary_reach(4, 4) == 1

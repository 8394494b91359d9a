"""The bands along outlines, of which boundary IoU is made: Cheng, Girshick, Dollár, Berg and Kirillov, *Boundary IoU*, CVPR 2021."""

import torch
import torch.nn.functional as F
from torch import Tensor


def _spread(marked: Tensor, reach: int, axis: int) -> Tensor:
    """OR over windows of 2 * reach + 1 along `axis`; beyond the edge counts as marked. Doubles the window, so that cost grows as its log."""
    pad = [0, 0, reach, reach] if axis == -2 else [reach, reach]
    wide, window = F.pad(marked, pad, value=True), 1
    while window < 2 * reach + 1:
        step = min(window, 2 * reach + 1 - window)
        kept = wide.shape[axis] - step
        wide = wide.narrow(axis, 0, kept) | wide.narrow(axis, step, kept)
        window += step
    return wide


def boundary_band(masks: Tensor, reach: int) -> Tensor:
    """bool (..., H, W) masks -> the pixels of each mask within `reach` pixels (chessboard distance) of its outside or of the image's edge.

    That is the mask less its erosion by a (2 * reach + 1) square, the "boundary region" of Cheng et al. (2021, section 4).
    """
    return masks & _spread(_spread(~masks, reach, -1), reach, -2)


def boundary_reach(height: int, width: int) -> int:
    """How many pixels deep the band is: 2 % of the image's diagonal, at least 1 (Cheng et al., 2021, section 5)."""
    return max(1, round(0.02 * (height**2 + width**2) ** 0.5))


def boundary_counts(truth: Tensor, prediction: Tensor, num_classes: int, void: int | None = None,
                    reach: int | None = None) -> tuple[Tensor, Tensor]:
    """(N, H, W) truth and prediction -> (C,) int64 pixels in both bands, and in either, summed over the images.

    Where the truth is void the prediction is made void too, so that a contour along a void region is the same for both, and no void pixel counts.
    """
    if void is not None:
        prediction = torch.where(truth == void, truth, prediction)
    reach = boundary_reach(*truth.shape[-2:]) if reach is None else reach
    classes = torch.arange(num_classes, device=truth.device).view(-1, 1, 1)
    both = torch.zeros(num_classes, dtype=torch.int64, device=truth.device)
    either = torch.zeros_like(both)
    for true, predicted in zip(truth, prediction, strict=True):   # one image at a time: C masks of one picture fit every memory
        ours, theirs = boundary_band(true == classes, reach), boundary_band(predicted == classes, reach)
        both += (ours & theirs).sum((1, 2))
        either += (ours | theirs).sum((1, 2))
    return both, either

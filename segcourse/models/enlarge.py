"""A coarse score map laid over its picture and enlarged to it, wherever the layers have put its cells."""

import torch
from torch import Tensor


def _along(values: Tensor, dim: int, scale: float, shift: float, size: int) -> Tensor:
    last = values.shape[dim] - 1
    places = ((torch.arange(size, dtype=values.dtype, device=values.device) - shift) / scale).clamp(0, last)
    low = places.floor().clamp(max=max(last - 1, 0)).long()
    shape = [1] * values.ndim
    shape[dim] = size
    share = (places - low).reshape(shape)
    return values.index_select(dim, low) * (1 - share) + values.index_select(dim, (low + 1).clamp(max=last)) * share


def enlarged(scores: Tensor, grid, size: tuple[int, int]) -> Tensor:
    """`scores` (..., h, w) enlarged bilinearly to the pixels of a picture of `size` (H, W): (..., H, W), of the same dtype.

    `grid` has the cells' `scale` and `shift` (`models.geometry.Grid`): cell i stands over pixel ``scale * i + shift``. Beyond the outermost cells
    the map goes on as it ends. Where cell 0 stands over the middle of the first ``scale`` pixels and the map is ``H / scale`` cells high, this is
    ``F.interpolate(..., align_corners=False)``; the dense maps of a network have fewer cells and need the shift.
    """
    scale, shift = float(grid.scale), float(grid.shift)
    return _along(_along(scores, scores.ndim - 2, scale, shift, size[0]), scores.ndim - 1, scale, shift, size[1])

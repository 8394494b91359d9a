"""Resizing by pixel centres: where each new pixel looks, and what it takes from there."""

import torch
from torch import Tensor

from segcourse.language import say


def sample_points(size_in: int, size_out: int, *, align_corners: bool = False) -> Tensor:
    """(size_out,) float64: for each new pixel the place on the old axis where it looks; old pixel centres stand at 0, 1, 2, ...

    A pixel is a square whose centre lies half a pixel inside: new centre i + 0.5 scales to (i + 0.5) * size_in / size_out, less 0.5 again.
    With `align_corners` the centres of the corner pixels are put on each other instead, i * (size_in - 1) / (size_out - 1).
    Raises ValueError for a size below 1.
    """
    if size_in < 1 or size_out < 1:
        raise ValueError(say(en=f"sizes must be at least 1, got {size_in} and {size_out}", ko=f"크기는 1 이상이어야 하는데 {size_in}, {size_out}이에요. 고쳐 주세요."))
    new = torch.arange(size_out, dtype=torch.float64)
    if align_corners:
        return new * ((size_in - 1) / (size_out - 1) if size_out > 1 else 0.0)
    return (new + 0.5) * (size_in / size_out) - 0.5


def resize(x: Tensor, size: tuple[int, int], *, mode: str = "bilinear", align_corners: bool = False) -> Tensor:
    """x (..., H, W) -> (..., h, w), by "bilinear" interpolation or "nearest".

    Bilinear equals torch.nn.functional.interpolate without antialiasing, for either `align_corners`; floating point only, since a mean of
    class numbers is no class. Nearest takes the pixel in whose square the new centre lies, as torch's "nearest-exact", and keeps the dtype.
    Beyond the outermost centres the outermost pixel is repeated. Raises ValueError for another mode, for nearest with `align_corners`,
    and for integers to be interpolated.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(say(en=f"mode must be bilinear or nearest, got {mode!r}", ko=f"mode는 bilinear나 nearest여야 하는데 {mode!r}이에요. 고쳐 주세요."))
    if mode == "nearest" and align_corners:
        raise ValueError(say(en="nearest takes whole pixels, there are no corners to align: leave align_corners out", ko="nearest는 픽셀을 통째로 가져오니 맞출 모서리가 없어요. align_corners를 빼 주세요."))
    if mode == "bilinear" and not x.is_floating_point():
        raise ValueError(say(en=f"{x.dtype} cannot be interpolated: use mode='nearest' for labels, or .float() for a picture",
                             ko=f"{x.dtype}은 보간할 수 없어요. 레이블이면 mode='nearest'를, 이미지면 .float()를 써 주세요."))
    for axis, wanted in ((-2, size[0]), (-1, size[1])):
        had = x.shape[axis]
        points = sample_points(had, wanted, align_corners=align_corners).to(x.device)
        if mode == "nearest":
            x = x.index_select(axis, (points + 0.5).floor().long().clamp(0, had - 1))
            continue
        points = points.clamp(0, had - 1)
        left = points.floor().long().clamp(max=max(had - 2, 0))
        share = (points - left).to(x.dtype).view((-1, 1) if axis == -2 else (-1,))      # of the pixel below, or to the right
        x = x.index_select(axis, left) * (1 - share) + x.index_select(axis, (left + 1).clamp(max=had - 1)) * share
    return x

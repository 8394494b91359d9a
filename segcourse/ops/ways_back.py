"""Ways back from a pooled map that need no switches, to compare unpooling with. A third, bilinear, is `ops.resize`.

Pooling takes one of several numbers, and only its switch tells which. Without it, the number can go to a corner of its block or to all of it.
"""

from torch import Tensor

from segcourse.language import say
from segcourse.ops.conv import pair
from segcourse.ops.max_unpool import _check_four_axes


def bed_of_nails(pooled: Tensor, stride, output_size: tuple[int, int] | None = None) -> Tensor:
    """Each number of pooled (N, C, h, w) in the top left corner of its block of `stride` cells, zeros elsewhere: (N, C, H, W).

    `stride` is a number or a pair (y, x). (H, W) is `output_size`, or h and w times the stride without it; along each axis a pooling of H cells
    by the stride must leave h, rounded down or up. Raises ValueError for other sizes.
    """
    (sy, sx), (height, width) = _blocks(pooled, stride, output_size)
    out = pooled.new_zeros(*pooled.shape[:2], height, width)
    out[:, :, :pooled.shape[2] * sy:sy, :pooled.shape[3] * sx:sx] = pooled
    return out


def nearest_unpool2d(pooled: Tensor, stride, output_size: tuple[int, int] | None = None) -> Tensor:
    """Each number of pooled (N, C, h, w) in the whole of its block of `stride` cells: (N, C, H, W). Arguments and errors as `bed_of_nails`.

    Cells that no block covers, where a pooling that rounds down left a rest, stay zero, as they do in unpooling.
    """
    (sy, sx), (height, width) = _blocks(pooled, stride, output_size)
    blocks = pooled.repeat_interleave(sy, 2).repeat_interleave(sx, 3)[:, :, :height, :width]
    out = pooled.new_zeros(*pooled.shape[:2], height, width)
    out[:, :, :blocks.shape[2], :blocks.shape[3]] = blocks
    return out


def _blocks(pooled: Tensor, stride, output_size) -> tuple[tuple[int, int], tuple[int, int]]:
    """The stride and the size of the map, both (y, x)."""
    _check_four_axes("pooled", pooled)
    steps = pair(stride)
    if min(steps) < 1:
        raise ValueError(say(en=f"stride must be at least 1, got {stride}: give the side of the blocks", ko=f"stride는 1 이상이어야 하는데 {stride}이에요. 블록 한 변의 크기를 넣어 주세요."))
    whole = tuple(cells * step for cells, step in zip(pooled.shape[2:], steps, strict=True))
    size = whole if output_size is None else pair(output_size)
    least, most = (tuple(full + step * sign - sign for full, step in zip(whole, steps, strict=True)) for sign in (-1, 1))
    if any(not low <= side <= high for low, side, high in zip(least, size, most, strict=True)):
        raise ValueError(say(en=f"a map of {size[0]}x{size[1]} pooled by {steps[0]}x{steps[1]} does not leave {pooled.shape[2]}x{pooled.shape[3]}: "
                                f"output_size must lie between {least[0]}x{least[1]} and {most[0]}x{most[1]}",
                             ko=f"{size[0]}x{size[1]} 맵을 {steps[0]}x{steps[1]}씩 풀링하면 {pooled.shape[2]}x{pooled.shape[3]}이 되지 않아요. "
                                f"output_size를 {least[0]}x{least[1]}에서 {most[0]}x{most[1]} 사이로 정해 주세요."))
    return steps, size

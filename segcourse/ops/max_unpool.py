"""Max pooling that writes down where each maximum stood, and unpooling that puts it back there. DeconvNet, section 3.1.1, after Zeiler, Fergus 2014.

Where it stood is the *switch*: one whole number for each pooled cell, y * W + x in the plane it was taken from, as torch numbers it.
"""

import torch
from torch import Tensor

from segcourse.language import josa, say
from segcourse.ops.conv import pair


def max_pool2d_with_switches(x: Tensor, kernel, stride=None, padding=0, ceil_mode=False) -> tuple[Tensor, Tensor]:
    """Keep the largest number of each window of x (N, C, H, W): pooled (N, C, h, w), and switches (N, C, h, w) int64, each from 0 to H * W - 1.

    `kernel`, `stride` (the kernel's size unless given) and `padding` are numbers or pairs (y, x). h = floor((H + 2 p - k) / s) + 1, or with
    `ceil_mode` rounded up, and no window begins in the padding after the map. The padding never wins, as though it were -inf. Of equal numbers the
    first in reading order wins; NaN beats every number, and of several the last wins. All as torch's max_pool2d(return_indices=True), gradients too.
    Raises ValueError for sizes that make no pooling, TypeError for complex numbers.
    """
    _check_four_axes("x", x)
    if x.is_complex():
        raise TypeError(say(en=f"max pooling needs numbers of which one is the largest, {x.dtype} has none: pool x.abs() or x.real",
                            ko=f"최대 풀링에는 크기를 비교할 수 있는 수가 필요한데 {josa(x.dtype, '은/는')} 그럴 수 없어요. x.abs()나 x.real을 풀링해 주세요."))
    (ky, kx), (py, px) = pair(kernel), pair(padding)
    sy, sx = (ky, kx) if stride is None else pair(stride)
    height, width = x.shape[2:]
    top = torch.arange(_windows(height, ky, sy, py, ceil_mode), device=x.device) * sy - py          # the first row of each window; in the padding < 0
    left = torch.arange(_windows(width, kx, sx, px, ceil_mode), device=x.device) * sx - px
    plane = x.flatten(2)

    with torch.no_grad():
        best = x.new_zeros(*x.shape[:2], len(top), len(left))
        switches = torch.full(best.shape, -1, device=x.device)                                      # nothing chosen yet
        for i in range(ky):
            for j in range(kx):
                y, z = (top + i)[:, None], (left + j)[None, :]
                inside = (y >= 0) & (y < height) & (z >= 0) & (z < width)
                place = y.clamp(0, height - 1) * width + z.clamp(0, width - 1)
                value = plane[:, :, place]
                wins = inside & ((value > best) | value.isnan() | (switches < 0))                   # > and not >=: the first of equals stays
                best, switches = torch.where(wins, value, best), torch.where(wins, place, switches)
    return plane.gather(2, switches.flatten(2)).view(best.shape), switches


def max_unpool2d(pooled: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Put each number of pooled (N, C, h, w) where its switch points, zeros everywhere else: (N, C, H, W) with (H, W) = `output_size`.

    `output_size` is the size of the map that was pooled: a side of 45 and one of 46 both leave 23, so that it must be told. Where windows
    overlap, several may point at one place: the last in reading order is written over the others (on several threads of torch, or a GPU, any of them), and each of them receives
    the place's gradient, as in torch's max_unpool2d. Straight out of a pooling they are equal, and it does not matter.
    Raises ValueError for switches of another shape, or that point outside output_size: they belong to another map. TypeError where they are no int64.
    """
    _check_four_axes("pooled", pooled)
    if not isinstance(switches, Tensor) or switches.dtype != torch.int64:
        kind = getattr(switches, "dtype", type(switches).__name__)
        raise TypeError(say(en=f"switches must be a tensor of int64, got {kind}: take the second result of max_pool2d_with_switches",
                            ko=f"switches는 int64 텐서여야 하는데 {josa(kind, '이에요/예요')}. max_pool2d_with_switches의 두 번째 결과를 넣어 주세요."))
    if switches.shape != pooled.shape:
        raise ValueError(say(en=f"every pooled number needs its switch: pooled is {tuple(pooled.shape)}, switches are {tuple(switches.shape)}; "
                                "take both from maps of one size",
                             ko=f"풀링한 값마다 스위치가 하나씩 있어야 하는데 pooled는 {tuple(pooled.shape)}, switches는 {tuple(switches.shape)}이에요. "
                                "크기가 같은 맵에서 나온 것을 넣어 주세요."))
    height, width = _checked_size(output_size)
    if switches.numel() and not (0 <= switches.min() and switches.max() < height * width):
        strange = int(switches.min()) if switches.min() < 0 else int(switches.max())
        raise ValueError(say(en=f"a switch points at place {strange}, but a map of {height}x{width} has places 0 to {height * width - 1}: "
                                "give the output_size of the map that was pooled, or that map's own switches",
                             ko=f"스위치 하나가 {strange}번 자리를 가리키는데 {height}x{width} 맵에는 0번부터 {height * width - 1}번까지만 있어요. "
                                "output_size에 풀링하기 전 맵의 크기를 넣거나, 그 맵의 스위치를 넣어 주세요."))
    plane = pooled.new_zeros(*pooled.shape[:2], height * width)
    return plane.scatter(2, switches.flatten(2), pooled.flatten(2)).view(*pooled.shape[:2], height, width)


def _windows(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """How many windows lie along an axis of `size` cells."""
    if size < 1 or kernel < 1 or stride < 1:
        raise ValueError(say(en=f"the map's side, the kernel and the stride must be at least 1, got {size}, {kernel} and {stride}",
                             ko=f"맵의 변, 커널, 스트라이드는 1 이상이어야 하는데 {size}, {kernel}, {stride}이에요. 고쳐 주세요."))
    if not 0 <= padding <= kernel // 2:
        raise ValueError(say(en=f"padding must lie between 0 and half the kernel, {kernel // 2}, got {padding}: a window must not lie in the padding alone",
                             ko=f"패딩은 0 이상이고 커널의 절반인 {kernel // 2} 이하여야 하는데 {padding}이에요. 패딩에만 걸치는 창이 없도록 줄여 주세요."))
    room = size + 2 * padding - kernel
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:            # torch lets no window begin in the padding after the map
        count -= 1
    if count < 1:
        raise ValueError(say(en=f"a window of {kernel} does not fit into {size} cells with padding {padding}: use a smaller kernel, or ceil_mode=True",
                             ko=f"크기가 {kernel}인 창은 패딩 {padding}을 더한 {size}칸에 들어가지 않아요. 커널을 줄이거나 ceil_mode=True로 해 주세요."))
    return count


def _check_four_axes(name: str, x: Tensor) -> None:
    if x.dim() != 4:
        raise ValueError(say(en=f"{name} must have 4 axes (N, C, H, W), got {tuple(x.shape)}: add those that are missing with {name}[None]",
                             ko=f"{josa(name, '은/는')} 축이 4개(N, C, H, W)여야 하는데 {tuple(x.shape)}이에요. {name}[None]으로 축을 더해 주세요."))


def _checked_size(output_size) -> tuple[int, int]:
    height, width = pair(output_size)
    if min(height, width) < 1:
        raise ValueError(say(en=f"output_size must be at least 1x1, got {height}x{width}: give the height and the width of the map that was pooled",
                             ko=f"output_size는 1x1 이상이어야 하는데 {height}x{width}이에요. 풀링하기 전 맵의 높이와 너비를 넣어 주세요."))
    return height, width

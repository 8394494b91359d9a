"""Convolution as every framework means it (cross-correlation), from scratch.

Read it as: for each tap of the kernel, take the input cells which that tap meets, and add their weighted values.
"""

import operator

import torch

from segcourse.language import say
from segcourse.ops.sizes import output_size


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(y, x) of a whole number or a pair of them; ValueError for anything else (words such as "same", halves)."""
    try:
        y, x = value if isinstance(value, (tuple, list)) else (value, value)
        return operator.index(y), operator.index(x)
    except (TypeError, ValueError):
        raise ValueError(say(en=f"sizes, strides and paddings are whole numbers or pairs (y, x) of them, not {value!r}: write 2 or (2, 2)",
                             ko=f"크기, 스트라이드, 패딩에는 정수나 정수 쌍 (y, x)를 넣어야 하는데 {value!r}이에요. 2나 (2, 2)처럼 써 주세요.")) from None


def check_maps(x: torch.Tensor, weight: torch.Tensor) -> None:
    """Refuse what has not the four axes (N, C, H, W)."""
    if x.dim() != 4 or weight.dim() != 4:
        raise ValueError(say(en=f"input and weight must have 4 axes (N, C, H, W), got {tuple(x.shape)} and {tuple(weight.shape)}: "
                                "add an axis with x[None]",
                             ko=f"입력과 가중치는 축이 4개(N, C, H, W)여야 하는데 {tuple(x.shape)}, {tuple(weight.shape)}이에요. x[None]으로 축을 더해 주세요."))


def check_channels(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, groups: int, inputs: int, outputs: int) -> None:
    """Refuse groups that do not divide, input channels or a bias that do not match the weights."""
    if groups < 1 or x.shape[1] % groups or weight.shape[0] % groups:
        raise ValueError(say(en=f"groups={groups} must divide the {x.shape[1]} input channels and the first axis of the weight, "
                                f"{weight.shape[0]}: choose another",
                             ko=f"groups={groups}는 입력 채널 {x.shape[1]}개와 가중치의 첫 축 {weight.shape[0]}을 나누어야 해요. 고쳐 주세요."))
    if x.shape[1] != inputs:
        raise ValueError(say(en=f"the weight {tuple(weight.shape)} with groups={groups} expects {inputs} input channels, the input has "
                                f"{x.shape[1]}: make them agree",
                             ko=f"groups={groups}인 가중치 {tuple(weight.shape)}에는 채널이 {inputs}개여야 하는데 입력은 {x.shape[1]}개예요. 맞춰 주세요."))
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ValueError(say(en=f"the bias {tuple(bias.shape)} must have one number for each of the {outputs} output channels: "
                                f"give it the shape ({outputs},)",
                             ko=f"편향 {tuple(bias.shape)}에는 출력 채널 {outputs}개마다 수가 하나씩 있어야 해요. 모양을 ({outputs},)로 맞춰 주세요."))


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Convolve x (N, C, H, W) with weight (O, C / groups, kH, kW): (N, O, H', W'), tap by tap.

    Equal to torch's conv2d. Raises ValueError for shapes that do not fit together.
    """
    check_maps(x, weight)
    check_channels(x, weight, bias, groups=groups, inputs=weight.shape[1] * groups, outputs=weight.shape[0])
    (sy, sx), (py, px), (dy, dx) = pair(stride), pair(padding), pair(dilation)
    n, channels, height, width = x.shape
    outputs, taps_in, kh, kw = weight.shape
    oh, ow = output_size(height, kh, sy, py, dy), output_size(width, kw, sx, px, dx)

    padded = x.new_zeros(n, channels, height + 2 * py, width + 2 * px)
    padded[:, :, py:py + height, px:px + width] = x
    padded = padded.view(n, groups, taps_in, *padded.shape[2:])
    weight = weight.view(groups, outputs // groups, taps_in, kh, kw)

    out = x.new_zeros(n, groups, outputs // groups, oh, ow)
    for i in range(kh):
        for j in range(kw):
            met = padded[..., i * dy:i * dy + (oh - 1) * sy + 1:sy, j * dx:j * dx + (ow - 1) * sx + 1:sx]
            out = out + torch.einsum("ngchw,goc->ngohw", met, weight[..., i, j])
    out = out.reshape(n, outputs, oh, ow)
    return out if bias is None else out + bias.view(1, -1, 1, 1)

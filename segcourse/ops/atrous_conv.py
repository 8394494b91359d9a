"""Atrous (dilated) convolution: the taps of the kernel lie `rate` cells apart, with holes ("trous") between them. DeepLab v1, section 3.1.

Equal to convolving with the kernel whose holes are filled with zeros, without the multiplications by zero.
"""

import torch

from segcourse.language import say
from segcourse.ops.conv import check_channels, check_maps, pair
from segcourse.ops.sizes import output_size


def effective_kernel(kernel: int, rate: int) -> int:
    """Cells that a kernel of `kernel` taps covers at a rate, along one axis: k + (k - 1)(r - 1). Raises ValueError for less than 1 of either."""
    for name, value in (("kernel", kernel), ("rate", rate)):
        if value < 1:
            raise ValueError(say(en=f"{name} must be at least 1, got {value}: rate 1 is the ordinary convolution",
                                 ko=f"{name} 값은 1 이상이어야 하는데 {value}이에요. 보통 합성곱이라면 rate를 1로 해 주세요."))
    return kernel + (kernel - 1) * (rate - 1)


def atrous_conv2d(x, weight, bias=None, rate=1, stride=1, padding=0, groups=1):
    """Convolve x (N, C, H, W) with weight (O, C / groups, kH, kW) whose taps lie `rate` cells apart: (N, O, H', W').

    rate, stride and padding are numbers or (y, x) pairs. H' = floor((H + 2 padding - k - (k - 1)(rate - 1)) / stride) + 1, so that with stride 1 a
    3x3 kernel keeps the size with padding = rate. Equal to torch's conv2d(dilation=rate). Raises ValueError for shapes that do not fit together.
    """
    check_maps(x, weight)
    check_channels(x, weight, bias, groups=groups, inputs=weight.shape[1] * groups, outputs=weight.shape[0])
    (ry, rx), (sy, sx), (py, px) = pair(rate), pair(stride), pair(padding)
    n, channels, height, width = x.shape
    outputs, taps_in, kh, kw = weight.shape
    oh = output_size(height, effective_kernel(kh, ry), sy, py)
    ow = output_size(width, effective_kernel(kw, rx), sx, px)

    padded = x.new_zeros(n, channels, height + 2 * py, width + 2 * px)
    padded[:, :, py:py + height, px:px + width] = x
    padded = padded.view(n, groups, taps_in, *padded.shape[2:])
    weight = weight.view(groups, outputs // groups, taps_in, kh, kw)

    out = x.new_zeros(n, groups, outputs // groups, oh, ow)
    for i in range(kh):
        for j in range(kw):
            top, left = i * ry, j * rx                                         # the rate moves the taps apart; nothing else changes
            met = padded[..., top:top + (oh - 1) * sy + 1:sy, left:left + (ow - 1) * sx + 1:sx]
            out = out + torch.einsum("ngchw,goc->ngohw", met, weight[..., i, j])
    out = out.reshape(n, outputs, oh, ow)
    return out if bias is None else out + bias.view(1, -1, 1, 1)


def zero_stuffed(weight, rate):
    """The kernel with its holes written out as zeros: (O, C, kH, kW) -> (O, C, kH + (kH - 1)(rate - 1), kW + (kW - 1)(rate - 1)).

    An ordinary convolution with it equals `atrous_conv2d` at that rate. `rate` is a number or a (y, x) pair. Raises ValueError for a weight
    without the four axes and for a rate below 1.
    """
    if weight.dim() != 4:
        raise ValueError(say(en=f"a kernel has 4 axes (O, C, kH, kW), got {tuple(weight.shape)}: for a single kernel write weight[None, None]",
                             ko=f"커널은 축이 4개(O, C, kH, kW)여야 하는데 {tuple(weight.shape)}이에요. 커널 하나라면 weight[None, None]으로 넣어 주세요."))
    ry, rx = pair(rate)
    kh, kw = weight.shape[2:]
    stuffed = weight.new_zeros(*weight.shape[:2], effective_kernel(kh, ry), effective_kernel(kw, rx))
    stuffed[:, :, ::ry, ::rx] = weight
    return stuffed

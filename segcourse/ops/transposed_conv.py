"""Transposed convolution ("deconvolution" in the FCN paper, section 3.3): stamp and add.

Each input cell multiplies the kernel and lays it on the output; the next cell's print lies `stride` cells further. Where prints overlap
they are added, never averaged.
"""

import torch

from segcourse.language import say
from segcourse.ops.conv import check_channels, check_maps, pair
from segcourse.ops.sizes import transposed_output_size


def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Stamp x (N, C, H, W) with weight (C, O / groups, kH, kW) and add the prints up: (N, O, H', W').

    H' = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + 1 + output_padding. Equal to torch's conv_transpose2d.
    Raises ValueError for shapes that do not fit together and for an output_padding that is not below the stride or the dilation.
    """
    check_maps(x, weight)
    check_channels(x, weight, bias, groups=groups, inputs=weight.shape[0], outputs=weight.shape[1] * groups)
    (sy, sx), (py, px), (ey, ex), (dy, dx) = pair(stride), pair(padding), pair(output_padding), pair(dilation)
    _check_output_padding((ey, ex), (sy, sx), (dy, dx))
    n, channels, height, width = x.shape
    _, outputs, kh, kw = weight.shape
    oh = transposed_output_size(height, kh, sy, py, ey, dy)
    ow = transposed_output_size(width, kw, sx, px, ex, dx)

    x = x.view(n, groups, channels // groups, height, width)
    weight = weight.view(groups, channels // groups, outputs, kh, kw)
    out = x.new_zeros(n, groups, outputs, oh + 2 * py, ow + 2 * px)            # the paper, before its rim is cut off
    for i in range(kh):
        for j in range(kw):
            print_of_tap = torch.einsum("ngchw,gco->ngohw", x, weight[..., i, j])
            rows = slice(i * dy, i * dy + (height - 1) * sy + 1, sy)           # one cell on in the input, `stride` cells on here
            columns = slice(j * dx, j * dx + (width - 1) * sx + 1, sx)
            out[..., rows, columns] += print_of_tap                            # overlapping prints are summed
    out = out[..., py:py + oh, px:px + ow].reshape(n, groups * outputs, oh, ow)
    return out if bias is None else out + bias.view(1, -1, 1, 1)


def _check_output_padding(extra, stride, dilation):
    for e, s, d in zip(extra, stride, dilation, strict=True):
        if not 0 <= e < max(s, d):
            raise ValueError(say(en=f"output_padding must be at least 0 and below the stride or the dilation, got {e} with stride {s} and dilation {d}",
                                 ko=f"output_padding은 0 이상이고 스트라이드나 팽창률보다 작아야 하는데 {e}(스트라이드 {s}, 팽창률 {d})이에요. 고쳐 주세요."))


def stamp_count(size, kernel, stride, padding=0):
    """How many prints cover each output cell: (H_out, W_out) int64, for an input of `size` (H, W).

    `kernel`, `stride` and `padding` are numbers or (y, x) pairs. Uneven counts are the checkerboard of Odena, Dumoulin, Olah, Distill 2016.
    """
    ones = torch.ones(1, 1, *pair(size), dtype=torch.float64)
    stamp = torch.ones(1, 1, *pair(kernel), dtype=torch.float64)
    return conv_transpose2d(ones, stamp, stride=stride, padding=padding)[0, 0].round().long()

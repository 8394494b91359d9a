"""The same weights, a denser map: take strides out of a trained network and dilate everything that follows. DeepLab v1, section 3.1.

A layer of stride s keeps every s-th of its places. Let it keep all of them, and every later layer finds the cells it knew s apart, with new ones
between: it must reach s times as far, so its rate, and its padding with it, is multiplied by s. Max pools too: the release of DeepLab left one out.

Why it is exact at every size. Let a map of n cells become one of n' where cell i lies at r i. A tap beyond the last cell must find padding in both,
so the dense map may not reach place r n: n = ceil(n' / r). Convolutions, and pools that round down, keep that by themselves. A pool with
`ceil_mode` has a last window that overhangs; without its stride it would lose it, so the map is lengthened by what that window needs.
"""

import copy
import math
from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from segcourse.language import say
from segcourse.ops.conv import pair
from segcourse.ops.sizes import output_size

# What treats every cell alone, and so stays as it is.
_CELLWISE = (nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardtanh,
             nn.Softplus, nn.Sigmoid, nn.Tanh, nn.LogSigmoid, nn.Dropout, nn.Dropout2d, nn.BatchNorm2d, nn.LocalResponseNorm, nn.Softmax2d)
_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
_PADS = (nn.ZeroPad2d, nn.ConstantPad2d)


class DensePool2d(nn.Module):
    """A max or average pooling whose taps lie `rate` cells further apart, and which moves on by `stride` where it moved by `pool.stride`.

    x (N, C, H, W), where every rate-th cell is one that `pool` knew, -> (N, C, H', W'), where the cells that `pool` would give lie
    rate * pool.stride / stride apart. It stands where torch has no such pooling: averages, `ceil_mode`, padding wider than half a kernel.
    """

    def __init__(self, pool: nn.MaxPool2d | nn.AvgPool2d, rate: tuple[int, int], stride: tuple[int, int]):
        super().__init__()
        self.average = isinstance(pool, nn.AvgPool2d)
        self.ceil_mode = pool.ceil_mode
        self.count_include_pad, self.divisor_override = getattr(pool, "count_include_pad", True), getattr(pool, "divisor_override", None)
        self.rate, self.strided = rate, tuple(_axis(pool, axis) for axis in range(2))       # kernel, stride, padding, dilation as they were
        self.kernel_size, self.stride = pair(pool.kernel_size), stride
        self.padding, self.dilation = (tuple(r * own for r, own in zip(rate, pair(value), strict=True)) for value in (pool.padding, _dilation(pool)))

    def extra_repr(self) -> str:
        return (f"{'average' if self.average else 'max'}, kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")

    def forward(self, x: Tensor) -> Tensor:
        beyond = [self._overhang(size, axis) for axis, size in enumerate(x.shape[2:])]
        if not self.average:
            return self._over_taps(_longer(x, self.padding, beyond, float("-inf")), Tensor.maximum)
        total = self._over_taps(_longer(x, self.padding, beyond, 0.0), Tensor.add)
        if self.divisor_override:
            return total / self.divisor_override
        ones = x.new_ones(1, 1, *x.shape[2:])                       # what a window counts: cells, the padding where asked for, never the overhang
        counted = _longer(_longer(ones, self.padding, (0, 0), float(self.count_include_pad)), (0, 0), beyond, 0.0)
        return total / self._over_taps(counted, Tensor.add).clamp(min=1)

    def _overhang(self, size: int, axis: int) -> int:
        """Cells past the padding that the last window reaches along one axis."""
        kernel, stride, padding, dilation = self.strided[axis]
        if not self.ceil_mode:
            return 0
        cells = -(-size // self.rate[axis])                         # of the strided map
        windows = -(-(cells + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1
        if (windows - 1) * stride >= cells + padding:               # torch lets no window begin in the padding after the map
            windows -= 1
        end = self.rate[axis] * ((windows - 1) * stride + dilation * (kernel - 1)) + 1      # of the last window, from the first cell of padding
        return max(0, end - size - 2 * self.padding[axis])

    def _over_taps(self, padded: Tensor, join) -> Tensor:
        (kh, kw), (sy, sx), (dy, dx) = self.kernel_size, self.stride, self.dilation
        oh, ow = output_size(padded.shape[2], kh, sy, 0, dy), output_size(padded.shape[3], kw, sx, 0, dx)
        out = None
        for i in range(kh):
            for j in range(kw):
                met = padded[:, :, i * dy:i * dy + (oh - 1) * sy + 1:sy, j * dx:j * dx + (ow - 1) * sx + 1:sx]
                out = met if out is None else join(out, met)
        return out


def _longer(x: Tensor, around, after, value: float) -> Tensor:
    """x with `around` (y, x) cells on all sides and `after` more below and on the right, all of them `value`."""
    return F.pad(x, (around[1], around[1] + after[1], around[0], around[0] + after[0]), value=value)


def _dilation(layer: nn.Module):
    return getattr(layer, "dilation", 1)


def _axis(layer: nn.Module, axis: int) -> tuple[int, int, int, int]:
    """Kernel, stride, padding and dilation along one axis."""
    return tuple(pair(value)[axis] for value in (layer.kernel_size, layer.stride, layer.padding, _dilation(layer)))


def _cannot(name: str, layer: nn.Module, en: str, ko: str):
    what = f"{name} ({type(layer).__name__})" if name else type(layer).__name__
    raise ValueError(say(en=f"make_dense cannot follow {what}: {en}", ko=f"make_dense는 {what} 층을 따라갈 수 없어요. {ko}"))


def _check(name: str, layer: nn.Module) -> None:
    """Refuse a layer after which the old cells would not be found again."""
    if type(layer) in _CELLWISE:
        if getattr(layer, "track_running_stats", True) is False:
            _cannot(name, layer, "it takes its statistics from the map at hand, which a denser map changes; keep running statistics",
                    "통계를 그때그때 맵에서 구하니까 맵이 조밀해지면 값이 달라져요. 이동 통계를 쓰게 해 주세요.")
    elif type(layer) in (nn.Softmax, nn.LogSoftmax):
        if layer.dim not in (1, -3):
            _cannot(name, layer, f"it mixes the places along axis {layer.dim}; use dim=1", f"축 {layer.dim}을 따라 자리를 섞어요. dim=1로 해 주세요.")
    elif type(layer) is nn.Conv2d:
        if layer.padding_mode != "zeros":
            _cannot(name, layer, f"padding_mode={layer.padding_mode!r} repeats cells, and a denser map has others there; use zeros",
                    f"padding_mode={layer.padding_mode!r}이면 가장자리 칸을 되풀이하는데, 조밀한 맵에서는 그 칸이 달라져요. zeros로 해 주세요.")
        if layer.padding == "same" and any(own * (kernel - 1) % 2 for own, kernel in zip(layer.dilation, layer.kernel_size, strict=True)):
            _cannot(name, layer, 'padding="same" is lopsided for an even kernel; put nn.ZeroPad2d before it and padding=0',
                    '커널이 짝수이면 padding="same"은 한쪽으로 치우쳐요. 앞에 nn.ZeroPad2d를 두고 padding=0으로 해 주세요.')
    elif type(layer) is nn.MaxPool2d:
        if layer.return_indices:
            _cannot(name, layer, "it returns where its maxima were as well; use return_indices=False", "최댓값의 자리도 함께 돌려줘요. return_indices=False로 해 주세요.")
    elif type(layer) not in (nn.AvgPool2d, *_PADS):
        _cannot(name, layer, "it knows Sequentials of convolutions, max and average pools, zero padding and whatever treats each cell alone; take the part of "
                "the network that is made of these, such as model.features, or models.scorer(model)",
                "Sequential 안의 합성곱, 최대 풀링과 평균 풀링, 0 패딩, 칸마다 따로 계산하는 층만 알아요. "
                "model.features나 models.scorer(model)처럼 그런 층으로만 된 부분을 넣어 주세요.")


def _leaves(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of nested Sequentials in the order in which they are run; one that stands in two places comes twice."""
    if type(module) is not nn.Sequential:
        yield name, module
        return
    for part, child in module._modules.items():
        yield from _leaves(child, f"{name}.{part}" if name else part)


def _strides(layer: nn.Module) -> tuple[int, int]:
    return pair(layer.stride) if type(layer) in (nn.Conv2d, *_POOLS) else (1, 1)


class _Thinning:
    """How far the walk has come, along y and x: the stride that may still be kept, and how far apart the cells lie that the strided map had."""

    def __init__(self, keep: tuple[int, int]):
        self.keep, self.rate = keep, (1, 1)

    def dense(self, layer: nn.Module) -> nn.Module:
        """`layer` as the dense network has it: a layer of the same weights with other numbers, or a DensePool2d in its place."""
        if type(layer) is nn.Sequential:
            made = copy.copy(layer)
            made._modules = {name: self.dense(child) for name, child in layer._modules.items()}
            return made
        if type(layer) in _PADS:
            made = copy.copy(layer)
            left, right, top, bottom = layer.padding
            made.padding = (left * self.rate[1], right * self.rate[1], top * self.rate[0], bottom * self.rate[0])
            return made
        if type(layer) not in (nn.Conv2d, *_POOLS):
            return layer
        rate, strides = self.rate, _strides(layer)
        kept = tuple(math.gcd(stride, keep) for stride, keep in zip(strides, self.keep, strict=True))
        self.keep = tuple(keep // own for keep, own in zip(self.keep, kept, strict=True))
        self.rate = tuple(r * stride // own for r, stride, own in zip(rate, strides, kept, strict=True))
        if rate == (1, 1) and kept == strides:
            return layer
        padding = tuple(0 if layer.padding == "valid" else r * _own_padding(layer, axis) for axis, r in enumerate(rate))
        dilation = tuple(r * own for r, own in zip(rate, pair(_dilation(layer)), strict=True))
        if type(layer) in _POOLS and (layer.ceil_mode or not _torch_can(layer, rate, padding, dilation)):
            return DensePool2d(layer, rate, kept)
        made = copy.copy(layer)                                     # a layer that stands in two places gets different numbers in each
        made.stride, made.padding = kept, padding
        if hasattr(layer, "dilation"):
            made.dilation = dilation
        return made


def _own_padding(layer: nn.Module, axis: int) -> int:
    if layer.padding == "same":
        return layer.dilation[axis] * (layer.kernel_size[axis] - 1) // 2
    return pair(layer.padding)[axis]


def _torch_can(pool: nn.Module, rate, padding, dilation) -> bool:
    """Whether torch has this pooling: no average with holes, no padding wider than half of what the kernel covers."""
    if type(pool) is nn.AvgPool2d:
        return rate == (1, 1)
    return all(2 * pad <= apart * (kernel - 1) + 1 for pad, apart, kernel in zip(padding, dilation, pair(pool.kernel_size), strict=True))


def make_dense(model: nn.Module, output_stride: int) -> nn.Module:
    """A copy of `model` with the same weights whose map has `output_stride`, where the model's has a larger one.

    `model` is a layer or an nn.Sequential, Sequentials inside it too, of Conv2d, MaxPool2d, AvgPool2d, zero or constant padding and layers that
    treat each cell alone: a trunk (`model.features`), or a whole scorer (`models.scorer`). It maps (N, C, H, W) to (N, O, h, w); the copy
    gives (N, O, h', w'), and with s = the model's stride / output_stride, its cells [::s, ::s] are the model's, at every size of the input and
    however its poolings round. The receptive field of a cell is unchanged, names and shapes of the weights too. That holds in evaluation
    mode; in training, batch normalisation takes its statistics from the map at hand. The cost grows by about s squared for every layer
    behind the last stride that is kept.

    Raises ValueError for layers that cannot be followed (transposed convolutions, adaptive pools, fully connected layers, networks with a
    forward of their own ...) and for an output_stride that does not divide the model's stride.
    """
    total = [1, 1]
    for name, layer in _leaves(model):
        _check(name, layer)
        total = [so_far * stride for so_far, stride in zip(total, _strides(layer), strict=True)]
    wanted = pair(output_stride)
    if min(wanted) < 1 or total[0] % wanted[0] or total[1] % wanted[1]:
        stride = total[0] if total[0] == total[1] else tuple(total)
        divisors = ", ".join(str(number) for number in range(1, total[0] + 1) if total[0] % number == 0)
        raise ValueError(say(en=f"output_stride must divide the network's stride, {stride}, got {output_stride}: choose among {divisors}",
                             ko=f"output_stride는 네트워크의 스트라이드 {stride}의 약수여야 하는데 {output_stride}이에요. {divisors} 가운데서 골라 주세요."))
    return _Thinning(wanted).dense(copy.deepcopy(model))

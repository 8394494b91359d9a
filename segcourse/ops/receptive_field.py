"""Receptive fields, exactly, of any network: which input pixels one output can see, and how much each of them moves it.

The network is run once on shapes alone (torch's "meta" device: no memory, no arithmetic), and every operation it calls is followed along each
axis. What output i sees along one axis is an interval of input pixels, and convolutions, poolings, their transposes, resizes and crops turn one
regular pattern of intervals into another: after `period` outputs the pattern repeats, `advance` pixels further on. So branches that are out of
step and upsampling, where the answer depends on the position, come out as they are.

After Araujo, Norris, Sim, *Computing Receptive Fields of Convolutional Neural Networks*, Distill 2019, and Luo, Li, Urtasun, Zemel,
*Understanding the Effective Receptive Field in Deep Convolutional Neural Networks*, NeurIPS 2016.
"""

import contextlib
import difflib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from segcourse.language import say
from segcourse.ops.conv import pair

Interval = tuple[int, int] | None       # first and last pixel, both included; None sees nothing


class Box(NamedTuple):
    """Rows y0 to y1 - 1 and columns x0 to x1 - 1 of the input. Signed: padding reaches below 0 and beyond the picture."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        return self.x1 - self.x0


def _hull(intervals) -> Interval:
    seen = [interval for interval in intervals if interval is not None]
    return (min(low for low, _ in seen), max(high for _, high in seen)) if seen else None


@dataclass(frozen=True)
class _Axis:
    """What each place along one axis of a map sees of the input: ``table[i % period]`` moved on by ``advance * (i // period)`` pixels."""

    table: tuple[Interval, ...]
    advance: int
    regular: bool = True            # whether a stride describes it: not after a resize to a fixed size

    @property
    def period(self) -> int:
        return len(self.table)

    def __getitem__(self, place: int) -> Interval:
        turn, rest = divmod(place, self.period)
        interval = self.table[rest]
        return None if interval is None else (interval[0] + turn * self.advance, interval[1] + turn * self.advance)

    def through(self, taps, period: int, step: int, *, regular: bool = True) -> "_Axis":
        """The axis of a map whose place i sees the places `taps(i)` of this one; after `period` places the taps are `step` further on."""
        times = self.period // math.gcd(self.period, step)
        table = tuple(_hull(self[tap] for tap in taps(place)) for place in range(period * times))
        return _Axis(table, self.advance * (step * times // self.period), self.regular and regular).shortest()

    def shortest(self) -> "_Axis":
        """The same with the shortest period that says it."""
        for period in range(1, self.period):
            if self.period % period == 0 and self.advance * period % self.period == 0:
                short = _Axis(self.table[:period], self.advance * period // self.period, self.regular)
                if all(short[place] == self[place] for place in range(self.period)):
                    return short
        return self

    def whole(self, extent: int) -> "_Axis":
        """Everything that a map of `extent` places sees, seen from every place."""
        return _Axis((_hull(self[place] for place in range(extent)),), 0, False)

    def joined(self, other: "_Axis", extents: tuple[int, int]) -> "_Axis":
        """The union, place by place, with the axis of a map that is added to this one or stacked on it."""
        if self == other:
            return self
        if self.advance * other.period != other.advance * self.period:      # one of them sees everything, or they drift apart
            both = _hull((self.whole(extents[0]).table[0], other.whole(extents[1]).table[0]))
            return _Axis((both,), 0, False)
        period = math.lcm(self.period, other.period)
        table = tuple(_hull((self[place], other[place])) for place in range(period))
        return _Axis(table, self.advance * (period // self.period), self.regular and other.regular).shortest()


def _window(axis: _Axis, kernel: int, stride: int, padding: int, dilation: int = 1) -> _Axis:
    """A convolution or a pooling: place i sees i * stride - padding and every dilation-th place after it, `kernel` of them."""
    return axis.through(lambda i: [i * stride - padding + dilation * tap for tap in range(kernel)], 1, stride)


def _transposed(axis: _Axis, kernel: int, stride: int, padding: int, dilation: int = 1) -> _Axis:
    """A transposed convolution: place o sees the cells i whose stamp covers it, i * stride - padding + dilation * tap = o."""
    def taps(o):
        return [(o + padding - dilation * tap) // stride for tap in range(kernel) if (o + padding - dilation * tap) % stride == 0]

    return axis.through(taps, stride, 1)


def _resized(axis: _Axis, ratio: Fraction, taps, *, regular: bool) -> _Axis:
    """A resize where one place of the new map is `ratio` places of the old."""
    return axis.through(taps, ratio.denominator, ratio.numerator, regular=regular)


@dataclass(frozen=True)
class ReceptiveField:
    """What one output of a network sees of its input. Pairs are (y, x), in input pixels.

    size_min, size_max: the smallest and the largest field; they differ where the answer depends on the position. stride: how far the field moves
    from one output to the next, a Fraction; None after a resize to a fixed size, or where everything sees everything. start: the first pixel
    that output 0 sees, signed: padding counts, nothing is clipped. extent: outputs along each axis, at this input size.
    """

    size_min: tuple[int, int]
    size_max: tuple[int, int]
    stride: tuple[Fraction | None, Fraction | None]
    start: tuple[int, int]
    extent: tuple[int, int]
    axes: tuple[_Axis, _Axis]

    @property
    def size(self) -> tuple[int, int]:
        """The field's height and width, where all outputs have the same. Raises ValueError where they differ."""
        if self.size_min != self.size_max:
            raise ValueError(say(en=f"the size depends on the position, from {self.size_min} to {self.size_max}: use size_min, size_max or at(y, x)",
                                 ko=f"크기가 자리마다 {self.size_min}에서 {self.size_max}까지 달라요. size_min, size_max나 at(y, x)를 써 주세요."))
        return self.size_min

    def at(self, y: int, x: int) -> Box:
        """The box that output (y, x) sees. Raises IndexError outside the map, ValueError for an output that sees nothing."""
        if not (0 <= y < self.extent[0] and 0 <= x < self.extent[1]):
            raise IndexError(say(en=f"({y}, {x}) is outside the map of {self.extent[0]}x{self.extent[1]}: choose from (0, 0) to ({self.extent[0] - 1}, {self.extent[1] - 1})",
                                 ko=f"({y}, {x})는 {self.extent[0]}x{self.extent[1]} 맵 밖이에요. (0, 0)부터 ({self.extent[0] - 1}, {self.extent[1] - 1})까지 골라 주세요."))
        rows, columns = self.axes[0][y], self.axes[1][x]
        if rows is None or columns is None:
            raise ValueError(say(en=f"output ({y}, {x}) sees no pixel: it lies in a gap between the stamps of a transposed convolution",
                                 ko=f"출력 ({y}, {x})에는 닿는 픽셀이 없어요. 전치 합성곱의 도장 사이 빈칸이에요. 다른 자리를 골라 주세요."))
        return Box(rows[0], columns[0], rows[1] + 1, columns[1] + 1)


# What leaves every place where it is, beside the operations torch itself calls pointwise. The statistics of a normalisation are not counted.
_IN_PLACE = {"cat", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "native_group_norm",
             "native_layer_norm", "_softmax", "_log_softmax", "clone", "detach", "alias", "_to_copy", "copy_", "copy", "native_dropout", "expand",
             "contiguous", "lift_fresh", "bernoulli", "bernoulli_", "batch_norm", "dropout", "empty_like", "zeros_like", "ones_like", "fill_", "zero_",
             "cumsum", "new_zeros", "new_ones", "new_empty", "argmax", "unbind", "split", "split_with_sizes", "chunk"}
_EVERYTHING = {"mm", "addmm", "bmm", "baddbmm", "matmul", "linear", "_scaled_dot_product_flash_attention_for_cpu", "scaled_dot_product_attention",
               "index", "gather"}
_REDUCTIONS = {"mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "prod", "any", "all", "logsumexp", "linalg_vector_norm"}
_SHAPES = {"view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze", "flatten", "unflatten"}


def _two(values, default=None) -> tuple[int, int]:
    values = list(values) if isinstance(values, (tuple, list)) else [values]
    values = values or list(pair(default))
    return tuple(values[-2:]) if len(values) > 1 else (values[0], values[0])


class _Follow(TorchDispatchMode):
    """Runs a network on shapes and keeps, for each tensor it makes, what its last two axes see of the input."""

    def __init__(self, images: Tensor):
        super().__init__()
        one = _Axis(((0, 0),), 1)
        self.known: dict[int, tuple[_Axis, _Axis]] = {id(images): (one, one)}
        self.kept: list[Tensor] = [images]                       # an id is an id only as long as its tensor lives
        self.pools: dict[int, tuple] = {}                        # switches -> the pooling that made them

    def of(self, tensor) -> tuple[_Axis, _Axis] | None:
        return self.known.get(id(tensor)) if isinstance(tensor, Tensor) else None

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        if name == "max_unpool2d":
            x, size = args[0], args[2]
            out = x.new_empty((*x.shape[:-2], *size))
        else:
            out = function(*args, **kwargs)
        sources = [tensor for tensor in _tensors((args, kwargs)) if id(tensor) in self.known]
        if sources:
            axes = self.axes(function, name, args, kwargs, sources, out)
            for tensor in _tensors(out):
                self.known[id(tensor)] = axes
                self.kept.append(tensor)
            if name == "max_pool2d_with_indices":
                self.pools[id(out[1])] = args[1:]
        return out

    def axes(self, function, name, args, kwargs, sources, out) -> tuple[_Axis, _Axis]:
        x = sources[0]
        first = self.known[id(x)]
        made = next(iter(_tensors(out)), None)

        def each(rule) -> tuple[_Axis, _Axis]:
            return tuple(rule(axis, number) for number, axis in enumerate(first))

        def argument(position, keyword, default):
            return args[position] if len(args) > position else kwargs.get(keyword, default)

        if name in ("convolution", "_convolution", "convolution_overrideable"):
            kernel, stride, padding, dilation = args[1].shape[-2:], _two(args[3]), _two(args[4]), _two(args[5])
            rule = _transposed if args[6] else _window
            return each(lambda axis, n: rule(axis, kernel[n], stride[n], padding[n], dilation[n]))
        if name in ("max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "avg_pool3d"):
            kernel = _two(args[1])
            stride, padding = _two(argument(2, "stride", []), kernel), _two(argument(3, "padding", 0))
            dilation = _two(argument(4, "dilation", 1)) if name.startswith("max") else (1, 1)
            return each(lambda axis, n: _window(axis, kernel[n], stride[n], padding[n], dilation[n]))
        if name == "max_unpool2d":                              # as nearest upsampling: a place sees the cells whose window it lay in
            pool = self.pools.get(id(args[1]))
            if pool is None:
                self.refuse("max_unpool2d without the switches of a max pooling of the same network")
            kernel = _two(pool[0])
            stride = _two(pool[1] if len(pool) > 1 else [], kernel)
            padding = _two(pool[2] if len(pool) > 2 else 0)
            return each(lambda axis, n: _transposed(axis, kernel[n], stride[n], padding[n]))
        if name in ("upsample_nearest2d", "_upsample_nearest_exact2d", "upsample_bilinear2d", "upsample_bicubic2d"):
            return self.resized(name, args, x, made, first)
        if name == "slice":
            axis, start = argument(1, "dim", 0) % x.dim() - x.dim(), argument(2, "start", None) or 0
            step = argument(4, "step", 1)
            if axis < -2:
                return first
            start = max(0, start + x.shape[axis]) if start < 0 else start
            return tuple(_window(old, 1, step, -start) if n == axis + 2 else old for n, old in enumerate(first))
        if name in ("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pad"):
            left, top = args[1][0], args[1][2] if len(args[1]) > 2 else 0
            return _window(first[0], 1, 1, top), _window(first[1], 1, 1, left)
        if name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d"):
            def cells(axis, n):
                old, new = x.shape[n - 2], made.shape[n - 2]
                ratio = Fraction(old, new)
                taps = lambda i: range(math.floor(i * ratio), math.ceil((i + 1) * ratio))       # noqa: E731
                return _resized(axis, ratio, taps, regular=ratio.denominator == 1)
            return each(cells)
        if name in ("pixel_shuffle", "pixel_unshuffle"):
            factor = args[1]
            return each(lambda axis, n: _window(axis, factor, factor, 0) if "un" in name else _transposed(axis, factor, factor, 0))
        if name in ("transpose", "permute", "t", "numpy_T"):
            return self.moved(name, args, x, first)
        if name in _REDUCTIONS:
            return self.reduced(args, kwargs, x, first)
        if name in _SHAPES or name in ("select", "unbind"):
            if name == "select" and argument(1, "dim", 0) % x.dim() < x.dim() - 2:
                return first
            return first if made.dim() >= 2 and x.dim() >= 2 and made.shape[-2:] == x.shape[-2:] else self.whole(x, first)
        if name in _EVERYTHING:
            return self.union([(tensor, self.whole(tensor, self.known[id(tensor)])) for tensor in sources])
        if name in _IN_PLACE or torch.Tag.pointwise in function.tags:
            return self.union([(tensor, self.known[id(tensor)]) for tensor in sources])
        return self.refuse(str(function))

    def refuse(self, what: str):
        raise ValueError(say(en=f"receptive_field cannot follow {what}: it knows convolution and its transpose, pooling and unpooling, resizing, cropping, padding, "
                                "reshaping, matrix products and whatever works on each pixel alone; name an earlier module with at=",
                             ko=f"receptive_field는 {what} 연산을 따라갈 수 없어요. 합성곱과 그 전치, 풀링과 언풀링, 크기 조절, 자르기, 패딩, 모양 바꾸기, 행렬 곱, "
                                "픽셀마다 따로 하는 계산만 알아요. at=으로 그보다 앞의 모듈을 골라 주세요."))

    def whole(self, tensor: Tensor, axes) -> tuple[_Axis, _Axis]:
        shape = tensor.shape if tensor.dim() >= 2 else (1, 1)
        return axes[0].whole(shape[-2]), axes[1].whole(shape[-1])

    def union(self, several) -> tuple[_Axis, _Axis]:
        (tensor, axes), *others = several
        shape = _last_two(tensor)
        for other, theirs in others:
            there = _last_two(other)
            axes = tuple(mine.joined(yours, (shape[n], there[n])) for n, (mine, yours) in enumerate(zip(axes, theirs)))
        return axes

    def moved(self, name, args, x, first):
        order = list(range(x.dim()))
        if name == "permute":
            order = [axis % x.dim() for axis in args[1]]
        else:
            a, b = (args[1], args[2]) if name == "transpose" else (-1, -2)
            order[a], order[b] = order[b], order[a]
        last = [axis - x.dim() for axis in order[-2:]]
        if last == [-2, -1]:
            return first
        return (first[1], first[0]) if last == [-1, -2] else self.whole(x, first)

    def reduced(self, args, kwargs, x, first):
        axes = args[1] if len(args) > 1 else kwargs.get("dim")
        axes = range(x.dim()) if axes is None or axes == [] else [axes] if isinstance(axes, int) else axes
        axes = {axis % x.dim() - x.dim() for axis in axes}
        keep = (args[2] if len(args) > 2 and isinstance(args[2], bool) else kwargs.get("keepdim", False))
        if axes & {-1, -2} and not keep:
            return self.whole(x, first)
        whole = self.whole(x, first)
        return tuple(whole[n] if n - 2 in axes else first[n] for n in range(2))

    def resized(self, name, args, x, made, first):
        corners = bool(args[2]) if name in ("upsample_bilinear2d", "upsample_bicubic2d") else False
        given = args[3:] if name in ("upsample_bilinear2d", "upsample_bicubic2d") else args[2:]
        scales = _two(given) if len(given) == 2 and None not in given else (None, None)

        def one(axis, n):
            old, new = x.shape[n - 2], made.shape[n - 2]
            if corners:
                ratio = Fraction(old - 1, new - 1) if new > 1 else Fraction(0)
            elif scales[n] is not None:
                ratio = 1 / Fraction(scales[n]).limit_denominator(4096)
            else:
                ratio = Fraction(old, new)
            if ratio == 0:
                return axis.whole(old)

            def taps(i):
                if name == "upsample_nearest2d":
                    return [math.floor(i * ratio)]
                if name == "_upsample_nearest_exact2d":
                    return [math.floor((i + Fraction(1, 2)) * ratio)]
                place = i * ratio if corners else (i + Fraction(1, 2)) * ratio - Fraction(1, 2)
                low, rest = math.floor(place), place - math.floor(place)
                if not rest:
                    return [low]
                return [low, low + 1] if name == "upsample_bilinear2d" else [low - 1, low, low + 1, low + 2]

            return _resized(axis, ratio, taps, regular=scales[n] is not None and not corners)

        return tuple(one(axis, n) for n, axis in enumerate(first))


def _last_two(tensor: Tensor) -> tuple[int, int]:
    shape = (1, 1, *tensor.shape)
    return shape[-2], shape[-1]


def _tensors(thing):
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            yield from _tensors(part)
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from _tensors(part)


def _channels(model: nn.Module) -> int:
    """The channels of the images that `model` takes."""
    for module in model.modules():
        channels = getattr(module, "in_channels", None)
        if isinstance(channels, int):
            return channels
    return 3


def _submodule(model: nn.Module, at: str) -> nn.Module:
    modules = dict(model.named_modules())
    if at not in modules:
        near = (difflib.get_close_matches(at, modules, n=1, cutoff=0.4) or [", ".join(list(modules)[1:8])])[0]
        raise ValueError(say(en=f"the network has no module {at!r}: try {near}", ko=f"네트워크에 {at!r}라는 모듈이 없어요. {near}로 해 보세요."))
    return modules[at]


@contextlib.contextmanager
def _evaluating(model: nn.Module):
    """The model in evaluation mode, and afterwards every module in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def receptive_field(model: nn.Module, input_size: int | tuple[int, int], at: str | None = None) -> ReceptiveField:
    """What one output of `model` sees of an input of `input_size` (H, W), in closed form.

    `at` names a module whose output is meant ("score_fr", "features.pool4"); without it, the network's own output. Nothing is computed and no
    weight is touched: the model may live on the "meta" device. Padding counts, so that fields are signed; max unpooling counts as nearest
    upsampling, and the statistics of a normalisation layer do not count. Raises ValueError for an unknown module, for a size the network
    cannot take, and for an operation that cannot be followed.
    """
    height, width = pair(input_size)
    if min(height, width) < 1:
        raise ValueError(say(en=f"input_size must be at least 1x1, got {height}x{width}: give the size of the pictures, such as (224, 224)",
                             ko=f"input_size는 1x1 이상이어야 하는데 {height}x{width}예요. (224, 224)처럼 사진 크기를 넣어 주세요."))
    target = model if at is None else _submodule(model, at)
    weights = {name: torch.empty_like(value, device="meta") for name, value in (*model.named_parameters(), *model.named_buffers())}
    floating = next((value.dtype for value in weights.values() if value.is_floating_point()), torch.float32)
    images = torch.empty(1, _channels(model), height, width, device="meta", dtype=floating)
    caught = []
    hook = target.register_forward_hook(lambda module, inputs, output: caught.append(output))
    try:
        with _evaluating(model), _Follow(images) as follow:
            functional_call(model, weights, (images,))
    except RuntimeError as error:
        raise ValueError(say(en=f"the network does not take a picture of {height}x{width} ({str(error).splitlines()[0]}): choose a larger input_size",
                             ko=f"이 네트워크는 {height}x{width} 사진을 받지 못해요({str(error).splitlines()[0]}). input_size를 키워 주세요.")) from None
    finally:
        hook.remove()
    output = next(iter(_tensors(caught[-1])), None) if caught else None
    axes = follow.of(output)
    if axes is None:
        raise ValueError(say(en=f"{at or 'the network'} gives no tensor that depends on the picture: name another module with at=",
                             ko=f"{at or '네트워크'}의 출력은 사진에 달려 있지 않아요. at=으로 다른 모듈을 골라 주세요."))
    sizes = [[high - low + 1 for low, high in filter(None, axis.table)] for axis in axes]
    return ReceptiveField(
        size_min=tuple(min(size) for size in sizes), size_max=tuple(max(size) for size in sizes),
        stride=tuple(Fraction(axis.advance, axis.period) if axis.regular else None for axis in axes),
        start=tuple((axis[0] or _hull(axis.table))[0] for axis in axes), extent=_last_two(output), axes=axes)


def effective_receptive_field(model: nn.Module, input_size: int | tuple[int, int], position: tuple[int, int] | None = None) -> Tensor:
    """How much each input pixel moves one output: (H, W), the largest 1. After Luo et al., 2016, section 2.

    The output at `position` (y, x), the middle one unless given, is summed over its channels and differentiated with respect to a picture of
    normal noise (seed 0); the gradient's size is summed over the picture's channels. The model runs as in evaluation, on its own device, and
    is left as it was. Raises ValueError where the output is no map, IndexError for a position outside it.
    """
    height, width = pair(input_size)
    weight = next(iter(model.parameters()), torch.zeros(()))
    noise = torch.randn(1, _channels(model), height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = noise.to(weight.device, weight.dtype).requires_grad_()
    with _evaluating(model), torch.enable_grad():
        output = model(images)
        if not isinstance(output, Tensor) or output.dim() != 4:
            raise ValueError(say(en="the model must give one map (N, C, H, W): pass the part of the network that does, such as model.features",
                                 ko="모델의 출력이 맵 (N, C, H, W) 하나여야 해요. model.features처럼 맵을 내는 부분을 넣어 주세요."))
        y, x = position if position is not None else (output.shape[2] // 2, output.shape[3] // 2)
        if not (0 <= y < output.shape[2] and 0 <= x < output.shape[3]):
            raise IndexError(say(en=f"({y}, {x}) is outside the map of {output.shape[2]}x{output.shape[3]}: choose a place inside",
                                 ko=f"({y}, {x})는 {output.shape[2]}x{output.shape[3]} 맵 밖이에요. 안쪽 자리를 골라 주세요."))
        gradient, = torch.autograd.grad(output[..., y, x].sum(), images)
    influence = gradient[0].abs().sum(0)
    return influence / influence.max().clamp(min=torch.finfo(influence.dtype).tiny)

"""The lab of atrous convolution: what one output reads through layers of some rate, and a strided map filled in with the same weights.

Chapter 02, claims 2.3, 2.4 and 2.5. DeepLab v1, section 3.1 and figure 1 (the hole algorithm).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import say

PHOTO = (32, 48)            # the photo whose pixels are read
NUMBERS = (12, 12)          # what the strided net looks at, as numbers
GREY = (48, 72)             # and as a photo
MOST_LAYERS, MOST_RATE = 4, 12
KERNELS = (1, 3, 5, 7)
# The weights of the net whose stride is removed: its first convolution and, where it has two, its second.
FIRST = ((0, 1, 0), (1, 0, -1), (0, -1, 0))
LAST = ((1, 1, -1), (1, 1, 1), (-1, 1, 1))


def paths(kernel: int, rates: tuple[int, ...], cell: tuple[int, int]) -> Tensor:
    """How many paths lead from each pixel of the photo to output `cell`: (H, W) float64, by torch's gradient with every weight 1.

    Each layer is padded by what its taps reach to one side, so the output keeps the photo's size.
    """
    image = torch.zeros(1, 1, *PHOTO, dtype=torch.float64, requires_grad=True)
    output, weight = image, torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
    for rate in rates:
        output = ops.conv2d(output, weight, dilation=rate, padding=rate * (kernel - 1) // 2)
    return torch.autograd.grad(output[0, 0, cell[0], cell[1]], image)[0][0, 0]


def max_pool(x: Tensor, *, stride: int = 1, rate: int = 1, padding: int = 1) -> Tensor:
    """3x3 max pooling whose window is spread by `rate`; x (N, C, H, W). The padding is -inf, and may be wider than torch's own allows."""
    return F.max_pool2d(F.pad(x, [padding] * 4, value=float("-inf")), 3, stride, dilation=rate)


KINDS = {"conv": ("conv", "pool", "conv"), "pool": ("pool", "conv", "pool")}    # the layers, by the kind of the one with the stride


def _net(x: Tensor, first: str, strides, rates, paddings) -> Tensor:
    kernels = iter((FIRST, LAST))
    x = x[None, None]
    for kind, stride, rate, padding in zip(KINDS[first], strides, rates, paddings):
        if min(x.shape[2:]) + 2 * padding < 2 * rate + 1:
            return x.new_zeros(0, 0)
        if kind == "pool":
            x = max_pool(x, stride=stride, rate=rate, padding=padding)
        else:
            x = ops.conv2d(x, torch.tensor(next(kernels), dtype=x.dtype)[None, None], stride=stride, dilation=rate, padding=padding)
    return x[0, 0]


def old_map(x: Tensor, first: str, stride: int) -> Tensor:
    """The strided net on x (H, W): three 3x3 layers, convolution and max pooling in turn, the first of them with `stride`."""
    return _net(x, first, (stride, 1, 1), (1, 1, 1), (1, 1, 1))


def dense_map(x: Tensor, first: str, stride: int, *, pool: bool = True, conv: bool = True, pad: bool = True) -> Tensor:
    """The same net without its stride. pool, conv: whether the layer of that kind is dilated by `stride`; pad: whether its padding grows with it.

    (0, 0) where nothing is left: a window that is wider than the padded map.
    """
    dilated = {"pool": pool, "conv": conv}
    rates = [1, *(stride if dilated[kind] else 1 for kind in KINDS[first][1:])]
    return _net(x, first, (1, 1, 1), rates, [rate if pad else 1 for rate in rates])


@cache
def numbers() -> np.ndarray:
    """(12, 12) uint8 digits, always the same."""
    return np.random.default_rng(14).integers(0, 10, NUMBERS).astype(np.uint8)


@cache
def colours() -> np.ndarray:
    """The cat Chelsea, (32, 48, 3) uint8."""
    return figures.photo("chelsea", size=PHOTO).permute(1, 2, 0).contiguous().numpy().astype(np.uint8)


@cache
def grey() -> np.ndarray:
    """The cat Chelsea in grey, (48, 72) uint8. The net gets it less 128, as networks get their images: then zero padding is a middle grey."""
    red, green, blue = figures.photo("chelsea", size=GREY).double()
    return (0.299 * red + 0.587 * green + 0.114 * blue).round().numpy().astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class RatesField(Field):
    """One rate a layer, first layer first, written ``1,2,4``. The page reads it as it reads a choice: a word."""

    kind: str = "choice"

    def wanted(self) -> str:
        return say(en=f"1 to {MOST_LAYERS} whole numbers from 1 to {MOST_RATE}, one a layer",
                   ko=f"층마다 하나씩, 1에서 {MOST_RATE}까지의 정수 1~{MOST_LAYERS}개")

    def check(self, value: object) -> str:
        try:
            parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
            rates = [int(part) for part in parts]
            if not (1 <= len(rates) <= MOST_LAYERS and all(1 <= rate <= MOST_RATE and float(part) == rate for rate, part in zip(rates, parts))):
                raise ValueError
        except (ValueError, TypeError, OverflowError):
            raise self._refuse(value) from None
        return ",".join(str(rate) for rate in rates)


@dataclass(frozen=True, kw_only=True)
class SizeField(Field):
    """The side of a kernel: one of a few whole numbers."""

    kind: str = "int"

    def wanted(self) -> str:
        odd = ", ".join(str(side) for side in KERNELS)
        return say(en=f"one of {odd}", ko=f"{odd} 중 하나")

    def check(self, value: object) -> int:
        side = super().check(value)
        if side not in KERNELS:
            raise self._refuse(value)
        return side


class AtrousLab(Lab):
    """Two views. taps: which pixels of a photo one output reads through one to four atrous layers, and by how many paths. fill: a net with a
    stride (convolution and max pooling in turn) whose stride is removed, and what must be dilated for its old cells to keep their values.

    Fields: view (taps, fill); kernel (1, 3, 5, 7) and rates (``2,2,2``: one from 1 to 12 for each of one to four layers), cell (row and column of
    the output, counted from 0; none is the one in the middle, a cell beyond the last stands at the rim); scene (numbers, photo), first (conv,
    pool: the layer with the stride), stride 2 to 4, filled (how many of the stride x stride places are filled in; 16 is all), pool and conv (whether
    that layer is dilated), pad (whether its padding grows with the rate), at (the cell of the filled map pointed at).
    """

    module = "atrous"
    _esm = module_source("atrous")
    _css = style_source()
    fields = (
        Field(name="view", kind="choice", default="taps", options=("taps", "fill")),
        SizeField(name="kernel", default=3, low=1, high=7),
        RatesField(name="rates", default="2"),
        Field(name="cell", kind="cell", default=None),
        Field(name="scene", kind="choice", default="numbers", options=("numbers", "photo")),
        Field(name="first", kind="choice", default="conv", options=("conv", "pool")),
        Field(name="stride", kind="int", default=2, low=2, high=4),
        Field(name="filled", kind="int", default=16, low=1, high=16),
        Field(name="pool", kind="flag", default=True),
        Field(name="conv", kind="flag", default=True),
        Field(name="pad", kind="flag", default=True),
        Field(name="at", kind="cell", default=(4, 6)),
    )

    def settings(self):
        return {"photo": list(PHOTO), "numbers": list(NUMBERS), "grey": list(GREY), "kernels": list(KERNELS), "layers": MOST_LAYERS,
                "rate": MOST_RATE, "first": [list(row) for row in FIRST], "last": [list(row) for row in LAST]}

    def data(self):
        return colours().tobytes() + numbers().tobytes() + grey().tobytes()

    def texts(self):
        return {
            "title": say(en="Lab: atrous convolution", ko="아트루스 합성곱 실험실"),
            # Where a cell stands is said by its own words, counted from 0 as in the formulas.
            "cellLabel": say(en="{grid}", ko="{grid}"),
            "view": say(en="show", ko="보기"),
            "taps": say(en="what one output reads", ko="출력 하나가 읽는 픽셀"),
            "fill": say(en="a map filled in", ko="성긴 맵 채우기"),
            "hintTaps": say(en="Point at the photo; press to keep the place, then the arrow keys move by one output. Rows and columns count from 0.",
                            ko="사진을 가리켜 보세요. 누르면 그 자리에 고정되고, 화살표 키로 출력을 한 칸씩 옮길 수 있어요. 행과 열은 0부터 세요."),
            "hintFill": say(en="Point at a cell of either map to see what it reads of the image. Rows and columns count from 0.",
                            ko="두 맵 가운데 아무 칸이나 가리키면 그 칸이 이미지에서 읽는 곳이 보여요. 행과 열은 0부터 세요."),
            # -- what one output reads
            "photo": say(en="photo", ko="사진"),
            "photoTitle": say(en="photo {h}×{w}, one output", ko="사진 {h}×{w}, 출력 하나"),
            "describe": say(en="output ({y}, {x})", ko="출력 ({y}, {x})"),
            "tapsTitle": say(en="its taps, {n}×{n} pixels", ko="탭이 놓인 {n}×{n}픽셀"),
            "pathsTitle": say(en="paths to it, {n}×{n} pixels", ko="출력까지 이어지는 경로 수, {n}×{n}픽셀"),
            "describePaths": say(en="pixel ({y}, {x}), paths: {n}", ko="픽셀 ({y}, {x}), 경로 {n}개"),
            "describeHole": say(en="pixel ({y}, {x}), a hole", ko="픽셀 ({y}, {x}), 구멍"),
            "describeOutside": say(en="outside the photo", ko="사진 밖"),
            "sideTitle": say(en="from the side, along row {y}", ko="{y}행을 옆에서 본 모습"),
            "sideNarrow": say(en="row {y} from the side, output on top", ko="{y}행을 옆에서 본 모습, 맨 위가 출력"),
            "output": say(en="output", ko="출력"),
            "image": say(en="photo", ko="사진"),
            "afterLayer": say(en="after layer {n}", ko="{n}번 층 뒤"),
            "rateN": say(en="rate {r}", ko="팽창률 {r}"),
            "tap": say(en="tap", ko="탭"),
            "fewPaths": say(en="1 path", ko="경로 1개"),
            "manyPaths": say(en="{n} paths", ko="경로 {n}개"),
            "hole": say(en="hole: never read", ko="구멍: 읽지 않음"),
            "zero": say(en="0 between the taps", ko="탭 사이의 0"),
            "outside": say(en="outside the photo", ko="사진 밖(패딩)"),
            "kernel": say(en="kernel", ko="커널"),
            "layers": say(en="layers", ko="층 수"),
            "layerRate": say(en="rate, layer {n}", ko="{n}번 층 팽창률"),
            "presets": say(en="rates", ko="팽창률 예시"),
            "span": say(en="span", ko="폭"),
            "reached": say(en="read", ko="읽는 픽셀"),
            "weights": say(en="weights", ko="가중치"),
            "ofAll": say(en=" of ", ko=" / 전체 "),
            "lineOne": say(en="Output ({y}, {x}): {k}×{k} taps at rate {r} span {n}×{n} pixels.",
                           ko="출력 ({y}, {x})에서는 팽창률이 {r}인 {k}×{k} 커널이 {n}×{n}픽셀에 걸쳐요."),
            "lineMany": say(en="Output ({y}, {x}): {count} layers of {k}×{k} at rates {rates} span {n}×{n} pixels.",
                            ko="출력 ({y}, {x})에서는 팽창률이 {rates}인 {k}×{k} 층 {count}개가 {n}×{n}픽셀에 걸쳐요."),
            "lineAll": say(en="All {all} of them are read.", ko="{all}픽셀을 빠짐없이 읽어요."),
            "lineHoles": say(en="{m} of the {all} are read; {holes} are holes.", ko="{all}픽셀 가운데 {m}픽셀만 읽고, {holes}픽셀은 구멍이에요."),
            "lineOutside": say(en="{m} of the {all} are read; {out} lie outside the photo.",
                               ko="{all}픽셀 가운데 {m}픽셀만 읽어요. {out}픽셀은 사진 밖이에요."),
            "lineBoth": say(en="{m} of the {all} are read; {holes} are holes and {out} lie outside the photo.",
                            ko="{all}픽셀 가운데 {m}픽셀만 읽어요. {holes}픽셀은 구멍이고 {out}픽셀은 사진 밖이에요."),
            "lineGrid": say(en="That is gridding: every path moves by multiples of {g}, so no added layer of these rates fills the holes.",
                            ko="격자 현상이에요. 어느 경로든 {g}의 배수만큼만 움직이니, 같은 층을 더 쌓아도 구멍이 메워지지 않아요."),
            "lineOnePixel": say(en="A 1×1 kernel has a single tap: output ({y}, {x}) reads one pixel, whatever the rate.",
                                ko="1×1 커널은 탭이 하나예요. 팽창률이 몇이든 출력 ({y}, {x})에서는 한 픽셀만 읽어요."),
            "lineRate": say(en="The taps stand {rates} apart: that is the rate, called input stride in the paper's figure. Outputs stand 1 apart: "
                               "that figure's output stride.",
                            ko="탭은 {rates}칸 간격으로 놓여요. 이 간격이 팽창률이고, 논문 그림의 입력 스트라이드예요. 출력은 1칸 간격이고, 같은 그림의 출력 스트라이드예요."),
            "layerwise": say(en="{rates} (layer by layer)", ko="층마다 {rates}"),
            # -- a map filled in
            "inputTitle": say(en="image {h}×{w}", ko="이미지 {h}×{w}"),
            "oldShort": say(en="old map {h}×{w}", ko="원래 맵 {h}×{w}"),
            "oldTitle": say(en="old map {h}×{w}, stride {s}", ko="원래 맵 {h}×{w}, 스트라이드 {s}"),
            "denseTitle": say(en="stride removed: {h}×{w}", ko="스트라이드를 없앤 맵 {h}×{w}"),
            "nothingLeft": say(en="no cell is left", ko="남은 칸이 없어요"),
            "inputLabel": say(en="image", ko="이미지"),
            "oldLabel": say(en="old map", ko="원래 맵"),
            "denseLabel": say(en="map without the stride", ko="스트라이드를 없앤 맵"),
            "describeAt": say(en="({y}, {x})", ko="({y}, {x})"),
            "describeKept": say(en="({y}, {x}), an old cell, kept", ko="({y}, {x}), 값이 그대로인 원래 칸"),
            "describeChanged": say(en="({y}, {x}), an old cell, it was {old}", ko="({y}, {x}), 값이 바뀐 원래 칸, 원래 값 {old}"),
            "describeNew": say(en="({y}, {x}), a new cell", ko="({y}, {x}), 새 칸"),
            "describeEmpty": say(en="({y}, {x}), not filled in yet", ko="({y}, {x}), 아직 빈칸"),
            "kept": say(en="old, kept", ko="값이 그대로인 칸"),
            "changed": say(en="old, changed", ko="값이 바뀐 칸"),
            "empty": say(en="not filled yet", ko="아직 빈칸"),
            "old": say(en="old net", ko="원래"),
            "now": say(en="now", ko="지금"),
            "convolution": say(en="conv 3×3", ko="합성곱 3×3"),
            "pooling": say(en="max pool 3×3", ko="최대 풀링 3×3"),
            "strideN": say(en="stride {s}", ko="스트라이드 {s}"),
            "rateIs": say(en="rate {r}", ko="팽창률 {r}"),
            "padIs": say(en="padding {p}", ko="패딩 {p}"),
            "was": say(en="old ({y}, {x})", ko="원래 ({y}, {x})"),
            "isNow": say(en="now ({y}, {x})", ko="지금 ({y}, {x})"),
            "newCell": say(en="new ({y}, {x})", ko="새 칸 ({y}, {x})"),
            "difference": say(en="difference {v}", ko="차이 {v}"),
            "between": say(en="between old cells", ko="원래 칸 사이에 생긴 칸"),
            "light.size": say(en="One cell for each pixel?", ko="픽셀마다 한 칸이 있나요?"),
            "light.values": say(en="Do the old cells keep their values?", ko="원래 칸의 값이 그대로인가요?"),
            "light.field": say(en="Does a cell see as far as before?", ko="한 칸이 보는 폭이 그대로인가요?"),
            "sizeWords": say(en="{h}×{w} cells", ko="{h}×{w}칸"),
            "keptWords": say(en="{n} of {all}, largest difference {v}", ko="{all}칸 중 {n}칸, 가장 큰 차이 {v}"),
            "keptFewer": say(en="{n} of {all}", ko="{all}칸 중 {n}칸"),
            "scene": say(en="image", ko="이미지"),
            "numbers": say(en="numbers", ko="숫자"),
            "first": say(en="layer with the stride", ko="스트라이드가 있는 층"),
            "conv": say(en="convolution", ko="합성곱"),
            "pool": say(en="max pooling", ko="최대 풀링"),
            "stride": say(en="stride", ko="스트라이드"),
            "filled": say(en="filled in", ko="채운 자리"),
            "share": say(en="{n} of {all}", ko="{n} / {all}"),
            "after": say(en="stride removed, now", ko="스트라이드를 없앤 다음"),
            "turn.pool": say(en="dilate the pooling", ko="풀링 팽창"),
            "turn.conv": say(en="dilate the convolution", ko="합성곱 팽창"),
            "turn.pad": say(en="scale the padding", ko="패딩도 키우기"),
            "lineKept": say(en="The stride is gone and all that follows is dilated by {s}: all {all} old cells keep their values, and {fresh} new ones "
                               "stand between them.",
                            ko="스트라이드를 없애고 뒤따르는 층을 모두 팽창률 {s:으로/로} 바꿨어요. 원래 칸 {all}개는 값이 그대로고, 그 사이에 새 칸이 {fresh}개 생겼어요."),
            "linePart": say(en="The stride is gone and all that follows is dilated by {s}: all {all} old cells keep their values. Filled in so far: {n} of "
                               "the {places} places from one old cell to the next.",
                            ko="스트라이드를 없애고 뒤따르는 층을 모두 팽창률 {s:으로/로} 바꿨어요. 원래 칸 {all}개는 값이 그대로예요. 원래 칸마다 딸린 자리 {places}개 중 "
                               "{n}개까지 채웠어요."),
            "lineNone": say(en="The stride is gone, but none of the {all} old cells keeps its value.",
                            ko="스트라이드를 없앴더니 원래 칸 {all}개 가운데 값이 그대로인 칸이 하나도 없어요."),
            "lineGone": say(en="The padding did not grow with the rate, and the widened window no longer fits: no cell is left.",
                            ko="패딩이 팽창률을 따라 커지지 않아서 넓어진 창이 맵에 들어가지 못해요. 남은 칸이 없어요."),
            "lineChanged": say(en="The stride is gone, but only {same} of the {all} old cells keep their values.",
                               ko="스트라이드를 없앴는데, 원래 칸 {all}개 중 {same}개만 값이 그대로예요."),
            "linePool": say(en="The pooling is not dilated: it reads neighbours that the old net never put together.",
                            ko="풀링을 팽창하지 않아서 원래는 함께 읽지 않던 이웃 칸을 읽어요."),
            "lineConv": say(en="The convolution is not dilated: its taps meet neighbours that did not exist before.",
                            ko="합성곱을 팽창하지 않아서 탭이 원래는 없던 이웃 칸과 만나요."),
            "linePad": say(en="The padding did not grow with the rate: the map shrank to {h}×{w} and its cells moved.",
                           ko="패딩이 팽창률을 따라 커지지 않아서 맵이 {h}×{w:으로/로} 줄고 칸이 제자리에서 밀려났어요."),
            "lineStep": say(en="One step in the map was {s} pixels and is 1 now; today that ratio of image to map is called output stride.",
                            ko="맵에서 한 칸은 이미지에서 {s}픽셀이었는데 이제 1픽셀이에요. 요즘은 이렇게 이미지를 맵으로 나눈 비율을 출력 스트라이드라고 불러요."),
            # -- things to try
            "try1": say(en="Three 3×3 layers of rate 2: which pixels does the output never read? Then make the rates 1, 2, 4.",
                        ko="팽창률이 2인 3×3 층 세 개예요. 출력이 끝내 읽지 못하는 픽셀은 어디일까요? 팽창률을 1, 2, 4로도 바꿔 보세요."),
            "try2": say(en="7×7 at rate 4 spans 25 pixels. Which rate gives a 3×3 the same span, and how many weights does that save?",
                        ko="팽창률이 4인 7×7 커널은 폭이 25픽셀이에요. 3×3 커널로 같은 폭을 만들려면 팽창률이 얼마여야 할까요? 가중치는 몇 개나 줄어들까요?"),
            "try3": say(en="Here only the stride was removed. How many old cells survive? Switch on what is missing, one by one.",
                        ko="스트라이드만 없앴어요. 값이 그대로인 원래 칸은 몇 개인가요? 꺼진 스위치를 하나씩 켜 보세요."),
            "try4": say(en="DeepLab's released net dilates the convolutions but not its last pooling. Does it keep the old cells?",
                        ko="공개된 DeepLab은 합성곱만 팽창하고 마지막 풀링은 그대로 둬요. 원래 칸의 값이 그대로 남을까요?"),
            "try5": say(en="Only the old cells stand on the photo's map. Fill in the places between them, one by one.",
                        ko="사진의 맵에 원래 칸만 놓여 있어요. 그 사이의 빈자리를 하나씩 채워 보세요."),
        }

    def static_picture(self):
        """One layer of rate 2, (5, 5), beside three of them, (13, 13): how many paths lead from each pixel to one output."""
        cell = (PHOTO[0] // 2, PHOTO[1] // 2)

        def around(rates):
            reach = sum(rates)
            return paths(3, rates, cell)[cell[0] - reach:cell[0] + reach + 1, cell[1] - reach:cell[1] + reach + 1]

        one, three = around((2,)), around((2, 2, 2))
        figure = figures.grids([
            (one, "kernel", say(en="rate 2: 9 taps span 5×5", ko="팽창률 2: 탭 9개가 5×5에 걸쳐요")),
            (three, "count", say(en="rates 2, 2, 2: paths from each pixel, 49 of 169 are read", ko="팽창률 2, 2, 2: 픽셀마다 경로 수, 169픽셀 중 49픽셀만 읽어요")),
        ], operators=("",), hatches=[one == 0, three == 0])
        figure.alt = say(
            en="Lab, atrous convolution: a 3x3 kernel at rate 2 reads 9 of the 5x5 pixels it spans. Three such layers span 13x13 pixels and read "
               "every second one in both directions, 49 of 169; the middle pixel by 49 paths. The rest are holes that no path reaches.",
            ko="아트루스 합성곱 실험실: 팽창률이 2인 3x3 커널은 5x5픽셀에 걸치지만 9픽셀만 읽어요. 이런 층 세 개는 13x13픽셀에 걸치고 가로세로로 한 칸씩 "
               "건너뛰며 169픽셀 중 49픽셀만 읽어요. 가운데 픽셀에서는 경로 49개가 이어져요. 나머지는 어떤 경로도 닿지 않는 구멍이에요.")
        return figure

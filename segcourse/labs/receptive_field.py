"""The lab of the receptive field: build a stack of layers, point at an output, and see over a photo what it sees, layer by layer.

Chapter 01. The formula is that of Araujo, Norris, Sim (Distill 2019); the effective field that of Luo et al. (2016), by counting paths.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import say

MOST = 8                                                     # layers
PHOTOS = {"32x48": (32, 48), "64x96": (64, 96), "128x192": (128, 192)}
# kernel, stride, dilation, padding; weights for one channel in and one out. All paddings keep the size, divided by the stride.
LAYERS = {
    "c3": {"kernel": 3, "stride": 1, "dilation": 1, "padding": 1, "kind": "conv", "weights": 9},
    "c5": {"kernel": 5, "stride": 1, "dilation": 1, "padding": 2, "kind": "conv", "weights": 25},
    "d2": {"kernel": 3, "stride": 1, "dilation": 2, "padding": 2, "kind": "conv", "weights": 9},
    "d4": {"kernel": 3, "stride": 1, "dilation": 4, "padding": 4, "kind": "conv", "weights": 9},
    "s2": {"kernel": 3, "stride": 2, "dilation": 1, "padding": 1, "kind": "conv", "weights": 9},
    "p2": {"kernel": 2, "stride": 2, "dilation": 1, "padding": 0, "kind": "pool", "weights": 0},
    "t2": {"kernel": 4, "stride": 2, "dilation": 1, "padding": 1, "kind": "up", "weights": 16},
}
PRESETS = {"two3": "c3,c3", "one5": "c5", "vgg": "c3,c3,p2,c3,c3,p2,c3,c3", "poolFirst": "p2,c3,c3", "poolLast": "c3,c3,p2",
           "gridding": "d2,d2,d2"}


def network(stack: str) -> nn.Sequential:
    """The layers of ``"c3,c3,p2"`` on one channel, every weight 1, float64: its derivatives count the paths from each pixel to an output.

    Pooling adds up its window, as wide as that of max pooling, and rounds up as Caffe and the paper do: one row may hang over the rim.
    """
    layers = []
    for name in stack.split(","):
        spec = LAYERS[name]
        if spec["kind"] == "pool":
            layers.append(nn.AvgPool2d(spec["kernel"], spec["stride"], ceil_mode=True, divisor_override=1))
            continue
        make = nn.ConvTranspose2d if spec["kind"] == "up" else nn.Conv2d
        layer = make(1, 1, spec["kernel"], spec["stride"], spec["padding"], dilation=spec["dilation"], bias=False, dtype=torch.float64)
        nn.init.ones_(layer.weight)
        layers.append(layer)
    return nn.Sequential(*layers)


def paths(stack: str, size: tuple[int, int], cell: tuple[int, int]) -> Tensor:
    """How many paths lead from each pixel of a picture of `size` to output `cell`: (H, W) float64, by torch's gradient."""
    image = torch.zeros(1, 1, *size, dtype=torch.float64, requires_grad=True)
    output = network(stack)(image)
    return torch.autograd.grad(output[0, 0, cell[0], cell[1]], image)[0][0, 0]


@cache
def photo_bytes() -> bytes:
    """The cat Chelsea at each size of PHOTOS, one after the other: rows of red, green, blue."""
    return b"".join(figures.photo("chelsea", size=size).permute(1, 2, 0).contiguous().numpy().astype(np.uint8).tobytes()
                    for size in PHOTOS.values())


@dataclass(frozen=True, kw_only=True)
class StackField(Field):
    """Layers in the order they are applied, written ``c3,c3,p2``. The page reads it as it reads a choice: a word."""

    kind: str = "choice"

    def wanted(self) -> str:
        names = ", ".join(LAYERS)
        return say(en=f"1 to {MOST} layers out of {names}", ko=f"{names} 중에서 고른 층 1~{MOST}개")

    def check(self, value: object) -> str:
        names = [part.strip() for part in (value.split(",") if isinstance(value, str) else value)] if value else []
        if not (1 <= len(names) <= MOST and all(name in LAYERS for name in names)):
            raise self._refuse(value)
        return ",".join(names)


class ReceptiveFieldLab(Lab):
    """A stack of one to eight layers over a photo: what one output sees, as nested boxes or as the number of paths from each pixel.

    Fields: stack (layers in the order they are applied: c3 and c5 are convolutions of 3x3 and 5x5, d2 and d4 those of 3x3 with dilation 2
    and 4, s2 that with stride 2, p2 max pooling 2x2, t2 transposed convolution 4x4 of stride 2), cell (row and column of the output pointed
    at, counted from 0; none is the one in the middle, and a cell beyond the last stands at the rim), view (boxes, paths), photo (its size).
    """

    module = "receptive_field"
    _esm = module_source("receptive_field")
    _css = style_source()
    fields = (
        StackField(name="stack", default="c3,c3,p2,c3"),
        Field(name="cell", kind="cell", default=None),
        Field(name="view", kind="choice", default="boxes", options=("boxes", "paths")),
        Field(name="photo", kind="choice", default="64x96", options=tuple(PHOTOS)),
    )

    def settings(self):
        return {"layers": LAYERS, "photos": {name: list(size) for name, size in PHOTOS.items()}, "presets": PRESETS, "most": MOST}

    def data(self):
        return photo_bytes()

    def texts(self):
        return {
            "title": say(en="Lab: build a receptive field", ko="층을 쌓아 수용 영역을 키우는 실험실"),
            # Where an output stands is said by its own words, counted from 0 like the pixels it sees.
            "cellLabel": say(en="{grid}", ko="{grid}"),
            "photoTitle": say(en="photo {h}×{w}", ko="사진 {h}×{w}"),
            "outputTitle": say(en="output {h}×{w}", ko="출력 {h}×{w}"),
            "fieldTitle": say(en="what it sees: {h}×{w}", ko="보는 영역 {h}×{w}"),
            "describe": say(en="({y}, {x}), sees {h} by {w} pixels from row {top}, column {left}",
                            ko="({y}, {x}), {top}행 {left}열에서 시작하는 {h}×{w}픽셀을 봐요"),
            "output": say(en="output", ko="출력"),
            "c3": say(en="conv 3×3", ko="합성곱 3×3"),
            "c5": say(en="conv 5×5", ko="합성곱 5×5"),
            "d2": say(en="3×3 dilated 2", ko="3×3 팽창 2"),
            "d4": say(en="3×3 dilated 4", ko="3×3 팽창 4"),
            "s2": say(en="3×3 stride 2", ko="3×3 스트라이드 2"),
            "p2": say(en="max pool 2×2", ko="최대 풀링 2×2"),
            "t2": say(en="transposed 4×4", ko="전치 합성곱 4×4"),
            "short.c3": "3×3",
            "short.c5": "5×5",
            "short.d2": say(en="3×3 d 2", ko="3×3 팽창 2"),
            "short.d4": say(en="3×3 d 4", ko="3×3 팽창 4"),
            "short.s2": say(en="3×3 s 2", ko="3×3 ↓2"),
            "short.p2": say(en="pool", ko="풀링"),
            "short.t2": "4×4 ↑2",
            "theory": say(en="field", ko="수용 영역"),
            "most": say(en="95 % of paths", ko="경로의 95%"),
            "fewPaths": say(en="few paths", ko="경로 적음"),
            "manyPaths": say(en="many", ko="많음"),
            "hint": say(en="Point at the photo; press to keep the place, then the arrow keys move by one output. Rows and columns count from 0.",
                        ko="사진을 가리켜 보세요. 누르면 그 자리에 고정되고, 화살표 키로 출력을 한 칸씩 옮길 수 있어요. 행과 열은 0부터 세요."),
            "rows": say(en="rows", ko="세로"),
            "columns": say(en="columns", ko="가로"),
            "stack": say(en="the stack", ko="쌓은 층"),
            "layer": say(en="layer", ko="층"),
            "layerN": say(en="layer {n}", ko="{n}번 층"),
            "kernel": say(en="kernel", ko="커널"),
            "stride": say(en="stride", ko="스트라이드"),
            "dilation": say(en="dilation", ko="팽창률"),
            "adds": say(en="adds", ko="늘어나는 픽셀"),
            "varies": say(en="varies", ko="자리마다 다름"),
            "field": say(en="field", ko="수용 영역"),
            "jump": say(en="jump", ko="누적 스트라이드"),
            "weights": say(en="weights", ko="가중치"),
            "up": say(en="layer {n} earlier", ko="{n}번 층을 앞으로"),
            "down": say(en="layer {n} later", ko="{n}번 층을 뒤로"),
            "remove": say(en="take layer {n} away", ko="{n}번 층 빼기"),
            "add": say(en="add at the end", ko="맨 뒤에 더하기"),
            "presets": say(en="start from", ko="예시"),
            "two3": say(en="two 3×3", ko="3×3 두 번"),
            "one5": say(en="one 5×5", ko="5×5 한 번"),
            "vgg": say(en="VGG's first stages", ko="VGG 앞부분"),
            "poolFirst": say(en="pool first", ko="풀링 먼저"),
            "poolLast": say(en="pool last", ko="풀링 나중"),
            "gridding": say(en="gridding", ko="격자 현상"),
            "view": say(en="show", ko="보기 방식"),
            "boxes": say(en="boxes", ko="상자"),
            "paths": say(en="paths", ko="경로 수"),
            "photo": say(en="photo", ko="사진 크기"),
            "lineSees": say(en="Output ({y}, {x}) sees {h}×{w} pixels, from row {top} to row {bottom} and from column {left} to column {right}.",
                            ko="출력 ({y}, {x})의 수용 영역은 {h}×{w}픽셀이에요. {top}행부터 {bottom}행까지, {left}열부터 {right}열까지예요."),
            "lineAll": say(en="All {all} of them are touched.", ko="{all}픽셀을 빠짐없이 봐요."),
            "lineHoles": say(en="{n} of the {all} pixels are touched; the rest are holes between them.",
                             ko="{all}픽셀 가운데 {n}픽셀만 보고, 나머지는 그 사이에 난 구멍이에요."),
            "lineOutside": say(en="{n} of the {all} pixels are touched; the rest lie outside the photo, in the padding.",
                               ko="{all}픽셀 가운데 {n}픽셀만 보고, 나머지는 사진 밖 패딩이에요."),
            "lineBoth": say(en="{n} of the {all} pixels are touched; {m} lie outside the photo, in the padding, and {k} are holes.",
                            ko="{all}픽셀 가운데 {n}픽셀만 봐요. {m}픽셀은 사진 밖 패딩이고, {k}픽셀은 구멍이에요."),
            "lineMost": say(en="95 % of the paths start in the middle {h}×{w}.", ko="경로의 95%는 한가운데 {h}×{w}픽셀에서 시작해요."),
            "lineDoor": say(en="With a transposed convolution the size depends on the place: {here} here, {there} next door.",
                            ko="전치 합성곱이 있으면 자리마다 수용 영역의 크기가 달라요. 여기는 {here}, 바로 옆은 {there:이에요/예요}."),
            "lineWeights": say(en="Weights for each pair of channels: {sum}.", ko="입출력 채널 한 쌍에 필요한 가중치 수는 {sum:이에요/예요}."),
            "try1": say(en="Two 3×3 convolutions against one 5×5: the field is the same. How many weights does each of them take?",
                        ko="3×3 합성곱 두 번과 5×5 한 번은 수용 영역이 같아요. 가중치는 각각 몇 개일까요?"),
            "try2": say(en="The pooling comes first here. Move it to the end: by how much does the field shrink, and what else changes?",
                        ko="지금은 풀링이 맨 앞에 있어요. 맨 뒤로 옮기면 수용 영역은 얼마나 줄어들까요? 그 밖에 무엇이 달라질까요?"),
            "try3": say(en="This output stands in the corner: how much of what it sees is not photo at all? Move inward until nothing is.",
                        ko="구석에 있는 출력이에요. 수용 영역에서 사진 밖으로 나간 부분은 얼마나 될까요? 모두 사진 안에 들어올 때까지 안쪽으로 옮겨 보세요."),
            "try4": say(en="Three convolutions of dilation 2: where are the holes? Make one of them plain and count again.",
                        ko="팽창률이 2인 합성곱을 세 번 쌓았어요. 구멍은 어디에 있나요? 하나를 보통 합성곱으로 바꾸고 구멍을 다시 세어 보세요."),
        }

    def static_picture(self):
        """The default state: the photo, (32, 48), what the middle output sees of it and how many paths lead there from each pixel."""
        state = self.read_state("")
        size, stack = PHOTOS[state["photo"]], state["stack"]
        field = ops.receptive_field(network(stack), size)
        cell = tuple(extent // 2 for extent in field.extent)
        box, heat = field.at(*cell), paths(stack, size, cell)
        top, left, bottom, right = box.y0, box.x0, box.y1, box.x1
        shown = figures.photo("chelsea", size=size).permute(1, 2, 0).numpy().astype(np.uint8)
        framed = shown.repeat(8, 0).repeat(8, 1)
        a, b, c, d = (8 * edge for edge in (top, bottom, left, right))
        blue = np.zeros(framed.shape[:2], dtype=bool)
        blue[a - 10:b + 10, c - 10:d + 10], blue[a:b, c:d] = True, False
        framed[blue] = (31, 111, 180)           # the input's blue
        names = [say(en=en, ko=ko) for en, ko in (("3×3", "3×3"), ("3×3", "3×3"), ("pooling", "풀링"), ("3×3", "3×3"))]
        titles = [" → ".join(names),
                  say(en=f"one output sees {box.height}×{box.width} pixels", ko=f"출력 하나가 보는 {box.height}×{box.width}픽셀"),
                  say(en="paths from each pixel to it", ko="픽셀마다 출력까지 이어지는 경로 수")]
        figure = figures.images([framed, shown[top:bottom, left:right], heat[top:bottom, left:right]], columns=3,
                                kinds=["photo", "photo", "heat"], titles=titles)
        figure.alt = say(
            en=f"Lab, build a receptive field: two 3x3 convolutions, a 2x2 pooling and another 3x3 over a photo of {size[0]}x{size[1]} "
               f"pixels. Output ({cell[0]}, {cell[1]}) sees {box.height}x{box.width} pixels, from row {box.y0} to row {box.y1 - 1} and from "
               f"column {box.x0} to column {box.x1 - 1}. Most paths start in the middle of the box, few at its rim.",
            ko=f"층을 쌓아 수용 영역을 키우는 실험실. {size[0]}x{size[1]} 사진에 3x3 합성곱 두 번, 2x2 풀링, 3x3 합성곱을 차례로 했어요. "
               f"출력 ({cell[0]}, {cell[1]})의 수용 영역은 {box.height}x{box.width}픽셀이에요. {box.y0}행부터 {box.y1 - 1}행까지, "
               f"{box.x0}열부터 {box.x1 - 1}열까지예요. 경로는 상자 가운데에 몰려 있고 가장자리에는 적어요.")
        return figure

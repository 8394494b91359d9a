"""The lab of one switch: five poolings, each with the window a pixel lies in, where its maximum stood, and where unpooling puts what comes back.

Chapter 03, claims 3.5 and 3.6: Noh et al. (2015), section 3.1.1. The network is a trained DeconvNet; its maps are handed over once and everything else is
found in the page.
"""

import copy
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from segcourse import figures
from segcourse.datasets import normalise, palettes
from segcourse.labs import switch_net
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import josa, say

MOST = 5                                                     # pictures
SHOWN = 3                                                    # of the pictures that come with the package
LEVELS = 5
PIXEL = 79, 79                                               # pointed at when the lab opens: `telling` of the first street
RANKS = 5                                                    # how many channels may be asked, the strongest first


@dataclass(frozen=True)
class Trace:
    """What a network does with one picture, level by level, pool1 first.

    before: (C, H, W) float16, the maps that are pooled; switches: (C, H / 2, W / 2) uint8, 0 to 3: which of the window's four, in reading order;
    back: (C, H / 2, W / 2) float16, what comes to the unpooling across from it; labels: uint8 (H, W); code: its (C, h, w).
    """

    before: list[np.ndarray]
    switches: list[np.ndarray]
    back: list[np.ndarray]
    labels: np.ndarray
    code: tuple[int, int, int]


def trace(model: nn.Module, image: Tensor) -> Trace:
    """The trace of one picture, uint8 (3, H, W). Raises ValueError where the sides are no multiples of 32: then windows hang over the rim."""
    height, width = image.shape[-2:]
    if height % 32 or width % 32:
        raise ValueError(say(en=f"the lab follows switches through whole windows: both sides must be multiples of 32, got {height}x{width}; crop or resize",
                             ko=f"이 실험실에서는 두 변이 32의 배수여야 스위치를 끝까지 따라갈 수 있어요. {height}x{width} 이미지를 자르거나 크기를 바꿔 주세요."))
    pools = [model.features[f"pool{level}"] for level in range(1, LEVELS + 1)]
    maps, hooks = [], []
    for pool in pools:
        hooks.append(pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].detach().clone())))
    try:
        with torch.inference_mode(), switch_net.threads():
            encoded = model.eval().encode(normalise(image[None]).to(next(model.parameters())))
            steps = OrderedDict((name, x.clone()) for name, x in model.decode_steps(encoded))
    finally:
        for hook in hooks:
            hook.remove()
    quarters, back = [], []
    for level, (switches, (_, across)) in enumerate(zip(encoded.switches, encoded.sizes), 1):
        row, column = switches // across, switches % across
        quarters.append((2 * (row % 2) + column % 2)[0].to(torch.uint8).numpy())
        unpooled = steps[f"unpool{level}"]
        back.append(unpooled.flatten(2).gather(2, switches.flatten(2)).view(switches.shape)[0].half().numpy())
    labels = next(reversed(steps.values())).argmax(1)[0].to(torch.uint8).numpy()
    return Trace([x[0].half().numpy() for x in maps], quarters, back, labels, tuple(encoded.code.shape[1:]))


def channel_at(of: Trace, level: int, cell: tuple[int, int], rank: int) -> int:
    """The channel of `rank`-th largest maximum (from 1) at a pooled cell of level `level` (from 1)."""
    r, c = cell
    most = of.before[level - 1][:, 2 * r:2 * r + 2, 2 * c:2 * c + 2].max((1, 2))
    return int(np.argsort(-most.astype(np.float64), kind="stable")[min(rank, len(most)) - 1])


def lead(of: Trace, level: int, cell: tuple[int, int], rank: int) -> list[tuple[int, int]]:
    """Where the switches lead, down from a cell of the map before pooling `level`: one place a level, the last of them a pixel."""
    way = [tuple(cell)]
    for below in range(level - 1, 0, -1):
        r, c = way[-1]
        points = int(of.switches[below - 1][channel_at(of, below, (r, c), rank), r, c])
        way.append((2 * r + points // 2, 2 * c + points % 2))
    return way


def goes(of: Trace, pixel: tuple[int, int], rank: int) -> list[tuple[int, int, bool]]:
    """(channel, where the switch points, whether that is the pixel's own quarter) of the windows a pixel lies in, level by level."""
    found, (y, x) = [], pixel
    for level in range(1, LEVELS + 1):
        cell = y >> level, x >> level
        channel = channel_at(of, level, cell, rank)
        points = int(of.switches[level - 1][(channel, *cell)])
        found.append((channel, points, points == 2 * (y >> level - 1 & 1) + (x >> level - 1 & 1)))
    return found


@cache
def shipped() -> tuple[Tensor, list[Trace]]:
    """The first streets that come with the package, and what its network does with them."""
    images = switch_net.shown()[0][:SHOWN]
    return images, [trace(switch_net.network(), image) for image in images]


def telling(of: Trace) -> tuple[int, int]:
    """A pixel that all switches point at, and whose neighbour on the right they do not, chosen among those to which they lead from the places before the
    last pooling: the one with the most numbers above 0 coming back, and of equals the one of the largest maximum."""
    found = []
    for place in np.ndindex(of.before[-1].shape[1:]):
        pixel = lead(of, LEVELS, place, 1)[-1]
        steps = goes(of, pixel, 1)
        back = [float(of.back[level - 1][channel, pixel[0] >> level, pixel[1] >> level]) for level, (channel, _, _) in enumerate(steps, 1)]
        beside = pixel[0], pixel[1] + 1
        if all(wins for _, _, wins in steps) and beside[1] < of.labels.shape[1] and not all(wins for _, _, wins in goes(of, beside, 1)):
            found.append((sum(v > 0.05 for v in back), float(of.before[-1][:, place[0], place[1]].max()), pixel))
    return max(found)[2]


class FollowSwitchLab(Lab):
    """A pixel of a picture, the windows it lies in at five poolings, and for each the switch and what unpooling puts back.

    Fields: picture (from 1; beyond the last it is the last), pixel (row and column from 0), rank (1 to 5: at each level the channel of n-th largest maximum).
    model, dataset, show: a DeconvNet of your own that unpools with switches, its pictures (sides multiples of 32) and the numbers of at most 5 of them.
    """

    module = "follow_switch"
    _esm = module_source("follow_switch")
    _css = style_source()
    fields = (
        Field(name="picture", kind="choice", default="1", options=tuple(str(n) for n in range(1, MOST + 1))),
        Field(name="pixel", kind="cell", default=PIXEL),
        Field(name="rank", kind="choice", default="1", options=tuple(str(n) for n in range(1, RANKS + 1))),
    )

    def __init__(self, *, model: nn.Module | None = None, dataset=None, show=None, **state):
        if model is not None and dataset is None:
            raise ValueError(say(en="a network of your own comes with pictures: give dataset, and show where you want others than the first",
                                 ko="직접 학습한 네트워크를 쓰려면 이미지도 있어야 해요. dataset을 넣어 주세요. show로 이미지 번호를 고를 수 있어요."))
        self.palette = palettes.CAMVID if model is None else dataset.palette
        if model is None:
            self.images, self.traces = shipped()
        else:
            numbers = list(range(min(SHOWN, len(dataset)))) if show is None else list(show)
            if not 1 <= len(numbers) <= MOST:
                raise ValueError(say(en=f"the lab shows 1 to {MOST} pictures, got {len(numbers)}: name as many in show",
                                     ko=f"이미지는 1장에서 {MOST}장까지 볼 수 있는데 {len(numbers)}장이에요. show의 번호를 고쳐 주세요."))
            if getattr(model, "unpool", None) != "switches" or not hasattr(model, "decode_steps"):
                raise ValueError(say(en=f"the lab needs a network that unpools with switches, and {type(model).__name__} does not: use models.create('deconvnet', ...)",
                                     ko=f"이 실험실에는 스위치로 언풀링하는 네트워크가 필요한데 {josa(type(model).__name__, '은/는')} 아니에요. models.create('deconvnet', ...)를 써 주세요."))
            images = [dataset[n][0] for n in numbers]
            if len({tuple(image.shape) for image in images}) > 1:
                raise ValueError(say(en="the pictures of the lab must have one size: resize or crop them", ko="실험실에서 볼 이미지는 크기가 모두 같아야 해요. 크기를 맞춰 주세요."))
            self.images = torch.stack(images)
            own = copy.deepcopy(model).cpu()
            self.traces = [trace(own, image) for image in self.images]
        super().__init__(**{name: str(value) if name in ("picture", "rank") else value for name, value in state.items()})

    @classmethod
    def agree(cls, state):
        return state | {"pixel": state["pixel"] or PIXEL}

    def _parts(self) -> list[tuple[str, bytes]]:
        parts = [("images", self.images.permute(0, 2, 3, 1).contiguous().numpy().tobytes()), ("labels", np.stack([of.labels for of in self.traces]).tobytes())]
        for level in range(LEVELS):
            parts += [(f"before{level + 1}", np.stack([of.before[level] for of in self.traces]).astype("<f2").tobytes()),
                      (f"switches{level + 1}", np.stack([of.switches[level] for of in self.traces]).tobytes()),
                      (f"back{level + 1}", np.stack([of.back[level] for of in self.traces]).astype("<f2").tobytes())]
        return parts

    def settings(self):
        places, at = {}, 0
        for name, values in self._parts():
            places[name] = [at, len(values)]
            at += len(values)
        palette, first = self.palette, self.traces[0]
        return {"size": list(self.images.shape[-2:]), "pictures": len(self.images), "levels": [list(x.shape) for x in first.before], "parts": places, "most": RANKS,
                "code": list(first.code), "classes": len(palette), "colours": ["#%02x%02x%02x" % palette.colour(label) for label in (*range(len(palette)), palette.void)]}

    def data(self):
        return b"".join(values for _, values in self._parts())

    def texts(self):
        palette = self.palette
        return {
            "title": say(en="Lab: follow one switch", ko="스위치 하나 따라가기 실험실"),
            "cellLabel": say(en="{grid}: row {row}, column {column}", ko="{grid}, {row}행 {column}열"),
            "photo": say(en="picture", ko="이미지"),
            "prediction": say(en="what the network says", ko="네트워크의 예측"),
            "before": say(en="map before pool{n}", ko="풀링 {n} 앞의 맵"),
            "encoder": say(en="pool", ko="풀링"),
            "switch": say(en="switch", ko="스위치"),
            "decoder": say(en="unpool", ko="언풀링"),
            "legend1": say(en="blue: four numbers, the largest goes on", ko="파랑은 네 값, 가장 큰 값만 내려가요"),
            "legend2": say(en="green: what comes back, at the same place", ko="초록은 돌아온 값, 자리는 그대로예요"),
            "levelTitle": say(en="level {n}: {h}×{w}, channel {k}", ko="{n}단계: {h}×{w}, 채널 {k}"),
            "levelShort": say(en="{n}: {h}×{w}, channel {k}", ko="{n}: {h}×{w}, 채널 {k}"),
            "goesOn": say(en="goes on", ko="내려가요"),
            "stops": say(en="stops", ko="멈춰요"),
            "code": say(en="code: {c} numbers at {h}×{w} places", ko="코드: {h}×{w}곳에 값 {c}개씩"),
            "address": say(en="where the switches lead:", ko="스위치가 가리키는 곳:"),
            "level": say(en="{n}", ko="{n}"),
            "pixel": say(en="pixel ({r}, {c})", ko="픽셀 ({r}, {c})"),
            "descend": say(en="Go where the switches lead", ko="스위치가 가리키는 곳으로"),
            "rank": say(en="channel", ko="채널"),
            "strongest": say(en="strongest", ko="가장 센 채널"),
            "nth": say(en="no. {n}", ko="{n}번째"),
            "hint": say(en="Point at the picture or at a map on the left; press to stay, then the arrow keys. Dashed: the quarter your pixel lies in. "
                           "Each level looks at the channel of the largest maximum there.",
                        ko="이미지나 왼쪽 맵을 가리켜 보세요. 누르면 고정되고 화살표 키로 옮길 수 있어요. 점선은 가리킨 픽셀이 들어 있는 칸이에요. 단계마다 그 자리에서 최댓값이 가장 큰 채널을 봐요."),
            "quarter.0": say(en="top left", ko="왼쪽 위"),
            "quarter.1": say(en="top right", ko="오른쪽 위"),
            "quarter.2": say(en="bottom left", ko="왼쪽 아래"),
            "quarter.3": say(en="bottom right", ko="오른쪽 아래"),
            "lineAll": say(en="All five switches point at the pixel in row {r}, column {c}: on the way up each unpooling puts what comes back right there.",
                           ko="스위치 5개가 모두 {r}행 {c}열 픽셀을 가리켜요. 올라오는 길에는 언풀링마다 돌아온 값을 바로 이 자리에 놓아요."),
            "lineSome": say(en="The switches point at the pixel in row {r}, column {c} up to pool{n}.", ko="풀링 {n}까지는 스위치가 {r}행 {c}열 픽셀을 가리켜요."),
            "lineNone": say(en="No switch points at the pixel in row {r}, column {c}: it loses at once, and unpooling leaves a zero there.",
                            ko="{r}행 {c}열 픽셀은 처음부터 최댓값이 아니라서 가리키는 스위치가 없어요. 언풀링하면 이 자리는 0이에요."),
            "lineLost": say(en="At pool{m}, in channel {k}, the maximum stands {where} in the window, and that place is what is kept.",
                            ko="풀링 {m}에서 채널 {k}의 최댓값은 창의 {where}에 있어요. 그래서 그 자리만 남아요."),
            "lineLeads": say(en="From the maximum of its last window the switches lead down to the pixel in row {r}, column {c}.",
                             ko="마지막 창의 최댓값에서 스위치를 따라 내려오면 {r}행 {c}열 픽셀에 닿아요."),
            "lineHome": say(en="The switches lead back to this very pixel.", ko="스위치를 따라 내려오면 바로 이 픽셀로 돌아와요."),
            "lineSays": say(en="The network calls this pixel {name}.", ko="네트워크는 이 픽셀을 {name:이라고/라고} 해요."),
            "picture": say(en="picture", ko="이미지"),
            "try1": say(en="Five switches out of five. Compare blue and green at each level: which number is different, and what has stayed?",
                        ko="스위치 5개가 모두 이 픽셀을 가리켜요. 단계마다 파란 창과 초록 창을 견줘 보세요. 달라진 것은 무엇이고, 그대로인 것은 무엇일까요?"),
            "try2": say(en="One pixel to the right. How far does it get? Then let the switches lead you.",
                        ko="오른쪽으로 한 픽셀 옮겼어요. 어디까지 내려가나요? 이제 스위치가 가리키는 곳으로 가 보세요."),
            "try3": say(en="The same pixel, but at each level the second strongest channel. Does another channel remember another place?",
                        ko="픽셀은 같고, 단계마다 두 번째로 센 채널을 봐요. 채널이 다르면 기억하는 자리도 다를까요?"),
        } | {f"class.{label}": palette.name(label) for label in (*range(len(palette)), palette.void)}

    def static_picture(self):
        """The picture with what the network says of it, and at three levels the map before pooling and the map after unpooling."""
        of, state = self.traces[0], self.complete({})
        pixel = tuple(min(v, side - 1) for v, side in zip(state["pixel"], self.images.shape[-2:]))
        steps = goes(of, pixel, 1)
        shown, names, kinds = [self.images[0]], [say(en="picture", ko="이미지")], ["photo"]
        for level in (1, 3, 5):
            channel = steps[level - 1][0]
            before, points, back = of.before[level - 1][channel], of.switches[level - 1][channel], of.back[level - 1][channel]
            unpooled, (rows, columns) = np.zeros_like(before), np.indices(points.shape)
            unpooled[2 * rows + points // 2, 2 * columns + points % 2] = back
            shown += [before.astype(np.float32), unpooled.astype(np.float32)]
            names += [say(en=f"before pool{level}, channel {channel + 1}", ko=f"풀링 {level} 앞, 채널 {channel + 1}"), say(en=f"after unpool{level}", ko=f"언풀링 {level} 뒤")]
            kinds += ["heat", "heat"]
        order = [0, 1, 3, 5, None, 2, 4, 6]
        shown, names, kinds = ([part[k] if k is not None else last for k in order] for part, last in (
            (shown, torch.from_numpy(of.labels).long()), (names, say(en="what the network says", ko="네트워크의 예측")), (kinds, "labels")))
        title = say(en="Each maximum goes back to where it stood", ko="최댓값은 저마다 있던 자리로 돌아가요")
        figure = figures.images(shown, kinds=kinds, columns=4, titles=names, title=title, palette=self.palette)
        kept = next((level for level, step in enumerate(steps) if not step[2]), LEVELS)
        figure.alt = say(
            en=f"Lab, follow one switch: a drawn street, three maps of a trained network before its poolings 1, 3 and 5 and the sparse maps after the unpoolings across from them, and its "
               f"prediction. In the strongest channels {kept} of {LEVELS} switches point at the pixel in row {pixel[0] + 1}, column {pixel[1] + 1}.",
            ko=f"스위치 하나 따라가기 실험실. 거리 그림, 학습한 네트워크의 풀링 1, 3, 5 앞의 맵과 그 맞은편 언풀링 뒤의 듬성듬성한 맵, 그리고 예측이에요. "
               f"가장 센 채널에서 {pixel[0] + 1}행 {pixel[1] + 1}열 픽셀을 가리키는 스위치는 {LEVELS}개 가운데 {kept}개예요.")
        return figure

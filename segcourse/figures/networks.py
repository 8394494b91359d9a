"""Networks as drawings: a trunk of boxes that get lower (resolution) and wider (channels), and the way back to the picture's size."""

import math
from collections.abc import Sequence

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from segcourse.figures import fonts
from segcourse.figures.base import INK, MUTED, PAPER, ROLES, TEXT, WIDTH, Figure, drawn, heading, heading_height, mix, tell
from segcourse.language import say

_TALL = 132             # pixels: the height of a map at the picture's own size


def _height(stride: float) -> float:
    return max(20.0, _TALL * 0.8 ** math.log2(max(stride, 1)))


def _wide(channels: float) -> float:
    return 8 + 3.6 * math.log2(max(channels, 1))


def _block(figure: Figure, x: float, y: float, stride: float, channels: float, role: str) -> None:
    tall, wide = _height(stride), _wide(channels)
    figure.sheet.add_patch(FancyBboxPatch((x - wide / 2, y - tall / 2), wide, tall, boxstyle="round,pad=0,rounding_size=2.5", facecolor=mix(PAPER, ROLES[role], 0.38),
                                          edgecolor=ROLES[role], linewidth=1.2, zorder=4))


def _arrow(figure: Figure, start, end, colour: str = MUTED) -> None:
    figure.sheet.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0, color=colour, linewidth=1.2, zorder=3))


def _line(figure: Figure, *points, colour: str = MUTED) -> None:
    figure.sheet.plot(*zip(*points), color=colour, linewidth=1.2, zorder=3, solid_capstyle="butt")


@drawn
def architecture(stages: Sequence[tuple], skips: Sequence[tuple] = (), *, title: str | None = None, channels: int | None = None, join: str = "+") -> Figure:
    """A network's trunk from left to right, and beneath it the way back up, from the deepest skip to the picture's size.

    stages: (name, stride, channels) each. skips: (stage, name of its score layer) from the deepest to the shallowest: each score map is enlarged
    to the size of the next and joined to it; one skip only is FCN-32s. channels: of the score maps (classes), written at the output. join: the
    sign where two maps meet. Raises ValueError for a skip from an unknown stage or one that is not shallower than the one before.
    """
    stages = [(str(name), float(stride), int(width)) for name, stride, width in stages]
    if not stages:
        raise ValueError(say(en="architecture needs at least one stage (name, stride, channels), got none: pass some",
                             ko="architecture에 단계가 없어요. (이름, 스트라이드, 채널 수)를 넣어 주세요."))
    picture = say(en="image", ko="이미지")
    columns = ([(picture, 1.0, 3)] if stages[0][1] > 1 else []) + stages
    place = {name: k for k, (name, _, _) in enumerate(columns)}
    for name, _ in skips:
        if name not in place:
            known = ", ".join(name for name, _, _ in stages)
            raise ValueError(say(en=f"a skip starts at {name!r}, which is no stage: choose among {known}", ko=f"{name!r}라는 단계가 없어요. {known} 가운데에서 골라 주세요."))
    strides = [columns[place[name]][1] for name, _ in skips]
    if any(later >= earlier for earlier, later in zip(strides, strides[1:])):
        raise ValueError(say(en=f"skips go from the deepest to the shallowest, but their strides are {[int(s) for s in strides]}: sort them",
                             ko=f"skips는 깊은 층에서 얕은 층 순서여야 하는데 스트라이드가 {[int(s) for s in strides]}이에요. 순서를 고쳐 주세요."))
    head = heading_height(title)
    step = (WIDTH - 96) / max(1, len(columns) - 1)
    x = [48 + k * step for k in range(len(columns))]
    trunk = head + 8 + _TALL / 2
    tallest = max((_height(stride) for stride in strides), default=0)
    scores = head + _TALL + 74 + tallest / 2
    path = scores + tallest / 2 + 48
    height = (path + _TALL / 2 + 54) if skips else head + _TALL + 82
    figure = Figure.of_size(height)
    heading(figure, title)
    for k, (name, stride, width) in enumerate(columns):
        _block(figure, x[k], trunk, stride, width, "input" if k else "plain")
        if k:
            _arrow(figure, (x[k - 1] + _wide(columns[k - 1][2]) / 2 + 3, trunk), (x[k] - _wide(width) / 2 - 3, trunk))
        figure.write(x[k], head + _TALL + 22, name, bold=True, ha="center", zorder=6, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})
        figure.write(x[k], head + _TALL + 41, f"1/{stride:g} · {width}", colour=MUTED, ha="center", zorder=6, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})
    for k, ((name, score), stride) in enumerate(zip(skips, strides)):
        at, size = x[place[name]], columns[place[name]][2]
        _line(figure, (at, trunk + _height(stride) / 2 + 2), (at, head + _TALL + 10))
        _arrow(figure, (at, head + _TALL + 52), (at, scores - _height(stride) / 2 - 2), ROLES["output"])
        _block(figure, at, scores, stride, channels or 21, "output")
        words = fonts.width(score, TEXT, bold=True)
        figure.write(min(at, WIDTH - words / 2 - 2), scores + tallest / 2 + 15, score, bold=True, colour=ROLES["output"], ha="center", zorder=6,
                     bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5})
        _line(figure, (at, scores + _height(stride) / 2), (at, path - (11 if k else 0)), colour=ROLES["output"])
        after = x[place[skips[k + 1][0]]] + 12 if k + 1 < len(skips) else x[0] + _wide(channels or 21) / 2 + 4
        start = at - (12 if k else 0)
        _arrow(figure, (start, path), (after, path), ROLES["output"])
        factor = stride / (strides[k + 1] if k + 1 < len(skips) else 1)
        figure.write((start + after) / 2, path - 13, f"×{factor:g}", bold=True, colour=ROLES["output"], ha="center", zorder=6)
        if k:
            figure.sheet.plot([at], [path], marker="o", markersize=22 * fonts.PT, color=PAPER, markeredgecolor=ROLES["output"], markeredgewidth=1.4, zorder=5)
            figure.write(at, path, join, px=17, ha="center", va="center_baseline" if join == "+" else "center", colour=ROLES["output"], bold=True, zorder=6)
    if skips:
        _block(figure, x[0], path, 1, channels or 21, "output")
        out = say(en="score map", ko="점수 맵")
        figure.write(x[0], path + _TALL / 2 + 16, out + (f", {channels}" if channels else ""), bold=True, colour=ROLES["output"], ha="center" if x[0] > 44 else "left")
    figure.write(0, height - 12, say(en="height, 1/8: resolution · width, 256: channels", ko="높이와 1/8: 해상도 · 너비와 256: 채널 수"), colour=MUTED)
    trunk_said = ", ".join(f"{name} (1/{stride:g}, {width})" for name, stride, width in stages)
    told = say(en=f"A network drawn as boxes; height is resolution, width is channels. Trunk: {trunk_said}.",
               ko=f"상자로 그린 네트워크, 높이는 해상도, 너비는 채널 수. 몸통은 {trunk_said}.")
    if skips:
        parts = []
        for k, ((name, score), stride) in enumerate(zip(skips, strides)):
            factor = stride / (strides[k + 1] if k + 1 < len(skips) else 1)
            joined = say(en=", joined to it", ko=", 여기에 더해서") if k else ""
            parts.append(say(en=f"{score} from {name}{joined}, enlarged ×{factor:g}", ko=f"{name}에서 나온 {score}{joined}, ×{factor:g} 업샘플링"))
        told += say(en=" Way back: ", ko=" 돌아오는 길은 ") + "; ".join(parts) + "."
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + told)


@drawn
def mirror(inward: Sequence[tuple], code: tuple, outward: Sequence[tuple], *, across: Sequence[str] = (), title: str | None = None) -> Figure:
    """An encoder, its code and a decoder that mirrors it, from left to right; above them what leads straight across.

    inward: (side, channels) of the encoder's maps from the picture on; code: those of what stands in the middle; outward: the decoder's from the code on,
    as many. across: the names of what goes from an encoder's map to the one opposite, the outermost first. Raises ValueError where the
    two sides have not the same sizes, or more goes across than there are maps.
    """
    inward, outward = [(int(side), int(wide)) for side, wide in inward], [(int(side), int(wide)) for side, wide in outward]
    if not inward or [side for side, _ in inward] != [side for side, _ in reversed(outward)]:
        raise ValueError(say(en=f"the decoder's sides {[side for side, _ in outward]} do not mirror the encoder's {[side for side, _ in inward]}: give a map for each, in their order",
                             ko=f"디코더의 크기({[side for side, _ in outward]})와 인코더의 크기({[side for side, _ in inward]})가 거울처럼 짝을 이루지 않아요. 순서대로 하나씩 넣어 주세요."))
    if len(across) > len(inward):
        raise ValueError(say(en=f"{len(across)} names go across {len(inward)} maps: give at most one for each", ko=f"맵은 {len(inward)}개인데 across는 {len(across)}개예요. 맵마다 하나까지만 넣어 주세요."))
    columns = [*inward, (int(code[0]), int(code[1])), *outward]
    largest, middle, head = max(side for side, _ in columns), len(inward), heading_height(title)
    step = (WIDTH - 60) / (len(columns) - 1)
    x = [30 + k * step for k in range(len(columns))]
    first = head + 14
    row = first + 22 * len(across) + (10 if across else 0) + _TALL / 2
    figure = Figure.of_size(row + _TALL / 2 + 96)
    heading(figure, title)
    for k, (side, wide) in enumerate(columns):
        stride = largest / side
        _block(figure, x[k], row, stride, wide, "kernel" if k == middle else "input" if k < middle else "output")
        if k:
            _arrow(figure, (x[k - 1] + _wide(columns[k - 1][1]) / 2 + 2, row), (x[k] - _wide(wide) / 2 - 2, row))
        figure.write(x[k], row + _TALL / 2 + 16, f"{side}", bold=True, ha="center")
        figure.write(x[k], row + _TALL / 2 + 35, f"{wide}", colour=MUTED, ha="center")
    for k, name in enumerate(across):
        y, top = first + 22 * k, row - _height(largest / inward[k][0]) / 2
        there, back = x[k], x[len(columns) - 1 - k]
        _line(figure, (there, top - 2), (there, y), (back, y), colour=ROLES["kernel"])
        _arrow(figure, (back, y), (back, top - 2), ROLES["kernel"])
        figure.write((there + back) / 2, y, name, ha="center", colour=ROLES["kernel"], zorder=6, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 2})
    names = (say(en="encoder", ko="인코더"), say(en="code", ko="코드"), say(en="decoder", ko="디코더"))
    for name, place, role in zip(names, ((x[0] + x[middle - 1]) / 2, x[middle], (x[middle + 1] + x[-1]) / 2), ("input", "kernel", "output")):
        figure.write(place, row + _TALL / 2 + 62, name, bold=True, ha="center", colour=ROLES[role])
    figure.write(0, row + _TALL / 2 + 84, say(en="bold: side of the map · grey: channels", ko="굵은 글씨: 맵의 한 변 · 회색: 채널 수"), colour=MUTED)

    def told(part):
        return ", ".join(f"{side}x{side}x{wide}" for side, wide in part)

    alt = say(en=f"A network drawn as boxes that mirror one another. Encoder: {told(inward)}. Code: {told([code])}. Decoder: {told(outward)}.",
              ko=f"거울처럼 마주 보는 상자로 그린 네트워크. 인코더는 {told(inward)}, 코드는 {told([code])}, 디코더는 {told(outward)}.")
    if across:
        alt += say(en=f" Straight across: {', '.join(across)}.", ko=f" 곧바로 건너가는 것은 {', '.join(across)}.")
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + alt)

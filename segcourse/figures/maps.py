"""The map of chapters: what needs what, drawn in layers, each chapter below all that it needs."""

from collections.abc import Mapping, Sequence

from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from segcourse.figures import fonts
from segcourse.figures.base import INK, MUTED, PAPER, ROLES, SOFT, TEXT, WIDTH, Figure, drawn, heading, heading_height, mix, tell
from segcourse.language import say

_CARD, _GAP, _BETWEEN, _EDGE, _LANE = 166, 16, 34, 12, 22     # pixels: a card's width, beside it, below it, inside it, a line that passes a row
_LINE = 19


def _depths(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The row of every chapter: below the lowest of those it needs. Raises ValueError for a need that is not there, and for a circle."""
    for chapter, wanted in needs.items():
        for need in wanted:
            if need not in needs:
                raise ValueError(say(en=f"chapter {chapter} needs {need}, which is not among {', '.join(needs)}: add it, or take the need out",
                                     ko=f"{chapter}장에 필요한 {need}장이 목록({', '.join(needs)})에 없어요. 넣거나 needs에서 빼 주세요."))
    rows: dict[str, int] = {}
    while len(rows) < len(needs):
        ready = [chapter for chapter, wanted in needs.items() if chapter not in rows and all(need in rows for need in wanted)]
        if not ready:
            left = ", ".join(chapter for chapter in needs if chapter not in rows)
            raise ValueError(say(en=f"chapters {left} need one another in a circle: take out the need that is none",
                                 ko=f"{left}장이 서로를 필요로 해서 시작할 수 없어요. 필요 없는 것을 needs에서 빼 주세요."))
        rows |= {chapter: 1 + max((rows[need] for need in needs[chapter]), default=-1) for chapter in ready}
    return rows


def _nearest(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The needs without those that another need brings along: what has to be drawn."""
    def behind(chapter: str) -> set[str]:
        return {chapter}.union(*(behind(need) for need in needs[chapter])) if needs[chapter] else {chapter}

    return {chapter: [need for need in wanted if not any(need in behind(other) for other in wanted if other != need)] for chapter, wanted in needs.items()}


def _places(rows: dict[str, int], lines: dict[str, list[str]]) -> dict[tuple, float]:
    """The middle of every card, (chapter,), and of every line where it passes a row, (need, chapter, row), in pixels from the left."""
    layers: list[list[tuple]] = [[] for _ in range(max(rows.values()) + 1)]
    for chapter, row in rows.items():
        layers[row].append((chapter,))
    joined: dict[tuple, list[tuple]] = {}
    for chapter, wanted in lines.items():
        for need in wanted:
            way = [(need,), *((need, chapter, row) for row in range(rows[need] + 1, rows[chapter])), (chapter,)]
            for row, lane in enumerate(way[1:-1], rows[need] + 1):
                layers[row].append(lane)
            for upper, lower in zip(way, way[1:]):
                joined.setdefault(upper, []).append(lower)
                joined.setdefault(lower, []).append(upper)

    def wide(item: tuple) -> float:
        return _CARD if len(item) == 1 else _LANE

    place: dict[tuple, float] = {}
    for layer in layers:
        total = sum(map(wide, layer)) + _GAP * (len(layer) - 1)
        left = (WIDTH - total) / 2
        for item in layer:
            place[item] = left + wide(item) / 2
            left += wide(item) + _GAP
    for sweep in range(24):         # each goes where its neighbours pull it, as far as those beside it allow
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wish = {item: sum(place[other] for other in joined[item]) / len(joined[item]) if item in joined else place[item] for item in layer}
            layer.sort(key=lambda item: (wish[item], item))
            _spread(layer, wish, wide, place)
    return place


def _spread(layer: list[tuple], wish: dict, wide, place: dict) -> None:
    """Set a row at its wishes, in order, without overlaps and inside the figure."""
    right = 2.0
    for item in layer:
        place[item] = max(wish[item], right + wide(item) / 2)
        right = place[item] + wide(item) / 2 + _GAP
    limit = WIDTH - 2.0
    for item in reversed(layer):
        place[item] = min(place[item], limit - wide(item) / 2)
        limit = place[item] - wide(item) / 2 - _GAP


class _Card:
    """One chapter: its lines of text and how high they are."""

    def __init__(self, chapter: Mapping):
        name, rest = chapter["title"], ""
        for mark in (": ", ", "):
            if mark in name:
                name, rest = name.split(mark, 1)
                break
        self.number, self.planned = chapter["number"], chapter.get("minutes") is None
        room = _CARD - 2 * _EDGE
        self.name, self.rest = fonts.wrap(name, room - 26, 15, bold=True), fonts.wrap(rest, room, TEXT) if rest else []
        self.foot = say(en="planned", ko="준비 중")
        if not self.planned:
            reading, running = chapter["minutes"]
            self.foot = say(en=f"read {reading:g}, run {running:g} min", ko=f"읽기 {reading:g}분, 실행 {running:g}분")
        self.height = 2 * _EDGE + _LINE * (len(self.name) + len(self.rest) + 1)

    def draw(self, figure: Figure, middle: float, top: float, height: float) -> None:
        colour = MUTED if self.planned else ROLES["input"]
        left = middle - _CARD / 2
        figure.sheet.add_patch(FancyBboxPatch((left, top), _CARD, height, boxstyle="round,pad=0,rounding_size=6", linewidth=1.2, zorder=4, edgecolor=colour,
                                              facecolor=SOFT if self.planned else mix(PAPER, colour, 0.1), linestyle=(0, (4, 3)) if self.planned else "-"))
        y = top + _EDGE + _LINE / 2
        figure.write(left + _EDGE, y, self.number, px=15, bold=True, colour=colour, zorder=6)
        for line in self.name:
            figure.write(left + _EDGE + 26, y, line, px=15, bold=True, colour=MUTED if self.planned else INK, zorder=6)
            y += _LINE
        for line in self.rest:
            figure.write(left + _EDGE, y, line, colour=MUTED if self.planned else INK, zorder=6)
            y += _LINE
        figure.write(left + _EDGE, top + height - _EDGE - _LINE / 2, self.foot, colour=colour, zorder=6)


@drawn
def chapter_map(chapters: Sequence[Mapping], *, title: str | None = None) -> Figure:
    """What needs what: a card for each chapter, below those it needs.

    chapters: mappings with number ("01"), title, needs (numbers of others) and minutes, a pair (reading, running); without minutes a chapter is
    planned, and drawn in grey with a broken outline. A need that another need brings along gets no line of its own. Raises ValueError for a
    chapter that needs one which is not there, and for chapters that need one another in a circle.
    """
    needs = {chapter["number"]: tuple(chapter.get("needs", ())) for chapter in chapters}
    if not needs:
        raise ValueError(say(en="a map needs at least one chapter, and the list is empty: give some", ko="장이 하나도 없어서 그릴 수 없어요. 장을 하나 이상 넣어 주세요."))
    rows, lines = _depths(needs), _nearest(needs)
    place = _places(rows, lines)
    cards = {chapter["number"]: _Card(chapter) for chapter in chapters}
    high = [max(card.height for number, card in cards.items() if rows[number] == row) for row in range(max(rows.values()) + 1)]
    top, tops = heading_height(title) + 2, []
    for row in high:
        tops.append(top)
        top += row + _BETWEEN
    figure = Figure.of_size(top - _BETWEEN + 4)
    heading(figure, title)
    grey = {number for number, card in cards.items() if card.planned}
    for chapter, wanted in lines.items():
        for need in wanted:
            _way(figure, need, chapter, rows, tops, high, place, broken=chapter in grey)
    for number, card in cards.items():
        card.draw(figure, place[number,], tops[rows[number]], high[rows[number]])
    return tell(figure, _told(chapters, title))


def _way(figure: Figure, need: str, chapter: str, rows, tops, high, place, *, broken: bool) -> None:
    """The line from a chapter down to one that needs it, in an arc from row to row and straight past the cards of the rows between."""
    x, y = place[need,], tops[rows[need]] + high[rows[need]]
    points, codes = [(x, y)], [Path.MOVETO]
    for row in range(rows[need] + 1, rows[chapter] + 1):
        to = place[(chapter,) if row == rows[chapter] else (need, chapter, row)]
        middle = (y + tops[row]) / 2
        points += [(x, middle), (to, middle), (to, tops[row])]
        codes += [Path.CURVE4] * 3
        x, y = to, tops[row]
        if row < rows[chapter]:
            y += high[row]
            points.append((x, y))
            codes.append(Path.LINETO)
    figure.sheet.add_patch(PathPatch(Path(points, codes), facecolor="none", edgecolor=MUTED, linewidth=1.4, linestyle=(0, (4, 3)) if broken else "-", zorder=3))
    figure.sheet.plot([x - 4.5, x, x + 4.5], [y - 7, y - 0.5, y - 7], color=MUTED, linewidth=1.4, zorder=3, solid_capstyle="round")


def _told(chapters: Sequence[Mapping], title: str | None) -> str:
    parts = []
    for chapter in chapters:
        needs = ", ".join(chapter.get("needs", ()))
        if chapter.get("minutes") is None:
            state = say(en="planned", ko="준비 중")
        else:
            reading, running = chapter["minutes"]
            state = say(en=f"{reading:g} min to read, {running:g} to run", ko=f"읽는 데 {reading:g}분, 실행하는 데 {running:g}분")
        wanted = say(en=f"needs {needs}", ko=f"먼저 볼 장은 {needs}") if needs else say(en="needs none", ko="먼저 볼 장은 없음")
        parts.append(f"{chapter['number']} {chapter['title']} ({state}; {wanted})")
    said = say(en="A map of the chapters. ", ko="장 지도. ") + "; ".join(parts) + "."
    return f"{title.rstrip('.')}. {said}" if title else said

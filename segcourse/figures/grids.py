"""Grids of numbers, the language of this course: input blue, kernel orange, output green, inserted zeros hatched, counts on one scale."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.colors import to_hex, to_rgb

from segcourse.figures import fonts
from segcourse.figures.base import (FAINT, INK, MUTED, NEGATIVE, PAPER, ROLES, SOFT, TEXT, WIDTH, Figure, array, box, drawn, heading, heading_height, mix,
                                    number, own_axes, readable_on, squeeze, tell)
from segcourse.language import say

LARGEST = 16            # cells a side that are shown with their numbers; beyond that the grid is drawn as an image
_PAD, _TITLE = 6, 20    # pixels: around the figure, of one line of a title
_CELL = 48              # pixels: the largest cell
_WORDS = {"input": ("input", "입력"), "kernel": ("kernel", "커널"), "output": ("output", "출력"), "count": ("counts", "개수"), "plain": ("numbers", "숫자")}
_SIGNS = {"*": "∗", "-": "−", "->": "→", "x": "×"}


def check_role(role: str) -> str:
    """Return `role` if grids have a colour for it, else raise ValueError."""
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise ValueError(say(en=f"a grid has one of the roles {known}, not {role!r}: choose the one whose colour it should have",
                             ko=f"격자의 역할은 {known} 가운데 하나인데 {role!r}이에요. 원하는 색의 역할을 골라 주세요."))
    return role


def check_grid(values) -> np.ndarray:
    """Numbers as a 2-D array: leading dimensions of 1 are dropped, a list is one row. Raises ValueError for what is not a grid then."""
    given = array(values)
    grid = squeeze(given, 2)
    if grid.ndim < 2 and grid.size:
        grid = np.atleast_2d(grid)
    if grid.ndim != 2 or not grid.size or grid.dtype.kind not in "biuf":
        raise ValueError(say(en=f"a grid is (H, W) numbers, and these are {given.shape} of {given.dtype}: pick one channel, as in x[0, 0]",
                             ko=f"격자는 (H, W) 모양의 숫자여야 하는데 {given.dtype} {given.shape}이에요. x[0, 0]처럼 채널 하나를 골라 주세요."))
    return grid.astype(int) if grid.dtype.kind == "b" else grid


def tint(role: str, value: float, largest: float) -> str:
    """The fill of a cell: white at 0, the role's colour the stronger the larger the number; counts on viridis."""
    if value != value:
        return PAPER
    share = min(1.0, abs(value) / largest) if largest > 0 else 0.0
    if role == "plain":
        return PAPER
    if role == "count":
        return to_hex(matplotlib.colormaps["viridis"](share))
    return mix(PAPER, NEGATIVE if value < 0 else ROLES[role], 0.08 + 0.52 * share if share else 0.0)


def _texts(grid: np.ndarray, replaced: Mapping, room: float) -> list[list[str]] | None:
    """What stands in the cells: short enough for all columns to fit into `room` pixels, if need be with fewer digits; None beyond that."""
    if max(grid.shape) > LARGEST:
        return None
    for digits in (None, 1, 0):
        texts = [[str(replaced.get((r, c), number(value, digits))) for c, value in enumerate(row)] for r, row in enumerate(grid)]
        if grid.shape[1] * _least_cell(texts) <= room:
            return texts
    return None


def _widest(texts: list[list[str]]) -> float:
    return max(fonts.width(text, TEXT) for row in texts for text in row)


def _least_cell(texts: list[list[str]]) -> int:
    """The smallest cell, in pixels, in which every number can be read."""
    return max(22, math.ceil(_widest(texts) + 8))


def _text_size(texts: list[list[str]], side: float) -> int:
    """Pixels: as large as a cell of `side` pixels allows, from 14 to 18."""
    return max(TEXT, min(18, round(0.44 * side), int((side - 6) / max(_widest(texts), 1) * TEXT)))


def _boxes(highlight, shape) -> list[tuple[int, int, int, int]]:
    """`highlight` as (row, column, rows, columns): cells (r, c), or boxes of four, or one of either."""
    if highlight is None:
        return []
    entries = [highlight] if len(highlight) in (2, 4) and all(np.isscalar(part) for part in highlight) else list(highlight)
    boxes = [tuple(int(part) for part in (*entry, 1, 1)[:4]) for entry in entries]
    for row, column, rows, columns in boxes:
        if not (0 <= row and 0 <= column and row + rows <= shape[0] and column + columns <= shape[1] and rows > 0 and columns > 0):
            raise ValueError(say(en=f"highlight {(row, column, rows, columns)} (row, column, rows, columns) lies outside a grid of {shape}: "
                                    "count from 0",
                                 ko=f"highlight {(row, column, rows, columns)}(행, 열, 행 수, 열 수)가 {shape} 격자를 벗어나요. 0부터 세어 주세요."))
    return boxes


def _mask(hatch, shape) -> np.ndarray:
    if hatch is None:
        return np.zeros(shape, bool)
    mask = squeeze(array(hatch), 2).astype(bool)
    if mask.shape != shape:
        raise ValueError(say(en=f"hatch marks the inserted zeros of a grid of {shape}, but has the shape {mask.shape}: pass one True or False per cell",
                             ko=f"hatch는 {shape} 격자에서 끼워 넣은 0을 표시하는데 모양이 {mask.shape}이에요. 칸마다 True나 False를 넣어 주세요."))
    return mask


def _paint(ax, x: float, y: float, cell: float, grid: np.ndarray, role: str, texts: list[list[str]] | None, px: int, *, highlight=None,
           hatch=None) -> None:
    """Draw `grid` with its top left corner at (x, y), cells of `cell` units of `ax`; y grows downwards. Without `texts` it is an image."""
    rows, columns = grid.shape
    finite = grid[np.isfinite(grid)] if grid.dtype.kind == "f" else grid
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    marked, hatched = _boxes(highlight, grid.shape), _mask(hatch, grid.shape)
    if texts is None:
        shown = np.array([[to_rgb(tint(role, value, largest)) for value in row] for row in grid])
        ax.imshow(shown, extent=(x, x + columns * cell, y + rows * cell, y), aspect="auto", interpolation="nearest", zorder=2)
    else:
        for r in range(rows):
            for c in range(columns):
                fill = SOFT if hatched[r, c] else tint(role, grid[r, c], largest)
                box(ax, x + c * cell, y + r * cell, cell, cell, facecolor=fill, zorder=2)
                if hatched[r, c]:
                    box(ax, x + c * cell, y + r * cell, cell, cell, facecolor="none", edgecolor=FAINT, hatch="////", zorder=2.2)
                if texts[r][c]:
                    ax.text(x + (c + 0.5) * cell, y + (r + 0.52) * cell, texts[r][c], fontsize=px * fonts.PT, ha="center", va="center_baseline",
                            color=MUTED if hatched[r, c] else readable_on(fill), zorder=4, gid="cell",
                            **({"bbox": {"facecolor": SOFT, "edgecolor": "none", "pad": 1.5}} if hatched[r, c] else {}))
        line = mix(PAPER, INK, 0.3)
        for r in range(rows + 1):
            ax.plot([x, x + columns * cell], [y + r * cell] * 2, color=line, linewidth=0.72, zorder=3, solid_capstyle="butt")
        for c in range(columns + 1):
            ax.plot([x + c * cell] * 2, [y, y + rows * cell], color=line, linewidth=0.72, zorder=3, solid_capstyle="butt")
    for r, c, tall, wide in marked:
        box(ax, x + c * cell, y + r * cell, wide * cell, tall * cell, facecolor="none", edgecolor=INK, linewidth=2.6 * fonts.PT, zorder=5, gid="highlight")


def _said(grid: np.ndarray, role: str, title: str | None, highlight=None) -> str:
    """The grid in words: every number of a small one, size and range of a larger one."""
    name = title or say(en=_WORDS[role][0], ko=_WORDS[role][1])
    size = f"{grid.shape[0]}x{grid.shape[1]}"
    if grid.size <= 100:
        numbers = "; ".join(" ".join(number(value) or "–" for value in row) for row in grid)
        text = f"{name} ({size}): {numbers}."
    else:
        text = say(en=f"{name} ({size}): numbers from {number(np.nanmin(grid))} to {number(np.nanmax(grid))}.",
                   ko=f"{name} ({size}): {number(np.nanmin(grid))}에서 {number(np.nanmax(grid))}까지.")
    marked = _boxes(highlight, grid.shape)
    if marked:
        places = "; ".join(say(en=f"row {r + 1}, column {c + 1}" + (f", {tall}x{wide} cells" if (tall, wide) != (1, 1) else ""),
                               ko=f"{r + 1}행 {c + 1}열" + (f"부터 {tall}x{wide}칸" if (tall, wide) != (1, 1) else "")) for r, c, tall, wide in marked)
        text += say(en=f" Outlined: {places}.", ko=f" 테두리 친 곳: {places}.")
    return text


def _formula_parts(formula) -> list[tuple[str, str]]:
    if formula is None:
        return []
    if isinstance(formula, str):
        return [(formula, INK)]
    return [(part, INK) if isinstance(part, str) else (part[0], INK if part[1] is None else ROLES[check_role(part[1])]) for part in formula]


@drawn
def grids(items: Sequence, *, operators: Sequence[str] | None = None, title: str | None = None, formula=None, highlights: Sequence | None = None,
          hatches: Sequence | None = None, width: int = WIDTH) -> Figure:
    """Several grids in a row with signs between them, all with cells of one size; what does not fit goes to a second row.

    items: (values, role, title) each, values (H, W) after leading dimensions of 1, title what to see (or None). operators: the signs between
    them, one fewer than grids; by default ∗ and = for input, kernel, output, an arrow otherwise. formula: a line under the grids, a text or
    pieces (text, role) in the colours of the roles. highlights: for each grid None, cells (row, column) or boxes (row, column, rows, columns).
    hatches: for each grid None or a mask of the zeros that were inserted. Raises ValueError for an unknown role, a shape that is no grid or a
    wrong number of signs.
    """
    entries = [(check_grid(item[0]), check_role(item[1] if len(item) > 1 and item[1] else "output"), item[2] if len(item) > 2 else None) for item in items]
    count = len(entries)
    if not count:
        raise ValueError(say(en="grids needs at least one grid, and the list is empty: pass (values, role, title) for each",
                             ko="grids에 넣은 목록이 비어 있어요. 격자마다 (값, 역할, 제목)을 넣어 주세요."))
    if operators is None:
        operators = ("*", "=") if [role for _, role, _ in entries] == ["input", "kernel", "output"] else ("→",) * (count - 1)
    if len(operators) != count - 1:
        raise ValueError(say(en=f"{count} grids need {count - 1} signs between them, got {len(operators)}: correct operators",
                             ko=f"격자 {count}개 사이에는 기호가 {count - 1}개 필요한데 {len(operators)}개예요. operators를 고쳐 주세요."))
    signs = [_SIGNS.get(sign, sign) for sign in operators]
    highlights, hatches = list(highlights or [None] * count), list(hatches or [None] * count)
    texts = [_texts(values, {}, width - 2 * _PAD) for values, _, _ in entries]
    rows, cell, slots = _arrange(entries, texts, signs, width - 2 * _PAD)
    px = min((_text_size(part, cell) for part in texts if part), default=TEXT)      # one size in all grids
    head = heading_height(title, width)
    heights = [(max((slots[i][1] for i in row), default=0), max(slots[i][3] for i in row)) for row in rows]      # titles, cells
    parts = _formula_parts(formula)
    height = head + sum(above + below + 12 for above, below in heights) + (30 if parts else 0) + 2
    figure = Figure.of_size(height, width)
    heading(figure, title, left=_PAD)
    top = head + 4
    for row, (above, below) in zip(rows, heights):
        left = _PAD
        for i in row:
            grid, role, name = entries[i]
            slot, tall, across, down = slots[i]
            y = top + above + (below - down) / 2
            x = left
            for k, line in enumerate(reversed(fonts.wrap(name, slot, TEXT, bold=True) if name else [])):
                figure.write(x, y - 12 - _TITLE * k, line, bold=True, colour=ROLES[role] if role != "count" else INK)
            _paint(figure.sheet, x, y, across / grid.shape[1], grid, role, texts[i], px, highlight=highlights[i], hatch=hatches[i])
            left += slot
            if i < count - 1 and i != row[-1] and signs[i]:
                figure.write(x + across + (slot - across + _gap(signs[i])) / 2, top + above + below / 2, signs[i], px=24, colour=MUTED, ha="center", gid="sign")
            left += _gap(signs[i]) if i < count - 1 else 0
        top += above + below + 12
    x = _PAD
    for text, colour in parts:
        figure.write(x, height - 18, text, px=16, colour=colour, bold=colour != INK)
        x += fonts.width(text, 16, bold=colour != INK) + 5
    across, down = figure.size_px
    figure.sheet.set(xlim=(0, across), ylim=(down, 0))
    told = [_said(grid, role, name, marked) for (grid, role, name), marked in zip(entries, highlights)]
    joined = [told[0]] + [(f"{sign} " if sign else "") + text for sign, text in zip(signs, told[1:])]
    return tell(figure, " ".join([*([title.rstrip(".") + "."] if title else []), *joined, *([" ".join(text for text, _ in parts)] if parts else [])]))


def _gap(sign: str) -> int:
    return 46 if sign else 26


def _arrange(entries, texts, signs, room):
    """-> rows of indices, the cell in pixels, and for each grid (slot width, height of its title, width, height of its cells)."""
    least = max([_least_cell(part) for part in texts if part], default=22)

    def slot(i, cell):
        grid, _, name = entries[i]
        rows, columns = grid.shape
        if texts[i] is None:
            across = min(300, room, 300 * columns / rows)
            down = across * rows / columns
        else:
            across, down = columns * cell, rows * cell
        if not name:
            return across, 0, across, down
        lines = fonts.wrap(name, max(across + 12, 112), TEXT, bold=True)
        words = max(fonts.width(line, TEXT, bold=True) for line in lines)
        return max(across, words + 2), _TITLE * len(lines) + 2, across, down

    def total(indices, cell):
        return sum(slot(i, cell)[0] + (_gap(signs[i]) if i != indices[-1] else 0) for i in indices)

    everything = list(range(len(entries)))
    for cell in range(_CELL, least - 1, -1):
        if total(everything, cell) <= room:
            return [everything], cell, [slot(i, cell) for i in everything]
    cell = next((size for size in range(max(least, 34), least, -1) if all(slot(i, size)[0] <= room for i in everything)), least)
    rows: list[list[int]] = [[]]
    for i in everything:
        if rows[-1] and total([*rows[-1], i], cell) > room:
            rows.append([])
        rows[-1].append(i)
    return rows, cell, [slot(i, cell) for i in everything]


@drawn
def grid(values, *, role: str = "output", title: str | None = None, highlight=None, annotate=None, hatch=None, ax=None) -> Figure:
    """One grid of numbers, (H, W) after leading dimensions of 1; beyond 16x16 an image of them.

    role: input, kernel, output, count or plain. highlight: a cell (row, column), a box (row, column, rows, columns), or a list of them, outlined in
    ink. annotate: a formula under the grid (text, or pieces (text, role)), or {(row, column): text} in place of numbers. hatch: mask (H, W) of
    inserted zeros. ax: draw there instead of in a new figure. Raises ValueError for an unknown role or what is no grid.
    """
    shown = check_grid(values)
    check_role(role)
    replaced = dict(annotate) if isinstance(annotate, Mapping) else {}
    if ax is not None:
        own_axes(ax, "grid")
        rows, columns = shown.shape
        place = ax.get_window_extent()
        side = min(place.width / columns, place.height / rows)
        ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
        ax.axis("off")
        texts = _texts(shown, replaced, side * columns)
        _paint(ax, 0, 0, 1, shown, role, texts, _text_size(texts, side) if texts else TEXT, highlight=highlight, hatch=hatch)
        ax.set(xlim=(-0.03, columns + 0.03), ylim=(rows + 0.03, -0.03), aspect="equal")
        if title:
            ax.set_title(title, fontfamily=fonts.BOLD, color=ROLES[role] if role != "count" else INK)
        return tell(ax, _said(shown, role, title, highlight))
    if not replaced:
        return grids([(shown, role, title)], formula=annotate, highlights=[highlight], hatches=[hatch])
    rows, columns = shown.shape
    texts = _texts(shown, replaced, WIDTH - 2 * _PAD)
    cell = min(max(_least_cell(texts), _CELL), (WIDTH - 2 * _PAD) // columns) if texts else (WIDTH - 2 * _PAD) / columns
    lines = fonts.wrap(title, WIDTH - 2 * _PAD, TEXT, bold=True) if title else []
    figure = Figure.of_size(_TITLE * len(lines) + math.ceil(rows * cell) + 16)
    for k, line in enumerate(lines):
        figure.write(_PAD, 12 + _TITLE * k, line, bold=True, colour=ROLES[role] if role != "count" else INK)
    _paint(figure.sheet, _PAD, _TITLE * len(lines) + 6, cell, shown, role, texts, _text_size(texts, cell) if texts else TEXT, highlight=highlight,
           hatch=hatch)
    placed = "; ".join(say(en=f"{text} at row {r + 1}, column {c + 1}", ko=f"{r + 1}행 {c + 1}열에 {text}") for (r, c), text in replaced.items())
    return tell(figure, f"{_said(shown, role, title, highlight)} {placed}.")



"""Grids of numbers, the language of the course: input blue, kernel orange, output green, counts on one sequential scale."""

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from segcourse.figures.figure import INK, ROLES, WIDTH, Figure, array, new, style
from segcourse.language import say

LARGEST = 16            # cells a side; beyond that a grid is an image
_NUMBER = 10.5          # points: 14.6 pixels at 100 dpi
_KNOWN = (*ROLES, "count", "signed")


def _plain(value: float) -> str:
    if not np.isfinite(value):
        return str(value)
    if abs(value - round(value)) < 1e-9:
        return str(int(round(value))).replace("-", "\u2212")
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "\u2212")


def _two_axes(values) -> np.ndarray:
    found = array(values)
    if found.ndim == 1:
        found = found[None]
    if found.ndim != 2:
        raise ValueError(say(en=f"a grid shows one map (H, W), got {tuple(found.shape)}: choose one with x[0, 0]",
                             ko=f"격자에는 맵 하나(H, W)를 그려요. {tuple(found.shape)}이 들어왔으니 x[0, 0]처럼 하나를 골라 주세요."))
    return found.astype(np.float64)


def _check_role(role: str) -> None:
    if role not in _KNOWN:
        raise ValueError(say(en=f"a grid's role is one of {', '.join(_KNOWN)}, not {role!r}", ko=f"격자의 역할은 {', '.join(_KNOWN)} 가운데 하나여야 해요. {role!r}를 바꿔 주세요."))


def _fill(value, values, role):
    """Face, edge and text colour of one cell."""
    if role == "count":
        top = max(1.0, values.max())
        face = matplotlib.colormaps["cividis"](0.12 + 0.85 * value / top)
        return face, "white", "white" if 0.12 + 0.85 * value / top < 0.6 else INK
    if role == "signed":
        top = max(1e-12, np.abs(values).max())
        face = matplotlib.colormaps["RdBu_r"](0.5 + 0.42 * value / top)
        return face, "white", "white" if abs(value) / top > 0.75 else INK
    face, edge = ROLES[role]
    return face, edge, INK


def _draw(axes, values, role, *, x, y, cell, highlight=(), annotate=None):
    """Draw `values` with the upper left corner at (x, y); one cell is `cell` units wide."""
    height, width = values.shape
    if max(height, width) > LARGEST:
        cmap = {"count": "cividis", "signed": "RdBu_r"}.get(role, "viridis")
        limit = np.abs(values).max() if role == "signed" else None
        axes.imshow(values, extent=(x, x + width * cell, y + height * cell, y), cmap=cmap, vmin=-limit if limit else None, vmax=limit)
        return
    for i in range(height):
        for j in range(width):
            face, edge, ink = _fill(values[i, j], values, role)
            hatch = "////" if role == "zero" else None
            axes.add_patch(Rectangle((x + j * cell, y + i * cell), cell, cell, facecolor=face, edgecolor=edge, linewidth=0.8, hatch=hatch))
            axes.text(x + (j + 0.5) * cell, y + (i + 0.52) * cell, annotate[i][j] if annotate else _plain(values[i, j]), color=ink,
                      fontsize=_NUMBER, ha="center", va="center")
    for i, j in highlight:
        axes.add_patch(Rectangle((x + j * cell, y + i * cell), cell, cell, fill=False, edgecolor=INK, linewidth=2.4, zorder=5))


def _told(values) -> str:
    height, width = values.shape
    size = f"{height}x{width}"
    if height * width > 36:
        return say(en=f"{size}, from {_plain(values.min())} to {_plain(values.max())}", ko=f"{size}, {_plain(values.min())}부터 {_plain(values.max())}까지")
    return f"{size}: " + "; ".join(" ".join(_plain(value) for value in row) for row in values)


def grids(items, operators=None, *, title=None, highlight=None, height=None) -> Figure:
    """A row of grids, cells of one size: `items` are (values, role, title), `operators` the signs between them ("*", "=", "").

    Roles: input, kernel, output, zero, plain, count, signed. `highlight` is {index of the grid: [(row, column), ...]}. Grids over 16 cells a side are
    drawn as images. Raises ValueError for an unknown role or a map of other than two axes.
    """
    items = [(_two_axes(values), role, name) for values, role, name in items]
    for _, role, _ in items:
        _check_role(role)
    operators = list(operators if operators is not None else [""] * (len(items) - 1))
    signs = {"*": "∗", "x": "×"}
    with style():
        cells = [(min(v.shape[0], 48), min(v.shape[1], 48)) if max(v.shape) <= LARGEST else (9, 9 * v.shape[1] / v.shape[0]) for v, _, _ in items]
        gap = 0.46
        room = WIDTH - 0.24 - gap * (len(items) - 1)
        cell = min(0.5, room / sum(width for _, width in cells))
        tall = max(rows for rows, _ in cells) * cell
        top = 0.42 if any(name for _, _, name in items) else 0.12
        top += 0.32 if title else 0
        figure = new(tall + top + 0.14)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(tall + top + 0.14, 0)
        axes.axis("off")
        if title:
            axes.text(0.12, 0.2, title, fontsize=11, va="center")
        # A title may be wider than its grid: give the grid the room its words need, as far as there is any.
        needs = [max(width * cell, 0.088 * sum(1.75 if ord(c) > 0x2e80 else 1.0 for c in (name or ""))) for (_, width), (_, _, name) in zip(cells, items)]
        spare = WIDTH - 0.24 - gap * (len(items) - 1)
        if sum(needs) > spare:
            needs = [width * cell for _, width in cells]
        x = (WIDTH - sum(needs) - gap * (len(items) - 1)) / 2
        for index, ((values, role, name), (rows, width), need) in enumerate(zip(items, cells, needs)):
            left = x + (need - width * cell) / 2
            y = top + (tall - rows * cell) / 2
            step = cell if max(values.shape) <= LARGEST else rows * cell / values.shape[0]
            _draw(axes, values, role, x=left, y=y, cell=step, highlight=(highlight or {}).get(index, ()))
            if name:
                axes.text(x + need / 2, y - 0.13, name, fontsize=10, ha="center", va="bottom", color=ROLES.get(role, ("", INK))[1])
            if index < len(operators) and operators[index]:
                axes.text(x + need + gap / 2, top + tall / 2, signs.get(operators[index], operators[index]), fontsize=17, ha="center", va="center")
            x += need + gap
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(tall + top + 0.14, 0)
        axes.set_aspect("auto")
    told = [f"{name or role} {_told(values)}" for values, role, name in items]
    figure.alt = (f"{title}. " if title else "") + say(en="Grids. ", ko="격자 그림. ") + " | ".join(told)
    return figure


def grid(values, *, role="output", title=None, highlight=(), annotate=None, ax=None) -> Figure:
    """One grid of numbers (H, W), the number in each cell; `annotate` (H, W) of texts replaces the numbers. Draws into `ax` where given."""
    if ax is None:
        if annotate is None:
            return grids([(values, role, title)], highlight={0: highlight})
        with style():
            found = _two_axes(values)
            figure = new(0.5 * found.shape[0] + 0.6, width=min(WIDTH, 0.5 * found.shape[1] + 0.4))
            grid(values, role=role, title=title, highlight=highlight, annotate=annotate, ax=figure.add_axes((0.02, 0.02, 0.96, 0.84)))
        return figure
    found = _two_axes(values)
    _check_role(role)
    _draw(ax, found, role, x=0, y=0, cell=1, highlight=highlight, annotate=annotate)
    ax.set_xlim(-0.05, found.shape[1] + 0.05)
    ax.set_ylim(found.shape[0] + 0.05, -0.05)
    ax.set_aspect("equal")
    ax.axis("off")
    if title:
        ax.set_title(title, loc="center")
    figure = ax.get_figure()
    figure.alt = f"{title or role} {_told(found)}"
    return figure

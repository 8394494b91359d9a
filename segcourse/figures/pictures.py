"""Pictures and label maps: always picture, truth, prediction, error, with the classes named inside the figure."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from segcourse.datasets.palettes import CAMVID, Palette
from segcourse.figures import fonts
from segcourse.figures.base import (INK, MUTED, PAPER, SERIES, SOFT, TEXT, WIDTH, WRONG, Figure, array, box, drawn, heading, heading_height, number, own_axes, percent,
                                    readable_on, squeeze, tell)
from segcourse.language import say

KINDS = ("photo", "labels", "grey", "heat", "signed")
_GAP = 8
_FRAME = (138, 147, 157)


# -- what was given ----------------------------------------------------------------------------------------------------------------

def check_photo(picture) -> np.ndarray:
    """A picture as uint8 (H, W, 3): given (3, H, W) or (H, W, 3), uint8 or fractions from 0 to 1. Raises ValueError for anything else."""
    given = array(picture)
    shown = squeeze(given, 3)
    if shown.ndim == 3 and shown.shape[0] == 3 and shown.shape[2] != 3:
        shown = shown.transpose(1, 2, 0)
    if shown.ndim != 3 or shown.shape[2] != 3 or not shown.size:
        raise ValueError(say(en=f"a picture has the shape (3, H, W), not {given.shape}: pass one picture, with its three colours",
                             ko=f"이미지의 모양은 (3, H, W)여야 하는데 {given.shape}이에요. 색 채널이 3개인 이미지 한 장을 넣어 주세요."))
    if shown.dtype.kind == "f":
        low, high = float(shown.min()), float(shown.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            raise ValueError(say(en=f"a picture of fractions lies between 0 and 1, this one between {number(low)} and {number(high)}: pass it as the "
                                    "data set gives it, before it is normalised",
                                 ko=f"실수 이미지의 값은 0에서 1 사이여야 하는데 {number(low)}에서 {number(high)}까지예요. 정규화하기 전의 이미지를 넣어 주세요."))
        shown = np.round(shown * 255)
    elif shown.size and (shown.min() < 0 or shown.max() > 255):
        raise ValueError(say(en=f"a picture holds 0 to 255, this one {shown.min()} to {shown.max()}: pass uint8",
                             ko=f"이미지의 값은 0에서 255까지인데 {shown.min()}에서 {shown.max()}까지예요. uint8로 넣어 주세요."))
    return shown.astype(np.uint8)


def check_map(values) -> np.ndarray:
    """Numbers (H, W), leading dimensions of 1 dropped. Raises ValueError for other shapes."""
    given = array(values)
    shown = squeeze(given, 2)
    if shown.ndim != 2 or not shown.size:
        raise ValueError(say(en=f"a map has the shape (H, W), not {given.shape}: pick one channel, as in x[0, 0]",
                             ko=f"맵의 모양은 (H, W)여야 하는데 {given.shape}이에요. x[0, 0]처럼 채널 하나를 골라 주세요."))
    return shown


def check_labels(label, palette: Palette) -> np.ndarray:
    """Class numbers (H, W); raises as `Palette.check` does."""
    return check_map(palette.check(array(label)))


def _same_size(picture: np.ndarray, label: np.ndarray) -> None:
    if picture.shape[:2] != label.shape:
        raise ValueError(say(en=f"the picture is {picture.shape[:2]} and its labels are {label.shape}: pass two of one size",
                             ko=f"이미지는 {picture.shape[:2]}인데 레이블은 {label.shape}이에요. 크기를 맞춰 주세요."))


def _kind(values) -> str:
    """photo for three channels, labels for whole numbers, signed where numbers lie below zero, grey within 0 to 1, heat otherwise."""
    given = array(values)
    flat = squeeze(given, 2)
    if flat.ndim >= 3:
        return "photo"
    if flat.dtype.kind in "iub":
        return "labels"
    low, high = np.nanmin(flat), np.nanmax(flat)
    return "signed" if low < 0 else "grey" if high <= 1 + 1e-6 else "heat"


# -- pixels ------------------------------------------------------------------------------------------------------------------------

def _nearest(values: np.ndarray, width: int, height: int) -> np.ndarray:
    rows = (np.arange(height) + 0.5) * values.shape[0] / height
    columns = (np.arange(width) + 0.5) * values.shape[1] / width
    return values[rows.astype(int)[:, None], columns.astype(int)[None]]


def _fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 (H, W, 3) at the size it is drawn: smaller with antialiasing, much larger with its pixels visible."""
    if width >= 3 * picture.shape[1]:
        return _nearest(picture, width, height)
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def _hatched(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (x + y) % 8 < 2


def _coloured(label: np.ndarray, palette: Palette) -> np.ndarray:
    """Labels at drawing size -> uint8 (H, W, 3), void hatched."""
    shown = palette.colourise(label)
    stripes = (label == palette.void) & _hatched(*label.shape)
    shown[stripes] = (112, 116, 124)
    return shown


def _edges(label: np.ndarray) -> np.ndarray:
    """True where a pixel's right or lower neighbour has another label."""
    edge = np.zeros(label.shape, bool)
    edge[:, :-1] |= label[:, 1:] != label[:, :-1]
    edge[:-1] |= label[1:] != label[:-1]
    return edge


def _overlaid(picture: np.ndarray, label: np.ndarray, palette: Palette, share: float) -> np.ndarray:
    mixed = (1 - share) * picture + share * _coloured(label, palette)
    mixed[_edges(label)] = [255 * part for part in to_rgb(INK)]
    return np.round(mixed).astype(np.uint8)


def _errors(picture: np.ndarray, truth: np.ndarray, prediction: np.ndarray, palette: Palette) -> np.ndarray:
    """A pale grey picture with the wrong pixels in one strong colour and void hatched."""
    grey = picture @ np.array([0.299, 0.587, 0.114])
    shown = np.repeat((255 - 0.42 * (255 - grey))[..., None], 3, -1)
    shown[(truth == palette.void) & _hatched(*truth.shape)] = (112, 116, 124)
    shown[(truth != palette.void) & (truth != prediction)] = [255 * part for part in to_rgb(WRONG)]
    return np.round(shown).astype(np.uint8)


def _mapped(values: np.ndarray, kind: str, scale: tuple[float, float] | None = None) -> np.ndarray:
    """A map of numbers -> uint8 (H, W, 3): grey from 0 to 1, viridis from `scale`'s lower to its upper end (the map's own by default), or a diverging
    map centred on zero."""
    values = values.astype(float)
    low, high = scale or (np.nanmin(values), np.nanmax(values))
    if kind == "grey":
        shares, colours = np.clip(values, 0, 1), matplotlib.colormaps["gray"]
    elif kind == "signed":
        largest = max(abs(low), abs(high)) or 1.0
        shares, colours = 0.5 + 0.5 * values / largest, matplotlib.colormaps["PuOr_r"]
    else:
        shares, colours = (values - low) / ((high - low) or 1.0), matplotlib.colormaps["viridis"]
    return np.round(255 * colours(shares)[..., :3]).astype(np.uint8)


def _rendered(values, kind: str, width: int, height: int, palette: Palette, scale: tuple[float, float] | None = None) -> np.ndarray:
    if kind == "photo":
        return _fit(check_photo(values), width, height)
    if kind == "labels":
        return _coloured(_nearest(check_labels(values, palette), width, height), palette)
    shown = _mapped(check_map(values), kind, scale)
    return _nearest(shown, width, height)


def _shape(values) -> tuple[int, int]:
    given = array(values)
    flat = squeeze(given, 2)
    return check_photo(given).shape[:2] if flat.ndim >= 3 else flat.shape


# -- parts of a figure -------------------------------------------------------------------------------------------------------------

def _show(figure: Figure, shown: np.ndarray, left: float, top: float):
    """Put uint8 (h, w, 3) pixels into the figure, one for one; the outermost become its frame (a line drawn there is cut off at the page's edge)."""
    height, width = shown.shape[:2]
    framed = shown.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = _FRAME
    panel = figure.panel(left, top, width, height)
    panel.imshow(framed, interpolation="nearest", aspect="auto")
    panel.axis("off")
    return panel


def _swatch(figure: Figure, x: float, y: float, label: int, palette: Palette) -> None:
    colour = [part / 255 for part in palette.colour(label)]
    box(figure.sheet, x, y - 7, 18, 14, facecolor=colour, edgecolor=INK, linewidth=0.8 * fonts.PT, zorder=3)
    if label == palette.void:
        box(figure.sheet, x, y - 7, 18, 14, facecolor="none", edgecolor="#70747c", hatch="/////", linewidth=0, zorder=3.1)


def _present(labels: Sequence[np.ndarray], palette: Palette) -> tuple[int, ...]:
    found = {int(value) for label in labels for value in np.unique(label)}
    return tuple(sorted(found, key=lambda value: (value == palette.void, value)))


def _legend_rows(classes: Sequence[int], palette: Palette, room: float) -> list[list[tuple[float, int]]]:
    rows, x = [[]], 0.0
    for label in classes:
        needed = 24 + fonts.width(palette.name(label), TEXT)
        if rows[-1] and x + needed > room:
            rows.append([])
            x = 0.0
        rows[-1].append((x, label))
        x += needed + 18
    return rows if classes else []


def _legend(figure: Figure, classes: Sequence[int], palette: Palette, left: float, top: float, room: float) -> None:
    """The classes, each beside its colour, flowing over as many lines as they need."""
    for k, row in enumerate(_legend_rows(classes, palette, room)):
        for x, label in row:
            _swatch(figure, left + x, top + 11 + 22 * k, label, palette)
            figure.write(left + x + 24, top + 11 + 22 * k, palette.name(label), gid="class")


def _legend_height(classes, palette, room) -> int:
    rows = _legend_rows(classes, palette, room)
    return 22 * len(rows) + 4 if rows else 0


def _place(mask: np.ndarray, width: int, height: int) -> tuple[int, int] | None:
    """The centre of a `height` x `width` box that lies inside the mask, as near as can be to the middle of where it fits; None if none does."""
    if mask.shape[0] < height or mask.shape[1] < width:
        return None
    total = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    rows, columns = np.nonzero(inside == height * width)
    if not len(rows):
        return None
    nearest = ((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin()
    return int(columns[nearest] + width // 2), int(rows[nearest] + height // 2)


def _shares(label: np.ndarray, palette: Palette, most: int = 12) -> str:
    """The classes of a label map in words, the largest first."""
    found, count = np.unique(label, return_counts=True)
    order = np.argsort(-count, kind="stable")[:most]
    return ", ".join(f"{palette.name(found[k])} {percent(count[k] / label.size) if count[k] / label.size >= 0.005 else '< 1 %'}" for k in order)


def _titles(titles, count: int) -> list[str]:
    names = list(titles) if titles is not None else [""] * count
    if len(names) != count:
        raise ValueError(say(en=f"{count} pictures need {count} titles, got {len(names)}: correct titles",
                             ko=f"이미지 {count}장에는 제목이 {count}개 필요한데 {len(names)}개예요. titles를 고쳐 주세요."))
    return [str(name or "") for name in names]


# -- figures -----------------------------------------------------------------------------------------------------------------------

@drawn
def images(pictures: Sequence, *, titles: Sequence[str] | None = None, columns: int | None = None, title: str | None = None,
           kinds: Sequence[str] | None = None, same_scale: bool = False, palette: Palette = CAMVID, legend: bool = True) -> Figure:
    """Pictures side by side, `columns` in a row (at most four by default), each under its title.

    pictures: (3, H, W) photos, integer (H, W) label maps, or (H, W) maps of numbers: grey from 0 to 1, diverging about zero where some are
    negative, viridis otherwise; `kinds` names one of photo, labels, grey, heat, signed for each where that guess is wrong. same_scale: the maps of
    numbers share one range, so that one colour is one number in all of them. Label maps are explained by a legend of the classes present. Raises ValueError for an empty list, a wrong shape, or a label that is no class.
    """
    pictures = list(pictures)
    if not pictures:
        raise ValueError(say(en="images needs at least one picture, and the list is empty: pass some", ko="images에 넣은 목록이 비어 있어요. 이미지를 넣어 주세요."))
    names = _titles(titles, len(pictures))
    kinds = [_kind(picture) for picture in pictures] if kinds is None else list(kinds)
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(say(en=f"a picture is shown as one of {', '.join(KINDS)}, not {kind!r}: correct kinds",
                                 ko=f"이미지를 보여 주는 방식은 {', '.join(KINDS)} 가운데 하나인데 {kind!r}이에요. kinds를 고쳐 주세요."))
    maps = [check_map(picture).astype(float) for picture, kind in zip(pictures, kinds) if kind in ("grey", "heat", "signed")]
    scale = None
    if same_scale and maps:
        scale = float(min(np.nanmin(part) for part in maps)), float(max(np.nanmax(part) for part in maps))
        shared = "signed" if scale[0] < 0 else "heat" if "heat" in kinds or scale[1] > 1 + 1e-6 else "grey"
        kinds = [kind if kind in ("photo", "labels") else shared for kind in kinds]
    across = max(1, columns or min(4, len(pictures)))
    width = min(420, (WIDTH - _GAP * (across - 1)) // across) if across > 1 else 480
    shapes = [_shape(picture) for picture in pictures]
    heights = [max(1, round(width * h / w)) for h, w in shapes]
    present = _present([check_labels(p, palette) for p, kind in zip(pictures, kinds) if kind == "labels"], palette) if legend and "labels" in kinds else ()
    wrapped = [fonts.wrap(name, width, TEXT) if name else [] for name in names]
    rows = [range(start, min(start + across, len(pictures))) for start in range(0, len(pictures), across)]
    words = [20 * max(len(wrapped[i]) for i in row) for row in rows]
    head = heading_height(title)
    height = head + sum(above + max(heights[i] for i in row) + 10 for above, row in zip(words, rows)) + _legend_height(present, palette, WIDTH) + 2
    figure = Figure.of_size(height, flat=False)
    heading(figure, title)
    top = head
    for above, row in zip(words, rows):
        for column, i in enumerate(row):
            left = column * (width + _GAP)
            for k, line in enumerate(reversed(wrapped[i])):
                figure.write(left, top + above - 10 - 20 * k, line)
            _show(figure, _rendered(pictures[i], kinds[i], width, heights[i], palette, scale), left, top + above)
        top += above + max(heights[i] for i in row) + 10
    _legend(figure, present, palette, 0, top - 2, WIDTH)
    figure.classes, figure.exact = present, palette.colours
    told = [_told(picture, kind, name, palette, k + 1 if len(pictures) > 1 else None) for k, (picture, kind, name) in enumerate(zip(pictures, kinds, names))]
    return tell(figure, " ".join([*([title.rstrip(".") + "."] if title else []), *told]))


def _told(values, kind: str, name: str, palette: Palette, place: int | None) -> str:
    rows, columns = _shape(values)
    size = f"{rows}x{columns}"
    lead = (say(en=f"Picture {place}", ko=f"이미지 {place}") if place else say(en="Picture", ko="이미지")) + (f", {name}" if name else "")
    if kind == "labels":
        body = say(en=f"label map ({size}) of {_shares(check_labels(values, palette), palette)}", ko=f"레이블 맵({size}), {_shares(check_labels(values, palette), palette)}")
    elif kind == "photo":
        body = say(en=f"a colour picture, {rows} pixels high and {columns} wide", ko=f"높이 {rows}픽셀, 너비 {columns}픽셀인 컬러 이미지")
    else:
        shown = check_map(values).astype(float)
        row, column = np.unravel_index(np.nanargmax(shown), shown.shape)
        body = say(en=f"map ({size}) with values from {number(np.nanmin(shown))} to {number(np.nanmax(shown))}, the largest at row {row + 1}, column {column + 1}",
                   ko=f"맵({size}), 값은 {number(np.nanmin(shown))}에서 {number(np.nanmax(shown))}까지, 가장 큰 값은 {row + 1}행 {column + 1}열")
    return f"{lead}: {body}."


@drawn
def image(picture, *, title: str | None = None, kind: str | None = None, palette: Palette = CAMVID, ax=None) -> Figure:
    """One picture: (3, H, W), a label map or a map of numbers (see `images`). ax: draw there instead of in a new figure."""
    if ax is None:
        return images([picture], titles=[title or ""], kinds=None if kind is None else [kind], palette=palette)
    own_axes(ax, "image")
    kind = kind or _kind(picture)
    rows, columns = _shape(picture)
    scale = max(1, round(ax.get_window_extent().width / columns)) if kind == "labels" else 1
    ax.imshow(_rendered(picture, kind, columns * scale, rows * scale, palette), extent=(-0.5, columns - 0.5, rows - 0.5, -0.5), interpolation="nearest")
    ax.axis("off")
    if title:
        ax.set_title(title)
    return tell(ax, _told(picture, kind, title or "", palette, None))


@drawn
def label_map(label, *, title: str | None = None, palette: Palette = CAMVID, width: int = 480) -> Figure:
    """A label map (H, W) `width` pixels wide: large regions carry their class's name, the other classes present stand in a legend beneath.

    Raises ValueError for a label that is neither a class nor void.
    """
    return _one_label_map(check_labels(label, palette), None, title, palette, width, 1.0)


@drawn
def overlay(image, label, *, title: str | None = None, palette: Palette = CAMVID, share: float = 0.5, width: int = 480) -> Figure:
    """A label map (H, W) laid over its picture (3, H, W) at 50 %, boundaries drawn; classes are named as in `label_map`."""
    picture, shown = check_photo(image), check_labels(label, palette)
    _same_size(picture, shown)
    return _one_label_map(shown, picture, title, palette, width, share)


def _one_label_map(label, picture, title, palette, width, share):
    width = max(80, min(width, WIDTH))
    height = round(width * label.shape[0] / label.shape[1])
    drawn_label = _nearest(label, width, height)
    shown = _coloured(drawn_label, palette) if picture is None else _overlaid(_fit(picture, width, height).astype(float), drawn_label, palette, share)
    present = _present([label], palette)
    places = {}
    for value in present:
        if value != palette.void:
            place = _place(drawn_label == value, round(fonts.width(palette.name(value), TEXT, bold=True)) + 16, 26)
            if place:
                places[value] = place
    rest = [value for value in present if value not in places]
    head = heading_height(title)
    figure = Figure.of_size(head + height + 6 + _legend_height(rest, palette, WIDTH) + 4, flat=picture is None)
    heading(figure, title)
    _show(figure, shown, 0, head)
    for value, (x, y) in places.items():
        colour = shown[max(0, y - 10):y + 10, max(0, x - 20):x + 20].reshape(-1, 3).mean(0) / 255
        ink = readable_on(colour)
        options = {} if picture is None else {"bbox": {"facecolor": [part / 255 for part in palette.colour(value)], "edgecolor": INK, "linewidth": 0.6, "pad": 2.5}}
        if picture is not None:
            ink = readable_on([part / 255 for part in palette.colour(value)])
        figure.write(x, head + y, palette.name(value), bold=True, colour=ink, ha="center", gid="class", zorder=8, **options)
    _legend(figure, rest, palette, 0, head + height + 6, WIDTH)
    figure.classes, figure.exact = present, palette.colours
    what = say(en="Label map", ko="레이블 맵") if picture is None else say(en="Labels over the picture", ko="이미지 위에 겹친 레이블")
    size = f"{label.shape[0]}x{label.shape[1]}"
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + f"{what} ({size}): {_shares(label, palette)}.")


@drawn
def prediction_rows(images: Sequence, truths: Sequence, predictions: Sequence, *, title: str | None = None, names: Sequence[str] | None = None,
                    palette: Palette = CAMVID) -> Figure:
    """One row a picture: picture, truth, prediction, error, with the share of wrong pixels (void left out) and the classes present beneath.

    images (3, H, W) each, truths and predictions integer (H, W); names: a word for each row. Raises ValueError for lists of different lengths, maps of
    different sizes, or a label that is no class.
    """
    pictures = [check_photo(picture) for picture in images]
    truths, predictions = [check_labels(label, palette) for label in truths], [check_labels(label, palette) for label in predictions]
    if not (len(pictures) == len(truths) == len(predictions)) or not pictures:
        raise ValueError(say(en=f"{len(pictures)} pictures, {len(truths)} truths and {len(predictions)} predictions: pass as many of each, at least one",
                             ko=f"이미지 {len(pictures)}장, 정답 {len(truths)}장, 예측 {len(predictions)}장이에요. 한 장 이상, 같은 수로 넣어 주세요."))
    for picture, truth, prediction in zip(pictures, truths, predictions):
        _same_size(picture, truth)
        _same_size(picture, prediction)
    rows = _titles(names, len(pictures))
    width = (WIDTH - 3 * _GAP) // 4
    heights = [round(width * p.shape[0] / p.shape[1]) for p in pictures]
    above = 20 if any(rows) else 0
    present = _present([*truths, *predictions], palette)
    head = heading_height(title)
    height = head + 22 + sum(heights) + (above + _GAP) * len(pictures) + _legend_height(present, palette, WIDTH) + 2
    figure = Figure.of_size(height, flat=False)
    heading(figure, title)
    heads = say(en=("picture", "truth", "prediction", "wrong pixels"), ko=("사진", "정답", "예측", "오답"))
    for column, word in enumerate(heads):
        figure.write(column * (width + _GAP), head + 9, word, bold=True, colour=WRONG if column == 3 else INK)
    top, wrong = head + 22, []
    for name, picture, truth, prediction, tall in zip(rows, pictures, truths, predictions, heights):
        if above:
            figure.write(0, top + 8, name)
            top += above
        shown, true, predicted = _fit(picture, width, tall), _nearest(truth, width, tall), _nearest(prediction, width, tall)
        for column, pixels in enumerate((shown, _coloured(true, palette), _coloured(predicted, palette), _errors(shown, true, predicted, palette))):
            _show(figure, pixels, column * (width + _GAP), top)
        counted = truth != palette.void
        wrong.append(float((truth != prediction)[counted].mean()) if counted.any() else float("nan"))
        figure.write(WIDTH - 6, top + tall - 14, percent(wrong[-1], 1), bold=True, colour=WRONG, ha="right", zorder=8,
                     bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 2.5})
        top += tall + _GAP
    _legend(figure, present, palette, 0, top - 2, WIDTH)
    figure.classes, figure.exact = present, palette.colours
    told = " ".join(say(en=f"Row {k + 1}{f' ({name})' if name else ''}: {percent(share, 1)} of the pixels wrong; truth: {_shares(truth, palette, 5)}.",
                        ko=f"{k + 1}행{f'({name})' if name else ''}: 틀린 픽셀 {percent(share, 1)}, 정답은 {_shares(truth, palette, 5)}.")
                    for k, (name, share, truth) in enumerate(zip(rows, wrong, truths)))
    lead = say(en=f"{len(pictures)} rows of picture, truth, prediction and wrong pixels.", ko=f"사진, 정답, 예측, 오답을 나란히 놓은 {len(pictures)}행.")
    return tell(figure, " ".join([*([title.rstrip(".") + "."] if title else []), lead, told]))


@drawn
def heat_map(image, heat, *, title: str | None = None, label: str | None = None, share: float = 0.6, width: int = 480) -> Figure:
    """A map of numbers (h, w) over a picture (3, H, W) or alone (image=None), with its scale; the map may be coarser than the picture.

    Colours are viridis over the map's range, or diverging about zero where some numbers are negative. label: what the numbers are.
    """
    values = check_map(heat).astype(float)
    picture = None if image is None else check_photo(image)
    rows, columns = values.shape if picture is None else picture.shape[:2]
    width = max(80, min(width, WIDTH - 110))
    height = round(width * rows / columns)
    kind = "signed" if np.nanmin(values) < 0 else "heat"
    shown = _nearest(_mapped(values, kind), width, height)
    if picture is not None:
        grey = _fit(picture, width, height) @ np.array([0.299, 0.587, 0.114])
        shown = np.round((1 - share) * grey[..., None] + share * shown).astype(np.uint8)
    head = heading_height(title)
    figure = Figure.of_size(head + height + 8, flat=picture is None)
    heading(figure, title)
    _show(figure, shown, 0, head)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if kind == "heat" else (-float(np.nanmax(np.abs(values))), float(np.nanmax(np.abs(values))))
    strip = np.linspace(high, low, height)[:, None]
    bar = _mapped(np.repeat(strip, 14, 1), kind)
    _show(figure, bar, width + 14, head)
    figure.write(width + 34, head + 8, number(high))
    figure.write(width + 34, head + height - 8, number(low))
    if label:
        lines = fonts.wrap(label, WIDTH - width - 34, TEXT)
        for k, line in enumerate(lines):
            figure.write(width + 34, head + height / 2 + 20 * (k - (len(lines) - 1) / 2), line, colour=MUTED)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    what = label or say(en="heat map", ko="히트맵")
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + say(
        en=f"{what} ({values.shape[0]}x{values.shape[1]}){'' if picture is None else ' over a picture'}: from {number(np.nanmin(values))} to {number(np.nanmax(values))}, "
           f"largest at row {row + 1}, column {column + 1}.",
        ko=f"{what}({values.shape[0]}x{values.shape[1]}){'' if picture is None else ', 사진 위에 겹침'}: {number(np.nanmin(values))}에서 {number(np.nanmax(values))}까지, "
           f"가장 큰 값은 {row + 1}행 {column + 1}열."))


@drawn
def receptive_field(image, boxes: Sequence, *, heat=None, labels: Sequence[str] | None = None, title: str | None = None, width: int = 480) -> Figure:
    """Boxes (top, left, bottom, right), half-open and in pixels of the picture (3, H, W), drawn on it; beyond its edge the ground is grey.

    heat: (H, W) influence of each pixel, as `ops.effective_receptive_field` gives it, glows over the darkened picture (square root of the size, the largest
    0.2 % alike). labels: a word for each box.
    """
    picture = check_photo(image)
    rows, columns = picture.shape[:2]
    fields = [tuple(float(part) for part in ((entry.top, entry.left, entry.bottom, entry.right) if hasattr(entry, "top") else entry)) for entry in boxes]
    for field in fields:
        if len(field) != 4 or field[2] <= field[0] or field[3] <= field[1]:
            raise ValueError(say(en=f"a box is (top, left, bottom, right) with bottom > top and right > left, not {field}: correct it",
                                 ko=f"상자는 (위, 왼쪽, 아래, 오른쪽)이고 아래 > 위, 오른쪽 > 왼쪽이어야 하는데 {field}이에요. 고쳐 주세요."))
    names = _titles(labels, len(fields))
    shown = picture
    if heat is not None:
        values = check_map(heat).astype(float)
        _same_size(picture, values)
        size = np.abs(np.nan_to_num(values))
        largest = np.quantile(size[size > 0], 0.998) if size.any() else 1.0       # a gradient has a few pixels that would leave all others dark
        glow = np.clip(size / largest, 0, 1)[..., None] ** 0.5
        grey = 0.8 * (picture @ np.array([0.299, 0.587, 0.114]))[..., None]
        shown = np.round((1 - 0.9 * glow) * grey + 0.9 * glow * 255 * matplotlib.colormaps["viridis"](glow[..., 0])[..., :3]).astype(np.uint8)
    top, left = min(0, *(f[0] for f in fields), 0), min(0, *(f[1] for f in fields), 0)
    bottom, right = max(rows, *(f[2] for f in fields), rows), max(columns, *(f[3] for f in fields), columns)
    rim = 0.02 * max(rows, columns) if (top, left, bottom, right) != (0, 0, rows, columns) else 0
    top, left, bottom, right = top - rim, left - rim, bottom + rim, right + rim
    scale = min(width / (right - left), 560 / (bottom - top))
    head = heading_height(title)
    across, down = round((right - left) * scale), round((bottom - top) * scale)
    figure = Figure.of_size(head + down + 8, flat=False)
    heading(figure, title)
    sheet = figure.sheet
    ground = figure.panel(0, head, across, down, facecolor=SOFT, zorder=-1)
    ground.set(xticks=[], yticks=[])
    ground.spines[:].set_visible(False)
    x0, y0 = round(-left * scale), head + round(-top * scale)
    _show(figure, _fit(shown, round(columns * scale), round(rows * scale)), x0, y0)
    colours = (SERIES[1], SERIES[0], SERIES[2], SERIES[3], SERIES[4], SERIES[5])
    for k, ((t, le, b, r), name) in enumerate(zip(fields, names)):
        x, y = x0 + le * scale, y0 + t * scale
        for edge, thick in ((PAPER, 5), (colours[k % 6], 2.6)):
            box(sheet, x, y, (r - le) * scale, (b - t) * scale, facecolor="none", edgecolor=edge, linewidth=thick * fonts.PT, zorder=6, gid="field",
                linestyle="-" if k == 0 or edge == PAPER else (0, (5, 2)))
        if name:
            figure.write(x + 6, y + 13, name, bold=True, colour=colours[k % 6], zorder=8, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 2})
    told = "; ".join((f"{name}: " if name else "") + say(
        en=f"rows {number(t)} to {number(b)}, columns {number(le)} to {number(r)} ({number(b - t)}x{number(r - le)})",
        ko=f"{number(t)}행부터 {number(b)}행, {number(le)}열부터 {number(r)}열({number(b - t)}x{number(r - le)})") for (t, le, b, r), name in zip(fields, names))
    lead = say(en=f"A picture of {rows}x{columns} pixels with boxes: {told}.", ko=f"{rows}x{columns} 이미지 위의 상자, {told}.")
    if heat is not None and len(fields):
        t, le, b, r = (int(round(part)) for part in fields[0])
        values = np.abs(check_map(heat).astype(float))
        middle = values[max(0, t + (b - t) // 4):max(0, b - (b - t) // 4), max(0, le + (r - le) // 4):max(0, r - (r - le) // 4)].sum() / (values.sum() or 1.0)
        lead += say(en=f" {percent(middle)} of the influence lies in the inner half (by side) of the first box.",
                    ko=f" 영향의 {percent(middle)}가 첫 상자 안쪽, 변이 절반인 상자에 들어 있어요.")
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + lead)

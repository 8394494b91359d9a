"""Pictures: photos, label maps with their names on them, overlays, predictions, heat maps, receptive fields."""

import functools

import matplotlib
import numpy as np
from matplotlib.patches import Patch, Rectangle

from segcourse.datasets import palettes
from segcourse.figures.figure import INK, WIDTH, Figure, array, new, style
from segcourse.language import say

_CREDITS = {
    "astronaut": ("Eileen Collins. NASA Great Images database, public domain", "에일린 콜린스. NASA Great Images 데이터베이스, 퍼블릭 도메인"),
    "chelsea": ("Chelsea the cat. Photo by Stéfan van der Walt, CC0", "고양이 첼시. 사진 Stéfan van der Walt, CC0"),
    "coffee": ("Coffee at Pikolo Espresso Bar. Photo by Rachel Michetti, CC0", "피콜로 에스프레소 바의 커피. 사진 Rachel Michetti, CC0"),
    "rocket": ("Launch of a Falcon 9. Photo by SpaceX, CC0", "팰컨 9 발사. 사진 SpaceX, CC0"),
}


@functools.lru_cache(maxsize=4)
def _photo(name: str):
    import skimage.data

    return getattr(skimage.data, name)()


def photo(name, size=None):
    """One of scikit-image's public-domain photos, astronaut, chelsea, coffee or rocket: uint8 tensor (3, H, W).

    `size` (h, w) cuts the middle to that shape and reduces it with antialiasing. Raises ValueError for another name.
    """
    import torch
    from PIL import Image

    if name not in _CREDITS:
        raise ValueError(say(en=f"no photo is called {name!r}: there are {', '.join(_CREDITS)}", ko=f"{name!r}라는 사진은 없어요. {', '.join(_CREDITS)} 중에서 골라 주세요."))
    picture = Image.fromarray(_photo(name)[..., :3])
    if size is not None:
        height, width = int(size[0]), int(size[1])
        scale = min(picture.width / width, picture.height / height)
        left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + width * scale, top + height * scale))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def photo_credit(name) -> str:
    """Who took the photo and under which licence, in the language in force."""
    english, korean = _CREDITS[name]
    return say(en=english, ko=korean)


def rgb(image) -> np.ndarray:
    """(3, H, W) uint8 or floats in 0..1 -> (H, W, 3) for matplotlib. Raises ValueError for another shape."""
    found = array(image)
    if found.ndim == 3 and found.shape[0] == 3:
        found = found.transpose(1, 2, 0)
    if found.ndim != 3 or found.shape[2] != 3:
        raise ValueError(say(en=f"a picture has the shape (3, H, W), got {tuple(array(image).shape)}", ko=f"그림의 모양은 (3, H, W)여야 하는데 {tuple(array(image).shape)}이에요. 바꿔 주세요."))
    return found


def _outlines(label) -> np.ndarray:
    edge = np.zeros(label.shape, bool)
    edge[:, 1:] |= label[:, 1:] != label[:, :-1]
    edge[1:] |= label[1:] != label[:-1]
    return edge


def _ink_on(colour) -> str:
    red, green, blue = (float(part) for part in colour[:3])
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else INK


def _name_regions(axes, label, palette, least=0.045):
    """Write the class name into each large region, at the point farthest from its outline."""
    from scipy import ndimage

    for index in np.unique(label):
        if index == palette.void:
            continue
        regions, count = ndimage.label(label == index)
        if not count:
            continue
        sizes = ndimage.sum_labels(np.ones_like(label), regions, range(1, count + 1))
        biggest = int(np.argmax(sizes)) + 1
        if sizes[biggest - 1] < least * label.size:
            continue
        depth = ndimage.distance_transform_edt(np.pad(regions == biggest, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        axes.text(x, y, palette.name(index), fontsize=8.5, ha="center", va="center", color=_ink_on(palette.colours[index]))


def _show(axes, item, palette, name_regions=True):
    """One item: (3, H, W) a picture, whole numbers (H, W) a label map, other numbers (H, W) a heat map."""
    found = array(item)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if found.ndim == 3:
        axes.imshow(rgb(found))
        return
    if found.ndim == 2 and found.dtype.kind in "iub":
        axes.imshow(palette.colourise(found))
        if name_regions:
            _name_regions(axes, found, palette)
        return
    axes.imshow(found, cmap="viridis")


def _present(labels, palette) -> list[int]:
    found = sorted({int(value) for label in labels for value in np.unique(array(label))})
    return [value for value in found if value != palette.void] + ([palette.void] if palette.void in found else [])


def legend(figure, classes, palette, *, bottom, extra=()):
    """A compact legend of `classes` as part of the picture, its lower edge at `bottom` (share of the height)."""
    handles = [Patch(facecolor=palette.colours[min(index, len(palette.names_en))] / 255, edgecolor="#77777c", linewidth=0.5, label=palette.name(index),
                     hatch="////" if index == palette.void else None) for index in classes]
    handles += list(extra)
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, bottom), ncols=min(7, len(handles)), fontsize=9, handlelength=1.1,
                  handleheight=1.0, columnspacing=1.2, handletextpad=0.5, borderaxespad=0)


def _kind(item) -> str:
    found = array(item)
    if found.ndim == 3:
        return say(en="picture", ko="사진")
    return say(en="label map", ko="레이블 맵") if found.dtype.kind in "iub" else say(en="map", ko="맵")


def images(items, titles=None, *, columns=None, palette=palettes.CAMVID, title=None) -> Figure:
    """Pictures (3, H, W), label maps (whole numbers, (H, W)) and heat maps (other numbers, (H, W)) in rows, each with its title."""
    items = list(items)
    titles = list(titles or [""] * len(items))
    columns = columns or min(3, len(items))
    rows = -(-len(items) // columns)
    labels = [item for item in items if array(item).ndim == 2 and array(item).dtype.kind in "iub"]
    present = _present(labels, palette) if labels else []
    with style():
        ratio = max(array(item).shape[-2] / array(item).shape[-1] for item in items)
        wide = (WIDTH - 0.12 * (columns + 1)) / columns
        head = 0.34 if any(titles) else 0.1
        foot = 0.08 + (0.24 * -(-len(present) // 7) if present else 0)
        top = 0.3 if title else 0
        height = rows * (wide * ratio + head) + foot + top
        figure = new(height)
        for index, (item, name) in enumerate(zip(items, titles, strict=True)):
            row, column = divmod(index, columns)
            left = 0.12 + column * (wide + 0.12)
            bottom = height - top - (row + 1) * (wide * ratio + head)
            axes = figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, wide * ratio / height))
            _show(axes, item, palette)
            axes.set_anchor("N")
            if name:
                axes.set_title(name, fontsize=10, loc="left", wrap=True)
        if title:
            figure.text(0.12 / WIDTH, 1 - 0.17 / height, title, fontsize=11, va="center")
        if present:
            legend(figure, present, palette, bottom=0.04 / height)
    told = "; ".join(f"{_kind(item)} {name}".strip() for item, name in zip(items, titles))
    figure.alt = (f"{title}. " if title else "") + told
    if present:
        figure.alt += say(en=". Classes: ", ko=". 클래스: ") + ", ".join(palette.name(index) for index in present)
    return figure


def image(item, *, title=None) -> Figure:
    """One picture (3, H, W) in full width."""
    return images([item], [title or ""], columns=1)


def label_map(label, *, title=None, palette=palettes.CAMVID) -> Figure:
    """A label map (H, W), the names on its large regions and in a legend."""
    return images([array(label).astype(np.int64)], [title or ""], columns=1, palette=palette)


def blend(picture, label, palette=palettes.CAMVID, share=0.5) -> np.ndarray:
    """The label's colours over the picture, outlines drawn dark: uint8 (H, W, 3)."""
    colours = palette.colourise(array(label)).astype(float)
    base = rgb(picture).astype(float)
    base = base * 255 if base.max() <= 1 else base
    mixed = (1 - share) * base + share * colours
    mixed[_outlines(array(label))] *= 0.35
    return mixed.round().clip(0, 255).astype(np.uint8)


def overlay(picture, label, *, title=None, palette=palettes.CAMVID) -> Figure:
    """The label map at 50 % over its picture, boundaries drawn, legend inside."""
    figure = images([blend(picture, label, palette).transpose(2, 0, 1)], [title or ""], columns=1, palette=palette)
    names = ", ".join(palette.name(index) for index in _present([label], palette))
    figure.alt = (f"{title}. " if title else "") + say(en="Label map over its picture. Classes: ", ko="사진 위에 겹친 레이블 맵. 클래스: ") + names
    return figure


def prediction_rows(pictures, truths, predictions, *, palette=palettes.CAMVID, title=None) -> Figure:
    """Rows of picture, truth, prediction, error, always in this order. Wrong pixels are red over the dimmed picture; void is hatched grey."""
    pictures, truths, predictions = list(pictures), [array(t) for t in truths], [array(p) for p in predictions]
    heads = say(en="picture|truth|prediction|error", ko="사진|정답|예측|오답").split("|")
    present = _present([*truths, *predictions], palette)
    wrongs = []
    with style():
        ratio = truths[0].shape[0] / truths[0].shape[1]
        wide = (WIDTH - 0.08 * 5) / 4
        tall = wide * ratio
        head, foot = 0.3 + (0.3 if title else 0), 0.1 + 0.24 * -(-(len(present) + 1) // 7)
        height = head + len(pictures) * (tall + 0.08) + foot
        figure = new(height)
        for row, (picture, truth, guess) in enumerate(zip(pictures, truths, predictions, strict=True)):
            palette.check(guess)
            counted = truth != palette.void
            wrong = counted & (truth != guess)
            wrongs.append(wrong.sum() / max(1, counted.sum()))
            base = rgb(picture).astype(float)
            grey = 0.45 * base.mean(2, keepdims=True) + 110
            error = np.where(wrong[..., None], np.array([200, 24, 40.0]), np.broadcast_to(grey, base.shape)).clip(0, 255).astype(np.uint8)
            for column, item in enumerate((array(picture), truth, guess, error.transpose(2, 0, 1))):
                bottom = height - head - (row + 1) * (tall + 0.08)
                axes = figure.add_axes(((0.08 + column * (wide + 0.08)) / WIDTH, bottom / height, wide / WIDTH, tall / height))
                _show(axes, item.astype(np.int64) if item.ndim == 2 else item, palette, name_regions=False)
                if column == 3 and (~counted).any():
                    axes.contourf(~counted, levels=[0.5, 1.5], colors="none", hatches=["////"])
                if row == 0:
                    axes.set_title(heads[column], fontsize=10, loc="left", pad=4)
                if column == 3:
                    axes.text(0.98, 0.04, f"{wrongs[-1]:.0%}", transform=axes.transAxes, ha="right", va="bottom", fontsize=9,
                              bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5})
        if title:
            figure.text(0.08 / WIDTH, 1 - 0.17 / height, title, fontsize=11, va="center")
        legend(figure, present, palette, bottom=0.03 / height, extra=[Patch(facecolor="#c81828", label=say(en="wrong", ko="틀린 픽셀"))])
    names = ", ".join(palette.name(index) for index in present)
    shares = ", ".join(f"{wrong:.0%}" for wrong in wrongs)
    figure.alt = (f"{title}. " if title else "") + say(
        en=f"{len(pictures)} rows of picture, truth, prediction, error; wrong pixels: {shares}. Classes: {names}",
        ko=f"사진, 정답, 예측, 오답이 {len(pictures)}줄. 틀린 픽셀 비율 {shares}. 클래스: {names}")
    return figure


def heat_map(picture, heat, *, title=None, label=None) -> Figure:
    """A map (h, w) of any resolution laid over its picture (3, H, W), with a scale."""
    values = array(heat).astype(float)
    with style():
        base = rgb(picture)
        ratio = base.shape[0] / base.shape[1]
        wide = WIDTH - 1.3
        height = wide * ratio + (0.42 if title else 0.16)
        figure = new(height)
        axes = figure.add_axes((0.1 / WIDTH, 0.08 / height, wide / WIDTH, wide * ratio / height))
        axes.imshow(base, extent=(0, base.shape[1], base.shape[0], 0))
        drawn = axes.imshow(values, extent=(0, base.shape[1], base.shape[0], 0), cmap="viridis", alpha=0.6)
        axes.axis("off")
        bar = figure.add_axes(((0.25 + wide) / WIDTH, 0.08 / height, 0.16 / WIDTH, wide * ratio / height))
        figure.colorbar(drawn, cax=bar, label=label or "")
        if title:
            axes.set_title(title)
    figure.alt = (f"{title}. " if title else "") + say(
        en=f"Heat map of {values.shape[0]}x{values.shape[1]} cells over the picture, from {values.min():.2g} to {values.max():.2g}",
        ko=f"사진 위에 겹친 {values.shape[0]}x{values.shape[1]}칸 히트맵, {values.min():.2g}부터 {values.max():.2g}까지")
    return figure


def receptive_field(picture, boxes, *, heat=None, title=None, labels=None) -> Figure:
    """Boxes (top, left, bottom, right) in pixels on a picture (3, H, W); what leaves the picture is hatched. `heat` (H, W) is laid over it."""
    boxes = [tuple(float(v) for v in (getattr(box, "top", None), getattr(box, "left", None), getattr(box, "bottom", None), getattr(box, "right", None)))
             if hasattr(box, "top") else tuple(float(v) for v in box) for box in boxes]
    with style():
        base = rgb(picture)
        height_px, width_px = base.shape[:2]
        top, left = min(0, *(b[0] for b in boxes)), min(0, *(b[1] for b in boxes))
        bottom, right = max(height_px, *(b[2] for b in boxes)), max(width_px, *(b[3] for b in boxes))
        margin = 0.02 * (right - left)
        span_x, span_y = right - left + 2 * margin, bottom - top + 2 * margin
        wide = min(WIDTH - 0.2, 5.0 * span_x / span_y)
        tall = wide * span_y / span_x
        height = tall + (0.44 if title else 0.14)
        figure = new(height)
        axes = figure.add_axes(((WIDTH - wide) / 2 / WIDTH, 0.06 / height, wide / WIDTH, tall / height))
        if (top, left, bottom, right) != (0, 0, height_px, width_px):
            axes.add_patch(Rectangle((left, top), right - left, bottom - top, facecolor="#ececee", edgecolor="#b5b5ba", hatch="////", linewidth=0))
        axes.imshow(base, extent=(0, width_px, height_px, 0))
        if heat is not None:
            values = array(heat).astype(float)
            shown = matplotlib.colormaps["inferno"](np.sqrt(values / max(values.max(), 1e-12)))
            shown[..., 3] = np.clip(1.6 * np.sqrt(values / max(values.max(), 1e-12)), 0, 0.85)
            axes.imshow(shown, extent=(0, width_px, height_px, 0))
        for index, box in enumerate(boxes):
            colour = ("#ffffff", "#ffc24b", "#7fd0ff", "#ff8f8f")[index % 4]
            for width, ink in ((4.0, INK), (1.8, colour)):
                axes.add_patch(Rectangle((box[1], box[0]), box[3] - box[1], box[2] - box[0], fill=False, edgecolor=ink, linewidth=width, zorder=4))
            if labels:
                axes.text(box[1] + 2, box[0] + 2, labels[index], color="white", fontsize=9, va="top", zorder=5, bbox={"facecolor": INK, "edgecolor": "none", "pad": 1.5})
        axes.set_xlim(left - margin, right + margin)
        axes.set_ylim(bottom + margin, top - margin)
        axes.axis("off")
        if title:
            axes.set_title(title)
    sizes = ", ".join(f"{box[2] - box[0]:.0f}x{box[3] - box[1]:.0f}" for box in boxes)
    figure.alt = (f"{title}. " if title else "") + say(en=f"Boxes of {sizes} pixels on the picture", ko=f"사진 위에 {sizes}픽셀 상자")
    return figure

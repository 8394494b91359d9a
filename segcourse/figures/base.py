"""What all figures share: the house style, `Figure` with its alt text, and drawing in pixels.

**How a picture carries its alt text.** A figure shows itself as a bundle. `image/png` comes with `metadata["image/png"]["alt"]`, which
nbconvert and VS Code write into the page, and `text/plain` is the same text, for consoles, e-mail and diffs. JupyterLab 4.6 ignores that
metadata (its renderer of images reads width, height and needs_background only), so in a live notebook the bundle also has `text/html`: an
`<img alt="...">` around the same bytes, which JupyterLab, Colab and nbconvert prefer, and which JupyterLab shows in notebooks that are not
trusted, too. In a notebook that is being built (SEGCOURSE_BUILD=1) the html is left out: GitHub cleans html outputs, and a picture must never be
at its mercy; it would also double the size. A built picture therefore has its text in the file, and in JupyterLab's page once its cell is run.
The PNG holds the text as well (iTXt "Description"). `_ipython_display_` publishes the bundle: a `%matplotlib inline` in the reader's notebook would
otherwise draw the picture again in its own way and lose the text.
"""

import base64
import functools
import html
import io
import os
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Rectangle
from PIL import Image, PngImagePlugin

from segcourse.figures import fonts
from segcourse.language import say

WIDTH = 720             # pixels: 7.2 in at 100 dpi
DPI = 100
INK, MUTED, FAINT, RULE, SOFT, PAPER = "#1d2733", "#5b6672", "#b4bcc5", "#d9dee4", "#f4f6f8", "#ffffff"
ROLES = {"input": "#1f6fb4", "kernel": "#c75d0a", "output": "#1f8a4c", "count": "#277f8e", "plain": INK}
NEGATIVE = "#96489c"    # numbers below zero, in grids
WRONG = "#d6006c"       # wrong pixels; no class has this colour
SERIES = ("#1f6fb4", "#c75d0a", "#1f8a4c", "#96489c", "#277f8e", "#5b6672")
TEXT = 14               # pixels: the smallest text in a figure

_READ = ("axes.", "font.", "text.", "lines.", "patch.", "xtick.", "ytick.", "grid.", "legend.", "figure.", "image.", "savefig.", "hatch.", "mathtext.",
         "path.", "agg.", "errorbar.", "scatter.", "markers.", "hist.")
_KEPT = ("figure.max_open_warning", "figure.raise_window", "figure.hooks", "savefig.directory")


@functools.cache
def _style() -> dict:
    fonts.files()
    defaults = {name: value for name, value in dict.items(matplotlib.rcParamsDefault) if name.startswith(_READ) and name not in _KEPT}
    ours = matplotlib.rc_params_from_file(Path(__file__).with_name("house.mplstyle"), use_default_template=False)
    return {**defaults, **dict(ours.items()), "font.family": fonts.REGULAR}


@contextmanager
def house_style():
    """The course's style inside a with block: whatever the reader has set in matplotlib neither shows in a figure nor is changed by one."""
    with matplotlib.rc_context(_style()):
        yield


def drawn(function):
    """Decorator: draws in the house style."""
    @functools.wraps(function)
    def in_style(*args, **options):
        with house_style():
            return function(*args, **options)
    return in_style


class Shown:
    """What shows itself as a PNG with words: `alt`, `size_px` and `png()` come from the class that is shown."""

    alt: str

    def _embedded(self, picture: str) -> str:
        """The html of a live notebook around `picture`, the PNG in base64."""
        width, height = self.size_px
        return f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" style="max-width: 100%; height: auto" src="data:image/png;base64,{picture}">'

    def save(self, path) -> None:
        """Write the PNG to the file `path`."""
        Path(path).write_bytes(self.png())

    def _repr_mimebundle_(self, include=None, exclude=None, **_):
        picture = base64.b64encode(self.png()).decode("ascii")
        bundle = {"image/png": picture, "text/plain": self.alt}
        if os.environ.get("SEGCOURSE_BUILD") != "1":
            bundle["text/html"] = self._embedded(picture)
        return bundle, {"image/png": {"alt": self.alt}}

    def _ipython_display_(self):
        from IPython.display import publish_display_data

        publish_display_data(*self._repr_mimebundle_())


def written(picture: Image.Image, alt: str, **options) -> bytes:
    """`picture` as PNG with its words in it: the same bytes each time, without dates or names of programs."""
    words = PngImagePlugin.PngInfo()
    if alt:
        words.add_itxt("Description", alt)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True, pnginfo=words, **options)
    return stream.getvalue()


class Figure(Shown, MatplotlibFigure):
    """A matplotlib Figure made without pyplot, with `alt`: what the picture shows, in the language in force when it was made.

    `flat`: the picture has few colours and is saved with 256 of them; others, with photos in them, keep 32 steps of each part, which halves the file
    and cannot be seen, but for the colours in `exact` (K, 3). `classes`: the labels named in it, where it has label maps.
    """

    def __init__(self, *args, alt: str = "", flat: bool = True, **options):
        with house_style():
            super().__init__(*args, **options)
            FigureCanvasAgg(self)
        self.alt, self.flat, self.classes = alt, flat, ()
        self.exact = np.zeros((0, 3), np.uint8)
        self._sheet = None

    @classmethod
    def of_size(cls, height: float, width: float = WIDTH, **options) -> "Figure":
        """An empty figure of `width` x `height` pixels."""
        return cls(figsize=(round(width) / DPI, round(height) / DPI), **options)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return round(self.get_figwidth() * DPI), round(self.get_figheight() * DPI)

    def panel(self, left: float, top: float, width: float, height: float, **options):
        """Axes at a place given in pixels from the top left corner."""
        across, down = self.size_px
        return self.add_axes((left / across, 1 - (top + height) / down, width / across, height / down), **options)

    @property
    def sheet(self):
        """Axes over the whole figure whose units are pixels, (0, 0) top left: to draw on by hand."""
        if self._sheet is None:
            across, down = self.size_px
            self._sheet = self.panel(0, 0, across, down, zorder=5)
            self._sheet.set(xlim=(0, across), ylim=(down, 0))
            self._sheet.patch.set_alpha(0)
            self._sheet.axis("off")
        return self._sheet

    def write(self, x: float, y: float, text: str, *, px: float = TEXT, bold: bool = False, colour: str = INK, ha: str = "left", va: str = "center", **options):
        """Text on the sheet, at pixels."""
        return self.sheet.text(x, y, text, fontsize=px * fonts.PT, fontfamily=fonts.BOLD if bold else fonts.REGULAR, color=colour, ha=ha, va=va, **options)

    def pixels(self) -> np.ndarray:
        """What is drawn, uint8 (H, W, 3)."""
        with house_style():
            canvas = FigureCanvasAgg(self)
            canvas.draw()
            return np.array(canvas.buffer_rgba())[..., :3]

    def png(self) -> bytes:
        """The picture as PNG."""
        shown = self.pixels()
        return written(_few_colours(shown) if self.flat else fewer_bits(shown, self.exact), self.alt)


def _packed(colours: np.ndarray) -> np.ndarray:
    """uint8 (..., 3) -> one whole number for each colour."""
    return (colours[..., 0].astype(np.int64) << 16) | (colours[..., 1].astype(np.int64) << 8) | colours[..., 2]


def _few_colours(shown: np.ndarray) -> Image.Image:
    """uint8 (H, W, 3) -> a palette picture. The commonest colours stay exactly as they are; rare ones, blends at edges, go to the nearest."""
    packed = _packed(shown)
    colours, place, count = np.unique(packed, return_inverse=True, return_counts=True)
    place = place.reshape(packed.shape)
    if len(colours) > 256:
        order = np.lexsort((colours, -count))
        kept = np.sort(order[:256])
        rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.float32)
        nearest = np.empty(len(colours), np.int64)
        for start in range(0, len(colours), 4096):
            part = rgb[start:start + 4096]
            nearest[start:start + 4096] = (((part[:, None] - rgb[kept][None]) ** 2) @ np.array([0.3, 0.59, 0.11], np.float32)).argmin(1)
        place, colours = nearest[place], colours[kept]
    picture = Image.fromarray(place.astype(np.uint8))
    picture.putpalette(np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8).tobytes())
    return picture


def fewer_bits(shown: np.ndarray, exact: np.ndarray) -> Image.Image:
    """uint8 (H, W, 3) -> the same with 32 steps in each part, at most 4 grey levels away; colours in `exact` are left alone."""
    rounded = np.minimum((shown.astype(np.int32) + 4) // 8 * 8, 255).astype(np.uint8)
    kept = np.isin(_packed(shown), _packed(exact))
    rounded[kept] = shown[kept]
    return Image.fromarray(rounded)


def mix(one: str, other: str, share: float) -> str:
    """The colour `share` of the way from one to the other."""
    return to_hex([a + (b - a) * share for a, b in zip(to_rgb(one), to_rgb(other))])


def _luminance(colour) -> float:
    """Relative luminance, 0 to 1 (WCAG 2)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other) -> float:
    """How well one colour can be read on another, 1 (not at all) to 21 (WCAG 2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(colour) -> str:
    """Ink or white, whichever is easier to read on `colour`."""
    return INK if contrast(INK, colour) >= contrast(PAPER, colour) else PAPER


def array(values) -> np.ndarray:
    """A tensor, array or nested list as an array on the CPU; bfloat16 as float32."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) in ("torch.bfloat16", "torch.float16"):
            values = values.float()
        return values.numpy()
    if isinstance(values, (list, tuple)) and len(values) and any(hasattr(value, "detach") for value in values):
        return np.stack([array(value) for value in values])
    return np.asarray(values)


def squeeze(values: np.ndarray, ndim: int) -> np.ndarray:
    """Drops leading dimensions of 1 until `ndim` are left."""
    while values.ndim > ndim and values.shape[0] == 1:
        values = values[0]
    return values


def number(value: float, decimals: int | None = None) -> str:
    """A number as figures show it: whole numbers plain, others with two digits that matter, a true minus sign. `decimals`: at most so many."""
    value = float(value)
    if value != value:
        return ""
    if value in (float("inf"), float("-inf")):
        text = "∞" if value > 0 else "-∞"
    elif abs(value - round(value)) < 1e-9 and abs(value) < 1e12:
        text = f"{round(value):,}" if abs(value) >= 1e4 else str(round(value))
    elif decimals is not None and abs(value) < 1e6:
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        text = "0" if text in ("-0", "") else text
    elif abs(value) >= 1e6 or abs(value) < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    else:
        size = abs(value)
        digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3 if size >= 0.01 else 4
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        text = "0" if text == "-0" else text
    return text.replace("-", "−")


def percent_sign() -> str:
    """As it stands after a number: Korean writes 94%, English here 94 %."""
    return say(en=" %", ko="%")


def percent(value: float, digits: int = 0) -> str:
    """A fraction in per cent; an en dash where it is nan."""
    return "–" if value != value else f"{100 * value:.{digits}f}{percent_sign()}".replace("-", "−")


def heading(figure: Figure, title: str | None, *, left: float = 0, top: float = 4, room: float | None = None) -> None:
    """The figure's title at the top: what to see."""
    if title:
        for row, line in enumerate(fonts.wrap(title, (room or figure.size_px[0] - left), 15, bold=True)):
            figure.write(left, top + 10 + 20 * row, line, px=15, bold=True)


def heading_height(title: str | None, room: float = WIDTH) -> int:
    """The pixels `heading` needs."""
    return 20 * len(fonts.wrap(title, room, 15, bold=True)) + 12 if title else 0


def own_axes(ax, what: str):
    """Return `ax` if one can draw in it, else raise TypeError."""
    if not hasattr(ax, "add_patch"):
        raise TypeError(say(en=f"ax= of figures.{what} takes a matplotlib Axes, not {type(ax).__name__}: leave it out to get a new figure",
                            ko=f"figures.{what}의 ax=에는 matplotlib Axes가 필요한데 {type(ax).__name__}이에요. 새 그림이면 ax=를 빼 주세요."))
    return ax


def tell(ax_or_figure, alt: str):
    """Give the figure its alt text (beside what it already says, if several panels are drawn into it) and return it."""
    figure = getattr(ax_or_figure, "figure", ax_or_figure)
    figure.alt = f"{figure.alt} {alt}".strip() if getattr(figure, "alt", "") else alt
    return figure


def box(ax, x, y, width, height, **options):
    """A rectangle on `ax` (no edge unless one is asked for)."""
    return ax.add_patch(Rectangle((x, y), width, height, **{"linewidth": 0, "edgecolor": "none", **options}))

"""Korean in pictures without any set-up: NanumGothic, taken from koreanize-matplotlib by path, with DejaVu Sans behind it.

The package is never imported: its import needs distutils, which Python 3.12 no longer has. The faces are listed with matplotlib under
names of our own, so that neither a copy on the machine nor matplotlib's idea of their weight changes a picture.
"""

import dataclasses
import functools
import importlib.util
from pathlib import Path

import matplotlib
from matplotlib import font_manager

REGULAR = ["segcourse regular", "segcourse regular behind"]
BOLD = ["segcourse bold", "segcourse bold behind"]
PT = 0.72       # points in a pixel at the course's 100 dpi


def _files() -> dict[str, Path]:
    ours = Path(matplotlib.get_data_path(), "fonts", "ttf")
    behind, behind_bold = ours / "DejaVuSans.ttf", ours / "DejaVuSans-Bold.ttf"
    found = importlib.util.find_spec("koreanize_matplotlib")
    nanum = Path(found.submodule_search_locations[0], "fonts") if found else ours
    first = {"regular": nanum / "NanumGothic.ttf", "bold": nanum / "NanumGothicBold.ttf"}
    return {REGULAR[0]: first["regular"] if first["regular"].is_file() else behind, REGULAR[1]: behind,
            BOLD[0]: first["bold"] if first["bold"].is_file() else behind_bold, BOLD[1]: behind_bold}


@functools.cache
def files() -> dict[str, str]:
    """family name -> font file; the faces are known to matplotlib from the first call on."""
    for name, path in _files().items():
        entry = font_manager.ttfFontProperty(font_manager.get_font(str(path)))
        entry = dataclasses.replace(entry, fname=str(path), name=name, weight=400, style="normal", stretch="normal")
        font_manager.fontManager.ttflist.append(entry)
    return {name: str(path) for name, path in _files().items()}


def width(text: str, px: float, *, bold: bool = False) -> float:
    """How many pixels wide one line of `text` is at the size `px`."""
    known = files()
    font = font_manager.get_font([known[name] for name in (BOLD if bold else REGULAR)])
    font.set_size(px * PT, 100)
    font.set_text(text, 0.0)
    return font.get_width_height()[0] / 64


def wrap(text: str, room: float, px: float, *, bold: bool = False) -> list[str]:
    """`text` in lines no wider than `room` pixels, broken at spaces, but for that of "29 %"; a word that is wider stands alone."""
    lines: list[str] = []
    for paragraph in str(text).split("\n"):
        line = ""
        for word in paragraph.replace(" %", "\0%").split():
            word = word.replace("\0", " ")
            longer = f"{line} {word}".strip()
            if line and width(longer, px, bold=bold) > room:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines

"""The course's Figure: matplotlib without pyplot, one style, Korean text without any set-up, and a text for those who cannot see it.

How the alt text travels. JupyterLab 4 draws image/png without an alt attribute and ignores the output's metadata; nbconvert reads
``metadata["image/png"]["alt"]``; GitHub shows image/png. So a figure gives image/png with the alt text in its metadata and as text/plain, and in a
live notebook, where nothing of it is stored, an <img> with a real alt attribute on top, which JupyterLab and Colab prefer. The built notebooks
(SEGCOURSE_BUILD=1) hold the picture alone.
"""

import base64
import functools
import html
import importlib.util
import io
import os
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MatplotlibFigure

WIDTH = 7.2                 # inches
INK, PALE = "#1c1c1e", "#4a4a4f"
ROLES = {"input": ("#d5e5f7", "#1f5fa8"), "kernel": ("#fde3c2", "#c4620a"), "output": ("#d3ecd2", "#2e7d32"), "zero": ("#ececee", "#8a8a8f"),
         "plain": ("#f4f4f5", "#6a6a6f")}      # fill, edge: the same thing has the same colour everywhere


@functools.cache
def _fonts() -> tuple[str, ...]:
    """NanumGothic out of koreanize-matplotlib's folder (never imported: its import breaks on Python 3.12), with DejaVu Sans behind it."""
    found = importlib.util.find_spec("koreanize_matplotlib")
    if found is None or not found.submodule_search_locations:
        return ("DejaVu Sans",)
    path = Path(found.submodule_search_locations[0], "fonts", "NanumGothic.ttf")
    if not path.is_file():
        return ("DejaVu Sans",)
    font_manager.fontManager.addfont(path)
    return ("NanumGothic", "DejaVu Sans")


@contextmanager
def style():
    """The course's style inside a with block; the reader's own rcParams come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.style.use(str(resources.files("segcourse.figures").joinpath("segcourse.mplstyle")))
        matplotlib.rcParams["font.family"] = list(_fonts())
        yield


class Figure(MatplotlibFigure):
    """A matplotlib Figure with `.alt`, which a notebook shows once, as the last expression of a cell or through `display`."""

    alt: str = ""

    def png(self) -> bytes:
        """The picture as PNG bytes, the same in every run."""
        from PIL import Image

        raw = io.BytesIO()
        with style():
            self.savefig(raw, format="png", metadata={"Software": None})
        raw.seek(0)
        picture = Image.open(raw).convert("RGB")
        colours = picture.getcolors(4096)
        small = io.BytesIO()
        if colours is not None and len(colours) <= 1024:       # a drawing: few colours, a palette loses nothing one could see
            picture = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        picture.save(small, format="PNG", optimize=True)
        return small.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = base64.b64encode(self.png()).decode("ascii")
        data = {"image/png": picture, "text/plain": self.alt}
        if os.environ.get("SEGCOURSE_BUILD") != "1":
            data["text/html"] = f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{picture}">'
        return data, {"image/png": {"alt": self.alt}}


def new(height: float, *, width: float = WIDTH) -> Figure:
    """An empty figure of `width` x `height` inches in the course's style (call it inside `with style()`)."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def array(values) -> np.ndarray:
    """Tensor, array or nested list -> numpy array without leading axes of length 1."""
    values = values.detach().cpu() if hasattr(values, "detach") else values
    values = values.float() if str(getattr(values, "dtype", "")) == "torch.bfloat16" else values
    found = np.asarray(values)
    while found.ndim > 2 and found.shape[0] == 1:
        found = found[0]
    return found

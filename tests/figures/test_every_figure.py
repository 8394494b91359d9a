"""What holds for all figures: text for those who cannot see them, readable letters, one style, the same bytes each time."""

import base64
import io
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from .conftest import NAMES, example
from matplotlib.text import Text
from PIL import Image

from segcourse import figures
from segcourse.language import reading

HANGUL = re.compile("[가-힣]")
BOTH = pytest.mark.parametrize("language", ["en", "ko"])


def texts(figure):
    """Every text one can see: labels of ticks beyond the end of an axis exist, but are not drawn."""
    beyond = set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond |= {label for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high for label in (tick.label1, tick.label2)}
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible() and text not in beyond]


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_no_letter_is_missing_and_nothing_is_warned(made, name, language):
    _, _, warned = made(name, language)
    assert warned == []


@pytest.mark.parametrize("name", NAMES)
def test_alt_text_in_both_languages(made, name):
    english, korean = made(name, "en")[0].alt, made(name, "ko")[0].alt
    assert not HANGUL.search(english) and HANGUL.search(korean) and len(english) > 40 and len(korean) > 25


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_letters_can_be_read_and_stay_on_the_page(made, name, language):
    figure, png, _ = made(name, language)
    width, height = figure.size_px
    assert width == 720 and Image.open(io.BytesIO(png)).size == (width, height)
    for text in texts(figure):
        assert text.get_fontsize() * figure.dpi / 72 >= 13.9, text.get_text()
        place = text.get_window_extent()
        if text.get_rotation() == 0 and place.width:
            assert place.x0 > -2 and place.x1 < width + 2 and place.y0 > -3 and place.y1 < height + 3, text.get_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_each_time(made, name):
    with reading("ko"):
        again = example(name).png()
    assert again == made(name, "ko")[1]
    chunks = Image.open(io.BytesIO(again)).info
    assert set(chunks) <= {"Description", "transparency", "dpi"} and HANGUL.search(chunks["Description"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_of_25_pictures_stays_small(made, name):
    assert len(made(name, "en")[1]) < 45_000       # 25 of them, in base64, are 1.5 MB


def test_what_a_notebook_shows(monkeypatch, made):
    figure, png, _ = made("grids", "ko")
    monkeypatch.delenv("SEGCOURSE_BUILD", raising=False)
    bundle, metadata = figure._repr_mimebundle_()
    assert metadata == {"image/png": {"alt": figure.alt}} and bundle["text/plain"] == figure.alt
    assert base64.b64decode(bundle["image/png"]) == png
    assert re.search(r'<img alt="([^"]+)"', bundle["text/html"])[1] == figure.alt and bundle["image/png"] in bundle["text/html"]
    monkeypatch.setenv("SEGCOURSE_BUILD", "1")
    assert set(figure._repr_mimebundle_()[0]) == {"image/png", "text/plain"}


def test_markup_in_an_alt_text_stays_text(monkeypatch):
    monkeypatch.delenv("SEGCOURSE_BUILD", raising=False)
    figure = figures.grid([[1]], title='<b>"a" & b</b>')
    assert "<b>" not in figure._repr_mimebundle_()[0]["text/html"]


def test_it_is_shown_once_also_where_matplotlib_inline_is_at_work(monkeypatch):
    """IPython asks _ipython_display_ first: a formatter that `%matplotlib inline` registers for all Figures does not get hold of ours."""
    from IPython import display as ipython_display
    from IPython.core.formatters import DisplayFormatter
    from matplotlib.figure import Figure

    shown = []
    monkeypatch.setattr(ipython_display, "publish_display_data", lambda *args, **options: shown.append(args or options))
    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, lambda figure: pytest.fail("drawn again"))
    assert formatter.format(figures.grid([[1, 2]])) == ({}, {})
    assert len(shown) == 1 and "1 2" in shown[0][0]["text/plain"]


def test_the_reader_s_own_matplotlib_is_left_alone(made):
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "font.family": ["serif"]}), reading("ko"):
        assert example("lines").png() == made("lines", "ko")[1]
    assert dict(matplotlib.rcParams) == before


def test_no_pyplot_and_no_koreanize_matplotlib():
    code = ("import sys; from segcourse import figures; figures.grid([[1, 2]], title='가').png(); figures.compare([{'variant': 'a', 'seed': 0, 'miou': .5}]).png();"
            "print('matplotlib.pyplot' in sys.modules, 'koreanize_matplotlib' in sys.modules)")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and done.stdout.split() == ["False", "False"] and not done.stderr, done.stderr


def test_korean_letters_come_from_nanum_gothic():
    from segcourse.figures import fonts

    assert fonts.files()[fonts.REGULAR[0]].endswith("NanumGothic.ttf") and fonts.files()[fonts.BOLD[0]].endswith("NanumGothicBold.ttf")
    for family in (fonts.REGULAR, fonts.BOLD):
        found = matplotlib.font_manager.findfont(matplotlib.font_manager.FontProperties(family=family), fallback_to_default=False)
        assert "Nanum" in found and "site-packages" in found


def test_every_public_function_is_tried_here():
    made_elsewhere = {"Animation", "animation", "Figure", "LiveCurve", "PHOTOS", "Table", "table", "photo", "photo_credit"}
    assert set(figures.__all__) - made_elsewhere == set(NAMES)


@pytest.mark.parametrize("value, text", [(3.0, "3"), (-2, "−2"), (0.5, "0.5"), (0.0625, "0.062"), (1 / 3, "0.33"), (-1.256, "−1.26"), (12.34, "12.3"), (1234.5, "1234"), (4096, "4096"), (86037, "86,037"),
                                         (float("nan"), ""), (0.0, "0"), (-0.00004, "−4e−5"), (134489725, "134,489,725"), (float("-inf"), "−∞")])
def test_numbers(value, text):
    from segcourse.figures.base import number

    assert number(value) == text


def test_flat_colours_survive_the_small_palette(made):
    """Role colours and class colours are in the PNG exactly."""
    from segcourse.datasets.palettes import CAMVID

    pixels = np.asarray(Image.open(io.BytesIO(made("label_map", "en")[1])).convert("RGB")).reshape(-1, 3)
    overlaid = np.asarray(Image.open(io.BytesIO(made("prediction_rows", "en")[1])).convert("RGB")).reshape(-1, 3)
    for label in (0, 1, 3, 8, 11):
        for shown in (pixels, overlaid):
            assert (shown == CAMVID.colours[label]).all(1).sum() > 100

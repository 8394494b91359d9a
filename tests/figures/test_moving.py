"""An animation: every frame in its order in one PNG, slow, with a still for those who want no motion and words for those who cannot see it."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageSequence

from segcourse import figures
from segcourse.language import reading


def frames(count=3):
    """Maps that differ in one cell each, so that a frame in the wrong place is seen."""
    return [figures.images([np.eye(4) * 2, np.arange(16).reshape(4, 4) == k], kinds=["heat", "grey"], titles=["all", f"{k + 1} / {count}"]) for k in range(count)]


@pytest.fixture(scope="module")
def made():
    shown = frames()
    return figures.animation(shown), [frame.pixels() for frame in shown]


def test_every_frame_is_there_in_its_order_and_the_last_is_held(made):
    moving, drawn = made
    file = Image.open(io.BytesIO(moving.png()))
    assert file.format == "PNG" and file.info["loop"] == 0 and file.size == moving.size_px == drawn[0].shape[1::-1]
    still, *played = [(frame.info.get("duration"), np.asarray(frame.convert("RGB")).astype(int)) for frame in ImageSequence.Iterator(file)]
    assert [milliseconds for milliseconds, _ in played] == [1000, 1000, 3000] and len(moving) == 3
    for (_, found), expected in zip([*played, still], [*drawn, drawn[-1]], strict=True):
        assert np.abs(found - expected).max() <= 4
        assert [np.abs(found - other).max() <= 4 for other in drawn].count(True) == 1      # and it is no other frame


def test_who_knows_no_motion_sees_the_last_frame(made):
    still = Image.open(io.BytesIO(made[0].still()))
    assert getattr(still, "n_frames", 1) == 1 and np.abs(np.asarray(still.convert("RGB")).astype(int) - made[1][-1]).max() <= 4


def test_the_same_bytes_each_time_and_the_text_inside(made):
    assert figures.animation(frames()).png() == made[0].png()
    assert Image.open(io.BytesIO(made[0].png())).info["Description"] == made[0].alt


def test_colours_of_classes_stay_exact():
    from segcourse.datasets.palettes import CAMVID

    label = np.full((6, 6), 8)
    file = Image.open(io.BytesIO(figures.animation([figures.images([label]), figures.images([label + 1])]).png()))
    still, *played = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]
    for found, number in zip([*played, still], (8, 9, 9), strict=True):
        assert (found == CAMVID.colours[number]).all(-1).mean() > 0.5


def test_what_a_notebook_shows(monkeypatch, made):
    moving = made[0]
    monkeypatch.delenv("SEGCOURSE_BUILD", raising=False)
    bundle, metadata = moving._repr_mimebundle_()
    assert metadata == {"image/png": {"alt": moving.alt}} and bundle["text/plain"] == moving.alt
    assert base64.b64decode(bundle["image/png"]) == moving.png()
    calm = re.search(r'<source media="\(prefers-reduced-motion: reduce\)" srcset="data:image/png;base64,([^"]+)">', bundle["text/html"])[1]
    assert base64.b64decode(calm) == moving.still()
    assert re.search(r'<img alt="([^"]+)"', bundle["text/html"])[1] == moving.alt and bundle["image/png"] in bundle["text/html"]
    monkeypatch.setenv("SEGCOURSE_BUILD", "1")
    assert set(moving._repr_mimebundle_()[0]) == {"image/png", "text/plain"}


def test_words_in_both_languages(made):
    first, last = (frame.alt for frame in (frames()[0], frames()[-1]))
    assert made[0].alt.startswith("An animation of 3 pictures") and first in made[0].alt and last in made[0].alt
    with reading("ko"):
        assert figures.animation(frames()).alt.startswith("그림 3장이 차례로 바뀌는")


@pytest.mark.parametrize("given, options, said", [
    (lambda: [], {}, "at least two figures, got 0"), (lambda: frames(1), {}, "got 1"), (lambda: [*frames(2), figures.grid([[1]])], {}, "number 3 is"),
    (lambda: frames(2), {"seconds": 0.1}, "not 0.1"), (lambda: frames(2), {"seconds": float("nan")}, "not nan"),
], ids=["none", "one", "another size", "a flicker", "no time"])
def test_what_cannot_be_played_is_refused(given, options, said):
    with pytest.raises(ValueError, match=said):
        figures.animation(given(), **options)
    with reading("ko"), pytest.raises(ValueError, match="주세요"):
        figures.animation(given(), **options)

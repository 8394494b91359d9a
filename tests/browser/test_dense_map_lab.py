import sys

import numpy as np
import pytest

from segcourse import datasets, labs, models
from segcourse.language import reading
from segcourse.training import dense_maps

labs.dense_map  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.dense_map"]
MAPS = code.shipped()
STRIDES = MAPS["about"]["strides"]
BUSY = "stride=8 crf=yes picture=2 cell=5,9"


def opened(open_lab, state="", **how):
    lab = labs.dense_map()
    lab.value = state
    return open_lab(lab, **how)


def scores_of(stride, picture, cell):
    return MAPS[f"scores{stride}"][picture - 1, :, cell[0], cell[1]].numpy()


def place_of(page, y, x, panel="cells"):
    """The middle of a pixel of the picture, on the screen."""
    return page.run("""([y, x, panel]) => { const p = part('cells').places[panel], b = lab().stages[0].canvas.getBoundingClientRect();
        return [b.left + p.x + (x + 0.5) * p.scale, b.top + p.y + (y + 0.5) * p.scale]; }""", [y, x, panel])


def column(page, stride):
    """What the table says of a stride: words of the row -> number."""
    n = list(code.STRIDES).index(stride) + 1
    return page.run("(n) => Object.fromEntries([...document.querySelectorAll('.sc-strides tbody tr')].map((row, i) => [i + ' ' + row.cells[0].textContent, row.cells[n].textContent]))", n)


@pytest.mark.parametrize("picture", [1, 3])
@pytest.mark.parametrize("stride", code.STRIDES)
@pytest.mark.parametrize("crf", [False, True], ids=["plain", "crf"])
def test_every_pixel_is_the_one_that_was_scored(open_lab, stride, crf, picture):
    page = opened(open_lab, f"stride={stride} crf={'yes' if crf else 'no'} picture={picture}")
    np.testing.assert_array_equal(np.reshape(page.run("[...lab().result.labels]"), (128, 192)), code.prediction(MAPS, picture - 1, stride, crf))
    # And painted so: the prediction's panel has the colour of the class in the middle of a pixel far from any outline.
    seen = page.run("""(() => { const p = part('cells').places.prediction, c = lab().stages[0].canvas, k = devicePixelRatio, pen = c.getContext('2d');
        return [[3, 3], [124, 188]].map(([y, x]) => [...pen.getImageData((p.x + (x + 0.5) * p.scale) * k, (p.y + (y + 0.5) * p.scale) * k, 1, 1).data].slice(0, 3)); })()""")
    labels, truth = code.prediction(MAPS, picture - 1, stride, crf), MAPS["truth"][picture - 1]
    for (y, x), colour in zip(((3, 3), (124, 188)), seen):
        if len(truth[y - 2:y + 3, x - 2:x + 3].unique()) == 1:
            assert tuple(colour) == datasets.palettes.CAMVID.colour(labels[y, x])


def test_the_cells_are_the_networks(open_lab):
    for stride in code.STRIDES:
        page = opened(open_lab, f"stride={stride} picture=2")
        np.testing.assert_array_equal(page.numbers("cells"), MAPS[f"scores{stride}"][1].argmax(0))


def test_a_cell_lists_its_scores_and_what_the_coarse_map_says_there(open_lab):
    page = opened(open_lab, "stride=8 cell=4,8")
    np.testing.assert_allclose(page.run("lab().result.scores"), scores_of(8, 1, (4, 8)))
    # An old cell: as at stride 32, to the 32 bits of the file.
    np.testing.assert_allclose(page.run("lab().result.marks"), scores_of(32, 1, (1, 2)), atol=1e-12)
    np.testing.assert_allclose(page.run("lab().result.scores"), page.run("lab().result.marks"), atol=2e-4 * float(MAPS["scores32"].abs().max()))
    assert "Cell (4, 8), an old one" in page.line
    page = opened(open_lab, "stride=8 cell=4,10")
    between = (scores_of(32, 1, (1, 2)) + scores_of(32, 1, (1, 3))) / 2
    np.testing.assert_allclose(page.run("lab().result.marks"), between, atol=1e-5)
    assert np.abs(np.array(page.run("lab().result.scores")) - between).max() > 0.05
    assert "Cell (4, 10), a new one" in page.line


def test_the_table_says_what_was_measured(open_lab):
    for state, name in (("", "plain"), ("crf=yes picture=3", "crf")):
        page = opened(open_lab, state)
        picture = int(page.state["picture"])
        for stride in code.STRIDES:
            of, said = STRIDES[str(stride)], list(column(page, stride).values())
            h, w = of["cells"]
            scores = of["scores"][name]
            assert said[0] == str(h * w) and said[2] == "404×404"
            if stride == 32:
                assert said[1] == "–" and said[3] == f"{of['multiply_adds'] / 1e6:.0f} M"
            else:
                assert said[3] == f"×{of['multiply_adds'] / STRIDES['32']['multiply_adds']:.1f}" and "10⁻" in said[1]
            assert said[4:] == [f"{100 * share:.1f}\u00a0%" for share in (scores["shown"][picture - 1]["boundary_iou"], scores["all"]["boundary_iou"],
                                                                       scores["shown"][picture - 1]["miou"], scores["all"]["miou"])]
        assert ("CRF" in str(column(page, 8))) == (name == "crf")


def test_the_place_stays_when_the_stride_changes(open_lab):
    page = opened(open_lab, "stride=32 cell=1,2")
    page.choose("16")
    assert page.state["cell"] == (2, 4)
    page.choose("8")
    assert page.state["cell"] == (4, 8)
    page.page.mouse.click(*place_of(page, 55, 90))      # a new cell
    assert page.state["cell"] == (5, 9)
    page.choose("32")
    assert page.state["cell"] == (1, 2)
    page.choose("8")
    assert page.state["cell"] == (5, 9), "back from the coarse map it is the cell one had pointed at"
    assert page.run("document.querySelectorAll('.sc-strides .sc-now').length") == 9


def test_the_field_moves_with_the_cell_and_not_with_the_stride(open_lab):
    boxes = """(() => { const pen = lab().stages[0].pen, box = pen.box, seen = []; pen.box = function (...what) { seen.push(what); return box.apply(this, what); };
        lab().draw(); pen.box = box; return seen.filter((b) => b[4] && b[4].role === 'input').map((b) => b.slice(0, 4)); })()"""
    seen = {state: opened(open_lab, state).run(boxes) for state in ("stride=32 cell=1,2", "stride=16 cell=2,4", "stride=8 cell=4,8", "stride=8 cell=4,9")}
    (first,), (second,), (third,), (aside,) = seen.values()
    assert first == pytest.approx(second) and first == pytest.approx(third)
    scale = first[2] / 404
    assert aside == pytest.approx([first[0] + 8 * scale, *first[1:]])


def test_the_pointer_shows_and_a_press_keeps_on_any_of_the_pictures(open_lab):
    page = opened(open_lab, "stride=16")
    page.page.mouse.move(*place_of(page, 31, 47))
    assert "Cell (1, 2)" in page.line and page.state["cell"] is None, "hovering is not kept"
    page.page.mouse.move(790, 890)
    assert "Cell (3, 5)" in page.line
    for panel in ("prediction", "truth", "cells"):
        page.page.mouse.click(*place_of(page, 80, 130, panel))
        assert page.state["cell"] == (4, 7), panel
        page.page.mouse.click(*place_of(page, 1, 1, panel))
        assert page.state["cell"] == (0, 0), panel
    page.page.mouse.move(*place_of(page, 30, 30, "prediction"))
    page.page.mouse.down()
    page.page.mouse.move(*place_of(page, 100, 160, "prediction"), steps=5)
    page.page.mouse.up()
    assert page.state["cell"] == (5, 9), "what is dragged is kept"


def test_the_arrow_keys_move_by_one_cell(open_lab):
    page = opened(open_lab, "stride=8 cell=4,8")
    page.run("document.querySelector('[data-grid=cells]').focus()")
    page.press("ArrowRight", "ArrowDown")
    assert page.state["cell"] == (5, 9)
    words = page.run("document.activeElement.getAttribute('aria-label')")
    assert words.startswith("cells of the score map, (5, 9), new cell, ")
    page.press("End", "PageDown", "ArrowRight")
    assert page.state["cell"] == (5, 20)


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = opened(open_lab, width=360, touch=True)
    page.page.touchscreen.tap(*place_of(page, 100, 170))
    assert page.state["cell"] == (3, 5)
    page.page.get_by_role("radio", name="8", exact=True).tap()
    page.page.get_by_role("checkbox", name="CRF", exact=True).tap()
    assert page.state["stride"] == "8" and page.state["crf"] is True and page.state["cell"] == (12, 20)


def test_the_things_to_try_are_set_up(open_lab):
    page = opened(open_lab, BUSY)
    buttons = page.page.locator(".sc-try button")
    assert buttons.count() == 4
    buttons.nth(0).click()
    assert (page.state["stride"], page.state["crf"], page.state["picture"]) == ("32", False, "2") and "4×6 = 24 cells" in page.line
    buttons.nth(1).click()
    assert page.state["cell"] == (8, 12) and "an old one" in page.line
    page.run("document.querySelector('[data-grid=cells]').focus()")
    page.press("ArrowRight")
    assert "(8, 13), a new one" in page.line
    buttons.nth(2).click()
    assert (page.state["stride"], page.state["crf"]) == ("8", False)
    page.page.get_by_role("checkbox", name="CRF", exact=True).check()
    plain, after = (STRIDES["8"]["scores"][name]["shown"][1]["boundary_iou"] for name in ("plain", "crf"))
    assert f"boundary IoU in this picture from {100 * plain:.1f}\u00a0% to {100 * after:.1f}\u00a0%" in page.line
    buttons.nth(3).click()
    assert (page.state["stride"], page.state["crf"]) == ("32", True)


def test_new_cells_grow_in_unless_motion_is_unwelcome(open_lab):
    still = opened(open_lab)
    still.run("lab().timings.length = 0")
    still.choose("8")
    assert still.run("lab().timings.length") <= 4
    moving = opened(open_lab, reduced_motion=False)
    moving.run("lab().timings.length = 0")
    moving.choose("8")
    moving.page.wait_for_timeout(500)
    assert moving.run("lab().timings.length") > 4
    assert moving.run("lab().stages[0].canvas.toDataURL()") == opened(open_lab, "stride=8", reduced_motion=False).run("lab().stages[0].canvas.toDataURL()")


def test_a_network_of_ones_own_without_a_crf(open_lab):
    import torch

    torch.manual_seed(0)
    model = models.create("fcn32s", num_classes=11, width=0.03, padding="same", batch_norm=True)
    torch.nn.init.normal_(model.score_fr.weight)
    maps = dense_maps.compute(model, datasets.load("streets", "valid", size=(64, 96), length=1), show=(0,))
    page = open_lab(labs.dense_map(maps=maps, stride=8, crf=True))
    assert page.page.locator("[data-field=crf]").count() == 0 and page.page.locator("[data-field=picture]").count() == 0
    assert page.page.locator(".sc-try button").count() == 2
    np.testing.assert_array_equal(np.reshape(page.run("[...lab().result.labels]"), (64, 96)), code.prediction(maps, 0, 8))
    assert "5×9 = 45 cells" in page.line


@pytest.mark.parametrize("how", ["hover", "press"])
@pytest.mark.parametrize("state", ["", BUSY])
def test_a_move_costs_less_than_a_frame(open_lab, state, how, record_property):
    page = opened(open_lab, state)
    path = """(() => { const p = part('cells').places.cells, b = lab().stages[0].canvas.getBoundingClientRect(); return (i) =>
        [b.left + p.x + p.width * (0.5 + 0.45 * Math.sin(i * 0.7)), b.top + p.y + p.height * (0.5 + 0.45 * Math.cos(i * 0.31))]; })()"""
    took = page.time_moves(path, pressed=how == "press")
    record_property("milliseconds", took)
    print(f"\ndense_map {state or 'default'}, {how}: {took}")
    assert took["frames"] >= (150 if state else 100)
    assert took["p95"] <= 16, took


def test_numbers_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            for state in ("", BUSY):
                with reading(language):
                    page = opened(open_lab, state, width=width)
                assert min(page.font_sizes) >= 14
                assert page.run("document.documentElement.scrollWidth <= innerWidth"), (language, width, state)
                cut = page.run("[...document.querySelectorAll('.sc-strides :is(th, td)')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)")
                assert cut == [], (language, width, state)


def test_no_text_of_the_canvas_is_squeezed(open_lab):
    for language in ("en", "ko"):
        for width in (800, 360):
            for state in ("crf=yes", "stride=8 crf=yes cell=5,9"):
                with reading(language):
                    page = opened(open_lab, state, width=width)
                tight = page.run("""(() => { const ctx = lab().stages[0].ctx, write = ctx.fillText, seen = [];
                    ctx.fillText = function (text, x, y, most) { if (most !== undefined && this.measureText(text).width > most + 0.5) seen.push([text, this.measureText(text).width, most]); };
                    lab().draw(); ctx.fillText = write; return seen; })()""")
                assert tight == [], (language, width, state)

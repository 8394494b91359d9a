import sys

import numpy as np
import pytest
import torch

from segcourse import labs

from .truth import check

labs.atrous  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.atrous"]
LARGEST = "kernel=7 rates=12,12,12,12"
DENSEST = "kernel=7 rates=1,2,3,5"
PHOTO = "view=fill scene=photo stride=4 at=24,36"


def opened(open_lab, state="", **how):
    lab = labs.atrous()
    lab.value = state
    return open_lab(lab, **how)


def formulas(page):
    return page.run("[...document.querySelectorAll('.sc-formula')].filter((f) => !f.hidden).map((f) => f.textContent)")


def light(page, name):
    return page.run("""(name) => { const e = document.querySelector(`[data-light=${name}]`);
        return [e.dataset.state, e.querySelector('.sc-detail').textContent]; }""", name)


@pytest.mark.parametrize("state", ["", "rates=2,2,2", "kernel=5 rates=1,3 cell=0,47", "view=fill", "view=fill stride=3 first=pool conv=no",
                                   "view=fill stride=4 pad=no", PHOTO + " filled=5"])
def test_what_is_shown_is_torchs(open_reader, state):
    lab = labs.atrous()
    lab.value = state
    reader = open_reader(lab)
    check("atrous", reader.see())


def test_one_layer_spans_five_pixels_with_nine_taps(open_lab):
    page = opened(open_lab)
    assert formulas(page) == ["span = k + (k − 1)·(r − 1) = 3 + 2·1 = 5", "read = 3 × 3 = 9 of 5 × 5 = 25, weights = 3 × 3 = 9"]
    assert page.line.startswith("Output (16, 24): 3×3 taps at rate 2 span 5×5 pixels. 9 of the 25 are read; 16 are holes. The taps stand 2 apart: "
                                "that is the rate, called input stride in the paper's figure. Outputs stand 1 apart")
    wanted = np.zeros((5, 5))
    wanted[::2, ::2] = 1
    np.testing.assert_array_equal(page.numbers("paths"), wanted)
    page.choose("1×1")
    assert "reads one pixel, whatever the rate" in page.line and formulas(page)[0].endswith("= 1 + 0·1 = 1")


def test_gridding_and_what_fills_it(open_lab):
    page = opened(open_lab)
    page.page.click("[data-name=rates-2-2-2]")
    assert "49 of the 169 are read; 120 are holes. That is gridding" in page.line and "multiples of 2" in page.line
    assert formulas(page)[0] == "span = 1 + (3 − 1)·2 + (3 − 1)·2 + (3 − 1)·2 = 13"
    for name, all_read in (("1-2-4", 225), ("1-2-5", 289)):
        page.page.click(f"[data-name=rates-{name}]")
        assert f"All {all_read} of them are read." in page.line and "gridding" not in page.line
    assert page.state["rates"] == "1,2,5"


def test_layers_and_rates_are_set_by_hand(open_lab):
    page = opened(open_lab, "rates=3")
    page.page.get_by_role("radio", name="2", exact=True).check()
    assert page.state["rates"] == "3,3", "a new layer starts at the rate of the one before"
    second = page.page.get_by_label("rate, layer 2")
    second.focus()
    page.press("ArrowRight", "ArrowRight")
    assert page.state["rates"] == "3,5" and "(layer by layer)" in page.line
    page.press("End")
    assert page.state["rates"] == "3,12"
    assert page.page.get_by_label("rate, layer 3").is_disabled()
    page.page.get_by_role("radio", name="1", exact=True).check()
    assert page.state["rates"] == "3" and second.is_disabled()


def test_the_pointer_shows_a_press_keeps_and_the_arrow_keys_move(open_lab):
    page = opened(open_lab, "rates=2,2")
    page.page.mouse.move(*page.place("photo", 3, 40))
    assert "Output (3, 40)" in page.line and page.state["cell"] is None, "hovering is not kept"
    page.page.mouse.move(790, 890)
    assert "Output (16, 24)" in page.line
    page.click("photo", 1, 0)
    page.page.mouse.move(790, 890)
    assert page.state["cell"] == (1, 0) and "lie outside the photo" in page.line
    page.press("ArrowRight", "ArrowDown")
    assert page.state["cell"] == (2, 1)
    assert page.run("document.activeElement.getAttribute('aria-label')").endswith("output (2, 1)")


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = opened(open_lab, width=360, touch=True)
    page.page.touchscreen.tap(*page.place("photo", 20, 30))
    assert page.state["cell"] == (20, 30)
    page.page.get_by_role("radio", name="a map filled in").tap()
    page.page.touchscreen.tap(*page.place("old", 1, 2))
    assert page.state["at"] == (2, 4), "a cell of the old map stands at every second pixel"


def test_the_stride_is_removed_step_by_step(open_lab):
    page = opened(open_lab, "view=fill pool=no conv=no")
    x = torch.tensor(code.numbers()).double()
    old = code.old_map(x, "conv", 2)
    assert formulas(page)[:2] == ["old net: conv 3×3, stride 2 → max pool 3×3 → conv 3×3",
                                  "now: conv 3×3, stride 1 → max pool 3×3 → conv 3×3"]
    assert light(page, "size") == ["yes", "12×12 cells"] and light(page, "field") == ["no", "11×11 → 7×7"]
    assert light(page, "values")[0] == "no" and "The pooling is not dilated" in page.line and "The convolution is not dilated" in page.line
    page.page.get_by_label("dilate the convolution").check()
    assert light(page, "values")[0] == "no" and "The pooling is not dilated" in page.line, "DeepLab's release is here"
    page.page.get_by_label("dilate the pooling").check()
    assert light(page, "values") == ["yes", "36 of 36, largest difference 0"] and light(page, "field") == ["yes", "11×11 → 11×11"]
    assert "all 36 old cells keep their values, and 108 new ones stand between them" in page.line
    np.testing.assert_array_equal(np.array(page.numbers("dense"))[::2, ::2], old)
    page.page.get_by_label("scale the padding").uncheck()
    assert light(page, "size") == ["no", "8×8 cells"] and light(page, "values")[0] == "no" and "shrank to 8×8" in page.line
    page.choose("4")
    assert "no cell is left" in page.line and light(page, "values") == ["no", "0 of 9"]
    assert page.run("document.querySelector('[data-grid=dense]').hidden"), "a map of no cells cannot be tabbed to"


def test_places_are_filled_in_one_after_the_other(open_lab):
    page = opened(open_lab, "view=fill filled=1")
    cells = "(() => { const s = part('dense').shown; return Array.from({ length: 4 }, (_, i) => s.text(i >> 1, i & 1, s.value(i >> 1, i & 1)) !== ''); })()"
    assert page.run(cells) == [True, False, False, False] and "1 of the 4 places" in page.line
    slider = page.page.get_by_label("filled in", exact=True)
    slider.focus()
    page.press("ArrowRight", "ArrowRight")
    assert page.run(cells) == [True, True, True, False] and page.state["filled"] == 3
    page.press("ArrowRight")
    assert page.run(cells) == [True] * 4 and page.state["filled"] == 16 and "108 new ones" in page.line
    page.choose("3")
    assert page.state["filled"] == 16 and page.run("document.querySelector('[data-field=filled]').max") == "9", "all stays all"


def test_pointing_at_either_map_says_both_values(open_lab):
    page = opened(open_lab, "view=fill conv=no")
    x = torch.tensor(code.numbers()).double()
    old, dense = code.old_map(x, "conv", 2), code.dense_map(x, "conv", 2, conv=False)
    page.click("old", 5, 0)
    assert page.state["at"] == (10, 0)
    apart = abs(int(old[5, 0] - dense[10, 0]))
    assert formulas(page)[2].replace("−", "-") == f"old (5, 0) = {int(old[5, 0])}, now (10, 0) = {int(dense[10, 0])}, difference {apart}" and apart > 0
    page.page.mouse.move(*page.place("dense", 3, 4))
    assert formulas(page)[2].replace("−", "-") == f"new (3, 4) = {int(dense[3, 4])}, between old cells" and page.state["at"] == (10, 0)
    page.click("dense", 3, 4)
    page.press("ArrowLeft")
    assert page.state["at"] == (3, 3)
    assert "a new cell" in page.run("document.activeElement.getAttribute('aria-label')")


def test_each_view_has_its_own_controls_and_the_reset_is_always_there(open_lab):
    page = opened(open_lab)
    for choice, there, gone in (("what one output reads", "kernel", "stride"), ("a map filled in", "stride", "kernel")):
        page.choose(choice)
        assert page.page.get_by_role("group", name=there, exact=True).is_visible()
        assert page.page.get_by_role("group", name=gone, exact=True).count() == 0
        assert page.page.locator("[data-name=reset]").is_visible()
        # What is hidden is out of the Tab key's way too.
        assert page.run("[...document.querySelectorAll('.sc-lab input, .sc-lab button')].every((e) => e.hidden || e.getClientRects().length > 0)")


def test_things_to_try(open_lab):
    page = opened(open_lab)
    buttons = page.page.locator(".sc-try button")
    buttons.nth(0).click()
    assert "49 of the 169" in page.line
    buttons.nth(1).click()
    assert "span 25×25" in page.line and formulas(page)[1].endswith("weights = 7 × 7 = 49")
    page.choose("3×3")
    page.run("[...document.querySelectorAll('.sc-slider input')].find((e) => !e.hidden).focus()")
    page.press("End")
    assert "span 25×25" in page.line and formulas(page)[1].endswith("weights = 3 × 3 = 9")
    for n, lit in ((2, "no"), (3, "no"), (4, "yes")):
        buttons.nth(n).click()
        assert light(page, "values")[0] == lit
    assert page.state["filled"] == 1 and page.state["scene"] == "photo"


@pytest.mark.parametrize("state, part", [("rates=2,2,2", "photo"), (DENSEST, "photo"), (LARGEST, "photo"), ("view=fill", "dense"),
                                         (PHOTO, "denseImage")])
def test_a_move_costs_less_than_a_frame(open_lab, state, part, record_property):
    page = opened(open_lab, state)
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    path = "(i) => { const s = part('GRID').shown; return place('GRID', (i * 7) % s.rows, (i * 11 + (i >> 3)) % s.cols); }".replace("GRID", part)
    took = page.time_moves(path)
    record_property("milliseconds", took)
    print(f"\natrous {state}: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took
    assert page.run("saves") == 0, "pointing sends nothing to Python"


def test_numbers_are_large_enough_and_nothing_sticks_out(open_lab):
    for width in (800, 560, 360):
        for state in ("", "rates=1,2,5", LARGEST, "view=fill", PHOTO):
            page = opened(open_lab, state, width=width)
            assert min(page.font_sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (width, state)
            parts = page.run("""lab().stages[0].parts.filter((p) => p.shown).map((p) => [p.shown.x, p.shown.x + p.shown.cols * p.shown.cellWidth,
                p.shown.y + p.shown.rows * p.shown.cellHeight, lab().stageWidth, parseFloat(lab().stages[0].canvas.style.height)])""")
            for left, right, bottom, wide, tall in parts:
                assert left >= 0 and right <= wide + 0.5 and bottom <= tall, (width, state, left, right, bottom)
    page = opened(open_lab, "view=fill", width=360)
    assert page.run("['input', 'old', 'dense'].every((name) => part(name).shown.numbersFit)"), "numbers can be read on a phone"

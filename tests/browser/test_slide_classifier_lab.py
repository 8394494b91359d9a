import re
import sys

import numpy as np
import pytest

from segcourse import labs

code = sys.modules["segcourse.labs.slide_classifier"]
LARGEST = "size=48 padding=same"
COMPARED = "size=48 padding=same view=difference picture=drawing"


def opened(open_lab, state="", **how):
    lab = labs.slide_classifier()
    lab.value = state
    return open_lab(lab, **how)


def drag(page, dx, dy, steps=8):
    """Drag the window by whole places and let go."""
    x, y = page.place("window")
    step = page.run("part('picture').shown.cellWidth") * code.STRIDE
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + dx * step, y + dy * step, steps=steps)
    page.page.mouse.up()
    page.run("settled()")


@pytest.mark.parametrize(
    "state", ["", "padding=same", "padding=same picture=drawing size=48 window=8,8", "size=12", "size=16 padding=same"]
)
def test_map_and_crop_on_the_screen_are_those_of_the_operations(open_lab, state):
    page = opened(open_lab, state, width=800 if state else 360)
    now = page.state
    scores = code.one_pass(now["picture"], now["size"], now["padding"])
    np.testing.assert_allclose(page.numbers("map"), scores, atol=1e-9)
    row, column = (min(at, len(scores) - 1) for at in now["window"])
    wanted = code.pictures()[code.PICTURES.index(now["picture"]), 2 * row:2 * row + 12, 2 * column:2 * column + 12]
    np.testing.assert_array_equal(page.numbers("crop"), wanted)
    answer = code.crop_answers(now["picture"], now["size"], now["padding"])[row, column].item()
    there = scores[row, column].item()
    said = [float(part.replace("−", "-")) for part in re.match(r"Crop (\S+) [=≠] map (\S+)\. ", page.line).groups()]
    np.testing.assert_allclose(said, [answer, there], atol=0.0005)
    assert ("=" if abs(answer - there) < 1e-9 else "≠") == page.line.split()[2]


def test_the_map_of_differences_is_that_of_the_operations(open_lab):
    for name in code.PICTURES:
        page = opened(open_lab, f"padding=same view=difference size=48 picture={name}")
        wanted = (code.crop_answers(name, 48, "same") - code.one_pass(name, 48, "same")).abs()
        np.testing.assert_allclose(page.numbers("map"), wanted, atol=1e-9)
        assert ("agree at none of the 361 places" if name == "photo" else "agree at 20 of 361 places") in page.line
    page.choose("none (valid)")
    assert np.max(page.numbers("map")) < 1e-9 and "They agree at every place" in page.line


def test_the_pointer_drags_the_window_and_does_not_lose_it_at_the_rim(open_lab):
    page = opened(open_lab)
    before = page.formula
    drag(page, 3, 2)
    assert page.state["window"] == (8, 5) and page.formula != before
    drag(page, -40, 0)  # far over the left rim and back by one place
    assert page.state["window"] == (8, 0)
    drag(page, 1, 0)
    assert page.state["window"] == (8, 1)
    # The window moves with the stride: half a place is not one.
    drag(page, 0.3, 0.3)
    assert page.state["window"] == (8, 1)


def test_the_arrow_keys_move_the_window_and_say_where_it_stands(open_lab):
    page = opened(open_lab)
    page.run("document.querySelector('[data-handle=window]').focus()")
    page.press("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowUp")
    assert page.state["window"] == (2, 4)
    assert page.run("document.activeElement.getAttribute('aria-label')").startswith("window, row 3 of 15, column 5 of 15")
    page.press("Shift+ArrowUp", "ArrowLeft")
    assert page.state["window"] == (0, 3)
    # Map and picture have the same place: to arrive there moves nothing, and their keys move the window, too.
    for name in ("picture", "crop", "map"):
        page.run("(name) => document.querySelector(`[data-grid=${name}]`).focus()", name)
        assert page.state["window"] == (0, 3)
    page.run("document.querySelector('[data-grid=picture]').focus()")
    page.press("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp")
    assert page.state["window"] == (0, 3)
    page.run("document.querySelector('[data-grid=map]').focus()")
    page.press("ArrowDown", "End")
    assert page.state["window"] == (1, 14)
    assert page.run("document.activeElement.getAttribute('aria-label')") == "map 15×15, one pass, row 2, column 15"


def test_a_click_on_the_map_or_the_picture_puts_the_window_there(open_lab):
    page = opened(open_lab)
    page.click("map", 8, 14)
    assert page.state["window"] == (8, 14)
    page.click("picture", 6, 20)  # the middle of rows 0 to 11 and columns 14 to 25
    assert page.state["window"] == (0, 7)
    page.page.mouse.move(*page.place("map", 3, 3))
    assert page.state["window"] == (0, 7), "hovering moves nothing"


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = opened(open_lab, width=360, touch=True)
    page.page.touchscreen.tap(*page.place("map", 3, 4))
    assert page.state["window"] == (3, 4)
    # A finger on the window drags it and does not scroll; elsewhere it scrolls the page.
    held = """(name) => { const [x, y] = place(name, 39, 39), canvas = lab().stages[0].canvas;
        const touch = new Touch({ identifier: 1, target: canvas, clientX: x, clientY: y });
        const e = new TouchEvent('touchstart', { changedTouches: [touch], touches: [touch], cancelable: true, bubbles: true });
        canvas.dispatchEvent(e); return e.defaultPrevented; }"""
    assert page.run(held, "window") is True and page.run(held, "picture") is False
    moved = """(() => { const [x, y] = place('window'), step = 2 * part('picture').shown.cellWidth;
        const send = (type, dx) => lab().stages[0].canvas.dispatchEvent(new PointerEvent(type, { clientX: x + dx * step, clientY: y,
          pointerId: 3, pointerType: 'touch', button: type === 'pointermove' ? -1 : 0, buttons: 1, bubbles: true, cancelable: true }));
        send('pointerdown', 0); send('pointermove', 1.1); send('pointermove', 2); send('pointerup', 2); })()"""
    page.run(moved)
    assert page.state["window"] == (3, 6)


def test_padding_breaks_the_agreement_and_the_line_says_why(open_lab):
    page = opened(open_lab)
    assert "Crop 0.784 = map 0.784. Without padding" in page.line and page.formula == "crop: fully connected, 128 weights = 0.784"
    page.choose("zeros (same)")
    assert "≠" in page.line and "goes on beyond it, on all four sides" in page.line
    inner = page.run("[...document.querySelectorAll('.sc-formula')].map((e) => e.querySelector('.sc-role-ink').textContent)")
    assert inner[0] == inner[1], "only the rim of the crop differs"
    page.run("lab().change({ window: [0, 0] })")
    assert "on two sides" in page.line
    page.run("lab().change({ window: [0, 5] })")
    assert "on three sides" in page.line
    page.run("lab().change({ size: 12 })")
    assert "= map" in page.line and "no larger than the window" in page.line and "One crop costs as much as one pass" in page.line
    page.run("lab().change({ picture: 'drawing', size: 48, window: [8, 8] })")
    assert "= map" in page.line and "the drawing is black" in page.line


def test_the_cost_follows_the_size(open_lab):
    page = opened(open_lab, "size=48 padding=same")
    assert "361 crops cost 20.4 times" in page.line
    page.run("document.querySelector('[data-field=size]').focus()")
    page.press("ArrowLeft")
    many, once = code.multiplications(44, "same")
    assert page.state["size"] == 44 and f"289 crops cost {many / once:.1f} times" in page.line
    assert page.run("part('map').shown.rows") == 17
    page.press("Home")
    assert page.state["size"] == 12


def test_the_window_stands_where_a_smaller_picture_lets_it_and_comes_back(open_lab):
    page = opened(open_lab, "size=48 window=18,17")
    page.run("lab().change({ size: 20 })")
    assert page.run("[part('map').at, lab().state.window]") == [[4, 4], [18, 17]]
    page.run("lab().change({ size: 48 })")
    assert page.run("part('map').at") == [18, 17]


def test_the_things_to_try_are_set_up(open_lab):
    page = opened(open_lab)
    buttons = page.page.locator(".sc-try button")
    buttons.nth(0).click()
    assert page.state["view"] == "difference" and "≠" in page.line and "none of the 225 places" in page.line
    buttons.nth(1).click()
    assert page.state["size"] == 12
    buttons.nth(2).click()
    assert "≠" in page.line
    drag(page, 4, 5)
    assert page.state["window"] == (8, 8) and "Crop 0.974 = map 0.974" in page.line


def test_crops_are_asked_a_few_a_frame(open_lab):
    # 361 crops are more than a frame has time for: the map fills up, and no frame waits for the last of them.
    page = opened(open_lab, LARGEST)
    frames = page.run("""(async () => { const before = lab().timings.length; lab().change({ view: 'difference' }); await settled();
        return lab().timings.slice(before).length; })()""")
    assert frames > 1
    assert np.min(page.numbers("map")) > 0


@pytest.mark.parametrize("how", ["drag", "map", "size"])
@pytest.mark.parametrize("state", ["", LARGEST, COMPARED])
def test_a_move_costs_less_than_a_frame(open_lab, state, how, record_property):
    page = opened(open_lab, state)
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    saved = page.value
    if how == "drag":  # along a spiral over the whole picture, a place or more at every move
        path = """(() => { const [x, y] = place('window'), s = part('picture').shown; return (i) =>
            i ? [s.x + 16 + s.width * (0.5 + 0.4 * Math.sin(i * 0.7)), s.y + 16 + s.height * (0.5 + 0.4 * Math.cos(i * 0.31))]
              : [x, y]; })()"""
        took = page.time_moves(path, pressed=True)
    elif how == "map":
        path = "(i) => { const s = part('map').shown; return place('map', Math.floor(i / 7) % s.rows, (i * 3) % s.cols); }"
        took = page.time_moves(path, pressed=True)
    else:  # the slider of the size run up and down: every step another picture, computed anew in the first round
        took = page.run("""(async () => { const input = document.querySelector('[data-field=size]');
            lab().measureLayout = true; lab().timings.length = 0; lab().pressed = true;
            for (let i = 0; i < 200; i += 1) { const k = i % 18; input.value = 12 + 4 * (k < 9 ? k : 18 - k);
              input.dispatchEvent(new Event('input', { bubbles: true }));
              if (lab().frame) { cancelAnimationFrame(lab().frame); lab().frame = 0; lab().draw(); } }
            await settled(); const all = lab().timings.map((f) => f.total).sort((a, b) => a - b);
            return { frames: all.length, median: all[all.length >> 1], p95: all[Math.floor(all.length * 0.95)],
                     worst: all[all.length - 1] }; })()""")
    record_property("milliseconds", took)
    print(f"\n{page.lab.module} {state or 'default'}, {how}: {took}")
    assert took["frames"] >= 150
    assert took["p95"] <= 16, took
    if how != "size":
        page.page.wait_for_function("saves === 1")  # what was dragged is saved once, afterwards
        assert page.value != saved


def test_nothing_is_sent_while_the_window_is_dragged(open_lab):
    page = opened(open_lab)
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    x, y = page.place("window")
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for step in range(8):
        page.page.mouse.move(x + 12 * step, y)
        page.page.wait_for_timeout(60)  # longer, in all, than the pause after which a page saves
    page.page.wait_for_timeout(350)
    assert page.run("lab().state.window[1]") > 2 and page.run("saves") == 0
    page.page.mouse.up()
    page.page.wait_for_function("saves === 1")
    assert page.lab.read_state(page.run("lab().model.get('value')"))["window"][1] > 2


def test_no_number_is_smaller_than_14_px(open_lab):
    # What is written on the canvas, at both widths and in every kind of state.
    for width in (800, 360):
        for state in ("", COMPARED, "size=16 view=difference padding=same"):
            page = opened(open_lab, state, width=width)
            sizes = page.font_sizes
            assert min(sizes) >= 14

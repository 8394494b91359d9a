import numpy as np
import pytest

from segcourse import labs
from segcourse.language import reading

from .truth import check

SHARED = "view=again kernel=3"
NEGATIVE = "x=" + ";".join(["-3,-1,-2,-9,0,0,-4,-5"] * 8) + " y=" + ";".join(["-1,0,2,-9"] * 4)


def opened(open_lab, state="", **how):
    lab = labs.switches()
    lab.value = state
    return open_lab(lab, **how)


def lights(page):
    return page.run("Object.fromEntries([...document.querySelectorAll('[data-light]')].map((e) => [e.dataset.light, e.dataset.state === 'yes']))")


def drag(page, *places):
    for n, place in enumerate(places):
        page.page.mouse.move(*place)
        if not n:
            page.page.mouse.down()
    page.page.mouse.up()
    page.run("settled()")


def scene(page, name):
    page.page.click(f"[data-name={name}]")
    page.run("settled()")


@pytest.mark.parametrize("view", ["switches", "ways", "again"])
@pytest.mark.parametrize("more", ["", *(pytest.param(more, marks=pytest.mark.slow) for more in ("kernel=3 at=3,0", NEGATIVE, f"kernel=3 {NEGATIVE}"))])
def test_what_is_shown_is_what_the_operations_say(open_reader, view, more):
    lab = labs.switches()
    lab.value = f"view={view} {more}"
    reader = open_reader(lab)
    check("switches", reader.see())


def test_a_maximum_is_moved_by_mouse_and_lands_elsewhere(open_lab):
    page = opened(open_lab)
    assert "that is switch 21" in page.line and page.formula.startswith("max(3, 7, 1, 0) = 7") and page.formula.endswith("switch = 2 × 8 + 5 = 21")
    before = np.array(page.numbers("x"))
    pooled = page.numbers("pooled")
    # By way of (2, 4), and on beyond the window: it stays in it, and what it only passes keeps its number.
    drag(page, page.place("x", 2, 5), page.place("x", 2, 4), page.place("x", 4, 2))
    wanted = before.copy()
    wanted[2, 5], wanted[3, 4] = before[3, 4], before[2, 5]
    np.testing.assert_array_equal(page.numbers("x"), wanted)
    assert page.numbers("pooled") == pooled and page.numbers("switches")[1][2] == 28
    unpooled = np.array(page.numbers("unpooled"))
    assert unpooled[3, 4] == 7 and unpooled[2, 5] == 0
    assert "(3, 4): that is switch 28" in page.line and page.state["x"][3][4] == 7


@pytest.mark.slow
def test_any_maximum_can_be_taken_and_one_pressed_without_a_move_is_typed_over(open_lab):
    page = opened(open_lab)
    drag(page, page.place("x", 6, 5), page.place("x", 7, 4))    # of a window that was not the chosen one
    assert page.numbers("switches")[3][2] == 60 and page.state["at"] == (3, 2)
    page.click("x", 4, 2)
    page.press("1", "Enter")
    assert page.numbers("x")[4][2] == 1 and page.numbers("pooled")[2][1] == 2 and "at (4, 3): that is switch 35" in page.line
    drag(page, page.place("x", 0, 0), [at - 40 * n for n, at in enumerate(page.place("x", 0, 0))])
    assert page.numbers("x")[0][0] == 5, "any other number is dragged up and down"


def test_a_maximum_is_moved_by_keys(open_lab):
    page = opened(open_lab)
    page.run("part('maximum').field.focus()")
    label = "document.activeElement.getAttribute('aria-label')"
    assert page.run(label).startswith("maximum 7 of window (1, 2), at (2, 5)")
    page.press("ArrowDown")
    assert page.numbers("switches")[1][2] == 29 and page.run(label).startswith("maximum 7 of window (1, 2), at (3, 5)")
    page.press("ArrowLeft", "ArrowLeft", "ArrowDown")
    assert page.numbers("switches")[1][2] == 28, "it does not leave its window"
    page.press("ArrowUp")
    assert page.numbers("switches")[1][2] == 20 and page.state["x"][2][4] == 7


@pytest.mark.slow
def test_what_is_no_whole_number_from_minus_9_to_9_does_not_get_in(open_lab):
    page = opened(open_lab)
    page.click("x", 0, 0)
    for typed, kept in (("99", 9), ("-12", -9), ("2.6", 3), ("x", 3), ("-", 3), ("−4", -4), ("0", 0)):
        page.run("document.activeElement.select()")
        for letter in typed:
            page.page.keyboard.type(letter)
        assert page.numbers("x")[0][0] == kept, typed
        page.press("Enter", "ArrowLeft")
        assert page.page.evaluate("document.activeElement.value") == str(kept)
    page.page.keyboard.type("7")
    page.press("Escape")
    assert page.numbers("x")[0][0] == 0 and labs.switches().write_state(page.state) == page.value


@pytest.mark.slow
def test_a_finger_moves_it_too(open_lab):
    page = opened(open_lab, width=360, touch=True)
    page.page.touchscreen.tap(*page.place("pooled", 0, 3))
    assert page.state["at"] == (0, 3) and "that is switch 14" in page.line
    moved = page.run("""(([x0, y0], [x1, y1]) => { const send = (type, x, y) => lab().stages[0].canvas.dispatchEvent(new PointerEvent(type,
        { clientX: x, clientY: y, button: type === 'pointermove' ? -1 : 0, pointerId: 5, pointerType: 'touch', bubbles: true, cancelable: true }));
        send('pointerdown', x0, y0); send('pointermove', x1, y1); send('pointerup', x1, y1); })(place('x', 1, 6), place('x', 0, 7))""")
    assert moved is None and page.numbers("switches")[0][3] == 7


@pytest.mark.slow
def test_only_unpooling_reads_the_switches(open_lab):
    page = opened(open_lab, "view=ways")
    ways = ("unpooled", "nails", "nearest", "bilinear")
    before = [page.numbers(way) for way in ways]
    drag(page, page.place("x", 2, 5), page.place("x", 3, 4))
    assert [page.numbers(way) == old for way, old in zip(ways, before)] == [False, True, True, True]


@pytest.mark.slow
def test_which_way_back_is_closest_depends_on_the_map(open_lab):
    page = opened(open_lab, "view=ways")
    for name, best in (("outline", "Closest to x this time: switches."), ("hill", "Equally close: nearest, bilinear."), ("dots", "Closest to x this time: switches.")):
        scene(page, name)
        assert page.line.endswith(best)
    assert page.line.startswith("Mean error to x: switches 0, ")
    page.page.mouse.move(*page.place("bilinear", 0, 1))
    assert page.formula.startswith("bilinear (0, 1) = 0.75·3 + 0.25·5 = 3.5")


def test_y_comes_back_until_a_number_is_below_zero(open_lab):
    page = opened(open_lab)
    page.page.locator(".sc-try button").nth(2).click()
    assert lights(page) == {"shape": True, "values": False, "product": True, "again": True} and "gives y back" in page.line
    page.click("y", 1, 1)
    page.press("-", "3", "Enter")
    assert page.state["y"][1][1] == -3 and page.numbers("yAgain")[1][1] == 0
    assert lights(page) == {"shape": True, "values": False, "product": True, "again": False} and "in 1 of 16 cells" in page.line
    page.page.mouse.move(*page.place("yAgain", 1, 1))
    assert page.formula == "y (1, 1) = −3 → (3, 3)\u2003PPᵀy = max(0, 0, 0, −3) = 0"
    scene(page, "signless")
    assert lights(page)["again"] and page.state["y"][1][1] == 3
    scene(page, "newY")
    assert min(min(row) for row in page.state["y"]) < 0 and not lights(page)["again"]
    scene(page, "pooledY")
    assert page.state["y"] == page.numbers("pooled") and lights(page)["again"]
    scene(page, "dots")
    assert lights(page)["values"], "one number in each window: nothing is lost"


def test_windows_that_overlap_put_two_lights_out(open_lab):
    page = opened(open_lab)
    page.page.locator(".sc-try button").nth(3).click()
    assert min(min(row) for row in page.state["y"]) >= 0
    assert lights(page) == {"shape": True, "values": False, "product": False, "again": False}
    page.choose("switches")
    assert "8 of the 16 windows share their maximum with a neighbour" in page.line


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_is_cut_off_and_numbers_can_be_read(open_lab, language):
    with reading(language):
        for width in (360, 600, 752):
            page = opened(open_lab, width=width)
            for view in ("switches", "ways", "again"):
                page.run("(view) => lab().change({ view })", view)
                outside, size = page.run("""(() => { const ctx = lab().stages[0].ctx, write = ctx.fillText, outside = [], sizes = [];
                    ctx.fillText = function (text, x, ...rest) { const wide = this.measureText(text).width, left = this.textAlign === 'center' ? x - wide / 2 : x;
                        sizes.push(parseFloat(this.font.match(/([\\d.]+)px/)[1])); if (left < 0 || left + wide > lab().stageWidth + 1) outside.push(text);
                        return write.call(this, text, x, ...rest); };
                    lab().draw(); ctx.fillText = write; return [outside, Math.min(...sizes)]; })()""")
                assert outside == [] and size >= 14, (width, view, outside, size)
                assert page.run("lab().stages[0].parts.filter((p) => p.shown && !p.shown.numbersFit).map((p) => p.name)") == []
                assert page.run("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize("state, how", [("view=ways kernel=3", "maximum"), (SHARED, "cell")])
def test_a_move_costs_less_than_a_frame(open_lab, state, how, record_property):
    page = opened(open_lab, state)
    path = {"cell": "(() => { const [x, y] = place('x', 0, 0); return (i) => [x, y + 10 * (i ? i % 7 - 3 : 0)]; })()",
            "maximum": "(() => { const from = [place('x', 2, 5), place('x', 3, 4)]; return (i) => from[i % 2]; })()"}[how]
    took = page.time_moves(path, pressed=True)
    record_property("milliseconds", took)
    print(f"\nswitches {state or 'view=switches'}, {how}: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took

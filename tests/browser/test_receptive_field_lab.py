import sys

import numpy as np
import pytest

from segcourse import labs, ops

labs.receptive_field  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.receptive_field"]
LARGEST = "stack=c3,c3,s2,d4,t2,d4,p2,c5 photo=128x192 view=paths"
WIDEST = "stack=s2,s2,s2,s2,s2,s2,s2,d4 photo=128x192 view=paths"


def opened(open_lab, state="", **how):
    lab = labs.receptive_field()
    lab.value = state
    return open_lab(lab, **how)


def rows(page):
    """The table as its reader sees it: name of the layer, then the numbers."""
    return page.run("""[...document.querySelectorAll('.sc-table tbody tr')].filter((row) => !row.hidden).map((row) =>
        [row.querySelector('select').value, ...[...row.querySelectorAll('td')].slice(0, 7).map((cell) => cell.textContent)])""")


def place_on_photo(page, y, x):
    """The middle of a pixel of the photo, on the screen."""
    return page.run("""([y, x]) => { const p = part('output').photo, b = lab().stages[0].canvas.getBoundingClientRect();
        return [b.left + p.x + (x + 0.5) * p.scale, b.top + p.y + (y + 0.5) * p.scale]; }""", [y, x])


@pytest.mark.parametrize("state", ["", "cell=0,0", "stack=c3,c3,p2,c3,c3,p2,c3,c3 cell=15,23", "stack=t2,t2,c3,p2,d4 cell=7,9 photo=32x48",
                                   "stack=d2,d2,d2 view=paths"])
def test_line_and_formula_say_what_the_operation_says(open_lab, state):
    page = opened(open_lab, state)
    now = page.state
    size = code.PHOTOS[now["photo"]]
    field = ops.receptive_field(code.network(now["stack"]), size)
    cell = now["cell"] or tuple(extent // 2 for extent in field.extent)
    box = field.at(*cell)
    wanted = (f"Output ({cell[0]}, {cell[1]}) sees {box.height}×{box.width} pixels, from row {box.y0} to row {box.y1 - 1} "
              f"and from column {box.x0} to column {box.x1 - 1}.")
    assert page.line.replace("−", "-").startswith(wanted)
    touched = int((code.paths(now["stack"], size, cell) > 0).sum())
    whole = box.height * box.width
    assert (f"All {whole} of them" if touched == whole else f"{touched} of the {whole} pixels are touched") in page.line
    shown = page.formula.replace("−", "-").replace("·", "*")
    left, result = shown.split(" = ")[1:]
    assert eval(left) == int(result) == box.height
    assert str(sum(code.LAYERS[name]["weights"] for name in now["stack"].split(","))) in page.line.split(".")[-2]


def test_the_table_holds_the_arithmetic(open_lab):
    page = opened(open_lab, "stack=c3,p2,d2,s2,t2")
    assert rows(page) == [
        ["c3", "3×3", "1", "1", "2", "3", "1", "9"],
        ["p2", "2×2", "2", "1", "1", "4", "2", "0"],
        ["d2", "3×3", "1", "2", "8", "12", "2", "9"],
        ["s2", "3×3", "2", "1", "4", "16", "4", "9"],
        ["t2", "4×4", "1/2", "1", "varies", "20", "2", "16"],
    ]


def test_the_pointer_shows_and_a_press_keeps(open_lab):
    page = opened(open_lab)
    page.page.mouse.move(*place_on_photo(page, 10, 20))
    assert "Output (5, 10)" in page.line and page.state["cell"] is None, "hovering is not kept"
    page.page.mouse.move(790, 890)
    assert "Output (16, 24)" in page.line
    page.page.mouse.click(*place_on_photo(page, 3, 95))
    page.page.mouse.move(790, 890)
    assert page.state["cell"] == (1, 47) and "Output (1, 47)" in page.line
    page.page.mouse.move(*place_on_photo(page, 3, 95))
    page.page.mouse.down()
    page.page.mouse.move(*place_on_photo(page, 40, 50), steps=5)
    page.page.mouse.up()
    assert page.state["cell"] == (20, 25), "what is dragged is kept"


def test_the_arrow_keys_move_by_one_output(open_lab):
    page = opened(open_lab, "stack=c3,c3,p2,c3,c3,p2,c3,c3")
    page.run("document.querySelector('[data-grid=output]').focus()")
    assert page.state["cell"] in (None, (8, 12)), "to arrive there moves nothing"
    page.press("ArrowRight", "ArrowDown", "ArrowDown")
    assert page.state["cell"] == (10, 13)
    page.press("Home", "ArrowLeft")
    assert page.state["cell"] == (10, 0)
    words = page.run("document.activeElement.getAttribute('aria-label')")
    assert "(10, 0)" in words and "32 by 32" in words
    assert "from row 26 to row 57 and from column −14 to column 17" in page.line and "in the padding" in page.line


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = opened(open_lab, width=360, touch=True)
    page.page.touchscreen.tap(*place_on_photo(page, 20, 20))
    assert page.state["cell"] == (10, 10)
    page.page.get_by_role("button", name="take layer 3 away").tap()
    assert page.state["stack"] == "c3,c3,c3"
    page.page.get_by_role("button", name="add at the end: transposed 4×4").tap()
    assert page.state["stack"] == "c3,c3,c3,t2"


def test_layers_are_added_changed_moved_and_taken_away(open_lab):
    page = opened(open_lab, "stack=c3,p2")
    for _ in range(6):
        page.page.click("[data-name=add-c5]")
        page.run("settled()")
    assert page.run("[...document.querySelectorAll('[data-name^=add-]')].every((button) => button.disabled)")
    assert page.state["stack"] == "c3,p2" + ",c5" * 6, "eight layers at most"
    page.page.locator("[data-layer='1']").select_option("d4")
    assert page.state["stack"] == "c3,d4" + ",c5" * 6
    page.page.click("[data-name=up1]")
    assert page.state["stack"] == "d4,c3" + ",c5" * 6
    # The button pressed goes along with its layer, so that a key can press it again.
    page.run("document.querySelector('[data-name=down1]').focus()")
    page.press("Enter", "Space", "Enter")
    assert page.state["stack"] == "d4,c5,c5,c5,c3,c5,c5,c5"
    assert page.run("document.activeElement.dataset.name") == "down4"
    for _ in range(7):
        page.page.click("[data-name=remove0]")
    assert page.state["stack"] == "c5"
    assert page.page.locator("[data-name=remove0]").is_disabled() and page.page.locator("[data-name=up0]").is_disabled()


def test_the_place_is_kept_when_the_stack_changes(open_lab):
    page = opened(open_lab, "stack=c3 cell=40,80")
    page.page.click("[data-name=add-p2]")
    assert page.state["cell"] == (20, 40)
    page.page.click("[data-name=add-t2]")
    assert page.state["cell"] in ((40, 80), (41, 81))
    page.choose("32×48")
    assert page.state["cell"] in ((20, 40), (20, 41))


def test_presets_and_things_to_try(open_lab):
    page = opened(open_lab)
    for name, stack in code.PRESETS.items():
        page.page.click(f"[data-name=preset-{name}]")
        assert page.state["stack"] == stack
    buttons = page.page.locator(".sc-try button")
    buttons.nth(0).click()
    assert "sees 5×5" in page.line and "channels: 18." in page.line
    page.page.click("[data-name=preset-one5]")
    assert "sees 5×5" in page.line and "channels: 25." in page.line
    buttons.nth(1).click()
    assert "sees 10×10" in page.line
    page.run("document.querySelector('[data-name=down0]').focus()")
    page.press("Enter", "Enter")
    assert page.state["stack"] == "c3,c3,p2" and "sees 6×6" in page.line
    buttons.nth(2).click()
    assert "324 of the 1024 pixels" in page.line and "outside the photo" in page.line
    buttons.nth(3).click()
    assert page.state["view"] == "paths" and "49 of the 169 pixels are touched; the rest are holes" in page.line
    page.page.locator("[data-layer='0']").select_option("c3")
    page.page.locator("[data-layer='2']").select_option("d4")
    assert "All 225 of them are touched" in page.line


def test_the_share_of_the_paths(open_lab):
    page = opened(open_lab, "stack=c3,c3,c3,c3,c3,c3,c3,c3 view=paths")
    counts = code.paths("c3," * 7 + "c3", (64, 96), (32, 48))[24:41, 40:57].numpy()
    cut = next(n for n in range(8) if counts[n + 1:-n - 1, n + 1:-n - 1].sum() < 0.95 * counts.sum())
    side = 17 - 2 * cut
    assert 5 < side < 17 and f"95 % of the paths start in the middle {side}×{side}" in page.line


def test_what_depends_on_the_place_is_said(open_lab):
    page = opened(open_lab, "stack=t2,t2 cell=8,9")
    assert "sees 2×3 pixels" in page.line or "sees 3×2 pixels" in page.line
    assert "size depends on the place" in page.line
    assert page.run("[...document.querySelectorAll('.sc-formula')].filter((f) => !f.hidden).length") == 2


def test_heat_and_boxes_are_painted(open_lab):
    # The middle of the field is the brightest of viridis in one view and a photo in the other.
    seen = {}
    for view in ("boxes", "paths"):
        page = opened(open_lab, f"stack=c3,c3,c3 view={view}")
        seen[view] = page.run("""(() => { const c = lab().stages[0].canvas, pen = c.getContext('2d'), k = devicePixelRatio,
            z = lab().parts.layout(lab().stageWidth).zoom; return [...pen.getImageData((z.x + z.side / 2 - 8) * k, (z.y + z.side / 2 - 8) * k, 1, 1).data]; })()""")
    assert seen["paths"] == [253, 231, 37, 255] and seen["boxes"] != seen["paths"]


@pytest.mark.parametrize("how", ["hover", "press"])
@pytest.mark.parametrize("state", ["", LARGEST, WIDEST])
def test_a_move_costs_less_than_a_frame(open_lab, state, how, record_property):
    page = opened(open_lab, state)
    path = """(() => { const p = part('output').photo, b = lab().stages[0].canvas.getBoundingClientRect(); return (i) =>
        [b.left + p.x + p.width * (0.5 + 0.45 * Math.sin(i * 0.7)), b.top + p.y + p.height * (0.5 + 0.45 * Math.cos(i * 0.31))]; })()"""
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    took = page.time_moves(path, pressed=how == "press")
    record_property("milliseconds", took)
    print(f"\n{page.lab.module} {state or 'default'}, {how}: {took}")
    assert took["frames"] >= (150 if state != WIDEST else 1)
    assert took["p95"] <= 16, took
    assert page.run("saves") == 0 or how == "press"


def test_every_change_of_the_stack_costs_less_than_a_frame(open_lab, record_property):
    page = opened(open_lab, LARGEST)
    took = page.run("""(async () => { lab().measureLayout = true; lab().timings.length = 0;
        const kinds = Object.keys(lab().settings.layers);
        for (let i = 0; i < 200; i += 1) { const pick = document.querySelector(`[data-layer="${i % 8}"]`);
          pick.value = kinds[(i * 5 + Math.floor(i / 8)) % 7]; pick.dispatchEvent(new Event('change', { bubbles: true }));
          if (lab().frame) { cancelAnimationFrame(lab().frame); lab().frame = 0; lab().draw(); } }
        await settled(); const all = lab().timings.map((f) => f.total).sort((a, b) => a - b);
        return { frames: all.length, median: all[all.length >> 1], p95: all[Math.floor(all.length * 0.95)], worst: all[all.length - 1] }; })()""")
    record_property("milliseconds", took)
    print(f"\nreceptive_field, stack: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took


def test_numbers_are_large_enough_and_nothing_sticks_out(open_lab):
    for width in (800, 560, 360):
        for state in ("", LARGEST, "stack=c3,c3,p2,c3,c3,p2,c3,c3 cell=0,0"):
            page = opened(open_lab, state, width=width)
            sizes = page.font_sizes
            assert min(sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (width, state)
            assert np.all(np.array(page.run("""[...document.querySelectorAll('.sc-table')].map((t) => [t.scrollWidth,
                t.parentElement.clientWidth])""")) @ [1, -1] <= 0), (width, state)

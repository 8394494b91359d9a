import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import labs

ROWS = ";".join(["1,-2,3,-4,5"] * 5)
LARGEST = f"input={ROWS} kernel={ROWS} stride=4 padding=0 view=average cell=2,2"
PHOTO = f"kernel={ROWS} stride=4 scene=photo view=average cell=20,20"


def expected(state):
    x, k = (torch.tensor(state[name], dtype=torch.float64)[None, None] for name in ("input", "kernel"))
    return F.conv_transpose2d(x, k, stride=state["stride"])[0, 0].numpy()  # the grid shows the cut ring too, pale


def test_the_numbers_on_the_screen_are_torchs(open_lab):
    lab = labs.transposed_conv()
    page = open_lab(lab)
    for text in (
        "",
        "stride=3 input=1,2,-3;4,5,6",
        LARGEST.replace("average", "sum"),
        "stride=1 padding=2 kernel=1,2,1;2,4,2;1,2,1 input=1,2,3;4,5,6;7,8,9",
    ):
        lab.value = text
        page.run("(text) => lab().root.parentElement.segcourseModel.set('value', text)", lab.value)
        np.testing.assert_allclose(page.numbers("output"), expected(lab.state), atol=1e-12)
        kept = F.conv_transpose2d(
            *(torch.tensor(lab.state[n], dtype=torch.float64)[None, None] for n in ("input", "kernel")),
            stride=lab.state["stride"],
            padding=lab.state["padding"],
        )
        title = f"output {kept.shape[2]}×{kept.shape[3]}"
        assert page.run("part('output').shown.title") == title


def test_typing_dragging_and_keys_change_a_number(open_lab):
    page = open_lab(labs.transposed_conv())
    page.click("input", 0, 1)
    page.press("-", "7")
    assert page.numbers("input")[0] == [1, -7]
    page.press("Enter", "5", "ArrowDown")  # Enter goes on to the next row's first cell
    assert page.numbers("input") == [[1, -7], [5, 4]]
    page.press("PageUp", "PageUp", "PageDown")
    assert page.numbers("input") == [[1, -7], [6, 4]]
    page.press("9", "9")
    assert page.run("Math.max(...numbers('input').flat())") == 9  # the limit
    page.press("Escape")
    x, y = page.place("kernel", 1, 1)
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x, y - 30, steps=6)  # ten pixels a step
    page.page.mouse.up()
    page.run("settled()")
    assert page.numbers("kernel")[1] == [1, 4, 1]
    state = page.state
    np.testing.assert_allclose(page.numbers("output"), expected(state), atol=1e-12)
    assert state["kernel"][1][1] == 4


def test_the_pointer_writes_out_the_sum_in_its_colours(open_lab):
    page = open_lab(labs.transposed_conv())
    page.page.mouse.move(*page.place("output", 0, 2))
    page.run("settled()")
    assert page.formula == "output[row 1, column 3] = 1·1 + 2·1 = 3"
    assert page.run("[...document.querySelectorAll('.sc-formula .sc-role-input')].map((e) => e.textContent)") == ["1", "2"]
    assert page.run("getComputedStyle(document.querySelector('.sc-formula .sc-role-kernel')).color") != page.run(
        "getComputedStyle(document.querySelector('.sc-formula .sc-role-input')).color"
    )
    page.choose("average")
    assert "(1·1 + 2·1) ÷ 2 = 1.5" in page.formula and "the sum, 3" in page.formula
    assert "not what a transposed convolution gives" in page.line


def test_arrow_keys_move_over_the_output_and_say_where(open_lab):
    page = open_lab(labs.transposed_conv())
    page.click("output", 0, 0)
    page.press("ArrowRight", "ArrowRight", "ArrowDown", "End", "Home", "ArrowRight")
    assert page.formula.startswith("output[row 2, column 2]")
    assert page.run("document.activeElement.getAttribute('aria-label')") == "output 5×5, row 2, column 2, stamps on this cell: 1"
    assert page.run("document.activeElement.value") == "1"
    assert page.state["cell"] == (1, 1)


def test_stamps_are_laid_one_by_one(open_lab):
    page = open_lab(labs.transposed_conv(stamps=0))
    assert np.all(np.array(page.numbers("output")) == 0)
    page.page.click("[data-name=next]")
    page.run("settled()")
    once = np.zeros((5, 5))
    once[:3, :3] = 1
    np.testing.assert_array_equal(page.numbers("output"), once)
    page.page.click("[data-name=next]")
    page.run("settled()")
    once[:3, 2:] += 2
    np.testing.assert_array_equal(page.numbers("output"), once)
    assert "2 of 4 stamps are laid" in page.line
    assert page.state["stamps"] == 2


def test_a_stamp_flies_for_less_than_300_ms_and_not_where_motion_is_unwanted(open_lab):
    took = {}
    for still in (True, False):
        page = open_lab(labs.transposed_conv(stamps=0), reduced_motion=still)
        took[still] = (
            page.run("""(async () => { const start = performance.now(), b = document.querySelector('[data-name=next]'); let frames = 0;
            b.click(); while (lab().state.stamps !== 1) { await new Promise(requestAnimationFrame); frames += 1; } return [performance.now() - start, frames]; })()""")
        )
    assert took[True][1] == 0
    assert took[False][0] < 350 and took[False][1] > 1  # 260 ms and the frame in which it ends


def test_the_checkerboard_and_its_cure(open_lab):
    page = open_lab(labs.transposed_conv())
    page.page.click("[data-name=checkerboard]")
    page.run("settled()")
    inside = np.array(page.numbers("output"))[3:-3, 3:-3]
    assert set(inside.ravel().tolist()) == {1, 2, 4} and "checkerboard" in page.line
    page.page.click("[data-name=bilinear]")
    page.run("settled()")
    np.testing.assert_allclose(np.array(page.numbers("output"))[3:-3, 3:-3], 1, atol=1e-12)
    assert "equally many" in page.line


def test_the_photo_is_enlarged_by_the_kernel(open_lab):
    lab = labs.transposed_conv(scene="photo", kernel=[[0.25, 0.5, 0.25]] * 2, stride=2, padding=0)
    page = open_lab(lab)
    photo = torch.tensor(np.frombuffer(lab._data, np.uint8).reshape(24, 24) / 255)
    wanted = F.conv_transpose2d(photo[None, None], torch.tensor(lab.state["kernel"], dtype=torch.float64)[None, None], stride=2)[0, 0]
    np.testing.assert_allclose(page.numbers("upsampled"), wanted, atol=1e-12)
    page.page.mouse.move(*page.place("upsampled", 10, 11))
    page.run("settled()")
    assert page.formula.startswith("output[row 11, column 12]")


def test_another_size_never_cuts_everything_away(open_lab):
    page = open_lab(labs.transposed_conv(stride=4, padding=3))
    page.run("document.querySelector('[data-field=stride]').focus()")
    page.press("Home")
    assert page.state["stride"] == 1 and page.state["padding"] == 1
    assert page.run("part('output').shown.rows") == 4


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = open_lab(labs.transposed_conv(), width=360, touch=True)
    page.page.touchscreen.tap(*page.place("output", 0, 2))
    page.run("settled()")
    assert page.formula.startswith("output[row 1, column 3]")
    page.page.touchscreen.tap(*page.place("input", 1, 1))
    page.run("settled()")
    assert page.run("document.activeElement.dataset.grid") == "input"
    page.press("6")
    assert page.numbers("input")[1][1] == 6


@pytest.mark.parametrize(
    "state, grid, pressed",
    [
        ("", "input", True),
        ("", "output", False),
        (LARGEST, "kernel", True),
        (LARGEST, "output", False),
        (PHOTO, "kernel", True),
        (PHOTO, "upsampled", False),
    ],
)
def test_a_move_costs_less_than_a_frame(open_lab, state, grid, pressed, record_property):
    lab = labs.transposed_conv()
    lab.value = state
    page = open_lab(lab)
    saved = page.value
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    if pressed:  # a number dragged up and down, one step a move
        path = "(() => { const [x, y] = place('GRID', 0, 0); return (i) => [x, y + 10 * (i ? i % 7 - 3 : 0)]; })()"
    else:  # the pointer run over every row
        path = "(i) => { const s = part('GRID').shown; return place('GRID', Math.floor(i / 7) % s.rows, (i * 3) % s.cols); }"
    took = page.time_moves(path.replace("GRID", grid), pressed=pressed)
    record_property("milliseconds", took)
    print(f"\n{lab.module} {grid} {'drag' if pressed else 'move'}: {took}")
    assert took["frames"] >= 150
    assert took["p95"] <= 16, took
    assert page.run("saves") == 0 or pressed, "pointing sends nothing to Python"
    if pressed:
        page.page.wait_for_function("saves === 1")  # what was dragged is saved once, afterwards
        assert page.value != saved


def test_nothing_is_sent_while_a_number_is_dragged(open_lab):
    page = open_lab(labs.transposed_conv())
    page.run("() => { window.saves = 0; lab().model.save_changes = () => { saves += 1; }; }")
    x, y = page.place("input", 0, 0)
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for step in range(8):
        page.page.mouse.move(x, y - 10 * step)
        page.page.wait_for_timeout(60)  # longer, in all, than the pause after which a page saves
    page.page.wait_for_timeout(350)
    assert page.numbers("input")[0][0] == 8 and page.run("saves") == 0
    page.page.mouse.up()
    page.page.wait_for_function("saves === 1")
    assert page.lab.read_state(page.run("lab().model.get('value')"))["input"][0][0] == 8

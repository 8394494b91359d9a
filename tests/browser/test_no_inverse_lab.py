import numpy as np
import pytest

from segcourse import labs

SIX = ";".join(["1,-2,3,-4,5,-6"] * 6)
LARGEST = f"x={SIX} kernel=1,-2,3;4,5,-6;7,8,9 stride=1 seed=7"


def lights(page):
    return page.run("""Object.fromEntries([...document.querySelectorAll('.sc-side')].map((side) => [side.dataset.column,
        Object.fromEntries([...side.querySelectorAll('li')].map((li) => [li.dataset.light, li.dataset.state === 'yes']))]))""")


@pytest.mark.parametrize("state", ["", LARGEST, "stride=1", f"x={';'.join(['3,1,-4,1,5'] * 5)} kernel=2,0,1;1,1,1;0,3,1 stride=2"])
def test_the_grids_on_the_screen_are_those_of_torch(open_lab, state):
    lab = labs.no_inverse()
    lab.value = state
    page = open_lab(lab, width=800 if state else 360)
    for column, grids in lab.there_and_back(lab.state).items():
        for key, grid in zip(("x", "there", "back", "again"), grids):
            np.testing.assert_allclose(page.numbers(f"{column}-{key}"), grid, atol=1e-9)
            assert page.run("(name) => part(name).shown.numbersFit", f"{column}-{key}") or state == LARGEST


def test_the_lights_are_computed_and_not_by_colour_alone(open_lab):
    page = open_lab(labs.no_inverse())
    assert lights(page) == {
        "conv": {"shape": True, "values": False, "product": True, "again": False},
        "pool": {"shape": True, "values": False, "product": True, "again": True},
    }
    assert page.run("[...document.querySelectorAll('[data-column=conv] li strong')].map((e) => e.textContent)") == [
        "yes",
        "no",
        "yes",
        "no",
    ]
    assert page.run("[...document.querySelectorAll('[data-column=conv] .sc-lamp')].map((e) => e.textContent)") == ["✓", "✕", "✓", "✕"]
    assert "the values do not" in page.line
    # A kernel that leaves everything alone: now the values come back.
    page.run("(text) => lab().root.parentElement.segcourseModel.set('value', text)", "kernel=1 stride=1")
    assert lights(page)["conv"] == {"shape": True, "values": True, "product": True, "again": True}


def test_the_things_to_try_do_what_they_say(open_lab):
    page = open_lab(labs.no_inverse())
    buttons = page.page.locator(".sc-try button")
    buttons.nth(0).click()
    assert lights(page)["conv"] == {"shape": True, "values": False, "product": True, "again": True}
    buttons.nth(1).click()
    assert lights(page)["pool"] == {"shape": True, "values": True, "product": True, "again": True}
    page.click("pool-x", 0, 0)
    page.press("1", "ArrowRight")
    assert lights(page)["pool"]["values"] is False
    buttons.nth(2).click()
    assert lights(page)["pool"]["again"] is False
    assert page.numbers("pool-again")[0][0] == 0  # the zeros win
    assert lights(page)["pool"]["product"] is True


def test_one_x_stands_in_both_columns(open_lab):
    page = open_lab(labs.no_inverse())
    page.click("conv-x", 1, 1)
    page.press("9", "Enter")
    assert page.numbers("conv-x") == page.numbers("pool-x") and page.numbers("pool-there")[0][0] == 9
    assert page.state["x"][1][1] == 9


def test_a_number_tells_where_it_came_from(open_lab):
    page = open_lab(labs.no_inverse())
    page.page.mouse.move(*page.place("conv-there", 0, 0))
    page.run("settled()")
    assert page.formula == "Ax[1, 1] = 1·1 + 3·2 + 4·0 + 2·1 = 9"
    page.page.mouse.move(*page.place("conv-back", 0, 1))
    page.run("settled()")
    assert page.formula.startswith("AᵀAx[1, 2] = 9·2 = 18")
    page.page.mouse.move(*page.place("pool-there", 1, 0))
    page.run("settled()")
    assert page.formula == "Px[2, 1] = max(0, 6, 7, 1) = 7"
    page.page.mouse.move(*page.place("pool-back", 0, 0))
    page.run("settled()")
    assert "no switch here" in page.formula


@pytest.mark.parametrize("state, pressed", [("", True), ("", False), (LARGEST, True), (LARGEST, False)])
def test_a_move_costs_less_than_a_frame(open_lab, state, pressed, record_property):
    lab = labs.no_inverse()
    lab.value = state
    page = open_lab(lab)
    if pressed:
        path = "(() => { const [x, y] = place('pool-x', 0, 0); return (i) => [x, y + 10 * (i ? i % 7 - 3 : 0)]; })()"
    else:
        path = "(i) => place(['conv-back', 'conv-there', 'pool-x', 'conv-again'][i % 4], i % 2, i % 2)"
    took = page.time_moves(path, pressed=pressed)
    record_property("milliseconds", took)
    print(f"\n{lab.module} {'drag' if pressed else 'move'}: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took

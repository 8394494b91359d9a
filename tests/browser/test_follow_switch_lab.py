import sys

import pytest

from segcourse import labs
from segcourse.language import reading

labs.follow_switch  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.follow_switch"]


def opened(open_lab, state="", **how):
    lab = labs.follow_switch()
    lab.value = state
    return open_lab(lab, **how)


def kept(of, pixel, rank=1):
    return next((n for n, (_, _, wins) in enumerate(code.goes(of, pixel, rank)) if not wins), code.LEVELS)


def test_it_opens_at_a_pixel_that_comes_back_and_its_neighbour_does_not(open_lab):
    page = opened(open_lab)
    assert page.line.startswith("All five switches point at the pixel") and "lead back to this very pixel" in page.line
    assert page.page.locator("[data-name=descend]").is_disabled()
    assert kept(code.shipped()[1][0], code.PIXEL) == code.LEVELS
    page.page.locator(".sc-try button").nth(1).click()
    y, x = page.state["pixel"]
    assert (y, x) == (code.PIXEL[0], code.PIXEL[1] + 1) and kept(code.shipped()[1][0], (y, x)) < code.LEVELS
    page.page.click("[data-name=descend]")
    steps = code.goes(code.shipped()[1][0], (y, x), 1)
    points = steps[-1][1]
    start = 2 * (y >> 5) + points // 2, 2 * (x >> 5) + points % 2
    assert page.state["pixel"] == code.lead(code.shipped()[1][0], 5, start, 1)[-1]


def test_a_cell_pointed_at_is_followed_down(open_lab):
    page, of = opened(open_lab, "picture=2"), code.shipped()[1][1]
    for level, down, across in ((5, 0.4, 0.5), (3, 0.45, 0.65), (2, 0.85, 0.1)):
        rows, columns = of.before[level - 1].shape[1:]
        cell = int(down * rows), int(across * columns)
        page.click(f"before{level}", *cell)
        assert page.state["pixel"] == code.lead(of, level, cell, 1)[-1], level


def test_the_pointer_shows_and_a_press_keeps(open_lab):
    page = opened(open_lab)
    page.page.mouse.move(*page.place("photo", 30, 40))
    assert "row 31, column 41" in page.line and page.state["pixel"] == code.PIXEL
    page.page.mouse.move(790, 890)
    assert f"row {code.PIXEL[0] + 1}, column {code.PIXEL[1] + 1}" in page.line
    page.click("photo", 30, 40)
    page.press("ArrowRight", "ArrowDown")
    assert page.state["pixel"] == (31, 41)


PATH = """(() => { const s = part('photo').shown, b = lab().stages[0].canvas.getBoundingClientRect(); return (i) =>
    [b.left + s.x + s.cols * s.cellWidth * (0.5 + 0.45 * Math.sin(i * 0.7)), b.top + s.y + s.rows * s.cellHeight * (0.5 + 0.45 * Math.cos(i * 0.31))]; })()"""


@pytest.mark.slow
def test_a_move_costs_less_than_a_frame(open_lab):
    took = opened(open_lab).time_moves(PATH)
    print(f"\nfollow_switch: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took


@pytest.mark.slow
def test_words_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            with reading(language):
                page = opened(open_lab, width=width)
            assert min(page.font_sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), width

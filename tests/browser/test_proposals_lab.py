import sys

import numpy as np
import pytest

from segcourse import labs
from segcourse.language import reading

labs.proposals  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.proposals"]


def opened(open_lab, state="", **how):
    lab = labs.proposals()
    lab.value = state
    return open_lab(lab, **how)


def shown(page):
    return np.array(page.numbers("map"))


@pytest.mark.parametrize("picture, n", [(1, 1), (2, 30), pytest.param(3, 50, marks=pytest.mark.slow)])
def test_the_map_is_that_after_so_many_boxes(open_lab, picture, n):
    page = opened(open_lab, f"picture={picture} boxes={n}")
    maps = code.shipped()
    boxes, labels = maps["boxes"][picture - 1], maps["labels"][picture - 1]
    n = min(n, len(boxes))
    np.testing.assert_array_equal(shown(page), np.where(code.covered(boxes[:n], labels.shape[1:]), labels[n - 1].astype(int), -1))
    assert f"After {n} of {len(boxes)} boxes" in page.line


def test_box_by_box(open_lab):
    page = opened(open_lab, "boxes=1")
    seen = [page.line]
    for n in range(2, 6):
        page.page.click("[data-name=next]")
        seen.append(page.line)
        assert page.state["boxes"] == n and f"Box {n} is" in seen[-1]
    assert len(set(seen)) == 5
    page.click("map", 50, 60)
    assert page.state["pixel"] == (50, 60) and "row 51, column 61 lies in" in page.line
    page.page.locator(".sc-try button").nth(2).click()
    assert page.state["lines"] and page.page.locator("[data-name=next]").is_disabled()


PATH = """(() => { const s = part('map').shown, b = lab().stages[0].canvas.getBoundingClientRect(); return (i) =>
    [b.left + s.x + s.cols * s.cellWidth * (0.5 + 0.45 * Math.sin(i * 0.7)), b.top + s.y + s.rows * s.cellHeight * (0.5 + 0.45 * Math.cos(i * 0.31))]; })()"""


@pytest.mark.slow
def test_a_move_costs_less_than_a_frame(open_lab):
    took = opened(open_lab, "boxes=50").time_moves(PATH)
    print(f"\nproposals: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took


@pytest.mark.slow
def test_pictures_without_labels(open_lab):
    maps = code.shipped()
    about = maps["about"] | {"miou": [[float("nan")] * count for count in maps["about"]["counts"]], "whole": [float("nan")] * len(maps["about"]["counts"])}
    page = open_lab(labs.proposals(maps=maps | {"about": about}))
    assert "The map has an mIoU of – " in page.line and "one pass has –." in page.line


@pytest.mark.slow
def test_words_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            with reading(language):
                page = opened(open_lab, width=width)
            assert min(page.font_sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), width

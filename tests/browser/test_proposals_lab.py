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
    return np.array(page.run("Array.from({ length: 96 }, (_, r) => Array.from({ length: 128 }, (_, c) => part('map').shown.value(r, c)))"))


@pytest.mark.parametrize("picture, n", [(1, 1), (2, 30), (3, 50)])
def test_the_map_is_that_after_so_many_boxes(open_lab, picture, n):
    page = opened(open_lab, f"picture={picture} boxes={n}")
    maps = code.shipped()
    boxes, labels = maps["boxes"][picture - 1], maps["labels"][picture - 1]
    n = min(n, len(boxes))
    np.testing.assert_array_equal(shown(page), np.where(code.covered(boxes[:n], (96, 128)), labels[n - 1].astype(int), -1))
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


@pytest.mark.slow
def test_words_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            with reading(language):
                page = opened(open_lab, width=width)
            assert min(page.font_sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), width

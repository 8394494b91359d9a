"""The map of chapters: everything below what it needs, no line that another one says, nothing over anything else."""

import itertools

import pytest
from matplotlib.patches import FancyBboxPatch, PathPatch

from segcourse import figures
from segcourse.language import reading

DIAMOND = {"00": [], "01": ["00"], "02": ["01"], "03": ["01"], "04": ["02", "00"], "05": ["03", "01"], "06": ["04", "05", "01"]}


def chapters(needs, planned=()):
    return [{"number": number, "title": f"Chapter {number}: about {number}", "needs": wanted, "minutes": None if number in planned else (60, 1.5)}
            for number, wanted in needs.items()]


def cards(figure):
    """number -> (left, top, right, bottom) of its card, in pixels."""
    boxes = [patch for patch in figure.findobj(FancyBboxPatch)]
    numbers = [text for text in figure.sheet.texts if text.get_text().isdigit()]
    found = {}
    for text in numbers:
        x, y = text.get_position()
        (box,) = [patch for patch in boxes if patch.get_x() <= x <= patch.get_x() + patch.get_width() and patch.get_y() <= y <= patch.get_y() + patch.get_height()]
        found[text.get_text()] = (box.get_x(), box.get_y(), box.get_x() + box.get_width(), box.get_y() + box.get_height())
    return found


@pytest.mark.parametrize("needs", [DIAMOND, {"00": []}, {"00": [], "01": []}, {f"{n:02}": ["00"] if n else [] for n in range(5)}], ids=["diamond", "one", "apart", "fan"])
def test_each_stands_below_what_it_needs_and_over_nothing(needs):
    figure = figures.chapter_map(chapters(needs))
    placed = cards(figure)
    assert set(placed) == set(needs)
    for chapter, wanted in needs.items():
        assert all(placed[need][3] < placed[chapter][1] for need in wanted)
    for one, other in itertools.combinations(placed.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    width, height = figure.size_px
    assert all(left >= 0 and top >= 0 and right <= width and bottom <= height for left, top, right, bottom in placed.values())


def test_a_need_that_another_one_brings_along_gets_no_line():
    # Of 10 needs four are brought along: 04 gets 00 by 02, 05 gets 01 by 03, 06 gets 01 by 04.
    figure = figures.chapter_map(chapters(DIAMOND))
    assert sum(map(len, DIAMOND.values())) == 10 and len(figure.findobj(PathPatch)) == 7


def test_lines_pass_beside_the_cards():
    needs = {"00": [], "01": ["00"], "02": ["01"], "03": ["02"], "04": ["00"], "05": ["03", "04"]}
    figure = figures.chapter_map(chapters(needs))
    placed = cards(figure)
    for line in figure.findobj(PathPatch):
        for x, y in line.get_path().interpolated(40).vertices:
            assert not any(left < x < right and top + 1 < y < bottom - 1 for left, top, right, bottom in placed.values())


def test_what_is_planned_says_so_without_colour():
    figure = figures.chapter_map(chapters({"00": [], "01": ["00"]}, planned=["01"]))
    assert [patch.get_linestyle() != "-" for patch in figure.findobj(FancyBboxPatch)] == [False, True]
    assert "01 Chapter 01: about 01 (planned; needs 00)" in figure.alt and "60 min to read, 1.5 to run" in figure.alt
    with reading("ko"):
        assert "준비 중" in figures.chapter_map(chapters({"00": []}, planned=["00"])).alt


@pytest.mark.parametrize("needs, said", [({"01": ["00"]}, "needs 00"), ({"00": ["01"], "01": ["00"]}, "00, 01 need one another in a circle"), ({}, "empty")])
def test_a_map_that_cannot_be_drawn_says_why(needs, said):
    with pytest.raises(ValueError, match=said):
        figures.chapter_map(chapters(needs))
    with reading("ko"), pytest.raises(ValueError, match="주세요"):
        figures.chapter_map(chapters(needs))

import base64
import sys

import numpy as np
import pytest
import torch

from segcourse import datasets, labs, models
from segcourse.language import reading

labs.switch_swap  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.switch_swap"]


def opened(open_lab, state="", **how):
    lab = labs.switch_swap()
    lab.value = state
    return open_lab(lab, **how)


def large(page):
    return np.array(page.numbers("large"))


@pytest.fixture
def with_kernel(open_lab, monkeypatch):
    """A page whose model can send: what it asked is in `asked`; answer(question) has Python answer."""
    lab = labs.switch_swap()
    page_of = type(lab).html

    def html(self, picture=True):
        text = page_of(self, picture)
        assert text.count("save_changes() {},") == 1
        return text.replace("save_changes() {},", "save_changes() {}, send(message) { (window.asked = window.asked || []).push(message.ask); },").replace(
            "el.segcourseModel = model;", "el.segcourseModel = model; window.heardBy = heard; window.asked = [];")

    monkeypatch.setattr(type(lab), "html", html)
    page = open_lab(lab)

    def answer(question):
        sent = []
        lab.send = lambda content, buffers: sent.append((content, buffers[0]))
        lab._asked(lab, {"ask": question}, [])
        page.page.evaluate("""([content, bytes]) => { const view = new DataView(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer);
            for (const f of heardBy['msg:custom']) f(content, [view]); }""", [sent[0][0], base64.b64encode(sent[0][1]).decode("ascii")])
        page.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    page.answer = answer
    return page


def test_the_chosen_map_is_that_of_its_switches_and_its_code(open_lab):
    page = opened(open_lab)
    found = code.shipped().answer(0, 1)
    for switches, which in (("a", "b"), ("b", "a"), ("a", "mean"), ("b", "zero")):
        row, column = code.SWITCHES.index(switches), code.CODES.index(which)
        page.run("([s, c]) => lab().change({ switches: s, code: c })", [switches, which])
        np.testing.assert_array_equal(large(page), found.maps[row, column], err_msg=f"{switches} {which}")
        assert f"mIoU {int(100 * found.miou[row, column, 0] + 0.5)}\u00a0% against A's labels" in page.line
    assert page.value.startswith("a=1 b=2 switches=b code=zero")


@pytest.mark.parametrize("width", [800, pytest.param(400, marks=pytest.mark.slow)])
def test_a_map_is_chosen_by_pointer_and_by_keys_however_they_lie(open_lab, width):
    page = opened(open_lab, "switches=b code=zero", width=width)
    turned = width < 600
    page.click("maps", *((1, 0) if turned else (0, 1)))
    assert (page.state["switches"], page.state["code"]) == ("a", "b")
    page.press(*(("ArrowDown", "ArrowRight") if turned else ("ArrowRight", "ArrowDown")))
    assert (page.state["switches"], page.state["code"]) == ("b", "mean")
    assert "mean code, B's switches" in page.run("document.activeElement.getAttribute('aria-label')")


def test_the_pointer_names_classes(open_lab):
    page = opened(open_lab)
    page.page.mouse.move(*page.place("large", 40, 60))
    assert "The pixel in row 41, column 61 is" in page.line and page.state["pixel"] is None
    page.page.mouse.click(*page.place("large", 40, 60))
    page.press("ArrowRight")
    assert page.state["pixel"] == (40, 61)
    swaps, names = code.shipped(), labs.switch_swap().texts()
    here = names[f"class.{swaps.answer(0, 1).maps[0, 1, 40, 61]}"]
    assert f"row 41, column 62 is {here} here, {names[f'class.{int(swaps.labels[0, 40, 61])}']} in A's truth" in page.line


@pytest.mark.slow
def test_without_a_kernel_it_says_so_and_the_things_to_try_work(open_lab):
    page = opened(open_lab)
    for n, ((a, b), (s, c)) in enumerate([(code.PAIRS[0], (0, 1)), (code.PAIRS[0], (0, 2)), (code.PAIRS[0], (0, 3)), (code.PAIRS[1], (1, 0))]):
        page.page.locator(".sc-try button").nth(n).click()
        np.testing.assert_array_equal(large(page), code.shipped().answer(int(a) - 1, int(b) - 1).maps[s, c])
        assert not page.run("lab().result.waiting")
    page.run("lab().change({ a: '5', b: '6' })")
    assert page.line.startswith("This pair takes Python") and page.run("lab().result.pale")


def test_with_a_kernel_another_pair_is_asked_for_and_nothing_pretends_to_be_it(with_kernel):
    page = with_kernel
    assert page.page.evaluate("asked") == [], "the pair it opens with came along"
    for n in (3, 4, 5):
        page.page.evaluate("(n) => lab().change({ b: String(n) })", n)
        page.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.page.evaluate("asked") == ["a=1 b=3"]
    before = page.page.evaluate("({ key: lab().result.answer.key, waiting: lab().result.waiting, line: lab().parts.line() })")
    assert before["waiting"] and before["key"] == "a=1 b=2" and before["line"].startswith("Python is computing")
    page.answer("a=1 b=3")
    assert page.page.evaluate("lab().result.answer.key") == "a=1 b=2", "an answer to an old question is not shown as if new"
    assert page.page.evaluate("asked") == ["a=1 b=3", "a=1 b=5"]
    page.answer("a=1 b=5")
    assert not page.page.evaluate("lab().result.waiting") and page.page.evaluate("lab().result.answer.key") == "a=1 b=5"
    np.testing.assert_array_equal(large(page), code.shipped().answer(0, 4).maps[0, 1])


@pytest.mark.slow
def test_pictures_of_ones_own_without_labels(open_lab):
    class Unlabelled(list):
        palette, num_classes, void = datasets.load("streets", "valid", length=1).palette, 11, 11

    torch.manual_seed(0)
    of = Unlabelled((image, torch.full(image.shape[1:], 11, dtype=torch.uint8)) for image in torch.randint(0, 255, (2, 3, 32, 64), dtype=torch.uint8))
    lab = labs.switch_swap(model=models.create("segnet", num_classes=11, width=0.03), dataset=of, b=9)
    page = open_lab(lab)
    assert "mIoU – against A's labels, – against B's" in page.line and not page.run("lab().result.waiting")
    page.page.locator(".sc-try button").nth(3).click()
    np.testing.assert_array_equal(large(page), lab.swaps.answer(0, 1).maps[1, 0])


@pytest.mark.slow
def test_words_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            with reading(language):
                page = opened(open_lab, width=width)
            assert min(page.font_sizes) >= 14
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), width

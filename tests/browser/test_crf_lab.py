import base64
import sys

import numpy as np
import pytest

from segcourse import labs
from segcourse.language import reading

labs.crf  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.crf"]
START = code.CrfLab.complete({})


def opened(open_lab, state="", **how):
    lab = labs.crf()
    lab.value = state
    return open_lab(lab, **how)


@pytest.fixture
def with_kernel(open_lab, monkeypatch):
    """with_kernel(state, patience) -> a page whose model can send: what it asked is in `asked`, answer(question) has Python answer."""

    def made(state="", patience=60_000):
        lab = labs.crf()
        lab.value = state
        lab._settings = lab._settings | {"patience": patience}
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
                for (const f of heardBy['msg:custom']) f(content, [view]); }""", [sent[0][0], base64_of(sent[0][1])])
            page.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

        page.answer = answer
        return page

    return made


def base64_of(data):
    return base64.b64encode(data).decode("ascii")


def now(page, script):
    """JavaScript's answer at once, where `run` would wait for an answer of Python."""
    page.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.page.evaluate(script)


def slide(page, field, value):
    page.page.evaluate("""([field, v]) => { const e = document.querySelector(`[data-field=${field}]`); e.value = v;
        e.dispatchEvent(new Event('input', { bubbles: true })); }""", [field, value])


SHOWN = "({ number: lab().result.answer.number, key: lab().result.answer.key, waiting: lab().result.waiting, line: lab().parts.line(), busy: lab().busy })"


def moved_in(found, iteration):
    return int((found.labels[iteration] != found.labels[0]).sum())


# -- what is seen -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("iteration", [0, 1, 10])
def test_pictures_line_and_table_say_what_the_operation_says(open_lab, iteration):
    page = opened(open_lab, f"iteration={iteration} pixel=40,115")
    found = code.answer(START)
    labels = found.labels[iteration]
    names = code.label_names()
    assert page.run("[...lab().result.answer.labels.subarray(lab().result.t * 19200, (lab().result.t + 1) * 19200)]") == labels.ravel().tolist()
    if iteration:
        assert f"After iteration {iteration}, {moved_in(found, iteration)} of 19200 pixels" in page.line
    else:
        assert page.line.startswith("What the network says")
    assert "row 41, column 116 " in page.line and names[found.labels[0][40, 115]] in page.line and names[labels[40, 115]] in page.line
    heard = code.listening(START, 40, 115)
    shares = np.array([heard[labels == k].sum() for k in range(6)]) / heard.sum()
    assert f"{round(100 * shares.max())}\u00a0% of its attention to pixels labelled {names[shares.argmax()]}." in page.line
    # Half a class colour, half the photo.
    pixels = np.array(page.run("[...part('large').shown.pixels]")).reshape(120, 160, 4)[..., :3]
    colours = np.array([code.CAMVID.colour(label) for label in code.IN_CAMVID])[labels]
    wanted = (code.image().permute(1, 2, 0).numpy().astype(float) + colours) / 2
    assert np.abs(pixels - wanted).max() <= 0.5


def test_the_heat_is_brightest_where_it_listens_most(open_lab):
    page = opened(open_lab, "view=listens")
    pixels = np.array(page.run("[...part('large').shown.pixels]")).reshape(120, 160, 4)[..., :3].astype(int)
    heard = code.listening(START, *code.PIXEL)
    assert pixels[code.PIXEL].tolist() == [253, 231, 37]            # viridis at its end: the pixel itself
    strong, weak = heard > 0.5 * heard.max(), heard < 0.001
    assert pixels[strong][:, 1].min() > 120 and strong.sum() > 20
    grey = code.image().permute(1, 2, 0).numpy() @ np.array([0.299, 0.587, 0.114])
    faint = 0.3 * np.array([68, 1, 84]) + 0.7 * grey[weak][:, None]
    assert np.abs(pixels[weak] - faint).max() <= 3


def test_the_pointer_shows_and_a_press_keeps(open_lab):
    page = opened(open_lab)
    page.page.mouse.move(*page.place("large", 40, 115))
    assert "row 41, column 116" in page.line and page.state["pixel"] == code.PIXEL, "hovering is not kept"
    page.page.mouse.move(790, 890)
    assert f"row {code.PIXEL[0] + 1}" in page.line
    page.page.mouse.click(*page.place("below", 20, 30))
    page.page.mouse.move(790, 890)
    r, c = page.state["pixel"]
    assert abs(r - 20) <= 1 and abs(c - 30) <= 1
    page.run("document.querySelector('[data-grid=large]').focus()")
    page.press("ArrowRight", "ArrowDown", "ArrowDown")
    assert page.state["pixel"] == (r + 2, c + 1)
    assert f"row {r + 3}, column {c + 2}, network" in page.run("document.activeElement.getAttribute('aria-label')")


def test_a_finger_does_what_a_mouse_does(open_lab):
    page = opened(open_lab, "iteration=3", width=360, touch=True)
    page.page.touchscreen.tap(*page.place("large", 62, 80))
    assert page.state["pixel"] in ((62, 80), (62, 79), (61, 80), (63, 80), (62, 81))
    page.page.get_by_role("button", name="One more").tap()
    assert page.state["iteration"] == 4


def test_iterations_one_by_one(open_lab):
    page = opened(open_lab, "iteration=0")
    seen = []
    found = code.answer(START)
    for n in range(1, 11):
        page.page.click("[data-name=next]")
        seen.append(page.line)
        assert f"After iteration {n}, {moved_in(found, n)} of" in seen[-1]
    assert page.page.locator("[data-name=next]").is_disabled()


def test_the_rocket_is_what_the_neighbours_speak_for(open_lab):
    page = opened(open_lab, "iteration=1 view=neighbours label=rocket")
    pixels = np.array(page.run("[...part('large').shown.pixels]")).reshape(120, 160, 4)[..., :3].astype(int)
    pull = code.answer(START).pull[0, code.ROCKET]
    assert pixels[pull > 150][:, 1].min() > 100 > pixels[pull < 8][:, 1].max() - 120
    page.page.select_option("[data-field=label]", "mast")
    assert not np.array_equal(pixels, np.array(page.run("[...part('large').shown.pixels]")).reshape(120, 160, 4)[..., :3])
    page.choose("result")
    assert page.page.locator("[data-field=label]").is_disabled()


# -- without a kernel ---------------------------------------------------------------------------------------------------------------

def test_without_a_kernel_it_says_so_and_the_things_to_try_work(open_lab):
    page = opened(open_lab)
    for field in code.SETTING:
        assert page.page.locator(f"[data-field={field}]").is_disabled()
    assert "there is none behind this page" in page.page.inner_text(".sc-crf-hint")
    buttons = page.page.locator(".sc-try button")
    for n, (changed, words) in enumerate([({}, "After iteration 1,"), (code.TRIES[0], "After iteration 10"), (code.TRIES[1], "What the network"),
                                          (code.TRIES[2], "After iteration 10")]):
        buttons.nth(n).click()
        assert words in page.line
        state = page.state
        assert {name: state[name] for name in code.SETTING} == {name: (START | changed)[name] for name in code.SETTING}
        assert page.run("lab().result.answer.key") == code.CrfLab.setting(START | changed) and not page.run("lab().result.waiting")
        if state["iteration"]:
            assert f"{moved_in(code.answer(START | changed), state['iteration'])} of 19200" in page.line
    # Another setting, which only Python could answer: nothing pretends to be it.
    page.run("lab().root.parentElement.segcourseModel.set('value', 'bilateral_weight=17')")
    assert page.line.startswith("This setting takes Python") and page.run("lab().result.pale")
    page.page.click("[data-name=reset]")
    assert page.line.startswith("After iteration 10")


def test_with_a_kernel_the_sliders_are_alive(with_kernel):
    page = with_kernel()
    for field in code.SETTING:
        assert page.page.locator(f"[data-field={field}]").is_enabled()
    assert page.page.locator(".sc-crf-hint").count() == 0
    assert page.page.evaluate("asked") == [], "the setting it opens with came along"


def test_one_question_is_under_way_and_the_newest_is_next(with_kernel):
    page = with_kernel()
    for n in range(2, 40):
        slide(page, "bilateral_xy", n)
        if n % 4 == 0:
            now(page, "1")
    asked = now(page, "asked")
    assert len(asked) == 1
    before = now(page, SHOWN)
    assert before["waiting"] and before["busy"] and before["line"].startswith("Python is computing") and before["key"] == code.CrfLab.setting(START)
    page.answer(asked[0])
    between = now(page, SHOWN)
    assert between["waiting"] and between["key"] == code.CrfLab.setting(START), "an answer to an old setting is not shown as if new"
    asked = now(page, "asked")
    assert asked[1:] == [code.CrfLab.setting(START | {"bilateral_xy": 39})]
    page.answer(asked[1])
    after = now(page, SHOWN)
    found = code.answer(START | {"bilateral_xy": 39})
    assert not after["waiting"] and not after["busy"] and f"{moved_in(found, 10)} of 19200" in after["line"]
    # What was answered once is not asked again.
    slide(page, "bilateral_xy", 16)
    slide(page, "bilateral_xy", 39)
    assert now(page, "asked.length") == 2 and not now(page, SHOWN)["waiting"]


def test_a_picture_that_waits_turns_pale_and_iterations_go_on(with_kernel):
    page = with_kernel()
    slide(page, "confidence", 80)
    assert not now(page, "lab().result.pale")
    page.page.wait_for_function("lab().result.pale")
    slide(page, "iteration", 3)
    shown = now(page, SHOWN)
    assert shown["waiting"] and "After iteration 3" in shown["line"] and now(page, "asked.length") == 1
    page.answer(now(page, "asked")[0])
    assert not now(page, "lab().result.pale || lab().result.waiting")


def test_a_kernel_that_does_not_answer_is_noticed(with_kernel):
    page = with_kernel(patience=200)
    slide(page, "gaussian_weight", 7)
    page.page.wait_for_function("lab().result.lost")
    shown = now(page, SHOWN)
    assert shown["line"].startswith("Python does not answer") and not shown["busy"]
    slide(page, "gaussian_weight", 8)
    assert now(page, "asked.length") == 2, "the next move asks again"
    page.answer(now(page, "asked")[1])
    assert not now(page, SHOWN)["waiting"]


# -- what it costs and how it fits --------------------------------------------------------------------------------------------------

PATH = """(() => { const s = part('large').shown, b = lab().stages[0].canvas.getBoundingClientRect(); return (i) =>
    [b.left + s.x + s.width * (0.5 + 0.45 * Math.sin(i * 0.7)), b.top + s.y + s.height * (0.5 + 0.45 * Math.cos(i * 0.31))]; })()"""


@pytest.mark.parametrize("state", ["", *(pytest.param(state, marks=pytest.mark.slow) for state in ("view=listens", "view=neighbours iteration=1"))])
def test_a_move_costs_less_than_a_frame(open_lab, state, record_property):
    page = opened(open_lab, state)
    took = page.time_moves(PATH)
    record_property("milliseconds", took)
    print(f"\ncrf {state or 'default'}: {took}")
    assert took["frames"] >= 150 and took["p95"] <= 16, took


@pytest.mark.slow
def test_words_are_large_enough_and_nothing_sticks_out(open_lab):
    for language in ("en", "ko"):
        for width in (800, 560, 360):
            for state in ("", "view=neighbours iteration=1", "view=doubt"):
                with reading(language):
                    page = opened(open_lab, state, width=width)
                assert min(page.font_sizes) >= 14
                assert page.run("document.documentElement.scrollWidth <= innerWidth"), (width, state)

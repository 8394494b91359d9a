"""What holds for every lab: it renders, at every width and in both themes; keys stay in it; its state goes both ways."""

import re

import pytest

from segcourse import labs
from segcourse.language import reading

LABS = labs.names()


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", LABS)
def test_it_renders_and_says_what_it_shows(open_lab, name, language):
    with reading(language):
        page = open_lab(getattr(labs, name)(), width=800 if language == "en" else 360)
    assert page.run("lab().timings.length") >= 1
    line = page.line
    assert len(line) > 30 and ("{" not in line)
    assert bool(re.search("[가-힣]", line)) == (language == "ko")
    assert page.page.get_attribute(".sc-lab", "lang") == language
    # The screen reader gets the same words, politely and a little later; the canvas carries them as its name.
    page.page.wait_for_function("document.querySelector('.sc-lab [role=status]').textContent !== ''")
    assert (
        page.page.text_content(".sc-lab [role=status]")
        == page.page.get_attribute(".sc-lab canvas", "aria-label")
        == page.page.text_content(".sc-line")
    )
    assert page.page.get_attribute(".sc-lab [role=status]", "aria-live") == "polite"
    # Something is painted: more than one colour on the canvas.
    assert (
        page.run("""(() => { const c = lab().stages[0].canvas, d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();
        for (let i = 0; i < d.length; i += 404) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return seen.size; })()""")
        > 8
    )
    # One column, nothing that sticks out, the picture first.
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("lab().root.getBoundingClientRect().width") <= 720
    assert page.run("lab().root.firstElementChild.className") == "sc-stage"


@pytest.mark.parametrize("name", LABS)
def test_every_control_is_real_and_has_a_name(open_lab, name):
    page = open_lab(getattr(labs, name)())
    nameless = page.run("""[...document.querySelectorAll('.sc-lab input, .sc-lab select, .sc-lab button')].filter((e) => !e.hidden &&
        !(e.getAttribute('aria-label') || (e.labels && e.labels.length && e.labels[0].textContent) || e.textContent).trim()).map((e) => e.outerHTML)""")
    assert nameless == []
    assert page.run(
        "[...document.querySelectorAll('.sc-lab input, .sc-lab select, .sc-lab button')].every((e) => e.dataset.lmSuppressShortcuts === 'true')"
    )
    # A reader can tab to each of them.
    assert page.run("[...document.querySelectorAll('.sc-lab [tabindex=\"-1\"]')].length") == 0


@pytest.mark.parametrize("name", LABS)
def test_keys_stay_in_the_lab(open_lab, name):
    page = open_lab(getattr(labs, name)())
    page.run("window.escaped = []; document.addEventListener('keydown', (e) => escaped.push(e.key));")
    fields = page.run("[...document.querySelectorAll('.sc-lab input, .sc-lab select')].filter((e) => !e.hidden && !e.disabled).length")
    for i in range(min(fields, 4)):
        page.run(
            "(i) => [...document.querySelectorAll('.sc-lab input, .sc-lab select')].filter((e) => !e.hidden && !e.disabled)[i].focus()", i
        )
        page.press("ArrowRight", "ArrowUp", "Enter", "a")
    assert page.run("escaped") == []


@pytest.mark.parametrize("name", LABS)
def test_the_theme_is_followed(open_lab, name):
    page = open_lab(getattr(labs, name)(), dark=True)
    assert page.page.get_attribute(".sc-lab", "data-theme") == "dark"
    dark = page.run("lab().colours.input")
    # As JupyterLab switches its theme: an attribute of the body, and the variables with it.
    page.run("document.body.style.background = '#fff'; document.body.dataset.jpThemeLight = 'true'")
    page.page.wait_for_function("lab().colours.dark === false")
    assert page.run("lab().colours.input") != dark
    contrast = page.run("""(() => { const l = (h) => { const [r, g, b] = [1, 3, 5].map((i) => { const v = parseInt(h.slice(i, i + 2), 16) / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; const c = lab().colours, paper = l(c.paper);
        return Object.fromEntries(['ink', 'muted', 'input', 'kernel', 'output', 'negative', 'good', 'bad'].map((k) => [k, (Math.max(l(c[k]), paper) + 0.05) / (Math.min(l(c[k]), paper) + 0.05)])); })()""")
    assert all(ratio >= 4 for ratio in contrast.values()), contrast


@pytest.mark.parametrize("name", LABS)
def test_the_state_goes_both_ways_and_reset_comes_back(open_lab, name):
    lab = getattr(labs, name)()
    page = open_lab(lab)
    start = page.value
    assert start == lab.value
    page.run("""lab().change(Object.fromEntries(lab().fields.filter((f) => f.kind === 'int').map((f) => [f.name, f.low])))""")
    changed = page.value
    if changed == start:  # every number stands at its lowest when the lab opens
        page.run("""lab().change(Object.fromEntries(lab().fields.filter((f) => f.kind === 'int').map((f) => [f.name, f.high])))""")
        changed = page.value
    lab.value = changed  # Python accepts what the page says, and writes it alike
    assert lab.value == changed
    if any(field.kind == "int" for field in lab.fields):
        assert changed != start
    page.run("(text) => lab().root.parentElement.segcourseModel.set('value', text)", start)
    assert page.value == start
    page.run("""lab().change(Object.fromEntries(lab().fields.filter((f) => f.kind === 'int').map((f) => [f.name, f.high])))""")
    page.page.click("[data-name=reset]")
    assert page.value == start

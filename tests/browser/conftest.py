"""Labs in Chromium. `open_lab(lab)` gives a LabPage and `open_reader(lab)` a Reader, both from a static page: no kernel, no server, no network.
`jupyter` is a real JupyterLab (one test for each front end), `notebook` a notebook in it in which all labs have been run in both languages.

SEGCOURSE_CHROMIUM names the browser where it is not found by itself.
"""

import os
import shutil

import pytest

from segcourse import labs
from segcourse.language import current

from .jupyter import FRONT_ENDS, Jupyter, NotebookPage, python_of
from .reader import LOOK, Reader

SIZE = {"width": 800, "height": 900}


def chromium_path():
    named = os.environ.get("SEGCOURSE_CHROMIUM")
    found = (
        [named]
        if named
        else [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")]
    )
    return next((path for path in found if path), None)


def pytest_itemcollected(item):
    """What a move may cost is measured while nothing else runs, of every lab."""
    if "costs_less_than_a_frame" in item.name:
        item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'segcourse[test]'")
    with playwright.sync_playwright() as driver:
        path = chromium_path() or driver.chromium.executable_path
        if not os.path.exists(path):
            pytest.skip("no Chromium: install it (apt install chromium) or name it in SEGCOURSE_CHROMIUM")
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield chromium
        chromium.close()


# What tests do to a lab from inside its page.
IN_PAGE = """
window.lab = () => document.querySelector('.sc-lab').segcourseLab;
window.part = (name) => [...lab().stages[0].parts, ...lab().stages[0].handles].find((p) => p.name === name);
window.settled = async () => { while (lab().frame || lab().busy) await new Promise(requestAnimationFrame); };    // until nothing waits to be drawn
window.numbers = (name) => { const s = part(name).shown; return Array.from({ length: s.rows }, (_, r) => Array.from({ length: s.cols }, (_, c) => s.value(r, c))); };
window.place = (name, r, c) => {
  const s = part(name).shown;
  if (scrollY) scrollTo(0, 0);
  const b = lab().stages[0].canvas.getBoundingClientRect();
  return s.rows === undefined ? [b.left + s.x, b.top + s.y] : [b.left + s.x + (c + 0.5) * s.cellWidth, b.top + s.y + (r + 0.5) * s.cellHeight];
};
window.pointer = (type, x, y, buttons) => lab().stages[0].canvas.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, buttons, button: type === 'pointermove' ? -1 : 0, pointerId: 1, pointerType: 'mouse', bubbles: true, cancelable: true }));
// `count` moves along `path`(i) -> [x, y], each drawn: what it cost, handlers, arithmetic, drawing and the browser's layout together.
// With `paced`, one a frame as the screen goes; without, one after the other, which costs the same and waits for nothing.
window.timeMoves = async (count, path, { pressed = false, paced = false } = {}) => {
  lab().measureLayout = true;
  const [x0, y0] = path(0);
  if (pressed) pointer('pointerdown', x0, y0, 1);
  await settled();
  lab().timings.length = 0;
  for (let i = 1; i <= count; i += 1) {
    const [x, y] = path(i);
    pointer('pointermove', x, y, pressed ? 1 : 0);
    if (paced) await new Promise(requestAnimationFrame);
    else if (lab().frame) { cancelAnimationFrame(lab().frame); lab().frame = 0; lab().draw(); }
  }
  await settled();
  const all = lab().timings.map((f) => f.total).sort((a, b) => a - b);
  if (pressed) pointer('pointerup', x0, y0, 0);
  return { frames: all.length, median: all[Math.floor(all.length / 2)], p95: all[Math.floor(all.length * 0.95)], worst: all[all.length - 1] };
};
"""


def static_page(lab, path, *, dark):
    """Write the page of a lab that needs no kernel, as the book has it."""
    path.write_text(
        f'<!doctype html><html lang="{current()}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{lab.module}</title><body style="margin:16px;background:{"#111111" if dark else "#ffffff"}"><main>{lab.html(picture=False)}</main>',
        encoding="utf-8",
    )
    return path.as_uri()


class LabPage:
    """A lab in a page. Numbers are read from what was painted, places are those of the cells on the screen."""

    def __init__(self, page, lab, path, dark):
        self.lab, self.page, self.problems, self.requests = lab, page, page.problems, page.requests
        page.goto(static_page(lab, path, dark=dark))
        page.wait_for_function("document.querySelector('.sc-lab') && lab().timings.length > 0")
        page.evaluate("settled()")

    def run(self, code, argument=None):
        """Evaluate JavaScript in the page once everything is drawn, and wait for what it makes the lab draw."""
        self.page.evaluate("settled()")
        result = self.page.evaluate(code, argument)
        self.page.evaluate("settled()")
        return result

    def numbers(self, name):
        return self.run("numbers", name)

    def place(self, name, row=0, column=0):
        return self.page.evaluate("([n, r, c]) => settled().then(() => place(n, r, c))", [name, row, column])

    def click(self, name, row=0, column=0):
        self.page.mouse.click(*self.place(name, row, column))
        self.page.evaluate("settled()")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.page.evaluate("settled()")

    @property
    def value(self):
        """The text Python sees once the reader has paused."""
        self.page.evaluate("settled().then(() => lab().unsaved && lab().save())")
        return self.page.evaluate("lab().root.parentElement.segcourseModel.get('value')")

    @property
    def state(self):
        return self.lab.read_state(self.value)

    def choose(self, label):
        """Press a radio button."""
        self.page.get_by_role("radio", name=label, exact=True).check()
        self.page.evaluate("settled()")

    def time_moves(self, path, *, count=200, pressed=False, paced=False, limit=16, rounds=3):
        """Milliseconds of `count` moves along the JavaScript function `path`. Where another program took the processor, up to `rounds` are
        run and the quietest counts: the lab's own cost is what is asked for."""
        best = None
        for _ in range(rounds):
            took = self.page.evaluate(f"timeMoves({count}, {path}, {{ pressed: {str(pressed).lower()}, paced: {str(paced).lower()} }})")
            best = took if best is None or took["p95"] < best["p95"] else best
            if best["p95"] <= limit:
                break
        return best

    @property
    def line(self):
        return self.run("document.querySelector('.sc-line').innerText")

    @property
    def font_sizes(self):
        """Sizes in px of all that one drawing writes on the canvas."""
        return self.run("""(() => { const seen = new Set(), ctx = lab().stages[0].ctx, write = ctx.fillText;
            ctx.fillText = function (...what) { seen.add(parseFloat(this.font.match(/([\\d.]+)px/)[1])); return write.apply(this, what); };
            lab().draw(); ctx.fillText = write; return [...seen]; })()""")

    @property
    def formula(self):
        return self.run("document.querySelector('.sc-formula').innerText")


def watched(page):
    """`page`, which from now on keeps what goes wrong in `problems` and what it asks for in `requests`."""
    page.problems, page.requests = [], []

    def said(message):
        # That pixels are read back again and again is the tests' doing.
        if message.type in ("error", "warning") and "willReadFrequently" not in message.text:
            page.problems.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    return page


def quiet(page):
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith(("file:", "blob:", "data:"))] == []


@pytest.fixture(scope="session")
def page_of(browser):
    """A browser page for each setting, made once: opening a lab in it replaces the lab before."""
    made = {}

    def page(width, dark, reduced_motion, touch):
        key = width, dark, reduced_motion, touch
        if key not in made:
            context = browser.new_context(
                viewport=SIZE | {"width": width},
                has_touch=touch,
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce" if reduced_motion else "no-preference",
            )
            context.set_default_timeout(10_000)
            made[key] = page = watched(context.new_page())
            page.add_init_script(IN_PAGE)
        made[key].problems.clear()
        made[key].requests.clear()
        return made[key]

    return page


@pytest.fixture
def open_lab(page_of, tmp_path):
    """open_lab(lab, width=800, dark=False, reduced_motion=True, touch=False) -> LabPage.

    Fails the test on any console error, any request that leaves the page, and any text Python does not hand over. Opening a second lab with
    the same settings replaces the first.
    """
    pages = []

    def opened(lab, *, width=800, dark=False, reduced_motion=True, touch=False):
        pages.append(LabPage(page_of(width, dark, reduced_motion, touch), lab, tmp_path / f"lab-{len(pages)}.html", dark))
        return pages[-1]

    yield opened
    for page in pages:
        quiet(page.page)
        assert page.page.evaluate("[...lab().missing]") == [], "texts that Python does not hand over"


@pytest.fixture(scope="session")
def reading_pages(browser):
    """{dark: page} in which a Reader can look at labs."""
    pages = {}
    for dark in (False, True):
        context = browser.new_context(viewport=SIZE, color_scheme="dark" if dark else "light", reduced_motion="reduce")
        context.set_default_timeout(10_000)
        pages[dark] = watched(context.new_page())
        pages[dark].add_init_script(LOOK)
    return pages


@pytest.fixture
def open_reader(reading_pages, tmp_path):
    """open_reader(lab, dark=False) -> Reader. Opening a second lab replaces the first; errors and requests fail the test, as in open_lab."""

    def opened(lab, *, dark=False):
        page = reading_pages[dark]
        page.problems.clear()
        page.requests.clear()
        page.goto(static_page(lab, tmp_path / f"{lab.module}.html", dark=dark))
        page.wait_for_function("(() => { const root = document.querySelector('.sc-lab'); return root && root.segcourseLab.timings.length > 0; })()")
        return Reader(page, page.query_selector(".sc-lab"))

    yield opened
    for page in reading_pages.values():
        quiet(page)


# ---------------------------------------------------------------- real JupyterLab


@pytest.fixture(scope="session", params=FRONT_ENDS)
def jupyter(request, browser, tmp_path_factory):
    """A running JupyterLab; every test that asks for it is run in each of the front ends."""
    with Jupyter(python_of(request.param), tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


LANGUAGES = ("en", "ko")
LABS = labs.names()
IMPORT = "import segcourse\nfrom segcourse import labs"


def cell_of(name, language="en"):
    """The number of the cell that shows a lab in `notebook`."""
    return 1 + LANGUAGES.index(language) * len(LABS) + LABS.index(name)


@pytest.fixture(scope="session")
def notebook(jupyter, browser):
    """All labs, run: `{name}_{language}` is the lab in the kernel, cell_of(name, language) its cell; the last cell is free."""
    shown = [f"segcourse.use_language({lang!r})\n{name}_{lang} = labs.{name}()\n{name}_{lang}" for lang in LANGUAGES for name in LABS]
    jupyter.write("labs.ipynb", [IMPORT, *shown, "segcourse.use_language('en')"])
    page = NotebookPage(browser, jupyter, "labs.ipynb", script=LOOK).run_all()
    assert page.tracebacks == []
    page.page.wait_for_function("(n) => document.querySelectorAll('.jp-OutputArea .sc-stage canvas').length === n", arg=len(shown))
    yield page
    page.close()

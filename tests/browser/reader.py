"""A reader's hands and eyes: every control of a lab moved by mouse and by keys, on a static page or in JupyterLab, and what is seen then."""

import json

LOOK = """
// Everything a canvas writes, per canvas, since its lab last began to draw.
(() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) { (this.canvas.written = this.canvas.written || []).push(String(text)); return write.call(this, text, ...rest); };
})();
window.drawn = async (root) => { const lab = root.segcourseLab; do await new Promise(requestAnimationFrame); while (lab.frame || lab.busy); };
/** Bring a place of an element under the pointer's reach, out from under the edges and bars of the page: [x, y, whether it can be reached]. */
window.reach = async (e, at) => {
  let found = null;
  for (const again of [false, true]) {
    if (again) { e.scrollIntoView({ block: 'center' }); await new Promise(requestAnimationFrame); }
    const [x, y] = at(e.getBoundingClientRect()), top = document.elementFromPoint(x, y);
    found = [x, y, Boolean(top) && (top === e || e.contains(top) || [...(e.labels || [])].some((l) => l.contains(top)))];
    if (found[2]) break;
  }
  return found;
};
window.visible = (e) => !e.hidden && e.getClientRects().length > 0;
window.controlsOf = (root) => {
  const lab = root.segcourseLab, found = [];
  const kinds = { range: 'slider', checkbox: 'toggle', number: 'number', radio: 'radio' };
  for (const e of root.querySelectorAll('input, select, button, textarea')) {
    let kind = e.dataset.grid !== undefined ? 'cells' : e.dataset.handle !== undefined ? 'handle' : e.tagName === 'SELECT' ? 'select' : e.tagName === 'BUTTON' ? 'button' : kinds[e.type] || e.type;
    const name = e.dataset.grid || e.dataset.handle || e.dataset.name || e.dataset.layer || (e.dataset.field ? e.dataset.field + (kind === 'radio' ? '=' + e.value : '') : '') || e.getAttribute('aria-label') || (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent);
    const part = kind === 'cells' ? lab.stages.flatMap((s) => s.parts).find((p) => p.field === e) : null;
    found.push({ element: e, key: `${kind} ${name.trim()}`, kind, ready: visible(e) && !e.disabled, part,
      edits: Boolean(part && part.edit), points: Boolean(part && (part.point || part.paint)), paints: Boolean(part && part.paint) });
  }
  return found;
};
window.hash = (words) => { let h = 2166136261; for (let i = 0; i < words.length; i += 1) { h ^= words[i]; h = Math.imul(h, 16777619); } return h >>> 0; };
window.pixelsOf = (root) => [...root.querySelectorAll('canvas')].map((c) => hash(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)));
/** Every text a reader sees or hears: in the page, in attributes, on the canvas. */
window.textsOf = (root) => {
  const said = [], tree = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (tree.nextNode()) { const at = tree.currentNode.parentElement; if (visible(at) || at.closest('option')) said.push(tree.currentNode.textContent); }
  for (const e of [root, ...root.querySelectorAll('*')]) for (const name of ['aria-label', 'aria-valuetext', 'aria-description', 'title', 'alt', 'placeholder']) if (e.hasAttribute(name)) said.push(e.getAttribute(name));
  for (const e of root.querySelectorAll('input[type=text]')) said.push(e.value);
  return [...new Set([...said, ...[...root.querySelectorAll('canvas')].flatMap((c) => c.written || [])].map((s) => s.trim()).filter(Boolean))];
};
window.seeLab = async (root) => {
  await drawn(root);
  const lab = root.segcourseLab;
  for (const c of root.querySelectorAll('canvas')) c.written = [];
  lab.draw();
  const numbers = {};
  for (const p of lab.stages.flatMap((s) => s.parts)) if (p.shown && p.shown.value && p.shown.rows * p.shown.cols <= 10000)
    numbers[p.name] = Array.from({ length: p.shown.rows }, (_, r) => Array.from({ length: p.shown.cols }, (_, c) => p.shown.value(r, c)));
  return { state: lab.state, numbers, legible: Object.fromEntries(lab.stages.flatMap((s) => s.parts).filter((p) => p.shown).map((p) => [p.name, Boolean(p.shown.numbersFit)])),
    line: root.querySelector('.sc-line').textContent, formula: [...root.querySelectorAll('.sc-formula')].filter(visible).map((e) => e.textContent),
    lights: Object.fromEntries([...root.querySelectorAll('[data-light]')].map((e) => [(e.closest('[data-column]') ? e.closest('[data-column]').dataset.column + '.' : '') + e.dataset.light, [e.dataset.state, e.querySelector('.sc-detail').textContent]])),
    tables: [...root.querySelectorAll('table')].map((t) => [...t.rows].filter(visible).map((row) => [...row.cells].map((c) => c.innerText.trim()))),
    pixels: pixelsOf(root), texts: textsOf(root), written: [...root.querySelectorAll('canvas')].flatMap((c) => c.written || []), missing: [...lab.missing],
    ready: controlsOf(root).filter((c) => c.ready).map((c) => c.key),
    focus: root.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null };
};
"""


class Reader:
    """Someone before a lab. `root` is the lab's outermost element, `.sc-lab`, in `page`."""

    def __init__(self, page, root):
        self.page, self.root = page, root

    def see(self):
        """What the lab shows: state, numbers of its grids, words, pixels, and which controls are ready."""
        return self.page.evaluate("(root) => seeLab(root)", self.root)

    def start(self, state=None, *, trying=None):
        """The lab as it opens, as the text `state` sets it, or as its n-th 'try this' does."""
        self.page.evaluate(
            """async ([root, state, n]) => { const lab = root.segcourseLab;
                if (root.contains(document.activeElement)) document.activeElement.blur();
                root.querySelector('[data-name=reset]').click();
                if (state) { lab.save(); lab.model.set('value', state); lab.model.save_changes(); }
                if (n !== null) { await drawn(root); root.querySelectorAll('.sc-try .sc-link')[n].click(); }
                await drawn(root); }""",
            [self.root, state, trying],
        )

    def tries(self):
        return self.page.evaluate("(root) => root.querySelectorAll('.sc-try .sc-link').length", self.root)

    def controls(self):
        """[{key, kind, edits, points, paints}] in the order of the page."""
        return self.page.evaluate("(root) => controlsOf(root).map(({ element, ready, part, ...rest }) => rest)", self.root)

    def element(self, key):
        return self.page.evaluate_handle("([root, key]) => controlsOf(root).find((c) => c.key === key).element", [self.root, key]).as_element()

    def place(self, key, across=0.5, down=0.5):
        """Where on the screen a control stands, brought there first. Fails where something lies over it."""
        x, y, reached = self.page.evaluate(
            """([root, key, across, down]) => reach(controlsOf(root).find((c) => c.key === key).element,
                (b) => [b.left + b.width * across, b.top + b.height * down])""",
            [self.root, key, across, down],
        )
        assert reached, f"a click on {key} would land on something else"
        return x, y

    def spot(self, key, cell=(0, 0)):
        """Where on the screen a control of the canvas stands: a handle's middle, a cell's middle (fractions of the rows and columns)."""
        x, y, reached = self.page.evaluate(
            """([root, key, cell]) => { const stage = root.segcourseLab.stages[0], e = controlsOf(root).find((c) => c.key === key).element;
                const handle = stage.handles.find((h) => h.field === e), s = handle ? handle.shown : stage.parts.find((p) => p.field === e).shown;
                const at = (share, n) => Math.min(n - 1, Math.floor(share * n)) + 0.5;
                return reach(stage.canvas, (b) => handle ? [b.left + s.x, b.top + s.y] : [b.left + s.x + at(cell[1], s.cols) * s.cellWidth, b.top + s.y + at(cell[0], s.rows) * s.cellHeight]); }""",
            [self.root, key, list(cell)],
        )
        assert reached, f"{key} lies under something else"
        return x, y

    # ---------------------------------------------------------------- by mouse
    def by_mouse(self, control):
        ways = {"cells": self._drag_cells, "handle": self._drag_handle, "slider": self._drag_slider, "select": self._pick, "number": self._spin}
        ways.get(control["kind"], self._click)(control)

    def _click(self, control):
        self.page.mouse.click(*self.place(control["key"]))

    def _pick(self, control):
        # The list of a <select> is drawn by the system, outside the page, where no test reaches: choosing in it is Playwright's.
        self.place(control["key"])
        element = self.element(control["key"])
        element.select_option(element.evaluate("(e) => [...e.options].map((o) => o.value).filter((v) => v !== e.value).at(-1)"))

    def _spin(self, control):
        up = self.element(control["key"]).evaluate("(e) => Number(e.value) < Number(e.max)")
        self.page.mouse.move(*self.place(control["key"]))  # the little arrows come with the pointer
        self.page.mouse.click(*self.place(control["key"], 0.88, 0.3 if up else 0.7))

    def _drag(self, way):
        for x, y in way:
            self.page.mouse.move(x, y)
            if (x, y) == way[0]:
                self.page.mouse.down()
        self.page.mouse.up()

    def _drag_slider(self, control):
        element = self.element(control["key"])
        share, width = element.evaluate("(e) => [(e.value - e.min) / (e.max - e.min || 1), e.getBoundingClientRect().width]")
        left, y = self.place(control["key"], across=0)
        thumb, end = (left + 8 + (width - 16) * at for at in (share, 0.02 if share > 0.5 else 0.98))
        self._drag([(thumb, y), ((thumb + end) / 2, y), (end, y)])

    def _drag_handle(self, control):
        x, y = self.spot(control["key"])
        left, top = self.page.evaluate("(root) => { const b = root.segcourseLab.stages[0].canvas.getBoundingClientRect(); return [b.left, b.top]; }", self.root)
        dx, dy = (48 if x - left < 150 else -48), (48 if y - top < 150 else -48)  # away from the nearer edge of the picture
        self._drag([(x, y), (x + dx / 2, y + dy / 2), (x + dx, y + dy)])

    def _drag_cells(self, control):
        key = control["key"]
        if control["edits"]:
            x, y = self.spot(key)
            highest = self.page.evaluate(
                "([root, key]) => { const { part } = controlsOf(root).find((c) => c.key === key); return part.shown.value(0, 0) >= part.high; }", [self.root, key]
            )
            way = 12 if highest else -12
            self._drag([(x, y), (x, y + way), (x, y + 2 * way)])
        else:
            for cell in ((0.7, 0.7), (0.25, 0.3)):
                self.page.mouse.click(*self.spot(key, cell))

    # ---------------------------------------------------------------- by keyboard
    def by_keys(self, control):
        kind, element = control["kind"], self.element(control["key"])
        if kind == "radio":
            # The group is one stop of the Tab key: from the radio that is on, the arrows go to this one.
            steps = element.evaluate(
                """(e) => { const all = [...document.getElementsByName(e.name)].filter((o) => !o.disabled), on = Math.max(all.findIndex((o) => o.checked), 0);
                    all[on].focus(); return (all.indexOf(e) - on + all.length) % all.length; }"""
            )
            keys = ["ArrowRight"] * steps
        else:
            element.focus()
            last = element.evaluate(
                "(e) => e.tagName === 'SELECT' ? e.selectedIndex === e.options.length - 1 : e.max !== undefined && e.max !== '' && Number(e.value) >= Number(e.max)"
            )
            cell = ["ArrowRight", "ArrowDown", *(["Space"] if control["paints"] else [])]
            if control["edits"]:
                cell = ["5" if element.input_value() == "7" else "7"]
            keys = {
                "slider": ["ArrowLeft" if last else "ArrowRight"],
                "number": ["ArrowDown" if last else "ArrowUp"],
                "select": ["ArrowUp" if last else "ArrowDown"],
                "toggle": ["Space"],
                "handle": ["ArrowRight", "ArrowDown"],
                "cells": cell,
            }.get(kind, ["Enter"])
        for key in keys:
            self.page.keyboard.press(key)


# Further states to walk through, beside the one a lab opens with and those its 'try this' sets up: in them more buttons do something.
# Written in full, as a page writes them: Python completes a shorter text, and its answer would come between the moves.
ALSO = {"receptive_field": ["stack=c3,d2,p2,c5,s2,t2,d4,p2 cell=none view=boxes photo=64x96"],
        "atrous": ["view=taps kernel=3 rates=1,2,4,8 cell=none scene=numbers first=conv stride=2 filled=16 pool=yes conv=yes pad=yes at=4,6",
                   "view=fill kernel=3 rates=2 cell=none scene=numbers first=pool stride=3 filled=16 pool=yes conv=yes pad=yes at=3,3"],
        "switches": ["view=again kernel=2 x=1,3,0,2,4,1,0,2;2,0,5,1,0,2,6,1;0,1,2,0,3,7,1,0;4,2,1,6,1,0,2,3;1,0,8,2,0,1,4,1;3,5,0,1,5,2,0,2;0,2,1,3,1,9,2,0;6,1,4,0,2,0,1,5 "
                     "y=2,-1,3,1;4,5,-2,2;0,3,6,2;1,4,2,-3 at=1,2"],
        "follow_switch": ["picture=2 pixel=20,30 rank=3"],
        "switch_swap": ["a=2 b=3 switches=b code=zero lines=none pixel=none"],
        "proposals": ["picture=2 boxes=3 lines=yes pixel=none"]}
# Controls that no state makes ready: the first layer cannot come earlier, the eighth not later.
NEVER_READY = {"receptive_field": {"button up0", "button down7"}}
# Controls that change what the next move will do and not the picture.
FOR_THE_NEXT_MOVE = {"slider brush"}


def changed(before, after, control):
    """Whether a move did something that is seen. A grid that only says what it holds shows it by the focus and the words of its field."""
    if control["key"] in FOR_THE_NEXT_MOVE:
        return after["state"] != before["state"] and after["texts"] != before["texts"]
    if control["kind"] == "cells" and not (control["edits"] or control["points"]):
        return after["focus"] is not None and after["focus"] != before["focus"]
    return after["pixels"] != before["pixels"]


def walk(reader, name, visit, *, ways=("mouse", "keys")):
    """Move every control of the lab `name` in each of `ways`, one after the other as a reader would, in as many of its states as it takes
    for each to do something. `visit(before, after, control, way)` after each move.

    Returns the (key, way) of controls that never changed a pixel of the picture.
    """
    starts = [*({"state": state} for state in ALSO.get(name, ())), {}, *({"trying": n} for n in range(reader.tries()))]
    todo = {}
    for at in starts:
        reader.start(**at)
        before, fresh = reader.see(), True
        for control in reader.controls():
            key = control["key"]
            for way in ways:
                if not todo.setdefault((key, way), True):
                    continue
                for _ in range(2):  # where it does nothing after what was moved before, once more from the start
                    if key not in before["ready"] and not fresh:
                        reader.start(**at)
                        before, fresh = reader.see(), True
                    if key not in before["ready"]:
                        break
                    (reader.by_mouse if way == "mouse" else reader.by_keys)(control)
                    after = reader.see()
                    visit(before, after, control, way)
                    done, again = changed(before, after, control), not fresh
                    before, fresh = after, fresh and after["state"] == before["state"]
                    if done:
                        todo[key, way] = False
                    if done or not again:
                        break
                    reader.start(**at)
                    before, fresh = reader.see(), True
    never = NEVER_READY.get(name, ())
    return sorted((key, way) for (key, way), left in todo.items() if left and key not in never)


def shown(seen):
    """What `see` gave, short, for a message."""
    return json.dumps({key: seen[key] for key in ("state", "line", "formula")}, ensure_ascii=False)

/* What every lab shares. Python joins this file and NAME.js into one ES module (a widget's module cannot import its neighbours), so
   everything declared here at the top level is simply in scope in NAME.js. Nothing at the top level touches the page: node can load it.

   A lab is written like this:

     export { arithmetic, forTests };                       // never name an export "render"
     export default { render: labRender((lab) => {
       const stage = lab.stage();                           // the canvas
       const input = stage.grid({ name: "input", role: "input", label: lab.t("input"), edit: (r, c, v) => ..., point: (r, c) => ... });
       lab.controls(lab.slider({ field: "stride", label: lab.t("stride") }), lab.select({...}), lab.button({...}));
       lab.tryThis([{ text: lab.t("try1"), state: { stride: 3 } }, ...]);
       return {
         compute(state) { return ... },                     // optional, runs when the state changed; lab.result is what it returned
         layout(width) { return { height, ... } },          // where things go; runs at every draw, must be cheap
         draw(pen, place) { input.show({ x, y, cell, rows, cols, value: (r, c) => ... }); pen.arrow(...); },
         line() { return "what the picture shows now, in words" },
         reset() { ... },                                   // optional: what is not in the state
       };
     }) };

   STATE
     lab.state is an object with one entry a field (Python's `fields`: int, number, choice, flag, grid, cell). Read it, never write it.
     lab.change({ stride: 3 })              new state, one redraw in the next frame, `value` saved when the reader pauses, never mid-drag
     lab.change({ ... }, { save: false })   the same, not saved (hovering)
     lab.redraw()                           draw in the next frame; however often it is called, once a frame
     lab.onChange(f)                        f(state) after each change, before the draw
   TEXT
     lab.t("key", { n: 3 }) fills {n} in the text of Python's texts(); {n:을/를} adds the Korean particle that fits the value.
     numberText(2.5) writes a number as the reader sees it; josaText("3", "을/를") is the particle alone.
   DATA
     lab.data is a Uint8Array (Python's `data()`), lab.settings an object (Python's `settings()`).
   PICTURE
     stage.grid({ name, role, label, point, edit, low, high, step }) is a grid to point at, to tab to and, with `edit`, to type into.
       point(r, c, { pinned }): pointed at by mouse, touch or arrow keys; pinned when pressed or reached by keys
       edit(r, c, value): a new value was typed or dragged, within low and high (-9, 9); 10 px of a drag are one step (1)
     grid.show({ x, y, cell, rows, cols, ... }) paints it and remembers where it is. Further options:
       value(r, c) -> number; text(r, c, v) -> string in the cell (default numberText); numbers: false leaves them all out
       fill(r, c, v) -> colour (default: the role's tint by |v| / max, the negative colour below zero); max; role; title
       hatch(r, c), faded(r, c) -> bool; selected: [r, c], outlined in ink; outlines: [{ r, c, rows, cols, role, dash, width }]
       describe(r, c) -> words the screen reader hears after the place. Numbers that do not fit at 14 px are left out.
       paint(cells, { first, keys }): cells [[r, c], ...] the pointer was pressed on or dragged over, none left out, or the cell of space, Enter
         and shift with an arrow; first: a stroke begins. `point` is called as well. A finger on it paints and does not scroll.
     stage.image({ name, label, point, paint }), with .show({ x, y, width, height, rows, cols, pixels, value, text, selected, outlines, title,
       describe }): the same for a picture; pixels is a Uint8ClampedArray of RGBA.
     stage.handle({ name, label, move, step }), with .show({ x, y, width, height, words }): a thing to drag with the pointer or to move
       with the arrow keys: move(dx, dy, { keys }) in px. x, y is its middle; the lab paints it.
     pen.ctx, pen.width, pen.text(string, x, y, { align, size, weight, role, baseline }), pen.line([[x, y], ...], { role, width, dash }),
       pen.arrow(x1, y1, x2, y2, { role }), pen.box(x, y, w, h, { role, fill, width, dash, radius }), pen.hatch(x, y, w, h),
       pen.sign("*", x, y), pen.legend([[colour, name], ...], x, y, width), pen.legendHeight(names, width).
       Units are CSS pixels; the canvas follows the screen's resolution.
     lab.colours: ink, muted, faint, paper, input, kernel, output, negative, count, good, bad as "#rrggbb", and dark (bool).
     lab.tint(role, share), lab.sequential(share) (viridis), lab.countColour(n, most), lab.diverging(share from -1 to 1).
     lab.font is the family for canvas text, lab.narrow a width under 520 px.
   CONTROLS, each an element bound to a field, or to { get, set } in place of `field`, and brought up to date when the state changes
     lab.slider({ field, label, low, high, step, show, limits, enabled }), lab.number({ field, label, low, high, step }),
     lab.select({ field, label, options: [[value, text], ...] }), lab.choice({ ... the same, as a bar of radio buttons }),
     lab.toggle({ field, label }), lab.button({ label, press, hint, name, enabled })
     lab.controls(...nodes) puts a row under the picture, lab.sliders(...nodes) the same in two columns; lab.group(label, ...nodes)
     lab.formula() -> element with .set([[text, role], ...]), lab.hint(text): both stand where they are made
     lab.lights([{ key, label }]) -> element with .set({ key: true | false | null }, { key: words })
     lab.tryThis([{ text, state | press }]); a reset button comes by itself
   TIME
     lab.animate(ms, (share) => ..., done) lasts at most 300 ms, and no time where reduced motion is asked.
     lab.listen(target, event, f) for further events (timed, removed with the view).
     lab.timings holds { handler, draw, total } in ms of the frames drawn; el.firstChild.segcourseLab is the lab, for tests.
   KEYS
     stay in the lab (JupyterLab would take the arrow keys). In a grid: arrows move, typing replaces, PageUp and PageDown change by a step,
     Enter goes on, Escape takes back. */

// ------------------------------------------------------------------ numbers and words

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

function numberText(v, digits = 2) {
  if (!Number.isFinite(v)) return "–";
  const rounded = Number(v.toFixed(digits));
  return rounded === 0 ? "0" : String(rounded).replace("-", "−");
}

/** The number a reader typed, or null: accepts the real minus sign and a decimal comma. */
function readNumber(text) {
  const plain = String(text).trim().replace("−", "-").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null;
}

// As segcourse.language.josa: the form after a final consonant stands first.
function josaText(word, pair) {
  const text = String(word),
    [closed, open] = pair.split("/"),
    end = text.replace(/['"`) ]+$/, "").slice(-1);
  let final = "none";
  if (end >= "가" && end <= "힣") {
    const f = (end.charCodeAt(0) - 0xac00) % 28;
    final = f === 0 ? "none" : f === 8 ? "l" : "other";
  } else if (/\d/.test(end)) final = { 0: "other", 1: "l", 3: "other", 6: "other", 7: "l", 8: "l" }[end] || "none";
  else if (/[lmnr]/i.test(end)) final = /[lr]/i.test(end) ? "l" : "other";
  if (pair === "으로/로") return text + (final === "none" || final === "l" ? open : closed);
  return text + (final === "none" ? open : closed);
}

function fillText(template, values) {
  return template.replace(/\{(\w+)(?::([^}]+))?\}/g, (whole, key, pair) => {
    if (!values || !(key in values)) return whole;
    const v = typeof values[key] === "number" ? numberText(values[key]) : String(values[key]);
    return pair ? josaText(v, pair) : v;
  });
}

// ------------------------------------------------------------------ the state as text: "stride=2 padding=0 input=1,2;3,4"

const plainNumber = (v) => {
  const r = Number(Number(v).toFixed(4));
  return r === 0 ? "0" : String(r);
};

const FIELD = {
  int: { read: (t) => Number(t), write: plainNumber },
  number: { read: (t) => Number(t), write: plainNumber },
  choice: { read: (t) => t, write: (v) => v },
  flag: { read: (t) => t === "yes", write: (v) => (v ? "yes" : "no") },
  grid: {
    read: (t) => t.split(";").map((row) => row.split(",").map(Number)),
    write: (v) => v.map((row) => row.map(plainNumber).join(",")).join(";"),
  },
  cell: { read: (t) => (t === "none" ? null : t.split(",").map(Number)), write: (v) => (v ? v.join(",") : "none") },
};

/** Python has checked the text; what it does not name takes its default. */
function readState(text, fields) {
  const state = {};
  for (const field of fields) state[field.name] = FIELD[field.kind].read(field.default);
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const at = part.indexOf("="),
      field = fields.find((f) => f.name === part.slice(0, at));
    if (field) state[field.name] = FIELD[field.kind].read(part.slice(at + 1));
  }
  return state;
}

function writeState(state, fields) {
  return fields.map((field) => `${field.name}=${FIELD[field.kind].write(state[field.name])}`).join(" ");
}

const copyGrid = (grid) => grid.map((row) => row.slice());

/** The cells a straight stroke from one cell to another passes, without the first; [] where it stays. */
function cellsBetween([r0, c0], [r1, c1]) {
  const steps = Math.max(Math.abs(r1 - r0), Math.abs(c1 - c0));
  return Array.from({ length: steps }, (_, i) => [
    Math.round(r0 + ((r1 - r0) * (i + 1)) / steps),
    Math.round(c0 + ((c1 - c0) * (i + 1)) / steps),
  ]);
}

/** A grid with rows x cols cells: what fits is kept, new cells are filled. */
function resizeGrid(grid, rows, cols, fill = 0) {
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: cols }, (_, c) => (grid[r] !== undefined && grid[r][c] !== undefined ? grid[r][c] : fill)),
  );
}

// ------------------------------------------------------------------ questions to Python and its answers

/** One question under way, and then the newest: however fast a slider moves, no backlog comes up. `send` sends a question; where no answer comes
    within `patience` ms, `silent` is true, `changed` is called and the next question may go. `later` and `never` are setTimeout and its undoing. */
class Questions {
  constructor({ send, changed, patience, later = (f, ms) => setTimeout(f, ms), never = (id) => clearTimeout(id) }) {
    Object.assign(this, { send, changed, patience, later, never, underWay: null, last: null, next: null, silent: false });
  }

  ask(question) {
    if (this.silent && question === this.last) return; // it lies in the kernel's queue, or is lost
    if (question === this.underWay) this.next = null;
    else if (this.underWay !== null) this.next = question;
    else this.go(question);
  }

  go(question) {
    this.underWay = this.last = question;
    this.next = null;
    this.timer = this.later(() => this.giveUp(), this.patience);
    try {
      this.send(question);
    } catch {
      this.never(this.timer); // the kernel was restarted, and nobody listens at the old one's line
      this.giveUp();
    }
  }

  /** An answer came; whether it was the one waited for. */
  heard(question) {
    this.silent = false;
    if (question !== this.underWay) return false;
    this.never(this.timer);
    this.underWay = null;
    if (this.next !== null) this.go(this.next);
    return true;
  }

  giveUp() {
    const { next } = this;
    this.silent = true;
    this.underWay = null;
    if (next !== null) this.go(next);
    this.changed();
  }

  /** Nothing is wanted any more. */
  forget() {
    this.next = null;
  }

  stop() {
    this.never(this.timer);
    this.underWay = null;
    this.next = null;
  }
}

const settingText = (state, names, fields) =>
  writeState(
    state,
    fields.filter((f) => names.includes(f.name)),
  );

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// ------------------------------------------------------------------ colours

const VIRIDIS = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
const ROLES = ["ink", "muted", "faint", "paper", "input", "kernel", "output", "negative", "count", "good", "bad"];

const toRgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const toHex = (rgb) =>
  "#" +
  rgb
    .map((v) =>
      Math.round(clamp(v, 0, 255))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("");
const mixColours = (from, to, share) => {
  const a = toRgb(from),
    b = toRgb(to);
  return toHex(a.map((v, i) => v + (b[i] - v) * share));
};
const lightness = (hex) => {
  const [r, g, b] = toRgb(hex);
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
};

function along(stops, share) {
  const at = clamp(share, 0, 1) * (stops.length - 1),
    low = Math.min(Math.floor(at), stops.length - 2);
  return mixColours(stops[low], stops[low + 1], at - low);
}

/** Any CSS colour as "#rrggbb" on the given paper (the theme's text colours are often translucent). */
function solidColour(text, paper, probe) {
  probe.fillStyle = "#000000";
  probe.fillStyle = text;
  const read = probe.fillStyle;
  if (read[0] === "#") return read;
  const [r, g, b, a] = read.match(/[\d.]+/g).map(Number);
  return mixColours(paper, toHex([r, g, b]), a === undefined ? 1 : a);
}

function isDark(node) {
  const theme = document.body && document.body.getAttribute("data-jp-theme-light");
  if (theme) return theme === "false";
  const named =
    document.documentElement.getAttribute("theme") ||
    document.documentElement.getAttribute("data-theme") ||
    document.documentElement.getAttribute("data-bs-theme");
  if (named) return named.includes("dark");
  for (let at = node; at; at = at.parentElement) {
    const part = getComputedStyle(at).backgroundColor.match(/[\d.]+/g);
    if (part && (part.length < 4 || Number(part[3]) > 0.5)) return lightness(toHex(part.slice(0, 3).map(Number))) < 0.5;
  }
  return /dark/.test(getComputedStyle(document.documentElement).colorScheme) && matchMedia("(prefers-color-scheme: dark)").matches;
}

// ------------------------------------------------------------------ small DOM

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, v] of Object.entries(attributes)) {
    if (key === "text") node.textContent = v;
    else if (v === true) node.setAttribute(key, "");
    else if (v !== false && v !== null && v !== undefined) node.setAttribute(key, v);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

let labCount = 0; // ids must differ between the labs of one page (each lab is a module of its own: hence the random part)
const labSalt = Math.random().toString(36).slice(2, 7);
const freshId = (name) => `sc-${name}-${labSalt}-${(labCount += 1)}`;

const SAVE_AFTER = 300; // ms of quiet before `value` goes to Python
const ANNOUNCE_AFTER = 500; // ms of quiet before the screen reader is told
const LEAST_FONT = 14; // px; smaller numbers are left out
const LEGEND_ROW = 22; // px

// ------------------------------------------------------------------ label maps

/** A canvas of width x height pixels, pixel i in colourAt(i) -> [red, green, blue]. */
function canvasOfPixels(width, height, colourAt) {
  const out = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i += 1) out.set(colourAt(i), 4 * i);
  const canvas = element("canvas", { width, height });
  canvas.getContext("2d").putImageData(new ImageData(out, width, height), 0, 0);
  return canvas;
}

/** Where a label map changes from pixel to pixel: a path in pixels. */
function outlineOf(labels, width, height) {
  const path = new Path2D();
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      if (y && labels[i] !== labels[i - width]) {
        path.moveTo(x, y);
        path.lineTo(x + 1, y);
      }
      if (x && labels[i] !== labels[i - 1]) {
        path.moveTo(x, y);
        path.lineTo(x, y + 1);
      }
    }
  return path;
}

/** The share of pixels in which two label maps agree. */
function agreement(a, b) {
  let same = 0;
  for (let i = 0; i < a.length; i += 1) if (a[i] === b[i]) same += 1;
  return same / a.length;
}

// ------------------------------------------------------------------ the canvas

class Pen {
  constructor(lab, ctx) {
    this.lab = lab;
    this.ctx = ctx;
    this.width = 0;
  }
  get colours() {
    return this.lab.colours;
  }
  colour(role) {
    return this.lab.colours[role] || role;
  }

  text(string, x, y, { align = "left", size = 14, weight = 400, role = "ink", baseline = "middle", most } = {}) {
    const { ctx } = this;
    ctx.font = `${weight} ${size}px ${this.lab.font}`;
    ctx.textAlign = align;
    ctx.textBaseline = baseline;
    ctx.fillStyle = this.colours[`${role}Text`] || this.colour(role); // letters of a role may need a darker shade than its cells
    ctx.fillText(string, x, y, most);
  }

  measure(string, { size = 14, weight = 400 } = {}) {
    this.ctx.font = `${weight} ${size}px ${this.lab.font}`;
    return this.ctx.measureText(string).width;
  }

  line(points, { role = "ink", width = 1.5, dash = [] } = {}) {
    const { ctx } = this;
    ctx.strokeStyle = this.colour(role);
    ctx.lineWidth = width;
    ctx.setLineDash(dash);
    ctx.beginPath();
    points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.stroke();
    ctx.setLineDash([]);
  }

  arrow(x1, y1, x2, y2, { role = "muted", width = 1.5, head = 6, dash = [] } = {}) {
    const angle = Math.atan2(y2 - y1, x2 - x1),
      { ctx } = this;
    this.line(
      [
        [x1, y1],
        [x2 - head * 0.7 * Math.cos(angle), y2 - head * 0.7 * Math.sin(angle)],
      ],
      { role, width, dash },
    );
    ctx.fillStyle = this.colour(role);
    ctx.beginPath();
    ctx.moveTo(x2, y2);
    for (const turn of [0.45, -0.45]) ctx.lineTo(x2 - head * 1.3 * Math.cos(angle + turn), y2 - head * 1.3 * Math.sin(angle + turn));
    ctx.fill();
  }

  box(x, y, w, h, { role = "ink", fill = null, width = 1.5, dash = [], radius = 0 } = {}) {
    const { ctx } = this;
    ctx.beginPath();
    if (radius && ctx.roundRect) ctx.roundRect(x, y, w, h, radius);
    else ctx.rect(x, y, w, h);
    if (fill) {
      ctx.fillStyle = this.colour(fill);
      ctx.fill();
    }
    if (role && width) {
      ctx.strokeStyle = this.colour(role);
      ctx.lineWidth = width;
      ctx.setLineDash(dash);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }

  hatch(x, y, w, h, { role = "faint", gap = 6 } = {}) {
    const { ctx } = this;
    ctx.save();
    ctx.beginPath();
    ctx.rect(x, y, w, h);
    ctx.clip();
    ctx.strokeStyle = this.colour(role);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let d = gap / 2; d < w + h; d += gap) {
      ctx.moveTo(x + d, y);
      ctx.lineTo(x + d - h, y + h);
    }
    ctx.stroke();
    ctx.restore();
  }

  /** [how far right, in which row] each of `names` stands in a legend of this width. */
  legendPlaces(names, width) {
    let left = 0,
      row = 0;
    return names.map((name) => {
      const needed = 22 + this.measure(name);
      if (left && left + needed > width) {
        left = 0;
        row += 1;
      }
      const at = [left, row];
      left += needed + 14;
      return at;
    });
  }

  legendHeight(names, width) {
    return LEGEND_ROW * (1 + Math.max(0, ...this.legendPlaces(names, width).map(([, row]) => row)));
  }

  /** Colours and what they mean, [[colour, name], ...], side by side in as many rows as it takes. */
  legend(items, x, y, width) {
    const places = this.legendPlaces(
      items.map(([, name]) => name),
      width,
    );
    items.forEach(([colour, name], i) => {
      const [left, top] = [x + places[i][0], y + LEGEND_ROW * places[i][1]];
      this.box(left + 0.5, top + 0.5, 15, 13, { fill: colour, role: "muted", width: 1 });
      this.text(name, left + 21, top + 8);
    });
  }

  sign(symbol, x, y, size = 22) {
    this.text(symbol, x, y, { align: "center", size, role: "muted" });
  }
}

/** Something on the canvas made of rows and columns, with one real <input> that stands over its current cell: the reader tabs to it,
    a screen reader reads it, a phone opens its keyboard for it. */
class Cells {
  constructor(stage, options) {
    Object.assign(this, { stage, lab: stage.lab, name: "", role: "output", label: "", low: -9, high: 9, step: 1 }, options);
    this.at = [0, 0];
    this.shown = null; // what show() was last given: geometry for hit tests
    this.pending = null;
    this.typing = false;
    const field = (this.field = element("input", {
      class: "sc-cell",
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "data-lm-suppress-shortcuts": "true",
      "data-grid": this.name,
      readonly: !this.edit,
    }));
    stage.node.append(field);
    this.lab.listen(field, "focus", () => {
      this.typing = false;
      this.lab.keyed = true;
      this.pointAt(this.at, true);
      this.refresh(true);
    });
    this.lab.listen(field, "blur", () => {
      this.typing = false;
      this.refresh(true);
    });
    this.lab.listen(field, "keydown", (e) => this.onKey(e));
    this.lab.listen(field, "input", () => {
      this.typing = true;
      const v = readNumber(field.value);
      if (v !== null && this.edit) this.put(...this.at, clamp(v, this.low, this.high));
    });
  }

  get focused() {
    return document.activeElement === this.field || this.field.getRootNode().activeElement === this.field;
  }

  /** The number in a cell: what was put there since the last draw, else what was drawn. */
  valueAt([r, c]) {
    if (this.pending && this.pending[0] === r && this.pending[1] === c) return this.pending[2];
    return this.shown && this.shown.value ? this.shown.value(r, c) : 0;
  }

  put(r, c, v) {
    this.pending = [r, c, v];
    this.edit(r, c, v);
  }

  pointAt([r, c], pinned) {
    this.at = [r, c];
    if (this.point) this.point(r, c, { pinned });
    this.lab.redraw();
  }

  onKey(e) {
    if (!this.shown) return;
    const { rows, cols } = this.shown,
      [r, c] = this.at,
      { field } = this;
    const go = (nr, nc) => {
      e.preventDefault();
      this.typing = false;
      this.pointAt([clamp(nr, 0, rows - 1), clamp(nc, 0, cols - 1)], true);
      if (this.paint && e.shiftKey && e.key.startsWith("Arrow")) this.paint([this.at], { first: !e.repeat, keys: true });
      this.refresh(true);
    };
    if (this.paint && (e.key === " " || e.key === "Enter")) {
      e.preventDefault();
      this.paint([this.at], { first: !e.repeat, keys: true });
      return;
    }
    if (this.typing && (e.key === "ArrowLeft" || e.key === "ArrowRight" || e.key === "Home" || e.key === "End")) return; // the caret's
    if (e.key === "ArrowLeft") go(r, c - 1);
    else if (e.key === "ArrowRight") go(r, c + 1);
    else if (e.key === "ArrowUp") go(r - 1, c);
    else if (e.key === "ArrowDown") go(r + 1, c);
    else if (e.key === "Home") go(e.ctrlKey ? 0 : r, 0);
    else if (e.key === "End") go(e.ctrlKey ? rows - 1 : r, cols - 1);
    else if (e.key === "Enter") go(c + 1 < cols ? r : (r + 1) % rows, (c + 1) % cols);
    else if (e.key === "Escape" && this.typing && this.edit && this.before !== undefined) {
      e.preventDefault();
      this.typing = false;
      this.put(r, c, this.before);
      this.lab.afterDraw(() => this.refresh(true));
    } else if ((e.key === "PageUp" || e.key === "PageDown") && this.edit) {
      e.preventDefault();
      this.typing = false;
      this.put(r, c, this.stepped(this.valueAt(this.at), e.key === "PageUp" ? 1 : -1));
      this.lab.afterDraw(() => this.refresh(true));
    } else if (e.key.length === 1 && !this.typing && this.edit && !e.ctrlKey && !e.metaKey) {
      field.select();
    }
  }

  stepped(from, steps) {
    return Number(clamp(from + steps * this.step, this.low, this.high).toFixed(4));
  }

  /** The cell under a point of the stage, or null. */
  hit(x, y) {
    const s = this.shown;
    if (!s) return null;
    const c = Math.floor((x - s.x) / s.cellWidth),
      r = Math.floor((y - s.y) / s.cellHeight);
    return r >= 0 && c >= 0 && r < s.rows && c < s.cols ? [r, c] : null;
  }

  /** Put the <input> over its cell and its words in step. Not while the reader types in it. */
  refresh(force = false) {
    const s = this.shown,
      { field } = this;
    field.hidden = !s;
    if (!s) return;
    this.at = [clamp(this.at[0], 0, s.rows - 1), clamp(this.at[1], 0, s.cols - 1)];
    const [r, c] = this.at,
      side = Math.max(s.cellWidth, s.cellHeight) < 22 ? 22 : 0; // on a picture the ring is larger than one pixel
    const w = side || s.cellWidth,
      h = side || s.cellHeight;
    const place = `translate(${s.x + (c + 0.5) * s.cellWidth - w / 2}px, ${s.y + (r + 0.5) * s.cellHeight - h / 2}px)`;
    if (field.style.transform !== place) field.style.transform = place;
    const width = `${w}px`,
      height = `${h}px`;
    if (field.style.width !== width) field.style.width = width;
    if (field.style.height !== height) field.style.height = height;
    if (this.focused && this.typing && !force) return;
    const text = s.text && !this.edit ? String(s.text(r, c, this.valueAt(this.at)) ?? "") : plainNumber(this.valueAt(this.at));
    if (field.value !== text) field.value = text;
    if (this.focused || force) {
      if (!this.typing) this.before = this.valueAt(this.at);
      const words =
        this.lab.t("cellLabel", { grid: s.title || this.label, row: r + 1, column: c + 1 }) + (s.describe ? `, ${s.describe(r, c)}` : "");
      if (field.getAttribute("aria-label") !== words) field.setAttribute("aria-label", words);
      if (this.focused && !this.typing) field.select();
    } else if (!field.hasAttribute("aria-label")) field.setAttribute("aria-label", s.title || this.label);
  }

  hide() {
    this.shown = null;
  }
}

class Grid extends Cells {
  /** Paint the grid and remember where it is. See the list of options at the top of the file. */
  show(options) {
    const { lab } = this,
      { pen } = this.stage,
      { ctx } = pen,
      colours = lab.colours;
    const s = (this.shown = { cellWidth: options.cell, cellHeight: options.cell, ...options });
    const { x, y, cell, rows, cols } = s,
      role = s.role || this.role,
      numbers = s.numbers !== false;
    let max = s.max;
    if (max === undefined) {
      max = 1e-9;
      for (let r = 0; r < rows; r += 1) for (let c = 0; c < cols; c += 1) max = Math.max(max, Math.abs(s.value(r, c)));
    }
    if (s.title) pen.text(s.title, x, y - 12, { size: 14, weight: 600, role: ["input", "kernel", "output"].includes(role) ? role : "ink" });
    ctx.fillStyle = colours.paper;
    ctx.fillRect(x, y, cols * cell, rows * cell);
    const texts = numbers ? [] : null,
      font = Math.min(Math.round(cell * 0.46), 20);
    let widest = 0;
    if (numbers) ctx.font = `400 ${LEAST_FONT}px ${lab.font}`;
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < cols; c += 1) {
        const v = s.value(r, c),
          hatched = s.hatch && s.hatch(r, c);
        let colour = s.fill ? s.fill(r, c, v) : null;
        if (!colour) colour = lab.tint(v < 0 ? "negative" : role, hatched ? 0 : Math.abs(v) / max);
        if (s.faded && s.faded(r, c)) colour = mixColours(colour, colours.paper, 0.75);
        ctx.fillStyle = colour;
        ctx.fillRect(x + c * cell, y + r * cell, cell, cell);
        if (hatched) pen.hatch(x + c * cell, y + r * cell, cell, cell, { role: "faint" });
        if (numbers) {
          const text = s.text ? s.text(r, c, v) : numberText(v);
          if (text !== null && text !== undefined && text !== "") {
            texts.push(text, r, c, colour);
            widest = Math.max(widest, text.length > 1 ? ctx.measureText(text).width : 8);
          }
        }
      }
    }
    // Grid lines over the fills, so that neighbours share one hairline.
    ctx.strokeStyle = mixColours(colours.paper, colours.ink, cell < 10 ? 0.08 : 0.22);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let r = 0; r <= rows; r += 1) {
      const at = Math.round(y + r * cell) + 0.5;
      ctx.moveTo(x, at);
      ctx.lineTo(x + cols * cell, at);
    }
    for (let c = 0; c <= cols; c += 1) {
      const at = Math.round(x + c * cell) + 0.5;
      ctx.moveTo(at, y);
      ctx.lineTo(at, y + rows * cell);
    }
    ctx.stroke();
    const size = Math.min(Math.max(font, LEAST_FONT), widest > 0 ? Math.floor(((cell - 4) / widest) * LEAST_FONT) : font);
    s.numbersFit = numbers && size >= LEAST_FONT;
    if (s.numbersFit) {
      ctx.font = `400 ${size}px ${lab.font}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      for (let i = 0; i < texts.length; i += 4) {
        const pale = s.faded && s.faded(texts[i + 1], texts[i + 2]);
        const ink = lightness(texts[i + 3]) > 0.48 ? "#16202a" : "#ffffff";
        ctx.fillStyle = pale ? mixColours(ink, texts[i + 3], 0.5) : ink;
        ctx.fillText(texts[i], x + (texts[i + 2] + 0.5) * cell, y + (texts[i + 1] + 0.54) * cell);
      }
    }
    for (const o of s.outlines || []) {
      pen.box(x + o.c * cell, y + o.r * cell, (o.cols || 1) * cell, (o.rows || 1) * cell, {
        role: o.role || "ink",
        width: o.width || 2.5,
        dash: o.dash || [],
      });
    }
    if (s.selected) pen.box(x + s.selected[1] * cell, y + s.selected[0] * cell, cell, cell, { role: "ink", width: 2.5 });
  }
}

class Picture extends Cells {
  show(options) {
    const { pen } = this.stage,
      { ctx } = pen;
    const s = (this.shown = {
      cellWidth: options.width / options.cols,
      cellHeight: options.height / options.rows,
      value: () => 0,
      ...options,
    });
    if (!this.buffer) {
      this.buffer = document.createElement("canvas");
    }
    if (this.buffer.width !== s.cols || this.buffer.height !== s.rows) {
      this.buffer.width = s.cols;
      this.buffer.height = s.rows;
      this.painted = null;
    }
    if (this.painted !== s.pixels) {
      this.buffer.getContext("2d").putImageData(new ImageData(s.pixels, s.cols, s.rows), 0, 0);
      this.painted = s.pixels;
    }
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(this.buffer, s.x, s.y, s.width, s.height);
    if (s.title) pen.text(s.title, s.x, s.y - 12, { size: 14, weight: 600, role: s.role || "ink" });
    const w = s.cellWidth,
      h = s.cellHeight;
    for (const o of s.outlines || []) {
      const at = [s.x + o.c * w, s.y + o.r * h, (o.cols || 1) * w, (o.rows || 1) * h];
      pen.box(...at, { role: "paper", width: (o.width || 2) + 2 }); // a pale rim keeps the line visible on any photo
      pen.box(...at, { role: o.role || "ink", width: o.width || 2, dash: o.dash || [] });
    }
    if (s.selected) {
      const grow = w < 8 ? 3 : 0;
      const at = [s.x + s.selected[1] * w - grow, s.y + s.selected[0] * h - grow, w + 2 * grow, h + 2 * grow];
      pen.box(...at, { role: "paper", width: 4 });
      pen.box(...at, { role: "ink", width: 2 });
    }
  }
}

/** A thing to drag: with the pointer by pixels, with the arrow keys by steps. */
class Handle {
  constructor(stage, options) {
    Object.assign(this, { stage, lab: stage.lab, name: "", label: "", step: 1, radius: 14 }, options);
    this.shown = null;
    this.field = element("button", { type: "button", class: "sc-handle", "data-handle": this.name, "data-lm-suppress-shortcuts": "true" });
    stage.node.append(this.field);
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    this.lab.listen(this.field, "keydown", (e) => {
      const way = keys[e.key];
      if (!way) return;
      e.preventDefault();
      const far = e.shiftKey ? 5 : 1;
      this.move(way[0] * this.step * far, way[1] * this.step * far, { keys: true });
    });
  }

  hit(x, y) {
    const s = this.shown;
    if (!s) return false;
    const w = s.width || this.radius * 2,
      h = s.height || this.radius * 2;
    return Math.abs(x - s.x) <= w / 2 && Math.abs(y - s.y) <= h / 2;
  }

  /** x, y: its middle; width and height: what can be grabbed; words: what the screen reader says. The lab paints it. */
  show(options) {
    this.shown = options;
  }

  refresh() {
    const s = this.shown,
      { field } = this;
    field.hidden = !s;
    if (!s) return;
    const w = s.width || this.radius * 2,
      h = s.height || this.radius * 2;
    const style = `transform: translate(${s.x - w / 2}px, ${s.y - h / 2}px); width: ${w}px; height: ${h}px`;
    if (field.getAttribute("style") !== style) field.setAttribute("style", style);
    const words = s.words || this.label;
    if (field.getAttribute("aria-label") !== words) field.setAttribute("aria-label", words);
  }
}

class Stage {
  constructor(lab) {
    this.lab = lab;
    this.node = element("div", { class: "sc-stage" });
    this.canvas = element("canvas", { role: "img" });
    this.node.append(this.canvas);
    this.ctx = this.canvas.getContext("2d");
    this.pen = new Pen(lab, this.ctx);
    this.parts = [];
    this.handles = [];
    this.drag = null;
    const place = (e) => {
      const box = this.canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    lab.listen(this.canvas, "pointerdown", (e) => this.press(e, ...place(e)));
    lab.listen(this.canvas, "pointermove", (e) => this.move(e, ...place(e)));
    lab.listen(this.canvas, "pointerup", (e) => this.release(e));
    lab.listen(this.canvas, "pointercancel", (e) => this.release(e));
    lab.listen(this.canvas, "pointerleave", () => {
      if (!this.drag && this.onLeave) this.onLeave();
    });
    // A finger on something that can be dragged must not scroll the page; elsewhere it must.
    lab.listen(
      this.canvas,
      "touchstart",
      (e) => {
        const touch = e.changedTouches[0],
          [x, y] = place(touch),
          part = this.under(x, y);
        if (e.cancelable && (this.handles.some((h) => h.hit(x, y)) || (part && (part.edit || part.paint)))) e.preventDefault();
      },
      { passive: false },
    );
  }

  grid(options) {
    const part = new Grid(this, options);
    this.parts.push(part);
    return part;
  }
  image(options) {
    const part = new Picture(this, options);
    this.parts.push(part);
    return part;
  }
  handle(options) {
    const part = new Handle(this, options);
    this.handles.push(part);
    return part;
  }

  under(x, y) {
    return this.parts.find((part) => part.hit(x, y)) || null;
  }

  press(e, x, y) {
    if (e.button) return;
    const handle = this.handles.find((h) => h.hit(x, y)),
      part = handle ? null : this.under(x, y);
    if (!handle && !part) return;
    e.preventDefault();
    this.lab.keyed = false;
    try {
      this.canvas.setPointerCapture(e.pointerId);
    } catch (problem) {
      /* a pointer made by a test has no capture */
    }
    if (handle) {
      this.drag = { handle, x, y };
      handle.field.focus({ preventScroll: true });
      return;
    }
    const cell = part.hit(x, y);
    part.typing = false;
    part.pointAt(cell, true);
    if (part.paint) part.paint([cell], { first: true, keys: false });
    this.drag = { part, y, from: part.edit ? part.valueAt(cell) : 0, cell, moved: false };
    if (e.pointerType !== "touch") {
      part.field.focus({ preventScroll: true });
      part.refresh(true);
    }
  }

  move(e, x, y) {
    const d = this.drag;
    if (d && d.handle) {
      const dx = x - d.x,
        dy = y - d.y;
      d.x = x;
      d.y = y;
      d.handle.move(dx, dy, { keys: false });
      return;
    }
    if (d && d.part.edit) {
      const steps = Math.round((d.y - y) / 10);
      if (steps || d.moved) {
        d.moved = true;
        const v = d.part.stepped(d.from, steps);
        if (v !== d.part.valueAt(d.cell)) d.part.put(...d.cell, v);
      }
      return;
    }
    const part = d ? d.part : this.under(x, y);
    const s = part && part.shown;
    if (d && part.paint && s) {
      // The stroke goes on beyond the rim, and comes back where it comes back; nothing is painted out there.
      const to = [Math.floor((y - s.y) / s.cellHeight), Math.floor((x - s.x) / s.cellWidth)],
        cells = cellsBetween(d.cell, to).filter(([r, c]) => r >= 0 && c >= 0 && r < s.rows && c < s.cols);
      d.cell = to;
      if (cells.length) {
        part.pointAt(cells[cells.length - 1], true);
        part.paint(cells, { first: false, keys: false });
      }
      return;
    }
    let style = "default";
    if (this.handles.some((h) => h.hit(x, y))) style = "grab";
    else if (part && part.edit) style = "ns-resize";
    else if (part && part.point) style = "crosshair";
    if (this.canvas.style.cursor !== style) this.canvas.style.cursor = style;
    if (!s) return;
    const cell = d
      ? [clamp(Math.floor((y - s.y) / s.cellHeight), 0, s.rows - 1), clamp(Math.floor((x - s.x) / s.cellWidth), 0, s.cols - 1)]
      : part.hit(x, y);
    if (cell && (cell[0] !== part.at[0] || cell[1] !== part.at[1] || this.last !== part)) {
      this.last = part;
      if (!part.edit) part.pointAt(cell, Boolean(d));
      else if (!part.focused && part.point) part.pointAt(cell, false);
    }
  }

  release(e) {
    const d = this.drag;
    this.drag = null;
    if (d && d.part) {
      // A tap opens the phone's keyboard; a drag does not.
      if (e.pointerType === "touch" && !d.moved && d.part.edit) d.part.field.focus({ preventScroll: true });
      this.lab.afterDraw(() => d.part.refresh(true));
    }
  }

  /** Make the canvas as large as the layout says, in the screen's own pixels. */
  fit(width, height) {
    const ratio = window.devicePixelRatio || 1,
      w = Math.round(width * ratio),
      h = Math.round(height * ratio);
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ctx.clearRect(0, 0, width, height);
    this.pen.width = width;
  }
}

// ------------------------------------------------------------------ the lab

class Lab {
  constructor(model, el) {
    this.model = model;
    this.texts = model.get("_texts") || {};
    this.fields = model.get("_fields") || [];
    this.settings = model.get("_settings") || {};
    const bytes = model.get("_data");
    this.data = bytes ? new Uint8Array(bytes.buffer || bytes, bytes.byteOffset || 0, bytes.byteLength) : new Uint8Array(0);
    this.language = this.texts.language || "en";
    this.state = readState(model.get("value") || "", this.fields);
    this.timings = [];
    this.measureLayout = false; // a test that times frames turns it on: the browser's layout is then part of the time
    this.missing = new Set();
    this.handlerTime = 0;
    this.stages = [];
    this.refreshers = [];
    this.changed = [];
    this.after = [];
    this.cleaning = [];
    this.pressed = false;
    this.fresh = true;
    this.keyed = false;
    this.root = element("div", {
      class: "sc-lab",
      lang: this.language,
      role: "group",
      "aria-label": this.texts.title || "",
      "data-lm-suppress-shortcuts": "true",
    });
    this.root.segcourseLab = this;
    el.append(this.root);
    this.lineNode = element("p", { class: "sc-line", "aria-hidden": "true" });
    this.spoken = element("p", { class: "sc-spoken", role: "status", "aria-live": "polite" });
    this.controlArea = element("div", { class: "sc-controls" });
    this.motion = matchMedia("(prefers-reduced-motion: reduce)");
    // JupyterLab would take arrows, Enter and letters.
    for (const type of ["keydown", "keypress", "keyup"]) this.root.addEventListener(type, (e) => e.stopPropagation());
    this.listen(this.root, "pointerdown", () => {
      this.pressed = true;
    });
    for (const type of ["pointerup", "pointercancel"])
      this.listen(window, type, () => {
        if (this.pressed) {
          this.pressed = false;
          if (this.unsaved) this.saveSoon();
        }
      });
  }

  get reducedMotion() {
    return this.motion.matches;
  }
  get narrow() {
    return this.width < 520;
  }
  get width() {
    return this.stageWidth || 720;
  }

  t(key, values) {
    if (this.texts[key] === undefined) {
      this.missing.add(key);
      return key;
    } // a test looks at `missing`
    return fillText(this.texts[key], values);
  }

  listen(target, type, handler, options) {
    const timed = (e) => {
      const start = performance.now();
      handler(e);
      this.handlerTime += performance.now() - start;
    };
    target.addEventListener(type, timed, options);
    this.cleaning.push(() => target.removeEventListener(type, timed, options));
  }

  onChange(f) {
    this.changed.push(f);
  }

  change(part, { save = true } = {}) {
    this.state = { ...this.state, ...part };
    this.fresh = true;
    for (const f of this.changed) f(this.state);
    if (save) {
      this.unsaved = true;
      this.saveSoon();
    }
    this.redraw();
  }

  saveSoon() {
    clearTimeout(this.saving);
    if (this.pressed) return; // never during a drag: the release calls again
    this.saving = setTimeout(() => this.save(), SAVE_AFTER);
  }

  save() {
    clearTimeout(this.saving);
    this.unsaved = false;
    const text = writeState(this.state, this.fields);
    if (text === this.model.get("value")) return;
    this.model.set("value", text);
    this.model.save_changes();
  }

  redraw() {
    if (!this.frame)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
  }

  afterDraw(f) {
    this.after.push(f);
    this.redraw();
  }

  readTheme() {
    const dark = isDark(this.root.parentElement || this.root);
    if (this.root.dataset.theme !== (dark ? "dark" : "light")) this.root.dataset.theme = dark ? "dark" : "light";
    const style = getComputedStyle(this.root);
    if (!this.probe) this.probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const paper = solidColour(style.getPropertyValue("--sc-paper").trim() || "#ffffff", dark ? "#111111" : "#ffffff", this.probe);
    this.colours = { dark };
    for (const role of ROLES)
      this.colours[role] = solidColour(style.getPropertyValue(`--sc-${role}`).trim() || "#888888", paper, this.probe);
    for (const role of ["kernel", "output"])
      this.colours[`${role}Text`] = solidColour(style.getPropertyValue(`--sc-${role}-text`).trim() || this.colours[role], paper, this.probe);
    this.font = style.fontFamily || "sans-serif";
    this.tints = new Map();
    this.redraw();
  }

  /** The role's colour from paper (0) to three quarters (1): numbers stay readable on it. */
  tint(role, share) {
    const step = Math.round(clamp(share, 0, 1) * 40),
      key = role + step;
    let colour = this.tints.get(key);
    if (!colour) {
      colour = mixColours(this.colours.paper, this.colours[role] || role, step === 0 ? 0 : 0.08 + 0.62 * (step / 40));
      this.tints.set(key, colour);
    }
    return colour;
  }

  sequential(share) {
    return along(VIRIDIS, share);
  }
  /** How many of at most `most`: viridis, as in segcourse.figures. */
  countColour(n, most) {
    return along(VIRIDIS, n / Math.max(most, 1));
  }
  diverging(share) {
    return share < 0 ? this.tint("negative", -share) : this.tint("output", share);
  }

  stage() {
    const stage = new Stage(this);
    this.stages.push(stage);
    this.root.append(stage.node);
    return stage;
  }

  draw() {
    if (!this.root.isConnected || !this.parts) return;
    const start = performance.now(),
      handler = this.handlerTime;
    this.handlerTime = 0;
    if (this.fresh && this.parts.compute) this.result = this.parts.compute(this.state);
    const computed = this.fresh;
    this.fresh = false;
    const stage = this.stages[0];
    if (stage) {
      if (!this.stageWidth) this.stageWidth = Math.max(Math.floor(stage.node.clientWidth), 240);
      const place = this.parts.layout(this.stageWidth);
      stage.fit(this.stageWidth, place.height);
      for (const part of [...stage.parts, ...stage.handles]) {
        part.shown = null;
        part.pending = null;
      }
      this.parts.draw(stage.pen, place);
      for (const part of [...stage.parts, ...stage.handles]) part.refresh();
    }
    if (computed) for (const f of this.refreshers) f();
    const line = this.parts.line();
    if (line !== this.lastLine) {
      this.lastLine = line;
      this.lineNode.textContent = line;
      if (stage && !stage.canvas.hasAttribute("aria-label")) stage.canvas.setAttribute("aria-label", line); // a picture has a name from the first
      clearTimeout(this.announcing);
      this.announcing = setTimeout(() => this.announce(line), ANNOUNCE_AFTER);
    }
    const later = this.after;
    this.after = [];
    for (const f of later) f();
    if (this.measureLayout) void this.root.offsetHeight;
    const draw = performance.now() - start;
    if (this.timings.length > 5000) this.timings.length = 0;
    this.timings.push({ handler, draw, total: handler + draw });
  }

  /** Tell the screen reader. draw() calls it with line(), once the reader pauses. */
  announce(line) {
    this.spoken.textContent = line;
    if (this.stages[0]) this.stages[0].canvas.setAttribute("aria-label", line);
  }

  animate(duration, step, done) {
    cancelAnimationFrame(this.moving);
    if (this.reducedMotion) {
      step(1);
      if (done) done();
      this.redraw();
      return;
    }
    const length = Math.min(duration, 300);
    let start = null;
    const tick = (now) => {
      if (start === null) start = now;
      const share = clamp((now - start) / length, 0, 1);
      step(share < 1 ? 1 - (1 - share) ** 3 : 1);
      this.redraw();
      if (share < 1) this.moving = requestAnimationFrame(tick);
      else if (done) done();
    };
    this.moving = requestAnimationFrame(tick);
  }

  // ---------------------------------------------------------------- controls

  binding({ field, get, set }) {
    const spec = this.fields.find((f) => f.name === field) || {};
    return { spec, get: get || (() => this.state[field]), set: set || ((v) => this.change({ [field]: v })) };
  }

  keep(node, refresh) {
    node.refresh = refresh;
    this.refreshers.push(() => {
      if (node.isConnected) refresh();
    });
    refresh();
    return node;
  }

  slider(options) {
    const { spec, get, set } = this.binding(options),
      id = freshId("slider");
    const input = element("input", {
      type: "range",
      id,
      min: options.low ?? spec.low,
      max: options.high ?? spec.high,
      step: options.step ?? 1,
      "data-field": options.field,
      "data-lm-suppress-shortcuts": "true",
    });
    const shown = element("output", { for: id, class: "sc-shown" });
    this.listen(input, "input", () => set(Number(input.value)));
    const node = element("div", { class: "sc-control sc-slider" }, element("label", { for: id, text: options.label }), input, shown);
    return this.keep(node, () => {
      if (options.limits) {
        const [low, high] = options.limits();
        input.min = low;
        input.max = high;
      }
      const v = get(),
        text = options.show ? options.show(v) : numberText(v);
      if (Number(input.value) !== v) input.value = v;
      if (shown.textContent !== text) shown.textContent = text;
      if (options.show && input.getAttribute("aria-valuetext") !== text) input.setAttribute("aria-valuetext", text);
      if (options.enabled) {
        input.disabled = !options.enabled();
        node.classList.toggle("sc-off", input.disabled);
      }
    });
  }

  number(options) {
    const { spec, get, set } = this.binding(options),
      id = freshId("number");
    const low = options.low ?? spec.low,
      high = options.high ?? spec.high;
    const input = element("input", {
      type: "number",
      id,
      min: low,
      max: high,
      step: options.step ?? (spec.kind === "number" ? "any" : 1),
      "data-field": options.field,
      "data-lm-suppress-shortcuts": "true",
    });
    this.listen(input, "input", () => {
      const v = readNumber(input.value);
      if (v !== null && v >= low && v <= high) set(spec.kind === "int" ? Math.round(v) : v);
    });
    this.listen(input, "blur", () => {
      input.value = plainNumber(get());
    });
    const node = element("div", { class: "sc-control" }, element("label", { for: id, text: options.label }), input);
    return this.keep(node, () => {
      if (readNumber(input.value) !== get() && document.activeElement !== input) input.value = plainNumber(get());
      if (options.enabled) {
        input.disabled = !options.enabled();
        node.classList.toggle("sc-off", input.disabled);
      }
    });
  }

  select(options) {
    const { get, set } = this.binding(options),
      id = freshId("select");
    const input = element(
      "select",
      { id, "data-field": options.field, "data-lm-suppress-shortcuts": "true" },
      ...options.options.map(([v, text]) => element("option", { value: v, text })),
    );
    this.listen(input, "change", () => {
      const found = options.options.find(([v]) => String(v) === input.value);
      set(found ? found[0] : input.value);
    });
    return this.keep(element("div", { class: "sc-control" }, element("label", { for: id, text: options.label }), input), () => {
      if (input.value !== String(get())) input.value = String(get());
      if (options.enabled) input.disabled = !options.enabled();
    });
  }

  choice(options) {
    const { get, set } = this.binding(options),
      name = freshId("choice");
    const inputs = options.options.map(([v, text]) => {
      const id = freshId("radio"),
        input = element("input", { type: "radio", name, id, value: v, "data-field": options.field, "data-lm-suppress-shortcuts": "true" });
      this.listen(input, "change", () => {
        if (input.checked) set(v);
      });
      return { v, input, node: element("span", { class: "sc-radio" }, input, element("label", { for: id, text })) };
    });
    const node = element(
      "fieldset",
      { class: "sc-choice" },
      element("legend", { text: options.label }),
      element("span", { class: "sc-bar" }, ...inputs.map((i) => i.node)),
    );
    return this.keep(node, () => {
      const now = get();
      for (const { v, input } of inputs) {
        if (input.checked !== (v === now)) input.checked = v === now;
        if (options.enabled) input.disabled = !options.enabled(v);
      }
    });
  }

  toggle(options) {
    const { get, set } = this.binding(options),
      id = freshId("toggle");
    const input = element("input", { type: "checkbox", id, "data-field": options.field, "data-lm-suppress-shortcuts": "true" });
    this.listen(input, "change", () => set(input.checked));
    return this.keep(element("div", { class: "sc-control sc-toggle" }, input, element("label", { for: id, text: options.label })), () => {
      if (input.checked !== Boolean(get())) input.checked = Boolean(get());
      if (options.enabled) input.disabled = !options.enabled();
    });
  }

  button({ label, press, hint, name, enabled }) {
    const node = element("button", {
      type: "button",
      class: "sc-button",
      text: label,
      title: hint,
      "data-name": name,
      "data-lm-suppress-shortcuts": "true",
    });
    this.listen(node, "click", () => press());
    return this.keep(node, () => {
      if (enabled) node.disabled = !enabled();
    });
  }

  controls(...nodes) {
    const row = element("div", { class: "sc-row" }, ...nodes);
    this.controlArea.append(row);
    return row;
  }

  sliders(...nodes) {
    const row = this.controls(...nodes);
    row.classList.add("sc-sliders");
    return row;
  }

  hint(text) {
    const node = element("p", { class: "sc-hint", text });
    this.root.append(node);
    return node;
  }

  group(label, ...nodes) {
    return element(
      "div",
      { class: "sc-group", role: "group", "aria-label": label },
      element("span", { class: "sc-group-name", text: label }),
      ...nodes,
    );
  }

  formula() {
    const node = element("div", { class: "sc-formula" });
    this.root.append(node);
    let last = "";
    node.set = (parts) => {
      const key = JSON.stringify(parts);
      if (key === last) return;
      last = key;
      node.replaceChildren(...parts.map(([text, role]) => element("span", role ? { class: `sc-role-${role}`, text } : { text })));
    };
    return node;
  }

  lights(list) {
    const node = element("ul", { class: "sc-lights" });
    const parts = {};
    for (const { key, label } of list) {
      const lamp = element("span", { class: "sc-lamp", "aria-hidden": "true" }),
        answer = element("strong", {}),
        detail = element("span", { class: "sc-detail" });
      parts[key] = {
        lamp,
        answer,
        detail,
        item: element("li", { "data-light": key }, lamp, element("span", { class: "sc-light-name", text: label }), answer, detail),
      };
      node.append(parts[key].item);
    }
    node.set = (answers, details = {}) => {
      for (const [key, v] of Object.entries(answers)) {
        const { item, lamp, answer, detail } = parts[key],
          kind = v === null ? "none" : v ? "yes" : "no";
        if (item.dataset.state !== kind) {
          item.dataset.state = kind;
          lamp.textContent = { none: "–", yes: "✓", no: "✕" }[kind];
          answer.textContent = v === null ? "" : this.t(kind);
        }
        const words = details[key] || "";
        if (detail.textContent !== words) detail.textContent = words;
      }
    };
    return node;
  }

  tryThis(items) {
    const list = element(
      "ol",
      {},
      ...items.map(({ text, state, press }) => {
        const item = element("li", {}, element("span", { text }));
        if (state || press) {
          const go = element("button", {
            type: "button",
            class: "sc-link",
            text: this.t("setUp"),
            "data-lm-suppress-shortcuts": "true",
            "aria-label": `${this.t("setUp")}: ${text}`,
          });
          this.listen(go, "click", () => (press ? press() : this.change(typeof state === "function" ? state(this.state) : state)));
          item.append(" ", go);
        }
        return item;
      }),
    );
    this.tryNode = element(
      "section",
      { class: "sc-try", "aria-label": this.t("tryThis") },
      element("h4", { text: this.t("tryThis") }),
      list,
    );
  }

  reset() {
    this.state = readState(this.model.get("_start") || "", this.fields);
    this.fresh = true;
    for (const f of this.changed) f(this.state);
    this.unsaved = true;
    this.saveSoon();
    this.redraw();
  }

  /** Put the parts in the reading order, and start to listen to the world. */
  start(parts) {
    this.parts = parts;
    const reset = this.button({
      label: this.t("reset"),
      press: () => {
        this.reset();
        if (parts.reset) parts.reset();
      },
      name: "reset",
    });
    reset.classList.add("sc-reset");
    const last = this.controlArea.lastElementChild;
    if (last) last.append(reset);
    else this.controls(reset);
    this.root.append(this.lineNode, this.spoken, this.controlArea);
    if (this.tryNode) this.root.append(this.tryNode);

    const outside = () => {
      const text = this.model.get("value") || "";
      if (text === writeState(this.state, this.fields)) return;
      this.state = readState(text, this.fields);
      this.fresh = true;
      for (const f of this.changed) f(this.state);
      this.redraw();
    };
    this.model.on("change:value", outside);
    this.cleaning.push(() => this.model.off("change:value", outside));

    const size = new ResizeObserver(() => {
      const stage = this.stages[0],
        width = stage ? Math.floor(stage.node.clientWidth) : 0;
      if (width > 0 && width !== this.stageWidth) {
        this.stageWidth = width;
        this.redraw();
      }
    });
    size.observe(this.root);
    const theme = new MutationObserver(() => requestAnimationFrame(() => this.readTheme()));
    for (const node of [document.body, document.documentElement])
      theme.observe(node, {
        attributes: true,
        attributeFilter: ["class", "style", "theme", "data-theme", "data-jp-theme-light", "data-jp-theme-name", "data-bs-theme"],
      });
    const scheme = matchMedia("(prefers-color-scheme: dark)"),
      themed = () => this.readTheme(),
      redraw = () => this.redraw();
    scheme.addEventListener("change", themed);
    window.addEventListener("resize", redraw); // also tells of a new zoom
    // A stylesheet or a font that comes late must not leave the picture half dressed.
    const soon = [setTimeout(themed, 60), setTimeout(themed, 600)];
    if (document.fonts && document.fonts.ready) document.fonts.ready.then(redraw);
    this.cleaning.push(() => {
      size.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", themed);
      window.removeEventListener("resize", redraw);
      soon.forEach(clearTimeout);
      cancelAnimationFrame(this.frame);
      cancelAnimationFrame(this.moving);
      clearTimeout(this.announcing);
      if (this.unsaved) this.save();
      clearTimeout(this.saving);
    });
    this.readTheme();
  }
}

/** What a lab exports as render: builds the lab, returns what takes it away again. */
function labRender(build) {
  return ({ model, el }) => {
    const lab = new Lab(model, el);
    lab.start(build(lab));
    return () => {
      for (const f of lab.cleaning) f();
      lab.cleaning = [];
    };
  };
}

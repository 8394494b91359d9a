/* What each score sees: paint, move, shrink or spoil a prediction and watch every score of it. The arithmetic comes first; it is held to
   segcourse.ops by tests/labs/test_scores.py. A map is a Uint8Array of class numbers, row by row; void is the number behind the last class. */

// ------------------------------------------------------------------ what a reader does to a prediction

const orders = new Map();

/** Steps to every other cell of a map, the nearest first; of several as near, the uppermost, then the leftmost. */
function stepsOutward(rows, cols) {
  const key = `${rows} ${cols}`;
  if (!orders.has(key)) {
    const steps = [];
    for (let r = 1 - rows; r < rows; r += 1) for (let c = 1 - cols; c < cols; c += 1) steps.push([r, c, r * r + c * c]);
    orders.set(
      key,
      steps.sort((a, b) => a[2] - b[2] || a[0] - b[0] || a[1] - b[1]),
    );
  }
  return orders.get(key);
}

/** The map with each cell of `holes` given the class of the nearest of `sources`. Without any source nothing changes. */
function fillHoles(labels, rows, cols, holes, sources) {
  const filled = labels.slice();
  if (!sources.includes(1)) return filled;
  const steps = stepsOutward(rows, cols);
  for (let i = 0; i < labels.length; i += 1) {
    if (!holes[i]) continue;
    const r = Math.floor(i / cols),
      c = i % cols;
    for (const [down, across] of steps) {
      const y = r + down,
        x = c + across;
      if (y >= 0 && x >= 0 && y < rows && x < cols && sources[y * cols + x]) {
        filled[i] = labels[y * cols + x];
        break;
      }
    }
  }
  return filled;
}

/** Cells within `reach` of a marked one, on all sides and across corners (a square). */
function spread(marked, rows, cols, reach) {
  const wide = new Uint8Array(marked.length),
    square = new Uint8Array(marked.length);
  for (let i = 0; i < marked.length; i += 1) {
    if (!marked[i]) continue;
    const c = i % cols,
      row = i - c;
    for (let x = Math.max(0, c - reach); x <= Math.min(cols - 1, c + reach); x += 1) wide[row + x] = 1;
  }
  for (let i = 0; i < marked.length; i += 1) {
    if (!wide[i]) continue;
    const c = i % cols,
      r = (i - c) / cols;
    for (let y = Math.max(0, r - reach); y <= Math.min(rows - 1, r + reach); y += 1) square[y * cols + c] = 1;
  }
  return square;
}

/** Class `kind` spread by `by` cells, or shrunk where `by` is negative: what it gives up goes to the nearest other class. It goes on
    beyond the edge of the map and does not shrink there. */
function grown(labels, rows, cols, kind, by) {
  const mask = labels.map((v) => (v === kind ? 1 : 0)),
    rest = mask.map((v) => 1 - v);
  if (!by || !mask.includes(1) || !rest.includes(1)) return labels.slice();
  if (by > 0) {
    const reached = spread(mask, rows, cols, by);
    return labels.map((v, i) => (reached[i] ? kind : v));
  }
  const reached = spread(rest, rows, cols, -by);
  return fillHoles(
    labels,
    rows,
    cols,
    mask.map((v, i) => v & reached[i]),
    rest,
  );
}

/** The map moved by whole cells; what comes in from outside repeats the edge. */
function moved(labels, rows, cols, down, right) {
  const out = new Uint8Array(labels.length);
  for (let r = 0; r < rows; r += 1)
    for (let c = 0; c < cols; c += 1) out[r * cols + c] = labels[clamp(r - down, 0, rows - 1) * cols + clamp(c - right, 0, cols - 1)];
  return out;
}

/** The classes of `lost` predicted as their nearest neighbours. */
function forgotten(labels, rows, cols, lost) {
  const holes = labels.map((v) => (lost.includes(v) ? 1 : 0));
  return fillHoles(
    labels,
    rows,
    cols,
    holes,
    holes.map((v) => 1 - v),
  );
}

/** What the prediction is at first: the truth, and where that is void the nearest class, as a network has no output for void. */
function startOf(truth, rows, cols, voided) {
  return forgotten(truth, rows, cols, [voided]);
}

/** The class with the most cells. */
function largestOf(truth, classes) {
  const counts = new Int32Array(classes + 1);
  for (const v of truth) counts[v] += 1;
  return counts.indexOf(Math.max(...counts.subarray(0, classes)));
}

/** A truth's prediction as a state describes it: painted, then forgotten, flattened, grown and moved. */
function predict(truth, state, { rows, columns: cols, classes }) {
  const kind = (name) => classes.indexOf(name);
  let labels = startOf(truth, rows, cols, classes.length);
  readPainted(state.painted, rows, cols, classes).forEach((v, i) => {
    if (v >= 0) labels[i] = v;
  });
  const lost = wordsOf(state.forget).map(kind);
  if (lost.length) labels = forgotten(labels, rows, cols, lost);
  if (state.flat) labels.fill(largestOf(truth, classes.length));
  for (const [name, by] of amountsOf(state.grow)) labels = grown(labels, rows, cols, kind(name), by);
  return state.dx || state.dy ? moved(labels, rows, cols, state.dy, state.dx) : labels;
}

// ------------------------------------------------------------------ how it is written

const wordsOf = (text) => (text === "none" ? [] : text.split(","));
const amountsOf = (text) => wordsOf(text).map((part) => [part.split(":")[0], Number(part.split(":")[1])]);

/** "car:-1,pole:2" with one class set to `by`, classes in their order. */
function withAmount(text, name, by, classes) {
  const all = new Map(amountsOf(text)).set(name, by);
  return (
    classes
      .filter((each) => all.get(each))
      .map((each) => `${each}:${all.get(each)}`)
      .join(",") || "none"
  );
}

/** "pole,car" with one class more or less. */
function withWord(text, name, there, classes) {
  const all = new Set(wordsOf(text));
  if (there) all.add(name);
  else all.delete(name);
  return classes.filter((each) => all.has(each)).join(",") || "none";
}

/** "pole:4,30,2,10/8,1,1,1;car:..." (row, column, width, height) as an Int8Array of class numbers, -1 where nothing is painted. */
function readPainted(text, rows, cols, classes) {
  const cells = new Int8Array(rows * cols).fill(-1);
  if (text === "none") return cells;
  for (const part of text.split(";")) {
    const [name, boxes] = part.split(":"),
      kind = classes.indexOf(name);
    for (const box of boxes.split("/")) {
      const [row, column, wide, tall] = box.split(",").map(Number);
      for (let r = row; r < row + tall; r += 1) cells.fill(kind, r * cols + column, r * cols + column + wide);
    }
  }
  return cells;
}

/** The inverse, as Python writes it: each box as wide as it can be from its first cell, then as tall. */
function writePainted(cells, rows, cols, classes) {
  const left = cells.slice(),
    boxes = classes.map(() => []);
  for (let i = 0; i < left.length; i += 1) {
    const kind = left[i];
    if (kind < 0) continue;
    const c = i % cols,
      r = (i - c) / cols;
    let wide = 1,
      tall = 1;
    while (c + wide < cols && left[i + wide] === kind) wide += 1;
    const whole = (row) => {
      for (let x = 0; x < wide; x += 1) if (left[row * cols + c + x] !== kind) return false;
      return true;
    };
    while (r + tall < rows && whole(r + tall)) tall += 1;
    for (let y = r; y < r + tall; y += 1) left.fill(-1, y * cols + c, y * cols + c + wide);
    boxes[kind].push([r, c, wide, tall].join(","));
  }
  return (
    classes
      .map((name, kind) => (boxes[kind].length ? `${name}:${boxes[kind].join("/")}` : ""))
      .filter(Boolean)
      .join(";") || "none"
  );
}

// ------------------------------------------------------------------ the scores

/** counts[i * classes + j]: cells of true class i predicted as j. Cells whose truth is `voided` are left out; null leaves out none. */
function confusionMatrix(truth, prediction, classes, voided) {
  const counts = new Int32Array(classes * classes);
  for (let i = 0; i < truth.length; i += 1) if (truth[i] !== voided) counts[truth[i] * classes + prediction[i]] += 1;
  return counts;
}

/** For all classes at once: 1 where a cell lies within `reach` cells (across corners too) of another class or of the map's edge. */
function boundaryBand(labels, rows, cols, reach) {
  const alike = new Uint8Array(labels.length), // in its row, `reach` cells to both sides
    band = new Uint8Array(labels.length).fill(1);
  for (let r = 0; r < rows; r += 1)
    for (let c = reach; c < cols - reach; c += 1) {
      const i = r * cols + c;
      let same = 1;
      for (let x = -reach; x <= reach && same; x += 1) if (labels[i + x] !== labels[i]) same = 0;
      alike[i] = same;
    }
  for (let r = reach; r < rows - reach; r += 1)
    for (let c = reach; c < cols - reach; c += 1) {
      const i = r * cols + c;
      let same = 1;
      for (let y = -reach; y <= reach && same; y += 1) if (labels[i + y * cols] !== labels[i] || !alike[i + y * cols]) same = 0;
      band[i] = 1 - same;
    }
  return band;
}

/** Cells of both bands, and of either, for each class; and the maps they were counted on. Where the truth is void so is the prediction. */
function boundaryCounts(truth, prediction, rows, cols, classes, voided, reach) {
  const shown = voided === null ? prediction : prediction.map((v, i) => (truth[i] === voided ? voided : v)),
    ours = boundaryBand(truth, rows, cols, reach),
    theirs = boundaryBand(shown, rows, cols, reach),
    both = new Int32Array(classes),
    either = new Int32Array(classes);
  for (let i = 0; i < truth.length; i += 1) {
    const a = ours[i] ? truth[i] : -1,
      b = theirs[i] ? shown[i] : -1;
    if (a >= 0 && a < classes) either[a] += 1;
    if (b >= 0 && b < classes) {
      if (a === b) both[b] += 1;
      else either[b] += 1;
    }
  }
  return { both, either, ours, theirs, shown };
}

const meanOf = (values) => {
  const there = values.filter((v) => !Number.isNaN(v));
  return there.reduce((sum, v) => sum + v, 0) / there.length;
};

/** All scores as fractions; NaN for a class that is neither in the truth nor predicted, which no mean counts. */
function allScores(truth, prediction, rows, cols, classes, voided, reach) {
  const counts = confusionMatrix(truth, prediction, classes, voided),
    bands = boundaryCounts(truth, prediction, rows, cols, classes, voided, reach),
    hit = [],
    inTruth = Array(classes).fill(0),
    predicted = Array(classes).fill(0);
  let all = 0,
    right = 0;
  for (let i = 0; i < classes; i += 1) {
    hit.push(counts[i * classes + i]);
    right += hit[i];
    for (let j = 0; j < classes; j += 1) {
      inTruth[i] += counts[i * classes + j];
      predicted[j] += counts[i * classes + j];
      all += counts[i * classes + j];
    }
  }
  const iou = hit.map((n, i) => n / (inTruth[i] + predicted[i] - n)),
    accuracy = hit.map((n, i) => n / inTruth[i]),
    boundary = Array.from(bands.both, (n, i) => n / bands.either[i]);
  return {
    counts,
    bands,
    hit,
    inTruth,
    predicted,
    all,
    right,
    iou,
    boundary,
    totals: {
      pixel: right / all,
      mean: meanOf(accuracy),
      weighted: iou.reduce((sum, v, i) => sum + (inTruth[i] / all) * (Number.isNaN(v) ? 0 : v), 0),
      miou: meanOf(iou),
      boundary: meanOf(boundary),
    },
  };
}

const NOTHING = 0,
  HIT = 1,
  MISSED = 2,
  FALSE_ALARM = 3;

/** For one class and every cell: hit (in both), missed (in the truth alone), false alarm (predicted alone), or nothing. */
function partsOf(truth, prediction, kind, voided) {
  return truth.map((v, i) => (v === voided ? NOTHING : v === kind ? (prediction[i] === kind ? HIT : MISSED) : prediction[i] === kind ? FALSE_ALARM : NOTHING));
}

/** The same for the bands of one class. */
function bandParts(truth, { ours, theirs, shown }, kind) {
  return truth.map((v, i) => {
    const a = ours[i] && v === kind,
      b = theirs[i] && shown[i] === kind;
    return a ? (b ? HIT : MISSED) : b ? FALSE_ALARM : NOTHING;
  });
}

/** A share in per cent, so that only what is whole says 100 and only nothing says 0. */
function percentText(share) {
  if (Number.isNaN(share)) return "–";
  if (share === 0 || share === 1) return String(100 * share);
  const text = (100 * share).toFixed(1);
  return text === "100.0" ? "99.9" : text === "0.0" ? "<0.1" : text;
}

/** Where two cells side by side differ, as straight lines [[x, y], [x, y]] in cells. `differ(i, j)` compares two cells. */
function contours(rows, cols, differ) {
  const lines = [];
  for (let r = 1; r < rows; r += 1)
    for (let c = 0, from = -1; c <= cols; c += 1) {
      const here = c < cols && differ((r - 1) * cols + c, r * cols + c);
      if (here && from < 0) from = c;
      if (!here && from >= 0) {
        lines.push([from, r, c, r]);
        from = -1;
      }
    }
  for (let c = 1; c < cols; c += 1)
    for (let r = 0, from = -1; r <= rows; r += 1) {
      const here = r < rows && differ(r * cols + c - 1, r * cols + c);
      if (here && from < 0) from = r;
      if (!here && from >= 0) {
        lines.push([c, from, c, r]);
        from = -1;
      }
    }
  return lines;
}

/** The cells a brush of `side` cells covers around one: for even sides it reaches one cell further up and left. */
const brushBox = (r, c, side) => ({ r: r - Math.floor(side / 2), c: c - Math.floor(side / 2), side });

export {
  fillHoles,
  spread,
  grown,
  moved,
  forgotten,
  startOf,
  largestOf,
  predict,
  readPainted,
  writePainted,
  withAmount,
  withWord,
  confusionMatrix,
  boundaryBand,
  boundaryCounts,
  allScores,
  partsOf,
  bandParts,
  percentText,
  contours,
  brushBox,
  cellsBetween,
  readState,
  writeState,
};

// ------------------------------------------------------------------ the lab

const TOTALS = ["pixel", "weighted", "mean", "miou", "boundary"];
const MADE = ["scene", "painted", "flat", "forget", "grow", "dx", "dy"]; // what makes the prediction: undo brings it back
const MOST_UNDONE = 200;
const CHOSEN_IN = { street: "pole", disc: "sign", pole: "pole" };
const LINE = "#16202a"; // outlines on the colours of the classes, which are the same by day and by night

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { rows, columns: cols, classes, scenes, colours: paints, mostGrown } = lab.settings,
      size = rows * cols,
      voided = classes.length,
      truths = Object.fromEntries(scenes.map((name, n) => [name, lab.data.slice(n * size, (n + 1) * size)])),
      nameOf = (kind) => t(`class.${classes[kind] || "void"}`),
      shareText = (share) => (Number.isNaN(share) ? "–" : t("percent", { v: percentText(share) })),
      untouched = { painted: "none", flat: false, forget: "none", grow: "none", dx: 0, dy: 0 };

    // ---------------------------------------------------------------- what is known of a scene and of a prediction
    const known = {};

    function sceneOf(name) {
      if (!known[name]) {
        const truth = truths[name];
        known[name] = {
          truth,
          start: startOf(truth, rows, cols, voided),
          largest: largestOf(truth, classes.length),
          outlines: contours(rows, cols, (i, j) => truth[i] !== truth[j]),
          of: classes.map((_, kind) => contours(rows, cols, (i, j) => (truth[i] === kind) !== (truth[j] === kind))),
        };
      }
      return known[name];
    }

    let last = { key: "" };

    function predictionOf(state) {
      const key = MADE.map((name) => state[name]).join(" ");
      if (last.key !== key) last = { key, labels: predict(truths[state.scene], state, lab.settings) };
      return last.labels;
    }

    // ---------------------------------------------------------------- undo
    const made = (state) => Object.fromEntries([...MADE, "chosen"].map((name) => [name, state[name]]));
    let before = made(lab.state),
      held = false, // a pointer is down: all it does is one step
      begun = false,
      undoing = false;
    const undone = [];
    lab.root.addEventListener(
      "pointerdown",
      () => {
        held = true;
        begun = true;
      },
      true,
    );
    for (const type of ["pointerup", "pointercancel"])
      lab.listen(window, type, () => {
        held = false;
      });
    lab.onChange((state) => {
      const now = made(state);
      if (MADE.every((name) => now[name] === before[name])) return;
      if (!undoing && !(held && !begun)) {
        undone.push(before);
        if (undone.length > MOST_UNDONE) undone.shift();
      }
      begun = false;
      before = now;
    });

    function undo() {
      if (!undone.length) return;
      const { chosen, ...back } = undone.pop();
      undoing = true;
      lab.change(back.scene === lab.state.scene ? back : { ...back, chosen }); // a scene brought its own class along
      undoing = false;
    }

    // ---------------------------------------------------------------- painting
    let hovered = null, // [r, c, over the large picture]
      keyed = false;

    function hover(r, c, large) {
      if (hovered && hovered[0] === r && hovered[1] === c && hovered[2] === large) return;
      hovered = [r, c, large];
      lab.redraw();
    }

    /** What is seen becomes what is painted, and the brush goes on from there: the other changes start at nothing again. */
    function paintCells(cells) {
      const { state } = lab,
        labels = predictionOf(state).slice(),
        { start } = sceneOf(state.scene),
        kind = classes.indexOf(state.chosen);
      for (const [r, c] of cells) {
        const { r: top, c: left, side } = brushBox(r, c, state.brush);
        for (let y = Math.max(0, top); y < Math.min(rows, top + side); y += 1)
          for (let x = Math.max(0, left); x < Math.min(cols, left + side); x += 1) labels[y * cols + x] = kind;
      }
      const cellsPainted = new Int8Array(size);
      for (let i = 0; i < size; i += 1) cellsPainted[i] = labels[i] === start[i] ? -1 : labels[i];
      lab.change({ ...untouched, painted: writePainted(cellsPainted, rows, cols, classes) });
    }

    // ---------------------------------------------------------------- the picture's parts
    const stage = lab.stage(),
      point = (large) => (r, c) => hover(r, c, large);
    const truthPart = stage.image({ name: "truth", label: t("truth"), point: point(false) }),
      large = stage.image({ name: "prediction", label: t("prediction"), point: point(true), paint: (cells) => paintCells(cells) }),
      small = stage.image({ name: "second", label: t("errors"), point: point(false) });
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.redraw();
    };
    for (const part of [truthPart, large, small])
      lab.listen(part.field, "blur", () => {
        hovered = null;
        lab.redraw();
      });

    // ---------------------------------------------------------------- what IoU counts, as a sum
    const swatch = (kind) => element("span", { class: `sc-swatch sc-part-${kind}`, "aria-hidden": "true" }),
      counted = (kind) => element("span", { class: `sc-count sc-count-${kind}` }),
      sum = {
        name: element("strong", {}),
        top: counted("hit"),
        hit: counted("hit"),
        missed: counted("missed"),
        false: counted("false"),
        share: element("strong", { class: "sc-result" }),
      },
      piece = (kind, node) => element("span", { class: "sc-piece" }, swatch(kind), node),
      equals = (...nodes) => element("span", { class: "sc-equals" }, "=", ...nodes),
      fraction = element(
        "p",
        { class: "sc-fraction", "aria-hidden": "true" }, // the line below says it in words
        sum.name,
        equals(element("span", { class: "sc-over" }, element("span", { text: "|A ∩ B|" }), element("span", { text: "|A ∪ B|" }))),
        equals(
          element(
            "span",
            { class: "sc-over" },
            piece("hit", sum.top),
            element("span", {}, piece("hit", sum.hit), " + ", piece("missed", sum.missed), " + ", piece("false", sum.false)),
          ),
        ),
        equals(sum.share),
      ),
      legend = element(
        "ul",
        { class: "sc-legend" },
        ...["hit", "missed", "false"].map((kind) => element("li", {}, swatch(kind), element("span", { text: t(`${kind}Means`) }))),
      );
    lab.root.append(element("div", { class: "sc-formula sc-iou" }, fraction, legend));

    // ---------------------------------------------------------------- the scores
    const radios = freshId("class"),
      write = (node, text) => {
        if (node.textContent !== text) node.textContent = text;
      },
      setBar = (node, share) => {
        // Moved, not made wider: that needs no layout.
        const place = `translateX(${share > 0 ? 100 * Math.min(share, 1) - 100 : -101}%)`;
        if (node.style.transform !== place) node.style.transform = place;
      };
    const classRows = [...classes, "void"].map((name, kind) => {
      const isVoid = kind === voided,
        input = isVoid
          ? null
          : element("input", {
              type: "radio",
              name: radios,
              value: name,
              "data-field": "chosen",
              "data-lm-suppress-shortcuts": "true",
            }),
        parts = {
          iou: element("span", { class: "sc-bar-fill", style: isVoid ? null : `background: ${paints[kind]}` }),
          band: element("span", { class: "sc-bar-band" }),
          number: element("span", { class: "sc-number" }),
          second: element("span", { class: "sc-number sc-muted" }),
        };
      const row = element(
        isVoid ? "div" : "label",
        { class: "sc-class", "data-class": name },
        input,
        element("span", {
          class: `sc-paint${isVoid ? " sc-hatched" : ""}`,
          style: isVoid ? null : `background: ${paints[kind]}`,
          "aria-hidden": "true",
        }),
        element("span", { class: "sc-class-name", text: nameOf(kind) }),
        element("span", { class: "sc-track", "aria-hidden": "true" }, parts.iou, parts.band),
        parts.number,
        parts.second,
      );
      if (input)
        lab.listen(input, "change", () => {
          if (input.checked) lab.change({ chosen: name });
        });
      return { row, input, kind, ...parts };
    });
    const perClass = element(
      "fieldset",
      { class: "sc-classes" },
      element("legend", { text: t("perClass") }),
      element(
        "div",
        { class: "sc-class sc-class-head", "aria-hidden": "true" },
        element("span", { class: "sc-class-name", text: t("classHead") }),
        element("span", { class: "sc-number", text: "IoU" }),
        element("span", { class: "sc-number sc-band-head", text: t("boundaryShort") }),
      ),
      ...classRows.map(({ row }) => row),
    );
    const totalRows = TOTALS.map((name) => {
      const fill = element("span", { class: "sc-bar-fill" }),
        number = element("span", { class: "sc-number" });
      return {
        name,
        fill,
        number,
        row: element(
          "li",
          { class: `sc-total${name === "miou" ? " sc-total-main" : ""}`, "data-score": name },
          element("span", { class: "sc-total-name", text: t(`score.${name}`) }),
          number,
          element("span", { class: "sc-track", "aria-hidden": "true" }, fill),
        ),
      };
    });
    const board = element(
      "div",
      { class: "sc-scores" },
      perClass,
      element("ul", { class: "sc-totals", "aria-label": t("allClasses") }, ...totalRows.map(({ row }) => row)),
    );
    lab.root.append(board);
    lab.keep(board, () => {
      if (!lab.result) return;
      const { scores } = lab.result,
        { state } = lab;
      for (const { row, input, kind, iou, band, number, second } of classRows) {
        const there = kind < scores.iou.length,
          share = there ? scores.iou[kind] : NaN,
          edge = there ? scores.boundary[kind] : NaN;
        row.classList.toggle("sc-absent", Number.isNaN(share));
        write(number, there ? shareText(share) : t("notCounted"));
        write(second, there ? shareText(edge) : "");
        setBar(iou, share);
        setBar(band, edge);
        if (!input) continue;
        const chosen = state.chosen === classes[kind],
          words = t("classSays", { name: nameOf(kind), iou: shareText(share), band: shareText(edge) });
        if (input.checked !== chosen) input.checked = chosen;
        row.classList.toggle("sc-chosen", chosen);
        if (input.getAttribute("aria-label") !== words) input.setAttribute("aria-label", words);
      }
      for (const { name, fill, number } of totalRows) {
        write(number, shareText(scores.totals[name]));
        setBar(fill, scores.totals[name]);
      }
      const { parts, share, kind } = lab.result,
        many = (part) => String(parts.reduce((sum, v) => sum + (v === part), 0));
      write(sum.name, t(state.view === "band" ? "bandOf" : "iouOf", { name: nameOf(kind) }));
      write(sum.top, many(HIT));
      write(sum.hit, many(HIT));
      write(sum.missed, many(MISSED));
      write(sum.false, many(FALSE_ALARM));
      write(sum.share, shareText(share));
    });

    // ---------------------------------------------------------------- controls
    const named = (node, words) => {
      // A label that names the class chosen.
      const label = node.querySelector("label");
      const refresh = () => write(label, words(lab.state));
      lab.onChange(refresh);
      refresh();
      return node;
    };
    const signed = (v) => t("cells", { n: v > 0 ? `+${v}` : numberText(v) });
    const chosenName = (state) => t(`class.${state.chosen}`);
    lab.controls(
      lab.choice({
        label: t("scene"),
        options: scenes.map((name) => [name, t(`scene.${name}`)]),
        get: () => lab.state.scene,
        set: (scene) => lab.change({ ...untouched, scene, chosen: CHOSEN_IN[scene] }),
      }),
      lab.choice({ field: "view", label: t("view"), options: ["labels", "errors", "band"].map((name) => [name, t(`view.${name}`)]) }),
    );
    const moves = lab.sliders(
      lab.slider({ field: "brush", label: t("brush"), show: (v) => t("brushSize", { n: v }) }),
      named(
        lab.slider({
          label: t("grow", { name: "" }),
          low: -mostGrown,
          high: mostGrown,
          show: signed,
          get: () => new Map(amountsOf(lab.state.grow)).get(lab.state.chosen) || 0,
          set: (by) => lab.change({ grow: withAmount(lab.state.grow, lab.state.chosen, by, classes) }),
          enabled: () => !lab.state.flat,
        }),
        (state) => t("grow", { name: chosenName(state) }),
      ),
      lab.slider({ field: "dx", label: t("dx"), show: signed }),
      lab.slider({ field: "dy", label: t("dy"), show: signed }),
      lab.slider({ field: "reach", label: t("reach"), show: (v) => t("cells", { n: v }) }),
      lab.toggle({ field: "void", label: t("countVoid") }),
    );
    moves.classList.add("sc-wide-labels");
    moves.querySelector("input:not([data-field])").setAttribute("data-field", "grow");
    lab.controls(
      named(
        lab.toggle({
          label: t("forget", { name: "" }),
          get: () => wordsOf(lab.state.forget).includes(lab.state.chosen),
          set: (on) => lab.change({ forget: withWord(lab.state.forget, lab.state.chosen, on, classes) }),
          enabled: () => !lab.state.flat,
        }),
        (state) => t("forget", { name: chosenName(state) }),
      ),
      named(lab.toggle({ field: "flat", label: t("flat", { name: "" }) }), (state) => t("flat", { name: nameOf(sceneOf(state.scene).largest) })),
      lab.button({ label: t("undo"), name: "undo", press: undo, enabled: () => undone.length > 0 }),
    );
    lab.tryThis([
      { text: t("try1"), state: { ...untouched, scene: "street", chosen: "road", view: "labels", flat: true, void: false } },
      { text: t("try2"), state: { ...untouched, scene: "street", chosen: "pole", view: "errors", dx: 1, void: false } },
      { text: t("try3"), state: { ...untouched, scene: "disc", chosen: "sign", view: "band", grow: "sign:-1", reach: 1, void: false } },
      { text: t("try4"), state: { ...untouched, scene: "street", chosen: "road", view: "errors", void: true } },
    ]);

    // ---------------------------------------------------------------- drawing
    const rgb = (hex) => toRgb(hex);
    let inks = { colours: null };

    /** The colours in force as numbers. */
    function inksNow() {
      const { colours } = lab;
      if (inks.colours !== colours)
        inks = {
          colours,
          plain: paints.map(rgb),
          pale: paints.map((colour, kind) => rgb(mixColours(kind === voided ? colours.paper : colour, colours.paper, 0.78))),
          parts: [null, rgb(colours.output), rgb(colours.input), rgb(colours.kernel)],
        };
      return inks;
    }

    function pixels(pick) {
      const out = new Uint8ClampedArray(4 * size);
      for (let i = 0; i < size; i += 1) {
        const [r, g, b] = pick(i);
        out[4 * i] = r;
        out[4 * i + 1] = g;
        out[4 * i + 2] = b;
        out[4 * i + 3] = 255;
      }
      return out;
    }

    /** Lines across all cells of one sort; `way` is their direction. */
    function hatchCells(pen, at, inside, { colour, way, gap, width }) {
      const { ctx } = pen,
        { x, y, cell } = at;
      ctx.save();
      ctx.beginPath();
      let any = false;
      for (let r = 0; r < rows; r += 1)
        for (let c = 0; c < cols; c += 1) {
          if (!inside(r * cols + c)) continue;
          let wide = 1;
          while (c + wide < cols && inside(r * cols + c + wide)) wide += 1;
          ctx.rect(x + c * cell, y + r * cell, wide * cell, cell);
          c += wide;
          any = true;
        }
      if (any) {
        ctx.clip();
        ctx.strokeStyle = colour;
        ctx.lineWidth = width;
        ctx.beginPath();
        const w = cols * cell,
          h = rows * cell;
        for (let d = gap / 2; d < w + h; d += gap) {
          ctx.moveTo(x + (way > 0 ? d : w - d), y);
          ctx.lineTo(x + (way > 0 ? d - h : w - d + h), y + h);
        }
        ctx.stroke();
      }
      ctx.restore();
    }

    function strokeLines(pen, { x, y, cell }, lines, colour, width) {
      const { ctx } = pen;
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.lineCap = "square";
      ctx.beginPath();
      for (const [x1, y1, x2, y2] of lines) {
        ctx.moveTo(x + x1 * cell, y + y1 * cell);
        ctx.lineTo(x + x2 * cell, y + y2 * cell);
      }
      ctx.stroke();
      ctx.lineCap = "butt";
    }

    const voidLines = { colour: "rgba(255, 255, 255, 0.5)", way: 1, width: 1 };

    function showPart(part, at, what, title) {
      const { result } = lab,
        { truth } = result,
        labels = what === "truth" ? truth : result.labels;
      part.show({
        x: at.x,
        y: at.y,
        width: cols * at.cell,
        height: rows * at.cell,
        rows,
        cols,
        pixels: result.pictures(what),
        title,
        role: "ink",
        value: (r, c) => (what === "truth" ? truth : result.labels)[r * cols + c],
        text: (r, c) => nameOf(labels[r * cols + c]),
        describe: (r, c) => saysCell(r, c),
      });
    }

    function saysCell(r, c) {
      const { truth, labels } = lab.result,
        i = r * cols + c;
      return truth[i] === voided && !lab.state.void
        ? t("cellVoid", { b: nameOf(labels[i]) })
        : t(truth[i] === labels[i] ? "cellRight" : "cellWrong", { a: nameOf(truth[i]), b: nameOf(labels[i]) });
    }

    /** What lies over the colours: void hatched, parts hatched, the truth's outline. */
    function dress(pen, at, what) {
      const { result } = lab,
        { truth, outlines, of, kind } = result,
        big = at.cell >= 6,
        inParts = what === "errors" || what === "band",
        shownParts = inParts ? result.partsFor(what) : null,
        hidden = (i) => truth[i] === voided && !(shownParts && shownParts[i]);
      hatchCells(pen, at, hidden, inParts ? { ...voidLines, colour: lab.colours.faint, gap: big ? 7 : 5 } : { ...voidLines, gap: big ? 7 : 5 });
      if (inParts) {
        const style = { colour: "rgba(255, 255, 255, 0.62)", gap: big ? 6 : 4.5, width: big ? 1.4 : 1 };
        hatchCells(pen, at, (i) => shownParts[i] === MISSED, { ...style, way: 1 });
        hatchCells(pen, at, (i) => shownParts[i] === FALSE_ALARM, { ...style, way: -1 });
      }
      if (!inParts) {
        if (big) strokeLines(pen, at, outlines, "rgba(255, 255, 255, 0.55)", 2.2);
        strokeLines(pen, at, outlines, LINE, big ? 1 : 0.8);
      }
      if (big || inParts) {
        if (big) strokeLines(pen, at, of[kind], inParts ? lab.colours.paper : "#ffffff", 4.5);
        strokeLines(pen, at, of[kind], inParts ? lab.colours.ink : LINE, big ? 2 : 1);
      }
      pen.box(at.x - 0.5, at.y - 0.5, cols * at.cell + 1, rows * at.cell + 1, { role: "muted", width: 1 });
    }

    return {
      compute(state) {
        const { truth, outlines, of } = sceneOf(state.scene),
          labels = predictionOf(state),
          many = classes.length + (state.void ? 1 : 0),
          left = state.void ? null : voided,
          kind = classes.indexOf(state.chosen),
          scores = allScores(truth, labels, rows, cols, many, left, state.reach);
        const made = {},
          partsFor = (what) =>
            (made[what] = made[what] || (what === "band" ? bandParts(truth, scores.bands, kind) : partsOf(truth, labels, kind, left)));
        const drawn = {};
        const pictures = (what) => {
          const now = inksNow();
          if (drawn.inks !== now) Object.assign(drawn, { inks: now, truth: null, labels: null, errors: null, band: null });
          if (!drawn[what]) {
            if (what === "truth") drawn.truth = pixels((i) => now.plain[truth[i]]);
            else if (what === "labels") drawn.labels = pixels((i) => now.plain[labels[i]]);
            else {
              const parts = partsFor(what);
              drawn[what] = pixels((i) => now.parts[parts[i]] || now.pale[truth[i]]);
            }
          }
          return drawn[what];
        };
        return {
          truth,
          labels,
          outlines,
          of,
          kind,
          scores,
          partsFor,
          pictures,
          parts: partsFor(state.view === "band" ? "band" : "errors"),
          share: (state.view === "band" ? scores.boundary : scores.iou)[kind],
        };
      },

      layout(width) {
        const top = 26;
        if (width < 560) {
          const cell = (width - 2) / cols,
            second = top + rows * cell + 58,
            little = (width - 14) / 2 / cols;
          return {
            narrow: true,
            large: { x: 1, y: top, cell },
            caption: { x: 1, y: top + rows * cell + 16 },
            truth: { x: 1, y: second, cell: little },
            small: { x: width - 1 - cols * little, y: second, cell: little },
            height: second + rows * little + 6,
          };
        }
        const cell = (width - 26) / (cols * 1.45),
          little = 0.45 * cell,
          x = width - 1 - cols * cell;
        return {
          narrow: false,
          large: { x, y: top, cell },
          caption: { x, y: top + rows * cell + 16 },
          truth: { x: 1, y: top, cell: little },
          small: { x: 1, y: top + rows * (cell - little), cell: little },
          height: top + rows * cell + 30,
        };
      },

      draw(pen, place) {
        const { state, result } = lab,
          main = state.view,
          second = main === "labels" ? "errors" : "labels",
          titles = {
            labels: t("prediction"),
            errors: place.narrow && main === "labels" ? t("errors") : t("errorsOf", { name: nameOf(result.kind) }),
            band: t("bandTitle", { name: nameOf(result.kind) }),
          };
        showPart(truthPart, place.truth, "truth", t("truth"));
        dress(pen, place.truth, "truth");
        showPart(small, place.small, second, titles[second]);
        dress(pen, place.small, second);
        showPart(large, place.large, main, main === "labels" ? t("paintTitle") : titles[main]);
        dress(pen, place.large, main);
        if (hovered) {
          const [r, c, over] = hovered,
            { x, y, cell } = place.large,
            box = over ? brushBox(r, c, state.brush) : { r, c, side: 1 },
            [top, left] = [Math.max(0, box.r), Math.max(0, box.c)],
            [bottom, right] = [Math.min(rows, box.r + box.side), Math.min(cols, box.c + box.side)];
          for (const [colour, wide] of [
            ["#ffffff", 4],
            [LINE, 2],
          ])
            pen.box(x + left * cell, y + top * cell, (right - left) * cell, (bottom - top) * cell, { role: colour, width: wide });
          for (const at of [place.truth, place.small])
            pen.box(at.x + c * at.cell - 2, at.y + r * at.cell - 2, at.cell + 4, at.cell + 4, { role: LINE, width: 1.6 });
        }
        const words = hovered
          ? t("cellSays", { r: hovered[0] + 1, c: hovered[1] + 1, what: saysCell(hovered[0], hovered[1]) })
          : t("hint", { name: nameOf(result.kind) });
        pen.text(words, place.caption.x, place.caption.y, { role: "muted", most: pen.width - place.caption.x });
      },

      line() {
        const { scores, kind } = lab.result,
          { totals, all, right, hit, inTruth, predicted } = scores,
          parts = [];
        const values = {
          n: all - right,
          all,
          pixel: shareText(totals.pixel),
          miou: shareText(totals.miou),
          band: shareText(totals.boundary),
        };
        parts.push(t(all === right ? "lineRight" : "lineWrong", values));
        const name = nameOf(kind),
          about = {
            name,
            hit: hit[kind],
            missed: inTruth[kind] - hit[kind],
            wrong: predicted[kind] - hit[kind],
            iou: shareText(scores.iou[kind]),
            band: shareText(scores.boundary[kind]),
          };
        if (Number.isNaN(scores.iou[kind])) parts.push(t("lineAbsent", about));
        else if (!inTruth[kind]) parts.push(t("lineInvented", about));
        else parts.push(t("lineClass", about));
        if (lab.state.void) parts.push(t("lineVoid"));
        return parts.join(" ");
      },
    };
  }),
};

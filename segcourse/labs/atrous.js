/* Atrous convolution: what one output reads through layers of some rate, and a strided map filled in with the same weights. The arithmetic
   comes first; it is held to torch and to segcourse.ops by tests/labs/test_atrous.py. Both axes of a picture are alike, so what is read is
   computed along one. A map is { rows, cols, data }, data a Float64Array row after row. */

// ------------------------------------------------------------------ what one output reads

/** How many pixels a kernel spans when its taps stand `rate` apart: kernel - 1 gaps of rate - 1 are added to its taps. */
const spanOf = (kernel, rate) => kernel + (kernel - 1) * (rate - 1);

/** What layers of one kernel size span together. */
const fieldOf = (kernel, rates) => rates.reduce((sum, rate) => sum + spanOf(kernel, rate) - 1, 1);

/** The layers in the form that `countPaths` reads, each padded so that its output keeps the size. */
const atrousLayers = (kernel, rates) => rates.map((rate) => ({ kernel, stride: 1, rate, padding: (rate * (kernel - 1)) / 2 }));

/** How many cells each layer gives along an axis of `size`: [size, ...]. Nothing is left below 1. */
function sizesAfter(layers, size) {
  const sizes = [size];
  for (const { kernel, stride, rate, padding } of layers) {
    const room = sizes[sizes.length - 1] + 2 * padding - spanOf(kernel, rate);
    sizes.push(room < 0 ? 0 : Math.floor(room / stride) + 1);
  }
  return sizes;
}

/** How many paths lead to output `place` from each cell of every map, the image first: [{ low, counts }, ...], every weight 1. A map's counts
    run from its cell `low`, signed; in the padding they are 0, because a path ends there. */
function countPaths(layers, size, place) {
  const sizes = sizesAfter(layers, size),
    maps = [{ low: place, counts: Float64Array.of(1) }];
  for (let l = layers.length - 1; l >= 0; l -= 1) {
    const { kernel, stride, rate, padding } = layers[l],
      above = maps[0],
      low = above.low * stride - padding,
      counts = new Float64Array((above.counts.length - 1) * stride + spanOf(kernel, rate));
    above.counts.forEach((count, i) => {
      for (let tap = 0; count && tap < kernel; tap += 1) {
        const at = i * stride + tap * rate;
        if (low + at >= 0 && low + at < sizes[l]) counts[at] += count;
      }
    });
    maps.unshift({ low, counts });
  }
  return maps;
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/** The step all paths keep to: above 1 there are pixels that no added layer of these rates will ever reach. */
const commonStep = (rates) => rates.reduce(gcd);

// ------------------------------------------------------------------ a map and the layers of the net whose stride is removed

/** Every window of `side` taps a side, `rate` apart, `stride` further on each time; merge(taps, meets, r, c) gives the cell. */
function slide(map, side, { stride = 1, rate = 1, padding = 0 }, start, merge) {
  const [rows, cols] = [map.rows, map.cols].map((size) => sizesAfter([{ kernel: side, stride, rate, padding }], size)[1]),
    empty = rows === 0 || cols === 0,
    out = { rows: empty ? 0 : rows, cols: empty ? 0 : cols, data: new Float64Array(rows * cols) };
  for (let r = 0; r < out.rows; r += 1)
    for (let c = 0; c < out.cols; c += 1) {
      let v = start;
      for (let a = 0; a < side; a += 1) {
        const y = r * stride + a * rate - padding;
        if (y < 0 || y >= map.rows) continue;
        for (let b = 0; b < side; b += 1) {
          const x = c * stride + b * rate - padding;
          if (x >= 0 && x < map.cols) v = merge(v, map.data[y * map.cols + x], a, b);
        }
      }
      out.data[r * out.cols + c] = v;
    }
  return out;
}

const conv2d = (map, kernel, options) => slide(map, kernel.length, options, 0, (sum, v, a, b) => sum + kernel[a][b] * v);
const maxPool = (map, options) => slide(map, 3, options, -Infinity, (most, v) => Math.max(most, v));

/** The kinds of the three layers, by the kind of the one with the stride: convolution and max pooling in turn. */
const KINDS = { conv: ["conv", "pool", "conv"], pool: ["pool", "conv", "pool"] };

/** The layers of the old net, the first with the stride. All are 3x3 with a padding of 1. */
const oldLayers = (first, stride) => KINDS[first].map((kind, l) => ({ kind, kernel: 3, stride: l ? 1 : stride, rate: 1, padding: 1 }));

/** The same net without its stride. `dilated` has the flags pool and conv, is a layer of that kind dilated, and pad, does its padding grow
    with its rate. */
const newLayers = (first, stride, dilated) =>
  KINDS[first].map((kind, l) => {
    const rate = l && dilated[kind] ? stride : 1;
    return { kind, kernel: 3, stride: 1, rate, padding: dilated.pad ? rate : 1 };
  });

/** What a net gives; `kernels` are those of its convolutions, in order. */
function runNet(map, layers, kernels) {
  let met = 0;
  return layers.reduce((below, layer) => (layer.kind === "pool" ? maxPool(below, layer) : conv2d(below, kernels[met++], layer)), map);
}

/** The old map held against every `stride`-th cell of the new one: how many cells are the same, changed and gone, and by how much at most. */
function compareMaps(old, now, stride) {
  let same = 0,
    gone = 0,
    largest = 0;
  for (let r = 0; r < old.rows; r += 1)
    for (let c = 0; c < old.cols; c += 1) {
      if (r * stride >= now.rows || c * stride >= now.cols) gone += 1;
      else {
        const apart = Math.abs(old.data[r * old.cols + c] - now.data[r * stride * now.cols + c * stride]);
        if (apart === 0) same += 1;
        largest = Math.max(largest, apart);
      }
    }
  return { all: old.rows * old.cols, same, gone, largest };
}

/** How far one output sees through layers, along one axis. */
function seesOf(layers) {
  let jump = 1,
    seen = 1;
  for (const { kernel, stride, rate } of layers) {
    seen += (spanOf(kernel, rate) - 1) * jump;
    jump *= stride;
  }
  return seen;
}

export {
  spanOf,
  fieldOf,
  atrousLayers,
  sizesAfter,
  countPaths,
  commonStep,
  conv2d,
  maxPool,
  oldLayers,
  newLayers,
  runNet,
  compareMaps,
  seesOf,
  readState,
  writeState,
};

const AS_GRID = 17; // cells a side up to which the pixels read are a grid of numbers; beyond that an image
const SIDE_LAYER = 46; // px from one map to the next, seen from the side
const PRESETS = ["2", "2,2,2", "1,2,4", "1,2,5", "12"];

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { settings, data } = lab,
      [high, wide] = settings.photo,
      inTaps = () => lab.state.view === "taps",
      inPhoto = () => lab.state.scene === "photo";

    // ---------------------------------------------------------------- what Python handed over
    const photoPixels = new Uint8ClampedArray(4 * high * wide).fill(255);
    for (let i = 0; i < high * wide; i += 1) photoPixels.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    const sources = {};
    let from = 3 * high * wide;
    for (const [scene, [rows, cols]] of [
      ["numbers", settings.numbers],
      ["photo", settings.grey],
    ]) {
      sources[scene] = { rows, cols, data: Float64Array.from(data.subarray(from, from + rows * cols), (v) => (scene === "photo" ? v - 128 : v)) };
      from += rows * cols;
    }
    const grey = sources.photo,
      greyPixels = new Uint8ClampedArray(4 * grey.rows * grey.cols).map((_, i) => (i % 4 === 3 ? 255 : grey.data[i >> 2] + 128));

    // ---------------------------------------------------------------- the place pointed at: kept in the state, or only under the pointer
    let hovered = null;
    const ratesNow = (state = lab.state) => state.rates.split(",").map(Number);

    function pointer(field) {
      return (place, pinned) => {
        if (pinned) {
          hovered = null;
          const now = lab.state[field];
          if (!now || now[0] !== place[0] || now[1] !== place[1]) lab.change({ [field]: place });
        } else if (!hovered || hovered[0] !== place[0] || hovered[1] !== place[1]) {
          hovered = place;
          lab.fresh = true;
          lab.redraw();
        }
      };
    }
    const outputAt = pointer("cell"),
      denseAt = pointer("at");

    const stage = lab.stage();
    const photo = stage.image({ name: "photo", role: "input", label: t("photo"), point: (r, c, { pinned }) => outputAt([r, c], pinned) });
    const grids = {
        paths: stage.grid({ name: "paths", role: "count", label: t("output") }),
        input: stage.grid({ name: "input", role: "input", label: t("inputLabel") }),
        old: stage.grid({ name: "old", label: t("oldLabel"), point: (r, c, { pinned }) => oldAt(r, c, pinned) }),
        dense: stage.grid({ name: "dense", label: t("denseLabel"), point: (r, c, { pinned }) => denseAt([r, c], pinned) }),
      },
      images = {
        paths: stage.image({ name: "pathsImage", label: t("output") }),
        input: stage.image({ name: "inputImage", role: "input", label: t("inputLabel") }),
        old: stage.image({ name: "oldImage", label: t("oldLabel"), point: (r, c, { pinned }) => oldAt(r, c, pinned) }),
        dense: stage.image({ name: "denseImage", label: t("denseLabel"), point: (r, c, { pinned }) => denseAt([r, c], pinned) }),
      };
    const oldAt = (r, c, pinned) => denseAt([r * lab.state.stride, c * lab.state.stride], pinned);
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.fresh = true;
      lab.redraw();
    };
    const hints = { taps: lab.hint(t("hintTaps")), fill: lab.hint(t("hintFill")) },
      sums = [lab.formula(), lab.formula(), lab.formula()],
      lights = lab.lights(["size", "values", "field"].map((key) => ({ key, label: t(`light.${key}`) })));
    lab.root.append(lights);

    // ---------------------------------------------------------------- controls, those of each view shown with it
    const change = (part) => {
      hovered = null;
      lab.change(part);
    };
    const onlyIn = (view, ...nodes) => {
      for (const node of nodes)
        lab.keep(node, () => {
          node.hidden = lab.state.view !== view;
          for (const field of node.querySelectorAll("input, button")) field.hidden = node.hidden;
        });
    };
    lab.controls(
      lab.choice({ field: "view", label: t("view"), options: ["taps", "fill"].map((key) => [key, t(key)]), set: (view) => change({ view }) }),
    );

    const kernelRow = lab.controls(
      lab.choice({
        label: t("kernel"),
        options: settings.kernels.map((side) => [side, `${side}×${side}`]),
        get: () => lab.state.kernel,
        set: (kernel) => change({ kernel }),
      }),
      lab.choice({
        label: t("layers"),
        options: Array.from({ length: settings.layers }, (_, n) => [n + 1, String(n + 1)]),
        get: () => ratesNow().length,
        set: (n) => {
          const rates = ratesNow();
          change({ rates: Array.from({ length: n }, (_, i) => rates[Math.min(i, rates.length - 1)]).join(",") });
        },
      }),
    );
    const rateSliders = lab.sliders(
      ...Array.from({ length: settings.layers }, (_, n) =>
        lab.slider({
          label: t("layerRate", { n: n + 1 }),
          low: 1,
          high: settings.rate,
          get: () => ratesNow()[n] || 1,
          set: (rate) => change({ rates: ratesNow().map((old, at) => (at === n ? rate : old)).join(",") }),
          show: (v) => (n < ratesNow().length ? String(v) : "–"),
          enabled: () => n < ratesNow().length,
        }),
      ),
    );
    rateSliders.classList.add("sc-wide-labels");
    onlyIn(
      "taps",
      hints.taps,
      kernelRow,
      rateSliders,
      lab.controls(
        lab.group(
          t("presets"),
          ...PRESETS.map((rates) =>
            lab.button({ label: rates.replaceAll(",", ", "), name: `rates-${rates.replaceAll(",", "-")}`, press: () => change({ rates }) }),
          ),
        ),
      ),
    );

    const places = () => lab.state.stride ** 2,
      filledNow = (state = lab.state) => Math.min(state.filled, state.stride ** 2);
    const switches = lab.group(
      t("after"),
      ...["pool", "conv", "pad"].map((field) => lab.toggle({ field, label: t(`turn.${field}`) })),
    );
    switches.classList.add("sc-apart");
    onlyIn(
      "fill",
      hints.fill,
      lights,
      sums[2],
      lab.controls(
        lab.choice({
          label: t("stride"),
          options: [2, 3, 4].map((s) => [s, String(s)]),
          get: () => lab.state.stride,
          set: (stride) => change({ stride, filled: lab.state.filled >= places() ? 16 : Math.min(lab.state.filled, stride * stride) }),
        }),
        lab.choice({ field: "first", label: t("first"), options: ["conv", "pool"].map((key) => [key, t(key)]), set: (first) => change({ first }) }),
      ),
      lab.controls(switches),
      lab.controls(
        lab.slider({
          field: "filled",
          label: t("filled"),
          get: () => filledNow(),
          set: (v) => change({ filled: v >= places() ? 16 : v }),
          limits: () => [1, places()],
          show: (v) => t("share", { n: v, all: places() }),
        }),
        lab.choice({
          field: "scene",
          label: t("scene"),
          options: [
            ["numbers", t("numbers")],
            ["photo", t("photo")],
          ],
          set: (scene) => change({ scene, at: scene === "photo" ? [24, 36] : [4, 6] }),
        }),
      ),
    );
    lab.controls(); // the last row, which takes the reset button: the rows above come and go
    const tried = (state) => () => change(state);
    const net = { scene: "numbers", first: "conv", stride: 2, filled: 16, pool: true, conv: true, pad: true, at: [4, 6] };
    lab.tryThis([
      { text: t("try1"), press: tried({ view: "taps", kernel: 3, rates: "2,2,2", cell: null }) },
      { text: t("try2"), press: tried({ view: "taps", kernel: 7, rates: "4", cell: null }) },
      { text: t("try3"), press: tried({ ...net, view: "fill", pool: false, conv: false }) },
      { text: t("try4"), press: tried({ ...net, view: "fill", pool: false }) },
      { text: t("try5"), press: tried({ ...net, view: "fill", stride: 4, scene: "photo", filled: 1, at: [24, 36] }) },
    ]);

    // ---------------------------------------------------------------- the arithmetic of a view
    function readings(state) {
      const { kernel } = state,
        rates = ratesNow(state),
        cell = hovered || state.cell,
        place = [high, wide].map((size, n) => (cell ? clamp(cell[n], 0, size - 1) : Math.floor(size / 2))),
        layers = atrousLayers(kernel, rates),
        levels = place.map((at, n) => countPaths(layers, settings.photo[n], at)),
        span = fieldOf(kernel, rates);
      const [down, across] = levels.map(([image], n) => {
        const touched = image.counts.reduce((sum, v) => sum + (v > 0), 0),
          inside = Math.min(settings.photo[n] - 1, image.low + span - 1) - Math.max(0, image.low) + 1;
        return { ...image, touched, inside, most: image.counts.reduce((a, b) => Math.max(a, b), 0) };
      });
      return { kernel, rates, place, levels, span, down, across, most: down.most * across.most };
    }

    const known = {};
    /** Both maps and what became of the old cells, once for each net: pointing changes none of it. */
    function nets(state) {
      const key = ["scene", "first", "stride", "pool", "conv", "pad"].map((name) => state[name]).join();
      if (known.key !== key) {
        const source = sources[state.scene],
          before = oldLayers(state.first, state.stride),
          after = newLayers(state.first, state.stride, state),
          old = runNet(source, before, [settings.first, settings.last]),
          dense = runNet(source, after, [settings.first, settings.last]);
        const values = [...old.data, ...dense.data],
          [least, largest] = [Math.min(...values), Math.max(...values)],
          most = Math.max(-least, largest, 1e-9);
        Object.assign(known, { key, source, before, after, old, dense, least, largest, most, compared: compareMaps(old, dense, state.stride) });
      }
      return known;
    }

    /** The cell pointed at, within the new map; null where nothing is left of it. */
    function pointedAt(state, { dense }) {
      const at = hovered || state.at;
      return at && dense.rows ? [clamp(at[0], 0, dense.rows - 1), clamp(at[1], 0, dense.cols - 1)] : null;
    }

    // ---------------------------------------------------------------- words and formulas
    const listed = (rates) => (new Set(rates).size === 1 ? String(rates[0]) : t("layerwise", { rates: rates.join(", ") }));

    function explainTaps({ kernel, rates, span, down, across }) {
      const parts = [[`${t("span")} = `, "muted"]];
      if (rates.length === 1)
        parts.push(
          ["k + (k − 1)·(r − 1) = ", "muted"],
          [`${kernel} + ${kernel - 1}`, "kernel"],
          ["·", ""],
          [String(rates[0] - 1), "ink"],
          [" = ", ""],
        );
      else {
        parts.push(["1", ""]);
        for (const rate of rates) parts.push([" + ", ""], [`(${kernel} − 1)`, "kernel"], ["·", ""], [String(rate), "ink"]);
        parts.push([" = ", ""]);
      }
      parts.push([String(span), "input"]);
      sums[0].set(parts);
      const taps = kernel * kernel;
      sums[1].set([
        [`${t("reached")} = `, "muted"],
        [`${down.touched} × ${across.touched} = `, ""],
        [String(down.touched * across.touched), "input"],
        [`${t("ofAll")}${span} × ${span} = ${span * span}`, "muted"],
        [`, ${t("weights")} = `, "muted"],
        [rates.length === 1 ? `${kernel} × ${kernel}` : `${rates.length} × ${taps}`, "kernel"],
        [" = ", ""],
        [String(rates.length * taps), "kernel"],
      ]);
    }

    function tapsLine({ kernel, rates, place, span, down, across }) {
      const touched = down.touched * across.touched,
        all = span * span,
        inside = down.inside * across.inside,
        counts = { m: touched, all, holes: inside - touched, out: all - inside },
        where = { y: place[0], x: place[1], k: kernel, n: span },
        parts = [
          rates.length === 1
            ? t("lineOne", { ...where, r: rates[0] })
            : t("lineMany", { ...where, count: rates.length, rates: rates.join(", ") }),
        ];
      if (kernel === 1) return t("lineOnePixel", where);
      if (touched === all) parts.push(t("lineAll", counts));
      else if (inside === all) parts.push(t("lineHoles", counts));
      else parts.push(t(inside === touched ? "lineOutside" : "lineBoth", counts));
      if (rates.length > 1 && commonStep(rates) > 1) parts.push(t("lineGrid", { g: commonStep(rates) }));
      parts.push(t("lineRate", { rates: listed(rates) }));
      return parts.join(" ");
    }

    function explainFill(state, result) {
      const { before, after, old, dense } = result;
      const chain = (name, layers, other) => {
        const parts = [[`${t(name)}: `, "muted"]];
        layers.forEach((layer, l) => {
          if (l) parts.push([" → ", "muted"]);
          parts.push([t(layer.kind === "conv" ? "convolution" : "pooling"), ""]);
          if (layer.stride > 1 || other[l].stride > 1) parts.push([`, ${t("strideN", { s: layer.stride })}`, "kernel"]);
          if (layer.rate > 1) parts.push([`, ${t("rateIs", { r: layer.rate })}`, "kernel"], [`, ${t("padIs", { p: layer.padding })}`, "kernel"]);
        });
        return parts;
      };
      sums[0].set(chain("old", before, before));
      sums[1].set(chain("now", after, before));
      const at = pointedAt(state, result),
        s = state.stride;
      if (!at) {
        sums[2].set([[t("nothingLeft"), "muted"]]);
        return;
      }
      const [y, x] = at,
        v = dense.data[y * dense.cols + x];
      if (filledAt(state, y, x) >= filledNow(state)) sums[2].set([[t("describeEmpty", { y, x }), "muted"]]);
      else if (y % s || x % s)
        sums[2].set([
          [`${t("newCell", { y, x })} = `, ""],
          [numberText(v), "output"],
          [`, ${t("between")}`, "muted"],
        ]);
      else {
        const was = old.data[(y / s) * old.cols + x / s];
        sums[2].set([
          [`${t("was", { y: y / s, x: x / s })} = `, ""],
          [numberText(was), "output"],
          [`, ${t("isNow", { y, x })} = `, ""],
          [numberText(v), "output"],
          [`, ${t("difference", { v: Math.abs(v - was) })}`, v === was ? "muted" : "ink"],
        ]);
      }
    }

    function fillLine(state, { old, dense, source, compared }) {
      const s = state.stride,
        { all, same } = compared,
        parts = [];
      if (same === all) {
        const words = { s, all, fresh: dense.rows * dense.cols - all, n: filledNow(state), places: s * s };
        parts.push(t(words.n < s * s ? "linePart" : "lineKept", words));
      } else {
        parts.push(t(same ? "lineChanged" : "lineNone", { all, same }));
        if (!state.pool) parts.push(t("linePool"));
        if (!state.conv) parts.push(t("lineConv"));
      }
      if (dense.rows === 0) parts.push(t("lineGone"));
      else if (dense.rows < source.rows) parts.push(t("linePad", { h: dense.rows, w: dense.cols }));
      parts.push(t("lineStep", { s, h: old.rows, w: old.cols }));
      return parts.join(" ");
    }

    /** In which round a cell of the new map is filled in: 0 for the old cells. */
    const filledAt = ({ stride }, r, c) => (r % stride) * stride + (c % stride);

    // ---------------------------------------------------------------- pixels
    const ramp = Array.from({ length: 256 }, (_, i) => toRgb(along(VIRIDIS, i / 255))),
      pale = () => mixColours(lab.colours.paper, lab.colours.faint, 0.4);

    function mapPixels(map, { least, largest }, isEmpty) {
      const pixels = new Uint8ClampedArray(4 * map.rows * map.cols).fill(255),
        none = toRgb(pale()),
        range = Math.max(largest - least, 1e-9);
      for (let r = 0, i = 0; r < map.rows; r += 1)
        for (let c = 0; c < map.cols; c += 1, i += 1)
          pixels.set(isEmpty && isEmpty(r, c) ? none : ramp[Math.round((255 * (map.data[i] - least)) / range)], 4 * i);
      return pixels;
    }
    const painted = {};
    /** The pixels of both maps, painted once for each net, number of places and theme. */
    function fillPixels(state, result) {
      const { key, old, dense } = result,
        now = `${key} ${filledNow(state)} ${lab.colours.paper}`;
      if (painted.now !== now) {
        const n = filledNow(state);
        Object.assign(painted, { now, old: mapPixels(old, result), dense: mapPixels(dense, result, (r, c) => filledAt(state, r, c) >= n) });
      }
      return painted;
    }

    const heat = element("canvas", { width: 1, height: 1 }),
      heatPen = heat.getContext("2d", { willReadFrequently: true });
    /** Paint the pixels of the photo that are read into `heat`, and its unread ones clear, between the first and the last that are spanned.
        Returns where they are: { r, c, rows, cols }. */
    function paintHeat({ span, down, across, most, rates }) {
      const r = Math.max(0, down.low),
        c = Math.max(0, across.low),
        rows = Math.min(high, down.low + span) - r,
        cols = Math.min(wide, across.low + span) - c,
        pixels = new Uint8ClampedArray(4 * rows * cols),
        tap = toRgb(lab.colours.kernel);
      for (let y = 0, to = 0; y < rows; y += 1)
        for (let x = 0; x < cols; x += 1, to += 4) {
          const n = down.counts[r + y - down.low] * across.counts[c + x - across.low];
          if (!n) continue;
          const ink = rates.length === 1 ? tap : ramp[Math.round((255 * n) / most)];
          pixels[to] = ink[0];
          pixels[to + 1] = ink[1];
          pixels[to + 2] = ink[2];
          pixels[to + 3] = 255;
        }
      heat.width = cols;
      heat.height = rows;
      heatPen.putImageData(new ImageData(pixels, cols, rows), 0, 0);
      return { r, c, rows, cols };
    }

    const tiles = {};
    /** Hatch cells, each [x, y, width, height], with one pattern that runs on from one to the next. */
    function hatchCells({ ctx }, cells, role, gap) {
      const ratio = window.devicePixelRatio || 1,
        key = `${lab.colours[role]} ${gap} ${ratio}`;
      if (!tiles[key]) {
        const tile = element("canvas", { width: Math.round(gap * ratio), height: Math.round(gap * ratio) }),
          pen = tile.getContext("2d");
        pen.strokeStyle = lab.colours[role];
        pen.lineWidth = ratio;
        pen.beginPath();
        for (const d of [0, 1, 2]) {
          pen.moveTo(d * tile.width, 0);
          pen.lineTo((d - 1) * tile.width, tile.width);
        }
        pen.stroke();
        tiles[key] = ctx.createPattern(tile, "repeat");
        tiles[key].setTransform(new DOMMatrix().scale(gap / tile.width));
      }
      ctx.fillStyle = tiles[key];
      for (const cell of cells) ctx.fillRect(...cell);
    }

    // ---------------------------------------------------------------- the pictures
    function layoutTaps(width) {
      const rows = ratesNow().length,
        { span } = lab.result,
        cellIn = (room) => (span <= AS_GRID ? Math.min(Math.floor(room / span), 56) : room / span),
        side = 40 + rows * SIDE_LAYER + 30;
      if (width < 600) {
        const photoHigh = ((width - 2) * high) / wide,
          zoomTop = 26 + photoHigh + 44,
          cell = cellIn(Math.min(width - 2, 330)),
          legendTop = zoomTop + span * cell + 12;
        return {
          photo: { x: 1, y: 26, width: width - 2, height: photoHigh },
          zoom: { x: 1, y: zoomTop, cell },
          legend: { x: 1, y: legendTop, width: width - 2 },
          side: { x: 1, y: legendTop + 86, width: width - 2 },
          height: legendTop + 72 + side,
        };
      }
      const zoomSide = Math.min(340, Math.floor((width - 30) * 0.48)),
        photoWide = width - zoomSide - 30,
        photoHigh = (photoWide * high) / wide;
      return {
        photo: { x: 1, y: 26, width: photoWide, height: photoHigh },
        zoom: { x: width - zoomSide - 1, y: 26, cell: cellIn(zoomSide) },
        legend: { x: 1, y: 26 + photoHigh + 14, width: photoWide },
        side: { x: 1, y: 26 + zoomSide + 30, width: width - 2 },
        height: 26 + zoomSide + 14 + side,
      };
    }

    function drawTaps(pen, places) {
      const { result, colours } = lab,
        { rates, place, span, down, across, most, levels, kernel } = result,
        { ctx } = pen,
        p = places.photo,
        scale = p.width / wide,
        one = rates.length === 1,
        fills = new Map(),
        fillOf = (n) => {
          if (!fills.has(n)) fills.set(n, one ? lab.tint("kernel", 0.75) : lab.countColour(n, most));
          return fills.get(n);
        },
        beyondFill = pale();

      // The photo with every pixel that is read, and the box they span.
      photo.at = place.slice();
      photo.show({
        ...p,
        rows: high,
        cols: wide,
        pixels: photoPixels,
        role: "input",
        title: t("photoTitle", { h: high, w: wide }),
        text: () => "",
        describe: (r, c) => t("describe", { y: r, x: c }),
      });
      ctx.save();
      ctx.beginPath();
      ctx.rect(p.x, p.y, p.width, p.height);
      ctx.clip();
      const box = [p.x + across.low * scale, p.y + down.low * scale, span * scale, span * scale];
      const lit = paintHeat(result),
        litBox = (at, size) => [at.x + lit.c * size, at.y + lit.r * size, lit.cols * size, lit.rows * size];
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(heat, ...litBox(p, scale));
      if (commonStep(rates) > 1) {
        // Taps that stand alone get a white rim; neighbours that are all read need none.
        ctx.strokeStyle = "#ffffff";
        ctx.lineWidth = 1;
        ctx.beginPath();
        for (let r = lit.r; r < lit.r + lit.rows; r += 1)
          for (let c = lit.c; c < lit.c + lit.cols; c += 1)
            if (down.counts[r - down.low] && across.counts[c - across.low]) ctx.rect(p.x + c * scale, p.y + r * scale, scale, scale);
        ctx.stroke();
      }
      pen.box(...box, { role: "#ffffff", width: 4 });
      pen.box(...box, { role: "input", width: 2 });
      const mark = [p.x + place[1] * scale - 1.5, p.y + place[0] * scale - 1.5, scale + 3, scale + 3];
      pen.box(...mark, { role: "#ffffff", width: 4.5 });
      pen.box(...mark, { role: "output", width: 2.5 });
      ctx.restore();

      // The same pixels by themselves.
      const z = places.zoom,
        { cell } = z,
        title = t(one ? "tapsTitle" : "pathsTitle", { n: span }),
        beyond = (r, c) => down.low + r < 0 || down.low + r >= high || across.low + c < 0 || across.low + c >= wide,
        value = (r, c) => down.counts[r] * across.counts[c],
        describe = (r, c) => {
          const at = { y: down.low + r, x: across.low + c, n: value(r, c) };
          return t(beyond(r, c) ? "describeOutside" : at.n ? "describePaths" : "describeHole", at);
        },
        middle = { r: place[0] - down.low, c: place[1] - across.low, role: "output", width: 3 };
      if (span <= AS_GRID) {
        grids.paths.show({
          x: z.x,
          y: z.y,
          cell,
          rows: span,
          cols: span,
          title,
          value,
          role: one ? "kernel" : "count",
          fill: (r, c, v) => (beyond(r, c) ? beyondFill : v ? fillOf(v) : colours.paper),
          text: (r, c, v) => (v ? (one ? "●" : numberText(v)) : ""),
          outlines: [middle],
          describe,
        });
        const holes = [];
        for (let r = 0; r < span; r += 1)
          for (let c = 0; c < span; c += 1)
            if (!value(r, c) && !beyond(r, c)) holes.push([z.x + c * cell + 1, z.y + r * cell + 1, cell - 1, cell - 1]);
        hatchCells(pen, holes, "faint", 6);
      } else {
        pen.text(title, z.x, z.y - 12, { size: 14, weight: 600, role: one ? "kernel" : "ink" });
        pen.box(z.x, z.y, span * cell, span * cell, { role: null, fill: beyondFill });
        const origin = { x: z.x - across.low * cell, y: z.y - down.low * cell };
        pen.box(...litBox(origin, cell), { role: null, fill: "paper" });
        ctx.drawImage(heat, ...litBox(origin, cell));
        const side = Math.max(cell, 5);
        pen.box(z.x + (middle.c + 0.5) * cell - side / 2, z.y + (middle.r + 0.5) * cell - side / 2, side, side, { role: "output", width: 2.5 });
        images.paths.shown = {
          x: z.x,
          y: z.y,
          cellWidth: cell,
          cellHeight: cell,
          rows: span,
          cols: span,
          title,
          value,
          text: (r, c) => numberText(value(r, c)),
          describe,
        };
      }
      pen.box(z.x, z.y, span * cell, span * cell, { role: "input", width: 2 });

      drawLegend(pen, places.legend, one, most);
      drawSide(pen, places.side, { rates, kernel, levels: levels[1], place, one });
    }

    /** What the colours mean, from left to right, in as many lines as it takes. */
    function drawLegend(pen, { x, y, width }, one, most) {
      const { ctx } = pen,
        row = 24;
      let left = x,
        top = y + 10;
      const room = (words, extra) => {
        const needs = pen.measure(words) + extra;
        if (left > x && left + needs > x + width) {
          left = x;
          top += row;
        }
        return needs + 18;
      };
      if (one) {
        const step = room(t("tap"), 22);
        pen.box(left, top - 7, 14, 14, { fill: "kernel", role: "kernel", width: 1 });
        pen.text(t("tap"), left + 22, top);
        left += step;
      } else {
        const few = t("fewPaths"),
          many = t("manyPaths", { n: most }),
          bar = 84,
          before = pen.measure(few) + 8;
        const step = room(few + many, bar + 18);
        pen.text(few, left, top);
        for (let i = 0; i < 42; i += 1) {
          ctx.fillStyle = lab.sequential(i / 41);
          ctx.fillRect(left + before + (i * bar) / 42, top - 5, bar / 42 + 0.5, 10);
        }
        pen.text(many, left + before + bar + 8, top);
        left += step;
      }
      for (const [kind, words] of [
        ["hole", t(one ? "zero" : "hole")],
        ["outside", t("outside")],
      ]) {
        const step = room(words, 22);
        pen.box(left, top - 7, 14, 14, {
          role: "faint",
          width: 1,
          fill: kind === "outside" ? pale() : "paper",
        });
        if (kind === "hole") pen.hatch(left, top - 7, 14, 14, { role: "muted", gap: 4 });
        pen.text(words, left + 22, top);
        left += step;
      }
    }

    /** One row of the photo and of every map after it, the output on top, with a line for every tap that is met. */
    function drawSide(pen, { x, y, width }, { rates, kernel, levels, place, one }) {
      const { ctx } = pen,
        { colours } = lab,
        [image] = levels,
        first = Math.max(image.low - 1, -2),
        last = Math.min(image.low + image.counts.length, wide + 1),
        narrow = width < 520,
        left = narrow ? x : x + 104,
        scale = Math.min((x + width - left - 1) / (last - first + 1), 30),
        size = Math.max(scale - (scale > 8 ? 4 : scale > 4 ? 1.5 : 0.5), 1.5),
        all = rates.length,
        start = left + (x + width - left - scale * (last - first + 1)) / 2,
        middleOf = (at) => start + (at - first + 0.5) * scale,
        topOf = (l) => y + 34 + (all - l) * SIDE_LAYER;
      pen.text(t(narrow ? "sideNarrow" : "sideTitle", { y: place[0] }), x, y + 2, { size: 14, weight: 600 });

      // A line for every tap, under the cells.
      ctx.strokeStyle = colours.kernel;
      ctx.lineWidth = scale > 8 ? 1.4 : 0.8;
      ctx.beginPath();
      for (let l = all; l > 0; l -= 1) {
        const { low, counts } = levels[l],
          rate = rates[l - 1],
          reach = (rate * (kernel - 1)) / 2;
        counts.forEach((n, i) => {
          if (!n) return;
          for (let tap = 0; tap < kernel; tap += 1) {
            const to = low + i - reach + tap * rate;
            if (to < 0 || to >= wide) continue;
            ctx.moveTo(middleOf(low + i), topOf(l));
            ctx.lineTo(middleOf(to), topOf(l - 1));
          }
        });
      }
      ctx.stroke();
      for (let l = all; l >= 0; l -= 1) {
        const { low, counts } = levels[l],
          holes = [],
          role = l === all ? "output" : l === 0 ? "input" : "muted",
          cy = topOf(l);
        for (let at = first; at <= last; at += 1) {
          if (at < 0 || at >= wide) continue;
          const n = at >= low && at < low + counts.length ? counts[at - low] : 0,
            spanned = at >= image.low && at < image.low + image.counts.length,
            where = [middleOf(at) - size / 2, cy - size / 2, size, size];
          if (n) {
            pen.box(...where, { role: null, fill: "paper" });
            pen.box(...where, { role, width: scale > 8 ? 1.5 : 1, fill: lab.tint(role, 0.55) });
            if (l === 0 && !one && size >= 20) {
              const words = numberText(n);
              if (pen.measure(words) <= size - 2) pen.text(words, middleOf(at), cy + 1, { align: "center" });
            }
          } else if (spanned && l === 0 && scale > 4) {
            pen.box(...where, { role: "faint", width: 1, fill: "paper" });
            holes.push(where);
          } else if (scale > 4) pen.box(...where, { role: "faint", width: 0.7, fill: "paper" });
        }
        hatchCells(pen, holes, "muted", 4);
        const words = l === all ? t("output") : l === 0 ? t("image") : t("afterLayer", { n: l });
        if (!narrow) pen.text(words, x, cy, { role: role === "muted" ? "ink" : role, weight: l === all || l === 0 ? 600 : 400 });
        if (l) {
          const words2 = t("rateN", { r: rates[l - 1] });
          if (narrow) {
            ctx.fillStyle = colours.paper;
            ctx.fillRect(x, cy + SIDE_LAYER / 2 - 9, pen.measure(words2) + 6, 18);
          }
          pen.text(words2, narrow ? x + 2 : x, cy + SIDE_LAYER / 2, { role: "kernel" });
        }
      }
    }

    function layoutFill(width) {
      const { source, old } = nets(lab.state),
        ratio = source.rows / source.cols,
        numbers = !inPhoto();
      if (width < 600) {
        const cell = numbers ? Math.floor((width - 2) / source.cols) : (width - 2) / source.cols,
          // The image and the old map side by side, each with room for its numbers.
          oldCell = numbers ? Math.min(cell, 24) : Math.floor(width * 0.47) / old.cols,
          small = numbers ? Math.min(Math.floor((width - 18 - 6 * oldCell) / source.cols), 19) : Math.floor(width * 0.47) / source.cols,
          upper = Math.max(source.rows * small, old.rows * oldCell),
          top = 26 + upper + 46;
        return {
          narrow: true,
          input: { x: 1, y: 26, cell: small },
          old: { x: numbers ? small * source.cols + 17 : width - old.cols * oldCell - 1, y: 26, cell: oldCell },
          dense: { x: 1, y: top, cell },
          legend: { x: 1, y: top + source.rows * cell + 12, width: width - 2 },
          height: top + source.rows * cell + (numbers ? 62 : 12),
        };
      }
      const side = numbers ? 228 : 240,
        room = width - side - 66,
        cell = numbers ? Math.floor(Math.min(room, 420) / source.cols) : Math.min(room, 430) / source.cols,
        small = side / source.cols,
        oldCell = numbers ? cell : side / old.cols,
        second = 26 + side * ratio + 50,
        x = width - cell * source.cols - 1;
      return {
        narrow: false,
        input: { x: 1, y: 26, cell: small },
        old: { x: 1, y: second, cell: oldCell },
        dense: { x, y: 26, cell },
        legend: { x, y: 26 + source.rows * cell + 12, width: source.cols * cell },
        height: Math.max(second + old.rows * oldCell + 6, 26 + source.rows * cell + (numbers ? 40 : 12)),
      };
    }

    function drawFill(pen, places) {
      const { state, result, colours } = lab,
        { source, old, dense, before, after, most } = result,
        s = state.stride,
        n = filledNow(state),
        at = pointedAt(state, result),
        numbers = !inPhoto(),
        onOld = at && at[0] % s === 0 && at[1] % s === 0,
        seen = at && filledAt(state, ...at) < n ? at.map((place, axis) => countPaths(after, [source.rows, source.cols][axis], place)[0]) : null;
      const put = (key, map, place, title, more) => {
        const common = { x: place.x, y: place.y, rows: map.rows, cols: map.cols, title, value: (r, c) => map.data[r * map.cols + c], ...more };
        if (numbers) grids[key].show({ ...common, cell: place.cell, max: key === "input" ? 9 : most });
        else
          images[key].show({
            ...common,
            width: map.cols * place.cell,
            height: map.rows * place.cell,
            role: key === "input" ? "input" : "output",
            text: (r, c) => numberText(common.value(r, c)),
          });
      };
      const place = (r, c) => t("describeAt", { y: r, x: c });

      // What the cell pointed at reads of the image.
      const reads = (axis, i) => seen[axis].counts[i - seen[axis].low] > 0,
        edge = (axis) => {
          const low = Math.max(0, seen[axis].low),
            end = Math.min(axis ? source.cols : source.rows, seen[axis].low + seen[axis].counts.length);
          return [low, end - low];
        };
      let field = [];
      if (seen) {
        const [r, rows] = edge(0),
          [c, cols] = edge(1);
        field = [{ r, c, rows, cols, role: "input", width: 2.5 }];
      }
      put("input", source, places.input, t("inputTitle", { h: source.rows, w: source.cols }), {
        pixels: numbers ? null : greyPixels,
        faded: seen ? (r, c) => !(reads(0, r) && reads(1, c)) : null,
        outlines: field,
        describe: place,
      });

      const pixels = numbers ? {} : fillPixels(state, result);
      put("old", old, places.old, t(places.narrow ? "oldShort" : "oldTitle", { h: old.rows, w: old.cols, s }), {
        pixels: pixels.old,
        selected: onOld && at[0] / s < old.rows && at[1] / s < old.cols ? [at[0] / s, at[1] / s] : null,
        describe: place,
      });

      const isEmpty = (r, c) => filledAt(state, r, c) >= n,
        isOld = (r, c) => r % s === 0 && c % s === 0,
        was = (r, c) => old.data[(r / s) * old.cols + c / s],
        kept = (r, c) => was(r, c) === dense.data[r * dense.cols + c],
        d = places.dense,
        whole = [d.x, d.y, source.cols * d.cell, source.rows * d.cell];
      if (dense.rows < source.rows) pen.box(...whole, { role: "faint", width: 1.5, dash: [4, 4] });
      if (dense.rows === 0) {
        pen.text(t("denseTitle", { h: 0, w: 0 }), d.x, d.y - 12, { size: 14, weight: 600, role: "output" });
        pen.text(t("nothingLeft"), whole[0] + whole[2] / 2, whole[1] + whole[3] / 2, { align: "center", size: 16, role: "muted" });
      } else {
        const outlines = [];
        if (numbers)
          for (let r = 0; r < dense.rows; r += s)
            for (let c = 0; c < dense.cols; c += s)
              outlines.push(kept(r, c) ? { r, c, role: "ink", width: 1.8 } : { r, c, role: "bad", width: 2, dash: [4, 3] });
        if (at && numbers) grids.dense.at = at.slice();
        put("dense", dense, d, t("denseTitle", { h: dense.rows, w: dense.cols }), {
          pixels: pixels.dense,
          fill: n < s * s ? (r, c, v) => (isEmpty(r, c) ? colours.paper : lab.tint(v < 0 ? "negative" : "output", Math.abs(v) / most)) : null,
          text: (r, c, v) => (isEmpty(r, c) ? "" : numberText(v)),
          outlines,
          describe: (r, c) => {
            const words = { y: r, x: c };
            if (isEmpty(r, c)) return t("describeEmpty", words);
            if (!isOld(r, c)) return t("describeNew", words);
            return kept(r, c) ? t("describeKept", words) : t("describeChanged", { ...words, old: was(r, c) });
          },
        });
        if (numbers) {
          const empty = [];
          for (let r = 0; r < dense.rows; r += 1)
            for (let c = 0; c < dense.cols; c += 1)
              if (isEmpty(r, c)) empty.push([d.x + c * d.cell + 1, d.y + r * d.cell + 1, d.cell - 1, d.cell - 1]);
          hatchCells(pen, empty, "faint", 6);
          for (const { r, c, role } of outlines) if (role === "bad") cross(pen, d.x + (c + 1) * d.cell - 5, d.y + r * d.cell + 5);
          if (at) pen.box(d.x + at[1] * d.cell, d.y + at[0] * d.cell, d.cell, d.cell, { role: "input", width: 3.5 });
        } else if (at) {
          const mark = [d.x + at[1] * d.cell - 2, d.y + at[0] * d.cell - 2, d.cell + 4, d.cell + 4];
          pen.box(...mark, { role: "paper", width: 4.5 });
          pen.box(...mark, { role: "input", width: 2.5 });
        }
      }

      // From the image to both maps.
      if (!places.narrow) {
        const i = places.input,
          right = i.x + source.cols * i.cell,
          under = i.y + source.rows * i.cell;
        pen.arrow(right + 10, i.y + (source.rows * i.cell) / 2, d.x - 10, i.y + (source.rows * i.cell) / 2, { width: 2, head: 8 });
        pen.arrow(right - 14, under + 6, right - 14, places.old.y - 4, { width: 2, head: 8 });
      }
      if (numbers) fillLegend(pen, places.legend);

      const { compared } = result,
        sees = [before, after].map(seesOf);
      lights.set(
        { size: dense.rows === source.rows && dense.cols === source.cols, values: compared.same === compared.all, field: sees[0] === sees[1] },
        {
          size: t("sizeWords", { h: dense.rows, w: dense.cols }),
          values: t(compared.gone < compared.all ? "keptWords" : "keptFewer", { n: compared.same, all: compared.all, v: compared.largest }),
          field: sees.map((side) => `${side}×${side}`).join(" → "),
        },
      );
    }

    function cross(pen, x, y) {
      for (const way of [1, -1])
        pen.line(
          [
            [x - 3, y - 3 * way],
            [x + 3, y + 3 * way],
          ],
          { role: "bad", width: 1.8 },
        );
    }

    function fillLegend(pen, { x, y, width }) {
      let left = x,
        top = y + 10;
      for (const [kind, words] of ["kept", "changed", "empty"].map((key) => [key, t(key)])) {
        const needs = pen.measure(words) + 24;
        if (left > x && left + needs > x + width) {
          left = x;
          top += 24;
        }
        const square = [left + 1, top - 8, 15, 15];
        if (kind === "empty") {
          pen.box(...square, { role: "faint", width: 1 });
          pen.hatch(...square, { role: "faint" });
        } else pen.box(...square, kind === "kept" ? { role: "ink", width: 1.8 } : { role: "bad", width: 2, dash: [4, 3] });
        if (kind === "changed") cross(pen, left + 11, top - 3);
        pen.text(words, left + 24, top);
        left += needs + 16;
      }
    }

    return {
      compute(state) {
        if (state.view === "taps") {
          const result = readings(state);
          explainTaps(result);
          return result;
        }
        const result = nets(state);
        explainFill(state, result);
        return result;
      },
      layout: (width) => (inTaps() ? layoutTaps(width) : layoutFill(width)),
      draw: (pen, places) => (inTaps() ? drawTaps(pen, places) : drawFill(pen, places)),
      line: () => (inTaps() ? tapsLine(lab.result) : fillLine(lab.state, lab.result)),
      reset() {
        hovered = null;
      },
    };
  }),
};

/* Slide a classifier: a window asked crop by crop, and the whole picture in one pass with the same weights. The arithmetic comes first; it
   is held to segcourse.ops by tests/labs/test_slide_classifier.py. Maps are { channels, rows, cols, data }, channel by channel. */

/** 3x3 convolution without bias, then ReLU. weight is (outputs, x.channels, 3, 3) flat; padding 0 or 1. */
function convRelu(x, weight, outputs, padding) {
  const rows = x.rows + 2 * padding - 2,
    cols = x.cols + 2 * padding - 2,
    data = new Float64Array(outputs * rows * cols);
  for (let o = 0, tap = 0; o < outputs; o += 1) {
    for (let k = 0; k < x.channels; k += 1) {
      for (let a = -padding; a < 3 - padding; a += 1) {
        for (let b = -padding; b < 3 - padding; b += 1, tap += 1) {
          // Each tap adds a shifted copy of the input; what would be padding adds nothing.
          const w = weight[tap],
            firstRow = Math.max(0, -a),
            lastRow = Math.min(rows, x.rows - a),
            firstCol = Math.max(0, -b),
            lastCol = Math.min(cols, x.cols - b);
          for (let r = firstRow; r < lastRow; r += 1) {
            let to = (o * rows + r) * cols + firstCol,
              from = (k * x.rows + r + a) * x.cols + firstCol + b;
            for (let c = firstCol; c < lastCol; c += 1, to += 1, from += 1) data[to] += w * x.data[from];
          }
        }
      }
    }
  }
  for (let i = 0; i < data.length; i += 1) if (data[i] < 0) data[i] = 0;
  return { channels: outputs, rows, cols, data };
}

/** 2x2 max pooling, stride 2. */
function pool(x) {
  const rows = x.rows >> 1,
    cols = x.cols >> 1,
    data = new Float64Array(x.channels * rows * cols);
  for (let k = 0, to = 0; k < x.channels; k += 1)
    for (let r = 0; r < rows; r += 1)
      for (let c = 0; c < cols; c += 1, to += 1) {
        const at = (k * x.rows + 2 * r) * x.cols + 2 * c;
        data[to] = Math.max(x.data[at], x.data[at + 1], x.data[at + x.cols], x.data[at + x.cols + 1]);
      }
  return { channels: x.channels, rows, cols, data };
}

/** size x size pixels of a picture of bytes, from 0 to 1; `across` pixels stand in a row of it. */
function cut(bytes, across, row, col, size) {
  const data = new Float64Array(size * size);
  for (let r = 0; r < size; r += 1) for (let c = 0; c < size; c += 1) data[r * size + c] = bytes[(row + r) * across + col + c] / 255;
  return { channels: 1, rows: size, cols: size, data };
}

const PADDING = { valid: 0, same: 1 };

function features(x, net, padding) {
  const [, first, second] = net.channels,
    p = PADDING[padding];
  return pool(convRelu(convRelu(x, net.first, first, p), net.second, second, p));
}

/** The classifier's last layer as it was fitted: every feature of a crop times its weight, plus the bias. */
function fullyConnected(seen, head) {
  let sum = head.bias;
  for (let i = 0; i < seen.data.length; i += 1) sum += seen.data[i] * head.weight[i];
  return sum;
}

/** The same weights as a kernel of side x side that slides over the features of a whole picture: { rows, cols, data }. */
function convolved(seen, head, side) {
  const rows = seen.rows - side + 1,
    cols = seen.cols - side + 1,
    data = new Float64Array(rows * cols).fill(head.bias);
  for (let k = 0, tap = 0; k < seen.channels; k += 1)
    for (let a = 0; a < side; a += 1)
      for (let b = 0; b < side; b += 1, tap += 1) {
        const w = head.weight[tap];
        for (let r = 0, to = 0; r < rows; r += 1) {
          let from = (k * seen.rows + r + a) * seen.cols + b;
          for (let c = 0; c < cols; c += 1, to += 1, from += 1) data[to] += w * seen.data[from];
        }
      }
  return { rows, cols, data };
}

/** Pooled features a side of one window: 4 without padding, 6 with it. */
const headSide = (net, padding) => (net.window - (PADDING[padding] ? 0 : 4)) / 2;
const placesOf = (size, net) => (size - net.window) / net.stride + 1;

/** The crop at place (row, col), asked on its own: { seen, answer }. */
function askCrop(bytes, row, col, net, padding) {
  const seen = features(cut(bytes, net.largest, row * net.stride, col * net.stride, net.window), net, padding);
  return { seen, answer: fullyConnected(seen, net.heads[padding]) };
}

/** The whole picture at once: { seen, map }. */
function onePass(bytes, size, net, padding) {
  const seen = features(cut(bytes, net.largest, 0, 0, size), net, padding);
  return { seen, map: convolved(seen, net.heads[padding], headSide(net, padding)) };
}

/** What the outermost ring of the pooled features adds to a score; (row, col) is where the window's features begin in `seen`. */
function rimPart(seen, row, col, head, side) {
  let sum = 0;
  for (let k = 0, tap = 0; k < seen.channels; k += 1)
    for (let a = 0; a < side; a += 1)
      for (let b = 0; b < side; b += 1, tap += 1)
        if (a === 0 || b === 0 || a === side - 1 || b === side - 1)
          sum += seen.data[(k * seen.rows + row + a) * seen.cols + col + b] * head.weight[tap];
  return sum;
}

/** On how many sides the picture goes on beyond the window, and whether all that could matter there is black. */
function around(bytes, size, row, col, net) {
  const top = row * net.stride,
    left = col * net.stride,
    bottom = top + net.window,
    right = left + net.window;
  const open = { top: top > 0, left: left > 0, bottom: bottom < size, right: right < size };
  // Two convolutions of 3x3 reach two pixels out, and what is computed one pixel out looks one pixel in.
  let black = true;
  for (let r = Math.max(0, top - 2); r < Math.min(size, bottom + 2); r += 1)
    for (let c = Math.max(0, left - 2); c < Math.min(size, right + 2); c += 1) {
      const above = (open.top && r < top + 1) || (open.bottom && r >= bottom - 1),
        beside = (open.left && c < left + 1) || (open.right && c >= right - 1);
      if ((above || beside) && bytes[r * net.largest + c]) black = false;
    }
  return { sides: Object.values(open).filter(Boolean).length, black };
}

/** Multiplications of all crops one by one and of one pass; the zeros of a frame are multiplied like any number. */
function multiplications(size, net, padding) {
  const rim = PADDING[padding] ? 0 : 2,
    [, first, second] = net.channels,
    side = headSide(net, padding);
  const passed = (n) =>
    (n - rim) ** 2 * 9 * first + (n - 2 * rim) ** 2 * 9 * first * second + placesOf(n, net) ** 2 * side * side * second;
  return { crops: placesOf(size, net) ** 2 * passed(net.window), pass: passed(size) };
}

/** Two numbers with three digits, or with as many as it takes to tell them apart. */
function pairText(a, b) {
  const text = (v, digits) => v.toFixed(digits).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
  let digits = 3;
  if (Math.abs(a - b) >= TOLERANCE) while (digits < 9 && text(a, digits) === text(b, digits)) digits += 1;
  return [text(a, digits), text(b, digits)];
}

const TOLERANCE = 1e-9; // sums of a few hundred products of numbers around 1: rounding stays far below

export { convRelu, pool, askCrop, onePass, rimPart, around, multiplications, pairText, readState, writeState };

const CIVIDIS = ["#00224e", "#1b3b6d", "#4b546c", "#706f71", "#958f78", "#beb16e", "#e9d35a", "#fee838"];
const AGREE = "#eef4f0";
const BUDGET = 5; // ms a frame for crops asked one by one: the picture fills up while the hand goes on

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      net = lab.settings,
      { window: wide, stride, largest, least, step } = net,
      [low, high] = net.range;
    const bytesOf = ({ picture }) => {
      const from = net.pictures.indexOf(picture) * largest * largest;
      return lab.data.subarray(from, from + largest * largest);
    };
    const places = (state) => placesOf(state.size, net);
    /** Where the window stands: its own place, or the nearest that this picture has. */
    const standing = (state) => state.window.map((at) => Math.min(at, places(state) - 1));
    const put = (row, col) => {
      const most = places(lab.state) - 1,
        to = [clamp(row, 0, most), clamp(col, 0, most)],
        now = standing(lab.state);
      if (to[0] !== now[0] || to[1] !== now[1]) lab.change({ window: to });
    };

    const stage = lab.stage();
    let dragged = null, // where the pointer has the window, in places and fractions of one
      pixel = 1;
    const handle = stage.handle({
      name: "window",
      label: t("window"),
      move(dx, dy, { keys }) {
        const now = standing(lab.state);
        if (keys) {
          put(now[0] + dy, now[1] + dx);
          return;
        }
        dragged = dragged || now;
        dragged = [dragged[0] + dy / (pixel * stride), dragged[1] + dx / (pixel * stride)];
        put(Math.round(dragged[0]), Math.round(dragged[1]));
      },
    });
    lab.listen(stage.canvas, "pointerdown", () => {
      dragged = null;
    });
    const middle = (at) => Math.round((at + 0.5 - wide / 2) / stride);
    const photo = stage.image({
      name: "picture",
      role: "input",
      label: t("picture"),
      point: (r, c, { pinned }) => pinned && put(middle(r), middle(c)),
    });
    const map = stage.image({ name: "map", role: "output", label: t("map"), point: (r, c, { pinned }) => pinned && put(r, c) });
    const crop = stage.image({ name: "crop", role: "input", label: t("crop") });
    lab.hint(t("hint"));
    const sums = [lab.formula(), lab.formula()];

    // ---------------------------------------------------------------- controls
    const options = (...keys) => keys.map((key) => [key, t(key)]);
    lab.controls(
      lab.choice({ field: "padding", label: t("padding"), options: options("valid", "same") }),
      lab.slider({ field: "size", label: t("size"), low: least, high: largest, step, show: (v) => `${v}×${v}` }),
    );
    lab.controls(
      lab.choice({ field: "view", label: t("view"), options: options("score", "difference") }),
      lab.choice({ field: "picture", label: t("picture"), options: options("photo", "drawing") }),
    );
    lab.tryThis([
      { text: t("try1"), state: { picture: "photo", size: 40, padding: "same", view: "difference", window: [0, 0] } },
      { text: t("try2"), state: { picture: "photo", size: 12, padding: "same", view: "score" } },
      { text: t("try3"), state: { picture: "drawing", size: 48, padding: "same", view: "score", window: [3, 4] } },
    ]);

    // ---------------------------------------------------------------- what is computed once for each picture, size and padding
    const kept = new Map();

    function whole(state) {
      const key = `${state.picture} ${state.size} ${state.padding}`;
      if (!kept.has(key)) {
        const n = places(state),
          bytes = bytesOf(state),
          pixels = new Uint8ClampedArray(state.size * state.size * 4).fill(255);
        for (let r = 0, to = 0; r < state.size; r += 1)
          for (let c = 0; c < state.size; c += 1, to += 4) pixels[to] = pixels[to + 1] = pixels[to + 2] = bytes[r * largest + c];
        const { seen, map: scores } = onePass(bytes, state.size, net, state.padding);
        kept.set(key, { n, pixels, seen, scores: scores.data, apart: new Float64Array(n * n), asked: 0, most: 0, same: 0 });
      }
      return kept.get(key);
    }

    /** Ask crop after crop, each on its own, for as long as a frame allows. */
    function compare(state, all) {
      const end = performance.now() + BUDGET,
        bytes = bytesOf(state);
      while (all.asked < all.n * all.n && performance.now() < end) {
        const at = all.asked,
          d = Math.abs(askCrop(bytes, Math.floor(at / all.n), at % all.n, net, state.padding).answer - all.scores[at]);
        all.apart[at] = d;
        all.most = Math.max(all.most, d);
        all.same += d < TOLERANCE ? 1 : 0;
        all.asked += 1;
      }
    }

    /** The map as colours; kept as long as nothing in it changes, so that moving the window paints no cell anew. */
    function mapPixels(all, compared) {
      const key = compared ? all.asked : "score";
      if (all.painted !== key) {
        all.painted = key;
        all.colours = new Uint8ClampedArray(all.n * all.n * 4);
        for (let at = 0; at < all.n * all.n; at += 1) {
          let colour = "#8a939c"; // not asked yet
          if (!compared) colour = lab.sequential((all.scores[at] - low) / (high - low));
          else if (at < all.asked && all.apart[at] < TOLERANCE) colour = AGREE;
          else if (at < all.asked) colour = along(CIVIDIS, all.apart[at] / all.most);
          all.colours.set([...toRgb(colour), 255], at * 4);
        }
      }
      return all.colours;
    }

    const grouped = (v) => Math.round(v).toLocaleString("en-US");

    // ---------------------------------------------------------------- the picture
    const FRAME = 1, // pixels of zeros that one convolution puts around
      REACH = 2; // pixels that two convolutions carry them inward

    const cropPixels = new Uint8ClampedArray(wide * wide * 4).fill(255);

    /** The crop at (x, y) with room for its frame, which comes and goes around it. */
    function paintCrop(pen, x, y, cell, { row, col, framed, open }) {
      const bytes = bytesOf(lab.state),
        at = (r, c) => bytes[(row * stride + r) * largest + col * stride + c],
        n = wide + 2 * FRAME;
      for (let r = 0, to = 0; r < wide; r += 1)
        for (let c = 0; c < wide; c += 1, to += 4) cropPixels[to] = cropPixels[to + 1] = cropPixels[to + 2] = at(r, c);
      crop.painted = null; // the same array with other pixels
      crop.show({
        x: x + FRAME * cell,
        y: y + FRAME * cell,
        width: wide * cell,
        height: wide * cell,
        rows: wide,
        cols: wide,
        pixels: cropPixels,
        value: at,
        text: (r, c) => String(at(r, c)),
      });
      const inner = wide * cell,
        left = x + FRAME * cell,
        top = y + FRAME * cell;
      if (framed) {
        for (const band of [
          [x, y, n * cell, cell],
          [x, top + inner, n * cell, cell],
          [x, top, cell, inner],
          [left + inner, top, cell, inner],
        ])
          pen.hatch(...band, { role: "muted", gap: 5 });
        // How far the zeros reach, where the picture has something else.
        const reach = REACH * cell,
          l = left + (open.left ? reach : 0),
          u = top + (open.top ? reach : 0),
          r = left + inner - (open.right ? reach : 0),
          d = top + inner - (open.bottom ? reach : 0);
        const edges = { top: [l, u, r, u], bottom: [l, d, r, d], left: [l, u, l, d], right: [r, u, r, d] };
        for (const [side, [x1, y1, x2, y2]] of Object.entries(edges)) {
          if (!open[side]) continue;
          const way = [
            [x1, y1],
            [x2, y2],
          ];
          pen.line(way, { role: "paper", width: 4 });
          pen.line(way, { role: "kernel", width: 2, dash: [5, 3] });
        }
      }
      pen.box(left, top, inner, inner, { role: "input", width: 2.5 });
    }

    function numberBox(pen, text, x, y, w, h, role) {
      pen.box(x, y, w, h, { role, width: 2, fill: lab.tint("output", 0.05), radius: 6 });
      const size = text.length > 7 ? 16 : 21;
      pen.text(text, x + w / 2, y + h / 2 + 1, { align: "center", size, weight: 600, role: "output" });
    }

    /** The classifier as a word on an arrow. */
    function arrowWith(pen, x1, y1, x2, y2, word) {
      pen.arrow(x1, y1, x2, y2, { role: "kernel", width: 2 });
      if (word) pen.text(word, (x1 + x2) / 2 - 2, Math.min(y1, y2) - 12, { align: "center", size: 14, weight: 600, role: "kernel" });
    }

    function costBars(pen, { x, y, width }) {
      const { result } = lab,
        { crops, pass } = result.cost, // the bars have one scale for all sizes
        full = multiplications(largest, net, "same").crops;
      const n = result.all.n ** 2;
      pen.text(t("costs"), x, y, { size: 14, weight: 600 });
      const bar = (at, label, v, role) => {
        pen.text(label, x, at, { role: "muted" });
        pen.text(grouped(v), x + width, at, { align: "right", weight: 600, role });
        pen.box(x, at + 12, width, 14, { role: null, fill: mixColours(lab.colours.paper, lab.colours.ink, 0.06) });
        pen.box(x, at + 12, Math.max(2, (width * v) / full), 14, { role: null, fill: role });
      };
      bar(y + 24, n === 1 ? t("cropCostOne") : t("cropCost", { n }), crops, "input");
      bar(y + 70, t("passCost"), pass, "output");
      if (n > 1) pen.text(t("ratio", { r: (crops / pass).toFixed(1) }), x + width, y, { align: "right", weight: 600 });
    }

    function explain({ row, col, all, mine, framed }) {
      const head = net.heads[lab.state.padding],
        side = headSide(net, lab.state.padding),
        n = head.weight.length,
        there = all.scores[row * all.n + col],
        [a, b] = pairText(mine.answer, there);
      if (!framed) {
        const sum = (name, role, how, v) => [
          [t(name), role],
          [": ", ""],
          [how, "kernel"],
          [" = ", ""],
          [v, "output"],
        ];
        sums[0].set(sum("crop", "input", t("validCrop", { n }), a));
        sums[1].set(sum("map", "output", t("validMap", { n, k: side }), b));
        return;
      }
      const rims = [rimPart(mine.seen, 0, 0, head, side), rimPart(all.seen, row, col, head, side)],
        shown = pairText(...rims),
        k = side - 2;
      [mine.answer, there].forEach((v, i) => {
        const inner = pairText(v - rims[i], v - rims[i])[0],
          minus = shown[i].startsWith("−");
        sums[i].set([
          [t(i ? "map" : "crop"), i ? "output" : "input"],
          [": ", ""],
          [inner, "ink"],
          [t("inner", { k }), "muted"],
          [minus ? " − " : " + ", ""],
          [shown[i].replace("−", ""), "kernel"],
          [t("rim"), "muted"],
          [" = ", ""],
          [[a, b][i], "output"],
        ]);
      });
    }

    function words({ all, row, col, mine, beyond, cost, compared }) {
      const { state } = lab,
        there = all.scores[row * all.n + col],
        [a, b] = pairText(mine.answer, there),
        alike = Math.abs(mine.answer - there) < TOLERANCE,
        n = all.n ** 2;
      let key = "lineApart";
      if (state.padding === "valid") key = "lineValid";
      else if (alike) key = beyond.sides === 0 ? "lineWhole" : beyond.black ? "lineBlack" : "lineChance";
      const parts = [t(key, { a, b, what: t(state.picture), sides: beyond.sides > 1 ? t(`on${beyond.sides}`) : "" })];
      if (compared && all.asked === n && n > 1) {
        const counts = { m: all.same, n, v: all.most.toFixed(3) };
        parts.push(all.same === n ? t("linePlacesAll") : all.same ? t("linePlaces", counts) : t("linePlacesNone", counts));
      } else parts.push(n === 1 ? t("lineCostsSame") : t("lineCosts", { n, ratio: (cost.crops / cost.pass).toFixed(1) }));
      return parts.join(" ");
    }

    return {
      compute(state) {
        const [row, col] = standing(state),
          bytes = bytesOf(state),
          beyond = around(bytes, state.size, row, col, net);
        return {
          all: whole(state),
          row,
          col,
          mine: askCrop(bytes, row, col, net, state.padding),
          beyond,
          framed: state.padding === "same",
          compared: state.view === "difference",
          cost: multiplications(state.size, net, state.padding),
        };
      },

      layout(width) {
        const narrow = width < 640, // two numbers would not fit beside the map
          top = 26,
          cells = wide + 2 * FRAME;
        if (narrow) {
          const across = Math.min(width, 420),
            side = Math.min(across - 2, 340),
            cell = Math.floor(Math.min(12, (across * 0.46) / cells)),
            second = top + side + 58,
            mapSide = Math.min(Math.floor(across - cells * cell - 26), cells * cell + 20),
            right = across - mapSide - 1,
            numbers = second + Math.max(cells * cell, mapSide) + 50;
          return {
            narrow,
            picture: { x: 1, y: top, side },
            note: { x: 1, y: top + side + 16 },
            crop: { x: 1, y: second, cell },
            map: { x: right, y: second, side: mapSide },
            scale: { x: right, y: second + mapSide + 8, width: mapSide },
            first: { x: 1, y: numbers, w: 104, h: 44 },
            last: { x: across - 106, y: numbers, w: 104, h: 44 },
            costs: { x: 1, y: numbers + 72, width: width - 2 },
            height: numbers + 72 + 104,
          };
        }
        const side = Math.floor(Math.min(344, width * 0.48)),
          x = side + 48,
          cell = Math.floor(Math.min(9, (width - x - 110) / cells)),
          box = Math.min(104, width - x - cells * cell - 60),
          bottom = top + side,
          mapSide = Math.floor(Math.min(side - cells * cell - 42, width - x - box - 46));
        const y = bottom - mapSide;
        return {
          narrow,
          picture: { x: 1, y: top, side },
          note: { x: 1, y: bottom + 18 },
          crop: { x, y: top, cell },
          map: { x, y, side: mapSide },
          scale: { x, y: bottom + 8, width: mapSide },
          first: { x: width - box - 2, y: top + (cells * cell) / 2 - 24, w: box, h: 48 },
          last: { x: width - box - 2, y: y + mapSide / 2 - 24, w: box, h: 48 },
          costs: { x: 1, y: bottom + 62, width: width - 2 },
          height: bottom + 62 + 104,
        };
      },

      draw(pen, place) {
        const { state, result, colours } = lab,
          { all, row, col, mine, beyond, framed, compared } = result,
          { n } = all;
        if (compared) {
          compare(state, all);
          if (all.asked < n * n) lab.redraw();
        }
        const there = all.scores[row * n + col],
          alike = Math.abs(mine.answer - there) < TOLERANCE,
          [a, b] = pairText(mine.answer, there);
        const open = { top: row > 0, left: col > 0, bottom: row < n - 1, right: col < n - 1 };

        // The picture with its window.
        const p = place.picture;
        pixel = p.side / state.size;
        // Who tabs to the picture finds its field in the middle of the window, and moves nothing by arriving there.
        if (middle(photo.at[0]) !== row || middle(photo.at[1]) !== col) photo.at = [row * stride + wide / 2, col * stride + wide / 2];
        photo.show({
          x: p.x,
          y: p.y,
          width: p.side,
          height: p.side,
          rows: state.size,
          cols: state.size,
          pixels: all.pixels,
          title: t(`${state.picture}Title`, { n: state.size }),
          role: "input",
          value: (r, c) => bytesOf(state)[r * largest + c],
          text: (r, c) => String(bytesOf(state)[r * largest + c]),
        });
        const left = p.x + col * stride * pixel,
          top = p.y + row * stride * pixel,
          across = wide * pixel;
        if (framed && beyond.sides) {
          // What one pass sees besides: two pixels more on every side where there is a picture.
          const x1 = left - (open.left ? REACH * pixel : 0),
            y1 = top - (open.top ? REACH * pixel : 0),
            x2 = left + across + (open.right ? REACH * pixel : 0),
            y2 = top + across + (open.bottom ? REACH * pixel : 0);
          pen.box(x1, y1, x2 - x1, y2 - y1, { role: "paper", width: 4 });
          pen.box(x1, y1, x2 - x1, y2 - y1, { role: "output", width: 2.5, dash: [6, 4] });
        }
        if (!place.narrow) {
          // Cut out: from the window to the crop.
          const { x, y, cell } = place.crop;
          for (const [from, to] of [
            [top, y + FRAME * cell],
            [top + across, y + (FRAME + wide) * cell],
          ]) {
            const way = [
              [left + across, from],
              [x + FRAME * cell, to],
            ];
            pen.line(way, { role: "input", width: 1, dash: [2, 3] });
          }
        }
        pen.box(left, top, across, across, { role: "paper", width: 6 });
        pen.box(left, top, across, across, { role: "input", width: 3.5 });
        handle.show({
          x: left + across / 2,
          y: top + across / 2,
          width: across,
          height: across,
          words: t("windowAt", { row: row + 1, column: col + 1, n }),
        });
        const note = t("stride", { s: stride });
        pen.text(pen.measure(note) <= p.side + 2 ? note : t("strideShort", { s: stride }), place.note.x, place.note.y, { role: "muted" });

        // The way of the crop.
        const cropSide = (wide + 2 * FRAME) * place.crop.cell;
        paintCrop(pen, place.crop.x, place.crop.y, place.crop.cell, { row, col, framed, open });
        const cropTitle = framed && !place.narrow ? t("cropFramed") : t("cropTitle", { n: wide });
        pen.text(cropTitle, place.crop.x, place.crop.y - 12, { size: 14, weight: 600, role: "input" });

        // The way of the whole picture.
        const m = place.map,
          cell = m.side / n,
          values = compared ? all.apart : all.scores;
        map.at = [row, col];
        map.show({
          x: m.x,
          y: m.y,
          width: m.side,
          height: m.side,
          rows: n,
          cols: n,
          pixels: mapPixels(all, compared),
          role: "output",
          title: compared ? t("apartTitle", { n }) : t(place.narrow ? "mapShort" : "mapTitle", { n }),
          value: (r, c) => values[r * n + c],
          text: (r, c) => pairText(values[r * n + c], values[r * n + c])[0],
        });
        const known = compared ? all.asked : n * n;
        for (let at = 0; at < known && n <= 3; at += 1) {
          const v = values[at],
            share = compared ? v / Math.max(all.most, TOLERANCE) : (v - low) / (high - low);
          const ink = share > 0.55 || (compared && v < TOLERANCE) ? "#16202a" : "#ffffff";
          const x = m.x + ((at % n) + 0.5) * cell,
            y = m.y + (Math.floor(at / n) + 0.5) * cell;
          pen.text(v.toFixed(n > 1 ? 2 : 3).replace("-", "−"), x, y, { align: "center", size: 15, role: ink });
        }
        if (compared && n > 3) {
          // Cells that agree carry a sign of their own: it must not hang on colour.
          pen.ctx.fillStyle = "#1b7f43";
          const w = Math.max(4, cell * 0.5),
            h = Math.max(1, cell * 0.13);
          for (let at = 0; at < all.asked; at += 1)
            if (all.apart[at] < TOLERANCE) {
              const x = m.x + ((at % n) + 0.5) * cell - w / 2,
                y = m.y + (Math.floor(at / n) + 0.5) * cell;
              pen.ctx.fillRect(x, y - 1.8 * h, w, h);
              pen.ctx.fillRect(x, y + 0.8 * h, w, h);
            }
        }
        pen.box(m.x, m.y, m.side, m.side, { role: "output", width: 1.5 });
        const cx = m.x + col * cell,
          cy = m.y + row * cell;
        if (!place.narrow) {
          // From the cell to the edge of the map, and on to its number.
          const way = [
            [cx + cell, cy + cell / 2],
            [m.x + m.side + 6, cy + cell / 2],
          ];
          pen.line(way, { role: "paper", width: 3 });
          pen.line(way, { role: "ink", width: 1.5 });
        }
        pen.box(cx, cy, cell, cell, { role: "paper", width: 5 });
        pen.box(cx, cy, cell, cell, { role: "ink", width: 2.5 });

        // The scale of its colours.
        const s = place.scale,
          steps = 48,
          allAgree = compared && all.most < TOLERANCE;
        for (let i = 0; i < steps && !allAgree; i += 1) {
          pen.ctx.fillStyle = compared ? along(CIVIDIS, i / (steps - 1)) : lab.sequential(i / (steps - 1));
          pen.ctx.fillRect(s.x + (i * s.width) / steps, s.y, s.width / steps + 0.5, 8);
        }
        if (!allAgree) {
          pen.text(compared ? "0" : numberText(low), s.x, s.y + 20, { role: "muted" });
          pen.text(compared ? all.most.toFixed(2) : numberText(high), s.x + s.width, s.y + 20, { role: "muted", align: "right" });
        }
        if (compared && all.same) {
          const middleOfScale = s.x + s.width / 2;
          pen.text(`= ${t("agree")}`, middleOfScale, s.y + (allAgree ? 10 : 20), { role: "good", align: "center", weight: 600 });
        }

        // The two numbers, and what is between them.
        const role = alike ? "good" : "bad",
          f = place.first,
          l = place.last;
        numberBox(pen, a, f.x, f.y, f.w, f.h, role);
        numberBox(pen, b, l.x, l.y, l.w, l.h, role);
        const sign = alike ? "=" : "≠",
          apart = Math.abs(mine.answer - there),
          by = alike ? "" : t("apart", { v: pairText(apart, apart)[0] });
        if (place.narrow) {
          const x = (f.x + f.w + l.x) / 2;
          pen.text(sign, x, f.y + f.h / 2 - (by ? 8 : 0), { align: "center", size: 32, weight: 600, role });
          pen.text(by, x, f.y + f.h - 5, { align: "center", role });
          arrowWith(pen, f.x + f.w / 2, place.crop.y + cropSide + 6, f.x + f.w / 2, f.y - 4);
          pen.text(t("classifier"), f.x + f.w / 2 + 10, (place.crop.y + cropSide + f.y) / 2, { size: 14, weight: 600, role: "kernel" });
        } else {
          const between = (f.y + f.h + l.y) / 2;
          pen.text(sign, f.x + f.w / 2, between - (by ? 12 : 0), { align: "center", size: 40, weight: 600, role });
          pen.text(by, f.x + f.w / 2, between + 22, { align: "center", role });
          const y = f.y + f.h / 2;
          arrowWith(pen, place.crop.x + cropSide + 8, y, f.x - 6, y, t("classifier"));
          arrowWith(pen, p.x + p.side + 6, l.y + l.h / 2, m.x - 6, l.y + l.h / 2);
          // A cell of scores is the lower number, a cell of differences what is between the two.
          pen.arrow(m.x + m.side + 6, cy + cell / 2, l.x - 6, compared ? between + (by ? 22 : 0) : l.y + l.h / 2, { role: "ink" });
        }
        costBars(pen, place.costs);
        explain(result);
      },

      line: () => words(lab.result),
    };
  }),
};

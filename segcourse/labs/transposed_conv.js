/* Transposed convolution, stamp by stamp. The arithmetic comes first; it is held to segcourse.ops by tests/labs/test_transposed_conv.py. */

/** Lay the kernel, multiplied by each input number, every `stride` cells; add where stamps overlap. Grids are arrays of rows.
    Returns { rows, cols, data, count } before the padding is cut: count says how many stamps cover a cell. Only the first `stamps`
    are laid. */
function layStamps(input, kernel, stride, stamps = Infinity) {
  const h = input.length,
    w = input[0].length,
    kh = kernel.length,
    kw = kernel[0].length;
  const rows = (h - 1) * stride + kh,
    cols = (w - 1) * stride + kw;
  const data = new Float64Array(rows * cols),
    count = new Int32Array(rows * cols),
    all = Math.min(stamps, h * w);
  for (let n = 0; n < all; n += 1) {
    const i = Math.floor(n / w),
      j = n % w,
      times = input[i][j];
    for (let a = 0; a < kh; a += 1) {
      let at = (i * stride + a) * cols + j * stride;
      const taps = kernel[a];
      for (let b = 0; b < kw; b += 1, at += 1) {
        data[at] += times * taps[b];
        count[at] += 1;
      }
    }
  }
  return { rows, cols, data, count };
}

/** Cut `padding` cells from every side. */
function crop({ rows, cols, data }, padding) {
  const h = rows - 2 * padding,
    w = cols - 2 * padding,
    out = [];
  for (let r = 0; r < h; r += 1) out.push(Array.from(data.slice((r + padding) * cols + padding, (r + padding) * cols + padding + w)));
  return out;
}

const convTranspose2d = (input, kernel, stride = 1, padding = 0) => crop(layStamps(input, kernel, stride), padding);

function stampCount(input, kernel, stride = 1, padding = 0) {
  const laid = layStamps(input, kernel, stride);
  return crop({ ...laid, data: laid.count }, padding);
}

/** What the notes took the overlap for: the mean of the stamps on a cell. */
function averageOf({ data, count }) {
  return data.map((v, i) => (count[i] ? v / count[i] : 0));
}

/** Bilinear interpolation as a kernel of `size` taps a side. */
function bilinearKernel(factor, size = 2 * factor) {
  const half = Math.ceil(size / 2),
    centre = size % 2 ? half - 1 : half - 0.5;
  const taps = Array.from({ length: size }, (_, i) => 1 - Math.abs(i - centre) / half);
  return taps.map((a) => taps.map((b) => a * b));
}

/** Which input number met which tap at a cell of the uncut output: [{ i, j, a, b }, ...] in the order the stamps are laid. */
function stampsOn(r, c, input, kernel, stride, stamps = Infinity) {
  const found = [],
    h = input.length,
    w = input[0].length,
    kh = kernel.length,
    kw = kernel[0].length;
  for (let i = Math.max(0, Math.ceil((r - kh + 1) / stride)); i < h && i * stride <= r; i += 1) {
    for (let j = Math.max(0, Math.ceil((c - kw + 1) / stride)); j < w && j * stride <= c; j += 1) {
      if (i * w + j < stamps) found.push({ i, j, a: r - i * stride, b: c - j * stride });
    }
  }
  return found;
}

/** The largest padding that leaves at least one cell. */
function mostPadding(input, kernel, stride) {
  const least = Math.min((input.length - 1) * stride + kernel.length, (input[0].length - 1) * stride + kernel[0].length);
  return Math.min(4, Math.floor((least - 1) / 2));
}

export {
  layStamps,
  crop,
  convTranspose2d,
  stampCount,
  averageOf,
  bilinearKernel,
  stampsOn,
  mostPadding,
  readState,
  writeState,
  readNumber,
  numberText,
  josaText,
  fillText,
};

const ones = (n, v = 1) => Array.from({ length: n }, () => Array(n).fill(v));

export default {
  render: labRender((lab) => {
    const { t } = { t: (key, values) => lab.t(key, values) };
    const side = lab.settings.patch_side;
    const photo = Array.from({ length: side }, (_, r) => Array.from(lab.data.subarray(r * side, (r + 1) * side), (v) => v / 255));
    let draws = 0,
      flying = null,
      spot = null,
      lines = null;

    const stage = lab.stage();
    const isPhoto = () => lab.state.scene === "photo";
    const source = () => (isPhoto() ? photo : lab.state.input);
    const total = () => lab.state.input.length * lab.state.input[0].length;
    const laidNow = () => (isPhoto() ? Infinity : Math.min(lab.state.stamps, total()));

    // Another size must not leave a padding that cuts everything away.
    const settle = (part) => {
      const next = { ...lab.state, ...part };
      const most = mostPadding(next.scene === "photo" ? photo : next.input, next.kernel, next.stride);
      const safe = Math.min(most, mostPadding(next.input, next.kernel, next.stride));
      lab.change({ ...part, padding: Math.min(next.padding, safe) });
    };
    const setCell = (name) => (r, c, v) => {
      const grid = copyGrid(lab.state[name]);
      grid[r][c] = v;
      lab.change({ [name]: grid });
    };

    const input = stage.grid({ name: "input", role: "input", label: t("input"), edit: setCell("input") });
    const kernel = stage.grid({ name: "kernel", role: "kernel", label: t("kernel"), edit: setCell("kernel"), step: 1 });
    const pointOut = (r, c, { pinned }) => {
      spot = [r, c];
      const p = lab.state.padding,
        { rows, cols } = lab.result.laid;
      if (pinned && r >= p && c >= p && r < rows - p && c < cols - p) lab.change({ cell: [r - p, c - p] });
      else lab.redraw();
    };
    const output = stage.grid({ name: "output", role: "output", label: t("output"), point: pointOut });
    const pictureIn = stage.image({ name: "photo", role: "input", label: t("photo") });
    const pictureOut = stage.image({ name: "upsampled", role: "output", label: t("output"), point: pointOut });
    lab.hint(t("hint"));
    const formula = lab.formula();
    // The named cell is the pointed one, until the pointer moves on; cells are counted after the cut, the grid shows what is before it.
    let known = "";
    const follow = ({ cell, padding, scene }) => {
      const now = `${cell} ${padding} ${scene}`;
      if (now !== known) spot = cell ? [cell[0] + padding, cell[1] + padding] : null;
      known = now;
    };
    lab.onChange(follow);
    follow(lab.state);

    // ---------------------------------------------------------------- controls
    const nextStamp = () => {
      const laid = laidNow(),
        n = laid >= total() ? 0 : laid;
      if (n === 0 && laid) lab.change({ stamps: 0 });
      flying = { n, share: 0 };
      lab.animate(
        260,
        (share) => {
          if (flying) flying.share = share;
        },
        () => {
          flying = null;
          lab.change({ stamps: n + 1 >= total() ? 25 : n + 1 });
        },
      );
    };
    lab.controls(
      lab.button({ label: t("next"), press: nextStamp, name: "next", enabled: () => !isPhoto() }),
      lab.slider({
        label: t("stamps"),
        low: 0,
        high: 25,
        field: "stamps",
        get: () => (laidNow() === Infinity ? total() : laidNow()),
        set: (v) => {
          flying = null;
          lab.change({ stamps: v >= total() ? 25 : v });
        },
        limits: () => [0, total()],
        show: (v) => t("ofAll", { n: v, all: total() }),
        enabled: () => !isPhoto(),
      }),
    );
    lab.sliders(
      lab.slider({ field: "stride", label: t("stride"), set: (v) => settle({ stride: v }) }),
      lab.slider({
        field: "padding",
        label: t("padding"),
        set: (v) => settle({ padding: v }),
        limits: () => [0, mostPadding(lab.state.input, lab.state.kernel, lab.state.stride)],
      }),
      lab.slider({
        label: t("kernelSize"),
        low: 1,
        high: 5,
        get: () => lab.state.kernel.length,
        set: (v) => settle({ kernel: resizeGrid(lab.state.kernel, v, v, 1) }),
        show: (v) => `${v}×${lab.state.kernel[0].length}`,
      }),
      lab.slider({
        label: t("inputSize"),
        low: 1,
        high: 5,
        get: () => lab.state.input.length,
        set: (v) => settle({ input: resizeGrid(lab.state.input, v, v, 1) }),
        show: (v) => `${v}×${lab.state.input[0].length}`,
        enabled: () => !isPhoto(),
      }),
    );
    lab.controls(
      lab.choice({
        field: "view",
        label: t("overlap"),
        options: [
          ["sum", t("sum")],
          ["average", t("average")],
          ["count", t("count")],
        ],
      }),
      lab.choice({
        field: "scene",
        label: t("scene"),
        options: [
          ["numbers", t("numbers")],
          ["photo", t("photo")],
        ],
        set: (v) => lab.change({ scene: v, cell: v === "photo" ? [24, 24] : [2, 2] }),
      }),
    );
    const bilinear = () => {
      const s = lab.state.stride === 3 ? 3 : 2;
      settle({ kernel: bilinearKernel(s, s === 3 ? 5 : 4), stride: s, padding: 1 });
    };
    const random = () => {
      // Small whole numbers, so that the sums can still be done in one's head.
      let seed = (draws += 1) * 7919 + 17;
      const next = () => {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        return seed / 2147483648;
      };
      lab.change({ kernel: lab.state.kernel.map((row) => row.map(() => Math.floor(next() * 7) - 2)) });
    };
    lab.controls(
      lab.group(
        t("kernel"),
        lab.button({ label: t("box"), press: () => lab.change({ kernel: lab.state.kernel.map((row) => row.map(() => 1)) }), name: "box" }),
        lab.button({ label: t("bilinear"), press: bilinear, name: "bilinear" }),
        lab.button({ label: t("random"), press: random, name: "random" }),
        lab.button({
          label: t("checkerboard"),
          press: () => lab.change({ input: ones(5), kernel: ones(3), stride: 2, padding: 0, view: "sum", stamps: 25 }),
          name: "checkerboard",
        }),
      ),
    );
    lab.tryThis([
      {
        text: t("try1"),
        state: { scene: "numbers", input: [[1, 2]], kernel: ones(3), stride: 2, padding: 0, view: "sum", stamps: 25, cell: [1, 2] },
      },
      {
        text: t("try2"),
        state: {
          scene: "numbers",
          input: [
            [4, 8, 8],
            [4, 8, 8],
            [4, 8, 8],
          ],
          kernel: bilinearKernel(2, 4),
          stride: 2,
          padding: 1,
          view: "average",
          stamps: 25,
          cell: [2, 2],
        },
      },
      { text: t("try3"), state: { scene: "photo", kernel: ones(3), stride: 2, padding: 0, view: "sum", cell: [24, 24] } },
    ]);

    // ---------------------------------------------------------------- what the picture shows
    const shownData = ({ laid, average }, view) => (view === "sum" ? laid.data : view === "average" ? average : laid.count);

    function toPixels({ laid, average }, view, kernelGrid, stride) {
      const p = lab.state.padding,
        rows = laid.rows - 2 * p,
        cols = laid.cols - 2 * p,
        pixels = new Uint8ClampedArray(rows * cols * 4);
      // Brightness is kept: a kernel whose taps add up to more than stride x stride would only burn the picture out.
      let gain = kernelGrid.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0) / (stride * stride);
      if (view === "average") gain = (gain * stride * stride) / (kernelGrid.length * kernelGrid[0].length);
      if (Math.abs(gain) < 1e-6) gain = 1;
      const most = laid.count.reduce((a, b) => Math.max(a, b), 1),
        values = view === "average" ? average : laid.data;
      const levels = Array.from({ length: most + 1 }, (_, n) => toRgb(lab.countColour(n, most)));
      for (let r = 0; r < rows; r += 1) {
        for (let c = 0; c < cols; c += 1) {
          const at = (r + p) * laid.cols + c + p,
            to = (r * cols + c) * 4;
          if (view === "count") {
            const [a, b, d] = levels[laid.count[at]];
            pixels[to] = a;
            pixels[to + 1] = b;
            pixels[to + 2] = d;
          } else pixels[to] = pixels[to + 1] = pixels[to + 2] = (values[at] / gain) * 255;
          pixels[to + 3] = 255;
        }
      }
      return { pixels, rows, cols };
    }
    const photoPixels = new Uint8ClampedArray(side * side * 4).map((_, i) => (i % 4 === 3 ? 255 : lab.data[i >> 2]));

    function words(state, laid) {
      const rows = laid.rows - 2 * state.padding,
        cols = laid.cols - 2 * state.padding,
        k = state.kernel.length,
        kw = state.kernel[0].length;
      const h = source().length,
        w = source()[0].length,
        stamps = isPhoto() ? h * w : laidNow();
      const parts = [t("lineSize", { h, w, rows, cols })];
      if (stamps === 0) return t("lineNone");
      if (stamps < h * w) parts.unshift(t("lineLaid", { n: stamps, all: h * w }));
      let least = Infinity,
        most = 0;
      for (let r = state.padding; r < laid.rows - state.padding; r += 1)
        for (let c = state.padding; c < laid.cols - state.padding; c += 1) {
          const n = laid.count[r * laid.cols + c];
          least = Math.min(least, n);
          most = Math.max(most, n);
        }
      const even = k % state.stride === 0 && kw % state.stride === 0;
      if (state.view === "average") parts.push(t("lineAverage"));
      else if (state.view === "count") parts.push(least === most ? t("lineCountSame", { most }) : t("lineCount", { least, most }));
      else parts.push(most > 1 ? t("lineSum", { most }) : t("lineApart"));
      if (stamps === h * w && Math.min(h, w) > 1) parts.push(t(even ? "lineEven" : "lineUneven", { k, s: state.stride }));
      return parts.join(" ");
    }

    function explain(state, laid) {
      if (!spot || spot[0] >= laid.rows || spot[1] >= laid.cols) {
        formula.set([[t("pointMe"), "muted"]]);
        return;
      }
      const [r, c] = spot,
        p = state.padding,
        grid = source(),
        met = stampsOn(r, c, grid, state.kernel, state.stride, laidNow());
      const outside = r < p || c < p || r >= laid.rows - p || c >= laid.cols - p;
      const name = outside ? t("cutCell") : t("outCell", { row: r - p + 1, column: c - p + 1 });
      if (!met.length) {
        formula.set([
          [`${name} = 0`, "output"],
          [` ${t("noStamp")}`, "muted"],
        ]);
        return;
      }
      if (state.view === "count") {
        formula.set([
          [`${name}: `, ""],
          [t("stampsHere", { n: met.length }), "ink"],
        ]);
        return;
      }
      const parts = [
          [name, "output"],
          [" = ", ""],
        ],
        most = 6,
        digits = isPhoto() ? 2 : 2;
      if (state.view === "average") parts.push(["(", ""]);
      met.slice(0, most).forEach(({ i, j, a, b }, n) => {
        if (n) parts.push([" + ", ""]);
        const x = grid[i][j],
          weight = state.kernel[a][b],
          wrap = (v) => (v < 0 ? `(${numberText(v, digits)})` : numberText(v, digits));
        parts.push([wrap(x), "input"], ["·", ""], [wrap(weight), "kernel"]);
      });
      if (met.length > most) parts.push([` + … (${t("more", { n: met.length - most })})`, "muted"]);
      const at = r * laid.cols + c;
      if (state.view === "average")
        parts.push(
          [") ÷ ", ""],
          [String(met.length), "ink"],
          [" = ", ""],
          [numberText(laid.data[at] / met.length), "output"],
          [`  ${t("notThis", { v: laid.data[at] })}`, "muted"],
        );
      else parts.push([" = ", ""], [numberText(laid.data[at]), "output"]);
      formula.set(parts);
    }

    return {
      reset() {
        flying = null;
        known = "";
        follow(lab.state);
      },

      compute(state) {
        const laid = layStamps(source(), state.kernel, state.stride, laidNow());
        const result = { laid, average: averageOf(laid) };
        // One scale from the first stamp to the last: a cell must not change its colour because another one fills up.
        const end = laidNow() < total() ? layStamps(source(), state.kernel, state.stride) : laid;
        result.most = shownData({ laid: end, average: averageOf(end) }, state.view).reduce((most, v) => Math.max(most, Math.abs(v)), 1e-9);
        result.mostStamps = end.count.reduce((most, v) => Math.max(most, v), 1);
        if (isPhoto()) result.picture = toPixels(result, state.view, state.kernel, state.stride);
        lines = words(state, laid);
        return result;
      },

      layout(width) {
        const narrow = width < 520,
          top = 26;
        if (narrow) {
          const half = Math.floor((width - 20) / 2);
          return {
            narrow,
            height: top + half + top + 8 + width + 68,
            inBox: { x: 1, y: top, side: half },
            kernelBox: { x: half + 20, y: top, side: half - 1 },
            outBox: { x: 1, y: top + half + top + 8, side: width - 2 },
            profile: 56,
          };
        }
        const left = Math.floor(width * 0.27),
          out = Math.min(width - left - 56, 440);
        return {
          narrow,
          height: top + out + 68,
          inBox: { x: 1, y: top, side: left },
          kernelBox: { x: 1, y: top + left + 48, side: left },
          outBox: { x: width - out - 2, y: top, side: out },
          profile: 56,
        };
      },

      draw(pen, { narrow, inBox, kernelBox, outBox, profile }) {
        const { state } = lab,
          { laid } = lab.result,
          p = state.padding,
          grid = source(),
          colours = lab.colours;
        const kh = state.kernel.length,
          kw = state.kernel[0].length,
          met = spot ? stampsOn(...spot, grid, state.kernel, state.stride, laidNow()) : [];
        const cellIn = (box, rows, cols, most = 56) => Math.floor(Math.min(most, box.side / Math.max(rows, cols)));
        const kCell = cellIn(kernelBox, kh, kw);
        let iCell = side;
        const h = grid.length,
          w = grid[0].length;

        // The kernel, with the taps that met the pointed cell.
        kernel.show({
          x: kernelBox.x,
          y: kernelBox.y,
          cell: kCell,
          rows: kh,
          cols: kw,
          title: t("kernelTitle", { h: kh, w: kw }),
          value: (r, c) => state.kernel[r][c],
          outlines: met.length <= 9 ? met.map(({ a, b }) => ({ r: a, c: b, role: "ink", width: 2 })) : [],
        });

        const oCell = isPhoto() ? outBox.side / Math.max(laid.rows - 2 * p, laid.cols - 2 * p) : cellIn(outBox, laid.rows, laid.cols, 90);
        const data = shownData(lab.result, state.view),
          from = flying ? flying.n : laidNow() - 1;
        const ox = outBox.x,
          oy = outBox.y,
          last = from >= 0 && !isPhoto() ? [Math.floor(from / w), from % w] : null;

        if (isPhoto()) {
          iCell = inBox.side / side;
          pictureIn.show({
            x: inBox.x,
            y: inBox.y,
            width: inBox.side,
            height: inBox.side,
            rows: side,
            cols: side,
            pixels: photoPixels,
            title: t("photoTitle", { h: side, w: side }),
            outlines: met.length
              ? [
                  {
                    r: met[0].i,
                    c: met[0].j,
                    rows: met[met.length - 1].i - met[0].i + 1,
                    cols: met[met.length - 1].j - met[0].j + 1,
                    role: "input",
                  },
                ]
              : [],
          });
          const { pixels, rows, cols } = lab.result.picture;
          pictureOut.show({
            x: ox,
            y: oy,
            width: cols * oCell,
            height: rows * oCell,
            rows,
            cols,
            pixels,
            role: "output",
            title: t("outTitle", { h: rows, w: cols }),
            value: (r, c) => data[(r + p) * laid.cols + c + p],
            text: (r, c) => numberText(data[(r + p) * laid.cols + c + p]),
            selected: spot && spot[0] >= p && spot[1] >= p && spot[0] - p < rows && spot[1] - p < cols ? [spot[0] - p, spot[1] - p] : null,
          });
        } else {
          iCell = cellIn(inBox, h, w);
          input.show({
            x: inBox.x,
            y: inBox.y,
            cell: iCell,
            rows: h,
            cols: w,
            title: t("inputTitle", { h, w }),
            value: (r, c) => state.input[r][c],
            outlines: [
              ...(met.length <= 9 ? met.map(({ i, j }) => ({ r: i, c: j, role: "ink", width: 2 })) : []),
              ...(last && laidNow() < total() ? [{ r: last[0], c: last[1], role: "kernel", width: 3 }] : []),
            ],
          });
          const most = lab.result.mostStamps,
            cut = (r, c) => r < p || c < p || r >= laid.rows - p || c >= laid.cols - p;
          const outlines = [];
          if (p) outlines.push({ r: p, c: p, rows: laid.rows - 2 * p, cols: laid.cols - 2 * p, role: "output", width: 2.5 });
          if (last && laidNow() < total())
            outlines.push({
              r: last[0] * state.stride,
              c: last[1] * state.stride,
              rows: kh,
              cols: kw,
              role: "kernel",
              width: 3,
              dash: flying ? [5, 4] : [],
            });
          output.show({
            x: ox,
            y: oy,
            cell: oCell,
            rows: laid.rows,
            cols: laid.cols,
            title: t("outTitle", { h: laid.rows - 2 * p, w: laid.cols - 2 * p }),
            value: (r, c) => data[r * laid.cols + c],
            max: lab.result.most,
            fill: state.view === "count" ? (r, c, v) => (v ? lab.countColour(v, most) : colours.paper) : null,
            hatch: (r, c) => laid.count[r * laid.cols + c] === 0,
            text: (r, c, v) => (laid.count[r * laid.cols + c] ? numberText(v) : ""),
            numbers: Math.max(laid.rows, laid.cols) <= 16,
            faded: p ? cut : null,
            selected: spot && spot[0] < laid.rows && spot[1] < laid.cols ? spot : null,
            outlines,
            describe: (r, c) => (cut(r, c) ? t("cutCell") : t("stampsHere", { n: laid.count[r * laid.cols + c] })),
          });
          if (last && laidNow() < total()) {
            // Where the stamp under way comes from.
            const x = inBox.x + (last[1] + 1) * iCell,
              y = inBox.y + (last[0] + 0.5) * iCell;
            const tx = ox + last[1] * state.stride * oCell,
              ty = oy + (last[0] * state.stride + kh / 2) * oCell;
            if (!narrow) pen.arrow(x + 2, y, tx - 3, ty, { role: "kernel" });
          }
        }
        if (!narrow) {
          pen.sign("×", inBox.x + inBox.side / 2, (inBox.y + h * iCell + kernelBox.y - 18) / 2, 22);
          pen.sign("=", (inBox.x + inBox.side + ox) / 2, kernelBox.y + (kh * kCell) / 2, 24);
        } else pen.sign("×", (inBox.x + inBox.side + kernelBox.x) / 2, inBox.y + inBox.side / 2, 20);

        if (flying) {
          // The kernel times this input number, on its way to its place.
          const [i, j] = last,
            times = state.input[i][j],
            share = flying.share;
          const x = kernelBox.x + (ox + j * state.stride * oCell - kernelBox.x) * share,
            y = kernelBox.y + (oy + i * state.stride * oCell - kernelBox.y) * share,
            cell = kCell + (oCell - kCell) * share;
          pen.ctx.globalAlpha = 0.85;
          for (let a = 0; a < kh; a += 1) {
            for (let b = 0; b < kw; b += 1) {
              pen.box(x + b * cell, y + a * cell, cell, cell, { role: "kernel", width: 1, fill: lab.tint("kernel", 0.4) });
              if (cell > 24)
                pen.text(numberText(times * state.kernel[a][b]), x + (b + 0.5) * cell, y + (a + 0.52) * cell, {
                  align: "center",
                  size: 15,
                });
            }
          }
          pen.ctx.globalAlpha = 1;
        }

        // One row of the output as a curve of bars, under the columns it belongs to.
        const row = spot && spot[0] < laid.rows ? spot[0] : Math.floor(laid.rows / 2),
          first = isPhoto() ? p : 0,
          lastCol = laid.cols - first,
          base = outBox.y + outBox.side + 64;
        let top = 1e-9,
          low = 0;
        for (let c = first; c < lastCol; c += 1) {
          const v = data[row * laid.cols + c];
          top = Math.max(top, v);
          low = Math.min(low, v);
        }
        const tall = profile - 20,
          zero = base - tall * (-low / (top - low)),
          role = state.view === "count" ? "count" : "output";
        pen.text(t("profile", { row: isPhoto() || row >= p ? row - p + 1 : row + 1 }), ox, base - profile + 9, { role: "muted", size: 14 });
        pen.ctx.fillStyle = colours[role];
        for (let c = first; c < lastCol; c += 1) {
          const v = data[row * laid.cols + c],
            tip = base - tall * ((v - low) / (top - low)),
            x = ox + (c - first) * oCell,
            gap = oCell > 8 ? 2 : 0;
          pen.ctx.fillRect(x + gap / 2, Math.min(tip, zero), Math.max(oCell - gap, 0.8), Math.max(Math.abs(zero - tip), 0.5));
        }
        pen.line(
          [
            [ox, zero],
            [ox + (lastCol - first) * oCell, zero],
          ],
          { role: "faint", width: 1 },
        );
        explain(state, laid);
      },

      line: () => lines,
    };
  }),
};

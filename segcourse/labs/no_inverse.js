/* There is no inverse: forward, back, forward, for convolution and for pooling, with lights that are computed. The arithmetic is held to
   torch and segcourse.ops by tests/labs/test_no_inverse.py. Grids are arrays of rows. */

/** Valid convolution (cross-correlation, as in torch) of a grid with a kernel. */
function conv2d(x, kernel, stride) {
  const kh = kernel.length,
    kw = kernel[0].length,
    out = zeros(Math.floor((x.length - kh) / stride) + 1, Math.floor((x[0].length - kw) / stride) + 1);
  for (let r = 0; r < out.length; r += 1)
    for (let c = 0; c < out[0].length; c += 1) {
      let sum = 0;
      for (let a = 0; a < kh; a += 1) for (let b = 0; b < kw; b += 1) sum += x[r * stride + a][c * stride + b] * kernel[a][b];
      out[r][c] = sum;
    }
  return out;
}

/** Its transpose: every number of y lays the kernel down. rows x cols is the size to come back to (what output_padding settles). */
function convTranspose(y, kernel, stride, rows, cols) {
  const out = zeros(rows, cols);
  for (let r = 0; r < y.length; r += 1)
    for (let c = 0; c < y[0].length; c += 1) {
      for (let a = 0; a < kernel.length; a += 1)
        for (let b = 0; b < kernel[0].length; b += 1) out[r * stride + a][c * stride + b] += y[r][c] * kernel[a][b];
    }
  return out;
}

function convColumn(x, kernel, stride, seed) {
  return roundTrip(
    x,
    (v) => conv2d(v, kernel, stride),
    (v, rows, cols) => convTranspose(v, kernel, stride, rows, cols),
    (rows, cols) => drawY(rows, cols, seed),
  );
}

function poolColumn(x, seed) {
  const { switches } = maxPool(x); // the switches of x are kept, as a network keeps them
  return {
    ...roundTrip(
      x,
      (v) => maxPool(v).pooled,
      (v, rows, cols) => maxUnpool(v, switches, rows, cols),
      (rows, cols) => drawY(rows, cols, seed),
    ),
    switches,
  };
}

export { conv2d, convTranspose, maxPool, maxUnpool, inner, drawY, convColumn, poolColumn, readState, writeState };

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      stage = lab.stage();
    let spot = null; // { column, grid, r, c }: what is pointed at

    const setCell = (name) => (r, c, v) => {
      const grid = copyGrid(lab.state[name]);
      grid[r][c] = v;
      lab.change({ [name]: grid });
    };
    const point = (column, grid) => (r, c) => {
      spot = { column, grid, r, c };
      lab.redraw();
    };
    const KEYS = ["x", "there", "back", "again", "y"],
      grids = {};
    for (const column of ["conv", "pool"]) {
      grids[column] = Object.fromEntries(
        KEYS.map((key) => [
          key,
          stage.grid({
            name: `${column}-${key}`,
            role: key === "x" ? "input" : key === "y" ? "ink" : "output",
            label: t(`${column}Short.${key}`),
            point: point(column, key),
            ...(key === "x" ? { edit: setCell("x") } : {}),
          }),
        ]),
      );
    }
    const kernel = stage.grid({ name: "kernel", role: "kernel", label: t("kernel"), edit: setCell("kernel"), low: -9, high: 9 });

    lab.hint(t("hint"));
    const formula = lab.formula();
    const list = (column) =>
      ["shape", "values", "product", "again"].map((key) => ({ key, label: t(key === "product" ? `${column}.product` : `light.${key}`) }));
    const lights = { conv: lab.lights(list("conv")), pool: lab.lights(list("pool")) };
    const board = element(
      "div",
      { class: "sc-pair" },
      ...["conv", "pool"].map((column) =>
        element(
          "section",
          { class: "sc-side", "aria-label": t(`${column}Head`), "data-column": column },
          element("h4", { text: t(`${column}Head`) }),
          lights[column],
        ),
      ),
    );
    lab.root.append(board);

    const resizeX = (n) => {
      const { x, kernel: k, stride } = lab.state;
      lab.change({ x: resizeGrid(x, n, n, 1), kernel: k, stride });
    };
    lab.sliders(
      lab.slider({
        label: t("xSize"),
        low: 4,
        high: 6,
        get: () => lab.state.x.length,
        set: resizeX,
        show: (v) => `${v}×${lab.state.x[0].length}`,
      }),
      lab.slider({
        label: t("kernelSize"),
        low: 1,
        high: 3,
        get: () => lab.state.kernel.length,
        set: (v) => lab.change({ kernel: resizeGrid(lab.state.kernel, v, v, 1) }),
        show: (v) => `${v}×${lab.state.kernel[0].length}`,
      }),
      lab.slider({ field: "stride", label: t("stride") }),
    );
    lab.controls(
      lab.button({
        label: t("newX"),
        name: "x",
        press: () => {
          const seed = (lab.state.seed % 99) + 1;
          lab.change({ seed, x: drawY(lab.state.x.length, lab.state.x[0].length, seed + 100).map((row) => row.map((v) => v + 3)) });
        },
      }),
      lab.button({ label: t("newY"), name: "y", press: () => lab.change({ seed: (lab.state.seed % 99) + 1 }) }),
    );
    lab.tryThis([
      {
        text: t("try1"),
        state: (now) => ({
          x: now.x,
          kernel: [
            [0.5, 0.5],
            [0.5, 0.5],
          ],
          stride: 2,
        }),
      },
      {
        text: t("try2"),
        state: {
          x: [
            [0, 0, 5, 0],
            [3, 0, 0, 0],
            [0, 2, 0, 0],
            [0, 0, 0, 4],
          ],
        },
      },
      {
        text: t("try3"),
        state: {
          x: [
            [-1, -3, 2, 0],
            [-4, -2, 1, 5],
            [0, 6, 3, 2],
            [7, 1, 2, 4],
          ],
        },
      },
    ]);

    const size = (grid) => `${grid.length}×${grid[0].length}`;
    const wrap = (v) => (v < 0 ? `(${numberText(v)})` : numberText(v));

    function sum(parts, terms) {
      terms.forEach(([a, roleA, b, roleB], n) => {
        if (n) parts.push([" + ", ""]);
        parts.push([wrap(a), roleA], ["·", ""], [wrap(b), roleB]);
      });
      if (!terms.length) parts.push(["0", "muted"]);
    }

    /** How the number of the pointed cell came about. */
    function explain() {
      const { state, result } = lab;
      if (!spot || !result[spot.column][spot.grid][spot.r] || result[spot.column][spot.grid][spot.r][spot.c] === undefined) {
        formula.set([[t("pointMe"), "muted"]]);
        return;
      }
      const { column, grid, r, c } = spot,
        side = result[column],
        v = side[grid][r][c],
        k = state.kernel,
        s = state.stride;
      const parts = [
        [`${t(`${column}Short.${grid}`)}[${r + 1}, ${c + 1}]`, grid === "x" ? "input" : grid === "y" ? "ink" : "output"],
        [" = ", ""],
      ];
      if (grid === "x" || grid === "y") parts.push([numberText(v), grid === "x" ? "input" : "ink"]);
      else if (column === "conv" && grid !== "back") {
        const from = grid === "there" ? side.x : side.back,
          terms = [];
        for (let a = 0; a < k.length; a += 1)
          for (let b = 0; b < k[0].length; b += 1)
            terms.push([from[r * s + a][c * s + b], grid === "there" ? "input" : "output", k[a][b], "kernel"]);
        sum(parts, terms);
        parts.push([" = ", ""], [numberText(v), "output"]);
      } else if (column === "conv") {
        const terms = [];
        for (let a = 0; a < k.length; a += 1)
          for (let b = 0; b < k[0].length; b += 1) {
            const i = (r - a) / s,
              j = (c - b) / s;
            if (Number.isInteger(i) && Number.isInteger(j) && side.there[i] && side.there[i][j] !== undefined)
              terms.push([side.there[i][j], "output", k[a][b], "kernel"]);
          }
        sum(parts, terms);
        parts.push([" = ", ""], [numberText(v), "output"], [`   ${t("was", { v: side.x[r][c] })}`, "muted"]);
      } else if (grid === "back") {
        parts.push(
          [numberText(v), "output"],
          [
            `   ${t(result.pool.switches.flat().some(([i, j]) => i === r && j === c) ? "switchHere" : "noSwitch", { v: side.x[r][c] })}`,
            "muted",
          ],
        );
      } else {
        const from = grid === "there" ? side.x : side.back;
        parts.push(
          [
            `${t("largest")}(${[0, 1, 2, 3].map((n) => numberText(from[2 * r + (n >> 1)][2 * c + (n & 1)])).join(", ")})`,
            grid === "there" ? "input" : "output",
          ],
          [" = ", ""],
          [numberText(v), "output"],
        );
      }
      formula.set(parts);
    }

    /** Which cells of the neighbouring grid the pointed cell was made of: outlined in ink. */
    function sources(column, grid) {
      if (!spot || spot.column !== column) return [];
      const s = lab.state.stride,
        k = lab.state.kernel,
        { r, c } = spot,
        from = { there: "x", again: "back" }[spot.grid];
      if (from === grid)
        return [
          column === "conv"
            ? { r: r * s, c: c * s, rows: k.length, cols: k[0].length, width: 2 }
            : { r: 2 * r, c: 2 * c, rows: 2, cols: 2, width: 2 },
        ];
      if (["x", "back"].includes(spot.grid) && ["x", "back"].includes(grid) && grid !== spot.grid)
        return [{ r, c, width: 2, dash: [4, 3] }];
      return [];
    }

    const GAP = 58,
      TITLE = 24;

    /** Where the grids of one column stand, when its left edge is at `x` and its width is `width`. */
    function place(side, x, top, width, withKernel) {
      const rows = side.x.length,
        cols = side.x[0].length,
        m = side.there[0].length,
        mh = side.there.length;
      const cell = Math.floor(Math.min(44, (width - GAP) / (cols + m)));
      const right = x + cols * cell + GAP,
        one = top + 34 + TITLE,
        two = one + rows * cell + TITLE + 18,
        three = two + rows * cell + TITLE + 18;
      const last = Math.max(mh, withKernel ? lab.state.kernel.length : 0) * Math.min(cell, 40);
      return {
        cell,
        small: Math.min(cell, 40),
        x,
        right,
        one,
        two,
        three,
        bottom: three + last + 12,
        at: { x: [x, one], there: [right, one], back: [x, two], again: [right, two], y: [right, three], kernel: [x, three] },
      };
    }

    function words() {
      const { conv, pool } = lab.result;
      const say = (column, { lights: l }) =>
        t(`${column}Line`, {
          shape: t(l.shape ? "shapeYes" : "shapeNo"),
          values: t(l.values ? "valuesYes" : "valuesNo"),
          product: t(l.product ? "productYes" : "productNo"),
          again: t(l.again ? "againYes" : "againNo"),
        });
      return `${say("conv", conv)} ${say("pool", pool)}`;
    }

    return {
      reset() {
        spot = null;
      },
      compute: (state) => ({ conv: convColumn(state.x, state.kernel, state.stride, state.seed), pool: poolColumn(state.x, state.seed) }),

      layout(width) {
        const { conv, pool } = lab.result,
          narrow = width < 560;
        if (narrow) {
          const first = place(conv, 1, 0, width - 2, true),
            second = place(pool, 1, first.bottom + 16, width - 2, false);
          return { narrow, conv: first, pool: second, height: second.bottom };
        }
        const half = Math.floor((width - 40) / 2),
          first = place(conv, 1, 0, half, true),
          second = place(pool, width - half, 0, half, false);
        return { narrow, conv: first, pool: second, rule: width / 2 - 2, height: Math.max(first.bottom, second.bottom) };
      },

      draw(pen, places) {
        const { state, result } = lab;
        if (places.rule)
          pen.line(
            [
              [places.rule, 6],
              [places.rule, places.height - 8],
            ],
            { role: "faint", width: 1 },
          );
        for (const column of ["conv", "pool"]) {
          const side = result[column],
            p = places[column],
            { cell } = p,
            isSwitch = column === "pool" ? new Set(side.switches.flat().map(([i, j]) => i * 100 + j)) : null;
          pen.text(t(`${column}Head`), p.x, p.one - TITLE - 22, { size: 17, weight: 600 });
          const max = Math.max(1e-9, ...["there", "back", "again"].flatMap((key) => side[key].flat().map(Math.abs)));
          for (const key of KEYS) {
            const [x, y] = p.at[key],
              outlines = sources(column, key);
            if (isSwitch && key === "x")
              for (const [i, j] of side.switches.flat()) outlines.unshift({ r: i, c: j, role: "kernel", width: 2.5 });
            grids[column][key].show({
              x,
              y,
              cell: key === "y" ? p.small : cell,
              rows: side[key].length,
              cols: side[key][0].length,
              title: t(`${column}Title.${key}`),
              value: (r, c) => side[key][r][c],
              max: key === "x" ? Math.max(1, ...side.x.flat().map(Math.abs)) : key === "y" ? 3 : max,
              outlines,
              ...(key === "y" ? { fill: (r, c, v) => lab.tint("muted", Math.abs(v) / 6) } : {}),
              hatch: isSwitch && key === "back" ? (r, c) => !isSwitch.has(r * 100 + c) : null,
              selected: spot && spot.column === column && spot.grid === key ? [spot.r, spot.c] : null,
            });
          }
          // there, back and there again
          const arrow = (from, to, rowsHigh, word) => {
            const x1 = p.x + side.x[0].length * cell + 6,
              x2 = p.right - 6,
              y = from + (Math.min(rowsHigh, side.there.length) * cell) / 2;
            if (to === from) {
              pen.arrow(x1, y, x2, y);
              pen.text(word, (x1 + x2) / 2, y - 11, { align: "center", role: "muted", size: 14 });
            }
          };
          arrow(p.one, p.one, side.x.length, t(`${column}There`));
          arrow(p.two, p.two, side.x.length, t(`${column}There`));
          const bx = p.right + (side.there[0].length * cell) / 2,
            by = p.one + side.there.length * cell + 6,
            tx = p.x + side.x[0].length * cell + 8,
            ty = p.two - 4;
          pen.arrow(Math.min(bx, p.right + 22), by, tx, ty);
          pen.text(t(`${column}Back`), Math.min(bx, p.right + 22) + 8, (by + ty) / 2 + 2, { role: "muted", size: 14 });
        }
        const p = places.conv;
        kernel.show({
          x: p.at.kernel[0],
          y: p.at.kernel[1],
          cell: p.small,
          rows: state.kernel.length,
          cols: state.kernel[0].length,
          title: t("kernelTitle", { size: size(state.kernel) }),
          value: (r, c) => state.kernel[r][c],
        });
        for (const column of ["conv", "pool"]) {
          const side = result[column];
          lights[column].set(side.lights, {
            shape: `${size(side.x)} → ${size(side.there)} → ${size(side.back)}`,
            values: side.lights.values ? "" : t("apart", { v: side.values }),
            product: side.lights.product
              ? `${numberText(side.left)} = ${numberText(side.right)}`
              : `${numberText(side.left)} ≠ ${numberText(side.right)}`,
            again: side.lights.again ? "" : t("apart", { v: side.changed }),
          });
        }
        explain();
      },

      line: words,
    };
  }),
};

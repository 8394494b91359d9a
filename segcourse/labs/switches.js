/* Switches: pool a map, keep where each maximum stood, put it back there; the other ways back beside it; pool again. The arithmetic is held
   to segcourse.ops by tests/labs/test_switches.py; pooling, unpooling and the lights are _round_trip.js. Grids are arrays of rows. */

const STEP = 2;
/** A 3x3 window needs a cell of padding to pool 8x8 to 4x4, as a 2x2 window does without. */
const paddingOf = (kernel) => (kernel === 3 ? 1 : 0);

/** The number in the top left corner of its block, zeros elsewhere. */
function bedOfNails(pooled, rows, cols) {
  const out = zeros(rows, cols);
  pooled.forEach((row, r) =>
    row.forEach((v, c) => {
      out[r * STEP][c * STEP] = v;
    }),
  );
  return out;
}

const nearestUnpool = (pooled, rows, cols) => zeros(rows, cols).map((row, r) => row.map((_, c) => pooled[Math.floor(r / STEP)][Math.floor(c / STEP)]));

/** Between which two of `size` old places a new one lies, by pixel centres: [[old place, its share], ...], one where it lies on it. */
function shares(at, size) {
  const point = clamp((at + 0.5) / STEP - 0.5, 0, size - 1),
    low = Math.min(Math.floor(point), size - 2);
  return [
    [low, 1 - (point - low)],
    [low + 1, point - low],
  ].filter(([, share]) => share > 0);
}

function bilinearUnpool(pooled, rows, cols) {
  return zeros(rows, cols).map((row, r) =>
    row.map((_, c) => {
      let sum = 0;
      for (const [i, a] of shares(r, pooled.length)) for (const [j, b] of shares(c, pooled[0].length)) sum += a * b * pooled[i][j];
      return sum;
    }),
  );
}

const WAYS = ["unpooled", "nails", "nearest", "bilinear"];

/** The mean distance of the numbers of two grids. */
function meanError(a, b) {
  let sum = 0;
  a.forEach((row, r) =>
    row.forEach((v, c) => {
      sum += Math.abs(v - b[r][c]);
    }),
  );
  return sum / (a.length * a[0].length);
}

/** All that the lab shows of a map x, any y of the pooled size, and the window's side. */
function passes(x, y, kernel) {
  const padding = paddingOf(kernel),
    rows = x.length,
    cols = x[0].length,
    { pooled, switches } = maxPool(x, kernel, STEP, padding);
  const trip = roundTrip(
    x,
    (v) => maxPool(v, kernel, STEP, padding).pooled,
    (v) => maxUnpool(v, switches, rows, cols),
    () => y,
  );
  const ways = {
    unpooled: trip.back,
    nails: bedOfNails(pooled, rows, cols),
    nearest: nearestUnpool(pooled, rows, cols),
    bilinear: bilinearUnpool(pooled, rows, cols),
  };
  const places = switches.flat().map(([i, j]) => i * cols + j),
    yAgain = maxPool(trip.yBack, kernel, STEP, padding).pooled;
  return {
    ...trip,
    kernel,
    padding,
    pooled,
    switches,
    numbers: switches.map((row) => row.map(([i, j]) => i * cols + j)),
    ways,
    errors: Object.fromEntries(WAYS.map((way) => [way, meanError(ways[way], x)])),
    yAgain,
    yChanged: farthest(y, yAgain),
    reached: new Set(places),
    sharing: places.filter((place) => places.filter((other) => other === place).length > 1).length,
    lights: { ...trip.lights, again: farthest(y, yAgain) < TOLERANCE },
  };
}

/** The grid with the numbers of two cells exchanged. */
function exchanged(grid, [a, b], [c, d]) {
  const next = copyGrid(grid);
  next[a][b] = grid[c][d];
  next[c][d] = grid[a][b];
  return next;
}

export { maxPool, maxUnpool, windowOf, bedOfNails, nearestUnpool, bilinearUnpool, meanError, passes, exchanged, readState, writeState };

const scene = (rows) => rows.map((row) => row.split("").map(Number));
const SCENES = {
  outline: scene(["00099000", "00900900", "09000090", "90000009", "90000009", "09000090", "00900900", "00099000"]),
  hill: scene(["11222211", "12344321", "23566532", "24688642", "24688642", "23566532", "12344321", "11222211"]),
  dots: scene(["03004000", "00500060", "00000700", "40060003", "00800040", "05005000", "00000900", "60400005"]),
};

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      stage = lab.stage(),
      side = lab.state.x.length;
    let spot = null, // { key, r, c }: what is pointed at
      grabbed = null, // the maximum under the pointer: { window, from, x, place, moved }
      draws = 0;

    // ---------------------------------------------------------------- which window
    const OF_WINDOWS = ["pooled", "switches", "y", "yAgain"];
    /** The window a cell of a grid belongs to: the chosen one where it is in it, else the one whose block it lies in. */
    function windowAt(key, r, c) {
      if (OF_WINDOWS.includes(key)) return [r, c];
      const [i, j] = lab.state.at,
        { kernel } = lab.state,
        { top, left, rows, cols } = windowOf(lab.state.x, i, j, kernel, STEP, paddingOf(kernel));
      if (r >= top && c >= left && r < top + rows && c < left + cols) return [i, j];
      return [Math.floor(r / STEP), Math.floor(c / STEP)];
    }
    const chosen = () => (spot ? windowAt(spot.key, spot.r, spot.c) : lab.state.at);
    const point =
      (key) =>
      (r, c, { pinned }) => {
        spot = { key, r, c };
        if (pinned) lab.change({ at: windowAt(key, r, c) });
        else lab.redraw();
      };
    stage.onLeave = () => {
      spot = null;
      lab.redraw();
    };
    const setCell = (name) => (r, c, v) => {
      const grid = copyGrid(lab.state[name]);
      grid[r][c] = Math.round(v);
      lab.change({ [name]: grid });
    };

    const KEYS = ["x", "pooled", "switches", "unpooled", "nails", "nearest", "bilinear", "y", "yBack", "yAgain"],
      ROLES_OF = { x: "input", switches: "kernel", y: "ink" },
      grids = {};
    for (const key of KEYS)
      grids[key] = stage.grid({
        name: key,
        role: ROLES_OF[key] || "output",
        label: t(`label.${key}`),
        point: point(key),
        ...(key === "x" || key === "y" ? { edit: setCell(key) } : {}),
      });

    // ---------------------------------------------------------------- the maximum, to be moved inside its window
    const nowAt = () => {
      const { pooled, switches } = maxPool(lab.state.x, lab.state.kernel, STEP, paddingOf(lab.state.kernel)),
        [i, j] = chosen();
      return { window: [i, j], from: switches[i][j], v: pooled[i][j] };
    };
    const inside = ([i, j], [r, c]) => {
      const { kernel, x } = lab.state,
        { top, left, rows, cols } = windowOf(x, i, j, kernel, STEP, paddingOf(kernel));
      return [clamp(r, top, top + rows - 1), clamp(c, left, left + cols - 1)];
    };
    const maximum = stage.handle({
      name: "maximum",
      label: t("label.maximum"),
      move: (dx, dy, { keys }) => {
        if (keys) {
          const { window, from } = nowAt(),
            to = inside(window, [from[0] + Math.sign(dy), from[1] + Math.sign(dx)]);
          spot = null;
          lab.change({ x: exchanged(lab.state.x, from, to), at: window });
          return;
        }
        if (!grabbed) return;
        grabbed.place[0] += dx;
        grabbed.place[1] += dy;
        const { cellWidth } = grids.x.shown,
          to = inside(
            grabbed.window,
            [grabbed.place[1] - grids.x.shown.y, grabbed.place[0] - grids.x.shown.x].map((at) => Math.floor(at / cellWidth)),
          );
        if (to[0] === grabbed.to[0] && to[1] === grabbed.to[1]) return;
        // From the map as it was taken up: cells the pointer only passes keep their numbers.
        grabbed.moved = true;
        grabbed.to = to;
        lab.change({ x: exchanged(grabbed.x, grabbed.from, to), at: grabbed.window });
      },
    });
    /** Any maximum can be grabbed, not only that of the chosen window. */
    const maximumAt = (x, y) => {
      const cell = grids.x.hit(x, y);
      if (!cell || !lab.result) return null;
      const stands = ([i, j]) => lab.result.switches[i][j][0] === cell[0] && lab.result.switches[i][j][1] === cell[1],
        all = lab.result.switches.flatMap((row, i) => row.map((_, j) => [i, j])),
        found = [chosen(), ...all].find(stands);
      return found ? { window: found, from: cell, to: cell } : null;
    };
    maximum.hit = (x, y) => maximumAt(x, y) !== null;
    const placeOf = (e) => {
      const box = stage.canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    lab.listen(stage.canvas, "pointerdown", (e) => {
      if (!stage.drag || stage.drag.handle !== maximum) return;
      const place = placeOf(e);
      grabbed = { ...maximumAt(...place), x: lab.state.x, place, moved: false };
      spot = null;
      lab.change({ at: grabbed.window });
    });
    const letGo = () => {
      if (grabbed && !grabbed.moved) {
        // Pressed and not moved: the number is to be typed over.
        grids.x.at = grabbed.from;
        grids.x.field.focus({ preventScroll: true });
        lab.afterDraw(() => grids.x.refresh(true));
      }
      grabbed = null;
    };
    lab.listen(stage.canvas, "pointerup", letGo);
    lab.listen(stage.canvas, "pointercancel", () => {
      grabbed = null;
    });

    // ---------------------------------------------------------------- words and controls around the picture
    lab.hint(t("hint"));
    const formula = lab.formula(),
      lights = lab.lights(["shape", "values", "product", "again"].map((key) => ({ key, label: t(key === "product" ? "pool.product" : `light.${key}`) })));
    lab.root.append(lights);

    lab.controls(
      lab.choice({ field: "view", label: t("view"), options: ["switches", "ways", "again"].map((view) => [view, t(`view.${view}`)]) }),
      lab.choice({ field: "kernel", label: t("kernel"), options: [2, 3].map((k) => [k, `${k}×${k}`]) }),
    );
    const press = (name) => () => {
      draws += name === "random" ? 1 : 0;
      const grid = name === "numbers" ? lab.settings.numbers : name === "random" ? drawY(side, side, draws + 40).map((row) => row.map((v) => v + 3)) : SCENES[name];
      spot = null;
      lab.change({ x: copyGrid(grid) });
    };
    const yRow = lab.controls(
      lab.group(
        "y",
        lab.button({ label: t("newY"), name: "newY", press: () => lab.change({ y: drawY(4, 4, (draws += 1) + 6) }) }),
        lab.button({ label: t("signless"), name: "signless", press: () => lab.change({ y: lab.state.y.map((row) => row.map(Math.abs)) }) }),
        lab.button({ label: t("pooledY"), name: "pooledY", press: () => lab.change({ y: copyGrid(lab.result.pooled) }) }),
      ),
    );
    lab.controls(
      lab.group(t("label.x"), ...["numbers", "outline", "hill", "dots", "random"].map((name) => lab.button({ label: t(`scene.${name}`), name, press: press(name) }))),
    );
    lab.tryThis([
      { text: t("try1"), state: { view: "switches", kernel: 2, x: copyGrid(lab.settings.numbers), at: [1, 2] } },
      { text: t("try2"), state: { view: "ways", kernel: 2, x: SCENES.outline, at: [0, 1] } },
      { text: t("try3"), state: { view: "again", kernel: 2, x: copyGrid(lab.settings.numbers), y: copyGrid(lab.settings.y), at: [1, 1] } },
      { text: t("try4"), state: { view: "again", kernel: 3, x: copyGrid(lab.settings.numbers), y: copyGrid(lab.settings.y), at: [1, 2] } },
    ]);
    const dress = ({ view }) => {
      for (const node of [lights, yRow]) node.hidden = view !== "again";
    };
    lab.onChange(dress);
    dress(lab.state);

    // ---------------------------------------------------------------- where a number comes from
    const at = (r, c) => t("place", { r, c });
    const maxOf = (grid, i, j, role) => {
      const { top, left, rows, cols } = windowOf(grid, i, j, lab.state.kernel, STEP, lab.result.padding),
        seen = [];
      for (let r = top; r < top + rows; r += 1) for (let c = left; c < left + cols; c += 1) seen.push(numberText(grid[r][c]));
      return [[`${t("largest")}(${seen.join(", ")})`, role]];
    };

    function explainSwitch([i, j]) {
      const { pooled, switches, numbers } = lab.result,
        [r, c] = switches[i][j],
        onZero = spot && spot.key === "unpooled" && !lab.result.reached.has(spot.r * side + spot.c);
      if (onZero)
        return [
          [`${t("label.unpooled")} ${at(spot.r, spot.c)} = 0`, "output"],
          [`\u2003${t("noSwitch", { v: lab.state.x[spot.r][spot.c] })}`, "muted"],
        ];
      return [
        ...maxOf(lab.state.x, i, j, "input"),
        [" = ", ""],
        [numberText(pooled[i][j]), "output"],
        [`\u2003${t("switchWord")} = `, ""],
        [`${r} × ${side} + ${c} = ${numbers[i][j]}`, "kernel"],
      ];
    }

    function explainWays() {
      const { ways, switches } = lab.result,
        [i, j] = chosen(),
        [r, c] = spot && !OF_WINDOWS.includes(spot.key) ? [spot.r, spot.c] : switches[i][j];
      if (spot && spot.key === "bilinear") {
        const { pooled } = lab.result,
          parts = [
            [`${t("way.bilinear")} ${at(r, c)}`, "output"],
            [" = ", ""],
          ];
        let n = 0;
        for (const [a, down] of shares(r, pooled.length))
          for (const [b, across] of shares(c, pooled[0].length)) {
            if (n) parts.push([" + ", ""]);
            const v = pooled[a][b];
            parts.push([numberText(down * across, 4), "kernel"], ["·", ""], [v < 0 ? `(${numberText(v)})` : numberText(v), "output"]);
            n += 1;
          }
        return [...parts, [" = ", ""], [numberText(ways.bilinear[r][c], 4), "output"], [`\u2003${t("xHad", { v: lab.state.x[r][c] })}`, "muted"]];
      }
      return [
        [`${at(r, c)}\u2003x `, ""],
        [numberText(lab.state.x[r][c]), "input"],
        ...WAYS.flatMap((way) => [
          [` · ${t(`way.${way}`)} `, ""],
          [numberText(ways[way][r][c]), "output"],
        ]),
      ];
    }

    function explainAgain([i, j]) {
      const { yBack, yAgain, switches } = lab.result,
        { y } = lab.state,
        [r, c] = switches[i][j];
      return [
        [`y ${at(i, j)} = `, ""],
        [numberText(y[i][j]), "ink"],
        [` → ${at(r, c)}`, "kernel"],
        ["\u2003PPᵀy = ", ""],
        ...maxOf(yBack, i, j, ""),
        [" = ", ""],
        [numberText(yAgain[i][j]), "output"],
      ];
    }

    function words() {
      const { state, result } = lab,
        all = side * side;
      if (state.view === "ways") {
        const least = Math.min(...WAYS.map((way) => result.errors[way])),
          best = WAYS.filter((way) => result.errors[way] - least < TOLERANCE).map((way) => t(`way.${way}`));
        return [
          t("lineErrors", Object.fromEntries(WAYS.map((way) => [way, result.errors[way]]))),
          best.length === WAYS.length ? t("lineAllSame") : best.length > 1 ? t("lineTie", { ways: best.join(t("and")) }) : t("lineBest", { way: best[0] }),
        ].join(" ");
      }
      if (state.view === "again") {
        const { lights: l } = result,
          differ = state.y.flatMap((row, i) => row.filter((v, j) => Math.abs(v - result.yAgain[i][j]) > TOLERANCE)).length;
        return t("lineAgain", {
          shape: t(l.shape ? "shapeYes" : "shapeNo"),
          values: t(l.values ? "valuesYes" : "valuesNo"),
          product: t(l.product ? "productYes" : "productNo"),
          again: l.again ? t("yYes") : t("yNo", { n: differ }),
        });
      }
      const [i, j] = chosen(),
        [r, c] = result.switches[i][j],
        { top, left, rows, cols } = windowOf(state.x, i, j, state.kernel, STEP, result.padding),
        equal = state.x.slice(top, top + rows).flatMap((row) => row.slice(left, left + cols)).filter((v) => v === result.pooled[i][j]).length;
      return [
        t("lineWindow", { i, j, n: rows * cols, v: result.pooled[i][j], r, c, s: result.numbers[i][j] }),
        ...(equal > 1 ? [t("lineEqual", { n: equal })] : []),
        t("lineKept", { n: result.reached.size, all, rest: all - result.reached.size }),
        ...(result.sharing ? [t("lineShared", { n: result.sharing })] : []),
      ].join(" ");
    }

    // ---------------------------------------------------------------- the pictures
    const TITLE = 26;

    function layoutSwitches(width) {
      if (width < 600) {
        const cell = Math.floor(Math.min(40, (width - 24) / 12)),
          right = 1 + 8 * cell + 22,
          under = TITLE + 8 * cell + 34;
        return { narrow: true, at: { x: [1, TITLE], pooled: [right, TITLE], switches: [right, under], unpooled: [1, under] }, cell, height: under + 8 * cell + 8 };
      }
      const cell = Math.floor((width - 112) / 20),
        gap = Math.floor((width - 2 - 20 * cell) / 2),
        middle = 1 + 8 * cell + gap,
        second = TITLE + 4 * cell + 36,
        tall = second + 4 * cell,
        top = Math.round((tall + TITLE - 8 * cell) / 2);
      return { at: { x: [1, top], pooled: [middle, TITLE], switches: [middle, second], unpooled: [middle + 4 * cell + gap, top] }, cell, height: tall + 8 };
    }

    const BAR = 34; // the error below a map
    function layoutWays(width) {
      if (width < 600) {
        const cell = Math.floor(Math.min(40, (width - 24) / 12)),
          small = Math.floor((width - 12) / 16),
          right = width - 8 * small - 1,
          one = TITLE + 8 * cell + 36,
          two = one + 8 * small + BAR + TITLE + 4;
        return {
          narrow: true,
          at: { x: [1, TITLE], pooled: [1 + 8 * cell + 22, TITLE], unpooled: [1, one], nails: [right, one], nearest: [1, two], bilinear: [right, two] },
          cell,
          cells: Object.fromEntries(WAYS.map((way) => [way, small])),
          height: two + 8 * small + BAR,
        };
      }
      const cell = Math.floor((width - 50) / 24),
        gap = Math.floor((width - 2 - 24 * cell) / 2),
        across = [0, 1, 2].map((n) => 1 + n * (8 * cell + gap)),
        two = TITLE + 8 * cell + BAR + TITLE + 8;
      return {
        at: {
          x: [across[0], TITLE],
          unpooled: [across[1], TITLE],
          nails: [across[2], TITLE],
          pooled: [across[0], two],
          nearest: [across[1], two],
          bilinear: [across[2], two],
        },
        cell,
        cells: { pooled: STEP * cell }, // as large as the block each number stands for
        height: two + 8 * cell + BAR,
      };
    }

    function layoutAgain(width) {
      if (width < 600) {
        const cell = Math.floor(Math.min(40, (width - 24) / 12)),
          right = 1 + 8 * cell + 22,
          step = 8 * cell + 34,
          third = TITLE + 2 * step;
        return {
          narrow: true,
          at: { x: [1, TITLE], pooled: [right, TITLE], unpooled: [1, TITLE + step], y: [right, third], yBack: [1, third], yAgain: [right, third + 4 * cell + 34] },
          cell,
          height: third + 8 * cell + 42,
        };
      }
      const cell = Math.floor((width - 142) / 20),
        gap = Math.floor((width - 2 - 20 * cell) / 2),
        two = TITLE + 8 * cell + 40,
        middle = 2 * cell, // the small ones stand half way down the large ones
        from = (columns, n) => 1 + columns * cell + n * gap;
      return {
        at: {
          x: [from(0, 0), TITLE],
          pooled: [from(8, 1), TITLE + middle],
          unpooled: [from(12, 2), TITLE],
          y: [from(0, 0), two + middle],
          yBack: [from(4, 1), two],
          yAgain: [from(12, 2), two + middle],
        },
        cell,
        height: two + 8 * cell + 8,
      };
    }

    /** The middle of a cell, and how far its rim is. */
    const middleOf = (key, [r, c]) => {
      const s = grids[key].shown;
      return { x: s.x + (c + 0.5) * s.cellWidth, y: s.y + (r + 0.5) * s.cellHeight, half: s.cellWidth / 2 };
    };
    /** An arrow from the rim of one cell to the rim of another: pale over the grids, whose numbers stay readable, full between them. */
    function link(pen, a, b, role, shift = 0) {
      const { ctx } = pen,
        dx = b.x - a.x,
        dy = b.y + shift - a.y,
        long = Math.max(Math.abs(dx), Math.abs(dy)),
        [from, to] = [a.half / long, 1 - (b.half + 2) / long],
        draw = () => pen.arrow(a.x + dx * from, a.y + dy * from, a.x + dx * to, a.y + dy * to, { role, width: 2, head: 7 });
      ctx.save();
      ctx.globalAlpha = 0.3;
      draw();
      ctx.restore();
      ctx.save();
      ctx.beginPath();
      ctx.rect(0, 0, pen.width, 4000);
      for (const { shown: s } of Object.values(grids)) if (s) ctx.rect(s.x, s.y, s.cols * s.cellWidth, s.rows * s.cellHeight);
      ctx.clip("evenodd");
      draw();
      ctx.restore();
      // Its head stands on the grid it points into.
      ctx.save();
      ctx.beginPath();
      ctx.arc(a.x + dx * to, a.y + dy * to, 11, 0, 7);
      ctx.clip();
      draw();
      ctx.restore();
    }

    /** In each pooled cell a mark where in its window the maximum stood: a corner, a side, or the frame of the middle. */
    function marks(pen) {
      const { switches, kernel, padding } = lab.result,
        { x, y, cellWidth: cell } = grids.pooled.shown,
        near = 3,
        far = cell - 3,
        long = Math.round(cell * 0.34);
      switches.forEach((row, i) =>
        row.forEach(([r, c], j) => {
          const down = (r - (i * STEP - padding)) / (kernel - 1),
            across = (c - (j * STEP - padding)) / (kernel - 1),
            left = x + j * cell,
            top = y + i * cell;
          const line = (points) => pen.line(points.map(([a, b]) => [left + a, top + b]), { role: "kernel", width: 2.5 });
          const sides = [near, (near + far) / 2, far],
            [h, v] = [sides[across * 2], sides[down * 2]];
          if (across === 0.5 && down === 0.5) {
            pen.box(left + 4, top + 4, cell - 8, cell - 8, { role: "kernel", width: 2 });
            return;
          }
          if (across !== 0.5) {
            const from = down === 0.5 ? v - long / 2 : down ? v - long : v;
            line([
              [h, from],
              [h, from + long],
            ]);
          }
          if (down !== 0.5) {
            const from = across === 0.5 ? h - long / 2 : across ? h - long : h;
            line([
              [from, v],
              [from + long, v],
            ]);
          }
        }),
      );
    }

    function drawBar(pen, key, most, best) {
      const s = grids[key].shown,
        width = s.cols * s.cellWidth,
        y = s.y + s.rows * s.cellHeight,
        { errors } = lab.result;
      pen.text(t("error", { v: errors[key] }), s.x, y + 14, { role: best ? "ink" : "muted", weight: best ? 600 : 400 });
      pen.box(s.x, y + 24, width, 5, { role: null, fill: lab.tint("muted", 0.12) });
      if (errors[key] > 0) pen.box(s.x, y + 24, Math.max((width * errors[key]) / most, 1), 5, { role: null, fill: best ? "ink" : "muted" });
    }

    return {
      reset() {
        spot = null;
        grabbed = null;
        dress(lab.state);
      },

      compute: (state) => passes(state.x, state.y, state.kernel),

      layout: (width) => ({ switches: layoutSwitches, ways: layoutWays, again: layoutAgain })[lab.state.view](width),

      draw(pen, places) {
        const { state, result } = lab,
          { view } = state,
          window = chosen(),
          here = windowOf(state.x, ...window, state.kernel, STEP, result.padding),
          landing = result.switches[window[0]][window[1]],
          values = {
            x: state.x,
            pooled: result.pooled,
            switches: result.numbers,
            ...result.ways,
            y: state.y,
            yBack: result.yBack,
            yAgain: result.yAgain,
          },
          max = Math.max(1, ...[state.x, state.y].flat(2).map(Math.abs)),
          seen = { r: here.top, c: here.left, rows: here.rows, cols: here.cols, role: "ink", width: 2 },
          frame = ([r, c]) => ({ r, c, role: "kernel", width: 2.5 }),
          frames = result.switches.flat().map(frame);
        for (const [key, [x, y]] of Object.entries(places.at)) {
          const grid = values[key],
            cell = (places.cells && places.cells[key]) || places.cell,
            small = grid.length < side;
          const options = { x, y, cell, rows: grid.length, cols: grid[0].length, max, value: (r, c) => grid[r][c] };
          options.title = t(places.narrow && ["pooled", "switches", "yAgain"].includes(key) ? `label.${key}` : `${view}Title.${key}`);
          options.describe = (r, c) => at(r, c);
          if (small) options.selected = window;
          if (key === "x") {
            options.outlines = [...frames, seen];
            options.describe = (r, c) => (result.reached.has(r * side + c) ? t("describeMax", { r, c }) : at(r, c));
          } else if (key === "switches") {
            options.fill = () => lab.tint("kernel", 0.1);
            options.describe = (r, c) => t("describeSwitch", { r, c, i: result.switches[r][c][0], j: result.switches[r][c][1] });
          } else if (key === "unpooled" || key === "yBack") {
            options.hatch = (r, c) => !result.reached.has(r * side + c);
            options.outlines = view === "ways" ? [seen] : [...frames, { ...seen, dash: [4, 3] }];
            options.describe = (r, c) => (result.reached.has(r * side + c) ? at(r, c) : t("describeZero", { r, c }));
          } else if (key === "nails") {
            options.hatch = (r, c) => r % STEP !== 0 || c % STEP !== 0;
            options.outlines = [seen];
          } else if (key === "nearest" || key === "bilinear") options.outlines = [seen];
          else if (key === "y") options.fill = (r, c, v) => (v < 0 ? null : lab.tint("muted", v / max / 2));
          else if (key === "yAgain") {
            options.outlines = grid.flatMap((row, r) =>
              row.flatMap((v, c) => (Math.abs(v - state.y[r][c]) < TOLERANCE ? [] : [{ r, c, role: "bad", width: 2.5, dash: [4, 3] }])),
            );
            options.describe = (r, c) => t(Math.abs(grid[r][c] - state.y[r][c]) < TOLERANCE ? "describeSame" : "describeOther", { r, c, v: state.y[r][c] });
          }
          if (options.hatch && cell < 24) options.text = (r, c, v) => (options.hatch(r, c) ? "" : numberText(v));
          if (key === "bilinear") {
            // With one decimal where that fits, else whole; the formula says more.
            const widest = Math.max(...grid.flat().map((v) => pen.measure(numberText(v, 1)))),
              digits = widest <= cell - 4 ? 1 : 0;
            options.text = (r, c, v) => numberText(v, digits);
          }
          grids[key].show(options);
        }

        const stands = middleOf("x", landing);
        maximum.show({
          x: stands.x,
          y: stands.y,
          width: stands.half * 2,
          height: stands.half * 2,
          words: t("maximumWords", { v: result.pooled[window[0]][window[1]], r: landing[0], c: landing[1], i: window[0], j: window[1] }),
        });

        if (view === "ways") {
          const most = Math.max(1e-9, ...Object.values(result.errors)),
            least = Math.min(...Object.values(result.errors));
          for (const way of WAYS) drawBar(pen, way, most, result.errors[way] - least < TOLERANCE);
        } else marks(pen);
        if (view === "switches") {
          // The value goes one way, its place the other; both meet where it lands.
          link(pen, stands, middleOf("pooled", window), "output");
          if (!places.narrow) link(pen, stands, middleOf("switches", window), "kernel"); // there it would cross a title
          link(pen, middleOf("pooled", window), middleOf("unpooled", landing), "output", -3);
          link(pen, middleOf("switches", window), middleOf("unpooled", landing), "kernel", 3);
        }
        if (view === "again") {
          link(pen, stands, middleOf("pooled", window), "output");
          link(pen, middleOf("pooled", window), middleOf("unpooled", landing), "output");
          link(pen, middleOf("y", window), middleOf("yBack", landing), "output");
          link(pen, middleOf("yBack", landing), middleOf("yAgain", window), "output");
          lights.set(result.lights, {
            shape: "8×8 → 4×4 → 8×8",
            values: result.lights.values ? "" : t("apart", { v: result.values }),
            product: `${numberText(result.left)} ${result.lights.product ? "=" : "≠"} ${numberText(result.right)}`,
            again: result.lights.again ? "" : t("apart", { v: result.yChanged }),
          });
        }
        formula.set(view === "ways" ? explainWays() : view === "again" ? explainAgain(window) : explainSwitch(window));
      },

      line: words,
    };
  }),
};

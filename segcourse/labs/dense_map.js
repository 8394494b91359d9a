/* The same weights, a denser map. The arithmetic comes first: laying cells over the picture and enlarging their scores. It is held to torch's
   interpolation and to segcourse.models.enlarge by tests/labs/test_dense_map.py. A map is { rows, cols, scale, shift }: cell i stands over pixel
   shift + scale * i, pixels counted by their middles. */

/** Between which two cells each pixel lies, and how far towards the second; beyond the outermost cells the map goes on as it ends. */
function between(size, cells, scale, shift) {
  const low = new Int32Array(size),
    share = new Float64Array(size);
  for (let p = 0; p < size; p += 1) {
    const at = clamp((p - shift) / scale, 0, cells - 1);
    low[p] = Math.min(Math.floor(at), Math.max(cells - 2, 0));
    share[p] = at - low[p];
  }
  return { low, share };
}

/** One value between the cells of one class: rows first, then columns. */
function mixed(scores, from, cols, r, c, v, u) {
  const a = from + r * cols + c,
    right = u > 0 ? 1 : 0,
    down = v > 0 ? cols : 0,
    left = scores[a] * (1 - v) + scores[a + down] * v;
  return right ? left * (1 - u) + (scores[a + 1] * (1 - v) + scores[a + 1 + down] * v) * u : left;
}

/** The class of the largest enlarged score of every pixel; of equals the first. `scores` are those of one picture, class by class. */
function enlargedLabels(scores, { rows, cols, scale, shift }, height, width) {
  const classes = scores.length / (rows * cols),
    down = between(height, rows, scale, shift),
    across = between(width, cols, scale, shift),
    best = new Float64Array(height * width).fill(-Infinity),
    labels = new Uint8Array(height * width),
    column = new Float64Array(cols);
  for (let k = 0; k < classes; k += 1) {
    const from = k * rows * cols;
    for (let y = 0, i = 0; y < height; y += 1) {
      const a = from + down.low[y] * cols,
        v = down.share[y],
        step = rows > 1 ? cols : 0;
      for (let c = 0; c < cols; c += 1) column[c] = scores[a + c] * (1 - v) + scores[a + c + step] * v;
      for (let x = 0; x < width; x += 1, i += 1) {
        const c = across.low[x],
          u = across.share[x],
          value = column[c] * (1 - u) + (cols > 1 ? column[c + 1] : 0) * u;
        if (value > best[i]) {
          best[i] = value;
          labels[i] = k;
        }
      }
    }
  }
  return labels;
}

/** The scores of all classes at one place [y, x] of the picture, in pixels. */
function scoresAt(scores, { rows, cols, scale, shift }, [y, x]) {
  const [v, u] = [
      [y, rows],
      [x, cols],
    ].map(([p, cells]) => clamp((p - shift) / scale, 0, cells - 1)),
    r = Math.min(Math.floor(v), Math.max(rows - 2, 0)),
    c = Math.min(Math.floor(u), Math.max(cols - 2, 0));
  return Array.from({ length: scores.length / (rows * cols) }, (_, k) => mixed(scores, k * rows * cols, cols, r, c, v - r, u - c));
}

/** The cell whose middle is nearest to a place [y, x] of the picture. */
const nearestCell = ({ rows, cols, scale, shift }, [y, x]) => [
  clamp(Math.round((y - shift) / scale), 0, rows - 1),
  clamp(Math.round((x - shift) / scale), 0, cols - 1),
];

const placeOf = ({ scale, shift }, [r, c]) => [shift + scale * r, shift + scale * c];

/** Whether a cell of a map stands where a cell of the coarser map `first` stands. */
function isOld(first, map, cell) {
  const place = placeOf(map, cell),
    there = placeOf(first, nearestCell(first, place));
  return place[0] === there[0] && place[1] === there[1];
}

const bestOf = (values) => values.reduce((best, v, k) => (v > values[best] ? k : best), 0);

export { enlargedLabels, scoresAt, nearestCell, placeOf, isOld, bestOf, readState, writeState };

const LINE = "#16202a"; // lines on the colours of the classes, which are the same by day and by night
const ROW = 18; // px of a class in the list of scores
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A score with one decimal, so that a column of them is aligned. */
const scoreText = (v) => v.toFixed(1).replace(/^-0\.0$/, "0.0").replace("-", "−");

/** 2.9·10⁻¹⁵ */
function powerText(v) {
  if (!(v > 0)) return "0";
  const [digits, power] = v.toExponential(1).split("e");
  return `${digits}·10${[...String(Number(power))].map((sign) => RAISED[sign]).join("")}`;
}

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { size, pictures, strides, parts, colours: paints, crf: hasCrf, all, void: voided } = lab.settings,
      [height, width] = size,
      pixels = height * width,
      classes = paints.length - 1,
      paintOf = (label) => paints[Math.min(label, classes)],
      nameOf = (label) => t(`class.${label}`),
      percentText = (share) => t("percent", { v: (100 * share).toFixed(1) }),
      field = strides[0].field,
      maps = Object.fromEntries(
        strides.map((of) => [
          of.stride,
          { ...of, rows: of.cells[0], cols: of.cells[1], values: new Float32Array(bytesOf(`scores${of.stride}`).buffer) },
        ]),
      ),
      first = maps[strides[0].stride];

    function bytesOf(name) {
      const [from, length] = parts[name];
      return lab.data.slice(from, from + length);
    }

    const pictureOf = (state) => clamp(Number(state.picture), 1, pictures) - 1,
      withCrf = (state) => hasCrf && state.crf,
      mapOf = (state) => maps[state.stride];

    // ---------------------------------------------------------------- what is known of a picture, once
    const known = {};
    const once = (key, make) => (key in known ? known[key] : (known[key] = make()));

    function canvasOf(colourAt) {
      const out = new Uint8ClampedArray(4 * pixels).fill(255);
      for (let i = 0; i < pixels; i += 1) out.set(colourAt(i), 4 * i);
      const canvas = element("canvas", { width, height });
      canvas.getContext("2d").putImageData(new ImageData(out, width, height), 0, 0);
      return canvas;
    }
    const part = (name, picture) =>
      once(`${name} ${picture}`, () => {
        const bytes = once(name, () => bytesOf(name)),
          each = bytes.length / pictures;
        return bytes.subarray(picture * each, (picture + 1) * each);
      });
    const photo = (picture) =>
      once(`photo ${picture}`, () => {
        const rgb = part("images", picture);
        return canvasOf((i) => rgb.subarray(3 * i, 3 * i + 3));
      });
    const paintsRgb = paints.map(toRgb);
    const painted = (labels) => canvasOf((i) => paintsRgb[Math.min(labels[i], classes)]);
    const truth = (picture) => once(`truth canvas ${picture}`, () => painted(part("truth", picture)));
    const scoresOf = ({ values }, picture) => {
      const each = values.length / pictures;
      return values.subarray(picture * each, (picture + 1) * each);
    };
    const labelsOf = (map, picture, crf) =>
      once(`labels ${map.stride} ${picture} ${crf}`, () =>
        crf ? part(`crf${map.stride}`, picture) : enlargedLabels(scoresOf(map, picture), map, height, width),
      );
    const predicted = (map, picture, crf) =>
      once(`canvas ${map.stride} ${picture} ${crf}`, () => painted(labelsOf(map, picture, crf)));
    /** Where the truth changes from pixel to pixel: a path in pixels. Void is nothing one could have predicted, but it has an outline. */
    const outline = (picture) =>
      once(`outline ${picture}`, () => {
        const labels = part("truth", picture),
          path = new Path2D();
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
      });
    const bestCells = (map, picture) =>
      once(`best ${map.stride} ${picture}`, () =>
        Array.from({ length: map.rows * map.cols }, (_, i) => {
          const scores = scoresOf(map, picture);
          return bestOf(Array.from({ length: classes }, (_, k) => scores[k * map.rows * map.cols + i]));
        }),
      );

    // ---------------------------------------------------------------- the cell pointed at
    let hovered = null, // shown, and gone when the pointer goes
      spot = null; // where the reader last pointed, in pixels: a coarser map and back again find the same cell

    function standing(state) {
      const { rows, cols } = mapOf(state),
        cell = hovered || state.cell;
      return cell ? [Math.min(cell[0], rows - 1), Math.min(cell[1], cols - 1)] : [Math.floor(rows / 2), Math.floor(cols / 2)];
    }

    function setStride(stride) {
      hovered = null;
      const { state } = lab,
        here = standing(state),
        kept = spot && nearestCell(mapOf(state), spot).join() === here.join() ? spot : placeOf(mapOf(state), here);
      spot = kept;
      lab.change({ stride, cell: state.cell ? nearestCell(maps[stride], kept) : null });
    }

    // ---------------------------------------------------------------- the picture's parts
    const stage = lab.stage();
    const cells = stage.image({
      name: "cells",
      label: t("cells"),
      point(r, c, { pinned }) {
        if (pinned) {
          hovered = null;
          const now = standing(lab.state);
          if (!lab.state.cell || now[0] !== r || now[1] !== c) {
            spot = placeOf(mapOf(lab.state), [r, c]);
            lab.change({ cell: [r, c] });
          }
        } else if (!hovered || hovered[0] !== r || hovered[1] !== c) {
          hovered = [r, c];
          lab.fresh = true;
          lab.redraw();
        }
      },
    });
    // One points at a cell on the picture, on the prediction or on the truth: a drag goes on in the one where it began.
    const panels = ["cells", "prediction", "truth"];
    let panel = "cells";
    cells.hit = (x, y) => {
      const { places } = cells;
      const name = places && panels.find((key) => x >= places[key].x && y >= places[key].y && x < places[key].x + places[key].width && y < places[key].y + places[key].height);
      if (!name) return null;
      if (name !== panel) {
        panel = name;
        lay();
      }
      const p = places[name];
      return nearestCell(mapOf(lab.state), [(y - p.y) / p.scale - 0.5, (x - p.x) / p.scale - 0.5]);
    };
    /** Where the cells lie on the panel in hand, for the pointer and the keys. */
    function lay() {
      const map = mapOf(lab.state),
        p = cells.places[panel],
        step = map.scale * p.scale;
      cells.shown = {
        x: p.x + (map.shift + 0.5 - map.scale / 2) * p.scale,
        y: p.y + (map.shift + 0.5 - map.scale / 2) * p.scale,
        cellWidth: step,
        cellHeight: step,
        rows: map.rows,
        cols: map.cols,
        value: (r, c) => bestCells(map, pictureOf(lab.state))[r * map.cols + c],
        text: (r, c) => nameOf(bestCells(map, pictureOf(lab.state))[r * map.cols + c]),
        describe: (r, c) =>
          t("describe", {
            y: r,
            x: c,
            kind: t(isOld(first, map, [r, c]) ? "old" : "new"),
            name: nameOf(bestCells(map, pictureOf(lab.state))[r * map.cols + c]),
          }),
      };
    }
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.fresh = true;
      lab.redraw();
    };
    lab.hint(t("hint"));
    const sum = lab.formula();

    // ---------------------------------------------------------------- the table: what changes, what stays
    const head = strides.map(({ stride }) => element("th", { scope: "col", text: String(stride) }));
    const rowNames = ["rowCells", "rowOld", "rowField", "rowCost", "rowBoundary", "rowBoundaryAll", "rowMiou", "rowMiouAll"];
    const rows = rowNames.map((name) => ({
      name,
      label: element("th", { scope: "row", class: name.endsWith("All") ? "sc-under" : null }),
      numbers: strides.map(() => element("td", {})),
    }));
    const table = element(
      "table",
      { class: "sc-table sc-strides", "aria-label": t("results") },
      element("thead", {}, element("tr", {}, element("th", { scope: "col", text: t("rowStride") }), ...head)),
      element("tbody", {}, ...rows.map(({ label, numbers }) => element("tr", {}, label, ...numbers))),
    );

    function written(name, of, state) {
      const scores = of.scores[withCrf(state) ? "crf" : "plain"],
        [h, w] = of.cells;
      if (name === "rowCells") return String(h * w);
      if (name === "rowOld") return of.stride === first.stride ? "–" : powerText(of.old);
      if (name === "rowField") return of.field.join("×");
      if (name === "rowCost")
        return of.stride === first.stride
          ? t("cost", { n: lab.language === "ko" ? numberText(of.multiply_adds / 1e8, 1) : numberText(of.multiply_adds / 1e6, 0) })
          : t("times", { n: (of.multiply_adds / first.multiply_adds).toFixed(1) });
      const key = name.startsWith("rowBoundary") ? "boundary_iou" : "miou";
      return percentText((name.endsWith("All") ? scores.all : scores.shown[pictureOf(state)])[key]);
    }
    const write = (node, text) => {
      if (node.textContent !== text) node.textContent = text;
    };
    let tableShows = "";
    lab.keep(table, () => {
      const { state } = lab,
        key = `${state.stride} ${withCrf(state)} ${pictureOf(state)}`;
      if (key === tableShows) return;
      tableShows = key;
      strides.forEach(({ stride }, n) => head[n].classList.toggle("sc-now", String(stride) === state.stride));
      for (const { name, label, numbers } of rows) {
        write(label, name.endsWith("All") ? t("rowAll", { n: all }) : t(name, { crf: withCrf(state) ? t("withCrf") : "" }));
        strides.forEach((of, n) => {
          write(numbers[n], written(name, of, state));
          numbers[n].classList.toggle("sc-now", String(of.stride) === state.stride);
        });
      }
    });

    // ---------------------------------------------------------------- controls
    lab.controls(
      lab.choice({
        field: "stride",
        label: t("stride"),
        options: strides.map(({ stride }) => [String(stride), String(stride)]),
        set: setStride,
      }),
      hasCrf ? lab.toggle({ field: "crf", label: t("crf") }) : "",
      pictures > 1
        ? lab.choice({
            field: "picture",
            label: t("picture"),
            options: Array.from({ length: pictures }, (_, n) => [String(n + 1), String(n + 1)]),
            get: () => String(pictureOf(lab.state) + 1),
          })
        : "",
    );
    const tried = (state) => () => {
      hovered = null;
      spot = null;
      lab.change(state);
    };
    const [s32, , s8] = strides.map(({ stride }) => String(stride));
    lab.tryThis([
      { text: t("try1", { n: first.rows * first.cols }), press: tried({ stride: s32, crf: false, cell: null }) },
      { text: t("try2"), press: tried({ stride: s8, crf: false, cell: nearestCell(maps[s8], placeOf(first, [Math.floor(first.rows / 2), Math.floor(first.cols / 2)])) }) },
      ...(hasCrf
        ? [
            { text: t("try3"), press: tried({ stride: s8, crf: false, cell: null }) },
            { text: t("try4", { n: first.rows * first.cols }), press: tried({ stride: s32, crf: true, cell: null, picture: String(Math.min(2, pictures)) }) },
          ]
        : []),
    ]);
    lab.tryNode = element("div", {}, table, lab.tryNode); // under the controls that move it

    // ---------------------------------------------------------------- new cells grow in when the stride changes
    let grown = 1,
      lastStride = lab.state.stride,
      from = first;
    lab.onChange((state) => {
      if (state.stride === lastStride) return;
      from = maps[lastStride];
      lastStride = state.stride;
      if (lab.reducedMotion) return;
      grown = 0;
      lab.animate(280, (share) => {
        grown = share;
      });
    });
    const sideOf = ({ scale }, p) => Math.max(Math.min(0.62 * scale * p.scale, 24), 5);

    function drawCells(pen, p, state, map, picture) {
      const { ctx } = pen,
        best = bestCells(map, picture),
        side = sideOf(map, p),
        before = sideOf(from, p),
        dense = map.scale * p.scale < 22;
      for (let r = 0; r < map.rows; r += 1)
        for (let c = 0; c < map.cols; c += 1) {
          const there = isOld(from, map, [r, c]),
            old = isOld(first, map, [r, c]),
            s = grown === 1 ? side : there ? before + (side - before) * grown : side * grown,
            [y, x] = placeOf(map, [r, c]).map((v, n) => (n ? p.x : p.y) + (v + 0.5) * p.scale);
          if (s < 1) continue;
          ctx.fillStyle = "#ffffff";
          const rim = old ? (dense ? 2.6 : 4) : 1;
          ctx.fillRect(x - s / 2 - rim, y - s / 2 - rim, s + 2 * rim, s + 2 * rim);
          if (old) {
            ctx.fillStyle = LINE;
            const frame = rim - 1;
            ctx.fillRect(x - s / 2 - frame, y - s / 2 - frame, s + 2 * frame, s + 2 * frame);
          }
          ctx.fillStyle = paintOf(best[r * map.cols + c]);
          ctx.fillRect(x - s / 2, y - s / 2, s, s);
        }
    }

    function drawMap(pen, p, canvas, title) {
      pen.ctx.imageSmoothingEnabled = false;
      pen.ctx.drawImage(canvas, p.x, p.y, p.width, p.height);
      pen.text(title, p.x, p.y - 12, { weight: 600, most: p.width });
      pen.box(p.x - 0.5, p.y - 0.5, p.width + 1, p.height + 1, { role: "muted", width: 1 });
    }

    function drawOutline(pen, p, picture) {
      const { ctx } = pen;
      ctx.save();
      ctx.translate(p.x, p.y);
      ctx.scale(p.scale, p.scale);
      ctx.lineCap = "square";
      for (const [colour, wide] of [
        ["rgba(255, 255, 255, 0.75)", 2.6],
        [LINE, 1.2],
      ]) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = wide / p.scale;
        ctx.stroke(outline(picture));
      }
      ctx.restore();
    }

    function ring(pen, p, [y, x], side) {
      const at = [p.x + (x + 0.5) * p.scale - side / 2, p.y + (y + 0.5) * p.scale - side / 2, side, side];
      pen.box(...at, { role: "#ffffff", width: 5 });
      pen.box(...at, { role: lab.colours.dark ? LINE : "ink", width: 2.5 });
    }

    /** The picture small, amid all that any cell sees, and the box of this one. */
    function drawField(pen, p, place, picture, map) {
      const { ctx } = pen,
        [fh, fw] = map.field,
        [y0, x0] = [first.shift - (fh - 1) / 2, first.shift - (fw - 1) / 2],
        tall = first.scale * (first.rows - 1) + fh,
        wide = first.scale * (first.cols - 1) + fw,
        scale = Math.min(p.width / wide, p.height / tall),
        at = (y, x) => [p.x + (x - x0) * scale, p.y + (y - y0) * scale],
        [bx, by] = at(place[0] - (fh - 1) / 2, place[1] - (fw - 1) / 2),
        [px, py] = at(0, 0);
      pen.text(t("fieldTitle", { h: fh, w: fw }), p.x, p.y - 12, { weight: 600, role: "input", most: p.width });
      pen.hatch(bx, by, fw * scale, fh * scale, { role: "faint", gap: 7 });
      ctx.imageSmoothingEnabled = true;
      ctx.drawImage(photo(picture), px, py, width * scale, height * scale);
      pen.box(px, py, width * scale, height * scale, { role: "muted", width: 1 });
      pen.box(bx, by, fw * scale, fh * scale, { role: "paper", width: 4.5 });
      pen.box(bx, by, fw * scale, fh * scale, { role: "input", width: 2.5 });
      const [mx, my] = at(place[0] + 0.5, place[1] + 0.5);
      pen.box(mx - 4, my - 4, 8, 8, { role: "#ffffff", fill: LINE, width: 1.5 });
    }

    /** The scores of the cell, class by class; at each a mark for what the coarse map says there. */
    function drawScores(pen, p, state, cell, scores, marks) {
      const { ctx } = pen,
        low = Math.min(0, ...scores, ...marks),
        high = Math.max(1, ...scores, ...marks),
        labelWide = 18 + Math.max(...Array.from({ length: classes }, (_, k) => pen.measure(nameOf(k)))),
        room = p.width - labelWide - 50,
        zero = p.x + labelWide + 6 + (-low / (high - low)) * room,
        unit = room / (high - low),
        best = bestOf(scores);
      pen.text(t("scoresTitle", { y: cell[0], x: cell[1] }), p.x, p.y - 12, { weight: 600, most: p.width });
      scores.forEach((v, k) => {
        const y = p.y + (k + 0.5) * ROW,
          bold = k === best ? 600 : 400;
        pen.box(p.x + 0.5, y - 5.5, 11, 11, { fill: paintOf(k), role: "muted", width: 1 });
        pen.text(nameOf(k), p.x + 18, y, { weight: bold });
        ctx.fillStyle = k === best ? lab.colours.ink : lab.colours.muted;
        ctx.fillRect(Math.min(zero, zero + v * unit), y - 5, Math.max(Math.abs(v * unit), 0.5), 10);
        const mark = zero + marks[k] * unit;
        ctx.fillStyle = lab.colours.paper;
        ctx.fillRect(mark - 2.5, y - 8, 5, 16);
        ctx.fillStyle = lab.colours.kernel;
        ctx.fillRect(mark - 1.25, y - 8, 2.5, 16);
        pen.text(scoreText(v), p.x + p.width, y, { align: "right", weight: bold });
      });
      pen.line(
        [
          [zero, p.y],
          [zero, p.y + classes * ROW],
        ],
        { role: "faint", width: 1 },
      );
      const old = isOld(first, mapOf(state), cell);
      pen.text(t(old ? "old" : "new"), p.x, p.y + classes * ROW + 12, { role: "muted" });
      pen.text(t(old ? "markOld" : "markNew"), p.x + p.width, p.y + classes * ROW + 12, { role: "kernel", align: "right", most: p.width - 64 });
    }

    return {
      compute(state) {
        const map = mapOf(state),
          picture = pictureOf(state),
          crf = withCrf(state),
          cell = standing(state),
          place = placeOf(map, cell),
          own = scoresOf(map, picture),
          many = map.rows * map.cols,
          scores = Array.from({ length: classes }, (_, k) => own[k * many + cell[0] * map.cols + cell[1]]),
          step = first.scale / map.scale,
          [h, w] = first.cells,
          regular = step > 1 && (h - 1) * step + 1 === map.rows && (w - 1) * step + 1 === map.cols,
          old = h * w;
        const parts = [[t("formulaCells"), "muted"]];
        if (regular) parts.push([`((${h} − 1)·${step} + 1)`, ""], [" × ", ""], [`((${w} − 1)·${step} + 1)`, ""], [" = ", ""]);
        parts.push([`${map.rows} × ${map.cols}`, ""], [" = ", ""], [String(many), "ink"]);
        if (regular) parts.push([" = ", ""], [t("formulaOld", { n: old }), "ink"], [" + ", ""], [t("formulaNew", { n: many - old }), "output"]);
        sum.set(parts);
        return { map, picture, crf, cell, place, scores, marks: scoresAt(scoresOf(first, picture), first, place), labels: labelsOf(map, picture, crf), old, many };
      },

      layout(wide) {
        const top = 26,
          list = classes * ROW + 24;
        const panelAt = (x, y, w) => ({ x, y, width: w, height: (w * height) / width, scale: w / width });
        if (wide < 600) {
          const w = wide - 2,
            one = panelAt(1, top, w),
            two = panelAt(1, one.y + one.height + 34, w),
            little = (w - 16) / 2,
            y = two.y + two.height + 34,
            tall = Math.max((little * height) / width, 0.89 * little);
          return {
            cells: one,
            prediction: two,
            truth: panelAt(1, y, little),
            field: { x: 1 + little + 16, y, width: little, height: tall },
            scores: { x: 1, y: y + tall + 34, width: w },
            height: y + tall + 34 + list,
          };
        }
        const w = (wide - 20) / 2,
          one = panelAt(1, top, w),
          y = top + one.height + 36,
          little = Math.round(wide * 0.3);
        return {
          cells: one,
          prediction: panelAt(wide - 1 - w, top, w),
          truth: panelAt(1, y, little),
          field: { x: little + 22, y, width: wide * 0.29, height: list - 24 },
          scores: { x: little + 22 + wide * 0.29 + 20, y, width: wide - 1 - (little + 42 + wide * 0.29) },
          height: y + list,
        };
      },

      draw(pen, places) {
        const { state, result } = lab,
          { map, picture, crf, cell, place } = result,
          s = map.scale;
        cells.places = places;
        drawMap(pen, places.cells, photo(picture), t("cellsTitle", { h: map.rows, w: map.cols }));
        drawCells(pen, places.cells, state, map, picture);
        drawMap(pen, places.prediction, predicted(map, picture, crf), t(crf ? "crfTitle" : "predictionTitle", { s }));
        drawOutline(pen, places.prediction, picture);
        drawMap(pen, places.truth, truth(picture), t("truth"));
        const side = sideOf(map, places.cells) + 8;
        ring(pen, places.cells, place, side);
        ring(pen, places.prediction, place, 12);
        ring(pen, places.truth, place, 12);
        drawField(pen, places.field, place, picture, map);
        drawScores(pen, places.scores, state, cell, result.scores, result.marks);
        cells.at = cell.slice();
        lay();
      },

      line() {
        const { map, picture, crf, cell, scores, old, many } = lab.result,
          figures = (name) => map.scores[name].shown[picture],
          now = figures(crf ? "crf" : "plain"),
          first_ = map.stride === first.stride,
          [fh, fw] = field,
          of = { s: map.stride, h: map.rows, w: map.cols, n: many, old, new: many - old, cost: (map.multiply_adds / first.multiply_adds).toFixed(1) },
          words = [t(first_ ? "lineFirst" : "lineDense", of)];
        words.push(t(isOld(first, map, cell) ? "lineOld" : "lineNew", { y: cell[0], x: cell[1], name: nameOf(bestOf(scores)), fh, fw }));
        if (!crf) words.push(t("lineScores", { b: percentText(now.boundary_iou), m: percentText(now.miou) }));
        else {
          const before = figures("plain");
          words.push(
            t("lineCrf", { b0: percentText(before.boundary_iou), b: percentText(now.boundary_iou), m0: percentText(before.miou), m: percentText(now.miou) }),
          );
        }
        return words.join(" ");
      },

      reset() {
        hovered = null;
        spot = null;
      },
    };
  }),
};

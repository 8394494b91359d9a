/* Build a receptive field. The arithmetic comes first; it is held to torch's gradients, to segcourse.ops.receptive_field and to a formula of
   its own by tests/labs/test_receptive_field.py. Both axes of a picture are alike, so everything is computed along one. A layer is
   { kernel, stride, dilation, padding, kind: "conv" | "pool" | "up", weights }, as Python's LAYERS hands it over. */

/** The maps from the picture (first) to the output (last): { extent, start, jump }. The middle of cell i lies `start + jump * i` pixels
    from the picture's edge. */
function chain(layers, size) {
  const maps = [{ extent: size, start: 0.5, jump: 1 }];
  for (const { kernel, stride, dilation, padding, kind } of layers) {
    const { extent, start, jump } = maps[maps.length - 1];
    if (kind === "up") {
      const middle = (padding - (kernel - 1) / 2) / stride;
      maps.push({ extent: (extent - 1) * stride - 2 * padding + kernel, start: start + jump * middle, jump: jump / stride });
      continue;
    }
    const room = (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride;
    maps.push({
      extent: (kind === "pool" ? Math.ceil(room) : Math.floor(room)) + 1, // pooling rounds up, as Caffe does
      start: start + jump * ((dilation * (kernel - 1)) / 2 - padding),
      jump: jump * stride,
    });
  }
  return maps;
}

/** The first and the last cell of every map that output `place` sees: [[low, high], ...] from the picture to the output, signed, as if
    every map went on for ever. */
function spans(layers, place) {
  let low = place,
    high = place;
  const seen = [[low, high]];
  for (let l = layers.length - 1; l >= 0; l -= 1) {
    const { kernel, stride, dilation, padding, kind } = layers[l];
    if (kind === "up") {
      low = Math.ceil((low + padding - kernel + 1) / stride);
      high = Math.floor((high + padding) / stride);
    } else {
      low = low * stride - padding;
      high = high * stride - padding + dilation * (kernel - 1);
    }
    seen.unshift([low, high]);
  }
  return seen;
}

/** How many pixels each layer adds to what output `place` sees, first layer first: with 1 for the output itself they make the field.
    For a convolution or a pooling it is (kernel - 1) * dilation * jump before it; for a transposed convolution it depends on the place. */
function gains(layers, maps, place) {
  const wide = spans(layers, place).map(([low, high], l) => (high - low) * maps[l].jump);
  return layers.map((_, l) => wide[l] - wide[l + 1]);
}

/** How many paths lead from each pixel to output `place`, every weight 1: { first, counts }. What would be padding ends a path. */
function countPaths(layers, maps, place) {
  let first = place,
    counts = Float64Array.of(1);
  const seen = spans(layers, place);
  for (let l = layers.length - 1; l >= 0; l -= 1) {
    const { kernel, stride, dilation, padding, kind } = layers[l],
      low = Math.max(0, seen[l][0]),
      high = Math.min(maps[l].extent - 1, seen[l][1]),
      before = new Float64Array(Math.max(0, high - low + 1));
    for (let i = 0; i < counts.length; i += 1) {
      if (!counts[i]) continue;
      for (let tap = 0; tap < kernel; tap += 1) {
        let at = (first + i) * stride - padding + dilation * tap;
        if (kind === "up") {
          at = (first + i + padding - tap) / stride;
          if (!Number.isInteger(at)) continue;
        }
        if (at >= low && at <= high) before[at - low] += counts[i];
      }
    }
    first = low;
    counts = before;
  }
  return { first, counts };
}

/** The smallest and the largest field after every layer, [[1, 1], ...] from the picture on. They differ where it depends on the place. */
function fieldSizes(layers) {
  const sizes = [[1, 1]];
  let period = 1;
  for (let l = 1; l <= layers.length; l += 1) {
    if (layers[l - 1].kind === "up") period *= layers[l - 1].stride;
    const below = layers.slice(0, l);
    let least = Infinity,
      most = 0;
    for (let place = 0; place < period; place += 1) {
      const [low, high] = spans(below, place)[0];
      least = Math.min(least, high - low + 1);
      most = Math.max(most, high - low + 1);
    }
    sizes.push([least, most]);
  }
  return sizes;
}

/** The smallest box around the middle of the field, cut alike on all sides, that holds `share` of the paths: how many pixels to cut. */
function cutTo(share, down, across) {
  // down and across are the counts along the whole field, with zeros where it leaves the picture.
  const kept = (counts, cut) => {
    let sum = 0;
    for (let i = cut; i < counts.length - cut; i += 1) sum += counts[i];
    return sum;
  };
  const all = kept(down, 0) * kept(across, 0),
    most = Math.min(down.length, across.length) / 2;
  let cut = 0;
  while (cut + 1 < most && kept(down, cut + 1) * kept(across, cut + 1) >= share * all) cut += 1;
  return cut;
}

/** The output whose middle is nearest to a place in the picture (in pixels from its edge). */
const nearestOutput = (maps, at) => {
  const { extent, start, jump } = maps[maps.length - 1];
  return clamp(Math.round((at - start) / jump), 0, extent - 1);
};

/** 4, or 1/4 after two transposed convolutions. */
const jumpText = (jump) => (jump < 1 ? `1/${1 / jump}` : String(jump));

export { chain, spans, gains, countPaths, fieldSizes, cutTo, nearestOutput, jumpText, readState, writeState };

const HATCH = 7; // px between the lines where there is no photo
const SHARE = 0.95; // of the paths, in the inner box
const HEADS = ["kernel", "stride", "dilation", "adds", "field", "jump", "weights"];
const WIDE_ONLY = ["kernel", "stride", "dilation", "adds", "weights"]; // columns a phone leaves out: names, formula and line say the same

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { layers: kinds, photos, presets, most } = lab.settings,
      names = Object.keys(kinds);

    // ---------------------------------------------------------------- the photo at its three sizes
    const canvases = {};

    function photoCanvas(name) {
      if (!canvases[name]) {
        let from = 0;
        for (const [other, [h, w]] of Object.entries(photos)) {
          if (other === name) break;
          from += 3 * h * w;
        }
        const [h, w] = photos[name],
          pixels = new Uint8ClampedArray(4 * h * w).fill(255);
        for (let i = 0; i < h * w; i += 1) pixels.set(lab.data.subarray(from + 3 * i, from + 3 * i + 3), 4 * i);
        canvases[name] = element("canvas", { width: w, height: h });
        canvases[name].getContext("2d").putImageData(new ImageData(pixels, w, h), 0, 0);
      }
      return canvases[name];
    }

    // ---------------------------------------------------------------- what the stack is, once for each stack and photo
    const known = {};

    function built(state) {
      const key = `${state.stack} ${state.photo}`;
      if (known.key !== key) {
        const stack = state.stack.split(","),
          layers = stack.map((name) => kinds[name]),
          axes = photos[state.photo].map((size) => chain(layers, size));
        Object.assign(known, { key, stack, layers, axes, sizes: fieldSizes(layers), upwards: layers.some(({ kind }) => kind === "up") });
      }
      return known;
    }

    const extentsOf = ({ axes }) => axes.map((maps) => maps[maps.length - 1].extent);
    let hovered = null; // the output under the pointer: shown, and gone when the pointer goes

    /** The output shown: the one under the pointer, the one kept, or the one in the middle. */
    function standing(state) {
      const extents = extentsOf(built(state)),
        cell = hovered || state.cell;
      return extents.map((extent, n) => (cell ? clamp(cell[n], 0, extent - 1) : Math.floor(extent / 2)));
    }

    /** A new stack or photo; the output kept stays where it was on the photo, as near as the new outputs allow. */
    function rebuild(part) {
      hovered = null;
      const { cell } = lab.state;
      if (!cell) {
        lab.change(part);
        return;
      }
      const before = built(lab.state).axes.map((maps, n) => {
        const { start, jump } = maps[maps.length - 1];
        return (start + jump * standing(lab.state)[n]) / maps[0].extent;
      });
      const after = built({ ...lab.state, ...part }).axes;
      lab.change({ ...part, cell: after.map((maps, n) => nearestOutput(maps, before[n] * maps[0].extent)) });
    }

    const setStack = (stack) => rebuild({ stack: stack.join(",") });
    const stackNow = () => lab.state.stack.split(",");

    // ---------------------------------------------------------------- the picture's parts
    const stage = lab.stage();
    const output = stage.image({
      name: "output",
      role: "output",
      label: t("output"),
      point(r, c, { pinned }) {
        if (pinned) {
          hovered = null;
          const now = standing(lab.state);
          if (!lab.state.cell || now[0] !== r || now[1] !== c) lab.change({ cell: [r, c] });
        } else if (!hovered || hovered[0] !== r || hovered[1] !== c) {
          hovered = [r, c];
          lab.fresh = true;
          lab.redraw();
        }
      },
    });
    // Outputs are finer or coarser than pixels: any place on the photo belongs to the nearest.
    output.hit = (x, y) => {
      const p = output.photo;
      if (!output.shown || x < p.x || y < p.y || x >= p.x + p.width || y >= p.y + p.height) return null;
      const { axes } = built(lab.state);
      return [nearestOutput(axes[0], (y - p.y) / p.scale), nearestOutput(axes[1], (x - p.x) / p.scale)];
    };
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.fresh = true;
      lab.redraw();
    };
    lab.hint(t("hint"));
    const sums = [lab.formula(), lab.formula()];

    // ---------------------------------------------------------------- the stack as a table
    const press = (text, label, name, action) => {
      const node = element("button", {
        type: "button",
        class: "sc-button sc-small",
        text,
        title: label,
        "aria-label": label,
        "data-name": name,
        "data-lm-suppress-shortcuts": "true",
      });
      lab.listen(node, "click", action);
      return node;
    };

    /** Layer `from` becomes layer `to`; the button that did it goes along. */
    function moveLayer(from, to, which) {
      const stack = stackNow();
      if (to < 0 || to >= stack.length) return;
      stack.splice(to, 0, ...stack.splice(from, 1));
      setStack(stack);
      table.refresh(); // at once: the next key must find its button
      const wanted = rows[to][which];
      (wanted.disabled ? rows[to][which === "up" ? "down" : "up"] : wanted).focus();
    }

    function removeLayer(at) {
      const stack = stackNow();
      if (stack.length === 1) return;
      stack.splice(at, 1);
      setStack(stack);
      table.refresh();
      const row = rows[Math.min(at, stack.length - 1)];
      (row.remove.disabled ? row.pick : row.remove).focus();
    }

    const rows = Array.from({ length: most }, (_, n) => {
      const pick = element(
        "select",
        { "aria-label": t("layerN", { n: n + 1 }), "data-layer": n, "data-lm-suppress-shortcuts": "true" },
        ...names.map((name) => element("option", { value: name, text: t(name) })),
      );
      lab.listen(pick, "change", () => setStack(stackNow().map((name, at) => (at === n ? pick.value : name))));
      const numbers = HEADS.map((key) => element("td", { class: WIDE_ONLY.includes(key) ? "sc-wide" : null }));
      const up = press("↑", t("up", { n: n + 1 }), `up${n}`, () => moveLayer(n, n - 1, "up")),
        down = press("↓", t("down", { n: n + 1 }), `down${n}`, () => moveLayer(n, n + 1, "down")),
        remove = press("×", t("remove", { n: n + 1 }), `remove${n}`, () => removeLayer(n));
      const node = element(
        "tr",
        {},
        element("th", { scope: "row" }, element("span", { class: "sc-role-muted", text: `${n + 1} ` }), pick),
        ...numbers,
        element("td", { class: "sc-moves" }, up, down, remove),
      );
      return { node, pick, numbers, up, down, remove };
    });
    const table = element(
      "table",
      { class: "sc-table", "aria-label": t("stack") },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col", text: t("layer") }),
          ...HEADS.map((key) => element("th", { scope: "col", class: WIDE_ONLY.includes(key) ? "sc-wide" : null, text: t(key) })),
          element("td", {}),
        ),
      ),
      element("tbody", {}, ...rows.map(({ node }) => node)),
    );
    let tableShows = "";
    lab.keep(table, () => {
      if (tableShows === lab.state.stack) return;
      tableShows = lab.state.stack;
      const { stack, layers, axes, sizes } = built(lab.state);
      rows.forEach(({ node, pick, numbers, up, down, remove }, n) => {
        node.hidden = n >= stack.length;
        for (const control of [pick, up, down, remove]) control.hidden = node.hidden;
        if (node.hidden) return;
        const { kernel, stride, dilation, kind, weights } = layers[n],
          [least, largest] = sizes[n + 1],
          { jump } = axes[0][n],
          up2 = kind === "up",
          side = (low, high) => (low === high ? String(low) : `${low}–${high}`);
        pick.value = stack[n];
        const shown = [
          `${kernel}×${kernel}`,
          up2 ? `1/${stride}` : String(stride),
          String(dilation),
          up2 ? t("varies") : numberText((kernel - 1) * dilation * jump, 4),
          side(least, largest),
          jumpText(axes[0][n + 1].jump),
          String(weights),
        ];
        numbers.forEach((cell, i) => {
          if (cell.textContent !== shown[i]) cell.textContent = shown[i];
        });
        up.disabled = n === 0;
        down.disabled = n === stack.length - 1;
        remove.disabled = stack.length === 1;
      });
    });
    lab.controls(table);
    const adders = names.map((name) => {
      const node = lab.button({
        label: t(`short.${name}`),
        hint: t(name),
        name: `add-${name}`,
        enabled: () => stackNow().length < most,
        press: () => setStack([...stackNow(), name]),
      });
      node.setAttribute("aria-label", `${t("add")}: ${t(name)}`);
      return node;
    });
    lab.controls(lab.group(t("add"), ...adders));
    lab.controls(
      lab.group(
        t("presets"),
        ...Object.entries(presets).map(([name, stack]) =>
          lab.button({ label: t(name), name: `preset-${name}`, press: () => setStack(stack.split(",")) }),
        ),
      ),
    );
    lab.controls(
      lab.choice({ field: "view", label: t("view"), options: ["boxes", "paths"].map((key) => [key, t(key)]) }),
      lab.choice({
        field: "photo",
        label: t("photo"),
        options: Object.entries(photos).map(([name, [h, w]]) => [name, `${h}×${w}`]),
        get: () => lab.state.photo,
        set: (photo) => rebuild({ photo }),
      }),
    );
    const tried = (state) => () => {
      hovered = null;
      lab.change(state);
    };
    lab.tryThis([
      { text: t("try1"), press: tried({ stack: presets.two3, cell: null, view: "boxes", photo: "32x48" }) },
      { text: t("try2"), press: tried({ stack: presets.poolFirst, cell: null, view: "boxes", photo: "32x48" }) },
      { text: t("try3"), press: tried({ stack: presets.vgg, cell: [0, 0], view: "boxes", photo: "64x96" }) },
      { text: t("try4"), press: tried({ stack: presets.gridding, cell: null, view: "paths", photo: "32x48" }) },
    ]);

    // ---------------------------------------------------------------- the arithmetic of one output
    /** Along one axis: the field [low, high], the boxes after every layer, the paths, and how many pixels have any. */
    function seenAlong(layers, maps, place) {
      const cells = [place];
      for (let l = layers.length - 1; l > 0; l -= 1) {
        const [low, high] = spans([layers[l]], cells[0])[0];
        cells.unshift(Math.floor((low + high) / 2)); // the cell in the middle of what the next layer sees
      }
      const boxes = cells.map((cell, l) => spans(layers.slice(0, l + 1), cell)[0]),
        [low, high] = boxes[boxes.length - 1],
        { first, counts } = countPaths(layers, maps, place),
        whole = new Float64Array(high - low + 1);
      whole.set(counts, first - low);
      let touched = 0;
      for (const v of counts) touched += v ? 1 : 0;
      const size = maps[0].extent,
        inside = Math.max(0, Math.min(size - 1, high) - Math.max(0, low) + 1);
      return { low, high, size: high - low + 1, boxes, first, counts, whole, touched, inside, gains: gains(layers, maps, place) };
    }

    const heat = element("canvas", { width: 1, height: 1 }),
      heatPen = heat.getContext("2d", { willReadFrequently: true }),
      ramp = Array.from({ length: 256 }, (_, i) => toRgb(along(VIRIDIS, i / 255)));

    /** The product of the counts of both axes as colours; where no path begins it stays clear. */
    function paintHeat([down, across]) {
      const h = Math.max(1, down.counts.length),
        w = Math.max(1, across.counts.length),
        pixels = new Uint8ClampedArray(4 * h * w),
        largest = Math.max(...down.counts) * Math.max(...across.counts);
      for (let r = 0, to = 0; r < h; r += 1)
        for (let c = 0; c < w; c += 1, to += 4) {
          const v = (down.counts[r] || 0) * (across.counts[c] || 0);
          if (!v) continue;
          const colour = ramp[Math.round((255 * v) / largest)];
          pixels[to] = colour[0];
          pixels[to + 1] = colour[1];
          pixels[to + 2] = colour[2];
          pixels[to + 3] = 255;
        }
      heat.width = w;
      heat.height = h;
      heatPen.putImageData(new ImageData(pixels, w, h), 0, 0);
    }

    /** 1 + (3 − 1)·1 + (3 − 1)·2·1 + ... = 9, along one axis. */
    function sumOf(seen, layers, maps, head) {
      const parts = [
        [head ? `${t("theory")} (${head}) = ` : `${t("theory")} = `, "muted"],
        ["1", ""],
      ];
      layers.forEach(({ kernel, dilation, kind }, l) => {
        parts.push([" + ", ""]);
        if (kind === "up") parts.push([numberText(seen.gains[l], 4), "ink"]);
        else
          parts.push(
            [`(${kernel} − 1)`, "kernel"],
            [dilation > 1 ? `·${dilation}` : "", "kernel"],
            [maps[l].jump === 1 ? "" : `·${jumpText(maps[l].jump)}`, "ink"],
          );
      });
      parts.push([" = ", ""], [String(seen.size), "input"]);
      return parts;
    }

    return {
      compute(state) {
        const all = built(state),
          place = standing(state),
          seen = place.map((at, n) => seenAlong(all.layers, all.axes[n], at)),
          cut = cutTo(SHARE, seen[0].whole, seen[1].whole);
        if (state.view === "paths") paintHeat(seen);
        const alike = seen[0].gains.every((v, l) => v === seen[1].gains[l]);
        sums[0].set(sumOf(seen[0], all.layers, all.axes[0], alike ? "" : t("rows")));
        sums[1].hidden = alike;
        if (!alike) sums[1].set(sumOf(seen[1], all.layers, all.axes[1], t("columns")));
        return { all, place, seen, cut };
      },

      layout(width) {
        const [h, w] = photos[lab.state.photo],
          below = lab.state.view === "paths" ? 44 : 12,
          top = 26;
        if (width < 600) {
          const photoWidth = Math.min(width - 2, 420),
            scale = photoWidth / w,
            second = top + scale * h + 46,
            labels = 118;
          const side = Math.min(photoWidth - labels, 270);
          return {
            photo: { x: 1, y: top, width: photoWidth, height: scale * h, scale },
            zoom: { x: 1, y: second, side },
            labels: { x: 1 + side + 22, width: labels - 22 },
            height: second + side + below,
          };
        }
        const labels = 132,
          side = Math.min(252, Math.floor((width - labels - 24) * 0.43)),
          photoWidth = width - side - labels - 26,
          scale = photoWidth / w;
        return {
          photo: { x: 1, y: top, width: photoWidth, height: scale * h, scale },
          zoom: { x: photoWidth + 26, y: top, side },
          labels: { x: photoWidth + 26 + side + 26, width: labels - 28 },
          height: top + side + below,
        };
      },

      draw(pen, place) {
        const { state, result, colours } = lab,
          { all, place: cell, seen, cut } = result,
          { ctx } = pen,
          [down, across] = seen,
          [h, w] = photos[state.photo],
          p = place.photo,
          paths = state.view === "paths",
          inPaths = paths && cut > 0;
        const rimmed = (x, y, bw, bh, style) => {
          pen.box(x, y, bw, bh, { role: "paper", width: (style.width || 2) + 2.5 });
          pen.box(x, y, bw, bh, style);
        };

        // The photo, its outputs, and what this one sees.
        output.photo = p;
        ctx.imageSmoothingEnabled = false;
        ctx.drawImage(photoCanvas(state.photo), p.x, p.y, p.width, p.height);
        pen.text(t("photoTitle", { h, w }), p.x, p.y - 12, { size: 14, weight: 600, role: "input" });
        const last = all.axes.map((maps) => maps[maps.length - 1]),
          step = last[0].jump * p.scale,
          [rowsOut, colsOut] = extentsOf(all);
        pen.text(t("outputTitle", { h: rowsOut, w: colsOut }), p.x + p.width, p.y - 12, {
          size: 14,
          weight: 600,
          role: "output",
          align: "right",
        });
        ctx.save();
        ctx.beginPath();
        ctx.rect(p.x, p.y, p.width, p.height);
        ctx.clip();
        if (step >= 9) {
          // Where each output stands.
          for (const [radius, colour] of [
            [2, "#ffffff"],
            [1.2, "#1f8a4c"],
          ]) {
            ctx.fillStyle = colour;
            for (let r = 0; r < rowsOut; r += 1)
              for (let c = 0; c < colsOut; c += 1) {
                const x = p.x + (last[1].start + last[1].jump * c) * p.scale,
                  y = p.y + (last[0].start + last[0].jump * r) * p.scale;
                ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
              }
          }
        }
        const field = [p.x + across.low * p.scale, p.y + down.low * p.scale, across.size * p.scale, down.size * p.scale];
        if (paths)
          ctx.drawImage(
            heat,
            p.x + across.first * p.scale,
            p.y + down.first * p.scale,
            across.counts.length * p.scale,
            down.counts.length * p.scale,
          );
        rimmed(...field, { role: "input", width: 2.5 });
        ctx.restore();
        const middle = [p.y + (last[0].start + last[0].jump * cell[0]) * p.scale, p.x + (last[1].start + last[1].jump * cell[1]) * p.scale],
          mark = Math.max(7, Math.min(step, 16));
        rimmed(middle[1] - mark / 2, middle[0] - mark / 2, mark, mark, { role: "output", width: 2.5 });
        output.at = cell.slice();
        output.shown = {
          x: middle[1] - (cell[1] + 0.5) * step,
          y: middle[0] - (cell[0] + 0.5) * step,
          cellWidth: step,
          cellHeight: step,
          rows: rowsOut,
          cols: colsOut,
          value: () => 0,
          text: () => "",
          describe: (r, c) => {
            const boxes = [r, c].map((at) => spans(all.layers, at)[0]);
            return t("describe", {
              y: r,
              x: c,
              h: boxes[0][1] - boxes[0][0] + 1,
              w: boxes[1][1] - boxes[1][0] + 1,
              top: boxes[0][0],
              left: boxes[1][0],
            });
          },
        };

        // The field alone, as large as there is room: where it leaves the photo there is padding.
        const z = place.zoom,
          scale = z.side / Math.max(down.size, across.size),
          zx = z.x + (z.side - across.size * scale) / 2,
          zy = z.y + (z.side - down.size * scale) / 2,
          wide = across.size * scale,
          tall = down.size * scale,
          at = (x, y) => [zx + (x - across.low) * scale, zy + (y - down.low) * scale];
        pen.text(t("fieldTitle", { h: down.size, w: across.size }), z.x, z.y - 12, { size: 14, weight: 600, role: "input" });
        ctx.save();
        ctx.beginPath();
        ctx.rect(zx, zy, wide, tall);
        ctx.clip();
        pen.hatch(zx, zy, wide, tall, { role: "faint", gap: HATCH });
        const [px, py] = at(0, 0);
        ctx.imageSmoothingEnabled = false;
        ctx.drawImage(photoCanvas(state.photo), px, py, w * scale, h * scale);
        if (paths) {
          ctx.globalAlpha = 0.72;
          ctx.fillStyle = colours.paper;
          ctx.fillRect(px, py, w * scale, h * scale);
          ctx.globalAlpha = 1;
          const [hx, hy] = at(across.first, down.first);
          ctx.drawImage(heat, hx, hy, across.counts.length * scale, down.counts.length * scale);
        }
        if (scale >= 7) {
          ctx.strokeStyle = "rgba(255, 255, 255, 0.35)";
          ctx.lineWidth = 1;
          ctx.beginPath();
          for (let x = 1; x < across.size; x += 1) {
            ctx.moveTo(zx + x * scale, zy);
            ctx.lineTo(zx + x * scale, zy + tall);
          }
          for (let y = 1; y < down.size; y += 1) {
            ctx.moveTo(zx, zy + y * scale);
            ctx.lineTo(zx + wide, zy + y * scale);
          }
          ctx.stroke();
        }
        ctx.restore();

        // Its boxes, from the whole field inward, each with a line to its words.
        const boxes = [];
        if (paths) {
          boxes.push({ text: [t("theory"), `${down.size}×${across.size}`], role: "input", inset: 0 });
          if (inPaths)
            boxes.push({
              text: [t("most"), `${down.size - 2 * cut}×${across.size - 2 * cut}`],
              role: "kernel",
              inset: cut,
              dash: [6, 4],
            });
        } else
          for (let l = all.layers.length - 1; l >= 0; l -= 1) {
            const y = down.boxes[l],
              x = across.boxes[l],
              outermost = l === all.layers.length - 1;
            boxes.push({
              text: [t("layerN", { n: l + 1 }), `${y[1] - y[0] + 1}×${x[1] - x[0] + 1}`],
              role: outermost ? "input" : "kernel",
              y,
              x,
            });
          }
        const line = paths ? 40 : clamp(z.side / boxes.length, 18, 30);
        boxes.forEach(({ text, role, inset, y, x, dash }, n) => {
          const x1 = inset === undefined ? x[0] : across.low + inset,
            y1 = inset === undefined ? y[0] : down.low + inset,
            x2 = inset === undefined ? x[1] + 1 : across.high + 1 - inset,
            y2 = inset === undefined ? y[1] + 1 : down.high + 1 - inset;
          const [left, top] = at(x1, y1),
            [right, bottom] = at(x2, y2),
            labelY = z.y + 8 + n * line,
            way = [
              [right, top],
              [place.labels.x - 16, labelY],
              [place.labels.x - 4, labelY],
            ];
          rimmed(left, top, right - left, bottom - top, { role, width: n ? 1.8 : 2.5, dash });
          pen.line(way, { role: "paper", width: 3 });
          pen.line(way, { role, width: 1.2 });
          if (paths) {
            pen.text(text[0], place.labels.x, labelY, { role, weight: 600, most: place.labels.width });
            pen.text(text[1], place.labels.x, labelY + 18, { role, most: place.labels.width });
          } else pen.text(text.join(" "), place.labels.x, labelY, { role, weight: n ? 400 : 600, most: place.labels.width });
        });

        // What the colours of the paths mean.
        if (paths) {
          const y = z.y + z.side + 10,
            steps = 48;
          for (let i = 0; i < steps; i += 1) {
            ctx.fillStyle = lab.sequential(i / (steps - 1));
            ctx.fillRect(z.x + (i * z.side) / steps, y, z.side / steps + 0.5, 8);
          }
          pen.text(t("fewPaths"), z.x, y + 20, { role: "muted" });
          pen.text(t("manyPaths"), z.x + z.side, y + 20, { role: "muted", align: "right" });
        }
      },

      line() {
        const { all, place, seen, cut } = lab.result,
          [down, across] = seen,
          touched = down.touched * across.touched,
          whole = down.size * across.size,
          inside = down.inside * across.inside,
          parts = [
            t("lineSees", {
              y: place[0],
              x: place[1],
              h: down.size,
              w: across.size,
              top: down.low,
              bottom: down.high,
              left: across.low,
              right: across.high,
            }),
          ];
        const counts = { n: touched, all: whole, m: whole - inside, k: inside - touched };
        if (touched === whole) parts.push(t("lineAll", counts));
        else if (inside === whole) parts.push(t("lineHoles", counts));
        else parts.push(t(inside === touched ? "lineOutside" : "lineBoth", counts));
        if (lab.state.view === "paths" && cut > 0) parts.push(t("lineMost", { h: down.size - 2 * cut, w: across.size - 2 * cut }));
        if (all.upwards) {
          const other = seenNextDoor(all, place);
          if (other !== `${down.size}×${across.size}`) parts.push(t("lineDoor", { here: `${down.size}×${across.size}`, there: other }));
        }
        parts.push(t("lineWeights", { sum: all.layers.reduce((sum, { weights }) => sum + weights, 0) }));
        return parts.join(" ");
      },

      reset() {
        hovered = null;
      },
    };

    /** The field of an output beside this one, as "4×5". */
    function seenNextDoor(all, place) {
      const extents = extentsOf(all);
      return place
        .map((at, n) => {
          const [low, high] = spans(all.layers, at + 1 < extents[n] ? at + 1 : Math.max(0, at - 1))[0];
          return high - low + 1;
        })
        .join("×");
    }
  }),
};

/* One switch followed through the levels of a trained network. Python hands over, for each of five poolings, the map before it (numbers of 16 bits), its
   switches (0 to 3 in reading order of the window) and what comes back to its unpooling; which windows a pixel lies in, which switch points where and
   where five switches lead is found here. tests/labs/test_follow_switch.py holds it to segcourse.ops. */

/** Numbers of 16 bits (IEEE half precision) as Float32Array. */
function fromHalf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    out = new Float32Array(bytes.length / 2);
  for (let i = 0; i < out.length; i += 1) {
    const h = view.getUint16(2 * i, true),
      power = (h >> 10) & 31,
      part = h & 1023,
      value = power === 0 ? part * 2 ** -24 : power === 31 ? (part ? NaN : Infinity) : (1 + part / 1024) * 2 ** (power - 15);
    out[i] = h & 0x8000 ? -value : value;
  }
  return out;
}

/* A level: { channels, rows, cols, before, switches, back }. rows and cols are those of the map before the pooling; a pooled cell is half as far along. */

const placeIn = ({ rows, cols }, channel, r, c) => (channel * rows + r) * cols + c;
const pooledPlace = ({ rows, cols }, channel, r, c) => (channel * (rows / 2) + r) * (cols / 2) + c;

/** The four numbers of the window of a pooled cell, in reading order. */
const windowOf = (level, channel, [r, c]) => [0, 1, 2, 3].map((q) => level.before[placeIn(level, channel, 2 * r + (q >> 1), 2 * c + (q & 1))]);

/** The channel of n-th largest maximum (n from 1) at a pooled cell; of equals the first. */
function channelAt(level, [r, c], n) {
  const most = Array.from({ length: level.channels }, (_, k) => Math.max(...windowOf(level, k, [r, c])));
  return most.map((_, k) => k).sort((a, b) => most[b] - most[a] || a - b)[Math.min(n, level.channels) - 1];
}

/** Where a pixel stands at each level: its pooled cell, the channel looked at, the window's numbers, where the switch points, whether it points at the
    pixel's own quarter, and what comes back. `levels` from pool1 on. */
function follow(levels, [y, x], n) {
  return levels.map((level, i) => {
    const inside = [y >> i, x >> i],
      cell = [y >> (i + 1), x >> (i + 1)],
      channel = channelAt(level, cell, n),
      at = pooledPlace(level, channel, ...cell),
      points = level.switches[at],
      own = 2 * (inside[0] & 1) + (inside[1] & 1);
    return { cell, inside, channel, values: windowOf(level, channel, cell), points, own, wins: points === own, back: level.back[at] };
  });
}

/** Where the switches lead, down from a cell of the map before the pooling number `from` (from 1; the picture itself is number 1): one place a level,
    the last of them a pixel. At each level the channel of n-th largest maximum is asked. */
function lead(levels, from, cell, n) {
  const way = [cell];
  for (let i = from - 2; i >= 0; i -= 1) {
    const here = way[way.length - 1],
      level = levels[i],
      points = level.switches[pooledPlace(level, channelAt(level, here, n), ...here)];
    way.push([2 * here[0] + (points >> 1), 2 * here[1] + (points & 1)]);
  }
  return way;
}

export { fromHalf, windowOf, channelAt, follow, lead, readState, writeState };

const RIM = "#16202a",
  POINTS = ["↖", "↗", "↙", "↘"];

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { size, pictures, levels: shapes, parts, colours: paints, classes, most, code } = lab.settings,
      [height, width] = size,
      pixels = height * width,
      count = shapes.length,
      rgb = paints.map(toRgb),
      pictureOf = (state) => clamp(Number(state.picture), 1, pictures) - 1,
      nameOf = (label) => t(`class.${label}`),
      everyName = Array.from({ length: classes }, (_, label) => nameOf(label)),
      // Three figures at most: they have to fit a cell.
      short = (v) => (v === 0 ? "0" : v >= 99.95 ? v.toFixed(0) : v >= 0.05 ? v.toFixed(1) : "<0.1");

    const made = new Map();
    function once(key, make) {
      let found = made.get(key);
      if (found === undefined) {
        if (made.size > 160) made.clear();
        made.set(key, (found = make()));
      }
      return found;
    }
    const bytesOf = (name) => lab.data.subarray(parts[name][0], parts[name][0] + parts[name][1]),
      share = (name, n) => {
        const all = bytesOf(name),
          each = all.length / pictures;
        return all.subarray(n * each, (n + 1) * each);
      },
      read = {};
    /** The levels of a picture, pool1 first. */
    const levelsOf = (n) =>
      (read[n] =
        read[n] ||
        shapes.map(([channels, rows, cols], i) => ({
          channels,
          rows,
          cols,
          before: fromHalf(share(`before${i + 1}`, n)),
          switches: share(`switches${i + 1}`, n),
          back: fromHalf(share(`back${i + 1}`, n)),
        })));
    const photo = (n) => once(`photo ${n}`, () => ((bytes) => canvasOfPixels(width, height, (i) => bytes.subarray(3 * i, 3 * i + 3)))(share("images", n))),
      labelled = (n) => once(`labels ${n}`, () => ((labels) => canvasOfPixels(width, height, (i) => rgb[Math.min(labels[i], classes)]))(share("labels", n))),
      ramp = Array.from({ length: 256 }, (_, i) => toRgb(along(VIRIDIS, i / 255)));

    function heat(values, rows, cols) {
      let high = 1e-9;
      for (const v of values) high = Math.max(high, v);
      return canvasOfPixels(cols, rows, (i) => ramp[Math.round((255 * Math.max(values[i], 0)) / high)]);
    }
    /** The map of one channel before a pooling, and after the unpooling that mirrors it. */
    const before = (n, i, channel) =>
      once(`before ${n} ${i} ${channel}`, () => {
        const { rows, cols, before: all } = levelsOf(n)[i];
        return heat(all.subarray(channel * rows * cols, (channel + 1) * rows * cols), rows, cols);
      });
    const after = (n, i, channel) =>
      once(`after ${n} ${i} ${channel}`, () => {
        const level = levelsOf(n)[i],
          { rows, cols } = level,
          out = new Float32Array(rows * cols);
        for (let r = 0; r < rows / 2; r += 1)
          for (let c = 0; c < cols / 2; c += 1) {
            const at = pooledPlace(level, channel, r, c),
              points = level.switches[at];
            out[(2 * r + (points >> 1)) * cols + 2 * c + (points & 1)] = level.back[at];
          }
        return heat(out, rows, cols);
      });

    // ---------------------------------------------------------------- pointing
    let hovered = null;
    const kept = (state = lab.state) => [Math.min(state.pixel[0], height - 1), Math.min(state.pixel[1], width - 1)];
    function aim(pixel, pinned) {
      if (pinned) {
        hovered = null;
        if (kept().join() !== pixel.join()) lab.change({ pixel });
      } else if (!hovered || hovered.join() !== pixel.join()) {
        hovered = pixel;
        lab.fresh = true;
        lab.redraw();
      }
    }
    const stage = lab.stage(),
      maps = shapes.map((_, i) =>
        stage.image({
          name: `before${i + 1}`,
          label: t("before", { n: i + 1 }),
          point(r, c, { pinned }) {
            const way = lead(levelsOf(pictureOf(lab.state)), i + 1, [r, c], Number(lab.state.rank));
            aim(way[way.length - 1], pinned);
          },
        }),
      ),
      picture = stage.image({ name: "photo", label: t("photo"), point: (r, c, { pinned }) => aim([r, c], pinned) });
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.fresh = true;
      lab.redraw();
    };
    const formula = lab.formula();
    lab.hint(t("hint"));

    // ---------------------------------------------------------------- controls
    lab.controls(
      lab.button({
        label: t("descend"),
        name: "descend",
        press: () => {
          const { way } = lab.result;
          hovered = null;
          lab.change({ pixel: way[way.length - 1] });
        },
        enabled: () => !lab.result || lab.result.way[lab.result.way.length - 1].join() !== kept().join(),
      }),
      lab.slider({
        field: "rank",
        label: t("rank"),
        low: 1,
        high: most,
        get: () => Number(lab.state.rank),
        set: (v) => lab.change({ rank: String(v) }),
        show: (v) => t(v === 1 ? "strongest" : "nth", { n: v }),
      }),
      lab.choice({
        field: "picture",
        label: t("picture"),
        options: Array.from({ length: pictures }, (_, n) => [String(n + 1), String(n + 1)]),
        get: () => String(pictureOf(lab.state) + 1),
      }),
    );
    const initial = readState("", lab.fields),
      tried = (state) => () => {
        hovered = null;
        lab.change({ ...initial, ...state });
      };
    lab.tryThis([
      { text: t("try1"), press: tried({}) },
      { text: t("try2"), press: tried({ pixel: [initial.pixel[0], Math.min(initial.pixel[1] + 1, width - 1)] }) },
      { text: t("try3"), press: tried({ rank: "2" }) },
    ]);

    // ---------------------------------------------------------------- drawing
    function drawMap(pen, canvas, at, role) {
      pen.ctx.imageSmoothingEnabled = false;
      pen.ctx.drawImage(canvas, at.x, at.y, at.width, at.height);
      pen.box(at.x - 0.5, at.y - 0.5, at.width + 1, at.height + 1, { role, width: 1.5 });
    }
    /** A box around a window of a map with rows x cols cells, and one cell of it filled in. */
    function mark(pen, at, [rows, cols], [r, c], spread, role) {
      const w = at.width / cols,
        h = at.height / rows,
        grow = w * spread < 9 ? (9 - w * spread) / 2 : 0,
        spot = [at.x + c * w - grow, at.y + r * h - grow, w * spread + 2 * grow, h * spread + 2 * grow];
      pen.box(...spot, { role: "#ffffff", width: 4 });
      pen.box(...spot, { role, width: 2 });
    }

    /** A window of 2x2 cells with its numbers. */
    function drawWindow(pen, x, y, cell, numbers, role, chosen, own) {
      const top = Math.max(...numbers, 1e-9);
      numbers.forEach((v, q) => {
        const left = x + (q & 1) * cell,
          up = y + (q >> 1) * cell,
          colour = lab.tint(role, q === chosen ? 0.25 + (0.75 * v) / top : v > 0 ? (0.5 * v) / top : 0);
        pen.box(left, up, cell, cell, { role: "faint", width: 1, fill: colour });
        if (role === "output" && q !== chosen) pen.hatch(left, up, cell, cell, { role: "faint" });
        pen.text(short(v), left + cell / 2, up + cell / 2 + 1, { align: "center", weight: q === chosen ? 700 : 400, role: lightness(colour) > 0.48 ? RIM : "#ffffff" });
      });
      const spot = (q, inset) => [x + (q & 1) * cell + inset, y + (q >> 1) * cell + inset, cell - 2 * inset, cell - 2 * inset];
      pen.box(...spot(own, 3.5), { role: "muted", width: 1.2, dash: [3, 3] });
      pen.box(...spot(chosen, 0), { role, width: 2.5 });
    }

    /** The switch: a small window with the quarter it points at filled. */
    function drawSwitch(pen, x, y, side, points) {
      pen.box(x - side, y - side, 2 * side, 2 * side, { role: "kernel", width: 1.5, fill: "paper" });
      pen.ctx.fillStyle = lab.colours.kernel;
      pen.ctx.fillRect(x - side + (points & 1) * side, y - side + (points >> 1) * side, side, side);
      pen.line([[x, y - side], [x, y + side]], { role: "kernel", width: 1 });
      pen.line([[x - side, y], [x + side, y]], { role: "kernel", width: 1 });
    }

    return {
      compute(state) {
        const n = pictureOf(state),
          levels = levelsOf(n),
          pixel = hovered || kept(state),
          rank = Number(state.rank),
          steps = follow(levels, pixel, rank),
          // From the maximum in the pixel's window at the last pooling, down.
          top = steps[count - 1],
          start = [2 * top.cell[0] + (top.points >> 1), 2 * top.cell[1] + (top.points & 1)],
          way = lead(levels, count, start, rank),
          lost = steps.findIndex(({ wins }) => !wins),
          arrows = [top.points, ...way.slice(1).map(([r, c]) => 2 * (r & 1) + (c & 1))];
        const words = [[t("address"), "muted"]];
        arrows.forEach((q, i) => words.push([` ${t("level", { n: count - i })} `, "muted"], [POINTS[q], "kernel"]));
        const end = way[way.length - 1];
        words.push([" = ", ""], [t("pixel", { r: end[0] + 1, c: end[1] + 1 }), "ink"]);
        formula.set(words);
        return { n, levels, pixel, steps, way, lost: lost < 0 ? count : lost };
      },

      layout(wide) {
        const narrow = wide < 560,
          ratio = height / width,
          widths = (narrow ? [98, 88, 78, 68, 58] : [186, 164, 142, 120, 98]).slice(0, count),
          first = widths[0],
          cell = narrow ? 30 : 36,
          head = 24,
          rows = [];
        let y = head;
        const all = [first, ...widths];
        for (const w of all) {
          const tall = Math.max(w * ratio, 2 * cell),
            half = (tall - w * ratio) / 2;
          rows.push({
            left: { x: 1 + first - w, y: y + half, width: w, height: w * ratio },
            right: { x: wide - 1 - first, y: y + half, width: w, height: w * ratio },
            middle: y + tall / 2,
            top: y,
          });
          y += tall + (narrow ? 26 : 28);
        }
        return { rows, cell, narrow, centre: wide / 2, gap: narrow ? 17 : 52, bottom: y, legend: y + 44, height: y + 44 + stage.pen.legendHeight(everyName, wide - 2) };
      },

      draw(pen, place) {
        const { n, pixel, steps, lost } = lab.result,
          { rows, cell, centre, gap, narrow } = place,
          [first, ...others] = rows;
        // The picture and what the network says of it.
        drawMap(pen, photo(n), first.left, "input");
        drawMap(pen, labelled(n), first.right, "output");
        pen.text(t("photo"), first.left.x, first.left.y - 12, { role: "input", weight: 600 });
        pen.text(t("prediction"), first.right.x + first.right.width, first.right.y - 12, { role: "output", weight: 600, align: "right", most: narrow ? 150 : 220 });
        picture.at = pixel.slice();
        picture.shown = {
          x: first.left.x,
          y: first.left.y,
          cellWidth: first.left.width / width,
          cellHeight: first.left.height / height,
          rows: height,
          cols: width,
          value: () => 0,
          text: () => "",
          describe: (r, c) => nameOf(share("labels", n)[r * width + c]),
        };
        steps.forEach((step, i) => {
          const { left, right, middle } = others[i],
            level = lab.result.levels[i],
            grid = [level.rows, level.cols],
            corner = [2 * step.cell[0], 2 * step.cell[1]],
            xl = centre - gap - 2 * cell,
            xr = centre + gap,
            y = middle - cell;
          drawMap(pen, before(n, i, step.channel), left, "muted");
          drawMap(pen, after(n, i, step.channel), right, "muted");
          mark(pen, left, grid, corner, 2, RIM);
          mark(pen, right, grid, corner, 2, RIM);
          // From map to window, window to switch, switch to window.
          const far = i < lost ? "ink" : "faint";
          pen.line([[left.x + left.width + 2, middle], [xl - 3, middle]], { role: far, width: 1 });
          pen.line([[xr + 2 * cell + 3, middle], [right.x - 2, middle]], { role: far, width: 1 });
          pen.arrow(xl + 2 * cell + 2, middle, centre - (narrow ? 9 : 13), middle, { role: "kernel", head: 5 });
          pen.arrow(centre + (narrow ? 9 : 13), middle, xr - 2, middle, { role: "kernel", head: 5 });
          drawWindow(pen, xl, y, cell, step.values, "input", step.points, step.own);
          drawSwitch(pen, centre, middle, narrow ? 8 : 11, step.points);
          drawWindow(pen, xr, y, cell, [0, 1, 2, 3].map((q) => (q === step.points ? step.back : 0)), "output", step.points, step.own);
          const caption = t(narrow ? "levelShort" : "levelTitle", { n: i + 1, k: step.channel + 1, h: level.rows, w: level.cols });
          pen.text(caption, centre, y - 12, { align: "center", weight: 600, most: narrow ? 150 : 330 });
          if (!narrow) pen.text(t(step.wins ? "goesOn" : "stops"), centre, middle + 25, { align: "center", role: step.wins ? "good" : "bad", most: 2 * gap - 4 });
          else pen.text(step.wins ? "✓" : "✕", centre, middle + 19, { align: "center", role: step.wins ? "good" : "bad", weight: 700 });
          maps[i].at = step.inside.slice();
          maps[i].shown = {
            x: left.x,
            y: left.y,
            cellWidth: left.width / level.cols,
            cellHeight: left.height / level.rows,
            rows: level.rows,
            cols: level.cols,
            value: (r, c) => level.before[placeIn(level, step.channel, r, c)],
            text: (r, c) => short(level.before[placeIn(level, step.channel, r, c)]),
            describe: (r, c) => short(level.before[placeIn(level, step.channel, r, c)]),
          };
        });
        const spot = (at) => mark(pen, at, [height, width], pixel, 1, RIM);
        spot(first.left);
        spot(first.right);
        if (!narrow) {
          pen.text(t("encoder"), centre - gap - cell, first.middle + 30, { align: "center", role: "input", weight: 600 });
          pen.text(t("decoder"), centre + gap + cell, first.middle + 30, { align: "center", role: "output", weight: 600 });
          pen.text(t("switch"), centre, first.middle + 30, { align: "center", role: "kernel", weight: 600 });
          pen.text(t("legend1"), centre, first.middle - 34, { align: "center", role: "muted", most: 320 });
          pen.text(t("legend2"), centre, first.middle - 12, { align: "center", role: "muted", most: 320 });
        }
        // The code, under everything.
        const low = others[count - 1],
          y = place.bottom - 2,
          wide = narrow ? 210 : 300;
        pen.line([[low.left.x + low.left.width / 2, low.left.y + low.left.height + 3], [low.left.x + low.left.width / 2, y + 14], [centre - wide / 2 - 4, y + 14]], { role: "muted", width: 1.2 });
        pen.arrow(low.right.x + low.right.width / 2, y + 14, low.right.x + low.right.width / 2, low.right.y + low.right.height + 4, { role: "muted", width: 1.2 });
        pen.line([[centre + wide / 2 + 4, y + 14], [low.right.x + low.right.width / 2, y + 14]], { role: "muted", width: 1.2 });
        pen.box(centre - wide / 2, y, wide, 28, { role: "muted", width: 1, radius: 4, fill: "paper" });
        pen.text(t("code", { c: code[0], h: code[1], w: code[2] }), centre, y + 15, { align: "center", most: wide - 12 });
        const present = everyName.map((_, label) => label).filter((label) => share("labels", n).includes(label));
        pen.legend(
          present.map((label) => [paints[label], everyName[label]]),
          1,
          place.legend,
          pen.width - 2,
        );
      },

      line() {
        const { n, pixel, steps, lost, way } = lab.result,
          [r, c] = pixel,
          end = way[way.length - 1],
          words = { r: r + 1, c: c + 1, n: lost, m: lost + 1 },
          said = [t(lost === count ? "lineAll" : lost === 0 ? "lineNone" : "lineSome", words)];
        if (lost < count) said.push(t("lineLost", { ...words, where: t(`quarter.${steps[lost].points}`), k: steps[lost].channel + 1 }));
        said.push(end.join() === pixel.join() ? t("lineHome") : t("lineLeads", { r: end[0] + 1, c: end[1] + 1 }));
        said.push(t("lineSays", { name: nameOf(share("labels", n)[r * width + c]) }));
        return said.join(" ");
      },

      reset() {
        hovered = null;
      },
    };
  }),
};

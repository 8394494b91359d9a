/* The fully connected CRF. The mean field of a setting is Python's: the page asks for it, one question under way at a time and then the newest, and
   shows the iterations of the answer. Whom a pixel listens to is computed here; tests/labs/test_crf.py holds it to the definition, and what is
   shown of a pixel to segcourse.ops. */

// ------------------------------------------------------------------ arithmetic

/** The cells of a coarse map, label by label, enlarged as resize(bilinear, align_corners=False) does: Float32Array(labels * rows * cols). */
function enlarge(cells, labels, rows, cols, stride) {
  const h = rows / stride,
    w = cols / stride,
    out = new Float32Array(labels * rows * cols);
  const along = (n, extent) =>
    Array.from({ length: n }, (_, i) => {
      const at = Math.max((i + 0.5) / stride - 0.5, 0),
        low = Math.min(Math.floor(at), extent - 1);
      return [low, Math.min(low + 1, extent - 1), at - low];
    });
  const down = along(rows, h),
    across = along(cols, w);
  for (let l = 0, to = 0; l < labels; l += 1)
    for (const [r0, r1, down1] of down)
      for (const [c0, c1, across1] of across) {
        const at = (r, c) => cells[(l * h + r) * w + c];
        out[to] =
          (1 - down1) * ((1 - across1) * at(r0, c0) + across1 * at(r0, c1)) + down1 * ((1 - across1) * at(r1, c0) + across1 * at(r1, c1));
        to += 1;
      }
  return out;
}

/** exp of each, divided by the sum; in place. */
function softmax(values) {
  let most = -Infinity,
    sum = 0;
  for (const v of values) most = Math.max(most, v);
  for (let l = 0; l < values.length; l += 1) {
    values[l] = Math.exp(values[l] - most);
    sum += values[l];
  }
  for (let l = 0; l < values.length; l += 1) values[l] /= sum;
  return values;
}

/** The network's probabilities at pixel i: scores label by label, sharpened, none below `least` (as ops.dense_crf takes them). */
function networkAt(scores, labels, i, sharpness, least) {
  const size = scores.length / labels,
    p = softmax(Float64Array.from({ length: labels }, (_, l) => sharpness * scores[l * size + i]));
  let sum = 0;
  for (let l = 0; l < labels; l += 1) {
    p[l] = Math.max(p[l], least);
    sum += p[l];
  }
  for (let l = 0; l < labels; l += 1) p[l] /= sum;
  return p;
}

/** What the neighbours added at pixel i in iteration t (from 1 on), one number a label; the least is 0. */
function pullAt({ pull, unit }, labels, size, t, i) {
  return Float64Array.from({ length: labels }, (_, l) => unit * pull[((t - 1) * labels + l) * size + i]);
}

/** The probabilities after an iteration: softmax of log network + pull. */
const believed = (network, pull) => softmax(network.map((p, l) => Math.log(p) + pull[l]));

/** How strongly pixel (row, column) listens to each pixel, without the normalisation: both kernels times their weights. */
function listening(photo, rows, cols, [row, column], setting) {
  const { bilateral_weight: wb, bilateral_xy: xy, bilateral_rgb: rgb, gaussian_weight: wg, gaussian_xy: near } = setting,
    out = new Float64Array(rows * cols),
    at = 3 * (row * cols + column),
    [red, green, blue] = [photo[at], photo[at + 1], photo[at + 2]];
  const fall = (n, place, width) => Float64Array.from({ length: n }, (_, i) => Math.exp(-((i - place) ** 2) / (2 * width * width)));
  const down = fall(rows, row, xy),
    across = fall(cols, column, xy),
    downNear = fall(rows, row, near),
    acrossNear = fall(cols, column, near),
    scale = -1 / (2 * rgb * rgb);
  for (let r = 0, i = 0; r < rows; r += 1)
    for (let c = 0; c < cols; c += 1, i += 1) {
      const j = 3 * i,
        dr = photo[j] - red,
        dg = photo[j + 1] - green,
        db = photo[j + 2] - blue,
        unlike = scale * (dr * dr + dg * dg + db * db);
      out[i] = (unlike < -40 ? 0 : wb * down[r] * across[c] * Math.exp(unlike)) + wg * downNear[r] * acrossNear[c]; // exp(-40) is nothing
    }
  return out;
}

/** Which share of all it hears comes from pixels of each label. */
function heardFrom(heard, labels, count) {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < heard.length; i += 1) {
    shares[labels[i]] += heard[i];
    sum += heard[i];
  }
  return sum > 0 ? shares.map((v) => v / sum) : shares;
}

/** Entropy as a share of the most there can be. */
function doubtOf(p) {
  let h = 0;
  for (const v of p) if (v > 0) h -= v * Math.log(v);
  return h / Math.log(p.length);
}

/** An answer's bytes taken apart. */
function readAnswer(bytes, { unit, energy, sharpness }, { rows, columns, iterations }) {
  const split = (iterations + 1) * rows * columns;
  return { labels: bytes.subarray(0, split), pull: bytes.subarray(split), unit, energy, sharpness };
}

export {
  enlarge,
  networkAt,
  pullAt,
  believed,
  listening,
  heardFrom,
  doubtOf,
  Questions,
  settingText,
  inflate,
  readAnswer,
  readState,
  writeState,
};

// ------------------------------------------------------------------ the lab

const KEPT = 10; // answers
const LINE = "#16202a"; // outlines on a photo, the same by day and by night
const PALE = 450; // ms after which a picture that waits for its answer turns pale
const RAMP = Uint8Array.from({ length: 768 }, (_, i) => toRgb(along(VIRIDIS, Math.floor(i / 3) / 255))[i % 3]); // red, green, blue, ...

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { rows, columns: cols, labels: names, iterations: last, stride, floor, least, setting: parts, handed, colours, tries, initial } = lab.settings,
      count = names.length,
      size = rows * cols,
      photo = lab.data.subarray(0, 3 * size),
      cellCount = (count * size) / (stride * stride),
      cells = new Float32Array(lab.data.slice(3 * size, 3 * size + 4 * cellCount).buffer),
      scores = enlarge(cells, count, rows, cols, stride).map((v) => Math.log(v + floor)),
      paints = colours.map(toRgb),
      live = typeof lab.model.send === "function",
      nameOf = (l) => t(`label.${names[l]}`),
      percent = (p) => t("percent", { v: p > 0.995 && p < 1 ? ">99" : p < 0.005 ? "<1" : Math.round(100 * p) });

    const network = new Uint8Array(size);
    for (let i = 0; i < size; i += 1) for (let l = 1; l < count; l += 1) if (scores[l * size + i] > scores[network[i] * size + i]) network[i] = l;

    // ---------------------------------------------------------------- answers
    const answers = new Map(); // by the text of their setting
    let shown = null, // the last answer that was shown
      hovered = null,
      serial = 0,
      waitingSince = 0,
      unpacking = null;

    function keep(key, answer) {
      answers.delete(key);
      answers.set(key, Object.assign(answer, { key, number: (serial += 1) }));
      for (const old of answers.keys()) {
        if (answers.size <= KEPT) break;
        answers.delete(old);
      }
    }

    function again() {
      lab.fresh = true;
      lab.redraw();
    }

    const questions = new Questions({ send: (ask) => lab.model.send({ ask }), changed: again, patience: lab.settings.patience });
    if (live) {
      const heard = (message, buffers) => {
        if (!message || message.answer === undefined) return;
        const view = buffers[0],
          bytes = new Uint8Array(view.buffer || view, view.byteOffset || 0, view.byteLength);
        keep(message.answer, readAnswer(bytes, message, lab.settings));
        questions.heard(message.answer);
        again();
      };
      lab.model.on("msg:custom", heard);
      lab.cleaning.push(() => {
        questions.stop();
        lab.model.off("msg:custom", heard);
      });
    }

    /** The answer to a setting, or null while it is fetched, from what was handed over or from Python. */
    function answerOf(key) {
      const found = answers.get(key);
      if (found) {
        questions.forget();
        return found;
      }
      const given = handed.find(({ answer }) => answer === key);
      if (given && !given.broken) {
        if (unpacking !== key) {
          unpacking = key;
          inflate(lab.data.slice(given.begin, given.begin + given.size))
            .then((bytes) => keep(key, readAnswer(bytes, given, lab.settings)))
            .catch(() => {
              given.broken = true; // a browser that cannot unpack it: Python is asked, where there is one
            })
            .finally(() => {
              if (unpacking === key) unpacking = null;
              again();
            });
        }
      } else if (live) questions.ask(key);
      return null;
    }

    // ---------------------------------------------------------------- what is pointed at
    const pointed = () => hovered || lab.state.pixel || initial;

    function point(r, c, { pinned }) {
      if (pinned) {
        hovered = null;
        if (!lab.state.pixel || lab.state.pixel[0] !== r || lab.state.pixel[1] !== c) lab.change({ pixel: [r, c] });
      } else if (!hovered || hovered[0] !== r || hovered[1] !== c) {
        hovered = [r, c];
        lab.redraw();
      }
    }

    const stage = lab.stage(),
      pictures = ["large", "above", "below"].map((name) => stage.image({ name, label: t(name), point }));
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.redraw();
    };

    // ---------------------------------------------------------------- controls
    const formula = lab.formula();
    lab.controls(
      lab.slider({ field: "iteration", label: t("iteration"), show: (v) => t("times", { n: v }) }),
      lab.button({
        label: t("next"),
        name: "next",
        press: () => lab.change({ iteration: lab.state.iteration + 1 }),
        enabled: () => lab.state.iteration < last,
      }),
      lab.select({
        field: "label",
        label: t("label"),
        options: [["pointed", t("label.pointed")], ...names.map((name, l) => [name, nameOf(l)])],
        enabled: () => lab.state.view === "neighbours",
      }),
    );
    lab.controls(
      lab.choice({
        field: "view",
        label: t("view"),
        options: ["result", "network", "neighbours", "doubt", "listens", "photo"].map((name) => [name, t(`view.${name}`)]),
      }),
    );
    const kernelSlider = (field, step, show) => lab.slider({ field, label: t(field), step, show, enabled: () => live }),
      off = (v) => (v === 0 ? t("off") : numberText(v)),
      wide = lab.sliders(
        kernelSlider("bilateral_weight", 0.5, off),
        kernelSlider("gaussian_weight", 0.5, off),
        kernelSlider("bilateral_xy", 1, (v) => t("pixels", { n: v })),
        kernelSlider("gaussian_xy", 0.5, (v) => t("pixels", { n: v })),
        kernelSlider("bilateral_rgb", 1, (v) => t("levels", { n: v })),
        kernelSlider("confidence", 1, (v) => t("percent", { v })),
      );
    wide.classList.add("sc-crf-sliders");
    lab.controls(live ? null : element("p", { class: "sc-hint sc-crf-hint", text: t("needsPython") }));

    const untouched = Object.fromEntries(lab.fields.map((f) => [f.name, readState("", lab.fields)[f.name]])),
      tried = (state) => () => {
        hovered = null;
        lab.change({ ...untouched, ...state });
      };
    lab.tryThis([
      { text: t("try1"), press: tried({ iteration: 1, view: "neighbours", label: "rocket", pixel: initial }) },
      { text: t("try2"), press: tried({ ...tries[0], pixel: [40, 115] }) },
      { text: t("try3"), press: tried({ ...tries[1], iteration: 0, pixel: [70, 117] }) },
      { text: t("try4"), press: tried({ ...tries[2], pixel: initial }) },
    ]);

    // ---------------------------------------------------------------- pictures
    const made = new Map();

    /** make(), once for each key. */
    function once(key, make) {
      let found = made.get(key);
      if (found === undefined) {
        if (made.size > 80) made.clear();
        made.set(key, (found = make()));
      }
      return found;
    }

    function painted(put) {
      const out = new Uint8ClampedArray(4 * size);
      for (let i = 0; i < size; i += 1) {
        put(out, 4 * i, i);
        out[4 * i + 3] = 255;
      }
      return out;
    }

    const plain = painted((out, to, i) => {
        for (let k = 0; k < 3; k += 1) out[to + k] = photo[3 * i + k];
      }),
      grey = Uint8Array.from({ length: size }, (_, i) => 0.299 * photo[3 * i] + 0.587 * photo[3 * i + 1] + 0.114 * photo[3 * i + 2]);

    const over = (map) =>
      painted((out, to, i) => {
        const paint = paints[map[i]];
        for (let k = 0; k < 3; k += 1) out[to + k] = (photo[3 * i + k] + paint[k]) / 2;
      });

    /** values / most in viridis over the grey photo, which shows where there is next to nothing. */
    function heat(values, most, from = 0) {
      const out = new Uint8ClampedArray(4 * size);
      for (let i = 0, to = 0; i < size; i += 1, to += 4) {
        const v = most > 0 ? Math.min(values[from + i] / most, 1) : 0,
          cover = Math.min(1, 0.3 + 3 * v),
          at = 3 * Math.round(255 * v),
          under = (1 - cover) * grey[i];
        out[to] = cover * RAMP[at] + under;
        out[to + 1] = cover * RAMP[at + 1] + under;
        out[to + 2] = cover * RAMP[at + 2] + under;
        out[to + 3] = 255;
      }
      return out;
    }

    /** The outlines between labels on a sheet of their own, as large as on the screen. */
    function outlined(map, zoom, ratio) {
      const sheet = element("canvas", { width: Math.round(cols * zoom * ratio), height: Math.round(rows * zoom * ratio) }),
        ctx = sheet.getContext("2d"),
        path = new Path2D();
      for (let r = 0, i = 0; r < rows; r += 1)
        for (let c = 0; c < cols; c += 1, i += 1) {
          if (c + 1 < cols && map[i] !== map[i + 1]) {
            path.moveTo(c + 1, r);
            path.lineTo(c + 1, r + 1);
          }
          if (r + 1 < rows && map[i] !== map[i + cols]) {
            path.moveTo(c, r + 1);
            path.lineTo(c + 1, r + 1);
          }
        }
      ctx.scale(zoom * ratio, zoom * ratio);
      ctx.lineCap = "square";
      const lines = [["rgba(255, 255, 255, 0.5)", 2.4], [LINE, 1.1]];
      for (const [colour, width] of zoom > 2 ? lines : [[LINE, 0.8]]) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = width / zoom;
        ctx.stroke(path);
      }
      return sheet;
    }

    let heardOnce = { key: "" };

    /** Whom the pixel pointed at listens to. */
    function heard() {
      const [r, c] = pointed(),
        key = `${r},${c} ${parts.map((name) => lab.state[name]).join(" ")}`;
      if (heardOnce.key !== key) {
        const values = listening(photo, rows, cols, [r, c], lab.state);
        heardOnce = { key, values, most: lab.state.bilateral_weight + lab.state.gaussian_weight, pixels: null };
      }
      return heardOnce;
    }

    /** The label whose pull is shown. */
    const pullShown = () => {
      const { answer, t: step } = lab.result,
        [r, c] = pointed();
      if (lab.state.label !== "pointed") return names.indexOf(lab.state.label);
      return answer && step ? answer.labels[step * size + r * cols + c] : network[r * cols + c];
    };

    /** Everything about what a picture shows: its pixels, label map to outline (or null), title and its role, what the ends of its scale mean. */
    function picture(what) {
      const { answer, t: step } = lab.result;
      if (what === "photo") return { pixels: plain, title: t("title.photo"), role: "ink" };
      if (what === "network")
        return { pixels: once("network", () => over(network)), map: network, id: "network", title: t("title.network"), role: "input" };
      if (what === "listens") {
        const now = heard();
        now.pixels = now.pixels || heat(now.values, now.most);
        const [r, c] = pointed();
        return { pixels: now.pixels, title: t("title.listens", { r: r + 1, c: c + 1 }), role: "kernel", scale: ["0", numberText(now.most)] };
      }
      const id = answer ? `${answer.number} ${step}` : "none";
      if (what === "doubt")
        return {
          pixels: once(`doubt ${id}`, () =>
            heat(
              Float64Array.from({ length: size }, (_, i) => doubtOf(beliefAt(i).result)),
              1,
            ),
          ),
          title: t(step ? "title.doubt" : "title.doubt0", { n: step }),
          role: "output",
          scale: [t("sure"), t("torn")],
        };
      if (what === "neighbours") {
        const l = pullShown();
        if (!answer || !step) return { pixels: once("silence", () => heat(grey, 0)), title: t("title.silence"), role: "kernel" };
        const from = ((step - 1) * count + l) * size;
        return {
          pixels: once(`pull ${l} ${id}`, () => heat(answer.pull, 255, from)),
          title: t("title.neighbours", { name: nameOf(l) }),
          role: "kernel",
          scale: ["0", `+${numberText(255 * answer.unit, 1)}`],
        };
      }
      const map = answer ? once(`map ${id}`, () => answer.labels.subarray(step * size, (step + 1) * size)) : network;
      return { pixels: once(`result ${id}`, () => over(map)), map, id: `map ${id}`, title: t(step ? "title.result" : "title.result0", { n: step }), role: "output" };
    }

    /** The network's probabilities, what the neighbours added and what came of it, at pixel i. */
    function beliefAt(i) {
      const { answer, t: step, sharpness } = lab.result,
        p = networkAt(scores, count, i, sharpness, least);
      if (!answer || !step) return { network: p, pull: null, result: p };
      const pull = pullAt(answer, count, size, step, i);
      return { network: p, pull, result: believed(p, pull) };
    }

    const describe = (r, c) => {
      const i = r * cols + c,
        { answer, t: step } = lab.result;
      return t("pixelSays", { a: nameOf(network[i]), b: nameOf(answer ? answer.labels[step * size + i] : network[i]) });
    };

    function show(part, what, pen, at) {
      const { ctx } = pen,
        { pixels, map, id, title, role, scale } = picture(what),
        [r, c] = pointed(),
        { x, y, scale: zoom } = at,
        pale = lab.result.pale && what !== "network" && what !== "listens" && what !== "photo";
      ctx.globalAlpha = pale ? 0.4 : 1;
      part.at = [r, c];
      part.show({ x, y, width: cols * zoom, height: rows * zoom, rows, cols, pixels, role, describe });
      part.shown.title = title;
      if (map) {
        const ratio = window.devicePixelRatio || 1;
        ctx.drawImage(
          once(`outline ${id} ${zoom} ${ratio}`, () => outlined(map, zoom, ratio)),
          x,
          y,
          cols * zoom,
          rows * zoom,
        );
      }
      ctx.globalAlpha = 1;
      pen.text(title, x, y - 13, { weight: 600, role, most: cols * zoom - (at.room || 0) });
      if (scale) {
        // What the colours mean, in the picture's lower corner.
        const wide = zoom > 2 ? 90 : 56,
          [left, top] = [x + 8, y + rows * zoom - 30];
        ctx.fillStyle = "rgba(16, 20, 26, 0.78)";
        ctx.fillRect(left - 5, top - 3, wide + 10, 30);
        for (let k = 0; k < wide; k += 1) {
          ctx.fillStyle = lab.sequential(k / (wide - 1));
          ctx.fillRect(left + k, top, 1.5, 7);
        }
        pen.text(scale[0], left, top + 17, { role: "#ffffff" });
        pen.text(scale[1], left + wide, top + 17, { role: "#ffffff", align: "right" });
      }
      // The pixel pointed at.
      const side = Math.max(zoom, 7),
        [px, py] = [x + (c + 0.5) * zoom - side / 2, y + (r + 0.5) * zoom - side / 2];
      pen.box(px - 1, py - 1, side + 2, side + 2, { role: "#ffffff", width: 2.5 });
      pen.box(px - 2.5, py - 2.5, side + 5, side + 5, { role: LINE, width: 1.2 });
      pen.box(px + 0.5, py + 0.5, side - 1, side - 1, { role: LINE, width: 1 });
    }

    // ---------------------------------------------------------------- the pixel's own table
    function drawTable(pen, { x, y, width, row }) {
      const { ctx } = pen,
        { answer, t: step } = lab.result,
        [r, c] = pointed(),
        { network: p, pull, result } = beliefAt(r * cols + c),
        nameWide = lab.narrow ? 88 : 92,
        wide = (width - nameWide) / 3,
        barWide = wide - 62,
        most = answer ? 255 * answer.unit : 1,
        best = result.indexOf(Math.max(...result));
      pen.text(t("pixelTitle", { r: r + 1, c: c + 1 }), x, y + 8, { weight: 600, most: width });
      const columns = [
        ["network", "input", p, 1, (l) => percent(p[l])],
        [lab.narrow ? "neighboursShort" : "neighbours", "kernel", pull, most, (l) => `+${pull[l].toFixed(1)}`],
        [step ? "after" : "before", "output", result, 1, (l) => percent(result[l])],
      ];
      const top = y + row + 8;
      columns.forEach(([key, role], k) => {
        pen.text(t(`column.${key}`, { n: step }), x + nameWide + (k + 1) * wide - 4, top, { role, align: "right", weight: 600, most: wide - 6 });
      });
      names.forEach((_, l) => {
        const middle = top + (l + 1) * row;
        if (l === best) {
          ctx.fillStyle = lab.tint("output", 0.12);
          ctx.fillRect(x, middle - row / 2 + 1, width, row - 2);
        }
        ctx.fillStyle = colours[l];
        ctx.fillRect(x + 4, middle - 7, 18, 14);
        pen.box(x + 4, middle - 7, 18, 14, { role: "muted", width: 1 });
        pen.text(nameOf(l), x + 28, middle, { weight: l === best ? 600 : 400, most: nameWide - 30 });
        columns.forEach(([, role, values, full, words], k) => {
          const left = x + nameWide + k * wide + 4;
          ctx.fillStyle = lab.tint("muted", 0.1);
          ctx.fillRect(left, middle - 5, barWide, 10);
          if (values) {
            ctx.fillStyle = lab.colours[role];
            ctx.fillRect(left, middle - 5, (barWide * values[l]) / full, 10);
          }
          pen.text(values ? words(l) : "–", left + wide - 8, middle, { align: "right", weight: k === 2 && l === best ? 600 : 400 });
        });
      });
    }

    // ---------------------------------------------------------------- the energy
    function drawCurve(pen, { x, y, width, height }) {
      const { ctx } = pen,
        { answer, t: step } = lab.result;
      pen.text(t("energy"), x, y + 8, { weight: 600, most: width });
      const left = x + 10,
        right = x + width - 8,
        top = y + 40,
        bottom = y + height - 40,
        across = (n) => left + ((right - left) * n) / last;
      pen.line([[left - 6, bottom + 10], [right + 6, bottom + 10]], { role: "faint", width: 1 });
      for (let n = 0; n <= last; n += 1) pen.line([[across(n), bottom + 10], [across(n), bottom + (n % 5 ? 13 : 15)]], { role: "faint", width: 1 });
      for (const n of [0, 5, last]) pen.text(String(n), across(n), bottom + 25, { align: "center", role: "muted" });
      pen.text(t("iteration"), (across(5) + across(last)) / 2, bottom + 25, { align: "center", role: "muted", most: 90 });
      if (!answer) return;
      const { energy } = answer,
        low = Math.min(...energy),
        high = Math.max(...energy),
        down = (v) => (high > low ? bottom - ((bottom - top) * (v - low)) / (high - low) : (top + bottom) / 2);
      ctx.globalAlpha = lab.result.pale ? 0.4 : 1;
      pen.line(
        energy.map((v, n) => [across(n), down(v)]),
        { role: "output", width: 2 },
      );
      energy.forEach((v, n) => {
        ctx.beginPath();
        ctx.arc(across(n), down(v), n === step ? 6 : 3, 0, 7);
        ctx.fillStyle = n === step ? lab.colours.ink : lab.colours.output;
        ctx.fill();
      });
      pen.text(numberText(energy[step]), step > 7 ? across(step) + 4 : across(step) + 8, down(energy[step]) - 15, {
        align: step > 7 ? "right" : "left",
        weight: 600,
      });
      ctx.globalAlpha = 1;
    }

    // ---------------------------------------------------------------- the sum
    function sums() {
      const [r, c] = pointed(),
        i = r * cols + c,
        { network: p, pull, result } = beliefAt(i),
        order = names.map((_, l) => l).sort((a, b) => result[b] - result[a]),
        two = [...new Set([order[0], network[i] === order[0] ? order[1] : network[i]])],
        out = [];
      for (const l of two) {
        const logs = Math.log(p[l]),
          share = p[l] < 0.005 ? p[l].toFixed(4) : p[l].toFixed(2);
        out.push([`${nameOf(l)}: `, "ink"], [`ln ${share}`, "input"]);
        if (pull) out.push([` + ${pull[l].toFixed(1)}`, "kernel"]);
        out.push([` = ${numberText(logs + (pull ? pull[l] : 0), 1)}`, "ink"], [" · ", "muted"]);
      }
      out.pop();
      out.push([t("softmax"), "muted"], [`${nameOf(order[0])} ${percent(result[order[0]])}`, "output"]);
      formula.set(out);
    }

    let paling = 0;

    return {
      compute(state) {
        const key = settingText(state, parts, lab.fields),
          answer = answerOf(key),
          missing = !answer && !live && unpacking !== key, // no kernel, and none was handed over
          lost = !answer && live && questions.silent && unpacking !== key;
        if (answer) {
          shown = answer;
          waitingSince = 0;
        } else if (!waitingSince) waitingSince = performance.now();
        const late = waitingSince && performance.now() - waitingSince > PALE;
        clearTimeout(paling);
        if (waitingSince && !late && !missing && !lost) paling = setTimeout(again, PALE);
        lab.busy = !answer && !missing && !lost;
        return {
          answer: shown,
          t: shown ? state.iteration : 0,
          sharpness: shown ? shown.sharpness : handed[0].sharpness,
          waiting: !answer,
          missing,
          lost,
          pale: missing || lost || Boolean(late),
        };
      },

      layout(width) {
        const top = 26,
          row = 23;
        if (width < 560) {
          const large = (width - 2) / cols,
            second = top + rows * large + 34,
            little = (width - 14) / 2 / cols,
            table = second + rows * little + 16,
            curve = table + 8 * row + 14;
          return {
            large: { x: 1, y: top, scale: large, room: 90 },
            above: { x: 1, y: second, scale: little },
            below: { x: width - 1 - cols * little, y: second, scale: little },
            table: { x: 1, y: table, width: width - 2, row },
            curve: { x: 1, y: curve, width: width - 2, height: 160 },
            height: curve + 162,
          };
        }
        const little = (width - 58) / 3 / cols,
          x = 1 + width - 2 - cols * little,
          large = (x - 19) / cols,
          table = top + rows * large + 18,
          wide = Math.round(0.58 * width);
        return {
          large: { x: 1, y: top, scale: large, room: 110 },
          above: { x, y: top, scale: little },
          below: { x, y: top + rows * (large - little), scale: little },
          table: { x: 1, y: table, width: wide, row },
          curve: { x: wide + 34, y: table, width: width - wide - 36, height: 8 * row },
          height: table + 8 * row + 6,
        };
      },

      draw(pen, place) {
        const { view } = lab.state;
        show(pictures[0], view, pen, place.large);
        show(pictures[1], view === "network" ? "result" : "network", pen, place.above);
        show(pictures[2], view === "listens" ? "result" : "listens", pen, place.below);
        const { waiting, missing, lost } = lab.result;
        if (waiting)
          pen.text(t(missing || lost ? "noAnswer" : "computing"), place.large.x + cols * place.large.scale, place.large.y - 13, {
            align: "right",
            role: missing || lost ? "bad" : "muted",
            weight: 600,
            most: 108,
          });
        drawTable(pen, place.table);
        drawCurve(pen, place.curve);
        sums();
      },

      line() {
        const { answer, t: step, waiting, missing, lost } = lab.result,
          [r, c] = pointed(),
          i = r * cols + c,
          map = answer ? answer.labels.subarray(step * size, (step + 1) * size) : network,
          said = [];
        if (missing) said.push(t("lineMissing"));
        else if (lost) said.push(t("lineLost"));
        else if (waiting) said.push(t("lineWaiting"));
        if (!step) said.push(t("lineNetwork"));
        else
          said.push(
            t("lineChanged", {
              n: step,
              m: once(`moved ${answer.number} ${step}`, () => map.reduce((sum, l, j) => sum + (l !== network[j]), 0)),
              all: size,
            }),
          );
        const { network: p, result } = beliefAt(i),
          words = { r: r + 1, c: c + 1, a: nameOf(network[i]), p: percent(p[network[i]]), b: nameOf(map[i]), q: percent(result[map[i]]), n: step };
        said.push(t(step ? (map[i] === network[i] ? "linePixelSame" : "linePixelOther") : "linePixel0", words));
        const now = heard();
        if (!now.most) said.push(t("lineDeaf"));
        else {
          const shares = heardFrom(now.values, map, count),
            from = shares.indexOf(Math.max(...shares));
          said.push(t("lineHears", { share: percent(shares[from]), name: nameOf(from) }));
        }
        return said.join(" ");
      },

      reset() {
        hovered = null;
      },
    };
  }),
};

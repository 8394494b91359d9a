/* A map assembled from object proposals, box by box. What the network says of each box, and the map merged by the pixelwise maximum after each, are
   Python's (segcourse.training.proposal_maps) and handed over; what has been seen so far, and what a box changed, is counted here. */

/** How many of the boxes [top, left, bottom, right] (half-open) cover each pixel, of the first `count`. */
function coverage(boxes, count, height, width) {
  const out = new Uint8Array(height * width);
  for (let k = 0; k < count; k += 1) {
    const [top, left, bottom, right] = boxes.slice(4 * k, 4 * k + 4);
    for (let y = Math.max(top, 0); y < Math.min(bottom, height); y += 1)
      for (let x = Math.max(left, 0); x < Math.min(right, width); x += 1) out[y * width + x] += 1;
  }
  return out;
}

/** Pixels that box number n (from 1) gave a label or another label. */
function changedBy(maps, covers, n, pixels) {
  let changed = 0;
  for (let i = 0; i < pixels; i += 1) {
    const before = n > 1 && covers[n - 1][i] ? maps[(n - 2) * pixels + i] : -1,
      after = covers[n][i] ? maps[(n - 1) * pixels + i] : -1;
    if (before !== after) changed += 1;
  }
  return changed;
}

export { coverage, changedBy, inflate, readState, writeState };

const RIM = "#16202a",
  BARE = [[231, 234, 238], [203, 209, 216]]; // pixels no box has covered yet: two greys, hatched

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { size, side, counts, parts, colours: paints, void: voided, miou, whole } = lab.settings,
      [height, width] = size,
      pixels = height * width,
      pictures = counts.length,
      classes = paints.length - 1,
      rgb = paints.map(toRgb),
      percent = (share) => (share === null ? "–" : t("percent", { v: Math.round(100 * share) })), // a picture without labels has no score
      nameOf = (label) => t(`class.${label < classes ? label : voided}`),
      everyName = paints.map((_, label) => nameOf(label)),
      pictureOf = (state) => clamp(Number(state.picture), 1, pictures) - 1,
      boxOf = (state) => clamp(state.boxes, 1, counts[pictureOf(state)]),
      bytesOf = (name) => lab.data.subarray(parts[name][0], parts[name][0] + parts[name][1]);

    const made = new Map();
    function once(key, make) {
      let found = made.get(key);
      if (found === undefined) {
        if (made.size > 200) made.clear();
        made.set(key, (found = make()));
      }
      return found;
    }
    const of = (name, n, each) => bytesOf(name).subarray(n * each, (n + 1) * each),
      photo = (n) => once(`photo ${n}`, () => ((bytes) => canvasOfPixels(width, height, (i) => bytes.subarray(3 * i, 3 * i + 3)))(of("images", n, 3 * pixels))),
      truth = (n) => of("truth", n, pixels),
      painted = (key, labels, wide = width, tall = height) => once(key, () => canvasOfPixels(wide, tall, (i) => rgb[Math.min(labels[i], classes)])),
      boxes = Array.from({ length: pictures }, (_, n) => [...new Int16Array(bytesOf(`boxes ${n + 1}`).slice().buffer)]),
      covers = (n) => (n in covered ? covered[n] : (covered[n] = Array.from({ length: counts[n] + 1 }, (_, k) => coverage(boxes[n], k, height, width)))),
      covered = {};

    // ---------------------------------------------------------------- maps, unpacked once
    const unpacked = {};
    function mapsOf(n) {
      if (!(n in unpacked)) {
        unpacked[n] = null;
        Promise.all([inflate(bytesOf(`labels ${n + 1}`).slice()), inflate(bytesOf(`crops ${n + 1}`).slice())])
          .then(([labels, crops]) => {
            unpacked[n] = { labels, crops };
          })
          .catch(() => {
            unpacked[n] = { labels: new Uint8Array(counts[n] * pixels).fill(voided), crops: new Uint8Array(counts[n] * side * side).fill(voided) };
          })
          .finally(() => {
            lab.fresh = true;
            lab.redraw();
          });
      }
      return unpacked[n];
    }
    const assembled = (n, k, labels) =>
      once(`map ${n} ${k}`, () => {
        const seen = covers(n)[k];
        return canvasOfPixels(width, height, (i) => (seen[i] ? rgb[Math.min(labels[(k - 1) * pixels + i], classes)] : BARE[(Math.floor(i / width) + (i % width)) % 4 ? 0 : 1]));
      });

    // ---------------------------------------------------------------- pointing
    let hovered = null;
    const pointed = () => hovered || lab.state.pixel;
    function point(r, c, { pinned }) {
      if (pinned) {
        hovered = null;
        if (!lab.state.pixel || lab.state.pixel.join() !== [r, c].join()) lab.change({ pixel: [r, c] });
      } else if (!hovered || hovered.join() !== [r, c].join()) {
        hovered = [r, c];
        lab.redraw();
      }
    }
    const stage = lab.stage(),
      left = stage.image({ name: "photo", label: t("photo"), point }),
      right = stage.image({ name: "map", label: t("map"), point });
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.redraw();
    };

    lab.controls(
      lab.slider({ field: "boxes", label: t("boxes"), limits: () => [1, counts[pictureOf(lab.state)]], get: () => boxOf(lab.state), show: (v) => String(v) }),
      lab.button({
        label: t("next"),
        name: "next",
        press: () => lab.change({ boxes: boxOf(lab.state) + 1 }),
        enabled: () => boxOf(lab.state) < counts[pictureOf(lab.state)],
      }),
      lab.choice({
        field: "picture",
        label: t("picture"),
        options: Array.from({ length: pictures }, (_, n) => [String(n + 1), String(n + 1)]),
        get: () => String(pictureOf(lab.state) + 1),
      }),
      lab.toggle({ field: "lines", label: t("lines") }),
    );
    const tried = (state) => () => {
      hovered = null;
      lab.change({ pixel: null, picture: "1", lines: false, ...state });
    };
    lab.tryThis([
      { text: t("try1"), press: tried({ boxes: 1 }) },
      { text: t("try2"), press: tried({ boxes: Math.min(10, counts[0]) }) },
      { text: t("try3"), press: tried({ boxes: counts[0], lines: true }) },
    ]);

    // ---------------------------------------------------------------- drawing
    function drawMap(pen, canvas, at, { role = "muted", smooth = false } = {}) {
      pen.ctx.imageSmoothingEnabled = smooth;
      pen.ctx.drawImage(canvas, at.x, at.y, at.width, at.height);
      pen.box(at.x - 0.5, at.y - 0.5, at.width + 1, at.height + 1, { role, width: 1 });
    }
    function frame(pen, at, n, k, thick) {
      const zoom = at.width / width,
        [top, from, bottom, to] = boxes[n].slice(4 * k, 4 * k + 4),
        spot = [at.x + from * zoom, at.y + top * zoom, (to - from) * zoom, (bottom - top) * zoom];
      pen.ctx.save();
      pen.ctx.beginPath();
      pen.ctx.rect(at.x - 2, at.y - 2, at.width + 4, at.height + 4);
      pen.ctx.clip();
      if (thick) {
        pen.box(...spot, { role: "#ffffff", width: 4.5 });
        pen.box(...spot, { role: "#c75d0a", width: 2.5 });
      } else pen.box(...spot, { role: "rgba(255, 255, 255, 0.65)", width: 1 });
      pen.ctx.restore();
    }
    function ring(pen, at) {
      const spot = pointed();
      if (!spot) return;
      const zoom = at.width / width,
        [x, y] = [at.x + (Math.min(spot[1], width - 1) + 0.5) * zoom, at.y + (Math.min(spot[0], height - 1) + 0.5) * zoom];
      pen.box(x - 5, y - 5, 10, 10, { role: "#ffffff", width: 4 });
      pen.box(x - 5, y - 5, 10, 10, { role: RIM, width: 2 });
    }
    function curve(pen, { x, y, width: wide, height: tall }, n, k) {
      const last = counts[n],
        high = Math.max(...miou[n], whole[n]) * 1.4 || 1, // room for the words of the dashed line
        from = x + 6,
        to = x + wide - 8,
        bottom = y + tall - 24,
        top = y + 24,
        across = (m) => from + ((to - from) * (m - 1)) / Math.max(last - 1, 1),
        down = (v) => bottom - ((bottom - top) * v) / high;
      pen.text(t("curve"), x, y + 6, { weight: 600, most: wide });
      pen.line([[from, bottom], [to, bottom]], { role: "faint", width: 1 });
      pen.line([[from, down(whole[n])], [to, down(whole[n])]], { role: "muted", width: 1.5, dash: [5, 4] });
      pen.line([[from, top + 3], [from + 14, top + 3]], { role: "muted", width: 1.5, dash: [5, 4] });
      pen.text(t("wholeLine", { v: percent(whole[n]) }), from + 20, top + 3, { role: "muted", most: wide - 34 });
      pen.line(miou[n].map((v, m) => [across(m + 1), down(v)]), { role: "output", width: 2 });
      const beside = across(k) - from > 36; // the curve rises, so that above and left of it there is room, but not at its beginning
      for (const m of beside ? [1, last] : [last]) pen.text(String(m), across(m), bottom + 14, { align: m === 1 ? "left" : "right", role: "muted" });
      pen.text(t("boxes"), (from + to) / 2, bottom + 14, { align: "center", role: "muted" });
      pen.ctx.beginPath();
      pen.ctx.arc(across(k), down(miou[n][k - 1]), 6, 0, 7);
      pen.ctx.fillStyle = lab.colours.ink;
      pen.ctx.fill();
      pen.text(percent(miou[n][k - 1]), across(k) + (beside ? -4 : 9), down(miou[n][k - 1]) + (beside ? -14 : 14), { align: beside ? "right" : "left", weight: 600 });
    }

    return {
      compute(state) {
        const n = pictureOf(state),
          k = boxOf(state),
          maps = mapsOf(n);
        lab.busy = !maps;
        if (!maps) return { n, k, maps: null };
        const seen = covers(n)[k];
        return { n, k, maps, seen: seen.reduce((sum, v) => sum + (v > 0), 0) / pixels, changed: changedBy(maps.labels, covers(n), k, pixels) };
      },

      layout(wide) {
        const ratio = height / width,
          top = 26;
        if (wide < 560) {
          const big = wide - 2,
            tall = big * ratio,
            second = top + tall + 34,
            third = second + tall + 36,
            little = (wide - 14) / 3;
          return {
            photo: { x: 1, y: top, width: big, height: tall },
            map: { x: 1, y: second, width: big, height: tall },
            crop: { x: 1, y: third, width: little, height: little },
            says: { x: 7 + little, y: third, width: little, height: little },
            truth: { x: 13 + 2 * little, y: third, width: little, height: little * ratio },
            curve: { x: 1, y: third + little + 18, width: big, height: 150 },
            legend: third + little + 178,
            height: third + little + 178 + stage.pen.legendHeight(everyName, wide - 2),
          };
        }
        const big = (wide - 14) / 2,
          tall = big * ratio,
          below = top + tall + 40,
          little = 132,
          under = Math.max(little, 132) + 14;
        return {
          photo: { x: 1, y: top, width: big - 1, height: tall },
          map: { x: wide - big, y: top, width: big - 1, height: tall },
          crop: { x: 1, y: below, width: little, height: little },
          says: { x: little + 39, y: below, width: little, height: little },
          truth: { x: wide - big, y: below, width: 156, height: 156 * ratio },
          curve: { x: wide - big + 176, y: below - 19, width: big - 178, height: 150 },
          legend: below + under,
          height: below + under + stage.pen.legendHeight(everyName, wide - 2),
        };
      },

      draw(pen, place) {
        const { n, k, maps } = lab.result,
          [top, from, bottom, to] = boxes[n].slice(4 * (k - 1), 4 * k);
        drawMap(pen, photo(n), place.photo);
        for (let m = 0; m < k - 1; m += 1) frame(pen, place.photo, n, m, false);
        frame(pen, place.photo, n, k - 1, true);
        pen.text(t("photoTitle", { n: k }), place.photo.x, place.photo.y - 13, { weight: 600, most: place.photo.width });
        const words = (labels) => (r, c) => {
          const i = r * width + c;
          return labels && covers(n)[k][i] ? nameOf(labels[(k - 1) * pixels + i]) : t("bare");
        };
        const shape = (at) => ({ x: at.x, y: at.y, cellWidth: at.width / width, cellHeight: at.height / height, rows: height, cols: width });
        const labels = maps && maps.labels,
          value = (r, c) => (labels && covers(n)[k][r * width + c] ? labels[(k - 1) * pixels + r * width + c] : -1);
        for (const [part, at] of [
          [left, place.photo],
          [right, place.map],
        ]) {
          part.shown = { ...shape(at), value, text: words(labels), describe: words(labels) };
          if (pointed()) part.at = pointed().slice();
        }
        if (!maps) return;
        drawMap(pen, assembled(n, k, labels), place.map);
        if (lab.state.lines) {
          const { ctx } = pen,
            zoom = place.map.width / width,
            path = once(`outline ${n}`, () => outlineOf(truth(n), width, height));
          ctx.save();
          ctx.translate(place.map.x, place.map.y);
          ctx.scale(zoom, zoom);
          ctx.lineCap = "square";
          for (const [colour, thick] of [["rgba(255, 255, 255, 0.8)", 3], [RIM, 1.3]]) {
            ctx.strokeStyle = colour;
            ctx.lineWidth = thick / zoom;
            ctx.stroke(path);
          }
          ctx.restore();
        }
        frame(pen, place.map, n, k - 1, true);
        pen.text(t("mapTitle", { n: k }), place.map.x, place.map.y - 13, { weight: 600, role: "output", most: place.map.width });
        ring(pen, place.photo);
        ring(pen, place.map);
        // The box as the network sees it, and what it says of it.
        const sheet = once(`crop ${n} ${k}`, () => {
          const canvas = element("canvas", { width: side, height: side }),
            ctx = canvas.getContext("2d");
          ctx.imageSmoothingEnabled = true;
          ctx.drawImage(photo(n), from, top, to - from, bottom - top, 0, 0, side, side);
          return canvas;
        });
        const narrow = place.photo.y !== place.map.y;
        drawMap(pen, sheet, place.crop, { role: "kernel" });
        drawMap(pen, painted(`says ${n} ${k}`, maps.crops.subarray((k - 1) * side * side, k * side * side), side, side), place.says, { role: "kernel" });
        pen.text(t("crop", { s: side }), place.crop.x, place.crop.y - 13, { role: "kernel", weight: 600, most: place.crop.width });
        pen.text(t("says"), place.says.x, place.says.y - 13, { role: "kernel", weight: 600, most: place.says.width });
        if (!narrow) {
          const middle = place.crop.y + place.crop.height / 2;
          pen.arrow(place.crop.x + place.crop.width + 6, middle, place.says.x - 6, middle, { role: "kernel" });
          // What it says goes up into the map, past the corner of the picture.
          pen.arrow(place.says.x + place.says.width + 5, place.says.y + 4, place.map.x + 9, place.map.y + place.map.height - 8, { role: "kernel", width: 2 });
        }
        drawMap(pen, painted(`truth ${n}`, truth(n)), place.truth);
        pen.text(t("truth"), place.truth.x, place.truth.y - 13, { weight: 600, most: place.truth.width });
        curve(pen, place.curve, n, k);
        const seen = [labels.subarray((k - 1) * pixels, k * pixels), truth(n)],
          present = paints.map((_, label) => label).filter((label) => seen.some((map) => map.includes(label === classes ? voided : label)));
        pen.legend(
          present.map((label) => [paints[label], nameOf(label)]),
          1,
          place.legend,
          pen.width - 2,
        );
      },

      line() {
        const { n, k, maps, seen, changed } = lab.result;
        if (!maps) return t("unpacking");
        const [top, from, bottom, to] = boxes[n].slice(4 * (k - 1), 4 * k),
          said = [t("line", { n: k, all: counts[n], p: percent(seen), h: bottom - top, w: to - from, m: changed })];
        said.push(t("lineScore", { a: percent(miou[n][k - 1]), b: percent(whole[n]) }));
        const spot = pointed();
        if (spot) {
          const i = Math.min(spot[0], height - 1) * width + Math.min(spot[1], width - 1),
            many = covers(n)[k][i];
          said.push(t(many ? "linePixel" : "lineBare", { r: spot[0] + 1, c: spot[1] + 1, k: many, name: many ? nameOf(maps.labels[(k - 1) * pixels + i]) : "" }));
        }
        return said.join(" ");
      },

      reset() {
        hovered = null;
      },
    };
  }),
};

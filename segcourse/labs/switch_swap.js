/* The switch swap. The eight label maps of a pair of pictures are Python's; the page asks for another pair, one question under way at a time. What is
   said of a map beside its scores, how far it agrees with each picture's own prediction, is counted here. */

export { agreement, Questions, inflate, readState, writeState };

const SWITCHES = ["a", "b"],
  CODES = ["a", "b", "mean", "zero"],
  ROLE = { a: "input", b: "kernel" }, // A is blue, B orange, wherever they stand
  KEPT = 12, // answers
  SLOW = 450, // ms after which maps that wait for their answer turn pale
  RIM = "#16202a"; // lines on the colours of the classes, which are the same by day and by night

export default {
  render: labRender((lab) => {
    const t = (key, values) => lab.t(key, values),
      { size, pictures, parts, colours: paints, handed, pairs, patience } = lab.settings,
      [height, width] = size,
      pixels = height * width,
      classes = paints.length - 1,
      rgb = paints.map(toRgb),
      live = typeof lab.model.send === "function",
      bytesOf = (name) => lab.data.subarray(parts[name][0], parts[name][0] + parts[name][1]),
      of = (name, n, each) => bytesOf(name).subarray(n * each, (n + 1) * each),
      nameOf = (label) => t(`class.${label < classes ? label : lab.settings.void}`),
      everyName = paints.map((_, label) => nameOf(label)),
      percent = (share) => (share === null ? "–" : t("percent", { v: Math.round(100 * share) })), // a picture without labels has no score
      who = (key) => t(`who.${key}`),
      numberOf = (key, state = lab.state) => clamp(Number(state[key]), 1, pictures) - 1,
      keyOf = (state) => `a=${numberOf("a", state) + 1} b=${numberOf("b", state) + 1}`;

    // ---------------------------------------------------------------- answers
    const answers = new Map(); // by the text of their pair
    let shown = null,
      serial = 0,
      waitingSince = 0,
      unpacking = null,
      paling = 0;

    function keep(key, bytes, miou) {
      answers.delete(key);
      const map = (s, c) => bytes.subarray((4 * s + c) * pixels, (4 * s + c + 1) * pixels);
      answers.set(key, { key, number: (serial += 1), miou, map });
      for (const old of answers.keys()) {
        if (answers.size <= KEPT) break;
        answers.delete(old);
      }
    }
    function again() {
      lab.fresh = true;
      lab.redraw();
    }
    const questions = new Questions({ send: (ask) => lab.model.send({ ask }), changed: again, patience });
    if (live) {
      const heard = (message, buffers) => {
        if (!message || message.answer === undefined) return;
        const view = buffers[0];
        keep(message.answer, new Uint8Array(view.buffer || view, view.byteOffset || 0, view.byteLength), message.miou);
        questions.heard(message.answer);
        again();
      };
      lab.model.on("msg:custom", heard);
      lab.cleaning.push(() => {
        questions.stop();
        lab.model.off("msg:custom", heard);
      });
    }
    lab.cleaning.push(() => clearTimeout(paling));

    /** The answer to a pair, or null while it is fetched, from what was handed over or from Python. */
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
          inflate(bytesOf(key).slice())
            .then((bytes) => keep(key, bytes, given.miou))
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

    // ---------------------------------------------------------------- pictures, each drawn once
    const made = new Map();
    function once(key, make) {
      let found = made.get(key);
      if (found === undefined) {
        if (made.size > 120) made.clear();
        made.set(key, (found = make()));
      }
      return found;
    }
    const labelsOf = (n) => of("labels", n, pixels),
      photo = (n) => once(`photo ${n}`, () => ((bytes) => canvasOfPixels(width, height, (i) => bytes.subarray(3 * i, 3 * i + 3)))(of("images", n, 3 * pixels))),
      painted = (key, labels) => once(key, () => canvasOfPixels(width, height, (i) => rgb[Math.min(labels[i], classes)])),
      outline = (n) => once(`outline ${n}`, () => outlineOf(labelsOf(n), width, height));

    // ---------------------------------------------------------------- what is pointed at
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
      board = stage.image({
        name: "maps",
        label: t("maps"),
        point(r, c, { pinned }) {
          if (!pinned) return;
          const [s, k] = board.turned ? [c, r] : [r, c];
          lab.change({ switches: SWITCHES[s], code: CODES[k] });
        },
      }),
      large = stage.image({ name: "large", label: t("large"), point });
    stage.onLeave = () => {
      if (!hovered) return;
      hovered = null;
      lab.redraw();
    };
    lab.hint(t("hint"));

    // ---------------------------------------------------------------- controls
    /** A row of thumbnails to choose from, each a radio button. */
    function thumbnails(field) {
      const node = lab.choice({
        field,
        label: t(field),
        options: Array.from({ length: pictures }, (_, n) => [String(n + 1), t("number", { n: n + 1 })]),
        get: () => String(numberOf(field) + 1),
      });
      node.classList.add("sc-thumbs", `sc-thumbs-${field}`);
      node.querySelectorAll("label").forEach((label, n) => {
        const canvas = element("canvas", { width, height, "aria-hidden": "true" });
        canvas.getContext("2d").drawImage(photo(n), 0, 0);
        label.replaceChildren(canvas, element("span", { class: "sc-unseen", text: t("number", { n: n + 1 }) }));
      });
      return node;
    }
    lab.controls(thumbnails("a"));
    lab.controls(thumbnails("b"));
    lab.controls(
      lab.choice({ field: "switches", label: t("switches"), options: SWITCHES.map((key) => [key, t(`whose.${key}`)]) }),
      lab.choice({ field: "code", label: t("code"), options: CODES.map((key) => [key, t(`whose.${key}`)]) }),
    );
    lab.controls(
      lab.choice({ field: "lines", label: t("lines"), options: [...SWITCHES.map((key) => [key, t(`whose.${key}`)]), ["none", t("none")]] }),
    );
    if (!live) lab.controls(element("p", { class: "sc-hint", text: t("needsPython") }));
    const tried = (pair, state) => () => {
      hovered = null;
      lab.change({ a: pair[0], b: pair[1], pixel: null, ...state });
    };
    lab.tryThis([
      { text: t("try1"), press: tried(pairs[0], { switches: "a", code: "b", lines: "a" }) },
      { text: t("try2"), press: tried(pairs[0], { switches: "a", code: "mean", lines: "a" }) },
      { text: t("try3"), press: tried(pairs[0], { switches: "a", code: "zero", lines: "a" }) },
      { text: t("try4"), press: tried(pairs[pairs.length - 1], { switches: "b", code: "a", lines: "b" }) },
    ]);

    // ---------------------------------------------------------------- drawing
    function drawMap(pen, canvas, at, { role = "muted", frame = 1, pale = false } = {}) {
      pen.ctx.imageSmoothingEnabled = false;
      pen.ctx.globalAlpha = pale ? 0.4 : 1;
      pen.ctx.drawImage(canvas, at.x, at.y, at.width, at.height);
      pen.ctx.globalAlpha = 1;
      pen.box(at.x - frame / 2, at.y - frame / 2, at.width + frame, at.height + frame, { role, width: frame });
    }
    function drawOutline(pen, at, n) {
      const { ctx } = pen,
        zoom = at.width / width;
      ctx.save();
      ctx.translate(at.x, at.y);
      ctx.scale(zoom, zoom);
      ctx.lineCap = "square";
      for (const [colour, wide] of [
        ["rgba(255, 255, 255, 0.8)", 3],
        [RIM, 1.3],
      ]) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = wide / zoom;
        ctx.stroke(outline(n));
      }
      ctx.restore();
    }
    function ring(pen, at, side) {
      const spot = pointed();
      if (!spot) return;
      const zoom = at.width / width,
        [x, y] = [at.x + (spot[1] + 0.5) * zoom, at.y + (spot[0] + 0.5) * zoom];
      pen.box(x - side / 2, y - side / 2, side, side, { role: "#ffffff", width: 4 });
      pen.box(x - side / 2, y - side / 2, side, side, { role: RIM, width: 2 });
    }
    const mapOf = (s, k) => shown.map(s, k),
      canvasOf = (s, k) => painted(`map ${shown.number} ${s} ${k}`, mapOf(s, k)),
      chosen = () => [SWITCHES.indexOf(lab.state.switches), CODES.indexOf(lab.state.code)],
      wordsOf = (s, k) => ({ code: t(`code.${CODES[k]}`), switches: t("switchesOf", { who: who(SWITCHES[s]) }) });

    function bothScores(pen, x, y, room, miou) {
      const better = miou[0] >= miou[1] ? 0 : 1;
      SWITCHES.forEach((key, n) => {
        const text = `${who(key)} ${percent(miou[n])}`;
        pen.text(text, n ? x + room - 2 : x + 2, y, { role: ROLE[key], weight: n === better ? 700 : 400, align: n ? "right" : "left" });
      });
    }

    function bar(pen, { x, y, width: wide }, label, share, role, bold) {
      pen.text(label, x, y + 8, { most: wide - 50 });
      pen.text(percent(share), x + wide, y + 8, { align: "right", weight: bold ? 700 : 400 });
      pen.ctx.fillStyle = lab.tint("muted", 0.15);
      pen.ctx.fillRect(x, y + 19, wide, 7);
      pen.ctx.fillStyle = lab.colours[role];
      pen.ctx.fillRect(x, y + 19, wide * share, 7);
    }

    return {
      compute(state) {
        const key = keyOf(state),
          answer = answerOf(key),
          missing = !answer && !live && unpacking !== key,
          lost = !answer && live && questions.silent && unpacking !== key;
        if (answer) {
          shown = answer;
          waitingSince = 0;
        } else if (!waitingSince) waitingSince = performance.now();
        const late = waitingSince && performance.now() - waitingSince > SLOW;
        clearTimeout(paling);
        if (waitingSince && !late && !missing && !lost) paling = setTimeout(again, SLOW);
        lab.busy = !answer && !missing && !lost;
        const [s, k] = chosen(),
          like = shown && [agreement(shown.map(s, k), shown.map(0, 0)), agreement(shown.map(s, k), shown.map(1, 1))];
        return { answer: shown, waiting: !answer, missing, lost, pale: missing || lost || Boolean(late), like };
      },

      layout(wide) {
        const ratio = height / width,
          gap = 8,
          narrow = wide < 600;
        board.turned = narrow;
        const across = narrow ? 2 : 5,
          each = (wide - 2 - gap * (across - 1)) / across,
          tall = each * ratio,
          top = narrow ? 22 : 26,
          under = 26, // the scores below a map
          pitch = tall + under + (narrow ? 20 : 4),
          rows = narrow ? 5 : 2,
          below = top + rows * pitch + 34,
          big = narrow ? wide - 2 : Math.round(0.56 * wide),
          bigTall = big * ratio,
          side = narrow ? { x: 1, y: below + bigTall + 36, width: wide - 2 } : { x: big + 22, y: below, width: wide - big - 23 },
          little = (side.width - 12) / 2,
          bars = side.y + little * ratio + 10,
          legend = Math.max(below + bigTall, bars + 4 * 33) + 10;
        return {
          cell: (row, column) => ({ x: 1 + column * (each + gap), y: top + row * pitch, width: each, height: tall }),
          step: [pitch, each + gap],
          under,
          narrow,
          big: { x: 1, y: below, width: big, height: bigTall },
          truths: [side.x, side.x + little + 12].map((x) => ({ x, y: side.y, width: little, height: little * ratio })),
          bars: { x: side.x, y: bars, width: side.width },
          legend: { x: 1, y: legend, width: wide - 2 },
          height: legend + stage.pen.legendHeight(everyName, wide - 2),
        };
      },

      draw(pen, place) {
        const { answer, waiting, missing, lost, pale, like } = lab.result,
          { cell, narrow } = place;
        // Pictures, and the words beside rows and columns.
        SWITCHES.forEach((key, s) => {
          const at = narrow ? cell(0, s) : cell(s, 0);
          drawMap(pen, photo(numberOf(key)), at, { role: ROLE[key], frame: 3 });
          pen.text(t("switchesOf", { who: who(key) }), at.x, at.y + at.height + 14, { role: ROLE[key], weight: 600, most: at.width });
          if (!narrow) {
            pen.box(at.x, at.y, 21, 21, { role: null, fill: ROLE[key] });
            pen.text(who(key), at.x + 10, at.y + 11, { role: "paper", weight: 700, align: "center" });
          }
          const first = narrow ? at : cell(0, 0);
          if (narrow) pen.text(t("pictureOf", { who: who(key) }), at.x, at.y - 11, { role: ROLE[key], weight: 600 });
          else if (!s) pen.text(t("pictureOf", { who: "A, B" }), first.x, first.y - 14, { weight: 600 });
        });
        if (!answer) return;
        CODES.forEach((key, k) => {
          const at = narrow ? cell(k + 1, 0) : cell(0, k + 1);
          pen.text(t(`code.${key}`), at.x, at.y - (narrow ? 11 : 14), { role: ROLE[key] || "ink", weight: 600, most: narrow ? 2 * at.width : at.width });
        });
        const [chosenS, chosenK] = chosen();
        SWITCHES.forEach((_, s) =>
          CODES.forEach((__, k) => {
            const at = narrow ? cell(k + 1, s) : cell(s, k + 1),
              now = s === chosenS && k === chosenK;
            drawMap(pen, canvasOf(s, k), at, { role: now ? "ink" : "muted", frame: now ? 3 : 1, pale });
            ring(pen, at, 8);
            bothScores(pen, at.x, at.y + at.height + 13, at.width, answer.miou[s][k]);
          }),
        );
        const first = narrow ? cell(1, 0) : cell(0, 1);
        board.at = narrow ? [chosenK, chosenS] : [chosenS, chosenK];
        board.shown = {
          x: first.x,
          y: first.y,
          cellHeight: place.step[0],
          cellWidth: place.step[1],
          rows: narrow ? 4 : 2,
          cols: narrow ? 2 : 4,
          value: (r, c) => Math.round(1000 * answer.miou[narrow ? c : r][narrow ? r : c][0]),
          text: () => "",
          describe: (r, c) => {
            const [s, k] = narrow ? [c, r] : [r, c];
            return t("describeMap", { ...wordsOf(s, k), a: percent(answer.miou[s][k][0]), b: percent(answer.miou[s][k][1]) });
          },
        };
        // The chosen map, large.
        const { big } = place,
          labels = mapOf(chosenS, chosenK),
          lines = lab.state.lines;
        drawMap(pen, canvasOf(chosenS, chosenK), big, { role: "ink", frame: 1.5, pale });
        if (lines !== "none") drawOutline(pen, big, numberOf(lines));
        const title = t("largeTitle", wordsOf(chosenS, chosenK)),
          status = waiting ? t(missing || lost ? "noAnswer" : "computing") : lines === "none" ? "" : t("linesOf", { who: who(lines) });
        pen.text(title, big.x, big.y - 13, { weight: 600 });
        pen.text(status, big.x + big.width, big.y - 13, { align: "right", role: waiting && (missing || lost) ? "bad" : "muted", most: big.width - pen.measure(title, { weight: 600 }) - 12 });
        large.shown = {
          x: big.x,
          y: big.y,
          cellWidth: big.width / width,
          cellHeight: big.height / height,
          rows: height,
          cols: width,
          value: (r, c) => labels[r * width + c],
          text: (r, c) => nameOf(labels[r * width + c]),
          describe: (r, c) => {
            const i = r * width + c;
            return t("describe", { name: nameOf(labels[i]), a: nameOf(labelsOf(numberOf("a"))[i]), b: nameOf(labelsOf(numberOf("b"))[i]) });
          },
        };
        if (pointed()) large.at = pointed().slice();
        ring(pen, big, 12);
        SWITCHES.forEach((key, n) => {
          const at = place.truths[n],
            number = numberOf(key);
          drawMap(pen, painted(`truth ${number}`, labelsOf(number)), at, { role: ROLE[key], frame: 2 });
          pen.text(t("truthOf", { who: who(key) }), at.x, at.y - 13, { role: ROLE[key], weight: 600, most: at.width });
          ring(pen, at, 8);
        });
        const miou = answer.miou[chosenS][chosenK],
          line = (n) => ({ ...place.bars, y: place.bars.y + 33 * n });
        SWITCHES.forEach((key, n) => {
          bar(pen, line(n), t("against", { who: who(key) }), miou[n], ROLE[key], miou[n] >= miou[1 - n]);
          bar(pen, line(n + 2), t("like", { who: who(key) }), like[n], ROLE[key], like[n] >= like[1 - n]);
        });
        const seen = [labels, labelsOf(numberOf("a")), labelsOf(numberOf("b"))],
          present = paints.map((_, label) => label).filter((label) => seen.some((map) => map.includes(label === classes ? lab.settings.void : label)));
        pen.legend(
          present.map((label) => [paints[label], nameOf(label)]),
          place.legend.x,
          place.legend.y,
          place.legend.width,
        );
      },

      line() {
        const { answer, waiting, missing, lost, like } = lab.result,
          said = [];
        if (missing) said.push(t("lineMissing"));
        else if (lost) said.push(t("lineLost"));
        else if (waiting) said.push(t("lineWaiting"));
        if (!answer) return said.join(" ");
        if (numberOf("a") === numberOf("b")) said.push(t("lineSame"));
        const [s, k] = chosen(),
          [a, b] = answer.miou[s][k];
        said.push(t("line", { ...wordsOf(s, k), a: percent(a), b: percent(b), p: percent(like[0]), q: percent(like[1]) }));
        const spot = pointed();
        if (spot) {
          const i = spot[0] * width + spot[1];
          said.push(
            t("linePixel", {
              r: spot[0] + 1,
              c: spot[1] + 1,
              name: nameOf(mapOf(s, k)[i]),
              ta: nameOf(labelsOf(numberOf("a"))[i]),
              tb: nameOf(labelsOf(numberOf("b"))[i]),
            }),
          );
        }
        return said.join(" ");
      },

      reset() {
        hovered = null;
      },
    };
  }),
};

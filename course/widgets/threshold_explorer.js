const ROW = 58;
const LEFT = 74;
const RIGHT = 14;
const TOP = 26;
const BOTTOM = 46;
const TOP_SPEED = 35; // mph; a fast ride on the flat
const MOST_DOTS = 250; // drawn of each label; every window counts in the figures

/** Which of the three answers the rules give: the same comparisons as in Python. */
export function classify(speed, walkingBelow, runningBelow) {
  return speed < walkingBelow ? 0 : speed < runningBelow ? 1 : 2;
}

/** Counts by true label and answer, and the share of right answers. */
export function score(speeds, truths, labels, answers, walkingBelow, runningBelow) {
  const counts = labels.map(() => answers.map(() => 0));
  let hits = 0;
  speeds.forEach((speed, i) => {
    const answer = classify(speed, walkingBelow, runningBelow);
    counts[truths[i]][answer] += 1;
    if (labels[truths[i]] === answers[answer]) hits += 1;
  });
  return { counts, accuracy: hits / speeds.length };
}

function render({ model, el }) {
  const speeds = model.get("_speeds");
  const truths = model.get("_truths");
  const labels = model.get("_labels");
  const answers = model.get("_answers");
  const colours = model.get("_colours");
  const answerColours = answers.map((name) => colours[labels.indexOf(name)] ?? "#888888");
  const most = Math.ceil(
    Math.max(TOP_SPEED, ...speeds, model.get("walking_below"), model.get("running_below")),
  );
  const best = { accuracy: -1 };
  const cleanups = [];
  let width = 0;

  const holder = element("div");
  const result = element("div", { class: "od-score", role: "status" });
  const record = element("div", { class: "od-muted od-number" });
  const table = element("table", { class: "od-confusion" });
  const controls = element(
    "div",
    {},
    slider("walking_below", "Walking below"),
    slider("running_below", "Running below"),
  );

  function slider(trait, name) {
    const id = uniqueId(trait);
    const input = element("input", { id, type: "range", min: 0, max: most, step: 0.1 });
    const reading = element("span", { class: "od-number" });
    const show = () => {
      input.value = model.get(trait);
      input.setAttribute("aria-valuetext", `${model.get(trait).toFixed(1)} miles per hour`);
      reading.textContent = `${model.get(trait).toFixed(1)} mph`;
    };
    input.addEventListener("input", () => {
      model.set(trait, Number(input.value));
      model.save_changes();
    });
    model.on(`change:${trait}`, show);
    cleanups.push(() => model.off(`change:${trait}`, show));
    show();
    const label = element("label", { for: id }, name);
    return element("div", { class: "od-threshold" }, label, " ", reading, input);
  }

  function update() {
    const walking = model.get("walking_below");
    const running = model.get("running_below");
    const { counts, accuracy } = score(speeds, truths, labels, answers, walking, running);
    if (accuracy > best.accuracy) Object.assign(best, { accuracy, walking, running });
    result.textContent = `Accuracy: ${percent(accuracy)} of ${speeds.length} windows`;
    record.textContent =
      `Best so far: ${percent(best.accuracy)}, ` +
      `with ${best.walking.toFixed(1)} and ${best.running.toFixed(1)} mph`;
    drawTable(counts);
    if (width) drawStrips(walking, running);
  }

  function drawTable(counts) {
    const head = element("tr", {}, element("th", { scope: "col" }, ""));
    for (const name of answers) head.append(element("th", { scope: "col" }, `“${name}”`));
    const rows = counts.map((row, i) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, swatch(colours[i]), labels[i]),
        ...row.map((count, j) => {
          const right = labels[i] === answers[j];
          const share = total ? count / total : 0;
          const tint = `color-mix(in srgb, ${colours[i]} ${Math.round(45 * share)}%, transparent)`;
          return element(
            "td",
            { class: right ? "od-right" : count ? null : "od-none", style: `background: ${tint}` },
            count ? `${count} · ${percent(share, 0)}` : "0",
          );
        }),
      );
    });
    table.replaceChildren(
      element("caption", {}, "True activity in rows, what the rules call it in columns"),
      element("thead", {}, head),
      element("tbody", {}, ...rows),
    );
  }

  function swatch(colour) {
    return element("span", { class: "od-swatch", style: `background: ${colour}` });
  }

  function drawStrips(walking, running) {
    const height = TOP + ROW * labels.length + BOTTOM;
    const bottom = height - BOTTOM;
    const x = scale([0, most], [LEFT, width - RIGHT]);
    const picture = shape("svg", {
      width,
      height,
      role: "img",
      "aria-label": `Speed of each window on one line per true activity; the rules change at ${walking.toFixed(1)} and ${running.toFixed(1)} miles per hour. ${result.textContent}.`,
    });
    const edges = [0, Math.min(walking, most), Math.min(Math.max(walking, running), most), most];
    answers.forEach((name, i) => {
      const [start, end] = [x(edges[i]), x(edges[i + 1])];
      picture.append(
        shape("rect", { x: start, y: TOP, width: end - start, height: bottom - TOP, fill: answerColours[i], "fill-opacity": 0.1 }),
      );
      if (end - start > 66) {
        picture.append(shape("text", { x: (start + end) / 2, y: TOP - 9, "text-anchor": "middle" }, `“${name}”`));
      }
    });
    for (const value of ticks(0, most, width > 600 ? 8 : 5)) {
      picture.append(
        shape("line", { class: "od-grid", x1: x(value), x2: x(value), y1: TOP, y2: bottom }),
        shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, String(value)),
      );
    }
    picture.append(
      shape("text", { x: (LEFT + width - RIGHT) / 2, y: bottom + 37, "text-anchor": "middle" }, "Mean speed of the window (mph)"),
    );
    labels.forEach((name, row) => {
      const middle = TOP + ROW * (row + 0.5);
      picture.append(shape("text", { x: LEFT - 10, y: middle + 4, "text-anchor": "end" }, name));
      const mine = speeds.filter((_, i) => truths[i] === row);
      const stride = Math.ceil(mine.length / MOST_DOTS);
      mine.forEach((speed, i) => {
        if (i % stride) return;
        // The golden ratio spreads the points over the strip evenly, and the same way every time.
        const cy = middle + (((i * 0.618034) % 1) - 0.5) * (ROW - 18);
        const right = answers[classify(speed, walking, running)] === name;
        picture.append(
          shape("circle", {
            cx: x(speed),
            cy,
            r: 3.2,
            fill: right ? colours[row] : "none",
            "fill-opacity": 0.75,
            stroke: colours[row],
            "stroke-opacity": right ? 0 : 0.9,
            "stroke-width": 1.2,
          }),
        );
      });
    });
    for (const speed of [walking, running]) {
      picture.append(shape("line", { class: "od-cut", x1: x(Math.min(speed, most)), x2: x(Math.min(speed, most)), y1: TOP - 4, y2: bottom + 4 }));
    }
    holder.replaceChildren(picture);
  }

  claim(el, "threshold-explorer");
  el.append(
    holder,
    controls,
    element("div", { class: "od-muted" }, "Each dot is one window: filled if the rules name it rightly, hollow if not."),
    element("div", { class: "od-row" }, result, record),
    table,
  );
  for (const trait of ["walking_below", "running_below"]) {
    model.on(`change:${trait}`, update);
    cleanups.push(() => model.off(`change:${trait}`, update));
  }
  const stop = onWidth(holder, (now) => {
    width = now;
    update();
  });
  update();
  cleanups.push(stop);
  return () => cleanups.forEach((cleanup) => cleanup());
}

export default { render };

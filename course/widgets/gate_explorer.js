const HEIGHT = 240;
const MARGIN = { left: 46, right: 14, top: 40, bottom: 46 };

function render({ model, el }) {
  const values = model.get("_values");
  const spans = model.get("_spans");
  const piece = model.get("_piece_s");
  const unit = model.get("_unit");
  const most = Math.max(...values);
  const cleanups = [];
  let width = 0;

  const holder = element("div");
  const cost = element("div", { class: "od-score", role: "status" });
  const found = element("div", { class: "od-score" });
  const id = uniqueId("threshold");
  // The upper half of the values is no place for a threshold; half of the range moves finer.
  const input = element("input", { id, type: "range", min: 0, max: (most / 2).toFixed(2), step: 0.01 });
  const reading = element("span", { class: "od-number" });
  input.addEventListener("input", () => {
    model.set("threshold", Number(input.value));
    model.save_changes();
  });

  function update() {
    const threshold = model.get("threshold");
    input.value = threshold;
    reading.textContent = `${threshold.toFixed(2)} ${unit}`;
    input.setAttribute("aria-valuetext", reading.textContent);
    cost.textContent =
      `Awake ${percent(model.get("share"), 0)} of the time: ` +
      `${model.get("joules").toFixed(0)} J a day, ${model.get("days").toFixed(0)} days on the battery`;
    found.textContent = `Gestures it wakes for: ${model.get("caught")} of ${spans.length}`;
    if (width) draw(threshold);
  }

  function draw(threshold) {
    const bottom = HEIGHT - MARGIN.bottom;
    const end = values.length * piece;
    const x = scale([0, end], [MARGIN.left, width - MARGIN.right]);
    const y = scale([0, most * 1.03], [bottom, MARGIN.top]);
    const picture = shape("svg", {
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": `What the gate measures over ${Math.round(end)} seconds, with ${spans.length} gestures marked and a threshold at ${threshold.toFixed(2)} ${unit}. ${cost.textContent}. ${found.textContent}.`,
    });
    for (const [start, stop] of spans) {
      picture.append(
        shape("rect", { x: x(start), y: MARGIN.top, width: x(stop) - x(start), height: bottom - MARGIN.top, fill: "#009E73", "fill-opacity": 0.3 }),
        // In a long signal a gesture is two pixels wide: a triangle above says where it is.
        marker(2, x((start + stop) / 2), MARGIN.top - 8, 5, { fill: "#009E73", transform: `rotate(180 ${x((start + stop) / 2)} ${MARGIN.top - 8})` }),
      );
    }
    picture.append(
      axes({ x, y, domainX: [0, end], domainY: [0, most], titleX: "Time (s), gestures in green", ticksX: width > 600 ? 8 : 4, ticksY: 4 }),
    );
    picture.append(shape("text", { x: MARGIN.left, y: 14, "text-anchor": "start" }, `Spread of the hardest axis (${unit})`));
    values.forEach((value, i) => {
      const awake = value >= threshold;
      picture.append(
        shape("circle", { cx: x((i + 0.5) * piece), cy: y(value), r: 3, fill: awake ? "#0072B2" : "none", stroke: awake ? "none" : "#5f6368", "stroke-width": 1.2 }),
      );
    });
    picture.append(shape("line", { class: "od-cut", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(threshold), y2: y(threshold) }));
    holder.replaceChildren(picture);
  }

  claim(el, "gate-explorer");
  el.append(
    holder,
    element("div", { class: "od-threshold" }, element("label", { for: id }, "Wake from"), " ", reading, input),
    element("div", { class: "od-muted" }, "Each dot is 1.28 s of signal: filled if it wakes the model, hollow if not."),
    element("div", { class: "od-row" }, cost, found),
  );
  const listened = ["threshold", "share", "joules", "caught"];
  for (const trait of listened) {
    model.on(`change:${trait}`, update);
    cleanups.push(() => model.off(`change:${trait}`, update));
  }
  cleanups.push(
    onWidth(holder, (now) => {
      width = now;
      update();
    }),
  );
  update();
  return () => cleanups.forEach((cleanup) => cleanup());
}

export default { render };

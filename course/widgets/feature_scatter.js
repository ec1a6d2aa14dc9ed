const HEIGHT = 380;
const SIGNAL_HEIGHT = 260;
const MARGIN = { left: 56, right: 12, top: 28, bottom: 46 };
const REACH = 28; // pixels from the pointer within which a point answers

function render({ model, el }) {
  const axisNames = model.get("_axis_names");
  const labels = model.get("_labels");
  const labelOf = model.get("_label_of");
  const colours = model.get("_colours");
  const axisColours = model.get("_axis_colours");
  const samples = model.get("_samples");
  const rate = model.get("_sample_rate_hz");
  const features = new Float32Array(copy(model.get("_features")));
  const windows = new Int16Array(copy(model.get("_windows")));
  const columns = axisNames.length;
  const count = labelOf.length;
  const feature = (point, axis) => features[point * columns + axis];
  const largest = windows.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 1000;
  const cleanups = [];
  let chosen = -1;
  let places = [];
  let marks = [];
  let ring = null;

  const plot = element("div", { class: "od-panel od-wide" });
  const side = element("div", { class: "od-panel" });
  const spoken = element("div", { class: "od-hidden", role: "status" });
  const controls = element("div", { class: "od-row" }, picker("x_axis", "To the right"), picker("y_axis", "Upwards"));
  const legend = element("div", { class: "od-row" });
  labels.forEach((name, kind) => {
    const sample = shape("svg", { width: 16, height: 14, "aria-hidden": "true", style: "display: inline-block; vertical-align: -2px" }, marker(kind, 7, 7, 5, { fill: colours[kind] }));
    legend.append(element("span", {}, sample, ` ${name}`));
  });

  function copy(view) {
    return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  }

  function picker(trait, name) {
    const select = element("select");
    axisNames.forEach((axis, i) => select.append(element("option", { value: i }, axis)));
    select.value = model.get(trait);
    select.addEventListener("change", () => {
      model.set(trait, Number(select.value));
      model.save_changes();
    });
    const follow = () => {
      select.value = model.get(trait);
      drawPlot();
    };
    model.on(`change:${trait}`, follow);
    cleanups.push(() => model.off(`change:${trait}`, follow));
    return element("label", {}, `${name} `, select);
  }

  function domain(axis) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      low = Math.min(low, feature(i, axis));
      high = Math.max(high, feature(i, axis));
    }
    const air = 0.04 * (high - low || 1);
    return count ? [low - air, high + air] : [0, 1];
  }

  function drawPlot() {
    const width = plot.clientWidth;
    if (!width) return;
    const [right, up] = [model.get("x_axis"), model.get("y_axis")];
    const [domainX, domainY] = [domain(right), domain(up)];
    const x = scale(domainX, [MARGIN.left, width - MARGIN.right]);
    const y = scale(domainY, [HEIGHT - MARGIN.bottom, MARGIN.top]);
    places = labelOf.map((_, i) => [x(feature(i, right)), y(feature(i, up))]);
    marks = labelOf.map((kind, i) => marker(kind, ...places[i], 4, { fill: colours[kind], "fill-opacity": 0.65 }));
    ring = shape("circle", { r: 9, fill: "none", stroke: "var(--od-ink)", "stroke-width": 2, visibility: "hidden" });
    const picture = shape(
      "svg",
      {
        width,
        height: HEIGHT,
        tabindex: 0,
        role: "application",
        "aria-label": `Scatter plot of ${count} windows, ${axisNames[right]} to the right and ${axisNames[up]} upwards. Arrow keys move from point to point.`,
      },
      axes({ x, y, domainX, domainY, titleX: axisNames[right], titleY: axisNames[up] }),
      ...marks,
      ring,
    );
    picture.addEventListener("pointermove", point);
    picture.addEventListener("pointerdown", point);
    picture.addEventListener("keydown", walk);
    picture.addEventListener("focus", () => chosen < 0 && picture.matches(":focus-visible") && choose(leftmost()[0], true));
    const focused = plot.firstChild !== null && plot.getRootNode().activeElement === plot.firstChild;
    plot.replaceChildren(picture);
    if (focused) picture.focus();
    if (chosen >= 0) choose(chosen);
  }

  function leftmost() {
    return labelOf.map((_, i) => i).sort((a, b) => places[a][0] - places[b][0] || a - b);
  }

  function point(event) {
    const box = event.currentTarget.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let [nearest, least] = [-1, REACH];
    places.forEach(([cx, cy], i) => {
      const distance = Math.hypot(cx - px, cy - py);
      if (distance < least) [nearest, least] = [i, distance];
    });
    if (nearest >= 0 && nearest !== chosen) choose(nearest);
  }

  /** Left and right step through the points by x, up and down through the labels. */
  function walk(event) {
    const order = leftmost();
    const at = order.indexOf(chosen);
    let next = -1;
    if (event.key === "ArrowRight") next = order[Math.min(at + 1, count - 1)];
    else if (event.key === "ArrowLeft") next = order[Math.max(at - 1, 0)];
    else if (event.key === "Home") next = order[0];
    else if (event.key === "End") next = order[count - 1];
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const step = event.key === "ArrowUp" ? -1 : 1;
      const kind = ((labelOf[chosen] ?? 0) + step + labels.length) % labels.length;
      next = order.find((i) => labelOf[i] === kind) ?? -1;
    }
    if (next < 0) return;
    event.preventDefault();
    choose(next, true);
  }

  function choose(i, speak = false) {
    chosen = i;
    ring.setAttribute("cx", places[i][0]);
    ring.setAttribute("cy", places[i][1]);
    ring.setAttribute("visibility", "visible");
    drawSignal();
    if (speak) {
      const axesNow = [model.get("x_axis"), model.get("y_axis")];
      spoken.textContent = `${labels[labelOf[i]]}: ${axesNow.map((axis) => `${axisNames[axis]} ${Number(feature(i, axis).toPrecision(3))}`).join(", ")}`;
    }
  }

  function drawSignal() {
    const width = side.clientWidth;
    if (!width) return;
    if (chosen < 0) {
      side.replaceChildren(element("p", { class: "od-muted" }, "Point at a dot, or step through them with the arrow keys, to see the signal behind it."));
      return;
    }
    const domainX = [0, samples / rate];
    const most = Math.max(1, Math.min(largest, 8)) * 1.05;
    const domainY = [-most, most];
    const x = scale(domainX, [MARGIN.left - 8, width - MARGIN.right]);
    const y = scale(domainY, [SIGNAL_HEIGHT - MARGIN.bottom, MARGIN.top]);
    const xs = Array.from({ length: samples }, (_, i) => x(i / rate));
    const name = labels[labelOf[chosen]];
    const picture = shape(
      "svg",
      { width, height: SIGNAL_HEIGHT, role: "img", "aria-label": `Acceleration over time in a window of ${name}` },
      axes({ x, y, domainX, domainY, titleX: "Time (s)", titleY: "Acceleration (g)", ticksX: 5 }),
    );
    AXIS_NAMES.forEach((axisName, axis) => {
      const colour = axis === 2 ? "var(--od-ink)" : axisColours[axis];
      const ys = xs.map((_, i) => y(Math.max(-most, Math.min(most, windows[(chosen * samples + i) * 3 + axis] / 1000))));
      const at = width - MARGIN.right - 36 * (2 - axis) - 8;
      picture.append(
        shape("path", { class: "od-line", d: path(xs, ys), stroke: colour, "stroke-width": 1.4 }),
        shape("line", { x1: at - 20, x2: at - 5, y1: 14, y2: 14, "stroke-width": 3, stroke: colour }),
        shape("text", { x: at, y: 18 }, axisName),
      );
    });
    const swatch = element("span", { class: "od-swatch", style: `background: ${colours[labelOf[chosen]]}` });
    side.replaceChildren(element("div", { class: "od-signal-name" }, swatch, name), picture);
  }

  claim(el, "feature-scatter");
  el.append(controls, element("div", { class: "od-panels" }, plot, side), legend, spoken);
  cleanups.push(onWidth(plot, drawPlot), onWidth(side, drawSignal));
  return () => cleanups.forEach((cleanup) => cleanup());
}

export default { render };

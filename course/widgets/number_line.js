const HEIGHT = 322;
const MARGIN = { left: 22, right: 22 };
const TOP = 24;
const AXIS = 132;
const LENS = 262;
const LOWEST = -128;
const HIGHEST = 127;
const COLOURS = { inside: "#0072B2", outside: "#D55E00", landed: "#009E73" };
const HANDLES = [
  ["low", "Lowest"],
  ["high", "Highest"],
  ["value", "A number"],
];

function render({ model, el }) {
  const reach = model.get("_reach");
  const unit = model.get("_unit") ? ` ${model.get("_unit")}` : "";
  const counts = model.get("_counts");
  const many = model.get("_many");
  // A slider moves by this much, a thousandth of the line, in round numbers.
  const grain = 10 ** Math.floor(Math.log10(reach / 200));
  const cleanups = [];
  let width = 0;
  let held = null;

  const holder = element("div");
  holder.style.touchAction = "pan-y";
  const numbers = element("div", { class: "od-score" });
  const story = element("div", { role: "status" });
  const all = element("div", { class: "od-muted" });

  function range(trait) {
    if (trait === "low") return [-reach, 0];
    if (trait === "high") return [0, reach];
    return [-reach, reach];
  }

  function set(trait, wanted) {
    const [least, most] = range(trait);
    const round = Math.round(wanted / grain) * grain;
    model.set(trait, Number(Math.min(most, Math.max(least, round)).toPrecision(12)));
    model.save_changes();
  }

  function short(value) {
    if (value === 0) return "0";
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return value.toFixed(Math.min(8, digits)).replace("-", "−");
  }

  // As many digits as tell two steps apart.
  function real(value) {
    const digits = Math.max(0, 1 - Math.floor(Math.log10(model.get("scale"))));
    return value.toFixed(Math.min(8, digits)).replace("-", "−");
  }

  function whole(value) {
    return String(value).replace("-", "−");
  }

  function slider([trait, name]) {
    const id = uniqueId(trait);
    const [least, most] = range(trait);
    const input = element("input", { id, type: "range", min: least, max: most, step: grain });
    const reading = element("span", { class: "od-number" });
    reading.style.cssText = "font-weight: 600; min-width: 5em; display: inline-block";
    input.style.width = "100%";
    const show = () => {
      input.value = model.get(trait);
      reading.textContent = `${real(model.get(trait))}${unit}`;
      input.setAttribute("aria-valuetext", reading.textContent);
    };
    input.addEventListener("input", () => set(trait, Number(input.value)));
    for (const changed of [trait, "scale"]) listen(`change:${changed}`, show);
    show();
    const box = element("div", {}, element("label", { for: id }, name), " ", reading, input);
    box.style.flex = "1 1 180px";
    return box;
  }

  function listen(event, what) {
    model.on(event, what);
    cleanups.push(() => model.off(event, what));
  }

  function means(stored) {
    return model.get("scale") * (stored - model.get("zero_point"));
  }

  function update() {
    const value = model.get("value");
    const landed = model.get("landed");
    const off = Math.abs(value - landed);
    const beyond = off > 0.501 * model.get("scale");
    numbers.textContent = `Scale ${short(model.get("scale"))}${unit} · zero point ${whole(model.get("zero_point"))}`;
    story.textContent =
      `${real(value)}${unit} is stored as ${whole(model.get("stored"))}, which means ${real(landed)}${unit}: ` +
      `${short(off)}${unit} off, ` +
      (beyond ? `${Math.round(off / model.get("scale"))} steps: it lies beyond the range.` : `${(off / model.get("scale")).toFixed(2)} of a step.`);
    all.textContent = many
      ? `Of all ${many.toLocaleString("en")} values ${percent(model.get("outside"))} lie beyond the range. ` +
        `On average a value is ${short(model.get("mean_error"))}${unit} off.`
      : "";
    if (width) draw();
  }

  function draw() {
    const x = scale([-reach, reach], [MARGIN.left, width - MARGIN.right]);
    const step = model.get("scale");
    const low = means(LOWEST);
    const high = means(HIGHEST);
    const picture = shape("svg", {
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": `A line from ${short(-reach)} to ${short(reach)}${unit}. int8 covers ${real(low)} to ${real(high)}${unit} in 256 steps. ${numbers.textContent}. ${story.textContent} ${all.textContent}`,
    });
    picture.append(shape("rect", { x: x(low), y: TOP, width: x(high) - x(low), height: AXIS - TOP, fill: COLOURS.inside, "fill-opacity": 0.09 }));
    histogram(picture, x, low, high);
    comb(picture, x, low, high, step);
    for (const tick of ticks(-reach, reach, width > 560 ? 9 : 5)) {
      picture.append(
        shape("line", { class: "od-axis", x1: x(tick), x2: x(tick), y1: AXIS, y2: AXIS + 5 }),
        shape("text", { class: "od-caption", x: x(tick), y: AXIS + 50, "text-anchor": "middle" }, `${whole(tick)}${tick === 0 ? unit : ""}`),
      );
    }
    for (const [trait, at] of [["low", low], ["high", high]]) {
      picture.append(
        shape("line", { class: "od-cut", x1: x(at), x2: x(at), y1: TOP - 8, y2: AXIS + 14 }),
        shape("circle", { cx: x(at), cy: TOP - 8, r: 7, fill: "var(--od-ink)", "data-handle": trait }),
      );
    }
    const value = x(Math.min(reach, Math.max(-reach, model.get("value"))));
    picture.append(
      shape("line", { x1: value, x2: value, y1: TOP + 12, y2: AXIS + 14, stroke: COLOURS.outside, "stroke-width": 2 }),
      marker(1, value, TOP + 12, 6, { fill: COLOURS.outside, "data-handle": "value" }),
    );
    lens(picture, value, step);
    picture.style.cursor = "ew-resize";
    holder.replaceChildren(picture);
  }

  function histogram(picture, x, low, high) {
    const most = Math.max(...counts, 1);
    const bin = (2 * reach) / counts.length;
    // Roots, so that rare values can be seen beside common ones.
    const y = scale([0, Math.sqrt(most)], [AXIS, TOP + 6]);
    counts.forEach((count, i) => {
      if (!count) return;
      const middle = -reach + (i + 0.5) * bin;
      const inside = middle >= low - bin / 2 && middle <= high + bin / 2;
      picture.append(
        shape("rect", { x: x(middle - bin / 2), y: y(Math.sqrt(count)), width: Math.max(1, x(middle + bin / 2) - x(middle - bin / 2) - 1), height: AXIS - y(Math.sqrt(count)), fill: inside ? COLOURS.inside : COLOURS.outside, "fill-opacity": 0.75 }),
      );
    });
  }

  /** The 256 steps below the line; where they lie too close, every second, fourth and so on. */
  function comb(picture, x, low, high, step) {
    let every = 1;
    while ((x(every * step) - x(0)) < 2.5 && every < 64) every *= 2;
    let d = "";
    for (let stored = LOWEST; stored <= HIGHEST; stored += every) d += `M${x(means(stored)).toFixed(1)} ${AXIS}v11`;
    picture.append(
      shape("line", { class: "od-axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: AXIS, y2: AXIS }),
      shape("path", { d, stroke: COLOURS.inside, "stroke-width": 1, fill: "none" }),
    );
    const zero = model.get("zero_point");
    const names = [[low, LOWEST], [high, HIGHEST]];
    // Numbers that would cover each other are left out, the zero point first.
    if (Math.min(x(0) - x(low), x(high) - x(0)) > 34) names.push([0, zero]);
    if (x(high) - x(low) < 44) names.splice(1, 1);
    for (const [at, stored] of names) {
      picture.append(shape("text", { x: x(at), y: AXIS + 28, "text-anchor": "middle", style: `fill: ${COLOURS.inside}; font-weight: 600` }, whole(stored)));
    }
  }

  /** The steps around the number, magnified, with the error between the two. */
  function lens(picture, origin, step) {
    const stored = model.get("stored");
    const value = model.get("value");
    // As many steps to either side as have room for what they mean.
    const around = width < 560 ? 2 : 3;
    const first = Math.max(LOWEST, Math.min(HIGHEST - 2 * around, stored - around));
    const last = first + 2 * around;
    const left = means(first) - step;
    const right = means(last) + step;
    const x = scale([left, right], [MARGIN.left + 8, width - MARGIN.right - 8]);
    const seen = x(Math.min(right, Math.max(left, value)));
    const at = x(model.get("landed"));
    picture.append(
      shape("path", { d: `M${origin} ${AXIS + 58}L${x(left)} ${LENS - 46}M${origin} ${AXIS + 58}L${x(right)} ${LENS - 46}`, stroke: "var(--od-rule)", fill: "none" }),
      shape("line", { class: "od-axis", x1: x(left), x2: x(right), y1: LENS, y2: LENS }),
      shape("line", { x1: Math.min(seen, at), x2: Math.max(seen, at), y1: LENS - 14, y2: LENS - 14, stroke: COLOURS.outside, "stroke-width": 4 }),
    );
    for (let number = first; number <= last; number++) {
      const here = number === stored;
      const colour = here ? COLOURS.landed : COLOURS.inside;
      picture.append(
        shape("line", { x1: x(means(number)), x2: x(means(number)), y1: LENS - (here ? 14 : 8), y2: LENS + 4, stroke: colour, "stroke-width": here ? 3 : 1.5 }),
        shape("text", { x: x(means(number)), y: LENS + 21, "text-anchor": "middle", style: `fill: ${colour}; font-weight: ${here ? 700 : 400}` }, whole(number)),
        shape("text", { class: "od-caption", x: x(means(number)), y: LENS + 40, "text-anchor": "middle" }, real(means(number))),
      );
    }
    picture.append(marker(1, seen, LENS - 24, 6, { fill: COLOURS.outside }));
    picture.append(shape("text", { class: "od-caption", x: x(left), y: LENS + 57, "text-anchor": "start" }, `Magnified: stored numbers, and what each means${unit ? ` in${unit}` : ""}`));
  }

  function place(event) {
    const box = holder.getBoundingClientRect();
    return (2 * reach * (event.clientX - box.left - MARGIN.left)) / (width - MARGIN.left - MARGIN.right) - reach;
  }

  function nearest(event) {
    const named = event.target.getAttribute?.("data-handle");
    if (named) return named;
    const at = place(event);
    const spots = { low: means(LOWEST), high: means(HIGHEST), value: model.get("value") };
    return Object.keys(spots).sort((a, b) => Math.abs(spots[a] - at) - Math.abs(spots[b] - at))[0];
  }

  holder.addEventListener("pointerdown", (event) => {
    held = nearest(event);
    holder.setPointerCapture(event.pointerId);
    set(held, place(event));
    event.preventDefault();
  });
  holder.addEventListener("pointermove", (event) => {
    if (held) set(held, place(event));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    holder.addEventListener(end, () => {
      held = null;
    });
  }

  claim(el, "number-line");
  el.append(
    holder,
    element("div", { class: "od-row" }, ...HANDLES.map(slider)),
    numbers,
    story,
    all,
  );
  for (const trait of ["low", "high", "value", "scale", "zero_point", "stored", "landed", "outside", "mean_error"]) {
    listen(`change:${trait}`, update);
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

const HEIGHT = 250;
const MARGIN = { left: 52, right: 30, top: 44, bottom: 46 };
const MARKS = ["p50", "p95", "p99"];
const SLIDERS = [
  ["rtt_ms", "Round trip", 0, 800, 5, (v) => `${v.toFixed(0)} ms`, (v) => v, (v) => v],
  // Bandwidth runs over four powers of ten, so its slider moves along the logarithm.
  [
    "up_kbps", "Bandwidth", 1, 5, 0.05,
    (v) => (v < 1000 ? `${v.toFixed(0)} kbit/s` : `${(v / 1000).toFixed(1)} Mbit/s`),
    (v) => Math.log10(v), (v) => 10 ** v,
  ],
  ["loss_percent", "Packets lost", 0, 5, 0.1, (v) => `${v.toFixed(1)} %`, (v) => v, (v) => v],
];

function spell(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10000 ? `${Math.round(ms).toLocaleString("en")} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function render({ model, el }) {
  const cleanups = [];
  let width = 0;
  const holder = element("div");
  const result = element("div", { class: "od-score", role: "status" });

  function slider([trait, name, low, high, step, shown, there, back]) {
    const id = uniqueId(trait);
    const input = element("input", { id, type: "range", min: low, max: high, step });
    const reading = element("span", { class: "od-number" });
    const show = () => {
      input.value = there(model.get(trait));
      input.setAttribute("aria-valuetext", shown(model.get(trait)));
      reading.textContent = shown(model.get(trait));
    };
    input.addEventListener("input", () => {
      model.set(trait, back(Number(input.value)));
      model.save_changes();
    });
    listen(`change:${trait}`, show);
    show();
    return element("div", { class: "od-threshold" }, element("label", { for: id }, name), " ", reading, input);
  }

  function choice() {
    const id = uniqueId("payload");
    const input = element("select", { id });
    for (const name of model.get("_payloads")) input.append(element("option", { value: name }, name));
    const show = () => (input.value = model.get("payload"));
    input.addEventListener("change", () => {
      model.set("payload", input.value);
      model.save_changes();
    });
    listen("change:payload", show);
    show();
    return element("div", { class: "od-row" }, element("label", { for: id }, "You send"), input);
  }

  function listen(event, what) {
    model.on(event, what);
    cleanups.push(() => model.off(event, what));
  }

  function update() {
    const [p50, p95, p99] = MARKS.map((name) => model.get(name));
    result.textContent = `p50 ${spell(p50)} · p95 ${spell(p95)} · p99 ${spell(p99)}`;
    if (width) draw();
  }

  function draw() {
    const edges = model.get("_edges");
    const counts = model.get("_counts");
    const local = model.get("_local_ms");
    const bottom = HEIGHT - MARGIN.bottom;
    const domain = [Math.log10(edges[0]), Math.log10(edges[edges.length - 1])];
    const along = scale(domain, [MARGIN.left, width - MARGIN.right]);
    const x = (ms) => along(Math.min(domain[1], Math.max(domain[0], Math.log10(ms))));
    const most = Math.max(...counts, 10);
    const y = scale([0, most], [bottom, MARGIN.top]);
    const picture = shape("svg", {
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": `Histogram of the time that 1,001 requests take, on a logarithmic axis. ${result.textContent}. The device itself takes ${spell(local)}.`,
    });
    for (const value of ticks(0, most, 4)) {
      picture.append(
        shape("line", { class: "od-grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
        shape("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)),
      );
    }
    for (let power = Math.ceil(domain[0]); power <= domain[1]; power++) {
      const ms = 10 ** power;
      picture.append(
        shape("line", { class: "od-grid", x1: x(ms), x2: x(ms), y1: MARGIN.top, y2: bottom }),
        shape("text", { x: x(ms), y: bottom + 17, "text-anchor": "middle" }, ms < 1000 ? `${ms} ms` : `${ms / 1000} s`),
      );
    }
    counts.forEach((count, i) => {
      if (!count) return;
      const left = x(edges[i]);
      picture.append(
        shape("rect", { x: left, y: y(count), width: Math.max(1, x(edges[i + 1]) - left - 1), height: bottom - y(count), fill: "#0072B2", "fill-opacity": 0.8 }),
      );
    });
    picture.append(
      shape("text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: bottom + 37, "text-anchor": "middle" }, "From asking to the answer"),
      shape("text", { x: MARGIN.left, y: 14, "text-anchor": "start" }, "Requests of 1,001"),
      shape("line", { x1: x(local), x2: x(local), y1: MARGIN.top - 6, y2: bottom, stroke: "#D55E00", "stroke-width": 2 }),
      shape("text", { x: x(local), y: MARGIN.top - 10, "text-anchor": "middle" }, "device"),
    );
    let last = -Infinity;
    for (const name of MARKS) {
      const place = x(model.get(name));
      picture.append(shape("line", { class: "od-cut", x1: place, x2: place, y1: MARGIN.top - 6, y2: bottom }));
      // Names that would cover each other or the device's are left to the line of text below.
      if (place - last > 30 && Math.abs(place - x(local)) > 42) {
        picture.append(shape("text", { x: place, y: MARGIN.top - 10, "text-anchor": "middle" }, name));
        last = place;
      }
    }
    holder.replaceChildren(picture);
  }

  claim(el, "link-explorer");
  el.append(holder, element("div", { class: "od-row" }, result), choice(), ...SLIDERS.map(slider));
  for (const trait of [...MARKS, "_counts"]) listen(`change:${trait}`, update);
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

const ROW = 16;
const ROWS = 8;
const BAR = 22;

function render({ model, el }) {
  const data = bytesOf(model.get("_data"));
  const parts = model.get("_parts");
  const colours = model.get("_colours");
  const words = model.get("_words");
  const cleanups = [];
  let top = 0;

  const bar = element("div");
  const view = element("div", {
    class: "od-bytes",
    tabindex: 0,
    role: "application",
    "aria-label": "Bytes of the file. Arrow keys move by one byte or one row, Page up and Page down by a screen.",
  });
  const reading = element("div", { class: "od-score", role: "status" });
  const meaning = element("div", { class: "od-muted od-meaning" });
  const id = uniqueId("byte");
  const input = element("input", { id, type: "range", min: 0, max: data.length - 1, step: 1 });
  input.addEventListener("input", () => move(Number(input.value)));

  function partOf(at) {
    let low = 0;
    let high = parts.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [start, end] = parts[middle];
      if (at < start) high = middle - 1;
      else if (at >= end) low = middle + 1;
      else return parts[middle];
    }
    return null;
  }

  function move(to, passing = false) {
    const at = Math.min(Math.max(to, 0), data.length - 1);
    if (at !== model.get("at")) model.set("at", at);
    // A pointer on its way passes a hundred bytes; the kernel need not hear of each.
    if (!passing) model.save_changes();
  }

  function number(place, kind) {
    const raw = new DataView(data.buffer, data.byteOffset + place, 4);
    if (kind === "float") return Number(raw.getFloat32(0, true).toPrecision(5));
    return raw.getUint32(0, true).toLocaleString("en");
  }

  /** What four bytes say together, where they are read together. */
  function value(at, part) {
    if (!part) return "";
    const [start, end, kind, name] = part;
    const place = start + 4 * Math.floor((at - start) / 4);
    if (place + 4 > end) return "";
    if (kind === "weights" && name.startsWith("float32")) {
      return ` Bytes ${place.toLocaleString("en")} to ${(place + 3).toLocaleString("en")} are the number ${number(place, "float")}.`;
    }
    if (kind === "weights" && name.startsWith("int32")) {
      return ` Bytes ${place.toLocaleString("en")} to ${(place + 3).toLocaleString("en")} are the number ${number(place, "whole")}.`;
    }
    return "";
  }

  function letter(byte) {
    return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·";
  }

  function drawBytes(at) {
    // The cursor stays inside; the first screen begins at byte 0.
    const row = Math.floor(at / ROW);
    const first = top / ROW;
    if (row < first) top = row * ROW;
    if (row >= first + ROWS) top = (row - ROWS + 1) * ROW;
    const here = partOf(at);
    const lines = [];
    for (let start = top; start < Math.min(data.length, top + ROW * ROWS); start += ROW) {
      const line = element("div", { class: "od-line-of-bytes" });
      line.append(element("span", { class: "od-place" }, start.toLocaleString("en")));
      const letters = element("span", { class: "od-letters" });
      for (let place = start; place < Math.min(start + ROW, data.length); place++) {
        const part = partOf(place);
        const [paper, ink] = part ? colours[part[2]] : [];
        const classes = ["od-byte"];
        if (part && part === here) classes.push("od-together");
        if (place === at) classes.push("od-cursor");
        line.append(
          element(
            "span",
            { class: classes.join(" "), style: part ? `background:${paper};color:${ink}` : null, "data-at": place },
            data[place].toString(16).padStart(2, "0"),
          ),
        );
        letters.append(
          element("span", { class: place === at ? "od-cursor" : null, "data-at": place }, letter(data[place])),
        );
      }
      line.append(letters);
      lines.push(line);
    }
    view.replaceChildren(...lines);
  }

  function drawBar(width) {
    const x = scale([0, data.length], [0, width]);
    const picture = shape("svg", {
      width,
      height: BAR + 8,
      role: "img",
      "aria-label": `The whole file as a bar of ${data.length.toLocaleString("en")} bytes. ${shares()}`,
    });
    picture.append(shape("rect", { class: "od-between", x: 0, y: 4, width, height: BAR }));
    for (const [start, end, kind] of parts) {
      picture.append(
        shape("rect", { x: x(start), y: 4, width: Math.max(0.7, x(end) - x(start)), height: BAR, fill: colours[kind][0] }),
      );
    }
    picture.append(
      shape("path", { class: "od-here", d: `M${x(model.get("at"))} 0v${BAR + 8}` }),
    );
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      move(Math.floor(((event.clientX - box.left) / box.width) * data.length));
    });
    bar.replaceChildren(picture);
  }

  function shares() {
    let weights = 0;
    for (const [start, end, kind] of parts) if (kind === "weights") weights += end - start;
    return weights ? `${percent(weights / data.length, 0)} of it are weights.` : "";
  }

  function update() {
    const at = Math.min(Math.max(model.get("at"), 0), data.length - 1);
    const part = partOf(at);
    input.value = at;
    input.setAttribute("aria-valuetext", `byte ${at}`);
    drawBytes(at);
    const name = part ? part[3] : words.structure;
    const span = part ? ` (bytes ${part[0].toLocaleString("en")} to ${(part[1] - 1).toLocaleString("en")})` : "";
    reading.textContent = `Byte ${at.toLocaleString("en")} is ${data[at]}: ${name}${span}`;
    meaning.textContent = part
      ? part[4] + value(at, part)
      : "Which tensor has which shape, which operator reads which tensor.";
    if (width) drawBar(width);
  }

  view.addEventListener("keydown", (event) => {
    const at = model.get("at");
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: ROW, ArrowUp: -ROW,
      PageDown: ROW * ROWS, PageUp: -ROW * ROWS, Home: -at, End: data.length,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    move(at + steps[event.key]);
  });
  view.addEventListener("mouseover", (event) => {
    const place = event.target.dataset?.at;
    if (place !== undefined) move(Number(place), true);
  });
  view.addEventListener("click", (event) => {
    const place = event.target.dataset?.at;
    if (place !== undefined) move(Number(place));
    view.focus();
  });

  claim(el, "hex-view");
  const buttons = model.get("_jumps").map(([name, place]) =>
    element("button", { type: "button", onclick: () => { top = Math.floor(place / ROW) * ROW; move(place); update(); } }, name),
  );
  const shown = [...new Set(parts.map((part) => part[2]))];
  const legend = shown.map((kind) =>
    element("span", {}, element("span", { class: "od-swatch", style: `background:${colours[kind][0]}` }), words[kind]),
  );
  legend.push(element("span", {}, element("span", { class: "od-swatch od-between" }), words.structure));
  let width = 0;
  el.append(
    element("div", { class: "od-muted" }, `The whole file, ${data.length.toLocaleString("en")} bytes. ${shares()}`),
    bar,
    element("div", { class: "od-row" }, element("label", { for: id }, "Byte"), input),
    element("div", { class: "od-row" }, ...buttons),
    element("div", { class: "od-scroll" }, view),
    element("div", { class: "od-row od-muted" }, ...legend),
    reading,
    meaning,
  );
  model.on("change:at", update);
  cleanups.push(() => model.off("change:at", update));
  cleanups.push(
    onWidth(bar, (now) => {
      width = now;
      drawBar(width);
    }),
  );
  update();
  return () => cleanups.forEach((cleanup) => cleanup());
}

function bytesOf(view) {
  return view instanceof DataView
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view);
}

export default { render };

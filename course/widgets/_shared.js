// Helpers that every widget of the course uses. Python puts this file in front of each widget's own.

const SVG = "http://www.w3.org/2000/svg";
const AXIS_NAMES = ["x", "y", "z"];

const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";

/** Give a widget's root its style. */
function claim(el, name) {
  el.classList.add("on-device", `on-device-${name}`);
}

/**
 * Let a control have its own keys. JupyterLab takes arrows, Enter and single letters for commands
 * wherever the focus is in a notebook, unless the focused element itself carries this attribute.
 */
function keepKeys(node) {
  if (node.matches(FOCUSABLE)) node.setAttribute("data-lm-suppress-shortcuts", "true");
}

/** Make an HTML element. Strings become text nodes, so nothing here is parsed as markup. */
function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  keepKeys(node);
  return node;
}

/** Text in which `backticks` mark code, as nodes. */
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

function scale([low, high], [start, end]) {
  const span = high - low || 1;
  return (value) => start + ((value - low) / span) * (end - start);
}

/** Round values between two bounds, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const result = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    result.push(Number((i * step).toPrecision(12)));
  }
  return result;
}

/** Axes with a grid, tick labels and units, drawn into an SVG group. */
function axes({ x, y, domainX, domainY, titleX = "", titleY = "", ticksX = 6, ticksY = 5 }) {
  const [left, right] = domainX.map(x);
  const [bottom, top] = domainY.map(y);
  const group = shape("g", { class: "od-axes" });
  for (const value of ticks(...domainY, ticksY)) {
    group.append(
      shape("line", { class: "od-grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
      shape("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, String(value)),
    );
  }
  for (const value of ticks(...domainX, ticksX)) {
    group.append(
      shape("line", { class: "od-grid", x1: x(value), x2: x(value), y1: bottom, y2: top }),
      shape("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, String(value)),
    );
  }
  group.append(
    shape("line", { class: "od-axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    shape("text", { x: (left + right) / 2, y: bottom + 35, "text-anchor": "middle" }, titleX),
    shape("text", { class: "od-title-y", x: left, y: top - 9, "text-anchor": "start" }, titleY),
  );
  return group;
}

/** The `d` of a path through points; a value that is not finite leaves a gap. */
function path(xs, ys) {
  let d = "";
  let pen = "M";
  for (let i = 0; i < ys.length; i++) {
    if (ys[i] === null || !Number.isFinite(ys[i])) {
      pen = "M";
      continue;
    }
    d += `${pen}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
    pen = "L";
  }
  return d;
}

/** Call `draw(width)` now and whenever the width of `node` changes; returns what ends it. */
function onWidth(node, draw) {
  let last = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.floor(node.clientWidth);
    if (width > 0 && width !== last) draw((last = width));
  });
  observer.observe(node);
  return () => observer.disconnect();
}

function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)} %`;
}

/** A point in one of the house's shapes, so that colour is not the only difference. */
function marker(kind, cx, cy, size, attributes) {
  const s = size;
  const d = [
    `M${cx - s} ${cy}a${s} ${s} 0 1 0 ${2 * s} 0a${s} ${s} 0 1 0 ${-2 * s} 0z`,
    `M${cx - s * 0.9} ${cy - s * 0.9}h${1.8 * s}v${1.8 * s}h${-1.8 * s}z`,
    `M${cx} ${cy - 1.15 * s}l${1.1 * s} ${2 * s}h${-2.2 * s}z`,
    `M${cx} ${cy - 1.25 * s}l${1.15 * s} ${1.25 * s}l${-1.15 * s} ${1.25 * s}l${-1.15 * s} ${-1.25 * s}z`,
  ][kind % 4];
  return shape("path", { d, ...attributes });
}

/** Little-endian float32 values that Python sent; a copy, because a view may not be aligned. */
function floats(view) {
  return new Float32Array(bufferOf(view));
}

/** Little-endian 16-bit values that Python sent. */
function shorts(view) {
  return new Int16Array(bufferOf(view));
}

function bufferOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

let speaker = null;
let playing = null;

/** Play 16-bit samples, and stop what was played before; resolves to whether it could be played. */
async function playSound(samples, rate) {
  try {
    speaker ??= new AudioContext();
    await speaker.resume();
    playing?.stop();
    const buffer = speaker.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(Float32Array.from(samples, (value) => value / 32768), 0);
    playing = speaker.createBufferSource();
    playing.buffer = buffer;
    playing.connect(speaker.destination);
    playing.start();
    return true;
  } catch (error) {
    console.warn("The course could not play a sound.", error);
    return false;
  }
}

let idCounter = 0;
function uniqueId(name) {
  return `on-device-${name}-${Date.now().toString(36)}-${idCounter++}`;
}

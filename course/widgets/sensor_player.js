const HEIGHT = 230;
const SCORE_HEIGHT = 150;
const WINDOW_HEIGHT = 220;
const MARGIN = { left: 56, right: 14, top: 42, bottom: 44 };
const MOST_WINDOWS_IN_VIEW = 24; // a longer recording is shown in parts
const DASHES = [null, "7 4", "7 3 2 3", "2 3"];
const SETTLE_MS = 250; // how long the cursor rests before the kernel hears where

function render({ model, el }) {
  const axisNames = model.get("_axis_names");
  const axisColours = model.get("_line_colours").map((colour, i) => (i === 2 ? "var(--od-ink)" : colour));
  const rate = model.get("_sample_rate_hz");
  const size = model.get("_window");
  const stride = model.get("_stride");
  const windows = model.get("windows");
  const quantity = model.get("_quantity");
  const names = model.get("_names");
  const colours = model.get("_colours");
  const events = model.get("_events");
  const labels = model.get("_labels");
  const scoreNames = model.get("_score_names");
  const readings = floats(model.get("_readings"));
  const scores = floats(model.get("_scores"));
  const channels = axisNames.length;
  const count = readings.length / channels;
  const duration = count / rate;
  const earliest = size / rate;
  const span = Math.min(duration, MOST_WINDOWS_IN_VIEW * (size / rate));
  const domainY = bounds(readings);
  let time = endOf(model.get("window_index"));
  let from = 0; // where the part in view begins, in seconds
  let frame = 0;
  let width = 0;
  let timer = 0;
  let drawnIndex = -1;
  let cursors = [];

  const holder = element("div", { class: "od-strip" });
  const inside = element("div", { class: "od-panel od-wide" });
  const table = element("table", { class: "od-confusion" });
  const heading = element("div", { class: "od-signal-name" });
  const play = element("button", { type: "button", onclick: () => (frame ? pause() : start()) }, "Play");
  const slider = element("input", { type: "range", min: earliest, max: duration, step: "any", "aria-label": "Time in the recording; arrow keys move by one window" });
  const readout = element("span", { class: "od-number od-readout" });
  const answer = element("div", { class: "od-number od-answer" });
  const spoken = element("div", { class: "od-hidden", role: "status" });

  function endOf(index) {
    return (index * stride + size) / rate;
  }

  /** The newest window that is whole at the cursor. */
  function indexAt(seconds) {
    return Math.max(0, Math.min(windows - 1, Math.floor((seconds * rate - size) / stride + 1e-6)));
  }

  function bounds(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!(low <= high)) return [0, 1];
    const air = 0.05 * (high - low || 1);
    return [low - air, high + air];
  }

  function start() {
    if (time >= duration - 1e-3) time = earliest;
    const began = performance.now() - 1000 * time;
    const step = (now) => {
      time = Math.max(earliest, (now - began) / 1000);
      if (time >= duration) {
        time = duration;
        pause();
        return;
      }
      move();
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    play.textContent = "Pause";
  }

  function pause() {
    cancelAnimationFrame(frame);
    frame = 0;
    play.textContent = "Play";
    move();
    tell();
  }

  function seek(seconds) {
    if (frame) pause();
    time = Math.max(earliest, Math.min(duration, seconds));
    move();
    tell();
  }

  /** Let the kernel and a screen reader know, once the cursor has come to rest. */
  function tell() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      spoken.textContent = `${readout.textContent}. ${answer.textContent}`;
      if (model.get("window_index") === indexAt(time)) return;
      model.set("window_index", indexAt(time));
      model.save_changes();
    }, SETTLE_MS);
  }

  function keys(event) {
    const jump = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (jump) seek(endOf(Math.max(0, Math.min(windows - 1, indexAt(time) + jump))));
    else if (event.key === "Home") seek(earliest);
    else if (event.key === "End") seek(duration);
    else if (event.key === " ") frame ? pause() : start();
    else return;
    event.preventDefault();
  }

  /** Bring the cursor into view; true if the view changed. */
  function turn() {
    const begins = (indexAt(time) * stride) / rate;
    if (begins >= from - 1e-6 && time <= from + span + 1e-6) return false;
    from = Math.max(0, Math.min(duration - span, begins - 0.1 * span));
    return true;
  }

  /** The path of one axis between two readings; two points for each pixel where there are more. */
  function trace(axis, first, last, x, y, pixels) {
    const each = Math.max(1, Math.floor((last - first) / pixels));
    const xs = [];
    const ys = [];
    for (let i = first; i < last; i += each) {
      let [low, high] = [readings[i * channels + axis], readings[i * channels + axis]];
      for (let j = i + 1; j < Math.min(i + each, last); j++) {
        const value = readings[j * channels + axis];
        if (value < low) low = value;
        if (value > high) high = value;
      }
      xs.push(x(i / rate));
      ys.push(y(high));
      if (each > 1) {
        xs.push(x(i / rate));
        ys.push(y(low));
      }
    }
    return path(xs, ys);
  }

  function drawStrip() {
    cursors = [];
    const domainX = [from, from + span];
    const x = scale(domainX, [MARGIN.left, width - MARGIN.right]);
    const signal = drawSignal(x, domainX);
    holder.replaceChildren(signal);
    if (labels.length) holder.append(drawLabels(x));
    if (scoreNames.length) holder.append(drawScores(x, domainX));
  }

  function frameOf(x, top, bottom) {
    const box = shape("rect", { class: "od-window", y: top, height: bottom - top });
    const line = shape("line", { class: "od-cut", y1: top, y2: bottom });
    cursors.push(() => {
      const begins = x((indexAt(time) * stride) / rate);
      box.setAttribute("x", begins);
      box.setAttribute("width", Math.max(2, x(endOf(indexAt(time))) - begins));
      line.setAttribute("x1", x(time));
      line.setAttribute("x2", x(time));
    });
    return [box, line];
  }

  function drawSignal(x, domainX) {
    const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
    const y = scale(domainY, [bottom, top]);
    const picture = shape("svg", {
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": `${quantity} from ${domainX[0].toFixed(0)} to ${domainX[1].toFixed(0)} seconds of ${duration.toFixed(0)}, with ${events.length} events`,
    });
    shadeEvents(picture, x, top, bottom);
    picture.append(axes({ x, y, domainX, domainY, titleX: "Time (s)", ticksY: 6 }));
    picture.append(shape("text", { class: "od-caption", x: MARGIN.left, y: 14 }, quantity));
    const first = Math.max(0, Math.floor(from * rate));
    const last = Math.min(count, Math.ceil((from + span) * rate) + 1);
    axisNames.forEach((name, axis) => {
      picture.append(shape("path", { class: "od-line od-thin", d: trace(axis, first, last, x, y, 2 * width), stroke: axisColours[axis] }));
      if (channels === 1) return;
      const wide = 34 + 7.5 * name.length;
      const at = width - MARGIN.right - wide * (channels - axis) + 26;
      picture.append(
        shape("line", { x1: at - 22, x2: at - 5, y1: 10, y2: 10, "stroke-width": 3, stroke: axisColours[axis] }),
        shape("text", { x: at, y: 14 }, name),
      );
    });
    picture.append(...frameOf(x, top, bottom));
    const scrub = (event) => {
      const box = picture.getBoundingClientRect();
      const share = (event.clientX - box.left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
      seek(from + span * Math.max(0, Math.min(1, share)));
    };
    picture.addEventListener("pointerdown", (event) => {
      picture.setPointerCapture(event.pointerId);
      scrub(event);
    });
    picture.addEventListener("pointermove", (event) => event.buttons && scrub(event));
    return picture;
  }

  function shadeEvents(picture, x, top, bottom) {
    let ends = -Infinity;
    for (const [start, end, name] of events) {
      if (end < from || start > from + span) continue;
      const [left, right] = [x(Math.max(start, from)), x(Math.min(end, from + span))];
      const middle = (left + right) / 2;
      const half = 3.7 * names[name].length;
      picture.append(
        shape("rect", { x: left, y: top, width: Math.max(1, right - left), height: bottom - top, fill: colours[name], "fill-opacity": 0.22 }),
        shape("rect", { x: left, y: top - 4, width: Math.max(1, right - left), height: 4, fill: colours[name] }),
      );
      if (middle - half < ends + 4) continue; // no room; the line below the plot names it
      picture.append(shape("text", { x: middle, y: top - 8, "text-anchor": "middle" }, names[name]));
      ends = middle + half;
    }
  }

  /** One block for each run of windows with the same label, under the middle of the windows. */
  function drawLabels(x) {
    const height = 44;
    const picture = shape("svg", { width, height, role: "img", "aria-label": "Label of each window, at its middle" });
    const edge = (index) => Math.max(from, Math.min(from + span, (index * stride + size / 2 - stride / 2) / rate));
    let begins = 0;
    for (let i = 1; i <= labels.length; i++) {
      if (i < labels.length && labels[i] === labels[begins]) continue;
      const [left, right] = [x(edge(begins)), x(edge(i))];
      const name = names[labels[begins]];
      if (right > left) {
        picture.append(shape("rect", { x: left, y: 18, width: Math.max(1, right - left - 1), height: 20, fill: colours[labels[begins]], "fill-opacity": 0.35 }));
        if (right - left > 7.5 * name.length + 4) {
          picture.append(shape("text", { x: (left + right) / 2, y: 33, "text-anchor": "middle" }, name));
        }
      }
      begins = i;
    }
    picture.append(shape("text", { class: "od-caption", x: MARGIN.left, y: 12 }, "Label of the window whose middle is here"));
    return picture;
  }

  function drawScores(x, domainX) {
    const [top, bottom] = [36, SCORE_HEIGHT - MARGIN.bottom];
    const [low, high] = bounds(scores);
    const domain = low >= -0.1 && high <= 1.1 ? [0, 1] : [low, high];
    const y = scale(domain, [bottom, top]);
    const picture = shape(
      "svg",
      { width, height: SCORE_HEIGHT, role: "img", "aria-label": `Scores of ${scoreNames.join(", ")} where each window ends` },
      axes({ x, y, domainX, domainY: domain, titleX: "Time (s)", titleY: "Score, where its window ends", ticksY: 2 }),
    );
    let at = width - MARGIN.right;
    const kinds = scoreNames.length;
    for (let kind = kinds - 1; kind >= 0; kind--) {
      const xs = [];
      const ys = [];
      for (let i = 0; i < windows; i++) {
        if (endOf(i) < from || endOf(i) > from + span) continue;
        xs.push(x(endOf(i)));
        ys.push(y(scores[i * kinds + kind]));
      }
      const look = { stroke: colours[names.indexOf(scoreNames[kind])], "stroke-dasharray": DASHES[kind % DASHES.length] };
      at -= 7.5 * scoreNames[kind].length;
      picture.append(
        shape("path", { class: "od-line", d: path(xs, ys), ...look }),
        shape("text", { x: at, y: 14 }, scoreNames[kind]),
        shape("line", { x1: at - 30, x2: at - 5, y1: 10, y2: 10, "stroke-width": 2.5, ...look }),
      );
      at -= 44;
    }
    picture.append(...frameOf(x, top, bottom));
    return picture;
  }

  function drawWindow() {
    const index = indexAt(time);
    drawnIndex = index;
    const first = index * stride;
    heading.textContent = `Window ${index} (of ${windows}, counted from 0): the ${size} × ${channels} numbers that a model gets`;
    const wide = inside.clientWidth;
    if (wide) {
      const domainX = [first / rate, (first + size) / rate];
      const x = scale(domainX, [MARGIN.left, wide - MARGIN.right]);
      const y = scale(domainY, [WINDOW_HEIGHT - MARGIN.bottom, 26]);
      const picture = shape(
        "svg",
        { width: wide, height: WINDOW_HEIGHT, role: "img", "aria-label": `The ${size} readings of window ${index}` },
        axes({ x, y, domainX, domainY, titleX: "Time (s)", titleY: quantity, ticksX: 5, ticksY: 6 }),
      );
      axisNames.forEach((_, axis) => {
        picture.append(shape("path", { class: "od-line", d: trace(axis, first, first + size, x, y, 2 * wide), stroke: axisColours[axis] }));
      });
      inside.replaceChildren(picture);
    }
    drawNumbers(first);
  }

  /** Mean, spread, lowest and highest of one axis; null where there is no reading. */
  function summary(axis, first) {
    let [low, high, sum, n] = [Infinity, -Infinity, 0, 0];
    const each = (use) => {
      for (let i = first; i < first + size; i++) {
        const value = readings[i * channels + axis];
        if (Number.isFinite(value)) use(value);
      }
    };
    each((value) => {
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
      n += 1;
    });
    if (!n) return [null, null, null, null];
    let squares = 0;
    each((value) => (squares += (value - sum / n) ** 2));
    return [sum / n, Math.sqrt(squares / n), low, high];
  }

  function drawNumbers(first) {
    const numbers = axisNames.map((_, axis) => summary(axis, first));
    const largest = Math.max(...numbers.flat().map((value) => Math.abs(value ?? 0)));
    const digits = largest >= 100 ? 0 : largest >= 10 ? 1 : largest >= 1 ? 2 : 4;
    const show = (value) => (value === null ? "–" : value.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace(/^-/, ""));
    const unit = quantity.includes("(") ? `, in ${quantity.split("(")[1].slice(0, -1)}` : "";
    table.replaceChildren(
      element("caption", {}, `In this window${unit}`),
      element("thead", {}, element("tr", {}, ...["", "Mean", "Spread", "Lowest", "Highest"].map((name) => element("th", { scope: "col" }, name)))),
      element(
        "tbody",
        {},
        ...axisNames.map((name, axis) => {
          const swatch = element("span", { class: "od-swatch", style: `background: ${axisColours[axis]}` });
          const cells = numbers[axis].map((value) => element("td", {}, show(value)));
          return element("tr", {}, element("th", { scope: "row" }, swatch, name), ...cells);
        }),
      ),
    );
  }

  function move() {
    if (width && turn()) drawStrip();
    cursors.forEach((cursor) => cursor());
    const index = indexAt(time);
    if (index !== drawnIndex) drawWindow();
    slider.value = time;
    const begins = (index * stride) / rate;
    readout.textContent = `Window ${index}, ${begins.toFixed(2)}–${endOf(index).toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds, ${readout.textContent}`);
    answer.replaceChildren(...said(index));
  }

  /** What is known at the cursor: the event under it, the window's label, the best score. */
  function said(index) {
    const now = events.filter(([start, end]) => start <= time && time <= end).map(([, , name]) => name);
    const parts = [];
    if (events.length) parts.push(["Now: ", now.length ? now : ["no event"]]);
    if (labels.length) parts.push(["Label: ", [labels[index]]]);
    if (scoreNames.length) {
      const kinds = scoreNames.length;
      let best = 0;
      for (let i = 1; i < kinds; i++) if (scores[index * kinds + i] > scores[index * kinds + best]) best = i;
      parts.push(["Highest score: ", [names.indexOf(scoreNames[best])], ` ${scores[index * kinds + best].toFixed(2)}`]);
    }
    return parts.map(([before, what, after = ""], i) =>
      element(
        "span",
        {},
        i ? " · " : "",
        before,
        ...what.flatMap((name, j) => [
          j ? ", " : "",
          ...(typeof name === "string" ? [name] : [element("span", { class: "od-swatch", style: `background: ${colours[name]}` }), names[name]]),
        ]),
        after,
      ),
    );
  }

  function follow() {
    if (model.get("window_index") !== indexAt(time)) seek(endOf(model.get("window_index")));
  }

  slider.addEventListener("input", () => seek(Number(slider.value)));
  slider.addEventListener("keydown", keys);
  claim(el, "sensor-player");
  el.append(
    holder,
    element("div", { class: "od-row" }, play, slider, readout),
    answer,
    heading,
    element("div", { class: "od-panels" }, inside, element("div", { class: "od-panel" }, table)),
    spoken,
  );
  model.on("change:window_index", follow);
  move();
  const stops = [
    onWidth(holder, (now) => {
      width = now;
      turn();
      drawStrip();
      move();
    }),
    onWidth(inside, drawWindow),
  ];
  return () => {
    stops.forEach((stop) => stop());
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    model.off("change:window_index", follow);
  };
}

export default { render };

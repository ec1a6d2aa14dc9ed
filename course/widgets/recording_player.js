const HEIGHT = 260;
const MARGIN = { left: 48, right: 14, top: 28, bottom: 46 };

function render({ model, el }) {
  const recordings = model.get("_recordings").map((item) => ({
    ...item,
    rate: item.sample_rate_hz,
    speed: floats(item.speed),
    acceleration: floats(item.acceleration),
  }));
  const choices = model.get("_choices");
  const guessing = model.get("guess");
  const axisColours = model.get("_axis_colours");
  const extent = {
    speed: [0, Math.max(5, ...recordings.flatMap((item) => [...item.speed])) * 1.05],
    acceleration: bounds(recordings.flatMap((item) => [...item.acceleration])),
  };
  let current = 0;
  let quantity = "speed";
  let time = 0; // seconds
  let frame = 0; // of the animation; 0 while paused
  let width = 0;
  let cursor = null;

  const tabs = element("div", { class: "od-row", role: "group", "aria-label": "Recording" });
  const toggles = element("div", { class: "od-row", role: "group", "aria-label": "What is drawn" });
  const holder = element("div");
  const play = element("button", { type: "button", onclick: () => (frame ? pause() : start()) });
  const slider = element("input", { type: "range", min: 0, step: 0.04, "aria-label": "Time in the recording" });
  // Not an <output>: a screen reader would announce every step of it.
  const readout = element("span", { class: "od-number od-readout" });
  const asked = element("div", { class: "od-row", role: "group", "aria-label": "Your guess" });
  const verdict = element("div", { role: "status" });

  function floats(view) {
    return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }

  function bounds(values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const air = 0.05 * (high - low || 1);
    return [low - air, high + air];
  }

  const item = () => recordings[current];
  const duration = () => item().speed.length / item().rate;
  const guessOf = (index) => model.get("guesses")[index];
  const isOpen = (index) => !guessing || guessOf(index) !== undefined;
  const nameOf = (index) => (isOpen(index) ? recordings[index].label : `Recording ${index + 1}`);

  function start() {
    if (time >= duration() - 0.01) time = 0;
    const began = performance.now() - 1000 * time;
    const step = (now) => {
      time = Math.max(0, (now - began) / 1000);
      if (time >= duration()) {
        time = duration();
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
  }

  function show(index) {
    current = index;
    time = 0;
    pause();
    redraw();
    verdict.replaceChildren();
    if (guessing && isOpen(index)) reveal();
  }

  function redraw() {
    drawButtons();
    if (width) drawPlot();
    move();
  }

  function drawButtons() {
    keepFocus(tabs, recordings.map((_, index) => [nameOf(index), index === current, () => show(index)]));
    keepFocus(
      toggles,
      [["speed", "Speed"], ["acceleration", "Wrist acceleration"]].map(([key, name]) => [
        name,
        quantity === key,
        () => {
          quantity = key;
          redraw();
        },
      ]),
    );
    asked.hidden = !guessing;
    if (!guessing) return;
    asked.replaceChildren(
      element("span", {}, isOpen(current) ? "You said" : "What is this person doing?"),
      ...choices.map((name) => {
        const button = element("button", { type: "button", "aria-pressed": String(guessOf(current) === name) }, name);
        button.disabled = isOpen(current);
        button.addEventListener("click", () => guess(name));
        return button;
      }),
    );
  }

  /** Replace the buttons of a group and leave the keyboard focus on the same one. */
  function keepFocus(group, buttons) {
    const focused = [...group.children].indexOf(group.getRootNode().activeElement);
    group.replaceChildren(
      ...buttons.map(([name, pressed, onclick]) =>
        element("button", { type: "button", "aria-pressed": String(pressed), onclick }, name),
      ),
    );
    group.children[focused]?.focus();
  }

  function guess(name) {
    model.set("guesses", { ...model.get("guesses"), [current]: name });
    model.save_changes();
  }

  function reveal() {
    const right = guessOf(current) === item().label;
    const left = recordings.filter((_, index) => !isOpen(index)).length;
    const hits = recordings.filter((other, index) => guessOf(index) === other.label).length;
    verdict.textContent =
      (right ? `Yes: ${item().label}.` : `No: this is ${item().label}.`) +
      (left ? ` ${left} to go.` : ` You named ${hits} of ${recordings.length} rightly.`);
  }

  function drawPlot() {
    const domainX = [0, duration()];
    const domainY = extent[quantity];
    const x = scale(domainX, [MARGIN.left, width - MARGIN.right]);
    const y = scale(domainY, [HEIGHT - MARGIN.bottom, MARGIN.top]);
    const count = item().speed.length;
    const xs = Array.from({ length: count }, (_, i) => x(i / item().rate));
    const clip = uniqueId("played");
    const lines =
      quantity === "speed"
        ? [{ colour: isOpen(current) ? item().colour : "var(--od-accent)", ys: [...item().speed].map(y) }]
        : AXIS_NAMES.map((_, axis) => ({
            colour: axis === 2 ? "var(--od-ink)" : axisColours[axis],
            ys: xs.map((_, i) => y(item().acceleration[3 * i + axis])),
          }));
    const played = shape("rect", { x: 0, y: 0, width: 0, height: HEIGHT });
    const line = shape("line", { class: "od-cut", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
    const curves = (opacity) =>
      lines.map(({ colour, ys }) => shape("path", { class: "od-line", d: path(xs, ys), stroke: colour, opacity }));
    const picture = shape(
      "svg",
      { width, height: HEIGHT, role: "img", "aria-label": `${quantity} of ${nameOf(current)} over ${duration().toFixed(0)} seconds` },
      shape("clipPath", { id: clip }, played),
      axes({ x, y, domainX, domainY, titleX: "Time (s)", titleY: quantity === "speed" ? "Speed (mph)" : "Acceleration (g)" }),
      ...curves(0.25),
      shape("g", { "clip-path": `url(#${clip})` }, ...curves(1)),
      line,
    );
    if (quantity === "acceleration") {
      AXIS_NAMES.forEach((name, axis) => {
        const at = width - MARGIN.right - 40 * (2 - axis) - 10;
        picture.append(
          shape("line", { x1: at - 22, x2: at - 6, y1: 14, y2: 14, "stroke-width": 3, stroke: axis === 2 ? "var(--od-ink)" : axisColours[axis] }),
          shape("text", { x: at, y: 18 }, name),
        );
      });
    }
    holder.replaceChildren(picture);
    cursor = (seconds) => {
      played.setAttribute("width", x(seconds));
      line.setAttribute("x1", x(seconds));
      line.setAttribute("x2", x(seconds));
    };
  }

  function move() {
    slider.max = duration();
    slider.value = time;
    const sample = Math.min(item().speed.length - 1, Math.round(time * item().rate));
    const force = [0, 1, 2].map((axis) => item().acceleration[3 * sample + axis].toFixed(2));
    readout.textContent =
      `${time.toFixed(1)} s · ` +
      (quantity === "speed" ? `${item().speed[sample].toFixed(1)} mph` : `x ${force[0]}, y ${force[1]}, z ${force[2]} g`);
    slider.setAttribute("aria-valuetext", readout.textContent);
    cursor?.(time);
  }

  function onGuesses() {
    redraw();
    if (isOpen(current)) reveal();
  }

  slider.addEventListener("input", () => {
    const at = Number(slider.value);
    if (frame) pause();
    time = at;
    move();
  });
  claim(el, "recording-player");
  el.append(
    element("div", { class: "od-row" }, tabs, element("span", { class: "od-spring" }), toggles),
    holder,
    element("div", { class: "od-row" }, play, slider, readout),
    asked,
    verdict,
  );
  model.on("change:guesses", onGuesses);
  show(0);
  const stop = onWidth(holder, (now) => {
    width = now;
    redraw();
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
    model.off("change:guesses", onGuesses);
  };
}

export default { render };

const HEIGHT = 240;
const MARGIN = { left: 44, right: 12, top: 26, bottom: 44 };

function render({ model, el }) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": "Epochs trained" });
  const status = element("span", { class: "od-number" });
  const panels = element("div", { class: "od-panels" });
  const [training, validation] = model.get("_colours");
  const legend = element(
    "div",
    { class: "od-row" },
    key(training, "training", null),
    key(validation, "validation", "6 4"),
  );
  let width = 0;

  function key(colour, name, dashes) {
    const line = shape("line", { x1: 0, x2: 26, y1: 6, y2: 6, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dashes });
    const sample = shape("svg", { width: 26, height: 12, "aria-hidden": "true", style: "display: inline-block; margin-right: 0.4em" }, line);
    return element("span", {}, sample, name);
  }

  function draw() {
    const series = model.get("_series");
    const epochs = model.get("epochs");
    const done = (series.loss ?? Object.values(series)[0] ?? []).length;
    bar.max = Math.max(epochs, 1);
    bar.value = done;
    const state = model.get("state");
    status.textContent =
      state === "waiting" && !done
        ? `${epochs} epochs planned`
        : `Epoch ${done} of ${epochs} · ${model.get("seconds").toFixed(1)} s` +
          (state === "finished" ? (done < epochs ? " · stopped early" : " · finished") : "");
    if (!width) return;
    const accuracy = Object.keys(series).find((name) => name.includes("acc") && !name.startsWith("val_"));
    const gap = 16;
    const columns = width >= 560 ? 2 : 1;
    const each = Math.floor((width - gap * (columns - 1)) / columns);
    panels.replaceChildren(
      panel("Loss", series.loss, series.val_loss, 1, epochs, each),
      panel("Accuracy (%)", series[accuracy], series[`val_${accuracy}`], 100, epochs, each),
    );
  }

  function panel(title, trained = [], validated = [], factor, epochs, size) {
    const numbers = [...trained, ...validated].filter((value) => value !== null).map((value) => value * factor);
    const domainY = factor === 100 ? [Math.min(100, 10 * Math.floor(Math.min(90, ...numbers) / 10)), 100] : [0, Math.max(0.1, ...numbers) * 1.05];
    const domainX = [1, Math.max(epochs, trained.length, 2)];
    const x = scale(domainX, [MARGIN.left, size - MARGIN.right]);
    const y = scale(domainY, [HEIGHT - MARGIN.bottom, MARGIN.top]);
    const last = (values) => (values.length ? (values.at(-1) ?? "not a number") : "none yet");
    const picture = shape(
      "svg",
      {
        width: size,
        height: HEIGHT,
        role: "img",
        "aria-label": `${title} after ${trained.length} epochs: training ${last(trained)}, validation ${last(validated)}`,
      },
      axes({ x, y, domainX, domainY, titleX: "Epoch", titleY: title }),
    );
    for (const [values, colour, dashes] of [[trained, training, null], [validated, validation, "6 4"]]) {
      const xs = values.map((_, i) => x(i + 1));
      const ys = values.map((value) => (value === null ? null : y(value * factor)));
      picture.append(shape("path", { class: "od-line", d: path(xs, ys), stroke: colour, "stroke-dasharray": dashes }));
      const end = ys.length - 1;
      if (end >= 0 && ys[end] !== null) picture.append(shape("circle", { cx: xs[end], cy: ys[end], r: 3.5, fill: colour }));
    }
    if (trained.length && trained.at(-1) === null) {
      picture.append(shape("text", { x: size / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "not a number: training diverged"));
    }
    return picture;
  }

  claim(el, "learning-curve");
  el.append(element("div", { class: "od-row" }, bar, status), panels, legend);
  const names = ["_series", "epochs", "seconds", "state"];
  let frame = 0;
  const redraw = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  for (const name of names) model.on(`change:${name}`, redraw);
  const stop = onWidth(panels, (now) => {
    width = now;
    draw();
  });
  draw();
  return () => {
    stop();
    cancelAnimationFrame(frame);
    for (const name of names) model.off(`change:${name}`, redraw);
  };
}

export default { render };

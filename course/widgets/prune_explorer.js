const HEIGHT = 230;
const MARGIN = { left: 46, right: 14, top: 34, bottom: 46 };

function render({ model, el }) {
  const shares = model.get("_shares");
  const accuracies = model.get("_accuracies");
  const edges = model.get("_edges");
  const counts = model.get("_counts");
  const cleanups = [];
  let width = 0;

  const holder = element("div");
  const found = element("div", { class: "od-score", role: "status" });
  const bytes = element("div", { class: "od-score" });
  const id = uniqueId("share");
  const input = element("input", { id, type: "range", min: 0, max: shares.length - 1, step: 1 });
  const reading = element("span", { class: "od-number" });
  input.addEventListener("input", () => {
    model.set("share", shares[Number(input.value)]);
    model.save_changes();
  });

  function place() {
    const share = model.get("share");
    const distances = shares.map((each) => Math.abs(each - share));
    return distances.indexOf(Math.min(...distances));
  }

  function update() {
    const share = model.get("share");
    input.value = place();
    reading.textContent = percent(share, 0);
    input.setAttribute("aria-valuetext", reading.textContent);
    found.textContent = `Right on new people: ${percent(model.get("accuracy"), 0)}`;
    bytes.textContent =
      `Weights: ${model.get("raw").toLocaleString("en")} bytes, ` +
      `packed ${model.get("packed").toLocaleString("en")}`;
    if (width) draw(share);
  }

  function draw(share) {
    const cut = model.get("_cut");
    const both = width > 620;
    const wide = both ? Math.floor(width * 0.52) : width;
    const picture = shape("svg", {
      width,
      height: both ? HEIGHT : 2 * HEIGHT,
      role: "img",
      "aria-label": `Histogram of the weights with ${percent(share, 0)} of them pruned, those nearer to zero than ${cut.toFixed(3)}. ${found.textContent}. ${bytes.textContent}.`,
    });
    picture.append(histogram(cut, wide), curve(share, both ? wide : 0, both ? 0 : HEIGHT, both ? width - wide : width));
    holder.replaceChildren(picture);
  }

  function histogram(cut, wide) {
    const bottom = HEIGHT - MARGIN.bottom;
    const most = edges[edges.length - 1];
    const tallest = Math.max(...counts);
    const x = scale([-most, most], [MARGIN.left, wide - MARGIN.right]);
    const y = scale([0, tallest * 1.05], [bottom, MARGIN.top]);
    const group = shape("g");
    group.append(
      axes({ x, y, domainX: [-most, most], domainY: [0, tallest], titleX: "Weight", ticksX: 5, ticksY: 4 }),
      shape("text", { x: MARGIN.left, y: 16, "text-anchor": "start" }, "Weights, those in vermillion become 0"),
    );
    counts.forEach((count, i) => {
      const middle = (edges[i] + edges[i + 1]) / 2;
      group.append(
        shape("rect", {
          x: x(edges[i]) + 0.5, y: y(count), width: Math.max(1, x(edges[i + 1]) - x(edges[i]) - 1),
          height: bottom - y(count), fill: Math.abs(middle) < cut ? "#D55E00" : "#0072B2",
        }),
      );
    });
    return group;
  }

  function curve(share, left, down, wide) {
    const bottom = HEIGHT - MARGIN.bottom;
    const x = scale([0, 100], [MARGIN.left, wide - MARGIN.right]);
    const y = scale([0, 100], [bottom, MARGIN.top]);
    const group = shape("g", { transform: `translate(${left} ${down})` });
    group.append(
      axes({ x, y, domainX: [0, 100], domainY: [0, 100], titleX: "Pruned (%)", ticksX: 5, ticksY: 4 }),
      shape("text", { x: MARGIN.left, y: 16, "text-anchor": "start" }, "Right on new people (%)"),
    );
    // Only what has been tried is drawn, so that a prediction can be made first.
    shares.forEach((each, i) => {
      if (each > tried + 1e-9) return;
      group.append(
        shape("circle", { cx: x(100 * each), cy: y(100 * accuracies[i]), r: each === share ? 6 : 3.5, fill: each === share ? "#D55E00" : "#0072B2" }),
      );
    });
    return group;
  }

  let tried = model.get("share");
  function remember() {
    tried = Math.max(tried, model.get("share"));
    update();
  }

  claim(el, "prune-explorer");
  el.append(
    holder,
    element("div", { class: "od-threshold" }, element("label", { for: id }, "Prune"), " ", reading, input),
    element("div", { class: "od-row" }, found, bytes),
  );
  for (const trait of ["share", "accuracy", "packed", "_cut"]) {
    model.on(`change:${trait}`, remember);
    cleanups.push(() => model.off(`change:${trait}`, remember));
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

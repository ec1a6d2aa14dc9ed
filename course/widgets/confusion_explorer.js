const MARGIN = { left: 52, right: 10, top: 26, bottom: 42 };
const SIGNAL_HEIGHT = 170;
const PER_PAGE = { signal: 4, bands: 6, picture: 12 };
const SOUND_RATE = 16000; // samples per second
// Stops of the cividis colour map (Nuñez, Anderton, Renslow, 2018), which every eye can read.
const CIVIDIS = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];

function render({ model, el }) {
  const rows = model.get("_rows");
  const columns = model.get("_columns");
  const counts = model.get("_counts");
  const cells = model.get("_cells");
  const kind = model.get("_kind");
  const [height, wide, depth] = [...model.get("_shape"), 1];
  const positions = model.get("_positions");
  const rate = model.get("_sample_rate_hz");
  const quantity = model.get("_quantity");
  const axisNames = model.get("_axis_names");
  const axisColours = model.get("_axis_colours").map((colour, i) => (i === 2 ? "var(--od-ink)" : colour));
  const lengths = model.get("_sound_lengths");
  const sounds = shorts(model.get("_sounds"));
  const data = kind === "signal" ? floats(model.get("_examples")) : new Uint8Array(bufferOf(model.get("_examples")));
  const each = positions.length ? data.length / positions.length : 0;
  const perPage = PER_PAGE[kind];
  const starts = [0];
  lengths.forEach((length, i) => starts.push(starts[i] + length));
  let chosen = first();
  let page = 0;
  let width = 0;

  const table = element("table", { class: "od-confusion od-cells", "aria-label": "Confusion matrix" });
  const heading = element("div", { class: "od-signal-name", role: "status" });
  const gallery = element("div", { class: `od-gallery od-gallery-${kind}` });
  const previous = element("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const next = element("button", { type: "button", onclick: () => turn(1) }, "Next");
  const place = element("span", { class: "od-number od-muted" });
  const trouble = element("div", { class: "od-muted", role: "status" });
  const legend = element("div", { class: "od-muted" }, kind === "bands" ? "Time runs to the right, the lowest band is below; the brighter, the stronger." : "");
  const side = element("div", { class: "od-panel od-wide" }, heading, gallery, legend, element("div", { class: "od-row" }, previous, next, place), trouble);
  const buttons = counts.map((row, i) => row.map((_, j) => cellButton(i, j)));

  /** The most frequent mistake, or the first cell that holds anything. */
  function first() {
    let [best, most] = [null, 0];
    counts.forEach((row, i) =>
      row.forEach((count, j) => {
        if (rows[i] !== columns[j] && count > most) [best, most] = [[i, j], count];
      }),
    );
    if (best) return best;
    const i = counts.findIndex((row) => row.some((count) => count));
    return [i, counts[i].findIndex((count) => count)];
  }

  function cellButton(i, j) {
    const total = counts[i].reduce((sum, count) => sum + count, 0);
    const count = counts[i][j];
    const share = total ? count / total : 0;
    const right = rows[i] === columns[j];
    const name = `${rows[i]} ${right ? "named rightly" : `taken for ${columns[j]}`}: ${count} of ${total}`;
    const tint = `color-mix(in srgb, ${right ? "#0072b2" : "#d55e00"} ${Math.round(55 * share)}%, transparent)`;
    return element(
      "button",
      {
        type: "button",
        class: `od-cell${right ? " od-right" : ""}${count ? "" : " od-none"}`,
        style: `background: ${tint}`,
        "aria-label": name,
        onclick: () => choose(i, j),
        onkeydown: (event) => walk(event, i, j),
      },
      element("span", {}, String(count)),
      ...(count ? [element("span", { class: "od-share" }, percent(share, 0))] : []),
    );
  }

  function walk(event, i, j) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -j], End: [0, columns.length - 1 - j] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [row, column] = [i + step[0], j + step[1]];
    if (row < 0 || row >= rows.length || column < 0 || column >= columns.length) return;
    choose(row, column);
    buttons[row][column].focus();
  }

  function choose(i, j) {
    chosen = [i, j];
    page = 0;
    buttons.flat().forEach((button) => {
      button.setAttribute("aria-pressed", "false");
      button.tabIndex = -1;
    });
    buttons[i][j].setAttribute("aria-pressed", "true");
    buttons[i][j].tabIndex = 0;
    show();
  }

  function turn(step) {
    page += step;
    show();
    // A button that has become useless gives its focus to the other one.
    if (step > 0 && next.disabled) previous.focus();
    if (step < 0 && previous.disabled) next.focus();
  }

  function drawTable() {
    const head = element("tr", {}, element("td", {}), ...columns.map((name) => element("th", { scope: "col" }, name)));
    table.replaceChildren(
      element("thead", {}, head),
      element(
        "tbody",
        {},
        ...rows.map((name, i) => element("tr", {}, element("th", { scope: "row" }, name), ...buttons[i].map((button) => element("td", {}, button)))),
      ),
    );
  }

  function show() {
    const [i, j] = chosen;
    const count = counts[i][j];
    const [begin, sent] = cells[i * columns.length + j];
    const pages = Math.max(1, Math.ceil(sent / perPage));
    page = Math.max(0, Math.min(pages - 1, page));
    const right = rows[i] === columns[j];
    heading.textContent = right ? `${rows[i]}, named rightly: ${count}` : `${rows[i]}, taken for ${columns[j]}: ${count}`;
    const from = begin + page * perPage;
    const to = Math.min(begin + sent, from + perPage);
    place.textContent = sent
      ? `${from - begin + 1}–${to - begin} of ${sent}` + (sent < count ? ` shown, spread over all ${count}` : "")
      : "";
    previous.disabled = page === 0;
    next.disabled = page >= pages - 1;
    previous.hidden = next.hidden = pages === 1;
    trouble.textContent = "";
    if (!sent) {
      gallery.replaceChildren(element("p", { class: "od-muted" }, "No example is in this cell."));
      return;
    }
    gallery.replaceChildren(...Array.from({ length: to - from }, (_, k) => tile(from + k)));
  }

  function tile(index) {
    const name = `Example ${positions[index]}`;
    const caption = element("figcaption", { class: "od-row" }, element("span", { class: "od-muted od-number" }, name));
    if (lengths[index]) {
      const listen = async () => {
        const heard = await playSound(sounds.slice(starts[index], starts[index + 1]), SOUND_RATE);
        trouble.textContent = heard ? "" : "This browser cannot play the sound.";
      };
      caption.append(element("button", { type: "button", "aria-label": `Play ${name.toLowerCase()}`, onclick: listen }, "Play"));
    }
    return element("figure", {}, kind === "signal" ? signal(index, name) : picture(index, name), caption);
  }

  function signal(index, name) {
    const across = Math.max(200, Math.floor(width >= 470 ? (width - 12) / 2 : width));
    const domainX = [0, height / (rate || 1)];
    const x = scale(domainX, [MARGIN.left, across - MARGIN.right]);
    const y = scale(extent, [SIGNAL_HEIGHT - MARGIN.bottom, MARGIN.top]);
    const xs = Array.from({ length: height }, (_, t) => x(t / (rate || 1)));
    const drawn = shape(
      "svg",
      { width: across, height: SIGNAL_HEIGHT, role: "img", "aria-label": `${name}: ${quantity} over time` },
      axes({ x, y, domainX, domainY: extent, titleX: rate ? "Time (s)" : "Reading", titleY: quantity, ticksX: 4, ticksY: 4 }),
    );
    for (let axis = 0; axis < wide; axis++) {
      const ys = xs.map((_, t) => y(data[index * each + t * wide + axis]));
      drawn.append(shape("path", { class: "od-line", d: path(xs, ys), stroke: axisColours[axis % axisColours.length] }));
      if (wide === 1) continue;
      const at = across - MARGIN.right - (30 + 7 * axisNames[axis].length) * (wide - axis) + 24;
      drawn.append(
        shape("line", { x1: at - 18, x2: at - 4, y1: 10, y2: 10, "stroke-width": 3, stroke: axisColours[axis % axisColours.length] }),
        shape("text", { x: at, y: 14 }, axisNames[axis]),
      );
    }
    return drawn;
  }

  /** Pictures as they are; of feature maps time goes to the right and the lowest band is below. */
  function picture(index, name) {
    const bands = kind === "bands";
    const [across, high] = bands ? [height, wide] : [wide, height];
    const canvas = element("canvas", {
      width: across,
      height: high,
      role: "img",
      "aria-label": bands ? `${name}: ${wide} bands over ${height} steps of time` : `${name}: a picture`,
    });
    const image = new ImageData(across, high);
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < across; column++) {
        const at = 4 * (row * across + column);
        const source = index * each + (bands ? column * wide + (wide - 1 - row) : (row * wide + column) * depth);
        const colour = bands ? cividis(data[source] / 255) : [0, 1, 2].map((c) => data[source + (depth === 3 ? c : 0)]);
        image.data.set([...colour, 255], at);
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  function cividis(share) {
    const at = share * (CIVIDIS.length - 1);
    const low = Math.min(CIVIDIS.length - 2, Math.floor(at));
    return CIVIDIS[low].map((value, c) => Math.round(value + (at - low) * (CIVIDIS[low + 1][c] - value)));
  }

  let [low, high] = [Infinity, -Infinity];
  for (const value of kind === "signal" ? data : []) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const air = 0.05 * (high - low || 1);
  const extent = low <= high ? [low - air, high + air] : [0, 1];

  claim(el, "confusion-explorer");
  el.append(
    element("div", { class: "od-muted" }, "What it is in rows, what it was taken for in columns. Choose a cell to see its examples."),
    element("div", { class: "od-scroll" }, table),
    side,
  );
  drawTable();
  choose(...chosen);
  return onWidth(side, (now) => {
    width = now;
    show();
  });
}

export default { render };

// What capturing pictures and capturing sounds have in common. Python puts this after _shared.js.

const PATIENCE_MS = 8000; // how long the kernel may take to answer
const ASK_MS = 15000; // how long the browser's own question may stay open before we mention it
const MOST_WAITING = 8; // examples on their way to the kernel at once
const SHOTS = 6; // of the latest examples of each label that are shown
const REASONS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  DevicesNotFoundError: "missing",
  NotReadableError: "busy",
  TrackStartError: "busy",
  AbortError: "busy",
};

/** What to say about each state of a device. */
function wordsFor(state, device, standIn) {
  return {
    off: `The ${device} is off.`,
    asking: `The browser asks whether this page may use the ${device}.`,
    live: `The ${device} is on. What you capture goes to this notebook's kernel and nowhere else.`,
    insecure: `This address may not use a ${device}: browsers allow it only on localhost and https. ${standIn}`,
    denied: `The ${device} was not allowed. Allow it in the browser's address bar, then start it again. ${standIn}`,
    missing: `No ${device} was found. Plug one in and start it again. ${standIn}`,
    busy: `The ${device} is in use by another program, or it does not answer. Close that program and start it again. ${standIn}`,
    failed: `The ${device} could not be started. ${standIn}`,
    ended: `The ${device} was unplugged or taken away. Start it again when it is back. ${standIn}`,
  }[state];
}

/**
 * A device that can be switched on and off, with words for everything that can go wrong.
 *
 * `begin(stream)` makes use of the stream and may fail; `end()` lets go of it.
 */
function deviceSwitch({ model, device, constraints, begin, end }) {
  const standIn = model.get("_bundled_counts").length ? `Until then the bundled examples are in use.` : "";
  const words = element("span", { class: "od-words", role: "status" });
  const button = element("button", { type: "button", onclick: () => (stream || asking ? stop("off") : start()) });
  let stream = null;
  let asking = 0; // number of the question that is open; a late answer to an older one is dropped
  let questions = 0;
  let timer = 0;
  let state = "off";
  const listeners = [];

  function become(now, detail = "") {
    state = now;
    clearTimeout(timer);
    words.textContent = wordsFor(now, device, standIn) + detail;
    const on = now === "live" || now === "asking";
    button.textContent = on ? `Stop ${device}` : `Start ${device}`;
    listeners.forEach((listener) => listener(now));
    model.send({ kind: "state", state: now });
  }

  function stop(reason) {
    asking = 0;
    const old = stream;
    stream = null;
    end();
    old?.getTracks().forEach((track) => track.stop());
    become(reason);
  }

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      become("insecure");
      return;
    }
    const mine = (asking = ++questions);
    become("asking");
    timer = setTimeout(() => (words.textContent += " Look for its question near the address bar."), ASK_MS);
    let got = null;
    try {
      got = await navigator.mediaDevices.getUserMedia(constraints);
      if (asking !== mine) {
        got.getTracks().forEach((track) => track.stop());
        return;
      }
      stream = got;
      await begin(got);
      if (asking !== mine) return;
      asking = 0;
      got.getTracks().forEach((track) => track.addEventListener("ended", () => stream === got && stop("ended")));
      become("live");
    } catch (error) {
      got?.getTracks().forEach((track) => track.stop());
      if (asking !== mine) return;
      asking = 0;
      stream = null;
      end();
      const reason = REASONS[error.name] ?? "failed";
      become(reason, reason === "failed" ? ` The browser said: ${error.message || error.name}.` : "");
    }
  }

  become("off");
  return {
    row: element("div", { class: "od-row" }, button, words),
    isLive: () => state === "live",
    onState: (listener) => listeners.push(listener),
    dispose: () => {
      clearTimeout(timer);
      asking = 0;
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      end();
    },
  };
}

/** Sends examples to the kernel, a few at a time, and says so if it does not answer. */
function courier(model, say) {
  const waiting = new Map();
  let serial = Math.floor(Math.random() * 2 ** 40); // several views of one widget hear each answer
  const answer = (message) => {
    if (!waiting.has(message.serial)) return;
    const { timer, taken } = waiting.get(message.serial);
    clearTimeout(timer);
    waiting.delete(message.serial);
    if (message.kind === "taken") taken();
    else say(`The kernel did not keep it. ${message.text}`);
  };
  model.on("msg:custom", answer);
  return {
    /** Send an example; `taken()` is called once the kernel has it. */
    send: (label, bytes, taken) => {
      if (waiting.size >= MOST_WAITING) return;
      const mine = ++serial;
      const timer = setTimeout(() => {
        waiting.delete(mine);
        say("The kernel has not answered. When it is idle, try again, or run this cell once more.");
      }, PATIENCE_MS);
      waiting.set(mine, { timer, taken });
      model.send({ kind: "example", label, serial: mine }, undefined, [bytes.buffer]);
    },
    dispose: () => {
      model.off("msg:custom", answer);
      waiting.forEach(({ timer }) => clearTimeout(timer));
    },
  };
}

/**
 * A row for each label: its button, how many there are, and a few of the latest.
 *
 * `draw(bytes)` makes a picture of one example; `press(label, button)` gives a button its work.
 */
function labelRows({ model, draw, press, verb }) {
  const names = model.get("_labels");
  const bundled = model.get("_bundled");
  const shown = model.get("_bundled_shown");
  const bundledCounts = model.get("_bundled_counts");
  const total = shown.reduce((sum, count) => sum + count, 0);
  const bytes = total ? bundled.byteLength / total : 0;
  let offset = 0;
  const rows = names.map((name, label) => {
    const button = element("button", { type: "button", disabled: true, "aria-label": `${verb} ${name}` }, name);
    const count = element("span", { class: "od-number od-muted" });
    const strip = element("span", { class: "od-shots" });
    const old = [];
    for (let i = 0; i < (shown[label] ?? 0); i++, offset++) {
      old.push(draw(new DataView(bundled.buffer, bundled.byteOffset + offset * bytes, bytes), label));
    }
    press(label, button);
    return { button, count, strip, own: [], old, seen: 0 };
  });
  const status = element("div", { class: "od-muted", role: "status" });

  function renew() {
    const counts = model.get("_counts");
    const mine = !bundledCounts.length || counts.every((count) => count > 0);
    rows.forEach((row, label) => {
      const { count, strip, own, old } = row;
      own.splice(0, Math.max(0, row.seen - counts[label])); // the latest went first
      row.seen = counts[label];
      count.textContent = counts[label] || mine ? String(counts[label]) : `${bundledCounts[label]} bundled`;
      strip.replaceChildren(...(own.length || mine ? own.slice(0, SHOTS) : old));
    });
    status.textContent = model.get("_status");
  }

  model.on("change:_counts", renew);
  model.on("change:_status", renew);
  renew();
  return {
    node: element(
      "div",
      { class: "od-labels" },
      ...rows.map(({ button, count, strip }) => element("div", { class: "od-row od-label" }, button, count, strip)),
    ),
    status,
    enable: (on) => rows.forEach(({ button }) => (button.disabled = !on)),
    /** Show an example that the kernel has taken. */
    add: (label, picture) => {
      rows[label].own.unshift(picture);
      renew();
    },
    dispose: () => {
      model.off("change:_counts", renew);
      model.off("change:_status", renew);
    },
  };
}

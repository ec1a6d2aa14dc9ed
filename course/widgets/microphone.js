const RATE = 16000; // samples per second
const LEAD_S = 0.15; // left out at the start: the click of the button itself
const SILENCE = 1e-4; // of full scale; a microphone that is switched off gives exact zeros
const LATE_MS = 3000; // how long sound may fail to arrive
const ZERO_CROSSINGS = 16; // of the low-pass filter, on each side
const PASSED = 0.92; // of the lower of the two half rates

// Runs in the browser's audio thread and hands every block of sound over.
const TAP = `registerProcessor("on-device-tap", class extends AudioWorkletProcessor {
  process([input]) {
    if (input.length) this.port.postMessage(input[0].slice());
    return true;
  }
});`;

/**
 * Bring a signal from one sample rate to another by a windowed sinc. Browsers' own buffers are
 * resampled by straight lines, which folds everything above half the rate back into the sound.
 */
export function resample(samples, from, to, count) {
  const cutoff = PASSED * Math.min(1, to / from);
  const half = ZERO_CROSSINGS / cutoff;
  const result = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const centre = (i * from) / to;
    let sum = 0;
    let weights = 0;
    for (let k = Math.max(0, Math.ceil(centre - half)); k <= Math.min(samples.length - 1, centre + half); k++) {
      const away = k - centre;
      const angle = Math.PI * cutoff * away;
      const weight = (angle ? Math.sin(angle) / angle : 1) * (0.54 + 0.46 * Math.cos((Math.PI * away) / half));
      sum += weight * samples[k];
      weights += weight;
    }
    result[i] = weights ? sum / weights : 0;
  }
  return result;
}

function render({ model, el }) {
  const wanted = model.get("_samples");
  const seconds = wanted / RATE;
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"];
  const news = element("div", { class: "od-news", role: "status" });
  const level = element("progress", { max: 1, value: 0 });
  const clock = element("progress", { max: seconds, value: 0 });
  const courierOf = courier(model, (text) => (news.textContent = text));
  let context = null;
  let parts = null; // blocks of the recording that is being made
  let have = 0;
  let recording = -1;
  let timer = 0;

  const device = deviceSwitch({
    model,
    device: "microphone",
    // What helps in a telephone call spoils training data: a level that changes by itself.
    constraints: { audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false }, video: false },
    begin: async (stream) => {
      context = new AudioContext();
      const address = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
      try {
        await context.audioWorklet.addModule(address);
      } finally {
        URL.revokeObjectURL(address);
      }
      await context.resume();
      const tap = new AudioWorkletNode(context, "on-device-tap");
      const mute = context.createGain();
      mute.gain.value = 0;
      tap.port.onmessage = (event) => hear(event.data);
      context.createMediaStreamSource(stream).connect(tap).connect(mute).connect(context.destination);
    },
    end: () => {
      abandon();
      level.value = 0;
      context?.close();
      context = null;
    },
  });
  const rows = labelRows({ model, draw, press: (label, button) => button.addEventListener("click", () => begin(label)), verb: "Record" });
  const remove = element("button", { type: "button", onclick: () => model.send({ kind: "remove" }) }, "Remove the latest");

  function hear(block) {
    let peak = 0;
    for (const value of block) peak = Math.max(peak, Math.abs(value));
    level.value = Math.max(peak, 0.92 * level.value);
    if (recording < 0) return;
    parts.push(block);
    have += block.length;
    const need = (LEAD_S + seconds) * context.sampleRate + 64;
    clock.value = Math.max(0, Math.min(seconds, have / context.sampleRate - LEAD_S));
    if (have >= need) finish();
  }

  function begin(label) {
    if (recording >= 0 || !device.isLive()) return;
    [recording, parts, have] = [label, [], 0];
    clock.value = 0;
    rows.enable(false);
    news.textContent = `Recording ${model.get("_labels")[label]}, ${seconds} s.`;
    timer = setTimeout(() => {
      abandon();
      news.textContent = "No sound arrives from the microphone. Stop it and start it again.";
    }, 1000 * (LEAD_S + seconds) + LATE_MS);
  }

  function abandon() {
    clearTimeout(timer);
    recording = -1;
    parts = null;
    rows.enable(device.isLive());
  }

  function finish() {
    const label = recording;
    const all = new Float32Array(have);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    const from = context.sampleRate;
    abandon();
    const clip = Int16Array.from(resample(all.subarray(Math.round(LEAD_S * from)), from, RATE, wanted), (value) =>
      Math.max(-32768, Math.min(32767, Math.round(32768 * value))),
    );
    const peak = clip.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 32768;
    news.textContent = peak < SILENCE ? "The clip is silent. Is the microphone switched off?" : "";
    const picture = draw(new DataView(clip.buffer), label);
    courierOf.send(label, clip, () => rows.add(label, picture));
  }

  /** A clip as a button: its shape over time; pressing it plays it. */
  function draw(view, label) {
    const count = view.byteLength / 2;
    const [wide, high, bars] = [84, 34, 42];
    const picture = shape("svg", { width: wide, height: high, "aria-hidden": "true" });
    for (let bar = 0; bar < bars; bar++) {
      let peak = 0;
      for (let i = Math.floor((bar * count) / bars); i < Math.floor(((bar + 1) * count) / bars); i++) {
        peak = Math.max(peak, Math.abs(view.getInt16(2 * i, true)));
      }
      const tall = Math.max(1, Math.sqrt(peak / 32768) * high);
      picture.append(shape("rect", { x: bar * 2, y: (high - tall) / 2, width: 1.4, height: tall, fill: colours[label % colours.length] }));
    }
    const samples = Int16Array.from({ length: count }, (_, i) => view.getInt16(2 * i, true));
    const listen = async () => {
      news.textContent = (await playSound(samples, RATE)) ? "" : "This browser cannot play the sound.";
    };
    return element("button", { type: "button", class: "od-clip", "aria-label": `Play a clip of ${model.get("_labels")[label]}`, onclick: listen }, picture);
  }

  device.onState((state) => rows.enable(state === "live" && recording < 0));
  claim(el, "microphone");
  el.append(
    device.row,
    element("div", { class: "od-row" }, element("label", {}, "Loudness", level), element("label", {}, "Recorded", clock)),
    element("div", { class: "od-muted" }, `Press a name, then speak: ${seconds} s are recorded. Press a clip to hear it.`),
    rows.node,
    element("div", { class: "od-row" }, remove),
    news,
    rows.status,
  );
  return () => {
    device.dispose();
    courierOf.dispose();
    rows.dispose();
  };
}

export default { render };

const HOLD_MS = 350; // a button held longer than this takes one picture after the other
const BURST_MS = 120;
const DARK = 4; // of 255; a covered lens gives less

function render({ model, el }) {
  const size = model.get("_size");
  const video = element("video", { muted: true, playsinline: true, "aria-label": "What the camera sees" });
  video.muted = true;
  const curtain = element("div", { class: "od-curtain" }, "The camera is off.");
  const stage = element("div", { class: "od-stage" }, video, curtain);
  const news = element("div", { class: "od-news", role: "status" });
  const canvas = element("canvas", { width: size, height: size });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const courierOf = courier(model, (text) => (news.textContent = text));
  let burst = 0;

  const device = deviceSwitch({
    model,
    device: "camera",
    constraints: { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false },
    begin: async (stream) => {
      video.srcObject = stream;
      await video.play();
    },
    end: () => {
      endBurst();
      video.pause();
      video.srcObject = null;
    },
  });
  const rows = labelRows({ model, draw, press, verb: "Take a picture of" });
  const remove = element("button", { type: "button", onclick: () => model.send({ kind: "remove" }) }, "Remove the latest");

  function draw(view) {
    const picture = element("canvas", { class: "od-shot", width: size, height: size, role: "img", "aria-label": "A picture" });
    const image = new ImageData(size, size);
    for (let i = 0, j = 0; j < image.data.length; i += 3, j += 4) {
      image.data[j] = view.getUint8(i);
      image.data[j + 1] = view.getUint8(i + 1);
      image.data[j + 2] = view.getUint8(i + 2);
      image.data[j + 3] = 255;
    }
    picture.getContext("2d").putImageData(image, 0, 0);
    return picture;
  }

  function take(label) {
    if (!device.isLive() || !video.videoWidth) return;
    const side = Math.min(video.videoWidth, video.videoHeight);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, size, size);
    const pixels = pen.getImageData(0, 0, size, size).data;
    const bytes = new Uint8Array(size * size * 3);
    let sum = 0;
    for (let i = 0, j = 0; i < pixels.length; i += 4) {
      for (let c = 0; c < 3; c++) sum += bytes[j++] = pixels[i + c];
    }
    news.textContent = sum / bytes.length < DARK ? "The picture is black. Is the lens covered?" : "";
    const picture = draw(new DataView(bytes.buffer));
    courierOf.send(label, bytes, () => rows.add(label, picture));
  }

  /** A click takes one picture, by mouse or keyboard; holding the mouse takes several. */
  function press(label, button) {
    let held = 0;
    let used = false;
    button.addEventListener("pointerdown", () => {
      used = false;
      clearTimeout(held);
      held = setTimeout(() => {
        used = true;
        endBurst();
        burst = setInterval(() => take(label), BURST_MS);
      }, HOLD_MS);
    });
    const release = () => {
      clearTimeout(held);
      endBurst();
    };
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(name, release);
    button.addEventListener("click", () => {
      if (!used) take(label);
      used = false;
    });
  }

  function endBurst() {
    clearInterval(burst);
    burst = 0;
  }

  device.onState((state) => {
    rows.enable(state === "live");
    curtain.hidden = state === "live";
    curtain.textContent = state === "asking" ? "Waiting for your permission" : "The camera is off";
  });
  claim(el, "camera");
  el.append(
    device.row,
    element(
      "div",
      { class: "od-panels" },
      stage,
      element("div", { class: "od-panel" }, element("div", { class: "od-muted" }, "Press a name to take a picture; hold it for several."), rows.node, element("div", { class: "od-row" }, remove), news),
    ),
    rows.status,
  );
  return () => {
    device.dispose();
    courierOf.dispose();
    rows.dispose();
  };
}

export default { render };

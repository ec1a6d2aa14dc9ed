const PATIENCE_MS = 8000;

function render({ model, el }) {
  const group = uniqueId("quiz");
  const status = element("div", { class: "od-card", role: "status", "aria-live": "polite" });
  const radios = new Map();
  let timer;

  const fieldset = element("fieldset", {}, element("legend", {}, ...prose(model.get("question"))));
  for (const [letter, text] of model.get("_options")) {
    const radio = element("input", { type: "radio", name: group, value: letter });
    radio.addEventListener("change", () => pick(letter));
    radios.set(letter, radio);
    fieldset.append(
      element(
        "label",
        { class: "od-option" },
        radio,
        element("span", { class: "od-letter" }, `${letter})`),
        element("span", {}, ...prose(text)),
      ),
    );
  }

  function pick(letter) {
    model.set("choice", letter);
    model.save_changes();
    say("Looking at your choice…");
    clearTimeout(timer);
    timer = setTimeout(
      () => say("The kernel has not answered. When it is idle, run this cell again."),
      PATIENCE_MS,
    );
    el.dispatchEvent(
      new CustomEvent("on-device:choice", {
        bubbles: true,
        composed: true,
        detail: { task: model.get("task"), choice: letter },
      }),
    );
  }

  function say(sentence) {
    status.replaceChildren(element("span", { class: "od-muted" }, sentence));
  }

  function select() {
    const radio = radios.get(model.get("choice"));
    if (radio) radio.checked = true;
  }

  function answer() {
    const { choice, html } = model.get("_answer");
    if (!html || choice !== model.get("choice")) return;
    clearTimeout(timer);
    status.innerHTML = html; // the card is the course's own HTML, escaped where it was made
    status.querySelectorAll("*").forEach(keepKeys);
  }

  claim(el, "quiz");
  el.append(fieldset, status);
  select();
  answer();
  model.on("change:choice", select);
  model.on("change:_answer", answer);
  return () => {
    clearTimeout(timer);
    model.off("change:choice", select);
    model.off("change:_answer", answer);
  };
}

export default { render };

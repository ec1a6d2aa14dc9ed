// Keeps the numbers of the page true while it is in view. The page is complete without it.
"use strict";

const EVERY_MS = 3000;
const PATIENCE_MS = 8000;

// JupyterLab's "Course home" link looks for a tab of this name before it opens another.
window.name = "on-device-home";

const connection = document.getElementById("connection");
let timer;

function at(data, path) {
  return path.split(".").reduce((value, key) => value?.[key], data);
}

// An element belongs to the nearest module or check around it.
function dataFor(element, page) {
  const module = element.closest("[data-module]");
  if (!module) return page;
  const row = page.modules.find((m) => m.slug === module.dataset.module);
  const check = element.closest("[data-check]");
  return check ? row?.checks.find((c) => c.name === check.dataset.check) : row;
}

function show(page) {
  for (const element of document.querySelectorAll("[data-text]")) {
    const text = at(dataFor(element, page), element.dataset.text);
    if (text !== undefined && element.textContent !== text) element.textContent = text;
  }
  for (const element of document.querySelectorAll("[data-state]")) {
    const state = dataFor(element, page)?.state;
    if (state && element.dataset.state !== state) element.dataset.state = state;
  }
  for (const element of document.querySelectorAll("[data-value]")) {
    const value = at(dataFor(element, page), element.dataset.value);
    if (value !== undefined && element.value !== value) element.value = value;
  }
  for (const element of document.querySelectorAll("[data-href]")) {
    const href = at(dataFor(element, page), element.dataset.href);
    if (href && element.getAttribute("href") !== href) element.setAttribute("href", href);
  }
  const next = document.getElementById("next");
  if (next) next.hidden = !page.next;
}

function say(sentence) {
  if (connection.textContent !== sentence) connection.textContent = sentence;
}

async function refresh() {
  clearTimeout(timer);
  try {
    const reply = await fetch(document.body.dataset.progress, {
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (reply.status === 403) {
      say("You are signed out. Reload this page to sign in.");
    } else if (reply.ok) {
      show(await reply.json());
      say("");
    } else {
      throw new Error(reply.statusText);
    }
  } catch {
    say("Not connected. The numbers may be old; they catch up when the server is back.");
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else refresh();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) refresh();
});
timer = setTimeout(refresh, EVERY_MS);

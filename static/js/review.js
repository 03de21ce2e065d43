// The picture page: keys, zoom, and saying what is saved. Without this file every button still works.
"use strict";

const KEYS_OFF = "kidsart-keys-off"; // remembered on this computer; says nothing about any child
const CONFIRMED_AT = "kidsart-confirmed-at";
const ENTER_REST_MS = 600; // a second press of Enter in the same breath confirms no other picture
const LEAVE_AT_LATEST_MS = 2000;

const failed = new Set(); // elements whose last save came to nothing
let saving = 0;
let leaving = false;

const byId = (id) => document.getElementById(id);
const rows = () => [...document.querySelectorAll("#scores .level-row")];
const inputs = (row) => [...row.querySelectorAll(".level__input")];
const currentRow = () => document.querySelector("#scores .level-row.is-current");

// ------------------------------------------------------------------------------------ rows, levels
function mark(row) {
  for (const other of rows()) other.classList.toggle("is-current", other === row);
}

function levelInForce(row) {
  return (
    inputs(row).find((input) => input.checked) ??
    row.querySelector(".level--proposed .level__input") ??
    inputs(row)[0]
  );
}

function goTo(row) {
  if (!row) return;
  mark(row);
  levelInForce(row).focus();
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = rows();
  goTo(all[all.indexOf(currentRow()) + by]);
}

function choose(input) {
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function chooseNumber(number) {
  const row = currentRow();
  const input = row && inputs(row).find((candidate) => candidate.value === number);
  if (!input) return;
  choose(input);
  const all = rows();
  goTo(all[all.indexOf(row) + 1] ?? row);
}

function nudge(by) {
  const row = currentRow();
  if (!row) return;
  const all = inputs(row);
  const input = all[all.indexOf(levelInForce(row)) + by];
  if (!input) return;
  choose(input);
  input.focus();
}

function clearLevel(row = currentRow()) {
  const button = row?.querySelector(".clear-level");
  if (!button) return;
  for (const input of inputs(row)) input.checked = false;
  goTo(row); // the button goes with its level; the row keeps the focus
  const target = button.closest(".level-row__note");
  htmx.ajax("POST", button.dataset.url, { source: row, target, swap: "outerHTML", values: { level: "" } });
}

function leaveOut() {
  const row = currentRow();
  const words = row?.querySelector("details");
  if (!words) return;
  words.open = true;
  words.querySelector(".not-assess input").focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-not-assess]");
  if (!button) return;
  const row = button.closest(".level-row");
  for (const input of inputs(row)) input.checked = false;
  row.querySelector("details").open = false;
  goTo(row);
});

// Enter in the field of a reason means its button, not the confirmation of the picture.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".not-assess input")) return;
  event.preventDefault();
  event.target.closest(".not-assess").querySelector("button").click();
});

// Before htmx sees the click: it would remember the button as the one the form is sent with.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest(".clear-level");
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    clearLevel(button.closest(".level-row"));
  },
  true,
);

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.(".level-row");
  if (row) mark(row);
});

// -------------------------------------------------------------------------------------------- keys
// A browser may forbid storage: then nothing is remembered, and everything else works.
function remembered(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

function remember(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    return;
  }
}

const keysAreOn = () => remembered("localStorage", KEYS_OFF) !== "1";

function showKeys() {
  document.body.toggleAttribute("data-keys", keysAreOn());
}

function isTyping(target) {
  return target.closest("textarea, select, input:not([type=radio], [type=checkbox])") !== null;
}

function confirmPicture() {
  if (Date.now() - Number(remembered("sessionStorage", CONFIRMED_AT)) > ENTER_REST_MS) {
    byId("confirm")?.click();
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.id === "review-form") remember("sessionStorage", CONFIRMED_AT, Date.now());
});

const KEYS = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  ArrowLeft: () => nudge(-1),
  ArrowRight: () => nudge(1),
  Backspace: () => clearLevel(),
  x: () => leaveOut(),
  w: () => {
    const words = currentRow()?.querySelector("details");
    if (words) words.open = !words.open;
  },
  z: () => zoom(),
  r: () => byId("turn")?.click(),
  y: () => byId("take-photo")?.click(),
  f: () => byId("strength")?.focus(),
  j: () => leaveFor(document.querySelector('a[rel="next"]')),
  k: () => leaveFor(document.querySelector('a[rel="prev"]')),
  "?": () => byId("keys")?.showModal(),
};

function actionOf(event) {
  const { key, target } = event;
  if (key === "Enter") {
    if (event.repeat) return () => {}; // held down: never one picture after the other
    return target.closest("a, button, summary") ? null : confirmPicture;
  }
  if (key.startsWith("Arrow") && target.closest(".is-zoomed")) return null; // moves the picture
  if (key === "ArrowLeft" || key === "ArrowRight") {
    // Inside a row the browser does this itself, and right to left where one reads so.
    return target.matches(".level__input") ? null : KEYS[key];
  }
  if (Object.hasOwn(KEYS, key)) return KEYS[key];
  if (/^\d$/.test(key)) return () => chooseNumber(key);
  const row = rows().find((candidate) => candidate.dataset.key === key);
  return row ? () => goTo(row) : null;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if (event.key === "Escape" && isTyping(event.target)) {
    event.target.blur();
    goTo(currentRow());
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (!keysAreOn() && !event.target.matches(".level__input")) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  action();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-keys]")) byId("keys").showModal();
});

document.addEventListener("change", (event) => {
  if (event.target.id !== "keys-on") return;
  remember("localStorage", KEYS_OFF, event.target.checked ? "0" : "1");
  showKeys();
});

// -------------------------------------------------------------------------------------------- zoom
function zoom(at = { x: 0.5, y: 0.5 }) {
  const frame = byId("frame");
  if (!frame) return;
  const height = frame.offsetHeight;
  const zoomed = frame.classList.toggle("is-zoomed");
  frame.style.blockSize = zoomed ? `${height}px` : ""; // the page around it stays where it is
  if (!zoomed) return;
  frame.scrollLeft = at.x * frame.scrollWidth - frame.clientWidth / 2;
  frame.scrollTop = at.y * frame.scrollHeight - frame.clientHeight / 2;
}

let drag = null;
let dragged = false;

document.addEventListener("click", (event) => {
  const frame = event.target.closest("#frame");
  if (!frame || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (dragged) return;
  const box = frame.querySelector("img").getBoundingClientRect();
  const inside = event.detail > 0; // by pointer; Enter on the picture zooms into the middle
  zoom(
    inside
      ? { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height }
      : undefined,
  );
});

document.addEventListener("pointerdown", (event) => {
  const frame = event.target.closest("#frame.is-zoomed");
  dragged = false;
  if (!frame || event.pointerType !== "mouse") return; // a finger scrolls by itself
  drag = { frame, x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const left = drag.x - event.clientX;
  const top = drag.y - event.clientY;
  dragged ||= Math.hypot(left - drag.frame.scrollLeft, top - drag.frame.scrollTop) > 4;
  drag.frame.scrollTo(left, top);
});

document.addEventListener("pointerup", () => (drag = null));
document.addEventListener("dragstart", (event) => {
  if (event.target.closest("#frame")) event.preventDefault();
});

// ------------------------------------------------------------------------- saved, saving, not saved
const isSave = (element) => element.closest("#review-form") !== null;

function say() {
  const state = byId("save-state");
  if (!state) return;
  const now = failed.size ? "unsaved" : saving ? "saving" : "saved";
  state.textContent = state.dataset[now];
  state.classList.toggle("is-unsaved", failed.size > 0);
}

function sayUnsaved(why) {
  const banner = byId("unsaved");
  if (!banner) return;
  banner.hidden = !why;
  if (!why) return;
  banner.querySelector("p").textContent = banner.dataset[why];
  banner.querySelector("[data-sign-in]").hidden = why !== "signedOut";
}

function reasonOf(xhr) {
  const landed = xhr.responseURL && new URL(xhr.responseURL).pathname;
  if (landed === document.body.dataset.signIn || xhr.status === 403) return "signedOut";
  if (xhr.status === 0) return "offline";
  return xhr.status >= 400 && xhr.status !== 409 && xhr.status !== 422 ? "failed" : null;
}

document.addEventListener("htmx:configRequest", (event) => {
  const field = byId(event.detail.elt.dataset?.keep); // what is marked there is kept, else all of it
  if (field) {
    const marked = field.value.slice(field.selectionStart, field.selectionEnd);
    event.detail.formData.set("marked", marked);
  }
  // Signing in again in another tab makes a new token; the one on this page is then too old.
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (!token) return;
  const { headers, formData } = event.detail;
  headers["X-CSRFToken"] = token[1];
  if (formData.has("csrfmiddlewaretoken")) formData.set("csrfmiddlewaretoken", token[1]);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  if (elt.id === "waiting" && document.activeElement?.matches("textarea")) {
    event.preventDefault(); // the new page would take the words away that are being written
  } else if (isSave(elt)) {
    saving += 1;
    say();
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr } = event.detail;
  if (!isSave(elt) || leaving) return;
  saving = Math.max(0, saving - 1);
  const why = reasonOf(xhr);
  const row = elt.closest(".level-row");
  if (why) failed.add(row ?? elt);
  else failed.delete(row ?? elt);
  row?.classList.toggle("is-unsaved", Boolean(why));
  if (!why && elt.id === "feedback") sent = written();
  if (why || !failed.size) sayUnsaved(why);
  say();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-save-again]")) return;
  for (const element of [...failed]) {
    if (element.matches(".level-row")) saveRowAgain(element);
    else if (element.id === "feedback") htmx.trigger(element, "change");
    else element.requestSubmit(byId("confirm"));
  }
});

function saveRowAgain(row) {
  const chosen = inputs(row).find((input) => input.checked);
  if (chosen) htmx.trigger(chosen, "change");
  else clearLevel(row);
}

// ---------------------------------------------------------------------------- going to another page
const written = () => `${byId("strength")?.value}\0${byId("next_step")?.value}`;
let sent = written();

function leaveFor(link) {
  if (!link) return;
  const start = performance.now();
  const go = () => {
    if (failed.size) return; // the page says so; what is not saved is not left behind
    if (saving && performance.now() - start < LEAVE_AT_LATEST_MS) setTimeout(go, 40);
    else location.assign(link.href);
  };
  go();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[rel="next"], a[rel="prev"]');
  if (!link || !saving || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  leaveFor(link);
});

// Words typed in the last moment go out after the page; a request made by fetch outlives it.
addEventListener("pagehide", () => {
  leaving = true;
  const feedback = byId("feedback");
  if (!feedback || written() === sent || failed.size) return;
  const body = new FormData(byId("review-form"));
  fetch(feedback.getAttribute("hx-post"), { method: "POST", body, keepalive: true });
});

addEventListener("beforeunload", (event) => {
  if (failed.size) event.preventDefault();
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (["review", "feedback-fields"].includes(event.detail.target.id)) sent = written();
});

// The table under the radar stays open while the radar is drawn anew.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const next = fragment?.querySelector?.("#review-radar details");
  if (target.id === "review-radar" && next) next.open = target.querySelector("details")?.open;
});

document.body.toggleAttribute("data-script", true);
byId("keys-on").checked = keysAreOn();
showKeys();

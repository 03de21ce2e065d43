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
  z: () => zoomByKey(),
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
  if (event.key === "Escape" && event.target.matches("#frame.is-zoomed")) {
    zoomByKey();
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
// As it fits, its full size, or what two fingers make of it. Once it is larger than its frame, the
// frame scrolls: by mouse, by finger, and by the arrow keys while it has the focus.
const LARGEST = 4; // times the size that fits
const MIDDLE = { x: 0.5, y: 0.5 };

const isZoomed = (frame) => frame.classList.contains("is-zoomed");
const shares = ({ x, y }) => [x, y].map((share) => Math.min(1, Math.max(0, share)));

/** Where the picture itself is, in the window: as it fits, its element has empty edges. */
function pictureBox(frame) {
  const image = frame.querySelector("img");
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const width = scale * image.naturalWidth;
  const height = scale * image.naturalHeight;
  return {
    left: box.left + (box.width - width) / 2,
    top: box.top + (box.height - height) / 2,
    width,
    height,
  };
}

/** The part of the picture under a point of the window: 0 to 1, from left and top. */
function pointAt(frame, { x, y }) {
  const box = pictureBox(frame);
  return { x: (x - box.left) / box.width, y: (y - box.top) / box.height };
}

function fit(frame) {
  frame.classList.remove("is-zoomed");
  frame.style.blockSize = frame.querySelector("img").style.inlineSize = "";
}

/** Show the picture so many pixels wide, with that point of it there in the frame. */
function enlarge(frame, width, point = MIDDLE, there = null) {
  const image = frame.querySelector("img");
  if (!isZoomed(frame)) {
    frame.dataset.fitted = pictureBox(frame).width;
    frame.style.blockSize = `${frame.offsetHeight}px`; // the page around it stays where it is
    frame.classList.add("is-zoomed");
    image.src = frame.href; // every pixel there is
  }
  image.style.inlineSize = `${width}px`;
  const { x, y } = there ?? { x: frame.clientWidth / 2, y: frame.clientHeight / 2 };
  const [left, top] = shares(point);
  frame.scrollTo(left * image.offsetWidth - x, top * image.offsetHeight - y);
}

const fittedWidth = (frame) =>
  isZoomed(frame) ? Number(frame.dataset.fitted) : pictureBox(frame).width;

function fullSize(frame) {
  const width = Number(frame.querySelector("img").getAttribute("width"));
  return Math.max(width, 2 * fittedWidth(frame));
}

function zoom(point) {
  const frame = byId("frame");
  if (!frame?.querySelector("img").naturalWidth) return;
  if (isZoomed(frame)) fit(frame);
  else enlarge(frame, fullSize(frame), point);
}

function zoomByKey() {
  const frame = byId("frame");
  zoom();
  if (!frame) return;
  if (isZoomed(frame)) frame.focus({ preventScroll: true });
  else if (document.activeElement === frame) goTo(currentRow());
}

let drag = null;
let dragged = false;

document.addEventListener("click", (event) => {
  const frame = event.target.closest("#frame");
  if (!frame || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (dragged) return;
  const byPointer = event.detail > 0; // Enter on the picture zooms into the middle
  zoom(byPointer ? pointAt(frame, { x: event.clientX, y: event.clientY }) : undefined);
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

for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => (drag = null));
}
document.addEventListener("dragstart", (event) => {
  if (event.target.closest("#frame")) event.preventDefault();
});

// ------------------------------------------------------------------------------------- two fingers
let pinch = null;

function between([one, two]) {
  return {
    x: (one.clientX + two.clientX) / 2,
    y: (one.clientY + two.clientY) / 2,
    apart: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY),
  };
}

document.addEventListener(
  "touchstart",
  (event) => {
    const frame = event.target.closest("#frame");
    if (!frame || event.touches.length !== 2) return;
    event.preventDefault(); // the picture grows, not the page
    const fingers = between(event.touches);
    const { width } = pictureBox(frame);
    pinch = { frame, width, apart: fingers.apart, point: pointAt(frame, fingers) };
  },
  { passive: false },
);

document.addEventListener(
  "touchmove",
  (event) => {
    if (!pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const { frame, point } = pinch;
    const fingers = between(event.touches);
    const fitted = fittedWidth(frame);
    const wanted = (pinch.width * fingers.apart) / pinch.apart;
    const width = Math.min(wanted, Math.max(LARGEST * fitted, fullSize(frame)));
    if (width <= fitted) return fit(frame);
    const box = frame.getBoundingClientRect();
    enlarge(frame, width, point, { x: fingers.x - box.left, y: fingers.y - box.top });
  },
  { passive: false },
);

for (const end of ["touchend", "touchcancel"]) {
  document.addEventListener(end, (event) => {
    if (event.touches.length < 2) pinch = null;
  });
}

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
  if (xhr.getResponseHeader("HX-Retarget") === "#toasts") return "failed"; // the year is archived
  return xhr.status >= 400 && xhr.status !== 409 && xhr.status !== 422 ? "failed" : null;
}

document.addEventListener("htmx:configRequest", (event) => {
  const form = event.detail.elt;
  // htmx may still remember another button of the form; what confirms is sent to be confirmed.
  if (form.id === "review-form") event.detail.path = form.getAttribute("hx-post");
  const field = byId(event.detail.elt.dataset?.keep); // what is marked there is kept, else all of it
  if (field) {
    const marked = field.value.slice(field.selectionStart, field.selectionEnd);
    event.detail.formData.set("marked", marked);
  }
  // Signing in again in another tab makes a new token; the one on this page is then too old.
  const token = document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/);
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
  const { xhr, requestConfig } = event.detail;
  // Where the answer has replaced what asked, htmx names what stands around it: for the form, no part
  // of the form.
  const elt = isSave(event.detail.elt) ? event.detail.elt : requestConfig.elt;
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
    else if (element.matches("form")) element.requestSubmit(byId("confirm"));
    else element.click(); // a button of its own: turn, insert, write again
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

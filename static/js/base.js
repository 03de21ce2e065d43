// What every page does beyond htmx: says when a request came to nothing, and closes what was opened.
"use strict";

const TOAST_MS = 8000;

function showToast(name, sentence = "") {
  const template = document.getElementById(`toast-${name}`);
  const place = document.getElementById("toasts");
  if (!template || !place || place.querySelector(`[data-toast="${name}"]`)) return;
  const toast = template.content.firstElementChild.cloneNode(true);
  if (sentence) toast.textContent = sentence;
  toast.dataset.toast = name;
  place.append(toast);
  setTimeout(() => toast.remove(), TOAST_MS);
}

/** What the server says of a request that is too large, or comes too often. */
function sentenceOf(xhr) {
  const plain = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
  return plain && [413, 429].includes(xhr.status) ? xhr.responseText : "";
}

// A session that ended answers a fragment with the sign-in page; that must not land in a tile.
document.addEventListener("htmx:beforeSwap", (event) => {
  const answer = event.detail.xhr.responseURL;
  if (answer && new URL(answer).pathname === document.body.dataset.signIn) {
    event.detail.shouldSwap = false;
    showToast("signed-out");
  }
});

document.addEventListener("htmx:sendError", () => showToast("offline"));
document.addEventListener("htmx:timeout", () => showToast("offline"));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  showToast(xhr.status === 403 ? "signed-out" : "failed", sentenceOf(xhr));
});

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close) close.closest(close.dataset.close).remove();
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

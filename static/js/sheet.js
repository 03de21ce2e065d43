// The contact sheet by keyboard and by dragging. Without this file its buttons do the same.
"use strict";

const links = () => [...document.querySelectorAll(".sheet__link")];
const buttonOf = (card, level) =>
  card.querySelector(`.sheet__levels button[data-level="${CSS.escape(level)}"]:not(:disabled)`);

function move(from, key) {
  const all = links();
  const box = from.getBoundingClientRect();
  if (key === "ArrowRight" || key === "ArrowLeft") {
    const forward = (key === "ArrowRight") === (document.dir !== "rtl");
    return all[all.indexOf(from) + (forward ? 1 : -1)];
  }
  const down = key === "ArrowDown";
  const near = all
    .map((link) => ({ link, at: link.getBoundingClientRect() }))
    .filter(({ at }) => (down ? at.top > box.top + 4 : at.top < box.top - 4));
  near.sort(
    (a, b) =>
      Math.abs(a.at.top - box.top) - Math.abs(b.at.top - box.top) ||
      Math.abs(a.at.left - box.left) - Math.abs(b.at.left - box.left),
  );
  return near[0]?.link;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const card = event.target.closest?.(".sheet__card");
  if (!card) return;
  if (event.key.startsWith("Arrow")) {
    event.preventDefault();
    const next = move(card.querySelector(".sheet__link"), event.key);
    next?.focus();
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  } else if (/^\d$/.test(event.key) || event.key === "Backspace") {
    event.preventDefault();
    buttonOf(card, event.key === "Backspace" ? "" : event.key)?.click();
  }
});

// A picture that was moved keeps the focus, so that the next key means it again.
let wanted = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "sheet") {
    wanted = document.activeElement?.closest(".sheet__card")?.dataset.code ?? wanted;
  }
});

document.addEventListener("htmx:afterSwap", () => {
  if (wanted) document.getElementById(`card-${wanted}`)?.focus();
  wanted = null;
});

// While one level is being saved, the next ones wait here: each answer draws the whole sheet anew, and
// htmx would forget what it was to send from the old one.
const waiting = [];
let busy = false;

document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest(".sheet__levels button");
    if (!button || !busy) return;
    event.preventDefault();
    event.stopPropagation();
    const { code } = button.closest(".sheet__card").dataset;
    waiting.push({ code, level: button.dataset.level });
  },
  true,
);

function goOn() {
  busy = false;
  const next = waiting.shift();
  if (!next) return;
  const card = document.querySelector(`.sheet__card[data-code="${next.code}"]`);
  const button = card && buttonOf(card, next.level);
  if (button) button.click();
  else goOn();
}

const isSheet = (event) => event.detail.elt.id === "sheet";
let drawn = false;

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isSheet(event)) return;
  busy = true;
  drawn = false;
});
document.addEventListener("htmx:afterSwap", () => (drawn = true));
document.addEventListener("htmx:afterSettle", (event) => {
  if (isSheet(event)) goOn(); // not sooner: only now the new buttons are htmx's
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!drawn && isSheet(event)) goOn(); // it came to nothing
});

// ---------------------------------------------------------------------------------------- dragging
let dragged = null;

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest(".sheet__card");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  dragged.classList.add("is-dragged");
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
  target(null);
});

function target(column) {
  for (const other of document.querySelectorAll(".sheet__column")) {
    other.classList.toggle("is-target", other === column);
  }
}

document.addEventListener("dragover", (event) => {
  const column = dragged && event.target.closest(".sheet__column");
  target(column || null);
  if (column) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const column = dragged && event.target.closest(".sheet__column");
  if (!column) return;
  event.preventDefault();
  wanted = dragged.dataset.code;
  buttonOf(dragged, column.dataset.level)?.click();
});

// Choosing is enough; the button is for browsers without scripts.
document.addEventListener("change", (event) => {
  event.target.closest(".sheet-choice")?.requestSubmit();
});

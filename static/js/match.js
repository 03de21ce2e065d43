// Lets the keyboard match quickly: a letter goes to the next student whose name begins with it.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
  if (event.key === " " || !event.target.closest("#match")) return;
  const letter = plain(event.key);
  const students = [...document.querySelectorAll("#match [data-name]")];
  const at = students.indexOf(document.activeElement);
  const order = [...students.slice(at + 1), ...students.slice(0, at + 1)];
  const next = order.find((button) => plain(button.dataset.name).startsWith(letter));
  if (!next) return;
  event.preventDefault();
  next.focus();
});

function plain(text) {
  return text.normalize("NFD").replace(/\p{Mn}/gu, "").toLocaleLowerCase();
}

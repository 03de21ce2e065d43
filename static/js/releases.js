// The copy button beside a family link. Without it the field is selected by hand.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.querySelector(button.dataset.copy);
  field.addEventListener("focus", () => field.select());
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return; // plain http: the old way, while selected
    }
    button.textContent = button.dataset.copied;
  });
}

// Measures how long a picture is really looked at, and says so when the page is left.
//
//   <script src="{% static 'js/time.js' %}" data-url="{% url 'grading:review-time' artwork.code %}" defer>
//
// Time counts while the page is in front and something happened in the last 30 seconds. There is no
// clock that ticks: each sign of life adds the time since the last one, but at most those 30 seconds.
"use strict";

(() => {
  const IDLE_MS = 30_000;
  const SIGNS = ["pointermove", "pointerdown", "keydown", "input", "wheel", "scroll", "touchmove"];
  const url = document.currentScript.dataset.url;

  let active_ms = 0;
  let last = document.visibilityState === "visible" ? performance.now() : null; // null: not in front

  function alive() {
    if (last === null) return;
    const now = performance.now();
    active_ms += Math.min(now - last, IDLE_MS);
    last = now;
  }

  function send() {
    const seconds = Math.floor(active_ms / 1000);
    const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
    if (!seconds || !token) return;
    const data = new FormData();
    data.append("seconds", seconds);
    data.append("csrfmiddlewaretoken", token);
    if (navigator.sendBeacon(url, data)) active_ms -= seconds * 1000;
  }

  function leave() {
    alive();
    last = null;
    send();
  }

  for (const sign of SIGNS) {
    document.addEventListener(sign, alive, { capture: true, passive: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") leave();
    else last = performance.now();
  });
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) last = performance.now();
  });
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target.id !== "review-form") return;
      alive();
      send();
    },
    true,
  );
})();

// Corners of a photograph by dragging or by arrow keys. Without this file its numbers do the same.
"use strict";

const STEP = 0.25; // percent; ten times as much with Shift

const frame = document.getElementById("corners");
const corners = [...document.querySelectorAll("[data-corner]")];
const crop = document.querySelector('input[name="crop"]');
const fieldsOf = (corner) => [...corner.querySelectorAll("input")];
const pointOf = (corner) => fieldsOf(corner).map((field) => Number(field.value) || 0);

const handles = corners.map((corner) => {
  const handle = document.createElement("button");
  handle.type = "button";
  handle.className = "photo__handle";
  handle.setAttribute("aria-label", corner.querySelector("span").textContent);
  frame.append(handle);
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = frame.getBoundingClientRect();
    put(corner, [
      (100 * (event.clientX - box.left)) / box.width,
      (100 * (event.clientY - box.top)) / box.height,
    ]);
  });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 * STEP : STEP;
    put(corner, pointOf(corner).map((share, axis) => share + by[axis] * far));
  });
  return handle;
});

function put(corner, point) {
  fieldsOf(corner).forEach((field, axis) => {
    field.value = Math.min(100, Math.max(0, point[axis])).toFixed(1);
  });
  crop.checked = true;
  draw();
}

function draw() {
  frame.classList.toggle("is-on", crop.checked);
  const points = corners.map(pointOf);
  frame.querySelector("polygon").setAttribute("points", points.map((p) => p.join(",")).join(" "));
  points.forEach(([x, y], n) => {
    handles[n].style.left = `${x}%`;
    handles[n].style.top = `${y}%`;
  });
}

document.addEventListener("input", draw);
draw();

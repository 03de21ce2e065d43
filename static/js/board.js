// Sends the dropped or chosen pictures one by one, each with its own progress and its own answer.
// The server knows a file by its content, so sending one again never makes a second picture.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;

  const AT_ONCE = 2;
  const RETRY_AFTER_MS = [1000, 3000, 9000];
  const TRY_LATER = [0, 408, 502, 503, 504]; // 0: the connection broke
  const MB = 1024 * 1024;

  const words = form.dataset;
  const zone = document.getElementById("drop-zone");
  const panel = document.getElementById("sending");
  const list = document.getElementById("file-list");
  const state = document.getElementById("sending-state");
  const signedOut = document.getElementById("signed-out");
  const cancelAll = document.getElementById("cancel-all");
  const clearList = document.getElementById("clear-list");

  /** Files on their way: {file, row, status: "waiting" | "sending" | "stopped", tries, xhr} */
  const items = new Set();
  const counts = { total: 0, done: 0, accepted: 0, duplicate: 0, refused: 0 };

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const withStatus = (status) => [...items].filter((item) => item.status === status);

  // ------------------------------------------------------------------------------- the queue

  function add(files) {
    if (!files.length) return;
    if (!items.size) startCounting();
    for (const file of files) {
      const row = document.getElementById("file-row").content.firstElementChild.cloneNode(true);
      const item = { file, row, status: "waiting", tries: 0, xhr: null };
      const name = row.querySelector(".clip");
      name.textContent = name.title = file.name;
      row.querySelector("progress").setAttribute("aria-label", file.name);
      row.querySelector("[data-cancel]").addEventListener("click", () => cancel(item));
      row.querySelector("[data-again]").addEventListener("click", () => again(item));
      say(item, words.waiting);
      list.append(row);
      items.add(item);
      counts.total += 1;
    }
    work();
  }

  function startCounting() {
    for (const name of Object.keys(counts)) counts[name] = 0;
  }

  function work() {
    const free = AT_ONCE - withStatus("sending").length;
    if (signedOut.hidden) withStatus("waiting").slice(0, Math.max(0, free)).forEach(send);
    report();
  }

  function send(item) {
    const limit = Number(isArchive(item.file) ? words.maxArchiveBytes : words.maxBytes);
    if (item.file.size > limit) {
      const sizes = { size: Math.ceil(item.file.size / MB), limit: Math.floor(limit / MB) };
      stop(item, fill(words.tooLarge, sizes), { canTryAgain: false });
      return;
    }
    const body = new FormData();
    body.append("pictures", item.file);
    const xhr = new XMLHttpRequest();
    item.xhr = xhr;
    item.status = "sending";
    xhr.open("POST", form.action);
    xhr.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    xhr.setRequestHeader("X-CSRFToken", csrfToken());
    const bar = item.row.querySelector("progress");
    xhr.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
      say(item, `${Math.floor(bar.value)} %`);
    });
    xhr.upload.addEventListener("load", () => say(item, words.checking));
    xhr.addEventListener("loadend", () => answered(item, xhr));
    xhr.send(body);
  }

  function isArchive(file) {
    return /\.zip$/i.test(file.name) || file.type.includes("zip");
  }

  // Signing in again changes the token, so the page's own may be out of date: the cookie never is.
  function csrfToken() {
    const cookie = document.cookie.match(/(?:^|;\s*)(?:__Host-)?csrftoken=([^;]+)/);
    return cookie ? cookie[1] : form.querySelector("[name=csrfmiddlewaretoken]").value;
  }

  function answered(item, xhr) {
    if (item.xhr !== xhr) return; // canceled
    item.xhr = null;
    if (xhr.status === 200) return finish(item, xhr.responseText);
    if (TRY_LATER.includes(xhr.status)) return retry(item);
    // 403: the token is gone with the cookies. Signing in brings both back.
    if (xhr.status === 401 || xhr.status === 403) {
      signedOut.hidden = false;
      stop(item, words.held);
    } else if (xhr.status === 404) {
      stop(item, words.gone, { canTryAgain: false });
    } else {
      stop(item, sentenceOf(xhr) || words.failed);
    }
    work();
  }

  function finish(item, html) {
    const answer = document.createElement("template");
    answer.innerHTML = html;
    const lines = [...answer.content.children];
    for (const line of lines) counts[line.dataset.outcome] += 1;
    item.row.replaceWith(...lines);
    // What asks for a person must not scroll out of sight among a hundred others.
    list.prepend(...lines.filter((line) => line.dataset.outcome === "refused"));
    items.delete(item);
    counts.done += 1;
    showNewPictures();
    work();
  }

  function retry(item) {
    const delay = RETRY_AFTER_MS[item.tries];
    if (delay === undefined) {
      stop(item, words.noConnection);
      return work();
    }
    item.tries += 1;
    say(item, words.retrying);
    setTimeout(() => {
      if (items.has(item) && item.status === "sending" && !item.xhr) send(item);
    }, delay);
  }

  /** Nothing more happens to this file until the person says so. */
  function stop(item, message, { canTryAgain = true } = {}) {
    item.status = "stopped";
    item.row.classList.add("file-list__item--failed");
    item.row.querySelector("[data-again]").hidden = !canTryAgain;
    item.row.querySelector("progress").value = 0;
    say(item, message);
    list.prepend(item.row);
    if (!canTryAgain) {
      item.row.querySelector("[data-cancel]").remove();
      items.delete(item);
      counts.done += 1;
      counts.refused += 1;
      queueMicrotask(work);
    }
  }

  function again(item) {
    signedOut.hidden = true;
    item.status = "waiting";
    item.tries = 0;
    item.row.classList.remove("file-list__item--failed");
    item.row.querySelector("[data-again]").hidden = true;
    say(item, words.waiting);
    work();
  }

  function cancel(item) {
    const xhr = item.xhr;
    item.xhr = null;
    items.delete(item);
    xhr?.abort();
    counts.total -= 1;
    item.row.remove();
    work();
  }

  // ------------------------------------------------------------------------- what is shown

  function say(item, message) {
    item.row.querySelector(".file-list__message").textContent = message;
  }

  function report() {
    const stopped = withStatus("stopped").length;
    const busy = items.size > stopped;
    panel.hidden = !list.children.length;
    cancelAll.hidden = !items.size;
    clearList.hidden = items.size > 0;
    let text = fill(words.finished, counts);
    if (busy) text = fill(words.underWay, counts);
    else if (stopped) text = fill(words.unfinished, { stopped });
    if (!counts.total) text = words.canceled;
    if (state.textContent !== text) state.textContent = text;
    // Read out only at the beginning and at the end, not at every file.
    state.setAttribute("aria-live", busy && counts.done ? "off" : "polite");
  }

  let announced = 0;
  function showNewPictures() {
    clearTimeout(announced);
    announced = setTimeout(() => htmx.trigger(document.body, "pictures-changed"), 300);
  }

  cancelAll.addEventListener("click", () => [...items].forEach(cancel));
  clearList.addEventListener("click", () => {
    list.replaceChildren();
    report();
  });
  document.querySelector("[data-try-all]").addEventListener("click", () => {
    signedOut.hidden = true;
    withStatus("stopped").forEach(again);
    work();
  });
  window.addEventListener("beforeunload", (event) => {
    if (items.size) event.preventDefault();
  });

  // ----------------------------------------------------------------------- choosing and dropping

  for (const field of form.querySelectorAll("input[type=file]")) {
    field.addEventListener("change", () => {
      add([...field.files]);
      field.value = ""; // so that the same file can be chosen again
    });
  }
  form.querySelector("[data-without-script]").hidden = true;

  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // of nested elements the pointer is over while dragging
  document.addEventListener("dragenter", (event) => {
    if (holdsFiles(event)) zone.classList.toggle("is-over", ++depth > 0);
  });
  document.addEventListener("dragleave", (event) => {
    if (holdsFiles(event)) zone.classList.toggle("is-over", --depth > 0);
  });
  document.addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  // Anywhere on the page: a near miss must not open the photo in place of the page.
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("is-over");
    add(await droppedFiles(event.dataTransfer));
  });

  /** The files, and those in dropped folders. */
  async function droppedFiles(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
    return (await Promise.all(entries.map(filesIn))).flat();
  }

  async function filesIn(entry) {
    if (entry.isFile) return [await new Promise((found, lost) => entry.file(found, lost))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((read, failed) => reader.readEntries(read, failed));
      if (!some.length) return found;
      found.push(...(await Promise.all(some.map(filesIn))).flat());
    }
  }

  // ------------------------------------------------------------------------------- the tiles

  // Two answers on their way at once may both bring the same new tile.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    for (const tile of [...event.detail.fragment.children]) {
      const shown = tile.id && document.getElementById(tile.id);
      if (shown && shown !== event.detail.target) tile.remove();
    }
  });
})();

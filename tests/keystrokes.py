"""What a class of 28 costs a teacher in keys, and the server in requests: `make keystrokes`.

A real Chromium against a real school; keys are counted where they are pressed, requests where the
browser sends them. The demo model scores 28 drawings; then every picture is confirmed as proposed,
every picture with one level changed, or the sure ones at once.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, Request, sync_playwright

from ml.drawing import draw, sample
from tests.browser.conftest import CHROMIUM_ARGS, SCORED, sign_in
from tests.running_school import ROOT, RunningSchool, Visitor, wait_for

PICTURES = 28


@dataclass
class Count:
    """Keys and requests while a class was reviewed."""

    keys: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def press(self, page: Page, key: str) -> None:
        self.keys += 1
        page.keyboard.press(key)

    def note(self, request: Request) -> None:
        kind = "picture" if "/pictures/" in request.url else request.resource_type
        if kind == "document" or kind == "xhr":
            kind = request.method
        self.requests[kind] += 1


def main() -> None:
    rows = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=CHROMIUM_ARGS,
        )
        for way, change in (("as proposed", False), ("one level changed", True)):
            with (
                tempfile.TemporaryDirectory() as folder,
                RunningSchool(Path(folder) / "v") as school,
            ):
                _fill(school)
                rows[way] = _review(chromium.new_page(base_url=school.address), school, change)
        chromium.close()
    _report(rows)


def _fill(school: RunningSchool) -> None:
    causes, _levels = sample(PICTURES, seed=9)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(PICTURES):
            path = Path(folder) / f"{n}.jpg"
            draw(n, "a machine", causes[n], 600).save(path, quality=90)
            files.append(("pictures", path.name, path.read_bytes()))
        Visitor(school).post(f"{school.empty_board()}upload/", {}, files)
    wait_for(lambda: school.number(SCORED) == PICTURES, "the class is scored", 300)


def _review(page: Page, school: RunningSchool, change: bool) -> Count:
    sign_in(page, school)
    page.goto(school.empty_board())
    page.locator("#review-drafts").click()
    page.wait_for_load_state("networkidle")
    count = Count()
    page.on("request", count.note)
    start = time.perf_counter()
    for confirmed in range(1, PICTURES + 1):
        here = page.url
        if change:
            count.press(page, "e")  # to the row
            count.press(page, "1")  # its level
            page.wait_for_function("document.getElementById('save-state').textContent === 'Saved'")
        page.wait_for_function(  # what a person needs to look is far more than this rest
            "Date.now() - Number(sessionStorage.getItem('kidsart-confirmed-at')) > 650"
        )
        count.press(page, "Enter")
        page.wait_for_url(lambda url, here=here: url != here)
        wait_for(lambda n=confirmed: _confirmed(school) == n, f"{confirmed} confirmed")
        page.wait_for_load_state("load")
    count.seconds = time.perf_counter() - start
    return count


def _confirmed(school: RunningSchool) -> int:
    return school.number("SELECT count(*) FROM grading_review")


def _report(rows: dict[str, Count]) -> None:
    head = ("keys", "POST", "GET", "picture", "fetched again")
    sys.stdout.write(
        f"{PICTURES} pictures{'':<14}" + "".join(f"{name:>15}" for name in head) + "\n"
    )
    for way, count in rows.items():
        asked = count.requests
        others = sum(n for kind, n in asked.items() if kind not in ("POST", "GET", "picture"))
        cells = (count.keys, asked["POST"], asked["GET"], asked["picture"], others)
        sys.stdout.write(f"{way:<25}" + "".join(f"{cell:>15}" for cell in cells) + "\n")
    out = ROOT / "var" / "bench" / "keystrokes.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    as_json = {way: {"keys": c.keys, "requests": dict(c.requests)} for way, c in rows.items()}
    out.write_text(json.dumps(as_json, indent=1) + "\n")


if __name__ == "__main__":
    main()

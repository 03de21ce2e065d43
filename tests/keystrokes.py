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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from ml.drawing import draw, sample
from tests.browser.conftest import CHROMIUM_ARGS, SCORED, sign_in
from tests.running_school import ROOT, RunningSchool, Visitor, wait_for

PICTURES = 28


@dataclass
class Count:
    """Keys and requests while a class was reviewed."""

    keys: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    accepted: int = 0  # together

    def press(self, page: Page, key: str) -> None:
        self.keys += 1
        page.keyboard.press(key)

    def watch(self, page: Page) -> None:
        """Count what reaches the server from here on, which is not what the browser's cache has."""
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        methods: dict[str, str] = {}

        def asked(event: dict[str, Any]) -> None:
            if "redirectResponse" in event:
                self.requests[methods[event["requestId"]]] += 1
            methods[event["requestId"]] = event["request"]["method"]

        def cached(event: dict[str, Any]) -> None:
            methods.pop(event["requestId"], None)

        def answered(event: dict[str, Any]) -> None:
            method = methods.pop(event["requestId"], None)
            if method is None or event["response"].get("fromDiskCache"):
                return
            kind = method if event["type"] in ("Document", "XHR") else "other"
            self.requests["picture" if "/pictures/" in event["response"]["url"] else kind] += 1

        network.on("Network.requestWillBeSent", asked)
        network.on("Network.requestServedFromCache", cached)
        network.on("Network.responseReceived", answered)


def main() -> None:
    rows = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=CHROMIUM_ARGS,
        )
        for way, review in (
            ("as proposed", _as_proposed),
            ("one level changed", _one_changed),
            ("sure ones together", _together),
        ):
            with (
                tempfile.TemporaryDirectory() as folder,
                RunningSchool(Path(folder) / "v") as school,
            ):
                _fill(school)
                page = chromium.new_page(base_url=school.address, bypass_csp=True)
                sign_in(page, school)
                page.goto(school.empty_board())
                rows[way] = review(page, school)
        chromium.close()
    _report(rows)


def _fill(school: RunningSchool) -> None:
    """28 drawings of the class's own students; no picture is drawn by lot to be looked at first."""
    school.change("UPDATE grading_school SET blind_percent = 0")
    names = school.rows("SELECT display_name FROM grading_student ORDER BY id LIMIT ?", PICTURES)
    causes, _levels = sample(PICTURES, seed=9)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for n, (name,) in enumerate(names):
            path = Path(folder) / f"{name}.jpg"
            draw(n, "a machine", causes[n], 600).save(path, quality=90)
            files.append(("pictures", path.name, path.read_bytes()))
        Visitor(school).post(f"{school.empty_board()}upload/", {}, files)
    wait_for(lambda: school.number(SCORED) == PICTURES, "the class is scored", 300)


def _as_proposed(page: Page, school: RunningSchool) -> Count:
    page.locator("#review-drafts").click()
    return _one_by_one(page, school, PICTURES)


def _one_changed(page: Page, school: RunningSchool) -> Count:
    page.locator("#review-drafts").click()
    return _one_by_one(page, school, PICTURES, ("e", "1"))  # to the row, its level


def _together(page: Page, school: RunningSchool) -> Count:
    """The list of the sure ones is looked at and accepted; the others are confirmed one by one."""
    count = Count()
    count.watch(page)
    for button in (page.locator("#accept-drafts"), page.locator(".action-bar .button--primary")):
        button.focus()  # two clicks with a mouse
        with page.expect_navigation():
            count.press(page, "Enter")
    count.accepted = _confirmed(school)
    page.locator("#review-drafts").focus()
    with page.expect_navigation():
        count.press(page, "Enter")
    rest = _one_by_one(page, school, PICTURES - count.accepted)
    count.keys += rest.keys
    return count


def _one_by_one(
    page: Page, school: RunningSchool, pictures: int, change: Sequence[str] = ()
) -> Count:
    page.wait_for_load_state("networkidle")
    count = Count()
    count.watch(page)
    for confirmed in range(PICTURES - pictures + 1, PICTURES + 1):
        here = page.url
        for key in change:
            count.press(page, key)
        if change:
            page.wait_for_function("document.getElementById('save-state').textContent === 'Saved'")
        page.wait_for_function(  # what a person needs to look is far more than this rest
            "Date.now() - Number(sessionStorage.getItem('kidsart-confirmed-at')) > 650"
        )
        count.press(page, "Enter")
        page.wait_for_url(lambda url, here=here: url != here)
        wait_for(lambda n=confirmed: _confirmed(school) == n, f"{confirmed} confirmed")
        page.wait_for_load_state("load")
    return count


def _confirmed(school: RunningSchool) -> int:
    return school.number("SELECT count(*) FROM grading_review")


def _report(rows: dict[str, Count]) -> None:
    head = ("keys", "POST", "GET", "picture", "other", "accepted at once")
    sys.stdout.write(
        f"{PICTURES} pictures{'':<14}" + "".join(f"{name:>17}" for name in head) + "\n"
    )
    for way, count in rows.items():
        asked = count.requests
        cells = (count.keys, *(asked[kind] for kind in head[1:5]), count.accepted)
        sys.stdout.write(f"{way:<25}" + "".join(f"{cell:>17}" for cell in cells) + "\n")
    out = ROOT / "var" / "bench" / "keystrokes.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    as_json = {way: {"keys": c.keys, "requests": dict(c.requests)} for way, c in rows.items()}
    out.write_text(json.dumps(as_json, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""The script that measures how long a picture is looked at, against a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.test_review import open_review
from tests.running_school import wait_for

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).resolve().parents[2] / "static/js/time.js"
PAGE = """<!doctype html><title>A picture</title>
<form id="review-form" action="/confirm/" onsubmit="return false">
<input type="hidden" name="csrfmiddlewaretoken" value="token"><button>Confirm</button></form>
<script src="/time.js" data-url="/artworks/1/time/"></script>"""
WATCH = """
window.sent = [];
navigator.sendBeacon = (url, data) => {
  window.sent.push([url, ...[...data].flat()]);
  return true;
};
let shown = "visible";
Object.defineProperty(document, "visibilityState", { get: () => shown });
window.turn = (state) => { shown = state; document.dispatchEvent(new Event("visibilitychange")); };
"""


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page()
    page.route("**/time.js", lambda route: route.fulfill(path=SCRIPT))
    page.route(
        "http://school.test/", lambda route: route.fulfill(body=PAGE, content_type="text/html")
    )
    page.clock.install(time=0)
    page.add_init_script(WATCH)
    page.goto("http://school.test/")
    page.clock.pause_at(10_000)
    page.evaluate("turn('hidden'); turn('visible'); sent.length = 0")
    return page


@pytest.fixture
def wait(page) -> Callable[[int], None]:
    return lambda seconds: page.clock.run_for(1000 * seconds)


def touch(page: Page) -> None:
    page.evaluate("document.dispatchEvent(new Event('pointermove'))")


def leave(page: Page) -> list[int]:
    """Turn to another tab; the seconds of every message so far."""
    page.evaluate("turn('hidden')")
    return [int(message[2]) for message in page.evaluate("sent")]


def test_time_with_a_sign_of_life_counts_as_it_is(page, wait):
    for _moment in range(4):
        wait(20)
        touch(page)
    assert leave(page) == [80]


def test_of_a_long_absence_half_a_minute_counts(page, wait):
    wait(10)
    touch(page)
    wait(3600)
    touch(page)
    wait(5)
    assert leave(page) == [10 + 30 + 5]


def test_time_in_another_tab_does_not_count(page, wait):
    wait(10)
    page.evaluate("turn('hidden')")
    wait(600)
    touch(page)
    page.evaluate("turn('visible')")
    wait(7)
    assert leave(page) == [10, 7]


def test_what_was_said_is_not_said_again(page, wait):
    wait(12)
    leave(page)
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    assert leave(page) == [12]


def test_confirming_says_it_too(page, wait):
    wait(9)
    page.get_by_role("button", name="Confirm").click()
    assert page.evaluate("sent") == [
        ["/artworks/1/time/", "seconds", "9", "csrfmiddlewaretoken", "token"]
    ]


def test_parts_of_a_second_are_kept_for_the_next_message(page):
    page.clock.run_for(1600)
    leave(page)
    page.evaluate("turn('visible')")
    page.clock.run_for(1600)
    assert leave(page) == [1, 2]


def test_less_than_a_second_is_not_worth_a_message(page):
    page.clock.run_for(400)
    assert leave(page) == []


def test_the_review_page_says_how_long_it_was_looked_at(school, visit):
    page = visit()
    open_review(page, school, "Ben T.")
    page.wait_for_timeout(1200)
    page.mouse.move(300, 300)
    page.goto(school.empty_board())
    sql = """SELECT sum(t.seconds) FROM grading_reviewtime t JOIN grading_artwork a
             ON a.id = t.artwork_id JOIN grading_student s ON s.id = a.student_id
             WHERE s.display_name = 'Ben T.'"""
    wait_for(lambda: (school.rows(sql)[0][0] or 0) >= 1, "the time is stored", 20)

"""What the browser asks for while somebody works: of this host alone, and nothing that the policy
has to stop."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCORED, drawing
from tests.browser.test_pages import path_of
from tests.browser.test_review import open_review
from tests.running_school import RunningSchool, Visitor, wait_for

pytestmark = pytest.mark.browser

AS_TEACHER = (
    *("home", "classroom", "new assignment", "board", "match", "review", "models", "nowhere"),
    *("release", "report", "export", "family links", "no such link", "contact sheet", "accept"),
    *("student", "class view", "practice", "help", "scores", "keys", "photos", "photo"),
)
REMEMBER_VIOLATIONS = """
  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Watch:
    """Every request of a page, and what its console says against the policy."""

    def __init__(self, page: Page, school: RunningSchool) -> None:
        self.page, self.school = page, school
        self.asked: list[str] = []
        self.stopped: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self._listen(message.text))
        page.on("pageerror", lambda error: self.stopped.append(f"error: {error}"))
        page.add_init_script(REMEMBER_VIOLATIONS)

    def _listen(self, text: str) -> None:
        if "Content Security Policy" in text or "Permissions-Policy" in text:
            self.stopped.append(f"{self.page.url}: {text}")

    @property
    def elsewhere(self) -> list[str]:
        home = urlsplit(self.school.address).netloc
        return [url for url in self.asked if urlsplit(url).netloc != home]

    def finds_nothing(self) -> None:
        assert self.asked
        assert self.elsewhere == []
        assert self.stopped == []


def test_no_page_asks_another_host_or_breaks_the_policy(school, visit):
    page = visit()
    watch = Watch(page, school)
    for name in AS_TEACHER:
        page.goto(path_of(school, name))
        page.wait_for_load_state("networkidle")
    watch.finds_nothing()
    assert any("/static/js/" in url for url in watch.asked)
    assert any("/pictures/" in url for url in watch.asked)


def test_nor_does_a_page_for_administrators_or_the_page_to_sign_in(school, visit):
    page = visit(role="administrator")
    watch = Watch(page, school)
    page.goto("/")
    page.get_by_role("link", name="School", exact=True).click()
    addresses = [
        str(link.get_attribute("href")) for link in page.locator("main a[href^='/']").all()
    ]
    for address in dict.fromkeys(addresses):
        if "export" not in address and "download" not in address:
            page.goto(address)
            page.wait_for_load_state("networkidle")
    watch.finds_nothing()
    signing_in = visit(role=None)
    watch = Watch(signing_in, school)
    signing_in.goto("/sign-in/")
    signing_in.wait_for_load_state("networkidle")
    watch.finds_nothing()


def test_nor_does_working_on_a_picture(school, visit):
    scored = school.number(SCORED)
    files = [("pictures", "uma i.jpg", drawing(83))]  # its own: what it sets nobody else expects
    Visitor(school).post(f"{school.empty_board()}upload/", {}, files)
    wait_for(lambda: school.number(SCORED) > scored, "the picture is scored", 120)
    page = visit()
    watch = Watch(page, school)
    open_review(page, school, "Uma I.")
    page.locator("#row-imagination .level__input").first.focus()
    for key in ("4", "5"):
        page.keyboard.press(key)
        expect(page.locator("#save-state")).to_have_text("Saved")
    page.locator("#words-help summary").click()
    page.get_by_role("button", name="Write again").click()
    expect(page.locator("#words-help")).to_contain_text("Here is another draft.")
    watch.finds_nothing()


def test_the_watch_would_notice(school, visit):
    """A picture of another host, a style and a script in the markup: all three are stopped."""
    page = visit()
    watch = Watch(page, school)
    page.goto("/")
    page.evaluate(
        """() => {
          const place = document.createElement("div");
          place.innerHTML = '<p style="color: red" onclick="1">x</p>';
          document.body.append(place);
          const picture = new Image();
          picture.src = "http://127.0.0.2:9/elsewhere.png";
          document.body.append(picture);
          const script = document.createElement("script");
          script.textContent = "document.title = 'run'";
          document.body.append(script);
        }"""
    )
    page.wait_for_timeout(500)
    said = " ".join(watch.stopped)
    for directive in ("img-src", "style-src", "script-src"):
        assert directive in said, said
    assert page.title() != "run"


def test_after_signing_out_the_browser_has_kept_no_picture(school, visit):
    page = visit()
    page.goto(path_of(school, "board"))
    picture = page.locator("#tiles img").first
    expect(picture).to_be_visible()
    address = str(picture.get_attribute("src"))
    assert re.match(r"/pictures/", address)
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_load_state("networkidle")
    page.goto(address)
    expect(page.get_by_label("Password")).to_be_visible()
    page.go_back()
    expect(page.locator("#tiles")).to_have_count(0)

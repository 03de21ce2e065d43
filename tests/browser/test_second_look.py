"""A family asks, another teacher looks blind, the teacher answers: by keys, or without scripts."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WIDTHS, look_over
from tests.browser.test_review import open_review, tab_to
from tests.running_school import RunningSchool

pytestmark = pytest.mark.browser

STUDENT = "SELECT code FROM grading_student WHERE display_name = ?"


class ByKeys:
    """A person with a keyboard and nothing else. Looks at every new page in passing."""

    javascript = True

    def press(self, page: Page, name: str) -> None:
        tab_to(page, name)
        page.keyboard.press("Enter")

    def fill(self, page: Page, label: str, words: str) -> None:
        tab_to(page, label)
        page.keyboard.type(words)

    def choose_first_levels(self, page: Page) -> None:
        for _dimension in range(9):
            tab_to_radio(page)
            page.keyboard.press("Space")

    def look(self, page: Page) -> None:
        look_over(page)
        page.reload()  # the focus begins at the top again


class WithoutScripts:
    javascript = False

    def press(self, page: Page, name: str) -> None:
        page.locator("a:visible, button:visible").filter(has_text=re.compile(name)).first.click()

    def fill(self, page: Page, label: str, words: str) -> None:
        page.get_by_label(label).fill(words)

    def choose_first_levels(self, page: Page) -> None:
        for fieldset in page.locator("main fieldset").all():
            fieldset.get_by_role("radio").first.check()

    def look(self, page: Page) -> None:
        """axe is a script."""


# In `make test-all`.
WITHOUT_SCRIPTS = pytest.param(WithoutScripts(), "Chloé D.", marks=pytest.mark.slow)


def tab_to_radio(page: Page) -> None:
    """The next question; a group that is answered is left behind."""
    for _press in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[type=radio]:not(:checked)')"):
            return
    raise AssertionError("no Tab leads to a question")


@pytest.mark.parametrize(("way", "name"), [(ByKeys(), "Ben T."), WITHOUT_SCRIPTS])
@pytest.mark.slow
def test_from_the_question_of_a_family_to_its_answer(school, visit, browser, way, name):
    school.change("DELETE FROM grading_appeal")  # of other tests: in the list they look alike
    teacher = visit(java_script_enabled=way.javascript)
    confirm(teacher, school, name)
    teacher.goto(f"{school.empty_board()}release/")
    way.look(teacher)
    way.press(teacher, r"Release \d+ picture")
    expect(teacher.get_by_role("button", name="Hide again")).to_be_visible()

    teacher.goto(f"/students/{uuid.UUID(school.rows(STUDENT, name)[0][0])}/links/")
    way.fill(teacher, "For whom", "mother")
    way.press(teacher, "Make the link")
    address = teacher.get_by_label("Address").input_value()

    family = unknown_visitor(browser, way.javascript)
    family.goto(address)
    way.look(family)
    way.press(family, "Ask for another look")
    way.look(family)
    way.fill(family, "What should be looked at again?", "The wheel, please.")
    way.press(family, "Send")
    expect(family.get_by_text("You asked for another look")).to_be_visible()

    colleague = visit(role="administrator", java_script_enabled=way.javascript)
    way.press(colleague, "A picture of .* waits for your fresh eyes")
    expect(colleague.get_by_role("heading", level=1)).to_have_text("A second look")
    expect(colleague.locator("main")).not_to_contain_text(name)
    way.look(colleague)
    way.choose_first_levels(colleague)
    way.press(colleague, "Send my levels")
    expect(colleague.get_by_role("button", name="Send my levels")).to_have_count(0)

    teacher.goto("/")
    way.press(teacher, f"{name}, A machine that helps")
    expect(teacher.get_by_text("Waits for your answer")).to_be_visible()
    way.look(teacher)
    way.fill(teacher, "What came of it", "We looked together: the levels stay.")
    way.press(teacher, "Answer and close")
    expect(teacher.get_by_role("button", name="Answer and close")).to_have_count(0)
    family.goto(address)
    expect(family.get_by_text("We looked together: the levels stay.")).to_be_visible()
    way.look(family)

    teacher.goto(f"{school.empty_board()}release/")
    way.press(teacher, "Hide again")
    expect(teacher.get_by_role("button", name="Hide again")).to_have_count(0)
    family.goto(address)
    expect(family.get_by_text("Nothing to see yet")).to_be_visible()
    way.look(family)


@pytest.mark.parametrize(("way", "name"), [(ByKeys(), "Ben T."), WITHOUT_SCRIPTS])
def test_a_report_is_made_and_fetched(school, visit, way, name):
    page = visit(java_script_enabled=way.javascript)
    confirm(page, school, name)
    page.goto(f"/students/{uuid.UUID(school.rows(STUDENT, name)[0][0])}/report/")
    way.press(page, "Make a PDF")
    expect(page.get_by_role("link", name="Download the PDF")).to_be_visible(timeout=60_000)
    way.look(page)
    with page.expect_download() as download:
        way.press(page, "Download the PDF")
    with download.value.path().open("rb") as file:
        assert file.read(5) == b"%PDF-"


@pytest.fixture(scope="module")
def examples(school) -> None:
    school.manage("draw_examples")


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("way", "role"),
    [(ByKeys(), "teacher"), pytest.param(WithoutScripts(), "annotator", marks=pytest.mark.slow)],
)
def test_an_example_is_answered_and_compared(visit, way, role):
    page = visit(role=role, java_script_enabled=way.javascript)
    page.goto("/practice/")
    way.look(page)
    way.press(page, "Begin")
    way.look(page)
    way.choose_first_levels(page)
    way.press(page, "Compare")
    expect(page.get_by_role("heading", level=2)).to_have_text(re.compile(r"\d of 9 the same"))
    way.look(page)
    page.goto("/practice/")
    expect(page.get_by_text("1 of 8 answered")).to_be_visible()
    way.look(page)


def confirm(page: Page, school: RunningSchool, name: str) -> None:
    open_review(page, school, name)
    if page.get_by_text("Confirmed by").count():
        return
    page.get_by_role("button", name=re.compile("Confirm")).first.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(name)


def unknown_visitor(browser: Browser, javascript: bool) -> Page:
    size = {"width": WIDTHS["phone"][0], "height": WIDTHS["phone"][1]}
    return browser.new_context(viewport=size, java_script_enabled=javascript).new_page()

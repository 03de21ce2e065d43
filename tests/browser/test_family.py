"""From a confirmed picture to a family that looks at it, asks, and gets a report: in a browser."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS, axe_finds_nothing

pytestmark = pytest.mark.browser

STUDENT = "SELECT code FROM grading_student WHERE display_name = 'Elif K.'"
ARTWORK = """SELECT a.code FROM grading_artwork a JOIN grading_student s ON s.id = a.student_id
             WHERE s.display_name = 'Elif K.' AND a.original_name = 'elif k.jpg'"""


def code(school, sql: str) -> uuid.UUID:
    return uuid.UUID(school.rows(sql)[0][0])


def test_released_shared_looked_at_asked_about_and_printed(school, visit, browser):
    page = visit()
    page.goto(f"/artworks/{code(school, ARTWORK)}/review/")
    page.get_by_role("button", name=re.compile("Confirm")).first.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Elif K.")
    page.goto(f"{school.empty_board()}release/")
    page.get_by_role("button", name=re.compile(r"Release \d+ picture")).click()
    expect(page.get_by_text("Nothing has changed since.")).to_be_visible()

    page.goto(f"/students/{code(school, STUDENT)}/links/")
    page.get_by_label("For whom").fill("grandmother")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    address = page.get_by_label("Address").input_value()

    size = {"width": WIDTHS["phone"][0], "height": WIDTHS["phone"][1]}
    family = browser.new_context(viewport=size, java_script_enabled=False).new_page()
    family.goto(address)
    expect(family.get_by_role("heading", level=1)).to_have_text("Pictures by Elif K.")
    picture = family.get_by_role("img", name=re.compile("Picture by Elif K."))
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    # A page without a referrer would have its form refused: the browser says it is from nowhere.
    family.get_by_role("link", name="Ask for another look").click()
    family.get_by_label("What should be looked at again?").fill("The colors, please.")
    family.get_by_role("button", name="Send").click()
    expect(family.get_by_text("You asked for another look")).to_be_visible()
    looking = browser.new_context(viewport=size, color_scheme="dark").new_page()
    looking.goto(address)
    axe_finds_nothing(looking, "the family's page")

    page.goto(f"/students/{code(school, STUDENT)}/report/")
    page.get_by_role("button", name="Make a PDF").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the PDF").click(timeout=60_000)
    with download.value.path().open("rb") as file:
        assert file.read(5) == b"%PDF-"

    page.goto(f"/students/{code(school, STUDENT)}/links/")
    page.get_by_role("button", name=re.compile("Take back.*grandmother")).click()
    family.goto(address)
    expect(family.get_by_role("heading", level=1)).to_have_text("This link does not open anything")

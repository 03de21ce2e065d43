"""An administrator's way through a school, from a new year to the audit trail: in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDTHS, look_over
from tests.running_school import wait_for

pytestmark = pytest.mark.browser

NEWCOMER = "Maximiliane Q."
# As a school's system writes it: semicolons, Windows-1252, and more than may be kept.
LIST = """Name;Klasse;Geburtsdatum;Nummer
"Müller, Jürgen";5c;12.05.2015;7001
"Özdemir, Zoë";5c;13.05.2015;7002
;5c;14.05.2015;7003
"""
OF_THE_LIST = "SELECT count(*) FROM grading_student WHERE number LIKE '700_'"
MEMBERS = "SELECT count(*) FROM grading_membership"


def open_school(page: Page) -> str:
    page.goto("/")
    page.get_by_role("link", name="School", exact=True).click()
    expect(page.get_by_role("heading", name="Waits for you")).to_be_visible()
    return page.url


def test_a_year_a_class_a_student_an_answer_and_an_erasure(school, visit):
    page = visit(role="administrator")
    overview = open_school(page)
    look_over(page)

    page.get_by_role("navigation", name="School").get_by_role("link", name="Classes").click()
    page.get_by_role("link", name="New school year").click()
    year, first_term = page.locator(".terms__line").nth(0), page.locator(".terms__line").nth(1)
    for line, name, first, last in (
        (year, "2031/32", "2031-08-01", "2032-07-31"),
        (first_term, "Autumn", "2031-08-01", "2032-01-31"),
    ):
        line.get_by_label("Name").fill(name)
        line.get_by_label("First day").fill(first)
        line.get_by_label("Last day").fill(last)
    page.get_by_role("button", name="Make the year").click()
    expect(page.get_by_text("No classes in this year yet")).to_be_visible()

    page.get_by_role("link", name="New class").first.click()
    page.get_by_label("Name").fill("5b of the long corridor behind the gymnasium")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody teaches this class yet.")).to_be_visible()
    page.get_by_role("link", name="Add students").click()
    page.get_by_label("Names, one a line").fill(f"{NEWCOMER}\nAda R.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("2 students added.")).to_be_visible()
    look_over(page)

    page.goto(f"{overview}privacy/")
    page.get_by_role("link", name=re.compile("^5b of the long")).click()
    page.get_by_role("button", name="Record yes").click()
    expect(page.get_by_text("Tick the students whose forms these are.")).to_be_visible()
    page.get_by_role("checkbox", name=NEWCOMER).check()
    page.get_by_role("button", name="Record yes").click()
    expect(page.locator(".roll li", has_text=NEWCOMER)).to_contain_text("yes")
    expect(page.locator(".roll li", has_text="Ada R.")).to_contain_text("no answer")

    page.locator(".roll li", has_text=NEWCOMER).get_by_role("link").click()
    look_over(page)
    page.get_by_role("link", name="Erase this student").click()
    page.get_by_label("The student's name, as it stands above").fill("Somebody else")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was erased.")).to_be_visible()
    page.get_by_label("The student's name, as it stands above").fill(NEWCOMER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Receipt")
    expect(page.locator("main")).not_to_contain_text(NEWCOMER)
    look_over(page)

    page.get_by_role("link", name="Audit trail").click()
    expect(page.locator(".trail")).to_contain_text("erased")
    expect(page.locator(".trail")).not_to_contain_text(NEWCOMER)
    look_over(page)


def test_a_list_is_shown_applied_and_undone_without_javascript(school, visit, tmp_path: Path):
    file = tmp_path / "a list of the other system with a name as long as they come.csv"
    file.write_bytes(LIST.encode("cp1252"))
    page = visit(role="administrator", java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="School", exact=True).click()
    page.get_by_role("link", name="Rosters").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_text("Left out at once, and never stored: Geburtsdatum")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("12.05.2015")
    page.get_by_role("button", name="Show what would change").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What this list would change")
    expect(page.get_by_text("line 4")).to_be_visible()
    assert school.number(OF_THE_LIST) == 0

    seen = visit(role="administrator")
    seen.goto(page.url)
    look_over(seen)

    page.get_by_role("button", name="Apply the rest").click()
    expect(page.get_by_text("Applied. If it is not what you meant")).to_be_visible()
    assert school.number(OF_THE_LIST) == 2
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What this list had changed")
    assert school.number(OF_THE_LIST) == 0


def test_somebody_invited_joins_by_the_letter(school, visit, browser):
    page = visit(role="administrator")
    people = f"{open_school(page)}people/"
    page.goto(people)
    page.get_by_label("E-mail address").fill("newcomer@kidsart.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    look_over(page)
    letters = school.folder / "mail"
    letter = wait_for(
        lambda: next(
            (
                text
                for text in (path.read_text() for path in letters.iterdir())
                if "To: newcomer@kidsart.example" in text
            ),
            "",
        ),
        "the letter",
    )
    address = re.search(r"https?://\S+/invitations/\S+/", letter)
    assert address

    size = {"width": WIDTHS["phone"][0], "height": WIDTHS["phone"][1]}
    newcomer = browser.new_context(viewport=size).new_page()
    newcomer.goto(address[0])
    look_over(newcomer)
    members = school.number(MEMBERS)
    newcomer.get_by_label("Your name").fill("Mr. Newcomer")
    for label in ("Password", "The same again"):
        newcomer.get_by_label(label, exact=True).fill("a-violin-in-the-grass")
    newcomer.keyboard.press("Enter")
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("Classes")
    assert school.number(MEMBERS) == members + 1
    newcomer.goto(people)
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("There is no such page")
    page.goto(people)
    expect(page.get_by_role("link", name="Mr. Newcomer")).to_be_visible()


def test_the_square_of_a_second_factor_can_be_scanned(visit, school):
    page = visit(role="administrator")
    page.goto("/account/second-factor/on/")
    page.get_by_label("Password").fill(school.account("administrator")["password"])
    page.keyboard.press("Enter")
    square = page.get_by_role("img", name=re.compile("Square to scan"))
    expect(square).to_be_visible()
    assert square.evaluate("image => image.complete && image.naturalWidth > 0")
    look_over(page)

"""The contact sheet, accepting together, blind first and rows left out: in a browser."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import drawing
from tests.browser.test_review import ANNOTATIONS, open_review
from tests.running_school import RunningSchool, Visitor, wait_for

pytestmark = pytest.mark.browser

LEVEL = """SELECT l.level FROM grading_draftlevel l
    JOIN grading_reviewdraft r ON r.id = l.draft_id JOIN grading_artwork a ON a.id = r.artwork_id
    JOIN grading_student s ON s.id = a.student_id
    JOIN grading_rubricdimension d ON d.id = l.dimension_id
    WHERE s.display_name = ? AND d.slug = 'line_texture'"""
SCORED_OF = """SELECT count(*) FROM grading_scoreset c JOIN grading_picture p ON p.id = c.picture_id
    JOIN grading_artwork a ON a.id = p.artwork_id JOIN grading_student s ON s.id = a.student_id
    WHERE s.display_name = ?"""
BLIND = """UPDATE grading_artwork SET blind_first = 1 WHERE student_id =
    (SELECT id FROM grading_student WHERE display_name = ?)"""


def open_sheet(page: Page, school: RunningSchool) -> None:
    page.goto(f"{school.empty_board()}sheet/?dimension=line_texture&order=name")
    expect(page.get_by_role("heading", level=1)).to_have_text("Contact sheet")


def card_of(page: Page, name: str):
    return page.locator(".sheet__card", has_text=name)


def test_levels_are_set_on_the_sheet_by_keys_alone(school, visit):
    page = visit()
    open_sheet(page, school)
    card_of(page, "Elif K.").locator(".sheet__link").focus()
    for level in ("1", "5"):
        page.keyboard.press(level)
        column = page.locator(f'.sheet__column[data-level="{level}"]')
        expect(column.locator(".sheet__card", has_text="Elif K.")).to_be_visible()
        expect(card_of(page, "Elif K.").locator(".sheet__link")).to_be_focused()
        assert school.rows(LEVEL, "Elif K.") == [(int(level),)]
    page.keyboard.press("Backspace")
    expect(card_of(page, "Elif K.")).to_have_class(re.compile("sheet__card--proposed"))
    assert school.rows(LEVEL, "Elif K.") == []


def test_keys_pressed_faster_than_the_server_answers_are_all_kept(school, visit):
    page = visit()
    open_sheet(page, school)
    page.route("**/sheet/**", lambda route: (time.sleep(0.3), route.continue_()))
    wanted = {"Ben T.": 5, "Dev P.": 1, "Elif K.": 2}
    for name, level in wanted.items():
        card_of(page, name).locator(".sheet__link").focus()
        page.keyboard.press(str(level))
    page.wait_for_timeout(3000)
    assert {name: school.rows(LEVEL, name) for name in wanted} == {
        name: [(level,)] for name, level in wanted.items()
    }


def test_a_save_that_came_to_nothing_does_not_hold_up_the_next(school, visit):
    page = visit()
    open_sheet(page, school)
    page.route("**/sheet/**", lambda route: route.abort(), times=1)
    card_of(page, "Amara B.").locator(".sheet__link").focus()
    page.keyboard.press("5")
    expect(page.locator("#toasts")).to_contain_text("No connection")
    page.keyboard.press("4")
    wait_for(lambda: school.rows(LEVEL, "Amara B.") == [(4,)], "the second try")


def test_two_people_at_the_same_row_do_not_overwrite_each_other(school, visit):
    mine, theirs = visit(), visit()
    for page in (mine, theirs):
        open_review(page, school, "Chloé D.")
    for page, key in ((theirs, "5"), (mine, "1")):
        page.locator("#row-deformation .level__input").first.focus()
        page.keyboard.press(key)
        expect(page.locator("#save-state")).to_have_text("Saved")
    expect(mine.locator("#toasts")).to_contain_text("Somebody else changed this meanwhile")
    expect(mine.locator("#deformation-5")).to_be_checked()
    expect(mine.locator("#row-deformation")).to_have_count(1)
    mine.locator("#row-deformation .level__input").first.focus()
    mine.keyboard.press("2")
    expect(mine.locator("#save-state")).to_have_text("Saved")
    mine.reload()
    expect(mine.locator("#deformation-2")).to_be_checked()


def test_a_picture_is_dragged_to_another_level(school, visit):
    page = visit()
    open_sheet(page, school)
    card_of(page, "Elif K.").drag_to(page.locator('.sheet__column[data-level="2"]'))
    wait_for(lambda: school.rows(LEVEL, "Elif K.") == [(2,)], "the dragged level")
    column = page.locator('.sheet__column[data-level="2"]')
    expect(column.locator(".sheet__card", has_text="Elif K.")).to_be_visible()


def test_the_sheet_works_without_javascript(school, visit):
    page = visit(java_script_enabled=False)
    open_sheet(page, school)
    card_of(page, "Elif K.").get_by_role("button", name="Level 4").click()
    assert school.rows(LEVEL, "Elif K.") == [(4,)]
    card_of(page, "Elif K.").get_by_role("button", name="Clear my level").click()
    assert school.rows(LEVEL, "Elif K.") == []


def test_own_eyes_come_first_by_keys_alone(school, visit):
    files = [("pictures", "grace l.jpg", drawing(44))]
    Visitor(school).post(f"{school.empty_board()}upload/", {}, files)
    wait_for(lambda: school.number(SCORED_OF, "Grace L.") == 1, "the picture is scored")
    school.change(BLIND, "Grace L.")
    page = visit()
    open_review(page, school, "Grace L.")
    expect(page.get_by_text("Your eyes first.")).to_be_visible()
    expect(page.locator(".level--proposed")).to_have_count(0)
    for _dimension in range(9):
        page.keyboard.press("3")
    expect(page.locator(".level__input:checked")).to_have_count(9)
    expect(page.locator("#save-state")).to_have_text("Saved")
    page.keyboard.press("Enter")
    expect(page.locator(".level--proposed").first).to_be_visible()
    page.wait_for_timeout(700)  # a second Enter in the same breath would be taken for the first
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Grace L.")
    levels = wait_for(lambda: school.rows(ANNOTATIONS, "Grace L."), "the annotations")
    assert {level for _slug, level, _origin in levels} == {3}


def test_a_row_is_left_out_by_keys_alone(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    page.keyboard.press("a")
    page.keyboard.press("x")
    page.keyboard.type("Only a pencil")
    page.keyboard.press("Enter")
    expect(page.locator("#assessed-realism")).to_have_text("Not assessed: Only a pencil")
    expect(page.locator("#save-state")).to_have_text("Saved")
    page.keyboard.press("2")
    expect(page.locator("#assessed-realism")).to_be_empty()
    expect(page.locator("#realism-2")).to_be_checked()


def test_other_words_and_kept_comments(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    page.keyboard.press("f")
    page.keyboard.press("Control+A")
    page.keyboard.type("The waves are bold.")
    page.locator("#words-help summary").click()
    page.get_by_role("button", name="What works well").click()
    expect(page.locator("#bank")).to_contain_text("The waves are bold.")
    page.get_by_role("button", name="Write again").click()
    expect(page.locator("#words-help")).to_contain_text("Here is another draft.")
    expect(page.locator("#strength")).to_have_value("The waves are bold.")
    page.get_by_role("button", name="Take these words").click()
    expect(page.locator("#strength")).not_to_have_value("The waves are bold.")
    page.locator("#bank").get_by_role("button", name="Insert").click()
    expect(page.locator("#strength")).to_have_value(re.compile(r" The waves are bold\.$"))


def test_words_about_the_child_are_refused_and_nothing_seems_to_be_under_way(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    page.locator("#next_step").fill("You are a talented artist.")
    expect(page.locator("#words-saved")).to_have_text("Saved just now")
    page.locator("#confirm").click()
    expect(page.locator("#problems")).to_contain_text("about the child, not about the picture")
    expect(page.locator("#save-state")).to_have_text("Saved")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dev P.")

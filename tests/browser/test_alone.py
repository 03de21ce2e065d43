"""The teacher's whole way by the keyboard alone, with scripts and without them: in a browser."""

from __future__ import annotations

import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import drawing
from tests.browser.test_review import ANNOTATIONS, open_review, tab_to
from tests.intake.photographs import photographed
from tests.running_school import RunningSchool, wait_for

pytestmark = pytest.mark.browser

SCORED = """SELECT count(*) FROM grading_scoreset s JOIN grading_picture p ON p.id = s.picture_id
    JOIN grading_artwork a ON a.id = p.artwork_id WHERE a.original_name = ?"""
DECIDED = """SELECT r.strength, d.slug, n.reason FROM grading_review r
    JOIN grading_artwork a ON a.id = r.artwork_id JOIN grading_student s ON s.id = a.student_id
    JOIN grading_notassessed n ON n.review_id = r.id
    JOIN grading_rubricdimension d ON d.id = n.dimension_id WHERE s.display_name = ?"""
STANDING = """SELECT count(*) FROM grading_review r JOIN grading_artwork a ON a.id = r.artwork_id
    JOIN grading_student s ON s.id = a.student_id WHERE s.display_name = ? AND NOT EXISTS
    (SELECT 1 FROM grading_reviewwithdrawal w WHERE w.review_id = r.id)"""
SURE = """UPDATE grading_dimensionscore SET unsure = 0 WHERE score_set_id IN
    (SELECT s.id FROM grading_scoreset s JOIN grading_picture p ON p.id = s.picture_id
     JOIN grading_artwork a ON a.id = p.artwork_id WHERE a.original_name = ?)"""
IN_USE = """SELECT e.edit FROM grading_picture p LEFT JOIN grading_editjob e ON e.id = p.edit_job_id
    JOIN grading_artwork a ON a.id = p.artwork_id WHERE a.original_name = ?
    ORDER BY p.in_use_since DESC, p.id DESC LIMIT 1"""


def photograph(quality: int) -> bytes:
    """A sheet on a desk, as a phone sees it; another file for another quality."""
    buffer = io.BytesIO()
    photo = photographed(Image.open(io.BytesIO(drawing(60))), seed=7)
    photo.picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def choose_files(page: Page, name: str, content: bytes) -> None:
    """Open the file dialog by key, and answer it."""
    tab_to(page, "Choose pictures")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([{"name": name, "mimeType": "image/jpeg", "buffer": content}])


def add(page: Page, school: RunningSchool, name: str, content: bytes, scripts: bool) -> None:
    page.goto(school.empty_board())
    choose_files(page, name, content)
    if scripts:
        expect(page.locator("#file-list > li")).to_contain_text("Added")
    else:
        press(page, "Add the pictures")
        expect(page.get_by_text("Added").first).to_be_visible()
    wait_for(lambda: school.number(SCORED, name), "the scores", 60)


def press(page: Page, name: str) -> None:
    """Go to the link or button of that name, and to the page it opens; again if nothing happened,
    as a person would."""
    for attempt in (1, 2):
        tab_to(page, name)
        try:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
        except PlaywrightTimeout:
            if attempt == 2:
                raise


@pytest.fixture(
    params=[
        pytest.param(True, id="with scripts"),
        pytest.param(False, id="without scripts", marks=pytest.mark.slow),  # in `make test-all`
    ]
)
def scripts(request) -> bool:
    return request.param


@pytest.fixture
def page(visit, scripts) -> Page:
    return visit(java_script_enabled=scripts)


def test_from_the_camera_to_the_confirmation(school, page, scripts):
    name, student = ("DSC_0901.jpg", "Lena R.") if scripts else ("DSC_0902.jpg", "Mateo G.")
    add(page, school, name, drawing(41 + scripts), scripts)
    page.goto(school.empty_board())
    press(page, f"Match {name}")
    expect(page.locator(".tile--pick:has(:checked)")).to_contain_text(name)
    if scripts:
        page.keyboard.press(student[0])
        page.keyboard.press("Enter")
    else:
        press(page, re.escape(student))
    expect(page.get_by_text(f"Matched to {student}")).to_be_visible()
    press(page, "Back to the board")
    press(page, re.escape(student))
    expect(page.get_by_role("heading", level=1)).to_have_text(student)

    if scripts:
        page.keyboard.press("a")
        page.keyboard.press("x")
        page.keyboard.type("Only a pencil")
        page.keyboard.press("Enter")
        page.keyboard.press("b")
        page.keyboard.press("2")
    else:
        tab_to(page, "Realism")
        page.keyboard.press("Enter")  # opens the row
        tab_to(page, "Leave it without a level")
        page.keyboard.type("Only a pencil")
        press(page, "Not assessed")
        page.locator("#deformation-1").focus()
        page.keyboard.press("ArrowRight")
    expect(page.locator("#assessed-realism")).to_have_text("Not assessed: Only a pencil")
    expect(page.locator("#deformation-2")).to_be_checked()
    tab_to(page, "What works well")
    page.keyboard.press("Control+A")
    page.keyboard.type("The lines dance.")
    if scripts:
        expect(page.locator("#words-saved")).to_have_text("Saved just now")
        page.keyboard.press("Escape")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    else:
        press(page, "Confirm")
    expect(page.get_by_text(f"{student} is confirmed.")).to_be_visible()
    assert school.rows(DECIDED, student) == [("The lines dance.", "realism", "Only a pencil")]
    levels = school.rows(ANNOTATIONS, student)
    assert len(levels) == 8
    assert ("deformation", 2, "chosen") in levels


def test_sure_drafts_are_accepted_together_and_taken_back(school, page, scripts):
    file, student = ("nadia h.jpg", "Nadia H.") if scripts else ("priya v.jpg", "Priya V.")
    add(page, school, file, drawing(43 + scripts), scripts)
    school.change(SURE, file)
    page.goto(school.empty_board())
    press(page, "Accept the sure ones")
    tab_to(page, f"Accept {student}")
    page.keyboard.press("Space")
    expect(page.get_by_label(f"Accept {student}")).not_to_be_checked()
    page.keyboard.press("Space")
    press(page, r"Accept (the ticked|\d+) draft")
    expect(page.get_by_text(re.compile(r"drafts? (is|are) accepted"))).to_be_visible()
    assert school.number(STANDING, student) == 1
    press(page, "Undo")
    wait_for(lambda: school.number(STANDING, student) == 0, "it is taken back")


def test_a_photo_is_straightened_and_taken_back(school, page, scripts):
    file = "quinn f.jpg" if scripts else "rosa c.jpg"
    add(page, school, file, photograph(90 + scripts), scripts)

    def is_cut_out() -> bool:
        edit = school.rows(IN_USE, file)[0][0]
        return bool(edit) and json.loads(edit)["corners"] is not None

    page.goto(f"{school.empty_board()}photos/")
    expect(page.get_by_role("checkbox").first).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    wait_for(is_cut_out, "the photo is straightened", 30)
    page.goto(f"{school.empty_board()}photos/")
    press(page, "Use all as they were uploaded")
    wait_for(lambda: not is_cut_out(), "the photo is as it was uploaded", 30)

    open_review(page, school, "Quinn F." if scripts else "Rosa C.")
    press(page, "Straighten")
    if scripts:
        tab_to(page, "Top left")
        left = page.locator("[name=top_left_x]")
        before = float(left.input_value())
        page.keyboard.press("Shift+ArrowRight")
        assert float(left.input_value()) == pytest.approx(before + 2.5, abs=0.05)
    press(page, "Use this")
    wait_for(is_cut_out, "the corners are used", 30)
    open_review(page, school, "Quinn F." if scripts else "Rosa C.")
    press(page, "Straighten")
    tab_to(page, "Cut out the sheet")
    page.keyboard.press("Space")
    press(page, "Use this")
    wait_for(lambda: not is_cut_out(), "the photo is whole again", 30)

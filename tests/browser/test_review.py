"""The teacher's main job in a browser: by keyboard alone, and without JavaScript."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import drawing
from tests.running_school import RunningSchool, wait_for

pytestmark = pytest.mark.browser

ANNOTATIONS = """SELECT d.slug, n.level, n.origin FROM grading_annotation n
    JOIN grading_rubricdimension d ON d.id = n.dimension_id
    JOIN grading_review r ON r.id = n.review_id
    JOIN grading_artwork a ON a.id = r.artwork_id JOIN grading_student s ON s.id = a.student_id
    WHERE s.display_name = ? ORDER BY d.position"""


def open_review(page: Page, school: RunningSchool, student: str) -> None:
    sql = """SELECT a.code FROM grading_artwork a JOIN grading_student s ON s.id = a.student_id
             WHERE s.display_name = ?"""
    page.goto(f"/artworks/{uuid.UUID(school.rows(sql, student)[0][0])}/review/")
    expect(page.get_by_role("heading", level=1)).to_have_text(student)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on the link, button or field of that name."""
    for _press in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const e = document.activeElement; return (e.getAttribute('aria-label') "
            "|| e.labels?.[0]?.innerText || e.innerText || '').trim() })()"
        )
        if re.match(name, focused):
            return
    raise AssertionError(f"no Tab leads to {name!r}")


def test_one_keystroke_confirms_a_picture_and_opens_the_next(school, visit):
    page = visit()
    open_review(page, school, "Amara B.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Amara B.")
    levels = wait_for(lambda: school.rows(ANNOTATIONS, "Amara B."), "the annotations")
    assert len(levels) == 9
    assert {origin for _slug, _level, origin in levels} == {"accepted"}


def test_two_keys_change_a_level_and_it_is_saved(school, visit):
    page = visit()
    open_review(page, school, "Ben T.")
    page.keyboard.press("ArrowDown")
    row = page.locator(".level-row.is-current")
    slug = row.get_attribute("id").removeprefix("row-")
    page.keyboard.press("5")
    expect(page.locator(f"#{slug}-5")).to_be_checked()
    expect(page.locator("#save-state")).to_have_text("Saved")
    page.reload()
    expect(page.locator(f"#{slug}-5")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Ben T.")
    assert (slug, 5, "chosen") in school.rows(ANNOTATIONS, "Ben T.")


def test_no_key_fires_while_typing_and_the_words_are_kept(school, visit):
    page = visit()
    open_review(page, school, "Chloé D.")
    page.keyboard.press("f")
    field = page.locator("#strength")
    expect(field).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("5 j bold lines, and 1 sun z")
    expect(page.locator("#save-state")).to_have_text("Saved")
    expect(page.locator(".level__input:checked")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    review = """SELECT r.strength FROM grading_review r JOIN grading_artwork a
                ON a.id = r.artwork_id JOIN grading_student s ON s.id = a.student_id
                WHERE s.display_name = 'Chloé D.'"""
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Chloé D.")
    assert school.rows(review) == [("5 j bold lines, and 1 sun z",)]


def test_the_wheel_never_changes_a_level(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    first = page.locator(".level__input").first
    first.focus()
    for delta in (300, -300):
        first.dispatch_event("wheel", {"deltaY": delta, "bubbles": True, "cancelable": True})
    expect(page.locator(".level__input:checked")).to_have_count(0)
    expect(page.locator("input[type=number]")).to_have_count(0)  # those turn by themselves


def scrolled(page: Page) -> dict[str, float]:
    """Where the frame of the picture stands, and how wide the picture in it is."""
    return page.locator("#frame").evaluate(
        "f => ({left: f.scrollLeft, top: f.scrollTop, width: f.querySelector('img').offsetWidth, "
        "seen: f.clientWidth})"
    )


def test_z_shows_the_full_size_the_arrows_move_it_and_escape_goes_back(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    frame = page.locator("#frame")
    fitted = scrolled(page)
    page.keyboard.press("z")
    expect(frame).to_have_class(re.compile("is-zoomed"))
    expect(frame).to_be_focused()
    before = scrolled(page)
    assert before["width"] >= 448  # every pixel of the file
    assert before["width"] > before["seen"] >= fitted["seen"] - 20
    expect(frame.locator("img")).to_have_attribute("src", re.compile("/full/"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    wait_for(lambda: scrolled(page)["left"] > before["left"], "the picture moves aside")
    wait_for(lambda: scrolled(page)["top"] > before["top"], "the picture moves down")
    expect(page.locator(".level__input:checked")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(frame).not_to_have_class(re.compile("is-zoomed"))
    assert scrolled(page)["width"] == fitted["width"]
    expect(page.locator(".level-row.is-current .level__input:focus")).to_have_count(1)
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(frame).not_to_have_class(re.compile("is-zoomed"))


def test_a_click_enlarges_what_was_clicked_and_the_mouse_drags_it(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    frame = page.locator("#frame")
    box = frame.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"])
    expect(frame).to_have_class(re.compile("is-zoomed"))
    there = scrolled(page)
    assert there["left"] > 0.4 * (there["width"] - there["seen"])
    assert there["top"] > 0
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 150, steps=4)
    page.mouse.up()
    dragged = scrolled(page)
    assert there["left"] - dragged["left"] == pytest.approx(60, abs=2)
    assert there["top"] - dragged["top"] == pytest.approx(50, abs=2)
    expect(frame).to_have_class(re.compile("is-zoomed"))  # to drag is not to click
    page.mouse.click(box["x"] + 100, box["y"] + 100)
    expect(frame).not_to_have_class(re.compile("is-zoomed"))


def test_two_fingers_enlarge_the_picture_and_not_the_page(school, visit):
    page = visit("phone", has_touch=True, is_mobile=True)
    open_review(page, school, "Dev P.")
    frame = page.locator("#frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fitted = scrolled(page)["width"]
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": x + way * d, "y": y, "id": n} for d in apart
                  for n, way in enumerate((-1, 1))]  # fmt: skip
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for wider in ((30, 45, 75), (75, 20, 10)):
        touch("touchStart", wider[0])
        for apart in wider[1:]:
            touch("touchMove", apart)
        if wider[-1] > wider[0]:
            expect(frame).to_have_class(re.compile("is-zoomed"))
            assert scrolled(page)["width"] == pytest.approx(2.5 * fitted, rel=0.05)
        touch("touchEnd")
    expect(frame).not_to_have_class(re.compile("is-zoomed"))
    assert page.evaluate("window.visualViewport.scale") == 1


TURNED = """SELECT count(*) FROM grading_picture p JOIN grading_artwork a ON a.id = p.artwork_id
    JOIN grading_editjob e ON e.id = p.edit_job_id JOIN grading_scoreset s ON s.picture_id = p.id
    WHERE a.original_name = 'kofi n.jpg' AND json_extract(e.edit, '$.turn') = ?"""


def test_r_turns_the_picture_for_good_and_it_is_scored_anew(school, visit):
    page = visit()
    page.goto(school.empty_board())
    page.set_input_files(
        "#pictures", [{"name": "kofi n.jpg", "mimeType": "image/jpeg", "buffer": drawing(33)}]
    )
    tile = page.locator("#tiles > li").filter(has_text="Kofi N.")
    expect(tile).to_contain_text(re.compile("Draft|Check|Your eyes"), timeout=60_000)
    open_review(page, school, "Kofi N.")
    before = page.locator("#frame img").get_attribute("src")
    page.keyboard.press("r")
    wait_for(lambda: school.number(TURNED, 1), "the turned picture is scored")
    expect(page.locator("#waiting")).to_have_count(0)
    expect(page.locator("#frame img")).not_to_have_attribute("src", before)
    page.keyboard.press("f")
    page.keyboard.type("r")  # typing turns nothing
    assert school.number("SELECT count(*) FROM grading_editjob WHERE status = 'queued'") == 0


def test_a_level_that_could_not_be_saved_is_said(school, visit):
    page = visit()
    open_review(page, school, "Dev P.")
    page.context.set_offline(True)
    page.keyboard.press("4")
    expect(page.locator("#unsaved")).to_be_visible()
    page.context.set_offline(False)
    page.locator("#unsaved").get_by_role("button", name="Try again").click()
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#save-state")).to_have_text("Saved")


def test_the_whole_way_by_keyboard_alone(school, visit):
    page = visit()
    tab_to(page, "A machine that helps")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/assignments/"))
    tab_to(page, r"Review \d+ draft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/review/"))
    student = page.get_by_role("heading", level=1).inner_text()
    page.keyboard.press("3")
    expect(page.locator("#save-state")).to_have_text("Saved")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(student)


def test_the_whole_way_without_javascript(school, visit):
    page = visit(java_script_enabled=False)
    page.goto(school.empty_board())
    page.set_input_files(
        "#pictures", [{"name": "ivo m.jpg", "mimeType": "image/jpeg", "buffer": drawing(31)}]
    )
    page.get_by_role("button", name="Add the pictures").click()
    expect(page.get_by_text("ivo m.jpg").first).to_be_visible()
    wait_for(
        lambda: school.number(
            """SELECT count(*) FROM grading_scoreset s JOIN grading_picture p
               ON p.id = s.picture_id JOIN grading_artwork a ON a.id = p.artwork_id
               WHERE a.original_name = 'ivo m.jpg'"""
        ),
        "the scores",
    )
    open_review(page, school, "Ivo M.")
    page.locator("#realism-2").check(force=True)
    page.get_by_role("button", name=re.compile("Confirm")).first.click()
    levels = school.rows(ANNOTATIONS, "Ivo M.")
    assert ("realism", 2, "chosen") in levels
    assert len(levels) == 9


def test_matching_by_clicking_with_undo(school, visit):
    page = visit()
    page.goto(school.empty_board())
    page.set_input_files(
        "#pictures", [{"name": "DSC_0815.jpg", "mimeType": "image/jpeg", "buffer": drawing(32)}]
    )
    expect(page.locator("#file-list > li")).to_contain_text("Added")
    page.goto(f"{school.empty_board()}match/")
    page.get_by_text("DSC_0815.jpg").first.click()
    page.get_by_role("button", name=re.compile("Jun W")).click()
    expect(page.get_by_text("Jun W.").first).to_be_visible()
    whose = """SELECT s.display_name FROM grading_artwork a LEFT JOIN grading_student s
               ON s.id = a.student_id WHERE a.original_name = 'DSC_0815.jpg'"""
    wait_for(lambda: school.rows(whose) == [("Jun W.",)], "the match")
    page.get_by_role("button", name="Undo").click()
    wait_for(lambda: school.rows(whose) == [(None,)], "the match is undone")

"""Every page: accessible, of one host, and within the width of a phone, in light and dark."""

from __future__ import annotations

import re
import uuid

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import drawing, look_over
from tests.running_school import wait_for

pytestmark = pytest.mark.browser

ARTWORK = """SELECT a.code FROM grading_artwork a JOIN grading_student s ON s.id = a.student_id
             WHERE s.display_name = ?"""
STUDENT = "SELECT code FROM grading_student WHERE display_name = ?"
CLASSROOM = "SELECT code FROM grading_classroom WHERE grade = 4"


def path_of(school, page: str) -> str:
    board = school.empty_board()
    classroom = f"/classes/{uuid.UUID(school.rows(CLASSROOM)[0][0])}/"
    return {
        "home": "/",
        "classroom": classroom,
        "new assignment": f"{classroom}assignments/new/",
        "board": board,
        "match": f"{board}match/",
        "student": f"/students/{uuid.UUID(school.rows(STUDENT, 'Dev P.')[0][0])}/",
        "class view": f"{classroom}overview/",
        "practice": "/practice/",
        "help": "/help/",
        "scores": "/help/scores/",
        "keys": "/help/keys/",
        "review": f"/artworks/{uuid.UUID(school.rows(ARTWORK, 'Dev P.')[0][0])}/review/",
        "models": "/models/",
        "release": f"{board}release/",
        "report": f"{board}report/",
        "export": f"{board}export/",
        "family links": f"/students/{uuid.UUID(school.rows(STUDENT, 'Dev P.')[0][0])}/links/",
        "no such link": "/f/never-was/",
        "nowhere": "/nowhere/",
    }[page]


PAGES = (
    *("home", "classroom", "new assignment", "board", "match", "review", "models", "nowhere"),
    *("release", "report", "export", "family links", "no such link"),
    *("student", "class view", "practice", "help", "scores", "keys"),
)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desktop"])
def test_axe_finds_nothing_and_nothing_sticks_out(school, visit, width, color_scheme):
    page = visit(width, color_scheme=color_scheme)
    for name in PAGES:
        page.goto(path_of(school, name))
        page.wait_for_load_state("networkidle")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than the {width}"


def test_axe_finds_nothing_on_the_sign_in_page(visit):
    page = visit("phone", role=None)
    page.goto("/sign-in/")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_no_page_asks_another_host_for_anything(school, visit):
    page = visit()
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda m: refused.append(m.text) if m.type == "error" else None)
    for name in PAGES:
        page.goto(path_of(school, name))
        page.wait_for_load_state("networkidle")
    foreign = [u for u in asked if not u.startswith((school.address, "blob:", "data:"))]
    assert asked
    assert foreign == []
    assert [text for text in refused if "Content Security Policy" in text] == []


def test_every_page_with_scores_says_that_the_model_is_a_demo(school, visit):
    page = visit()
    for name in ("board", "review", "models"):
        page.goto(path_of(school, name))
        expect(page.get_by_text("Demo model, not for grading").first).to_be_visible()


def test_a_guide_is_put_away_for_good(school, visit):
    page = visit()
    page.goto(path_of(school, "class view"))
    guide = page.get_by_role("complementary", name="A first look at this page")
    guide.get_by_role("button", name="Got it").click()
    expect(guide).to_have_count(0)
    page.reload()
    expect(guide).to_have_count(0)


@pytest.mark.parametrize("role", ["administrator", "annotator"])
def test_the_other_roles_have_a_first_page_too(visit, role):
    page = visit(role=role)
    assert Axe().run(page).violations_count == 0
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_settings_of_a_school_are_for_everybody_who_decides_them(school, visit):
    page = visit(role="administrator")
    page.goto(path_of(school, "class view"))
    page.get_by_role("link", name="School settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("School settings")
    look_over(page)


class TestUploading:
    def test_dropped_files_go_one_by_one_and_the_board_follows(self, school, visit):
        page = visit()
        page.goto(school.empty_board())
        page.set_input_files(
            "#pictures",
            [
                {"name": "femi a.jpg", "mimeType": "image/jpeg", "buffer": drawing(21)},
                {"name": "notes.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 ..."},
                {"name": "amara b again.jpg", "mimeType": "image/jpeg", "buffer": drawing(1)},
            ],
        )
        rows = page.locator("#file-list > li")
        expect(rows).to_have_count(3)
        expect(rows.filter(has_text="femi a.jpg")).to_contain_text("Added")
        expect(rows.filter(has_text="notes.pdf")).to_contain_text("Not taken")
        expect(rows.filter(has_text="amara b again.jpg")).to_contain_text("Already here")
        tile = page.locator("#tiles > li").filter(has_text="Femi A.")
        expect(tile).to_be_visible()
        expect(tile).to_contain_text(re.compile("Draft|Check"), timeout=60_000)

    def test_a_session_that_ended_during_the_upload_is_said_and_loses_nothing(self, school, visit):
        page = visit()
        page.goto(school.empty_board())
        page.context.clear_cookies()
        page.set_input_files(
            "#pictures",
            [{"name": "grace l.jpg", "mimeType": "image/jpeg", "buffer": drawing(22)}],
        )
        expect(page.locator("#signed-out")).to_be_visible()
        expect(page.locator("#file-list > li")).to_contain_text("grace l.jpg")
        other = page.context.new_page()
        from tests.browser.conftest import sign_in

        sign_in(other, school)
        page.locator("#signed-out").get_by_role("button", name="Try again").click()
        expect(page.locator("#file-list > li")).to_contain_text("Added")

    def test_a_failed_picture_says_why_and_can_be_replaced(self, school, visit):
        page = visit()
        page.goto(school.empty_board())
        page.set_input_files(
            "#pictures",
            [{"name": "hana s.jpg", "mimeType": "image/jpeg", "buffer": drawing(23)[:9000]}],
        )
        tile = page.locator("#tiles > li").filter(has_text="Hana S.")
        expect(tile).to_contain_text("The file ends too early", timeout=60_000)
        tile.get_by_label("Replace").set_input_files(
            [{"name": "hana again.jpg", "mimeType": "image/jpeg", "buffer": drawing(23)}]
        )
        expect(tile).to_contain_text(re.compile("Draft|Check"), timeout=60_000)
        wait_for(
            lambda: (
                not school.number(
                    "SELECT count(*) FROM grading_artwork WHERE original_name = 'hana s.jpg' "
                    "AND removed_at IS NULL"
                )
            ),
            "the bad file is put away",
        )

"""Every page: accessible, of one host, and within the width of a phone, in light and dark."""

from __future__ import annotations

import io
import re
import uuid

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import axe_finds_nothing, drawing, look_over, nothing_sticks_out
from tests.intake.photographs import photographed
from tests.running_school import Visitor, wait_for

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
        "contact sheet": f"{board}sheet/",
        "accept": f"{board}accept/",
        "photos": f"{board}photos/",
        "photo": f"/artworks/{uuid.UUID(school.rows(ARTWORK, 'Dev P.')[0][0])}/photo/",
    }[page]


SLOW = pytest.mark.slow  # in `make test-all`
LOOKS = (
    ("desktop", "light"),
    pytest.param("phone", "dark", marks=SLOW),
    pytest.param("desktop", "dark", marks=SLOW),
    pytest.param("phone", "light", marks=SLOW),
)
PAGES = (
    *("home", "classroom", "new assignment", "board", "match", "review", "models", "nowhere"),
    *("release", "report", "export", "family links", "no such link"),
    *("student", "class view", "practice", "help", "scores", "keys"),
    *("contact sheet", "accept", "photos", "photo"),
)


@pytest.mark.parametrize(("width", "color_scheme"), LOOKS)
def test_axe_finds_nothing_and_nothing_sticks_out(school, visit, width, color_scheme):
    page = visit(width, color_scheme=color_scheme)
    for name in PAGES:
        page.goto(path_of(school, name))
        page.wait_for_load_state("networkidle")
        axe_finds_nothing(page, name)
        nothing_sticks_out(page, name)


@pytest.fixture(scope="session")
def in_every_state(school) -> dict[str, str]:
    """A picture of each state that a review can be in, by its file name."""
    teacher = Visitor(school)
    states = ("failed", "own eyes", "half set", "confirmed", "not trusted", "scoring")
    files = [
        ("pictures", f"{state}.jpg", drawing(70 + n)[: 9000 if state == "failed" else None])
        for n, state in enumerate(states)
    ]
    photo = io.BytesIO()
    drawn = Image.open(io.BytesIO(drawing(60)))
    photographed(drawn, seed=7).picture.save(photo, "JPEG", quality=85)
    files.append(("pictures", "photo.jpg", photo.getvalue()))
    named = f"a.original_name IN ({', '.join(repr(name) for _field, name, _content in files)})"
    teacher.post(f"{school.empty_board()}upload/", {}, files)
    scored = f"""SELECT count(*) FROM grading_scoreset s JOIN grading_picture p
        ON p.id = s.picture_id JOIN grading_artwork a ON a.id = p.artwork_id WHERE {named}"""
    wait_for(lambda: school.number(scored) == len(files) - 1, "all but one are scored", 90)
    codes = {
        name.removesuffix(".jpg"): str(uuid.UUID(code))
        for name, code in school.rows(
            f"SELECT a.original_name, a.code FROM grading_artwork a WHERE {named}"
        )
    }
    one = "(SELECT id FROM grading_artwork WHERE original_name = ?)"
    of_picture = f"(SELECT id FROM grading_picture WHERE artwork_id = {one})"
    of_scores = f"(SELECT id FROM grading_scoreset WHERE picture_id = {of_picture})"
    school.change(f"UPDATE grading_artwork SET blind_first = 1 WHERE id = {one}", "own eyes.jpg")
    school.change(
        f"UPDATE grading_dimensionscore SET adapter_id = NULL, unsure = 1 "
        f"WHERE score_set_id = {of_scores}",
        "not trusted.jpg",
    )
    school.change(
        "UPDATE grading_scoringjob SET status = 'running', lease_until = '2099-01-01' "
        f"WHERE picture_id = {of_picture}",
        "scoring.jpg",
    )
    half = f"/artworks/{codes['half set']}/levels"
    teacher.post(f"{half}/realism/", {"not_assessed": "1", "why-realism": "Only a pencil"})
    teacher.post(f"{half}/deformation/", {"level": "2"})
    teacher.post(f"/artworks/{codes['confirmed']}/confirm/", {})
    return {state: f"/artworks/{code}/review/" for state, code in codes.items()}


OPENED = """for (const part of document.querySelectorAll("main details")) part.open = true;
document.getElementById("unsaved").hidden = false;
document.querySelector("#unsaved p").textContent = "No connection";"""


@pytest.mark.parametrize(("width", "color_scheme"), LOOKS)
def test_axe_finds_nothing_in_any_state_of_a_review(in_every_state, visit, width, color_scheme):
    page = visit(width, color_scheme=color_scheme)
    for state, path in in_every_state.items():
        page.goto(path)
        page.evaluate(OPENED)
        axe_finds_nothing(page, state)
        nothing_sticks_out(page, state)


@pytest.mark.parametrize(
    "width_px", [720, pytest.param(768, marks=SLOW), pytest.param(1920, marks=SLOW)]
)  # 720: 1440 at 200 %
def test_nothing_sticks_out_at_any_width(school, visit, width_px):
    page = visit()
    page.set_viewport_size({"width": width_px, "height": 900})
    for name in PAGES:
        page.goto(path_of(school, name))
        nothing_sticks_out(page, name)


def test_whoever_wants_no_motion_sees_none(school, visit):
    page = visit(reduced_motion="reduce")
    for name in ("board", "review"):
        page.goto(path_of(school, name))
        longest = page.evaluate(
            "Math.max(...[...document.querySelectorAll('*')].flatMap(e => { const s = "
            "getComputedStyle(e); return [s.animationDuration, s.transitionDuration] })"
            ".flatMap(d => d.split(',')).map(parseFloat))"
        )
        assert longest <= 0.001, name


OUTLINED = """(() => {
  const e = document.activeElement;
  const stands = ".tile, .drop-zone, .file-button, .card--link";
  const near = [e, e.nextElementSibling, e.parentElement, e.closest(stands)].filter(Boolean);
  const outlined = near.map((n) => getComputedStyle(n)).some(
    (s) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2);
  return e === document.body || outlined || e.outerHTML;
})()"""


def test_the_focus_is_always_to_be_seen(school, visit):
    """With the outline of the element, or of the card or level that stands for it."""
    page = visit()
    for name in ("board", "review", "match", "contact sheet", "photos", "photo"):
        page.goto(path_of(school, name))
        for press in range(45):
            page.keyboard.press("Tab")
            seen = page.evaluate(OUTLINED)
            assert seen is True, f"{name}, after {press + 1} times Tab: {seen}"


def test_a_chosen_level_is_seen_where_colors_are_the_persons_own(in_every_state, visit):
    page = visit(forced_colors="active")
    page.goto(in_every_state["half set"])
    face = "#deformation-{} + .level__face"
    chosen, other = (
        page.locator(face.format(level)).evaluate("f => getComputedStyle(f).backgroundColor")
        for level in (2, 4)
    )
    assert chosen != other


def test_axe_finds_nothing_on_the_sign_in_page(visit):
    page = visit("phone", role=None)
    page.goto("/sign-in/")
    axe_finds_nothing(page, "sign-in")


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
    axe_finds_nothing(page, role)
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

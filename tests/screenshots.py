"""Takes the pictures of the README from a running demo school: `make screenshots`."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from grading.screens import GUIDES
from ml.drawing import CAUSES, draw, sample
from tests.browser.conftest import CHROMIUM_ARGS, WIDTHS, sign_in
from tests.intake.photographs import photographed
from tests.running_school import ROOT, RunningSchool, Visitor, wait_for

OUT = ROOT / "docs" / "screenshots"
CLASS_SET = (
    *("amara b", "ben t", "chloe d", "dev p", "elif k", "femi a", "grace l", "hana s", "ivo m"),
    *("jun w", "kofi n", "lena r", "mateo g", "nadia h", "oluwaseun o", "priya v", "quinn f"),
    "IMG_3151",
)
PHOTOGRAPHED = {"dev p": "oak", "hana s": "blue", "lena r": "walnut", "IMG_3151": "grey"}
CONFIRMED = 5
STUDENT = "Kofi N."
EARLIER_WORKS = 4
DECIDED = """SELECT count(*) FROM grading_review r JOIN grading_artwork w ON w.id = r.artwork_id
    JOIN grading_student s ON s.id = w.student_id WHERE s.display_name = ?"""
DECIDED_ASSIGNMENTS = """SELECT DISTINCT a.code FROM grading_assignment a
    JOIN grading_artwork w ON w.assignment_id = a.id JOIN grading_review r ON r.artwork_id = w.id"""
SCORED_HERE = """SELECT count(*) FROM grading_scoringjob j
    JOIN grading_picture p ON p.id = j.picture_id JOIN grading_artwork w ON w.id = p.artwork_id
    JOIN grading_assignment a ON a.id = w.assignment_id
    WHERE a.title = 'A machine that helps' AND j.status = 'succeeded'"""
WORK_HERE = """SELECT w.code FROM grading_artwork w
    JOIN grading_student s ON s.id = w.student_id
    JOIN grading_assignment a ON a.id = w.assignment_id
    WHERE a.title = 'A machine that helps' AND s.display_name = ?"""


def class_set(folder: Path) -> list[tuple[str, str, bytes]]:
    """A believable class: nobody draws in the corners of the scale; some lie on a desk."""
    causes, _levels = sample(len(CLASS_SET), seed=5)
    tidy = 0.25 + 0.75 * causes
    tidy[:, [CAUSES.index("picture_organization"), CAUSES.index("color_contrast")]] **= 0.5
    files = []
    for n, name in enumerate(CLASS_SET):
        path = folder / f"{name}.jpg"
        drawing = draw(100 + n, "a machine", tidy[n], 800)
        if name in PHOTOGRAPHED:
            drawing = photographed(drawing, n, desk=PHOTOGRAPHED[name]).picture
        drawing.save(path, quality=92)
        files.append(("pictures", path.name, path.read_bytes()))
    return files


def confirm_some(visitor: Visitor, school: RunningSchool) -> None:
    first = re.search(r"/artworks/[0-9a-f-]+/review/", visitor.get(school.empty_board()))
    assert first
    page = visitor.get(first[0])
    for _picture in range(CONFIRMED):
        form = re.search(r'action="(/artworks/[0-9a-f-]+/confirm/)"', page)
        seen = re.search(r'name="scores_seen" value="([^"]*)"', page)
        assert form and seen
        page = visitor.post(form[1], {"scores_seen": seen[1]})  # opens the next


def release_the_year(visitor: Visitor, school: RunningSchool) -> None:
    """Everything that the demo's teacher has decided in the months before."""
    wait_for(lambda: school.number(DECIDED, STUDENT) >= EARLIER_WORKS, "a year is decided", 900)
    for (code,) in school.rows(DECIDED_ASSIGNMENTS):
        address = f"/assignments/{uuid.UUID(code)}/release/"
        if seen := re.search(r'name="seen" value="([^"]*)"', visitor.get(address)):
            visitor.post(address, {"seen": seen[1]})


def code_of(school: RunningSchool, sql: str, *values: str) -> uuid.UUID:
    return uuid.UUID(school.rows(sql, *values)[0][0])


def shoot(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as image:  # drawn interfaces lose nothing visible by a palette
        image.convert("RGB").quantize(256).save(path, optimize=True)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningSchool(Path(folder) / "var", drawing=True) as school,
    ):
        visitor = Visitor(school)
        visitor.post(f"{school.empty_board()}upload/", {}, class_set(Path(folder)))
        wait_for(lambda: school.number(SCORED_HERE) == len(CLASS_SET), "a class is scored", 600)
        confirm_some(visitor, school)
        for guide in GUIDES.values():
            visitor.post("/preferences/", {"guide_done": guide})
        release_the_year(visitor, school)
        by_name = "SELECT code FROM grading_student WHERE display_name = ?"
        student = f"/students/{code_of(school, by_name, STUDENT)}/"
        review = f"/artworks/{code_of(school, WORK_HERE, STUDENT)}/review/"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS
            )
            for width, scheme in (("desktop", "light"), ("phone", "dark")):
                size = {"width": WIDTHS[width][0], "height": WIDTHS[width][1]}
                context = browser.new_context(
                    viewport=size, color_scheme=scheme, base_url=school.address
                )
                page = context.new_page()
                sign_in(page, school)
                shoot(page, f"home-{width}-{scheme}")
                for name, path in (
                    ("board", school.empty_board()),
                    ("review", review),
                    ("match", f"{school.empty_board()}match/"),
                    ("photos", f"{school.empty_board()}photos/"),
                    ("sheet", f"{school.empty_board()}sheet/?dimension=color_richness"),
                    ("student", student),
                    ("report", f"{student}report/"),
                    ("models", "/models/"),
                ):
                    page.goto(path)
                    shoot(page, f"{name}-{width}-{scheme}")
                page = browser.new_context(
                    viewport=size, color_scheme=scheme, base_url=school.address
                ).new_page()
                sign_in(page, school, "administrator")
                page.goto("/schools/")  # leads to the one school
                for name, path in (
                    ("school", page.url),
                    ("audit", f"{page.url}audit/"),
                    ("privacy", f"{student}privacy/"),
                ):
                    page.goto(path)
                    shoot(page, f"{name}-{width}-{scheme}")
            browser.close()


if __name__ == "__main__":
    main()

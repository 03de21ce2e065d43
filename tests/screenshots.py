"""Takes the pictures of the README from a running demo school: `make screenshots`."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ml.drawing import CAUSES, draw, sample
from tests.browser.conftest import CHROMIUM_ARGS, SCORED, WIDTHS, sign_in
from tests.running_school import ROOT, RunningSchool, Visitor, wait_for

OUT = ROOT / "docs" / "screenshots"
CLASS_SET = (
    *("amara b", "ben t", "chloe d", "dev p", "elif k", "femi a", "grace l", "hana s", "ivo m"),
    *("jun w", "kofi n", "lena r", "mateo g", "nadia h", "oluwaseun o", "priya v", "quinn f"),
    "IMG_3151",
)
CONFIRMED = 5


def class_set(folder: Path) -> list[tuple[str, str, bytes]]:
    """A believable class: nobody draws in the corners of the scale."""
    causes, _levels = sample(len(CLASS_SET), seed=5)
    tidy = 0.25 + 0.75 * causes
    tidy[:, [CAUSES.index("picture_organization"), CAUSES.index("color_contrast")]] **= 0.5
    files = []
    for n, name in enumerate(CLASS_SET):
        path = folder / f"{name}.jpg"
        draw(100 + n, "a machine", tidy[n], 800).save(path, quality=92)
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


def shoot(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as image:  # drawn interfaces lose nothing visible by a palette
        image.convert("RGB").quantize(256).save(path, optimize=True)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, RunningSchool(Path(folder) / "var") as school:
        visitor = Visitor(school)
        visitor.post(f"{school.empty_board()}upload/", {}, class_set(Path(folder)))
        wait_for(lambda: school.number(SCORED) == len(CLASS_SET), "the class is scored", 300)
        confirm_some(visitor, school)
        for guide in ("home", "board", "review"):
            visitor.post("/preferences/", {"guide_done": guide})
        sql = """SELECT a.code FROM grading_artwork a JOIN grading_student s
                 ON s.id = a.student_id WHERE s.display_name = 'Kofi N.'"""
        review = f"/artworks/{uuid.UUID(school.rows(sql)[0][0])}/review/"
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
                    ("models", "/models/"),
                ):
                    page.goto(path)
                    shoot(page, f"{name}-{width}-{scheme}")
            browser.close()


if __name__ == "__main__":
    main()

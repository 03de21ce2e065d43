"""Decided work as tagged PDF (PDF/UA-1). Imported by workers only: WeasyPrint needs Pango.

Nothing is fetched from anywhere: pictures, radars and the style sheet are handed over in memory.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from itertools import groupby

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_bidi
from PIL import ImageFile
from weasyprint import CSS, HTML
from weasyprint.urls import URLFetcher, URLFetcherResponse

from grading.intake.names import safe_name
from grading.models import ReportJob
from grading.works import Work

# WeasyPrint sets this for the whole process, in which pictures are prepared and checked as well.
ImageFile.LOAD_TRUNCATED_IMAGES = False

STYLE_SHEET = settings.BASE_DIR / "static" / "css" / "paper.css"
SIZES = {ReportJob.Paper.A4: "A4", ReportJob.Paper.LETTER: "letter"}
DPI = 170  # of pictures on paper; the eye sees no more at arm's length


class InMemory(URLFetcher):
    """Knows the addresses of this report alone. Whatever else is asked for is refused."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=(), allow_redirects=False)
        self.files: dict[str, tuple[bytes, str]] = {}

    def add(self, address: str, content: bytes, media_type: str) -> None:
        self.files[address] = (content, media_type)

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        try:
            content, media_type = self.files[url]
        except KeyError:
            raise ValueError("a report fetches nothing") from None
        return URLFetcherResponse(url, content, {"Content-Type": media_type})


def make_pdf(works: Sequence[Work], title: str, paper: str) -> bytes:
    """One page for each work, where it fits."""
    fetcher = InMemory()
    pages = []
    for work in works:
        picture, drawing = f"picture:{work.review.pk}", f"radar:{work.review.pk}"
        content = _picture(work)
        if content:
            fetcher.add(picture, content, "image/jpeg")
        if work.radar:
            svg = render_to_string("reports/_radar.svg", {"radar": work.radar})
            fetcher.add(drawing, svg.encode(), "image/svg+xml")
        pages.append(
            {
                "work": work,
                "picture": picture if content else "",
                "radar": drawing if work.radar else "",
            }
        )
    student = works[0].student
    context = {
        "title": title,
        "pages": pages,
        "amendments": student.amendments.all() if student else [],
        "of_one": len({work.student for work in works}) == 1,
        "language": get_language(),
        "bidi": get_language_bidi(),
    }
    # White space after a line that just fits makes WeasyPrint break it after its first word.
    page = re.sub(r"\s+</p>", "</p>", render_to_string("reports/report.html", context))
    document = HTML(string=page, url_fetcher=fetcher)
    style = STYLE_SHEET.read_text() + f"\n@page {{ size: {SIZES[ReportJob.Paper(paper)]} }}"
    return document.write_pdf(
        stylesheets=[CSS(string=style, url_fetcher=fetcher)],
        pdf_variant="pdf/ua-1",
        optimize_images=True,
        jpeg_quality=85,
        dpi=DPI,
    )


def make_zip(works: Sequence[Work], title: str, paper: str) -> bytes:
    """One PDF for each student. Pictures without a student are in none."""
    buffer = io.BytesIO()
    mine = sorted((w for w in works if w.student), key=_by_student)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        taken: set[str] = set()
        for student, group in groupby(mine, key=lambda w: w.student):
            name = safe_name(f"{student} - {title}".replace("/", "-"))
            while name in taken:  # two children of one name
                name += "_"
            taken.add(name)
            pdf = make_pdf(list(group), f"{student} · {title}", paper)
            archive.writestr(f"{name}.pdf", pdf)
    return buffer.getvalue()


def _by_student(work: Work) -> tuple[str, int, int]:
    """Two children of one name each have a file of their own."""
    assert work.student
    return work.student.display_name, work.student.pk, work.artwork.pk


def _picture(work: Work) -> bytes | None:
    try:
        with work.picture.display.open("rb") as file:
            return file.read()
    except FileNotFoundError:
        return None

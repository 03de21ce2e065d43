"""Words that somebody typed, or that a file brought along, are text wherever they are shown."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.urls import reverse

from grading.charts import Axis, Layer, radar
from grading.models import Artwork, ReportJob, Student
from grading.services.artworks import Outcome, accept_files
from grading.works import reviews_in, works_of
from tests.conftest import jpeg
from tests.threats.conftest import written_columns

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' style='x",
    "javascript:alert(1)//<svg/onload=alert(1)>",
    "</title></textarea></style><style>*{}</style>",
)
TEMPLATES = ("{{7*7}}", "{% csrf_token %}{{ request.user.password }}", "${7*7}<%= 7*7 %>")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


class Suspicious(HTMLParser):
    """Collects what a strict policy would stop, and elements that only an attack brings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append("script")
        if tag in ("style", "iframe", "object", "embed", "base", "foreignobject"):
            self.found.append(tag)
        for name, value in given.items():
            if name.startswith("on") or name in ("style", "srcdoc", "hx-on"):
                self.found.append(f"{tag} {name}")
            address = (value or "").strip().lower()
            if name in ("href", "src", "action", "xlink:href", "formaction") and not re.match(
                r"(/|#|\?|$|https?://testserver)", address
            ):
                self.found.append(f"{tag} {name}={value}")


def suspicious(markup: str) -> list[str]:
    parser = Suspicious()
    parser.feed(markup)
    return parser.found


def test_every_page_is_clean_as_it_is(pages_of):
    pages = pages_of()
    assert len(pages) > 40
    assert {name: suspicious(page) for name, page in pages.items() if suspicious(page)} == {}


def test_no_word_becomes_markup_on_any_page(pages_of, write_everywhere):
    assert len(written_columns()) > 30
    write_everywhere(" ".join(ATTACKS))
    pages = pages_of()
    assert sum("alert" in page for page in pages.values()) > 20
    assert {name: suspicious(page) for name, page in pages.items() if suspicious(page)} == {}


def test_no_word_is_run_as_a_template(pages_of, write_everywhere, alice):
    write_everywhere("".join(TEMPLATES))
    pages = pages_of()
    assert sum("{{7*7}}" in page for page in pages.values()) > 20
    for name, page in pages.items():
        assert alice.password not in page, name
        assert not re.search(r"[>\s]49[<\s]", page), name


def test_the_file_names_of_an_upload_are_text(client, alice, assignment):
    client.force_login(alice)
    url = reverse("grading:upload", args=[assignment.code])
    for attack in ATTACKS + TEMPLATES:
        for content in (jpeg("red"), b"no picture"):
            file = SimpleUploadedFile("x", content)
            file._name = f"{attack}.jpg"  # what a browser would never send
            assert suspicious(client.post(url, {"pictures": file}).content.decode()) == []
    assert Artwork.objects.exists()


def test_the_drawn_diagram_of_a_report_is_well_formed_and_holds_no_script():
    for attack in ATTACKS + TEMPLATES:
        axes = [Axis(attack, f"slug-{n}") for n in range(9)]
        drawn = radar(axes, [Layer("mine", [3.0] * 9)], 1, 5)
        svg = render_to_string("reports/_radar.svg", {"radar": drawn})
        for element in ElementTree.fromstring(svg).iter():
            assert "script" not in element.tag
            assert not [name for name in element.attrib if name.startswith("on")]


def test_a_report_on_paper_runs_and_fetches_nothing_of_the_words(
    url_of, write_everywhere, student, alice
):
    from grading.paper import make_pdf

    for attack in (*ATTACKS, "<img src=file:///etc/passwd>"):
        write_everywhere(attack)
        job = ReportJob(student=Student.objects.get(pk=student.pk), asked_by=alice)
        pdf = make_pdf(works_of(reviews_in(job)), attack, ReportJob.Paper.A4)
        assert not re.search(rb"/(JavaScript|JS|Launch|EmbeddedFile|URI)\b", pdf)


@pytest.mark.parametrize("name", ["drawing.svg", "drawing.jpg", "drawing.png"])
def test_a_drawing_in_svg_is_refused_whatever_it_is_called(alice, assignment, name):
    [outcome] = accept_files(assignment, [SimpleUploadedFile(name, SVG)], alice)
    assert outcome.outcome == Outcome.REFUSED
    assert not Artwork.objects.exists()


def test_a_picture_that_is_also_a_page_is_served_as_a_picture(client, alice, make_picture):
    """A JPEG with markup in it, asked for by its address."""
    picture = make_picture()
    with picture.full.storage.open(picture.full.name, "wb") as file:
        file.write(jpeg() + b"<script>alert(1)</script>")
    client.force_login(alice)
    response = client.get(reverse("grading:picture", args=[picture.code, "full"]))
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in response["Content-Security-Policy"]


def test_what_is_downloaded_is_never_shown_as_a_page(client, alice, url_of):
    client.force_login(alice)
    for name in ("grading:export-file", "grading:export-class-file", "grading:export-student"):
        response = client.get(url_of(name))
        assert response["Content-Disposition"].startswith("attachment"), name
        assert not response["Content-Type"].startswith("text/html"), name
        assert response["X-Content-Type-Options"] == "nosniff", name

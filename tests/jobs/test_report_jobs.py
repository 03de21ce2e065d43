"""A report is made once by a worker, says what is in it, and is gone after some days."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils.timezone import now
from pypdf import PdfReader

from grading import tasks
from grading.models import IntakeJob, NotAssessed, ReportJob, Student
from grading.services.annotations import confirm_review, set_level, set_words
from grading.services.releases import hide_class, release_class
from ml.interface import DimensionScore


@pytest.fixture
def decided(alice, student, make_scored, rubric_version):
    """Amara's picture: confirmed, one dimension without a level."""
    artwork = make_scored(student).picture.artwork
    transformation = rubric_version.dimensions.get(slug="transformation")
    set_level(artwork, transformation, None, alice, not_assessed="The corner is folded")
    set_words(artwork, "The sky glows.", "Try a second blue.", alice)
    return confirm_review(artwork, alice)


@pytest.fixture
def make_report(alice):
    def make(**fields) -> ReportJob:
        return ReportJob.objects.create(asked_by=alice, **{"language": "en", **fields})

    return make


def made(job: ReportJob) -> bytes:
    tasks.make_report(job.pk)
    job.refresh_from_db()
    assert job.status == ReportJob.Status.SUCCEEDED, job.error
    return job.file.read()


def pages(content: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def test_a_student_report_says_what_a_person_decided(decided, student, make_report):
    (page,) = pages(made(make_report(student=student, year="2026/27")))
    for words in (
        "Amara B.",
        "Our street",
        "The sky glows.",
        "Try a second blue.",
        "Not assessed: The corner is folded",
        "3 of 5",
        "AI proposal, checked by Alice on",
        "demo model, not for grading",
        "not released",
    ):
        assert words in page


def test_the_file_is_tagged_titled_and_carries_its_fonts(decided, student, make_report):
    content = made(make_report(student=student))
    reader = PdfReader(io.BytesIO(content))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert reader.metadata.title == "Amara B."
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    fonts = [
        font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()
    ]
    assert fonts
    for font in fonts:
        (descendant,) = font["/DescendantFonts"]
        descriptor = descendant.get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]


def test_it_can_be_read_aloud(decided, student, make_report):
    """Every picture has words, headings go down by one, and cells know what stands above them."""
    reader = PdfReader(io.BytesIO(made(make_report(student=student))))
    tree = list(_elements(reader.trailer["/Root"]["/StructTreeRoot"]))
    figures = [str(element.get("/Alt", "")) for kind, element in tree if kind == "/Figure"]
    assert figures == [
        "Picture by Amara B.: Our street",
        "The levels as a radar; the table holds the same in words",
    ]
    headings = [kind for kind, _element in tree if re.fullmatch(r"/H\d", kind)]
    assert headings == ["/H1", "/H2", "/H3", "/H3", "/H3"]
    cells = [element for kind, element in tree if kind == "/TD"]
    assert len(cells) == 18
    assert all(len(cell["/A"]["/Headers"]) == 2 for cell in cells)


def _elements(element):
    """Everything in the tree, as (kind, element)."""
    element = element.get_object()
    if hasattr(element, "get") and "/S" in element:
        yield str(element["/S"]), element
    children = element.get("/K", []) if hasattr(element, "get") else element
    for child in children if isinstance(children, list) else [children]:
        if isinstance(child.get_object(), dict | list):
            yield from _elements(child)


def test_of_one_child_each_page_has_the_name_of_its_work(decided, student, alice, make_report):
    (page,) = pages(made(make_report(student=student)))
    assert page.startswith("Amara B. Our street Amara B. · 3B")


def test_no_line_ends_in_white_space(decided, student, make_report, monkeypatch):
    """WeasyPrint breaks a line that just fits after its first word where white space follows."""
    from grading import paper

    seen = []
    html = paper.HTML
    monkeypatch.setattr(
        paper, "HTML", lambda string, **rest: seen.append(string) or html(string=string, **rest)
    )
    made(make_report(student=student))
    assert "checked by Alice" in seen[0]
    assert not re.search(r"\s</p>", seen[0])


@pytest.mark.parametrize(("paper", "width"), [("A4", 595), ("letter", 612)])
def test_it_is_of_the_paper_that_was_asked_for(decided, student, make_report, paper, width):
    reader = PdfReader(io.BytesIO(made(make_report(student=student, paper=paper))))
    assert round(reader.pages[0].mediabox.width) == width


def test_a_class_is_one_file_or_one_for_each_student(
    alice, assignment, decided, make_scored, make_report
):
    ben = Student.objects.get(display_name="Ben T.")
    confirm_review(make_scored(ben, "red").picture.artwork, alice)
    make_scored(None, "blue")  # decided by nobody
    assert len(pages(made(make_report(assignment=assignment)))) == 2
    content = made(make_report(assignment=assignment, form="zip"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert [name.split(" - ")[0] for name in names] == ["Amara B.", "Ben T."]
        (page,) = pages(archive.read(names[1]))
    assert "Ben T." in page
    assert "Amara" not in page


def test_two_children_of_one_name_have_a_file_each(
    classroom, assignment, alice, make_scored, make_report
):
    twins = [Student.objects.create(school=classroom.school, display_name="Ben") for _n in "ab"]
    for n, color in ((0, "red"), (1, "blue"), (0, "gold")):
        confirm_review(make_scored(twins[n], color).picture.artwork, alice)
    content = made(make_report(assignment=assignment, form="zip"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [len(pages(archive.read(name))) for name in archive.namelist()] == [2, 1]


def test_only_released_work_is_what_families_see_now(
    alice, assignment, student, decided, make_report
):
    def job() -> ReportJob:
        return make_report(student=student, only_released=True)

    release_class(assignment, alice)
    (page,) = pages(made(job()))
    assert "not released" not in page
    hide_class(assignment, alice)
    hidden = job()
    tasks.make_report(hidden.pk)
    hidden.refresh_from_db()
    assert hidden.error == "There is no decided work to report on."


def test_it_holds_no_work_of_a_class_that_the_person_may_not_see(
    decided, student, colleague, make_report
):
    job = ReportJob.objects.create(asked_by=colleague, student=student, language="en")
    tasks.make_report(job.pk)
    job.refresh_from_db()
    assert job.status == ReportJob.Status.FAILED


def test_nothing_is_fetched_for_it_from_anywhere(decided, student, alice, make_report, monkeypatch):
    """Words that would be markup stay words, and the fetcher knows no address but its own."""
    from grading.paper import InMemory

    set_words(decided.artwork, '<img src="http://example.org/x.png">', "file:///etc/passwd", alice)
    confirm_review(decided.artwork, alice)
    asked = []
    monkeypatch.setattr(
        InMemory,
        "fetch",
        lambda self, url, headers=None, fetch=InMemory.fetch: (
            asked.append(url) or fetch(self, url, headers)
        ),
    )
    (page,) = pages(made(make_report(student=student)))
    assert '<img src="http://example.org/x.png">' in page
    assert {address.partition(":")[0] for address in asked} == {"picture", "radar"}
    for address in ("file:///etc/passwd", "http://example.org/", "data:text/plain,x"):
        with pytest.raises(ValueError, match="fetches nothing"):
            InMemory().fetch(address)


def test_a_picture_whose_file_is_gone_is_said_so(decided, student, make_report):
    decided.picture.display.storage.delete(decided.picture.display.name)
    (page,) = pages(made(make_report(student=student)))
    assert "The picture is no longer stored." in page


def test_without_pango_the_person_is_told_what_to_do(decided, student, make_report, monkeypatch):
    class NoPango:
        def find_spec(self, name, path=None, target=None):
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.delitem(sys.modules, "grading.paper", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoPango(), *sys.meta_path])
    job = make_report(student=student)
    with pytest.raises(OSError, match="pango"):
        tasks.make_report(job.pk)
    job.refresh_from_db()
    assert "an administrator can install Pango" in job.error


def test_after_a_report_a_picture_that_was_cut_off_is_still_refused(
    decided, student, make_report, make_artwork
):
    """The same worker prepares pictures; WeasyPrint tells Pillow to take half ones for whole."""
    made(make_report(student=student))
    artwork = make_artwork()
    with artwork.original.open("rb") as file:
        content = file.read()
    artwork.original.save("x", ContentFile(content[: len(content) // 2]))
    job = artwork.intake_jobs.get()
    tasks.prepare_picture(job.pk)
    job.refresh_from_db()
    assert job.status == IntakeJob.Status.FAILED
    assert "ends too early" in job.error


def test_delivered_twice_it_is_made_once(decided, student, make_report):
    job = make_report(student=student)
    first = made(job)
    tasks.make_report(job.pk)
    job.refresh_from_db()
    assert job.file.read() == first


def test_a_worker_that_lost_its_lease_stores_nothing(decided, student, make_report, media):
    slow = ReportJob.objects.claim(make_report(student=student).pk)
    ReportJob.objects.update(lease_until=now() - timedelta(seconds=1))
    ReportJob.objects.claim(slow.pk)
    assert slow.succeed(ContentFile(b"late")) is False
    assert not list(media.glob("reports/*"))


def test_the_sweep_rings_for_lost_reports_and_takes_old_files_away(
    decided, student, make_report, rung, monkeypatch, media
):
    monkeypatch.setattr(tasks, "_messages_in", lambda queue: 0)
    waiting = make_report(student=student)
    tasks.sweep()
    assert ("grading.tasks.make_report", waiting.pk) in rung
    made(waiting)
    tasks.sweep()
    assert list(media.glob("reports/*"))
    ReportJob.objects.update(expires_at=now() - timedelta(minutes=1))
    tasks.sweep()
    assert not list(media.glob("reports/*"))
    waiting.refresh_from_db()
    assert not waiting.is_there


def test_right_to_left_names_and_dimensions_without_a_score_are_no_trouble(
    alice, assignment, student, make_scored, make_report
):
    student.display_name = "ليلى ب."
    student.save()
    silent = DimensionScore(None, None, None, (0.0,) * 5, 0.1, "a", abstained="too dark")
    artwork = make_scored(student, line_texture=silent).picture.artwork
    dimension = assignment.rubric_version.dimensions.get(slug="line_texture")
    set_level(artwork, dimension, None, alice, not_assessed="too dark to see")
    review = confirm_review(artwork, alice)
    assert NotAssessed.objects.filter(review=review).count() == 1
    (page,) = pages(made(make_report(student=student)))
    assert "too dark to see" in page

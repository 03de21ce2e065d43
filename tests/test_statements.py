"""Whatever leaves the staff room says whether a model was at work on it."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.urls import reverse
from openpyxl import load_workbook
from pypdf import PdfReader

from grading import tasks
from grading.models import Artwork, FeedbackDraft, ReportJob, Review
from grading.services.annotations import confirm_review, set_level
from grading.services.exports import Kind, export_of, student_record, table
from grading.works import AiUse, ai_statement, ai_use, works_of

NONE = "No computer model was used"
LEVELS = "A computer model that runs at the school proposed levels for each picture."
WORDS = "A computer model that runs at the school proposed levels and words for each picture."
SOME = "For some of these pictures"


@pytest.fixture
def by_hand(make_picture, student, alice, rubric_version) -> Review:
    artwork = make_picture(student, "red").artwork
    for dimension in rubric_version.dimensions.select_related("version"):
        set_level(artwork, dimension, 4, alice)
    return confirm_review(artwork, alice)


@pytest.fixture
def proposed(make_scored, student, alice) -> Review:
    return confirm_review(make_scored(student).picture.artwork, alice)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (AiUse(0, 2, False), NONE),
        (AiUse(2, 0, False), LEVELS),
        (AiUse(2, 0, True), WORDS),
        (AiUse(1, 1, True), SOME),
    ],
)
def test_it_says_what_was_used_and_no_more(use, words):
    said = ai_statement(use)
    assert [text for text in (NONE, LEVELS, WORDS, SOME) if text in said] == [words]
    assert said.endswith("the dimensions are different things.")
    assert "&" not in said


def test_words_count_where_somebody_had_them_before_them(proposed, make_scored, student, alice):
    assert ai_use(works_of(Review.objects.all())) == AiUse(1, 0, False)
    said = make_scored(student, "gold")
    FeedbackDraft.objects.create(
        score_set=said, origin="composed", strength="Bold.", next_step="Ink."
    )
    confirm_review(said.picture.artwork, alice)
    assert ai_use(works_of(Review.objects.all())) == AiUse(2, 0, True)


def test_a_page_with_both_says_so(client, alice, by_hand, proposed, assignment):
    client.force_login(alice)
    page = client.get(reverse("grading:report-class", args=[assignment.code])).content.decode()
    assert SOME in page
    assert "AI proposal, checked by Alice" in page
    assert "Levels given by Alice" in page


def made(**fields) -> bytes:
    job = ReportJob.objects.create(language="en", **fields)
    tasks.make_report(job.pk)
    job.refresh_from_db()
    assert job.status == ReportJob.Status.SUCCEEDED, job.error
    return job.file.read()


def words_of(pdf: bytes) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_a_pdf_says_it_below_each_work(by_hand, proposed, student, alice):
    words = words_of(made(student=student, asked_by=alice))
    assert words.count(NONE) == 1
    assert words.count(LEVELS) == 1
    assert "“How this works”" in words


def test_so_does_each_file_of_a_zip(by_hand, student, alice, assignment):
    content = made(assignment=assignment, asked_by=alice, form=ReportJob.Form.ZIP)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        assert NONE in words_of(archive.read(name))


def test_a_workbook_has_a_sheet_for_it_and_a_table_a_column(
    client, alice, by_hand, proposed, assignment
):
    client.force_login(alice)
    url = reverse("grading:export-file", args=[assignment.code, "xlsx"])
    book = load_workbook(io.BytesIO(b"".join(client.get(url).streaming_content)))
    about = [row[0].value for row in book["About"].rows]
    assert SOME in about[0]
    assert any("added up" in sentence for sentence in about)
    for kind in (Kind.WIDE, Kind.LONG):
        head, *lines = table(kind, export_of(Artwork.objects.kept()))
        assert {line[head.index("model_proposed")] for line in lines} == {"yes", "no"}


def test_the_file_of_one_student_says_it(by_hand, student):
    record = student_record(student, export_of(Artwork.objects.kept()))
    assert NONE in record["about"][0]
    assert record["works"][0]["decision"]["model_had_proposed_levels"] is False


def test_where_nobody_has_decided_nothing_is_said_about_it(make_scored, student):
    make_scored(student)
    record = student_record(student, export_of(Artwork.objects.kept()))
    assert record["about"][0] == "Nobody has decided about these pictures yet."

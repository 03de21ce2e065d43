"""Levels as files: complete, without a total, and nothing in them that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from grading.models import (
    Assignment,
    AuditEvent,
    Classroom,
    Enrollment,
    Review,
    ReviewTime,
    Student,
)
from grading.services.annotations import confirm_review, finish_blind_look, set_level, set_words
from grading.services.artworks import remove_artwork
from grading.services.exports import Kind, csv_lines, export_of, harmless, table
from ml.interface import DimensionScore


@pytest.fixture
def review(alice, student, make_scored, rubric_version):
    """Amara: realism changed to 5, one dimension not assessed, 90 seconds."""
    silent = DimensionScore(None, None, None, (0.0,) * 5, 0.1, "a", abstained="too dark")
    artwork = make_scored(student, transformation=silent).picture.artwork
    set_level(artwork, rubric_version.dimensions.get(slug="realism"), 5, alice)
    transformation = rubric_version.dimensions.get(slug="transformation")
    set_level(artwork, transformation, None, alice, not_assessed="folded corner")
    set_words(artwork, "The roofs glow.", "Try blue shadows.", alice)
    for seconds in (60, 30):
        ReviewTime.objects.create(artwork=artwork, user=alice, seconds=seconds)
    return confirm_review(artwork, alice)


def download(client, assignment, kind: str) -> bytes:
    response = client.get(reverse("grading:export-file", args=[assignment.code, kind]))
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment; filename")
    assert response["Cache-Control"] == "no-store"
    return response.getvalue()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


# --------------------------------------------------------------------------------------- tables
def test_the_long_table_has_a_row_for_each_dimension(client, alice, assignment, review):
    client.force_login(alice)
    found = {row["dimension"]: row for row in rows(download(client, assignment, "long"))}
    assert len(found) == 9
    realism, transformation = found["realism"], found["transformation"]
    assert realism["picture"] == str(review.artwork.code)
    assert realism["student"] == "Amara B."
    assert (realism["model_score"], realism["interval_low"], realism["interval_high"]) == (
        "3.0", "2.2", "3.8",
    )  # fmt: skip
    assert (realism["teacher_level"], realism["adapter_version"]) == ("5", "1")
    assert realism["model"] == "tiny (demo, not for grading)"
    assert (realism["review_seconds"], realism["confirmed_by"]) == ("90", "Alice")
    assert (transformation["teacher_level"], transformation["model_score"]) == ("", "")
    assert transformation["not_assessed"] == "folded corner"
    assert transformation["model_abstained"] == "too dark"


def test_the_day_is_the_school_s_own(assignment, review):
    moment = datetime(2026, 3, 5, 2, tzinfo=UTC)
    QuerySet(Review).update(confirmed_at=moment)  # past the guard of frozen rows
    with timezone.override("America/Los_Angeles"):
        head, row = table(Kind.WIDE, export_of(assignment.artworks.kept()))
    assert dict(zip(head, row, strict=True))["confirmed_on"] == "2026-03-04"


def test_the_wide_table_has_a_row_for_each_picture(client, alice, assignment, review, make_scored):
    make_scored(None, "red")  # decided by nobody: its levels are empty
    client.force_login(alice)
    undecided, amara = rows(download(client, assignment, "wide"))
    assert (amara["realism"], amara["color_contrast"], amara["transformation"]) == ("5", "3", "")
    assert amara["not_assessed"] == "transformation: folded corner"
    assert amara["next_step"] == "Try blue shadows."
    assert (undecided["student"], undecided["realism"]) == ("", "")


def test_scores_that_are_to_be_hidden_are_in_no_file(assignment, alice, make_scored):
    """Somebody looks at this picture first without them."""
    artwork = make_scored().picture.artwork
    artwork.blind_first = True
    artwork.save()

    def scores() -> set:
        head, *lines = table(Kind.LONG, export_of(assignment.artworks.kept()))
        return {line[head.index("model_score")] for line in lines}

    assert scores() == {None}
    for dimension in artwork.assignment.rubric_version.dimensions.select_related("version"):
        set_level(artwork, dimension, 4, alice)
    finish_blind_look(artwork, alice)
    assert scores() == {3.0}


def test_the_workbook_holds_both(client, alice, assignment, review):
    client.force_login(alice)
    book = load_workbook(io.BytesIO(download(client, assignment, "xlsx")))
    assert book.sheetnames == ["Pictures", "Dimensions", "About"]
    assert book["Pictures"].max_row == 2
    assert book["Dimensions"].max_row == 10
    head = [cell.value for cell in book["Pictures"][1]]
    assert book["Pictures"].cell(2, head.index("realism") + 1).value == 5


# ------------------------------------------------------------------------------------ gradebooks
def test_canvas_finds_students_by_school_number_and_gets_the_points(
    client, alice, assignment, review
):
    client.force_login(alice)
    content = download(client, assignment, "canvas")
    assert not content.startswith(b"\xef\xbb\xbf")
    head, points, amara = csv.reader(io.StringIO(content.decode()))
    assert head[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert head[5] == "Our street: Realism"
    assert points[0] == "    Points Possible"
    assert set(points[5:]) == {"5"}
    assert amara[:5] == ["Amara B.", "", "1", "", "3B"]  # "ID" is Canvas's own
    assert amara[5] == "5"
    assert amara[head.index("Our street: Transformation")] == ""


def test_moodle_gets_nobody_without_a_number(client, alice, assignment, review, make_scored):
    """It would give their levels to the student of the line before."""
    ben = Student.objects.get(display_name="Ben T.")
    confirm_review(make_scored(ben, "red").picture.artwork, alice)
    Student.objects.filter(pk=ben.pk).update(number="")
    client.force_login(alice)
    (amara,) = rows(download(client, assignment, "moodle"))
    assert (amara["ID number"], amara["Our street: Realism"]) == ("1", "5")
    assert amara["Our street: feedback"] == "The roofs glow. Try blue shadows."
    page = client.get(reverse("grading:export", args=[assignment.code])).content.decode()
    assert "1 student has no school number" in page
    assert "<bdi>Ben T.</bdi>" in page


def test_for_google_classroom_there_is_a_sheet_and_no_promise(client, alice, assignment, review):
    client.force_login(alice)
    (amara,) = rows(download(client, assignment, "classroom"))
    assert amara["Student"] == "Amara B."
    page = client.get(reverse("grading:export", args=[assignment.code])).content.decode()
    assert "Google Classroom reads no file with grades" in page


def test_gradebooks_get_confirmed_work_alone(client, alice, assignment, student, make_scored):
    make_scored(student)
    client.force_login(alice)
    for kind in ("moodle", "classroom"):
        assert rows(download(client, assignment, kind)) == []


def test_of_two_pictures_by_one_student_the_last_decision_counts(
    alice, assignment, student, review, make_scored, rubric_version
):
    second = make_scored(student, "red").picture.artwork
    set_level(second, rubric_version.dimensions.get(slug="realism"), 2, alice)
    confirm_review(second, alice)
    _head, (_name, realism, *_rest) = table(Kind.CLASSROOM, export_of(assignment.artworks.kept()))
    assert realism == 2


def test_a_year_tells_two_assignments_of_one_title_apart(
    client, alice, assignment, classroom, student, review, make_scored, make_artwork
):
    other = Assignment.objects.create(
        classroom=classroom,
        rubric_version=assignment.rubric_version,
        title="Our street",
        made_on=date(2026, 9, 1),
    )
    artwork = make_scored(student, "red").picture.artwork
    artwork.assignment = other
    artwork.save()
    confirm_review(artwork, alice)
    client.force_login(alice)
    url = reverse("grading:export-class-file", args=[classroom.code, "classroom"])
    (amara,) = rows(client.get(url).getvalue())
    assert amara["Our street: Realism"] == "3"  # September's, which came first
    assert amara[f"Our street ({assignment.made_on.isoformat()}): Realism"] == "5"


@pytest.mark.parametrize("kind", list(Kind))
def test_no_file_holds_a_total_or_an_average(assignment, review, kind):
    if kind == Kind.XLSX:
        return  # the two tables it is made of are walked here
    head = " ".join(map(str, next(table(kind, export_of(assignment.artworks.kept()))))).lower()
    for word in ("total", "average", "mean", "sum", "overall", "rank"):
        assert word not in head.split()


# --------------------------------------------------------------------------------- what is harmless
@pytest.mark.parametrize(
    "evil",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "=cmd|' /C calc'!A0"],
)
def test_text_that_looks_like_a_formula_is_quoted(evil):
    assert str(harmless(evil)).startswith("'")
    (line,) = csv_lines([[evil]], bom=False)
    assert next(csv.reader(io.StringIO(line, newline="")))[0].startswith("'")


@pytest.mark.parametrize("fine", ["Amara B.", "ليلى", "A-B", "3=3", "", 3, -3.5, None])
def test_what_is_no_formula_stays_as_it_is(fine):
    assert harmless(fine) == fine


@pytest.mark.parametrize(
    "name",
    [
        *("ليلى بنت عبد الرحمن", "=HYPERLINK(A1)", "+1", "-2+3", "@SUM(A1)", "\t=1"),
        *('Quote " and, comma', "Zoë 🎨"),
    ],
)
def test_names_survive_every_format(client, alice, assignment, student, review, name):
    Student.objects.filter(pk=student.pk).update(display_name=name)
    client.force_login(alice)
    (amara,) = rows(download(client, assignment, "wide"))
    assert amara["student"].removeprefix("'") == name
    book = load_workbook(io.BytesIO(download(client, assignment, "xlsx")))
    sheet = book["Pictures"]
    assert sheet["B2"].value == name
    assert sheet["B2"].data_type == "s"
    cells = [cell for one in book for row in one.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}


def test_characters_that_no_file_may_hold_are_left_out(client, alice, assignment, student, review):
    Student.objects.filter(pk=student.pk).update(display_name="Am\x00ara\x1b")
    client.force_login(alice)
    for kind in Kind:
        content = download(client, assignment, kind)
        assert b"\x1b" not in content or kind == Kind.XLSX


# ------------------------------------------------------------------------------ one student, trace
def test_one_student_as_json(client, alice, student, review):
    client.force_login(alice)
    response = client.get(reverse("grading:export-student", args=[student.code]))
    data = json.loads(response.content)
    assert data["student"]["name"] == "Amara B."
    (work,) = data["works"]
    assert work["dimensions"]["realism"]["teacher_level"] == 5
    assert work["dimensions"]["realism"]["model"]["score"] == 3.0
    assert work["dimensions"]["transformation"]["not_assessed"] == "folded corner"
    assert work["decision"]["confirmed_by"] == "Alice"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_download_leaves_a_trace(client, alice, assignment, review, kind):
    client.force_login(alice)
    download(client, assignment, kind)
    event = AuditEvent.objects.get(verb="exported")
    assert event.object_code == assignment.code
    assert event.detail == {"what": kind, "pictures": 1}


def test_an_unknown_kind_is_404(client, alice, assignment):
    client.force_login(alice)
    url = reverse("grading:export-file", args=[assignment.code, "pdf"])
    assert client.get(url).status_code == 404


def test_an_empty_assignment_has_nothing_to_export(client, alice, assignment):
    client.force_login(alice)
    page = client.get(reverse("grading:export", args=[assignment.code])).content.decode()
    assert "Nothing to export yet" in page


def test_the_queries_do_not_grow_with_the_class(
    client, alice, assignment, classroom, make_scored, django_assert_max_num_queries
):
    for number in range(12):
        child = Student.objects.create(school=classroom.school, display_name=f"Child {number}")
        Enrollment.objects.create(classroom=classroom, student=child)
        confirm_review(make_scored(child, f"#0000{number + 10}").picture.artwork, alice)
    client.force_login(alice)
    with django_assert_max_num_queries(14):
        assert len(rows(download(client, assignment, "long"))) == 12 * 9


def test_the_file_of_a_student_holds_no_work_of_a_class_that_the_person_may_not_see(
    client, alice, school, student, review, make_picture, rubric_version
):
    elsewhere = Classroom.objects.create(school=school, name="Art club", year=school.years.get())
    Enrollment.objects.create(classroom=elsewhere, student=student)
    theirs = Assignment.objects.create(
        classroom=elsewhere, rubric_version=rubric_version, title="Masks", made_on=date(2026, 9, 1)
    )
    make_picture(student, assignment=theirs)
    client.force_login(alice)
    response = client.get(reverse("grading:export-student", args=[student.code]))
    assert [work["assignment"] for work in json.loads(response.content)["works"]] == ["Our street"]


def test_what_was_removed_is_in_no_file(client, alice, assignment, review):
    remove_artwork(review.artwork, alice)
    client.force_login(alice)
    assert rows(download(client, assignment, "wide")) == []
    url = reverse("grading:export-class-file", args=[assignment.classroom.code, "wide"])
    assert rows(client.get(url).getvalue()) == []

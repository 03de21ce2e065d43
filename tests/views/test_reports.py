"""The page that prints, the way to the PDF, and its download."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from grading import tasks
from grading.models import AuditEvent, Enrollment, ReportJob, Student
from grading.services.annotations import confirm_review, set_words
from grading.services.releases import release_class

HTMX = {"HX-Request": "true"}


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def url(student) -> str:
    return reverse("grading:report-student", args=[student.code])


@pytest.fixture
def review(alice, student, make_scored):
    artwork = make_scored(student).picture.artwork
    set_words(artwork, "The roofs glow.", "Try blue shadows.", alice)
    return confirm_review(artwork, alice)


def test_the_page_holds_what_was_decided_and_marks_what_is_not_released(
    client, alice, assignment, review, url
):
    client.force_login(alice)
    page = text(client.get(url))
    for words in ("Amara B. · 2026/27", "The roofs glow.", "3 of 5", "not released", "work-levels"):
        assert words in page
    release_class(assignment, alice)
    assert ">not released<" not in text(client.get(url))


def test_released_only_leaves_the_others_out(client, alice, assignment, review, url):
    client.force_login(alice)
    assert "Nothing to report yet" in text(client.get(url, {"which": "released"}))
    release_class(assignment, alice)
    set_words(review.artwork, "Newer words", "", alice)
    confirm_review(review.artwork, alice)
    page = text(client.get(url, {"which": "released"}))
    assert "The roofs glow." in page
    assert "Newer words" not in page
    assert "Newer words" in text(client.get(url))


def test_another_year_is_another_report(client, alice, review, url):
    client.force_login(alice)
    assert "The roofs glow." in text(client.get(url, {"year": ""}))
    review.artwork.assignment.classroom.school.years.update(name="2025/26")
    assert "Amara B. · 2025/26" in text(client.get(url))


@pytest.mark.parametrize(
    "nonsense", [{"year": "x"}, {"which": "x"}, {"paper": "x"}, {"form": "x" * 99}]
)
def test_nonsense_falls_back_to_what_is_usual(client, alice, assignment, review, url, nonsense):
    client.force_login(alice)
    for page in (url, reverse("grading:report-class", args=[assignment.code])):
        assert client.get(page, nonsense).status_code == 200
        assert client.post(page, nonsense).status_code == 302
    assert set(ReportJob.objects.values_list("paper", "form")) == {("A4", "pdf")}


def test_asked_for_twice_it_is_made_once(
    client, alice, student, review, url, rung, django_capture_on_commit_callbacks
):
    client.force_login(alice)
    form = {"year": "2026/27", "which": "released", "paper": "letter"}
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(url, form)
        assert client.post(url, form)["Location"] == first["Location"]
    job = ReportJob.objects.get()
    assert (job.student, job.year, job.only_released) == (student, "2026/27", True)
    assert (job.paper, job.language) == ("letter", "en")
    assert rung == [("grading.tasks.make_report", job.pk)]


def test_the_page_asks_again_until_the_file_is_there(
    client, alice, student, assignment, review, url
):
    client.force_login(alice)
    state = client.post(url, {"year": "2026/27"})["Location"]
    assert 'hx-trigger="every 2s"' in text(client.get(state))
    assert '<meta http-equiv="refresh"' in text(client.get(state))
    fragment = text(client.get(state, headers=HTMX))
    assert "hx-trigger" in fragment
    assert "<h1" not in fragment
    tasks.make_report(ReportJob.objects.get().pk)
    done = text(client.get(state))
    assert "hx-trigger" not in done
    assert "http-equiv" not in done
    file = f"{state}file/"
    assert f'href="{file}"' in done
    response = client.get(file)
    assert response.getvalue().startswith(b"%PDF-")
    assert response["Content-Disposition"].startswith("attachment; filename")
    event = AuditEvent.objects.get(verb="exported")
    assert (event.object_code, event.detail) == (student.code, {"what": "report"})


def test_a_failed_report_says_why_and_stops_asking(client, alice, student, url):
    client.force_login(alice)
    state = client.post(url, {"year": ""})["Location"]
    tasks.make_report(ReportJob.objects.get().pk)
    page = text(client.get(state))
    assert "There is no decided work to report on." in page
    assert "hx-trigger" not in page


def test_after_some_days_the_file_is_not_given_out(client, alice, review, url):
    client.force_login(alice)
    state = client.post(url)["Location"]
    tasks.make_report(ReportJob.objects.get().pk)
    ReportJob.objects.update(expires_at=now() - timedelta(minutes=1))
    response = client.get(f"{state}file/", follow=True)
    assert "no longer kept" in text(response)
    assert not AuditEvent.objects.filter(verb="exported").exists()


def test_who_may_no_longer_see_the_student_gets_no_file(client, alice, review, url, classroom):
    client.force_login(alice)
    state = client.post(url)["Location"]
    tasks.make_report(ReportJob.objects.get().pk)
    classroom.teachers.clear()
    assert client.get(state).status_code == 404
    assert client.get(f"{state}file/").status_code == 404


def test_the_queries_do_not_grow_with_the_class(
    client, alice, assignment, classroom, make_scored, django_assert_max_num_queries
):
    for number in range(12):
        child = Student.objects.create(school=classroom.school, display_name=f"Child {number}")
        Enrollment.objects.create(classroom=classroom, student=child)
        confirm_review(make_scored(child, f"#0000{number + 10}").picture.artwork, alice)
    client.force_login(alice)
    with django_assert_max_num_queries(12):
        page = text(client.get(reverse("grading:report-class", args=[assignment.code])))
    assert page.count('class="card work-sheet"') == 12


@pytest.mark.parametrize("of", ["student", "assignment"])
def test_who_no_longer_sees_the_class_cannot_fetch_the_report(
    of, client, alice, classroom, student, assignment
):
    about = {"student": student} if of == "student" else {"assignment": assignment}
    job = ReportJob.objects.create(asked_by=alice, language="en", **about)
    client.force_login(alice)
    there = reverse("grading:report", args=[job.code])
    assert client.get(there).status_code == 200
    classroom.teachers.clear()
    assert client.get(there).status_code == 404
    assert client.get(reverse("grading:report-file", args=[job.code])).status_code == 404

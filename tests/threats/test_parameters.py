"""A parameter sent twice, as a list, or where it does not belong changes nothing it should not."""

from __future__ import annotations

import pytest
from django.urls import reverse

from grading.models import Classroom, DraftLevel, FamilyLink, Student
from tests.conftest import jpeg

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def elsewhere(bob, year) -> Student:
    """A child of Bob's school."""
    school = bob.memberships.get().school
    return Student.objects.create(school=school, display_name="Zed Q.")


def send(client, url: str, body: str):
    return client.post(url, body, content_type=FORM)


def test_a_child_of_another_school_slips_in_at_no_place_of_a_repeated_field(
    client, alice, student, elsewhere, make_artwork, assignment
):
    artwork = make_artwork()
    client.force_login(alice)
    mine, theirs = student.code, elsewhere.code
    bodies = (
        f"student={mine}&student={theirs}", f"student={theirs}&student={mine}",
        f"student[]={theirs}", f"student={mine},{theirs}", f"student={theirs}%00",
        f"student={elsewhere.pk}", f"student__pk={elsewhere.pk}",
        f"student={mine}&student_id={theirs}",
    )  # fmt: skip
    urls = (
        (reverse("grading:match-student", args=[artwork.code]), ""),
        (reverse("grading:match", args=[assignment.code]), f"artwork={artwork.code}&"),
    )
    for url, before in urls:
        for body in bodies:
            assert send(client, url, before + body).status_code < 500
            artwork.refresh_from_db()
            assert artwork.student in (None, student), body


def test_a_level_sent_twice_is_one_level(client, alice, student, make_scored):
    artwork = make_scored(student).picture.artwork
    client.force_login(alice)
    url = reverse("grading:level", args=[artwork.code, "realism"])
    for body in (
        "level=1&level=5",
        "level[]=5",
        "level=5%00",
        "level=%2B5",
        "level=5.0",
        "level=99",
    ):
        assert send(client, url, body).status_code < 500
        levels = DraftLevel.objects.filter(draft__artwork=artwork)
        assert levels.count() <= 1
        assert set(levels.values_list("level", flat=True)) <= {None, 1, 2, 3, 4, 5}


def test_how_long_a_link_works_is_one_of_the_choices(client, alice, student):
    client.force_login(alice)
    url = reverse("grading:family-links", args=[student.code])
    code = "code=0d9f4b51-7e0e-4d43-8d0b-2f1a3b5c7d9e"
    for body in ("days=30&days=99999", "days[]=99999", "days=-1", "days=1e9", "days="):
        assert send(client, url, f"{code}&{body}").status_code == 422
    assert not FamilyLink.objects.exists()


def test_who_did_something_is_never_read_from_the_form(client, alice, bob, student):
    client.force_login(alice)
    url = reverse("grading:new-note", args=[student.code])
    send(client, url, f"text=Loves+ink&by={bob.pk}&by_id={bob.pk}&user={bob.pk}&student={bob.pk}")
    note = student.notes.get()
    assert note.by == alice


def test_a_form_changes_the_fields_it_shows_and_no_others(client, administrator, alice, school):
    client.force_login(administrator)
    url = reverse("grading:school-settings", args=[school.code])
    before = (school.is_demo, school.blind_seed, school.code)
    send(client, url, "blind_percent=10&is_demo=1&blind_seed=1&code=x&is_superuser=1&is_staff=1")
    school.refresh_from_db()
    assert (school.is_demo, school.blind_seed, school.code) == before
    client.force_login(alice)
    send(client, reverse("grading:preferences"), "theme=dark&is_staff=1&is_superuser=1&email=x@y.z")
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.email) == (False, False, "alice@example.org")


def test_a_class_of_another_teacher_is_not_taken_from_a_form(
    client, alice, colleague, school, year
):
    theirs = Classroom.objects.create(school=school, name="4C", year=year)
    theirs.teachers.add(colleague)
    client.force_login(alice)
    send(client, reverse("grading:new-assignment", args=[theirs.code]), "title=Mine")
    assert not theirs.assignments.exists()


def test_a_picture_in_a_field_for_text_and_text_in_one_for_pictures_are_told_apart(
    client, alice, assignment
):
    client.force_login(alice)
    url = reverse("grading:upload", args=[assignment.code])
    for fields in ({"pictures": "text"}, {"pictures[]": jpeg()}, {}):
        assert client.post(url, fields).status_code in (200, 400)
    assert not assignment.artworks.exists()


@pytest.mark.parametrize(
    "query",
    [
        "?artwork=1&artwork=2",
        "?artwork[]=x",
        "?removed",
        "?accepted=x",
        "?matched=%00",
        "?before=%27%20OR%201=1--",
        "?year=%00&which=x",
    ],
)
def test_nonsense_in_an_address_is_no_error(client, alice, url_of, query):
    client.force_login(alice)
    for name in ("grading:board", "grading:match", "grading:sheet", "grading:report-student",
                 "grading:student", "grading:class-view", "grading:help"):  # fmt: skip
        assert client.get(url_of(name) + query).status_code == 200, name

from __future__ import annotations

import pytest
from django.urls import reverse

from grading.models import Artwork, AuditEvent, Student

HTMX = {"HX-Request": "true"}


@pytest.fixture
def match_url(assignment) -> str:
    return reverse("grading:match", args=[assignment.code])


def text(response) -> str:
    return " ".join(response.content.decode().split())


def owner(artwork: Artwork) -> str | None:
    student = Artwork.objects.get(pk=artwork.pk).student
    return student and student.display_name


def test_a_picture_is_matched_and_the_next_one_is_chosen(
    client, alice, student, make_picture, match_url
):
    first, second = (make_picture(None, color).artwork for color in ("red", "blue"))
    client.force_login(alice)
    choice = {"artwork": first.code, "student": student.code}
    page = text(client.post(match_url, choice, headers=HTMX))
    assert owner(first) == "Amara B."
    assert "Matched to Amara B.: “red.jpg”" in page
    assert f'value="{second.code}" checked' in page
    assert AuditEvent.objects.get(verb="matched").object_code == first.code


def test_without_a_script_the_answer_and_its_undo_are_on_the_page(
    client, alice, student, make_picture, match_url
):
    artwork = make_picture().artwork
    client.force_login(alice)
    choice = {"artwork": artwork.code, "student": student.code}
    page = text(client.post(match_url, choice, follow=True))
    assert "Matched to Amara B." in page
    assert reverse("grading:match-student", args=[artwork.code]) in page


def test_undo_gives_the_picture_back_to_whom_it_had(
    client, alice, classroom, make_picture, match_url
):
    amara, ben, _chloe = classroom.students.all()
    artwork = make_picture(ben).artwork
    client.force_login(alice)
    page = text(
        client.post(match_url, {"artwork": artwork.code, "student": amara.code}, headers=HTMX)
    )
    assert f'name="student" value="{ben.code}"' in page  # what the undo button sends
    client.post(reverse("grading:match-student", args=[artwork.code]), {"student": ben.code})
    assert owner(artwork) == "Ben T."


def test_a_match_can_be_taken_back_altogether(client, alice, student, make_picture, match_url):
    artwork = make_picture(student).artwork
    client.force_login(alice)
    url = reverse("grading:match-student", args=[artwork.code])
    page = text(client.post(url, {"student": ""}, headers=HTMX))
    assert owner(artwork) is None
    assert "has no student again" in page


def test_a_wrong_match_is_found_again_from_the_board(
    client, alice, student, make_picture, match_url
):
    make_picture(None, "red")
    matched = make_picture(student, "blue").artwork
    client.force_login(alice)
    page = text(client.get(match_url, {"artwork": matched.code}))
    assert f'value="{matched.code}" checked' in page


def test_the_roster_says_who_has_a_picture(client, alice, student, make_picture, match_url):
    make_picture(student)
    client.force_login(alice)
    page = text(client.get(match_url))
    assert page.count('class="roster__has"') == 1
    assert "Every picture has its student" in page


def test_a_choice_without_a_picture_is_said(client, alice, student, make_picture, match_url):
    artwork = make_picture().artwork
    client.force_login(alice)
    page = text(client.post(match_url, {"student": student.code}, headers=HTMX))
    assert "Choose a picture first" in page
    assert owner(artwork) is None


def test_only_students_of_the_class_can_be_chosen(client, alice, school, make_picture, match_url):
    outsider = Student.objects.create(school=school, display_name="Somebody")
    artwork = make_picture().artwork
    client.force_login(alice)
    client.post(match_url, {"artwork": artwork.code, "student": outsider.code})
    assert owner(artwork) is None
    url = reverse("grading:match-student", args=[artwork.code])
    assert client.post(url, {"student": outsider.code}).status_code == 404
    assert owner(artwork) is None


@pytest.mark.parametrize("code", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_code_that_means_nothing_does_no_harm(
    client, alice, student, assignment, match_url, code
):
    client.force_login(alice)
    assert client.post(match_url, {"artwork": code, "student": code}).status_code == 200
    assert (
        client.get(match_url, {"artwork": code, "matched": code, "before": code}).status_code == 200
    )


def test_a_stranger_cannot_match(client, bob, student, make_picture, match_url):
    artwork = make_picture().artwork
    client.force_login(bob)
    choice = {"artwork": artwork.code, "student": student.code}
    assert client.post(match_url, choice).status_code == 404
    assert owner(artwork) is None


def test_viewing_leaves_one_trace(client, alice, make_picture, match_url):
    make_picture()
    client.force_login(alice)
    client.get(match_url)
    assert AuditEvent.objects.filter(verb="viewed").count() == 1

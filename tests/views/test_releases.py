"""Nothing is visible to families before a named person decided it and released the class."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.timezone import now

from grading.models import Artwork, AuditEvent, EditJob, Enrollment, Picture, ReleasedWork, Student
from grading.services.annotations import confirm_review, set_level, set_words, withdraw_review
from grading.services.board import board_of
from grading.services.releases import (
    ChangedMeanwhile,
    NothingToRelease,
    hide_class,
    release_class,
    release_plan,
)


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def url(assignment) -> str:
    return reverse("grading:release", args=[assignment.code])


@pytest.fixture
def review(alice, student, make_scored):
    return confirm_review(make_scored(student).picture.artwork, alice)


def shown() -> list[int]:
    return list(ReleasedWork.objects.standing().values_list("review", flat=True))


def test_only_confirmed_pictures_of_a_student_are_released(
    client, alice, assignment, review, make_scored, url
):
    make_scored(Student.objects.get(display_name="Ben T."), "red")
    confirm_review(make_scored(None, "blue").picture.artwork, alice)
    client.force_login(alice)
    page = text(client.get(url))
    assert "1 of 3 pictures is ready" in page
    thumbnail = reverse("grading:picture", args=[review.picture.code, "thumbnail"])
    assert f'src="{thumbnail}"' in page  # that it is this child's picture can be seen
    assert "Nobody has confirmed it yet." in page
    assert "It belongs to no student yet." in page
    assert "Release 1 picture<" in page
    client.post(url)
    assert shown() == [review.pk]
    event = AuditEvent.objects.get(verb="released")
    assert (event.object_code, event.detail) == (assignment.code, {"works": 1})
    assert "Released on" in text(client.get(url))


def test_pressed_twice_is_released_once(alice, assignment, review):
    first = release_class(assignment, alice)
    assert release_class(assignment, alice) == first
    assert AuditEvent.objects.filter(verb="released").count() == 1
    hide_class(assignment, alice)
    assert release_class(assignment, alice) != first


def test_what_was_changed_and_not_confirmed_again_is_not_ready(
    alice, assignment, review, rubric_version
):
    set_level(review.artwork, rubric_version.dimensions.first(), 5, alice)
    (entry,) = release_plan(assignment).not_ready
    assert "changed since" in entry.why_not
    with pytest.raises(NothingToRelease):
        release_class(assignment, alice)


def test_a_picture_that_was_replaced_by_a_turned_one_wants_another_look(
    alice, assignment, student, make_picture, rubric_version
):
    """Also where no model has spoken, so that the scores are as new as they were."""
    artwork = make_picture(student).artwork
    for dimension in rubric_version.dimensions.all():
        set_level(artwork, dimension, 3, alice)
    review = confirm_review(artwork, alice)
    turned = EditJob.objects.create(
        picture=review.picture, edit={}, asked_by=alice, status=EditJob.Status.SUCCEEDED
    )
    files = dict.fromkeys(("full", "display", "thumbnail"), review.picture.full.name)
    newer = Picture.objects.create(
        artwork=review.artwork, edit_job=turned, width=240, height=320, sha256="e" * 64, **files
    )
    (entry,) = release_plan(assignment).not_ready
    assert "Another picture is in use" in entry.why_not
    again = confirm_review(review.artwork, alice)
    assert again.picture_id == newer.pk
    assert release_plan(assignment).ready


def test_later_decisions_wait_for_the_next_release(client, alice, assignment, review, url):
    release_class(assignment, alice)
    set_words(review.artwork, "Other words", "", alice)
    later = confirm_review(review.artwork, alice)
    assert shown() == [review.pk]
    client.force_login(alice)
    page = text(client.get(url))
    assert "1 decision is new or has changed since" in page
    assert "changed since</span>" in page
    client.post(url)
    assert shown() == [later.pk]
    assert "Nothing has changed since." in text(client.get(url))


def test_hiding_takes_everything_away_at_once(client, alice, assignment, review, url):
    release_class(assignment, alice)
    client.force_login(alice)
    response = client.post(reverse("grading:hide", args=[assignment.code]), follow=True)
    assert "Hidden on" in text(response)
    assert shown() == []
    assert AuditEvent.objects.filter(verb="hidden").count() == 1
    assert hide_class(assignment, alice) is False
    release_class(assignment, alice)
    assert shown() == [review.pk]


def test_work_that_left_is_out_of_sight_at_once(alice, assignment, student, review):
    release_class(assignment, alice)
    ben = Student.objects.get(display_name="Ben T.")
    for undo, fields in (
        ({"student": student}, {"student": ben}),  # it was another child's
        ({"removed_at": None}, {"removed_at": now()}),
    ):
        Artwork.objects.update(**fields)
        assert shown() == []
        Artwork.objects.update(**undo)
        assert shown() == [review.pk]
    withdraw_review(review, alice)
    assert shown() == []


def test_what_changed_while_the_page_was_open_is_not_released_unseen(
    client, alice, assignment, review, url
):
    seen = release_plan(assignment).mark
    set_words(review.artwork, "Other words", "", alice)
    confirm_review(review.artwork, alice)
    with pytest.raises(ChangedMeanwhile):
        release_class(assignment, alice, seen)
    client.force_login(alice)
    response = client.post(url, {"seen": seen})
    assert response.status_code == 409
    assert "Look once more" in text(response)
    assert shown() == []


def test_releasing_nothing_says_so(client, alice, url):
    client.force_login(alice)
    response = client.post(url)
    assert response.status_code == 422
    assert "no picture is ready" in text(response)
    assert "No pictures yet" in text(response)


def test_the_board_shows_what_is_released(client, alice, assignment, review, make_scored):
    make_scored(Student.objects.get(display_name="Ben T."), "red")
    release_class(assignment, alice)
    client.force_login(alice)
    page = text(client.get(reverse("grading:board", args=[assignment.code])))
    assert page.count("pill--released") == 1
    before = {tile.key: tile.mark for tile in board_of(assignment).tiles}
    hide_class(assignment, alice)
    after = {tile.key: tile.mark for tile in board_of(assignment).tiles}
    assert {key for key in before if before[key] != after[key]} == {review.artwork.code.hex[:8]}


def test_the_queries_do_not_grow_with_the_class(
    client, alice, assignment, classroom, make_scored, url, django_assert_max_num_queries
):
    for number in range(12):
        child = Student.objects.create(school=classroom.school, display_name=f"Child {number}")
        Enrollment.objects.create(classroom=classroom, student=child)
        confirm_review(make_scored(child, f"#0000{number + 10}").picture.artwork, alice)
    release_class(assignment, alice)
    client.force_login(alice)
    with django_assert_max_num_queries(12):
        assert text(client.get(url)).count("Family link") == 12

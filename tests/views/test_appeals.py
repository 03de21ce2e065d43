"""A second look is taken by somebody who has not seen a level, and answered by the teacher."""

from __future__ import annotations

import pytest
from django.urls import reverse

from grading.models import Annotation, Appeal, AuditEvent, BlindLook
from grading.services.annotations import confirm_review, finish_blind_look, set_level, set_words
from grading.services.appeals import (
    AlreadyAsked,
    TooLate,
    ask_again,
    close_appeal,
    compared,
    record_look,
)
from grading.services.artworks import remove_artwork


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def review(alice, student, make_scored):
    artwork = make_scored(student).picture.artwork
    set_words(artwork, "The roofs glow.", "Try blue shadows.", alice)
    return confirm_review(artwork, alice)


@pytest.fixture
def appeal(alice, review) -> Appeal:
    return ask_again(review.artwork, review, "Amara's realism should be 4", by=alice)


@pytest.fixture
def look_url(appeal) -> str:
    return reverse("grading:appeal-look", args=[appeal.code])


def answers(rubric_version, level="4", **special) -> dict[str, str]:
    given = {f"level-{d.slug}": level for d in rubric_version.dimensions.all()}
    return given | {f"level-{slug}": said for slug, said in special.items()}


def test_a_teacher_asks_once_at_a_time(client, alice, review):
    client.force_login(alice)
    url = reverse("grading:open-appeal", args=[review.artwork.code])
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": ""}).status_code == 422
    response = client.post(url, {"reason": "Is it?"})
    appeal = Appeal.objects.get()
    there = reverse("grading:appeal", args=[appeal.code])
    assert response["Location"] == there
    assert client.post(url, {"reason": "Once more"})["Location"] == there
    assert AuditEvent.objects.filter(verb="appealed").count() == 1
    with pytest.raises(AlreadyAsked):
        ask_again(review.artwork, review, "Again", by=alice)


def test_what_is_not_confirmed_cannot_be_asked_about(client, alice, student, make_scored):
    artwork = make_scored(student).picture.artwork
    client.force_login(alice)
    url = reverse("grading:open-appeal", args=[artwork.code])
    assert "Confirm the picture first" in text(client.get(url))
    client.post(url, {"reason": "Is it?"})
    assert not Appeal.objects.exists()


def test_the_second_person_sees_the_picture_and_the_task_and_nothing_that_was_said(
    client, colleague, appeal, look_url
):
    client.force_login(colleague)
    page = text(client.get(look_url))
    assert "Our street" in page
    for words in (
        "Amara",
        "The roofs glow.",
        "blue shadows",
        "Alice",
        "checked>",
        "realism should",
    ):
        assert words not in page
    picture = reverse("grading:appeal-picture", args=[appeal.code, "display"])
    assert client.get(picture)["Cache-Control"] == "no-store"  # after the look it is gone
    for name, code in (("review", appeal.artwork.code), ("open-appeal", appeal.artwork.code)):
        assert client.get(reverse(f"grading:{name}", args=[code])).status_code == 404
    assert client.get(reverse("grading:appeal", args=[appeal.code])).status_code == 404
    own = appeal.review.picture.code
    assert client.get(reverse("grading:picture", args=[own, "full"])).status_code == 404


def test_the_look_is_stored_as_blind_and_closes_the_door_behind_it(
    client, colleague, appeal, look_url, rubric_version
):
    client.force_login(colleague)
    form = answers(rubric_version, realism="2", line_texture="none") | {"comment": "Dark below."}
    client.post(look_url, form)
    look = BlindLook.objects.get()
    assert (look.by, look.purpose, look.comment) == (colleague, "appeal", "Dark below.")
    levels = dict(look.annotations.values_list("dimension__slug", "level"))
    assert levels["realism"] == 2
    assert "line_texture" not in levels
    assert len(levels) == 8
    assert set(look.annotations.values_list("origin", flat=True)) == {Annotation.Origin.BLIND}
    assert look.annotations.filter(review=None).count() == 8
    assert client.get(look_url).status_code == 404
    appeal.refresh_from_db()
    with pytest.raises(TooLate):
        record_look(appeal, colleague, {})


@pytest.mark.parametrize("level", ["", "0", "6", "x"])
def test_every_dimension_wants_an_answer_on_the_scale(
    client, colleague, look_url, rubric_version, level
):
    client.force_login(colleague)
    response = client.post(look_url, answers(rubric_version, realism=level))
    assert response.status_code == 422
    assert "still want an answer" in text(response)
    assert not BlindLook.objects.exists()


def test_neither_the_reviewer_nor_who_asked_looks(
    client, administrator, alice, review, look_url, classroom, colleague
):
    classroom.teachers.add(colleague)
    for user, status in ((alice, 404), (administrator, 200), (colleague, 200)):
        client.force_login(user)
        assert client.get(look_url).status_code == status
    Appeal.objects.update(asked_by=None)  # a family's
    client.force_login(alice)
    assert client.get(look_url).status_code == 404
    Appeal.objects.update(asked_by=administrator)
    client.force_login(administrator)
    assert client.get(look_url).status_code == 404


@pytest.mark.parametrize("before", ["confirmed it", "looked at it first"])
def test_who_has_given_it_levels_before_does_not_look_blind(
    before, alice, colleague, make_scored, student, rubric_version
):
    artwork = make_scored(student).picture.artwork
    if before == "confirmed it":
        confirm_review(artwork, colleague)
    for dimension in rubric_version.dimensions.all():
        set_level(artwork, dimension, 4, alice)
    if before == "looked at it first":
        finish_blind_look(artwork, colleague)
    ask_again(artwork, confirm_review(artwork, alice), "Is it?")
    assert not Appeal.objects.to_look_at(colleague)


def test_nobody_looks_at_a_picture_that_was_removed(client, alice, colleague, appeal, look_url):
    remove_artwork(appeal.artwork, alice)
    client.force_login(colleague)
    assert client.get(look_url).status_code == 404
    assert look_url not in client.get(reverse("grading:home")).content.decode()


def test_the_teacher_sees_both_sets_and_answers(client, alice, colleague, appeal, rubric_version):
    levels = dict.fromkeys(rubric_version.dimensions.all(), 3)
    levels[rubric_version.dimensions.get(slug="realism")] = 5
    record_look(appeal, colleague, levels, "Look at the door.")
    appeal.refresh_from_db()
    assert [(row.first.level, row.second, row.apart) for row in compared(appeal)][:2] == [
        (3, 5, 2), (3, 3, 0),
    ]  # fmt: skip
    client.force_login(alice)
    url = reverse("grading:appeal", args=[appeal.code])
    page = text(client.get(url))
    for words in ("2 levels apart", "Look at the door.", "realism should be 4", "Carol"):
        assert words in page
    assert client.post(url, {"outcome": " "}).status_code == 422
    client.post(url, {"outcome": "The door decides it: 4."})
    appeal.refresh_from_db()
    assert (appeal.outcome, appeal.closed_by) == ("The door decides it: 4.", alice)
    assert "The door decides it" in text(client.get(url))
    assert close_appeal(appeal, alice, "other") is False


def test_a_level_changed_since_is_said(client, alice, appeal, rubric_version):
    client.force_login(alice)
    url = reverse("grading:appeal", args=[appeal.code])
    assert "decided again since" not in text(client.get(url))
    set_level(appeal.artwork, rubric_version.dimensions.first(), 4, alice)
    confirm_review(appeal.artwork, alice)
    assert "decided again since" in text(client.get(url))


def test_home_says_what_waits_for_whom(client, alice, colleague, bob, appeal, look_url):
    home = reverse("grading:home")
    client.force_login(alice)
    page = text(client.get(home))
    assert "waits for another teacher" in page
    assert look_url not in page
    client.force_login(colleague)
    page = text(client.get(home))
    assert look_url in page
    assert "Amara" not in page
    client.force_login(bob)
    assert "Second looks" not in text(client.get(home))

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.timezone import now

from grading.models import (
    Artwork,
    AuditEvent,
    Enrollment,
    Heartbeat,
    IntakeJob,
    ScoringJob,
    Student,
)
from grading.services.annotations import confirm_review, set_level
from grading.services.board import State, board_of
from ml.interface import DimensionScore
from tests.conftest import jpeg

HTMX = {"HX-Request": "true"}


@pytest.fixture
def workers(db) -> Heartbeat:
    return Heartbeat.objects.create(worker="w", queue="gpu,io", seen_at=now(), broker_seen_at=now())


@pytest.fixture
def board_url(assignment) -> str:
    return reverse("grading:board", args=[assignment.code])


@pytest.fixture
def progress_url(assignment) -> str:
    return reverse("grading:progress", args=[assignment.code])


def text(response) -> str:
    return " ".join(response.content.decode().split())


def have(assignment) -> str:
    return "".join(tile.key + tile.mark for tile in board_of(assignment).tiles)


def only_state(assignment) -> State:
    (tile,) = board_of(assignment).tiles
    return tile.state


def fail(job: IntakeJob | ScoringJob, sentence: str = "It is damaged.") -> None:
    type(job).objects.claim(job.pk).fail(sentence)


# ---------------------------------------------------------------------------- where a picture is
def test_a_prepared_picture_waits_until_it_is_scored(assignment, student, make_picture):
    picture = make_picture(student)
    assert only_state(assignment) == State.WAITING
    job = ScoringJob.objects.claim(picture.scoring_jobs.get().pk)
    assert only_state(assignment) == State.SCORING
    job.fail("The scorer stopped.")
    assert only_state(assignment) == State.FAILED
    assert board_of(assignment).tiles[0].error == "The scorer stopped."


def test_an_upload_is_being_prepared_until_there_is_a_picture(assignment, make_artwork):
    artwork = make_artwork()
    assert only_state(assignment) == State.PREPARING
    fail(artwork.intake_jobs.get())
    assert only_state(assignment) == State.FAILED
    IntakeJob.objects.create(artwork=artwork)
    assert only_state(assignment) == State.PREPARING


def test_scores_are_a_draft_until_a_person_confirms(assignment, alice, student, make_scored):
    score_set = make_scored(student)
    assert only_state(assignment) == State.PROPOSED
    confirm_review(score_set.picture.artwork, alice)
    assert only_state(assignment) == State.CONFIRMED


def test_a_failed_second_scoring_keeps_the_first_draft(assignment, student, make_scored):
    picture = make_scored(student).picture
    fail(ScoringJob.objects.request(picture))
    assert only_state(assignment) == State.PROPOSED


def test_what_the_model_was_unsure_of_is_to_be_checked(
    client, alice, assignment, student, make_scored, board_url, rubric_version
):
    unsure = DimensionScore(2.5, 2, (1.0, 4.0), (0.0,) * 5, 0.9, "a", unsure=True)
    silent = DimensionScore(None, None, None, (0.0,) * 5, 0.1, "a", abstained="too dark")
    score_set = make_scored(student, realism=unsure, line_texture=silent)
    client.force_login(alice)
    assert "Check 2" in text(client.get(board_url))
    dimension = rubric_version.dimensions.get(slug="realism")
    set_level(score_set.picture.artwork, dimension, 3, alice)
    assert "Check 1" in text(client.get(board_url))


def test_a_teachers_levels_stand_before_the_models(
    assignment, alice, student, make_scored, rubric_version
):
    score_set = make_scored(student)
    set_level(score_set.picture.artwork, rubric_version.dimensions.get(slug="realism"), 5, alice)
    (tile,) = board_of(assignment).tiles
    assert tile.levels["realism"] == 5
    assert tile.levels["line_texture"] == 3
    assert list(tile.levels) == [d.slug for d in rubric_version.dimensions.all()]


def test_the_time_left_follows_the_pace_of_the_last_two_minutes(
    assignment, make_picture, make_scored
):
    for color in ("red", "green", "blue"):
        job = make_scored(None, color).job
        ScoringJob.objects.filter(pk=job.pk).update(finished_at=now() - timedelta(seconds=20))
    make_picture(None, "black")
    board = board_of(assignment)
    assert board.seconds_left == 10  # two since the first of three, in 20 s
    assert board.time_left == "about 10 s left"


# ------------------------------------------------------------------------------------ the board
def test_the_board_shows_who_and_how_far(client, alice, student, make_scored, board_url):
    make_scored(student)
    client.force_login(alice)
    page = text(client.get(board_url))
    assert 'alt="Picture by Amara B."' in page
    assert "Review 1 draft" in page
    assert "1 of 1 scored" in page
    assert "mini-radar" in page


def test_scores_of_the_demo_model_are_marked(client, alice, student, make_scored, board_url):
    make_scored(student)
    client.force_login(alice)
    assert "Demo model, not for grading" in text(client.get(board_url))


def test_an_empty_board_says_already_that_the_next_scores_are_a_demos(
    client, alice, installed, board_url
):
    client.force_login(alice)
    assert "Demo model, not for grading" in text(client.get(board_url))


def test_viewing_the_board_leaves_one_trace_and_polling_none(
    client, alice, assignment, make_artwork, board_url, progress_url
):
    make_artwork()
    client.force_login(alice)
    client.get(board_url)
    client.get(progress_url, headers=HTMX)
    seen = AuditEvent.objects.get(verb="viewed")
    assert (seen.object_code, seen.actor, seen.school) == (
        assignment.code, alice, assignment.classroom.school,
    )  # fmt: skip


def test_a_failed_picture_says_why_and_can_be_tried_again(
    client, alice, make_artwork, board_url, rung, django_capture_on_commit_callbacks
):
    artwork = make_artwork()
    fail(artwork.intake_jobs.get(), "The file ends too early.")
    client.force_login(alice)
    page = text(client.get(board_url))
    assert "The file ends too early." in page
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("grading:try-again", args=[artwork.code]))
    job = artwork.intake_jobs.order_by("pk").last()
    assert job.status == "queued"
    assert ("grading.tasks.prepare_picture", job.pk) in rung


def test_a_name_is_never_read_as_html(client, alice, student, make_scored, board_url):
    Student.objects.filter(pk=student.pk).update(display_name='"><script>alert(1)</script>')
    make_scored(student)
    client.force_login(alice)
    assert "<script>alert" not in text(client.get(board_url))


def test_the_board_has_no_inline_script_or_style(client, alice, student, make_scored, board_url):
    make_scored(student)
    client.force_login(alice)
    page = text(client.get(board_url))
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert " onclick=" not in page


# ------------------------------------------------------------------------------------- polling
def test_it_polls_while_something_is_under_way(client, alice, make_artwork, workers, progress_url):
    make_artwork()
    client.force_login(alice)
    assert "every 2s" in text(client.get(progress_url, headers=HTMX))


def test_the_server_ends_the_polling(client, alice, student, make_scored, workers, progress_url):
    make_scored(student)
    client.force_login(alice)
    page = text(client.get(progress_url, {"polling": "1"}, headers=HTMX))
    assert "every 2s" not in page
    assert "All pictures are through." in page


def test_it_polls_while_no_worker_is_alive_so_that_the_banner_goes_by_itself(
    client, alice, student, make_scored, progress_url
):
    make_scored(student)
    client.force_login(alice)
    page = text(client.get(progress_url, {"machinery": "ok"}, headers=HTMX))
    assert "every 2s" in page
    assert "No worker is running" in page


def test_the_banner_is_sent_only_when_it_changes(client, alice, assignment, progress_url):
    client.force_login(alice)
    page = text(client.get(progress_url, {"machinery": "si"}, headers=HTMX))
    assert "No worker is running" not in page


def test_an_unreachable_broker_is_said(client, alice, assignment, workers, progress_url):
    Heartbeat.objects.update(broker_seen_at=now() - timedelta(minutes=5))
    client.force_login(alice)
    assert "cannot be reached" in text(client.get(progress_url, headers=HTMX))


def test_only_what_changed_is_sent(
    client, alice, assignment, classroom, make_picture, progress_url
):
    pictures = [
        make_picture(s, c) for s, c in zip(classroom.students.all(), ("red", "green"), strict=False)
    ]
    client.force_login(alice)
    known = have(assignment)
    assert "tile-" not in text(client.get(progress_url, headers=HTMX | {"X-Have": known}))

    ScoringJob.objects.claim(pictures[0].scoring_jobs.get().pk)
    page = text(client.get(progress_url, headers=HTMX | {"X-Have": known}))
    first, second = (p.artwork.code.hex[:8] for p in pictures)
    assert f'id="tile-{first}" hx-swap-oob="true"' in page
    assert f"tile-{second}" not in page


def test_a_new_picture_is_put_in_its_place(
    client, alice, assignment, classroom, make_picture, progress_url
):
    amara, ben, chloe = classroom.students.all()
    first = make_picture(amara, "red").artwork
    make_picture(chloe, "green")
    known = have(assignment)
    new = make_picture(ben, "blue").artwork
    client.force_login(alice)
    page = text(client.get(progress_url, headers=HTMX | {"X-Have": known}))
    assert f'hx-swap-oob="afterend:#tile-{first.code.hex[:8]}"' in page
    assert f'id="tile-{new.code.hex[:8]}"' in page


def test_the_first_picture_begins_the_board(client, alice, make_picture, progress_url):
    make_picture()
    client.force_login(alice)
    assert 'hx-swap-oob="afterbegin:#tiles"' in text(client.get(progress_url, headers=HTMX))


@pytest.mark.parametrize("nonsense", ["x", "</li>" * 9, "é" * 30, "0" * 3000])
def test_nonsense_about_the_tiles_does_no_harm(client, alice, make_picture, progress_url, nonsense):
    make_picture()
    client.force_login(alice)
    response = client.get(progress_url, headers=HTMX | {"X-Have": nonsense})
    assert response.status_code == 200
    assert "</li></li>" not in text(response)


def test_the_board_of_a_class_takes_at_most_8_queries(
    client, alice, assignment, student, make_scored, django_assert_max_num_queries
):
    for color in ("red", "green", "blue", "teal"):
        make_scored(student, color)
    client.force_login(alice)
    with django_assert_max_num_queries(8):
        client.get(reverse("grading:board", args=[assignment.code]))


def test_polling_a_class_of_35_takes_at_most_9_queries(
    client, alice, assignment, classroom, make_picture, make_scored, workers, progress_url,
    django_assert_max_num_queries,
):  # fmt: skip
    for number in range(35):
        name = f"Student {number}"
        student = Student.objects.create(school=classroom.school, display_name=name)
        Enrollment.objects.create(classroom=classroom, student=student)
        make = make_scored if number % 2 else make_picture
        make(student, f"#0000{number + 10}")
    confirm_review(Artwork.objects.order_by("pk")[1], alice)
    client.force_login(alice)
    client.get(reverse("grading:board", args=[assignment.code]))
    with django_assert_max_num_queries(9):  # one asks whether the page was opened lately
        page = text(client.get(progress_url, headers=HTMX))
    assert page.count("mini-radar__shape") == 17


# -------------------------------------------------------------------------- remove, undo, replace
def test_removing_can_be_undone(client, alice, assignment, make_artwork):
    artwork = make_artwork()
    known = have(assignment)
    client.force_login(alice)
    page = text(
        client.post(reverse("grading:remove", args=[artwork.code]), {"have": known}, headers=HTMX)
    )
    assert f'id="tile-{artwork.code.hex[:8]}" hx-swap-oob="delete"' in page
    assert "Undo" in page
    assert not Artwork.objects.kept().exists()
    client.post(reverse("grading:restore", args=[artwork.code]), headers=HTMX)
    assert Artwork.objects.kept().get() == artwork


def test_without_a_script_a_removed_picture_is_put_back_from_the_board(
    client, alice, make_artwork, board_url
):
    artwork = make_artwork()
    client.force_login(alice)
    response = client.post(reverse("grading:remove", args=[artwork.code]))
    assert response["Location"] == board_url
    page = text(client.get(board_url))
    assert "is removed" in page
    assert "?removed=1" in page
    listed = text(client.get(f"{board_url}?removed=1"))
    assert reverse("grading:restore", args=[artwork.code]) in listed


def test_a_stranger_cannot_put_back_what_was_removed(client, alice, bob, make_artwork):
    artwork = make_artwork(removed_at=now())
    client.force_login(bob)
    assert client.post(reverse("grading:restore", args=[artwork.code])).status_code == 404


def test_what_came_again_in_the_meantime_is_not_put_back_twice(client, alice, make_artwork):
    artwork = make_artwork(removed_at=now())
    again = make_artwork()
    Artwork.objects.filter(pk=again.pk).update(content_sha256=artwork.content_sha256)
    client.force_login(alice)
    page = text(client.post(reverse("grading:restore", args=[artwork.code]), headers=HTMX))
    assert "which is already here" in page
    assert Artwork.objects.kept().get() == again


def test_another_photo_takes_the_place_of_a_failed_one(client, alice, student, make_artwork):
    old = make_artwork(student)
    fail(old.intake_jobs.get())
    client.force_login(alice)
    file = SimpleUploadedFile("better.jpg", jpeg("red"))
    client.post(reverse("grading:replace", args=[old.code]), {"picture": file})
    new = Artwork.objects.kept().get()
    assert (new.student, new.original_name) == (student, "better.jpg")


@pytest.mark.parametrize("files", [{}, {"picture": SimpleUploadedFile("notes.jpg", b"hello you")}])
def test_a_bad_replacement_leaves_everything_as_it_is(client, alice, make_artwork, files):
    old = make_artwork()
    fail(old.intake_jobs.get())
    client.force_login(alice)
    response = client.post(reverse("grading:replace", args=[old.code]), files, headers=HTMX)
    assert "message--error" in text(response)
    assert Artwork.objects.kept().get() == old

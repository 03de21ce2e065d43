"""An uploaded file, with all that it says of where and when, is not kept longer than it is used."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from grading import tasks
from grading.models import Artwork, IntakeJob
from grading.services.scoring import try_again


@pytest.fixture
def forget(django_capture_on_commit_callbacks):
    def forget() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            tasks.forget_originals()

    return forget


@pytest.fixture
def failed(make_artwork):
    artwork = make_artwork()
    job = IntakeJob.objects.claim(artwork.intake_jobs.get().pk)
    job.fail("The file ends too early.")
    return artwork


def older(artwork: Artwork, hours: int) -> None:
    Artwork.objects.filter(pk=artwork.pk).update(uploaded_at=now() - timedelta(hours=hours))


def files(media) -> list[str]:
    return sorted(path.name for path in (media / "originals").iterdir())


def test_a_file_that_never_became_a_picture_is_deleted_after_some_hours(failed, media, forget):
    older(failed, 71)
    forget()
    assert len(files(media)) == 1
    older(failed, 73)
    forget()
    failed.refresh_from_db()
    assert (files(media), failed.original.name) == ([], "")


def test_the_board_then_says_to_upload_it_again(client, alice, failed, assignment, forget):
    older(failed, 73)
    forget()
    client.force_login(alice)
    page = client.get(reverse("grading:board", args=[assignment.code])).content.decode()
    assert "was deleted after a while. Upload it again." in page
    assert try_again(failed, alice) is None


def test_one_that_is_tried_again_just_now_stays(failed, alice, media, forget):
    older(failed, 73)
    try_again(failed, alice)
    forget()
    assert len(files(media)) == 1


def test_one_that_still_waits_for_a_worker_stays(make_artwork, media, forget):
    older(make_artwork(), 73)
    forget()
    assert len(files(media)) == 1


def test_one_that_was_removed_before_it_was_read_is_deleted(make_artwork, media, forget):
    artwork = make_artwork(removed_at=now())
    IntakeJob.objects.all().delete()
    older(artwork, 73)
    forget()
    assert files(media) == []


def test_one_whose_worker_stopped_after_the_picture_was_made_is_deleted_at_once(
    make_picture, media, forget
):
    picture = make_picture()
    assert picture.artwork.original
    forget()
    assert files(media) == []
    assert picture.artwork.intake_jobs.count() == 1


def test_a_file_that_no_row_leads_to_is_deleted_after_some_hours(db, media, forget):
    (media / "originals").mkdir(parents=True)
    for name, hours in (("old", 73), ("young", 1)):
        path = media / "originals" / name
        path.write_bytes(b"GPS")
        moment = (now() - timedelta(hours=hours)).timestamp()
        os.utime(path, (moment, moment))
    forget()
    assert files(media) == ["young"]


def test_without_any_upload_there_is_nothing_to_do(db, forget):
    forget()

"""What a worker does with a doorbell. The model itself is tried in tests/ml and tests/flow."""

import pytest

from grading import tasks
from grading.intake.normalize import normalize
from grading.models import Artwork, DimensionScore, FeedbackDraft, IntakeJob, Picture, ScoringJob
from ml.errors import BundleError
from ml.interface import DimensionScore as Said
from ml.interface import PictureFailure, PictureScores
from tests.conftest import scores_of

SCORE = "grading.tasks.score_pictures"


class Scorer:
    """Says what it was told to say, picture by picture."""

    def __init__(self, *answers) -> None:
        self.answers = answers

    def score(self, paths):
        assert all(path.exists() for path in paths)
        return list(self.answers)


@pytest.fixture
def say(monkeypatch):
    def use(*answers):
        monkeypatch.setattr(tasks, "_scorer", lambda adapter_set, rubric: Scorer(*answers))

    return use


def test_an_upload_becomes_a_picture_and_asks_for_scores(
    make_artwork, installed, rung, media, django_capture_on_commit_callbacks
):
    artwork = make_artwork()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.prepare_picture(artwork.intake_jobs.get().pk)
    picture = Picture.objects.get()
    assert (picture.width, picture.height) == (320, 240)
    assert rung == [(SCORE, ScoringJob.objects.get(picture=picture).pk)]


def test_the_original_is_gone_once_the_picture_is_made(make_artwork, installed, media):
    artwork = make_artwork()
    tasks.prepare_picture(artwork.intake_jobs.get().pk)
    artwork.refresh_from_db()
    assert not artwork.original
    assert not list((media / "originals").iterdir())


def test_what_a_teacher_changes_while_a_picture_is_prepared_stays(
    make_artwork, installed, student, monkeypatch
):
    artwork = make_artwork()

    def matched_meanwhile(*args):
        Artwork.objects.filter(pk=artwork.pk).update(student=student)
        return normalize(*args)

    monkeypatch.setattr(tasks, "normalize", matched_meanwhile)
    tasks.prepare_picture(artwork.intake_jobs.get().pk)
    artwork.refresh_from_db()
    assert (artwork.student, artwork.original.name) == (student, "")


def test_a_picture_prepared_twice_is_one_picture(make_artwork, installed):
    job = make_artwork().intake_jobs.get()
    tasks.prepare_picture(job.pk)
    tasks.prepare_picture(job.pk)
    assert Picture.objects.count() == 1


def test_a_file_that_cannot_be_read_fails_with_a_sentence_and_stays(make_artwork, media):
    artwork = make_artwork()
    artwork.original.storage.delete(artwork.original.name)
    artwork.original.save("x", tasks.File(__import__("io").BytesIO(b"\xff\xd8\xff\xe0 not much")))
    job = artwork.intake_jobs.get()
    tasks.prepare_picture(job.pk)
    job.refresh_from_db()
    artwork.refresh_from_db()
    assert job.status == IntakeJob.Status.FAILED
    assert job.error.endswith(".")
    assert artwork.original


def test_a_vanished_file_fails_with_a_sentence(make_artwork):
    artwork = make_artwork()
    artwork.original.storage.delete(artwork.original.name)
    job = artwork.intake_jobs.get()
    with pytest.raises(FileNotFoundError):
        tasks.prepare_picture(job.pk)
    job.refresh_from_db()
    assert "Upload it again" in job.error


def test_without_a_model_the_picture_waits_until_the_sweep_finds_one(
    make_artwork, rubric_version, request, rung, monkeypatch
):
    tasks.prepare_picture(make_artwork().intake_jobs.get().pk)
    assert not ScoringJob.objects.exists()
    request.getfixturevalue("installed")
    monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
    tasks.sweep()
    assert rung == [(SCORE, ScoringJob.objects.get().pk)]


def test_scores_and_a_feedback_draft_are_recorded_together(make_picture, rubric_version, say):
    job = make_picture().scoring_jobs.get()
    say(scores_of(rubric_version, 4))
    tasks.score_pictures(job.pk)
    assert DimensionScore.objects.filter(score_set__job=job, level=4).count() == 9
    draft = FeedbackDraft.objects.get(score_set__job=job)
    assert draft.origin == FeedbackDraft.Origin.COMPOSED
    assert draft.strength and draft.next_step


def test_a_doorbell_rung_twice_scores_once(make_picture, rubric_version, say):
    job = make_picture().scoring_jobs.get()
    say(scores_of(rubric_version))
    tasks.score_pictures(job.pk)
    tasks.score_pictures(job.pk)
    assert DimensionScore.objects.count() == 9


def test_one_bad_picture_does_not_spoil_the_batch(make_picture, rubric_version, say):
    good, bad = (make_picture(color=c).scoring_jobs.get() for c in ("red", "blue"))
    say(scores_of(rubric_version), PictureFailure("This picture cannot be read."))
    tasks.score_pictures(good.pk)
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.status, bad.status) == ("succeeded", "failed")
    assert bad.error == "This picture cannot be read."


def test_a_model_that_cannot_be_loaded_is_said_in_a_teachers_words(make_picture, monkeypatch):
    job = make_picture().scoring_jobs.get()

    def refuse(adapter_set, rubric):
        raise BundleError("hash does not match")

    monkeypatch.setattr(tasks, "_scorer", refuse)
    with pytest.raises(BundleError):
        tasks.score_pictures(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "model could not be loaded" in job.error


def test_an_abstention_is_kept_as_a_reason_and_never_as_a_level(make_picture, rubric_version, say):
    job = make_picture().scoring_jobs.get()
    blank = Said(None, None, None, (), None, "realism 1", abstained="The page is blank.")
    say(PictureScores({d.slug: blank for d in rubric_version.dimensions.all()}))
    tasks.score_pictures(job.pk)
    assert set(DimensionScore.objects.values_list("level", "abstained")) == {
        (None, "The page is blank.")
    }
    assert not FeedbackDraft.objects.exists()


class TestSweep:
    @pytest.fixture(autouse=True)
    def _empty_queues(self, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 0)

    def test_it_rings_for_rows_that_a_broker_forgot(self, make_artwork, rung):
        job = make_artwork().intake_jobs.get()
        tasks.sweep()
        assert rung == [("grading.tasks.prepare_picture", job.pk)]

    def test_it_leaves_rows_alone_whose_messages_still_wait(self, make_artwork, rung, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 5)
        make_artwork()
        tasks.sweep()
        assert rung == []

    def test_it_rings_for_a_job_whose_worker_died(self, make_picture, rung, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 5)
        job = make_picture().scoring_jobs.get()
        ScoringJob.objects.claim(job.pk)
        tasks.sweep()
        assert rung == []  # its lease is good
        ScoringJob.objects.update(lease_until="2020-01-01T00:00Z")
        tasks.sweep()
        assert rung == [(SCORE, job.pk)]

    def test_it_gives_up_a_picture_that_kills_every_worker(self, make_picture, rung, settings):
        job = make_picture().scoring_jobs.get()
        ScoringJob.objects.update(
            status="running",
            attempt=settings.JOB_MAX_ATTEMPTS,
            lease_until="2020-01-01T00:00Z",
        )
        tasks.sweep()
        job.refresh_from_db()
        assert job.status == "failed"
        assert "Replace it" in job.error
        assert rung == []

    def test_it_starts_an_upload_whose_job_was_never_made(self, make_artwork, rung):
        artwork = make_artwork()
        IntakeJob.objects.all().delete()
        tasks.sweep()
        assert rung == [("grading.tasks.prepare_picture", artwork.intake_jobs.get().pk)]

    def test_it_leaves_removed_artworks_alone(self, make_artwork, rung):
        make_artwork(removed_at="2026-01-01T00:00Z")
        IntakeJob.objects.all().delete()
        tasks.sweep()
        assert rung == []
        assert Artwork.objects.count() == 1

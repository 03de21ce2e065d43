"""A model that writes adds its words when no picture waits for scores, and nobody waits for it."""

from __future__ import annotations

import dataclasses

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from grading import tasks
from grading.models import AdapterSet, Artwork, FeedbackDraft, FeedbackJob, ReviewDraft
from grading.services.annotations import confirm_review, newest_proposal, set_words
from grading.services.review import for_picture_page, picture_page
from grading.services.training import install_bundle
from ml.feedback import Feedback
from ml.profiles import read_base_profile, write_profile
from tests.conftest import scores_of

WRITE = "grading.tasks.write_feedback"


@dataclasses.dataclass
class Words:
    """What ``ml.writer`` answers, without loading it."""

    feedback: Feedback = Feedback("The roofs glow.", "Try blue shadows.")
    origin: str = "written"
    reason: str = ""
    seed: int = 7


class Writer:
    def __init__(self, *answers) -> None:
        self.answers, self.asked = answers, []

    def write(self, requests):
        self.asked.append(requests)
        return list(self.answers) or [Words() for _request in requests]


@pytest.fixture
def scored(make_picture, rubric_version, monkeypatch):
    """Scores a picture with a base model that can write; returns the job that has it write."""
    monkeypatch.setattr(tasks, "can_write", lambda adapter_set: True)

    class Scorer:
        def score(self, paths):
            return [scores_of(rubric_version, 4) for _path in paths]

    monkeypatch.setattr(tasks, "_scorer", lambda adapter_set, rubric: Scorer())

    def make(student=None, color="teal") -> FeedbackJob:
        picture = make_picture(student, color)
        tasks.score_pictures(picture.scoring_jobs.get().pk)
        return FeedbackJob.objects.get(score_set__picture=picture)

    return make


@pytest.fixture
def job(scored, student) -> FeedbackJob:
    return scored(student)


@pytest.fixture
def use(monkeypatch):
    def use_writer(writer) -> Writer:
        monkeypatch.setattr(tasks, "_writer", lambda adapter_set: writer)
        return writer

    return use_writer


@pytest.fixture
def writer(use) -> Writer:
    return use(Writer())


def drafts_of(job: FeedbackJob) -> list[tuple[str, str]]:
    return list(job.score_set.feedback_drafts.values_list("origin", "strength"))


class TestTheFirstDraft:
    def test_words_stand_at_once_and_a_job_is_rung_for_on_commit(
        self, scored, rung, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            job = scored()
        draft = FeedbackDraft.objects.get(score_set=job.score_set)
        assert (draft.origin, draft.seed, draft.job) == ("composed", job.score_set.picture_id, None)
        assert rung == [(WRITE, job.pk)]

    def test_a_model_that_does_not_write_is_not_asked(self, scored, monkeypatch):
        monkeypatch.setattr(tasks, "can_write", lambda adapter_set: False)
        with pytest.raises(FeedbackJob.DoesNotExist):
            scored()
        assert FeedbackDraft.objects.get().origin == "composed"

    @pytest.mark.parametrize("writes", [True, False])
    def test_whether_a_model_writes_is_read_beside_it(self, installed, tmp_path, writes):
        profile = read_base_profile(settings.DEMO_MODEL_DIR / "base")
        write_profile(dataclasses.replace(profile, writes=writes), tmp_path)
        adapter_set = AdapterSet.objects.in_use(installed[0].dimension.version)
        adapter_set.base.path = str(tmp_path)
        assert tasks.can_write(adapter_set) is writes

    def test_a_model_whose_folder_has_gone_does_not_write(self, installed):
        adapter_set = AdapterSet.objects.in_use(installed[0].dimension.version)
        assert tasks.can_write(adapter_set) is False


class TestWriting:
    def test_written_words_are_kept_with_their_origin_and_seed(self, job, writer):
        tasks.write_feedback(job.pk)
        draft = job.score_set.feedback_drafts.last()
        assert (draft.job, draft.origin, draft.seed, draft.note) == (job, "written", 7, "")
        assert (draft.strength, draft.next_step) == ("The roofs glow.", "Try blue shadows.")
        job.refresh_from_db()
        assert job.status == FeedbackJob.Status.SUCCEEDED

    def test_the_composed_words_are_never_changed(self, job, writer):
        first = job.score_set.feedback_drafts.get()
        tasks.write_feedback(job.pk)
        assert job.score_set.feedback_drafts.first().strength == first.strength

    def test_the_model_that_scored_is_the_one_that_writes(
        self, rubric_version, make_picture, monkeypatch
    ):
        """The real demo model, asked although it does not write: it says so."""
        install_bundle(settings.DEMO_MODEL_DIR, rubric_version, by=None, why="test")
        monkeypatch.setattr(tasks, "can_write", lambda adapter_set: True)
        tasks.score_pictures(make_picture().scoring_jobs.get().pk)
        tasks.write_feedback(FeedbackJob.objects.get().pk)
        first, second = FeedbackDraft.objects.all()
        assert (second.origin, second.note) == ("composed", "the model does not write")
        assert (second.strength, second.seed) == (first.strength, first.seed)

    def test_words_that_were_composed_instead_say_why(self, job, use):
        use(Writer(Words(origin="composed", reason="a number")))
        tasks.write_feedback(job.pk)
        draft = job.score_set.feedback_drafts.last()
        assert (draft.origin, draft.note) == ("composed", "a number")

    def test_the_model_is_told_about_the_picture_and_never_by_whom_it_is(
        self, job, writer, assignment
    ):
        assignment.task = "Draw what you pass."
        assignment.save()
        tasks.write_feedback(job.pk)
        [[request]] = writer.asked
        assert request.picture.name.endswith(".jpg")
        assert set(request.levels.values()) == {4}
        assert (request.title, request.task, request.grade) == (
            "Our street", "Draw what you pass.", 3,
        )  # fmt: skip
        assert request.names == ("Amara B.", "Amara")
        assert request.seed == job.score_set.picture_id

    def test_a_doorbell_rung_twice_writes_once(self, job, writer):
        tasks.write_feedback(job.pk)
        tasks.write_feedback(job.pk)
        assert len(writer.asked) == 1
        assert job.score_set.feedback_drafts.count() == 2

    def test_a_class_is_written_in_one_batch(self, scored, writer):
        jobs = [scored(color=color) for color in ("red", "green", "blue")]
        for job in jobs:
            tasks.write_feedback(job.pk)
        assert [len(batch) for batch in writer.asked] == [3]

    def test_a_batch_is_no_larger_than_the_setting(self, scored, writer, settings):
        settings.FEEDBACK_BATCH = 2
        jobs = [scored(color=color) for color in ("red", "green", "blue")]
        tasks.write_feedback(jobs[0].pk)
        assert [len(batch) for batch in writer.asked] == [2]

    def test_a_worker_that_lost_its_lease_writes_nothing(self, job, use):
        class Slow(Writer):
            def write(self, requests):
                FeedbackJob.objects.update(attempt=2)  # another worker has taken the job over
                return [Words()]

        use(Slow())
        tasks.write_feedback(job.pk)
        assert job.score_set.feedback_drafts.count() == 1

    def test_the_database_refuses_a_second_open_job(self, job):
        with pytest.raises(IntegrityError), transaction.atomic():
            FeedbackJob.objects.create(score_set=job.score_set)

    def test_the_database_refuses_a_second_first_draft(self, job):
        with pytest.raises(IntegrityError), transaction.atomic():
            FeedbackDraft.objects.create(score_set=job.score_set, origin="composed")


class TestScoringGoesFirst:
    def test_while_a_picture_waits_for_scores_nothing_is_written(self, job, writer, make_picture):
        waiting = make_picture(color="red").scoring_jobs.get()
        tasks.write_feedback(job.pk)
        job.refresh_from_db()
        assert (writer.asked, job.status, job.attempt) == ([], "queued", 0)
        tasks.score_pictures(waiting.pk)
        tasks.write_feedback(job.pk)
        assert len(writer.asked) == 1

    def test_while_a_picture_is_prepared_nothing_is_written(self, job, writer, make_artwork):
        make_artwork(color="red")
        tasks.write_feedback(job.pk)
        assert writer.asked == []

    def test_the_sweep_rings_again_for_what_stood_back(self, job, rung, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 0)
        tasks.sweep()
        assert rung == [(WRITE, job.pk)]

    def test_the_sweep_rings_for_scores_first(self, job, rung, make_picture, monkeypatch):
        waiting = make_picture(color="red").scoring_jobs.get()
        queued = "grading.tasks.score_pictures"
        monkeypatch.setattr(
            tasks, "_messages_in", lambda queue: sum(name == queued for name, _pk in rung)
        )
        tasks.sweep()
        assert rung == [(queued, waiting.pk)]

    def test_the_sweep_rings_for_a_job_whose_worker_died(self, job, rung, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 5)
        FeedbackJob.objects.claim(job.pk)
        FeedbackJob.objects.update(lease_until="2020-01-01T00:00Z")
        tasks.sweep()
        assert rung == [(WRITE, job.pk)]

    def test_both_go_to_the_worker_that_has_the_model(self):
        routes = settings.CELERY_TASK_ROUTES
        assert routes[WRITE] == routes["grading.tasks.score_pictures"] == {"queue": "gpu"}


class TestFailure:
    def test_it_leaves_the_composed_words_and_a_failed_job_that_says_so(self, job, use):
        class Broken:
            def write(self, requests):
                raise RuntimeError("CUDA error")

        use(Broken())
        before = drafts_of(job)
        with pytest.raises(RuntimeError):
            tasks.write_feedback(job.pk)
        job.refresh_from_db()
        assert job.status == FeedbackJob.Status.FAILED
        assert "composed words stand" in job.error
        assert drafts_of(job) == before

    def test_the_picture_stays_ready_for_review(self, job, alice, use):
        FeedbackJob.objects.claim(job.pk).fail("It stopped.")
        assert str(page_of(job, alice).state) == "proposed"

    def test_an_administrator_sees_it(self, job, admin_client):
        FeedbackJob.objects.claim(job.pk).fail("It stopped.")
        assert (
            "It stopped."
            in admin_client.get(reverse("admin:grading_feedbackjob_changelist")).content.decode()
        )


def page_of(job: FeedbackJob, user):
    artworks = Artwork.objects.for_user(user).filter(pk=job.score_set.picture.artwork_id)
    return picture_page(for_picture_page(artworks).first())


class TestWhatTheTeacherSees:
    def test_the_newest_words_are_proposed(self, job, alice, writer):
        tasks.write_feedback(job.pk)
        page = page_of(job, alice)
        assert page.words.strength == "The roofs glow."
        assert page.proposed_words.origin == "written"
        assert not page.words_are_edited
        assert len(page.rows) == 9

    def test_words_that_were_begun_before_the_model_wrote_are_kept(self, job, alice, writer):
        artwork = job.score_set.picture.artwork
        begun_with = page_of(job, alice).words.mark
        tasks.write_feedback(job.pk)
        set_words(artwork, "Mine.", "Also mine.", alice, begun_with)
        assert page_of(job, alice).words.strength == "Mine."
        assert page_of(job, alice).words_are_edited

    def test_words_of_the_teacher_are_not_replaced(self, job, alice, writer):
        set_words(job.score_set.picture.artwork, "Mine.", "Also mine.", alice)
        tasks.write_feedback(job.pk)
        assert page_of(job, alice).words.strength == "Mine."
        assert ReviewDraft.objects.get().strength == "Mine."

    def test_what_is_confirmed_is_what_was_on_the_page(self, job, alice, writer):
        """The page sends its words along; the model wrote others while it was open."""
        artwork = job.score_set.picture.artwork
        seen = page_of(job, alice).words
        composed = job.score_set.feedback_drafts.get()
        tasks.write_feedback(job.pk)
        set_words(artwork, seen.strength, seen.next_step, alice, seen.mark)
        review = confirm_review(artwork, alice)
        assert (review.strength, review.feedback_draft) == (seen.strength, composed)
        page = page_of(job, alice)
        assert page.proposed_words == composed
        assert not page.words_are_edited

    def test_written_words_are_confirmed_as_such(self, job, alice, writer):
        tasks.write_feedback(job.pk)
        review = confirm_review(job.score_set.picture.artwork, alice)
        assert review.strength == "The roofs glow."
        assert review.feedback_draft.origin == "written"

    def test_the_newest_draft_is_the_proposal(self, job, writer):
        tasks.write_feedback(job.pk)
        assert newest_proposal(job.score_set.picture.artwork).feedback.origin == "written"

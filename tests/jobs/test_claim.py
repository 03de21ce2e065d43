"""One job is worked on by one worker, finished once, and survives the worker that had it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from grading import tasks
from grading.models import AdapterSet, DimensionScore, ScoreSet, ScoringJob
from tests.conftest import scores_of


@pytest.fixture
def job(make_picture) -> ScoringJob:
    return make_picture().scoring_jobs.get()


def record(job: ScoringJob, level: int = 3) -> ScoreSet | None:
    version = job.adapter_set.rubric_version
    dimensions = {d.slug: d for d in version.dimensions.all()}
    return job.succeed(scores_of(version, level), dimensions, {})


def lose(job: ScoringJob) -> None:
    ScoringJob.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))


def test_only_the_first_worker_gets_the_job(job):
    assert ScoringJob.objects.claim(job.pk).attempt == 1
    assert ScoringJob.objects.claim(job.pk) is None


def test_a_lost_job_is_claimed_again_as_a_new_attempt(job):
    ScoringJob.objects.claim(job.pk)
    lose(job)
    assert ScoringJob.objects.claim(job.pk).attempt == 2


def test_a_worker_that_lost_its_lease_cannot_write(job):
    slow = ScoringJob.objects.claim(job.pk)
    lose(job)
    fast = ScoringJob.objects.claim(job.pk)
    assert record(slow, level=1) is None
    assert slow.fail("late") is False
    assert record(fast, level=4) is not None
    assert ScoreSet.objects.count() == 1
    assert set(DimensionScore.objects.values_list("level", flat=True)) == {4}


def test_a_renewed_lease_keeps_the_job(job):
    mine = ScoringJob.objects.claim(job.pk)
    lose(job)
    ScoringJob.objects.renew([mine])
    assert ScoringJob.objects.claim(job.pk) is None


def test_a_frozen_worker_that_wakes_cannot_renew_what_another_took_over(job):
    slow = ScoringJob.objects.claim(job.pk)
    lose(job)
    fast = ScoringJob.objects.claim(job.pk)
    lose(job)
    ScoringJob.objects.renew([slow])
    fast.refresh_from_db()
    assert fast.lease_until < now()


def test_a_finished_job_is_never_claimed_again(job):
    record(ScoringJob.objects.claim(job.pk))
    assert ScoringJob.objects.claim(job.pk) is None


def test_the_database_refuses_a_second_open_job(job):
    with pytest.raises(IntegrityError), transaction.atomic():
        ScoringJob.objects.create(picture=job.picture, adapter_set=job.adapter_set)


def test_asking_twice_gives_the_same_open_job(job):
    assert ScoringJob.objects.request(job.picture) == job


def test_a_batch_takes_waiting_jobs_of_the_same_model_only(make_picture, installed):
    first, second = (make_picture(color=c).scoring_jobs.get() for c in ("red", "blue"))
    other_set = AdapterSet.objects.create(
        base=installed[0].base, rubric_version=installed[0].dimension.version, digest="x"
    )
    third = make_picture(color="green").scoring_jobs.get()
    ScoringJob.objects.filter(pk=third.pk).update(adapter_set=other_set)
    assert ScoringJob.objects.claim_batch(first.pk, limit=8) == [first, second]


def test_a_batch_is_no_larger_than_asked_for(make_picture):
    jobs = [make_picture(color=c).scoring_jobs.get() for c in ("red", "blue", "green")]
    assert len(ScoringJob.objects.claim_batch(jobs[0].pk, limit=2)) == 2


def test_a_job_on_its_second_attempt_is_scored_alone(make_picture):
    poisoned = make_picture(color="red").scoring_jobs.get()
    ScoringJob.objects.claim(poisoned.pk)
    lose(poisoned)
    make_picture(color="blue")
    assert ScoringJob.objects.claim_batch(poisoned.pk, limit=8) == [poisoned]


def test_nobody_claims_a_job_that_failed_too_often(job, settings):
    for _attempt in range(settings.JOB_MAX_ATTEMPTS):
        assert ScoringJob.objects.claim(job.pk)
        lose(job)
    assert ScoringJob.objects.claim(job.pk) is None


def test_the_lease_is_renewed_while_the_work_takes_long(settings, transactional_db, job):
    settings.JOB_LEASE_S = 0.6
    mine = ScoringJob.objects.claim(job.pk)
    first_lease = mine.lease_until
    with tasks.lease_kept([mine]):
        import time

        time.sleep(0.5)
        mine.refresh_from_db()
    assert mine.lease_until > first_lease

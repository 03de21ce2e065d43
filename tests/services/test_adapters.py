"""Which adapters score, since when, and by whose decision."""

import pytest

from grading.models import (
    AdapterSet,
    AdapterVersion,
    AuditEvent,
    BaseModel,
    FrozenError,
    Promotion,
    ScoringJob,
)
from grading.services.training import promote_adapter


@pytest.fixture
def better(installed) -> AdapterVersion:
    old = installed[0]
    return AdapterVersion.objects.create(
        base=old.base, dimension=old.dimension, number=2, path="nowhere", sha256="b" * 64
    )


def test_the_newest_promotion_of_each_dimension_is_in_use(installed, better, rubric_version):
    before = AdapterSet.objects.in_use(rubric_version)
    assert set(before.adapters.all()) == set(installed)
    Promotion.objects.create(adapter=better, why="better")
    after = AdapterSet.objects.in_use(rubric_version)
    assert set(after.adapters.all()) == {better, *installed[1:]}


def test_rolling_back_is_one_more_promotion_and_the_same_set_again(
    installed, better, rubric_version
):
    before = AdapterSet.objects.in_use(rubric_version)
    Promotion.objects.create(adapter=better, why="better")
    Promotion.objects.create(adapter=installed[0], why="was not better")
    assert AdapterSet.objects.in_use(rubric_version) == before


def test_waiting_work_takes_the_promoted_adapter_and_finished_work_keeps_its_own(
    make_scored, make_picture, better, alice
):
    scored = make_scored()
    waiting = make_picture(color="red").scoring_jobs.get()
    promote_adapter(better, alice, "better on the gold set")
    waiting.refresh_from_db()
    scored.job.refresh_from_db()
    assert better in waiting.adapter_set.adapters.all()
    assert better not in scored.job.adapter_set.adapters.all()


def test_a_promotion_says_who_and_why(better, alice):
    promote_adapter(better, alice, "better on the gold set")
    event = AuditEvent.objects.get(verb="promoted")
    assert (event.actor, event.detail) == (alice, {"why": "better on the gold set"})


def test_adapters_of_another_base_model_stand_aside(installed, rubric_version):
    other = BaseModel.objects.create(name="7B", path="x", sha256="7" * 64)
    realism = installed[0].dimension
    new = AdapterVersion.objects.create(
        base=other, dimension=realism, number=1, path="x", sha256="c" * 64
    )
    Promotion.objects.create(adapter=new, why="larger")
    in_use = AdapterSet.objects.in_use(rubric_version)
    assert (in_use.base, list(in_use.adapters.all())) == (other, [new])


def test_without_any_model_nothing_is_in_use(rubric_version):
    assert AdapterSet.objects.in_use(rubric_version) is None


def test_what_a_job_was_scored_by_is_pinned_when_it_is_made(make_picture, rubric_version):
    job = make_picture().scoring_jobs.get()
    assert job.adapter_set == AdapterSet.objects.in_use(rubric_version)


@pytest.mark.parametrize("change", ["save", "update", "bulk_update"])
def test_a_record_is_never_changed(make_scored, change):
    score = make_scored().scores.first()
    score.level = 5
    with pytest.raises(FrozenError):
        if change == "save":
            score.save()
        elif change == "update":
            type(score).objects.update(level=5)
        else:
            type(score).objects.bulk_update([score], ["level"])


def test_asking_again_scores_the_newest_picture_once_more(make_scored, alice):
    from grading.services.scoring import request_scoring, try_again

    picture = make_scored().picture
    assert try_again(picture.artwork, alice) is None  # nothing failed
    job = request_scoring(picture)
    claimed = ScoringJob.objects.claim(job.pk)
    claimed.fail("stopped")
    again = try_again(picture.artwork, alice)
    assert again.pk != job.pk
    assert again.status == "queued"

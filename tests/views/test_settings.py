"""What an administrator decides for a school, and who decided it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from grading.models import (
    AuditEvent,
    FeedbackJob,
    School,
    ScoringJob,
    Student,
    consenting_students,
)

ON = {"scoring_on": "on", "drafts_on": "on"}
SENT = {**ON, "blind_percent": "0", "kept_days": "365"}


@pytest.fixture
def url(school) -> str:
    return reverse("grading:school-settings", args=[school.code])


@pytest.fixture
def signed_in(client, administrator):
    client.force_login(administrator)
    return client


def text(response) -> str:
    return " ".join(response.content.decode().split())


def opened(school: School) -> dict[str, str]:
    names = ("scoring_on", "drafts_on", "training_on", "blind_percent", "kept_days")
    return {f"opened-{name}": str(getattr(school, name)) for name in names} | {
        "opened-minutes_before": "None",
        "opened-minutes_measured": "False",
    }


def test_each_switch_says_what_happens_without_it(signed_in, url):
    page = text(signed_in.get(url))
    assert page.count("Switched off,") == 3
    assert "Nobody has changed a setting yet" in page


def test_switching_off_stops_what_waits_at_once(signed_in, url, make_picture, student):
    job = make_picture(student).scoring_jobs.get()
    response = signed_in.post(url, {**SENT, "scoring_on": ""}, follow=True)
    job.refresh_from_db()
    assert (job.status, job.error) == (
        "failed",
        "Your school has switched off that a model proposes levels.",
    )
    assert job.finished_at
    page = text(response)
    assert "A model proposes levels</b>: switched off" in page
    assert "(1 waiting job stopped)" in page
    assert "Adam" in page


def test_switching_off_at_one_school_stops_nothing_at_another(
    signed_in, url, school, make_picture, student
):
    job = make_picture(student).scoring_jobs.get()
    other = School.objects.create(name="Hillside")
    assert ScoringJob.objects.stop(other) == 0
    assert FeedbackJob.objects.stop(other) == 0
    job.refresh_from_db()
    assert job.status == "queued"


def test_words_that_wait_to_be_written_are_stopped_too(signed_in, url, make_scored, student):
    job = FeedbackJob.objects.create(score_set=make_scored(student))
    signed_in.post(url, {**SENT, "drafts_on": ""})
    job.refresh_from_db()
    assert job.status == "failed"
    assert School.objects.get().scoring_on


def test_a_change_leaves_a_trace_without_anybodys_name(signed_in, url, school):
    signed_in.post(url, {**SENT, "training_on": "on"})
    event = AuditEvent.objects.get(verb=AuditEvent.Verb.CHANGED)
    assert event.detail == {"training_on": "True"}
    assert (event.school, event.object_code) == (school, school.code)


def test_saved_without_a_change_leaves_none(signed_in, url):
    signed_in.post(url, SENT)
    assert not AuditEvent.objects.filter(verb=AuditEvent.Verb.CHANGED).exists()


def test_what_somebody_else_has_switched_meanwhile_stays_switched(signed_in, url, school):
    """Two pages are open; each changes something else."""
    before = opened(school)
    signed_in.post(url, {**SENT, **before, "scoring_on": ""})
    signed_in.post(url, {**SENT, **before, "kept_days": "90"})  # its page still shows it as on
    school.refresh_from_db()
    assert (school.scoring_on, school.kept_days) == (False, 90)


def test_only_what_was_changed_is_saved(signed_in, url, school):
    signed_in.post(url, {**SENT, **opened(school), "minutes_before": "4.5"})
    school.refresh_from_db()
    assert school.minutes_before == Decimal("4.5")
    assert AuditEvent.objects.get(verb="changed").detail == {"minutes_before": "4.5"}


@pytest.mark.parametrize("days", ["29", "3651", "", "some"])
def test_nonsense_is_refused_and_nothing_typed_is_lost(signed_in, url, school, days):
    response = signed_in.post(url, {**SENT, "kept_days": days, "blind_percent": "7"})
    assert response.status_code == 422
    assert 'value="7"' in text(response)
    school.refresh_from_db()
    assert (school.kept_days, school.blind_percent) == (365, 0)


def test_a_new_school_starts_without_drafts_and_without_training(db):
    school = School.objects.create(name="New")
    assert (school.scoring_on, school.drafts_on, school.training_on) == (True, False, False)


def test_without_the_switch_no_student_may_be_learned_from(signed_in, url, school, student, alice):
    student.consents.create(given=True, source="paper", recorded_by=alice)
    assert not consenting_students().exists()
    signed_in.post(url, {**SENT, "training_on": "on"})
    assert list(consenting_students()) == [Student.objects.get(pk=student.pk)]


def test_the_trail_of_another_school_is_not_shown(signed_in, url, bob):
    other = School.objects.get(name="Hillside")
    AuditEvent.objects.create(
        actor=bob, verb="changed", school=other, object_kind="school", object_code=other.code,
        detail={"scoring_on": "False"},
    )  # fmt: skip
    assert "Nobody has changed a setting yet" in text(signed_in.get(url))


def test_a_shorter_time_that_lets_works_go_tonight_says_so(signed_in, url, year, decide, student):
    decide(student)
    year.starts_on, year.ends_on = (
        localdate() - timedelta(days=300),
        localdate() - timedelta(days=60),
    )
    year.save()
    warning = "Works past their time go tonight"
    assert warning not in text(signed_in.post(url, {**SENT, "kept_days": "90"}, follow=True))
    assert warning in text(signed_in.post(url, {**SENT, "kept_days": "30"}, follow=True))

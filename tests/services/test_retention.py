"""Work is kept for some time after its school year has ended, and then it goes."""

from __future__ import annotations

import os
import time
import uuid
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils.timezone import localdate

from grading import tasks
from grading.models import (
    Artwork,
    Assignment,
    AuditEvent,
    Classroom,
    DoomedFile,
    Enrollment,
    ErasureReceipt,
    Picture,
    Student,
)
from grading.services import retention
from grading.services.retention import apply_retention, doom_unled_files, goes_on, plan_of
from grading.services.rights import NOBODY, erase_again, lift_hold, place_hold

TODAY = localdate()


def ended(days_ago: int, year):
    """Let a year have ended so many days ago."""
    year.ends_on = TODAY - timedelta(days=days_ago)
    year.starts_on = year.ends_on - timedelta(days=300)
    year.save()
    return year


@pytest.fixture
def due(year, school):
    return ended(school.kept_days + 1, year)


@pytest.fixture
def this_year(school, alice, rubric_version) -> Assignment:
    """Another class, of a year that goes on."""
    year = school.years.create(
        name="now", starts_on=TODAY - timedelta(days=9), ends_on=TODAY + timedelta(days=300)
    )
    classroom = Classroom.objects.create(school=school, name="4B", year=year)
    classroom.teachers.add(alice)
    return classroom.assignments.create(rubric_version=rubric_version, title="New", made_on=TODAY)


@pytest.mark.parametrize(("days_ago", "goes"), [(365, False), (366, True), (400, True)])
def test_works_go_once_the_days_are_over(decide, student, year, school, days_ago, goes):
    decide(student)
    ended(days_ago, year)
    apply_retention(school)
    assert Artwork.objects.exists() != goes
    assert (goes_on(year) <= TODAY) == goes


def test_the_students_stay_as_long_as_they_are_at_the_school(decide, student, due, school):
    decide(student)
    done = apply_retention(school)
    assert Student.objects.filter(pk=student.pk).exists()
    assert Enrollment.objects.filter(student=student).exists()
    (receipt,) = done.receipts
    assert (receipt.student_code, receipt.year_name) == (student.code, "2026/27")
    assert (receipt.reason, receipt.by) == ("retention", None)
    assert receipt.counts["artwork"] == 1 and receipt.counts["files"] == 4
    assert "student" not in receipt.counts


def test_a_second_run_does_nothing(decide, student, due, school):
    decide(student)
    apply_retention(school)
    assert apply_retention(school).receipts == []
    assert ErasureReceipt.objects.count() == 1


def test_works_of_another_year_stay(decide, student, due, this_year, make_picture, school):
    decide(student)
    kept = make_picture(student, "gold", assignment=this_year).artwork
    apply_retention(school)
    assert list(Artwork.objects.all()) == [kept]


def test_removed_and_unmatched_works_go_as_well(due, make_picture, student, school):
    removed = make_picture(student, removed_at="2026-01-01T00:00Z").artwork
    nobodys = make_picture(None, "gold").artwork
    codes = {r.student_code for r in apply_retention(school).receipts}
    assert not Artwork.objects.filter(pk__in=[removed.pk, nobodys.pk]).exists()
    assert codes == {student.code, NOBODY}


def test_a_student_who_left_long_ago_and_has_nothing_else_goes_as_a_whole(
    decide, student, due, school
):
    decide(student)
    Student.objects.filter(pk=student.pk).update(left_on=TODAY - timedelta(days=400))
    (receipt,) = apply_retention(school).receipts
    assert not Student.objects.filter(pk=student.pk).exists()
    assert (receipt.student_code, receipt.year_name) == (student.code, "")


def test_a_student_who_left_lately_stays(student, due, school):
    Student.objects.filter(pk=student.pk).update(left_on=TODAY - timedelta(days=300))
    assert apply_retention(school).receipts == []


def test_a_student_who_left_and_has_work_that_is_still_kept_stays(
    student, due, this_year, make_picture, school
):
    make_picture(student, assignment=this_year)
    Student.objects.filter(pk=student.pk).update(left_on=TODAY - timedelta(days=400))
    assert apply_retention(school).receipts == []
    assert Student.objects.filter(pk=student.pk).exists()


def test_a_hold_on_the_year_keeps_all_of_it(decide, student, due, school, administrator):
    decide(student)
    hold = place_hold(due, "an inspection", administrator, uuid.uuid4())
    done = apply_retention(school)
    assert (done.receipts, done.held) == ([], 1)
    assert Artwork.objects.exists()
    lift_hold(hold, administrator)
    assert len(apply_retention(school).receipts) == 1


def test_a_hold_on_one_student_keeps_that_students_work(
    decide, student, due, school, administrator
):
    decide(student)
    other = Student.objects.get(display_name="Ben T.")
    decide(other, title="Another")
    place_hold(student, "a dispute", administrator, uuid.uuid4())
    assert [r.student_code for r in apply_retention(school).receipts] == [other.code]
    assert list(Artwork.objects.values_list("student", flat=True)) == [student.pk]


def test_of_who_left_a_held_year_stays_and_the_others_go(
    decide, student, due, make_picture, rubric_version, school, administrator
):
    """As the dry run says of each year."""
    decide(student)
    older = school.years.create(
        name="older", starts_on=due.starts_on - timedelta(days=400),
        ends_on=due.starts_on - timedelta(days=40),
    )  # fmt: skip
    room = Classroom.objects.create(school=school, name="2B", year=older)
    held = room.assignments.create(rubric_version=rubric_version, title="Held", made_on=TODAY)
    kept = make_picture(student, "gold", assignment=held).artwork
    Student.objects.filter(pk=student.pk).update(left_on=TODAY - timedelta(days=400))
    place_hold(older, "an inspection", administrator, uuid.uuid4())
    assert [plan.year for plan in plan_of(school) if plan.goes_now] == [due]
    (receipt,) = apply_retention(school).receipts
    assert receipt.year_name == due.name
    assert list(Artwork.objects.all()) == [kept]


def test_another_school_keeps_what_it_wants(decide, student, due, bob):
    decide(student)
    apply_retention(bob.memberships.get().school)
    assert Artwork.objects.exists()


def test_one_that_resists_stops_no_other(decide, student, due, school, monkeypatch):
    decide(student)
    decide(Student.objects.get(display_name="Ben T."), title="Another")
    real = retention.erase_works_of_year

    def sometimes(year, who, by):
        if who == student:
            raise RuntimeError("no")
        return real(year, who, by)

    monkeypatch.setattr(retention, "erase_works_of_year", sometimes)
    done = apply_retention(school)
    assert (len(done.receipts), done.failed) == (1, 1)


# ----------------------------------------------------------------------------- command and dry run
def test_the_dry_run_changes_nothing_and_says_what_would_go(decide, student, due, school, capsys):
    decide(student)
    call_command("retention", "--dry-run")
    said = capsys.readouterr().out
    assert "1 works of 1 students, now" in said
    assert Artwork.objects.exists() and not ErasureReceipt.objects.exists()


def test_the_plan_says_when_each_year_goes(decide, student, year, school):
    decide(student)
    (plan,) = plan_of(school)
    assert plan.goes_on == date(2027, 7, 31) + timedelta(days=366)
    assert (plan.works, plan.students, plan.is_due, plan.goes_now) == (1, 1, False, False)


def test_the_nightly_job_erases_files_too(
    decide, student, due, media, django_capture_on_commit_callbacks
):
    decide(student)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.apply_retention()
    assert not Artwork.objects.exists()
    assert not [p for p in media.rglob("*") if p.is_file()]
    (event,) = AuditEvent.objects.filter(verb=AuditEvent.Verb.ERASED)
    assert event.detail["reason"] == "retention" and event.actor is None


def test_works_that_a_restored_backup_brings_back_go_again(decide, student, due, school):
    decide(student)
    (receipt,) = apply_retention(school).receipts
    decide(student, title="Back again")
    line = {
        "receipt": str(receipt.code), "school": str(school.code), "student": str(student.code),
        "year": "2026/27", "reason": "retention", "at": "2999-01-01T00:00:00+00:00",
    }  # fmt: skip
    assert [a.outcome for a in erase_again([line, line])] == ["erased", "gone"]


# ---------------------------------------------------------------------------- files without a row
def age(name: str) -> None:
    before = time.time() - 2 * 86400
    os.utime(default_storage.path(name), (before, before))


def test_an_old_file_that_no_row_leads_to_is_deleted(decide, student, media):
    decide(student)
    for picture in Picture.objects.all():
        age(picture.full.name)
    lost = default_storage.save("pictures/ab/abcd/full.jpg", ContentFile(b"x"))
    fresh = default_storage.save("originals/fresh", ContentFile(b"x"))
    age(lost)
    assert doom_unled_files() == 1
    assert not default_storage.exists(lost) and default_storage.exists(fresh)
    assert all(default_storage.exists(p.full.name) for p in Picture.objects.all())
    assert not DoomedFile.objects.exists()


def test_a_file_that_is_doomed_already_is_not_doomed_twice(db, media):
    lost = default_storage.save("reports/x", ContentFile(b"x"))
    age(lost)
    DoomedFile.objects.create(name=lost)
    assert doom_unled_files() == 0

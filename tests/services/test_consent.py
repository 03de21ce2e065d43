"""An answer is a row; the newest counts, and without one it is no."""

from __future__ import annotations

from datetime import timedelta

from django.utils.timezone import localdate

from grading.models import AuditEvent, Consent, Student
from grading.services.consent import record_consent, record_consents, roll_of, training_use_of

TODAY = localdate()


def test_without_an_answer_it_is_no(student):
    assert not student.training_consent


def test_a_later_no_withdraws_and_the_history_stays(student, administrator):
    record_consent(student, True, "paper", TODAY - timedelta(days=9), administrator)
    assert student.training_consent
    record_consent(student, False, "email", TODAY, administrator)
    assert not student.training_consent
    assert [c.given for c in student.consents.all()] == [False, True]


def test_the_same_answer_sent_twice_is_one_row_and_one_trace(student, administrator):
    for _time in range(2):
        record_consent(student, True, "paper", TODAY, administrator)
    assert Consent.objects.count() == 1
    (event,) = AuditEvent.objects.filter(verb=AuditEvent.Verb.CONSENTED)
    assert event.detail == {"given": True, "source": "paper"}
    assert event.object_code == student.code


def test_yes_no_yes_is_three_rows(student, administrator):
    for given in (True, False, True):
        record_consent(student, given, "paper", TODAY, administrator)
    assert student.training_consent and Consent.objects.count() == 3


def test_a_pile_of_forms_is_recorded_at_once(classroom, administrator):
    students = list(Student.objects.filter(display_name__in=["Ben T.", "Chloé D."]))
    assert record_consents(students, True, "paper", TODAY, administrator) == 2
    said = {student.display_name: consent for student, consent in roll_of(classroom)}
    assert said["Amara B."] is None
    assert said["Ben T."] and said["Ben T."].given


def test_a_school_sees_how_many_have_said_what(classroom, school, administrator, student):
    record_consent(student, True, "paper", TODAY, administrator)
    record_consent(student, False, "paper", TODAY, administrator)
    record_consent(Student.objects.get(display_name="Ben T."), True, "paper", TODAY, administrator)
    (row,) = training_use_of(school)
    assert (row.classroom, row.yes, row.no, row.silent) == (classroom, 1, 1, 1)

"""Recording what families said about training use. Nothing is overwritten: an answer is a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import OuterRef, Subquery

from grading.models import (
    AuditEvent,
    Classroom,
    Consent,
    Enrollment,
    School,
    Student,
    User,
)
from grading.services.audit import record


@transaction.atomic
def record_consent(student: Student, given: bool, source: str, said_on: date, by: User) -> Consent:
    """A yes, or a no, which is also how a yes is withdrawn. Said twice, it is one row."""
    student = Student.objects.select_for_update().get(pk=student.pk)
    newest = student.consents.first()
    if newest and (newest.given, newest.source, newest.said_on) == (given, source, said_on):
        return newest
    consent = Consent.objects.create(
        student=student, given=given, source=source, said_on=said_on, recorded_by=by
    )
    record(by, AuditEvent.Verb.CONSENTED, student, student.school, given=given, source=source)
    return consent


@transaction.atomic
def record_consents(
    students: Iterable[Student], given: bool, source: str, said_on: date, by: User
) -> int:
    """The same answer of several families, as forms come back in a pile; returns how many."""
    return len([record_consent(student, given, source, said_on, by) for student in students])


def roll_of(classroom: Classroom) -> list[tuple[Student, Consent | None]]:
    """Everybody on the list of a class, with what was said last."""
    students = classroom.students_now().prefetch_related("consents")
    return [(student, next(iter(student.consents.all()), None)) for student in students]


@dataclass(frozen=True)
class ClassConsents:
    """How many families of a class have said what."""

    classroom: Classroom
    yes: int
    no: int
    silent: int


def training_use_of(school: School) -> list[ClassConsents]:
    """The classes of years that are not archived, in two queries."""
    newest = Consent.objects.filter(student=OuterRef("student")).order_by("-pk").values("given")[:1]
    rows = Enrollment.objects.current().filter(classroom__school=school)
    said = rows.annotate(said=Subquery(newest)).values_list("classroom", "said")
    counts = Counter(said)
    return [
        ClassConsents(room, *(counts[room.pk, answer] for answer in (True, False, None)))
        for room in school.classrooms.open().select_related("year")
    ]

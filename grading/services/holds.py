"""What stands in the way of deleting: holds on a student, or on a year the student was there."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from grading.models import LegalHold, SchoolYear, Student


class Held(Exception):
    """Something is to be kept until a hold is lifted; ``holds`` says by whose word."""

    def __init__(self, holds: Sequence[LegalHold]) -> None:
        self.holds = holds
        super().__init__("a legal hold stands")


def years_of_student(student: Student) -> QuerySet[SchoolYear]:
    """Years in which the student was on the list of a class or made something."""
    return SchoolYear.objects.filter(
        Q(classrooms__enrollments__student=student)
        | Q(classrooms__assignments__artworks__student=student)
    ).distinct()


def holds_on(student: Student) -> QuerySet[LegalHold]:
    """Those that stand: on the student, or on a year the student was there."""
    holds = LegalHold.objects.standing().select_related("placed_by", "year", "student")
    return holds.filter(Q(student=student) | Q(year__in=years_of_student(student)))

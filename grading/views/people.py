from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from grading.models import Assignment, AuditEvent, Classroom, Role
from grading.services.appeals import open_appeals
from grading.services.audit import record
from grading.services.board import Progress, progress_of
from grading.services.health import machinery_health
from grading.views.requests import SignedInRequest

NEWEST_ASSIGNMENTS = 4  # of a class on the home page; the others are on the page of the class


@dataclass(frozen=True)
class AssignmentRow:
    assignment: Assignment
    progress: Progress


@dataclass
class ClassCard:
    classroom: Classroom
    rows: list[AssignmentRow] = field(default_factory=list)

    @property
    def newest(self) -> list[AssignmentRow]:
        return self.rows[:NEWEST_ASSIGNMENTS]

    @property
    def older(self) -> int:
        return max(0, len(self.rows) - NEWEST_ASSIGNMENTS)


@login_required
@require_GET
def home(request: SignedInRequest) -> HttpResponse:
    classrooms = (
        Classroom.objects.for_user(request.user)
        .annotate(student_count=Count("enrollments"))
        .prefetch_related("teachers")
    )
    cards = {classroom.pk: ClassCard(classroom) for classroom in classrooms}
    for row in _assignment_rows(Assignment.objects.for_user(request.user)):
        cards[row.assignment.classroom_id].rows.append(row)
    progress = [row.progress for card in cards.values() for row in card.rows]
    to_look_at, appeals = open_appeals(request.user)
    roles = set(request.user.memberships.values_list("role", flat=True))
    context = {
        "cards": list(cards.values()),
        "to_review": sum(p.to_review for p in progress),
        "under_way": sum(p.under_way for p in progress),
        "failed": sum(p.failed for p in progress),
        "only_annotates": roles == {Role.ANNOTATOR},
        "administers": Role.ADMINISTRATOR in roles,
        "health": machinery_health(),
        "to_look_at": to_look_at,
        "appeals": appeals,
    }
    return render(request, "grading/home.html", context)


@login_required
@require_GET
def classroom(request: SignedInRequest, code: UUID) -> HttpResponse:
    classroom = get_object_or_404(Classroom.objects.for_user(request.user), code=code)
    record(request.user, AuditEvent.Verb.VIEWED, classroom, classroom.school)
    context = {
        "classroom": classroom,
        "students": classroom.students.all(),
        "teachers": classroom.teachers.all(),
        "rows": _assignment_rows(classroom.assignments.all()),
        "health": machinery_health(),
    }
    return render(request, "grading/classroom.html", context)


def _assignment_rows(assignments: QuerySet[Assignment]) -> list[AssignmentRow]:
    progress = progress_of(assignments)
    return [AssignmentRow(a, progress.get(a.pk, Progress())) for a in assignments]

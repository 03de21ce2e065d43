from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.people import PreferencesForm, SchoolForm
from grading.models import Assignment, AuditEvent, Classroom, Role, Student, Term
from grading.services.appeals import open_appeals
from grading.services.audit import record
from grading.services.board import Progress, progress_of
from grading.services.governance import last_changes, save_settings
from grading.services.health import machinery_health
from grading.services.retention import plan_of
from grading.services.structure import by_term, teachings_in_force
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school

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
        .open()
        .select_related("year")
        .annotate(student_count=Count("enrollments", filter=Q(enrollments__left_on=None)))
        .prefetch_related(teachings_in_force())
    )
    cards = {classroom.pk: ClassCard(classroom) for classroom in classrooms}
    for row in _assignment_rows(Assignment.objects.filter(classroom__in=list(cards))):
        cards[row.assignment.classroom_id].rows.append(row)
    progress = [row.progress for card in cards.values() for row in card.rows]
    to_look_at, appeals = open_appeals(request.user)
    roles = set(request.user.memberships.values_list("role", flat=True))
    context = {
        "cards": list(cards.values()),
        "to_review": sum(p.drafts for p in progress),
        "by_hand": sum(p.by_hand for p in progress),
        "under_way": sum(p.under_way for p in progress),
        "failed": sum(p.failed for p in progress),
        "has_earlier": Classroom.objects.for_user(request.user).archived().exists(),
        "only_annotates": roles == {Role.ANNOTATOR},
        "administers": Role.ADMINISTRATOR in roles,
        "health": machinery_health(),
        "to_look_at": to_look_at,
        "appeals": appeals,
    }
    return render(request, "grading/home.html", context)


@login_required
@require_GET
def earlier_years(request: SignedInRequest) -> HttpResponse:
    """The classes of archived years, to read."""
    classrooms = Classroom.objects.for_user(request.user).archived()
    rows = classrooms.select_related("year", "school").order_by(
        "-year__starts_on", "school__name", "name"
    )
    return render(request, "grading/earlier_years.html", {"classrooms": rows})


@login_required
@require_GET
def classroom(request: SignedInRequest, code: UUID) -> HttpResponse:
    classrooms = Classroom.objects.for_user(request.user).select_related("school", "year")
    classroom = get_object_or_404(classrooms.prefetch_related(teachings_in_force()), code=code)
    record(request.user, AuditEvent.Verb.VIEWED, classroom, classroom.school)
    rows = _assignment_rows(classroom.assignments.all())
    context = {
        "classroom": classroom,
        "students": _with_work_count(classroom),
        "rows": rows,
        "groups": _by_term(classroom, rows),
        "may_edit": Classroom.objects.administered_by(request.user)
        .filter(pk=classroom.pk)
        .exists(),
        "health": machinery_health(),
    }
    return render(request, "grading/classroom.html", context)


def _by_term(
    classroom: Classroom, rows: list[AssignmentRow]
) -> list[tuple[Term | None, list[AssignmentRow]]]:
    """The newest term first, as its assignments are; None where a year has no terms, or outside."""
    terms = by_term(classroom.year, [row.assignment for row in rows])
    groups: dict[Term | None, list[AssignmentRow]] = {}
    for row in rows:
        groups.setdefault(terms.get(row.assignment.pk), []).append(row)
    return list(groups.items())


def _with_work_count(classroom: Classroom) -> QuerySet[Student]:
    in_this_class = Q(artworks__removed_at=None, artworks__assignment__classroom=classroom)
    students: QuerySet[Student] = classroom.students_now()
    return students.annotate(works=Count("artworks", filter=in_this_class, distinct=True))


def _assignment_rows(assignments: QuerySet[Assignment]) -> list[AssignmentRow]:
    progress = progress_of(assignments)
    return [AssignmentRow(a, progress.get(a.pk, Progress())) for a in assignments]


# --------------------------------------------------------------------------- settings, preferences
@login_required
@require_http_methods(["GET", "POST"])
def school_settings(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    form = SchoolForm(request.POST if request.method == "POST" else None, instance=school)
    if request.method == "POST" and form.is_valid():
        changed = {name: form.cleaned_data[name] for name in form.set_by_hand}
        save_settings(school, changed, request.user)
        messages.success(request, _("The settings are saved."))
        if "kept_days" in changed and any(plan.goes_now for plan in plan_of(school)):
            messages.warning(request, _("Works past their time go tonight: look at “Retention”."))
        return redirect("grading:school-settings", school.code)
    labels = {name: field.label for name, field in form.fields.items()}
    changes = [(labels[c.setting], c) for c in last_changes(school, set(labels))]
    context = {"school": school, "form": form, "changes": changes}
    status = 422 if form.errors else 200
    return render(request, "grading/school_settings.html", context, status=status)


@login_required
@require_POST
def preferences(request: SignedInRequest) -> HttpResponse:
    """Set what was sent of one's own preferences, and go back to where one was."""
    form = PreferencesForm(request.POST)
    if form.is_valid():
        request.user.preferences = form.merged(request.user.preferences)
        request.user.save(update_fields=["preferences"])
    elif request.htmx:
        return HttpResponseBadRequest()
    else:
        messages.error(request, _("That choice is not known. Nothing was changed."))
    if request.htmx:
        return HttpResponse()
    back = request.POST.get("next", "")
    known = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return redirect(back if known else "grading:home")

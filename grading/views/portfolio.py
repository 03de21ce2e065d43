"""A student's works over time, and what teachers wrote down about them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from grading.charts import Axis, Kind, Layer, RadarContext, radar
from grading.forms.portfolio import NoteForm
from grading.models import (
    AuditEvent,
    Classroom,
    Enrollment,
    RubricDimension,
    Student,
    StudentNote,
    User,
)
from grading.multiples import Trend, trend
from grading.services.audit import record, record_view
from grading.services.holds import Held
from grading.services.portfolio import RubricWorks, Work, add_note, delete_note, portfolio_of
from grading.views.requests import SignedInRequest


@dataclass(frozen=True)
class TrendCard:
    dimension: RubricDimension
    trend: Trend
    cells: list[int | None]

    @property
    def latest(self) -> int | None:
        return self.cells[-1]


@dataclass(frozen=True)
class RubricSection:
    """One rubric of the page, with what was chosen for its radar."""

    of: RubricWorks
    then: Work | None  # None: there is one work only
    now: Work
    radar: RadarContext | None
    trends: list[TrendCard]


@login_required
@require_GET
def student(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, student, student.school)
    return _page(request, student, NoteForm())


@login_required
@require_POST
def new_note(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, student, form, status=422)
    add_note(student, form.cleaned_data["text"], request.user)
    messages.success(request, _("The note is saved."))
    return redirect("grading:student", student.code)


@login_required
@require_POST
def remove_note(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Only who wrote a note may take it away."""
    notes = StudentNote.objects.filter(student__in=Student.objects.for_user(request.user))
    note = get_object_or_404(notes.select_related("student__school"), code=code, by=request.user)
    try:
        delete_note(note, request.user)
    except Held:
        messages.error(request, _("A hold stands: nothing about this student may be deleted now."))
    else:
        messages.success(request, _("The note is deleted."))
    return redirect("grading:student", note.student.code)


def _student(request: SignedInRequest, code: UUID) -> Student:
    students = Student.objects.for_user(request.user).select_related("school")
    return get_object_or_404(students, code=code)


def _page(
    request: SignedInRequest, student: Student, form: NoteForm, status: int = 200
) -> HttpResponse:
    if request.method == "POST":
        record_view(request.user, student, student.school)
    portfolio = portfolio_of(student, request.user)
    context = {
        "student": student,
        "classrooms": _classrooms(request.user, student),
        "portfolio": portfolio,
        "sections": [
            _section(works, request.GET, f"radar-{n}")
            for n, works in enumerate(portfolio.rubrics, start=1)
        ],
        "consent": student.consents.first(),
        "amendments": student.amendments.all(),
        "administers_student": Student.objects.administered_by(request.user)
        .filter(pk=student.pk)
        .exists(),
        "notes": student.notes.select_related("by"),
        "note_form": form,
    }
    return render(request, "grading/student.html", context, status=status)


def _classrooms(user: User, student: Student) -> list[Classroom]:
    """Those that the user sees: the student is in them now (``is_now``), or has left them."""
    enrollments = Enrollment.objects.filter(student=student, classroom=OuterRef("pk"))
    now = enrollments.current().in_open_years()
    rows = Classroom.objects.for_user(user).filter(students=student).select_related("year")
    return list(rows.annotate(is_now=Exists(now)).order_by("-is_now", "-year__starts_on", "name"))


def _section(works: RubricWorks, asked: QueryDict, ident: str) -> RubricSection:
    """First and latest work, unless others are asked for."""
    by_code = {work.code: work for work in works.works}
    first = works.works[0] if len(works.works) > 1 else None
    then = by_code.get(asked.get("then", ""), first)
    now = by_code.get(asked.get("now", ""), works.latest)
    version = works.version
    cards = [
        TrendCard(d, trend(levels, version.first_level, version.last_level), levels)
        for d in works.dimensions
        for levels in [works.series(d.slug)]
    ]
    return RubricSection(works, then, now, _radar(works, then, now, ident), cards)


def _radar(works: RubricWorks, then: Work | None, now: Work, ident: str) -> RadarContext | None:
    """None for a rubric with too few dimensions to draw one."""
    if len(works.dimensions) < 3:
        return None
    layers = [_layer(works, now, "mine")]
    if then and then != now:
        layers.append(_layer(works, then, "then"))
    return radar(
        [Axis(d.shown_name, d.slug) for d in works.dimensions],
        layers,
        works.version.first_level,
        works.version.last_level,
        title=_("Levels then and now") if len(layers) > 1 else _("Levels of one work"),
        ident=ident,
    )


def _layer(works: RubricWorks, work: Work, kind: Kind) -> Layer:
    made_on = date_format(work.artwork.assignment.made_on, "YEAR_MONTH_FORMAT")
    return Layer(
        kind,
        [work.levels.get(d.slug) for d in works.dimensions],
        name=f"{made_on}: {work.artwork.assignment.title}",
    )

"""A class as a whole: how levels spread, who has no work yet, and how far the model is followed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from grading.charts import Axis, Layer, RadarContext, radar
from grading.models import AuditEvent, Classroom, School
from grading.multiples import Spread, spread
from grading.services.audit import record
from grading.services.board import demo_in_use
from grading.services.classview import (
    Chosen,
    ClassView,
    Distribution,
    choices_of,
    work_of,
)
from grading.services.classview import (
    class_view as view_of,
)
from grading.services.review import AVERAGE_FROM
from grading.views.requests import SignedInRequest


@dataclass(frozen=True)
class SpreadCard:
    of: Distribution
    spread: Spread


@login_required
@require_GET
def class_view(request: SignedInRequest, code: UUID) -> HttpResponse:
    classrooms = Classroom.objects.for_user(request.user).select_related("school", "year")
    classroom = get_object_or_404(classrooms, code=code)
    record(request.user, AuditEvent.Verb.VIEWED, classroom, classroom.school, overview=True)
    assignments = list(classroom.assignments.select_related("rubric_version__rubric"))
    work = work_of(classroom, assignments)
    choices = choices_of(assignments)
    chosen = _chosen(choices, request.GET.get("of", ""), {w.assignment.pk for w in work if w.works})
    view = view_of(classroom, chosen) if chosen else None
    context = {
        "classroom": classroom,
        "choices": choices,
        "work": work,
        "view": view,
        "cards": _cards(view) if view else [],
        "radar": _radar(view) if view else None,
        "average_from": AVERAGE_FROM,
        "demo_model": demo_in_use(classroom.school),
        "administers": School.objects.administered_by(request.user)
        .filter(pk=classroom.school_id)
        .exists(),
    }
    return render(request, "grading/class_view.html", context)


def _chosen(choices: list[Chosen], key: str, with_works: set[int]) -> Chosen | None:
    """What was asked for; else the newest assignment that has pictures, else the newest."""
    for choice in choices:
        if choice.key == key:
            return choice
    single = [choice for choice in choices if choice.single]
    filled = (c for c in single if c.assignments[0].pk in with_works)
    return next(filled, single[0] if single else None)


def _cards(view: ClassView) -> list[SpreadCard]:
    highest = max((n for d in view.distributions for n in d.counts.values()), default=0)
    return [SpreadCard(d, spread(d.counts, highest)) for d in view.distributions]


def _radar(view: ClassView) -> RadarContext | None:
    if not view.has_average or len(view.distributions) < 3:
        return None
    version = view.chosen.version
    return radar(
        [Axis(d.dimension.shown_name, d.dimension.slug) for d in view.distributions],
        [Layer("average", [d.mean for d in view.distributions], name=_("Class mean"))],
        version.first_level,
        version.last_level,
        title=_("Class mean of each dimension"),
    )

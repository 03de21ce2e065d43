"""What an impact assessment asks for: where data flows, what is stored, and the state of today."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from grading.flowchart import Flow, Step, flow
from grading.models import Classroom, Role, School
from grading.services.cards import cards
from grading.services.datamap import audit_kept, data_map, rosters_kept, session_kept, with_the_work
from grading.services.governance import switches_of
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@login_required
@require_GET
def school_data(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Where a picture goes, and everything that is stored, for how long, seen by whom."""
    school = administered_school(request, code)
    steps = _steps(school)
    context = {
        "school": school,
        "steps": steps,
        "flow": _flow(steps),
        "sections": data_map(school),
        "classrooms": Classroom.objects.filter(school=school).open().select_related("year"),
    }
    return render(request, "grading/school_data.html", context)


@login_required
@require_GET
def assessment_notes(request: SignedInRequest, code: UUID) -> HttpResponse:
    """For paper: the switches, models, times and roles of this school as they are today."""
    school = administered_school(request, code)
    counts = dict(school.memberships.values_list("role").annotate(Count("pk")))
    found = cards()
    context = {
        "school": school,
        "switches": switches_of(school),
        "base": found.base,
        "dimensions": found.dimensions,
        "roles": [(role.label, counts.get(role.value, 0)) for role in Role],
        "times": [
            (_("Pictures, levels and words"), with_the_work(school)),
            (_("Audit trail"), audit_kept(school)),
            (_("Imported lists"), rosters_kept(school)),
            (_("Signed in without signing in again"), session_kept(school)),
        ],
        "sections": data_map(school),
    }
    return render(request, "grading/assessment_notes.html", context)


def _steps(school: School) -> list[Step]:
    model = Step(
        "model",
        _("A model proposes"),
        _("Levels with a range, and words if the school wants them. It runs on this machine."),
    )
    if not school.scoring_on:
        model = Step("off", _("A model proposes"), _("Switched off at this school."), stores=False)
    return [
        Step("person", _("A teacher adds a picture"), _("In a browser."), False),
        Step("machine", _("The server checks it"), _("The file gets a random name.")),
        Step(
            "machine",
            _("A worker cleans it"),
            _("A copy without place, time and camera; the uploaded file is deleted."),
        ),
        model,
        Step("person", _("A teacher decides"), _("Looks, changes, confirms every level.")),
        Step("person", _("A teacher releases"), _("Or hides again, at once.")),
        Step(
            "person",
            _("The family looks"),
            _("In a browser, through a link that ends by itself."),
            False,
        ),
    ]


def _flow(steps: list[Step]) -> Flow:
    return flow(steps, _("Database and folder of files"), range(1, len(steps) - 1))

"""The administrator's side of a school: one page for each thing that has to be in order."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from grading.models import School
from grading.services.structure import overview_of
from grading.views.requests import SignedInRequest


def administered_school(request: SignedInRequest, code: UUID) -> School:
    """The school, for its administrators; 404 for everybody else."""
    return get_object_or_404(School.objects.administered_by(request.user), code=code)


@login_required
@require_GET
def schools(request: SignedInRequest) -> HttpResponse:
    """Of one's own schools, the one; or a choice, where there are several."""
    mine = list(School.objects.administered_by(request.user).order_by("name"))
    if not mine:
        raise Http404
    if len(mine) == 1:
        return redirect("grading:school", mine[0].code)
    return render(request, "grading/schools.html", {"schools": mine})


@login_required
@require_GET
def school(request: SignedInRequest, code: UUID) -> HttpResponse:
    """What the school is today, and what waits for its administrator."""
    school = administered_school(request, code)
    context = {"school": school, "today": overview_of(school)}
    return render(request, "grading/school.html", context)

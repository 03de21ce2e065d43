"""What a school keeps no longer, and when it goes: a dry run that can be looked at any day."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from grading.services.retention import held_gone_students, plan_of
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@login_required
@require_GET
def retention(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    gone, gone_held = held_gone_students(school)
    context = {
        "school": school,
        "plans": plan_of(school),
        "gone": gone,
        "gone_held": gone_held,
    }
    return render(request, "grading/retention.html", context)

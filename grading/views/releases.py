"""Showing a class's work to its families, and hiding it again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from grading.models import Assignment, AuditEvent
from grading.services.audit import record, record_view
from grading.services.releases import (
    ChangedMeanwhile,
    NothingToRelease,
    hide_class,
    release_class,
    release_plan,
)
from grading.views.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def release(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = _assignment(request, code)
    if request.method == "GET":
        record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
        return _page(request, assignment)
    try:
        made = release_class(assignment, request.user, request.POST.get("seen") or None)
    except NothingToRelease:
        return _page(request, assignment, _("Nothing was released: no picture is ready."), 422)
    except ChangedMeanwhile:
        words = _("Somebody changed something meanwhile, so nothing was released. Look once more.")
        return _page(request, assignment, words, 409)
    count = made.works.count()
    words = ngettext(
        "Released: families can see %(count)d picture.",
        "Released: families can see %(count)d pictures.",
        count,
    )
    messages.success(request, words % {"count": count})
    return redirect("grading:release", code)


@login_required
@require_POST
def hide(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = _assignment(request, code)
    if hide_class(assignment, request.user):
        messages.success(request, _("Hidden. No family sees this class's work any more."))
    return redirect("grading:release", code)


def _assignment(request: SignedInRequest, code: UUID) -> Assignment:
    assignments = Assignment.objects.for_user(request.user)
    return get_object_or_404(
        assignments.select_related("classroom__school", "classroom__year"), code=code
    )


def _page(
    request: SignedInRequest, assignment: Assignment, problem: str = "", status: int = 200
) -> HttpResponse:
    if request.method == "POST":
        record_view(request.user, assignment, assignment.classroom.school)
    context = {
        "assignment": assignment,
        "plan": release_plan(assignment),
        "problem": problem,
    }
    return render(request, "grading/release.html", context, status=status)

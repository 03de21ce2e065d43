"""Accepting in bulk: the list before, the undo after."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from grading.models import Artwork, Assignment, AuditEvent, Review
from grading.services.audit import record
from grading.services.board import demo_in_use
from grading.services.bulk import accept, candidates, undo
from grading.services.photos import open_proposals
from grading.views.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def accept_drafts(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The list; a POST confirms what is ticked on it."""
    assignments = Assignment.objects.for_user(request.user)
    related = assignments.select_related("classroom__school", "classroom__year", "rubric_version")
    assignment = get_object_or_404(related, code=code)
    if request.method == "POST":
        return _accept(request, assignment)
    record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    version = assignment.rubric_version
    context = {
        "assignment": assignment,
        "candidates": candidates(assignment),
        "askew": open_proposals(assignment).count(),
        "dimensions": version.dimensions.all(),
        "version": version,
        "demo_model": demo_in_use(assignment.classroom.school),
    }
    return render(request, "grading/accept.html", context)


@login_required
@require_POST
def undo_accept(request: SignedInRequest, batch: UUID) -> HttpResponse:
    artworks = Artwork.objects.for_user(request.user)
    review = Review.objects.filter(batch=batch, artwork__in=artworks).first()
    if review is None:
        raise Http404
    count = undo(batch, request.user)
    words = ngettext(
        "%(count)d picture is a draft again.", "%(count)d pictures are drafts again.", count
    )
    messages.success(request, words % {"count": count})
    return redirect("grading:board", review.artwork.assignment.code)


def _accept(request: SignedInRequest, assignment: Assignment) -> HttpResponse:
    done = accept(assignment, _seen(request.POST), request.user)
    for artwork, why in done.left.items():
        name = artwork.student or artwork.original_name
        messages.warning(request, _("%(name)s was left: %(why)s") % {"name": name, "why": why})
    if not done.reviews:
        messages.warning(request, _("Nothing was confirmed."))
        return redirect("grading:board", assignment.code)
    url = redirect("grading:board", assignment.code)
    url["Location"] += f"?accepted={done.batch}"
    return url


def _seen(sent: QueryDict) -> dict[UUID, str]:
    """The artworks that are ticked, with the marks of what stands beside them."""
    found = {}
    for text in sent.getlist("artwork"):
        try:
            found[UUID(text)] = sent.get(f"seen-{text}", "")
        except ValueError:
            continue
    return found

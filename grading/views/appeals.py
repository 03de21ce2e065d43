"""Asking for another look at a picture, taking it without having seen a level, and answering."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from grading.forms.appeals import LookForm, OutcomeForm
from grading.forms.families import AskAgainForm
from grading.models import Appeal, Artwork, AuditEvent
from grading.services.appeals import (
    AlreadyAsked,
    TooLate,
    ask_again,
    close_appeal,
    compared,
    record_look,
)
from grading.services.audit import record, record_artwork_view
from grading.views.artworks import PICTURE_VERSIONS, send_picture
from grading.views.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def open_appeal(request: SignedInRequest, code: UUID) -> HttpResponse:
    """A teacher asks for a second look at a picture of the class."""
    artworks = Artwork.objects.for_user(request.user).select_related(
        "student", "assignment__classroom__school"
    )
    artwork = get_object_or_404(artworks, code=code)
    if appeal := artwork.appeals.open().first():
        return redirect("grading:appeal", appeal.code)
    review = artwork.reviews.standing().last()
    form = AskAgainForm(request.POST or None)
    if request.method == "POST" and review and form.is_valid():
        try:
            appeal = ask_again(artwork, review, form.cleaned_data["reason"], by=request.user)
        except AlreadyAsked as already:
            appeal = already.appeal
        return redirect("grading:appeal", appeal.code)
    record_artwork_view(request.user, artwork)
    context = {
        "artwork": artwork,
        "assignment": artwork.assignment,
        "review": review,
        "form": form,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/appeal_form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def look(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The second look: the picture and the task, and nothing that anybody has said about them."""
    appeals = Appeal.objects.to_look_at(request.user).select_related(
        "review__picture", "artwork__assignment__classroom__school"
    )
    appeal = get_object_or_404(appeals, code=code)
    assignment = appeal.artwork.assignment
    dimensions = assignment.rubric_version.dimensions.prefetch_related("level_words")
    form = LookForm(request.POST or None, dimensions=dimensions)
    if request.method == "POST" and form.is_valid():
        try:
            record_look(appeal, request.user, form.levels, form.cleaned_data["comment"])
        except TooLate:
            messages.info(request, _("Somebody else looked at this picture meanwhile."))
        else:
            messages.success(request, _("Thank you. The teacher of the class sees your levels."))
        return redirect("grading:home")
    if request.method == "GET":
        record(request.user, AuditEvent.Verb.VIEWED, appeal.artwork, assignment.classroom.school)
    else:
        record_artwork_view(request.user, appeal.artwork)
    context = {"appeal": appeal, "assignment": assignment, "form": form}
    status = 422 if form.errors else 200
    return render(request, "grading/appeal_look.html", context, status=status)


@login_required
@require_GET
def appeal_picture(request: SignedInRequest, code: UUID, version: str) -> HttpResponseBase:
    """The one picture that the second person may see, as long as they may look."""
    appeals = Appeal.objects.to_look_at(request.user).select_related(
        "review__picture", "artwork__student", "artwork__assignment__classroom__school"
    )
    appeal = get_object_or_404(appeals, code=code)
    if version not in PICTURE_VERSIONS:
        raise Http404
    record_artwork_view(request.user, appeal.artwork)
    response = send_picture(request, appeal.review.picture, version)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def appeal(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Both sets of levels side by side; a POST answers and closes the appeal."""
    appeals = Appeal.objects.for_user(request.user).select_related(
        "review__picture", "review__reviewer", "look__by", "asked_by", "closed_by",
        "artwork__student", "artwork__assignment__classroom__school",
    )  # fmt: skip
    appeal = get_object_or_404(appeals, code=code)
    artwork = appeal.artwork
    form = OutcomeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if close_appeal(appeal, request.user, form.cleaned_data["outcome"]):
            messages.success(request, _("Answered and closed."))
        return redirect("grading:appeal", code)
    if request.method == "GET":
        record(request.user, AuditEvent.Verb.VIEWED, artwork, artwork.assignment.classroom.school)
    else:
        record_artwork_view(request.user, artwork)
    newest = artwork.reviews.standing().last()
    context = {
        "appeal": appeal,
        "artwork": artwork,
        "assignment": artwork.assignment,
        "rows": compared(appeal),
        "changed_since": newest is not None and newest.pk != appeal.review_id,
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "grading/appeal.html", context, status=status)

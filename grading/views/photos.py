"""Photographs: turn, straighten, light; one at a time, or the proposals of a whole class."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.photos import CORNERS, EditForm
from grading.intake.edits import Edit
from grading.models import Artwork, Assignment, AuditEvent, PhotoProposal, Picture
from grading.services.audit import record, record_artwork_view
from grading.services.photos import (
    NoPicture,
    answer_proposal,
    change_picture,
    edit_in_use,
    open_proposals,
    turn_picture,
    undo_proposals,
)
from grading.views.artworks import send_image, with_their_work
from grading.views.requests import SignedInRequest

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@login_required
@require_POST
def turn(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = get_object_or_404(Artwork.objects.for_user(request.user), code=code)
    try:
        turn_picture(artwork, request.user)
    except NoPicture:
        raise Http404 from None
    return _back(request, artwork)


@login_required
@require_http_methods(["GET", "POST"])
def photo(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The untouched picture with its corners; a POST asks for the change."""
    artworks = Artwork.objects.for_user(request.user).select_related(
        "student", "assignment__classroom__school"
    )
    artwork = get_object_or_404(artworks, code=code)
    untouched = artwork.pictures.filter(edit_job=None).last()
    if untouched is None:
        raise Http404
    proposal = PhotoProposal.objects.filter(picture=untouched).first()
    proposed = Edit.from_json(proposal.edit) if proposal else Edit()
    form = EditForm(request.POST or None, gains=proposed.gains)
    if request.method == "POST" and form.is_valid():
        change_picture(artwork, form.cleaned_data["edit"], request.user)
        messages.success(request, _("The picture is being changed; it is scored anew."))
        return redirect("grading:review", artwork.code)
    record(request.user, AuditEvent.Verb.VIEWED, artwork, artwork.assignment.classroom.school)
    context = _photo_context(artwork, untouched, proposed, form)
    return render(request, "grading/photo.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def answer(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Take what is proposed for one picture, or have it as it was uploaded."""
    artwork = get_object_or_404(Artwork.objects.for_user(request.user), code=code)
    untouched = artwork.pictures.filter(edit_job=None).last()
    proposal = PhotoProposal.objects.filter(picture=untouched).first()
    take = request.POST.get("take") == "1"
    if proposal:
        answer_proposal(proposal, take, request.user)
    elif take or untouched is None:
        raise Http404
    else:
        change_picture(artwork, Edit(), request.user)
    return _back(request, artwork)


@login_required
@require_http_methods(["GET", "POST"])
def photos(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Before and after for a class; a POST takes what is ticked and leaves the rest of
    what was shown."""
    assignments = Assignment.objects.for_user(request.user).select_related(
        "classroom__school", "classroom__year"
    )
    assignment = get_object_or_404(assignments, code=code)
    proposals = list(open_proposals(assignment))
    if request.method == "POST":
        if "undo" in request.POST:
            return _undo(request, assignment)
        shown, ticked = (set(request.POST.getlist(name)) for name in ("shown", "take"))
        for proposal in proposals:
            if (asked := str(proposal.picture.code)) in shown:
                answer_proposal(proposal, asked in ticked, request.user)
        messages.success(request, _("The pictures are being changed; they are scored anew."))
        return redirect("grading:board", assignment.code)
    record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    taken = PhotoProposal.objects.filter(
        picture__artwork__in=assignment.artworks.kept(), answer=PhotoProposal.Answer.TAKEN
    ).count()
    context = {"assignment": assignment, "proposals": proposals, "taken": taken}
    return render(request, "grading/photos.html", context)


@login_required
@require_GET
def preview_file(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    picture = get_object_or_404(with_their_work(Picture.objects.for_user(request.user)), code=code)
    proposal = get_object_or_404(PhotoProposal, picture=picture)
    record_artwork_view(request.user, picture.artwork)
    return send_image(request, proposal.preview, f'"{picture.sha256}-preview"')


def _undo(request: SignedInRequest, assignment: Assignment) -> HttpResponse:
    count = undo_proposals(assignment, request.user)
    words = ngettext(
        "%(count)d picture is as it was uploaded.",
        "%(count)d pictures are as they were uploaded.",
        count,
    )
    messages.success(request, words % {"count": count})
    return redirect("grading:photos", assignment.code)


def _photo_context(
    artwork: Artwork, untouched: Picture, proposed: Edit, form: EditForm
) -> dict[str, Any]:
    """What is in use comes first, then what is proposed, then the whole picture."""
    edit = edit_in_use(artwork)
    corners = edit.corners or proposed.corners or WHOLE
    fields = []
    for name, label, point in zip(CORNERS, _corner_labels(), corners, strict=True):
        shares = [form.data.get(f"{name}_{axis}", f"{100 * share:.1f}")
                  for axis, share in zip("xy", point, strict=True)]  # fmt: skip
        fields.append({"name": name, "label": label, "x": shares[0], "y": shares[1]})
    return {
        "artwork": artwork,
        "assignment": artwork.assignment,
        "untouched": untouched,
        "edit": edit,
        "proposed": proposed,
        "corners": fields,
        "crop": edit.corners is not None or proposed.corners is not None,
        "light": edit.gains is not None or proposed.gains is not None,
        "form": form,
        "quarters": [(n, f"{90 * n}°") for n in range(4)],
    }


def _corner_labels() -> list[str]:
    return [_("Top left"), _("Top right"), _("Bottom right"), _("Bottom left")]


def _back(request: SignedInRequest, artwork: Artwork) -> HttpResponse:
    if request.htmx:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return redirect("grading:review", artwork.code)

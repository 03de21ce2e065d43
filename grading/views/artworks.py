from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.artworks import AssignmentForm, MatchForm, StudentForm
from grading.models import Artwork, Assignment, AuditEvent, Classroom, Picture, Student
from grading.models.artworks import PictureQuerySet
from grading.services.artworks import accept_files, make_assignment, match_artwork
from grading.services.audit import record, record_artwork_view, record_view
from grading.services.board import in_board_order, tiles_of
from grading.services.limits import UPLOADS, refuse_too_many
from grading.views.requests import SignedInRequest

PICTURE_VERSIONS = ("full", "display", "thumbnail")


@login_required
@require_http_methods(["GET", "POST"])
def new_assignment(request: SignedInRequest, code: UUID) -> HttpResponse:
    classroom = get_object_or_404(Classroom.objects.for_user(request.user), code=code)
    form = AssignmentForm(request.POST or None, classroom=classroom)
    if request.method == "POST" and form.is_valid():
        return redirect("grading:board", make_assignment(form.instance, request.user).code)
    context = {"form": form, "classroom": classroom}
    return render(request, "grading/assignment_form.html", context)


# ---------------------------------------------------------------------------------------- upload
def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _sign_in_or_401(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """As login_required, but a script is told that the session ended: a redirect would look to it
    like the answer to its upload."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if _is_script(request):
            return HttpResponse(status=401)
        return redirect_to_login(request.get_full_path())

    return checked


@_sign_in_or_401
@require_POST
def upload(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = get_object_or_404(
        Assignment.objects.for_user(request.user).select_related("classroom__school"), code=code
    )
    refuse_too_many(request.user, UPLOADS)
    outcomes = accept_files(assignment, request.FILES.getlist("pictures"), request.user)
    template = "grading/_upload_results.html" if _is_script(request) else "grading/upload.html"
    return render(request, template, {"assignment": assignment, "outcomes": outcomes})


# -------------------------------------------------------------------------------------- matching
@login_required
@require_http_methods(["GET", "POST"])
def match(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = get_object_or_404(
        Assignment.objects.for_user(request.user).select_related(
            "classroom__school", "classroom__year"
        ),
        code=code,
    )
    if request.method == "POST":
        form = MatchForm(request.POST, assignment=assignment)
        if form.is_valid():
            return _match(request, form.cleaned_data["artwork"], form.cleaned_data["student"])
        errors = [str(error) for errors in form.errors.values() for error in errors]
        record_view(request.user, assignment, assignment.classroom.school)
        return _match_page(request, assignment, errors=errors)
    record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    return _match_page(
        request,
        assignment,
        chosen=request.GET.get("artwork", ""),
        matched=request.GET.get("matched", ""),
        before=request.GET.get("before", ""),
    )


@login_required
@require_POST
def match_student(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Say whose one picture is, or take that back."""
    artwork = get_object_or_404(
        Artwork.objects.for_user(request.user).select_related("assignment__classroom__school"),
        code=code,
    )
    form = StudentForm(request.POST, assignment=artwork.assignment)
    if not form.is_valid():
        raise Http404
    return _match(request, artwork, form.cleaned_data["student"])


def _match(request: SignedInRequest, artwork: Artwork, student: Student | None) -> HttpResponse:
    before = match_artwork(artwork, student, request.user)
    matched, before_code = str(artwork.code), str(before.code) if before else ""
    chosen = matched if student is None else ""  # taken back: it is the one to match anew
    if request.htmx:
        return _match_page(
            request, artwork.assignment, chosen=chosen, matched=matched, before=before_code
        )
    page = reverse("grading:match", args=[artwork.assignment.code])
    said = {"matched": matched, "before": before_code, "artwork": chosen}
    return redirect(f"{page}?{urlencode(said)}")


def _match_page(
    request: SignedInRequest,
    assignment: Assignment,
    *,
    chosen: str = "",
    matched: str = "",
    before: str = "",
    errors: list[str] | None = None,
) -> HttpResponse:
    """``chosen``, ``matched`` and ``before`` are codes of artworks and of a student."""
    tiles = tiles_of(in_board_order(assignment.artworks.kept()))
    students = list(assignment.classroom.students_now())
    open_tiles = [tile for tile in tiles if tile.artwork.student is None]
    codes = {str(tile.artwork.code) for tile in tiles}
    pictures: dict[int | None, int] = {}
    for tile in tiles:
        pictures[tile.artwork.student_id] = pictures.get(tile.artwork.student_id, 0) + 1
    if chosen not in codes:
        chosen = str(open_tiles[0].artwork.code) if open_tiles else ""
    context = {
        "assignment": assignment,
        "open_tiles": open_tiles,
        "matched_tiles": [tile for tile in tiles if tile.artwork.student],
        "roster": [(student, pictures.get(student.pk, 0)) for student in students],
        "chosen": chosen,
        "chosen_is_matched": chosen not in {str(tile.artwork.code) for tile in open_tiles},
        # The keyboard goes on where the next picture is, or the one that was come for.
        "chosen_now": bool(request.htmx) or "artwork" in request.GET,
        "matched": next((t for t in tiles if str(t.artwork.code) == matched), None),
        "before": next((s for s in students if str(s.code) == before), None),
        "errors": errors or [],
    }
    template = "grading/_match.html" if request.htmx else "grading/match.html"
    return render(request, template, context)


# ------------------------------------------------------------------------------------ the pictures
@login_required
@require_GET
def picture_file(request: SignedInRequest, code: UUID, version: str) -> HttpResponseBase:
    picture = get_object_or_404(with_their_work(Picture.objects.for_user(request.user)), code=code)
    if version not in PICTURE_VERSIONS:
        raise Http404
    record_artwork_view(request.user, picture.artwork)
    return send_picture(request, picture, version)


def with_their_work(pictures: PictureQuerySet) -> PictureQuerySet:
    """With what the audit trail says about whoever looks at one."""
    return pictures.select_related("artwork__student", "artwork__assignment__classroom__school")


def send_picture(request: HttpRequest, picture: Picture, version: str) -> HttpResponseBase:
    return send_image(request, getattr(picture, version), f'"{picture.sha256}-{version}"')


def send_image(request: HttpRequest, file: FieldFile, etag: str) -> HttpResponseBase:
    """The file, once a view has made sure that it may be seen."""
    response = get_conditional_response(request, etag=etag) or _sent(file)
    response["Content-Disposition"] = "inline"
    response["X-Content-Type-Options"] = "nosniff"
    # A picture never changes: a turned one is another row with another address.
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["ETag"] = etag
    return response


def is_stored_picture(name: str) -> bool:
    """Whether a web server that is handed this name stays among the pictures."""
    parts = name.split("/")
    kept = parts[0] in ("pictures", "examples") and len(parts) > 1
    return kept and all(re.fullmatch(r"\w[\w.-]*", part, re.ASCII) for part in parts)


def _sent(file: FieldFile) -> HttpResponseBase:
    if not is_stored_picture(file.name or ""):
        raise Http404
    if settings.ACCEL_REDIRECT_PREFIX:  # the web server in front of us sends the file
        response = HttpResponse(content_type="image/jpeg")
        response["X-Accel-Redirect"] = settings.ACCEL_REDIRECT_PREFIX + quote(file.name or "")
        return response
    try:
        return FileResponse(file.open("rb"), content_type="image/jpeg")
    except FileNotFoundError:
        raise Http404 from None

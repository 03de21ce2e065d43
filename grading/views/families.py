"""Links for families: made and taken back by teachers, opened by whoever holds one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.families import AskAgainForm, FamilyLinkForm
from grading.middleware import client_address
from grading.models import AuditEvent, FamilyLink, Student
from grading.services.appeals import AlreadyAsked, ask_again, asked_by_family
from grading.services.audit import record, record_view
from grading.services.families import (
    create_link,
    is_guessing,
    network_of,
    note_miss,
    note_opening,
    released_count,
    released_picture,
    released_to,
    revoke_link,
)
from grading.services.limits import LINKS, TooMany, refuse_too_many
from grading.views.artworks import PICTURE_VERSIONS, send_picture
from grading.views.requests import SignedInRequest
from grading.works import Work, ai_use

LAST_OPENINGS = 10


# ------------------------------------------------------------------------------- for the teacher
@login_required
@require_http_methods(["GET", "POST"])
def family_links(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The links of one student. A new one is shown in the answer to the form, and never again."""
    students = Student.objects.for_user(request.user).select_related("school")
    student = get_object_or_404(students, code=code)
    if request.method == "GET":
        record(request.user, AuditEvent.Verb.VIEWED, student, student.school)
        return _links_page(request, student, _new_form())
    form = FamilyLinkForm(request.POST)
    if not form.is_valid():
        return _links_page(request, student, form, status=422)
    try:
        refuse_too_many(request.user, LINKS)
    except TooMany as too_many:
        form.add_error(None, str(too_many))  # what was filled in stays on the page
        return _links_page(request, student, form, status=429)
    made = create_link(student, request.user, **form.cleaned_data)
    if made is None:
        messages.info(request, _("This link was made before, and its address shown once."))
        return redirect("grading:family-links", code)
    link, token = made
    address = request.build_absolute_uri(reverse("grading:family", args=[token]))
    response = _links_page(request, student, _new_form(), link, address)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def revoke_family_link(request: SignedInRequest, code: UUID) -> HttpResponse:
    links = FamilyLink.objects.for_user(request.user).select_related("student__school")
    link = get_object_or_404(links, code=code)
    if revoke_link(link, request.user):
        messages.success(request, _("The link is taken back. It no longer opens anything."))
    return redirect("grading:family-links", link.student.code)


def _new_form() -> FamilyLinkForm:
    return FamilyLinkForm(initial={"code": uuid4()})


def _links_page(
    request: SignedInRequest,
    student: Student,
    form: FamilyLinkForm,
    made: FamilyLink | None = None,
    address: str = "",
    status: int = 200,
) -> HttpResponse:
    if request.method == "POST":
        record_view(request.user, student, student.school)
    links = student.family_links.select_related("created_by").prefetch_related("openings")
    context = {
        "student": student,
        "form": form,
        "made": made,
        "address": address,
        "links": sorted(links, key=lambda link: not link.is_usable),
        "last_openings": f":{LAST_OPENINGS}",
        "works": released_count(student),
    }
    return render(request, "grading/family_links.html", context, status=status)


# -------------------------------------------------------------------------------- for the family
def _by_token(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Hand the link to the view; unknown, expired and revoked tokens look exactly alike.

    Nothing of the page is stored anywhere, no search engine keeps it, no address of it is passed
    on, and the trail keeps the network of the visitor only.
    """

    @wraps(view)
    def opened(request: HttpRequest, token: str, **kwargs: object) -> HttpResponseBase:
        network = network_of(client_address.get()).partition("/")[0] or None
        remembered = client_address.set(network)
        try:
            response = _opened(request, token, **kwargs)
        finally:
            client_address.reset(remembered)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    def _opened(request: HttpRequest, token: str, **kwargs: object) -> HttpResponseBase:
        if is_guessing():
            return render(request, "grading/family_wait.html", status=429)
        link = FamilyLink.objects.by_token(token)
        if link is None:
            note_miss()
            return _no_such_link(request)
        return view(request, link, token=token, **kwargs)

    return opened


def _no_such_link(request: HttpRequest) -> HttpResponse:
    return render(request, "grading/family_gone.html", status=404)


@require_GET
@_by_token
def family(request: HttpRequest, link: FamilyLink, token: str) -> HttpResponse:
    note_opening(link)
    works = released_to(link.student)
    appeals = asked_by_family(link.student)
    context = {
        "student": link.student,
        "works": [(work, appeals.get(work.artwork.pk)) for work in works],
        "scale": works[0].lines if works else (),
        "ai_use": ai_use(works),
        "token": token,
        "expires_at": link.expires_at,
    }
    return render(request, "grading/family.html", context)


@require_GET
@_by_token
def family_picture(
    request: HttpRequest, link: FamilyLink, token: str, code: UUID, version: str
) -> HttpResponseBase:
    picture = released_picture(link.student, code)
    if picture is None or version not in PICTURE_VERSIONS:
        return _no_such_link(request)
    note_opening(link)
    response = send_picture(request, picture, version)
    response["Cache-Control"] = "no-store"  # hidden again means gone, also from this browser
    return response


@require_http_methods(["GET", "POST"])
@_by_token
def family_appeal(request: HttpRequest, link: FamilyLink, token: str, code: UUID) -> HttpResponse:
    """Ask for another look at one released work."""
    work = _work(link, code)
    if work is None:
        return _no_such_link(request)
    form = AskAgainForm(request.POST or None)
    under_way = False
    if request.method == "POST" and form.is_valid():
        try:
            ask_again(work.artwork, work.review, form.cleaned_data["reason"], family_link=link)
        except AlreadyAsked:
            under_way = True
        else:
            return redirect(f"{reverse('grading:family', args=[token])}#work-{code}")
    context = {"work": work, "form": form, "token": token, "under_way": under_way}
    status = 409 if under_way else 422 if form.errors else 200
    response = render(request, "grading/family_appeal.html", context, status=status)
    # With "no-referrer" a browser sends its form as coming from nowhere, which Django refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def _work(link: FamilyLink, code: UUID) -> Work | None:
    return next((w for w in released_to(link.student) if w.artwork.code == code), None)

"""The contact sheet: one dimension, the whole class, a level by key, drag or click."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from grading.forms.annotations import LevelField, MarkField
from grading.models import Artwork, Assignment, AuditEvent, RubricDimension
from grading.services.annotations import LevelChanged, set_level
from grading.services.audit import record, record_view
from grading.services.board import demo_in_use
from grading.services.sheet import Order, Sheet, sheet_of
from grading.views.annotations import somebody_changed
from grading.views.requests import SignedInRequest

PREFERENCE = "contact_order"


@login_required
@require_http_methods(["GET", "POST"])
def contact_sheet(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The sheet; a POST sets one level on it."""
    assignments = Assignment.objects.for_user(request.user)
    related = assignments.select_related("classroom__school", "classroom__year", "rubric_version")
    assignment = get_object_or_404(related, code=code)
    dimension = _dimension(assignment, request.GET)
    if request.method == "POST":
        return _set(request, assignment, dimension)
    order = _order(request)
    if not request.htmx:
        record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    return _page(request, sheet_of(assignment, dimension, order))


def _set(
    request: SignedInRequest, assignment: Assignment, dimension: RubricDimension
) -> HttpResponse:
    """``set`` is the code of an artwork, its level or nothing to clear it, and the mark of what
    was there before."""
    levels = dimension.version.levels
    try:
        code, level, seen = request.POST.get("set", "").split(":")
        wanted = UUID(code)
        chosen, begun_with = LevelField(levels).clean(level), MarkField(levels).clean(seen)
    except (ValueError, ValidationError):
        return HttpResponseBadRequest()
    artworks = Artwork.objects.for_user(request.user).filter(assignment=assignment)
    artwork = get_object_or_404(artworks, code=wanted)
    problem = ""
    try:
        set_level(artwork, dimension, chosen, request.user, begun_with=begun_with)
    except LevelChanged:
        problem = somebody_changed([dimension])
    if request.htmx:
        return _page(request, sheet_of(assignment, dimension, _order(request)), problem)
    if problem:
        messages.warning(request, problem)
    address = reverse("grading:sheet", args=[assignment.code])
    return redirect(f"{address}?dimension={dimension.slug}#card-{wanted}")


def _page(request: SignedInRequest, sheet: Sheet, problem: str = "") -> HttpResponse:
    if request.htmx:
        record_view(request.user, sheet.assignment, sheet.assignment.classroom.school)
    context = {
        "sheet": sheet,
        "assignment": sheet.assignment,
        "orders": [(order, order.label) for order in Order],
        "demo_model": demo_in_use(sheet.assignment.classroom.school),
        "problem": problem,
    }
    template = "grading/_sheet.html" if request.htmx else "grading/sheet.html"
    return render(request, template, context, status=409 if problem else 200)


def _dimension(assignment: Assignment, query: QueryDict) -> RubricDimension:
    """The one that is asked for, or else the first."""
    dimensions = list(assignment.rubric_version.dimensions.select_related("version"))
    slug = query.get("dimension") or dimensions[0].slug
    found = next((dimension for dimension in dimensions if dimension.slug == slug), None)
    if found is None:
        raise Http404
    return found


def _order(request: SignedInRequest) -> Order:
    """What was chosen last, on any sheet; a choice is remembered."""
    before = request.user.preferences.get(PREFERENCE, Order.SCORE)
    try:
        order = Order(request.GET.get("order") or before)
    except ValueError:
        order = Order.SCORE
    if order != before:
        request.user.preferences[PREFERENCE] = str(order)
        request.user.save(update_fields=["preferences"])
    return order

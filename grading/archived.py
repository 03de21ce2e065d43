"""An archived school year can be read, and not changed: one rule for every URL of a class.

A view need not ask. Whatever changes something (any method but GET and HEAD) at an address whose
object belongs to an archived year is answered here, before the view. tests/test_permissions.py
walks every URL, so that a new kind of address is named below on the day it is added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from grading.models import (
    Appeal,
    Artwork,
    Assignment,
    Classroom,
    FamilyLink,
    Picture,
    Review,
    Role,
    RosterImport,
    SchoolYear,
    Teaching,
    User,
)
from grading.models.people import visible_classrooms

# First part of an address -> the model of its code, and how that leads to the class.
PLACES: dict[str, tuple[type[Model], str]] = {
    "classes": (Classroom, ""),
    "assignments": (Assignment, "classroom__"),
    "artworks": (Artwork, "assignment__classroom__"),
    "accepted": (Review, "artwork__assignment__classroom__"),
    "pictures": (Picture, "artwork__assignment__classroom__"),
    "teachings": (Teaching, "classroom__"),
}
ALLOWED = frozenset({  # they change nothing of a class: make a file, forget one, (un)archive
    "grading:report-class", "grading:discard-roster", "grading:archive-year", "grading:open-year",
})  # fmt: skip


class RefuseChangesInArchivedYears:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        if request.method in ("GET", "HEAD", "OPTIONS") or match is None:
            return None
        if match.app_name != "grading" or match.view_name in ALLOWED:
            return None
        place = match.route.partition("/")[0]
        if place == "f":
            refused = _is_archived_work_of_a_family(**kwargs)
            return render(request, "grading/family_archived.html", status=409) if refused else None
        if isinstance(request.user, User) and _is_archived(request.user, place, kwargs):
            return self._refusal(request)
        return None  # strangers, too: the view answers them as it always does

    def _refusal(self, request: HttpRequest) -> HttpResponse:
        if not getattr(request, "htmx", False):
            return render(request, "409.html", status=409)
        response = render(request, "grading/_archived_toast.html", status=409)
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "innerHTML"
        return response


def _is_archived(user: User, place: str, kwargs: dict[str, Any]) -> bool:
    """Whether this is an archived object of those that the user may see."""
    code = {"batch": kwargs["batch"]} if "batch" in kwargs else {"code": kwargs.get("code")}
    if place == "years":
        years = SchoolYear.objects.for_user(user).filter(**code)
        return years.exclude(archived_at=None).exists()
    if place == "rosters":
        lists = RosterImport.objects.for_user(user).filter(**code)
        return lists.exclude(year__archived_at=None).exists()
    if place == "appeals":
        return _appeals_before(user).filter(**code).exists()
    if place not in PLACES:
        return False
    model, prefix = PLACES[place]
    archived = {f"{prefix}year__archived_at__isnull": False}
    rows = model._default_manager.filter(visible_classrooms(user, prefix), **archived, **code)
    return rows.exists()


def _appeals_before(user: User) -> Any:
    """Appeals of archived classes that the user sees, or was asked to look at."""
    prefix = "artwork__assignment__classroom__"
    colleagues = Q(
        **{
            f"{prefix}school__memberships__user": user,
            f"{prefix}school__memberships__role__in": [Role.TEACHER, Role.ADMINISTRATOR],
        }
    )
    archived = {f"{prefix}year__archived_at__isnull": False}
    return Appeal.objects.filter(colleagues | visible_classrooms(user, prefix), **archived)


def _is_archived_work_of_a_family(token: str, code: UUID | str = "", **_rest: object) -> bool:
    link = FamilyLink.objects.by_token(token)
    if link is None or not code:
        return False
    works = Artwork.objects.filter(student=link.student, code=code)
    return works.exclude(assignment__classroom__year__archived_at=None).exists()

"""What every page needs: where one can go from here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from grading.models import User
from grading.screens import BY_URL, GUIDES, SCHOOL_PAGES
from grading.second_factor import missing_second_factor


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"nav": []}
    # Lazy, because most answers are fragments, which have no navigation and need no query for it.
    return {
        "nav": SimpleLazyObject(lambda: _sections(request, user)),
        "second_factor_missing": missing_second_factor(user),
        **_learning(request, user),
    }


def _learning(request: HttpRequest, user: User) -> dict[str, Any]:
    """The help of this page, its guide until it is put away, and the person's own theme."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    guide = GUIDES.get(name, "")
    done = user.preferences.get("guide", [])
    screen = BY_URL.get(name)
    return {
        "help_slug": screen.slug if screen else "",
        "guide": f"grading/guide/{guide}.html" if guide and guide not in done else "",
        "guide_slug": guide,
        "theme": user.preferences.get("theme", ""),
    }


def _sections(request: HttpRequest, user: User) -> list[dict[str, Any]]:
    links = [(_("Classes"), reverse("grading:home"))]
    if user.is_staff or getattr(user, "grades", False):  # from grading.backends
        links.append((_("Models"), reverse("grading:models")))
    if getattr(user, "administers", False):
        links.append((_("School"), reverse("grading:schools")))
    if user.is_staff:
        links.append((_("Support"), reverse("admin:index")))
    return [
        {"label": label, "url": url, "current": _is_current(request, url)} for label, url in links
    ]


def _is_current(request: HttpRequest, url: str) -> bool:
    """Everything that is not a section of its own belongs to the classes."""
    path, match = request.path, request.resolver_match
    of_the_school = path.startswith("/school") or (match and match.view_name in SCHOOL_PAGES)
    if url == reverse("grading:schools") or of_the_school:
        return bool(of_the_school) and url == reverse("grading:schools")
    if url == reverse("grading:home"):
        return not path.startswith(("/support/", "/account/", reverse("grading:models")))
    return path.startswith(url)

"""What every page needs: where one can go from here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from grading.models import User
from grading.screens import BY_URL, GUIDES, SCHOOL_SECTIONS


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"nav": []}
    # Lazy, because most answers are fragments, which have no navigation and need no query for it.
    return {
        "nav": SimpleLazyObject(lambda: _sections(_place(request), user)),
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


def _place(request: HttpRequest) -> str:
    """The path; of a page of a school's administration that of the school, whatever its own is."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    pages = {f"grading:{page}" for section in SCHOOL_SECTIONS for page in section.pages}
    return reverse("grading:schools") if name in pages else request.path


def _sections(path: str, user: User) -> list[dict[str, Any]]:
    links = [(_("Classes"), reverse("grading:home"))]
    if user.is_staff or getattr(user, "grades", False):  # from grading.backends
        links.append((_("Models"), reverse("grading:models")))
    if getattr(user, "administers", False):
        links.append((_("School"), reverse("grading:schools")))
    if user.is_staff:
        links.append((_("Support"), reverse("admin:index")))
    return [{"label": label, "url": url, "current": _is_current(path, url)} for label, url in links]


def _is_current(path: str, url: str) -> bool:
    """Everything that is not a section of its own belongs to the classes."""
    if url == reverse("grading:home"):
        return not path.startswith(("/support/", "/school", reverse("grading:models")))
    if url == reverse("grading:schools"):
        return path.startswith("/school")
    return path.startswith(url)

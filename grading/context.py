"""What every page needs: where one can go from here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"nav": []}
    links = [(_("Classes"), reverse("grading:home"))]
    if user.is_staff:
        links.append((_("Support"), reverse("admin:index")))
    return {
        "nav": [
            {"label": label, "url": url, "current": _is_current(request.path, url)}
            for label, url in links
        ]
    }


def _is_current(path: str, url: str) -> bool:
    """Everything outside the support pages belongs to the classes."""
    if url == reverse("grading:home"):
        return not path.startswith("/support/")
    return path.startswith(url)

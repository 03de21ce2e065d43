"""Help: one short page a screen, and what the levels mean with the models that are in use now."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from grading.forms.people import PreferencesForm
from grading.models import RubricVersion
from grading.screens import BY_SLUG, SCREENS
from grading.services.adapters import reliability_of
from grading.views.requests import SignedInRequest


@login_required
@require_GET
def help_page(request: SignedInRequest, slug: str = "") -> HttpResponse:
    screen = BY_SLUG.get(slug)
    if slug and screen is None:
        raise Http404
    context: dict[str, Any] = {"screens": SCREENS, "screen": screen}
    if screen is None:
        theme = request.user.preferences.get("theme", "")
        context["form"] = PreferencesForm(initial={"theme": theme})
    elif screen.slug == "scores":
        context |= _reliability()
    return render(request, "grading/help.html", context)


def _reliability() -> dict[str, Any]:
    base, rows = reliability_of(RubricVersion.objects.newest("kidsart"))
    return {
        "base": base,
        "prompted": [row for row in rows if row.adapter is None],
        "unmeasured": [row for row in rows if row.adapter and row.spearman is None],
        "weak": [row for row in rows if row.is_weak],
        "sound": [row for row in rows if row.is_sound],
    }

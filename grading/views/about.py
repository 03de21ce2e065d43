"""Public pages, for anybody who can read: how this works, and a card for each model.

Nothing of a school, a class or a person is on them.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from grading.models import AdapterVersion, RubricVersion
from grading.models.people import KEPT_DAYS_LEAST, KEPT_DAYS_MOST
from grading.services.cards import card_of, cards


@require_GET
def about(request: HttpRequest) -> HttpResponse:
    context = {
        "dimensions": RubricVersion.objects.newest("kidsart").dimensions.all(),
        "fewest_days": KEPT_DAYS_LEAST,
        "most_years": KEPT_DAYS_MOST // 365,
        "base": cards().base,
    }
    return render(request, "grading/about.html", context)


@require_GET
def about_models(request: HttpRequest) -> HttpResponse:
    found = cards()
    demo = found.base is not None and found.base.is_demo
    context = {"base": found.base, "dimensions": found.dimensions, "demo_model": demo}
    return render(request, "grading/about_models.html", context)


@require_GET
def about_model(request: HttpRequest, code: UUID) -> HttpResponse:
    """The card of an adapter; not of one for a rubric that is a school's own."""
    adapters = AdapterVersion.objects.filter(dimension__version__rubric__school=None)
    adapter = get_object_or_404(adapters.select_related("base", "dimension__version"), code=code)
    context = {
        "card": card_of(adapter),
        "demo_model": adapter.base.is_demo,
        "not_measured": _("not measured"),
    }
    return render(request, "grading/about_model.html", context)

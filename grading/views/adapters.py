"""The page of the models: what scores each dimension, since when and why, and how well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from grading.heatmap import Heatmap, heatmap
from grading.models import (
    AdapterVersion,
    BaseModel,
    Promotion,
    Role,
    RubricDimension,
    RubricVersion,
    User,
)
from grading.services.atlas import Atlas, UnreadableAtlas, atlas_path, read_atlas
from grading.services.cards import Figures, figures_of
from grading.views.requests import SignedInRequest
from ml.errors import BundleError
from ml.profiles import AdapterProfile, read_adapter_profile

MAY_SEE = (Role.TEACHER, Role.ADMINISTRATOR)

# What each map shows, and the sentence that says how to read it.
MAPS: Mapping[str, tuple[Promise, Promise, Promise]] = {
    "subspace": (
        _("Weights"),
        _("Do two adapters change the model in the same directions?"),
        _(
            "1: the same directions; 0: nothing in common. Low values mean that each adapter "
            "learned something of its own."
        ),
    ),
    "states": (
        _("Inner states"),
        _("Does the model end in the same state with two adapters, for the same picture?"),
        _(
            "The cosine of the last hidden states: 1 is the same state, 0 unrelated. High values "
            "mean that two dimensions are looked at alike."
        ),
    ),
    "cross": (
        _("Scores and levels"),
        _("Whose levels do the scores of an adapter follow?"),
        _(
            "Spearman correlation of the scores of an adapter (row) with the levels people gave "
            "for a dimension (column). An adapter that knows its own dimension is highest on the "
            "outlined square of its row; a row that is high everywhere tells dimensions apart "
            "badly."
        ),
    ),
}


@dataclass(frozen=True)
class Decision:
    promotion: Promotion
    by: str | Promise  # empty: from the command line, where nobody is signed in


@dataclass(frozen=True)
class VersionRow:
    version: AdapterVersion
    figures: Figures
    decisions: tuple[Decision, ...]  # newest first
    in_use: bool
    on_this_base: bool


@dataclass(frozen=True)
class DimensionRow:
    dimension: RubricDimension
    in_use: VersionRow | None  # None: the base model is prompted
    profile: AdapterProfile | None  # None: its folder cannot be read from here
    history: tuple[VersionRow, ...]


@login_required
@require_GET
def models(request: SignedInRequest) -> HttpResponse:
    """Nothing of any school is on it, so every teacher and administrator may see it."""
    prefetch_related_objects([request.user], "memberships")  # the navigation asks for them too
    schools = {m.school_id for m in request.user.memberships.all() if m.role in MAY_SEE}
    if not schools and not request.user.is_staff:
        raise Http404
    dimensions = list(RubricVersion.objects.newest("kidsart").dimensions.all())
    promotions = list(Promotion.objects.select_related("adapter__base", "by").order_by("-pk"))
    base = promotions[0].adapter.base if promotions else BaseModel.objects.order_by("-pk").first()
    context = {
        "base": base,
        "demo_model": base is not None and base.is_demo,
        "rows": _rows(dimensions, base, promotions, _known_people(schools)),
        **_atlas_context(base, dimensions, promotions, request.GET.get("map", "")),
    }
    return render(request, "grading/models.html", context)


def _known_people(schools: set[int]) -> set[int]:
    """Colleagues, whose names may be said; the others stay an administrator of some school."""
    return set(User.objects.filter(memberships__school__in=schools).values_list("pk", flat=True))


def _rows(
    dimensions: list[RubricDimension],
    base: BaseModel | None,
    promotions: Iterable[Promotion],
    known: set[int],
) -> list[DimensionRow]:
    """One row a dimension. What is in use follows AdapterSet.objects.in_use; a test compares."""
    decisions: dict[int, list[Decision]] = {}
    current: dict[int, int] = {}  # dimension: the adapter in use
    for promotion in promotions:
        adapter = promotion.adapter
        decisions.setdefault(adapter.pk, []).append(Decision(promotion, _who(promotion, known)))
        if adapter.base == base:
            current.setdefault(adapter.dimension_id, adapter.pk)
    history: dict[int, list[VersionRow]] = {}
    for adapter in (
        AdapterVersion.objects.filter(dimension__in=dimensions)
        .select_related("base")
        .order_by("-pk")
    ):
        row = VersionRow(
            version=adapter,
            figures=figures_of(adapter.metrics),
            decisions=tuple(decisions.get(adapter.pk, ())),
            in_use=current.get(adapter.dimension_id) == adapter.pk,
            on_this_base=adapter.base == base,
        )
        history.setdefault(adapter.dimension_id, []).append(row)
    return [_dimension_row(dimension, history.get(dimension.pk, [])) for dimension in dimensions]


def _dimension_row(dimension: RubricDimension, history: list[VersionRow]) -> DimensionRow:
    in_use = next((row for row in history if row.in_use), None)
    profile = _profile(in_use.version.path, in_use.version.sha256) if in_use else None
    return DimensionRow(dimension, in_use, profile, tuple(history))


def _who(promotion: Promotion, known: set[int]) -> str | Promise:
    if promotion.by is None:
        return ""
    return str(promotion.by) if promotion.by_id in known else _("another school's administrator")


def _profile(path: str, sha256: str) -> AdapterProfile | None:
    """What the adapter was trained with; None where its files are on another machine."""
    try:
        profile = read_adapter_profile(AdapterVersion(path=path).folder)
    except (BundleError, OSError):
        return None
    return profile if profile.weights_sha256 == sha256 else None


def _atlas_context(
    base: BaseModel | None,
    dimensions: list[RubricDimension],
    promotions: list[Promotion],
    asked: str,
) -> dict[str, object]:
    atlas, unreadable = None, False
    try:
        atlas = read_atlas(atlas_path(base)) if base else None
    except UnreadableAtlas:
        unreadable = True
    if atlas is None:
        return {"atlas": None, "atlas_unreadable": unreadable}
    names = {dimension.slug: dimension.shown_name for dimension in dimensions}
    shown = [key for key in MAPS if getattr(atlas, key) is not None]
    key = asked if asked in shown else shown[0]
    return {
        "atlas": atlas,
        "atlas_is_older": bool(
            promotions and atlas.made_at and promotions[0].at.date() > atlas.made_at
        ),
        "maps": [(k, MAPS[k][0], k == key, k in shown) for k in MAPS],
        "map_question": MAPS[key][1],
        "map_reading": MAPS[key][2],
        "heatmap": _map(atlas, key, names),
    }


def _map(atlas: Atlas, key: str, names: Mapping[str, str]) -> Heatmap:
    return heatmap(
        [names.get(slug, slug) for slug in atlas.slugs],
        getattr(atlas, key),
        ident=f"map-{key}",
        title=str(MAPS[key][1]),
        symmetric=key != "cross",
    )

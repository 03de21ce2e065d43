"""Installing base models and adapters. grading.services.training puts them into use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from grading.models import (
    AdapterVersion,
    BaseModel,
    Promotion,
    RubricDimension,
    RubricVersion,
)
from ml.errors import BundleError
from ml.profiles import read_adapter_profile, read_base_profile


def stored_path(folder: Path) -> str:
    """Relative to the program where possible, so that a clone can be moved."""
    folder = folder.resolve()
    inside = folder.is_relative_to(settings.BASE_DIR)
    return str(folder.relative_to(settings.BASE_DIR) if inside else folder)


@transaction.atomic
def install_base(folder: Path) -> BaseModel:
    """Record a base model folder; one already known is returned, at its newest place."""
    profile = read_base_profile(folder)
    base, _new = BaseModel.objects.update_or_create(
        sha256=profile.sha256,
        defaults={
            "name": profile.name,
            "path": stored_path(folder),
            "is_demo": profile.demo,
        },
    )
    return base


@transaction.atomic
def install_adapter(folder: Path, base: BaseModel, version: RubricVersion) -> AdapterVersion:
    """Record an adapter folder as the next version of its dimension; the same weights only once.

    Raises:
        BundleError: it was made for another base model, or for a dimension the rubric lacks.
    """
    profile = read_adapter_profile(folder)
    if profile.base_sha256 != base.sha256:
        raise BundleError(f"{folder} was trained on {profile.base_name}, not on {base.name}.")
    dimension = RubricDimension.objects.filter(version=version, slug=profile.dimension).first()
    if dimension is None:
        raise BundleError(f"{folder} scores {profile.dimension!r}, which {version} does not have.")
    known = AdapterVersion.objects.filter(base=base, dimension=dimension)
    if found := known.filter(sha256=profile.weights_sha256).first():
        return found
    return AdapterVersion.objects.create(
        base=base,
        dimension=dimension,
        number=known.count() + 1,
        path=stored_path(folder),
        sha256=profile.weights_sha256,
        prompt_profile=profile.prompt.name,
        image_profile=profile.image.name,
        metrics=dict(profile.metrics),
    )


WEAK_BELOW = 0.6  # Spearman with people; two people with each other reach .63 (arXiv 2512.12503)


@dataclass(frozen=True)
class Reliability:
    """How far the scores of one dimension can be relied on, as measured on work held out."""

    dimension: RubricDimension
    adapter: AdapterVersion | None  # None: the base model is prompted
    spearman: float | None  # None: nobody has measured it

    @property
    def is_weak(self) -> bool:
        return self.spearman is not None and self.spearman < WEAK_BELOW

    @property
    def is_sound(self) -> bool:
        return self.spearman is not None and not self.is_weak


def reliability_of(version: RubricVersion) -> tuple[BaseModel | None, list[Reliability]]:
    """The base model in use, and what is known of every dimension; as AdapterSet.in_use chooses."""
    promotions = list(Promotion.objects.select_related("adapter__base").order_by("-pk"))
    base = promotions[0].adapter.base if promotions else BaseModel.objects.order_by("-pk").first()
    chosen: dict[int, AdapterVersion] = {}
    for promotion in promotions:
        if promotion.adapter.base == base:
            chosen.setdefault(promotion.adapter.dimension_id, promotion.adapter)
    found = []
    for dimension in version.dimensions.all():
        adapter = chosen.get(dimension.pk)
        value = adapter.metrics.get("spearman") if adapter else None
        known = isinstance(value, float) or type(value) is int
        found.append(Reliability(dimension, adapter, value if known else None))
    return base, found

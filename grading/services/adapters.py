"""Installing base models and adapters. grading.services.training puts them into use."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction

from grading.models import (
    AdapterVersion,
    BaseModel,
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

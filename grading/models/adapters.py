"""Which model scores: base models, adapter versions, and what was put into use, by whom and why."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now

from grading.models.frozen import FrozenModel, FrozenQuerySet
from grading.models.people import User
from grading.models.rubrics import RubricDimension, RubricVersion

RELIABLE_FROM = 0.6  # Spearman with people on pictures it has not learned from


def model_path(stored: str) -> Path:
    """A stored path; a relative one belongs to the program, so that a clone can be moved."""
    return settings.BASE_DIR / stored


class BaseModel(models.Model):
    name = models.CharField(max_length=80)
    path = models.CharField(max_length=400)
    sha256 = models.CharField(max_length=64, unique=True)
    is_demo = models.BooleanField(default=False)  # not for grading

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        return model_path(self.path)


class AdapterVersion(FrozenModel):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    base = models.ForeignKey(BaseModel, models.PROTECT, related_name="adapters")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT, related_name="adapters")
    number = models.PositiveIntegerField()
    path = models.CharField(max_length=400)
    sha256 = models.CharField(max_length=64)
    prompt_profile = models.CharField(max_length=80)
    image_profile = models.CharField(max_length=80)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["base", "dimension", "number"], name="adapter_number_once"
            ),
            models.UniqueConstraint(
                fields=["base", "dimension", "sha256"], name="adapter_content_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension.shown_name} {self.number}"

    @property
    def folder(self) -> Path:
        return model_path(self.path)

    @property
    def is_reliable(self) -> bool:
        """Agrees with people about as well as they do with each other (.63 in KidsArtBench)."""
        return (self.metrics.get("spearman") or 0.0) >= RELIABLE_FROM


class Promotion(FrozenModel):
    """Puts an adapter into use for its dimension. The newest row counts: rollback is one more."""

    adapter = models.ForeignKey(AdapterVersion, models.PROTECT, related_name="promotions")
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")  # null: at set-up
    why = models.CharField(max_length=240)
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.adapter} in use since {self.at:%Y-%m-%d}"


class AdapterSetQuerySet(FrozenQuerySet["AdapterSet"]):
    def in_use(self, rubric_version: RubricVersion) -> AdapterSet | None:
        """The set made of the newest promotion of every dimension; None without any base model.

        The newest promotion of all decides the base model: adapters of another one stand aside,
        and their dimensions are prompted until they are trained again.
        """
        promotions = Promotion.objects.select_related("adapter__base").order_by("-pk")
        newest = promotions.first()
        base = newest.adapter.base if newest else BaseModel.objects.order_by("-pk").first()
        if base is None:
            return None
        chosen: dict[int, AdapterVersion] = {}
        for promotion in promotions.filter(
            adapter__base=base, adapter__dimension__version=rubric_version
        ):
            chosen.setdefault(promotion.adapter.dimension_id, promotion.adapter)
        parts = [base.sha256, str(rubric_version.pk), *sorted(a.sha256 for a in chosen.values())]
        digest = hashlib.sha256(" ".join(parts).encode()).hexdigest()
        return self._get_or_make(digest, base, rubric_version, list(chosen.values()))

    def _get_or_make(
        self,
        digest: str,
        base: BaseModel,
        rubric_version: RubricVersion,
        adapters: list[AdapterVersion],
    ) -> AdapterSet:
        if found := self.filter(digest=digest).first():
            return found
        with transaction.atomic():
            made, new = self.get_or_create(
                digest=digest, defaults={"base": base, "rubric_version": rubric_version}
            )
            if new:
                made.adapters.set(adapters)
        return made


class AdapterSet(FrozenModel):
    """The base model and adapters that score one rubric together. Jobs pin one of these."""

    base = models.ForeignKey(BaseModel, models.PROTECT)
    rubric_version = models.ForeignKey(RubricVersion, models.PROTECT)
    digest = models.CharField(max_length=64, unique=True)
    adapters = models.ManyToManyField(AdapterVersion)  # none for a dimension: it is prompted
    created_at = models.DateTimeField(default=now)

    objects = AdapterSetQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    def __str__(self) -> str:
        return f"{self.base} for {self.rubric_version} ({self.digest[:8]})"

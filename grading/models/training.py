"""What adapters learned from: lists of annotations, made at the moment of a run and then frozen."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from grading.models.adapters import AdapterVersion
from grading.models.annotations import Annotation
from grading.models.frozen import FrozenModel, FrozenQuerySet
from grading.models.people import Student, User
from grading.models.rubrics import RubricVersion


class TrainingSet(FrozenModel):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    rubric_version = models.ForeignKey(RubricVersion, models.PROTECT, related_name="training_sets")
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(default=now)
    adapters = models.ManyToManyField(AdapterVersion, related_name="training_sets")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"training set {self.pk} of {self.made_at:%Y-%m-%d}"


class TrainingItemQuerySet(FrozenQuerySet["TrainingItem"]):
    def of_student(self, student: Student) -> Self:
        """Also of works that were another child's by mistake when a run saw them."""
        mine = Q(artwork_code__in=student.artworks.values("code"))
        return self.filter(mine | Q(student_code=student.code))


class TrainingItem(FrozenModel):
    """One annotation that a run saw.

    It names the child and the work by their codes, which lead nowhere once they are erased: so a
    receipt can still say which adapters saw the work.
    """

    training_set = models.ForeignKey(TrainingSet, models.CASCADE, related_name="items")
    annotation = models.ForeignKey(Annotation, models.SET_NULL, null=True, related_name="+")
    student_code = models.UUIDField(db_index=True)
    artwork_code = models.UUIDField()

    objects = TrainingItemQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    def __str__(self) -> str:
        return f"{self.artwork_code} in {self.training_set}"

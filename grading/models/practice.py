"""Example pictures with levels that people agreed on, to compare one's own eye with."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext

from grading.models.frozen import FrozenModel
from grading.models.people import School, User
from grading.models.rubrics import RubricDimension, RubricVersion


def example_path(example: ExamplePicture, filename: str) -> str:
    return f"examples/{example.code.hex}/{filename}"


class ExamplePictureQuerySet(models.QuerySet["ExamplePicture"]):
    def for_user(self, user: User) -> Self:
        """Those for everyone, and those of the schools the person belongs to."""
        return self.filter(Q(school=None) | Q(school__in=School.objects.for_user(user)))


class ExamplePicture(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    rubric_version = models.ForeignKey(RubricVersion, models.PROTECT, related_name="examples")
    school = models.ForeignKey(School, models.CASCADE, null=True)  # null: for everyone
    title = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    display = models.FileField(upload_to=example_path)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    objects = ExamplePictureQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.shown_title

    @property
    def shown_title(self) -> str:
        return gettext(self.title) if self.school_id is None else self.title


class ExampleLevel(FrozenModel):
    example = models.ForeignKey(ExamplePicture, models.CASCADE, related_name="levels")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    level = models.PositiveSmallIntegerField()
    why = models.CharField(max_length=300, blank=True)
    why_values = models.JSONField(default=dict)  # fill the places in the program's own sentences

    class Meta:
        ordering = ["dimension__position"]
        constraints = [
            models.UniqueConstraint(fields=["example", "dimension"], name="one_agreed_level_each")
        ]

    def __str__(self) -> str:
        return f"{self.example}, {self.dimension}: {self.level}"

    @property
    def shown_why(self) -> str:
        return gettext(self.why) % self.why_values if self.why_values else self.why


class ExampleAnswer(FrozenModel):
    """What a person said of an example before they saw the agreed level."""

    example = models.ForeignKey(ExamplePicture, models.CASCADE, related_name="answers")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    level = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.user} on {self.example}, {self.dimension}: {self.level}"

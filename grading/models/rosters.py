"""Lists of classes and students from another system: read, looked at, applied, perhaps undone."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.people import School, SchoolYear, User


class RosterImportQuerySet(models.QuerySet["RosterImport"]):
    def for_user(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))

    def forget(self, before: datetime) -> int:
        """Empty what lists uploaded before then said and did; that there were any stays known."""
        return (
            self.filter(uploaded_at__lt=before)
            .exclude(rows=[], plan={})
            .update(rows=[], plan={}, header=[], mapping={})
        )


class RosterImport(models.Model):
    """One uploaded list. The file is not kept: its rows are, until they are applied or forgotten.

    ``rows`` are what the file said, ``plan`` what applying them did (enough to undo it). Both hold
    names, so both are emptied ``settings.ROSTER_KEPT_DAYS`` after the upload.
    """

    class Kind(models.TextChoices):
        CSV = "csv", _("table")
        ONEROSTER = "oneroster", "OneRoster 1.2"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="roster_imports")
    year = models.ForeignKey(SchoolYear, models.CASCADE, related_name="roster_imports")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    file_name = models.CharField(max_length=120)
    header = models.JSONField(default=list)  # of a table: its columns, in order
    mapping = models.JSONField(default=dict)  # of a table: our field -> number of the column
    removes_missing = models.BooleanField(
        _("students who are not in the list leave the classes that are in it"), default=False
    )
    rows = models.JSONField(default=list)
    plan = models.JSONField(default=dict)
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=now)
    applied_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    objects = RosterImportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.file_name} of {self.uploaded_at:%Y-%m-%d}"

"""What families and the law may ask for: to keep, to correct, to forget, and proof that it was."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.core.files import File
from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.frozen import FrozenModel, FrozenQuerySet
from grading.models.jobs import Job, JobQuerySet
from grading.models.people import School, SchoolYear, Student, User


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def standing(self) -> Self:
        return self.filter(lifted_at=None)

    def for_user(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))


class LegalHold(models.Model):
    """While it stands, nothing of this student, or of this year, is erased by anybody."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="holds")
    student = models.ForeignKey(Student, models.PROTECT, null=True, related_name="holds")
    year = models.ForeignKey(SchoolYear, models.PROTECT, null=True, related_name="holds")
    reason = models.CharField(_("reason"), max_length=200)
    placed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(default=now)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(student=None, year__isnull=False) | Q(student__isnull=False, year=None),
                name="holds_a_student_or_a_year",
            )
        ]

    def __str__(self) -> str:
        return f"hold on {self.student or self.year}"


KEPT_DAYS = 7


def student_export_path(export: StudentExport, filename: str) -> str:
    return f"records/{uuid.uuid4().hex}"


class StudentExportQuerySet(JobQuerySet["StudentExport"]):
    def for_user(self, user: User) -> Self:
        """Only who asked may fetch it, as long as they look after the student's school."""
        students = Student.objects.administered_by(user)
        return self.filter(asked_by=user, student__in=students)

    def expired(self) -> Self:
        return self.filter(expires_at__lt=now()).exclude(file="")


class StudentExport(Job):
    """One ZIP with everything there is about a student. Made in an io worker, gone after days."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    student = models.ForeignKey(Student, models.CASCADE, related_name="exports")
    with_names = models.BooleanField(_("with the names of teachers"), default=True)
    language = models.CharField(max_length=10)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    file = models.FileField(upload_to=student_export_path, blank=True)
    expires_at = models.DateTimeField(default=now)

    objects = StudentExportQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["status", "id"], name="student_export_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["student", "asked_by"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_export_each",
            )
        ]

    @property
    def is_there(self) -> bool:
        return bool(self.file) and self.expires_at > now()

    @transaction.atomic
    def succeed(self, content: File) -> bool:
        """Store the file; False if a later attempt took over, or the student was erased."""
        if not self._close(self.Status.SUCCEEDED):
            return False
        self.expires_at = now() + timedelta(days=KEPT_DAYS)
        self.file.save("record", content, save=False)
        self.save(update_fields=["file", "expires_at"])
        return True


class Amendment(FrozenModel):
    """What a family or the school wants to stand beside a record, which itself is never changed."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    student = models.ForeignKey(Student, models.CASCADE, related_name="amendments")
    text = models.TextField(_("what should stand beside the record"), max_length=1000)
    asked_by = models.CharField(_("who asked for it"), max_length=60)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"amendment to the record of {self.student}"


class ErasureReceiptQuerySet(FrozenQuerySet["ErasureReceipt"]):
    def for_user(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))


class ErasureReceipt(FrozenModel):
    """That a student was erased, and what of them: counts and codes, never a name."""

    class Reason(models.TextChoices):
        ASKED = "asked", _("somebody asked for it")
        RETENTION = "retention", _("the time for keeping had passed")

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.PROTECT, related_name="erasures")
    student_code = models.UUIDField(db_index=True)
    reason = models.CharField(max_length=9, choices=Reason.choices)
    year_name = models.CharField(max_length=9, blank=True)  # blank: everything of the student
    counts = models.JSONField(default=dict)  # rows erased, by kind; "files" erased
    adapters = models.JSONField(default=list)  # names of the adapters that had learned from it
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")  # null: nightly job
    at = models.DateTimeField(default=now)

    objects = ErasureReceiptQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"receipt {self.code}"


class DoomedFile(models.Model):
    """A stored file that no row leads to any more. It is deleted at once, or else by the sweep."""

    name = models.CharField(max_length=255)
    receipt = models.ForeignKey(
        ErasureReceipt, models.SET_NULL, null=True, related_name="doomed_files"
    )
    doomed_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.name

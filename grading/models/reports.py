"""PDF reports: made in an io worker, fetched by the person who asked, gone after some days."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.core.files import File
from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.artworks import Assignment
from grading.models.jobs import Job, JobQuerySet
from grading.models.people import Student, User

KEPT_DAYS = 7


def report_path(report: ReportJob, filename: str) -> str:
    return f"reports/{uuid.uuid4().hex}"


class ReportJobQuerySet(JobQuerySet["ReportJob"]):
    def for_user(self, user: User) -> Self:
        """Only who asked for a report may fetch it, as long as they may see what is in it."""
        mine = self.filter(asked_by=user)
        return mine.filter(
            Q(student=None) | Q(student__in=Student.objects.for_user(user)),
            Q(assignment=None) | Q(assignment__in=Assignment.objects.for_user(user)),
        )

    def expired(self) -> Self:
        return self.filter(expires_at__lt=now()).exclude(file="")


class ReportJob(Job):
    """One PDF, or a ZIP of them; of a student's year, or of a class's work on one assignment."""

    class Paper(models.TextChoices):
        A4 = "A4", "A4"
        LETTER = "letter", _("Letter")

    class Form(models.TextChoices):
        ONE_FILE = "pdf", _("one file")
        ZIP = "zip", _("a ZIP with one file for each student")

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    student = models.ForeignKey(Student, models.CASCADE, null=True, related_name="+")
    assignment = models.ForeignKey(Assignment, models.CASCADE, null=True, related_name="+")
    year = models.CharField(max_length=9, blank=True)  # of a student's work; blank: every year
    only_released = models.BooleanField(default=False)
    paper = models.CharField(_("paper"), max_length=6, choices=Paper.choices, default=Paper.A4)
    form = models.CharField(_("form"), max_length=3, choices=Form.choices, default=Form.ONE_FILE)
    language = models.CharField(max_length=10)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    file = models.FileField(upload_to=report_path, blank=True)
    expires_at = models.DateTimeField(default=now)

    objects = ReportJobQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["status", "id"], name="report_job_queue")]
        constraints = [
            models.CheckConstraint(
                condition=Q(student=None, assignment__isnull=False)
                | Q(student__isnull=False, assignment=None),
                name="of_a_student_or_of_a_class",
            )
        ]

    @property
    def is_there(self) -> bool:
        """The file can be fetched; it may be that the clean-up has not come by yet."""
        return bool(self.file) and self.expires_at > now()

    @transaction.atomic
    def succeed(self, content: File) -> bool:
        """Store the file; False if a later attempt has taken the job over."""
        if not self._close(self.Status.SUCCEEDED):
            return False
        self.expires_at = now() + timedelta(days=KEPT_DAYS)
        self.file.save("report", content, save=False)
        self.save(update_fields=["file", "expires_at"])
        return True

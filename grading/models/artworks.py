"""From a file that was dropped on a page to a picture that can be shown and scored."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.jobs import Job, JobQuerySet
from grading.models.people import Classroom, Student, User, visible_classrooms
from grading.models.rubrics import RubricVersion


class AssignmentQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(visible_classrooms(user, "classroom__"))


class Assignment(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    classroom = models.ForeignKey(Classroom, models.CASCADE, related_name="assignments")
    rubric_version = models.ForeignKey(RubricVersion, models.PROTECT)
    title = models.CharField(_("title"), max_length=120)
    task = models.TextField(_("what the class was asked to do"), blank=True)
    medium = models.CharField(_("medium"), max_length=60, blank=True)
    made_on = models.DateField(_("date"))

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-made_on", "-pk"]

    def __str__(self) -> str:
        return self.title


class ArtworkQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.kept().filter(visible_classrooms(user, "assignment__classroom__"))

    def kept(self) -> Self:
        return self.filter(removed_at=None)


def original_path(artwork: Artwork, filename: str) -> str:
    return f"originals/{uuid.uuid4().hex}"


class Artwork(models.Model):
    """One uploaded file, of one student once matched. The pictures made from it are other rows."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="artworks")
    student = models.ForeignKey(
        Student, models.SET_NULL, null=True, blank=True, related_name="artworks"
    )
    original_name = models.CharField(max_length=120)  # cleaned, for the teacher to recognize
    original = models.FileField(upload_to=original_path, blank=True)  # gone once normalized
    media_type = models.CharField(max_length=20)
    size_bytes = models.PositiveBigIntegerField()
    content_sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=now)
    removed_at = models.DateTimeField(null=True, blank=True)  # replaced or taken away

    objects = ArtworkQuerySet.as_manager()

    class Meta:
        ordering = ["uploaded_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "content_sha256"],
                condition=Q(removed_at=None),
                name="same_file_once_an_assignment",
            )
        ]

    def __str__(self) -> str:
        return self.original_name


class IntakeJob(Job):
    """Decodes the original and makes the picture versions, in an io worker."""

    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="intake_jobs")

    objects = JobQuerySet["IntakeJob"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["artwork"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_intake_job_an_artwork",
            )
        ]
        indexes = [models.Index(fields=["status", "id"], name="intake_job_queue")]

    @transaction.atomic
    def succeed(self, **picture) -> Picture | None:
        """Record the picture; None if a later attempt has taken the job over."""
        if not self._close(self.Status.SUCCEEDED):
            return None
        return Picture.objects.create(artwork=self.artwork, job=self, **picture)


def picture_path(picture: Picture, filename: str) -> str:
    return f"pictures/{picture.code.hex[:2]}/{picture.code.hex}/{filename}"


class PictureQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(
            visible_classrooms(user, "artwork__assignment__classroom__"), artwork__removed_at=None
        )


class Picture(models.Model):
    """What the model and the teacher look at. A turned or cropped picture is another row."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="pictures")
    job = models.OneToOneField(IntakeJob, models.CASCADE, related_name="picture")
    full = models.FileField(upload_to=picture_path)
    display = models.FileField(upload_to=picture_path)
    thumbnail = models.FileField(upload_to=picture_path)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)  # of ``full``
    created_at = models.DateTimeField(default=now)

    objects = PictureQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"picture {self.pk} of {self.artwork}"

"""From a file that was dropped on a page to a picture that can be shown and scored."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Self

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


def is_blind_first(content_sha256: str, seed: int, percent: int) -> bool:
    """Drawn by lot with the school's seed, and the same whoever asks: a share of ``percent``."""
    digest = hashlib.sha256(f"{seed} {content_sha256}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


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
    blind_first = models.BooleanField(default=False)  # scores hidden until a teacher's are in

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


def picture_path_of_proposal(proposal: PhotoProposal, filename: str) -> str:
    return picture_path(proposal.picture, filename)


class PictureQuerySet(models.QuerySet):
    def for_user(self, user: User) -> Self:
        return self.filter(
            visible_classrooms(user, "artwork__assignment__classroom__"), artwork__removed_at=None
        )


class Picture(models.Model):
    """What the model and the teacher look at. A turned or cropped picture is another row.

    The one that was taken into use last counts; the untouched one stays beside it.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="pictures")
    job = models.OneToOneField(IntakeJob, models.CASCADE, null=True, related_name="picture")
    edit_job = models.OneToOneField(
        "EditJob", models.CASCADE, null=True, related_name="result"
    )  # null: the picture as it was uploaded
    full = models.FileField(upload_to=picture_path)
    display = models.FileField(upload_to=picture_path)
    thumbnail = models.FileField(upload_to=picture_path)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)  # of ``full``
    created_at = models.DateTimeField(default=now)
    in_use_since = models.DateTimeField(default=now)

    objects = PictureQuerySet.as_manager()

    class Meta:
        ordering = ["in_use_since", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(job=None, edit_job__isnull=False) | Q(job__isnull=False, edit_job=None),
                name="made_by_one_job",
            )
        ]

    def __str__(self) -> str:
        return f"picture {self.pk} of {self.artwork}"

    @property
    def untouched(self) -> Picture:
        """The picture as it was uploaded, which every edit starts from."""
        return self.edit_job.picture if self.edit_job else self

    @property
    def edit(self) -> dict[str, Any]:
        """What was done to the untouched picture, as ``grading.intake.cleanup`` writes it."""
        return self.edit_job.edit if self.edit_job else {}


class EditJob(Job):
    """Turns, straightens or lights an untouched picture, in an io worker."""

    picture = models.ForeignKey(Picture, models.CASCADE, related_name="edit_jobs")
    edit = models.JSONField(default=dict)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = JobQuerySet["EditJob"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["picture"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_edit_job_a_picture",
            )
        ]
        indexes = [models.Index(fields=["status", "id"], name="edit_job_queue")]

    @transaction.atomic
    def succeed(self, **picture) -> Picture | None:
        """Record the picture, which is in use at once; None if a later attempt took over."""
        if not self._close(self.Status.SUCCEEDED):
            return None
        return Picture.objects.create(artwork=self.picture.artwork, edit_job=self, **picture)


class PhotoProposal(models.Model):
    """How a photograph could be straightened and lit; somebody takes it or leaves it."""

    class Answer(models.TextChoices):
        TAKEN = "taken", _("used")
        LEFT = "left", _("left as it was")

    picture = models.OneToOneField(Picture, models.CASCADE, related_name="proposal")
    edit = models.JSONField()
    sure = models.BooleanField()  # may be taken for a whole class at once
    reason = models.CharField(max_length=20)  # sheet, light
    preview = models.FileField(upload_to=picture_path_of_proposal)
    made_at = models.DateTimeField(default=now)
    answer = models.CharField(max_length=5, choices=Answer.choices, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"proposal for {self.picture}"

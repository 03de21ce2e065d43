"""What families may see: a class that somebody released, a link for one child, and an appeal."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.annotations import BlindLook, Review
from grading.models.artworks import Artwork, Assignment
from grading.models.frozen import FrozenModel, FrozenQuerySet
from grading.models.people import Membership, Role, Student, User, visible_classrooms


class Release(FrozenModel):
    """A class's work was shown to families, or hidden again. The newest row counts."""

    class Kind(models.TextChoices):
        RELEASED = "released", _("released")
        HIDDEN = "hidden", _("hidden")

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="releases")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.assignment} {self.kind}"


class ReleasedWorkQuerySet(FrozenQuerySet["ReleasedWork"]):
    def standing(self) -> Self:
        """What families may see now: of the newest release of each class, unless that hid it.

        Work that was removed, whose confirmation was taken back, or that turned out to be another
        child's, is out of sight at once.
        """
        newer = Release.objects.filter(
            assignment=OuterRef("release__assignment"), pk__gt=OuterRef("release")
        )
        return self.filter(
            ~Exists(newer),
            artwork__removed_at=None,
            artwork__student=F("student"),
            review__withdrawal=None,
        )


class ReleasedWork(FrozenModel):
    """One confirmed picture of a release. What is decided later waits for the next release."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="works")
    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="releases")
    review = models.ForeignKey(Review, models.CASCADE, related_name="releases")
    student = models.ForeignKey(Student, models.CASCADE, related_name="released_works")

    objects = ReleasedWorkQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["release", "artwork"], name="released_once")]

    def __str__(self) -> str:
        return f"{self.artwork} in {self.release}"


def token_sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class FamilyLinkQuerySet(models.QuerySet["FamilyLink"]):
    def usable(self) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=now())

    def for_user(self, user: User) -> Self:
        return self.filter(student__in=Student.objects.for_user(user))

    def by_token(self, token: str) -> FamilyLink | None:
        return self.usable().filter(token_sha256=token_sha256(token)).first()


class FamilyLink(models.Model):
    """Shows one student's released work to whoever holds the token, which is stored nowhere."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    student = models.ForeignKey(Student, models.CASCADE, related_name="family_links")
    token_sha256 = models.CharField(max_length=64, unique=True)
    note = models.CharField(_("for whom"), max_length=60, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    objects = FamilyLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"link to {self.student}"

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(32)

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and self.expires_at > now()


class FamilyLinkOpening(FrozenModel):
    link = models.ForeignKey(FamilyLink, models.CASCADE, related_name="openings")
    at = models.DateTimeField(default=now)
    network = models.CharField(max_length=43, blank=True)  # of the address; never all of it

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.link} opened at {self.at:%Y-%m-%d %H:%M}"


class AppealQuerySet(models.QuerySet["Appeal"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)

    def for_user(self, user: User) -> Self:
        kept = self.filter(artwork__removed_at=None)
        return kept.filter(visible_classrooms(user, "artwork__assignment__classroom__"))

    def to_look_at(self, user: User) -> Self:
        """Those that the user may take the second look of: of a school they teach at or look
        after, and neither the one who asked nor anybody who has given the picture levels."""
        schools = Membership.objects.filter(user=user, role__in=[Role.TEACHER, Role.ADMINISTRATOR])
        return (
            self.open()
            .filter(
                look=None,
                artwork__removed_at=None,
                artwork__assignment__classroom__school__in=schools.values("school"),
            )
            .exclude(asked_by=user)
            .exclude(artwork__reviews__reviewer=user)
            .exclude(artwork__blind_looks__by=user)
        )


class Appeal(models.Model):
    """Somebody asks to look again: another teacher then looks without seeing what was said."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="appeals")
    review = models.ForeignKey(Review, models.CASCADE, related_name="appeals")
    reason = models.CharField(_("what should be looked at again"), max_length=400)
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    family_link = models.ForeignKey(FamilyLink, models.SET_NULL, null=True, related_name="appeals")
    asked_at = models.DateTimeField(default=now)
    look = models.OneToOneField(BlindLook, models.PROTECT, null=True, related_name="appeal")
    outcome = models.CharField(max_length=400, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)

    objects = AppealQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["artwork"], condition=Q(closed_at=None), name="one_open_appeal_an_artwork"
            )
        ]

    def __str__(self) -> str:
        return f"appeal about {self.artwork}"

"""What a person decided. A draft is worked on; a review and its annotations are records."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.artworks import Artwork, Picture
from grading.models.feedback import FeedbackDraft
from grading.models.frozen import FrozenModel, FrozenQuerySet
from grading.models.people import User
from grading.models.rubrics import RubricDimension
from grading.models.scoring import ScoreSet

REASON_AT_MOST = 200


class ReviewDraft(models.Model):
    """A teacher's unfinished look at a picture: saved while it is made, gone once confirmed."""

    artwork = models.OneToOneField(Artwork, models.CASCADE, related_name="review_draft")
    strength = models.TextField(null=True)  # noqa: DJ001  null: the proposed words stand
    next_step = models.TextField(null=True)  # noqa: DJ001
    updated_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft review of {self.artwork}"


class DraftLevel(models.Model):
    """One row a dimension, so that two people at once do not overwrite each other's."""

    draft = models.ForeignKey(ReviewDraft, models.CASCADE, related_name="levels")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    level = models.PositiveSmallIntegerField(null=True)
    not_assessed = models.CharField(max_length=REASON_AT_MOST, blank=True)  # why there is no level
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "dimension"], name="one_draft_level_each"),
            models.CheckConstraint(
                condition=Q(level__isnull=False, not_assessed="")
                | Q(level=None) & ~Q(not_assessed=""),
                name="a_level_or_why_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.not_assessed or self.level}"


class ReviewQuerySet(FrozenQuerySet["Review"]):
    def standing(self) -> Self:
        """Those that nobody has taken back."""
        return self.filter(withdrawal=None)


class Review(FrozenModel):
    """A named person confirmed every dimension. Looking again later makes another review."""

    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="reviews")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="reviews")
    score_set = models.ForeignKey(ScoreSet, models.PROTECT, null=True, related_name="reviews")
    feedback_draft = models.ForeignKey(FeedbackDraft, models.PROTECT, null=True)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="reviews")
    strength = models.TextField(blank=True)
    next_step = models.TextField(blank=True)
    batch = models.UUIDField(null=True, db_index=True)  # confirmed together with others, in a list
    confirmed_at = models.DateTimeField(default=now)

    objects = ReviewQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"review of {self.artwork} by {self.reviewer}"


class ReviewWithdrawal(FrozenModel):
    """Somebody took a confirmation back. What came after it is not touched by this."""

    review = models.OneToOneField(Review, models.CASCADE, related_name="withdrawal")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.review} withdrawn by {self.by}"


class NotAssessed(FrozenModel):
    """A dimension that a person left without a level, and why."""

    review = models.ForeignKey(Review, models.CASCADE, related_name="not_assessed")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    reason = models.CharField(max_length=REASON_AT_MOST)

    class Meta:
        ordering = ["dimension__position"]
        constraints = [
            models.UniqueConstraint(fields=["review", "dimension"], name="one_reason_each")
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.reason}"


class BlindLookQuerySet(FrozenQuerySet["BlindLook"]):
    def first_looks(self) -> Self:
        return self.filter(purpose=BlindLook.Purpose.FIRST)


class BlindLook(FrozenModel):
    """Levels that a person gave a picture before seeing anybody else's."""

    class Purpose(models.TextChoices):
        FIRST = "first", _("before the model's levels were shown")
        APPEAL = "appeal", _("second look that somebody asked for")

    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="blind_looks")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="blind_looks")
    score_set = models.ForeignKey(ScoreSet, models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=6, choices=Purpose.choices)
    comment = models.TextField(_("comment"), max_length=400, blank=True)
    at = models.DateTimeField(default=now)

    objects = BlindLookQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"blind look at {self.artwork} by {self.by}"


class ReviewTime(FrozenModel):
    """Seconds that a person really looked at a picture; the time they were away is not in it."""

    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="review_times")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    seconds = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.seconds} s at {self.artwork}"


class Annotation(FrozenModel):
    """One level, by one person, of one dimension of one picture: what adapters learn from.

    Everything training needs is copied here, so that it cannot move under a run.
    """

    class Origin(models.TextChoices):
        ACCEPTED = "accepted", _("the proposed level, confirmed")
        CHOSEN = "chosen", _("chosen by the person")
        BLIND = "blind", _("chosen before anybody else's level was seen")

    review = models.ForeignKey(Review, models.CASCADE, null=True, related_name="annotations")
    look = models.ForeignKey(BlindLook, models.CASCADE, null=True, related_name="annotations")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="annotations")
    picture_sha256 = models.CharField(max_length=64)
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    annotator = models.ForeignKey(User, models.PROTECT, related_name="annotations")
    level = models.PositiveSmallIntegerField()
    first_level = models.PositiveSmallIntegerField()  # the rubric's scale, for the check below
    last_level = models.PositiveSmallIntegerField()
    origin = models.CharField(max_length=8, choices=Origin.choices)
    comment = models.TextField(blank=True)
    training_consent = models.BooleanField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["dimension__position"]
        constraints = [
            models.UniqueConstraint(fields=["review", "dimension"], name="one_annotation_each"),
            models.UniqueConstraint(fields=["look", "dimension"], name="one_blind_level_each"),
            models.CheckConstraint(
                condition=Q(level__gte=F("first_level"), level__lte=F("last_level")),
                name="annotation_on_the_scale",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.level} by {self.annotator}"

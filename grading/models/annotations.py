"""What a person decided. A draft is worked on; a review and its annotations are records."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.artworks import Artwork, Picture
from grading.models.feedback import FeedbackDraft
from grading.models.frozen import FrozenModel
from grading.models.people import User
from grading.models.rubrics import RubricDimension
from grading.models.scoring import ScoreSet


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
    level = models.PositiveSmallIntegerField()
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "dimension"], name="one_draft_level_each")
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.level}"


class Review(FrozenModel):
    """A named person confirmed every dimension. Looking again later makes another review."""

    artwork = models.ForeignKey(Artwork, models.CASCADE, related_name="reviews")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="reviews")
    score_set = models.ForeignKey(ScoreSet, models.PROTECT, null=True, related_name="reviews")
    feedback_draft = models.ForeignKey(FeedbackDraft, models.PROTECT, null=True)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="reviews")
    strength = models.TextField(blank=True)
    next_step = models.TextField(blank=True)
    confirmed_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"review of {self.artwork} by {self.reviewer}"


class Annotation(FrozenModel):
    """One level, by one person, of one dimension of one picture: what adapters learn from.

    Everything training needs is copied here, so that it cannot move under a run.
    """

    class Origin(models.TextChoices):
        ACCEPTED = "accepted", _("the proposed level, confirmed")
        CHOSEN = "chosen", _("chosen by the person")

    review = models.ForeignKey(Review, models.CASCADE, null=True, related_name="annotations")
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
            models.CheckConstraint(
                condition=Q(level__gte=F("first_level"), level__lte=F("last_level")),
                name="annotation_on_the_scale",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.level} by {self.annotator}"

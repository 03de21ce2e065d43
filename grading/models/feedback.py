from __future__ import annotations

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.frozen import FrozenModel
from grading.models.scoring import ScoreSet


class FeedbackDraft(FrozenModel):
    """The words proposed with the scores. What the teacher makes of them is in the review."""

    class Origin(models.TextChoices):
        COMPOSED = "composed", _("put together from the rubric's words")
        WRITTEN = "written", _("written by the model")

    score_set = models.OneToOneField(ScoreSet, models.CASCADE, related_name="feedback_draft")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    strength = models.TextField()
    next_step = models.TextField()
    created_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"feedback draft for {self.score_set}"

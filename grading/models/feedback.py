"""Words proposed with the scores, and the jobs that have a model write them."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from grading.models.artworks import IntakeJob
from grading.models.frozen import FrozenModel
from grading.models.jobs import Job, JobQuerySet
from grading.models.people import School, User
from grading.models.scoring import ScoreSet, ScoringJob


class Tone(models.TextChoices):
    WARM = "warm", _("warm")
    PLAIN = "plain", _("plain")


class Length(models.TextChoices):
    SHORT = "short", _("short")
    USUAL = "usual", _("usual")


DRAFTS_OFF = gettext_noop("Your school has switched off that words are proposed.")


class FeedbackJobQuerySet(JobQuerySet["FeedbackJob"]):
    def claim_batch(self, pk: int, limit: int) -> list[FeedbackJob]:
        """Claim this job and up to ``limit`` - 1 waiting ones that the same model writes."""
        return self.claim_alike(pk, limit, "score_set__job__adapter_set")

    def must_stand_back(self) -> bool:
        """Pictures wait for their scores, or soon will: somebody may be looking at them."""
        return ScoringJob.objects.waiting().exists() or IntakeJob.objects.open().exists()

    def switched_off(self) -> Self:
        """Of schools where no words may be proposed."""
        to_school = "score_set__picture__artwork__assignment__classroom__school__"
        no_words = Q(**{f"{to_school}drafts_on": False})
        return self.filter(no_words | Q(**{f"{to_school}scoring_on": False}))

    def stop(self, school: School) -> int:
        """Close every job of this school that waits; what runs is refused when it is recorded."""
        said = ScoreSet.objects.filter(picture__artwork__assignment__classroom__school=school)
        return (
            self.waiting()
            .filter(score_set__in=said)
            .update(status=Job.Status.FAILED, error=DRAFTS_OFF, finished_at=now())
        )


class FeedbackJob(Job):
    """Has the base model write the words for one set of scores. The composed ones stand already."""

    score_set = models.ForeignKey(ScoreSet, models.CASCADE, related_name="feedback_jobs")
    tone = models.CharField(max_length=10, choices=Tone.choices, default=Tone.WARM)
    length = models.CharField(max_length=10, choices=Length.choices, default=Length.USUAL)
    turn = models.PositiveSmallIntegerField(default=0)  # how often somebody asked for other words
    levels = models.JSONField(default=dict)  # by slug, where a person's differ from the model's

    objects = FeedbackJobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["score_set"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_feedback_job_a_score_set",
            )
        ]
        indexes = [models.Index(fields=["status", "id"], name="feedback_job_queue")]

    def succeed(self) -> bool:
        """False if a later attempt has taken the job over."""
        return self._close(self.Status.SUCCEEDED)


class FeedbackDraft(FrozenModel):
    """The words proposed with the scores. What the teacher makes of them is in the review.

    The first draft of a set of scores is composed at once, with no job. A model that writes adds a
    second one later, and the newest counts; a fallback says in ``note`` why it was not written.
    Each time somebody asks for other words is another ``turn``.
    """

    class Origin(models.TextChoices):
        COMPOSED = "composed", _("put together from the rubric's words")
        WRITTEN = "written", _("written by the model")

    score_set = models.ForeignKey(ScoreSet, models.CASCADE, related_name="feedback_drafts")
    job = models.OneToOneField(FeedbackJob, models.CASCADE, null=True, related_name="draft")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    strength = models.TextField()
    next_step = models.TextField()
    seed = models.BigIntegerField(null=True)  # what chance began with; null: before it was kept
    note = models.CharField(max_length=200, blank=True)
    tone = models.CharField(max_length=10, choices=Tone.choices, default=Tone.WARM)
    length = models.CharField(max_length=10, choices=Length.choices, default=Length.USUAL)
    turn = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["score_set", "turn"],
                condition=Q(job=None),
                name="one_composed_draft_a_turn",
            )
        ]

    def __str__(self) -> str:
        return f"feedback draft for {self.score_set}"


class BankComment(models.Model):
    """Words that a teacher keeps for the next time. Nobody else sees them."""

    class Place(models.TextChoices):
        STRENGTH = "strength", _("What works well")
        NEXT_STEP = "next_step", _("Next step")

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="bank_comments")
    place = models.CharField(max_length=9, choices=Place.choices)
    dimension_slug = models.SlugField(max_length=40, blank=True)  # blank: fits any
    text = models.CharField(_("words"), max_length=400)
    uses = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-uses", "-pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "place", "text"], name="kept_once")]

    def __str__(self) -> str:
        return self.text

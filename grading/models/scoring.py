"""What the model said, and the jobs that made it say so."""

from __future__ import annotations

from typing import Self

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from grading.models.adapters import AdapterSet, AdapterVersion
from grading.models.artworks import Picture
from grading.models.frozen import FrozenModel
from grading.models.jobs import Job, JobQuerySet
from grading.models.people import School
from grading.models.rubrics import RubricDimension
from ml.interface import PictureScores

# Stands in ``error`` of a job that the school's switch has stopped, and marks it as one of those.
SCORING_OFF = gettext_noop("Your school has switched off that a model proposes levels.")


class ScoringJobQuerySet(JobQuerySet["ScoringJob"]):
    def claim_batch(self, pk: int, limit: int) -> list[ScoringJob]:
        """Claim this job and up to ``limit`` - 1 waiting ones that the same model scores."""
        return self.claim_alike(pk, limit, "adapter_set")

    def request(self, picture: Picture) -> ScoringJob | None:
        """A new job for this picture, or the one already open.

        None if no model is installed, or the school has switched scoring off.
        """
        # Read anew: the school may have switched it off since ``picture`` was loaded.
        if not School.objects.get(classrooms__assignments__artworks__pictures=picture).scoring_on:
            return None
        adapter_set = AdapterSet.objects.in_use(picture.artwork.assignment.rubric_version)
        if adapter_set is None:
            return None
        if job := self.open().filter(picture=picture).first():
            return job
        try:
            with transaction.atomic():
                return self.create(picture=picture, adapter_set=adapter_set)
        except IntegrityError:  # another request was first: the partial unique index says so
            return self.open().filter(picture=picture).first()

    def switched_off(self) -> Self:
        """Of schools where no model may propose anything."""
        return self.filter(picture__artwork__assignment__classroom__school__scoring_on=False)

    def stop(self, school: School) -> int:
        """Close every job of this school that waits; what runs is refused when it is recorded."""
        pictures = Picture.objects.filter(artwork__assignment__classroom__school=school)
        return (
            self.waiting()
            .filter(picture__in=pictures)
            .update(status=Job.Status.FAILED, error=SCORING_OFF, finished_at=now())
        )

    def that_count(self) -> Self:
        """All but those that a switch has stopped: their pictures may be asked about again."""
        return self.exclude(status=Job.Status.FAILED, error=SCORING_OFF)


class ScoringJob(Job):
    """One run of the scorer over one picture, by the adapters pinned when it was made."""

    picture = models.ForeignKey(Picture, models.CASCADE, related_name="scoring_jobs")
    adapter_set = models.ForeignKey(AdapterSet, models.PROTECT)

    objects = ScoringJobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["picture"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_scoring_job_a_picture",
            )
        ]
        indexes = [models.Index(fields=["status", "id"], name="scoring_job_queue")]

    @transaction.atomic
    def succeed(
        self,
        scores: PictureScores,
        dimensions: dict[str, RubricDimension],
        adapters: dict[str, AdapterVersion],
    ) -> ScoreSet | None:
        """Record the scores; None if a later attempt has taken the job over."""
        if not self._close(self.Status.SUCCEEDED):
            return None
        score_set = ScoreSet.objects.create(job=self, picture=self.picture)
        rubric = self.adapter_set.rubric_version
        DimensionScore.objects.bulk_create(
            DimensionScore(
                score_set=score_set,
                dimension=dimensions[slug],
                adapter=adapters.get(slug),
                first_level=rubric.first_level,
                last_level=rubric.last_level,
                expected=s.score,
                level=s.level,
                interval_low=s.interval[0] if s.interval else None,
                interval_high=s.interval[1] if s.interval else None,
                logits=list(s.logits),
                score_token_mass=s.score_token_mass,
                unsure=s.unsure,
                abstained=s.abstained or "",
            )
            for slug, s in scores.dimensions.items()
        )
        return score_set


class ScoreSet(FrozenModel):
    """What the model said about a picture, once. The teacher's view is another row."""

    job = models.OneToOneField(ScoringJob, models.CASCADE, related_name="score_set")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="score_sets")
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"scores of {self.job}"


class DimensionScore(FrozenModel):
    score_set = models.ForeignKey(ScoreSet, models.CASCADE, related_name="scores")
    dimension = models.ForeignKey(RubricDimension, models.PROTECT)
    adapter = models.ForeignKey(AdapterVersion, models.PROTECT, null=True)  # null: prompted
    first_level = models.PositiveSmallIntegerField()  # the rubric's scale, for the checks below
    last_level = models.PositiveSmallIntegerField()
    expected = models.FloatField(null=True)
    level = models.PositiveSmallIntegerField(null=True)
    interval_low = models.FloatField(null=True)
    interval_high = models.FloatField(null=True)
    logits = models.JSONField(default=list)
    score_token_mass = models.FloatField(null=True)
    unsure = models.BooleanField(default=False)
    abstained = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["dimension__position"]
        constraints = [
            models.UniqueConstraint(fields=["score_set", "dimension"], name="one_score_each"),
            models.CheckConstraint(
                condition=Q(expected=None)
                | Q(expected__gte=F("first_level"), expected__lte=F("last_level")),
                name="score_on_the_scale",
            ),
            models.CheckConstraint(
                condition=Q(expected=None, level=None) & ~Q(abstained="")
                | Q(expected__isnull=False, level__isnull=False, abstained=""),
                name="a_score_or_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.abstained or self.expected}"

"""Decided work as it leaves the staff room: what families, reports and exports show of a picture.

Reads only, and only what a named person decided: no model's score, no other child, no class
average. The number of queries is fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape

from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from grading.charts import Axis, Layer, RadarContext, radar
from grading.models import (
    Annotation,
    Artwork,
    Assignment,
    LevelWords,
    NotAssessed,
    Picture,
    ReleasedWork,
    ReportJob,
    Review,
    RubricDimension,
    Student,
    User,
)


@dataclass(frozen=True)
class Line:
    """One dimension: a level in words, or why there is none."""

    dimension: RubricDimension
    scale: dict[int, str]  # every level in words
    level: int | None
    not_assessed: str

    @property
    def words(self) -> str:
        return self.scale[self.level] if self.level is not None else ""


@dataclass(frozen=True)
class Work:
    review: Review
    lines: tuple[Line, ...]
    released: bool  # families see just this decision

    @property
    def artwork(self) -> Artwork:
        return self.review.artwork

    @property
    def assignment(self) -> Assignment:
        return self.review.artwork.assignment

    @property
    def student(self) -> Student | None:
        return self.review.artwork.student

    @property
    def picture(self) -> Picture:
        return self.review.picture

    @property
    def checked_by(self) -> str:
        return shown_name(self.review.reviewer)

    @property
    def proposed(self) -> bool:
        """A model proposed levels, which the person then looked at."""
        return self.review.score_set is not None

    @property
    def drafted(self) -> bool:
        """Words were proposed, which the person then kept, changed or replaced."""
        return self.review.feedback_draft_id is not None

    @property
    def ai_use(self) -> AiUse:
        return ai_use([self])

    @property
    def demo(self) -> bool:
        score_set = self.review.score_set
        return score_set is not None and score_set.job.adapter_set.base.is_demo

    @property
    def last_level(self) -> int:
        return self.assignment.rubric_version.last_level

    @property
    def radar(self) -> RadarContext | None:
        """Of the person's levels alone; None for too few dimensions to draw one."""
        if len(self.lines) < 3:
            return None
        version = self.assignment.rubric_version
        return radar(
            [Axis(line.dimension.shown_name, line.dimension.slug) for line in self.lines],
            [Layer("mine", [line.level for line in self.lines], name=_("Levels"))],
            version.first_level,
            version.last_level,
            ident=f"radar-{self.review.pk}",
        )


@dataclass(frozen=True)
class AiUse:
    """What a statement on a page has to say of the works on it."""

    proposed: int  # works with levels that a model had proposed
    by_hand: int  # works with none
    drafted: bool  # for one of them at least, words were proposed, too

    @property
    def mixed(self) -> bool:
        return bool(self.proposed and self.by_hand)


def ai_use(works: Sequence[Work]) -> AiUse:
    proposed = sum(work.proposed for work in works)
    return AiUse(proposed, len(works) - proposed, any(work.drafted for work in works))


def ai_statement(use: AiUse) -> str:
    """As text, for files: the same words as on a page."""
    words = render_to_string("grading/_ai_statement.html", {"use": use})
    return unescape(" ".join(words.split()))


def shown_name(user: User) -> str:
    """What a family reads. The e-mail address, which stands in for a name elsewhere, never is."""
    return user.name or _("a teacher")


def newest_reviews(artworks: QuerySet[Artwork]) -> QuerySet[Review]:
    """What was decided last about each of these artworks, where anything was."""
    newer = Review.objects.standing().filter(artwork=OuterRef("artwork"), pk__gt=OuterRef("pk"))
    return Review.objects.standing().filter(~Exists(newer), artwork__in=artworks)


def reviews_in(job: ReportJob) -> QuerySet[Review]:
    """What is in a report: the newest decisions, or those that families see."""
    artworks = Artwork.objects.for_user(job.asked_by)
    if job.student:
        artworks = artworks.filter(student=job.student)
        if job.year:
            artworks = artworks.filter(assignment__classroom__year__name=job.year)
    else:
        artworks = artworks.filter(assignment=job.assignment)
    if job.only_released:
        shown = ReleasedWork.objects.standing().filter(artwork__in=artworks)
        return Review.objects.filter(pk__in=shown.values("review"))
    return newest_reviews(artworks)


def works_of(reviews: QuerySet[Review]) -> list[Work]:
    """The newest work first. Five queries, however many there are."""
    rows = list(
        reviews.select_related(
            "artwork__student",
            "artwork__assignment__classroom__year",
            "artwork__assignment__rubric_version",
            "picture",
            "reviewer",
            "score_set__job__adapter_set__base",
        ).order_by("-artwork__assignment__made_on", "artwork__student__display_name", "-pk")
    )
    levels = _by_review(
        Annotation.objects.filter(review__in=rows).values_list("review", "dimension", "level")
    )
    reasons = _by_review(
        NotAssessed.objects.filter(review__in=rows).values_list("review", "dimension", "reason")
    )
    shown = set(
        ReleasedWork.objects.standing().filter(review__in=rows).values_list("review", flat=True)
    )
    rubrics = _rubrics({row.artwork.assignment.rubric_version_id for row in rows})
    return [
        Work(
            row,
            tuple(
                Line(
                    dimension,
                    scale,
                    levels[row.pk].get(dimension.pk),
                    reasons[row.pk].get(dimension.pk, ""),
                )
                for dimension, scale in rubrics[row.artwork.assignment.rubric_version_id]
            ),
            row.pk in shown,
        )
        for row in rows
    ]


def with_amendments(works: list[Work]) -> list[Work]:
    """With what stands beside the records of their students; one query more."""
    prefetch_related_objects([work.student for work in works if work.student], "amendments")
    return works


def _by_review(rows: Iterable[tuple]) -> dict[int, dict]:
    found: dict[int, dict] = defaultdict(dict)
    for review, dimension, said in rows:
        found[review][dimension] = said
    return found


def _rubrics(versions: set[int]) -> dict[int, Sequence[tuple[RubricDimension, dict[int, str]]]]:
    """Every dimension with its levels in words, by version of a rubric."""
    found: dict[int, dict[int, tuple[RubricDimension, dict[int, str]]]] = defaultdict(dict)
    rows = LevelWords.objects.filter(dimension__version__in=versions).select_related("dimension")
    for row in rows.order_by("dimension__position", "level"):
        of_version = found[row.dimension.version_id]
        of_version.setdefault(row.dimension_id, (row.dimension, {}))[1][row.level] = row.shown_words
    return {version: list(dimensions.values()) for version, dimensions in found.items()}


def report_title(job: ReportJob) -> str:
    if job.student:
        return f"{job.student} · {job.year}" if job.year else str(job.student)
    return _("%(assignment)s, class %(classroom)s") % {
        "assignment": job.assignment,
        "classroom": job.assignment.classroom if job.assignment else "",
    }

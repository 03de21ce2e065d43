"""One student's work over time. Only decided levels count; scales are never mixed.

Reads and writes no levels. The number of queries does not grow with the works. The rules behind the
words are stated on the page; docs/decisions/0013 says why they are as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from django.db import transaction

from grading.models import (
    Annotation,
    Artwork,
    AuditEvent,
    Picture,
    Review,
    RubricDimension,
    RubricVersion,
    Student,
    StudentNote,
    User,
)
from grading.services.audit import record
from grading.services.board import State, with_state
from grading.services.holds import Held, holds_on

LATEST = 3  # works that say what is strongest
LINE_FROM = 3  # decided works; two make no line
GROWING_FROM = 4  # decided works: the first two and the last two
ROSE_BY = 1.0  # levels, from the mean of the first two to the mean of the last two


@dataclass(frozen=True)
class Work:
    """One picture of the student. ``levels`` are decided ones: no model's, no draft's."""

    artwork: Artwork
    state: State
    picture: Picture | None
    review: Review | None
    levels: dict[str, int]  # dimension slug -> level; none where it was not assessed

    @property
    def decided(self) -> bool:
        return self.review is not None

    @property
    def code(self) -> str:
        return str(self.artwork.code)


@dataclass(frozen=True)
class Growing:
    dimension: RubricDimension
    before: float
    after: float


@dataclass(frozen=True)
class NextStep:
    dimension: RubricDimension
    level: int
    above: str  # the words of the level above


@dataclass(frozen=True)
class RubricWorks:
    """The decided works of one rubric and one scale, oldest first."""

    version: RubricVersion  # of the latest work: its names and words are shown
    dimensions: list[RubricDimension]
    words: dict[str, dict[int, str]]  # dimension slug -> level -> words
    works: list[Work]

    @property
    def latest(self) -> Work:
        return self.works[-1]

    @property
    def has_lines(self) -> bool:
        return len(self.works) >= LINE_FROM

    def series(self, slug: str) -> list[int | None]:
        """A level a work; None where the dimension was not assessed."""
        return [work.levels.get(slug) for work in self.works]

    def _known(self, slug: str) -> list[int]:
        return [level for level in self.series(slug) if level is not None]

    @cached_property
    def strongest(self) -> list[RubricDimension]:
        """Highest mean of the latest works, all that tie; none where all are alike."""
        means = self._latest_means()
        best = max(means.values(), default=0)
        found = [d for d in self.dimensions if means.get(d.slug) == best]
        return found if len(set(means.values())) > 1 else []

    def _latest_means(self) -> dict[str, float]:
        """Of dimensions that most of the latest works were assessed in."""
        latest = self.works[-LATEST:]
        means = {}
        for dimension in self.dimensions:
            slug = dimension.slug
            levels = [work.levels[slug] for work in latest if slug in work.levels]
            if 2 * len(levels) > len(latest):
                means[slug] = fmean(levels)
        return means

    @cached_property
    def can_say_growth(self) -> bool:
        return any(len(self._known(d.slug)) >= GROWING_FROM for d in self.dimensions)

    @cached_property
    def growing(self) -> list[Growing]:
        """Dimensions that rose, the steepest first."""
        found = []
        for dimension in self.dimensions:
            levels = self._known(dimension.slug)
            if len(levels) < GROWING_FROM:
                continue
            before, after = fmean(levels[:2]), fmean(levels[-2:])
            if after - before >= ROSE_BY:
                found.append(Growing(dimension, before, after))
        return sorted(found, key=lambda growing: growing.before - growing.after)

    @cached_property
    def next_steps(self) -> list[NextStep]:
        """The lowest level of the latest work; of several, those that were lowest before, too."""
        levels = self.latest.levels
        lowest = min(levels.values(), default=self.version.last_level)
        if lowest == self.version.last_level:
            return []
        tied = [d for d in self.dimensions if levels.get(d.slug) == lowest]
        means = self._latest_means()
        least = min(means.get(d.slug, lowest) for d in tied)
        return [
            NextStep(d, lowest, self.words[d.slug].get(lowest + 1, ""))
            for d in tied
            if means.get(d.slug, lowest) == least
        ]


@dataclass(frozen=True)
class Portfolio:
    student: Student
    works: list[Work]  # oldest first
    rubrics: list[RubricWorks]  # the one of the latest decided work first
    elsewhere: int  # works of classes that the person does not see

    @property
    def waiting(self) -> int:
        return sum(not work.decided for work in self.works)


def portfolio_of(student: Student, user: User) -> Portfolio:
    """The works that ``user`` may see."""
    visible = Artwork.objects.for_user(user).filter(student=student)
    rows: list[Any] = list(
        with_state(visible)
        .select_related("assignment__rubric_version__rubric", "assignment__classroom")
        .order_by("assignment__made_on", "assignment__pk", "pk")
    )
    pictures = Picture.objects.in_bulk([row.picture_id for row in rows if row.picture_id])
    reviews = Review.objects.in_bulk([row.review_id for row in rows if row.review_id])
    levels: dict[int, dict[str, int]] = defaultdict(dict)
    for review, slug, level in Annotation.objects.filter(review__in=reviews).values_list(
        "review", "dimension__slug", "level"
    ):
        levels[review][slug] = level
    works = [
        Work(
            row,
            State(row.state),
            pictures.get(row.picture_id),
            reviews.get(row.review_id),
            levels.get(row.review_id, {}),
        )
        for row in rows
    ]
    everywhere = student.artworks.filter(removed_at=None).count()
    return Portfolio(student, works, _by_rubric(works), everywhere - len(works))


def _by_rubric(works: Sequence[Work]) -> list[RubricWorks]:
    """Versions of one rubric go together as long as they share a scale."""
    groups: dict[tuple[int, int, int], list[Work]] = {}
    for work in works:
        version = work.artwork.assignment.rubric_version
        if work.decided:
            scale = (version.rubric_id, version.first_level, version.last_level)
            groups.setdefault(scale, []).append(work)
    newest = {scale: group[-1].artwork.assignment.rubric_version for scale, group in groups.items()}
    dimensions = RubricDimension.objects.filter(version__in=newest.values())
    by_version: dict[int, list[RubricDimension]] = defaultdict(list)
    for dimension in dimensions.prefetch_related("level_words"):
        by_version[dimension.version_id].append(dimension)
    latest_first = sorted(groups.items(), key=lambda item: works.index(item[1][-1]), reverse=True)
    return [
        RubricWorks(
            version := newest[scale],
            found := by_version[version.pk],
            {d.slug: {w.level: w.shown_words for w in d.level_words.all()} for d in found},
            group,
        )
        for scale, group in latest_first
    ]


# ------------------------------------------------------------------------------------------- notes
@transaction.atomic
def add_note(student: Student, text: str, by: User) -> StudentNote:
    note = StudentNote.objects.create(student=student, text=text, by=by)
    record(by, AuditEvent.Verb.NOTED, student, student.school, note=str(note.code))
    return note


@transaction.atomic
def delete_note(note: StudentNote, by: User) -> None:
    """The text is gone; that there was a note stays in the audit trail.

    Raises:
        Held: a hold stands on the student, or on a year they were there.
    """
    student = Student.objects.select_for_update().get(pk=note.student_id)
    if holds := list(holds_on(student)):
        raise Held(holds)
    record(by, AuditEvent.Verb.NOTED, student, student.school, note=str(note.code), deleted=True)
    note.delete()

"""A class seen as a whole, one dimension at a time; and how its teachers and the model agree.

Figures about children come from decided levels and are over children within one dimension, from
``AVERAGE_FROM`` on. Nothing here is over dimensions but the count of how teachers moved after their
blind looks, which is a figure about teachers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import StatisticsError, correlation, fmean
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from grading.models import (
    Annotation,
    Artwork,
    Assignment,
    BlindLook,
    Classroom,
    DimensionScore,
    NotAssessed,
    Review,
    RubricDimension,
    RubricVersion,
    Student,
)
from grading.services.board import with_state
from grading.services.review import AVERAGE_FROM
from grading.services.timing import MeasuredTime, TimeBack, measured_time, time_back

RANKS_FROM = 10  # pairs that a rank correlation is shown from
CLOSE = 0.25  # of a level: a mean difference that is not worth a word


@dataclass(frozen=True)
class Distribution:
    """How the decided levels of one dimension are spread over the works."""

    dimension: RubricDimension
    counts: dict[int, int]  # every level of the scale
    not_assessed: int

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """None of too few: it would be the levels of single children."""
        if self.count < AVERAGE_FROM:
            return None
        return sum(level * n for level, n in self.counts.items()) / self.count


@dataclass(frozen=True)
class Agreement:
    """One dimension: what was decided beside what the model had proposed for the same picture."""

    dimension: RubricDimension
    pairs: list[tuple[float, int, int]]  # expected and proposed level of the model, decided level

    @property
    def count(self) -> int:
        return len(self.pairs)

    @property
    def enough(self) -> bool:
        return self.count >= RANKS_FROM

    @property
    def unchanged(self) -> int:
        return sum(proposed == decided for _expected, proposed, decided in self.pairs)

    @property
    def unchanged_percent(self) -> int:
        return round(100 * self.unchanged / self.count)

    @property
    def bias(self) -> float:
        """In levels; above 0 where the model is higher."""
        return fmean(expected - decided for expected, _proposed, decided in self.pairs)

    @cached_property
    def spearman(self) -> float | None:
        expected, _proposed, decided = zip(*self.pairs, strict=True)
        return rank_correlation(expected, decided) if self.enough else None

    @property
    def reading(self) -> str:
        """In plain words; of too few pictures there is nothing to read."""
        if not self.enough:
            return _("too few to say")
        if abs(self.bias) < CLOSE:
            return _("about equal")
        if self.bias > 0:
            return _("the model is higher")
        return _("the model is lower")


@dataclass(frozen=True)
class Moves:
    """Where levels went once the model's were seen, from looks that began without them."""

    same: int = 0  # already the model's level: there was nowhere to move to
    toward: int = 0
    away: int = 0
    stayed: int = 0

    def __add__(self, other: Moves) -> Moves:
        return Moves(
            self.same + other.same,
            self.toward + other.toward,
            self.away + other.away,
            self.stayed + other.stayed,
        )

    @property
    def differed(self) -> int:
        return self.toward + self.away + self.stayed

    @property
    def toward_percent(self) -> int:
        return round(100 * self.toward / self.differed)


@dataclass(frozen=True)
class AssignmentWork:
    assignment: Assignment
    works: int
    missing: list[Student]  # of the class, without a picture


@dataclass(frozen=True)
class ClassView:
    classroom: Classroom
    chosen: Chosen
    works: int
    decided: int
    distributions: list[Distribution]
    agreements: list[Agreement]
    moves: list[tuple[RubricDimension, Moves]]
    blind_pictures: int
    time: MeasuredTime
    time_back: TimeBack | None

    @property
    def all_moves(self) -> Moves:
        return sum((moves for _dimension, moves in self.moves), Moves())

    @property
    def has_average(self) -> bool:
        return any(d.mean is not None for d in self.distributions)


@dataclass(frozen=True)
class Chosen:
    """What the page is about: one assignment, or all that share a version of a rubric."""

    version: RubricVersion
    assignments: list[Assignment]
    key: str

    @property
    def single(self) -> Assignment | None:
        return self.assignments[0] if self.key == str(self.assignments[0].code) else None


def choices_of(assignments: Sequence[Assignment]) -> list[Chosen]:
    """Every assignment, then all of a rubric version together where there are several."""
    by_version: dict[RubricVersion, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        by_version[assignment.rubric_version].append(assignment)
    single = [Chosen(a.rubric_version, [a], str(a.code)) for a in assignments]
    together = [
        Chosen(version, found, f"rubric-{version.pk}")
        for version, found in by_version.items()
        if len(found) > 1
    ]
    return single + together


def class_view(classroom: Classroom, chosen: Chosen) -> ClassView:
    """The number of queries does not grow with the class."""
    rows: list[Any] = list(
        with_state(Artwork.objects.kept().filter(assignment__in=chosen.assignments)).values_list(
            "pk", "review_id"
        )
    )
    reviews = [review for _artwork, review in rows if review]
    dimensions = list(chosen.version.dimensions.all())
    levels = _levels(Annotation.objects.filter(review__in=reviews))
    looks = _looks(reviews)
    time = measured_time(artwork for artwork, review in rows if review)
    return ClassView(
        classroom=classroom,
        chosen=chosen,
        works=len(rows),
        decided=len(reviews),
        distributions=_distributions(dimensions, chosen.version, levels, reviews),
        agreements=_agreements(dimensions, levels, _scores_seen(reviews)),
        moves=_moves(dimensions, looks),
        blind_pictures=len({look for look, *_rest in looks}),
        time=time,
        time_back=time_back(classroom.school, time),
    )


_Levels = dict[int, dict[int, int]]  # review -> dimension -> level


def _levels(annotations: QuerySet[Annotation]) -> _Levels:
    found: _Levels = defaultdict(dict)
    rows = annotations.order_by().values_list("review_id", "dimension_id", "level")
    for review, dimension, level in rows:
        assert review is not None
        found[review][dimension] = level
    return found


def _distributions(
    dimensions: list[RubricDimension], version: RubricVersion, levels: _Levels, reviews: list[int]
) -> list[Distribution]:
    left = Counter(
        NotAssessed.objects.filter(review__in=reviews).values_list("dimension_id", flat=True)
    )
    counts = Counter(pair for decided in levels.values() for pair in decided.items())
    return [
        Distribution(d, {n: counts[d.pk, n] for n in version.levels}, left[d.pk])
        for d in dimensions
    ]


_Scores = dict[tuple[int, int], tuple[float, int]]  # (review, dimension) -> expected, level


def _scores_seen(reviews: list[int]) -> _Scores:
    """What the model had said when each review was confirmed."""
    rows = DimensionScore.objects.filter(
        score_set__reviews__in=reviews, expected__isnull=False
    ).order_by()
    return {
        (review, dimension): (expected, level)
        for review, dimension, expected, level in rows.values_list(
            "score_set__reviews", "dimension_id", "expected", "level"
        )
        if expected is not None and level is not None
    }


def _agreements(
    dimensions: list[RubricDimension], levels: _Levels, scores: _Scores
) -> list[Agreement]:
    pairs: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for (review, dimension), (expected, proposed) in scores.items():
        if dimension in levels.get(review, {}):
            pairs[dimension].append((expected, proposed, levels[review][dimension]))
    return [Agreement(d, pairs[d.pk]) for d in dimensions if pairs[d.pk]]


_Look = tuple[int, int, int, int, int]  # look, dimension, blind, model's, decided level


def _looks(reviews: list[int]) -> list[_Look]:
    """Blind first looks whose picture the same person then decided about, the model's in view."""
    firsts = {
        (look.artwork_id, look.by_id): look.pk
        for look in BlindLook.objects.filter(
            purpose=BlindLook.Purpose.FIRST, artwork__reviews__in=reviews
        )
    }
    of_review = {
        review: firsts[artwork, by]
        for review, artwork, by in Review.objects.filter(pk__in=reviews)
        .order_by()
        .values_list("pk", "artwork_id", "reviewer_id")
        if (artwork, by) in firsts
    }
    decided = _levels(Annotation.objects.filter(review__in=of_review))
    blind: _Levels = defaultdict(dict)
    for look, dimension, level in Annotation.objects.filter(
        look__in=of_review.values()
    ).values_list("look_id", "dimension_id", "level"):
        assert look is not None
        blind[look][dimension] = level
    return [
        (look, dimension, blind[look][dimension], proposed, decided[review][dimension])
        for (review, dimension), (_expected, proposed) in _scores_seen(list(of_review)).items()
        for look in [of_review[review]]
        if dimension in blind[look] and dimension in decided[review]
    ]


def _moves(
    dimensions: list[RubricDimension], looks: Iterable[_Look]
) -> list[tuple[RubricDimension, Moves]]:
    found: dict[int, Moves] = defaultdict(Moves)
    for _look, dimension, blind, model, decided in looks:
        found[dimension] += move(blind, model, decided)
    return [(d, found[d.pk]) for d in dimensions if d.pk in found]


def move(blind: int, model: int, decided: int) -> Moves:
    if blind == model:
        return Moves(same=1)
    if decided == blind:
        return Moves(stayed=1)
    nearer = abs(decided - model) < abs(blind - model)
    return Moves(toward=1) if nearer else Moves(away=1)  # away, or past it


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's, ties at their mean rank; None where one side is constant.

    Equals ``ml.metrics.spearman``, which a test compares. Path not taken: importing it, as scipy
    would cost every web process 70 MB for one figure of one page.
    """
    try:
        return correlation(_ranks(x), _ranks(y))
    except StatisticsError:
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    below, counts = 0, {}
    for value, n in sorted(Counter(values).items()):
        counts[value] = below + (n + 1) / 2
        below += n
    return [counts[value] for value in values]


def work_of(classroom: Classroom, assignments: Iterable[Assignment]) -> list[AssignmentWork]:
    """Who of the class has no picture yet, assignment by assignment."""
    students = list(classroom.students_now())
    given: dict[int, set[int | None]] = defaultdict(set)
    counts: Counter[int] = Counter()
    rows = Artwork.objects.kept().filter(assignment__classroom=classroom).order_by()
    for assignment, student in rows.values_list("assignment_id", "student_id"):
        given[assignment].add(student)
        counts[assignment] += 1
    return [
        AssignmentWork(a, counts[a.pk], [s for s in students if s.pk not in given[a.pk]])
        for a in assignments
    ]

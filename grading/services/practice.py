"""Comparing one's own eye with levels that were agreed on before, picture by picture.

Answers are only ever added; the newest one a dimension counts, so that anybody can try again. The
examples are for everyone or for one school, and anybody who sets levels may use them: teachers
before they start, annotators before they give second opinions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from grading.models import (
    ExampleAnswer,
    ExampleLevel,
    ExamplePicture,
    RubricDimension,
    RubricVersion,
    User,
)

BIAS_FROM = 4  # answers that a habit is said from
HABIT = 0.5  # of a level


@dataclass(frozen=True)
class Compared:
    """One dimension of one example: the person's level beside the agreed one."""

    dimension: RubricDimension
    mine: int
    agreed: int
    why: str
    words: str  # of the agreed level

    @property
    def off(self) -> int:
        return abs(self.mine - self.agreed)


@dataclass(frozen=True)
class Habit:
    """How a person reads one dimension, over all examples they answered."""

    dimension: RubricDimension
    differences: list[int]  # mine minus agreed

    @property
    def count(self) -> int:
        return len(self.differences)

    @property
    def hits(self) -> int:
        return sum(d == 0 for d in self.differences)

    @property
    def one_off(self) -> int:
        return sum(abs(d) == 1 for d in self.differences)

    @property
    def more(self) -> int:
        return sum(abs(d) > 1 for d in self.differences)

    @property
    def bias(self) -> float:
        return fmean(self.differences)

    @property
    def said(self) -> bool:
        return self.count >= BIAS_FROM

    @property
    def higher(self) -> bool:
        return self.said and self.bias >= HABIT

    @property
    def lower(self) -> bool:
        return self.said and self.bias <= -HABIT

    @property
    def away(self) -> float:
        return abs(self.bias)


@dataclass(frozen=True)
class Example:
    picture: ExamplePicture
    number: int
    compared: list[Compared]  # empty: not answered yet

    @property
    def answered(self) -> bool:
        return bool(self.compared)

    @property
    def hits(self) -> int:
        return sum(c.off == 0 for c in self.compared)


@dataclass(frozen=True)
class PracticeSet:
    """All examples of one version of a rubric, with what one person said of them."""

    version: RubricVersion
    examples: list[Example]
    dimensions: list[RubricDimension]

    @property
    def answered(self) -> list[Example]:
        return [example for example in self.examples if example.answered]

    @property
    def next_open(self) -> Example | None:
        return next((example for example in self.examples if not example.answered), None)

    @property
    def habits(self) -> list[Habit]:
        found: dict[int, list[int]] = defaultdict(list)
        for example in self.examples:
            for compared in example.compared:
                found[compared.dimension.pk].append(compared.mine - compared.agreed)
        return [Habit(d, found[d.pk]) for d in self.dimensions if found[d.pk]]


def practice_sets(user: User) -> list[PracticeSet]:
    """One set a rubric version, the newest version of everything first."""
    pictures = ExamplePicture.objects.for_user(user).select_related("rubric_version__rubric")
    by_version: dict[RubricVersion, list[ExamplePicture]] = defaultdict(list)
    for picture in pictures:
        by_version[picture.rubric_version].append(picture)
    agreed: dict[int, list[ExampleLevel]] = defaultdict(list)
    for level in ExampleLevel.objects.filter(example__in=pictures).select_related("dimension"):
        agreed[level.example_id].append(level)
    mine = {
        (answer.example_id, answer.dimension_id): answer.level  # the newest comes last
        for answer in ExampleAnswer.objects.filter(user=user, example__in=pictures)
    }
    dimensions: dict[int, list[RubricDimension]] = defaultdict(list)
    for dimension in RubricDimension.objects.filter(version__in=by_version).prefetch_related(
        "level_words"
    ):
        dimensions[dimension.version_id].append(dimension)
    sets = []
    for version, found in by_version.items():
        words = {
            (d.pk, w.level): w.shown_words
            for d in dimensions[version.pk]
            for w in d.level_words.all()
        }
        examples = [
            Example(picture, number, _compared(agreed[picture.pk], mine, words))
            for number, picture in enumerate(found, start=1)
        ]
        sets.append(PracticeSet(version, examples, dimensions[version.pk]))
    return sorted(sets, key=lambda one: -one.version.pk)


def _compared(
    agreed: list[ExampleLevel],
    mine: Mapping[tuple[int, int], int],
    words: Mapping[tuple[int, int], str],
) -> list[Compared]:
    return [
        Compared(
            level.dimension,
            mine[level.example_id, level.dimension_id],
            level.level,
            level.shown_why,
            words.get((level.dimension_id, level.level), ""),
        )
        for level in agreed
        if (level.example_id, level.dimension_id) in mine
    ]


def answer_example(
    example: ExamplePicture, levels: Mapping[RubricDimension, int], by: User
) -> None:
    ExampleAnswer.objects.bulk_create(
        ExampleAnswer(example=example, user=by, dimension=dimension, level=level)
        for dimension, level in levels.items()
    )

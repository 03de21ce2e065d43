"""Everything the picture page shows, read from all stages. The number of queries is fixed.

Like the board, this reads and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db.models import FilteredRelation, IntegerField, QuerySet, Value

from grading.charts import Interval, level_shares
from grading.models import (
    Annotation,
    Artwork,
    BaseModel,
    DimensionScore,
    DraftLevel,
    FeedbackDraft,
    IntakeJob,
    LevelWords,
    Picture,
    Review,
    ReviewDraft,
    RubricDimension,
    ScoreSet,
    ScoringJob,
    User,
)
from grading.services.annotations import (
    Decided,
    Words,
    draft_behind,
    proposal_mark,
    words_in_force,
)
from grading.services.board import UNDER_WAY, State, in_board_order, newest, with_state

AVERAGE_FROM = 3  # confirmed pictures; of fewer, an average would show one child's levels


@dataclass(frozen=True)
class Level:
    """One box of a row."""

    number: int
    words: str
    mine: bool
    proposed: bool
    fill: int  # quarters of the box that the model's likely range covers


@dataclass(frozen=True)
class Row:
    """One dimension: what the model says, what a person says, and every level in words."""

    dimension: RubricDimension
    words: dict[int, str]
    score: DimensionScore | None
    mine: int | None
    settled: bool  # the picture is confirmed

    @property
    def proposed(self) -> int | None:
        return self.score.level if self.score else None

    @property
    def in_force(self) -> int | None:
        return self.proposed if self.mine is None else self.mine

    @property
    def interval(self) -> Interval | None:
        if self.score is None or self.score.interval_low is None:
            return None
        assert self.score.interval_high is not None
        return (self.score.interval_low, self.score.interval_high)

    @property
    def to_check(self) -> bool:
        """The model is unsure or silent, and nobody has decided yet."""
        if self.score is None or self.mine is not None or self.settled:
            return False
        return self.score.unsure or self.score.level is None

    @property
    def missing(self) -> bool:
        return self.in_force is None

    @property
    def between(self) -> tuple[int, int]:
        """The lowest and the highest level within the model's likely range."""
        numbers = list(self.words)
        shares = level_shares(self.interval, numbers[0], numbers[-1])
        touched = [n for n, share in zip(numbers, shares, strict=True) if share]
        return (touched[0], touched[-1]) if touched else (numbers[0], numbers[-1])

    @property
    def levels(self) -> list[Level]:
        numbers = list(self.words)
        shares = level_shares(self.interval, numbers[0], numbers[-1])
        return [
            Level(n, self.words[n], n == self.mine, n == self.proposed, fill)
            for n, fill in zip(numbers, shares, strict=True)
        ]


@dataclass(frozen=True)
class ClassPicture:
    """A picture of the same assignment, as far as one needs to know to move on to it."""

    code: UUID
    state: State
    decided: dict[int, int]  # dimension pk -> level, once confirmed

    @property
    def can_be_reviewed(self) -> bool:
        return self.state == State.PROPOSED


@dataclass(frozen=True)
class PicturePage:
    artwork: Artwork
    state: State
    error: str
    picture: Picture | None
    review: Review | None  # the last confirmation
    draft: ReviewDraft | None
    score_set: ScoreSet | None
    drafts: list[FeedbackDraft]  # proposed words in the order they were made; the newest counts
    rows: list[Row]
    decided: Decided
    class_pictures: list[ClassPicture]  # in the order of the board

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def changed_since_confirmed(self) -> bool:
        return self.review is not None and self.draft is not None

    @property
    def scored_since_confirmed(self) -> bool:
        return self.review is not None and self.review.score_set_id != (
            self.score_set.pk if self.score_set else None
        )

    @property
    def settled(self) -> bool:
        return self.review is not None and self.draft is None

    @property
    def to_check(self) -> list[Row]:
        return [row for row in self.rows if row.to_check]

    @property
    def missing(self) -> list[Row]:
        return [row for row in self.rows if row.missing]

    @property
    def base(self) -> BaseModel | None:
        return self.score_set.job.adapter_set.base if self.score_set else None

    @property
    def demo(self) -> bool:
        return self.base is not None and self.base.is_demo

    @property
    def scores_mark(self) -> str:
        return proposal_mark(self.score_set)

    @property
    def words(self) -> Words:
        return words_in_force(self.decided, self.drafts[-1] if self.drafts else None)

    @property
    def proposed_words(self) -> FeedbackDraft | None:
        """The draft that was taken over, or else the newest."""
        return draft_behind(self.words, self.drafts)

    @property
    def words_are_edited(self) -> bool:
        return self.words != words_in_force(Decided({}, None, None, None), self.proposed_words)

    @cached_property
    def position(self) -> int:
        """The first picture of the board is 1."""
        codes = [other.code for other in self.class_pictures]
        return codes.index(self.artwork.code) + 1

    @property
    def previous(self) -> ClassPicture | None:
        return self.class_pictures[self.position - 2] if self.position > 1 else None

    @property
    def next(self) -> ClassPicture | None:
        after = self.class_pictures[self.position :]
        return after[0] if after else None

    @property
    def next_to_review(self) -> ClassPicture | None:
        """After this one in the order of the board, then from its beginning."""
        others = self.class_pictures[self.position :] + self.class_pictures[: self.position - 1]
        return next((other for other in others if other.can_be_reviewed), None)

    @property
    def class_average(self) -> dict[int, float]:
        """Mean decided level a dimension; nothing while too few pictures are confirmed."""
        confirmed = [other.decided for other in self.class_pictures if other.decided]
        if len(confirmed) < AVERAGE_FROM:
            return {}
        by_dimension = defaultdict(list)
        for levels in confirmed:
            for key, level in levels.items():
                by_dimension[key].append(level)
        return {key: fmean(levels) for key, levels in by_dimension.items()}


def picture_page(artwork: Any) -> PicturePage:
    """``artwork`` comes from ``for_picture_page``."""
    # A relation that found no row leaves no attribute behind.
    draft: ReviewDraft | None = getattr(artwork, "review_draft", None)
    siblings = list(
        with_state(in_board_order(artwork.assignment.artworks.kept())).values_list(
            "code", "state", "review_id"
        )
    )
    levels = _levels_of([review for _code, _state, review in siblings if review], draft)
    review: Review | None = getattr(artwork, "newest_review", None)
    said = _decided(draft, review, levels)
    said_by_model = list(_scores(artwork))
    scores = {score.dimension_id: score for score in said_by_model}
    score_set = next(iter(scores.values())).score_set if scores else None
    rows = [
        Row(dimension, words, scores.get(dimension.pk), said.levels.get(dimension.pk),
            settled=review is not None and draft is None)
        for dimension, words in _dimensions(artwork)
    ]  # fmt: skip
    picture: Picture | None = getattr(artwork, "newest_picture", None)
    return PicturePage(
        artwork=artwork,
        state=State(artwork.state),
        error=(artwork.job_error if picture else artwork.intake_error) or "",
        picture=picture,
        review=review,
        draft=draft,
        score_set=score_set,
        drafts=list({s.draft.pk: s.draft for s in said_by_model if hasattr(s, "draft")}.values()),
        rows=rows,
        decided=said,
        class_pictures=[
            ClassPicture(code, State(state), levels.get(review, {}))
            for code, state, review in siblings
        ],
    )


def for_picture_page(artworks: QuerySet[Artwork]) -> QuerySet[Any]:
    """With the newest picture, the newest review and the state.

    The joins return a row for each picture and review there ever was of the one artwork asked for;
    ``first()`` takes the newest.
    """
    return (
        with_state(artworks)
        .annotate(
            newest_picture=FilteredRelation("pictures"),
            newest_review=FilteredRelation("reviews"),
            intake_error=newest(IntakeJob, "artwork", "pk", "error"),
            job_error=newest(ScoringJob, "picture", "picture_id", "error"),
        )
        .select_related(
            "newest_picture",
            "newest_review__reviewer",
            "review_draft__updated_by",
            "student",
            "assignment__rubric_version",
            "assignment__classroom__school",
        )
        .order_by("-newest_picture__pk", "-newest_review__pk")
    )


_DRAFT = 0  # no review has this key


def _levels_of(reviews: Iterable[int], draft: ReviewDraft | None) -> dict[int, dict[int, int]]:
    """Decided levels by review, and those of the draft, in one query."""
    rows = Annotation.objects.filter(review__in=list(reviews)).order_by()
    found: dict[int, dict[int, int]] = defaultdict(dict)
    pairs = rows.values_list("review_id", "dimension_id", "level")
    if draft:
        drafted = DraftLevel.objects.filter(draft=draft).annotate(
            key=Value(_DRAFT, output_field=IntegerField())
        )
        pairs = pairs.union(drafted.values_list("key", "dimension_id", "level"), all=True)
    for key, dimension, level in pairs:
        found[key][dimension] = level
    return found


def _decided(
    draft: ReviewDraft | None, review: Review | None, levels: dict[int, dict[int, int]]
) -> Decided:
    by: User
    if draft:
        by = draft.updated_by
        return Decided(levels.get(_DRAFT, {}), draft.strength, draft.next_step, by)
    if review:
        by = review.reviewer
        return Decided(levels.get(review.pk, {}), review.strength, review.next_step, by)
    return Decided({}, None, None, None)


def _dimensions(artwork: Artwork) -> list[tuple[RubricDimension, dict[int, str]]]:
    found: dict[int, tuple[RubricDimension, dict[int, str]]] = {}
    rows = LevelWords.objects.filter(dimension__version=artwork.assignment.rubric_version_id)
    for row in rows.select_related("dimension").order_by("dimension__position", "level"):
        row.dimension.version = artwork.assignment.rubric_version
        found.setdefault(row.dimension_id, (row.dimension, {}))[1][row.level] = row.words
    return list(found.values())


def _scores(artwork: Any) -> Iterable[Any]:
    """What the model said, each score once for every ``draft`` of words there is, oldest first."""
    if artwork.score_set_id is None:
        return []
    scores: QuerySet[Any] = DimensionScore.objects.filter(score_set=artwork.score_set_id).annotate(
        draft=FilteredRelation("score_set__feedback_drafts")
    )
    return scores.select_related(
        "draft", "adapter__dimension", "score_set__job__adapter_set__base"
    ).order_by("draft__pk", "dimension__position")

"""Everything the picture page shows, read from all stages. The number of queries is fixed.

Like the board, this reads and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)

from grading.charts import Interval, level_shares
from grading.models import (
    Annotation,
    Artwork,
    BaseModel,
    DimensionScore,
    DraftLevel,
    EditJob,
    FeedbackDraft,
    IntakeJob,
    Job,
    LevelWords,
    NotAssessed,
    PhotoProposal,
    Picture,
    Review,
    ReviewDraft,
    RubricDimension,
    ScoreSet,
    ScoringJob,
)
from grading.services.annotations import (
    UNSEEN,
    Decided,
    Words,
    draft_behind,
    level_mark,
    proposal_mark,
    words_in_force,
)
from grading.services.board import TO_DECIDE, UNDER_WAY, State, in_board_order, newest, with_state

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
    not_assessed: str = ""  # why it gets no level

    @property
    def proposed(self) -> int | None:
        return self.score.level if self.score else None

    @property
    def mark(self) -> str:
        return level_mark(self.mine, self.not_assessed)

    @property
    def in_force(self) -> int | None:
        if self.not_assessed:
            return None
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
        if self.score is None or self.mine is not None or self.settled or self.not_assessed:
            return False
        return self.score.unsure or self.score.level is None

    @property
    def unreliable(self) -> bool:
        """What the model says here agrees little with people, or nobody knows how much."""
        if self.score is None:
            return False
        return self.score.adapter is None or not self.score.adapter.is_reliable

    @property
    def missing(self) -> bool:
        return self.in_force is None and not self.not_assessed

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
    picture: UUID | None
    decided: dict[int, int]  # dimension pk -> level, once confirmed

    @property
    def can_be_reviewed(self) -> bool:
        return self.state in TO_DECIDE


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
    scores_mark: str
    hidden: bool = False  # the model's levels wait for the teacher's own
    photo_proposed: bool = False  # the photograph could be straightened
    edit_error: str = ""  # why the last change of the picture did not work
    by_hand: bool = False  # no model may propose anything at this school

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def changed_since_confirmed(self) -> bool:
        return self.review is not None and self.draft is not None

    @property
    def scored_since_confirmed(self) -> bool:
        if self.review is not None and self.by_hand:
            return self.picture is not None and self.review.picture_id != self.picture.pk
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
    def words(self) -> Words:
        return words_in_force(self.decided, self.drafts[-1] if self.drafts else None)

    @property
    def proposed_words(self) -> FeedbackDraft | None:
        """The draft that was taken over, or else the newest."""
        return draft_behind(self.words, self.drafts)

    @property
    def newest_draft(self) -> FeedbackDraft | None:
        return self.drafts[-1] if self.drafts else None

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
        with_state(in_board_order(artwork.assignment.artworks.kept()))
        .annotate(
            picture=Subquery(Picture.objects.filter(pk=OuterRef("picture_id")).values("code"))
        )
        .values_list("code", "state", "picture", "review_id")
    )
    by_people = _said([review for *_other, review in siblings if review], draft)
    review: Review | None = getattr(artwork, "newest_review", None) if artwork.review_id else None
    said = _decided(draft, review, by_people)
    said_by_model = list(_scores(artwork))
    mark = proposal_mark(said_by_model[0].score_set if said_by_model else None)
    school = artwork.assignment.classroom.school
    if not school.scoring_on:
        said_by_model, mark = [], proposal_mark(None)
    if artwork.hidden:
        said_by_model, mark = [], UNSEEN
    scores = {score.dimension_id: score for score in said_by_model}
    score_set = next(iter(scores.values())).score_set if scores else None
    rows = [
        Row(dimension, words, scores.get(dimension.pk), said.levels.get(dimension.pk),
            review is not None and draft is None, said.not_assessed.get(dimension.pk, ""))
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
        drafts=_drafts(said_by_model) if school.proposes_words else [],
        rows=rows,
        decided=said,
        class_pictures=[
            ClassPicture(code, State(state), picture, by_people.levels.get(review, {}))
            for code, state, picture, review in siblings
        ],
        scores_mark=mark,
        hidden=artwork.hidden,
        photo_proposed=artwork.photo_proposed,
        edit_error=_edit_error(artwork, picture),
        by_hand=not school.scoring_on,
    )


def _drafts(scores: Iterable[Any]) -> list[FeedbackDraft]:
    return list({s.draft.pk: s.draft for s in scores if hasattr(s, "draft")}.values())


def _edit_error(artwork: Any, picture: Picture | None) -> str:
    """Nothing once another picture was taken into use."""
    if picture is None or artwork.edit_status != Job.Status.FAILED:
        return ""
    return artwork.edit_error if artwork.edited_at > picture.in_use_since else ""


def for_picture_page(artworks: QuerySet[Artwork]) -> QuerySet[Any]:
    """With the newest picture, the newest review and the state.

    The joins return a row for each picture and review there ever was of the one artwork asked for;
    ``first()`` takes the picture in use and the review that stands.
    """
    return (
        with_state(artworks)
        .annotate(
            newest_picture=FilteredRelation("pictures"),
            newest_review=FilteredRelation("reviews"),
            intake_error=newest(IntakeJob, "artwork", "pk", "error"),
            job_error=newest(ScoringJob, "picture", "picture_id", "error"),
            edit_error=newest(EditJob, "picture__artwork", "pk", "error"),
            edited_at=newest(EditJob, "picture__artwork", "pk", "finished_at"),
            photo_proposed=Exists(
                PhotoProposal.objects.filter(picture=OuterRef("picture_id"), answer="")
            ),
        )
        .select_related(
            "newest_picture",
            "newest_review__reviewer",
            "review_draft__updated_by",
            "student",
            "assignment__rubric_version",
            "assignment__classroom__school",
            "assignment__classroom__year",
        )
        .order_by(
            Case(When(newest_review__pk=F("review_id"), then=0), default=1),  # it still stands
            "-newest_picture__in_use_since",
            "-newest_picture__pk",
        )
    )


_DRAFT = 0  # no review has this key


@dataclass(frozen=True)
class _Said:
    """What people decided, by review and dimension; _DRAFT is what is being decided."""

    levels: dict[int, dict[int, int]]
    not_assessed: dict[int, dict[int, str]]

    def by(self, key: int) -> tuple[dict[int, int], dict[int, str]]:
        return self.levels.get(key, {}), self.not_assessed.get(key, {})


def _said(reviews: Sequence[int], draft: ReviewDraft | None) -> _Said:
    """In one query, however many there are."""
    columns = ("key", "dimension_id", "given", "why")
    rows = _as_said(Annotation.objects.filter(review__in=reviews), F("review_id"), "level", "")
    others = [
        _as_said(NotAssessed.objects.filter(review__in=reviews), F("review_id"), None, "reason")
    ]
    if draft:
        drafted = DraftLevel.objects.filter(draft=draft)
        key = Value(_DRAFT, output_field=IntegerField())
        others.append(_as_said(drafted, key, "level", "not_assessed"))
    said = _Said(defaultdict(dict), defaultdict(dict))
    for key, dimension, level, why in rows.union(*others, all=True).values_list(*columns):
        if why:
            said.not_assessed[key][dimension] = why
        else:
            said.levels[key][dimension] = level
    return said


def _as_said(rows: QuerySet, key: F | Value, level: str | None, why: str) -> QuerySet:
    given = F(level) if level else Value(None, output_field=IntegerField())
    reason = F(why) if why else Value("", output_field=CharField())
    return (
        rows.order_by()
        .annotate(key=key, given=given, why=reason)
        .values_list("key", "dimension_id", "given", "why")
    )


def _decided(draft: ReviewDraft | None, review: Review | None, said: _Said) -> Decided:
    if draft:
        levels, reasons = said.by(_DRAFT)
        return Decided(levels, draft.strength, draft.next_step, draft.updated_by, reasons)
    if review:
        levels, reasons = said.by(review.pk)
        return Decided(levels, review.strength, review.next_step, review.reviewer, reasons)
    return Decided({}, None, None, None)


def _dimensions(artwork: Artwork) -> list[tuple[RubricDimension, dict[int, str]]]:
    found: dict[int, tuple[RubricDimension, dict[int, str]]] = {}
    rows = LevelWords.objects.filter(dimension__version=artwork.assignment.rubric_version_id)
    for row in rows.select_related("dimension").order_by("dimension__position", "level"):
        row.dimension.version = artwork.assignment.rubric_version
        found.setdefault(row.dimension_id, (row.dimension, {}))[1][row.level] = row.shown_words
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

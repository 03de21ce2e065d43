"""Where every picture of an assignment is now, computed from its newest rows.

The board reads all stages and writes none. The number of queries does not grow with the class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models import (
    Annotation,
    Artwork,
    Assignment,
    DimensionScore,
    DraftLevel,
    IntakeJob,
    Job,
    Picture,
    Review,
    ScoreSet,
    ScoringJob,
)


class State(StrEnum):
    PREPARING = "preparing"  # the io worker has it, or will
    WAITING = "waiting"  # ready, and waiting for the model
    SCORING = "scoring"
    FAILED = "failed"
    PROPOSED = "proposed"  # the model has spoken, nobody has decided
    CONFIRMED = "confirmed"

    @property
    def label(self) -> str:
        return str(_LABELS[self])


_LABELS = {
    State.PREPARING: _("Preparing…"),
    State.WAITING: _("Waiting"),
    State.SCORING: _("Scoring…"),
    State.FAILED: _("Needs attention"),
    State.PROPOSED: _("Draft"),
    State.CONFIRMED: _("Confirmed"),
}
UNDER_WAY = (State.PREPARING, State.WAITING, State.SCORING)


@dataclass
class Tile:
    """One artwork on the board. ``levels`` are the teacher's where set, else the model's."""

    artwork: Artwork
    state: State
    picture: Picture | None = None
    error: str = ""
    levels: dict[str, float | None] = field(default_factory=dict)
    to_check: int = 0  # dimensions the model was unsure of or silent on, nobody decided yet
    demo: bool = False

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY


@dataclass
class Board:
    assignment: Assignment
    tiles: list[Tile]
    seconds_left: int | None

    @property
    def counts(self) -> Counter[State]:
        return Counter(tile.state for tile in self.tiles)

    @property
    def under_way(self) -> int:
        return sum(tile.under_way for tile in self.tiles)

    @property
    def scored(self) -> int:
        return self.counts[State.PROPOSED] + self.counts[State.CONFIRMED]

    @property
    def to_review(self) -> list[Tile]:
        return [tile for tile in self.tiles if tile.state == State.PROPOSED]

    @property
    def without_student(self) -> int:
        return sum(tile.artwork.student_id is None for tile in self.tiles)

    @property
    def demo(self) -> bool:
        return any(tile.demo for tile in self.tiles)


def board_of(assignment: Assignment) -> Board:
    artworks = in_board_order(assignment.artworks.kept()).select_related("student")
    tiles = tiles_of(artworks)
    return Board(assignment, tiles, _seconds_left(tiles))


def in_board_order(artworks: QuerySet[Artwork]) -> QuerySet[Artwork]:
    """By the student's name; what has no student yet comes first, since it waits for a person."""
    return artworks.order_by(F("student__display_name").asc(nulls_first=True), "pk")


def tiles_of(artworks: QuerySet[Artwork]) -> list[Tile]:
    """One tile an artwork, in the order of ``artworks``."""
    rows = list(
        artworks.annotate(
            intake_status=_newest(IntakeJob, "status"),
            intake_error=_newest(IntakeJob, "error"),
            picture_id=_newest(Picture, "pk"),
            review_id=_newest(Review, "pk"),
        )
    )
    newest_score_set = (
        ScoreSet.objects.filter(picture=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    )
    newest_job = ScoringJob.objects.filter(picture=OuterRef("pk")).order_by("-pk")
    pictures = {
        p.pk: p
        for p in Picture.objects.filter(pk__in=[r.picture_id for r in rows]).annotate(
            score_set_id=Subquery(newest_score_set),
            job_status=Subquery(newest_job.values("status")[:1]),
            job_error=Subquery(newest_job.values("error")[:1]),
            job_demo=Subquery(newest_job.values("adapter_set__base__is_demo")[:1]),
        )
    }
    said = _by(
        DimensionScore.objects.filter(
            score_set__in=[p.score_set_id for p in pictures.values()]
        ).values_list("score_set", "dimension__slug", "expected", "unsure")
    )
    decided = _by(
        Annotation.objects.filter(review__in=[r.review_id for r in rows]).values_list(
            "review", "dimension__slug", "level"
        )
    )
    drafted = _by(
        DraftLevel.objects.filter(draft__artwork__in=rows).values_list(
            "draft__artwork", "dimension__slug", "level"
        )
    )
    return [_tile(row, pictures.get(row.picture_id), said, decided, drafted) for row in rows]


def _newest(model: type[IntakeJob] | type[Picture] | type[Review], name: str) -> Subquery:
    return Subquery(model.objects.filter(artwork=OuterRef("pk")).order_by("-pk").values(name)[:1])


def _by(rows: Iterable[tuple]) -> dict[int, list[tuple]]:
    grouped: dict[int, list[tuple]] = {}
    for key, *rest in rows:
        grouped.setdefault(key, []).append(tuple(rest))
    return grouped


def _tile(row, picture, said, decided, drafted) -> Tile:
    if picture is None:
        failed = row.intake_status == Job.Status.FAILED
        state = State.FAILED if failed else State.PREPARING
        return Tile(row, state, error=row.intake_error or "")
    scores = said.get(picture.score_set_id, [])
    mine = dict(decided.get(row.review_id, [])) | dict(drafted.get(row.pk, []))
    tile = Tile(
        row,
        _state(row, picture),
        picture,
        levels={slug: expected for slug, expected, _unsure in scores} | mine,
        to_check=sum(
            slug not in mine and (unsure or expected is None) for slug, expected, unsure in scores
        ),
        demo=bool(picture.job_demo),
    )
    if tile.state == State.FAILED:
        tile.error = picture.job_error
    return tile


def _state(row, picture) -> State:
    if row.review_id:
        return State.CONFIRMED
    if picture.job_status == Job.Status.RUNNING:
        return State.SCORING
    if picture.score_set_id:
        return State.PROPOSED
    if picture.job_status == Job.Status.FAILED:
        return State.FAILED
    return State.WAITING


def _seconds_left(tiles: list[Tile]) -> int | None:
    """From the pace of the last two minutes over the whole school; None when there is none yet."""
    left = sum(tile.under_way for tile in tiles)
    if not left:
        return None
    span = timedelta(minutes=2)
    done = ScoringJob.objects.filter(
        status=Job.Status.SUCCEEDED, finished_at__gte=now() - span
    ).order_by("finished_at")
    ends = [end for end in done.values_list("finished_at", flat=True) if end]
    if len(ends) < 3:
        return None
    pace = (len(ends) - 1) / max((now() - ends[0]).total_seconds(), 1.0)
    ahead = ScoringJob.objects.open().count()
    return round(max(left, ahead) / pace) if pace else None


def class_average(assignment: Assignment) -> dict[str, float]:
    """Mean decided level a dimension over the confirmed pictures of an assignment."""
    newest = Review.objects.filter(artwork=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    reviews = assignment.artworks.kept().annotate(newest=Subquery(newest)).values("newest")
    sums: dict[str, list[int]] = {}
    for slug, level in Annotation.objects.filter(review__in=reviews).values_list(
        "dimension__slug", "level"
    ):
        sums.setdefault(slug, []).append(level)
    return {slug: sum(levels) / len(levels) for slug, levels in sums.items()}


def waiting_counts(assignments: QuerySet[Assignment]) -> QuerySet[Assignment]:
    """Assignments with ``picture_count``, ``confirmed_count`` and ``proposed_count``."""
    kept = Q(artworks__removed_at=None)
    return assignments.annotate(
        picture_count=Count("artworks", filter=kept, distinct=True),
        confirmed_count=Count(
            "artworks", filter=kept & Q(artworks__reviews__isnull=False), distinct=True
        ),
        proposed_count=Count(
            "artworks",
            filter=kept
            & Q(artworks__pictures__score_sets__isnull=False)
            & Q(artworks__reviews=None),
            distinct=True,
        ),
    )

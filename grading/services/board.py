"""Where every picture of an assignment is now, computed from its newest rows.

The board reads all stages and writes none. The number of queries does not grow with the class.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from grading.models import (
    Annotation,
    Artwork,
    Assignment,
    BlindLook,
    DimensionScore,
    DraftLevel,
    EditJob,
    IntakeJob,
    Job,
    PhotoProposal,
    Picture,
    Promotion,
    ReleasedWork,
    Review,
    School,
    ScoreSet,
    ScoringJob,
)


class State(StrEnum):
    PREPARING = "preparing"  # the io worker has it, or will
    WAITING = "waiting"  # ready, and waiting for the model
    SCORING = "scoring"
    FAILED = "failed"
    PROPOSED = "proposed"  # the model has spoken, nobody has decided
    BY_HAND = "by_hand"  # no model may speak at this school, nobody has decided
    CONFIRMED = "confirmed"

    @property
    def label(self) -> str:
        return str(_LABELS[self])


_LABELS = {
    State.PREPARING: gettext_lazy("Preparing…"),
    State.WAITING: gettext_lazy("Waiting"),
    State.SCORING: gettext_lazy("Scoring…"),
    State.FAILED: gettext_lazy("Needs attention"),
    State.PROPOSED: gettext_lazy("Draft"),
    State.BY_HAND: gettext_lazy("Waits for you"),
    State.CONFIRMED: gettext_lazy("Confirmed"),
}
UNDER_WAY = (State.PREPARING, State.WAITING, State.SCORING)
TO_DECIDE = (State.PROPOSED, State.BY_HAND)


@dataclass
class Tile:
    """One artwork on the board. ``levels`` are the teacher's where set, else the model's."""

    artwork: Artwork
    state: State
    picture: Picture | None = None
    error: str = ""
    levels: dict[str, float | None] = field(default_factory=dict)  # in the rubric's order
    to_check: int = 0  # dimensions the model was unsure of or silent on, nobody decided yet
    demo: bool = False
    asked: bool = False  # there is, or was, a job to score it
    hidden: bool = False  # the model's levels wait for the teacher's own
    decided: frozenset[str] = frozenset()  # dimensions that a person has set
    photo_proposed: bool = False  # the photograph could be straightened
    score_set_id: int | None = None
    released: bool = False  # families see it, as it was decided when it was released

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def pill(self) -> str:
        """What kind of state it is, for the eye: draft, check, confirmed, released, failed, …"""
        if self.released:
            return "released"
        if self.state == State.PROPOSED and self.hidden:
            return "blind"
        if self.state == State.PROPOSED:
            return "check" if self.to_check else "draft"
        return str(self.state)

    @property
    def pill_label(self) -> str:
        if self.released:
            return _("Released")
        if self.pill == "check":
            return _("Check %(count)d") % {"count": self.to_check}
        if self.pill == "blind":
            return _("Your eyes first")
        return self.state.label

    @property
    def key(self) -> str:
        """Short name of the artwork, for the page to say which tiles it has."""
        return self.artwork.code.hex[:8]

    @property
    def mark(self) -> str:
        """Changes when anything that the tile shows has changed."""
        student = self.artwork.student
        shown = (
            self.state,
            self.picture and self.picture.code,
            self.error,
            list(self.levels.items()),
            self.to_check,
            self.hidden,
            self.released,
            student and (student.code, student.display_name),
        )
        return hashlib.blake2b(repr(shown).encode(), digest_size=2).hexdigest()


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
    def confirmed(self) -> int:
        return self.counts[State.CONFIRMED]

    @property
    def failed(self) -> int:
        return self.counts[State.FAILED]

    @property
    def to_review(self) -> list[Tile]:
        return [tile for tile in self.tiles if tile.state in TO_DECIDE]

    @property
    def photo_proposals(self) -> int:
        return sum(tile.photo_proposed for tile in self.tiles)

    @property
    def without_student(self) -> int:
        return sum(tile.artwork.student_id is None for tile in self.tiles)

    @property
    def demo(self) -> bool:
        return any(tile.demo for tile in self.tiles)

    @property
    def by_hand(self) -> bool:
        """The school has switched off that a model proposes levels."""
        return not self.assignment.classroom.school.scoring_on

    @property
    def can_be_compared(self) -> bool:
        """There is something to see on the contact sheet."""
        return bool(self.scored or self.to_review)

    @property
    def without_model(self) -> bool:
        """A picture is ready, and nobody was asked to score it: no model is installed."""
        return any(tile.state == State.WAITING and not tile.asked for tile in self.tiles)

    @property
    def time_left(self) -> str:
        """In words, as rough as the guess is."""
        seconds = self.seconds_left
        if seconds is None:
            return ""
        if seconds < 10:
            return _("a few seconds left")
        if seconds < 90:
            return _("about %(count)d s left") % {"count": round(seconds, -1)}
        return _("about %(count)d min left") % {"count": round(seconds / 60)}


def board_of(assignment: Assignment) -> Board:
    tiles = tiles_of(in_board_order(assignment.artworks.kept()))
    return Board(assignment, tiles, _seconds_left(tiles))


def in_board_order(artworks: QuerySet[Artwork]) -> QuerySet[Artwork]:
    """By the student's name; what has no student yet comes first, since it waits for a person."""
    return artworks.order_by(F("student__display_name").asc(nulls_first=True), "pk")


def with_state(artworks: QuerySet[Artwork]) -> QuerySet[Any]:
    """Every artwork with its ``state``, and the keys of the newest rows that the state follows."""
    return artworks.annotate(
        intake_status=newest(IntakeJob, "artwork", "pk", "status"),
        edit_status=newest(EditJob, "picture__artwork", "pk", "status"),
        scoring_on=F("assignment__classroom__school__scoring_on"),
        picture_id=Subquery(_picture_in_use().values("pk")[:1]),
        review_id=Subquery(_standing_review().values("pk")[:1]),
    ).annotate(
        score_set_id=newest(ScoreSet, "picture", "picture_id", "pk"),
        job_status=newest(ScoringJob, "picture", "picture_id", "status"),
        state=_STATE,
        hidden=_HIDDEN,
    )


_STATE = Case(
    When(review_id__isnull=False, then=Value(State.CONFIRMED)),
    When(edit_status__in=Job.OPEN, then=Value(State.PREPARING)),
    When(scoring_on=False, picture_id__isnull=False, then=Value(State.BY_HAND)),
    When(job_status=Job.Status.RUNNING, then=Value(State.SCORING)),
    When(score_set_id__isnull=False, then=Value(State.PROPOSED)),
    When(job_status=Job.Status.FAILED, then=Value(State.FAILED)),
    When(picture_id__isnull=False, then=Value(State.WAITING)),
    When(intake_status=Job.Status.FAILED, then=Value(State.FAILED)),
    default=Value(State.PREPARING),
    output_field=CharField(),
)


_HIDDEN = ExpressionWrapper(  # as services.annotations.is_hidden says of one
    Q(blind_first=True, review_id=None, scoring_on=True)
    & ~Exists(BlindLook.objects.first_looks().filter(artwork=OuterRef("pk"))),
    output_field=BooleanField(),
)


def _picture_in_use() -> QuerySet[Picture]:
    return Picture.objects.filter(artwork=OuterRef("pk")).order_by("-in_use_since", "-pk")


def _standing_review() -> QuerySet[Review]:
    return Review.objects.standing().filter(artwork=OuterRef("pk")).order_by("-pk")


def newest(
    model: type[EditJob | IntakeJob | ScoreSet | ScoringJob],
    link: str,
    outer: str,
    name: str,
) -> Subquery:
    rows = model.objects.filter(**{link: OuterRef(outer)})
    return Subquery(rows.order_by("-pk").values(name)[:1])


def tiles_of(artworks: QuerySet[Artwork]) -> list[Tile]:
    """One tile an artwork, in the order of ``artworks``. Three queries, however many there are."""
    rows: list[Any] = list(
        with_state(artworks)
        .select_related("student")
        .annotate(
            intake_error=newest(IntakeJob, "artwork", "pk", "error"),
            job_error=newest(ScoringJob, "picture", "picture_id", "error"),
            job_demo=newest(ScoringJob, "picture", "picture_id", "adapter_set__base__is_demo"),
            photo_proposed=Exists(
                PhotoProposal.objects.filter(picture=OuterRef("picture_id"), answer="")
            ),
            released=Exists(ReleasedWork.objects.standing().filter(artwork=OuterRef("pk"))),
        )
    )
    pictures = Picture.objects.in_bulk([row.picture_id for row in rows if row.picture_id])
    levels = _levels_of(rows)
    return [_tile(row, pictures.get(row.picture_id), levels) for row in rows]


@dataclass(frozen=True)
class _Level:
    slug: str
    value: float | None
    unsure: bool


_Levels = dict[tuple[str, int], list[_Level]]
_SAID, _DECIDED, _DRAFTED = "said", "decided", "drafted"


def _levels_of(rows: Sequence[Any]) -> _Levels:
    """What the model said, what was decided, and what is being decided, in one query."""
    said = _as_levels(
        DimensionScore.objects.filter(score_set__in=[r.score_set_id for r in rows]),
        _SAID, "score_set_id", "expected", F("unsure"),
    )  # fmt: skip
    decided = _as_levels(
        Annotation.objects.filter(review__in=[r.review_id for r in rows]),
        _DECIDED, "review_id", "level", Value(False),
    )  # fmt: skip
    drafted = _as_levels(
        DraftLevel.objects.filter(draft__artwork__in=rows),
        _DRAFTED, "draft__artwork_id", "level", Value(False),
    )  # fmt: skip
    found: _Levels = defaultdict(list)
    everything = said.union(decided, drafted, all=True).order_by("place")
    for kind, key, slug, _place, value, unsure in everything:
        found[kind, key].append(_Level(slug, value, bool(unsure)))
    return found


def _as_levels(rows: QuerySet, kind: str, key: str, value: str, unsure: F | Value) -> QuerySet:
    return (
        rows.order_by()
        .annotate(
            kind=Value(kind, CharField()),
            key=F(key),
            slug=F("dimension__slug"),
            place=F("dimension__position"),
            value=Cast(value, FloatField()),
            is_unsure=unsure,
        )
        .values_list("kind", "key", "slug", "place", "value", "is_unsure")
    )


def _tile(row: Any, picture: Picture | None, levels: _Levels) -> Tile:
    silent = row.hidden or row.state == State.BY_HAND
    said = [] if silent else levels.get((_SAID, row.score_set_id), [])
    # A draft of a confirmed picture began with all that was decided: what is gone was cleared.
    drafted = levels.get((_DRAFTED, row.pk))
    mine = drafted or levels.get((_DECIDED, row.review_id), [])
    decided: dict[str, float | None] = {}
    if row.review_id and not drafted:  # confirmed without a level: not assessed
        decided = dict.fromkeys([level.slug for level in said])
    decided |= {level.slug: level.value for level in mine}
    tile = Tile(
        row,
        State(row.state),
        picture,
        levels={level.slug: level.value for level in said} | decided,
        to_check=sum(
            level.slug not in decided and (level.unsure or level.value is None) for level in said
        ),
        demo=bool(row.job_demo),
        asked=row.job_status is not None,
        hidden=row.hidden,
        decided=frozenset(decided),
        photo_proposed=row.photo_proposed,
        score_set_id=row.score_set_id,
        released=row.released,
    )
    if tile.state == State.FAILED:
        tile.error = (row.job_error if picture else row.intake_error) or ""
    return tile


def _seconds_left(tiles: list[Tile]) -> int | None:
    """From the pace of the last two minutes over the whole school; None when there is none yet."""
    left = sum(tile.under_way for tile in tiles)
    if not left:
        return None
    moment = now()
    recent = Q(status=Job.Status.SUCCEEDED, finished_at__gte=moment - timedelta(minutes=2))
    pace = ScoringJob.objects.filter(recent | Q(status__in=Job.OPEN)).aggregate(
        done=Count("pk", filter=recent),
        since=Min("finished_at", filter=recent),
        ahead=Count("pk", filter=Q(status__in=Job.OPEN)),
    )
    if pace["done"] < 3:
        return None
    seconds_each = max((moment - pace["since"]).total_seconds(), 1.0) / (pace["done"] - 1)
    return round(max(left, pace["ahead"]) * seconds_each)


def demo_in_use(school: School) -> bool:
    """Whether the model that scores the school's next picture is a demo model."""
    if not school.scoring_on:
        return False
    newest = Promotion.objects.order_by("-pk").values_list("adapter__base__is_demo", flat=True)
    return bool(newest.first())


def class_average(assignment: Assignment) -> dict[str, float]:
    """Mean decided level a dimension over the confirmed pictures of an assignment."""
    newest = Subquery(_standing_review().values("pk")[:1])
    reviews = assignment.artworks.kept().annotate(newest=newest).values("newest")
    sums: dict[str, list[int]] = {}
    for slug, level in Annotation.objects.filter(review__in=reviews).values_list(
        "dimension__slug", "level"
    ):
        sums.setdefault(slug, []).append(level)
    return {slug: sum(levels) / len(levels) for slug, levels in sums.items()}


@dataclass(frozen=True)
class Progress:
    """How far an assignment is, without its tiles."""

    counts: Counter[State] = field(default_factory=Counter)

    @property
    def pictures(self) -> int:
        return self.counts.total()

    @property
    def drafts(self) -> int:
        return self.counts[State.PROPOSED]

    @property
    def by_hand(self) -> int:
        return self.counts[State.BY_HAND]

    @property
    def to_review(self) -> int:
        return self.drafts + self.by_hand

    @property
    def confirmed(self) -> int:
        return self.counts[State.CONFIRMED]

    @property
    def failed(self) -> int:
        return self.counts[State.FAILED]

    @property
    def under_way(self) -> int:
        return sum(self.counts[state] for state in UNDER_WAY)


def progress_of(assignments: QuerySet[Assignment]) -> dict[int, Progress]:
    """The progress of every assignment by its primary key.

    Two queries: what is confirmed is only counted, because in the course of a year it is nearly
    everything; the state of the rest is looked up picture by picture.
    """
    artworks = Artwork.objects.kept().filter(assignment__in=assignments).order_by()
    standing = Exists(Review.objects.standing().filter(artwork=OuterRef("pk")))
    found: dict[int, Counter[State]] = defaultdict(Counter)
    confirmed = artworks.filter(standing).values_list("assignment_id").annotate(Count("pk"))
    for key, count in confirmed:
        found[key][State.CONFIRMED] = count
    rest = with_state(artworks.exclude(standing))
    for key, state in rest.values_list("assignment_id", "state"):
        found[key][State(state)] += 1
    return {key: Progress(counts) for key, counts in found.items()}

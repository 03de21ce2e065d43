"""Many pictures confirmed at once: only those the model is sure of, after a look at the list."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import (
    Artwork,
    Assignment,
    DimensionScore,
    FeedbackDraft,
    Picture,
    ReleasedWork,
    Review,
    User,
)
from grading.services.annotations import (
    CannotConfirm,
    Words,
    confirm_review,
    proposal_mark,
    withdraw_review,
)
from grading.services.board import State, in_board_order, with_state
from grading.services.photos import open_proposals


@dataclass(frozen=True)
class Candidate:
    """A picture whose proposals could be accepted without a closer look."""

    artwork: Artwork
    picture: Picture
    scores: Sequence[DimensionScore]  # in the rubric's order
    words: Words

    @property
    def mark(self) -> str:
        """Of these scores and words."""
        return f"{self.scores_mark}-{self.words.mark}"

    @property
    def scores_mark(self) -> str:
        return proposal_mark(self.scores[0].score_set)


def candidates(assignment: Assignment) -> list[Candidate]:
    """Drafts that nobody has touched, with every range narrow and every dimension reliable.

    Not a photograph that could be straightened: the desk around a drawing makes the model wrong
    and sure of it. Four queries, however many there are.
    """
    askew = open_proposals(assignment).order_by().values("picture__artwork")
    rows: list[Any] = list(
        with_state(in_board_order(assignment.artworks.kept()))
        .filter(state=State.PROPOSED, hidden=False, review_draft=None, student__isnull=False)
        .exclude(pk__in=askew)
        .select_related("student")
    )
    scores: dict[int, list[DimensionScore]] = {}
    for score in DimensionScore.objects.filter(
        score_set__in=[row.score_set_id for row in rows]
    ).select_related("dimension", "adapter", "score_set"):
        scores.setdefault(score.score_set_id, []).append(score)
    pictures = Picture.objects.in_bulk([row.picture_id for row in rows])
    drafts = FeedbackDraft.objects.filter(score_set__in=scores)  # the newest comes last
    if not assignment.classroom.school.proposes_words:
        drafts = drafts.none()
    words = {draft.score_set_id: Words(draft.strength, draft.next_step) for draft in drafts}
    return [
        Candidate(row, pictures[row.picture_id], said, words.get(row.score_set_id, Words()))
        for row in rows
        if (said := scores.get(row.score_set_id)) and all(map(_can_be_trusted, said))
    ]


def _can_be_trusted(score: DimensionScore) -> bool:
    return (
        score.level is not None
        and score.interval_low is not None  # without a range nobody knows how sure it is
        and not score.unsure
        and score.adapter is not None
        and score.adapter.is_reliable
    )


@dataclass(frozen=True)
class Accepted:
    batch: UUID
    reviews: Sequence[Review]
    left: Mapping[Artwork, str]  # and why each was left as it is


def accept(assignment: Assignment, seen: Mapping[UUID, str], by: User) -> Accepted:
    """Confirm the pictures of the list of which the model still says what was on it.

    Args:
        seen: artwork code to the mark of what the person had before them.
    """
    batch, reviews, left = uuid.uuid4(), [], {}
    trusted = {c.artwork.code: c for c in candidates(assignment)}
    chosen = assignment.artworks.kept().filter(code__in=list(seen)).select_related("student")
    for artwork in in_board_order(chosen):
        candidate = trusted.get(artwork.code)
        if candidate is None or candidate.mark != seen[artwork.code]:
            left[artwork] = _("Something has changed since the list was made.")
            continue
        try:
            reviews.append(confirm_review(artwork, by, candidate.scores_mark, batch))
        except CannotConfirm as error:
            left[artwork] = str(error)
    return Accepted(batch, reviews, left)


@transaction.atomic
def undo(batch: UUID, by: User) -> int:
    """Take back what was accepted together, and neither changed nor shown to families since.

    Returns how many.
    """
    reviews = (
        Review.objects.standing()
        .filter(batch=batch, artwork__in=Artwork.objects.for_user(by))
        .exclude(pk__in=ReleasedWork.objects.standing().values("review"))
    )
    return sum(withdraw_review(review, by) for review in reviews)

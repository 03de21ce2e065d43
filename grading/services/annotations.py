"""From a teacher's keystrokes to a frozen review and its annotations."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import (
    Annotation,
    Artwork,
    AuditEvent,
    DraftLevel,
    FeedbackDraft,
    Picture,
    Review,
    ReviewDraft,
    RubricDimension,
    ScoreSet,
    User,
)
from grading.services.audit import record


class CannotConfirm(Exception):
    """A picture is not ready to be confirmed; the text says what is still needed."""


@dataclass(frozen=True)
class Proposal:
    """What there is to decide about: the newest picture, and what the model said about it."""

    picture: Picture | None
    score_set: ScoreSet | None
    feedback: FeedbackDraft | None
    levels: dict[int, int]  # dimension pk -> proposed level; none where the model abstained


def newest_proposal(artwork: Artwork) -> Proposal:
    picture = artwork.pictures.last()
    score_set = picture.score_sets.last() if picture else None
    feedback = FeedbackDraft.objects.filter(score_set=score_set).first() if score_set else None
    scores = score_set.scores.all() if score_set else []
    levels = {s.dimension_id: s.level for s in scores if s.level is not None}
    return Proposal(picture, score_set, feedback, levels)


def _open_draft(artwork: Artwork, by: User) -> ReviewDraft:
    """The draft of this artwork; looking again at a confirmed one starts from what was decided."""
    draft, new = ReviewDraft.objects.get_or_create(artwork=artwork, defaults={"updated_by": by})
    review = artwork.reviews.last() if new else None
    if review is None:
        return draft
    draft.strength, draft.next_step = review.strength, review.next_step
    draft.save()
    DraftLevel.objects.bulk_create(
        DraftLevel(draft=draft, dimension_id=a.dimension_id, level=a.level, set_by=by)
        for a in review.annotations.all()
    )
    return draft


@transaction.atomic
def set_level(artwork: Artwork, dimension: RubricDimension, level: int | None, by: User) -> None:
    """Save one level of the draft; None clears it, and the model's proposal stands again."""
    if level is not None and level not in dimension.version.levels:
        raise ValueError(f"{level} is not a level of {dimension.version}")
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    draft = _open_draft(artwork, by)
    if level is None:
        draft.levels.filter(dimension=dimension).delete()
    else:
        draft.levels.update_or_create(dimension=dimension, defaults={"level": level, "set_by": by})
    draft.updated_by = by
    draft.save()
    school = artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.CHANGED, artwork, school, dimension=dimension.slug, level=level)


@transaction.atomic
def set_words(artwork: Artwork, strength: str, next_step: str, by: User) -> None:
    """Save the teacher's words of the draft."""
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    draft = _open_draft(artwork, by)
    draft.strength, draft.next_step, draft.updated_by = strength, next_step, by
    draft.save()
    record(by, AuditEvent.Verb.CHANGED, artwork, artwork.assignment.classroom.school, words=True)


@transaction.atomic
def confirm_review(artwork: Artwork, by: User) -> Review:
    """Freeze what the draft and the proposal say together; one annotation a dimension.

    Confirming again without having changed anything returns the review there is.

    Raises:
        CannotConfirm: the picture is not ready, or a dimension has no level from anybody.
    """
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    proposal = newest_proposal(artwork)
    if proposal.picture is None:
        raise CannotConfirm(_("This picture is not ready yet."))
    draft = ReviewDraft.objects.filter(artwork=artwork).first()
    last = artwork.reviews.last()
    if last and draft is None:
        if last.score_set == proposal.score_set:
            return last
        draft = _open_draft(artwork, by)  # scored again since: what was decided still stands
    review = _freeze(artwork, proposal, draft, by)
    if draft:
        draft.delete()
    record(by, AuditEvent.Verb.CONFIRMED, artwork, artwork.assignment.classroom.school)
    return review


def _freeze(artwork: Artwork, proposal: Proposal, draft: ReviewDraft | None, by: User) -> Review:
    assert proposal.picture is not None
    dimensions = list(artwork.assignment.rubric_version.dimensions.all())
    chosen = dict(draft.levels.values_list("dimension", "level")) if draft else {}
    levels = proposal.levels | chosen
    missing = [d.name for d in dimensions if d.pk not in levels]
    if missing:
        raise CannotConfirm(_("Choose a level for: %(names)s.") % {"names": ", ".join(missing)})
    words = proposal.feedback
    strength, next_step = (words.strength, words.next_step) if words else ("", "")
    if draft and draft.strength is not None:
        strength = draft.strength
    if draft and draft.next_step is not None:
        next_step = draft.next_step
    review = Review.objects.create(
        artwork=artwork,
        picture=proposal.picture,
        score_set=proposal.score_set,
        feedback_draft=words,
        reviewer=by,
        strength=strength,
        next_step=next_step,
    )
    version = artwork.assignment.rubric_version
    Annotation.objects.bulk_create(
        Annotation(
            review=review,
            picture=proposal.picture,
            picture_sha256=proposal.picture.sha256,
            dimension=d,
            annotator=by,
            level=levels[d.pk],
            first_level=version.first_level,
            last_level=version.last_level,
            origin=(Annotation.Origin.CHOSEN if d.pk in chosen else Annotation.Origin.ACCEPTED),
            training_consent=bool(artwork.student and artwork.student.training_consent),
        )
        for d in dimensions
    )
    return review

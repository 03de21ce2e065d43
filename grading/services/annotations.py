"""From a teacher's keystrokes to a frozen review and its annotations."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import (
    Annotation,
    Artwork,
    AuditEvent,
    BlindLook,
    DraftLevel,
    EditJob,
    FeedbackDraft,
    NotAssessed,
    Picture,
    Review,
    ReviewDraft,
    ReviewWithdrawal,
    RubricDimension,
    ScoreSet,
    User,
)
from grading.services.audit import record


class CannotConfirm(Exception):
    """A picture is not ready to be confirmed; the text says what is still needed."""


class LevelChanged(Exception):
    """Two people set a level of one dimension of a picture at the same time."""


class WordsChanged(Exception):
    """Two people wrote feedback for one picture at the same time."""

    def __init__(self, words: Words, by: User | None) -> None:
        self.words, self.by = words, by
        super().__init__("other words were saved since these were begun")


@dataclass(frozen=True)
class Proposal:
    """What there is to decide about: the newest picture, and what the model said about it."""

    picture: Picture | None
    score_set: ScoreSet | None
    drafts: list[FeedbackDraft]  # in the order they were made; the newest counts
    levels: dict[int, int]  # dimension pk -> proposed level; none where the model abstained

    @property
    def feedback(self) -> FeedbackDraft | None:
        return self.drafts[-1] if self.drafts else None


def newest_proposal(artwork: Artwork) -> Proposal:
    picture = artwork.pictures.last()
    score_set = picture.score_sets.last() if picture else None
    drafts = list(score_set.feedback_drafts.all()) if score_set else []
    scores = score_set.scores.all() if score_set else []
    levels = {s.dimension_id: s.level for s in scores if s.level is not None}
    return Proposal(picture, score_set, drafts, levels)


def _shown_proposal(artwork: Artwork) -> Proposal:
    """As a person sees it: without levels and words as long as they are hidden."""
    proposal = newest_proposal(artwork)
    return replace(proposal, drafts=[], levels={}) if is_hidden(artwork) else proposal


UNSEEN = "unseen"  # the page hid what the model said


def proposal_mark(score_set: ScoreSet | None) -> str:
    """Short name of what the model said, for a page to say what it showed."""
    return str(score_set.pk) if score_set else "none"


def _open_draft(artwork: Artwork, by: User) -> ReviewDraft:
    """The draft of this artwork; looking again at a confirmed one starts from what was decided."""
    draft, new = ReviewDraft.objects.get_or_create(artwork=artwork, defaults={"updated_by": by})
    review = artwork.reviews.standing().last() if new else None
    if review is None:
        return draft
    draft.strength, draft.next_step = review.strength, review.next_step
    draft.save()
    levels = [
        DraftLevel(draft=draft, dimension_id=a.dimension_id, level=a.level, set_by=by)
        for a in review.annotations.all()
    ]
    levels += [
        DraftLevel(draft=draft, dimension_id=n.dimension_id, not_assessed=n.reason, set_by=by)
        for n in review.not_assessed.all()
    ]
    DraftLevel.objects.bulk_create(levels)
    return draft


@dataclass(frozen=True)
class Decided:
    """What people have said so far: the draft where there is one, else the last review."""

    levels: dict[int, int]  # dimension pk -> level; none where the proposal stands
    strength: str | None  # None: the proposed words stand
    next_step: str | None
    by: User | None
    not_assessed: dict[int, str] = field(default_factory=dict)  # dimension pk -> why


def decided(artwork: Artwork) -> Decided:
    if draft := ReviewDraft.objects.filter(artwork=artwork).select_related("updated_by").first():
        levels, reasons = _drafted(draft)
        return Decided(levels, draft.strength, draft.next_step, draft.updated_by, reasons)
    if review := artwork.reviews.standing().select_related("reviewer").last():
        levels = dict(review.annotations.values_list("dimension", "level"))
        reasons = dict(review.not_assessed.values_list("dimension", "reason"))
        return Decided(levels, review.strength, review.next_step, review.reviewer, reasons)
    return Decided({}, None, None, None)


def _drafted(draft: ReviewDraft) -> tuple[dict[int, int], dict[int, str]]:
    """Levels by dimension, and reasons of those that get none."""
    rows = list(draft.levels.values_list("dimension", "level", "not_assessed"))
    levels = {dimension: level for dimension, level, _why in rows if level is not None}
    return levels, {dimension: why for dimension, _level, why in rows if why}


@dataclass(frozen=True)
class Words:
    """The feedback as it stands, whoever wrote it."""

    strength: str = ""
    next_step: str = ""

    @property
    def mark(self) -> str:
        """Short, and different for different words: a page says by it which words it began with."""
        text = f"{self.strength}\0{self.next_step}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def words_in_force(decided: Decided, proposed: FeedbackDraft | None) -> Words:
    strength, next_step = decided.strength, decided.next_step
    if strength is None:
        strength = proposed.strength if proposed else ""
    if next_step is None:
        next_step = proposed.next_step if proposed else ""
    return Words(strength, next_step)


def draft_behind(words: Words, drafts: Sequence[FeedbackDraft]) -> FeedbackDraft | None:
    """The draft that says just this; where the words are a person's own, the newest."""
    same = (d for d in reversed(drafts) if Words(d.strength, d.next_step) == words)
    return next(same, drafts[-1] if drafts else None)


LEFT_OUT = "x"


def level_mark(level: int | None, not_assessed: str) -> str:
    """What people have said of a dimension, for a page to say what it showed; empty: nothing."""
    if not_assessed:
        return LEFT_OUT
    return "" if level is None else str(level)


@transaction.atomic
def set_level(
    artwork: Artwork,
    dimension: RubricDimension,
    level: int | None,
    by: User,
    not_assessed: str = "",
    begun_with: str | None = None,
) -> None:
    """Save one level of the draft; None clears it, and the model's proposal stands again.

    With ``not_assessed``, the reason why, the dimension gets no level at all. Saving what is there
    already changes nothing, so that a message that arrives twice, or after the confirmation it was
    part of, does not open a confirmed picture again. ``begun_with`` is the mark of what the person
    had before them.

    Raises:
        LevelChanged: somebody else has decided otherwise since; nothing was saved.
    """
    if level is not None and (not_assessed or level not in dimension.version.levels):
        raise ValueError(f"{level} is not a level of {dimension.version}, or not assessed")
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    said = decided(artwork)
    before = said.levels.get(dimension.pk), said.not_assessed.get(dimension.pk, "")
    if before == (level, not_assessed):
        return
    if begun_with is not None and begun_with != level_mark(*before):
        raise LevelChanged
    draft = _open_draft(artwork, by)
    if level is None and not not_assessed:
        draft.levels.filter(dimension=dimension).delete()
    else:
        defaults = {"level": level, "not_assessed": not_assessed, "set_by": by}
        draft.levels.update_or_create(dimension=dimension, defaults=defaults)
    draft.updated_by = by
    draft.save()
    school = artwork.assignment.classroom.school
    detail = {"not_assessed": True} if not_assessed else {}  # why is in the draft
    record(
        by, AuditEvent.Verb.CHANGED, artwork, school,
        dimension=dimension.slug, level=level, **detail,
    )  # fmt: skip


@dataclass(frozen=True)
class LevelChange:
    """What a page showed for a dimension when it was opened, and what it shows now, as marks."""

    before: str
    after: str


@transaction.atomic
def save_levels(
    artwork: Artwork, changes: dict[RubricDimension, LevelChange], by: User
) -> list[RubricDimension]:
    """Save what was changed on a page, and only that.

    Returns the dimensions somebody else has changed since the page was opened, whether they were
    changed on it or not: theirs stand, and want a look.
    """
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    said = decided(artwork)
    proposed = _shown_proposal(artwork).levels
    others = []
    for dimension, change in changes.items():
        key = dimension.pk
        now = level_mark(said.levels.get(key), said.not_assessed.get(key, ""))
        shown = level_mark(proposed.get(key), "")
        if (now or shown) not in {change.before or shown, change.after or shown}:
            others.append(dimension)
        elif change.before != change.after:
            set_level(artwork, dimension, int(change.after) if change.after else None, by)
    return others


@transaction.atomic
def set_words(
    artwork: Artwork, strength: str, next_step: str, by: User, begun_with: str | None = None
) -> None:
    """Save the teacher's words of the draft.

    ``begun_with`` is the mark of the words that the writer had before them. A draft that the model
    has written meanwhile is no reason to refuse: the person keeps what they began with.

    Raises:
        WordsChanged: somebody else has saved other words since; nothing was saved.
    """
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    said = decided(artwork)
    proposal = _shown_proposal(artwork)
    stored = words_in_force(said, proposal.feedback)
    words = Words(strength, next_step)
    if words == stored:
        return
    known = {stored.mark, *(words_in_force(said, draft).mark for draft in proposal.drafts)}
    if begun_with is not None and begun_with not in known:
        raise WordsChanged(stored, said.by)
    draft = _open_draft(artwork, by)
    draft.strength, draft.next_step, draft.updated_by = strength, next_step, by
    draft.save()
    record(by, AuditEvent.Verb.CHANGED, artwork, artwork.assignment.classroom.school, words=True)


@transaction.atomic
def confirm_review(
    artwork: Artwork, by: User, scores_seen: str | None = None, batch: UUID | None = None
) -> Review:
    """Freeze what the draft and the proposal say together; one annotation a dimension.

    Confirming again without having changed anything returns the review there is.
    ``scores_seen`` is the mark of the proposal that the person had before them (None: the newest),
    and ``batch`` names what is confirmed together with it, as it was proposed.

    Raises:
        CannotConfirm: the picture is not ready, a dimension has no level from anybody, or the
            model has spoken again since the person looked.
    """
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    proposal = newest_proposal(artwork)
    if proposal.picture is None or EditJob.objects.open().filter(picture__artwork=artwork).exists():
        raise CannotConfirm(_("This picture is not ready yet."))
    if is_hidden(artwork):
        raise CannotConfirm(_("Set your own levels first; then the model's are shown."))
    if scores_seen is not None and scores_seen != proposal_mark(proposal.score_set):
        raise CannotConfirm(_("The model has scored this picture since. Please look once more."))
    draft = ReviewDraft.objects.filter(artwork=artwork).first()
    last = artwork.reviews.standing().last()
    if batch and (last or draft):
        raise CannotConfirm(_("Something has changed since the list was made."))
    if last and draft is None:
        if (last.score_set, last.picture) == (proposal.score_set, proposal.picture):
            return last
        draft = _open_draft(artwork, by)  # another picture or score: what was decided still stands
    review = _freeze(artwork, proposal, draft, by, batch)
    if draft:
        draft.delete()
    record(by, AuditEvent.Verb.CONFIRMED, artwork, artwork.assignment.classroom.school)
    return review


def _freeze(
    artwork: Artwork,
    proposal: Proposal,
    draft: ReviewDraft | None,
    by: User,
    batch: UUID | None,
) -> Review:
    assert proposal.picture is not None
    dimensions = list(artwork.assignment.rubric_version.dimensions.all())
    chosen, reasons = _drafted(draft) if draft else ({}, {})
    levels = {key: level for key, level in (proposal.levels | chosen).items() if key not in reasons}
    missing = [d.shown_name for d in dimensions if d.pk not in levels and d.pk not in reasons]
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
        feedback_draft=draft_behind(Words(strength, next_step), proposal.drafts),
        reviewer=by,
        strength=strength,
        next_step=next_step,
        batch=batch,
    )
    _annotate(artwork, proposal.picture, by, levels, chosen, review=review)
    NotAssessed.objects.bulk_create(
        NotAssessed(review=review, dimension_id=key, reason=reason)
        for key, reason in reasons.items()
    )
    return review


def _annotate(
    artwork: Artwork,
    picture: Picture,
    by: User,
    levels: Mapping[int, int],
    chosen: Container[int],
    review: Review | None = None,
    look: BlindLook | None = None,
) -> None:
    """One annotation a level; ``chosen`` are the dimensions that the person set themselves."""
    version = artwork.assignment.rubric_version
    origin = Annotation.Origin
    Annotation.objects.bulk_create(
        Annotation(
            review=review,
            look=look,
            picture=picture,
            picture_sha256=picture.sha256,
            dimension_id=key,
            annotator=by,
            level=level,
            first_level=version.first_level,
            last_level=version.last_level,
            origin=origin.BLIND if look else origin.CHOSEN if key in chosen else origin.ACCEPTED,
            training_consent=bool(artwork.student and artwork.student.training_consent),
        )
        for key, level in levels.items()
    )


def is_hidden(artwork: Artwork) -> bool:
    """The model's levels stay hidden until a teacher's own are in."""
    return (
        artwork.blind_first
        and not artwork.blind_looks.first_looks().exists()
        and not artwork.reviews.standing().exists()
    )


@transaction.atomic
def finish_blind_look(artwork: Artwork, by: User) -> BlindLook:
    """Freeze what a teacher saw with their own eyes; from then on the model's levels are shown.

    Raises:
        CannotConfirm: a dimension has no level of theirs yet.
    """
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    if look := artwork.blind_looks.first_looks().last():
        return look
    picture = artwork.pictures.last()
    if picture is None:
        raise CannotConfirm(_("This picture is not ready yet."))
    said = decided(artwork)
    missing = [
        d.shown_name
        for d in artwork.assignment.rubric_version.dimensions.all()
        if d.pk not in said.levels and d.pk not in said.not_assessed
    ]
    if missing:
        raise CannotConfirm(_("Choose a level for: %(names)s.") % {"names": ", ".join(missing)})
    look = BlindLook.objects.create(
        artwork=artwork,
        picture=picture,
        score_set=picture.score_sets.last(),
        by=by,
        purpose=BlindLook.Purpose.FIRST,
    )
    _annotate(artwork, picture, by, said.levels, said.levels, look=look)
    record(by, AuditEvent.Verb.CHANGED, artwork, artwork.assignment.classroom.school, blind=True)
    return look


@transaction.atomic
def withdraw_review(review: Review, by: User) -> bool:
    """Take a confirmation back, as if it had not been made; False if it no longer stands.

    A draft that somebody has begun since keeps what was decided in it.
    """
    artwork = Artwork.objects.select_for_update().get(pk=review.artwork_id)
    if artwork.reviews.standing().last() != review:
        return False
    ReviewWithdrawal.objects.create(review=review, by=by)
    record(by, AuditEvent.Verb.WITHDRAWN, artwork, artwork.assignment.classroom.school)
    return True

"""Help with the words: other drafts, a bank of one's own comments, how hard they are to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Max

from grading import tasks
from grading.models import (
    Artwork,
    AuditEvent,
    BankComment,
    FeedbackDraft,
    FeedbackJob,
    RubricDimension,
    User,
)
from grading.models.feedback import Length, Tone
from grading.services.annotations import Words, decided, is_hidden, newest_proposal
from grading.services.audit import record
from ml.feedback import Manner, compose, reading_grade

HARDER_BY = 2.0  # grades above the class's own, from which words are called hard to read
BANK_AT_MOST = 200


class NothingToWriteAbout(Exception):
    """There are no levels yet."""


class WordsSwitchedOff(Exception):
    """The school proposes no words."""


@transaction.atomic
def write_again(artwork: Artwork, tone: Tone, length: Length, by: User) -> FeedbackDraft:
    """Other words for the levels as they stand now; a model that writes adds its own later.

    Raises:
        NothingToWriteAbout: neither the model nor a person has given a level, or what the model
            has given is still hidden.
        WordsSwitchedOff: the school does not want proposed words, or no model at all.
    """
    if not artwork.assignment.classroom.school.proposes_words:
        raise WordsSwitchedOff
    Artwork.objects.select_for_update().get(pk=artwork.pk)
    if is_hidden(artwork):
        raise NothingToWriteAbout
    proposal = newest_proposal(artwork)
    said = decided(artwork)
    version = artwork.assignment.rubric_version
    in_force = {
        d.slug: level
        for d in version.dimensions.all()
        if d.pk not in said.not_assessed
        and (level := said.levels.get(d.pk, proposal.levels.get(d.pk))) is not None
    }
    if proposal.score_set is None or not in_force:
        raise NothingToWriteAbout
    score_set = proposal.score_set
    turn = 1 + (score_set.feedback_drafts.aggregate(last=Max("turn"))["last"] or 0)
    seed = tasks.feedback_seed(score_set, turn)
    expected = {s.dimension.slug: s.expected for s in score_set.scores.select_related("dimension")}
    words = compose(
        version.as_ml_rubric(),
        levels=in_force,
        # Where a person has set another level, the model's expectation says nothing about it.
        expected={
            slug: value
            for slug, value in expected.items()
            if value is not None and abs(value - in_force.get(slug, -9)) < 1
        },
        title=artwork.assignment.title,
        grade=artwork.assignment.classroom.grade,
        seed=seed,
        manner=Manner(tone, length),
    )
    draft = FeedbackDraft.objects.create(
        score_set=score_set,
        origin=FeedbackDraft.Origin.COMPOSED,
        strength=words.strength,
        next_step=words.next_step,
        seed=seed,
        tone=tone,
        length=length,
        turn=turn,
    )
    school = artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.RETRIED, artwork, school, words=True, turn=turn)
    if tasks.can_write(score_set.job.adapter_set) and not score_set.feedback_jobs.open().exists():
        job = FeedbackJob.objects.create(
            score_set=score_set, tone=tone, length=length, turn=turn, levels=in_force
        )
        tasks.send_on_commit(tasks.write_feedback, job.pk)
    return draft


def keep_comment(
    owner: User, place: BankComment.Place, text: str, dimension: RubricDimension | None = None
) -> BankComment | None:
    """Put words into a person's bank; None if there are none, or the bank is full.

    Words that are in it already are from then on about ``dimension`` (None: about any).
    """
    at_most = BankComment._meta.get_field("text").max_length
    text = " ".join(text.replace("\0", "").split())[:at_most]
    if not text or owner.bank_comments.count() >= BANK_AT_MOST:
        return None
    about = {"dimension_slug": dimension.slug if dimension else ""}
    return BankComment.objects.update_or_create(
        owner=owner, place=place, text=text, defaults=about
    )[0]


def bank_of(
    owner: User, dimensions: Sequence[RubricDimension]
) -> list[tuple[RubricDimension | None, list[BankComment]]]:
    """A person's comments by what they are about, in the order of the rubric; last, under None,
    those about any dimension or one that this rubric does not have."""
    known = {d.slug: d for d in dimensions}
    about: dict[str, list[BankComment]] = {}
    for comment in owner.bank_comments.all():
        slug = comment.dimension_slug
        about.setdefault(slug if slug in known else "", []).append(comment)
    return [(known.get(slug), about[slug]) for slug in (*known, "") if slug in about]


def with_comment(words: Words, comment: BankComment) -> Words:
    """The words with a comment of the bank at their end, which counts as another use of it."""
    BankComment.objects.filter(pk=comment.pk).update(uses=F("uses") + 1)
    before = words.strength if comment.place == BankComment.Place.STRENGTH else words.next_step
    joined = f"{before.rstrip()} {comment.text}".strip()
    if comment.place == BankComment.Place.STRENGTH:
        return Words(joined, words.next_step)
    return Words(words.strength, joined)


@dataclass(frozen=True)
class Reading:
    """How hard the words are to read."""

    grade: int
    too_hard: bool


def reading_of(words: Words, class_grade: int | None) -> Reading | None:
    found = reading_grade(f"{words.strength} {words.next_step}")
    if found is None:
        return None
    return Reading(round(found), class_grade is not None and found > class_grade + HARDER_BY)

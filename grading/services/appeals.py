"""Asking to look again: somebody who has not seen the levels looks, then the teacher answers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from grading.models import (
    Annotation,
    Appeal,
    Artwork,
    AuditEvent,
    BlindLook,
    FamilyLink,
    Review,
    RubricDimension,
    Student,
    User,
)
from grading.services.audit import record
from grading.works import Line, works_of


class AlreadyAsked(Exception):
    """There is an open appeal about this artwork already."""

    def __init__(self, appeal: Appeal) -> None:
        self.appeal = appeal
        super().__init__("one open appeal an artwork")


class TooLate(Exception):
    """Somebody else took the second look, or the appeal was closed."""


@transaction.atomic
def ask_again(
    artwork: Artwork,
    review: Review,
    reason: str,
    *,
    by: User | None = None,
    family_link: FamilyLink | None = None,
) -> Appeal:
    """Open an appeal about a decision; a family asks through its link.

    Raises:
        AlreadyAsked: one is open; there is one at a time.
    """
    try:
        with transaction.atomic():
            appeal = Appeal.objects.create(
                artwork=artwork, review=review, reason=reason, asked_by=by, family_link=family_link
            )
    except IntegrityError:
        raise AlreadyAsked(artwork.appeals.open().get()) from None
    by_family = family_link is not None
    school = artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.APPEALED, artwork, school, by_family=by_family)
    return appeal


@transaction.atomic
def record_look(
    appeal: Appeal, by: User, levels: dict[RubricDimension, int], comment: str = ""
) -> BlindLook:
    """Store the levels of the person who looked without having seen any. Some may be left out.

    Raises:
        TooLate: it was looked at, or closed, meanwhile.
    """
    appeal = Appeal.objects.select_for_update().get(pk=appeal.pk)
    if appeal.look_id is not None or appeal.closed_at is not None:
        raise TooLate
    review, artwork = appeal.review, appeal.artwork
    look = BlindLook.objects.create(
        artwork=artwork,
        picture=review.picture,
        score_set=review.score_set,
        by=by,
        purpose=BlindLook.Purpose.APPEAL,
        comment=comment,
    )
    version = artwork.assignment.rubric_version
    Annotation.objects.bulk_create(
        Annotation(
            look=look,
            picture=review.picture,
            picture_sha256=review.picture.sha256,
            dimension=dimension,
            annotator=by,
            level=level,
            first_level=version.first_level,
            last_level=version.last_level,
            origin=Annotation.Origin.BLIND,
            training_consent=bool(artwork.student and artwork.student.training_consent),
        )
        for dimension, level in levels.items()
    )
    appeal.look = look
    appeal.save(update_fields=["look"])
    school = artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.APPEALED, artwork, school, looked=True)
    return look


@transaction.atomic
def close_appeal(appeal: Appeal, by: User, outcome: str) -> bool:
    """Answer an appeal; False if somebody has done so before."""
    open_row = Appeal.objects.open().filter(pk=appeal.pk)
    if not open_row.update(outcome=outcome, closed_by=by, closed_at=now()):
        return False
    school = appeal.artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.APPEALED, appeal.artwork, school, closed=True)
    return True


@dataclass(frozen=True)
class Comparison:
    """One dimension as the first person decided it and as the second saw it."""

    first: Line
    second: int | None

    @property
    def second_words(self) -> str:
        return self.first.scale[self.second] if self.second is not None else ""

    @property
    def apart(self) -> int:
        """Levels between the two; 0 where one of them gave none."""
        if self.first.level is None or self.second is None:
            return 0
        return abs(self.first.level - self.second)


def compared(appeal: Appeal) -> list[Comparison]:
    """Both sets of levels side by side; the second only once it is there."""
    (work,) = works_of(Review.objects.filter(pk=appeal.review_id))
    seen = dict(appeal.look.annotations.values_list("dimension", "level")) if appeal.look else {}
    return [Comparison(line, seen.get(line.dimension.pk)) for line in work.lines]


def asked_by_family(student: Student) -> dict[int, Appeal]:
    """The newest appeal a family made about each of the student's works, by artwork."""
    appeals = Appeal.objects.filter(artwork__student=student, family_link__student=student)
    return {appeal.artwork_id: appeal for appeal in appeals}  # in the order they were made


def open_appeals(user: User) -> tuple[list[Appeal], list[Appeal]]:
    """Those that wait for the user's blind look, and those of the user's own classes.

    Nobody can answer one of an archived year, so it is not listed.
    """
    return list(_listed(Appeal.objects.to_look_at(user))), list(
        _listed(Appeal.objects.open().for_user(user))
    )


def _listed(appeals: QuerySet[Appeal]) -> QuerySet[Appeal]:
    open_years = appeals.filter(artwork__assignment__classroom__year__archived_at=None)
    return open_years.select_related("artwork__student", "artwork__assignment")

"""What families may see of an assignment: who released which decisions, and what has changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from grading.models import (
    Artwork,
    Assignment,
    AuditEvent,
    Release,
    ReleasedWork,
    Review,
    ReviewDraft,
    User,
)
from grading.services.audit import record
from grading.services.board import State, in_board_order, with_state


class NothingToRelease(Exception):
    """No picture of the class is confirmed and matched to a student."""


class ChangedMeanwhile(Exception):
    """Somebody decided something since the page was shown; nothing was released."""


@dataclass(frozen=True)
class Entry:
    """One artwork: ready to be shown, or why not; and what families see of it now."""

    artwork: Artwork
    review: Review | None
    why_not: str
    shown: int | None  # the review families see now

    @property
    def ready(self) -> bool:
        return not self.why_not

    @property
    def changed(self) -> bool:
        """Families see an older decision, or none where there is one by now."""
        return self.ready and self.review is not None and self.review.pk != self.shown


@dataclass(frozen=True)
class ReleasePlan:
    assignment: Assignment
    entries: list[Entry]
    last: Release | None  # the newest row: released or hidden

    @cached_property
    def ready(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.ready]

    @cached_property
    def not_ready(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.ready]

    @property
    def released(self) -> bool:
        return self.last is not None and self.last.kind == Release.Kind.RELEASED

    @property
    def shown_count(self) -> int:
        return sum(entry.shown is not None for entry in self.entries)

    @property
    def changed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.changed] if self.released else []

    @property
    def leaving(self) -> list[Entry]:
        """Shown now, and no longer once the class is released again."""
        return [entry for entry in self.not_ready if entry.shown is not None]

    @property
    def mark(self) -> str:
        """Changes when the next release would show anything else."""
        shown = [(e.review.pk, e.artwork.student_id) for e in self.ready if e.review is not None]
        return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def release_plan(assignment: Assignment) -> ReleasePlan:
    """What a release would show now, and what it would not. Four queries."""
    drafts = ReviewDraft.objects.filter(artwork=OuterRef("pk"))
    artworks: list[Any] = list(
        in_board_order(with_state(assignment.artworks.kept()))
        .select_related("student")
        .annotate(has_draft=Exists(drafts))
    )
    reviews = Review.objects.select_related("reviewer", "picture").in_bulk(
        [artwork.review_id for artwork in artworks if artwork.review_id]
    )
    standing = ReleasedWork.objects.standing().filter(release__assignment=assignment)
    shown = dict(standing.values_list("artwork", "review"))
    entries = []
    for artwork in artworks:
        review = reviews.get(artwork.review_id)
        why = _why_not(artwork, review)
        entries.append(Entry(artwork, review, why, shown.get(artwork.pk)))
    last = assignment.releases.select_related("by").last()
    return ReleasePlan(assignment, entries, last)


def _why_not(artwork: Any, review: Review | None) -> str:
    if review is None:
        if artwork.state == State.FAILED:
            return _("The picture needs attention.")
        if artwork.picture_id is None:
            return _("The picture is not prepared yet.")
        return _("Nobody has confirmed it yet.")
    if artwork.student is None:
        return _("It belongs to no student yet.")
    if artwork.has_draft:
        return _("It was changed since it was confirmed. Confirm it again.")
    if review.picture_id != artwork.picture_id:
        return _("Another picture is in use since it was confirmed. Confirm it again.")
    return ""


@transaction.atomic
def release_class(assignment: Assignment, by: User, seen: str | None = None) -> Release:
    """Show every confirmed picture of the class to the families, as it stands now.

    ``seen`` is the mark of the plan that the person had before them (None: whatever is ready).

    Raises:
        NothingToRelease: no picture is ready.
        ChangedMeanwhile: the plan is another one by now.
    """
    Assignment.objects.select_for_update().get(pk=assignment.pk)
    plan = release_plan(assignment)
    if not plan.ready:
        raise NothingToRelease
    if seen is not None and seen != plan.mark:
        raise ChangedMeanwhile
    if plan.last and plan.released and not (plan.changed or plan.leaving):
        return plan.last  # pressed twice
    release = Release.objects.create(assignment=assignment, kind=Release.Kind.RELEASED, by=by)
    ReleasedWork.objects.bulk_create(
        ReleasedWork(
            release=release,
            artwork=entry.artwork,
            review=entry.review,
            student=entry.artwork.student,
        )
        for entry in plan.ready
    )
    school = assignment.classroom.school
    record(by, AuditEvent.Verb.RELEASED, assignment, school, works=len(plan.ready))
    return release


@transaction.atomic
def hide_class(assignment: Assignment, by: User) -> bool:
    """Take the class's work out of the families' sight at once; False if it was not in sight."""
    Assignment.objects.select_for_update().get(pk=assignment.pk)
    last = assignment.releases.last()
    if last is None or last.kind == Release.Kind.HIDDEN:
        return False
    Release.objects.create(assignment=assignment, kind=Release.Kind.HIDDEN, by=by)
    record(by, AuditEvent.Verb.HIDDEN, assignment, assignment.classroom.school)
    return True

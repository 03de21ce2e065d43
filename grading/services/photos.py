"""What a teacher does to a photograph: turn it, straighten it, light it, or leave it as it is.

Every change starts from the untouched picture and makes another one, which is scored anew; the
untouched one stays, with its scores, and can be taken into use again.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now

from grading import tasks
from grading.intake.edits import Edit
from grading.models import (
    Artwork,
    Assignment,
    AuditEvent,
    EditJob,
    PhotoProposal,
    Picture,
    User,
)
from grading.services.audit import record


class NoPicture(Exception):
    """There is no picture to change yet."""


def edit_in_use(artwork: Artwork) -> Edit:
    """What was done to the untouched picture to make the one that is in use."""
    picture = artwork.pictures.last()
    if picture is None:
        raise NoPicture
    return Edit.from_json(picture.edit)


@transaction.atomic
def change_picture(artwork: Artwork, edit: Edit, by: User) -> Picture | None:
    """Have the untouched picture changed so; the picture at once if there is one like it already.

    Raises:
        NoPicture: nothing is prepared yet.
    """
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    untouched = artwork.pictures.filter(edit_job=None).last()
    if untouched is None:
        raise NoPicture
    stored = edit.to_json()
    school = artwork.assignment.classroom.school
    record(by, AuditEvent.Verb.EDITED, artwork, school, edit=stored)
    _forget_waiting(untouched)
    for picture in artwork.pictures.select_related("edit_job"):
        if Edit.from_json(picture.edit) == edit:
            Picture.objects.filter(pk=picture.pk).update(in_use_since=now())
            return picture
    job = EditJob.objects.create(picture=untouched, edit=stored, asked_by=by)
    tasks.send_on_commit(tasks.edit_picture, job.pk)
    return None


def _forget_waiting(untouched: Picture) -> None:
    """An older wish that no worker has begun is replaced by the newer one."""
    untouched.edit_jobs.waiting().delete()
    for job in untouched.edit_jobs.running():  # its result will not be the newest
        EditJob.objects.filter(pk=job.pk).update(
            status=EditJob.Status.FAILED, error="", finished_at=now(), lease_until=None
        )


@transaction.atomic
def turn_picture(artwork: Artwork, by: User) -> Picture | None:
    """A quarter turn clockwise, counted from what was wished for last."""
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    untouched = artwork.pictures.filter(edit_job=None).last()
    wished = untouched.edit_jobs.open().last() if untouched else None
    edit = Edit.from_json(wished.edit) if wished else edit_in_use(artwork)
    return change_picture(artwork, replace(edit, turn=(edit.turn + 1) % 4), by)


def open_proposals(assignment: Assignment) -> QuerySet[PhotoProposal]:
    """Proposals nobody has answered, of pictures nobody has changed."""
    changed = Picture.objects.filter(artwork=OuterRef("picture__artwork"), edit_job__isnull=False)
    return (
        PhotoProposal.objects.filter(picture__artwork__in=assignment.artworks.kept(), answer="")
        .exclude(Exists(changed))
        .select_related("picture__artwork__student")
        .order_by("picture__artwork__student__display_name", "pk")
    )


@transaction.atomic
def answer_proposal(proposal: PhotoProposal, take: bool, by: User) -> None:
    """Use what is proposed, or leave the picture as it is; both can be changed later."""
    answers = PhotoProposal.Answer
    PhotoProposal.objects.filter(pk=proposal.pk).update(
        answer=answers.TAKEN if take else answers.LEFT, answered_by=by, answered_at=now()
    )
    untouched = proposal.picture
    if take:
        change_picture(untouched.artwork, Edit.from_json(proposal.edit), by)
    elif untouched.artwork.pictures.last() != untouched or untouched.edit_jobs.open().exists():
        change_picture(untouched.artwork, Edit(), by)
    else:
        school = untouched.artwork.assignment.classroom.school
        record(by, AuditEvent.Verb.EDITED, untouched.artwork, school, left=True)


@transaction.atomic
def undo_proposals(assignment: Assignment, by: User) -> int:
    """Every picture of the class for which a proposal was taken is as it was uploaded again."""
    taken = PhotoProposal.objects.filter(
        picture__artwork__in=assignment.artworks.kept(), answer=PhotoProposal.Answer.TAKEN
    ).select_related("picture__artwork")
    for proposal in taken:
        answer_proposal(proposal, False, by)
    return len(taken)

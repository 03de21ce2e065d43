from __future__ import annotations

from django.db import transaction

from grading import tasks
from grading.models import Artwork, AuditEvent, IntakeJob, Picture, ScoringJob, User
from grading.services.audit import record


@transaction.atomic
def request_scoring(picture: Picture) -> ScoringJob | None:
    """Queue one scoring of this picture; one already open is returned instead.

    None when no model is installed, or the school has switched scoring off: the sweep asks again
    once that has changed.
    """
    job = ScoringJob.objects.request(picture)
    if job and job.status == ScoringJob.Status.QUEUED:
        tasks.send_on_commit(tasks.score_pictures, job.pk)
    return job


@transaction.atomic
def try_again(artwork: Artwork, by: User) -> IntakeJob | ScoringJob | None:
    """Do the failed step of this artwork once more, as a new job; None if nothing failed."""
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    picture = artwork.pictures.last()
    if picture is None:
        return _prepare_again(artwork, by)
    last = picture.scoring_jobs.last()
    if last is not None and last.status != ScoringJob.Status.FAILED:
        return None
    if not artwork.assignment.classroom.school.scoring_on:
        return None  # a page from before the switch was pressed
    record(by, AuditEvent.Verb.RETRIED, artwork, artwork.assignment.classroom.school)
    return request_scoring(picture)


def _prepare_again(artwork: Artwork, by: User) -> IntakeJob | None:
    last = artwork.intake_jobs.order_by("pk").last()
    if last is None or last.status != IntakeJob.Status.FAILED or not artwork.original:
        return None
    record(by, AuditEvent.Verb.RETRIED, artwork, artwork.assignment.classroom.school)
    job = IntakeJob.objects.create(artwork=artwork)
    tasks.send_on_commit(tasks.prepare_picture, job.pk)
    return job

"""What every job row shares: claimed by one guarded UPDATE, held by a lease, finished once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

JobT = TypeVar("JobT", bound="Job")


def lease_end() -> datetime:
    return now() + timedelta(seconds=settings.JOB_LEASE_S)


class JobQuerySet(models.QuerySet[JobT]):
    def open(self) -> Self:
        return self.filter(status__in=Job.OPEN)

    def waiting(self) -> Self:
        return self.filter(status=Job.Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Job.Status.RUNNING)

    def failed(self) -> Self:
        return self.filter(status=Job.Status.FAILED)

    def lost(self) -> Self:
        """Running jobs whose worker has not renewed its lease: it died, or is frozen."""
        return self.running().filter(lease_until__lt=now())

    def claim(self, pk: int) -> JobT | None:
        """Move one job to RUNNING and return it; None if another worker was first.

        A job whose worker died (its lease ran out) may be claimed again, as a new attempt.
        """
        free = Q(status=Job.Status.QUEUED)
        lost = Q(status=Job.Status.RUNNING, lease_until__lt=now())
        won = self.filter(free | lost, pk=pk, attempt__lt=settings.JOB_MAX_ATTEMPTS).update(
            status=Job.Status.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=lease_end(),
            started_at=now(),
        )
        return self.get(pk=pk) if won else None

    def claim_alike(self, pk: int, limit: int, by: str) -> list[JobT]:
        """Claim this job and up to ``limit`` - 1 waiting ones that are the same in ``by``.

        A job on its second attempt is claimed alone: if its picture brings the process down,
        it takes nobody else along.
        """
        first = self.claim(pk)
        if first is None:
            return []
        if first.attempt > 1:
            return [first]
        same = self.filter(pk=pk).values(by)
        others = self.waiting().filter(**{f"{by}__in": same}, attempt=0).order_by("pk")
        ids = list(others.values_list("pk", flat=True)[: limit - 1])
        return [first, *(job for other in ids if (job := self.claim(other)))]

    def renew(self, jobs: Iterable[Job]) -> None:
        """Extend the leases of claimed jobs; one that was taken over stays with its new worker."""
        for job in jobs:
            self.running().filter(pk=job.pk, attempt=job.attempt).update(lease_until=lease_end())


class Job(models.Model):
    """QUEUED -> RUNNING -> SUCCEEDED | FAILED. Never reopened: doing it again is a new row."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")

    OPEN = (Status.QUEUED, Status.RUNNING)

    status = models.CharField(max_length=9, choices=Status.choices, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)  # one sentence for the teacher
    created_at = models.DateTimeField(default=now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: Any  # every job model names its manager, made from JobQuerySet

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk} ({self.status})"

    def _close(self, status: Status, error: str = "") -> bool:
        """Leave RUNNING; False if a later attempt has taken the job over."""
        mine = type(self).objects.running().filter(pk=self.pk, attempt=self.attempt)
        if not mine.update(status=status, error=error, finished_at=now(), lease_until=None):
            return False
        self.status, self.error = status, error
        return True

    def fail(self, sentence: str) -> bool:
        return self._close(self.Status.FAILED, sentence)


class Heartbeat(models.Model):
    """A worker process says that it lives, and when it last reached the broker."""

    worker = models.CharField(max_length=120, unique=True)
    queue = models.CharField(max_length=20)
    seen_at = models.DateTimeField()
    broker_seen_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.worker} seen {self.seen_at:%H:%M:%S}"

"""How much one person does within an hour: far above a long day at school, far below a robot.

Counted in rows that are there anyway, so the limits hold across all web processes and restarts.
Two requests at the same moment may both pass the last place; a limit is no promise to the digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models import AuditEvent, ReportJob, User

WITHIN = timedelta(hours=1)


class TooMany(Exception):
    """The person has done this too often within the hour. The text is a sentence for them."""


@dataclass(frozen=True)
class Limit:
    setting: str  # name of the setting that says how many
    sentence: str | Promise
    count: Callable[[User, datetime], int]


def _of(verb: AuditEvent.Verb) -> Callable[[User, datetime], int]:
    def count(user: User, since: datetime) -> int:
        return AuditEvent.objects.filter(actor=user, verb=verb, at__gte=since).count()

    return count


def _reports(user: User, since: datetime) -> int:
    return ReportJob.objects.filter(asked_by=user, created_at__gte=since).count()


UPLOADS = Limit(
    "UPLOADS_AN_HOUR",
    _("You have added very many pictures within an hour. Add the others a little later."),
    _of(AuditEvent.Verb.UPLOADED),
)
EXPORTS = Limit(
    "EXPORTS_AN_HOUR",
    _("You have downloaded very many files within an hour. Download the others a little later."),
    _of(AuditEvent.Verb.EXPORTED),
)
REPORTS = Limit(
    "REPORTS_AN_HOUR",
    _("You have asked for very many reports within an hour. Ask for the others a little later."),
    _reports,
)
LINKS = Limit(
    "FAMILY_LINKS_AN_HOUR",
    _("You have made very many links within an hour. Make the others a little later."),
    _of(AuditEvent.Verb.SHARED),
)


def refuse_too_many(user: User, limit: Limit) -> None:
    """Raises TooMany. Call it once the object is known to be the user's to see."""
    if limit.count(user, now() - WITHIN) >= getattr(settings, limit.setting):
        raise TooMany(str(limit.sentence))

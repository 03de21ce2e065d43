from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils.timezone import now

from grading.middleware import client_address
from grading.models import Artwork, AuditEvent, School, User

ONE_VIEW = timedelta(minutes=30)


def record(
    actor: User | None, verb: AuditEvent.Verb, obj: Model, school: School | None, **detail: Any
) -> AuditEvent:
    """Add one row to the audit trail. Call it in the transaction of the change it tells of.

    ``detail`` holds codes, numbers and choices, never a name or what somebody typed: the row stays
    when what it tells of is erased.
    """
    return AuditEvent.objects.create(
        actor=actor,
        verb=verb,
        school=school,
        object_kind=obj._meta.model_name or "",
        object_code=getattr(obj, "code", None),
        ip_address=client_address.get(),
        detail=detail,
    )


def record_view(
    actor: User, obj: Any, school: School, *shown_on: UUID | None, **detail: Any
) -> None:
    """Add that somebody looks at ``obj``, for what belongs to a page: its pictures, a part of it
    that is asked for again, an answer to a form that shows it once more.

    It adds nothing where the trail says that the person has opened the page already, which is a
    view of ``obj`` (with the same ``detail``) or of one of ``shown_on`` within ONE_VIEW.
    """
    recent = AuditEvent.objects.filter(
        actor=actor,
        verb=AuditEvent.Verb.VIEWED,
        at__gt=now() - ONE_VIEW,
        object_code__in=[obj.code, *filter(None, shown_on)],
        **{f"detail__{name}": value for name, value in detail.items()},
    )
    if not recent.exists():
        record(actor, AuditEvent.Verb.VIEWED, obj, school, **detail)


def record_artwork_view(actor: User, artwork: Artwork) -> None:
    """As record_view, of a work, which the pages of its class and of its student show."""
    assignment, student = artwork.assignment, artwork.student
    classroom = assignment.classroom
    shown_on = (assignment.code, classroom.code, student.code if student else None)
    record_view(actor, artwork, classroom.school, *shown_on)

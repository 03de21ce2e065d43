from __future__ import annotations

from typing import Any

from django.db.models import Model

from grading.middleware import client_address
from grading.models import AuditEvent, School, User


def record(
    actor: User | None, verb: AuditEvent.Verb, obj: Model, school: School | None, **detail: Any
) -> AuditEvent:
    """Add one row to the audit trail. Call it in the transaction of the change it tells of."""
    return AuditEvent.objects.create(
        actor=actor,
        verb=verb,
        school=school,
        object_kind=obj._meta.model_name or "",
        object_code=getattr(obj, "code", None),
        ip_address=client_address.get(),
        detail=detail,
    )

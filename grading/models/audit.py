from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from grading.models.frozen import FrozenModel
from grading.models.people import School, User


class AuditEvent(FrozenModel):
    """Who did what to a child's work, when, and from where. Rows are only ever added."""

    class Verb(models.TextChoices):
        VIEWED = "viewed"
        UPLOADED = "uploaded"
        MATCHED = "matched"
        REMOVED = "removed"
        RESTORED = "restored"
        RETRIED = "retried"
        EDITED = "edited"  # turned, straightened, lit
        CHANGED = "changed"
        CONFIRMED = "confirmed"
        WITHDRAWN = "withdrawn"
        RELEASED = "released"
        HIDDEN = "hidden"
        APPEALED = "appealed"
        NOTED = "noted"
        EXPORTED = "exported"
        SHARED = "shared"
        REVOKED = "revoked"
        OPENED = "opened"
        PROMOTED = "promoted"

    at = models.DateTimeField(default=now, db_index=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    school = models.ForeignKey(School, models.CASCADE, null=True, related_name="+")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    object_kind = models.CharField(max_length=30)
    object_code = models.UUIDField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["object_kind", "object_code"])]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_kind}"

from __future__ import annotations

from typing import Never, TypeVar

from django.db import models
from django.utils.timezone import now

from grading.models.frozen import FrozenError, FrozenModel, FrozenQuerySet
from grading.models.people import School, User

KeptT = TypeVar("KeptT", bound=models.Model)


class KeptQuerySet(FrozenQuerySet[KeptT]):
    """Rows that are not deleted either. grading.chain has a door of its own to let old ones go."""

    def delete(self) -> Never:
        raise FrozenError(f"{self.model.__name__} rows are never deleted: see grading.chain")


class KeptModel(FrozenModel):
    objects = KeptQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's

    class Meta:
        abstract = True

    def delete(self, *args, **kwargs) -> Never:
        raise FrozenError(f"{type(self).__name__} rows are never deleted: see grading.chain")


class AuditEvent(KeptModel):
    """Who did what, when, and from where. Rows are only ever added.

    A row names a child by its code alone, never by a name: so it can stay when the child is
    erased. ``position`` and ``digest`` are filled in once by the seal (grading.chain), which
    chains each row to the one before it.
    """

    class Verb(models.TextChoices):
        SIGNED_IN = "signed_in"
        SIGNED_OUT = "signed_out"
        SIGN_IN_FAILED = "failed"
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
        INVITED = "invited"
        JOINED = "joined"
        PERMITTED = "permitted"  # a role, a class, a second factor
        FORBIDDEN = "forbidden"  # the same, taken away
        CREATED = "created"
        ARCHIVED = "archived"
        IMPORTED = "imported"
        CONSENTED = "consented"
        HELD = "held"
        LIFTED = "lifted"
        AMENDED = "amended"
        ERASED = "erased"

    at = models.DateTimeField(default=now, db_index=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    school = models.ForeignKey(School, models.PROTECT, null=True, related_name="+")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    object_kind = models.CharField(max_length=30)
    object_code = models.UUIDField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    detail = models.JSONField(default=dict)
    position = models.PositiveBigIntegerField(null=True, unique=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["object_kind", "object_code"]),
            models.Index(fields=["school", "at"], name="audit_of_a_school"),
            models.Index(fields=["actor", "verb", "at"], name="audit_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_kind}"


class AuditAnchor(KeptModel):
    """Where the chain begins after old rows were let go: the last of them, and its digest."""

    position = models.PositiveBigIntegerField(unique=True)
    digest = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()  # let go with it
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"the chain begins after {self.position}"

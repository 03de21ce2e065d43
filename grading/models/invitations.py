"""How people come into a school: a link by e-mail, which works once and not for long."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from grading.models.people import Role, School, User


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def for_user(self, user: User) -> Self:
        return self.filter(school__in=School.objects.administered_by(user))

    def open(self) -> Self:
        """Neither accepted nor taken back; it may have run out."""
        return self.filter(accepted_at=None, revoked_at=None)

    def usable(self) -> Self:
        return self.open().filter(expires_at__gt=now())

    def by_token(self, token: str) -> Invitation | None:
        return self.filter(token_sha256=Invitation.digest(token)).first()


class Invitation(models.Model):
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    school = models.ForeignKey(School, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=13, choices=Role.choices)
    token_sha256 = models.CharField(max_length=64, unique=True)  # the token is stored nowhere
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["school", "email", "role"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_each",
            )
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email} to {self.school}"

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(32)

    @staticmethod
    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @property
    def is_usable(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now()

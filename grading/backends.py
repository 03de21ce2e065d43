"""Who is signed in, with what every page asks about them, in one query."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib.auth.backends import ModelBackend
from django.db.models import Exists, OuterRef

from grading.models import Membership, Role, User


class MemberBackend(ModelBackend):
    """Django's own, but the person of a request also knows whether they grade or administer,

    and whether they have a second factor.
    """

    def get_user(self, user_id: int) -> User | None:
        grading = Membership.objects.filter(
            user=OuterRef("pk"), role__in=[Role.TEACHER, Role.ADMINISTRATOR]
        )
        administering = Membership.objects.filter(user=OuterRef("pk"), role=Role.ADMINISTRATOR)
        factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
        annotated = User.objects.annotate(
            grades=Exists(grading),
            administers=Exists(administering),
            second_factor=Exists(factor),
        )
        user = annotated.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

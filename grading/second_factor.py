"""Who has to have a second factor, and that nothing opens to them before they have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from grading.models import Membership, Role, User

ON_THE_WAY = {  # what one needs to set a second factor up, or to leave
    "mfa_activate_totp", "account_reauthenticate", "sign-out", "set-language",
}  # fmt: skip


def must_have_second_factor(user: User) -> bool:
    if not settings.TWO_FACTOR_FOR_ADMINISTRATORS:
        return False
    if user.is_staff:
        return True
    administers = getattr(user, "administers", None)  # from grading.backends
    if administers is None:
        mine = Membership.objects.filter(user=user, role=Role.ADMINISTRATOR)
        administers = mine.exists()
    return administers


def has_second_factor(user: User) -> bool:
    known = getattr(user, "second_factor", None)  # from grading.backends
    if known is None:
        known = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
    return known


def missing_second_factor(user: User) -> bool:
    return must_have_second_factor(user) and not has_second_factor(user)


class SecondFactorMiddleware:
    """Sends whoever must have a second factor and has none to the page that sets it up.

    Whoever has one was asked for it at the sign-in: there is no session without.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple, kwargs: dict
    ) -> HttpResponse | None:
        user = request.user
        if not user.is_authenticated or not missing_second_factor(user):
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        return None if name in ON_THE_WAY else redirect("mfa_activate_totp")

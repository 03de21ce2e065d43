"""What the audit trail tells of accounts. The signals are Django's, allauth's: the doing is theirs.

Connected in grading.apps. Rows of a sign-in belong to no school: a person may be in several.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.signals import password_changed, password_reset, user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from allauth.usersessions.models import UserSession
from axes.utils import reset as forget_failures
from django.conf import settings
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

from grading.models import AuditEvent, User
from grading.services.audit import record

Verb = AuditEvent.Verb


def account_key(email: str) -> str:
    """Stands for an address where attempts on it are counted, and tells nobody which it is."""
    return salted_hmac("kidsart.account", email.strip().lower()).hexdigest()[:32]


@receiver(user_logged_in)
def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    steps = request.session.get("account_authentication_methods", [])
    with_factor = any(step.get("method") == "mfa" for step in steps)
    record(user, Verb.SIGNED_IN, user, None, second_factor=with_factor)


@receiver(user_logged_out)
def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        record(user, Verb.SIGNED_OUT, user, None)


@receiver(user_login_failed)
def _refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Nobody is named as the actor: whoever typed a wrong password is not known.

    What is refused during a lock-out, without looking at the password, adds no row.
    """
    if getattr(request, "axes_locked_out", False):
        return
    account = account_key(str(credentials.get("email") or ""))
    nobody = User()
    nobody.code = None  # type: ignore[assignment]
    record(None, Verb.SIGN_IN_FAILED, nobody, None, account=account)


@receiver(authentication_failed)
def _wrong_code(user: User, **_: Any) -> None:
    record(user, Verb.SIGN_IN_FAILED, user, None, account=account_key(user.email), step="code")


@receiver(password_changed)
def _password_changed(user: User, **_: Any) -> None:
    record(user, Verb.CHANGED, user, None, password="changed")  # noqa: S106  a word, no secret


@receiver(password_reset)
def _password_reset(user: User, **_: Any) -> None:
    forget_failures(username=account_key(user.email))  # it is the owner of the mailbox
    record(user, Verb.CHANGED, user, None, password="reset")  # noqa: S106


@receiver(authenticator_added)
def _factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record(user, Verb.PERMITTED, user, None, second_factor="on")
        end_sessions(user, but=request.session.session_key)


@receiver(authenticator_removed)
def _factor_removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record(user, Verb.FORBIDDEN, user, None, second_factor="off")


@receiver(authenticator_reset)
def _new_recovery_codes(user: User, **_: Any) -> None:
    record(user, Verb.CHANGED, user, None, second_factor="new recovery codes")


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Sign a person out everywhere, but for one session; returns how many were ended."""
    sessions = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in sessions:
        session.end()
    if sessions:
        record(user, Verb.REVOKED, user, None, sessions=len(sessions))
    return len(sessions)


def forget_ended_sessions() -> None:
    """Rows of sessions that ran out say from which device somebody came, and are of no more use."""
    Session.objects.filter(expire_date__lt=now()).delete()
    old = now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    known = Session.objects.values("session_key")
    UserSession.objects.filter(created_at__lt=old).exclude(session_key__in=known).delete()


@transaction.atomic
def take_second_factor(user: User, by: User) -> None:
    """With its recovery codes. For whoever has lost both."""
    if Authenticator.objects.filter(user=user).delete()[0]:
        record(by, Verb.FORBIDDEN, user, None, second_factor="taken away")


def claim_step(authenticator: Authenticator, step: int) -> bool:
    """Use a time step of a second factor up. False if it, or a later one, was used before."""
    unused = Authenticator.objects.filter(
        Q(data__step__isnull=True) | Q(data__step__lt=step), pk=authenticator.pk
    )
    data = {**authenticator.data, "step": step}
    return bool(unused.update(data=data))

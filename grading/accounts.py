"""What allauth and axes ask of us: where somebody is, what is said, what is kept secret."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import url_str_to_user_pk
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from grading.letters import send_letter
from grading.middleware import client_address
from grading.models import AuditEvent, User
from grading.second_factor import must_have_second_factor
from grading.services.accounts import account_key
from grading.services.audit import record

NOWHERE = "0.0.0.0"  # noqa: S104  nothing is bound to it: for columns that need an address where none is known

SAID: dict[str, Promise] = {  # what allauth calls a message -> our words; the others are not said
    "account/messages/password_changed.txt": _(
        "Your password is changed. Everywhere else you are signed out."
    ),
    "mfa/messages/totp_activated.txt": _(
        "Your second factor is on. Everywhere else you are signed out."
    ),
    "mfa/messages/totp_deactivated.txt": _("Your second factor is off."),
    "usersessions/messages/sessions_logged_out.txt": _("Everywhere else you are signed out."),
}
NOTICES: dict[str, Promise] = {  # the same for letters about one's own account
    "account/email/password_changed": _("Your password was changed"),
    "account/email/password_reset": _("Your password was changed"),
    "mfa/email/totp_activated": _("Your second factor was switched on"),
    "mfa/email/totp_deactivated": _("Your second factor was switched off"),
    "mfa/email/recovery_codes_generated": _("You have new recovery codes"),
}


# ----------------------------------------------------------------------------------- for axes
def network_of_request(request: HttpRequest) -> str | None:
    """The address of an IPv4 visitor; of an IPv6 one the network, whose addresses cost nothing."""
    try:
        ip = ipaddress.ip_address(client_address.get() or "")
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)


def key_of_credentials(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    return account_key(str((credentials or {}).get("email") or ""))


# -------------------------------------------------------------------------------- for allauth
class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("That e-mail address and password do not belong together."),
        "enter_current_password": _("This is not your password."),
        "incorrect_password": _("This is not your password."),
        "invalid_password_reset": _("This link does not open anything."),
        "rate_limited": _("Those were too many tries. Wait a few minutes."),
        "too_many_login_attempts": _("Those were too many tries. Wait a quarter of an hour."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # one is invited

    def is_safe_url(self, url: str | None) -> bool:
        """Only within this very site; not on the other hosts that it may be reached by."""
        host, secure = self.request.get_host(), self.request.is_secure()
        return url_has_allowed_host_and_scheme(url, {host}, require_https=secure)

    def is_ajax(self, request: HttpRequest) -> bool:
        return False  # every answer is a page

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address.get() or NOWHERE

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Axes counts, by account and network. allauth would count by account alone."""

    def reauthenticate(self, user: User, password: str) -> bool:
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return redirect("sign-in")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        said = message or SAID.get(message_template or "")
        if said:
            messages.add_message(request, level, str(said), extra_tags)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("grading:home")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """With the person's code instead of the number of a row; see ResetLinkForm."""
        uid, _dash, token = key.partition("-")
        user = get_object_or_404(User, pk=url_str_to_user_pk(uid))
        path = reverse("account_reset_password_from_key", args=[user.code, token])
        return self.request.build_absolute_uri(path)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        url = context["password_reset_url"]
        send_letter("reset", user.email, name=user.name, url=url, hours=hours)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        if template_prefix in NOTICES:
            site = self.request.build_absolute_uri("/")
            words = {"name": user.name, "what": NOTICES[template_prefix], "site": site}
            # Not within the transaction: it would wait for the mail server.
            transaction.on_commit(lambda: send_letter("notice", user.email, **words))


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _("Administrators need a second factor here."),
        "incorrect_code": _("That code is not right, or it was used before. Wait for the next."),
    }

    def encrypt(self, text: str) -> str:
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was made with another secret key fits no code any more."""
        try:
            return _keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not must_have_second_factor(authenticator.user)


def _keys() -> MultiFernet:
    """A copy of the database alone, without the secret key, makes nobody's codes."""
    keys = [force_bytes(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    digests = [hashlib.sha256(b"kidsart.second-factor" + key).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: list[UserSession]) -> None:
        super().end_sessions(sessions)
        if sessions:
            user = sessions[0].user
            record(user, AuditEvent.Verb.REVOKED, user, None, sessions=len(sessions))

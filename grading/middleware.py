from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

client_address: ContextVar[str | None] = ContextVar("client_address", default=None)


def remember_client_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Lets the audit trail say from where, without every service carrying the request along."""

    def middleware(request: HttpRequest) -> HttpResponse:
        token = client_address.set(address_of(request))
        try:
            return get_response(request)
        finally:
            client_address.reset(token)

    return middleware


def address_of(request: HttpRequest) -> str | None:
    """Where a request comes from; None where that cannot be known.

    Each of the KIDSART_TRUSTED_PROXIES adds the address it saw at the right of X-Forwarded-For, so
    the visitor's is that many from the right. What stands further left was sent by the visitor, and
    without a proxy the whole header was: both may say anything.
    """
    said = request.META.get("REMOTE_ADDR", "")
    if count := settings.TRUSTED_PROXIES:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        said = seen[-count].strip() if len(seen) >= count else ""
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:  # a unix socket has no address
        return None

"""What must not be so on a school server. Run by `manage.py check --deploy`, and at every start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from grading.models import School

DEMO_DATA = (
    "The database holds the demo school, whose passwords lie in a file. "
    "Give the school server a database of its own (DATABASE_URL)."
)

AUDIT_KEPT_AT_LEAST = 180  # days: who looked at something is often asked half a year later


def has_demo_data() -> bool:
    try:
        return School.objects.filter(is_demo=True).exists()
    except DatabaseError:  # no tables yet: nothing of the demo either
        return False


@register(deploy=True)
def no_demo_school(app_configs: Any, **kwargs: Any) -> list[Error]:
    return [Error(DEMO_DATA, id="kidsart.E001")] if has_demo_data() else []


@register(deploy=True)
def letters_go_out(app_configs: Any, **kwargs: Any) -> list[Warning]:
    if not settings.PRODUCTION or settings.EMAIL_HOST:
        return []
    words = (
        "Set KIDSART_EMAIL_HOST to your mail server. Until then invitations and new passwords "
        "reach nobody: their letters lie in the data folder."
    )
    return [Warning(words, id="kidsart.W001")]


@register(deploy=True)
def proxies_are_counted(app_configs: Any, **kwargs: Any) -> list[Warning]:
    if not settings.PRODUCTION or settings.TRUSTED_PROXIES:
        return []
    words = (
        "Set KIDSART_TRUSTED_PROXIES to the number of web servers in front of the program, 1 as a "
        "rule. Until then everybody has the same address, and lock-outs and the audit trail "
        "cannot tell people apart."
    )
    return [Warning(words, id="kidsart.W002")]


@register()
def audit_is_kept(app_configs: Any, **kwargs: Any) -> list[Error]:
    if settings.AUDIT_KEPT_DAYS >= AUDIT_KEPT_AT_LEAST:
        return []
    words = f"The audit trail has to be kept for {AUDIT_KEPT_AT_LEAST} days or more."
    return [Error(words, hint="Raise KIDSART_AUDIT_KEPT_DAYS.", id="kidsart.E019")]


def refuse_demo_data() -> None:
    """Stop a production process before it serves or scores anything of the demo school."""
    if settings.PRODUCTION and has_demo_data():
        raise ImproperlyConfigured(DEMO_DATA)

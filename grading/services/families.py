"""Links for families: made once, shown once, taken back at any time, opened without an account."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from grading.middleware import client_address
from grading.models import (
    AuditEvent,
    FamilyLink,
    FamilyLinkOpening,
    Picture,
    ReleasedWork,
    Review,
    Student,
    User,
)
from grading.models.releases import token_sha256
from grading.services.audit import record
from grading.works import Work, works_of

ONE_OPENING_S = 600  # looking again within this time is the same opening
MISSES_AT_MOST, MISSES_WITHIN_S = 60, 600


@transaction.atomic
def create_link(
    student: Student, by: User, *, note: str = "", days: int, code: UUID
) -> tuple[FamilyLink, str] | None:
    """The link and its token, which is stored nowhere; None if ``code`` has made one before.

    ``code`` comes with the form, so that a page sent twice does not make two links.
    """
    token = FamilyLink.new_token()
    link, new = FamilyLink.objects.get_or_create(
        code=code,
        defaults={
            "student": student,
            "token_sha256": token_sha256(token),
            "note": note,
            "created_by": by,
            "expires_at": now() + timedelta(days=days),
        },
    )
    if not new:
        return None
    record(by, AuditEvent.Verb.SHARED, student, student.school, link=str(link.code), days=days)
    return link, token


@transaction.atomic
def revoke_link(link: FamilyLink, by: User) -> bool:
    """False if it was taken back before."""
    fresh = FamilyLink.objects.filter(pk=link.pk, revoked_at=None)
    if not fresh.update(revoked_at=now(), revoked_by=by):
        return False
    record(by, AuditEvent.Verb.REVOKED, link.student, link.student.school, link=str(link.code))
    return True


def note_opening(link: FamilyLink) -> None:
    """Remember that the page was opened, and from which network; never from which address."""
    network = network_of(client_address.get())
    recent = Q(at__gte=now() - timedelta(seconds=ONE_OPENING_S), network=network)
    if not link.openings.filter(recent).exists():
        FamilyLinkOpening.objects.create(link=link, network=network)
        record(None, AuditEvent.Verb.OPENED, link.student, link.student.school, link=str(link.code))


def network_of(address: str | None) -> str:
    """The /24 of an IPv4 address and the /48 of an IPv6 one: a neighborhood, not a household.

    Empty where the address is not the visitor's: behind a web server on the same machine.
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return ""
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def released_to(student: Student) -> list[Work]:
    shown = ReleasedWork.objects.standing().filter(student=student)
    return works_of(Review.objects.filter(pk__in=shown.values("review")))


def released_count(student: Student) -> int:
    return ReleasedWork.objects.standing().filter(student=student).count()


def released_picture(student: Student, code: UUID) -> Picture | None:
    """A picture of the student's, if it is the one of a released decision."""
    shown = ReleasedWork.objects.standing().filter(student=student)
    return Picture.objects.filter(reviews__in=shown.values("review"), code=code).first()


# ------------------------------------------------------------------------------ guessing tokens
# A token cannot be guessed; this keeps whoever tries from costing the server more than a look into
# the cache. With several web processes each counts for itself, which is enough for that.
def is_guessing() -> bool:
    key = _misses_key()
    return key is not None and cache.get(key, 0) >= MISSES_AT_MOST


def note_miss() -> None:
    key = _misses_key()
    if key is None:
        return
    cache.add(key, 0, MISSES_WITHIN_S)
    try:
        cache.incr(key)
    except ValueError:  # it ran out just now
        cache.set(key, 1, MISSES_WITHIN_S)


def _misses_key() -> str | None:
    """None where visitors cannot be told apart: nobody shall lock the others out."""
    network = network_of(client_address.get())
    return f"family-misses-{network}" if network else None

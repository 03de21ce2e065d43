"""The audit trail as a chain: every row carries a digest of itself and of the row before it.

A row is written unsealed, and sealed some seconds later: numbered, and chained to the one before
it. So whoever writes a row waits for nobody, and a row that another transaction commits late only
gets a later position. What the chain finds and what it cannot is in docs/decisions/0019.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from grading.models import AuditAnchor, AuditEvent, LegalHold

SEALED_AT_ONCE = 200  # rows of one transaction: other writers of SQLite wait for it
READ_AT_ONCE = 1000
FAULTS_KEPT = 20
LATE = timedelta(hours=1)  # a row committed late is seconds behind its neighbors, not this
NOTHING = "0" * 64  # what the first row of all is chained to
FIELDS = (
    "id", "position", "at", "actor_id", "school_id", "verb", "object_kind", "object_code",
    "ip_address", "detail",
)  # fmt: skip


class BrokenChain(Exception):
    """Nothing is let go of a chain that is not whole: that would hide what happened to it."""


@dataclass(frozen=True)
class Head:
    """The last row of the chain. Noted elsewhere, it shows later that nothing before it changed."""

    position: int
    digest: str

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError where this is not how a head is written."""
        position, _colon, digest = text.strip().partition(":")
        if not position.isdecimal() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError(f"{text!r} is not POSITION:DIGEST")
        return cls(int(position), digest)


def digest_of(before: str, row: Mapping[str, Any]) -> str:
    """SHA-256 of the digest before and everything in the row but its own digest."""
    told = {
        **{name: row[name] for name in FIELDS},
        "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "object_code": str(row["object_code"]) if row["object_code"] else None,
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}{text}".encode()).hexdigest()


def chain_head() -> Head:
    newest, begins = _last(_sealed()), chain_begin()
    return newest if newest and newest.position > begins.position else begins


def chain_begin() -> Head:
    """What the first row that is still there is chained to."""
    anchors = AuditAnchor.objects.order_by("-position").values_list("position", "digest")
    return Head(*(anchors.first() or (0, NOTHING)))


def _last(rows: QuerySet[AuditEvent]) -> Head | None:
    newest = rows.order_by("-position").values_list("position", "digest").first()
    return Head(newest[0] or 0, newest[1]) if newest else None


def _rows() -> QuerySet[AuditEvent]:
    """Past the manager, which changes and deletes nothing: for the seal and for letting go."""
    return QuerySet(AuditEvent)


def _sealed() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(position__isnull=False)


def _lock() -> None:
    """One at a time, until the transaction ends: whoever comes second waits, and then sees what
    the first has done. (On SQLite every transaction that writes waits anyway.)"""
    AuditAnchor.objects.get_or_create(position=0, defaults={"digest": NOTHING, "rows": 0})
    AuditAnchor.objects.select_for_update().get(position=0)


# ------------------------------------------------------------------------------------------ seal
def seal_events(at_most: int | None = None) -> int:
    """Number and chain what was written since; returns how many rows that were."""
    sealed = 0
    while at_most is None or sealed < at_most:
        if not _unsealed().exists():
            break
        sealed += _seal_some()
    return sealed


def _unsealed() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(position=None, digest="")


@transaction.atomic
def _seal_some() -> int:
    _lock()
    head = chain_head()
    rows = list(_unsealed().order_by("pk").values(*FIELDS)[:SEALED_AT_ONCE])
    for row in rows:
        row["position"] = head.position + 1
        head = Head(row["position"], digest_of(head.digest, row))
        empty = _rows().filter(pk=row["id"], position=None, digest="")
        empty.update(position=head.position, digest=head.digest)
    return len(rows)


# ---------------------------------------------------------------------------------------- verify
@dataclass
class Verification:
    """What a walk along the chain found. ``faults`` are the first of ``fault_count``."""

    begins: Head
    head: Head
    rows: int = 0
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0
    late: list[str] = field(default_factory=list)  # no fault, but worth a question

    def fault(self, sentence: str) -> None:
        self.fault_count += 1
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(sentence)


def verify_chain(expected: Head | None = None, until: int | None = None) -> Verification:
    """Walk from the anchor to the end, in the memory of READ_AT_ONCE rows.

    Args:
        expected: a head that was noted earlier, where nobody who can change the database could.
        until: position to stop at; the end of the chain is then not looked at.
    """
    begins = chain_begin()
    found = Verification(begins, begins)
    vouched = begins.position == 0
    newest_at = datetime.min.replace(tzinfo=UTC)
    for row in _walk(begins.position, until):
        _compare(found, row, expected)
        newest_at = _note_late(found, row, newest_at)
        vouched = vouched or _vouches(row, begins)
        found.rows += 1
        found.head = Head(row["position"], row["digest"])
    if until is None:
        _look_at_the_ends(found, expected, vouched)
    return found


def _walk(after: int, until: int | None) -> Iterator[dict[str, Any]]:
    """Every sealed row behind ``after`` in order, by key: an open cursor would hold up others."""
    rows = _sealed().order_by("position").values(*FIELDS, "digest")
    if until is not None:
        rows = rows.filter(position__lte=until)
    while some := list(rows.filter(position__gt=after)[:READ_AT_ONCE]):
        yield from some
        after = some[-1]["position"]


def _compare(found: Verification, row: dict[str, Any], expected: Head | None) -> None:
    before, here = found.head, row["position"]
    if here != before.position + 1:
        first, last = before.position + 1, here - 1
        gone = f"Row {first} is" if first == last else f"Rows {first} to {last} are"
        found.fault(f"{gone} missing: removed after the seal.")
    elif digest_of(before.digest, row) != row["digest"]:
        found.fault(
            f"{_named(row)} is not what was sealed: it was changed, moved or put there later"
            + (f", or row {before.position} was." if before.position else ".")
        )
    if expected and here == expected.position and row["digest"] != expected.digest:
        found.fault(f"{_named(row)} is not the row that was noted: the chain was written anew.")


def _named(row: Mapping[str, Any]) -> str:
    return f"Row {row['position']} (number {row['id']}, {row['at']:%Y-%m-%d %H:%M}, {row['verb']})"


def _note_late(found: Verification, row: dict[str, Any], newest_at: datetime) -> datetime:
    if row["at"] + LATE < newest_at and len(found.late) < FAULTS_KEPT:
        found.late.append(
            f"{_named(row)} says it happened before rows that were sealed earlier: the clock was "
            "set back, or somebody added it afterwards."
        )
    return max(newest_at, row["at"])


def _vouches(row: Mapping[str, Any], begins: Head) -> bool:
    """Letting go writes a row of its own; an anchor without one was put there by hand."""
    return (
        row["object_kind"] == "auditanchor"
        and row["detail"].get("position") == begins.position
        and row["detail"].get("digest") == begins.digest
    )


def _look_at_the_ends(found: Verification, expected: Head | None, vouched: bool) -> None:
    begins, head = found.begins, found.head
    if not vouched:
        found.fault(
            f"The chain begins after row {begins.position}, and no row in it says that the rows "
            "before were let go: they were removed."
        )
    if left := _rows().filter(position__lte=begins.position).count():
        found.fault(f"{left} rows stand before the beginning of the chain: added after the seal.")
    if loose := _rows().filter(position=None).exclude(digest="").count():
        found.fault(f"{loose} rows have a digest but no position: they were taken out.")
    if expected is None or begins.position < expected.position <= head.position:
        return
    if expected.position > head.position:
        found.fault(
            f"The chain ends with row {head.position}, but there was a row {expected.position} "
            "when the head was noted: the end was cut off."
        )
    elif not AuditAnchor.objects.filter(
        position=expected.position, digest=expected.digest
    ).exists() and expected != Head(0, NOTHING):
        found.fault(
            f"Row {expected.position} was let go since it was noted, so that it cannot be compared "
            f"any more. Note a head from {begins.position} on."
        )


# ---------------------------------------------------------------------------------------- let go
def let_go_of_old_events() -> int:
    """Delete rows that were kept for their time, from the beginning of the chain; how many.

    None while a legal hold stands, since the chain can only be cut where it begins.

    Raises:
        BrokenChain: the part that would go is not whole.
    """
    if LegalHold.objects.standing().exists():
        return 0
    before = now() - timedelta(days=settings.AUDIT_KEPT_DAYS)
    with transaction.atomic():
        _lock()
        last = _last_before(before)
        if last is None:
            return 0
        found = verify_chain(until=last.position)
        if found.fault_count or found.head != last:
            raise BrokenChain("; ".join(found.faults))
        AuditAnchor.objects.create(position=last.position, digest=last.digest, rows=found.rows)
        _rows().filter(position__lte=last.position).delete()
        AuditEvent.objects.create(
            verb=AuditEvent.Verb.ERASED,
            object_kind="auditanchor",
            detail={"position": last.position, "digest": last.digest, "rows": found.rows},
        )
    seal_events()
    return found.rows


def _last_before(moment: datetime) -> Head | None:
    """The last row of the old ones that stand together at the beginning."""
    kept = _sealed().filter(at__gte=moment).order_by("position").values_list("position", flat=True)
    first_kept = kept.first()
    old = _sealed() if first_kept is None else _sealed().filter(position__lt=first_kept)
    return _last(old)

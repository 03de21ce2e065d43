"""Reading a school's audit trail: what was done, in sentences, with names as they are today.

A row holds codes. So what is told of an erased child is what is left: that somebody did something
with the work of a child whom nobody can name any more.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from grading.chain import Head
from grading.models import (
    AdapterVersion,
    Artwork,
    Assignment,
    AuditEvent,
    Classroom,
    School,
    SchoolYear,
    Student,
    User,
)
from grading.services.exports import Cell

ROWS_A_PAGE = 50
ROWS_A_BATCH = 500

Verb = AuditEvent.Verb
SIGN_INS = (Verb.SIGNED_IN, Verb.SIGNED_OUT, Verb.SIGN_IN_FAILED)
Choice = tuple[str, Promise]

# What can be asked for, in groups.
ACTS: tuple[tuple[Promise, tuple[Choice, ...]], ...] = (
    (
        gettext_lazy("Signing in"),
        (
            (Verb.SIGNED_IN, gettext_lazy("signed in")),
            (Verb.SIGNED_OUT, gettext_lazy("signed out")),
            (Verb.SIGN_IN_FAILED, gettext_lazy("could not sign in")),
        ),
    ),
    (
        gettext_lazy("Looking"),
        (
            (Verb.VIEWED, gettext_lazy("looked at something")),
            (Verb.EXPORTED, gettext_lazy("downloaded a file")),
            (Verb.OPENED, gettext_lazy("opened a family link")),
        ),
    ),
    (
        gettext_lazy("Pictures"),
        (
            (Verb.UPLOADED, gettext_lazy("uploaded")),
            (Verb.MATCHED, gettext_lazy("matched to a student")),
            (Verb.EDITED, gettext_lazy("turned or straightened")),
            (Verb.RETRIED, gettext_lazy("tried again")),
            (Verb.REMOVED, gettext_lazy("removed")),
            (Verb.RESTORED, gettext_lazy("brought back")),
        ),
    ),
    (
        gettext_lazy("Decisions"),
        (
            (Verb.CHANGED, gettext_lazy("changed")),
            (Verb.CONFIRMED, gettext_lazy("confirmed")),
            (Verb.WITHDRAWN, gettext_lazy("took a confirmation back")),
            (Verb.APPEALED, gettext_lazy("second look")),
            (Verb.NOTED, gettext_lazy("note about a student")),
            (Verb.AMENDED, gettext_lazy("note beside a record")),
        ),
    ),
    (
        gettext_lazy("Families"),
        (
            (Verb.RELEASED, gettext_lazy("released to families")),
            (Verb.HIDDEN, gettext_lazy("hidden from families")),
            (Verb.SHARED, gettext_lazy("made a family link")),
            (Verb.REVOKED, gettext_lazy("took a link or an invitation back")),
        ),
    ),
    (
        gettext_lazy("People and rights"),
        (
            (Verb.INVITED, gettext_lazy("invited")),
            (Verb.JOINED, gettext_lazy("joined")),
            (Verb.PERMITTED, gettext_lazy("gave a right")),
            (Verb.FORBIDDEN, gettext_lazy("took a right away")),
        ),
    ),
    (
        gettext_lazy("School"),
        (
            (Verb.CREATED, gettext_lazy("made something new")),
            (Verb.ARCHIVED, gettext_lazy("archived")),
            (Verb.IMPORTED, gettext_lazy("read in a list")),
            (Verb.PROMOTED, gettext_lazy("put a model into use")),
        ),
    ),
    (
        gettext_lazy("Privacy"),
        (
            (Verb.CONSENTED, gettext_lazy("recorded a consent")),
            (Verb.HELD, gettext_lazy("placed a hold")),
            (Verb.LIFTED, gettext_lazy("lifted a hold")),
            (Verb.ERASED, gettext_lazy("erased")),
        ),
    ),
)

SENTENCES: Mapping[str, Promise] = {
    Verb.SIGNED_IN: gettext_lazy("{who} signed in."),
    Verb.SIGNED_OUT: gettext_lazy("{who} signed out."),
    Verb.SIGN_IN_FAILED: gettext_lazy("Somebody tried to sign in with {what}, and failed."),
    Verb.VIEWED: gettext_lazy("{who} looked at {what}."),
    Verb.UPLOADED: gettext_lazy("{who} uploaded {what}."),
    Verb.MATCHED: gettext_lazy("{who} took back whose picture this is: {what}."),
    Verb.REMOVED: gettext_lazy("{who} removed {what}."),
    Verb.RESTORED: gettext_lazy("{who} brought back {what}."),
    Verb.RETRIED: gettext_lazy("{who} had the program try again: {what}."),
    Verb.EDITED: gettext_lazy("{who} turned or straightened {what}."),
    Verb.CHANGED: gettext_lazy("{who} changed {what}."),
    Verb.CONFIRMED: gettext_lazy("{who} confirmed {what}."),
    Verb.WITHDRAWN: gettext_lazy("{who} took the confirmation back: {what}."),
    Verb.RELEASED: gettext_lazy("{who} released to families: {what}."),
    Verb.HIDDEN: gettext_lazy("{who} hid from families: {what}."),
    Verb.APPEALED: gettext_lazy("{who} asked for a second look: {what}."),
    Verb.NOTED: gettext_lazy("{who} wrote a note about {what}."),
    Verb.EXPORTED: gettext_lazy("{who} downloaded a file about {what}."),
    Verb.SHARED: gettext_lazy("{who} made a family link for {what}."),
    Verb.REVOKED: gettext_lazy("{who} took a link back: {what}."),
    Verb.OPENED: gettext_lazy("{who} opened the link for {what}."),
    Verb.PROMOTED: gettext_lazy("{who} put {what} into use."),
    Verb.INVITED: gettext_lazy("{who} invited somebody to the school."),
    Verb.JOINED: gettext_lazy("{who} joined the school."),
    Verb.PERMITTED: gettext_lazy("{who} gave a right: {what}."),
    Verb.FORBIDDEN: gettext_lazy("{who} took a right away: {what}."),
    Verb.CREATED: gettext_lazy("{who} made {what}."),
    Verb.ARCHIVED: gettext_lazy("{who} archived {what}."),
    Verb.IMPORTED: gettext_lazy("{who} read in {what}."),
    Verb.CONSENTED: gettext_lazy("{who} recorded what was said about training: {what}."),
    Verb.HELD: gettext_lazy("{who} placed a hold on {what}."),
    Verb.LIFTED: gettext_lazy("{who} lifted a hold on {what}."),
    Verb.AMENDED: gettext_lazy("{who} put a note beside the record of {what}."),
    Verb.ERASED: gettext_lazy("{who} erased {what}."),
}

# Where the detail of a row says more: the first that fits.
FINER: Sequence[tuple[str, Callable[[Mapping[str, Any]], Any], Promise]] = (
    (Verb.MATCHED, lambda d: d.get("student"), gettext_lazy("{who} matched {what}.")),
    (Verb.CHANGED, lambda d: "dimension" in d, gettext_lazy("{who} set a level of {what}.")),
    (Verb.CHANGED, lambda d: "words" in d, gettext_lazy("{who} changed the words for {what}.")),
    (Verb.CHANGED, lambda d: "blind" in d, gettext_lazy("{who} finished a first look at {what}.")),
    (Verb.RETRIED, lambda d: "words" in d, gettext_lazy("{who} asked for other words for {what}.")),
    (Verb.VIEWED, lambda d: "trail" in d, gettext_lazy("{who} looked at this audit trail.")),
    (Verb.VIEWED, lambda d: "report" in d, gettext_lazy("{who} looked at a report on {what}.")),
    (Verb.VIEWED, lambda d: "support" in d, gettext_lazy("Support ({who}) looked at {what}.")),
    (Verb.CHANGED, lambda d: "support" in d, gettext_lazy("Support ({who}) changed {what}.")),
    (Verb.CREATED, lambda d: "support" in d, gettext_lazy("Support ({who}) made {what}.")),
    (
        Verb.PERMITTED,
        lambda d: "support" in d,
        gettext_lazy("Support ({who}) gave a right: {what}."),
    ),
    (
        Verb.FORBIDDEN,
        lambda d: "support" in d,
        gettext_lazy("Support ({who}) took a right away: {what}."),
    ),
    (
        Verb.EXPORTED,
        lambda d: d.get("what") == "trail",
        gettext_lazy("{who} downloaded this audit trail."),
    ),
    (
        Verb.EXPORTED,
        lambda d: d.get("what") == "report",
        gettext_lazy("{who} downloaded a report on {what}."),
    ),
    (
        Verb.EXPORTED,
        lambda d: d.get("fetched"),
        gettext_lazy("{who} downloaded a copy of everything about {what}."),
    ),
    (
        Verb.EXPORTED,
        lambda d: d.get("what") == "everything",
        gettext_lazy("{who} asked for a copy of everything about {what}."),
    ),
    (Verb.RESTORED, lambda d: "students_kept" in d, gettext_lazy("{who} undid {what}.")),
    (Verb.REVOKED, lambda d: "sessions" in d, gettext_lazy("{who} ended sessions of {what}.")),
    (Verb.REVOKED, lambda d: "role" in d, gettext_lazy("{who} took {what} back.")),
    (
        Verb.PERMITTED,
        lambda d: "second_factor" in d,
        gettext_lazy("{who} switched a second factor on for {what}."),
    ),
    (
        Verb.FORBIDDEN,
        lambda d: "second_factor" in d,
        gettext_lazy("{who} switched the second factor off for {what}."),
    ),
    (Verb.ERASED, lambda d: d.get("year"), gettext_lazy("{who} erased the works of a past year.")),
    (Verb.NOTED, lambda d: "deleted" in d, gettext_lazy("{who} deleted a note about {what}.")),
    (Verb.APPEALED, lambda d: "looked" in d, gettext_lazy("{who} took the second look at {what}.")),
    (Verb.APPEALED, lambda d: "closed" in d, gettext_lazy("{who} answered a second look: {what}.")),
)

# What is called by no name of its own.
KINDS: Mapping[str, Promise] = {
    "school": gettext_lazy("the school"),
    "invitation": gettext_lazy("an invitation"),
    "membership": gettext_lazy("a role at the school"),
    "teaching": gettext_lazy("who teaches a class"),
    "enrollment": gettext_lazy("who is in a class"),
    "term": gettext_lazy("a term"),
    "rosterimport": gettext_lazy("a list of students"),
    "legalhold": gettext_lazy("a hold"),
    "erasurereceipt": gettext_lazy("a student's data"),
    "auditanchor": gettext_lazy("audit rows past their time"),
    "trainingset": gettext_lazy("a training set"),
    "familylink": gettext_lazy("a family link"),
    "reportjob": gettext_lazy("a report"),
    "user": gettext_lazy("an account of another school"),
    "student": gettext_lazy("an erased student"),
    "artwork": gettext_lazy("a picture that was erased"),
    "assignment": gettext_lazy("an erased assignment"),
    "classroom": gettext_lazy("an erased class"),
    "schoolyear": gettext_lazy("an erased school year"),
    "adapterversion": gettext_lazy("a model"),
}


# ------------------------------------------------------------------------------------- which rows
@dataclass(frozen=True)
class Wanted:
    """Which rows are asked for; what is empty is not asked."""

    person: User | None = None
    verb: str = ""
    students: Sequence[UUID] | None = None  # codes
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Page:
    events: list[AuditEvent]
    older: datetime | None  # where the next page begins; None: there is none


def events_of(school: School, wanted: Wanted) -> list[QuerySet[AuditEvent]]:
    """Rows of the school, and rows of no school that concern it, newest first.

    Two querysets: one with OR would use no index.
    """
    own = _narrowed(AuditEvent.objects.filter(school=school), wanted)
    if wanted.students is not None:
        works = Artwork.objects.filter(student__school=school, student__code__in=wanted.students)
        about = Q(object_kind="student", object_code__in=wanted.students)
        return [own.filter(about | Q(object_kind="artwork", object_code__in=works.values("code")))]
    members = User.objects.filter(memberships__school=school)
    concerns = (
        Q(actor__in=members.values("pk"), verb__in=SIGN_INS)
        | Q(object_kind="user", object_code__in=members.values("code"))
        | Q(verb=Verb.PROMOTED)
    )
    return [own, _narrowed(AuditEvent.objects.filter(concerns, school=None), wanted)]


def _narrowed(rows: QuerySet[AuditEvent], wanted: Wanted) -> QuerySet[AuditEvent]:
    if wanted.person:
        rows = rows.filter(actor=wanted.person)
    if wanted.verb:
        rows = rows.filter(verb=wanted.verb)
    if wanted.since:
        rows = rows.filter(at__gte=make_aware(datetime.combine(wanted.since, time.min)))
    if wanted.until:
        day_after = wanted.until + timedelta(days=1)
        rows = rows.filter(at__lt=make_aware(datetime.combine(day_after, time.min)))
    return rows.order_by("-at", "-pk")


def page_of(school: School, wanted: Wanted, before: datetime | None = None) -> Page:
    """The newest rows, or those before a moment: by key, so that old pages cost no more.

    Rows of the same moment are never parted, so the moment alone is the key.
    """
    parts = events_of(school, wanted)
    if before:
        parts = [part.filter(at__lt=before) for part in parts]
    moments = [part.values_list("at", flat=True)[: ROWS_A_PAGE + 1] for part in parts]
    first = list(islice(heapq.merge(*moments, reverse=True), ROWS_A_PAGE + 1))
    edge = first[ROWS_A_PAGE - 1] if len(first) > ROWS_A_PAGE else None
    if edge:
        parts = [part.filter(at__gte=edge) for part in parts]
    found = [event for part in parts for event in part.select_related("actor")]
    found.sort(key=attrgetter("at", "pk"), reverse=True)
    return Page(found, edge)


# ------------------------------------------------------------------------------------ in sentences
@dataclass(frozen=True)
class Noun:
    """A name inside its words ("a picture of {name}"), and what to ask for to see more of it."""

    words: str
    name: str = ""
    asked: str = ""  # field of the filter
    code: UUID | None = None

    @property
    def text(self) -> str:
        return self.words.format(name=self.name)

    @property
    def html(self) -> str:
        name = format_html("<bdi>{}</bdi>", self.name)
        if self.asked:
            name = format_html('<a href="?{}={}">{}</a>', self.asked, self.code, name)
        return format_html(self.words, name=name)


@dataclass(frozen=True)
class Told:
    """One row as a sentence."""

    event: AuditEvent
    sentence: str
    who: Noun
    what: Noun

    @property
    def text(self) -> str:
        return self._words.format(who=self.who.text, what=self.what.text)

    @property
    def html(self) -> str:
        return format_html(self._words, who=self.who.html, what=self.what.html)

    @property
    def _words(self) -> str:
        """One full stop after "Amara B.", not two."""
        twice = self.sentence.endswith("{what}.") and self.what.text.endswith(".")
        return self.sentence.removesuffix(".") if twice else self.sentence


def told(school: School, events: Sequence[AuditEvent]) -> list[Told]:
    """In sentences; a handful of queries, however many rows."""
    names = _Names(school, events)
    return [Told(e, _sentence(e), names.who(e), names.what(e)) for e in events]


def _sentence(event: AuditEvent) -> str:
    for verb, fits, sentence in FINER:
        if verb == event.verb and fits(event.detail):
            return str(sentence)
    return str(SENTENCES.get(event.verb, "{who}: {what}."))


class _Names:
    """The names of what some rows speak of, as far as they belong to the school today."""

    def __init__(self, school: School, events: Sequence[AuditEvent]) -> None:
        self.school = school
        self.codes: dict[str, set[UUID]] = {}
        for event in events:
            if event.object_code:
                self.codes.setdefault(event.object_kind, set()).add(event.object_code)
        self.members = {
            user.pk: user for user in User.objects.filter(memberships__school=school).distinct()
        }
        self.found: dict[tuple[str, UUID], Noun] = {
            ("user", user.code): Noun(_("the account of {name}"), str(user))
            for user in self.members.values()
        }
        self._add(Student.objects.filter(school=school), _student)
        in_school = Q(assignment__classroom__school=school)
        self._add(Artwork.objects.filter(in_school).select_related("student"), _artwork)
        self._add(Assignment.objects.filter(classroom__school=school), _assignment)
        self._add(Classroom.objects.filter(school=school), _classroom)
        self._add(SchoolYear.objects.filter(school=school), _year)
        self._add(AdapterVersion.objects.select_related("dimension"), _model)

    def _add(self, rows: QuerySet[Any], noun: Callable[[Any], Noun]) -> None:
        kind = rows.model._meta.model_name or ""
        if codes := self.codes.get(kind):
            self.found |= {(kind, row.code): noun(row) for row in rows.filter(code__in=codes)}

    def who(self, event: AuditEvent) -> Noun:
        user = event.actor
        if user is None:
            family = event.verb == Verb.OPENED or event.detail.get("by_family")
            return Noun(_("A family") if family else _("The program"))
        here = event.school_id == self.school.pk or event.detail.get("support")
        if user.pk not in self.members and not here:
            return Noun(_("Somebody of another school"))
        return Noun("{name}", str(user), "person", user.code)

    def what(self, event: AuditEvent) -> Noun:
        if event.object_code and (noun := self.found.get((event.object_kind, event.object_code))):
            return noun
        return Noun(str(KINDS.get(event.object_kind, _("something"))))


def _student(student: Student) -> Noun:
    return Noun("{name}", str(student), "student", student.code)


def _artwork(artwork: Artwork) -> Noun:
    if artwork.student is None:
        return Noun(_("a picture that is nobody's yet"))
    student = artwork.student
    return Noun(_("a picture of {name}"), str(student), "student", student.code)


def _assignment(assignment: Assignment) -> Noun:
    return Noun(_("the assignment “{name}”"), assignment.title)


def _classroom(classroom: Classroom) -> Noun:
    return Noun(_("the class {name}"), classroom.name)


def _year(year: SchoolYear) -> Noun:
    return Noun(_("the school year {name}"), year.name)


def _model(adapter: AdapterVersion) -> Noun:
    return Noun(_("the model for {name}"), str(adapter))


# ------------------------------------------------------------------------------------------ export
HEADER = (
    "position", "digest", "time", "who", "person", "act", "sentence", "kind", "code", "address",
    "detail",
)  # fmt: skip


def trail_rows(school: School, wanted: Wanted, head: Head, at: datetime) -> Iterator[list[Cell]]:
    """For a file: oldest rows first, in the memory of a batch; the last is the chain's head."""
    yield list(HEADER)
    parts = [part.filter(at__lte=at).order_by("at", "pk") for part in events_of(school, wanted)]
    readers = [part.select_related("actor").iterator(ROWS_A_BATCH) for part in parts]
    events = heapq.merge(*readers, key=attrgetter("at", "pk"))
    while batch := list(islice(events, ROWS_A_BATCH)):
        yield from map(_cells, told(school, batch))
    end = _("The chain ends here.")
    yield [head.position, head.digest, _moment(at), "", "", "head", end, "", "", "", ""]


def _cells(row: Told) -> list[Cell]:
    event = row.event
    return [
        event.position,
        event.digest,
        _moment(event.at),
        row.who.text,
        str(row.who.code or ""),
        event.verb,
        row.text,
        event.object_kind,
        str(event.object_code or ""),
        event.ip_address or "",
        json.dumps(event.detail, sort_keys=True) if event.detail else "",
    ]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")

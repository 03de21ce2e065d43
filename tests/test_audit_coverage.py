"""Whoever looks at a child's work, or changes it, is in the audit trail: walked over every URL.

The school is built once, and what a request changes is taken back by a savepoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from grading.models import AuditEvent
from tests.asking import (
    SENT,
    Asking,
    Role,
    codes,
    give_comment,
    prepare,
    sent_to,
    taken_back,
)
from tests.test_permissions import (  # noqa: F401  url_of is a fixture
    NAMES,
    OPEN,
    named_patterns,
    url_of,
)

CHILD = "Amara B."

# Pages with a child's name or picture on them that are no view of what the child has made.
SHOW_NO_WORK = {
    "grading:home": "lists classes",
    "grading:practice-picture": "the program's own drawing, or an example the school chose",
    "grading:new-assignment": "an empty form",
    "grading:report": "how far a file is; fetching it is recorded",
    "grading:upload": "names of the files that were sent",
    "grading:family-appeal": "an empty form",
    "grading:student-record": "how far a file is; asking for it and fetching it are recorded",
    "grading:new-students": "an empty form with an example of a name",
}
# What is changed without a row in the trail, and why.
CHANGE_NO_WORK = {
    "grading:review-time": "seconds of the teacher, a row of its own",
    "grading:report-class": "asks for a file; fetching it is recorded",
    "grading:report-student": "asks for a file; fetching it is recorded",
    "grading:invite-again": "without the mark of the page nothing is changed",
    "grading:practice-example": "the program's own pictures, and the person's answer",
}
CHANGE_NOTHING_HERE = {  # the teacher's own comments; a second look, as nothing is confirmed yet
    "grading:insert-comment", "grading:forget-comment", "grading:take-draft",
    "grading:open-appeal",
}  # fmt: skip
# Of a person alone, of a session, or of the trail itself.
TABLES_OF_NO_CHILD = {
    "django_session", "grading_user", "grading_bankcomment", "grading_auditevent",
    "grading_auditanchor", "grading_familylinkopening",
}  # fmt: skip
WRITE = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


@dataclass
class Answer:
    name: str
    method: str
    role: str
    status: int
    body: str
    events: list[AuditEvent]
    wrote: set[str]  # tables

    @property
    def shows_work(self) -> bool:
        return self.status in (200, 409, 422) and (
            "/pictures/" in self.body or CHILD in self.body or "\ufffd\ufffd" in self.body
        )

    def __str__(self) -> str:
        return f"{self.method} {self.name} by {self.role}: {sorted(self.wrote)}"


@pytest.fixture
def answers(url_of, alice, administrator, colleague, student, rubric_version):  # noqa: F811
    """Every address, asked by those who may get in."""

    def ask_all() -> Iterator[Answer]:
        filled = codes(url_of, student.code)
        roles = [
            Role("alice", "", alice),
            Role("administrator", "", administrator),
            Role("colleague", "", colleague),
        ]
        browsers = Asking(roles)
        for name in NAMES:
            if name in OPEN:
                continue
            url = url_of(name)
            for method in ("get", "post"):
                for role in roles:
                    with taken_back():
                        yield ask(browsers, role, method, name, url, filled)

    def ask(browsers, role, method, name, url, filled) -> Answer:
        prepare(name, url)
        give_comment(role.user, filled)
        sent = sent_to(name, filled) if method == "post" else {}
        last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        with CaptureQueriesContext(connection) as asked:
            response = browsers.ask(role, method, url, sent, keep=True)
        body = b"".join(response) if response.status_code < 500 else b""
        events = list(AuditEvent.objects.filter(pk__gt=last))
        found = (WRITE.match(query["sql"]) for query in asked)
        wrote = {match[1] for match in found if match} - TABLES_OF_NO_CHILD
        text = body.decode(errors="replace")
        return Answer(name, method, role.label, response.status_code, text, events, wrote)

    return list(ask_all())


def test_looking_and_changing_leave_their_traces(answers):
    assert [str(a) for a in answers if a.status >= 500] == []

    unseen = [a for a in answers if a.shows_work and not a.events]
    assert [str(a) for a in unseen if a.name not in SHOW_NO_WORK] == []

    unsaid = [a for a in answers if a.wrote and not a.events]
    assert [str(a) for a in unsaid if a.name not in CHANGE_NO_WORK] == []

    # The walk is worth something: it has seen pages, and has changed what it meant to change.
    assert sum(a.method == "get" and a.shows_work for a in answers) > 40
    changed = {a.name for a in answers if a.method == "post" and a.wrote}
    assert set(SENT) - CHANGE_NOTHING_HERE <= changed

    # No row tells more than codes: they outlive what they speak of.
    told = [text for a in answers for e in a.events for text in _texts(e.detail)]
    assert [text for text in told if re.search(r"[\s@]", text) or len(text) > 40] == []


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)

"""Whoever looks at a child's work, or changes it, is in the audit trail: walked over every URL.

The school is built once, and every request is taken back by a savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from grading.models import AuditEvent
from tests.test_permissions import (  # noqa: F401  url_of is a fixture
    ADMINISTRATORS,
    SCOPED,
    SECOND_LOOK,
    named_patterns,
    url_of,
)

# Pages and answers of a class, a student or a work that show nothing of what a child has made.
SHOW_NO_WORK = {
    "grading:new-assignment": "an empty form",
    "grading:comments": "the teacher's own comments",
    "grading:report": "how far a file is; fetching it is recorded",
    "grading:schools": "leads on",
    "grading:school": "the school's own data",
    "grading:school-settings": "the school's own data",
    "grading:confirm": "leads back to the page",
}
# What a POST changes without a row in the trail.
CHANGE_NO_WORK = {
    "grading:review-time": "seconds of the teacher; a row of its own",
    "grading:report-class": "asks for a file; fetching it is recorded",
    "grading:report-student": "asks for a file; fetching it is recorded",
    "grading:keep-words": "the teacher's own comments",
    "grading:forget-comment": "the teacher's own comments",
}
# What has to be sent so that something is changed; {name} is filled in from the school.
SENT = {
    "grading:new-assignment": {"title": "New", "made_on": "2026-11-01"},
    "grading:level": {"level": "5"},
    "grading:words": {"strength": "Bold lines.", "next_step": "Try dots."},
    "grading:confirm": {},
    "grading:write-again": {"tone": "warm", "length": "short"},
    "grading:take-draft": {"draft": "{draft}", "strength": "x", "next_step": "y"},
    "grading:insert-comment": {"comment": "{comment}", "strength": "x", "next_step": "y"},
    "grading:photo-answer": {"take": "0"},
    "grading:match": {"artwork": "{artwork}", "student": "{student}"},
    "grading:family-links": {"code": "{new}", "days": "30"},
    "grading:open-appeal": {"reason": "Is it?"},
    "grading:appeal": {"outcome": "It is."},
    "grading:new-note": {"text": "Loves ink."},
    "grading:review-time": {"seconds": "5"},
    "grading:sheet": {"set": "{artwork}:5:"},
    "grading:photos": {"shown": "{picture}", "take": "{picture}"},
    "grading:photo": {"quarters": "1"},
}
CHILD, NOTHING = "Amara B.", ()


class Undo(Exception):
    pass


@contextmanager
def taken_back() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
            raise Undo
    except Undo:
        pass


@pytest.fixture
def ask(url_of, client, alice):  # noqa: F811
    """``ask("grading:board", "get")``: the answer, and the acts that the trail has of it."""
    client.raise_request_exception = False
    client.force_login(alice)

    def send(name: str, method: str, sent=NOTHING, **headers):
        url = url_of(name)
        with taken_back():
            before = set(AuditEvent.objects.values_list("pk", flat=True))
            response = getattr(client, method)(url, dict(sent), headers=headers)
            body = b"".join(response) if response.status_code == 200 else response.content
            after = AuditEvent.objects.exclude(pk__in=before)
            return response, body.decode(errors="replace"), list(after)
        raise AssertionError

    return send


def shows_work(body: str) -> bool:
    return "/pictures/" in body or CHILD in body or body.startswith("\ufffd\ufffd")


def test_every_page_that_shows_a_childs_work_is_a_view(ask):
    silent = []
    for name in sorted({*SCOPED, *SECOND_LOOK} - set(SHOW_NO_WORK)):
        if name in SECOND_LOOK:
            continue  # Alice may not take it: see the next test
        response, _body, events = ask(name, "get")
        if response.status_code == 200 and not events:
            silent.append(name)
        assert response.status_code in (200, 302, 405), (name, response.status_code)
    assert silent == []

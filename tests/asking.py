"""Who may open what: every address for every role, asked of the program itself.

One school is built for all of it, and what a request changes is taken back by a savepoint.
tests/test_permission_table.py compares the answers with docs/permissions.md, and
tests/test_audit_coverage.py with the audit trail.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse
from django.utils.timezone import localdate, now

from grading.models import Artwork, BankComment, FeedbackDraft, SchoolYear, Student, User

YES, NO, SIGN_IN, OWN, NOT_THERE = "yes", "no", "sign in", "own", ""
OPEN = "open"  # yes for everybody, also where the answer leads to the sign-in page

# Without these a form says 404 or does nothing; {name} is filled in from the school (see `codes`).
SENT: Mapping[str, Mapping[str, str]] = {
    "grading:new-assignment": {"title": "New", "made_on": "2026-11-01"},
    "grading:level": {"level": "5"},
    "grading:words": {"strength": "Strong lines.", "next_step": "Try spots."},
    "grading:write-again": {"tone": "warm", "length": "short"},
    "grading:take-draft": {"draft": "{draft}", "strength": "x", "next_step": "y"},
    "grading:insert-comment": {"comment": "{comment}", "strength": "x", "next_step": "y"},
    "grading:forget-comment": {"comment": "{comment}"},
    "grading:photo-answer": {"take": "0"},
    "grading:match": {"artwork": "{artwork}", "student": "{student}"},
    "grading:match-student": {"student": "{student}"},
    "grading:family-links": {"code": "{new}", "days": "30"},
    "grading:open-appeal": {"reason": "Is it?"},
    "grading:appeal": {"outcome": "It is."},
    "grading:new-note": {"text": "Loves ink."},
    "grading:review-time": {"seconds": "5"},
    "grading:sheet": {"set": "{artwork}:5:"},
    "grading:photos": {"shown": "{picture}", "take": "{picture}"},
    "grading:photo": {"turn": "1"},
}


class TakenBack(Exception):
    pass


@contextmanager
def taken_back() -> Iterator[None]:
    """What is written inside is not there afterwards."""
    try:
        with transaction.atomic():
            yield
            raise TakenBack
    except TakenBack:
        pass


def prepare(name: str, url: str, user: User | None = None) -> None:
    """What has to be so before an address can be asked for."""
    if user and name in ("mfa_deactivate_totp", "mfa_view_recovery_codes"):
        TOTP.activate(user, "JBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(user)
    if name == "grading:open-year":
        SchoolYear.objects.filter(code=url.split("/")[2]).update(archived_at=now())
    if name == "grading:come-back":
        Student.objects.filter(code=url.split("/")[2]).update(left_on=localdate())
    if name == "grading:restore":
        Artwork.objects.filter(code=url.split("/")[2]).update(removed_at=now())


def codes(url_of: Callable[[str], str], student_code: uuid.UUID) -> dict[str, str]:
    """What SENT is filled in with."""
    artwork = url_of("grading:review").split("/")[2]
    score_set = Artwork.objects.get(code=artwork).pictures.get().score_sets.get()
    draft = FeedbackDraft.objects.create(
        score_set=score_set, origin="composed", strength="Bold lines.", next_step="Try dots."
    )
    return {
        "artwork": artwork,
        "draft": str(draft.pk),
        "picture": url_of("grading:picture").split("/")[2],
        "student": str(student_code),
        "comment": str(uuid.uuid5(uuid.NAMESPACE_URL, "comment")),
        "new": str(uuid.uuid4()),
    }


def sent_to(name: str, filled: Mapping[str, str]) -> dict[str, str]:
    return {key: text.format_map(filled) for key, text in SENT.get(name, {}).items()}


def give_comment(user: User, filled: Mapping[str, str]) -> None:
    """Their own comment, which nobody else's form can name."""
    BankComment.objects.filter(code=filled["comment"]).delete()
    BankComment.objects.create(
        code=filled["comment"], owner=user, place="strength", text="Bold lines."
    )


# --------------------------------------------------------------------------------------- the cells
@dataclass(frozen=True)
class Role:
    label: str
    words: str
    user: User | None


@dataclass(frozen=True)
class Row:
    route: str
    name: str
    method: str
    cells: tuple[str, ...]  # one a role

    @property
    def is_there(self) -> bool:
        """Somebody gets more than "not so" (405) or the sign-in page."""
        return any(cell not in (NOT_THERE, SIGN_IN) for cell in self.cells)


def cell_of(response: HttpResponseBase, role: Role, kind: str = YES) -> str:
    """``kind`` is what the cell says where the person gets in; OPEN where everybody does."""
    status = response.status_code
    if status == 405:
        return NOT_THERE
    if status in (403, 404):
        return NO
    if status in (301, 302) and kind != OPEN:
        to = response["Location"]
        if to.startswith((reverse("sign-in"), reverse("admin:login"))):
            return NO if role.user else SIGN_IN
    assert status < 500, status
    return YES if kind == OPEN else kind


class Asking:
    """One browser for each role; nothing that one request does is seen by the next."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self.roles = roles
        self.clients: dict[str, tuple[Client, SimpleCookie]] = {}
        for role in roles:
            client = Client(raise_request_exception=False)
            if role.user:
                client.force_login(role.user)
            self.clients[role.label] = (client, SimpleCookie(client.cookies.output(header="")))

    def ask(
        self, role: Role, method: str, url: str, sent: Mapping[str, str], keep: bool = False
    ) -> HttpResponseBase:
        """``keep``: what is streamed will be read."""
        client, cookies = self.clients[role.label]
        client.cookies = SimpleCookie({key: morsel.value for key, morsel in cookies.items()})
        response: Any = getattr(client, method)(url, dict(sent))
        if hasattr(response, "streaming_content") and not keep:
            response.close()
        return response


def rows_of(
    names: Sequence[tuple[str, str]],
    url_of: Callable[[str], str],
    asking: Asking,
    filled: Mapping[str, str],
    kinds: Mapping[str, str],
) -> list[Row]:
    """``names`` are pairs of name and route; ``kinds`` those that are OWN or OPEN."""
    rows = []
    for name, route in names:
        url = url_of(name)
        for method in ("get", "post"):
            sent = sent_to(name, filled) if method == "post" else {}
            cells = []
            for role in asking.roles:
                with taken_back():
                    prepare(name, url, role.user)
                    if role.user and "comment" in sent:
                        give_comment(role.user, filled)
                    response = asking.ask(role, method, url, sent)
                    cells.append(cell_of(response, role, kinds.get(name, YES)))
            rows.append(Row(route, name, method.upper(), tuple(cells)))
    return [row for row in rows if row.is_there]


def support_names() -> list[tuple[str, str]]:
    """Django's own support pages, whose addresses hold ids; with an id that is not there."""
    found = []

    def walk(resolver: URLResolver) -> None:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern)
            elif pattern.name:
                try:
                    found.append((pattern.name, reverse(f"admin:{pattern.name}", args=[])))
                except NoReverseMatch:
                    arguments = ["0"] * len(pattern.pattern.converters)
                    if arguments:
                        found.append(
                            (pattern.name, reverse(f"admin:{pattern.name}", args=arguments))
                        )

    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and pattern.app_name == "admin":
            walk(pattern)
    return found


# ---------------------------------------------------------------------------------------- the file
HEAD = """# Who may open what

Written by `make permissions`, which asks the program itself: {addresses} addresses, {roles} roles,
{cells} answers to GET and POST. `tests/test_permission_table.py` fails when an address is missing
here or an answer is another one.

The rules are scopes of querysets (`for_user`, `administered_by`) in the first line of each view:
what is outside of a person's scope is not there, for a form as for a page. Objects are named by
random codes (UUID), and a family link holds 256 random bits.

| answer | meaning |
|---|---|
| yes | gets in: a page, a file, or an answer to what was sent |
| own | gets in, and finds what is their own: their classes, their preferences |
| no | not there (404), or sent to a sign-in that lets nobody else in |
| sign in | is asked to sign in |
| (empty) | nothing of this kind is at this address (405) |

| role | who that is here |
|---|---|
{legend}

`{{code}}` is of the class, student or work of the first role's class. Staff see all schools, on the
support pages alone: see [decision 19](decisions/0019-audit-trail.md).

"""


def text_of(rows: Sequence[Row], roles: Sequence[Role]) -> str:
    legend = "\n".join(f"| {role.label} | {role.words} |" for role in roles)
    addresses = len({row.name for row in rows})
    head = HEAD.format(
        addresses=addresses, roles=len(roles), cells=len(rows) * len(roles), legend=legend
    )
    lines = [
        "| address | name | | " + " | ".join(role.label for role in roles) + " |",
        "|---" * (len(roles) + 3) + "|",
        *(
            f"| `/{row.route}` | {row.name} | {row.method} | " + " | ".join(row.cells) + " |"
            for row in rows
        ),
    ]
    return head + "\n".join(lines) + "\n"

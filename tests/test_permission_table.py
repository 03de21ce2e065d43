"""docs/permissions.md says what the program does: every address, every role, GET and POST."""

from __future__ import annotations

import os
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from grading.models import Role as SchoolRole
from grading.models import School, User
from tests import asking
from tests.asking import (
    Asking,
    Role,
    Row,
    cell_of,
    codes,
    rows_of,
    text_of,
)
from tests.conftest import make_user
from tests.permissions import FILE, WRITES
from tests.test_permissions import (  # noqa: F401  url_of is a fixture
    EVERYBODY_SIGNED_IN,
    OPEN,
    OWN_SECOND_FACTOR,
    named_patterns,
    routes,
    url_of,
)

ID_ARGUMENTS = {"uuid"}  # converters that an object may be named by
WORD_ARGUMENTS = {"slug", "version", "dimension", "kind"}  # words of the program, no objects
TOKENS = {"token", "key"}  # 256 random bits, or signed


@pytest.fixture
def roles(school, classroom, alice, colleague, bob, administrator, annotator):
    """The eleven, in the order of the table."""

    def substitute(name: str, days: int) -> User:
        user = make_user(school, SchoolRole.TEACHER, name)
        until = localdate() + timedelta(days=days)
        classroom.teachings.create(user=user, until=until)
        return user

    other = School.objects.get(name="Hillside")
    staff = User.objects.create_user("staff@example.org", "x", name="Stan", is_staff=True)
    nobody = User.objects.create_user("nobody@example.org", "x", name="Nora")
    return [
        Role("teacher", "the teacher of the class", alice),
        Role("substitute", "a substitute of the class, up to today", substitute("Sue", 0)),
        Role("substitute, over", "the same, whose last day was yesterday", substitute("Saul", -1)),
        Role("colleague", "another teacher of the school", colleague),
        Role("other school", "a teacher of another school", bob),
        Role("admin", "an administrator of the school", administrator),
        Role("other admin", "an administrator of another school",
             make_user(other, SchoolRole.ADMINISTRATOR, "Otto")),
        Role("annotator", "an annotator of the school", annotator),
        Role("staff", "support: may open the support pages, belongs to no school", staff),
        Role("no school", "signed in, belongs to no school", nobody),
        Role("nobody", "not signed in", None),
    ]  # fmt: skip


@pytest.fixture
def rows(url_of, roles, student):  # noqa: F811
    filled = codes(url_of, student.code)
    names = sorted(
        ((name, written(route)) for name, _pattern, route in routes()), key=lambda n: n[::-1]
    )
    own = EVERYBODY_SIGNED_IN | OWN_SECOND_FACTOR
    kinds = dict.fromkeys(own, asking.OWN) | dict.fromkeys(OPEN, asking.OPEN)
    browsers = Asking(roles)
    return [*rows_of(names, url_of, browsers, filled, kinds), support_row(browsers)]


def written(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def support_row(browsers: Asking) -> Row:
    """All of Django's own pages ask the same question first; tests/test_admin.py walks each."""
    cells = [cell_of(browsers.ask(role, "get", reverse("admin:index"), {}), role)
             for role in browsers.roles]  # fmt: skip
    return Row("support/…", "Django's admin", "GET", tuple(cells))


def test_the_committed_table_is_what_the_program_answers(rows, roles):
    unreached = [(r.name, r.method) for r in rows if not {"yes", "own"} & set(r.cells)]
    assert unreached == [], "nobody gets in: teach tests/asking.py what to send"
    found = text_of(rows, roles)
    if os.environ.get(WRITES):
        FILE.write_text(found)
    assert FILE.read_text() == found, "run: make permissions, and look at the difference"


def test_every_url_is_in_the_table():
    table = FILE.read_text()
    missing = [name for name, _p in named_patterns() if f"| {name} |" not in table]
    assert missing == []


def test_objects_are_named_by_random_codes_alone():
    guessable = []
    for name, pattern in named_patterns():
        for argument, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            fine = (
                kind in ID_ARGUMENTS
                or (kind == "slug" and argument in WORD_ARGUMENTS)
                or (kind == "string" and argument in TOKENS)
            )
            if not fine:
                guessable.append((name, argument, kind))
    assert guessable == []

"""No text that somebody may send keeps an expression busy."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.urls import resolve
from django.urls.exceptions import Resolver404

from grading.intake.names import RosterEntry, match_student, safe_name
from grading.middleware import address_of
from ml.feedback_lint import lint
from ml.writer import ANSWER, REFUSED, SENTENCE

ROSTER = [RosterEntry(1, "Amara Bello", "1"), RosterEntry(2, "Ben T.", "2")]
LONG = 20_000  # far more than any field takes
SPELLS = {
    "one letter": "a" * LONG,
    "spaces": " " * LONG,
    "the child": "you are " * (LONG // 8),
    "adverbs": "you are" + " very really so quite" * (LONG // 22),
    "better than": "you " + "a " * 15 + "better than " * (LONG // 12),
    "than the": "than " + "the your all most any many " * (LONG // 27),
    "compared": "compared to " + "the your all most other rest of " * (LONG // 32),
    "problems": "your own inner " * (LONG // 15),
    "capitals": "aA" * (LONG // 2),
    "numbers": "0" * LONG,
    "signs": "_-. " * (LONG // 4),
    "lines": "Strength: a\n" * (LONG // 12),
    "brackets": "(1" * (LONG // 2),
    "copies": " copy" * (LONG // 5),
}
READERS: dict[str, Callable[[str], object]] = {
    "the words of a teacher": lambda text: lint(text[:2000], ("Amara", "Amara B.")),
    "the name of a file": lambda text: safe_name(text),
    "whose file it is": lambda text: match_student(text[:300], ROSTER),
    "the answer of a model": lambda text: (
        ANSWER.fullmatch(text), SENTENCE.fullmatch(text), [p.search(text) for p in REFUSED.values()]
    ),
    "an address": lambda text: _resolved(text),
}  # fmt: skip


def _resolved(text: str) -> object:
    try:
        return resolve(f"/f/{text}/")
    except Resolver404:
        return None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("spell", SPELLS)
def test_every_text_is_read_in_a_moment(reader, spell):
    READERS[reader]("warm")
    began = time.process_time()
    READERS[reader](SPELLS[spell])
    assert time.process_time() - began < 1.0


def test_words_of_any_length_are_cut_before_they_are_read():
    from grading.forms.annotations import WORDS_AT_MOST

    assert WORDS_AT_MOST <= 2000


def test_an_address_of_any_length_is_read_in_a_moment(rf, settings):
    settings.TRUSTED_PROXIES = 1
    began = time.process_time()
    address_of(rf.get("/", headers={"X-Forwarded-For": "1.2.3.4," * 100_000}))
    assert time.process_time() - began < 1.0

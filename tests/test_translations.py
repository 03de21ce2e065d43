"""The second language is complete, and says what the first does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "grading" / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir())
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%|</?\w+>")


def catalog(language: str, locale: Path = LOCALE) -> polib.POFile:
    return polib.pofile(str(locale / language / "LC_MESSAGES" / "django.po"))


def pairs(entry: polib.POEntry) -> list[tuple[str, str]]:
    if entry.msgid_plural:
        return [(entry.msgid_plural, text) for text in entry.msgstr_plural.values()][1:]
    return [(entry.msgid, entry.msgstr)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_with_the_same_places_to_fill(language):
    po = catalog(language)
    assert not po.untranslated_entries()
    assert not po.fuzzy_entries()
    for entry in po:
        for one, other in pairs(entry):
            assert sorted(PLACES.findall(one)) == sorted(PLACES.findall(other)), one


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_read_at_run_time_is_what_was_translated(language):
    compiled = (LOCALE / language / "LC_MESSAGES" / "django.mo").read_bytes()
    assert catalog(language).to_binary() == compiled, "run: make translations"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_of_the_program_is_missing(language, tmp_path):
    """As `makemessages` finds them now, in a copy."""
    for part in ("grading", "kidsart_web", "templates", "ml"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("*.safetensors", "*.pyc")
        )
    shutil.copy(ROOT / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "makemessages", "-l", language, "--no-location"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fresh = catalog(language, tmp_path / "grading" / "locale")
    known = {(e.msgctxt, e.msgid) for e in catalog(language) if not e.obsolete}
    found = {(e.msgctxt, e.msgid) for e in fresh if not e.obsolete}
    assert found <= known, "run: make translations"


def test_a_page_is_in_the_language_that_was_chosen(client, alice, classroom):
    client.force_login(alice)
    client.post("/language/", {"language": "de", "next": "/"})
    page = client.get("/").content.decode()
    assert '<html lang="de"' in page
    assert "Klassen" in page
    assert "Das Modell schlägt vor, ein Mensch entscheidet." in page


def test_every_sentence_is_marked_by_a_name_that_makemessages_knows():
    """It finds `_("…")` and `gettext("…")`, and is blind to `from … import gettext as _now`."""
    alias = re.compile(r"import \w*gettext\w* as (?!_\b)")
    sources = [p for p in (ROOT / "grading").rglob("*.py") if alias.search(p.read_text())]
    assert sources == []

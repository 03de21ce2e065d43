"""What is stored where: complete, current, and with the times that hold."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings

from grading.management.commands.data_map import page
from grading.services.datamap import ENTRIES, data_map, entries, known_rows

# Packages that come and go; their tables are told of where they are installed.
OTHER_PACKAGES = ("account", "mfa", "usersessions", "axes")


def test_everything_that_is_stored_has_an_entry():
    """A new model, or a new file field, fails here: say in grading.services.datamap what it is."""
    assert set(known_rows()) - {entry.key for entry in ENTRIES} == set()


def test_no_entry_tells_of_what_is_not_there():
    known = set(known_rows())
    gone = [e.key for e in ENTRIES if e.is_row and e.key not in known]
    assert [key for key in gone if key.split(".")[0] not in OTHER_PACKAGES] == []
    assert all(e.key in known for e in entries() if e.is_row)


def test_every_entry_is_there_once():
    keys = [entry.key for entry in ENTRIES]
    assert len(keys) == len(set(keys))


def test_a_model_that_nobody_told_of_is_noticed(monkeypatch):
    class Meta:
        label = "grading.Diary"

        @staticmethod
        def get_fields():
            return []

    class Diary:
        _meta = Meta

    models = [*apps.get_models(), Diary]
    monkeypatch.setattr(apps, "get_models", lambda: models)
    assert "grading.Diary" in set(known_rows()) - {entry.key for entry in ENTRIES}


def test_the_committed_page_is_current():
    """Else: manage.py data_map > docs/privacy/data-map.md"""
    committed = settings.BASE_DIR / "docs" / "privacy" / "data-map.md"
    assert committed.read_text(encoding="utf-8") == page()


def kept(school, key: str) -> str:
    lines = [line for section in data_map(school) for line in section.lines]
    return next(line.kept for line in lines if line.entry.key == key)


def test_times_follow_the_school_and_the_settings(school, settings):
    school.kept_days = 90
    assert kept(school, "grading.Picture.full") == "90 days after its school year has ended"
    assert "as the school sets" in kept(None, "grading.Picture.full")
    settings.SESSION_COOKIE_AGE = 3600
    assert kept(school, "sessions.Session") == "1 hour after signing in"
    settings.AUDIT_KEPT_DAYS = 730
    assert kept(school, "grading.AuditEvent") == "730 days"
    assert kept(school, "grading.ReportJob.file") == "7 days"


def test_a_server_without_an_end_says_that_there_is_none(school, settings):
    settings.AUDIT_KEPT_DAYS = None
    assert kept(school, "grading.AuditEvent") == "no end is set on this server"

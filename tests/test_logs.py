from __future__ import annotations

import logging

from django.conf import settings

from kidsart_web.logs import OneLine


def line(message: str, *args: object, error: Exception | None = None) -> str:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("grading", logging.WARNING, "", 0, message, args, info)
    return OneLine("%(levelname)s %(message)s").format(record)


def test_a_line_break_in_what_a_visitor_sent_makes_no_line():
    told = line("no such file: %s", "a.jpg\r\n2026-01-01 CRITICAL erased\x1b[2J\u2028x")
    assert told == ("WARNING no such file: a.jpg\\r\\n2026-01-01 CRITICAL erased\\x1b[2J\\u2028x")


def test_the_lines_of_a_traceback_cannot_pose_as_lines_of_the_log():
    told = line("it failed", error=ValueError("bad\nCRITICAL erased"))
    assert [text[:4] for text in told.split("\n")[1:]] == ["    "] * 2


def test_letters_of_every_language_stay_readable():
    assert line("%s", "Zoë, Øyvind, 雪") == "WARNING Zoë, Øyvind, 雪"


def test_every_handler_writes_this_way():
    assert {h["formatter"] for h in settings.LOGGING["handlers"].values()} == {"line"}
    assert settings.LOGGING["formatters"]["line"]["()"] == "kidsart_web.logs.OneLine"


def test_the_workers_write_this_way(monkeypatch):
    from kidsart_web.celery import app

    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        app.log.setup()
        assert any(isinstance(handler.formatter, OneLine) for handler in root.handlers)
    finally:
        root.handlers, root.level = before

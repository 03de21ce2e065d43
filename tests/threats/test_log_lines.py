"""What a visitor sends is never a line of the log by itself, and never its formatting."""

from __future__ import annotations

import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from kidsart_web.logs import OneLine

FORGED = "\n2026-01-01 00:00:00,000 CRITICAL grading everything was erased"


@pytest.fixture
def lines(caplog):
    """What the console would show."""
    caplog.set_level(logging.DEBUG)
    formatter = OneLine("%(asctime)s %(levelname)s %(name)s %(message)s")
    return lambda: [line for r in caplog.records for line in formatter.format(r).split("\n")]


def test_no_address_and_no_header_forges_a_line(client, db, lines):
    client.raise_request_exception = False
    client.get("/nothing" + FORGED.replace("\n", "%0a"))
    client.get("/%1b[2J%0d%0aCRITICAL/")
    client.get("/", headers={"User-Agent": "x" + FORGED, "Host": "evil.example" + FORGED})
    client.get("/", headers={"X-Forwarded-For": FORGED})
    assert lines()
    assert not [line for line in lines() if line.startswith("2026-01-01 00:00:00,000")]
    assert not [line for line in lines() if "\x1b" in line or "\r" in line]


def test_no_file_name_forges_a_line(client, alice, assignment, lines, monkeypatch):
    def full_disk(*_args, **_kwargs):
        raise OSError(28, "No space left" + FORGED)

    monkeypatch.setattr("grading.services.artworks._store", full_disk)
    client.force_login(alice)
    from tests.conftest import jpeg

    file = SimpleUploadedFile("x", jpeg())
    file._name = f"a{FORGED}.jpg"
    client.post(reverse("grading:upload", args=[assignment.code]), {"pictures": file})
    assert any("No space left" in line for line in lines())
    assert not [line for line in lines() if line.startswith("2026-01-01 00:00:00,000")]


def test_what_a_visitor_sends_is_not_used_as_a_format(client, db, lines):
    client.get("/%25(password)s/%25d/{0.__class__}/")
    assert any("%(password)s" in line for line in lines())


def test_no_password_and_no_token_of_a_link_is_logged(client, alice, lines):
    client.post(reverse("sign-in"), {"username": alice.email, "password": "my-secret-word"})
    assert "my-secret-word" not in "".join(lines())


def test_no_header_is_made_of_a_file_name(client, alice, assignment, student, make_scored):
    make_scored(student)
    assignment.classroom.name = "3B\r\nSet-Cookie: a=b"
    assignment.classroom.save()
    student.display_name = "Amara\r\nX-Evil: 1"
    student.save()
    client.force_login(alice)
    for url in (
        reverse("grading:export-file", args=[assignment.code, "long"]),
        reverse("grading:export-student", args=[student.code]),
    ):
        response = client.get(url)
        assert response.status_code == 200
        assert "\n" not in response["Content-Disposition"]
        assert not response.has_header("X-Evil")

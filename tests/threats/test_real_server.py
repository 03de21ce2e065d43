"""A real web server with two processes: the same form many times at once, and odd requests."""

from __future__ import annotations

import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import drawing
from tests.running_school import RunningSchool, Visitor, wait_for

AT_ONCE = 8
SCORED = """SELECT count(*) FROM grading_scoringjob j
    JOIN grading_picture p ON p.id = j.picture_id JOIN grading_artwork a ON a.id = p.artwork_id
    JOIN grading_student s ON s.id = a.student_id
    WHERE j.status = 'succeeded' AND s.display_name = 'Amara B.'"""
ARTWORK = """SELECT a.code FROM grading_artwork a JOIN grading_student s ON s.id = a.student_id
    WHERE s.display_name = ? AND a.assignment_id =
    (SELECT id FROM grading_assignment WHERE title = 'A machine that helps')"""


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Iterator[RunningSchool]:
    with RunningSchool(tmp_path_factory.mktemp("school"), KIDSART_JOB_LEASE_S="60") as running:
        yield running


@pytest.fixture(scope="module")
def teacher(school) -> Visitor:
    return Visitor(school)


@pytest.fixture(scope="module")
def board(school, teacher) -> str:
    """The page of an assignment with one scored picture, of Amara."""
    path = school.empty_board()
    teacher.post(f"{path}upload/", {}, [("pictures", "amara b.jpg", drawing(1))])
    wait_for(lambda: school.number(SCORED) == 1, "the picture is scored", 120)
    return path


def all_at_once(send: Callable[[int], str]) -> list[int]:
    """The status of each answer; what comes second may be refused, but never fails."""

    def status(number: int) -> int:
        try:
            send(number)
        except HTTPError as error:
            return error.code
        return 200

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(status, range(AT_ONCE)))
    assert all(answer < 500 for answer in answers), answers
    return answers


def code_of(school: RunningSchool, name: str) -> uuid.UUID:
    return uuid.UUID(school.rows(ARTWORK, name)[0][0])


# ----------------------------------------------------------------------------------------- races
def test_a_picture_sent_many_times_at_once_is_stored_once(school, teacher):
    path, before = school.empty_board(), school.number("SELECT count(*) FROM grading_artwork")
    files = [("pictures", "IMG_1.jpg", drawing(2))]
    all_at_once(lambda _n: teacher.post(f"{path}upload/", {}, files))
    assert school.number("SELECT count(*) FROM grading_artwork") == before + 1


def test_a_link_asked_for_many_times_at_once_is_made_once(school, teacher):
    [(student,)] = school.rows("SELECT code FROM grading_student WHERE display_name = 'Amara B.'")
    said = {"code": str(uuid.uuid4()), "days": "30", "note": "mother"}
    path = f"/students/{uuid.UUID(student)}/links/"
    before = school.number("SELECT count(*) FROM grading_familylink")
    all_at_once(lambda _n: teacher.post(path, said))
    assert school.number("SELECT count(*) FROM grading_familylink") == before + 1


def test_a_decision_confirmed_and_released_many_times_at_once_is_one(school, teacher, board):
    code = code_of(school, "Amara B.")
    page = teacher.get(f"/artworks/{code}/review/")
    seen = re.search(r'name="scores_seen" value="([^"]*)"', page)
    assert seen
    all_at_once(lambda _n: teacher.post(f"/artworks/{code}/confirm/", {"scores_seen": seen[1]}))
    mine = (
        "SELECT count(*) FROM grading_review r JOIN grading_artwork a ON a.id = r.artwork_id "
        "WHERE a.code = ?"
    )
    assert school.number(mine, code.hex) == 1

    before = school.number("SELECT count(*) FROM grading_release")
    plan = re.search(r'name="seen" value="([^"]*)"', teacher.get(f"{board}release/"))
    assert plan
    all_at_once(lambda _n: teacher.post(f"{board}release/", {"seen": plan[1]}))
    assert school.number("SELECT count(*) FROM grading_release") == before + 1
    released = (
        "SELECT count(*) FROM grading_releasedwork w JOIN grading_artwork a ON a.id = w.artwork_id "
        "WHERE a.code = ?"
    )
    assert school.number(released, code.hex) == 1


# ---------------------------------------------------------------------------------- odd requests
def asked(school: RunningSchool, request: bytes, *, more: bytes = b"") -> bytes:
    """What comes back to bytes on the wire, until the server closes or falls silent."""
    place = urlsplit(school.address)
    with socket.create_connection((place.hostname, place.port), timeout=10) as wire:
        wire.sendall(request)
        answer = b""
        try:
            if more:
                wire.sendall(more)
            wire.settimeout(3)
            while part := wire.recv(65536):
                answer += part
        except OSError:
            pass
    return answer


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +5\r\n",
        b"X: a\r\n folded\r\n",
    ],
)
def test_a_request_whose_end_is_in_doubt_is_refused(school, headers):
    smuggled = b"0\r\n\r\nGET /smuggled/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n" + smuggled
    answer = asked(school, request)
    assert not answer or re.match(rb"HTTP/1.1 (4\d\d|501) ", answer), answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1


def test_a_gigabyte_from_nobody_is_refused_before_it_arrives(school):
    began = time.monotonic()
    written = spooled(school)
    answer = asked(
        school,
        b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n",
        more=b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n" + b"\0" * 100_000,
    )
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert time.monotonic() - began < 20
    assert spooled(school) == written


def test_a_body_in_chunks_is_refused(school):
    request = (
        b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert asked(school, request).startswith(b"HTTP/1.1 411 ")


def test_headers_without_end_are_refused(school):
    many = b"".join(b"X-%d: a\r\n" % n for n in range(200))
    long = b"X-Long: " + b"a" * 20_000 + b"\r\n"
    for headers in (many, long):
        answer = asked(school, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")), answer[:100]


def test_a_header_spelled_another_way_does_not_pass_for_one_of_the_proxy(school):
    answer = asked(
        school,
        b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_Proto: https\r\n"
        b"X_Forwarded_Host: evil.example\r\nConnection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"evil.example" not in answer


def spooled(school: RunningSchool) -> list[str]:
    """Files that Django keeps large bodies in while they arrive."""
    return sorted(path.name for path in Path("/tmp").glob("*.upload*"))

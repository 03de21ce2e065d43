"""Processes are killed while they work; every picture is scored, and none twice."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
import urllib.error
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.flow.conftest import drawings, large_photo
from tests.running_school import RunningSchool, Visitor, wait_for

PICTURES = 24
SCORED = "SELECT count(*) FROM grading_scoringjob WHERE status = 'succeeded'"
RUNNING = "SELECT count(*) FROM grading_scoringjob WHERE status = 'running'"


def every_picture_once(school: RunningSchool, count: int, timeout_s: float = 90) -> None:
    """Wait until ``count`` pictures are scored, and see that each was scored exactly once."""
    wait_for(lambda: school.number(SCORED) == count, f"{count} pictures scored", timeout_s)
    assert school.number("SELECT count(*) FROM grading_artwork") == count
    assert school.number("SELECT count(*) FROM grading_picture") == count
    assert school.number("SELECT count(*) FROM grading_scoreset") == count
    assert school.number("SELECT count(DISTINCT picture_id) FROM grading_scoreset") == count
    assert school.number("SELECT count(*) FROM grading_dimensionscore") == 9 * count
    assert school.number("SELECT count(*) FROM grading_intakejob WHERE status != 'succeeded'") == 0


def test_a_scoring_worker_is_killed_in_mid_batch(school, teacher, board_path):
    teacher.post(f"{board_path}upload/", {}, drawings(PICTURES))
    wait_for(lambda: school.number(RUNNING) > 0, "a batch under way")
    school.kill("gpu-worker")
    assert school.number(SCORED) < PICTURES
    every_picture_once(school, PICTURES)


@pytest.mark.slow
def test_the_child_that_scores_is_killed_alone(school, teacher, board_path):
    teacher.post(f"{board_path}upload/", {}, drawings(PICTURES))
    wait_for(lambda: school.number(RUNNING) > 0, "a batch under way")
    children = _children(school.pid("gpu-worker"))
    assert children
    for child in children:
        os.kill(child, signal.SIGKILL)
    every_picture_once(school, PICTURES)


@pytest.mark.slow
def test_a_worker_that_prepares_pictures_is_killed(school, teacher, board_path):
    teacher.post(f"{board_path}upload/", {}, drawings(PICTURES))
    wait_for(lambda: school.number("SELECT count(*) FROM grading_picture") > 2, "some prepared")
    school.kill("io-worker")
    every_picture_once(school, PICTURES)


@pytest.mark.slow
def test_a_worker_that_froze_wakes_after_its_work_was_done_by_another(school, teacher, board_path):
    teacher.post(f"{board_path}upload/", {}, drawings(PICTURES))
    wait_for(lambda: school.number(RUNNING) > 0, "a batch under way")
    frozen = school.kill("gpu-worker", signal.SIGSTOP)
    time.sleep(6)  # its leases of 4 s run out; nobody else is there yet
    os.killpg(frozen, signal.SIGCONT)
    every_picture_once(school, PICTURES)


@pytest.mark.slow
def test_the_broker_is_killed_and_comes_back(school, teacher, board_path):
    teacher.post(f"{board_path}upload/", {}, drawings(PICTURES))
    wait_for(lambda: school.number(RUNNING) > 0, "a batch under way")
    school.kill("broker")
    every_picture_once(school, PICTURES, timeout_s=150)


@pytest.mark.slow
def test_an_upload_is_accepted_while_the_broker_is_away(school, teacher, board_path):
    stopped = school.kill("broker", signal.SIGSTOP)
    os.killpg(stopped, signal.SIGKILL)
    answer = teacher.post(f"{board_path}upload/", {}, drawings(3))
    assert "IMG_0002" in answer
    every_picture_once(school, 3, timeout_s=120)


def test_the_web_server_is_killed_during_an_upload(school, teacher, board_path):
    photo = large_photo(1)
    cut_off = threading.Thread(target=_send_slowly, args=(school, teacher, board_path, photo))
    cut_off.start()
    time.sleep(0.7)
    school.kill("web")
    cut_off.join()
    assert school.number("SELECT count(*) FROM grading_artwork") == 0  # nothing half stored
    wait_for(lambda: _answers(teacher), "the web server is back")
    teacher.post(f"{board_path}upload/", {}, [("pictures", "again.jpg", photo)])
    every_picture_once(school, 1)


@pytest.mark.slow
def test_everything_is_killed_at_once_and_goes_on_after_the_next_start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("school")
    with RunningSchool(folder) as school:
        path = school.empty_board()
        Visitor(school).post(f"{path}upload/", {}, drawings(PICTURES))
        wait_for(lambda: school.number(SCORED) > 0, "some scored")
        for program in ("gpu-worker", "io-worker", "scheduler", "web", "broker"):
            school.kill(program)
        os.kill(school.process.pid, signal.SIGKILL)
    with RunningSchool(folder) as school:
        every_picture_once(school, PICTURES)


@pytest.mark.slow
def test_a_board_says_that_no_worker_is_there(school, teacher, board_path):
    frozen = [school.kill(name, signal.SIGSTOP) for name in ("gpu-worker", "io-worker")]
    try:
        wait_for(lambda: "No worker" in teacher.get(board_path), "the banner", 20)
    finally:
        for pid in frozen:
            os.killpg(pid, signal.SIGCONT)
    wait_for(lambda: "No worker" not in teacher.get(board_path), "the banner is gone", 20)


def _children(pid: int) -> list[int]:
    text = os.popen(f"ps -o pid= --ppid {pid}").read()
    return [int(word) for word in text.split()]


def _answers(visitor: Visitor) -> bool:
    with suppress(OSError, urllib.error.URLError):
        return bool(visitor.get("/"))
    return False


def _send_slowly(school: RunningSchool, teacher: Visitor, path: str, photo: bytes) -> None:
    """Begin an upload that would take three seconds; the connection breaks before its end."""
    cookies = "; ".join(f"{c.name}={c.value}" for c in teacher.cookies)
    connection = http.client.HTTPConnection(urlsplit(school.address).netloc, timeout=10)
    with suppress(OSError, http.client.HTTPException):
        connection.putrequest("POST", f"{path}upload/")
        connection.putheader("Cookie", cookies)
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(len(photo) + 200))
        connection.endheaders()
        connection.send(
            b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.jpg"\r\n\r\n'
        )
        for start in range(0, len(photo), len(photo) // 30):
            connection.send(photo[start : start + len(photo) // 30])
            time.sleep(0.1)
        connection.getresponse()
        pytest.fail("the upload was meant to break off")

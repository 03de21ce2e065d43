"""`manage.py serve` with real programs: what `make run` does on one machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.processes import eventually, family, lives

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("kidsart_web", "grading", "ml", "templates", "static")
PROGRAMS = {"broker", "web", "gpu-worker", "io-worker", "scheduler"}


class Serve:
    """One start of the command. Without the demo school, which has tests of its own."""

    def __init__(self, data_dir: Path, root: Path = ROOT, **env: str) -> None:
        self.data_dir = data_dir
        mine = {k: v for k, v in os.environ.items() if not k.startswith(("KIDSART_", "DATABASE_"))}
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115  read until the test is over
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--without-demo"],
            cwd=root,
            env={**mine, "PORT": "0", "HOST": "", "KIDSART_DATA_DIR": str(data_dir), **env},
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        self.out.seek(0)
        return self.out.read()

    def address(self) -> str:
        eventually(lambda: "ready" in self.said() or self.process.poll() is not None, timeout_s=60)
        match = re.search(r"is ready .*(http://\S+)", self.said())
        assert match, self.said()
        return match[1]

    def pid(self, name: str) -> int:
        return self.pids()[name]

    def pids(self) -> dict[str, int]:
        rows = json.loads((self.data_dir / "programs.json").read_text())["programs"]
        return {row["name"]: row["pid"] for row in rows}

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


def answers(address: str) -> bool:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.status == 200


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = Serve(tmp_path_factory.mktemp("serve") / "var")
    try:
        serve.address()
        yield serve
    finally:
        serve.stop()


def test_every_program_runs_and_the_page_answers_at_the_printed_address(serve):
    assert set(serve.pids()) == PROGRAMS
    assert answers(serve.address())


def test_a_second_start_in_the_folder_says_who_holds_it_and_leaves_it_alone(serve):
    second = Serve(serve.data_dir)
    assert second.process.wait(30) == 1
    assert f"process {serve.process.pid}, since" in second.said()
    assert serve.address() in second.said()
    assert answers(serve.address())


def test_a_port_that_is_taken_gets_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve = Serve(tmp_path / "var", PORT=str(port))
        assert serve.process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in serve.said()
    assert "PORT=8001" in serve.said()
    assert "Traceback" not in serve.said()


def test_a_port_that_is_no_number_gets_a_sentence(tmp_path):
    serve = Serve(tmp_path / "var", PORT="eighty")
    assert serve.process.wait(30) == 1
    assert "PORT is 'eighty'; it must be a number" in serve.said()
    assert "Traceback" not in serve.said()


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_killed_program_is_replaced(serve, name):
    before = serve.pid(name)
    os.killpg(before, signal.SIGKILL)
    assert eventually(lambda: serve.pid(name) != before and lives(serve.pid(name)))
    assert answers(serve.address())


def test_a_request_waits_while_the_web_server_restarts(serve):
    os.killpg(serve.pid("web"), signal.SIGKILL)
    assert answers(serve.address())


@pytest.fixture(scope="module")
def long_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a folder with spaces whose name alone is longer than a unix socket's."""
    clone = tmp_path_factory.mktemp("clone") / ("art of the third grade " * 6).strip()
    for part in PARTS:
        shutil.copytree(
            ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__", "demo_model")
        )
    shutil.copy(ROOT / "manage.py", clone)
    assert len(clone.name) > 108
    return clone


@pytest.mark.slow
def test_it_runs_in_a_long_path_without_a_server_and_stops_without_a_trace(long_clone):
    serve = Serve(long_clone / "var", root=long_clone, PATH="")
    assert answers(serve.address())
    assert "valkey" in (long_clone / "var" / "log" / "broker.log").read_text().lower()
    everybody = family(serve.process.pid)
    assert len(everybody) > len(PROGRAMS)
    assert serve.stop() == 0
    assert [pid for pid in everybody if lives(pid)] == []
    assert not (long_clone / "var" / "programs.json").exists()
    socket_path = Path((long_clone / "var" / "broker" / "socket").read_text())
    assert not socket_path.parent.exists()


@pytest.mark.slow
def test_a_run_that_was_killed_leaves_nothing_that_blocks_the_next(long_clone):
    killed = Serve(long_clone / "var", root=long_clone)
    port = killed.address().rstrip("/").rpartition(":")[2]
    everybody = family(killed.process.pid)
    killed.process.kill()
    killed.process.wait()
    following = Serve(long_clone / "var", root=long_clone, PORT=port)
    try:
        assert answers(following.address())
        assert [pid for pid in everybody if lives(pid)] == []
    finally:
        assert following.stop() == 0

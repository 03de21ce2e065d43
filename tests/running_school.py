"""A whole school of real processes, started as `make run` starts it, for tests that need one."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"is ready after .*(http://\S+)")
T = TypeVar("T")


def wait_for(question: Callable[[], T], what: str, timeout_s: float = 60) -> T:
    """The first true answer; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


class RunningSchool:
    """`manage.py serve` with the demo school in a folder of its own; no pictures are drawn."""

    def __init__(self, folder: Path, *, drawing: bool = False, **env: str) -> None:
        self.folder = folder
        self.arguments = ["serve"] if drawing else ["serve", "--without-drawing"]
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("KIDSART_")},
            "DJANGO_SETTINGS_MODULE": "kidsart_web.settings",
            "KIDSART_DATA_DIR": str(folder),
            "PORT": "0",
            "HOST": "127.0.0.1",
            "KIDSART_HEARTBEAT_S": "1",
            "KIDSART_JOB_LEASE_S": "4",
            **env,
        }
        self.output: list[str] = []
        self.address = ""

    def __enter__(self) -> RunningSchool:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *self.arguments],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            wait_for(lambda: self.address or self.process.poll() is not None, "start", 120)
            assert self.address, "".join(self.output)
            self.change("UPDATE grading_school SET blind_percent = 0")  # drawn by lot
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output.append(line)
            if match := READY.search(line):
                self.address = match[1].rstrip("/")

    def account(self, role: str) -> dict[str, str]:
        accounts = json.loads((self.folder / "demo-accounts.json").read_text())
        return next(a for a in accounts if a["role"] == role)

    def manage(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT, env=self.env, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def change(self, sql: str, *values: Any) -> None:
        """Set something up that no page does, or that would take long."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database, database:
            database.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[tuple]:
        """Read the database beside the program."""
        path = self.folder / "db.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(sql, values).fetchall()

    def number(self, sql: str, *values: Any) -> int:
        return self.rows(sql, *values)[0][0]

    def empty_board(self) -> str:
        """The page of the assignment that is left for the newcomer to fill."""
        sql = "SELECT code FROM grading_assignment WHERE title = 'A machine that helps'"
        return f"/assignments/{uuid.UUID(self.rows(sql)[0][0])}/"

    def kill(self, program: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Kill a program with all its children; returns the pid it had."""
        pid = self.pid(program)
        os.killpg(pid, how)
        return pid

    def pid(self, program: str) -> int:
        programs = json.loads((self.folder / "programs.json").read_text())["programs"]
        return next(int(row["pid"]) for row in programs if row["name"] == program)


class Visitor:
    """Somebody who signs in and fills in forms; keeps cookies, knows no JavaScript."""

    def __init__(self, school: RunningSchool, role: str = "teacher") -> None:
        self.school = school
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        account = school.account(role)
        self.get("/sign-in/")
        page = self.post(
            "/sign-in/", {"username": account["email"], "password": account["password"]}
        )
        assert "sign-out" in page, "the sign-in did not work"

    def get(self, path: str) -> str:
        with self.opener.open(self.school.address + path, timeout=30) as answer:
            return answer.read().decode()

    def post(
        self, path: str, fields: dict[str, str], files: list[tuple[str, str, bytes]] | None = None
    ) -> str:
        """Send a form; ``files`` are (field, file name, content). Follows the redirect."""
        token = next((c.value for c in self.cookies if c.name == "csrftoken"), "")
        body, content_type = _multipart({**fields, "csrfmiddlewaretoken": token or ""}, files or [])
        request = urllib.request.Request(
            self.school.address + path, data=body, headers={"Content-Type": content_type}
        )
        with self.opener.open(request, timeout=60) as answer:
            return answer.read().decode()


def _multipart(fields: dict[str, str], files: list[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, file_name, content in files:
        quoted = file_name.replace('"', "%22")
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts += [head.encode(), content, b"\r\n"]
    parts.append(f"--{mark}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={mark}"

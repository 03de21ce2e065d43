"""Makes .venv and keeps it at the versions of requirements.lock. `make install` calls it.

    python3 .ci/install.py app            what `make run` needs
    python3 .ci/install.py app test       what `make test` needs on top
    python3 .ci/install.py --lock         resolve everything anew into requirements.lock

Standard library only, and readable by an old Python, so that it can say that it is too old.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = (3, 11)
PIP = "pip==26.3"  # from 25.1 on it installs dependency groups
GROUPS = ("app", "test")

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
UNFINISHED = VENV / "installing"
LOCK = ROOT / "requirements.lock"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=[])
    parser.add_argument("--lock", action="store_true")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        found = "{}.{}".format(*sys.version_info)
        return complain(f"KidsArt Web needs Python 3.11 or newer; this is Python {found}.")
    os.chdir(str(ROOT))  # pip looks for pyproject.toml here
    try:
        if arguments.lock:
            write_lock()
        else:
            with (ROOT / ".venv.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # two starts at once: the second waits
                install(set(arguments.groups))
    except subprocess.CalledProcessError as error:
        return complain(f"This command failed, so nothing more was done: {error.cmd}")
    except KeyboardInterrupt:
        return complain("Interrupted. The next start begins the installation anew.")
    return 0


def install(wanted: "set[str]") -> None:
    digest = digest_of_sources()
    installed = groups_installed(digest)
    if wanted <= installed:
        return
    if UNFINISHED.exists() or not has_pip(VENV):
        # pip does not notice a package that it was interrupted in: begin with an empty folder.
        shutil.rmtree(str(VENV), ignore_errors=True)
        make_venv(VENV)
    say("Installing the packages of requirements.lock into .venv (some minutes the first time).")
    UNFINISHED.touch()
    run_pip(VENV, "--constraint", "requirements.lock", *group_options(wanted | installed))
    STAMP.write_text(json.dumps({"digest": digest, "groups": sorted(wanted | installed)}))
    UNFINISHED.unlink()


def groups_installed(digest: str) -> "set[str]":
    """Which groups .venv holds at exactly the versions of today's files."""
    try:
        stamp = json.loads(STAMP.read_text())
        fresh = stamp["digest"] == digest and not UNFINISHED.exists() and python_of(VENV).exists()
        return set(stamp["groups"]) if fresh else set()
    except (OSError, ValueError, KeyError):
        return set()


def digest_of_sources() -> str:
    # A moved clone is another environment: its scripts name their interpreter by its full path.
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), PIP.encode()]
    return hashlib.sha256(b"\0".join([*parts, os.fsencode(str(VENV))])).hexdigest()


def make_venv(folder: Path) -> None:
    say("Creating the virtual environment.")
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        say(made.stdout + made.stderr)
        say("Python made no virtual environment. Debian and Ubuntu: apt install python3-venv")
        made.check_returncode()
    run_pip(folder, PIP)


def write_lock() -> None:
    """Resolve every group in an empty environment and keep what came out."""
    header = [line for line in LOCK.read_text().splitlines() if line.startswith("#")]
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        make_venv(venv)
        run_pip(venv, *group_options({*GROUPS, "four-bit"}))
        frozen = subprocess.run(
            [str(python_of(venv)), "-m", "pip", "freeze"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    # "+cpu" names one build of a version; the lock is for every machine.
    pinned = [re.sub(r"\+\w+$", "", line) for line in frozen.splitlines() if "==" in line]
    LOCK.write_text("\n".join([*header, *pinned]) + "\n")


def group_options(groups: "set[str]") -> "list[str]":
    return [option for group in sorted(groups) for option in ("--group", group)]


def run_pip(venv: Path, *arguments: str) -> None:
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    command = [str(python_of(venv)), "-m", "pip", "install", "--no-input", *quiet]
    subprocess.run([*command, "--disable-pip-version-check", *arguments], check=True)


def has_pip(venv: Path) -> bool:
    if not python_of(venv).exists():
        return False
    told = subprocess.run(
        [str(python_of(venv)), "-m", "pip", "--version"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.startswith("pip {} ".format(PIP.split("==")[1]))


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""The Makefile and the installer, as far as they can be tried without installing anything."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def make(*arguments: str, folder: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**os.environ, "MAKEFLAGS": "", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the installer reads, in a folder with a space in its name; there is no .venv."""
    clone = tmp_path / "our clone"
    clone.mkdir()
    shutil.copytree(ROOT / ".ci", clone / ".ci")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, clone)
    return clone


@pytest.fixture
def installer(clone: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of install.py, with pip and venv replaced by notes of what they were asked."""
    names = runpy.run_path(str(clone / ".ci" / "install.py"))
    asked: list[tuple[str, ...]] = []
    scope = names["install"].__globals__

    def make_venv(folder: Path) -> None:
        asked.append(("venv",))
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)

    scope["make_venv"] = make_venv
    scope["run_pip"] = lambda _venv, *arguments: asked.append(arguments)
    scope["has_pip"] = lambda venv: (venv / "bin" / "python").exists()
    return {**names, "asked": asked, "scope": scope}


def test_make_alone_says_what_there_is():
    told = make().stdout
    for target in ("install", "run", "test", "lint", "lock", "clean"):
        assert re.search(rf"^  make {target} +\w", told, re.MULTILINE)


def test_without_a_new_enough_python_there_is_a_sentence(clone):
    result = make("install", "PYTHON=", folder=clone)
    assert result.returncode != 0
    assert "needs Python 3.11 or newer, and none was found" in result.stderr


def test_an_old_python_is_named(clone, monkeypatch):
    code = f"import sys, runpy; sys.version_info = (3, 9, 2); runpy.run_path({str(clone / '.ci' / 'install.py')!r}, run_name='__main__')"  # noqa: E501
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "KidsArt Web needs Python 3.11 or newer; this is Python 3.9.\n"


def test_a_second_installation_does_nothing(installer):
    installer["install"]({"app"})
    assert [step[0] for step in installer["asked"]] == ["venv", "--constraint"]
    installer["install"]({"app"})
    assert len(installer["asked"]) == 2


def test_the_packages_of_the_tests_come_on_top(installer):
    installer["install"]({"app"})
    installer["install"]({"app", "test"})
    assert installer["asked"][-1][-4:] == ("--group", "app", "--group", "test")
    assert ("venv",) not in installer["asked"][1:]


def test_another_lock_file_installs_again_what_was_installed(installer, clone):
    installer["install"]({"app", "test"})
    (clone / "requirements.lock").write_text("celery==5.7.1\n")
    installer["install"]({"app"})
    assert len(installer["asked"]) == 3


def test_an_interrupted_installation_begins_anew(installer, clone):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    run_pip, installer["scope"]["run_pip"] = installer["scope"]["run_pip"], interrupted
    with pytest.raises(KeyboardInterrupt):
        installer["install"]({"app"})
    (clone / ".venv" / "half a package").touch()
    installer["scope"]["run_pip"] = run_pip
    installer["install"]({"app"})
    assert not (clone / ".venv" / "half a package").exists()
    assert json.loads((clone / ".venv" / "installed.json").read_text())["groups"] == ["app"]


def test_cleaning_keeps_the_data(clone):
    (clone / "var").mkdir()
    (clone / "var" / "db.sqlite3").touch()
    (clone / ".venv").mkdir()
    assert make("clean", folder=clone).returncode == 0
    assert (clone / "var" / "db.sqlite3").exists()
    assert not (clone / ".venv").exists()

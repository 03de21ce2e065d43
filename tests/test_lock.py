"""What the program is made of: pinned, complete, and in no version that is known to be bad."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LINES = [
    line
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]
LOCKED = {canonicalize_name(name): Version(v) for name, v in (x.split("==") for x in LINES)}

# The first versions without a hole that matters here. `make audit` asks about all there is; this
# needs no network, and keeps somebody from going back.
AT_LEAST = {
    "pillow": "10.3.0",  # CVE-2023-50447, CVE-2024-28219
    "django": "5.2.8",  # CVE-2025-64459: a query made of names that a visitor chose
    "gunicorn": "22.0.0",  # CVE-2024-1135: requests whose end is in doubt
    "torch": "2.6.0",  # CVE-2025-32434: weights_only ran code
    "fonttools": "4.43.0",  # CVE-2023-45139
    "sqlparse": "0.5.0",  # CVE-2024-4340
    "jinja2": "3.1.6",  # CVE-2025-27516
    "cryptography": "43.0.1",  # CVE-2024-6119
    "requests": "2.32.4",  # CVE-2024-47081
    "urllib3": "2.5.0",  # CVE-2025-50181
    "h11": "0.16.0",  # CVE-2025-43859
    "certifi": "2024.7.4",  # CVE-2024-39689
    "idna": "3.7",  # CVE-2024-3651
}


def declared() -> list[Requirement]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return [Requirement(line) for group in groups.values() for line in group]


def test_every_line_is_one_package_at_one_version():
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line), line
    assert len(LOCKED) == len(LINES)


def test_what_is_asked_for_is_in_it_and_fits():
    for requirement in declared():
        version = LOCKED.get(canonicalize_name(requirement.name))
        assert version is not None, requirement.name
        assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("name", AT_LEAST)
def test_no_package_is_of_a_version_with_a_known_hole(name):
    assert LOCKED[canonicalize_name(name)] >= Version(AT_LEAST[name])


# ------------------------------------------------------------------------------------- make audit
@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CLEAN = {"name": "pillow", "version": "13.0.0", "vulns": []}
UNASKED = {"name": "torch", "skip_reason": "not found"}
HOLED = {
    "name": "django",
    "version": "1.0",
    "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}, {"id": "CVE-2", "fix_versions": []}],
}


def test_an_audit_that_asked_about_everything_is_a_success(audit):
    assert audit.told([CLEAN]) == (0, "Asked about 1 of 1 packages.")


def test_an_audit_that_could_not_ask_is_none(audit):
    code, text = audit.told([CLEAN, UNASKED])
    assert code == 2
    assert "Not asked about: torch." in text
    assert "Asked about 1 of 2 packages." in text
    assert audit.told([])[0] == 2


def test_an_audit_that_found_something_says_what_to_do(audit):
    code, text = audit.told([CLEAN, HOLED, UNASKED])
    assert code == 1
    assert "django 1.0: CVE-1, fixed in 1.1" in text
    assert "django 1.0: CVE-2, fixed in none" in text


def test_an_audit_without_a_network_says_so(audit, monkeypatch, capsys):
    monkeypatch.setattr(
        audit, "COMMAND", [sys.executable, "-c", "import sys; sys.exit('ERROR: no connection')"]
    )
    assert audit.main() == 2
    said = capsys.readouterr().err
    assert "could not be asked: ERROR: no connection" in said
    assert "Nothing is known about" in said


def test_the_tests_ask_nobody():
    """`make test` works without a network; only `make audit` needs one."""
    plan = subprocess.run(
        ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "audit" not in plan

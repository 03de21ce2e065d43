"""docs/security/threats.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = (ROOT / "docs" / "security" / "threats.md").read_text()
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]


def test_every_threat_has_a_defense_and_a_test():
    assert len(ROWS) > 50
    for row in ROWS:
        threat, defense, test = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat, row
        assert defense, row
        assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`", test), row


def test_every_test_that_is_named_is_there():
    missing = [
        f"{path}::{name}"
        for path, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLE)
        if not re.search(rf"^\s*def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_file_of_threats_is_in_the_table():
    for path in sorted((ROOT / "tests" / "threats").glob("test_*.py")):
        if path.name != Path(__file__).name:
            assert f"tests/threats/{path.name}::" in TABLE, path.name

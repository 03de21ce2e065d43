"""Writes docs/permissions.md, what every address says to every role: `make permissions`.

The test that compares it builds the school and asks; here it only writes what it found.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "permissions.md"
WRITES = "KIDSART_WRITE_PERMISSIONS"


def main() -> int:
    os.environ[WRITES] = "1"
    return pytest.main(["-q", str(ROOT / "tests" / "test_permission_table.py")])


if __name__ == "__main__":
    sys.exit(main())

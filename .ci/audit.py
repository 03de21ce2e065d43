"""Asks an advisory service about every package of requirements.lock. `make audit` calls it.

pip-audit ends with 0 also where it could not ask about a single package. Here that is said, and is
no success: 0 all were asked about and none is known to be vulnerable, 1 some are, 2 not all were
asked about.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
COMMAND = [
    *(sys.executable, "-m", "pip_audit", "--requirement", str(LOCK)),
    *("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"),
]


def main() -> int:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        sys.stderr.write(
            f"The advisory service could not be asked: {last[0]}\n"
            "Nothing is known about the packages of requirements.lock. Run this again from a "
            "machine that reaches pypi.org.\n"
        )
        return 2
    code, text = told(packages)
    (sys.stdout if code == 0 else sys.stderr).write(text + "\n")
    return code


def told(packages: list[dict[str, Any]]) -> tuple[int, str]:
    """What to say about pip-audit's list, and how to end."""
    unasked = [p["name"] for p in packages if "skip_reason" in p]
    lines = [
        f"{p['name']} {p['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'none'}"
        for p in packages
        for v in p.get("vulns", [])
    ]
    asked = len(packages) - len(unasked)
    if unasked:
        more = f" and {len(unasked) - 10} more" if len(unasked) > 10 else ""
        lines.append(f"Not asked about: {', '.join(unasked[:10])}{more}.")
        lines.append("Of these nothing is known. Run this where pypi.org can be reached.")
    lines.append(f"Asked about {asked} of {len(packages)} packages.")
    if any(p.get("vulns") for p in packages):
        return 1, "\n".join(lines)
    return (0 if packages and not unasked else 2), "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

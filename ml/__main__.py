"""The engine from a shell: ``python -m ml COMMAND``. Needs no web application.

Each command is a module with ``main(argv) -> exit status``; only the one that was asked for is
imported, so that a wrong word answers at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

from ml.errors import EngineError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "score": ("ml.score", "score pictures"),
    "train": ("ml.train", "train one adapter per dimension, or a method to compare with"),
    "evaluate": ("ml.evaluate", "compare predictions with what people said"),
    "import-adapters": ("ml.importing", "take over adapters that were trained elsewhere"),
    "prepare-base": ("ml.bases", "make a base folder from a Qwen2.5-VL model"),
    "atlas": ("ml.atlas", "how distinct and how related the adapters of a bundle are"),
    "bench": ("ml.bench", "pictures a second, each path against the published procedure"),
    "demo": ("ml.demo.build", "build the demo model again, or draw pictures with levels"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 1 if something could not be done, 2 on misuse."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in COMMANDS:
        asked_for_help = bool(words) and words[0] in ("-h", "--help")
        (sys.stdout if asked_for_help else sys.stderr).write(_usage())
        if asked_for_help:
            return 0
        raise SystemExit(2)
    module = importlib.import_module(COMMANDS[words[0]][0])
    try:
        status: int = module.main(words[1:])
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:  # the reader, such as head, has had enough
        sys.stderr.close()
        return 1
    return status


def _usage() -> str:
    lines = [f"  {name:<17}{words}" for name, (_, words) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m ml COMMAND [options]    (COMMAND --help says more)",
            "",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

"""One record is one line: what a visitor sent cannot pose as a line of its own."""

from __future__ import annotations

import logging
import unicodedata


class OneLine(logging.Formatter):
    """Control characters are written as escapes; the lines of a traceback are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return _visible(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802  logging's name
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return "\n".join(f"    {_visible(line)}" for line in lines)


def _visible(text: str) -> str:
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")
        else c
        for c in text
    )

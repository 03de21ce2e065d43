"""Tables as CSV that is safe to open, for exports and for the record of a student alike."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

Cell = str | int | float | None
BOM = "\ufeff"  # without it, Excel reads UTF-8 as something else
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(value: Cell) -> Cell:
    """Text that no spreadsheet takes for a formula, without characters that no file may hold.

    Source: OWASP, "CSV Injection". A name that begins with one of these gets an apostrophe.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def printable(text: str) -> str:
    return "".join(c for c in text if c in "\t\r\n" or unicodedata.category(c) not in ("Cc", "Cs"))


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Sequence[Cell]], *, bom: bool) -> Iterator[str]:
    """One line after the other, so that a year of a school needs no more memory than a row."""
    writer = csv.writer(_Echo())
    if bom:
        yield BOM
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])

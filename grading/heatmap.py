"""Where the squares of a heat map go. Geometry and words only: colors are in static/css/models.css.

Columns carry the numbers of the rows, so that nine names fit a phone; the table beside it has all
names in full. Every square holds its value, so that nobody needs to tell shades apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from grading.charts import wrap_label

Kind = Literal["plus", "minus", "same", "none"]
Matrix = Sequence[Sequence[float | None]]

CELL = 30.0
GAP = 2.0
NUMBER = 21.0  # room for the number of a row
LETTER = 6.4  # mean width of a letter of the 12 px names, a little generous
HEAD = 20.0
LINE_HEIGHT = 13.0
MAX_SHADE = 0.5  # ink on the darkest square still has 4.5 to 1, in both themes


@dataclass(frozen=True)
class Square:
    x: str
    y: str
    text_x: str
    text_y: str
    text: str
    shade: str  # opacity of the color, 0 to MAX_SHADE
    kind: Kind
    own: bool  # on the diagonal
    title: str


@dataclass(frozen=True)
class Row:
    number: int
    name: str
    number_y: str
    lines: tuple[tuple[str, str], ...]  # (text, y)
    squares: tuple[Square, ...]
    cells: tuple[str, ...]  # the same, as words for the table


@dataclass(frozen=True)
class Heatmap:
    """What templates/grading/_heatmap.html needs."""

    ident: str
    title: str
    description: str
    width: str
    height: str
    cell: str
    heads: tuple[tuple[str, int, str], ...]  # (x, number, name)
    rows: tuple[Row, ...]
    names: tuple[str, ...]
    symmetric: bool
    has_minus: bool
    legend: tuple[tuple[str, str, str], ...]  # (x, shade, value)


def heatmap(
    names: Sequence[str], matrix: Matrix, *, ident: str, title: str, symmetric: bool
) -> Heatmap:
    """Squares for ``matrix``, whose values are -1 to 1, or None where there is none.

    Shades are of the value itself, not of its rank among the others: two maps compare, and a map
    of nearly equal values looks as even as it is. On the diagonal of a symmetric matrix stands
    each thing beside itself, which says nothing and is left pale.
    """
    if len(matrix) != len(names) or any(len(line) != len(names) for line in matrix):
        raise ValueError("a heat map needs one row and one column for each name")
    longest = max(len(line) for name in names for line in wrap_label(name))
    left = NUMBER + LETTER * longest
    rows = tuple(_row(at, names, line, left, symmetric=symmetric) for at, line in enumerate(matrix))
    return Heatmap(
        ident=ident,
        title=title,
        description=_(
            "%(count)d rows and %(count)d columns; columns have the numbers of the rows. "
            "The table below holds the same values."
        )
        % {"count": len(names)},
        width=_number(left + len(names) * CELL),
        height=_number(HEAD + len(names) * CELL),
        cell=_number(CELL - GAP),
        heads=tuple(
            (_number(left + at * CELL + (CELL - GAP) / 2), at + 1, name)
            for at, name in enumerate(names)
        ),
        rows=rows,
        names=tuple(names),
        symmetric=symmetric,
        has_minus=any(square.kind == "minus" for row in rows for square in row.squares),
        legend=tuple(
            (_number(at * 26.0), _shade(value), short(value))
            for at, value in enumerate((0.0, 0.25, 0.5, 0.75, 1.0))
        ),
    )


def short(value: float) -> str:
    """Two places, without a zero before a point: .35, −.35, 1; before a comma it stays: 0,35."""
    text = number_format(abs(value), 2)
    if float(f"{abs(value):.2f}") == 1:
        text = "1"
    sign = "\u2212" if round(value, 2) < 0 else ""
    return sign + (text[1:] if text.startswith("0.") else text)


def _row(
    at: int, names: Sequence[str], line: Sequence[float | None], left: float, *, symmetric: bool
) -> Row:
    top = HEAD + at * CELL
    middle = top + (CELL - GAP) / 2
    lines = wrap_label(names[at])
    first = middle + 4 - LINE_HEIGHT * (len(lines) - 1) / 2
    return Row(
        number=at + 1,
        name=names[at],
        number_y=_number(middle + 4),
        lines=tuple((text, _number(first + LINE_HEIGHT * i)) for i, text in enumerate(lines)),
        squares=tuple(
            _square(value, names, at, column, left, symmetric=symmetric)
            for column, value in enumerate(line)
        ),
        cells=tuple(_("none") if v is None else number_format(v, 2) for v in line),
    )


def _square(
    value: float | None,
    names: Sequence[str],
    row: int,
    column: int,
    left: float,
    *,
    symmetric: bool,
) -> Square:
    own = row == column
    kind: Kind = "plus"
    if value is None:
        kind = "none"
    elif own and symmetric:
        kind = "same"
    elif round(value, 2) < 0:
        kind = "minus"
    x, y = left + column * CELL, HEAD + row * CELL
    said = _("none") if value is None else number_format(value, 2)
    return Square(
        x=_number(x),
        y=_number(y),
        text_x=_number(x + (CELL - GAP) / 2),
        text_y=_number(y + (CELL - GAP) / 2 + 3.5),
        text="–" if value is None else short(value),
        shade=_shade(value or 0.0),
        kind=kind,
        own=own,
        title=f"{names[row]}, {names[column]}: {said}",
    )


def _shade(value: float) -> str:
    return f"{MAX_SHADE * min(1.0, abs(value)):.2f}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

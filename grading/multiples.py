"""Small drawings, one a dimension, that stand beside each other. Geometry only.

Colors are in static/css/portfolio.css and classview.css. The axis is the rubric's whole scale,
always, so that nine drawings can be compared and a small step looks small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

WIDTH, HEIGHT = 240, 104
LEFT, RIGHT = 20, 10  # room for the numbers of the levels; half a dot
TOP, BOTTOM = 10, 10
LINE_FROM = 3  # levels that are there; two make no line


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    level: int


@dataclass(frozen=True)
class LevelLine:
    level: int
    y: float


@dataclass(frozen=True)
class Trend:
    """What templates/grading/_trend.html needs."""

    lines: tuple[LevelLine, ...]
    path: str  # empty where there are too few levels for a line
    dots: tuple[Dot, ...]
    gaps: tuple[float, ...]  # x of works without a level

    view_box = f"0 0 {WIDTH} {HEIGHT}"
    left, right = LEFT, WIDTH - RIGHT


def trend(levels: Sequence[int | None], first_level: int, last_level: int) -> Trend:
    """One level a work, oldest first; works are evenly apart, whatever the days between them.

    A work in which the dimension was not assessed is a gap.
    """
    step = (WIDTH - LEFT - RIGHT - 12) / max(1, len(levels) - 1)
    xs = [round(LEFT + 6 + at * step, 1) for at in range(len(levels))]

    def y(level: int) -> float:
        share = (level - first_level) / (last_level - first_level)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    dots = [None if v is None else Dot(x, y(v), v) for x, v in zip(xs, levels, strict=True)]
    known = [dot for dot in dots if dot]
    path = ""
    if len(known) >= LINE_FROM:
        for there, run in groupby(dots, key=lambda dot: dot is not None):
            if there:
                path += "M" + "L".join(f"{dot.x:g} {dot.y:g}" for dot in run if dot)
    return Trend(
        lines=tuple(LevelLine(n, y(n)) for n in range(first_level, last_level + 1)),
        path=path,
        dots=tuple(known),
        gaps=tuple(x for x, dot in zip(xs, dots, strict=True) if dot is None),
    )


COLUMN_GAP = 10
COUNT_ROOM, LEVEL_ROOM = 18, 18  # above the columns and below them


@dataclass(frozen=True)
class Column:
    level: int
    count: int
    x: float
    middle: float
    y: float
    height: float
    count_y: float


@dataclass(frozen=True)
class Spread:
    """What templates/grading/_spread.html needs."""

    columns: tuple[Column, ...]
    width: float

    view_box = f"0 0 {WIDTH} {HEIGHT}"
    base = HEIGHT - LEVEL_ROOM
    level_y = HEIGHT - 4


def spread(counts: Mapping[int, int], highest: int) -> Spread:
    """A column a level. ``highest`` is the tallest column of all the drawings beside this one."""
    width = WIDTH / len(counts) - COLUMN_GAP
    room = HEIGHT - COUNT_ROOM - LEVEL_ROOM
    columns = []
    for at, (level, count) in enumerate(counts.items()):
        height = round(room * count / max(1, highest), 1)
        x = COLUMN_GAP / 2 + at * (width + COLUMN_GAP)
        y = round(HEIGHT - LEVEL_ROOM - height, 1)
        columns.append(
            Column(level, count, round(x, 1), round(x + width / 2, 1), y, height, round(y - 4, 1))
        )
    return Spread(tuple(columns), round(width, 1))

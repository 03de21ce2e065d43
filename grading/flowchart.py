"""Where a picture goes, as a drawing from top to bottom. Geometry only: colors are in CSS.

Drawn narrow, so that its words can be read on a phone. The text beside it says the same.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "machine", "model", "off"]

WIDTH = 340.0
LEFT, BOX = 12.0, 218.0
STORE_LEFT, STORE = 256.0, 72.0
GAP = 22.0
PADDING, TITLE_HEIGHT, LINE_HEIGHT = 9.0, 17.0, 14.5
TITLE_LETTERS = 24
LETTERS = 32  # that fit beside each other in a box, at 12 px and a little generous
STORE_LETTERS = 10


@dataclass(frozen=True)
class Step:
    """One place on the way. ``stores`` says that it writes to the school's own store."""

    kind: Kind
    title: str
    words: str
    stores: bool = True


@dataclass(frozen=True)
class Box:
    kind: Kind
    title: tuple[tuple[str, str], ...]  # (text, y)
    lines: tuple[tuple[str, str], ...]
    x: str
    y: str
    width: str
    height: str
    text_x: str
    arrow: str  # path to the next box; empty for the last
    to_store: str  # path to the store; empty where nothing is written


@dataclass(frozen=True)
class Flow:
    view_box: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    frame: tuple[str, str, str, str]  # x, y, width, height of the school's machine
    frame_label: tuple[str, str]  # x, y
    store: tuple[str, str, str, str]
    store_lines: tuple[tuple[str, str], ...]
    store_x: str


def flow(steps: Sequence[Step], store: str, inside: range) -> Flow:
    """``inside`` are the steps that happen on the school's own machine."""
    y, tops, heights = 4.0, [], []
    for number, step in enumerate(steps):
        if number in (inside.start, inside.stop):
            y += 20  # the line of the frame, and its label
        tops.append(y)
        heights.append(_height(step))
        y += heights[-1] + GAP
    bottom = y - GAP + 4
    top_inside = tops[inside.start] - 14
    end_inside = tops[inside.stop - 1] + heights[inside.stop - 1] + 12
    store_top = tops[inside.start]
    store_height = tops[inside.stop - 1] + heights[inside.stop - 1] - store_top
    names = _wrapped(store, STORE_LETTERS)
    first = store_top + store_height / 2 - LINE_HEIGHT * (len(names) - 1) / 2
    return Flow(
        view_box=f"0 0 {WIDTH:.0f} {bottom:.0f}",
        width=round(WIDTH),
        height=round(bottom),
        boxes=tuple(
            _box(steps, n, tops, heights, n in inside and steps[n].stores)
            for n in range(len(steps))
        ),
        frame=_numbers(2, top_inside, WIDTH - 4, end_inside - top_inside),
        frame_label=(_number(WIDTH - 12), _number(top_inside - 5)),
        store=_numbers(STORE_LEFT, store_top, STORE, store_height),
        store_lines=tuple((t, _number(first + n * LINE_HEIGHT)) for n, t in enumerate(names)),
        store_x=_number(STORE_LEFT + STORE / 2),
    )


def _height(step: Step) -> float:
    titles, lines = _wrapped(step.title, TITLE_LETTERS), _wrapped(step.words, LETTERS)
    return 2 * PADDING + TITLE_HEIGHT * len(titles) + LINE_HEIGHT * len(lines)


def _box(
    steps: Sequence[Step], n: int, tops: list[float], heights: list[float], stores: bool
) -> Box:
    step, top, height = steps[n], tops[n], heights[n]
    titles = _wrapped(step.title, TITLE_LETTERS)
    first = top + PADDING + TITLE_HEIGHT * len(titles) + 11
    middle = LEFT + BOX / 2
    arrow = ""
    if n + 1 < len(steps):
        end = tops[n + 1] - 2
        arrow = f"M{_number(middle)} {_number(top + height)}V{_number(end)}m-4.5 -6l4.5 6l4.5 -6"
    side = top + height / 2
    return Box(
        kind=step.kind,
        title=tuple(
            (text, _number(top + PADDING + 12 + TITLE_HEIGHT * i)) for i, text in enumerate(titles)
        ),
        lines=tuple(
            (text, _number(first + LINE_HEIGHT * i))
            for i, text in enumerate(_wrapped(step.words, LETTERS))
        ),
        x=_number(LEFT),
        y=_number(top),
        width=_number(BOX),
        height=_number(height),
        text_x=_number(LEFT + 12),
        arrow=arrow,
        to_store=f"M{_number(LEFT + BOX)} {_number(side)}H{_number(STORE_LEFT)}" if stores else "",
    )


def _wrapped(text: str, letters: int) -> list[str]:
    return textwrap.wrap(text, letters, break_long_words=False) or [""]


def _numbers(*values: float) -> tuple[str, str, str, str]:
    x, y, width, height = (_number(value) for value in values)
    return x, y, width, height


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

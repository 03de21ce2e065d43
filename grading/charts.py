"""Where the lines of the radar go. Geometry and words only: colors are in static/css/charts.css.

Rendered on the server, so that it is there without JavaScript, in print and in the PDF.
Path not taken: a chart library. None draws a range that is a range, and all are blank without a
script.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Kind = Literal["mine", "model", "average", "then"]
Interval = tuple[float, float]
Point = tuple[float, float]

RADIUS = 104.0
LABEL_GAP = 9.0
LINE_HEIGHT = 13.5
LETTER_WIDTH = 6.5  # mean of the 12 px labels, a little generous; the picture may overflow
MAX_LINE_LETTERS = 18
MARKER = 3.6
MINI_SIZE = 52
MINI_RADIUS = 24.0

LAYER_NAMES: dict[Kind, Promise] = {
    "mine": gettext_lazy("Your levels"),
    "model": gettext_lazy("Model"),
    "average": gettext_lazy("Class average"),
    "then": gettext_lazy("Then"),
}
DRAWING_ORDER: tuple[Kind, ...] = ("average", "then", "model", "mine")  # the person's lies on top


@dataclass(frozen=True)
class Axis:
    label: str
    slug: str


@dataclass(frozen=True)
class Layer:
    """One value an axis; None where there is none, which is drawn as a gap and never as a zero."""

    kind: Kind
    values: Sequence[float | None]
    intervals: Sequence[Interval | None] | None = None
    name: str = ""  # for example "September: Self-portrait"; default: the name of its kind


@dataclass(frozen=True)
class AxisLabel:
    lines: tuple[tuple[str, str], ...]  # (text, y)
    full: str
    x: str
    anchor: str


@dataclass(frozen=True)
class Ring:
    points: str
    number: int
    number_x: str
    number_y: str
    outer: bool


@dataclass(frozen=True)
class Grid:
    view_box: str
    width: int
    height: int
    rings: tuple[Ring, ...]
    spokes: str
    labels: tuple[AxisLabel, ...]
    directions: tuple[Point, ...]


@dataclass(frozen=True)
class DrawnLayer:
    kind: Kind
    name: str
    line: str  # SVG path data; empty when no two neighbors have a value
    band: str  # filled even-odd, so that the middle of the ring stays open
    markers: str
    key_marker: str


@dataclass(frozen=True)
class TableRow:
    label: str
    slug: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class RadarContext:
    """What templates/grading/_radar.html needs."""

    ident: str
    title: str
    description: str
    grid: Grid
    layers: tuple[DrawnLayer, ...]  # in drawing order
    legend: tuple[DrawnLayer, ...]  # in the order given
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def radar(
    axes: Sequence[Axis],
    layers: Sequence[Layer],
    first_level: int,
    last_level: int,
    *,
    title: str = "",
    ident: str = "radar",
) -> RadarContext:
    """Everything the radar shows, for any three or more axes and any scale.

    ``ident`` keeps the ids apart when a page holds more than one radar.
    """
    if len(axes) < 3:
        raise ValueError("a radar needs three axes or more")
    for layer in layers:
        if any(
            len(given) != len(axes) for given in (layer.values, layer.intervals or layer.values)
        ):
            raise ValueError("a layer needs one value for each axis")
    grid = _grid(tuple(axes), first_level, last_level)
    legend = tuple(_draw(layer, grid, first_level, last_level) for layer in layers)
    return RadarContext(
        ident=ident,
        title=title or _("Rubric radar"),
        description=_(
            "%(count)d dimensions on a scale from %(first)d in the middle to %(last)d outside. "
            "The table below holds the same values."
        )
        % {"count": len(axes), "first": first_level, "last": last_level},
        grid=grid,
        layers=tuple(sorted(legend, key=lambda drawn: DRAWING_ORDER.index(drawn.kind))),
        legend=legend,
        columns=tuple(drawn.name for drawn in legend),
        rows=tuple(
            TableRow(axis.label, axis.slug, tuple(_cell(layer, at) for layer in layers))
            for at, axis in enumerate(axes)
        ),
    )


def mini_radar(
    values: Sequence[float | None], first_level: int, last_level: int, kind: Kind = "model"
) -> SafeString:
    """The shape alone, for a tile; hidden from screen readers, which get the state in words."""
    middle = MINI_SIZE / 2
    directions = _directions(len(values))
    points = [
        _at(directions[i], value, first_level, last_level, MINI_RADIUS, middle)
        for i, value in enumerate(values)
    ]
    return format_html(
        '<svg class="mini-radar mini-radar--{}" viewBox="0 0 {} {}" width="{}" height="{}" '
        'aria-hidden="true" focusable="false"><path class="mini-radar__grid" d="{}"/>'
        '<path class="mini-radar__shape" d="{}"/></svg>',
        kind, MINI_SIZE, MINI_SIZE, MINI_SIZE, MINI_SIZE,
        _mini_grid(len(values)), _line(points, dots=True),
    )  # fmt: skip


def level_shares(interval: Interval | None, first_level: int, last_level: int) -> tuple[int, ...]:
    """How full each level's box is drawn, in quarters: the part of the box the range covers.

    A level's box reaches half a level to either side. Any part at all shows as one quarter.
    """
    if interval is None:
        return (0,) * (last_level - first_level + 1)
    low, high = interval
    return tuple(
        math.ceil(4 * max(0.0, min(high, level + 0.5) - max(low, level - 0.5)) - 1e-9)
        for level in range(first_level, last_level + 1)
    )


def _draw(layer: Layer, grid: Grid, first: int, last: int) -> DrawnLayer:
    points = [_at(grid.directions[i], value, first, last) for i, value in enumerate(layer.values)]
    return DrawnLayer(
        kind=layer.kind,
        name=layer.name or _name(layer),
        line=_line(points),
        band=_band(layer.intervals, grid, first, last) if layer.intervals else "",
        markers="".join(_marker(layer.kind, point) for point in points if point),
        key_marker=_marker(layer.kind, (17.0, 7.0)),
    )


def _name(layer: Layer) -> str:
    if layer.kind == "model" and layer.intervals:
        return _("Model, with its likely range")
    return str(LAYER_NAMES[layer.kind])


@lru_cache(maxsize=256)
def _grid(axes: tuple[Axis, ...], first: int, last: int) -> Grid:
    directions = _directions(len(axes))
    labels = tuple(_label(axis.label, way) for axis, way in zip(axes, directions, strict=True))
    half_width = max(_reach(label) for label in labels) + 4
    top = min(float(y) for label in labels for _text, y in label.lines) - LINE_HEIGHT
    bottom = max(float(y) for label in labels for _text, y in label.lines) + 6
    rings = tuple(
        Ring(
            points=_points(tuple(_at(way, level, first, last) for way in directions)),
            number=level,
            number_x="-4",
            number_y=_number(-_distance(level, first, last, RADIUS) + 3.5),
            outer=level == last,
        )
        for level in range(last, first - 1, -1)
    )
    return Grid(
        view_box=" ".join(_number(n) for n in (-half_width, top, 2 * half_width, bottom - top)),
        width=round(2 * half_width),
        height=round(bottom - top),
        rings=rings,
        spokes="".join(f"M0 0L{_pair((x * RADIUS, y * RADIUS))}" for x, y in directions),
        labels=labels,
        directions=directions,
    )


@lru_cache(maxsize=32)
def _directions(count: int) -> tuple[Point, ...]:
    turns = [2 * math.pi * i / count for i in range(count)]
    return tuple((math.sin(turn), -math.cos(turn)) for turn in turns)


@lru_cache(maxsize=32)
def _mini_grid(count: int) -> str:
    middle = MINI_SIZE / 2
    path = ""
    for share in (1.0, 0.6, 0.2):
        radius = MINI_RADIUS * share
        corners = [(middle + x * radius, middle + y * radius) for x, y in _directions(count)]
        path += "M" + "L".join(_pair(corner) for corner in corners) + "Z"
    return path


def _distance(value: float, first: int, last: int, radius: float) -> float:
    """From the middle; the first level has a ring of its own, so that it is no point."""
    held = min(max(value, first), last)
    return radius * (held - first + 1) / (last - first + 1)


def _at(
    direction: Point,
    value: float | None,
    first: int,
    last: int,
    radius: float = RADIUS,
    middle: float = 0.0,
) -> Point | None:
    if value is None:
        return None
    away = _distance(value, first, last, radius)
    return (middle + direction[0] * away, middle + direction[1] * away)


def _runs(present: Sequence[bool]) -> list[list[int]]:
    """Neighbors around the circle that are all there; one run of everything if nothing misses."""
    count = len(present)
    if all(present):
        return [list(range(count))]
    start = next(i for i in range(count) if not present[i])
    runs: list[list[int]] = [[]]
    for step in range(1, count + 1):
        i = (start + step) % count
        if present[i]:
            runs[-1].append(i)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(points: Sequence[Point | None], *, dots: bool = False) -> str:
    path = ""
    for run in _runs([point is not None for point in points]):
        corners = [_pair(point) for i in run if (point := points[i])]
        if len(corners) == 1 and not dots:
            continue  # its marker shows it
        path += "M" + "L".join(corners) + ("Z" if len(corners) in (1, len(points)) else "")
    return path


def _band(intervals: Sequence[Interval | None], grid: Grid, first: int, last: int) -> str:
    lows = [_at(grid.directions[i], r and r[0], first, last) for i, r in enumerate(intervals)]
    highs = [_at(grid.directions[i], r and r[1], first, last) for i, r in enumerate(intervals)]
    path = ""
    for run in _runs([interval is not None for interval in intervals]):
        outer = [_pair(point) for i in run if (point := highs[i])]
        inner = [_pair(point) for i in reversed(run) if (point := lows[i])]
        if len(run) == len(intervals):
            path += "M" + "L".join(outer) + "ZM" + "L".join(inner) + "Z"
        else:
            path += "M" + "L".join(outer + inner) + "Z"
    return path


def _marker(kind: Kind, point: Point) -> str:
    """A shape for each layer, so that nobody needs to tell colors apart."""
    x, y = point
    m = MARKER
    if kind == "model":
        m += 0.9
        return f"M{_pair((x, y - m))}L{_pair((x + m, y))}L{_pair((x, y + m))}L{_pair((x - m, y))}Z"
    if kind == "average":
        m -= 0.9
        return f"M{_pair((x - m, y - m))}h{2 * m:g}v{2 * m:g}h{-2 * m:g}Z"
    return f"M{_pair((x - m, y))}a{m:g} {m:g} 0 1 0 {2 * m:g} 0a{m:g} {m:g} 0 1 0 {-2 * m:g} 0Z"


def _label(text: str, direction: Point) -> AxisLabel:
    lines = wrap_label(text)
    x, y = (part * (RADIUS + LABEL_GAP) for part in direction)
    if abs(direction[0]) < 0.1:
        anchor = "middle"
        first_y = y - LINE_HEIGHT * (len(lines) - 1) if y < 0 else y + LINE_HEIGHT * 0.75
    else:
        anchor = "start" if x > 0 else "end"
        # Above the middle a label grows upward, below it downward, so that it leaves the ring.
        first_y = y + 4 - LINE_HEIGHT * (len(lines) - 1) * (1 - direction[1]) / 2
    return AxisLabel(
        lines=tuple((line, _number(first_y + LINE_HEIGHT * i)) for i, line in enumerate(lines)),
        full=text,
        x=_number(x),
        anchor=anchor,
    )


def wrap_label(text: str) -> tuple[str, ...]:
    """One line or two, as even as the words allow; what is longer still ends in an ellipsis."""
    words = text.split()
    if len(words) < 2:
        return (_shortened(text),)
    splits = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    first, second = min(splits, key=lambda pair: max(map(_letters, pair)))
    return (_shortened(first), _shortened(second))


def _shortened(line: str) -> str:
    while _letters(line) > MAX_LINE_LETTERS:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    return line


def _letters(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _reach(label: AxisLabel) -> float:
    width = max(_letters(line) for line, _y in label.lines) * LETTER_WIDTH
    return abs(float(label.x)) + (width / 2 if label.anchor == "middle" else width)


def _cell(layer: Layer, at: int) -> str:
    value = layer.values[at]
    if value is None:
        return _("no value")
    text = number_format(value, 0 if float(value).is_integer() and layer.kind == "mine" else 1)
    interval = layer.intervals[at] if layer.intervals else None
    if interval is None:
        return text
    low, high = (number_format(end, 1) for end in interval)
    return _("%(value)s (%(low)s to %(high)s)") % {"value": text, "low": low, "high": high}


def _points(corners: Sequence[Point | None]) -> str:
    return " ".join(_pair(corner, ",") for corner in corners if corner)


def _pair(point: Point, between: str = " ") -> str:
    return f"{_number(point[0])}{between}{_number(point[1])}"


def _number(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text

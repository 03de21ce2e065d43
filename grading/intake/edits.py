"""What is done to a picture after it was read: a crop to the sheet, a light, a turn.

Pure numbers, without OpenCV: the web process checks here what a teacher has dragged.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
# Top left, top right, bottom right, bottom left of the sheet as it lies in the untouched picture,
# in shares of its width and height: (0, 0) and (1, 1) are outer corners of pixels.
Corners = tuple[Point, Point, Point, Point]
Gains = tuple[float, float, float]

LEAST_AREA = 0.02  # of the picture
LEAST_GAIN, MOST_GAIN = 0.75, 1.33
_KEYS = {"corners", "gains", "turn"}


@dataclass(frozen=True)
class Edit:
    """`turn` counts quarter turns clockwise and comes last; `gains` multiply red, green and blue.

    Raises ValueError with a sentence for a teacher.
    """

    corners: Corners | None = None
    gains: Gains | None = None
    turn: int = 0

    def __post_init__(self) -> None:
        if self.corners is not None:
            _require_corners(self.corners)
        if self.gains is not None:
            _require_gains(self.gains)
        if isinstance(self.turn, bool) or self.turn not in (0, 1, 2, 3):
            raise ValueError("A picture is turned by 0, 1, 2 or 3 quarters.")

    def to_json(self) -> dict[str, object]:
        return {
            "corners": None if self.corners is None else [list(point) for point in self.corners],
            "gains": None if self.gains is None else list(self.gains),
            "turn": self.turn,
        }

    @classmethod
    def from_json(cls, stored: object) -> "Edit":
        if not isinstance(stored, Mapping) or not set(stored) <= _KEYS:
            raise ValueError("An edit has corners, gains and a turn, and nothing else.")
        corners, gains, turn = stored.get("corners"), stored.get("gains"), stored.get("turn", 0)
        if not isinstance(turn, int):
            raise ValueError("A picture is turned by 0, 1, 2 or 3 quarters.")
        return cls(
            corners=None if corners is None else _as_corners(corners),
            gains=None if gains is None else _as_gains(gains),
            turn=turn,
        )


def _as_corners(stored: object) -> Corners:
    if not isinstance(stored, list | tuple) or len(stored) != 4:
        raise ValueError("A sheet has four corners.")
    points = []
    for point in stored:
        numbers = _numbers(point)
        if len(numbers) != 2:
            raise ValueError("A corner is two numbers.")
        points.append((numbers[0], numbers[1]))
    return points[0], points[1], points[2], points[3]


def _as_gains(stored: object) -> Gains:
    numbers = _numbers(stored)
    if len(numbers) != 3:
        raise ValueError("There is one gain each for red, green and blue.")
    return numbers[0], numbers[1], numbers[2]


def _numbers(stored: object) -> list[float]:
    if not isinstance(stored, list | tuple):
        raise ValueError("Numbers were expected here.")
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in stored):
        raise ValueError("Numbers were expected here.")
    return [float(number) for number in stored]


def _require_corners(corners: Corners) -> None:
    if len(corners) != 4 or any(len(point) != 2 for point in corners):
        raise ValueError("A sheet has four corners.")
    # Written so that NaN fails.
    if not all(0 <= share <= 1 for point in corners for share in point):
        raise ValueError("The corners must lie inside the picture.")
    if any(turn <= 1e-6 for turn in _turns(corners)):
        raise ValueError("The corners must follow the sheet around, without a dent or a crossing.")
    if area(corners) < LEAST_AREA:
        raise ValueError("The corners lie too close together.")


def _turns(corners: Corners) -> list[float]:
    """At each corner, positive for a turn to the right: all are where the shape is convex."""
    ring = [*corners, corners[0], corners[1]]
    sides = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(ring)]
    return [a[0] * b[1] - a[1] * b[0] for a, b in pairwise(sides)]


def area(corners: Corners) -> float:
    """As a share of the picture."""
    ring = [*corners, corners[0]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))) / 2


def _require_gains(gains: Gains) -> None:
    if len(gains) != 3:
        raise ValueError("There is one gain each for red, green and blue.")
    if not all(math.isfinite(gain) and LEAST_GAIN <= gain <= MOST_GAIN for gain in gains):
        raise ValueError(f"A color is changed by a factor from {LEAST_GAIN} to {MOST_GAIN}.")

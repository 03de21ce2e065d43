"""A photographed drawing is cut to its sheet, straightened and freed of yellow light.

`propose_edit` looks at a small copy and says what could be done, `apply_edit` does it to the
picture. What is not certain is marked so, and a scan is left as it is.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grading.intake.edits import Corners, Edit, Gains, Point
from grading.intake.light import gains_for_paper
from grading.intake.sheet import find_sheet

__all__ = ["Corners", "Edit", "Gains", "Point", "Proposal", "apply_edit", "propose_edit"]

LOOKED_AT_SIDE = 1000
LEAST_SIDE = 100  # of the copy: a strip of a few pixels has no corners
_BAND_ROWS = 256
# Of the picture's longest side, the focal length of phones without and with some zoom.
_LEAST_FOCAL, _MOST_FOCAL = 0.6, 1.6
_TURNS = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}

Points = NDArray[np.float64]  # (4, 2) pixels, in the order of Corners


@dataclass(frozen=True)
class Proposal:
    """`sure`: it may be done before a person has seen it. "sheet" has corners and perhaps gains,
    "light" has gains only."""

    edit: Edit
    sure: bool
    reason: Literal["sheet", "light"]


def propose_edit(picture: Image.Image) -> Proposal | None:
    """What a person would probably do to the picture; None where it is good as it is, or where
    nobody can tell. The same picture gives the same proposal."""
    small = _small_copy(picture)
    if min(small.size) < LEAST_SIDE:
        return None
    rgb = np.asarray(small)
    sheet = find_sheet(rgb)
    if sheet is None:
        gains = gains_for_paper(rgb, None)
        # Nothing is seen but paper: it may be colored.
        return None if gains is None else Proposal(Edit(gains=gains), False, "light")
    shares = np.clip(sheet.quad / small.size, 0, 1).round(5).tolist()
    a, b, c, d = ((x, y) for x, y in shares)
    edit = Edit(corners=(a, b, c, d), gains=gains_for_paper(rgb, sheet.quad))
    return Proposal(edit, sheet.sure, "sheet")


def _small_copy(picture: Image.Image) -> Image.Image:
    by = max(picture.size) // LOOKED_AT_SIDE
    if by > 1 and picture.mode in ("L", "RGB"):  # before any conversion: that would copy it whole
        picture = picture.reduce(by)
    small = picture.convert("RGB")
    scale = min(1.0, LOOKED_AT_SIDE / max(small.size))
    size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
    return small if size == small.size else small.resize(size, Image.Resampling.BOX)


def apply_edit(picture: Image.Image, edit: Edit) -> Image.Image:
    """RGB, cut and straightened, then in other light, then turned. No side is longer than the
    longest of `picture`."""
    made = picture.convert("RGB")
    if edit.corners is not None:
        made = _straightened(made, edit.corners)
    if edit.gains is not None:
        made = made.point([min(255, round(v * gain)) for gain in edit.gains for v in range(256)])
    return made.transpose(_TURNS[edit.turn]) if edit.turn else made


def _straightened(picture: Image.Image, corners: Corners) -> Image.Image:
    """Sampled linearly at twice the size and averaged: cubic and Lanczos kernels would draw a
    bright line around every stroke on grey paper. A band at a time, as the double size would take
    four times the memory."""
    source = np.asarray(picture)
    points = np.array(corners) * picture.size
    width, height = _flat_size(points, picture.size)
    doubled = np.array([(0, 0), (2, 0), (2, 2), (0, 2)]) * (width, height)
    # Corners are corners of pixels, a warp counts from their centers.
    warp = cv2.getPerspectiveTransform(
        (doubled - 0.5).astype(np.float32), (points - 0.5).astype(np.float32)
    )
    made = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND_ROWS):
        rows = min(_BAND_ROWS, height - top)
        down = np.array([(1, 0, 0), (0, 1, 2 * top), (0, 0, 1)], np.float64)
        band = cv2.warpPerspective(
            source,
            warp @ down,
            (2 * width, 2 * rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        made[top : top + rows] = cv2.resize(band, (width, rows), interpolation=cv2.INTER_AREA)
    return Image.fromarray(made)


def _flat_size(points: Points, size: tuple[int, int]) -> tuple[int, int]:
    """As large as the sheet is seen at its nearest, in the shape it has when seen from above."""
    a, b, c, d = points
    across = max(math.dist(a, b), math.dist(d, c))
    down = max(math.dist(a, d), math.dist(b, c))
    aspect = _aspect(points, size)
    width, height = max(across, down * aspect), max(down, across / aspect)
    shrink = min(1.0, max(size) / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _aspect(points: Points, size: tuple[int, int]) -> float:
    """Width by height of the rectangle whose image `points` are, for a camera with square pixels
    and its axis in the middle of the picture.

    Source: Zhang and He, Whiteboard scanning and image enhancement (2007), equations 11 to 20. A
    focal length that no phone has is pulled to the nearest one that some phone has, as nearly
    parallel sides say nothing about it.
    """
    centered = np.column_stack([points - np.array(size) / 2, np.ones(4)])
    m1, m2, m4, m3 = centered
    diagonal = np.cross(m1, m4)
    right = (diagonal @ m3) / (np.cross(m2, m4) @ m3) * m2 - m1
    below = (diagonal @ m2) / (np.cross(m3, m4) @ m2) * m3 - m1
    low, high = (_LEAST_FOCAL * max(size)) ** 2, (_MOST_FOCAL * max(size)) ** 2
    apart = right[2] * below[2]
    squared = -(right[:2] @ below[:2]) / apart if abs(apart) > 1e-12 else high
    focal2 = min(max(squared, low), high) if squared > 0 else high
    lengths = [math.sqrt(v[:2] @ v[:2] / focal2 + v[2] ** 2) for v in (right, below)]
    return min(max(lengths[0] / max(lengths[1], 1e-9), 1 / 8), 8.0)

"""Where on the page the trace of each cause can be seen: dense targets for training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from ml.drawing.shapes import Outline

TEXTURES = ("dots", "waves", "cross", "zigzag", "stripes", "rings")
MARKS = (*TEXTURES, "face", "visitor", "string", "miss", "shade", "addition", "bend")
SIDE = 72  # finer than any model's patches, small enough to cost nothing


class MarksMap:
    """One small picture per kind of mark; what is drawn over something hides its marks."""

    def __init__(self) -> None:
        self._layers = {kind: Image.new("L", (SIDE, SIDE), 0) for kind in MARKS}
        self._pens = {kind: ImageDraw.Draw(layer) for kind, layer in self._layers.items()}

    def cover(self, line: Outline, strengths: Mapping[str, float]) -> None:
        """A shape hides what was there and shows ``strengths``, each in [0, 1]."""
        points = _points(line)
        for kind, pen in self._pens.items():
            pen.polygon(points, fill=min(255, round(255 * strengths.get(kind, 0.0))))

    def add(self, kind: str, line: Outline) -> None:
        self._pens[kind].polygon(_points(line), fill=255)

    def add_line(self, kind: str, line: Outline) -> None:
        self._pens[kind].line(_points(line), fill=255, width=2)

    def shares(self, cells: int) -> np.ndarray:
        """(cells, cells, len(MARKS)) in [0, 1]."""
        layers = np.stack([np.asarray(self._layers[kind], np.float32) for kind in MARKS], -1)
        finer = cells // math.gcd(SIDE, cells)  # until ``cells`` divides the side
        layers = layers.repeat(finer, 0).repeat(finer, 1)
        step = SIDE * finer // cells
        return layers.reshape(cells, step, cells, step, -1).mean((1, 3)) / 255


def _points(line: Outline) -> list[tuple[float, float]]:
    return [tuple(point) for point in (np.asarray(line) * SIDE).tolist()]

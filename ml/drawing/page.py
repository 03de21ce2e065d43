"""A sheet of paper, a palette and a hand. All lengths are shares of the width of the page."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ml.drawing.causes import Look
from ml.drawing.marks import MarksMap
from ml.drawing.shapes import Outline, ellipse

Color = tuple[int, int, int]

TEXTURE_PERIOD = 0.064  # 11 px on a page of 168 px: below 9 a 14 px patch cannot tell them apart
LINE = 0.0095


@dataclass(frozen=True)
class Medium:
    name: str
    line: float  # width of a line, relative
    streaks: float  # unevenness of a fill
    tooth: float  # how much of the paper's grain stays white
    colored_lines: bool  # outlines in a dark shade of the fill instead of ink


MEDIA = {
    "crayon": Medium("crayon", 1.0, 0.10, 0.10, False),
    "paint": Medium("paint", 1.25, 0.05, 0.02, True),
    "pen": Medium("pen", 0.85, 0.07, 0.0, False),
}
PAPERS = ((250, 247, 238), (246, 246, 244), (243, 238, 226), (240, 243, 247), (249, 242, 240))
SKINS = ((250, 213, 178), (240, 190, 150), (214, 160, 118), (172, 116, 78), (124, 82, 58))
INKS = ((42, 34, 52), (30, 38, 62), (58, 36, 34), (28, 28, 30))


class Palette:
    """Colors of one drawing, mixed with the paper by how hard the child pressed."""

    def __init__(self, look: Look, rng: np.random.Generator) -> None:
        self.paper = np.array(PAPERS[rng.integers(len(PAPERS))], float)
        self.pressure = look.pressure
        start, n = rng.random(), look.hues
        steps = np.arange(n) / max(1, n - 1) - 0.5
        self.hues = (start + look.hue_span * steps + 0.006 * rng.normal(size=n)) % 1
        rng.shuffle(self.hues)
        # Lines stay stronger than fills: a faint drawing must still be readable.
        self.ink = self._on_paper(INKS[rng.integers(len(INKS))], 0.35 + 0.65 * look.pressure)
        self.skin_tone = SKINS[rng.integers(len(SKINS))]
        self.skin = self.pressed(self.skin_tone)

    def pressed(self, rgb: Color, share: float = 1.0) -> Color:
        """``rgb`` on the paper; ``share`` below 1 is a thinner layer."""
        return self._on_paper(rgb, self.pressure * share)

    def _on_paper(self, rgb: Color, k: float) -> Color:
        mixed = self.paper * (1 - k) + np.array(rgb, float) * k
        return (int(mixed[0]), int(mixed[1]), int(mixed[2]))

    def color(self, i: int, share: float = 1.0) -> Color:
        hue = float(self.hues[i % len(self.hues)])
        rgb = colorsys.hsv_to_rgb(hue, 0.82, 0.8 + 0.08 * ((i * 7) % 3))
        return self.pressed((int(255 * rgb[0]), int(255 * rgb[1]), int(255 * rgb[2])), share)


@lru_cache(maxsize=8)
def _grain(size_px: int, medium: Medium) -> tuple[Image.Image, np.ndarray]:
    """Streaks of a fill (an alpha mask twice as wide as the page) and the tooth of the paper."""
    rng = np.random.default_rng(7)
    length = max(3, size_px // 24)
    noise = rng.normal(size=(2 * size_px, 2 * size_px)).astype(np.float32)
    streaks: np.ndarray[Any, Any] = np.zeros_like(noise)
    if medium.name == "paint":  # pools and thin places instead of strokes
        pools = Image.fromarray(noise).resize((size_px // 12, size_px // 12), Image.Resampling.BOX)
        streaks = np.asarray(pools.resize(noise.shape, Image.Resampling.BICUBIC))
    elif medium.name == "pen":  # a marker leaves even parallel bands
        diagonal = np.add.outer(np.arange(2 * size_px) * 0.8, np.arange(2 * size_px))
        streaks = (np.sin(diagonal / (0.006 * size_px)) + 0.2 * noise).astype(np.float32)
    else:
        for k in range(length):
            streaks += np.roll(np.roll(noise, k, 0), -(k * 2) // 3, 1)
    alpha = np.clip(0.87 + medium.streaks * streaks / streaks.std(), 0.45, 1.0)
    dust = Image.fromarray((rng.random((size_px, size_px)) * 255).astype(np.uint8))
    tooth = np.asarray(dust.filter(ImageFilter.GaussianBlur(size_px / 640)), np.float32)
    return (
        Image.fromarray((alpha * 255).astype(np.uint8)),
        (tooth - tooth.mean()) / tooth.std(),
    )


class Page:
    def __init__(
        self, size_px: int, look: Look, palette: Palette, medium: Medium, rng: np.random.Generator
    ) -> None:
        self.size_px, self.look, self.palette = size_px, look, palette
        self.medium, self.rng = medium, rng
        paper = palette.paper.astype(int)
        self.image = Image.new("RGB", (size_px, size_px), tuple(paper))
        self.pen = ImageDraw.Draw(self.image)
        self.streaks, self.tooth = _grain(size_px, medium)
        self.light_from_left = rng.random() < 0.5
        self.marks = MarksMap()
        self.traits: dict[str, float] = {}  # marks of the thing that is being drawn

    def by_hand(self, line: Outline, tremble: float, closed: bool = True) -> Outline:
        """The same line, resampled and drawn with an unsteady hand."""
        ring = np.concatenate([line, line[:1]]) if closed else np.asarray(line, float)
        pieces = []
        for a, b in zip(ring[:-1], ring[1:], strict=True):
            n = max(1, int(math.hypot(*(b - a)) / 0.035))
            pieces.append(a + (b - a) * np.arange(n)[:, None] / n)
        if not closed:
            pieces.append(ring[-1:])
        points = np.concatenate(pieces)
        shake = self.rng.normal(size=points.shape) * tremble
        return points + (shake + np.roll(shake, 1, 0) + np.roll(shake, -1, 0)) / 1.8

    def _pixels(self, line: Outline) -> list[tuple[float, float]]:
        return [tuple(p) for p in (np.asarray(line) * self.size_px).tolist()]

    def _mask(self, line: Outline) -> tuple[Image.Image, tuple[int, int, int, int]] | None:
        p = np.asarray(line) * self.size_px
        x0, y0 = np.maximum(p.min(0), 0).astype(int)
        x1, y1 = np.minimum(p.max(0) + 2, self.size_px).astype(int)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        mask = Image.new("L", (int(x1 - x0), int(y1 - y0)), 0)
        ImageDraw.Draw(mask).polygon([tuple(q) for q in (p - [x0, y0]).tolist()], fill=255)
        return mask, (int(x0), int(y0), int(x1), int(y1))

    def fill(self, line: Outline, color: Color, solid: bool = False) -> None:
        found = self._mask(line)
        if found is None:
            return
        mask, (x0, y0, x1, y1) = found
        if not solid:
            dx, dy = self.rng.integers(0, self.size_px, 2).tolist()
            streaks = self.streaks.crop((dx, dy, dx + x1 - x0, dy + y1 - y0))
            mask = ImageChops.multiply(mask, streaks)
        self.image.paste(color, (x0, y0, x1, y1), mask)

    def line(
        self, line: Outline, width: float = 1.0, color: Color | None = None, closed: bool = False
    ) -> None:
        pixels = self._pixels(line)
        self.pen.line(
            pixels + pixels[:1] if closed else pixels,
            fill=color or self.palette.ink,
            width=max(1, round(LINE * self.medium.line * width * self.size_px)),
            joint="curve",
        )

    def shape(self, line: Outline, color: Color, width: float = 1.0) -> None:
        """A colored outline: shaky and missed by its color, or steady with light and shadow."""
        look = self.look
        angle = self.rng.random() * 2 * math.pi
        slip = look.miss * np.array([math.cos(angle), math.sin(angle)])
        self.fill(self.by_hand(line + slip, look.tremble * 0.5), color)
        if look.shade > 0.05:
            self._light(line)
        self.line(self.by_hand(line, look.tremble), width, self._outline_color(color), closed=True)
        self.marks.cover(line, {"miss": 20 * look.miss, "shade": look.shade, **self.traits})

    def _outline_color(self, color: Color) -> Color:
        if not self.medium.colored_lines:
            return self.palette.ink
        r, g, b = (int(0.3 * c + 0.7 * i) for c, i in zip(color, self.palette.ink, strict=True))
        return (r, g, b)

    def _light(self, line: Outline) -> None:
        found = self._mask(line)
        if found is None:
            return
        mask, corners = found
        ramp = Image.linear_gradient("L").rotate(90 if self.light_from_left else -90)
        ramp = ramp.resize(mask.size)
        k = int(230 * self.look.shade)
        dark = ramp.point(lambda v: max(0, v - 105) * k // 150)
        light = ramp.point(lambda v: max(0, 95 - v) * k // 150)
        self.image.paste(
            self.palette.pressed((28, 24, 60)), corners, ImageChops.multiply(mask, dark)
        )
        self.image.paste((255, 255, 242), corners, ImageChops.multiply(mask, light))

    def sky_light(self) -> None:
        """Light and space on the page itself: the sky darkens upward, the ground downward."""
        size = self.image.size
        fall = Image.linear_gradient("L").resize(size)
        strength = 0.75 * self.look.shade
        dark = fall.point(lambda v: int(strength * max(0, 150 - v, (v - 190) * 1.5)))
        self.image.paste(self.palette.pressed((58, 78, 132)), (0, 0), dark)

    def shadow(self, x: float, y: float, rx: float, ry: float) -> None:
        if self.look.shade > 0.05:
            side = 1 if self.light_from_left else -1
            color = self.palette.pressed((40, 38, 66), 0.3 + 0.65 * self.look.shade)
            line = ellipse(x + side * rx * 0.65, y, rx, ry)
            self.fill(line, color)
            self.marks.cover(line, {"shade": self.look.shade})

    def eyes_and_grin(self, x: float, y: float, r: float) -> None:
        """Big round eyes and a grin: a thing that has become somebody."""
        white = self.palette.pressed((255, 255, 255))
        for side in (-1, 1):
            eye = ellipse(x + side * r, y, r * 0.97, r * 1.15, 16)
            self.fill(eye, white, solid=True)
            self.line(eye, 0.8, closed=True)
            pupil = ellipse(x + side * r * 0.75, y + r * 0.2, r * 0.5, r * 0.6, 12)
            self.fill(pupil, self.palette.ink, solid=True)
        angle = np.linspace(0.3, math.pi - 0.3, 8)
        grin = np.stack([x + 1.35 * r * np.cos(angle), y + r * (1.5 + 0.9 * np.sin(angle))], 1)
        self.line(grin, 1.2)
        self.marks.add("face", ellipse(x, y + r * 0.5, 2 * r, 2 * r))

    def field(self, line: Outline, color: Color) -> None:
        self.fill(self.by_hand(line, 0.004), color)
        self.marks.cover(line, {})

    def texture(self, line: Outline, kind: str) -> None:
        """Fill a field with one kind of mark."""
        found = self._mask(line)
        if found is None:
            return
        field, corners = found
        marks = Image.new("L", field.size, 0)
        px = self.size_px
        DRAW_TEXTURE[kind](ImageDraw.Draw(marks), field.size, px, self.rng)
        self.image.paste(self.palette.ink, corners, ImageChops.multiply(field, marks))
        self.marks.cover(line, {kind: 1.0})

    def finished(self) -> Image.Image:
        """Wax and ink do not reach the valleys of the paper."""
        rows, columns = self.rng.integers(0, self.size_px, 2).tolist()
        tooth = np.roll(self.tooth, (rows, columns), (0, 1))[..., None]
        bare = np.clip(0.8 * self.medium.tooth + self.medium.tooth * tooth, 0, 0.5)
        pixels: np.ndarray[Any, Any] = np.asarray(self.image, np.float32)
        pixels = pixels * (1 - bare) + self.palette.paper.astype(np.float32) * bare
        pixels += (1 + 12 * self.medium.tooth) * tooth
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


Pen = ImageDraw.ImageDraw
Size = tuple[int, int]


def _dots(pen: Pen, size: Size, px: int, rng: np.random.Generator) -> None:
    step, r = TEXTURE_PERIOD * px, 0.019 * px
    for i, y in enumerate(np.arange(step * 0.5, size[1] + r, step)):
        for x in np.arange(step * (0.3 + 0.5 * (i % 2)), size[0] + r, step):
            dx, dy = rng.normal(size=2) * 0.003 * px
            pen.ellipse((x + dx - r, y + dy - r, x + dx + r, y + dy + r), fill=255)


def _rings(pen: Pen, size: Size, px: int, rng: np.random.Generator) -> None:
    step, r = TEXTURE_PERIOD * px * 1.1, 0.026 * px
    for i, y in enumerate(np.arange(step * 0.5, size[1] + r, step)):
        for x in np.arange(step * (0.3 + 0.5 * (i % 2)), size[0] + r, step):
            dx, dy = rng.normal(size=2) * 0.002 * px
            pen.ellipse(
                (x + dx - r, y + dy - r, x + dx + r, y + dy + r), outline=255, width=_width(px)
            )


def _rows(
    wave: Callable[[np.ndarray], np.ndarray],
) -> Callable[[Pen, Size, int, np.random.Generator], None]:
    def draw(pen: Pen, size: Size, px: int, rng: np.random.Generator) -> None:
        step = 0.8 * TEXTURE_PERIOD * px
        for y in np.arange(0.35 * step, size[1] + step, step):
            x = np.arange(-step, size[0] + step, 0.006 * px)
            shift = rng.random() * px * 0.02
            pen.line(
                np.stack([x, y + px * wave((x + shift) / px)], 1).ravel().tolist(),
                fill=255,
                width=_width(px),
                joint="curve",
            )

    return draw


def _stripes(pen: Pen, size: Size, px: int, rng: np.random.Generator) -> None:
    for x in np.arange(0.2 * TEXTURE_PERIOD * px, size[0] + 9, 0.55 * TEXTURE_PERIOD * px):
        a, b = rng.normal(size=2) * 0.004 * px
        pen.line((x + a, -2, x + b, size[1] + 2), fill=255, width=_width(px))


def _cross(pen: Pen, size: Size, px: int, rng: np.random.Generator) -> None:
    width, height = size
    for t in np.arange(-height, width, TEXTURE_PERIOD * px * 0.9):
        t += rng.normal() * 0.003 * px
        pen.line((t, 0, t + height, height), fill=255, width=_width(px))
        pen.line((t, height, t + height, 0), fill=255, width=_width(px))


def _width(px: int) -> int:
    return max(1, round(1.8 * LINE * px))


def _zigzag(x: np.ndarray) -> np.ndarray:
    return 0.036 * np.abs((x / 0.048) % 1 - 0.5)


DRAW_TEXTURE: dict[str, Callable[[Pen, Size, int, np.random.Generator], None]] = {
    "dots": _dots,
    "rings": _rings,
    "waves": _rows(lambda x: 0.012 * np.sin(x / 0.0135)),
    "zigzag": _rows(_zigzag),
    "stripes": _stripes,
    "cross": _cross,
}

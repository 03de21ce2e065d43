"""Impossible visitors: things that cannot be there, each in its own small burst of rays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ml.drawing.page import Color, Page
from ml.drawing.shapes import box, ellipse, heart, outline, star

GLOW = (255, 222, 70)
Draw = Callable[[Page, np.ndarray, float, Color, Color], None]


def draw_visitor(page: Page, kind: int, x: float, y: float, r: float, color: int) -> None:
    at = np.array([x, y])
    for angle in np.linspace(0, 2 * math.pi, 10, endpoint=False):
        ray = np.array([math.cos(angle), math.sin(angle)])
        page.line(np.stack([at + 1.36 * r * ray, at + 1.75 * r * ray]), 1.6)
    page.fill(ellipse(x, y, 1.22 * r), page.palette.pressed(GLOW), solid=True)
    page.line(ellipse(x, y, 1.22 * r), 0.9, closed=True)
    VISITORS[kind](page, at, r, page.palette.color(color), page.palette.color(color + 2))
    page.marks.add("visitor", ellipse(x, y, 1.6 * r))


def _flying_fish(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(outline((0.5, 0), (1, -0.4), (1, 0.4)) * r + at, one)
    page.shape(ellipse(-0.15, 0, 0.7, 0.42, 16) * r + at, one)
    page.shape(outline((-0.2, -0.3), (0.3, -0.95), (0.3, -0.25)) * r + at, two)
    page.fill(ellipse(-0.5, -0.05, 0.12, n=8) * r + at, page.palette.ink, solid=True)


def _crowned_star(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(star(0, 0.1, 0.95) * r + at, one)
    crown = outline(
        (-0.4, -0.4), (-0.45, -0.95), (-0.2, -0.7), (0, -1), (0.2, -0.7), (0.45, -0.95), (0.4, -0.4)
    )
    page.shape(crown * r + at, two)


def _saucer(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(ellipse(0, -0.2, 0.45, 0.5, 14) * r + at, two)
    page.shape(ellipse(0, 0.15, 0.98, 0.32, 18) * r + at, one)


def _spiral(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(ellipse(0, 0, 0.9) * r + at, one)
    t = np.arange(31)
    curl = np.stack([np.cos(0.55 * t), np.sin(0.55 * t)], 1) * (0.8 * t / 30)[:, None]
    page.line(curl * r + at, 1.2)


def _rainbow(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    angle = np.linspace(0, math.pi, 12)
    for i, color in enumerate((one, two, one)):
        k = 1 - 0.27 * i
        page.shape(np.stack([k * np.cos(angle), 0.45 - 1.2 * k * np.sin(angle)], 1) * r + at, color)


def _winged_heart(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    wing = outline((-0.4, 0), (-1.05, -0.6), (-0.85, 0.2))
    page.shape(wing * r + at, two)
    page.shape(wing * [-1, 1] * r + at, two)
    page.shape(heart(0, 0, 0.62) * r + at, one)


def _umbrella_boat(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(outline((-0.8, 0.35), (0.8, 0.35), (0.45, 0.85), (-0.45, 0.85)) * r + at, two)
    page.shape(box(-0.05, -0.5, 0.05, 0.4) * r + at, one)
    angle = np.linspace(math.pi, 2 * math.pi, 11)
    page.shape(np.stack([0.85 * np.cos(angle), -0.1 + 0.85 * np.sin(angle)], 1) * r + at, one)


def _one_eyed_moon(page: Page, at: np.ndarray, r: float, one: Color, two: Color) -> None:
    page.shape(ellipse(0, 0, 0.85) * r + at, one)
    for side in (-1, 1):
        page.shape(
            outline((0.3 * side, -0.7), (0.75 * side, -1.05), (0.65 * side, -0.5)) * r + at, two
        )
    page.shape(ellipse(0, -0.05, 0.4) * r + at, two)
    page.fill(ellipse(0.08, 0, 0.17, n=10) * r + at, page.palette.ink, solid=True)


VISITORS: tuple[Draw, ...] = (
    _flying_fish,
    _crowned_star,
    _saucer,
    _spiral,
    _rainbow,
    _winged_heart,
    _umbrella_boat,
    _one_eyed_moon,
)

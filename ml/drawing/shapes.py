"""Outlines as arrays of points (n, 2); x to the right, y down."""

from __future__ import annotations

import math

import numpy as np

Outline = np.ndarray


def outline(*points: tuple[float, float]) -> Outline:
    return np.array(points, float)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, n: int = 22) -> Outline:
    angle = np.linspace(0, 2 * math.pi, n, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + (ry or rx) * np.sin(angle)], 1)


def box(x0: float, y0: float, x1: float, y1: float) -> Outline:
    return outline((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def dome(x: float, y: float, rx: float, ry: float) -> Outline:
    angle = np.linspace(math.pi, 2 * math.pi, 13)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1)


def star(x: float, y: float, r: float, tips: int = 5, depth: float = 0.45) -> Outline:
    i = np.arange(2 * tips)
    radius = np.where(i % 2 == 0, r, r * depth)
    return np.stack(
        [x + radius * np.sin(i * math.pi / tips), y - radius * np.cos(i * math.pi / tips)], 1
    )


def heart(x: float, y: float, r: float) -> Outline:
    a = np.linspace(0, 2 * math.pi, 20, endpoint=False)
    height = (13 * np.cos(a) - 5 * np.cos(2 * a) - 2 * np.cos(3 * a) - np.cos(4 * a)) / 16
    return np.stack([x + r * np.sin(a) ** 3, y - r * height], 1)


def crescent(x: float, y: float, r: float) -> Outline:
    outer = np.linspace(0.9, 2 * math.pi - 0.9, 16)
    inner = np.linspace(2 * math.pi - 1.05, 1.05, 12)
    return np.concatenate(
        [
            np.stack([x + r * np.cos(outer), y + r * np.sin(outer)], 1),
            np.stack([x + r * (0.32 + 0.72 * np.cos(inner)), y + 0.92 * r * np.sin(inner)], 1),
        ]
    )

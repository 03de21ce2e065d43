"""The people of a drawing: the more deformed, the bigger the head and the longer the arms."""

from __future__ import annotations

import math

import numpy as np

from ml.drawing.page import Page
from ml.drawing.shapes import box, ellipse, outline


def draw_figure(
    page: Page, x: float, y: float, head: float, arm: float, size: float, bend: float
) -> None:
    """``y`` is the hip. ``head`` and ``arm`` are lengths on the page, ``size`` scales the rest."""
    rng, colors = page.rng, page.palette
    first = int(rng.integers(0, 9))
    skin = colors.skin
    torso, leg = 0.13 * size, 0.11 * size
    page.shadow(x, y + leg, 0.1 * size, 0.022 * size)
    for side in (-1, 1):
        t = np.linspace(0, 1, 8)
        wiggle = 0.03 * bend * np.sin(8.4 * t)
        limb = np.stack([x + side * (0.03 + 0.02 * t) * size + wiggle, y + leg * t], 1)
        page.line(limb, 4.6 * size, colors.ink)
        page.line(limb, 3.2 * size, colors.color(first))
        foot_x, foot_y = limb[-1] + [side * 0.012, 0.004]
        page.shape(
            ellipse(foot_x, foot_y, 0.026 * size, 0.014 * size, 12),
            colors.color(first + 1),
            0.8,
        )
        wiggle = 0.055 * bend * np.sin(10.4 * t)
        lift = 0.05 * np.sin(3.1 * t)
        limb = np.stack(
            [x + side * (0.03 * size + arm * size * t), y - 0.8 * torso - lift + wiggle], 1
        )
        page.line(limb, 4.8 * size, colors.ink)
        page.line(limb, 3.0 * size, skin)
        page.shape(ellipse(limb[-1, 0], limb[-1, 1], 0.017 * size + 0.04 * bend, n=14), skin)
    _clothes(page, x, y, torso, size, first)
    _head(page, x, y - torso - head * 0.9, head, first)


def _clothes(page: Page, x: float, y: float, torso: float, size: float, first: int) -> None:
    color = page.palette.color(first + 2)
    if page.rng.random() < 0.5:
        dress = outline(
            (-0.045, -torso / size), (0.045, -torso / size), (0.08, 0.02), (-0.08, 0.02)
        )
        page.shape(dress * size + [x, y], color)
    else:
        shirt = outline(
            (-0.055, -torso / size), (0.055, -torso / size), (0.06, 0.015), (-0.06, 0.015)
        )
        page.shape(shirt * size + [x, y], color)
        stripe = box(-0.055, -0.075, 0.055, -0.045) * size + [x, y]
        page.fill(stripe, page.palette.color(first + 3))


def _head(page: Page, x: float, y: float, r: float, first: int) -> None:
    colors, rng, ink = page.palette, page.rng, page.palette.ink
    hair = colors.color(first + 4)
    style = int(rng.integers(0, 5))
    if style == 0:  # long
        page.shape(ellipse(x, y + 0.25 * r, 1.22 * r, 1.3 * r), hair)
    elif style == 1:  # bunches
        for side in (-1, 1):
            page.shape(ellipse(x + side * 1.25 * r, y - 0.1 * r, 0.36 * r, 0.5 * r, 14), hair)
    elif style == 2:  # ears of a costume
        for side in (-1, 1):
            page.shape(ellipse(x + side * 0.6 * r, y - 1.25 * r, 0.24 * r, 0.5 * r, 14), hair)
    page.shape(ellipse(x, y, r, n=26), colors.skin)
    if style == 4:  # a hat
        brim = box(x - 0.95 * r, y - 0.75 * r, x + 0.95 * r, y - 0.55 * r)
        page.shape(
            outline((x - 0.7 * r, y - 0.7 * r), (x, y - 1.75 * r), (x + 0.7 * r, y - 0.7 * r)), hair
        )
        page.shape(brim, colors.color(first + 5))
    else:
        for angle in np.linspace(1.1 * math.pi, 1.9 * math.pi, 9):
            ray = np.array([math.cos(angle), math.sin(angle)])
            page.line(np.stack([ray * 0.86 * r, ray * 1.2 * r]) + [x, y], 2.2, hair)
    for side in (-1, 1):
        page.fill(ellipse(x + 0.36 * side * r, y - 0.1 * r, 0.011, 0.013, 10), ink, solid=True)
        cheek = ellipse(x + 0.6 * side * r, y + 0.27 * r, 0.17 * r, 0.14 * r, 12)
        page.fill(cheek, colors.pressed((238, 130, 125), 0.7))
    angle = np.linspace(0.35, 2.8, 9)
    smile = np.stack([x + 0.45 * r * np.cos(angle), y + r * (0.12 + 0.42 * np.sin(angle))], 1)
    page.line(smile, 1.1)

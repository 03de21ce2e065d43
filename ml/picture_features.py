"""Twenty-one measures of a picture, made by hand: the "traditional" baseline. numpy and scipy only.

They know nothing of the rubric. What a ridge on them reaches is what a model has to beat before
anything it says about a drawing is worth more than how much ink there is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE_PX = 256
INK = 0.15  # darker or more colorful than the paper by at least this share counts as a mark
NAMES = (
    *("ink share", "ink strength", "tonal spread", "edge share", "edge directions", "line width"),
    *("parts", "largest part", "mean part", "center across", "center down", "spread across"),
    *("spread down", "mirror left-right", "mirror up-down", "empty sixteenths", "box dimension"),
    *("colorfulness", "saturation", "hues", "colored share"),
)


def picture_features(image: Image.Image) -> NDArray[np.float64]:
    """(21,) measures of an RGB picture of any size, in the order of NAMES; always finite."""
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX))
    rgb = np.asarray(small, dtype=np.float64) / 255  # (height, width, 3)
    grey = rgb.mean(axis=2)
    paper = np.median(rgb.reshape(-1, 3), axis=0)
    away = np.abs(rgb - paper).max(axis=2)  # how far from the paper
    ink = away > INK
    saturation = rgb.max(axis=2) - rgb.min(axis=2)
    return np.array(
        [
            ink.mean(),
            away[ink].mean() if ink.any() else 0.0,
            grey.std(),
            *_edges(grey),
            _line_width(ink),
            *_parts(ink),
            *_places(ink),
            *_mirrors(away),
            _empty_cells(ink),
            _box_dimension(ink),
            *_colors(rgb, saturation),
        ]
    )


def _edges(grey: NDArray[np.float64]) -> tuple[float, float]:
    """Share of steep places, and entropy of their directions in 0..1."""
    across, down = ndimage.sobel(grey, axis=1), ndimage.sobel(grey, axis=0)
    strength = np.hypot(across, down)
    angle = np.arctan2(down, across) % np.pi
    counts, _ = np.histogram(angle, bins=12, range=(0, np.pi), weights=strength)
    return float((strength > 0.3).mean()), _entropy(counts)


def _line_width(ink: NDArray[np.bool_]) -> float:
    if not ink.any():
        return 0.0
    return float(ndimage.distance_transform_edt(ink)[ink].mean())


def _parts(ink: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Logarithm of their number; share of the largest; logarithm of the mean size."""
    labels, count = ndimage.label(ink, structure=np.ones((3, 3)))
    if count == 0:
        return 0.0, 0.0, 0.0
    sizes = np.bincount(labels.ravel())[1:]
    return float(np.log1p(count)), float(sizes.max() / sizes.sum()), float(np.log(sizes.mean()))


def _places(ink: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Center and spread of the marks, as shares of the page."""
    if not ink.any():
        return 0.5, 0.5, 0.0, 0.0
    rows, columns = np.nonzero(ink)
    x, y = columns / ink.shape[1], rows / ink.shape[0]
    return float(x.mean()), float(y.mean()), float(x.std()), float(y.std())


def _mirrors(away: NDArray[np.float64]) -> tuple[float, float]:
    blurred = ndimage.gaussian_filter(away, 4)
    return _likeness(blurred, blurred[:, ::-1]), _likeness(blurred, blurred[::-1])


def _likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 1e-9 else 0.0


def _empty_cells(ink: NDArray[np.bool_]) -> float:
    cells = [part for row in np.array_split(ink, 4) for part in np.array_split(row, 4, axis=1)]
    return float(np.mean([cell.mean() < 0.01 for cell in cells]))


def _box_dimension(ink: NDArray[np.bool_]) -> float:
    """Slope of the number of marked boxes over their size: 1 for a line, 2 for a filled page."""
    if not ink.any():
        return 0.0
    sizes = np.array([2, 4, 8, 16, 32])
    counts = []
    for size in sizes:
        height, width = (-(-n // size) * size for n in ink.shape)
        page = np.zeros((height, width), dtype=bool)
        page[: ink.shape[0], : ink.shape[1]] = ink
        boxes = page.reshape(height // size, size, width // size, size).any(axis=(1, 3))
        counts.append(boxes.sum())
    return float(-np.polyfit(np.log(sizes), np.log(counts), 1)[0])


def _colors(
    rgb: NDArray[np.float64], saturation: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Colorfulness (Hasler and Suesstrunk, 2003), mean saturation, hues in 0..1, colored share."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    first, second = red - green, (red + green) / 2 - blue
    colorful = np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean())
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    colored = saturation > INK
    counts, _ = np.histogram(hue[colored], bins=18, range=(-np.pi, np.pi))
    return float(colorful), float(saturation.mean()), _entropy(counts), float(colored.mean())


def _entropy(counts: NDArray[np.float64]) -> float:
    """Of shares, over the largest there could be: 0 for one bin alone, 1 for all alike."""
    total = counts.sum()
    if total <= 0:
        return 0.0
    shares = counts[counts > 0] / total
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts)))

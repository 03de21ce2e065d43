"""What the vision tower is taught to see in each patch, and the base model's first impression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.demo.pictures import CELL_PX, PictureSet, batches
from ml.drawing import MARKS

HUES = 12
PIXEL_TARGETS = HUES + 8  # then color (3), edges (2), strong ink, any ink, colored


@dataclass(frozen=True)
class Standard:
    """Mean and spread of the training pictures; every later set is measured against them."""

    patch_mean: np.ndarray
    patch_spread: np.ndarray
    mark_mean: np.ndarray
    impression_mean: np.ndarray
    impression_spread: np.ndarray
    impression_steps: np.ndarray  # four borders between five levels


@dataclass(frozen=True)
class Targets:
    patches: Tensor  # (N, C, C, K) standardized: hues, color, edges, ink, kinds of mark
    whole: Tensor  # (N, 9 + kinds of mark): the causes in [-2, 2], amount of each mark
    impression: Tensor  # (N,) int 1..5: how strongly and busily the page is drawn on


def mirrored(patches: Tensor) -> Tensor:
    """The targets of the pages' mirror images: columns change places, also within a token."""
    pixels, quarters = patches[..., :PIXEL_TARGETS], patches[..., PIXEL_TARGETS:]
    swapped = quarters.unflatten(-1, (2, 2, len(MARKS))).flip(-2).flatten(-3)
    return torch.cat([pixels, swapped], -1).flip(2)


def measure(pictures: PictureSet, standard: Standard | None = None) -> tuple[Targets, Standard]:
    patches, impression = _pixel_statistics(pictures.pixels)
    patches = np.concatenate([patches, _quarters(pictures.marks)], -1)
    amount = np.sqrt(pictures.marks.mean((1, 2))) * 4
    if standard is None:
        level = _standardized(impression, impression.mean(0), impression.std(0)) @ (1, 1, 0.5)
        standard = Standard(
            patches.mean((0, 1, 2)),
            patches.std((0, 1, 2)) + 1e-4,
            amount.mean(0),
            impression.mean(0),
            impression.std(0),
            np.quantile(level, [0.2, 0.4, 0.6, 0.8]),
        )
    level = _standardized(impression, standard.impression_mean, standard.impression_spread) @ (
        1,
        1,
        0.5,
    )
    targets = Targets(
        torch.tensor((patches - standard.patch_mean) / standard.patch_spread).float(),
        torch.tensor(
            np.concatenate([pictures.causes * 4 - 2, amount - standard.mark_mean], 1)
        ).float(),
        torch.tensor(np.searchsorted(standard.impression_steps, level) + 1),
    )
    return targets, standard


def _quarters(marks: np.ndarray) -> np.ndarray:
    """(N, 2C, 2C, K) to (N, C, C, 4K): each merged token tells its four patches apart."""
    n, side, _, kinds = marks.shape
    quarters = marks.reshape(n, side // 2, 2, side // 2, 2, kinds).transpose(0, 1, 3, 2, 4, 5)
    return quarters.reshape(n, side // 2, side // 2, 4 * kinds)


def _standardized(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return (values - mean) / spread


def _pixel_statistics(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per cell (N, C, C, 20), and per picture (N, 3): tonal spread, edges, ink."""
    cells, pages = zip(
        *(_statistics(pixels[part].astype(np.float32) / 255) for part in batches(len(pixels), 200)),
        strict=True,
    )
    return np.concatenate(cells), np.concatenate(pages)


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, side = len(x), x.shape[1] // CELL_PX

    def per_cell(values: np.ndarray) -> np.ndarray:
        return values.reshape(n, side, CELL_PX, side, CELL_PX).mean((2, 4))

    def high(values: np.ndarray, quantile: float) -> np.ndarray:
        some = values.reshape(n, -1)[:, ::7]
        return np.maximum(np.quantile(some, quantile, axis=1), 0.05)[:, None, None]

    grey, saturation, hue = x.mean(-1), x.max(-1) - x.min(-1), _hue(x)
    colored = saturation > np.maximum(0.35 * high(saturation, 0.985), 0.05)
    paper = np.median(grey.reshape(n, -1)[:, ::7], 1)[:, None, None]
    # Relative to the strongest mark: hues and edges must be seen on pale pages too.
    strongest = high(np.abs(grey - paper), 0.995)
    edge = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = np.abs(edge[:, 1:-1, 2:] - edge[:, 1:-1, :-2]) / strongest
    down = np.abs(edge[:, 2:, 1:-1] - edge[:, :-2, 1:-1]) / strongest
    ink = np.abs(grey - paper) / strongest
    of_hue = [colored & ((hue * HUES).astype(int) % HUES == k) for k in range(HUES)]
    cells = [np.sqrt(per_cell(mask.astype(np.float32))) for mask in of_hue]
    cells += [per_cell(x[..., k]) for k in range(3)]
    strokes = (across, down, ink > 0.7, ink > 0.15, colored)
    cells += [per_cell(values.astype(np.float32)) for values in strokes]
    page = [grey.std((1, 2)), (across + down).mean((1, 2)), (ink > 0.15).mean((1, 2))]
    return np.stack(cells, -1), np.stack(page, 1)


def _hue(x: np.ndarray) -> np.ndarray:
    """Hue in [0, 1) of (..., 3) colors in [0, 1]."""
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    top, spread = x.max(-1), x.max(-1) - x.min(-1) + 1e-6
    sixth = np.where(
        top == r,
        ((g - b) / spread) % 6,
        np.where(top == g, (b - r) / spread + 2, (r - g) / spread + 4),
    )
    return sixth / 6

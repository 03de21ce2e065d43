"""From the model's expectation to a teacher's level, with an interval that holds what it says.

Monotone calibration on one half of held-out scores, split-conformal intervals on the other half,
so neither sees what it is judged by. numpy only; works on plain numbers, not on logits: the
expectation itself is computed in ``ml.score_tokens`` and nowhere else.

Source: isotonic regression by pooling adjacent violators; split conformal prediction with
normalized residuals (Lei et al., 2018, "Distribution-Free Predictive Inference for Regression").
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.errors import EngineError
from ml.profiles import Calibration

MIN_SCORES = 40
GROUP_SIZE = 10  # scores averaged before pooling, so that single raters do not make a step
MAX_GROUPS = 12
UNSURE_SHARE = 0.2
Floats = NDArray[np.float64]


def fit_calibration(
    expectations: ArrayLike,
    sds: ArrayLike,
    labels: ArrayLike,
    levels: tuple[int, int],
    coverage: float = 0.9,
    seed: int = 0,
) -> Calibration:
    """Fits one dimension on held-out teacher scores.

    Args:
        expectations: (N,) ``expected_score``, in levels.
        sds: (N,) ``level_sd``, in levels.
        labels: (N,) what teachers said, in levels.
        levels: first and last level of the rubric.
        coverage: share of new scores the interval is to hold.
        seed: of the split into halves.

    Raises:
        EngineError: fewer than MIN_SCORES scores, or some that are no numbers.
    """
    x, sd, y = (np.asarray(values, dtype=np.float64) for values in (expectations, sds, labels))
    if len(x) < MIN_SCORES:
        raise EngineError(
            f"Calibration needs at least {MIN_SCORES} held-out scores of a dimension; "
            f"there are {len(x)}."
        )
    if not all(np.isfinite(values).all() for values in (x, sd, y)):
        raise EngineError("Calibration needs numbers; a score or a level is none.")
    order = np.random.default_rng(seed).permutation(len(x))
    shape, judge = order[: len(x) // 2], order[len(x) // 2 :]
    points = _with_ends(_pool(*_group_means(x[shape], y[shape])), levels)
    sd_floor = max(0.05, float(np.quantile(sd[shape], 0.1)))
    residuals = np.abs(y[judge] - _interpolate(points, x[judge]))
    quantile = _conformal_quantile(residuals / np.maximum(sd[judge], sd_floor), coverage)
    draft = Calibration(points, quantile, sd_floor, coverage, math.inf, len(x))
    ranges = [interval(draft, *pair, levels) for pair in zip(x, sd, strict=True)]
    widths = [high - low for low, high in ranges]
    return replace(draft, unsure_width=float(np.quantile(widths, 1 - UNSURE_SHARE)))


def calibrated(calibration: Calibration, expectation: float) -> float:
    """The calibrated expectation, in levels."""
    return float(_interpolate(calibration.points, np.asarray(expectation)))


def interval(
    calibration: Calibration, expectation: float, sd: float, levels: tuple[int, int]
) -> tuple[float, float]:
    """The range that holds a teacher's level with probability ``calibration.coverage``."""
    center = calibrated(calibration, expectation)
    half = calibration.quantile * max(sd, calibration.sd_floor)
    first, last = levels
    return max(float(first), center - half), min(float(last), center + half)


def _interpolate(points: tuple[tuple[float, float], ...], x: Floats) -> Floats:
    xs, ys = zip(*points, strict=True)
    return np.interp(x, xs, ys)


def _group_means(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(x, kind="stable")
    count = min(MAX_GROUPS, max(1, len(x) // GROUP_SIZE))
    groups = np.array_split(order, count)
    return np.array([x[g].mean() for g in groups]), np.array([y[g].mean() for g in groups])


def _pool(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """Pools neighbors until y rises strictly with x; groups weigh alike."""
    blocks: list[tuple[float, float, int]] = []
    for block in zip(x, y, [1] * len(x), strict=True):
        blocks.append(block)
        while len(blocks) > 1 and not _rises(*blocks[-2:]):
            (x1, y1, n1), (x2, y2, n2) = blocks.pop(-2), blocks.pop()
            n = n1 + n2
            blocks.append(((x1 * n1 + x2 * n2) / n, (y1 * n1 + y2 * n2) / n, n))
    return [(float(x), float(y)) for x, y, _ in blocks]


def _rises(before: tuple[float, float, int], after: tuple[float, float, int]) -> bool:
    return before[0] < after[0] and before[1] < after[1]


def _with_ends(
    points: list[tuple[float, float]], levels: tuple[int, int]
) -> tuple[tuple[float, float], ...]:
    """Goes on level for level beyond the outermost groups, so that no two pictures are tied."""
    first, last = map(float, levels)
    (x_low, y_low), (x_high, y_high) = points[0], points[-1]
    low = [(first, max(first, y_low - (x_low - first)))] if x_low > first else []
    high = [(last, min(last, y_high + (last - x_high)))] if x_high < last else []
    return tuple(low + points + high)


def _conformal_quantile(scores: Floats, coverage: float) -> float:
    """The k-th smallest of n, k = ceil((n + 1) * coverage): valid for any n it exists for."""
    k = math.ceil((len(scores) + 1) * coverage)
    if k > len(scores):
        raise EngineError(f"{len(scores)} scores cannot carry intervals of {coverage:.0%}.")
    return float(np.sort(scores)[k - 1])

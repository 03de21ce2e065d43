"""How well predictions agree with what people said, one dimension at a time. numpy and scipy only.

Every figure is a value with no reason, or no value with the reason why; never nan. There is no
function for several dimensions at once: pooled over dimensions, a predictor that looks at no
picture seems to be good, because dimensions differ in their mean (arXiv 2512.12503).

Arrays are (N,) of float, in levels, nan where missing; a pair with a missing half is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Levels = tuple[int, int]  # first and last level of the rubric

SHARE_OF_DRAWS = 0.9  # of a bootstrap that must have a figure
TOO_FEW = "only {n} of the pictures can be compared; {needed} are needed"
NO_PICTURE = "no picture can be compared"
SAME_PREDICTION = "the predictions are all the same"
SAME_LABEL = "the labels are all the same"
SAME_LEVEL = "predictions and labels are all the same level"


class Figure(NamedTuple):
    """A number, or the reason why there is none."""

    value: float | None
    reason: str | None = None


class Interval(NamedTuple):
    """The ends of an interval, or the reason why there is none."""

    ends: tuple[float, float] | None
    reason: str | None = None


def pearson(prediction: Floats, label: Floats) -> Figure:
    """Pearson's correlation, -1 to 1; none below 3 pairs or if one side is constant.

    Equals ``scipy.stats.pearsonr``.
    """
    x, y = _pairs(prediction, label)
    if reason := _few(len(x), 3) or _constant(x, y):
        return Figure(None, reason)
    return Figure(float(np.clip(_unit(x) @ _unit(y), -1.0, 1.0)))


def spearman(prediction: Floats, label: Floats) -> Figure:
    """Spearman's rank correlation, -1 to 1, ties at their mean rank; none as in ``pearson``.

    Equals ``scipy.stats.spearmanr``.
    """
    x, y = _pairs(prediction, label)
    return pearson(rankdata(x), rankdata(y)) if len(x) else Figure(None, NO_PICTURE)


def quadratic_kappa(prediction: Floats, label: Floats, levels: Levels) -> Figure:
    """Cohen's kappa of the rounded levels, squared weights, over the full scale; at most 1.

    None below 2 pairs, or if every prediction and label is one and the same level. The expected
    disagreement of two raters who do not look at the same picture is the sum of their variances
    and the squared difference of their means; twice the covariance is what they save of it.

    Source: Cohen (1968), "Weighted kappa". Equals ``sklearn.metrics.cohen_kappa_score`` with
    ``weights="quadratic"``, whose table of levels this form does without.
    """
    x, y = (round_half_up(side, levels) for side in _pairs(prediction, label))
    if reason := _few(len(x), 2):
        return Figure(None, reason)
    expected = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    if expected == 0:
        return Figure(None, SAME_LEVEL)
    return Figure(float(2 * np.mean((x - x.mean()) * (y - y.mean())) / expected))


def mae(prediction: Floats, label: Floats) -> Figure:
    """Mean absolute error, in levels, 0 or more. Equals ``sklearn.metrics.mean_absolute_error``."""
    x, y = _pairs(prediction, label)
    return _mean(np.abs(x - y))


def mse(prediction: Floats, label: Floats) -> Figure:
    """Mean squared error, in squared levels. Equals ``sklearn.metrics.mean_squared_error``."""
    x, y = _pairs(prediction, label)
    return _mean((x - y) ** 2)


def bias(prediction: Floats, label: Floats) -> Figure:
    """Mean of prediction less label, in levels: above 0 if predictions are too high."""
    x, y = _pairs(prediction, label)
    return _mean(x - y)


def accuracy(prediction: Floats, label: Floats, levels: Levels) -> Figure:
    """Share of pictures with the right level, 0 to 1, both sides rounded half up."""
    x, y = (round_half_up(side, levels) for side in _pairs(prediction, label))
    return _mean(x == y)


def coverage(low: Floats, high: Floats, label: Floats) -> Figure:
    """Share of labels, 0 to 1, that lie in their interval, ends included."""
    low, high, y = _pairs(low, high, label)
    return _mean((low <= y) & (y <= high))


def round_half_up(values: Floats, levels: Levels) -> Floats:
    """The level of a fractional score: the nearest, the higher one halfway, within the scale."""
    below = np.floor(values)
    # Not floor(x + 0.5), which rounds the largest number below 0.5 to 1.
    return np.clip(below + (values - below >= 0.5), *levels)


def bootstrap(
    metric: Callable[..., Figure],
    *arrays: Floats,
    seed: int = 0,
    rounds: int = 1000,
    share: float = 0.95,
) -> Interval:
    """Percentile interval of a metric over pictures drawn with replacement.

    The same seed and number of pictures draw the same pictures, whatever the metric. Draws
    without a figure, such as one of constant labels, are left out; if more than a tenth are,
    there is no interval.

    Args:
        metric: takes as many arrays (N,) as are given, such as ``spearman``.
        share: of the draws that lie inside.

    Source: Efron (1979). Equals ``scipy.stats.bootstrap`` with ``paired`` and ``percentile``, up
    to the draws.
    """
    whole = _pairs(*arrays)
    n = len(whole[0])
    if (figure := metric(*whole)).value is None:
        return Interval(None, figure.reason)
    if reason := _few(n, 2) or (None if rounds else "no draws were asked for"):
        return Interval(None, reason)
    rng = np.random.default_rng(seed)
    draws = (rng.integers(0, n, n) for _ in range(rounds))
    figures = [metric(*(array[draw] for array in whole)).value for draw in draws]
    known = [value for value in figures if value is not None]
    if len(known) < SHARE_OF_DRAWS * rounds:
        return Interval(None, f"{rounds - len(known)} of {rounds} draws have no figure")
    low, high = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
    return Interval((float(low), float(high)))


def baselines(label: Floats, levels: Levels) -> dict[str, dict[str, Figure]]:
    """What predictors reach that look at no picture but know the labels they are judged by.

    ``mode`` says the most frequent level (of several, the lowest), ``mean`` the mean label.
    """
    y = label[~np.isnan(label)]
    levels_found, counts = np.unique(round_half_up(y, levels), return_counts=True)
    mode = np.full(len(y), levels_found[counts.argmax()] if len(y) else 0.0)
    mean = np.full(len(y), y.mean() if len(y) else 0.0)
    return {
        "mode": {
            "accuracy": accuracy(mode, y, levels),
            "mae": mae(mode, y),
            "mse": mse(mode, y),
            "qwk": quadratic_kappa(mode, y, levels),
        },
        "mean": {"mse": mse(mean, y), "mae": mae(mean, y)},
    }


def human_agreement(ratings: Floats, levels: Levels) -> dict[str, Any] | None:
    """How far raters agree with each other: every pair of them, and the mean over pairs.

    Args:
        ratings: (N, R), nan where a rater said nothing.

    Returns:
        ``spearman``, ``qwk``, ``accuracy`` and ``bias`` as Figures, means over the pairs that have
        one, and ``pairs``: of each, ``raters`` (columns counted from 1), ``n`` and the same four.
        A pair's bias is that of the first against the second, so its mean depends on the order of
        the raters. None if no picture has two raters.
    """
    pairs = [_pair(ratings, pair, levels) for pair in _raters_in_common(ratings)]
    if not pairs:
        return None
    means = {name: _mean_over(pairs, name) for name in ("spearman", "qwk", "accuracy", "bias")}
    return {**means, "pairs": pairs}


def _raters_in_common(ratings: Floats) -> Iterator[tuple[int, int]]:
    given = ~np.isnan(ratings)
    for one, other in combinations(range(ratings.shape[1]), 2):
        if (given[:, one] & given[:, other]).any():
            yield one, other


def _pair(ratings: Floats, pair: tuple[int, int], levels: Levels) -> dict[str, Any]:
    one, other = _pairs(ratings[:, pair[0]], ratings[:, pair[1]])
    return {
        "raters": [pair[0] + 1, pair[1] + 1],
        "n": len(one),
        "spearman": spearman(one, other),
        "qwk": quadratic_kappa(one, other, levels),
        "accuracy": accuracy(one, other, levels),
        "bias": bias(one, other),
    }


def _mean_over(pairs: list[dict[str, Any]], name: str) -> Figure:
    known = [pair[name].value for pair in pairs if pair[name].value is not None]
    return Figure(float(np.mean(known))) if known else Figure(None, pairs[0][name].reason)


def _pairs(*arrays: Floats) -> tuple[Floats, ...]:
    """The places where no array is nan."""
    known = ~np.isnan(arrays).any(axis=0)
    return tuple(np.asarray(array, dtype=np.float64)[known] for array in arrays)


def _unit(x: Floats) -> Floats:
    """Centered, length 1; scaled first, because the square of a tiny difference is 0."""
    x = x - x.mean()
    x = x / np.abs(x).max()
    return x / np.linalg.norm(x)


def _mean(values: NDArray[Any]) -> Figure:
    return Figure(float(values.mean())) if len(values) else Figure(None, NO_PICTURE)


def _few(n: int, needed: int) -> str | None:
    if n >= needed:
        return None
    return TOO_FEW.format(n=n, needed=needed) if n else NO_PICTURE


def _constant(x: Floats, y: Floats) -> str | None:
    if (x == x[0]).all():
        return SAME_PREDICTION
    return SAME_LABEL if (y == y[0]).all() else None

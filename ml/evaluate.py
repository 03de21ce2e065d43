"""``python -m ml evaluate --predictions CSV --labels CSV``: predictions against what people said.

Everything is per dimension, beside what a predictor reaches that looks at no picture, and beside
what two people reach; over dimensions there are only macro means. What could not be compared is
listed, never dropped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import EngineError
from ml.evaluation_report import evaluation_table, write_plots
from ml.labels import Floats, Labels, match_names, mean_of_raters, picture_stem, read_labels
from ml.metrics import (
    Figure,
    Interval,
    Levels,
    accuracy,
    baselines,
    bias,
    bootstrap,
    coverage,
    human_agreement,
    mae,
    mse,
    pearson,
    quadratic_kappa,
    spearman,
)
from ml.rubric import KIDSART

METRICS = ("spearman", "pearson", "qwk", "mae", "mse", "accuracy", "bias", "coverage")
UNKNOWN = "none by this name"
UNCLEAR = "several could be meant by the name"
Missing = dict[str, str | None]  # name, dimension (None: the whole picture), side, reason


def evaluate(
    predictions: Mapping[str, Floats],
    labels: Mapping[str, Floats],
    levels: Levels = (1, 5),
    seed: int = 0,
    rounds: int = 1000,
    *,
    intervals: Mapping[str, Floats] | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Figures per dimension, their macro means, and what is missing; fit for strict JSON.

    Args:
        predictions: per dimension (N,) fractional scores, in levels; nan where it abstained.
        labels: per dimension (N,) or (N, R), one column per rater; nan where one said nothing.
            The label is the mean of the raters; accuracy and kappa round it, half up.
        levels: first and last level of the rubric.
        seed: of the bootstrap; ``rounds`` draws, none for 0.
        intervals: per dimension (N, 2), low and high ends, for ``coverage``.
        names: of the N pictures, for ``missing``; by default they are numbered from 1.

    Returns:
        ``dimensions``: slug -> ``n``, each of METRICS, ``baseline``, ``ci``, ``human`` (on the
        same pictures) and ``reasons``: why a figure is None; ``ci.spearman`` if only its interval
        is. ``macro``: each of METRICS over the dimensions that have it, and ``dimensions``, how
        many those are. ``missing``: ``name``, ``dimension``, ``side``, ``reason``.

    Raises:
        EngineError: an infinite number, or an interval with its ends swapped.
    """
    slugs = list(dict.fromkeys([*predictions, *labels]))
    count = len(next(iter([*predictions.values(), *labels.values()]), ()))
    names = [str(k + 1) for k in range(count)] if names is None else names
    dimensions: dict[str, Any] = {}
    missing: list[Missing] = []
    for slug in slugs:
        score = predictions.get(slug, np.full(count, math.nan))
        ratings = np.atleast_2d(labels.get(slug, np.full(count, math.nan)).T).T  # (N, R)
        ends = None if intervals is None else intervals.get(slug)
        _refuse_nonsense(slug, score, ratings, ends)
        dimensions[slug] = _dimension(score, ratings, ends, levels, seed, rounds)
        why = "abstained" if slug in predictions else "the dimension was not predicted"
        missing += _gaps(names, slug, np.isnan(score), "prediction", why)
        if ends is not None:
            bare = np.isnan(ends).any(axis=1) & ~np.isnan(score)
            missing += _gaps(names, slug, bare, "prediction", "no interval")
        why = "nobody gave a level" if slug in labels else "the dimension has no labels"
        missing += _gaps(names, slug, np.isnan(mean_of_raters(ratings)), "label", why)
    return {"dimensions": dimensions, "macro": _macro(dimensions), "missing": missing}


def _refuse_nonsense(slug: str, score: Floats, ratings: Floats, ends: Floats | None) -> None:
    if any(np.isinf(values).any() for values in (score, ratings, ends) if values is not None):
        raise EngineError(f"{slug}: a score, a label or an interval is infinite.")
    if ends is not None and (ends[:, 0] > ends[:, 1]).any():
        raise EngineError(f"{slug}: an interval has its low end above its high end.")


def _gaps(
    names: Sequence[str], slug: str, gone: Iterable[bool], side: str, reason: str
) -> list[Missing]:
    return [
        _missing(name, slug, side, reason)
        for name, is_gone in zip(names, gone, strict=True)
        if is_gone
    ]


def _missing(name: str, slug: str | None, side: str, reason: str) -> Missing:
    return {"name": name, "dimension": slug, "side": side, "reason": reason}


def _dimension(
    score: Floats, ratings: Floats, ends: Floats | None, levels: Levels, seed: int, rounds: int
) -> dict[str, Any]:
    known = ~np.isnan(score) & ~np.isnan(ratings).all(axis=1)
    x, y = score[known], mean_of_raters(ratings[known])
    low_high = np.full((len(x), 2), math.nan) if ends is None else ends[known]
    metrics: dict[str, Callable[..., Figure]] = {
        "spearman": spearman,
        "pearson": pearson,
        "qwk": partial(quadratic_kappa, levels=levels),
        "mae": mae,
        "mse": mse,
        "accuracy": partial(accuracy, levels=levels),
        "bias": bias,
        "coverage": coverage,
    }
    figures: dict[str, Figure] = {}
    spans: dict[str, Interval] = {}
    for name, metric in metrics.items():
        arrays = (*low_high.T, y) if name == "coverage" else (x, y)
        figures[name] = metric(*arrays)
        spans[name] = bootstrap(metric, *arrays, seed=seed, rounds=rounds)
    if figures["coverage"].value is None and len(x):
        figures["coverage"] = Figure(None, "the predictions have no intervals")
    baseline = baselines(y, levels)
    human = human_agreement(ratings[known], levels)
    reasons = _reasons("", figures)
    if human is None:
        reasons["human"] = "no picture has two raters"
    if len(x):
        reasons |= _reasons("ci.", {k: v for k, v in spans.items() if figures[k].reason is None})
        reasons |= _reasons("human.", human or {})
        reasons |= _reasons("baseline.mode.", baseline["mode"])
    return {
        "n": len(x),
        **_plain(figures),
        "baseline": _plain(baseline),
        "ci": {name: list(span.ends) if span.ends else None for name, span in spans.items()},
        "human": _plain(human),
        "reasons": reasons,
    }


def _reasons(prefix: str, figures: Mapping[str, Any]) -> dict[str, str]:
    reasons = {prefix + name: getattr(figure, "reason", None) for name, figure in figures.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _plain(value: Any) -> Any:
    """Figures as bare numbers, or None."""
    if isinstance(value, Figure):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _macro(dimensions: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        name: [figures[name] for figures in dimensions.values() if figures[name] is not None]
        for name in METRICS
    }
    means = {name: float(np.mean(values)) if values else None for name, values in known.items()}
    return {**means, "dimensions": {name: len(values) for name, values in known.items()}}


def main(argv: Sequence[str]) -> int:
    """Returns the exit status: 0, or 1 if nothing could be compared."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    levels = arguments.levels[0], arguments.levels[1]
    if not levels[0] < levels[1] or arguments.rounds < 0:
        parser.error("the first level is below the last, and rounds are not below 0")
    given = _read(arguments.predictions, arguments.labels, arguments.dimensions, levels)
    result = evaluate(
        given.scores,
        given.ratings,
        levels,
        arguments.seed,
        arguments.rounds,
        intervals=given.intervals,
        names=given.names,
    )
    result["missing"] = given.unmatched + result["missing"]
    as_json = json.dumps(result, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
    sys.stdout.write(as_json if arguments.json else evaluation_table(result))
    if arguments.plots:
        labels = {slug: mean_of_raters(ratings) for slug, ratings in given.ratings.items()}
        write_plots(result, given.scores, labels, levels, arguments.plots)
    if any(figures["n"] for figures in result["dimensions"].values()):
        return 0
    sys.stderr.write("Nothing could be compared: no picture has both a prediction and a label.\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml evaluate",
        description="Compares predictions with what people said, per dimension, beside trivial "
        "baselines and what two raters reach. Both files have a column of picture names and a "
        "column per dimension; labels may have one per rater (slug_r1, slug_r2) or a rater "
        "column, predictions may have slug_low and slug_high. An empty cell is missing. Exit "
        "status 1 if nothing could be compared.",
    )
    parser.add_argument("--predictions", type=Path, required=True, metavar="CSV")
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV")
    parser.add_argument("--json", action="store_true", help="all figures as one JSON object")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write PNG figures there")
    parser.add_argument(
        "--dimensions",
        nargs="+",
        metavar="SLUG",
        help="dimensions to compare (default: those of the KidsArt rubric in either file)",
    )
    parser.add_argument(
        "--levels", nargs=2, type=int, default=(1, 5), metavar=("FIRST", "LAST"), help="(1 5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument(
        "--rounds", type=int, default=1000, metavar="N", help="of the bootstrap (default 1000)"
    )
    return parser


@dataclass(frozen=True)
class _Given:
    """The pictures that both files have, row by row, and the names that only one has."""

    names: list[str]
    scores: dict[str, Floats]  # (N,)
    ratings: dict[str, Floats]  # (N, R)
    intervals: dict[str, Floats]  # (N, 2)
    unmatched: list[Missing]


def _read(
    predictions_path: Path, labels_path: Path, slugs: Sequence[str] | None, levels: Levels
) -> _Given:
    predictions = read_labels(predictions_path, slugs, None)
    labels = read_labels(labels_path, slugs, levels)
    for slug in slugs or ():
        if slug not in predictions.ratings and slug not in labels.ratings:
            raise EngineError(f"Neither file has a column {slug}.")
    if any(scores.shape[1] > 1 for scores in predictions.ratings.values()):
        raise EngineError(f"{predictions_path.name} has several predictions for one picture.")
    ends = _read_intervals(predictions_path, predictions)
    pairs = match_names(predictions.names, labels.names)
    there = {name: row for row, name in enumerate(labels.names)}
    left = [row for row, name in enumerate(predictions.names) if name in pairs]
    names = [predictions.names[row] for row in left]
    right = [there[pairs[name]] for name in names]
    order = KIDSART.slugs if slugs is None else slugs
    return _Given(
        names,
        {slug: predictions.mean(slug)[left] for slug in order if slug in predictions.ratings},
        {slug: labels.ratings[slug][right] for slug in order if slug in labels.ratings},
        {slug: pair[left] for slug, pair in ends.items()},
        _unmatched(predictions.names, pairs, labels.names, "label")
        + _unmatched(labels.names, pairs.values(), predictions.names, "prediction"),
    )


def _read_intervals(path: Path, predictions: Labels) -> dict[str, Floats]:
    """(N, 2) per dimension that has the columns ``slug_low`` and ``slug_high``."""
    wanted = {slug: (f"{slug}_low", f"{slug}_high") for slug in predictions.ratings}
    there = {
        slug: [end for end in ends if predictions.column(end) is not None]
        for slug, ends in wanted.items()
    }
    for slug, ends in there.items():
        if len(ends) == 1:
            raise EngineError(f"{path.name} has {ends[0]}, but not the other end of {slug}.")
    columns = [end for ends in there.values() for end in ends]
    if not columns:
        return {}
    read = read_labels(path, columns, None)  # once more, now as numbers
    return {
        slug: np.column_stack([read.mean(end) for end in ends])
        for slug, ends in there.items()
        if ends
    }


def _unmatched(
    names: Iterable[str], matched: Iterable[str], others: Iterable[str], side: str
) -> list[Missing]:
    known, stems = set(matched), {picture_stem(other) for other in others}
    return [
        _missing(name, None, side, UNCLEAR if picture_stem(name) in stems else UNKNOWN)
        for name in names
        if name not in known
    ]

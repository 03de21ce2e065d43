"""The final check: fresh drawings, drawn as they are shown, scored by the serving scorer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from ml.interface import DimensionScore, PictureFailure, PictureScores
from ml.rubric import KIDSART
from ml.score_tokens import expected_score
from ml.scorer import load_scorer


def adapters_of(bundle: Path) -> dict[str, Path]:
    return {slug: bundle / "adapters" / slug for slug in KIDSART.slugs}


def check(bundle: Path, pictures: Sequence[Path], levels: np.ndarray) -> dict[str, Any]:
    """Figures per dimension, with the base model asked without adapters beside them."""
    alone = _scores(bundle, {}, pictures)
    adapted = _scores(bundle, adapters_of(bundle), pictures)
    dimensions = {
        slug: _figures([s[slug] for s in alone], [s[slug] for s in adapted], levels[:, k])
        for k, slug in enumerate(KIDSART.slugs)
    }
    means = {
        key: round(float(np.mean([figures[key] for figures in dimensions.values()])), 3)
        for key in ("spearman_before", "spearman")
    }
    return {"pictures": len(pictures), "mean": means, "dimensions": dimensions}


def _scores(
    bundle: Path, adapters: Mapping[str, Path], pictures: Sequence[Path]
) -> list[Mapping[str, DimensionScore]]:
    scorer = load_scorer(bundle / "base", adapters, KIDSART, device="cpu", batch_size=20)
    return [_dimensions(result) for result in scorer.score(pictures)]


def _dimensions(result: PictureScores | PictureFailure) -> Mapping[str, DimensionScore]:
    if isinstance(result, PictureFailure):
        raise RuntimeError(result.error)
    return result.dimensions


def _figures(
    before: Sequence[DimensionScore], after: Sequence[DimensionScore], levels: np.ndarray
) -> dict[str, Any]:
    first = KIDSART.first_level
    raw_before = [float(expected_score(torch.tensor(s.logits), first)) for s in before]
    score = np.array([math.nan if s.score is None else s.score for s in after])
    known = ~np.isnan(score)
    if known.sum() < 3:
        raise RuntimeError("The model abstains from nearly every picture; train it longer.")
    truth, score = levels[known], score[known]
    intervals = np.array([s.interval for s in after if s.interval is not None])
    figures: dict[str, Any] = {
        "spearman_before": _round(_spearman(np.array(raw_before), levels)),
        "spearman": _round(_spearman(score, truth)),
        "spearman_95": [_round(v) for v in _bootstrap(score, truth)],
        "mse": _round(np.mean((score - truth) ** 2)),
        "mse_of_the_mean": _round(np.var(truth)),
        "level_exact": _round(np.mean(np.floor(score + 0.5) == truth)),
        "score_token_mass_lowest": _round(min(s.score_token_mass or 0.0 for s in after)),
        "abstained": int((~known).sum()),
    }
    if len(intervals):
        inside = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
        unsure = np.array([s.unsure for s in after])[known]
        far = np.abs(score - truth) >= 1
        figures |= {
            "interval_coverage": _round(inside.mean()),
            "interval_width": _round((intervals[:, 1] - intervals[:, 0]).mean()),
            "unsure_share": _round(unsure.mean()),
            "off_by_one_if_unsure": _round(far[unsure].mean() if unsure.any() else 0.0),
            "off_by_one_otherwise": _round(far[~unsure].mean() if (~unsure).any() else 0.0),
        }
    return figures


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b)[0])


def _bootstrap(score: np.ndarray, truth: np.ndarray, rounds: int = 400) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(truth), (rounds, len(truth)))
    low, high = np.quantile([_spearman(score[d], truth[d]) for d in draws], [0.025, 0.975])
    return float(low), float(high)


def _round(value: float) -> float:
    return round(float(value), 3)

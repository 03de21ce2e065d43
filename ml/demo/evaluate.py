"""The final check: fresh drawings, drawn as they are shown, scored by the serving scorer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml.evaluate import evaluate
from ml.interface import DimensionScore, PictureFailure, PictureScores
from ml.metrics import spearman
from ml.rubric import KIDSART
from ml.saving import metrics_of
from ml.score_tokens import expected_score
from ml.scorer import TorchScorer, load_scorer


def adapters_of(bundle: Path) -> dict[str, Path]:
    return {slug: bundle / "adapters" / slug for slug in KIDSART.slugs}


def check(bundle: Path, pictures: Sequence[Path], levels: np.ndarray) -> dict[str, Any]:
    """Figures per dimension, with the base model asked without adapters beside them."""
    alone = _scores(scorer_of(bundle, adapted=False), pictures)
    adapted = _scores(scorer_of(bundle), pictures)
    dimensions = {
        slug: _figures([s[slug] for s in alone], [s[slug] for s in adapted], levels[:, k])
        for k, slug in enumerate(KIDSART.slugs)
    }
    means = {
        key: _round(_mean([figures[key] for figures in dimensions.values()]))
        for key in ("spearman_before", "spearman")
    }
    return {"pictures": len(pictures), "mean": means, "dimensions": dimensions}


def scorer_of(bundle: Path, adapted: bool = True) -> TorchScorer:
    adapters = adapters_of(bundle) if adapted else {}
    return load_scorer(bundle / "base", adapters, KIDSART, device="cpu", batch_size=20)


def _scores(scorer: TorchScorer, pictures: Sequence[Path]) -> list[Mapping[str, DimensionScore]]:
    return [_dimensions(result) for result in scorer.score(pictures)]


def _dimensions(result: PictureScores | PictureFailure) -> Mapping[str, DimensionScore]:
    if isinstance(result, PictureFailure):
        raise RuntimeError(result.error)
    return result.dimensions


def _figures(
    before: Sequence[DimensionScore], after: Sequence[DimensionScore], levels: np.ndarray
) -> dict[str, Any]:
    """What ``ml.evaluate`` says of the calibrated scores, and what only the demo needs to know."""
    truth = levels.astype(float)
    raw_before = np.array(
        [float(expected_score(torch.tensor(s.logits), KIDSART.first_level)) for s in before]
    )
    score = np.array([math.nan if s.score is None else s.score for s in after])
    known = ~np.isnan(score)
    if known.sum() < 3:
        raise RuntimeError("The model abstains from nearly every picture; train it longer.")
    ends = np.array([s.interval or (math.nan, math.nan) for s in after])
    scale = (KIDSART.first_level, KIDSART.last_level)
    result = evaluate({"it": score}, {"it": truth}, scale, intervals={"it": ends})
    found = result["dimensions"]["it"]
    unsure = np.array([s.unsure for s in after])[known]
    far = np.abs(score - truth)[known] >= 1
    return {
        "spearman_before": _round(spearman(raw_before, truth).value),
        **{name: _rounded(value) for name, value in metrics_of(found).items()},
        "mse_of_the_mean": _round(found["baseline"]["mean"]["mse"]),
        "interval_width": _round(np.nanmean(ends[:, 1] - ends[:, 0])),
        "unsure_share": _round(unsure.mean()),
        "off_by_one_if_unsure": _round(far[unsure].mean() if unsure.any() else 0.0),
        "off_by_one_otherwise": _round(far[~unsure].mean() if (~unsure).any() else 0.0),
        "score_token_mass_lowest": _round(min(s.score_token_mass or 0.0 for s in after)),
        "abstained": int((~known).sum()),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    """Of nine figures, or of none: the mean of some would not be compared with like."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _rounded(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_round(v) for v in value]
    return _round(value) if isinstance(value, float) else value


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 3)

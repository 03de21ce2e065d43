"""Ways of scoring to compare adapters with. Same pictures, split, rounding and metrics for all.

Each takes the rows to learn from and gives expectations for the rows to report, in levels, nan
where it has nothing to say. What is chosen (a ridge's strength, an epoch) is never chosen by the
rows that are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ml.dataset import Dataset, Split
from ml.fitting import soft_levels
from ml.images import load_picture
from ml.picture_features import picture_features
from ml.score_tokens import expected_score

Floats = NDArray[np.float64]
STRENGTHS = 10.0 ** np.arange(-2, 5, 0.5)  # of a ridge
HEAD_STEPS = 300

METHODS: Mapping[str, str] = {
    "adapters": "one LoRA adapter per dimension",
    "joint": "one LoRA adapter for all dimensions",
    "prompt": "the base asked with each dimension's definition",
    "prompt-levels": "the base asked with definition and level words",
    "head": "a cross-entropy head on the base's last hidden state",
    "ridge-vision": "a ridge on mean and spread of the frozen vision tower's tokens",
    "ridge-measures": "a ridge on 21 hand-made measures of the picture",
}


@dataclass(frozen=True)
class Rows:
    """One dimension's rows, those without a level left out."""

    train: list[int]
    validation: list[int]
    test: list[int]
    levels: Floats  # (N,) of all pictures

    @staticmethod
    def of(data: Dataset, split: Split, slug: str) -> Rows:
        return Rows(
            data.labeled(slug, split.train),
            data.labeled(slug, split.validation),
            list(split.test),
            data.levels(slug),
        )


def measures_of(data: Dataset) -> Floats:
    """(N, 21) of every picture."""
    return np.stack([picture_features(load_picture(path)) for path in data.paths])


def ridge(features: Floats, rows: Rows, scale: tuple[int, int]) -> Floats:
    """Expectations for ``rows.test`` from a ridge on standardized features (N, F).

    It learns from the train and validation rows; its strength is the best of STRENGTHS at telling
    each of them from the others (leave-one-out, in closed form).
    """
    known = [*rows.train, *rows.validation]
    if not known:
        return np.full(len(rows.test), np.nan)
    x, y = features[known], rows.levels[known]
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    x = (x - mean) / spread
    left, values, right = np.linalg.svd(x, full_matrices=False)  # (n, r), (r,), (r, F)
    onto = left.T @ (y - y.mean())
    best, weights = np.inf, np.zeros(x.shape[1])
    for strength in STRENGTHS:
        kept = values**2 / (values**2 + strength)
        residual = y - y.mean() - left @ (kept * onto)
        influence = (left**2) @ kept + 1 / len(y)
        error = float(np.mean((residual / (1 - np.minimum(influence, 1 - 1e-9))) ** 2))
        if error < best:
            best = error
            weights = right.T @ (values / (values**2 + strength) * onto)
    told = (features[rows.test] - mean) / spread @ weights + y.mean()
    return np.clip(told, *scale)


def cross_entropy_head(states: Tensor, rows: Rows, first_level: int, count: int) -> Floats:
    """A softmax over the levels on the base's last hidden states (N, H), read as an expectation.

    Stops at the step that is best on the validation rows.
    """
    if not rows.train:
        return np.full(len(rows.test), np.nan)
    x = states.float()
    x = (x - x[rows.train].mean(0)) / (x[rows.train].std(0) + 1e-6)
    levels = torch.tensor(rows.levels, dtype=torch.float32)
    wanted = soft_levels(levels[rows.train], first_level, count, 0.25)  # (n, L)
    weight = torch.zeros(x.shape[1], count, requires_grad=True)
    bias = torch.zeros(count, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], lr=0.02, weight_decay=0.1)
    best, kept = float("inf"), (weight.detach().clone(), bias.detach().clone())
    for _ in range(HEAD_STEPS):
        loss = F.cross_entropy(x[rows.train] @ weight + bias, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            told = expected_score(x[rows.validation] @ weight + bias, first_level)
            error = float((told - levels[rows.validation]).square().mean())
        if not rows.validation or error < best:
            best, kept = error, (weight.detach().clone(), bias.detach().clone())
    logits = x[rows.test] @ kept[0] + kept[1]
    return expected_score(logits, first_level).numpy().astype(np.float64)

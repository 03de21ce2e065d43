"""RAIL: a score is the expectation over the level tokens. The one place where logits become levels.

Source: "Better Autoregressive Regression with LLMs via Regression-Aware Fine-Tuning" (Lukasik et
al., ICLR 2025) and KidsArtBench (arXiv 2512.12503). Unlike the latter's published code, the same
restricted softmax is used in training and in serving, always in fp32, and nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ml.errors import BundleError


def score_token_ids(
    tokenizer: PreTrainedTokenizerBase, level_numbers: Sequence[int]
) -> tuple[int, ...]:
    """The token of each level, lowest level first.

    Raises:
        BundleError: a level is not exactly one token of this tokenizer.
    """
    ids = []
    for number in level_numbers:
        encoded = tokenizer.encode(str(number), add_special_tokens=False)
        if len(encoded) != 1 or encoded[0] == tokenizer.unk_token_id:
            raise BundleError(f"The tokenizer of the base model has no single token for {number}.")
        ids.append(encoded[0])
    return tuple(ids)


def expected_score(level_logits: Tensor, first_level: int) -> Tensor:
    """RAIL: sum over levels s of s * p(s), p being the softmax over the level tokens alone.

    Args:
        level_logits: (..., L), any float dtype; computed in fp32 whatever it is. Differentiable.
        first_level: the level of index 0.

    Returns:
        (...), fp32, in [first_level, first_level + L - 1].
    """
    probabilities = level_logits.float().softmax(dim=-1)
    levels = torch.arange(
        first_level, first_level + level_logits.shape[-1], device=level_logits.device
    )
    return probabilities @ levels.float()


def score_token_mass(level_logits: Tensor, log_total: Tensor) -> Tensor:
    """Probability of all level tokens together under the softmax over the whole vocabulary.

    Args:
        level_logits: (..., L).
        log_total: (...), logsumexp over the vocabulary at the same position, fp32.

    Returns:
        (...), fp32, in [0, 1].
    """
    return (level_logits.float().logsumexp(dim=-1) - log_total.float()).exp().clamp(max=1.0)


def level_sd(level_logits: Tensor, first_level: int) -> Tensor:
    """Standard deviation of p(s) over the levels, in levels: (..., L) to (...), fp32.

    A measure of spread for the intervals of ``ml.calibration``; on its own it is no confidence,
    because RAFT trains only the mean of p.
    """
    probabilities = level_logits.float().softmax(dim=-1)
    offsets = torch.arange(level_logits.shape[-1], device=level_logits.device).float()
    mean = expected_score(level_logits, first_level) - first_level
    return (probabilities @ offsets.square() - mean.square()).clamp(min=0).sqrt()

from __future__ import annotations

import pytest
import torch

from ml.errors import BundleError
from ml.processing import build_tokenizer
from ml.score_tokens import expected_score, level_sd, score_token_ids, score_token_mass


def test_the_expected_score_is_the_mean_of_the_restricted_distribution() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.2, 0.2], [1, 1e-9, 1e-9, 1e-9, 1e-9]]))
    assert expected_score(logits, 1).tolist() == pytest.approx([3.2, 1.0])
    assert expected_score(logits, 0).tolist() == pytest.approx([2.2, 0.0], abs=1e-6)


def test_adding_the_same_to_all_levels_changes_no_score() -> None:
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(expected_score(logits, 1), expected_score(logits + 3, 1), atol=1e-6)


def test_scores_of_a_bf16_model_are_computed_in_fp32() -> None:
    logits = torch.tensor([2.0, 1.0, 0.5, 0.25, 3.0], dtype=torch.bfloat16)
    score = expected_score(logits, 1)
    assert score.dtype == torch.float32
    assert score == expected_score(logits.float(), 1)


def test_a_score_can_be_trained_through() -> None:
    logits = torch.zeros(5, requires_grad=True)
    expected_score(logits, 1).backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx([-0.4, -0.2, 0, 0.2, 0.4])


def test_the_spread_is_that_of_the_distribution_over_levels() -> None:
    logits = torch.log(torch.tensor([0.5, 1e-12, 1e-12, 1e-12, 0.5]))
    assert float(level_sd(logits, 1)) == pytest.approx(2.0, abs=1e-4)


def test_the_mass_is_the_share_of_the_level_tokens_in_the_whole_vocabulary() -> None:
    vocabulary = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    expected = vocabulary.softmax(-1)[:, 4:9].sum(-1)
    mass = score_token_mass(vocabulary[:, 4:9], vocabulary.logsumexp(-1))
    assert torch.allclose(mass, expected, atol=1e-6)


def test_every_level_must_be_one_token() -> None:
    tokenizer = build_tokenizer(["any words"] * 2, vocab_size=300)
    ids = score_token_ids(tokenizer, range(1, 6))
    assert [tokenizer.decode([i]) for i in ids] == ["1", "2", "3", "4", "5"]
    with pytest.raises(BundleError, match="no single token for 10"):
        score_token_ids(tokenizer, [9, 10])

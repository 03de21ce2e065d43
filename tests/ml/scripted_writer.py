"""A writer on the tiny bundle whose every word a test may decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import LogitsProcessor

from ml import writer
from ml.bundle import LoadedBase, load_base
from ml.processing import END_OF_TURN
from tests.ml.tiny_bundle import Bundle


def writing_base(bundle: Bundle) -> LoadedBase:
    base = load_base(bundle.base, torch.device("cpu"), torch.float32)
    return replace(base, profile=replace(base.profile, writes=True))


def load_the_dice(
    monkeypatch: pytest.MonkeyPatch, base: LoadedBase, *answers: str, end: str = END_OF_TURN
) -> None:
    """Row by row, the model can only say these words and then stop."""
    encode = base.processor.tokenizer.encode
    rows = [encode(answer + end, add_special_tokens=False) for answer in answers]

    class Script(LogitsProcessor):
        def __init__(self, seeds: Iterable[int]) -> None:
            self.place = -1

        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            self.place += 1
            chosen = [row[min(self.place, len(row) - 1)] for row in rows]
            only = torch.full_like(scores, -torch.inf)
            return only.scatter(1, torch.tensor(chosen)[:, None], 0.0)

    monkeypatch.setattr(writer, "OwnDice", Script)
    monkeypatch.setattr(writer, "MAX_NEW_TOKENS", max(map(len, rows)))

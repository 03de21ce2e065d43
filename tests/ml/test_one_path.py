"""Training and serving share one prompt builder, one resize and one expected score."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import ml
from ml.bundle import load_adapter, load_base
from ml.images import fit_picture
from ml.levels import LevelReader
from ml.prompts import ACTIVATED_PROMPT, RUBRIC_PROMPT, TEXT_FIRST_PROMPT, PromptProfile
from ml.rubric import KIDSART
from ml.scorer import load_scorer
from tests.ml.tiny_bundle import IMAGE, Bundle, draw

SOURCES = sorted(Path(ml.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize(
    ("sign", "only"),
    [
        (r"<\|im_start\|>(system|user|assistant)", {"prompts.py"}),
        (r"\.resize\(|\.thumbnail\(", {"images.py", "picture_features.py"}),
        (r"do_resize=True|apply_chat_template", set()),
        (r"softmax\(.*@|@ .*levels", {"score_tokens.py"}),
    ],
)
def test_there_is_no_second_one(sign: str, only: set[str]) -> None:
    drawing = Path(ml.__file__).parent / "drawing"
    found = {
        path.name
        for path in SOURCES
        if drawing not in path.parents and re.search(sign, path.read_text(encoding="utf-8"))
    }
    assert found <= only


@pytest.mark.parametrize("prompt", [RUBRIC_PROMPT, TEXT_FIRST_PROMPT, ACTIVATED_PROMPT])
def test_training_reads_the_logits_that_serving_gives(
    prompt: PromptProfile, pristine: Bundle, tmp_path: Path
) -> None:
    pictures = [draw(seed) for seed in range(3)]
    adapters = pristine.with_prompt(prompt, tmp_path)
    served = load_scorer(pristine.base, adapters, KIDSART, "cpu").level_logits(pictures).logits
    base = load_base(pristine.base, torch.device("cpu"), torch.float32)
    reader = LevelReader(base, KIDSART, prompt, IMAGE)
    views = reader.views(np.stack([np.asarray(fit_picture(p, IMAGE)) for p in pictures]))
    for place, (slug, folder) in enumerate(adapters.items()):
        adapter = load_adapter(folder, base, KIDSART, slug)
        read = reader.logits(views, place, reader.stack(adapter.weights))
        assert (read - served[:, place]).abs().max() < 1e-5

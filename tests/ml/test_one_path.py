"""Training and serving share one prompt builder, one resize and one expected score."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import Qwen2_5_VLForConditionalGeneration

import ml
from ml.images import fit_picture
from ml.processing import load_processor, picture_tensors, prompt_tensors
from ml.prompts import build_prompt
from ml.rubric import KIDSART
from ml.score_tokens import score_token_ids
from ml.scorer import TorchScorer
from ml.train import LevelReader
from tests.ml.tiny_bundle import ADAPTED, IMAGE, Bundle, draw

SOURCES = sorted(Path(ml.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize(
    ("sign", "only"),
    [
        (r"<\|im_start\|>(system|user|assistant)", {"prompts.py"}),
        (r"\.resize\(|\.thumbnail\(", {"images.py"}),
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


def test_training_reads_the_logits_that_serving_gives(
    pristine: Bundle, scorer: TorchScorer
) -> None:
    pictures = [draw(seed) for seed in range(3)]
    processor = load_processor(pristine.base)
    prompts = prompt_tensors(
        processor, [build_prompt(KIDSART, slug) for slug in KIDSART.slugs], IMAGE.size_px
    )
    pixels, grid = picture_tensors(processor, [fit_picture(p, IMAGE) for p in pictures])
    served = scorer.level_logits(pictures).logits
    level_ids = score_token_ids(processor.tokenizer, KIDSART.level_numbers)
    for slug in (ADAPTED[0], ADAPTED[-1]):
        base = Qwen2_5_VLForConditionalGeneration.from_pretrained(pristine.base).eval()
        PeftModel.from_pretrained(base, str(pristine.adapters[slug])).eval()
        row = KIDSART.slugs.index(slug)
        with torch.inference_mode():
            seen = torch.stack(base.model.get_image_features(pixels, grid).pooler_output)
            reader = LevelReader(base, prompts, grid[:1], level_ids)
            read = reader.level_logits(seen, torch.full((3,), row))
        assert (read - served[:, row]).abs().max() < 1e-5

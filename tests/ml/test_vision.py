"""Our pass through the vision tower gives what transformers gives."""

from __future__ import annotations

import pytest
import torch
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

from ml.demo.model import demo_config, demo_processor, new_model
from ml.vision import Tower


@pytest.mark.parametrize("whole", [[], [1], [0, 1, 2]])
@pytest.mark.parametrize("px", [168, 224, 336])  # 168: the windows at the edge are smaller
def test_the_tower_equals_that_of_transformers(px: int, whole: list[int]) -> None:
    tokenizer = demo_processor().tokenizer
    config = demo_config(tokenizer)
    config.vision_config.fullatt_block_indexes = whole
    model = new_model(tokenizer, 0, config).eval()
    side = px // 14
    patches = torch.randn(3 * side**2, 1176, generator=torch.Generator().manual_seed(px))
    grid = torch.tensor([[1, side, side]] * 3)
    with torch.inference_mode():
        theirs = torch.stack(list(model.model.get_image_features(patches, grid).pooler_output))
        ours = Tower(model.model.visual, px)(patches)
    assert theirs.std() > 0.01
    assert (ours - theirs).abs().max() < 1e-5


def test_places_are_turned_in_fp32_in_a_tower_of_bf16_too() -> None:
    tokenizer = demo_processor().tokenizer
    model = new_model(tokenizer, 0, demo_config(tokenizer)).bfloat16()
    tower = Tower(model.model.visual, 112)
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(64, 4, tower.cos.shape[1], generator=chance).bfloat16()  # (N, heads, D)
    theirs, _ = apply_rotary_pos_emb_vision(x, x, tower.cos, tower.sin)
    assert torch.equal(tower._rotated(x.transpose(0, 1)), theirs.transpose(0, 1))

"""Our pass through the vision tower gives what transformers gives."""

from __future__ import annotations

import pytest
import torch

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

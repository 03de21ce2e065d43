"""RAFT training on a tiny random model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ml.demo.model import demo_config, demo_processor, demo_prompts, grid_of, new_model
from ml.demo.pictures import IMAGE, as_images
from ml.demo.pretrain import patches_of, see, see_all
from ml.processing import ImageOnlyProcessor, picture_tensors, prompt_tensors
from ml.rubric import KIDSART
from ml.score_tokens import score_token_ids
from ml.train import LevelReader, Recipe, add_adapter, fit_adapter, raft_loss, read_levels


@pytest.fixture(scope="module")
def processor() -> ImageOnlyProcessor:
    return demo_processor()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (8, IMAGE.size_px, IMAGE.size_px, 3), dtype=np.uint8)


def tiny_reader(processor: ImageOnlyProcessor) -> LevelReader:
    config = demo_config(
        processor.tokenizer, hidden=32, layers=1, vision_hidden=32, vision_layers=1
    )
    return LevelReader(
        new_model(processor.tokenizer, 0, config).eval(),
        prompt_tensors(processor, demo_prompts(), IMAGE.size_px),
        grid_of(1),
        score_token_ids(processor.tokenizer, KIDSART.level_numbers),
    )


def test_training_lowers_the_loss_of_the_adapter_and_leaves_the_base_alone(
    processor: ImageOnlyProcessor,
) -> None:
    reader = tiny_reader(processor)
    before = {name: w.clone() for name, w in reader.model.named_parameters()}
    chance = torch.Generator().manual_seed(1)
    levels = torch.randint(1, 6, (96,), generator=chance).float()
    features = torch.randn(96, 36, 32, generator=chance) + levels[:, None, None]
    recipe = Recipe(batch_size=24, epochs=20)
    model = add_adapter(reader.model, "realism", recipe)
    losses = fit_adapter(model, reader, 0, features, levels, 1, recipe)
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])
    now = {n.replace(".base_layer", ""): w for n, w in reader.model.named_parameters()}
    assert all(torch.equal(now[name], weight) for name, weight in before.items())


def test_a_fresh_adapter_equals_the_base_model(
    processor: ImageOnlyProcessor, pixels: np.ndarray
) -> None:
    reader = tiny_reader(processor)
    features = see_all(reader.model, processor, pixels)
    base = read_levels(reader, 2, features)
    add_adapter(reader.model, "imagination", Recipe())
    assert torch.equal(read_levels(reader, 2, features), base)


def test_training_twice_gives_the_same_adapter(processor: ImageOnlyProcessor) -> None:
    weights = []
    for _ in range(2):
        reader = tiny_reader(processor)
        features = torch.randn(48, 36, 32, generator=torch.Generator().manual_seed(2))
        recipe = Recipe(batch_size=16, seed=3)
        model = add_adapter(reader.model, "realism", recipe)
        fit_adapter(model, reader, 0, features, torch.arange(48) % 5 + 1.0, 1, recipe)
        weights.append([p for n, p in sorted(model.named_parameters()) if "lora_" in n])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_training_reads_what_the_whole_model_says(
    processor: ImageOnlyProcessor, pixels: np.ndarray
) -> None:
    reader = tiny_reader(processor)
    prompts = reader.prompts
    patches, grid = picture_tensors(processor, as_images(pixels[:1]))
    row = 4
    with torch.inference_mode():
        whole = reader.model(
            input_ids=prompts.input_ids[row : row + 1],
            attention_mask=prompts.attention_mask[row : row + 1],
            mm_token_type_ids=prompts.mm_token_type_ids[row : row + 1],
            pixel_values=patches,
            image_grid_thw=grid,
        ).logits[0, prompts.last[row], reader.level_ids]
        features = see(reader.model, patches, 1)
    read = read_levels(reader, row, features)[0]
    assert torch.allclose(read, whole, atol=1e-5)


def test_training_patches_are_the_processor_s_own(
    processor: ImageOnlyProcessor, pixels: np.ndarray
) -> None:
    patches, _ = picture_tensors(processor, as_images(pixels))
    assert torch.allclose(patches_of(pixels, processor), patches, atol=1e-6)


def test_pictures_seen_together_look_as_they_do_alone(
    processor: ImageOnlyProcessor, pixels: np.ndarray
) -> None:
    model = tiny_reader(processor).model
    together = see_all(model, processor, pixels)
    with torch.inference_mode():
        alone = see(model, patches_of(pixels[3:4], processor), 1)
    assert torch.allclose(together[3:4], alone, atol=1e-5)


def test_the_loss_is_zero_in_its_squared_part_when_the_expectation_is_right() -> None:
    even = torch.zeros(2, 5)  # every level as likely: expectation 3
    assert float(raft_loss(even, torch.tensor([3.0, 3.0]), 1, 0.0)) == pytest.approx(0, abs=1e-9)
    assert float(raft_loss(even, torch.tensor([5.0, 5.0]), 1, 0.0)) == pytest.approx(4)


def test_a_scale_that_starts_at_zero_is_trained_on_its_own_levels() -> None:
    even = torch.zeros(1, 4)  # levels 0..3: expectation 1.5
    assert float(raft_loss(even, torch.tensor([1.5]), 0, 0.0)) == pytest.approx(0, abs=1e-9)

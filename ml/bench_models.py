"""Models of random weights to measure on: a middle size for a laptop, and the real sizes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from ml.bundle import LoadedBase, linear_shapes
from ml.fitting import Learner, Recipe, adapted_linears
from ml.levels import LevelReader
from ml.processing import build_processor, build_tokenizer
from ml.profiles import BaseProfile, ImageProfile
from ml.prompts import (
    ACTIVATED_PROMPT,
    RUBRIC_PROMPT,
    TEXT_FIRST_PROMPT,
    PromptProfile,
    build_prompt,
)
from ml.rubric import KIDSART
from ml.saving import save_adapter

PROMPT_BY_LAYOUT: Mapping[str, PromptProfile] = {
    prompt.layout: prompt for prompt in (RUBRIC_PROMPT, TEXT_FIRST_PROMPT, ACTIVATED_PROMPT)
}
# Source of the real sizes: config.json of Qwen/Qwen2.5-VL-{3B,7B,32B}-Instruct. "middle" keeps
# the share of the head in the work of the language model near the 7B model's 8 %.
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "middle": {
        "text": (512, 2688, 8, 8, 2, 6144),
        "vision": (8, 192, 512, 4, [1, 3, 5, 7]),
        "sections": [8, 12, 12],
    },
    "3b": {
        "text": (2048, 11008, 36, 16, 2, 151936),
        "vision": (32, 1280, 3420, 16, [7, 15, 23, 31]),
        "sections": [16, 24, 24],
        "tied": True,  # the head is the embedding
    },
    "7b": {
        "text": (3584, 18944, 28, 28, 4, 152064),
        "vision": (32, 1280, 3420, 16, [7, 15, 23, 31]),
        "sections": [16, 24, 24],
    },
    "32b": {
        "text": (5120, 27648, 64, 40, 8, 152064),
        "vision": (32, 1280, 3456, 16, [7, 15, 23, 31]),
        "sections": [16, 24, 24],
    },
}


def random_base(
    shape: Mapping[str, Any], px: int, device: torch.device, dtype: torch.dtype
) -> LoadedBase:
    """A base of that shape in memory, for pictures of ``px`` square, with a small tokenizer."""
    prompts = [
        build_prompt(KIDSART, slug, prompt)
        for prompt in PROMPT_BY_LAYOUT.values()
        for slug in KIDSART.slugs
    ]
    processor = build_processor(build_tokenizer([*prompts, *prompts], vocab_size=1024))
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            config = _config(shape, processor.tokenizer.get_vocab())
            model = Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.eval().requires_grad_(False)
    image = ImageProfile(f"letterbox-{px}", px)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    profile = BaseProfile(f"{size:,.0f} million random weights", "random", image, demo=True)
    return LoadedBase(model, processor, profile, linear_shapes(model))


def random_adapters(
    base: LoadedBase, image: ImageProfile, prompt: PromptProfile, folder: Path
) -> dict[str, Path]:
    """Nine random adapters of rank 8 that move scores visibly; the same in every layout."""
    reader = LevelReader(base, KIDSART, prompt, image)
    recipe = Recipe()
    shutil.rmtree(folder, ignore_errors=True)
    for seed, slug in enumerate(KIDSART.slugs):
        learner = Learner(adapted_linears(reader, recipe), recipe, seed, torch.device("cpu"))
        chance = torch.Generator().manual_seed(seed)
        for b in learner.b.values():
            torch.nn.init.normal_(b, std=0.02, generator=chance)
        save_adapter(
            folder / slug, f"random-{slug}", slug, learner.weights(), recipe, reader, None, {}
        )
    return {slug: folder / slug for slug in KIDSART.slugs}


def _config(shape: Mapping[str, Any], ids: Mapping[str, int]) -> Qwen2_5_VLConfig:
    hidden, inner, layers, heads, groups, vocabulary = shape["text"]
    depth, vision_hidden, vision_inner, vision_heads, whole = shape["vision"]
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": groups,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": shape["sections"],
            },
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": depth,
            "hidden_size": vision_hidden,
            "intermediate_size": vision_inner,
            "num_heads": vision_heads,
            "out_hidden_size": hidden,
            "window_size": 112,
            "fullatt_block_indexes": whole,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=shape.get("tied", False),
    )

"""A whole bundle on disk, tiny and random: a real Qwen2.5-VL, a real processor, PEFT adapters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image, ImageDraw
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer
from transformers.utils import logging

from ml.passes import invocation_tokens
from ml.processing import build_processor, build_tokenizer, load_processor, save_processor
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    BaseProfile,
    ImageProfile,
    sha256_of_base,
    sha256_of_file,
    write_profile,
)
from ml.prompts import RUBRIC_PROMPT, PromptProfile, build_prompt, prompt_sha256
from ml.rubric import KIDSART
from ml.scorer import TorchScorer, load_scorer

logging.disable_progress_bar()
IMAGE = ImageProfile("letterbox-112", size_px=112)
PROMPTED_DIMENSION = "transformation"  # the one dimension of the bundle without an adapter
ADAPTED = tuple(slug for slug in KIDSART.slugs if slug != PROMPTED_DIMENSION)


class Bundle:
    """Folders of a bundle that a test may spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "base"

    @property
    def adapters(self) -> dict[str, Path]:
        return {slug: self.folder / "adapters" / slug for slug in ADAPTED}

    def with_prompt(self, prompt: PromptProfile, folder: Path) -> dict[str, Path]:
        """Adapters of another prompt on the same base, for the first three dimensions."""
        adapters = {slug: folder / slug for slug in KIDSART.slugs[:3]}
        for seed, (slug, place) in enumerate(adapters.items()):
            write_adapter(self.base, place, slug, seed=50 + seed, prompt=prompt)
        return adapters

    def load(self, **options: object) -> TorchScorer:
        return load_scorer(self.base, self.adapters, KIDSART, device="cpu", **options)


def write_base(folder: Path) -> None:
    torch.manual_seed(0)
    prompts = [build_prompt(KIDSART, slug) for slug in KIDSART.slugs]
    tokenizer = build_tokenizer([*prompts * 2, *"0123456789"], vocab_size=640)
    ids = tokenizer.get_vocab()
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [2, 3, 3],
            },
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = Qwen2_5_VLForConditionalGeneration(config).eval()
    with torch.no_grad():
        # Large enough that pictures, positions and adapters all move the answer visibly.
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    _lean_towards_levels(model, tokenizer, prompts)
    model.save_pretrained(folder)
    save_processor(build_processor(tokenizer), folder)
    write_profile(BaseProfile("tiny", sha256_of_base(folder), IMAGE, demo=True), folder)


@torch.no_grad()
def _lean_towards_levels(
    model: Qwen2_5_VLForConditionalGeneration, tokenizer: Qwen2Tokenizer, prompts: list[str]
) -> None:
    """Turns the level rows of the head towards the usual last state, so that nobody abstains."""
    texts = [tokenizer.encode(prompt, return_tensors="pt") for prompt in prompts]
    states = torch.stack([model.model(input_ids=text).last_hidden_state[0, -1] for text in texts])
    usual = states.mean(dim=0)
    rows = torch.tensor([tokenizer.convert_tokens_to_ids(digit) for digit in "12345"])
    model.lm_head.weight[rows] += 16 * usual / usual.square().sum()


def write_adapter(
    base: Path,
    folder: Path,
    dimension: str,
    rank: int = 8,
    seed: int = 0,
    prompt: PromptProfile = RUBRIC_PROMPT,
) -> None:
    """A PEFT adapter with random weights and its profile."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base)
    activated = prompt.layout == "activated"
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        task_type="CAUSAL_LM",
        alora_invocation_tokens=invocation_tokens(load_processor(base)) if activated else None,
    )
    torch.manual_seed(seed)
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    adapted.save_pretrained(folder)
    write_adapter_profile(base, folder, dimension, rank, prompt)


def write_adapter_profile(
    base: Path,
    folder: Path,
    dimension: str,
    rank: int = 8,
    prompt: PromptProfile = RUBRIC_PROMPT,
) -> None:
    profile = AdapterProfile(
        name=f"{dimension}-test",
        dimension=dimension,
        rubric=KIDSART.slug,
        base_name="tiny",
        base_sha256=sha256_of_base(base),
        weights_sha256=sha256_of_file(folder / ADAPTER_WEIGHTS),
        prompt=prompt,
        prompt_sha256=prompt_sha256(build_prompt(KIDSART, dimension, prompt)),
        image=IMAGE,
        rank=rank,
        alpha=2.0 * rank,
    )
    write_profile(profile, folder)


def draw(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Colored blobs and lines; every seed another picture."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(random.integers(120, 255, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x0, y0, x1, y1 = (random.random(4) * [*size, *size]).round().tolist()
        box = (min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)
        pen.ellipse(box, fill=tuple(random.integers(0, 255, 3)))
        pen.line((x0, y0, x1, y1), fill=tuple(random.integers(0, 255, 3)), width=4)
    return image

"""A very small Qwen2.5-VL: the real architecture, 1.3 million weights."""

from __future__ import annotations

import torch
from transformers import (
    PreTrainedTokenizerBase,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from ml.processing import (
    END_OF_TURN,
    PAD_TOKEN,
    VIDEO_TOKEN,
    ImageOnlyProcessor,
    build_processor,
    build_tokenizer,
)
from ml.prompts import IMAGE_TOKEN, build_prompt
from ml.rubric import KIDSART

HIDDEN = 128
VOCABULARY = 1024


def demo_prompts() -> list[str]:
    return [build_prompt(KIDSART, slug) for slug in KIDSART.slugs]


def demo_processor() -> ImageOnlyProcessor:
    """The tokenizer learns its words from the prompts and the rubric it will have to read."""
    words = [w for d in KIDSART.dimensions for w in (d.name, d.definition, *d.levels)]
    digits = [str(i) for i in range(10)]
    return build_processor(build_tokenizer(demo_prompts() * 3 + words + digits, VOCABULARY))


def demo_config(
    tokenizer: PreTrainedTokenizerBase,
    hidden: int = HIDDEN,
    layers: int = 3,
    vision_hidden: int = 96,
    vision_layers: int = 3,
) -> Qwen2_5_VLConfig:
    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    half = hidden // 4 // 2  # half of a head's width is shared out over time, height and width
    side = half * 3 // 8
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": hidden,
            "intermediate_size": hidden * 3,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [half - 2 * side, side, side],
            },
            "bos_token_id": token(PAD_TOKEN),
            "eos_token_id": token(END_OF_TURN),
            "pad_token_id": token(PAD_TOKEN),
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": vision_layers,
            "hidden_size": vision_hidden,
            "intermediate_size": vision_hidden * 8 // 3,
            "num_heads": 4,
            "out_hidden_size": hidden,
            "patch_size": 14,
            "window_size": 112,
            # every layer sees the whole page: a window would cut a page of 168 px into four
            "fullatt_block_indexes": list(range(vision_layers)),
        },
        image_token_id=token(IMAGE_TOKEN),
        video_token_id=token(VIDEO_TOKEN),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def new_model(
    tokenizer: PreTrainedTokenizerBase, seed: int, config: Qwen2_5_VLConfig | None = None
) -> Qwen2_5_VLForConditionalGeneration:
    torch.manual_seed(seed)
    return Qwen2_5_VLForConditionalGeneration(config or demo_config(tokenizer))

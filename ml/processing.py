"""Tokenizer and picture processor of Qwen2.5-VL without its video half, which needs torchvision.

Without torchvision, transformers' AutoProcessor answers with a bare tokenizer and no error;
``load_processor`` builds the two halves by name and refuses anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
)
from transformers.processing_utils import ProcessorMixin

from ml.errors import BundleError
from ml.prompts import IMAGE_TOKEN

VIDEO_TOKEN = "<|video_pad|>"
PAD_TOKEN = "<|endoftext|>"
END_OF_TURN = "<|im_end|>"
CONTROL_TOKENS = (
    PAD_TOKEN,
    "<|im_start|>",
    END_OF_TURN,
    "<|vision_start|>",
    "<|vision_end|>",
    IMAGE_TOKEN,
    VIDEO_TOKEN,
)
# How Qwen2 cuts text before byte-pair merges; every digit stands alone.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class ImageOnlyProcessor(Qwen2_5_VLProcessor):
    """A real Qwen2.5-VL processor for still pictures."""

    def __init__(
        self, image_processor: Qwen2VLImageProcessorPil, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.image_token, self.video_token = IMAGE_TOKEN, VIDEO_TOKEN
        self.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        self.video_token_id = tokenizer.convert_tokens_to_ids(VIDEO_TOKEN)
        # Past the parent, whose constructor insists on a video processor.
        ProcessorMixin.__init__(self, image_processor, tokenizer)


@dataclass(frozen=True)
class PromptTensors:
    """Prompts of several dimensions for pictures of one size, padded on the right to one length.

    K prompts, S tokens; each row holds the same number of image tokens, side by side.
    """

    input_ids: Tensor  # (K, S) int64
    attention_mask: Tensor  # (K, S) int64, 0 on padding
    mm_token_type_ids: Tensor  # (K, S) int64, 1 on image tokens
    last: Tensor  # (K,) int64, index of the last token that is not padding


def build_tokenizer(texts: Iterable[str], vocab_size: int) -> Qwen2Tokenizer:
    """A small byte-level BPE tokenizer in Qwen2's format, learned from ``texts``.

    Deterministic for the same texts in the same order. Digits are single tokens by construction.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(CONTROL_TOKENS),
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    learned = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        unk_token=None,
        eos_token=END_OF_TURN,
        pad_token=PAD_TOKEN,
        model_max_length=4096,
        padding_side="right",
    )
    tokenizer.add_tokens(
        [AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS],
        special_tokens=True,
    )
    return tokenizer


def build_processor(tokenizer: PreTrainedTokenizerBase) -> ImageOnlyProcessor:
    return ImageOnlyProcessor(
        Qwen2VLImageProcessorPil(patch_size=14, temporal_patch_size=2, merge_size=2), tokenizer
    )


def save_processor(processor: ImageOnlyProcessor, folder: Path) -> None:
    """Writes a folder that other programs load as an ordinary Qwen2.5-VL processor."""
    processor.tokenizer.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)


def load_processor(folder: Path) -> ImageOnlyProcessor:
    """Loads both halves of a processor from a local folder.

    Raises:
        BundleError: a half is missing, or the tokenizer is not one of Qwen2.5-VL.
    """
    if not any(folder.glob("*processor_config.json")):
        raise BundleError(f"{folder} holds only a tokenizer; the picture processor is missing.")
    try:
        image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BundleError(f"The processor in {folder} cannot be loaded: {error}") from None
    known = tokenizer.get_vocab()
    absent = [token for token in CONTROL_TOKENS if token not in known]
    if absent:
        raise BundleError(f"The tokenizer in {folder} lacks {', '.join(absent)}.")
    return ImageOnlyProcessor(image_processor, tokenizer)


def picture_tensors(
    processor: ImageOnlyProcessor, pictures: Sequence[Image.Image]
) -> tuple[Tensor, Tensor]:
    """Pictures that ``fit_picture`` made, as the vision tower wants them.

    Returns:
        pixel_values (patches of all pictures, 1176) fp32, and image_grid_thw (B, 3) int64 in
        patches. There is no second resize here: ``do_resize`` is off.
    """
    batch = processor.image_processor(images=list(pictures), do_resize=False, return_tensors="pt")
    return batch["pixel_values"], batch["image_grid_thw"]


def prompt_tensors(
    processor: ImageOnlyProcessor, prompts: Sequence[str], size_px: int
) -> PromptTensors:
    """Tokens of ``prompts``, each with room for one picture of ``size_px`` square.

    Padding is on the right whatever the tokenizer's setting, so the last real token is ``last``,
    never index -1.
    """
    images = processor.image_processor
    count = (size_px // (images.patch_size * images.merge_size)) ** 2
    texts = [prompt.replace(IMAGE_TOKEN, IMAGE_TOKEN * count) for prompt in prompts]
    rows = [processor.tokenizer.encode(text, add_special_tokens=False) for text in texts]
    length = max(map(len, rows))
    pad = processor.tokenizer.convert_tokens_to_ids(PAD_TOKEN)
    input_ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return PromptTensors(
        input_ids=input_ids,
        attention_mask=(torch.arange(length) < lengths[:, None]).long(),
        mm_token_type_ids=(input_ids == processor.image_token_id).long(),
        last=lengths - 1,
    )

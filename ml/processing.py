"""Tokenizer and picture processor of Qwen2.5-VL without its video half, which needs torchvision.

Without torchvision, transformers' AutoProcessor answers with a bare tokenizer and no error;
``load_processor`` builds the two halves by name and refuses anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
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
from ml.prompts import IMAGE_TOKEN, PICTURE

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
    if tokenizer.padding_side != "right":
        raise BundleError(
            f"The tokenizer in {folder} pads on the left; its last position would be read as "
            "padding. Save it with padding_side='right' (python -m ml prepare-base does)."
        )
    known = tokenizer.get_vocab()
    absent = [token for token in CONTROL_TOKENS if token not in known]
    if absent:
        raise BundleError(f"The tokenizer in {folder} lacks {', '.join(absent)}.")
    processor = ImageOnlyProcessor(image_processor, tokenizer)
    _check_processor(processor, folder)
    return processor


def _check_processor(processor: ImageOnlyProcessor, folder: Path) -> None:
    """Asks for one picture: without the types of its tokens, positions are silently plain."""
    side = processor.image_processor.patch_size * processor.image_processor.merge_size
    page = Image.new("RGB", (2 * side, 2 * side))
    answer = processor(images=[page], text=[PICTURE], do_resize=False, return_tensors="pt")
    types, ids = answer.get("mm_token_type_ids"), answer["input_ids"]
    if types is None or not torch.equal(types == 1, ids == processor.image_token_id):
        raise BundleError(
            f"The processor in {folder} does not say which tokens are the picture's "
            "(mm_token_type_ids); the installed version of transformers does not fit."
        )


def picture_patches(processor: ImageOnlyProcessor, pictures: Sequence[Image.Image]) -> Tensor:
    """Pictures that ``fit_picture`` made, as the vision tower wants them.

    Returns:
        (patches of all pictures, 1176) fp32: the numbers that the processor itself gives, without
        its second resize, for a whole batch at once.
    """
    return patches_of(np.stack([np.asarray(picture) for picture in pictures]), processor)


def patches_of(pixels: np.ndarray, processor: ImageOnlyProcessor) -> Tensor:
    """(B, side, side, 3) uint8 to (B * patches, 1176) fp32."""
    images = processor.image_processor
    mean, spread = torch.tensor(images.image_mean), torch.tensor(images.image_std)
    x = (torch.tensor(pixels).float() / 255 - mean) / spread
    patch, merge = images.patch_size, images.merge_size
    cells = x.shape[1] // (patch * merge)
    # (B, rows of 2x2, 2, 14, columns of 2x2, 2, 14, color)
    x = x.view(len(x), cells, merge, patch, cells, merge, patch, 3)
    x = x.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(-1, 3, 1, patch, patch)
    moments = images.temporal_patch_size  # a still picture fills all of them alike
    return x.expand(-1, 3, moments, patch, patch).reshape(-1, 3 * moments * patch * patch)

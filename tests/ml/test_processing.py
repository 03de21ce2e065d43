from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ml.errors import BundleError
from ml.images import fit_picture
from ml.processing import load_processor, picture_tensors, prompt_tensors
from ml.profiles import ImageProfile
from ml.prompts import RUBRIC_PROMPT, build_prompt
from ml.rubric import KIDSART
from tests.ml.tiny_bundle import IMAGE, Bundle, draw


def prompts() -> list[str]:
    return [build_prompt(KIDSART, slug) for slug in KIDSART.slugs]


def test_static_prompts_equal_what_the_processor_of_transformers_makes(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    picture = fit_picture(draw(1), IMAGE)
    theirs = processor(
        images=[picture] * 9,
        text=prompts(),
        do_resize=False,
        padding=True,
        padding_side="right",
        return_tensors="pt",
    )
    ours = prompt_tensors(processor, prompts(), IMAGE.size_px)
    pixels, grid = picture_tensors(processor, [picture] * 9)
    assert torch.equal(ours.input_ids, theirs["input_ids"])
    assert torch.equal(ours.attention_mask, theirs["attention_mask"])
    assert torch.equal(ours.mm_token_type_ids, theirs["mm_token_type_ids"])
    assert torch.equal(ours.last, theirs["attention_mask"].sum(1) - 1)
    assert torch.equal(pixels, theirs["pixel_values"])
    assert torch.equal(grid, theirs["image_grid_thw"])


def test_a_tokenizer_that_pads_on_the_left_changes_nothing(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    right = prompt_tensors(processor, prompts(), IMAGE.size_px)
    processor.tokenizer.padding_side = "left"
    left = prompt_tensors(processor, prompts(), IMAGE.size_px)
    assert torch.equal(left.input_ids, right.input_ids)
    assert torch.equal(left.last, right.last)


def test_the_picture_keeps_the_size_that_fit_picture_gave_it(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    profile = ImageProfile("large", size_px=1036)  # beyond the processor's own largest size
    _, grid = picture_tensors(processor, [fit_picture(draw(1), profile)])
    assert grid.tolist() == [[1, 74, 74]]


def test_both_layouts_hold_the_same_number_of_picture_tokens(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    for layout in ("image_first", "text_first"):
        profile = replace(RUBRIC_PROMPT, layout=layout)
        tensors = prompt_tensors(processor, [build_prompt(KIDSART, "realism", profile)], 112)
        assert int(tensors.mm_token_type_ids.sum()) == 16


def test_a_bare_tokenizer_is_not_taken_for_a_processor(bundle: Bundle) -> None:
    (bundle.base / "preprocessor_config.json").unlink()
    with pytest.raises(BundleError, match="only a tokenizer"):
        load_processor(bundle.base)


def test_a_tokenizer_of_another_family_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.base / "tokenizer.json"
    path.write_text(path.read_text().replace("<|vision_start|>", "<|another|>"))
    with pytest.raises(BundleError, match="vision_start"):
        load_processor(bundle.base)

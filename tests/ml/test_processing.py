from __future__ import annotations

import json
from pathlib import Path

import pytest

from ml.errors import BundleError
from ml.images import fit_picture
from ml.processing import ImageOnlyProcessor, load_processor, picture_patches
from ml.profiles import ImageProfile
from tests.ml.tiny_bundle import IMAGE, Bundle, draw


def test_patches_are_those_that_the_processor_of_transformers_makes(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    pictures = [fit_picture(draw(seed), IMAGE) for seed in range(3)]
    theirs = processor.image_processor(images=pictures, do_resize=False, return_tensors="pt")
    ours = picture_patches(processor, pictures)
    assert (ours - theirs["pixel_values"]).abs().max() < 1e-6


def test_the_picture_keeps_the_size_that_fit_picture_gave_it(pristine: Bundle) -> None:
    processor = load_processor(pristine.base)
    profile = ImageProfile("large", size_px=1036)  # beyond the processor's own largest size
    assert len(picture_patches(processor, [fit_picture(draw(1), profile)])) == 74 * 74


def test_a_tokenizer_that_pads_on_the_left_is_refused(bundle: Bundle) -> None:
    path = bundle.base / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "padding_side": "left"}))
    with pytest.raises(BundleError, match="pads on the left"):
        load_processor(bundle.base)


def test_a_processor_that_does_not_mark_the_picture_is_refused(
    pristine: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ImageOnlyProcessor.__call__

    def without_types(self: ImageOnlyProcessor, **inputs: object) -> object:
        answer = whole(self, **inputs)
        answer.pop("mm_token_type_ids", None)
        return answer

    monkeypatch.setattr(ImageOnlyProcessor, "__call__", without_types)
    with pytest.raises(BundleError, match="mm_token_type_ids"):
        load_processor(pristine.base)


def test_a_bare_tokenizer_is_not_taken_for_a_processor(bundle: Bundle) -> None:
    (bundle.base / "preprocessor_config.json").unlink()
    with pytest.raises(BundleError, match="only a tokenizer"):
        load_processor(bundle.base)


def test_a_tokenizer_of_another_family_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.base / "tokenizer.json"
    path.write_text(path.read_text().replace("<|vision_start|>", "<|another|>"))
    with pytest.raises(BundleError, match="vision_start"):
        load_processor(bundle.base)

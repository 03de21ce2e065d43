"""Each refusal here is a case in which transformers or PEFT would have scored without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml.errors import BundleError
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    BaseProfile,
    ImageProfile,
    read_adapter_profile,
    read_base_profile,
    sha256_of_base,
    write_profile,
)
from ml.prompts import ACTIVATED_PROMPT, PromptProfile
from ml.rubric import KIDSART
from ml.scorer import load_scorer
from tests.ml.tiny_bundle import Bundle, write_adapter_profile

Tensors = dict[str, Tensor]


def respell_adapter(bundle: Bundle, change: Callable[[Tensors], Tensors]) -> None:
    """Changes the weights of the realism adapter; its profile is made to fit."""
    folder = bundle.adapters["realism"]
    tensors = {key: tensor.clone() for key, tensor in load_file(folder / ADAPTER_WEIGHTS).items()}
    save_file(change(tensors), folder / ADAPTER_WEIGHTS)
    write_adapter_profile(bundle.base, folder, "realism", rank=4)


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_profile(bundle: Bundle, **changes: Any) -> AdapterProfile:
    folder = bundle.adapters["realism"]
    profile = replace(read_adapter_profile(folder), **changes)
    write_profile(profile, folder)
    return profile


def refuses(bundle: Bundle, complaint: str) -> None:
    with pytest.raises(BundleError, match=complaint):
        bundle.load()


def test_the_untouched_bundle_loads(bundle: Bundle) -> None:
    assert bundle.load().demo


def test_keys_of_an_older_layout_are_refused(bundle: Bundle) -> None:
    respell_adapter(
        bundle, lambda tensors: {k.replace(".language_model", ""): v for k, v in tensors.items()}
    )
    refuses(bundle, "another version of transformers")


def test_a_missing_key_is_refused(bundle: Bundle) -> None:
    respell_adapter(bundle, lambda tensors: dict(list(tensors.items())[1:]))
    refuses(bundle, "lacks 1 weights")


def test_an_adapter_that_was_never_trained_is_refused(bundle: Bundle) -> None:
    def untrained(tensors: Tensors) -> Tensors:
        return {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in tensors.items()}

    respell_adapter(bundle, untrained)
    refuses(bundle, "never trained")


def test_an_adapter_with_nan_is_refused(bundle: Bundle) -> None:
    respell_adapter(bundle, lambda tensors: {k: v / 0 * 0 for k, v in tensors.items()})
    refuses(bundle, "not numbers")


def test_an_adapter_of_another_width_is_refused(bundle: Bundle) -> None:
    respell_adapter(bundle, lambda tensors: {k: torch.cat([v, v]) for k, v in tensors.items()})
    refuses(bundle, "does not fit")


def test_weights_that_were_exchanged_are_refused(bundle: Bundle) -> None:
    weights = (bundle.adapters["imagination"] / ADAPTER_WEIGHTS).read_bytes()
    (bundle.adapters["deformation"] / ADAPTER_WEIGHTS).write_bytes(weights)
    refuses(bundle, "not those its profile was written for")


def test_an_adapter_of_another_dimension_is_refused(bundle: Bundle) -> None:
    folders = bundle.adapters | {"realism": bundle.adapters["imagination"]}
    with pytest.raises(BundleError, match="scores imagination, not realism"):
        load_scorer(bundle.base, folders, KIDSART, device="cpu")


def test_an_adapter_of_another_base_is_refused(bundle: Bundle) -> None:
    edit_profile(bundle, base_name="another", base_sha256="0" * 64)
    refuses(bundle, "trained on base model 'another'")


def test_an_adapter_of_another_rubric_is_refused(bundle: Bundle) -> None:
    edit_profile(bundle, rubric="clay")
    refuses(bundle, "belongs to rubric 'clay'")


def test_an_adapter_trained_with_other_words_is_refused(bundle: Bundle) -> None:
    edit_profile(bundle, prompt=PromptProfile("other", "{name}? {definition}"))
    refuses(bundle, "other words")


def test_a_reworded_rubric_is_refused(bundle: Bundle) -> None:
    first, *others = KIDSART.dimensions
    reworded = replace(KIDSART, dimensions=(replace(first, definition="Is it real?"), *others))
    with pytest.raises(BundleError, match="other words for realism"):
        load_scorer(bundle.base, bundle.adapters, reworded, device="cpu")


def test_adapters_that_need_different_pictures_are_refused(bundle: Bundle) -> None:
    edit_profile(bundle, image=ImageProfile("larger", 224))
    refuses(bundle, "prepared differently: larger, letterbox-112")


@pytest.mark.parametrize(
    "change",
    [
        {"use_dora": True},
        {"use_rslora": True},
        {"bias": "all"},
        {"rank_pattern": {"q_proj": 2}},
        {"modules_to_save": ["lm_head"]},
        {"peft_type": "IA3"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_kind_of_adapter_the_stack_does_not_know_is_refused(
    bundle: Bundle, change: dict[str, Any]
) -> None:
    edit_json(bundle.adapters["realism"] / "adapter_config.json", **change)
    refuses(bundle, "cannot be served")


def test_an_activated_adapter_is_not_served_as_an_ordinary_one(bundle: Bundle) -> None:
    edit_json(bundle.adapters["realism"] / "adapter_config.json", alora_invocation_tokens=[1, 2])
    refuses(bundle, "acts from the tokens")


def test_an_activated_adapter_that_begins_elsewhere_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    """PEFT would find no beginning and score with the base, without an error."""
    adapters = bundle.with_prompt(ACTIVATED_PROMPT, tmp_path)
    edit_json(adapters["realism"] / "adapter_config.json", alora_invocation_tokens=[1, 2])
    with pytest.raises(BundleError, match="acts from the tokens"):
        load_scorer(bundle.base, adapters, KIDSART, device="cpu")


def test_an_adapter_on_the_head_is_refused(bundle: Bundle) -> None:
    edit_json(bundle.adapters["realism"] / "adapter_config.json", target_modules=["lm_head"])
    refuses(bundle, "cannot be served")


def test_another_scale_than_the_profile_says_is_refused(bundle: Bundle) -> None:
    edit_json(bundle.adapters["realism"] / "adapter_config.json", lora_alpha=64)
    refuses(bundle, "another rank or alpha")


def test_an_adapter_on_the_vision_tower_is_refused(bundle: Bundle) -> None:
    edit_json(bundle.adapters["realism"] / "adapter_config.json", target_modules=["qkv"])
    refuses(bundle, "vision tower")


def test_a_pickled_adapter_is_not_opened(bundle: Bundle) -> None:
    folder = bundle.adapters["realism"]
    (folder / ADAPTER_WEIGHTS).rename(folder / "adapter_model.bin")
    refuses(bundle, "has no adapter_model.safetensors")


def test_a_truncated_adapter_is_refused(bundle: Bundle) -> None:
    path = bundle.adapters["realism"] / ADAPTER_WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])
    write_adapter_profile(bundle.base, path.parent, "realism", rank=4)
    refuses(bundle, "damaged")


def test_an_exchanged_base_is_refused(bundle: Bundle) -> None:
    path = bundle.base / "model.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    refuses(bundle, "files of base model 'tiny' are not those")


def test_a_missing_base_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="no base model at"):
        load_scorer(bundle.folder / "nowhere", {}, KIDSART)


def respell_base(bundle: Bundle, change: Callable[[Tensors], Tensors]) -> None:
    path = bundle.base / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})
    rehash_base(bundle)


def rehash_base(bundle: Bundle) -> None:
    profile: BaseProfile = read_base_profile(bundle.base)
    write_profile(replace(profile, sha256=sha256_of_base(bundle.base)), bundle.base)


def test_a_base_with_a_missing_weight_is_refused(bundle: Bundle) -> None:
    respell_base(bundle, lambda tensors: dict(list(tensors.items())[:-1]))
    refuses(bundle, "do not fit its config.json")


def test_a_base_with_a_surplus_weight_is_refused(bundle: Bundle) -> None:
    respell_base(bundle, lambda tensors: tensors | {"model.extra.weight": torch.ones(2)})
    refuses(bundle, "do not fit its config.json")


def test_a_model_of_another_family_is_refused(bundle: Bundle) -> None:
    edit_json(bundle.base / "config.json", model_type="qwen2_vl")
    rehash_base(bundle)
    refuses(bundle, "not Qwen2.5-VL")

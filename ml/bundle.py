"""Loading a base model and its adapters, refusing whatever would score wrongly in silence.

Each check answers a way in which transformers or PEFT load without an error and then score with
something else than was asked for: keys of another layout leave an adapter at zero, another base or
prompt shifts every score. Only safetensors are read.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, Qwen2_5_VLForConditionalGeneration

from ml.errors import BundleError, EngineError
from ml.lora_stack import LAYER, LoraWeights
from ml.passes import invocation_tokens
from ml.processing import ImageOnlyProcessor, load_processor
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    BaseProfile,
    read_adapter_profile,
    read_base_profile,
    read_json,
    sha256_of_base,
    sha256_of_file,
)
from ml.prompts import build_prompt, prompt_sha256
from ml.rubric import Rubric

PEFT_PREFIX = "base_model.model."
VISION_PREFIX = "model.visual."
LORA_KEY = re.compile(re.escape(PEFT_PREFIX) + r"(?P<layer>.+)\.lora_(?P<half>[AB])\.weight")
# Settings of PEFT that change what an adapter computes and that the stack does not know.
PLAIN_LORA: dict[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
    "layers_to_transform": None,
    "target_parameters": None,
    "exclude_modules": None,
}


@dataclass(frozen=True)
class LoadedBase:
    model: Qwen2_5_VLForConditionalGeneration
    processor: ImageOnlyProcessor
    profile: BaseProfile
    linears: Mapping[str, tuple[int, int]]  # name of each linear layer: (out, in)


@dataclass(frozen=True)
class LoadedAdapter:
    profile: AdapterProfile
    weights: LoraWeights


def pick_device(name: str) -> torch.device:
    """``auto`` takes a CUDA device if there is one, else Apple's GPU, else the processor.

    Raises:
        EngineError: there is no such device here.
    """
    if name == "auto":
        name = "mps" if torch.backends.mps.is_available() else "cpu"
        name = "cuda" if torch.cuda.is_available() else name
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise EngineError(f"There is no device {name!r} here: {why}") from None
    if device.type == "meta":
        raise EngineError("A model on the device 'meta' has no weights to score with.")
    return device


def load_base(
    folder: Path, device: torch.device, dtype: torch.dtype, four_bit: bool = False
) -> LoadedBase:
    """Loads a model and its processor.

    Raises:
        BundleError: the folder is not the whole model that its profile names, or ``four_bit`` is
            asked for where it cannot be had.
    """
    if not folder.is_dir():
        raise BundleError(f"There is no base model at {folder}.")
    profile = read_base_profile(folder)
    if sha256_of_base(folder) != profile.sha256:
        raise BundleError(
            f"The files of base model {profile.name!r} are not those its profile was written for; "
            "fetch them again."
        )
    config = read_json(folder / "config.json")
    if config.get("model_type") != "qwen2_5_vl":
        raise BundleError(f"{folder} is a {config.get('model_type')} model, not Qwen2.5-VL.")
    processor = load_processor(folder)
    try:
        model, report = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **_quantization(device, dtype, four_bit),
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BundleError(f"The base model in {folder} cannot be loaded: {error}") from None
    wrong = {kind: keys for kind, keys in report.items() if keys}
    if wrong:
        raise BundleError(f"The weights in {folder} do not fit its config.json: {wrong}.")
    if len(processor.tokenizer) > model.config.text_config.vocab_size:
        raise BundleError(f"The tokenizer in {folder} has more tokens than the model.")
    if not four_bit:
        model = model.to(device)
    model.eval().requires_grad_(False)  # only adapters learn
    return LoadedBase(model, processor, profile, linear_shapes(model))


def _quantization(device: torch.device, dtype: torch.dtype, four_bit: bool) -> dict[str, Any]:
    """NF4 for the linear layers of the language model; the tower and the head stay whole."""
    if not four_bit:
        return {}
    if device.type != "cuda" or importlib.util.find_spec("bitsandbytes") is None:
        raise BundleError(
            "A base in 4 bits needs an NVIDIA GPU and the package bitsandbytes: "
            "pip install --group four-bit."
        )
    return {
        "device_map": {"": device},
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=["model.visual", "lm_head"],
        ),
    }


def linear_shapes(model: nn.Module) -> dict[str, tuple[int, int]]:
    return {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }


def load_adapter(folder: Path, base: LoadedBase, rubric: Rubric, dimension: str) -> LoadedAdapter:
    """Reads one PEFT folder and checks it against its profile, the base and the rubric.

    Raises:
        BundleError: it would not score as it was trained to.
    """
    profile = read_adapter_profile(folder)
    check_profile(profile, base.profile, rubric, dimension)
    path = folder / ADAPTER_WEIGHTS
    if not path.is_file():
        raise BundleError(f"Adapter {profile.name!r} has no {ADAPTER_WEIGHTS}.")
    if sha256_of_file(path) != profile.weights_sha256:
        raise BundleError(
            f"The weights of adapter {profile.name!r} are not those its profile was written for."
        )
    config = read_json(folder / "adapter_config.json")
    _check_config(config, profile, base.processor)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise BundleError(f"The weights of adapter {profile.name!r} are damaged: {error}") from None
    layers = _pair(tensors, _targets(config, base.linears, profile.name), profile)
    _check_shapes(layers, base.linears, profile)
    return LoadedAdapter(profile, LoraWeights(layers, profile.rank, profile.alpha / profile.rank))


def check_profile(
    profile: AdapterProfile, base: BaseProfile, rubric: Rubric, dimension: str
) -> None:
    """Refuses an adapter for another dimension, rubric, base model or wording."""
    name = f"Adapter {profile.name!r}"
    if profile.dimension != dimension:
        raise BundleError(f"{name} scores {profile.dimension}, not {dimension}.")
    if profile.rubric != rubric.slug:
        raise BundleError(f"{name} belongs to rubric {profile.rubric!r}, not {rubric.slug!r}.")
    if profile.base_sha256 != base.sha256:
        raise BundleError(
            f"{name} was trained on base model {profile.base_name!r} "
            f"({profile.base_sha256[:12]}), not on {base.name!r} ({base.sha256[:12]})."
        )
    if prompt_sha256(build_prompt(rubric, dimension, profile.prompt)) != profile.prompt_sha256:
        raise BundleError(
            f"{name} was trained with other words for {dimension}; "
            "train it again, or use the rubric it was trained with."
        )


def _check_config(
    config: Mapping[str, Any], profile: AdapterProfile, processor: ImageOnlyProcessor
) -> None:
    name = f"Adapter {profile.name!r}"
    for key, plain in PLAIN_LORA.items():
        if config.get(key, plain) != plain and config[key] not in (None, {}, []):
            raise BundleError(f"{name} uses {key}={config[key]!r}, which cannot be served.")
    if (config.get("r"), config.get("lora_alpha")) != (profile.rank, profile.alpha):
        raise BundleError(f"{name} has another rank or alpha than its profile says.")
    activated = invocation_tokens(processor) if profile.prompt.layout == "activated" else None
    if config.get("alora_invocation_tokens") != activated:
        raise BundleError(
            f"{name} acts from the tokens {config.get('alora_invocation_tokens')} on, but its "
            f"prompt profile asks for {activated}; it would score as another adapter does."
        )


def _targets(
    config: Mapping[str, Any], linears: Mapping[str, tuple[int, int]], name: str
) -> set[str]:
    """The layers that PEFT would adapt for this configuration."""
    wanted = config.get("target_modules") or []
    if isinstance(wanted, str):
        found = {layer for layer in linears if re.fullmatch(wanted, layer)}
    else:
        found = {
            layer for layer in linears if any(f".{layer}".endswith(f".{end}") for end in wanted)
        }
    if any(layer.startswith(VISION_PREFIX) for layer in found):
        raise BundleError(f"Adapter {name!r} changes the vision tower, which all dimensions share.")
    if strange := sorted(layer for layer in found if not LAYER.fullmatch(layer)):
        raise BundleError(f"Adapter {name!r} changes {strange[0]}, which cannot be served.")
    return found


def _pair(
    tensors: Mapping[str, Tensor], targets: set[str], profile: AdapterProfile
) -> dict[str, tuple[Tensor, Tensor]]:
    halves: dict[tuple[str, str], Tensor] = {}
    for key, tensor in tensors.items():
        match = LORA_KEY.fullmatch(key)
        if match is None or match["layer"] not in targets:
            raise BundleError(
                f"Adapter {profile.name!r} has weights for {key}, which this base model does not "
                "have; it was probably saved by another version of transformers."
            )
        halves[match["layer"], match["half"]] = tensor
    missing = sorted({f"{t}.lora_{h}" for t in targets for h in "AB" if (t, h) not in halves})
    if missing or not halves:
        raise BundleError(
            f"Adapter {profile.name!r} lacks {len(missing)} weights, first {missing[:1]}."
        )
    if not profile.fresh and not any(halves[target, "B"].any() for target in targets):
        raise BundleError(f"Adapter {profile.name!r} was never trained: its B weights are zero.")
    if not all(tensor.isfinite().all() for tensor in halves.values()):
        raise BundleError(f"Adapter {profile.name!r} holds weights that are not numbers.")
    return {target: (halves[target, "A"], halves[target, "B"]) for target in sorted(targets)}


def _check_shapes(
    layers: Mapping[str, tuple[Tensor, Tensor]],
    linears: Mapping[str, tuple[int, int]],
    profile: AdapterProfile,
) -> None:
    for layer, (a, b) in layers.items():
        out_features, in_features = linears[layer]
        if a.shape != (profile.rank, in_features) or b.shape != (out_features, profile.rank):
            raise BundleError(
                f"Adapter {profile.name!r} does not fit {layer}: "
                f"A {tuple(a.shape)}, B {tuple(b.shape)}, layer {(out_features, in_features)}."
            )

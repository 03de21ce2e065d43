"""Writing one trained adapter: PEFT's files, and the profile that says how to serve it."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors.torch import save_file

from ml.bundle import PEFT_PREFIX
from ml.fitting import Recipe
from ml.levels import LevelReader
from ml.lora_stack import LoraWeights
from ml.passes import invocation_tokens
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    Calibration,
    sha256_of_file,
    write_profile,
)
from ml.prompts import build_prompt, prompt_sha256


def save_adapter(
    folder: Path,
    name: str,
    slug: str,
    weights: LoraWeights,
    recipe: Recipe,
    reader: LevelReader,
    calibration: Calibration | None,
    metrics: dict[str, object],
) -> None:
    """Writes ``folder``; what was there goes only when the new files are whole.

    The files are PEFT's own: ``PeftModel.from_pretrained`` loads them, an activated adapter as
    PEFT's activated LoRA.
    """
    base, prompt = reader.base.profile, reader.prompt
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = Path(scratch) / folder.name
        aside.mkdir()
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=_target_modules(recipe),
            task_type="CAUSAL_LM",
            base_model_name_or_path=base.name,
            inference_mode=True,
            alora_invocation_tokens=(
                invocation_tokens(reader.base.processor) if reader.activated else None
            ),
        ).save_pretrained(aside)
        tensors = {
            f"{PEFT_PREFIX}{layer}.lora_{half}.weight": tensor.detach().cpu().contiguous()
            for layer, pair in weights.layers.items()
            for half, tensor in zip("AB", pair, strict=True)
        }
        save_file(tensors, aside / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        write_profile(
            AdapterProfile(
                name=name,
                dimension=slug,
                rubric=reader.rubric.slug,
                base_name=base.name,
                base_sha256=base.sha256,
                weights_sha256=sha256_of_file(aside / ADAPTER_WEIGHTS),
                prompt=prompt,
                prompt_sha256=prompt_sha256(build_prompt(reader.rubric, slug, prompt)),
                image=reader.image,
                rank=recipe.rank,
                alpha=recipe.alpha,
                calibration=calibration,
                metrics=metrics,
            ),
            aside,
        )
        aside.chmod(0o755)
        for file in aside.iterdir():  # safetensors writes 0600: unreadable for other users
            file.chmod(0o644)
        if folder.exists():
            folder.rename(Path(scratch) / "before")
        aside.rename(folder)


def metrics_of(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What of one dimension's evaluation goes into the adapter's profile, and so on the page."""
    kept = ("n", "spearman", "pearson", "qwk", "mae", "mse", "accuracy", "bias", "coverage")
    return {**{name: figures[name] for name in kept}, "spearman_95": figures["ci"]["spearman"]}


def package_versions() -> dict[str, str]:
    """What a figure was made with."""
    packages = ("torch", "transformers", "peft", "tokenizers", "numpy", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _target_modules(recipe: Recipe) -> list[str] | str:
    """Names for PEFT; the names of the MLP occur in the vision tower, too, so they need a path."""
    if not any(target in ("gate_proj", "up_proj", "down_proj") for target in recipe.targets):
        return sorted(recipe.targets)
    return rf"model\.language_model\..*\.({'|'.join(sorted(recipe.targets))})"

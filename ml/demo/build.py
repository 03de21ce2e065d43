"""Draw, train, calibrate, check, save: the demo model from nothing, in counted steps."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from ml.calibration import fit_calibration
from ml.demo.card import model_card
from ml.demo.evaluate import check
from ml.demo.model import demo_config, demo_processor, demo_prompts, grid_of, new_model
from ml.demo.pictures import IMAGE, PictureSet, draw_files, draw_training_set
from ml.demo.pretrain import prepare_tower, see_all, teach_language, teach_tower
from ml.demo.targets import measure
from ml.processing import ImageOnlyProcessor, prompt_tensors, save_processor
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    BaseProfile,
    Calibration,
    sha256_of_base,
    sha256_of_file,
    write_profile,
)
from ml.prompts import RUBRIC_PROMPT, build_prompt, prompt_sha256
from ml.rubric import KIDSART
from ml.score_tokens import expected_score, level_sd, score_token_ids
from ml.train import LevelReader, Recipe, add_adapter, fit_adapter, read_levels

BUNDLE = Path(__file__).resolve().parent.parent / "demo_model"
BASE_NAME = "kidsart-demo"
THREADS = 2  # fixed: another number of threads adds up in another order


@dataclass(frozen=True)
class Plan:
    """How much of everything. Counted in pictures and steps, so that a build can be repeated."""

    train_pictures: int = 4000
    calibration_pictures: int = 500
    check_pictures: int = 400
    display_px: int = 1024
    tower_steps: int = 1000
    language_steps: int = 220
    adapter_epochs: int = 1


QUICK = Plan(60, 48, 12, 256, 6, 40, 1)  # proves that the parts fit together, learns nothing


class Build:
    def __init__(self, out: Path, seed: int, plan: Plan, recipe: Recipe) -> None:
        self.out, self.seed, self.plan, self.recipe = out, seed, plan, recipe
        self.check_seed = seed + 1000
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def run(self, config: Qwen2_5_VLConfig | None = None) -> dict[str, Any]:
        """Builds aside, then replaces the old bundle, so that a broken build leaves it alone."""
        torch.set_num_threads(THREADS)
        processor = demo_processor()
        model = new_model(processor.tokenizer, self.seed, config)
        with tempfile.TemporaryDirectory(dir=self.out.parent) as folder:
            aside = Path(folder) / self.out.name
            steps = self._train(aside, model, processor)
            metrics = self._check(aside, model, steps)
            if self.out.exists():
                shutil.rmtree(self.out)
            aside.rename(self.out)
        return metrics

    def _train(
        self,
        folder: Path,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageOnlyProcessor,
    ) -> int:
        plan = self.plan
        with self._stage("drawing"):
            drawn = draw_training_set(plan.train_pictures, self.seed)
            held_out = draw_training_set(plan.calibration_pictures, self.seed + 1)
        with self._stage("vision tower"):
            targets, _ = measure(drawn)
            prepare_tower(model, processor, drawn.pixels)
            teach_tower(
                model, processor, drawn.pixels, targets, plan.tower_steps, self.seed, self.log
            )
        with self._stage("language part"):
            features = see_all(model, processor, drawn.pixels)
            reader = _reader(model, processor)
            teach_language(
                model, reader, features, targets, plan.language_steps, self.seed, self.log
            )
            base_sha256 = _save_base(folder / "base", model, processor)
        with self._stage("adapters"):
            mirrored = see_all(model, processor, np.ascontiguousarray(drawn.pixels[:, :, ::-1]))
            features = torch.cat([features, mirrored])
            held_out_features = see_all(model, processor, held_out.pixels)
            return self._adapters(
                folder, model, reader, (features, drawn), (held_out_features, held_out), base_sha256
            )

    def _adapters(
        self,
        folder: Path,
        model: Qwen2_5_VLForConditionalGeneration,
        reader: LevelReader,
        training: tuple[Tensor, PictureSet],
        held_out: tuple[Tensor, PictureSet],
        base_sha256: str,
    ) -> int:
        adapted: Qwen2_5_VLForConditionalGeneration | PeftModel = model
        losses: list[float] = []
        for k, slug in enumerate(KIDSART.slugs):
            recipe = replace(self.recipe, seed=self.seed + k)
            adapted = add_adapter(adapted, slug, recipe)
            levels = torch.tensor(training[1].levels[:, k]).float().repeat(2)  # pages, mirrored
            losses = fit_adapter(
                adapted, reader, k, training[0], levels, KIDSART.first_level, recipe
            )
            calibration = self._calibration(reader, k, held_out)
            _save_adapter(folder, adapted, slug, recipe, calibration, base_sha256)
            self.log(f"adapter {slug}: loss {losses[0]:.2f} to {np.mean(losses[-10:]):.2f}")
        return len(losses)

    def _calibration(
        self, reader: LevelReader, k: int, held_out: tuple[Tensor, PictureSet]
    ) -> Calibration:
        logits = read_levels(reader, k, held_out[0])
        return fit_calibration(
            expected_score(logits, KIDSART.first_level).numpy(),
            level_sd(logits, KIDSART.first_level).numpy(),
            held_out[1].levels[:, k],
            (KIDSART.first_level, KIDSART.last_level),
            seed=self.seed,
        )

    def _check(
        self, folder: Path, model: Qwen2_5_VLForConditionalGeneration, adapter_steps: int
    ) -> dict[str, Any]:
        plan = self.plan
        with self._stage("check"), tempfile.TemporaryDirectory() as shown:
            levels = draw_files(plan.check_pictures, self.check_seed, Path(shown), plan.display_px)
            figures = check(folder, sorted(Path(shown).glob("*.png")), levels)
        metrics = {
            "synthetic_demo": True,
            "seed": self.seed,
            "check_seed": self.check_seed,
            "plan": asdict(plan),
            "recipe": asdict(self.recipe),
            "adapter_steps": adapter_steps,
            "parameters": sum(
                p.numel() for name, p in model.named_parameters() if "lora_" not in name
            ),
            "seconds": {stage: round(s, 1) for stage, s in self.seconds.items()},
            "cores": os.cpu_count(),
            "versions": _versions(),
            "check": figures,
        }
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
        (folder / "MODEL_CARD.md").write_text(model_card(metrics))
        for path in folder.rglob("*"):  # safetensors writes 0600: unreadable for other users
            path.chmod(0o755 if path.is_dir() else 0o644)
        return metrics

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.log(f"{name} ...")
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start

    def log(self, text: str) -> None:
        sys.stdout.write(f"[{time.perf_counter() - self.started:5.0f} s] {text}\n")
        sys.stdout.flush()


def _reader(
    model: Qwen2_5_VLForConditionalGeneration, processor: ImageOnlyProcessor
) -> LevelReader:
    return LevelReader(
        model,
        prompt_tensors(processor, demo_prompts(), IMAGE.size_px),
        grid_of(1),
        score_token_ids(processor.tokenizer, KIDSART.level_numbers),
    )


def _save_base(
    folder: Path, model: Qwen2_5_VLForConditionalGeneration, processor: ImageOnlyProcessor
) -> str:
    model.save_pretrained(folder)
    save_processor(processor, folder)
    sha256 = sha256_of_base(folder)
    write_profile(BaseProfile(BASE_NAME, sha256, IMAGE, RUBRIC_PROMPT, demo=True), folder)
    return sha256


def _save_adapter(
    folder: Path,
    model: PeftModel,
    slug: str,
    recipe: Recipe,
    calibration: Calibration,
    base_sha256: str,
) -> None:
    model.peft_config[slug].base_model_name_or_path = BASE_NAME
    # save_embedding_layers=False: else PEFT asks the network for a base model of this name
    model.save_pretrained(
        folder / "adapters", selected_adapters=[slug], save_embedding_layers=False
    )
    (folder / "adapters" / "README.md").unlink(missing_ok=True)  # PEFT's empty card template
    place = folder / "adapters" / slug
    prompt = build_prompt(KIDSART, slug)
    write_profile(
        AdapterProfile(
            name=f"demo-{slug}",
            dimension=slug,
            rubric=KIDSART.slug,
            base_name=BASE_NAME,
            base_sha256=base_sha256,
            weights_sha256=sha256_of_file(place / ADAPTER_WEIGHTS),
            prompt=RUBRIC_PROMPT,
            prompt_sha256=prompt_sha256(prompt),
            image=IMAGE,
            rank=recipe.rank,
            alpha=recipe.alpha,
            calibration=calibration,
        ),
        place,
    )


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "peft", "tokenizers", "numpy", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ml demo build", description="Build the demo model from nothing."
    )
    parser.add_argument("--out", type=Path, default=BUNDLE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="a tiny run that only shows that the parts fit"
    )
    args = parser.parse_args(argv)
    out = args.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    build = Build(out, args.seed, QUICK if args.quick else Plan(), Recipe())
    metrics = build.run(_quick_config() if args.quick else None)
    mean = metrics["check"]["mean"]
    build.log(f"mean Spearman before {mean['spearman_before']}, after {mean['spearman']}: {out}")
    return 0


def _quick_config() -> Qwen2_5_VLConfig:
    return demo_config(demo_processor().tokenizer, hidden=64, layers=1, vision_hidden=32)


if __name__ == "__main__":
    sys.exit(main())

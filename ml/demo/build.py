"""Draw, train, calibrate, check, save: the demo model from nothing, in counted steps."""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from ml.arguments import not_negative, positive
from ml.atlas import ATLAS, make_atlas
from ml.bundle import load_base
from ml.demo.card import model_card
from ml.demo.evaluate import check, scorer_of
from ml.demo.model import demo_config, demo_processor, new_model
from ml.demo.pictures import CELL_PX, IMAGE, PictureSet, draw_files, draw_training_set, image_of
from ml.demo.pretrain import prepare_tower, teach_language, teach_tower
from ml.demo.targets import measure
from ml.errors import EngineError
from ml.fitting import Recipe, Task, calibrate, fit_adapter, read_logits
from ml.levels import LevelReader
from ml.passes import ask
from ml.processing import ImageOnlyProcessor, patches_of, save_processor
from ml.profiles import (
    BaseProfile,
    ImageProfile,
    read_adapter_profile,
    sha256_of_base,
    write_profile,
)
from ml.prompts import PROMPT_OF, RUBRIC_PROMPT, build_prompt
from ml.rubric import KIDSART
from ml.saving import package_versions, save_adapter
from ml.vision import Tower

BUNDLE = Path(__file__).resolve().parent.parent / "demo_model"
BASE_NAME = "kidsart-demo"
THREADS = 2  # fixed: another number of threads adds up in another order


@dataclass(frozen=True)
class Plan:
    """How much of everything. Counted in pictures and steps, so that a build can be repeated."""

    train_pictures: int = 4000
    calibration_pictures: int = 1500  # fewer, and ranges hold what they say only by luck
    check_pictures: int = 800
    display_px: int = 1024
    tower_steps: int = 1000
    language_steps: int = 220


# To compare picture sizes: begins with the weights of the demo model that is there.
BRIEF = Plan(1500, 400, 600, 1024, 250, 80)
QUICK = Plan(60, 48, 12, 256, 6, 40)  # proves that the parts fit together, learns nothing
# What a base of this size needs; the published values are for a 7B model. Compared in
# docs/experiments.md.
RECIPES: dict[str, dict[str, Any]] = {
    "lora": {"learning_rate": 5e-3, "dropout": 0.0, "batch_size": 48, "epochs": 2},
    "activated": {"learning_rate": 5e-3, "dropout": 0.0, "batch_size": 48, "epochs": 4},
}
LAYOUT = "activated"  # of the committed model: as good, and three times as fast to score


class Build:
    def __init__(
        self,
        out: Path,
        seed: int,
        plan: Plan,
        layout: str,
        size_px: int = IMAGE.size_px,
        begin_with: Path | None = None,
    ) -> None:
        """``begin_with``: a base whose weights are gone on from; else they are drawn anew."""
        self.out, self.seed, self.plan, self.layout = out, seed, plan, layout
        self.image, self.begin_with = image_of(size_px), begin_with
        self.recipe = Recipe(**RECIPES[layout], seed=seed)
        self.check_seed = seed + 1000
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def run(self, config: Qwen2_5_VLConfig | None = None) -> dict[str, Any]:
        """Builds aside, then replaces the old bundle, so that a broken build leaves it alone."""
        torch.set_num_threads(THREADS)
        processor = demo_processor()
        if self.begin_with:
            model = load_base(self.begin_with, torch.device("cpu"), torch.float32).model
            model.requires_grad_(True)
        else:
            model = new_model(processor.tokenizer, self.seed, config)
        with tempfile.TemporaryDirectory(dir=self.out.parent) as folder:
            aside = Path(folder) / self.out.name
            epochs = self._train(aside, model, processor)
            metrics = self._check(aside, model, epochs)
            if self.out.exists():
                shutil.rmtree(self.out)
            aside.rename(self.out)
        return metrics

    def _train(
        self,
        folder: Path,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageOnlyProcessor,
    ) -> dict[str, int]:
        plan = self.plan
        with self._stage("drawing"):
            drawn = draw_training_set(plan.train_pictures, self.seed, self.image)
            held_out = draw_training_set(plan.calibration_pictures, self.seed + 1, self.image)
        with self._stage("vision tower"):
            targets, _ = measure(drawn)
            if not self.begin_with:
                prepare_tower(model, processor, drawn.pixels)
            teach_tower(
                model, processor, drawn.pixels, targets, plan.tower_steps, self.seed, self.log
            )
        with self._stage("language part"):
            features = _see_all(model, processor, drawn.pixels)
            questions = [
                ask(processor, model.model, build_prompt(KIDSART, slug), self.image.size_px)
                for slug in KIDSART.slugs
            ]
            teach_language(
                model, processor, questions, features, targets, plan.language_steps, self.seed,
                self.log,
            )  # fmt: skip
            save_base(folder / "base", model, processor, self.image)
        with self._stage("adapters"):
            return self._adapters(folder, drawn, held_out)

    def _adapters(self, folder: Path, drawn: PictureSet, held_out: PictureSet) -> dict[str, int]:
        """Trains on the drawn pictures and their mirror images; stops and calibrates by others."""
        base = load_base(folder / "base", torch.device("cpu"), torch.float32)
        reader = LevelReader(base, KIDSART, PROMPT_OF[self.layout], self.image)
        views = DrawnViews(reader, drawn, held_out)
        epochs = {}
        for k, slug in enumerate(KIDSART.slugs):
            levels = np.concatenate([drawn.levels[:, k], held_out.levels[:, k]]).astype(float)
            every = range(len(levels))
            train, rest = every[: len(drawn)], every[len(drawn) :]
            task = Task(slug, k, levels, train, rest, variants=(0, 1))
            weights, progress = fit_adapter(reader, views, [task], self.recipe)
            logits = read_logits(reader, views, k, weights, rest)
            scale = KIDSART.first_level, KIDSART.last_level
            calibration = calibrate(logits, levels[list(rest)], scale, self.seed)
            save_adapter(
                folder / "adapters" / slug, f"demo-{slug}", slug, weights, self.recipe, reader,
                calibration, {},
            )  # fmt: skip
            epochs[slug] = progress.best_epoch
            best = math.nan if progress.best is None else progress.best
            self.log(f"adapter {slug}: validation Spearman {best:.3f}")
        return epochs

    def _check(
        self,
        folder: Path,
        model: Qwen2_5_VLForConditionalGeneration,
        epochs: dict[str, int],
    ) -> dict[str, Any]:
        plan = self.plan
        with self._stage("check"), tempfile.TemporaryDirectory() as shown:
            levels = draw_files(plan.check_pictures, self.check_seed, Path(shown), plan.display_px)
            pictures = sorted(Path(shown).glob("*.png"))
            figures = check(folder, pictures, levels)
            atlas = make_atlas(scorer_of(folder), pictures, levels.astype(float))
        (folder / ATLAS).write_text(json.dumps(atlas, indent=1) + "\n")
        for slug, dimension in figures["dimensions"].items():
            place = folder / "adapters" / slug
            write_profile(replace(read_adapter_profile(place), metrics=dimension), place)
        metrics = {
            "synthetic_demo": True,
            "seed": self.seed,
            "check_seed": self.check_seed,
            "plan": asdict(plan),
            "recipe": asdict(self.recipe),
            "layout": self.layout,
            "size_px": self.image.size_px,
            "adapter_epochs": epochs,
            "parameters": sum(p.numel() for p in model.parameters()),
            "seconds": {stage: round(s, 1) for stage, s in self.seconds.items()},
            "cores": os.cpu_count(),
            "versions": package_versions(),
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


class DrawnViews:
    """``ml.fitting.Samples``: drawn pictures as they are (0) and mirrored (1), in memory."""

    def __init__(self, reader: LevelReader, *sets: PictureSet) -> None:
        pixels = np.concatenate([pictures.pixels for pictures in sets])
        mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
        self._count = len(pixels)
        self._views = torch.cat(
            [
                reader.views(some[start : start + 100])
                for some in (pixels, mirrored)
                for start in range(0, len(some), 100)
            ]
        )

    def views(self, rows: Sequence[int], variants: Sequence[int]) -> Tensor:
        places = [v * self._count + r for r, v in zip(rows, variants, strict=True)]
        return self._views[places]


@torch.no_grad()
def _see_all(
    model: Qwen2_5_VLForConditionalGeneration, processor: ImageOnlyProcessor, pixels: np.ndarray
) -> Tensor:
    """The tower's view of every picture, (N, tokens, H)."""
    see = Tower(model.model.visual, pixels.shape[1])
    parts = (pixels[start : start + 100] for start in range(0, len(pixels), 100))
    return torch.cat([see(patches_of(part, processor)) for part in parts])


def save_base(
    folder: Path,
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageOnlyProcessor,
    image: ImageProfile = IMAGE,
) -> None:
    model.save_pretrained(folder)
    save_processor(processor, folder)
    write_profile(
        BaseProfile(
            BASE_NAME, sha256_of_base(folder), image, RUBRIC_PROMPT, demo=True, recipe=RECIPES
        ),
        folder,
    )


def draw_set(count: int, seed: int, out: Path) -> None:
    """``count`` drawings with levels, as ``python -m ml train`` takes them, to try it on."""
    levels = draw_files(count, seed, out / "images", 448)
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", *KIDSART.slugs])
        writer.writerows([f"{n:04d}.png", *row] for n, row in enumerate(levels.tolist()))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ml demo",
        description="Build the demo model from nothing, or draw a set of pictures with levels.",
    )
    parser.add_argument("action", choices=["build", "draw"])
    parser.add_argument("--count", type=positive, default=400, help="pictures to draw")
    parser.add_argument("--out", type=Path, default=BUNDLE)
    parser.add_argument("--layout", choices=RECIPES, default=LAYOUT)
    parser.add_argument("--seed", type=not_negative, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="a tiny run that only shows that the parts fit"
    )
    parser.add_argument("--px", type=positive, default=IMAGE.size_px, help="a multiple of 28")
    parser.add_argument(
        "--brief",
        action="store_true",
        help="go on from the demo model that is there for some minutes, to compare sizes",
    )
    args = parser.parse_args(argv)
    out = args.out.resolve()
    if args.action == "draw":
        if args.out == BUNDLE:
            parser.error("draw needs --out DIR")
        draw_set(args.count, args.seed, out)
        return 0
    if args.px % CELL_PX:
        parser.error(f"--px must be a multiple of {CELL_PX}")
    if args.brief and (args.quick or args.out == BUNDLE):
        parser.error("--brief needs --out DIR, and no --quick")
    if out.exists() and not (out / "metrics.json").is_file():
        raise EngineError(f"{out} is there and is no demo model; name another folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    plan = QUICK if args.quick else BRIEF if args.brief else Plan()
    begin_with = BUNDLE / "base" if args.brief else None
    build = Build(out, args.seed, plan, args.layout, args.px, begin_with)
    metrics = build.run(_quick_config() if args.quick else None)
    mean = metrics["check"]["mean"]
    build.log(f"mean Spearman before {mean['spearman_before']}, after {mean['spearman']}: {out}")
    return 0


def _quick_config() -> Qwen2_5_VLConfig:
    return demo_config(demo_processor().tokenizer, hidden=64, layers=1, vision_hidden=32)

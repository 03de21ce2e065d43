"""The time of one training epoch of all dimensions: the published way, and ours.

Published: for every dimension and step the vision tower, all layers and the head for every
position, with gradients through PEFT. Ours computes once a picture what no adapter touches; that
time is counted, too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ml.bundle import LoadedBase
from ml.fitting import Learner, Recipe, adapted_linears, raft_loss
from ml.levels import LevelReader
from ml.prompts import ACTIVATED_PROMPT, RUBRIC_PROMPT, build_prompt
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART

BATCH = 8
REPEATS = 3
Timed = Mapping[str, object]


def training_times(
    base: LoadedBase, adapters: Mapping[str, Path], dtype: str
) -> list[dict[str, object]]:
    """Seconds of one epoch over one picture and nine dimensions, seeing it once included."""
    image = base.profile.image
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 255, (BATCH, image.size_px, image.size_px, 3), dtype=np.uint8)
    levels = torch.arange(BATCH, device=base.model.device) % 5 + 1.0
    parts: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "published": (lambda: None, _published(base, adapters, pixels, levels))
    }
    for path, prompt in (("lora", RUBRIC_PROMPT), ("activated", ACTIVATED_PROMPT)):
        reader = LevelReader(base, KIDSART, prompt, image)
        parts[path] = (_seeing(reader, pixels), _step(reader, pixels, levels))
    seconds: dict[str, list[float]] = {path: [] for path in parts}
    for see, step in parts.values():
        see(), step()
    for _ in range(REPEATS):
        for path, (see, step) in parts.items():
            once, each = seconds_of(see), seconds_of(step)
            seconds[path].append((once + len(KIDSART.slugs) * each) / BATCH)
    usual = {path: statistics.median(times) for path, times in seconds.items()}
    return [
        {
            "path": path,
            "px": image.size_px,
            "dtype": dtype,
            "seconds_a_picture_and_epoch": usual[path],
            "ratio_to_published": usual["published"] / usual[path],
        }
        for path in parts
    ]


def training_table(rows: Sequence[Timed]) -> str:
    lines = ["\none epoch of nine dimensions, training, per picture (seeing it once included)"]
    lines += [
        f"{row['path']:<15}{row['dtype']:>6}{row['px']:>6} px"
        f"{row['seconds_a_picture_and_epoch']:>10.3f} s{row['ratio_to_published']:>8.2f}"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _published(
    base: LoadedBase, adapters: Mapping[str, Path], pixels: np.ndarray, levels: Tensor
) -> Callable[[], object]:
    oracle = PeftReferenceScorer.around(
        base.model, base.processor, base.profile, adapters, KIDSART, False
    )
    model = oracle.model
    slug = KIDSART.slugs[0]
    model.set_adapter(slug)
    inputs = base.processor(
        images=list(pixels),
        text=[build_prompt(KIDSART, slug)] * len(pixels),
        do_resize=False,
        return_tensors="pt",
    ).to(base.model.device)
    ids = torch.tensor(oracle._token_ids, device=base.model.device)
    numbers = torch.tensor(KIDSART.level_numbers, device=base.model.device).float()

    def step() -> None:
        # The whole vocabulary's softmax, as published.
        logits = model(**inputs).logits[:, -1].float()
        expectation = (logits.softmax(-1)[:, ids] * numbers).sum(-1)
        F.mse_loss(expectation, levels).backward()

    return step


def _seeing(reader: LevelReader, pixels: np.ndarray) -> Callable[[], object]:
    return lambda: reader.views(pixels).cpu()


def _step(reader: LevelReader, pixels: np.ndarray, levels: Tensor) -> Callable[[], object]:
    recipe = Recipe(dropout=0.0)
    learner = Learner(adapted_linears(reader, recipe), recipe, 0, reader.device)
    views = reader.views(pixels)

    def step() -> None:
        logits = reader.logits(views, 0, reader.stack(learner.weights()))
        raft_loss(logits, levels, 1, recipe.spread_weight).backward()

    return step


def seconds_of(run: Callable[[], object]) -> float:
    """Until nothing of it is in flight on a GPU."""
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start

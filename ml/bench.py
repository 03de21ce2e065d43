"""``python -m ml bench``: pictures a second over all dimensions, each path as a ratio in one run.

The paths, with the same weights and pictures:

* published: KidsArtBench's procedure without its worst cost (it loads the base anew for each
  dimension): nine full passes of one picture, the tower in each, the head for every position;
* peft_mixed: PEFT's mixed batch, all nine adapters in one call;
* exact: ours, the same answers; text_first: ours with adapters trained on words before the
  picture; shared_prefix: ours with activated adapters.

``published`` answers for exact; each other layout has a PEFT oracle of its own. The default model
has random weights and a middle size, in which attention, MLP and head have about the proportions
of the 7B model; ``--shape 7b`` has the real size, ``--bundle`` measures a bundle on disk. Paths
are timed in turn, so that other work on the machine meets all of them; only ratios should be
compared between machines.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers.utils import logging

from ml.arguments import positive
from ml.bench_models import PROMPT_BY_LAYOUT, SHAPES, random_adapters, random_base
from ml.bench_training import seconds_of, training_table, training_times
from ml.bundle import LoadedBase, load_base, pick_device
from ml.errors import BundleError
from ml.profiles import read_adapter_profile, read_base_profile
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.score_tokens import expected_score
from ml.scorer import TorchScorer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
PATH_OF = {"image_first": "exact", "text_first": "text_first", "activated": "shared_prefix"}
Run = Callable[[], Tensor]


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    logging.disable_progress_bar()
    rows: list[dict[str, object]] = []
    training: list[dict[str, object]] = []
    if arguments.bundle:  # its adapters know one size only
        arguments.px = [read_base_profile(arguments.bundle / "base").image.size_px]
    for dtype in arguments.dtype:
        for px in arguments.px:
            with tempfile.TemporaryDirectory() as scratch:
                base, layouts = _model(arguments, dtype, px, Path(scratch))
                rows += measure(base, layouts, dtype, px, arguments)
                sys.stdout.write(table(rows[-5:]))
                sys.stdout.flush()
                if arguments.training and px == arguments.px[0]:
                    training += training_times(base, layouts["image_first"], dtype)
            del base
            gc.collect()
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(rows, indent=1) + "\n")
    if training:
        sys.stdout.write(training_table(training))
        beside = arguments.report.with_name("training.json")
        beside.write_text(json.dumps(training, indent=1) + "\n")
    return 0


def measure(
    base: LoadedBase,
    layouts: Mapping[str, Mapping[str, Path]],
    dtype: str,
    px: int,
    arguments: argparse.Namespace,
) -> list[dict[str, object]]:
    """One row a path, at its best batch size: the median of ``--repeats`` rounds.

    ``max_difference`` is the largest difference from the path's own oracle: of a level logit in
    fp32, of a score (in levels) in bf16.
    """
    device = base.model.device
    most = max(arguments.batch)
    images = [_noise(seed) for seed in range(most)]
    asked = images[: arguments.pictures]
    runs: dict[tuple[str, int], Run] = {}
    differences: dict[str, float] = {}
    flops: dict[str, float] = {}
    published: PeftReferenceScorer | None = None
    for layout, adapters in layouts.items():
        oracle = PeftReferenceScorer.around(
            base.model, base.processor, base.profile, adapters, KIDSART
        )
        right = oracle.level_logits(asked)
        scorer = TorchScorer(base, adapters, KIDSART, most, arguments.compile)
        path = PATH_OF[layout]
        differences[path] = _difference(scorer.level_logits(asked).logits, right, dtype)
        flops[path] = _flops(scorer)
        for batch in arguments.batch:
            runs[path, batch] = _ours(scorer, images[:batch])
        if layout == "image_first":
            differences["peft_mixed"] = _difference(oracle.mixed_level_logits(asked), right, dtype)
            del oracle
            published = PeftReferenceScorer.around(
                base.model, base.processor, base.profile, adapters, KIDSART, False
            )
            differences["published"] = _difference(published.level_logits(asked), right, dtype)
    assert published is not None
    plain = published
    runs = {
        ("published", 1): lambda: plain.level_logits(images[:1]),
        ("peft_mixed", 1): lambda: plain.mixed_level_logits(images[:1]),
        **runs,
    }
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in runs}
    memory: dict[tuple[str, int], float] = {}
    for run in runs.values():
        run()  # warms up
    for _ in range(arguments.repeats):
        for key, run in runs.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            seconds[key].append(seconds_of(run) / key[1])
            if device.type == "cuda":
                memory[key] = torch.cuda.max_memory_allocated(device) / 2**30
    usual = {key: statistics.median(times) for key, times in seconds.items()}
    peak = _peak_tflops(device) if device.type == "cuda" else None
    rows = []
    for path in ("published", "peft_mixed", *PATH_OF.values()):
        batch = min((b for p, b in usual if p == path), key=lambda b: usual[path, b])
        row: dict[str, object] = {
            "path": path,
            "px": px,
            "dtype": dtype,
            "images_per_s": 1 / usual[path, batch],
            "ratio_to_published": usual["published", 1] / usual[path, batch],
            "max_difference": differences[path],
            "difference_of": "logits" if dtype == "fp32" else "scores",
            "batch": batch,
            "compiled": arguments.compile and path in flops,
            "model": base.profile.name,
            "device": _device_name(device),
        }
        if path in flops:
            row["tflop_a_picture"] = flops[path]
            if peak:
                row["share_of_matrix_peak"] = flops[path] / usual[path, batch] / peak
        if memory:
            row["peak_gib"] = memory[path, batch]
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """For people; the numbers are those of the report."""
    first = rows[0]
    lines = [
        f"\n{first['model']}, {first['px']} px, {first['dtype']}, {first['device']}",
        f"{'path':<15}{'batch':>6}{'pictures/s':>12}{'ratio':>8}{'difference':>12}{'of peak':>9}",
    ]
    for row in rows:
        share = row.get("share_of_matrix_peak")
        lines.append(
            f"{row['path']:<15}{row['batch']:>6}{row['images_per_s']:>12.3f}"
            f"{row['ratio_to_published']:>8.2f}{row['max_difference']:>12.1e}"
            + (f"{share:>9.0%}" if share else "")
        )
    return "\n".join(lines) + "\n"


def _model(
    arguments: argparse.Namespace, dtype: str, px: int, scratch: Path
) -> tuple[LoadedBase, dict[str, dict[str, Path]]]:
    """The base, and for each layout the folders of nine adapters."""
    device = pick_device(arguments.device)
    if arguments.bundle:
        base = load_base(arguments.bundle / "base", device, DTYPES[dtype])
        folders = {slug: arguments.bundle / "adapters" / slug for slug in KIDSART.slugs}
        if not all(folder.is_dir() for folder in folders.values()):
            raise BundleError(f"{arguments.bundle} has no adapters for all dimensions.")
        own = read_adapter_profile(next(iter(folders.values()))).prompt.layout
        layouts = {
            layout: folders
            if layout == own
            else random_adapters(base, base.profile.image, prompt, scratch / layout)
            for layout, prompt in PROMPT_BY_LAYOUT.items()
        }
        return base, layouts
    base = random_base(SHAPES[arguments.shape], px, device, DTYPES[dtype])
    return base, {
        layout: random_adapters(base, base.profile.image, prompt, scratch / layout)
        for layout, prompt in PROMPT_BY_LAYOUT.items()
    }


def _ours(scorer: TorchScorer, images: list[Image.Image]) -> Run:
    return lambda: scorer.level_logits(images).logits


def _difference(ours: Tensor, right: Tensor, dtype: str) -> float:
    if dtype == "bf16":
        ours, right = expected_score(ours, 1), expected_score(right, 1)
    return float((ours - right).abs().max())


def _flops(scorer: TorchScorer) -> float:
    """TFLOP that our pass needs for one picture: products of matrices, and attention."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        scorer._forward(scorer._blank_patches(1))
    return float(counter.get_total_flops()) / 1e12


def _peak_tflops(device: torch.device, size: int = 8192) -> float:
    """What this device reaches in one large product of bf16 matrices."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)

    def multiply() -> Tensor:
        for _ in range(10):
            c = a @ a
        torch.cuda.synchronize(device)
        return c

    multiply()
    return 10 * 2 * size**3 / min(seconds_of(multiply) for _ in range(5)) / 1e12


def _noise(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 255, (300, 400, 3), dtype=np.uint8))


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml bench",
        description="Pictures a second of the published procedure, of PEFT's mixed batch, and of "
        "ours with ordinary, text-first and activated adapters, in one run.",
    )
    parser.add_argument("--shape", choices=SHAPES, default="middle", help="size of random weights")
    parser.add_argument("--bundle", type=Path, help="folder with base/ and adapters/ instead")
    parser.add_argument("--px", type=positive, nargs="+", default=[224, 448, 672])
    parser.add_argument("--dtype", choices=DTYPES, nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=positive, nargs="+", default=[1, 2], help="sizes to try")
    parser.add_argument("--pictures", type=positive, default=2, help="compared with the oracle")
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--compile", action="store_true", help="ours through torch.compile")
    parser.add_argument("--no-training", dest="training", action="store_false",
                        help="leave out the time of a training epoch")  # fmt: skip
    parser.add_argument("--report", type=Path, default=Path("var/bench/report.json"))
    return parser

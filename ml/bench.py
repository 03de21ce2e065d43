"""Pictures a second of the published procedure and of ours, in one run, as a ratio.

``python -m ml.bench`` measures on a model of middle size with random weights, in which attention,
MLP and head have about the proportions of the 7B model; ``--bundle`` measures a bundle on disk.
Both paths are timed in turn, so that other work on the machine meets both; only their ratio should
be compared between machines. "Published" is KidsArtBench's procedure with its worst cost left out
(it loads the base again for every dimension): nine full passes of one picture, the vision tower in
each, logits for every position and the whole vocabulary.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.utils import logging

from ml.errors import BundleError
from ml.processing import build_processor, build_tokenizer, save_processor
from ml.profiles import (
    ADAPTER_WEIGHTS,
    AdapterProfile,
    BaseProfile,
    ImageProfile,
    read_adapter_profile,
    read_base_profile,
    sha256_of_base,
    sha256_of_file,
    write_profile,
)
from ml.prompts import RUBRIC_PROMPT, build_prompt, prompt_sha256
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.scorer import load_scorer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Keeps the share of the head in the work of the language model near the 7B model's 8 %.
VOCABULARY = 6144
RANK = 8


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ml.bench", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="folder with base/ and adapters/")
    parser.add_argument("--px", type=int, default=224, help="picture size of the random model")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--report", type=Path, default=Path("var/bench/report.json"))
    arguments = parser.parse_args(argv)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = arguments.bundle or write_random_bundle(Path(scratch), arguments.px)
        rows = measure(
            bundle, arguments.dtype, arguments.device, arguments.pictures, arguments.repeats
        )
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(rows, indent=1) + "\n")
    sys.stdout.write(table(rows))
    return 0


def measure(
    bundle: Path, dtype: str, device: str, count: int, repeats: int
) -> list[dict[str, object]]:
    """One row per path: pictures a second over all dimensions, median of ``repeats``.

    ``max_difference`` is the largest difference of a level logit from the published path; in bf16
    most of it is the rounding of the published path's own head.
    """
    base = bundle / "base"
    adapters = {slug: bundle / "adapters" / slug for slug in KIDSART.slugs}
    adapters = {slug: folder for slug, folder in adapters.items() if folder.is_dir()}
    if not adapters:
        raise BundleError(f"There are no adapters in {bundle}.")
    scorer = load_scorer(base, adapters, KIDSART, device, DTYPES[dtype])
    published = PeftReferenceScorer(base, adapters, KIDSART, device, DTYPES[dtype], fp32_head=False)
    images = [_noise(seed) for seed in range(count)]
    paths: Mapping[str, Callable[[], Tensor]] = {
        "published": lambda: published.level_logits(images),
        "exact, one at a time": lambda: torch.cat(
            [scorer.level_logits([image]).logits for image in images]
        ),
        f"exact, batches of {count}": lambda: scorer.level_logits(images).logits,
    }
    answers = {name: run() for name, run in paths.items()}  # also warms up
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(repeats):
        for name, run in paths.items():
            seconds[name].append(_time(run))
    px = read_adapter_profile(next(iter(adapters.values()))).image.size_px
    usual = {name: statistics.median(times) for name, times in seconds.items()}
    return [
        {
            "path": name.split(",")[0],
            "variant": name,
            "model": read_base_profile(base).name,
            "px": px,
            "dtype": dtype,
            "device": device,
            "threads": torch.get_num_threads(),
            "images_per_s": count / usual[name],
            "ratio_to_published": usual["published"] / usual[name],
            "max_difference": float((answers[name] - answers["published"]).abs().max()),
        }
        for name in paths
    ]


def table(rows: Sequence[Mapping[str, object]]) -> str:
    head = f"{'path':<24}{'px':>5}{'dtype':>7}{'pictures/s':>12}{'ratio':>8}{'difference':>12}\n"
    lines = [
        f"{row['variant']:<24}{row['px']:>5}{row['dtype']:>7}{row['images_per_s']:>12.2f}"
        f"{row['ratio_to_published']:>8.2f}{row['max_difference']:>12.1e}\n"
        for row in rows
    ]
    return f"{rows[0]['model']}, {rows[0]['device']}, {rows[0]['threads']} threads\n" + "".join(
        [head, *lines]
    )


def write_random_bundle(folder: Path, px: int) -> Path:
    """A Qwen2.5-VL of 45 million random weights with nine random adapters."""
    torch.manual_seed(0)
    prompts = {slug: build_prompt(KIDSART, slug) for slug in KIDSART.slugs}
    tokenizer = build_tokenizer([*prompts.values(), *prompts.values()], vocab_size=1024)
    model = Qwen2_5_VLForConditionalGeneration(_middle_config(tokenizer.get_vocab()))
    base, image = folder / "base", ImageProfile(f"letterbox-{px}", px)
    model.save_pretrained(base)
    save_processor(build_processor(tokenizer), base)
    profile = BaseProfile("middle size, random weights", sha256_of_base(base), image, demo=True)
    write_profile(profile, base)
    for slug in KIDSART.slugs:
        target = folder / "adapters" / slug
        adapted = get_peft_model(
            model,
            LoraConfig(
                r=RANK,
                lora_alpha=2 * RANK,
                target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
                task_type="CAUSAL_LM",
            ),
        )
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        adapted.save_pretrained(target)
        model = adapted.unload()
        write_profile(
            AdapterProfile(
                name=f"random-{slug}",
                dimension=slug,
                rubric=KIDSART.slug,
                base_name=profile.name,
                base_sha256=profile.sha256,
                weights_sha256=sha256_of_file(target / ADAPTER_WEIGHTS),
                prompt=RUBRIC_PROMPT,
                prompt_sha256=prompt_sha256(prompts[slug]),
                image=image,
                rank=RANK,
                alpha=2.0 * RANK,
            ),
            target,
        )
    return folder


def _middle_config(ids: Mapping[str, int]) -> Qwen2_5_VLConfig:
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 512,
            "intermediate_size": 2688,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [8, 12, 12],
            },
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 8,
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_heads": 4,
            "out_hidden_size": 512,
            "window_size": 112,
            "fullatt_block_indexes": [1, 3, 5, 7],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )


def _noise(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 255, (300, 400, 3), dtype=np.uint8))


def _time(run: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    run()  # ends with a copy to the CPU, so nothing is left in flight
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

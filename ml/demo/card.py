"""The model card that lies beside the weights."""

from __future__ import annotations

import math
from typing import Any

TEXT = """# Demo model of KidsArt Web

**Synthetic demo, not for grading.** A real but very small `Qwen2_5_VLForConditionalGeneration`
({parameters:.2f} million weights) with nine LoRA adapters of rank {rank}, one per dimension of the
rubric. It exists so that a fresh copy of this project shows the whole path (processor, vision
tower, adapters, RAIL, calibration) on a laptop without a download.

It was trained only on pictures that the project draws itself (`ml/drawing`), with levels the
generator made up. While its vision tower and its language part were trained they were told the
generator's own causes. It has never seen a child's drawing. **It says nothing about children's
art, about any child, or about how well Qwen2.5-VL scores drawings**, and the lift from base to
adapters below is a property of this construction.

## Figures

{pictures} fresh drawings (seed {check_seed}, never used for training or calibration), drawn at
{display_px} px as the demo school shows them, read from PNG files and scored by the saved bundle
with the serving scorer. Spearman correlation with the made-up levels; "before" is the same base
model asked without its adapters. "Range" is the calibrated range meant to hold 90 % of the
levels, "width" its mean width in levels.

| dimension | before | after | 95 % interval | MSE | MSE of the mean | range holds | width |
|---|---|---|---|---|---|---|---|
{rows}
| **mean** | **{mean_before:.3f}** | **{mean_after:.3f}** | | | | | |

The levels carry a rater's noise, so no scorer could reach 1: the causes themselves reach about .97.
The intervals are bootstrap intervals over pictures of one trained model, not over training runs.
"Before" is not zero because the base answers every prompt with one impression (how strongly and
busily a page is drawn on), which goes with several dimensions by construction.

## How it was made

`python -m ml demo build --seed {seed}`: {train_pictures} drawings for training and
{calibration_pictures} more for calibration; {tower_steps} steps for the vision tower,
{language_steps} for the language part, at most {epochs} epochs for each adapter (layout
`{layout}`, RAFT with {spread_weight} soft cross-entropy), the best one kept by the calibration
drawings. Steps are counted, not seconds, so the same versions on the same kind of processor
repeat it to the same figures. It took {minutes:.1f} minutes on {cores} processor cores shared
with other work: {stages}.

{versions}

All figures, also in `metrics.json`, are of this one seed.
"""


def model_card(metrics: dict[str, Any]) -> str:
    check, plan = metrics["check"], metrics["plan"]
    return TEXT.format(
        rows="\n".join(_row(slug, f) for slug, f in check["dimensions"].items()),
        mean_before=check["mean"]["spearman_before"],
        mean_after=check["mean"]["spearman"],
        pictures=check["pictures"],
        parameters=metrics["parameters"] / 1e6,
        rank=metrics["recipe"]["rank"],
        spread_weight=metrics["recipe"]["spread_weight"],
        epochs=metrics["recipe"]["epochs"],
        minutes=sum(metrics["seconds"].values()) / 60,
        stages=", ".join(f"{stage} {s:.0f} s" for stage, s in metrics["seconds"].items()),
        versions=", ".join(f"{name} {v}" for name, v in metrics["versions"].items()),
        **{k: metrics[k] for k in ("seed", "check_seed", "layout", "cores")},
        **plan,
    )


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(slug: str, figures: dict[str, Any]) -> str:
    low, high = figures["spearman_95"] or (math.nan, math.nan)
    return (
        f"| {slug} | {_three(figures['spearman_before'])} | **{_three(figures['spearman'])}** "
        f"| {low:.2f} to {high:.2f} | {figures['mse']:.2f} | {figures['mse_of_the_mean']:.2f} "
        f"| {figures['coverage']:.0%} "
        f"| {figures['interval_width']:.1f} |"
    )

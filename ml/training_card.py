"""The model card that a training run writes beside its adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.profiles import BaseProfile

ONE_SPLIT = (
    "Of these, most to learn from, a part to choose the epoch and to calibrate by (the ranges are "
    "therefore a little too narrow, if anything), and a part that was used for nothing but the "
    "figures below."
)
FOLDS = (
    "{folds} times a model of its own was trained, each to report on another part of them; no "
    "adapter was kept, and the figures below are of all {folds}."
)
BY_CHILD = "No child's pictures lie in two parts; school grades, if known, are spread evenly."
BY_PICTURE = (
    "**Nobody said which child made which picture**, so pictures by one child may lie in several "
    "parts, and the figures may be better than for children the model has never seen."
)
TEXT = """# {title} {name}

One adapter per dimension on **{base}** (`{sha}`), layout `{layout}`, pictures of {px} px.{demo}
{pictures} pictures with levels{left_out}. {split}

{children}

| dimension | n | Spearman | 95 % | kappa | MAE | right | mode right | range holds | two people |
|---|---|---|---|---|---|---|---|---|---|
{rows}

Right: the rounded level is the label. Mode right: the same for a predictor that always says the
most frequent level. Range: the calibrated range meant to hold 90 % of the labels; "-" where there
were too few held-out levels to calibrate. Two people: their Spearman with each other, if several
rated the same pictures. No figure is pooled over dimensions, and none says anything about a child.

## How it was made

Seed {seed}, {minutes:.1f} minutes. Recipe:

    {recipe}
"""


def training_card(
    name: str,
    base: BaseProfile,
    settings: Mapping[str, Any],
    figures: Mapping[str, Any],
    pictures: int,
    left_out: int,
    by_child: bool,
    seconds: float,
) -> str:
    demo = " **The base is the demo model: not for grading.**" if base.demo else ""
    return TEXT.format(
        name=name,
        base=base.name,
        sha=base.sha256[:12],
        layout=settings["layout"],
        px=settings["px"],
        demo=demo,
        pictures=pictures,
        left_out=f", {left_out} more could not be read" if left_out else "",
        title="Cross-validation of adapters" if settings["folds"] else "Adapters",
        split=(FOLDS if settings["folds"] else ONE_SPLIT).format(folds=settings["folds"]),
        children=BY_CHILD if by_child else BY_PICTURE,
        rows="\n".join(_row(slug, f) for slug, f in figures["dimensions"].items()),
        seed=settings["seed"],
        minutes=seconds / 60,
        recipe=", ".join(f"{key} {value}" for key, value in settings["recipe"].items()),
    )


def _row(slug: str, f: Mapping[str, Any]) -> str:
    low_high = f["ci"].get("spearman")
    human = f["human"] or {}
    cells = [
        str(f["n"]),
        _number(f["spearman"]),
        f"{low_high[0]:.2f} to {low_high[1]:.2f}" if low_high else "-",
        _number(f["qwk"]),
        _number(f["mae"]),
        _number(f["accuracy"]),
        _number(f["baseline"]["mode"]["accuracy"]),
        _number(f["coverage"]),
        _number(human.get("spearman")),
    ]
    return f"| {slug} | " + " | ".join(cells) + " |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

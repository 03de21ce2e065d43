"""``python -m ml atlas BUNDLE``: how distinct and how related the adapters of a bundle are.

KidsArtBench (arXiv 2512.12503) says of its adapters that they are distinct, yet semantically
related. Three matrices show how far that holds for the ones at hand: whether adapters change the
same directions, whether the model ends in the same state, and whether an adapter's scores say
anything about another dimension's labels.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.utils import logging

from ml.bundle import LoadedAdapter
from ml.dataset import read_dataset
from ml.errors import EngineError, UnreadablePicture
from ml.images import load_picture
from ml.importing import read_rubric
from ml.metrics import spearman
from ml.rubric import KIDSART, Rubric
from ml.score_tokens import expected_score
from ml.scorer import TorchScorer, load_scorer

ATLAS = "atlas.json"
MOST_PICTURES = 400
BATCH = 16
Matrix = NDArray[np.float64]


def subspace_overlap(adapters: Sequence[LoadedAdapter]) -> tuple[Matrix, float]:
    """How far adapters write into the same directions, (K, K) in 0..1, and what chance gives.

    For each layer, ||U_i' U_j||^2 / r, U being an orthonormal basis of what B can write; the mean
    over layers. Chance is the larger rank / width for two random bases.

    Source: Hu et al., "LoRA" (2021), section 7.2, there for A and B of one adapter.
    """
    count = len(adapters)
    total, chance = np.zeros((count, count)), 0.0
    layers = sorted(set.intersection(*(set(a.weights.layers) for a in adapters)))
    if not layers:
        raise EngineError("The adapters change no layer in common.")
    for layer in layers:
        bases = [torch.linalg.qr(a.weights.layers[layer][1].float())[0] for a in adapters]
        for i in range(count):
            for j in range(count):
                rank = min(bases[i].shape[1], bases[j].shape[1])
                total[i, j] += float((bases[i].T @ bases[j]).square().sum()) / rank
        # A basis of rank r holds r / width of any direction; the smaller one is projected.
        widest = [max(one.shape[1], other.shape[1]) for one, other in combinations(bases, 2)]
        chance += float(np.mean(widest)) / bases[0].shape[0]
    return total / len(layers), chance / len(layers)


def state_similarity(states: torch.Tensor) -> Matrix:
    """Cosine of last hidden states (N, K, H) of two dimensions for one picture, mean over pictures.

    What all dimensions and pictures have in common is taken off first.
    """
    unit = torch.nn.functional.normalize(states - states.mean(dim=(0, 1)), dim=-1)
    return torch.einsum("nkh,nlh->kl", unit, unit).div(len(unit)).numpy().astype(np.float64)


def cross_scores(scores: Matrix, levels: Matrix) -> list[list[float | None]]:
    """Spearman of each adapter's scores (N, K) with each dimension's levels (N, K)."""
    count = scores.shape[1]
    return [
        [spearman(scores[:, i], levels[:, j]).value for j in range(count)] for i in range(count)
    ]


def make_atlas(
    scorer: TorchScorer, pictures: Sequence[Path], levels: Matrix | None
) -> dict[str, Any]:
    """The atlas of the adapters in use, from at most MOST_PICTURES pictures.

    Args:
        levels: (N, K) in the order of ``pictures`` and of the adapters, nan where nobody said
            anything; None if there are none.
    """
    slugs = [slug for slug in scorer.rubric.slugs if scorer.adapter(slug)]
    if len(slugs) < 2:
        raise EngineError("An atlas needs the adapters of at least two dimensions.")
    adapters = [adapter for slug in slugs if (adapter := scorer.adapter(slug))]
    places = [scorer.rubric.slugs.index(slug) for slug in slugs]
    some = pictures[:MOST_PICTURES]
    states, scores = [], []
    for start in range(0, len(some), BATCH):
        images = [load_picture(path) for path in some[start : start + BATCH]]
        seen, logits = scorer.states_and_logits(images)
        states.append(seen[:, places])
        scores.append(expected_score(logits[:, places], scorer.rubric.first_level))
    overlap, chance = subspace_overlap(adapters)
    alike = state_similarity(torch.cat(states))
    cross = None
    if levels is not None:
        cross = cross_scores(torch.cat(scores).numpy().astype(np.float64), levels[: len(some)])
    return {
        "slugs": slugs,
        "subspace": overlap.round(4).tolist(),
        "states": alike.round(4).tolist(),
        "cross": cross and [[None if v is None else round(v, 4) for v in row] for row in cross],
        "pictures": len(some),
        "made_at": datetime.now(UTC).date().isoformat(),
        "reading": _reading(scorer.rubric, slugs, overlap, chance, alike, cross),
    }


def _reading(
    rubric: Rubric,
    slugs: Sequence[str],
    overlap: Matrix,
    chance: float,
    alike: Matrix,
    cross: list[list[float | None]] | None,
) -> list[str]:
    names = [rubric[slug].name for slug in slugs]
    off = ~np.eye(len(slugs), dtype=bool)
    i, j = np.unravel_index(np.argmax(np.where(off, alike, -np.inf)), alike.shape)
    sentences = [
        f"Two adapters write into the same directions to {overlap[off].mean():.0%} "
        f"(the same adapter: 100%; by chance: {chance:.0%}).",
        f"The model ends in the most similar states for {names[i]} and {names[j]} "
        f"({alike[i, j]:.2f}; the mean of all pairs is {alike[off].mean():.2f}).",
    ]
    if cross:
        table = np.array([[np.nan if v is None else v for v in row] for row in cross], dtype=float)
        own = np.diag(table)
        others = np.where(off, np.abs(table), np.nan)
        wins = int(np.sum(own > np.nanmax(others, axis=0, initial=-1, where=~np.isnan(others))))
        sentences.append(
            f"For {wins} of {len(slugs)} dimensions their own adapter agrees best with the labels "
            f"(mean {np.nanmean(own):.2f}; another dimension's adapter: {np.nanmean(others):.2f})."
        )
    return sentences


def write_figure(atlas: dict[str, Any], path: Path) -> None:
    """The three matrices side by side as a picture."""
    import matplotlib.pyplot as plt  # noqa: PLC0415  # slow to load, and only needed here

    kinds = [("subspace", "Directions changed"), ("states", "Last hidden states")]
    kinds += [("cross", "Score of row, label of column")] if atlas["cross"] else []
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(5.6 * len(kinds), 5.4), layout="constrained"
    )
    names = [slug.replace("_", " ") for slug in atlas["slugs"]]
    for axis, (kind, title) in zip(np.atleast_1d(axes), kinds, strict=True):
        values = np.array(atlas[kind], dtype=float)
        axis.imshow(values, cmap="cividis", vmin=min(0.0, np.nanmin(values)), vmax=1)
        axis.set_title(title)
        axis.set_xticks(range(len(names)), names, rotation=60, ha="right")
        axis.set_yticks(range(len(names)), names)
        for (row, column), value in np.ndenumerate(values):
            shade = "black" if value > 0.55 else "white"
            axis.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade
            )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main(argv: Sequence[str]) -> int:
    """Writes BUNDLE/atlas.json and says what it shows."""
    arguments = _parser().parse_args(argv)
    logging.disable_progress_bar()
    rubric = read_rubric(arguments.rubric) if arguments.rubric else KIDSART
    if not arguments.images.is_dir():
        raise EngineError(f"There is no folder {arguments.images}.")
    if arguments.plot and not arguments.plot.parent.is_dir():
        raise EngineError(f"There is no folder {arguments.plot.parent} to draw into.")
    folders = {slug: arguments.bundle / "adapters" / slug for slug in rubric.slugs}
    adapters = {slug: folder for slug, folder in folders.items() if folder.is_dir()}
    scorer = load_scorer(arguments.bundle / "base", adapters, rubric, arguments.device)
    if arguments.labels:
        data = read_dataset(arguments.labels, arguments.images, rubric, rubric.slugs)
        paths, slugs = list(data.paths), [slug for slug in rubric.slugs if slug in adapters]
        missing = np.full(len(paths), np.nan)
        levels = np.stack([data.levels(s) if s in data.ratings else missing for s in slugs], axis=1)
        atlas = make_atlas(scorer, paths, levels)
    else:
        # No more are read than are looked at: a folder may hold thousands.
        readable = filter(_is_picture, sorted(arguments.images.iterdir()))
        paths = list(islice(readable, MOST_PICTURES))
        if not paths:
            raise EngineError(f"There is no picture in {arguments.images}.")
        atlas = make_atlas(scorer, paths, None)
    if arguments.plot:
        write_figure(atlas, arguments.plot)
    (arguments.bundle / ATLAS).write_text(json.dumps(atlas, indent=1) + "\n")
    sys.stdout.write("\n".join(atlas["reading"]) + "\n")
    return 0


def _is_picture(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        load_picture(path)
    except UnreadablePicture as error:
        sys.stderr.write(f"left out {path.name}: {error}\n")
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml atlas",
        description="Compares the adapters of a bundle with each other, on pictures, and writes "
        "BUNDLE/atlas.json, which the page of the models shows.",
    )
    parser.add_argument("bundle", type=Path, help="folder with base/ and adapters/")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="adds the cross-scoring")
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="a rubric of your own (JSON)")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--device", default="auto")
    return parser

"""``python -m ml score PICTURE... --json``: pictures from a shell."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.arguments import positive
from ml.errors import EngineError
from ml.interface import DimensionScore, PictureFailure, PictureScores, Scorer
from ml.rubric import KIDSART, Rubric

AT_ONCE = 32  # pictures handed over, and then written; some are read while others are scored
DEMO_BUNDLE = Path(__file__).parent / "demo_model"


def main(argv: Sequence[str]) -> int:
    """Returns the exit status: 0, or 1 if a picture failed."""
    return _score(_parser().parse_args(argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml score",
        description="Scores pictures on the dimensions of a rubric, with Qwen2.5-VL and one LoRA "
        "adapter per dimension. Without other folders the demo model is used, which is not for "
        "grading. Exit status 1 if a picture could not be read; the others are scored all the "
        "same.",
    )
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--base", type=Path, default=DEMO_BUNDLE / "base", help="folder of the base model"
    )
    parser.add_argument(
        "--adapters",
        type=Path,
        help="folder with one adapter folder per dimension, named like it; dimensions without one "
        "are scored by prompting the base model (default: 'adapters' beside the base)",
    )
    parser.add_argument(
        "--batch", type=positive, metavar="N", help="pictures per pass (default: what fits)"
    )
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument("--four-bit", action="store_true", help="the base in 4 bits (CUDA)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return parser


def _score(arguments: argparse.Namespace) -> int:
    scorer = _load(arguments)
    failed = False
    for start in range(0, len(arguments.pictures), AT_ONCE):
        pictures = arguments.pictures[start : start + AT_ONCE]
        for picture, result in zip(pictures, scorer.score(pictures), strict=True):
            failed |= isinstance(result, PictureFailure)
            write = _json_line if arguments.json else _table
            sys.stdout.write(write(picture, result, scorer, KIDSART))
        sys.stdout.flush()
    return int(failed)


def _load(arguments: argparse.Namespace) -> Scorer:
    # Here and not at the top, so that --help and a wrong option answer at once.
    from transformers.utils import logging

    from ml.scorer import load_scorer

    logging.disable_progress_bar()
    folder = arguments.adapters or arguments.base.parent / "adapters"
    if arguments.adapters and not folder.is_dir():
        raise EngineError(f"There is no folder {folder}.")
    adapters = {slug: folder / slug for slug in KIDSART.slugs if (folder / slug).is_dir()}
    return load_scorer(
        arguments.base,
        adapters,
        KIDSART,
        arguments.device,
        batch_size=arguments.batch,
        compiled=arguments.compile,
        four_bit=arguments.four_bit,
    )


def _json_line(
    picture: Path, result: PictureScores | PictureFailure, scorer: Scorer, rubric: Rubric
) -> str:
    if isinstance(result, PictureFailure):
        return json.dumps({"picture": str(picture), "error": result.error}) + "\n"
    line = {
        "picture": str(picture),
        "dimensions": {slug: _as_json(result.dimensions[slug]) for slug in rubric.slugs},
        "model": scorer.model,
        "demo": scorer.demo,
    }
    return json.dumps(line, allow_nan=False) + "\n"


def _as_json(score: DimensionScore) -> dict[str, object]:
    return {
        "score": score.score,
        "level": score.level,
        "interval": score.interval,
        "logits": score.logits,
        "score_token_mass": score.score_token_mass,
        "adapter": score.adapter,
        "abstained": score.abstained,
    }


def _table(
    picture: Path, result: PictureScores | PictureFailure, scorer: Scorer, rubric: Rubric
) -> str:
    if isinstance(result, PictureFailure):
        return f"{picture}\n  {result.error}\n\n"
    origin = f"{scorer.model}, not for grading" if scorer.demo else scorer.model
    lines = [f"{picture}  ({origin})"]
    for dimension in rubric.dimensions:
        score = result.dimensions[dimension.slug]
        lines.append(f"  {dimension.name:<22}{_words(score)}  {score.adapter}")
    return "\n".join(lines) + "\n\n"


def _words(score: DimensionScore) -> str:
    if score.score is None:
        return f"no score: {score.abstained}"
    likely = f"{score.interval[0]:.1f} to {score.interval[1]:.1f}" if score.interval else ""
    return f"{score.level}  {score.score:.2f}  {likely:<10}"

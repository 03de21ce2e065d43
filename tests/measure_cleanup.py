"""How well photographs are cleaned up, and how much nearer that brings their scores to a scan's.

    python -m tests.measure_cleanup [--pictures DIR] [--count N] [--hazards] [--out JSON]

Drawings of the project's own, or the pictures of a folder, are photographed with known corners.
What is proposed but not sure counts as given up: the picture stays as it is.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grading.intake.cleanup import Edit, Proposal, apply_edit, propose_edit
from ml.drawing import draw, sample
from ml.drawing.themes import THEMES
from ml.errors import EngineError
from ml.interface import PictureFailure
from ml.metrics import spearman
from ml.rubric import KIDSART
from ml.score import DEMO_BUNDLE
from ml.scorer import load_scorer
from tests.intake.photographs import HAZARDS, Photograph, photographed

SEED = 41
DRAWN_PX = 900
WRONG = 3.0  # percent of the diagonal
TWINS = ("photograph", "cleaned", "cut by hand")


@dataclass(frozen=True)
class Found:
    desk: str
    proposal: Proposal | None
    seconds: float
    error: float | None  # of the worst corner, percent of the diagonal
    mean_error: float | None  # of the four corners
    cut_off: float | None  # share of the marks that lie outside


def main() -> None:
    cv2.setNumThreads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="flat scans to photograph")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--hazards", action="store_true", help="hands, shadows, other sheets")
    parser.add_argument("--no-scores", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = _measured(options, Path(folder))
    print(json.dumps(report, indent=1))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


def _measured(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    files = sorted(options.pictures.iterdir()) if options.pictures else []
    count = options.count
    causes, _ = sample(count, SEED)
    found, scans = [], []
    for i in range(count):
        scan = _scan(files[i % len(files)]) if files else _drawn(i, causes[i])
        if not files or i < len(files):
            scans.append(propose_edit(scan))
        hazard = HAZARDS[i % len(HAZARDS)] if options.hazards else None
        photograph = photographed(scan, SEED * 1000 + i, hazard=hazard)
        seen = _looked_at(scan, photograph)
        found.append(seen)
        if not options.no_scores:
            _write_twins(folder, i, scan, photograph, seen)
    report = {"count": count, "hazards": options.hazards, **_corners_report(found)}
    report["scans"] = len(scans)
    report["scans cropped, sure"] = sum(p is not None and p.sure for p in scans)
    report["scans with any proposal"] = sum(p is not None for p in scans)
    if not options.no_scores:
        report["scores"] = _score_report(folder, count)
    return report


def _scan(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        scan = picture.convert("RGB")
    scan.thumbnail((1400, 1400))
    return scan


def _drawn(i: int, causes: NDArray[np.float64]) -> Image.Image:
    return draw(SEED * 7919 + i, sorted(THEMES)[i % len(THEMES)], causes.tolist(), DRAWN_PX)


def _looked_at(scan: Image.Image, photograph: Photograph) -> Found:
    start = time.perf_counter()
    proposal = propose_edit(photograph.picture)
    seconds = time.perf_counter() - start
    if proposal is None or proposal.edit.corners is None:
        return Found(photograph.desk, proposal, seconds, None, None, None)
    size = np.array(photograph.picture.size)
    off = (np.array(proposal.edit.corners) - np.array(photograph.corners)) * size
    errors = 100 * np.hypot(*off.T) / np.hypot(*size)
    outside = _share_outside(scan, photograph, np.array(proposal.edit.corners))
    return Found(
        photograph.desk, proposal, seconds, float(errors.max()), float(errors.mean()), outside
    )


def _share_outside(
    scan: Image.Image, photograph: Photograph, corners: NDArray[np.float64]
) -> float:
    """Of the marks, which are what differs from the color of most of the sheet."""
    small = np.asarray(scan.resize((300, 300), Image.Resampling.BOX), np.int16)
    flat = (small // 8).reshape(-1, 3)
    colors, counts = np.unique(flat, axis=0, return_counts=True)
    paper = colors[np.argmax(counts)] * 8 + 4
    rows, columns = np.nonzero(np.abs(small - paper).max(2) > 40)
    if not len(rows):
        return 0.0
    points = np.stack([columns + 0.5, rows + 0.5, np.full(len(rows), 300.0)], 1) / 300
    seen = points @ photograph.sheet_to_picture.T
    seen = seen[:, :2] / seen[:, 2:]
    inside = np.ones(len(seen), bool)
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
        along = b - a
        inside &= along[0] * (seen - a)[:, 1] - along[1] * (seen - a)[:, 0] >= 0
    return float(1 - inside.mean())


def _write_twins(
    folder: Path, i: int, scan: Image.Image, photograph: Photograph, found: Found
) -> None:
    """The scan, its photograph, that photograph as intake would keep it, and the photograph cut at
    the true corners in its own light."""
    sure = found.proposal is not None and found.proposal.sure
    edit = found.proposal.edit if found.proposal is not None and sure else Edit()
    cleaned = apply_edit(photograph.picture, edit)
    corners = np.clip(np.array(photograph.corners), 0, 1).tolist()
    (a, b, c, d) = ((x, y) for x, y in corners)
    cut = apply_edit(photograph.picture, Edit(corners=(a, b, c, d)))
    for name, picture in zip(
        ("scan", *TWINS), (scan, photograph.picture, cleaned, cut), strict=True
    ):
        picture.save(folder / f"{i:04d} {name}.png", compress_level=1)


def _corners_report(found: Sequence[Found]) -> dict[str, object]:
    sure = [f for f in found if f.proposal is not None and f.proposal.sure]
    worst = [f.error for f in sure if f.error is not None]
    mean = [f.mean_error for f in sure if f.mean_error is not None]
    cut = [f.cut_off for f in sure if f.cut_off is not None]
    perhaps = [f.error for f in found if f not in sure and f.error is not None]
    desks = sorted({f.desk for f in found})
    n = len(found)
    return {
        "sure": len(sure) / n,
        "only suggested": len(perhaps) / n,
        "no sheet": 1 - (len(sure) + len(perhaps)) / n,
        "sure and wrong": sum(e > WRONG for e in worst) / n,
        "suggested and wrong": sum(e > WRONG for e in perhaps) / n,
        "corner error, mean %": _round(np.mean(mean)) if mean else None,
        "corner error, 95th percentile %": _round(np.percentile(mean, 95)) if mean else None,
        "worst corner, mean %": _round(np.mean(worst)) if worst else None,
        "worst corner of all %": _round(np.max(worst)) if worst else None,
        "marks cut off, mean share": _round(np.mean(cut)) if cut else None,
        "marks cut off, most": _round(np.max(cut)) if cut else None,
        "seconds, mean": _round(np.mean([f.seconds for f in found])),
        "seconds, most": _round(np.max([f.seconds for f in found])),
        "with gains": sum(f.proposal.edit.gains is not None for f in sure if f.proposal) / n,
        "sure by desk": {
            desk: f"{sum(f.desk == desk for f in sure)} of {sum(f.desk == desk for f in found)}"
            for desk in desks
        },
    }


def _score_report(folder: Path, count: int) -> dict[str, object]:
    adapters = {slug: DEMO_BUNDLE / "adapters" / slug for slug in KIDSART.slugs}
    scorer = load_scorer(DEMO_BUNDLE / "base", adapters, KIDSART, "cpu")
    scores = {}
    for name in ("scan", *TWINS):
        results = scorer.score([folder / f"{i:04d} {name}.png" for i in range(count)])
        rows = []
        for result in results:
            if isinstance(result, PictureFailure):
                raise EngineError(result.error)
            rows.append([result.dimensions[slug].score or np.nan for slug in KIDSART.slugs])
        scores[name] = np.array(rows)
    report: dict[str, object] = {}
    for k, slug in enumerate([*KIDSART.slugs, "all"]):
        line = {}
        for name in TWINS:
            shift = np.abs(scores[name] - scores["scan"])
            if slug == "all":
                rank = np.mean([_rank(scores, name, j) for j in range(len(KIDSART.slugs))])
                line[name] = {"shift": _round(np.nanmean(shift)), "spearman": _round(rank)}
            else:
                rank = _rank(scores, name, k)
                line[name] = {"shift": _round(np.nanmean(shift[:, k])), "spearman": _round(rank)}
        report[slug] = line
    return report


def _rank(scores: dict[str, NDArray[np.float64]], name: str, k: int) -> float:
    both = np.isfinite(scores[name][:, k]) & np.isfinite(scores["scan"][:, k])
    return float(spearman(scores[name][both, k], scores["scan"][both, k]).value or 0.0)


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    main()

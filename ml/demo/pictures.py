"""Sets of drawings for training and for the final check, brought to the model's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ml.drawing import compose, draw, sample
from ml.drawing.themes import THEMES
from ml.images import fit_picture
from ml.profiles import ImageProfile

IMAGE = ImageProfile(name="demo-168", size_px=168)
TRAINING_PX = 504  # three times the model's size: the resize of serving smooths its lines
CELLS = IMAGE.size_px // 28  # the tower's merged tokens lie on a grid of CELLS x CELLS


@dataclass(frozen=True)
class PictureSet:
    pixels: np.ndarray  # (N, side, side, 3) uint8, as the processor gets them
    causes: np.ndarray  # (N, 9) in [0, 1]
    levels: np.ndarray  # (N, 9) int, 1..5: what a slightly noisy rater says
    marks: np.ndarray  # (N, 2 * CELLS, 2 * CELLS, kinds of mark), shares in [0, 1]

    def __len__(self) -> int:
        return len(self.levels)


def picture_seed(seed: int, i: int) -> int:
    return seed * 1_000_003 + i


def draw_training_set(n: int, seed: int, processes: int = 2) -> PictureSet:
    """The same arguments give the same set, whatever the number of processes."""
    causes, levels = sample(n, seed)
    jobs = [(causes[i], picture_seed(seed, i)) for i in range(n)]
    # spawn: a fork after torch has started its threads may hang
    with get_context("spawn").Pool(processes) as pool:
        drawn = pool.map(_draw_one, jobs, chunksize=25)
    pixels, marks = zip(*drawn, strict=True)
    return PictureSet(np.stack(pixels), causes, levels, np.stack(marks))


def draw_files(n: int, seed: int, folder: Path, size_px: int, processes: int = 2) -> np.ndarray:
    """PNG files 0000.png... as the demo school shows them; returns their levels (n, 9)."""
    causes, levels = sample(n, seed)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(causes[i], picture_seed(seed, i), folder / f"{i:04d}.png") for i in range(n)]
    with get_context("spawn").Pool(processes) as pool:
        pool.map(partial(_draw_file, size_px=size_px), jobs, chunksize=5)
    return levels


def _draw_one(job: tuple[np.ndarray, int]) -> tuple[np.ndarray, np.ndarray]:
    causes, seed = job
    page = compose(causes.tolist(), seed, TRAINING_PX)
    return np.asarray(fit_picture(page.finished(), IMAGE)), page.marks.shares(2 * CELLS)


def _draw_file(job: tuple[np.ndarray, int, Path], size_px: int) -> None:
    causes, seed, path = job
    subject = sorted(THEMES)[seed % len(THEMES)]
    draw(seed, subject, causes.tolist(), size_px).save(path, compress_level=1)


def batches(n: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, n)) for i in range(0, n, size))

"""Sets of drawings for training and for the final check, brought to the model's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ml.drawing import compose, draw, sample
from ml.drawing.themes import THEMES
from ml.images import fit_picture
from ml.profiles import ImageProfile

IMAGE = ImageProfile(name="demo-168", size_px=168)
CELL_PX = 28  # the tower's merged tokens lie on a grid of such cells: C x C of them
LEAST_DRAWN_PX = 504  # larger than the model's size: the resize of serving smooths its lines


@dataclass(frozen=True)
class PictureSet:
    pixels: np.ndarray  # (N, side, side, 3) uint8, as the processor gets them
    causes: np.ndarray  # (N, 9) in [0, 1]
    levels: np.ndarray  # (N, 9) int, 1..5: what a slightly noisy rater says
    marks: np.ndarray  # (N, 2C, 2C, kinds of mark), shares in [0, 1]

    def __len__(self) -> int:
        return len(self.levels)


def picture_seed(seed: int, i: int) -> int:
    return seed * 1_000_003 + i


def image_of(size_px: int) -> ImageProfile:
    """How pictures are fitted for a demo model of that size."""
    return replace(IMAGE, name=f"demo-{size_px}", size_px=size_px)


def draw_training_set(
    n: int, seed: int, image: ImageProfile = IMAGE, processes: int = 2
) -> PictureSet:
    """The same arguments give the same set, whatever the number of processes."""
    causes, levels = sample(n, seed)
    jobs = [(causes[i], picture_seed(seed, i)) for i in range(n)]
    # spawn: a fork after torch has started its threads may hang
    with get_context("spawn").Pool(processes) as pool:
        drawn = pool.map(partial(_draw_one, image=image), jobs, chunksize=25)
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


def _draw_one(job: tuple[np.ndarray, int], image: ImageProfile) -> tuple[np.ndarray, np.ndarray]:
    causes, seed = job
    page = compose(causes.tolist(), seed, max(LEAST_DRAWN_PX, 2 * image.size_px))
    marks = page.marks.shares(2 * image.size_px // CELL_PX)
    return np.asarray(fit_picture(page.finished(), image)), marks


def _draw_file(job: tuple[np.ndarray, int, Path], size_px: int) -> None:
    causes, seed, path = job
    subject = sorted(THEMES)[seed % len(THEMES)]
    draw(seed, subject, causes.tolist(), size_px).save(path, compress_level=1)


def batches(n: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, n)) for i in range(0, n, size))

"""Bundles of ``tiny_bundle`` on disk, and pictures to score."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ml.scorer import TorchScorer
from tests.ml.tiny_bundle import Bundle, draw, write_adapter, write_base

os.environ["KIDSART_TORCH_THREADS"] = "1"  # the tiny model is no work to share
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    bundle = Bundle(tmp_path_factory.mktemp("bundle"))
    write_base(bundle.base)
    for seed, (dimension, folder) in enumerate(bundle.adapters.items()):
        write_adapter(bundle.base, folder, dimension, rank=4 if seed == 0 else 8, seed=seed)
    return bundle


@pytest.fixture
def bundle(pristine: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the bundle that a test may spoil."""
    shutil.copytree(pristine.folder, tmp_path / "bundle")
    return Bundle(tmp_path / "bundle")


@pytest.fixture(scope="session")
def scorer(pristine: Bundle) -> TorchScorer:
    """Shared by tests that leave its adapters as they are."""
    return pristine.load()


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Makes that many different pictures of different shapes on disk."""

    def make(count: int) -> list[Path]:
        paths = [tmp_path / f"picture-{index}.png" for index in range(count)]
        sizes = [(200, 150), (150, 200), (300, 90), (112, 112)]
        for index, path in enumerate(paths):
            draw(index, sizes[index % len(sizes)]).save(path)
        return paths

    return make

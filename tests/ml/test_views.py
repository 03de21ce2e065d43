"""Views on disk are those of their pictures, whoever computed them, and of nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.bundle import LoadedBase, load_base
from ml.dataset import MIRRORED, PLAIN, Dataset, read_dataset, read_variant
from ml.errors import EngineError
from ml.levels import LevelReader
from ml.profiles import ImageProfile
from ml.prompts import ACTIVATED_PROMPT, RUBRIC_PROMPT
from ml.rubric import KIDSART
from ml.views import ViewCache
from tests.ml.tiny_bundle import IMAGE, Bundle, draw

COUNT = 20  # more than a batch
VARIANTS = (PLAIN, MIRRORED)


@pytest.fixture(scope="module")
def base(pristine: Bundle) -> LoadedBase:
    return load_base(pristine.base, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def reader(base: LoadedBase) -> LevelReader:
    return LevelReader(base, KIDSART, RUBRIC_PROMPT, IMAGE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(COUNT):
        draw(n).save(folder / f"{n}.png")
    labels = folder / "labels.csv"
    labels.write_text("name,realism\n" + "".join(f"{n}.png,3\n" for n in range(COUNT)))
    return read_dataset(labels, folder, KIDSART, ["realism"])


def filled(folder: Path, reader: LevelReader, data: Dataset) -> tuple[ViewCache, int]:
    """The cache, and how many rows of it had to be computed or were there."""
    cache, rows = ViewCache(folder, reader, data, VARIANTS), []
    cache.fill(rows.append)
    return cache, sum(rows)


def test_a_view_is_that_of_its_picture_in_its_variant(
    reader: LevelReader, data: Dataset, tmp_path: Path
) -> None:
    cache, rows = filled(tmp_path, reader, data)
    assert rows == cache.rows == 2 * COUNT
    asked = [(0, PLAIN), (19, MIRRORED), (7, MIRRORED), (7, PLAIN)]
    pages = [np.asarray(read_variant(data.paths[row], variant, IMAGE)) for row, variant in asked]
    views = cache.views([row for row, _ in asked], [variant for _, variant in asked])
    assert (views - reader.views(np.stack(pages))).abs().max() < 1e-5
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == cache.size_bytes


def test_two_processes_fill_one_cache_between_them(
    reader: LevelReader, data: Dataset, tmp_path: Path
) -> None:
    shares: list[int] = []
    for rank in (0, 1):
        cache = ViewCache(tmp_path / "two", reader, data, VARIANTS)
        done: list[int] = []
        cache.fill(done.append, rank, 2)
        shares.append(sum(done))
    assert shares == [COUNT, COUNT]
    whole, _ = filled(tmp_path / "one", reader, data)
    everything = ([*range(COUNT)] * 2, [PLAIN] * COUNT + [MIRRORED] * COUNT)
    assert torch.allclose(cache.views(*everything), whole.views(*everything), atol=1e-5)


def test_what_was_computed_is_not_computed_again_unless_it_is_gone(
    reader: LevelReader, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = filled(tmp_path, reader, data)
    wanted = first.views([3], [PLAIN]).clone()
    computed: list[int] = []
    see = reader.views

    def watch(pixels: np.ndarray) -> torch.Tensor:
        computed.append(len(pixels))
        return see(pixels)

    monkeypatch.setattr(reader, "views", watch)
    again, rows = filled(tmp_path, reader, data)
    assert (rows, sum(computed)) == (2 * COUNT, 1)  # one, to learn the shape
    assert torch.equal(again.views([3], [PLAIN]), wanted)
    next(tmp_path.glob(f"views-*-{PLAIN}.bin")).unlink()
    anew, _ = filled(tmp_path, reader, data)
    assert sum(computed) == COUNT + 2
    assert torch.equal(anew.views([3], [PLAIN]), wanted)


def test_a_killed_run_goes_on_with_another_number_of_processes(
    reader: LevelReader, data: Dataset, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(rows: int) -> None:
        if rows:
            raise Killed

    for rank in (0, 1):  # each gets as far as one batch of its ten rows
        with pytest.raises(Killed):
            ViewCache(tmp_path, reader, data, VARIANTS).fill(kill, rank, 2)
    done: list[int] = []
    cache = ViewCache(tmp_path, reader, data, VARIANTS)
    cache.fill(done.append)
    assert done == [COUNT, 0, 16, 4]  # all of the plain ones were there, none of the mirrored
    whole, _ = filled(tmp_path / "one", reader, data)
    everything = ([*range(COUNT)] * 2, [PLAIN] * COUNT + [MIRRORED] * COUNT)
    assert torch.allclose(cache.views(*everything), whole.views(*everything), atol=1e-5)


def test_what_was_seen_for_one_method_serves_another_with_fewer_versions(
    reader: LevelReader, data: Dataset, tmp_path: Path
) -> None:
    filled(tmp_path, reader, data)
    done: list[int] = []
    ViewCache(tmp_path, reader, data, (PLAIN,)).fill(done.append)
    assert done == [COUNT]


def test_a_disk_without_room_is_said_before_anything_is_written(
    reader: LevelReader, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ViewCache(tmp_path, reader, data, VARIANTS)
    room = shutil.disk_usage(tmp_path)
    lacking = room._replace(free=cache.size_bytes - 1)
    monkeypatch.setattr("ml.views.shutil.disk_usage", lambda folder: lacking)
    with pytest.raises(EngineError, match="disk"):
        cache.fill(lambda rows: None)
    assert not list(tmp_path.iterdir())


def test_other_pictures_another_base_or_another_size_is_another_file(
    base: LoadedBase, reader: LevelReader, data: Dataset, tmp_path: Path
) -> None:
    another = replace(base, profile=replace(base.profile, sha256="0" * 64))
    padded = ImageProfile("other", IMAGE.size_px)
    ViewCache(tmp_path, reader, data, VARIANTS)._open(PLAIN)
    for changed, pictures in (
        (reader, replace(data, hashes=("0" * 64, *data.hashes[1:]))),
        (LevelReader(another, KIDSART, RUBRIC_PROMPT, IMAGE), data),
        (LevelReader(base, KIDSART, RUBRIC_PROMPT, padded), data),
    ):
        before = len(list(tmp_path.iterdir()))
        ViewCache(tmp_path, changed, pictures, VARIANTS)._open(PLAIN)
        assert len(list(tmp_path.iterdir())) == before + 1


def test_the_words_are_part_of_a_view_only_where_they_come_before_the_answer(
    base: LoadedBase, data: Dataset, tmp_path: Path
) -> None:
    for prompt, files in ((RUBRIC_PROMPT, 1), (ACTIVATED_PROMPT, 2)):
        folder = tmp_path / prompt.layout
        reworded = replace(prompt, template=prompt.template.replace("Which", "What"))
        for words in (prompt, reworded):
            reader = LevelReader(base, KIDSART, words, IMAGE)
            ViewCache(folder, reader, data, VARIANTS)._open(PLAIN)
        assert len(list(folder.iterdir())) == files

"""The atlas: adapters compared with each other, and what may be read from it."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.__main__ import main
from ml.atlas import _reading, cross_scores, make_atlas, state_similarity, subspace_overlap
from ml.bundle import LoadedAdapter
from ml.errors import EngineError
from ml.lora_stack import LoraWeights
from ml.scorer import TorchScorer, load_scorer
from tests.ml.tiny_bundle import ADAPTED, KIDSART, Bundle, draw


def adapter(b: torch.Tensor) -> LoadedAdapter:
    layers = {"layer": (torch.randn(b.shape[1], 6), b)}
    return LoadedAdapter(None, LoraWeights(layers, b.shape[1], 1.0))  # type: ignore[arg-type]


def test_overlap_is_one_for_the_same_directions_and_zero_for_right_angles() -> None:
    page = torch.eye(8)
    mixed = page[:, :2] @ torch.tensor([[1.0, 2.0], [3.0, -1.0]])  # another basis of the same plane
    overlap, chance = subspace_overlap(
        [adapter(page[:, :2]), adapter(mixed), adapter(page[:, 2:4]), adapter(page[:, 1:3])]
    )
    assert overlap[0] == pytest.approx([1, 1, 0, 0.5], abs=1e-6)
    assert chance == 2 / 8


def test_overlap_is_counted_in_directions_of_the_narrower_adapter() -> None:
    page = torch.eye(8)
    overlap, _ = subspace_overlap([adapter(page[:, :2]), adapter(page[:, :4])])
    assert overlap == pytest.approx(np.ones((2, 2)), abs=1e-6)


def test_adapters_of_different_layers_cannot_be_compared() -> None:
    one, other = adapter(torch.eye(8)[:, :2]), adapter(torch.eye(8)[:, :2])
    elsewhere = replace(other.weights, layers={"another": other.weights.layers["layer"]})
    with pytest.raises(EngineError, match="no layer in common"):
        subspace_overlap([one, replace(other, weights=elsewhere)])


def test_states_are_compared_without_what_they_all_share() -> None:
    chance = torch.Generator().manual_seed(0)
    one = torch.randn(50, 16, generator=chance)
    states = torch.stack([one, one, -one], 1) + 100  # (N, K, H)
    alike = state_similarity(states)
    assert np.diag(alike) == pytest.approx([1, 1, 1], abs=1e-4)
    assert alike[0, 1] > 0.8
    assert alike[0, 2] < -0.5


def test_cross_scoring_has_a_gap_where_there_is_nothing_to_say() -> None:
    scores = np.array([[1.0, 5], [2, 4], [3, 3], [4, 2]])
    levels = np.array([[1.0, 2], [2, 2], [3, 2], [4, 2]])
    assert cross_scores(scores, levels) == [[1.0, None], [-1.0, None]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures with levels of two dimensions."""
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(12):
        draw(n).save(folder / f"{n:02d}.png")
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = [[f"{n:02d}.png", 1 + n % 5, 1 + n % 3] for n in range(12)]
        csv.writer(file).writerows([["name", "realism", "imagination"], *rows])
    return folder


def test_the_command_writes_what_the_page_of_the_models_reads(
    bundle: Bundle, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["atlas", str(bundle.folder), "--images", str(pictures), "--device", "cpu"]
    arguments += ["--labels", str(tmp_path / "labels.csv"), "--plot", str(tmp_path / "atlas.png")]
    assert main(arguments) == 0
    atlas = json.loads((bundle.folder / "atlas.json").read_text())
    assert atlas["slugs"] == list(ADAPTED)
    for kind in ("subspace", "states", "cross"):
        assert np.array(atlas[kind], dtype=float).shape == (8, 8)
    assert np.allclose(np.diag(atlas["subspace"]), 1)
    places = [ADAPTED.index(slug) for slug in ("realism", "imagination")]
    known = {n for n, cell in enumerate(atlas["cross"][0]) if cell is not None}
    assert known == set(places)
    assert atlas["pictures"] == 12
    assert (tmp_path / "atlas.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert all(sentence in printed for sentence in atlas["reading"])


def test_without_labels_there_is_no_cross_scoring(scorer: TorchScorer, pictures: Path) -> None:
    atlas = make_atlas(scorer, sorted(pictures.iterdir()), None)
    assert atlas["cross"] is None
    assert len(atlas["reading"]) == 2


def test_of_many_pictures_the_first_are_taken_with_their_own_levels(
    scorer: TorchScorer, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.atlas.MOST_PICTURES", 5)
    levels = np.random.default_rng(0).integers(1, 6, (12, len(ADAPTED))).astype(float)
    paths = sorted(pictures.iterdir())
    atlas = make_atlas(scorer, paths, levels)
    assert atlas["pictures"] == 5
    assert atlas["cross"] == make_atlas(scorer, paths[:5], levels[:5])["cross"]


def test_the_atlas_says_which_pair_is_most_alike_and_which_adapters_know_their_own() -> None:
    slugs = KIDSART.slugs[:3]
    names = [KIDSART[slug].name for slug in slugs]
    alike = np.array([[1, 0.1, 0.3], [0.1, 1, 0.7], [0.3, 0.7, 1]])
    # The first adapter tells the second dimension better, upside down; the third has no label.
    cross: list[list[float | None]] = [[0.5, -0.6, None], [0.1, 0.4, None], [0.2, 0.3, None]]
    overlap = np.full((3, 3), 0.25) + np.eye(3) * 0.75
    directions, states, own = _reading(KIDSART, slugs, overlap, 0.1, alike, cross)
    assert "to 25%" in directions
    assert "by chance: 10%" in directions
    assert f"{names[1]} and {names[2]} (0.70; the mean of all pairs is 0.37)" in states
    assert own.startswith("For 1 of 3 dimensions")
    assert "(mean 0.45; another dimension's adapter: 0.30)" in own


def test_a_rubric_of_one_s_own_names_the_dimensions(
    bundle: Bundle, pictures: Path, tmp_path: Path
) -> None:
    rubric = {
        "slug": KIDSART.slug,
        "name": "Two of nine",
        "first_level": 1,
        "dimensions": [asdict(KIDSART[slug]) for slug in ("realism", "imagination")],
    }
    (tmp_path / "two.json").write_text(json.dumps(rubric))
    arguments = ["atlas", str(bundle.folder), "--images", str(pictures), "--device", "cpu"]
    assert main([*arguments, "--rubric", str(tmp_path / "two.json")]) == 0
    atlas = json.loads((bundle.folder / "atlas.json").read_text())
    assert atlas["slugs"] == ["realism", "imagination"]


def test_what_cannot_be_read_is_left_out_and_said(
    bundle: Bundle, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(pictures, folder)
    (folder / "notes.txt").write_text("not a picture")
    assert main(["atlas", str(bundle.folder), "--images", str(folder), "--device", "cpu"]) == 0
    assert "left out notes.txt" in capsys.readouterr().err
    assert json.loads((bundle.folder / "atlas.json").read_text())["pictures"] == 12


@pytest.mark.parametrize(
    ("images", "plot", "sentence"),
    [
        ("nowhere", "atlas.png", "There is no folder"),
        ("empty", "atlas.png", "There is no picture"),
        ("pictures", "nowhere/atlas.png", "no folder"),
    ],
)
def test_a_folder_that_is_missing_or_empty_is_one_sentence_and_keeps_the_atlas(
    images: str, plot: str, sentence: str, bundle: Bundle, pictures: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    (bundle.folder / "atlas.json").write_text("before")
    given = pictures if images == "pictures" else tmp_path / images
    arguments = ["atlas", str(bundle.folder), "--images", str(given), "--device", "cpu"]
    assert main([*arguments, "--plot", str(tmp_path / plot)]) == 1
    assert sentence in capsys.readouterr().err
    assert (bundle.folder / "atlas.json").read_text() == "before"


def test_one_adapter_alone_makes_no_atlas(pristine: Bundle, pictures: Path) -> None:
    one = {"realism": pristine.adapters["realism"]}
    scorer = load_scorer(pristine.base, one, KIDSART, "cpu")
    with pytest.raises(EngineError, match="at least two"):
        make_atlas(scorer, sorted(pictures.iterdir()), None)

"""The committed demo model, and the build that makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.stats import spearmanr

from ml.dataset import read_dataset
from ml.demo.build import BUNDLE, main
from ml.demo.evaluate import adapters_of
from ml.demo.model import demo_processor
from ml.demo.pictures import draw_files
from ml.errors import EngineError
from ml.interface import PictureScores
from ml.processing import load_processor
from ml.profiles import read_adapter_profile, read_base_profile
from ml.rubric import KIDSART
from ml.scorer import load_scorer

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def metrics() -> dict:
    return json.loads((BUNDLE / "metrics.json").read_text())


def test_every_dimension_reaches_its_goal_on_fresh_drawings(metrics: dict) -> None:
    figures = metrics["check"]
    assert figures["pictures"] >= 400
    assert set(figures["dimensions"]) == set(KIDSART.slugs)
    assert min(f["spearman"] for f in figures["dimensions"].values()) >= 0.60
    assert figures["mean"]["spearman"] >= 0.80


def test_the_adapters_are_better_than_the_base_alone_in_every_dimension(metrics: dict) -> None:
    for figures in metrics["check"]["dimensions"].values():
        assert figures["spearman"] > figures["spearman_before"] + 0.1


def test_the_ranges_of_every_dimension_hold_what_they_promise(metrics: dict) -> None:
    for figures in metrics["check"]["dimensions"].values():
        assert 0.87 <= figures["coverage"] <= 0.93


def test_each_adapter_s_profile_says_how_well_it_did(metrics: dict) -> None:
    for slug, folder in adapters_of(BUNDLE).items():
        assert (
            read_adapter_profile(folder).metrics["spearman"]
            == (metrics["check"]["dimensions"][slug]["spearman"])
        )


def test_every_adapter_agrees_best_with_the_labels_of_its_own_dimension() -> None:
    atlas = json.loads((BUNDLE / "atlas.json").read_text())
    assert atlas["slugs"] == list(KIDSART.slugs)
    for place, row in enumerate(atlas["cross"]):
        assert row[place] == max(row)


def test_the_bundle_is_small_enough_for_the_repository() -> None:
    assert sum(p.stat().st_size for p in BUNDLE.rglob("*") if p.is_file()) < 12 * MEGABYTE


def test_every_user_can_read_the_weights() -> None:
    assert all(p.stat().st_mode & 0o004 for p in BUNDLE.rglob("*") if p.is_file())


def test_the_model_card_says_that_it_is_not_for_grading() -> None:
    card = (BUNDLE / "MODEL_CARD.md").read_text()
    assert "not for grading" in card
    assert "never seen a child's drawing" in card
    assert read_base_profile(BUNDLE / "base").demo


def test_the_committed_model_scores_a_few_fresh_drawings_well(tmp_path: Path) -> None:
    levels = draw_files(120, 77_123, tmp_path, 400)
    scorer = load_scorer(BUNDLE / "base", adapters_of(BUNDLE), KIDSART, "cpu", batch_size=20)
    results = scorer.score(sorted(tmp_path.glob("*.png")))
    scores = [r.dimensions for r in results if isinstance(r, PictureScores)]
    assert len(scores) == 120
    found = {
        slug: spearmanr([s[slug].score for s in scores], levels[:, k])[0]
        for k, slug in enumerate(KIDSART.slugs)
    }
    assert sum(found.values()) / len(found) > 0.7, found


def test_the_tokenizer_is_the_one_the_prompts_give() -> None:
    built, committed = demo_processor().tokenizer, load_processor(BUNDLE / "base").tokenizer
    assert built.get_vocab() == committed.get_vocab()


@pytest.mark.slow
def test_a_quick_build_writes_a_bundle_that_loads_and_scores(tmp_path: Path) -> None:
    bundle = tmp_path / "model"
    # After so few steps the base answers an activated prompt, which it was not taught, with words.
    options = ["--layout", "lora", "--px", "112", "--seed", "3", "--out", str(bundle)]
    assert main(["build", "--quick", *options]) == 0
    assert {p.name for p in bundle.iterdir()} == {
        "base",
        "adapters",
        "metrics.json",
        "atlas.json",
        "MODEL_CARD.md",
    }
    draw_files(2, 5, tmp_path / "pictures", 200)
    scorer = load_scorer(bundle / "base", adapters_of(bundle), KIDSART, "cpu")
    results = scorer.score(sorted((tmp_path / "pictures").glob("*.png")))
    assert all(isinstance(result, PictureScores) for result in results)
    profile = read_adapter_profile(bundle / "adapters" / "realism")
    assert profile.calibration is not None
    assert profile.image.size_px == 112
    assert json.loads((bundle / "metrics.json").read_text())["seed"] == 3


@pytest.mark.parametrize("options", [["--px", "100"], ["--brief"], ["--seed", "-1"]])
def test_options_that_make_no_sense_are_refused(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["build", *options])


def test_a_build_never_replaces_a_folder_that_is_no_demo_model(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(EngineError, match="no demo model"):
        main(["build", "--quick", "--out", str(tmp_path)])
    assert (tmp_path / "photo.jpg").read_bytes() == b"mine"


def test_a_drawn_set_is_ready_for_training(tmp_path: Path) -> None:
    assert main(["draw", "--count", "6", "--out", str(tmp_path), "--seed", "4"]) == 0
    data = read_dataset(tmp_path / "labels.csv", tmp_path / "images", KIDSART, KIDSART.slugs)
    assert len(data.names) == 6
    assert set(data.ratings) == set(KIDSART.slugs)

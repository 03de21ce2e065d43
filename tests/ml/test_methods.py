"""What adapters are compared with must be able to learn, or the comparison flatters them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ml.methods import STRENGTHS, Rows, cross_entropy_head, ridge
from ml.picture_features import NAMES, picture_features
from tests.ml.tiny_bundle import draw

KINDS = ("one line", "filled", "colors", "dots", "left side", "top side", "disk")


def rows(levels: np.ndarray, validation: int = 40) -> Rows:
    count = len(levels)
    return Rows(
        list(range(count // 2)),
        list(range(count // 2, count // 2 + validation)),
        list(range(count // 2 + validation, count)),
        levels,
    )


@pytest.fixture
def known() -> tuple[np.ndarray, np.ndarray]:
    """Features (300, 12) of which three make the level."""
    chance = np.random.default_rng(0)
    features = chance.normal(size=(300, 12))
    score = features[:, 0] + features[:, 4] - features[:, 7]
    return features, np.clip(np.round(3 + score), 1, 5)


def test_a_ridge_finds_a_line_and_stays_on_the_scale(known: tuple[np.ndarray, np.ndarray]) -> None:
    features, levels = known
    part = rows(levels)
    told = ridge(features, part, (1, 5))
    assert np.corrcoef(told, levels[part.test])[0, 1] > 0.9
    assert told.min() >= 1
    assert told.max() <= 5


def test_a_ridge_never_sees_the_levels_it_reports_on(
    known: tuple[np.ndarray, np.ndarray],
) -> None:
    features, levels = known
    part = rows(levels)
    changed = levels.copy()
    changed[part.test] = 1
    assert np.array_equal(ridge(features, part, (1, 5)), ridge(features, rows(changed), (1, 5)))


@pytest.mark.parametrize("seed", range(8))
def test_a_ridge_is_as_strong_as_leaving_out_each_known_picture_says(seed: int) -> None:
    """Against the literal procedure: a ridge for each strength and each picture left out."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(14, 3))
    levels = np.clip(3 + features[:, 0] + chance.normal(size=14), 1, 5)
    part = Rows([*range(5)], [*range(5, 8)], [*range(8, 14)], levels)
    x = (features - features[:8].mean(0)) / features[:8].std(0)
    known, y = np.column_stack([x[:8], np.ones(8)]), levels[:8]

    def weights(x: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
        penalty = strength * np.diag([1.0, 1, 1, 0])  # none on the mean
        return np.linalg.solve(x.T @ x + penalty, x.T @ y)

    def error(strength: float) -> float:
        left = [weights(np.delete(known, n, 0), np.delete(y, n), strength) for n in range(8)]
        return sum((known[n] @ w - y[n]) ** 2 for n, w in enumerate(left))

    best = weights(known, y, min(STRENGTHS, key=error))
    told = np.clip(x[8:] @ best[:3] + best[3], 1, 5)
    assert ridge(features, part, (1, 5)) == pytest.approx(told, abs=1e-6)


def test_with_nothing_to_learn_from_there_is_nothing_to_say() -> None:
    none = Rows([], [], [0, 1], np.full(2, np.nan))
    assert np.isnan(ridge(np.ones((2, 3)), none, (1, 5))).all()
    assert np.isnan(cross_entropy_head(torch.ones(2, 3), none, 1, 5)).all()


def test_a_ridge_ignores_features_of_noise_rather_than_learning_them_by_heart() -> None:
    chance = np.random.default_rng(1)
    levels = chance.integers(1, 6, 120).astype(float)
    told = ridge(chance.normal(size=(120, 80)), rows(levels, 20), (1, 5))
    assert told.std() < 0.7


def test_a_cross_entropy_head_learns_levels(known: tuple[np.ndarray, np.ndarray]) -> None:
    features, levels = known
    part = rows(levels)
    told = cross_entropy_head(torch.tensor(features), part, 1, 5)
    assert np.corrcoef(told, levels[part.test])[0, 1] > 0.85


def test_a_cross_entropy_head_learns_without_validation_pictures_too(
    known: tuple[np.ndarray, np.ndarray],
) -> None:
    features, levels = known
    part = rows(levels, validation=0)
    told = cross_entropy_head(torch.tensor(features), part, 1, 5)
    assert np.corrcoef(told, levels[part.test])[0, 1] > 0.85


def test_a_cross_entropy_head_stops_before_it_has_learned_noise_by_heart() -> None:
    chance = np.random.default_rng(3)
    levels = chance.integers(1, 6, 120).astype(float)
    told = cross_entropy_head(torch.tensor(chance.normal(size=(120, 80))), rows(levels), 1, 5)
    assert told.std() < 0.7


def test_measures_are_finite_and_named_for_any_picture() -> None:
    pictures = [draw(1), Image.new("RGB", (40, 900), "white"), Image.new("RGB", (17, 16), "black")]
    for picture in pictures:
        values = picture_features(picture)
        assert values.shape == (len(NAMES),)
        assert np.isfinite(values).all()


def test_the_box_dimension_of_a_line_is_one() -> None:
    page = np.full((256, 256, 3), 255, dtype=np.uint8)
    page[128] = 0
    measures = picture_features(Image.fromarray(page))
    assert measures[NAMES.index("box dimension")] == pytest.approx(1, abs=0.01)


def test_a_disk_has_edges_in_all_directions() -> None:
    down, across = np.mgrid[:200, :200]
    page = np.where(np.hypot(down - 100, across - 100) < 60, 0, 255).astype(np.uint8)
    measures = picture_features(Image.fromarray(page).convert("RGB"))
    assert measures[NAMES.index("edge directions")] > 0.75


def test_ink_is_what_differs_from_the_paper_whatever_the_paper_s_color() -> None:
    white = np.full((200, 200, 3), 255, dtype=np.uint8)
    white[50:100, 50:100] = 0
    share, empty = NAMES.index("ink share"), NAMES.index("empty sixteenths")
    on_white, on_grey = (picture_features(Image.fromarray(page)) for page in (white, white // 2))
    assert on_white[share] == pytest.approx(1 / 16)
    assert on_grey[[share, empty]] == pytest.approx(on_white[[share, empty]])


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("ink share", "one line", "filled"),
        ("colorfulness", "one line", "colors"),
        ("parts", "one line", "dots"),
        ("empty sixteenths", "filled", "one line"),
        ("hues", "one line", "colors"),
        ("line width", "one line", "filled"),
        ("largest part", "dots", "one line"),
        ("edge directions", "one line", "disk"),
        ("box dimension", "one line", "filled"),
        ("center across", "left side", "top side"),
        ("center down", "top side", "left side"),
        ("spread across", "left side", "one line"),
        ("spread down", "one line", "left side"),
        ("mirror left-right", "left side", "top side"),
        ("mirror up-down", "top side", "left side"),
    ],
)
def test_measures_move_with_what_they_measure(name: str, less: str, more: str) -> None:
    page = np.full((200, 200, 3), 255, dtype=np.uint8)
    pages = {kind: page.copy() for kind in KINDS}
    pages["one line"][100:104, 20:180] = 0
    pages["filled"][20:180, 20:180] = 0
    for k, color in enumerate([(255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 200, 0)]):
        pages["colors"][20 + 40 * k : 50 + 40 * k, 20:180] = color
    pages["dots"][20:190:20, 20:190:20] = 0
    pages["dots"][21:190:20, 20:190:20] = 0
    pages["left side"][:, :80] = pages["top side"][:80] = 0
    down, across = np.mgrid[:200, :200]
    pages["disk"][np.hypot(down - 100, across - 100) < 60] = 0
    at = NAMES.index(name)
    values = {kind: picture_features(Image.fromarray(p))[at] for kind, p in pages.items()}
    assert values[less] < values[more]

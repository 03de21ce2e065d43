"""What adapters are compared with must be able to learn, or the comparison flatters them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ml.methods import Rows, cross_entropy_head, ridge
from ml.picture_features import NAMES, picture_features
from tests.ml.tiny_bundle import draw


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


def test_measures_are_finite_and_named_for_any_picture() -> None:
    pictures = [draw(1), Image.new("RGB", (40, 900), "white"), Image.new("RGB", (17, 16), "black")]
    for picture in pictures:
        values = picture_features(picture)
        assert values.shape == (len(NAMES),)
        assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("ink share", "one line", "filled"),
        ("colorfulness", "one line", "colors"),
        ("parts", "one line", "dots"),
        ("empty sixteenths", "filled", "one line"),
        ("hues", "one line", "colors"),
    ],
)
def test_measures_move_with_what_they_measure(name: str, less: str, more: str) -> None:
    page = np.full((200, 200, 3), 255, dtype=np.uint8)
    pages = {kind: page.copy() for kind in ("one line", "filled", "colors", "dots")}
    pages["one line"][100:104, 20:180] = 0
    pages["filled"][20:180, 20:180] = 0
    for k, color in enumerate([(255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 200, 0)]):
        pages["colors"][20 + 40 * k : 50 + 40 * k, 20:180] = color
    pages["dots"][20:190:20, 20:190:20] = 0
    pages["dots"][21:190:20, 20:190:20] = 0
    at = NAMES.index(name)
    values = {kind: picture_features(Image.fromarray(p))[at] for kind, p in pages.items()}
    assert values[less] < values[more]

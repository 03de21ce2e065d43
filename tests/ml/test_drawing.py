"""The generator: repeatable, varied, and every cause leaves its own trace on the page."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ml.drawing import CAUSES, MARKS, THEMES, compose, draw, render, sample
from ml.drawing.causes import look
from ml.rubric import KIDSART

CALM = dict(zip(CAUSES, [0.6, 0.1, 0.0, 0.6, 0.85, 0.0, 0.0, 0.95, 0.0], strict=True))
SEEDS = range(4)


def causes_with(**changes: float) -> list[float]:
    return list((CALM | changes).values())


def page(seed: int, **changes: float) -> np.ndarray:
    """(168, 168, 3) float in [0, 1]; grain averaged out."""
    image = render(causes_with(**changes), seed, 336)
    return np.asarray(image.resize((168, 168), Image.Resampling.BOX), float) / 255


def marks(seed: int, kind: str, **changes: float) -> float:
    """Share of the page, in hundredths."""
    shares = compose(causes_with(**changes), seed, 96).marks.shares(6)
    return 100 * float(shares[..., MARKS.index(kind)].mean())


def ink_share(pixels: np.ndarray) -> float:
    return float((pixels.max(-1) < 0.45).mean())


def hue_count(pixels: np.ndarray) -> int:
    colored = pixels.reshape(-1, 3)
    colored = colored[colored.max(1) - colored.min(1) > 0.35]
    red, green, blue = colored.T
    angle = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    share = np.histogram(angle, bins=18, range=(-np.pi, np.pi))[0] / colored.shape[0]
    return int((share > 0.02).sum())


def test_the_causes_are_the_dimensions_of_the_rubric() -> None:
    assert KIDSART.slugs == CAUSES


def test_the_same_seed_draws_the_same_picture() -> None:
    once, again = (render(causes_with(), 5, 200, "by the sea") for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_no_two_pictures_are_alike() -> None:
    causes, _ = sample(24, 3)
    small = [
        np.asarray(render(causes[i], i, 96).resize((40, 40)), float).ravel() for i in range(24)
    ]
    nearest = min(np.abs(a - b).mean() for i, a in enumerate(small) for b in small[i + 1 :])
    assert nearest > 8  # of 255


def test_even_with_equal_causes_another_seed_is_another_picture() -> None:
    first, second = page(1), page(2)
    assert np.abs(first - second).mean() > 0.05


@pytest.mark.parametrize("subject", sorted(THEMES))
def test_every_subject_can_be_drawn(subject: str) -> None:
    image = draw(3, subject, causes_with(transformation=0.6, imagination=0.6), 128)
    assert image.size == (128, 128)
    assert np.asarray(image).std() > 15


def test_a_subject_that_is_not_listed_gets_a_theme_and_keeps_it() -> None:
    drawn = [draw(3, subject, causes_with(), 96).tobytes() for subject in ("Dragons!", "dragons!")]
    assert drawn[0] == drawn[1]


def test_the_medium_can_be_chosen_and_changes_how_the_page_looks() -> None:
    drawn = [draw(3, "animals", causes_with(), 96, medium) for medium in ("crayon", "paint", "pen")]
    assert len({image.tobytes() for image in drawn}) == 3


def test_pictures_are_drawn_without_torch() -> None:
    code = "import sys, ml.drawing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_realism_brings_color_back_into_the_lines() -> None:
    assert all(marks(s, "miss", realism=0.1) > marks(s, "miss", realism=0.9) for s in SEEDS)
    assert all(marks(s, "shade", realism=0.9) > marks(s, "shade", realism=0.1) for s in SEEDS)
    shaky, steady = look(causes_with(realism=0.1)), look(causes_with(realism=0.9))
    assert shaky.tremble > 3 * steady.tremble


def test_deformation_makes_the_head_larger() -> None:
    def skin(seed: int, deformation: float) -> float:
        drawn = compose(causes_with(deformation=deformation, realism=0.4), seed, 96)
        away = np.abs(np.asarray(drawn.image, float) - drawn.palette.skin).max(-1)
        return float((away < 30).mean())

    grown = [skin(s, 0.95) - skin(s, 0.05) for s in SEEDS]
    assert min(grown) > 0.04
    assert all(marks(s, "bend", deformation=0.9) > 0 for s in SEEDS)


def test_imagination_brings_more_ink_and_more_visitors() -> None:
    grown = [ink_share(page(s, imagination=1)) - ink_share(page(s, imagination=0)) for s in SEEDS]
    assert min(grown) > 0.01
    none, some, many = (marks(1, "visitor", imagination=u) for u in (0, 0.5, 1))
    assert none == 0 < some < many


def test_color_richness_brings_more_hues() -> None:
    counts = [[hue_count(page(s, color_richness=u)) for s in SEEDS] for u in (0.0, 0.5, 1.0)]
    poor, some, rich = np.mean(counts, axis=1)
    assert poor + 1 < some
    assert some + 1 < rich


def test_color_contrast_spreads_the_tones() -> None:
    for seed in SEEDS:
        tones = [page(seed, color_contrast=u).mean(-1).std() for u in (0.1, 0.5, 0.9)]
        assert tones == sorted(tones)
        assert tones[2] > 1.4 * tones[0]


def test_line_combination_adds_long_lines() -> None:
    grown = [
        ink_share(page(s, line_combination=1)) - ink_share(page(s, line_combination=0))
        for s in SEEDS
    ]
    assert all(more > 0.01 for more in grown)
    assert marks(1, "string", line_combination=0) == 0


def test_line_texture_fills_fields_with_kinds_of_marks() -> None:
    for seed in SEEDS:
        lower = slice(105, 168)
        plain, rich = (page(seed, line_texture=u)[lower] for u in (0.0, 1.0))
        assert ink_share(rich) > ink_share(plain) + 0.03
    shares = compose(causes_with(line_texture=1), 1, 96).marks.shares(6)
    assert (shares[..., :6].sum((0, 1)) > 0).all()


def test_low_organization_leaves_more_of_the_page_empty() -> None:
    def used(seed: int, organization: float) -> float:
        pixels = page(seed, picture_organization=organization)
        paper = np.median(pixels.reshape(-1, 3), axis=0)
        drawn = np.abs(pixels - paper).max(-1) > 0.12
        cells = drawn.reshape(12, 14, 12, 14).mean((1, 3))
        return float((cells > 0.1).mean())

    gain = [used(s, 0.95) - used(s, 0.05) for s in SEEDS]
    assert np.mean(gain) > 0.15


def test_transformation_gives_things_eyes() -> None:
    none, some, many = (marks(2, "face", transformation=u) for u in (0, 0.5, 1))
    assert none == 0 < some < many

    def white_and_dark(seed: int, transformation: float) -> float:
        return float((page(seed, transformation=transformation).min(-1) > 0.97).mean())

    assert all(white_and_dark(s, 1) > white_and_dark(s, 0) + 0.01 for s in SEEDS)


def test_one_cause_leaves_the_marks_of_the_others_alone() -> None:
    before, after = (page(4, line_texture=0.5, imagination=u)[125:] for u in (0.0, 1.0))
    assert np.abs(before - after).max() < 0.25  # the lower third: only grain may differ


def test_levels_follow_the_causes_with_a_little_noise() -> None:
    causes, levels = sample(4000, 9)
    assert set(np.unique(levels)) == {1, 2, 3, 4, 5}
    for k in range(9):
        assert np.corrcoef(causes[:, k], levels[:, k])[0, 1] > 0.94
    between = np.corrcoef(causes.T)[~np.eye(9, dtype=bool)]
    assert 0.08 < between.mean() < 0.22


def test_marks_are_shared_out_to_any_grid_without_losing_one() -> None:
    map_of_marks = compose(causes_with(line_texture=1), 1, 96).marks
    finest = map_of_marks.shares(72)
    for cells in (6, 8, 16, 32):
        shares = map_of_marks.shares(cells)
        assert shares.shape == (cells, cells, len(MARKS))
        assert np.allclose(shares.mean((0, 1)), finest.mean((0, 1)), atol=1e-6)
    corners = finest[:36, :36].mean((0, 1)), map_of_marks.shares(16)[:8, :8].mean((0, 1))
    assert np.allclose(*corners, atol=1e-6)

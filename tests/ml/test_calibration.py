from __future__ import annotations

import numpy as np
import pytest

from ml.calibration import calibrated, fit_calibration, interval
from ml.errors import EngineError

LEVELS = (1, 5)


def rated(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A model that says too little: its expectation squeezes the teacher's level towards 3."""
    random = np.random.default_rng(seed)
    truth = random.uniform(1, 5, count)
    labels = (truth + random.normal(0, 0.4, count)).round().clip(1, 5)
    expectations = 3 + 0.4 * (truth - 3) + random.normal(0, 0.1, count)
    return expectations, random.uniform(0.4, 0.8, count), labels


def test_calibration_moves_scores_towards_what_teachers_said() -> None:
    x, sd, y = rated(400, seed=1)
    calibration = fit_calibration(x, sd, y, LEVELS)
    fresh, _, labels = rated(400, seed=2)
    after = np.array([calibrated(calibration, value) for value in fresh])
    assert np.abs(after - labels).mean() < 0.7 * np.abs(fresh - labels).mean()


def test_intervals_hold_the_share_they_promise_on_fresh_scores() -> None:
    calibration = fit_calibration(*rated(600, seed=1), LEVELS)
    x, sd, y = rated(2000, seed=2)
    ranges = [interval(calibration, *pair, LEVELS) for pair in zip(x, sd, strict=True)]
    held = np.mean([low <= label <= high for (low, high), label in zip(ranges, y, strict=True)])
    assert 0.87 <= held <= 0.94


def test_about_a_fifth_of_the_intervals_are_marked_unsure() -> None:
    calibration = fit_calibration(*rated(600, seed=1), LEVELS)
    x, sd, _ = rated(2000, seed=2)
    ranges = [interval(calibration, *pair, LEVELS) for pair in zip(x, sd, strict=True)]
    share = np.mean([high - low >= calibration.unsure_width for low, high in ranges])
    assert 0.15 <= share <= 0.25


def test_calibration_never_changes_the_order_of_two_pictures() -> None:
    for seed in range(5):
        x, sd, y = rated(60, seed)
        y = np.random.default_rng(seed).permutation(y)  # even where the model knows nothing
        calibration = fit_calibration(x, sd, y, LEVELS)
        scores = [calibrated(calibration, value) for value in np.linspace(1, 5, 200)]
        assert all(a <= b for a, b in zip(scores, scores[1:], strict=False))
        assert min(scores) >= 1
        assert max(scores) <= 5


@pytest.mark.parametrize("broken", range(3))
def test_what_is_no_number_is_not_calibrated_by(broken: int) -> None:
    values = rated(100, seed=1)
    values[broken][7] = np.nan
    with pytest.raises(EngineError, match="no"):
        fit_calibration(*values, LEVELS)


def test_intervals_stay_on_the_scale() -> None:
    calibration = fit_calibration(*rated(100, seed=1), LEVELS)
    for expectation in (1.0, 3.0, 5.0):
        low, high = interval(calibration, expectation, 3.0, LEVELS)
        assert 1 <= low <= calibrated(calibration, expectation) <= high <= 5


def test_fewer_than_forty_scores_are_refused() -> None:
    with pytest.raises(EngineError, match="at least 40"):
        fit_calibration(*rated(39, seed=1), LEVELS)
    assert fit_calibration(*rated(40, seed=1), LEVELS).count == 40


def test_the_same_scores_and_seed_give_the_same_calibration() -> None:
    assert fit_calibration(*rated(80, 1), LEVELS, seed=3) == fit_calibration(
        *rated(80, 1), LEVELS, seed=3
    )

"""Parity with scipy and scikit-learn, and what happens where they answer nan."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from ml import metrics
from ml.metrics import Figure, Floats

LEVELS = (1, 5)
NAN = float("nan")
EXACT: dict[str, Any] = {"abs": 1e-12, "rel": 1e-12}

whole = st.integers(1, 5).map(float)
fractional = st.integers(80, 520).map(lambda n: n / 100)
pairs = st.lists(st.tuples(st.one_of(whole, fractional), whole), min_size=1, max_size=40)


def array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def split(drawn: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    x, y = zip(*drawn, strict=True)
    return array(*x), array(*y)


def quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    """The answer of the reference, which warns and says nan where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*arguments, **options)
    return float(getattr(result, "statistic", result))


def kappa_of_sklearn(x: Floats, y: Floats) -> float:
    x, y = (np.clip(np.floor(side + 0.5), 1, 5).astype(int) for side in (x, y))
    return quietly(reference.cohen_kappa_score, x, y, labels=range(1, 6), weights="quadratic")


def agrees(figure: Figure, expected: float) -> bool:
    if np.isnan(expected):
        return figure.value is None and bool(figure.reason)
    return figure.reason is None and figure.value == pytest.approx(expected, **EXACT)


@settings(deadline=None, max_examples=200)
@given(pairs)
def test_every_figure_equals_its_reference(drawn: list[tuple[float, float]]) -> None:
    x, y = split(drawn)
    if len(x) >= 3:
        assert agrees(metrics.pearson(x, y), quietly(stats.pearsonr, x, y))
        assert agrees(metrics.spearman(x, y), quietly(stats.spearmanr, x, y))
    if len(x) >= 2:
        assert agrees(metrics.quadratic_kappa(x, y, LEVELS), kappa_of_sklearn(x, y))
    assert agrees(metrics.mae(x, y), reference.mean_absolute_error(y, x))
    assert agrees(metrics.mse(x, y), reference.mean_squared_error(y, x))
    levels = np.clip(np.floor(x + 0.5), 1, 5)
    assert agrees(metrics.accuracy(x, y, LEVELS), reference.accuracy_score(y, levels))
    assert agrees(metrics.bias(x, y), float(np.mean(x - y)))


@pytest.mark.parametrize("seed", range(5))
def test_large_random_samples_equal_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(1, 6, 1000).astype(float)
    x = np.clip(y + rng.normal(0, 1, 1000), 1, 5)
    assert agrees(metrics.pearson(x, y), quietly(stats.pearsonr, x, y))
    assert agrees(metrics.spearman(x, y), quietly(stats.spearmanr, x, y))
    assert agrees(metrics.quadratic_kappa(x, y, LEVELS), kappa_of_sklearn(x, y))


def test_kappa_is_the_same_whichever_levels_occur() -> None:
    x, y = array(1, 2, 2, 5), array(1, 1, 2, 2)
    assert metrics.quadratic_kappa(x, y, (1, 5)) == metrics.quadratic_kappa(x, y, (0, 9))


def test_a_constant_side_has_no_correlation_and_a_kappa_of_0() -> None:
    x, y = array(3, 3, 3, 3), array(1, 2, 3, 4)
    assert metrics.spearman(x, y) == (None, metrics.SAME_PREDICTION)
    assert metrics.pearson(y, x) == (None, metrics.SAME_LABEL)
    assert metrics.quadratic_kappa(x, y, LEVELS) == (0.0, None)
    assert metrics.quadratic_kappa(x, x + 1, LEVELS) == (0.0, None)
    assert metrics.quadratic_kappa(x, x, LEVELS) == (None, metrics.SAME_LEVEL)


def test_differences_too_small_to_be_squared_still_correlate() -> None:
    x, y = array(0, 1, 3), array(2, 4, 1)
    assert metrics.pearson(x * 1e-200, y).value == pytest.approx(metrics.pearson(x, y).value)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_pictures_give_a_reason_and_never_nan(n: int) -> None:
    x, y = array(1, 2)[:n], array(2, 1)[:n]
    figures = [
        metrics.pearson(x, y),
        metrics.spearman(x, y),
        metrics.quadratic_kappa(x, y, LEVELS) if n < 2 else Figure(None, "n/a"),
    ]
    assert all(figure.value is None and figure.reason for figure in figures)
    for figure in (metrics.mae(x, y), metrics.mse(x, y), metrics.bias(x, y)):
        assert (figure.value is None) == (n == 0) == bool(figure.reason)


def test_pictures_missing_on_either_side_are_left_out() -> None:
    x, y = array(1, 2, NAN, 4, 3), array(1, NAN, 3, 5, 3)
    assert metrics.mae(x, y).value == pytest.approx(1 / 3)
    assert metrics.spearman(x, y) == metrics.spearman(array(1, 4, 3), array(1, 5, 3))
    nothing = array(NAN, NAN, NAN)
    for metric in (metrics.spearman, metrics.pearson, metrics.mae, metrics.mse, metrics.bias):
        assert metric(nothing, y[:3]) == (None, metrics.NO_PICTURE)
    assert metrics.quadratic_kappa(nothing, y[:3], LEVELS) == (None, metrics.NO_PICTURE)
    assert metrics.accuracy(nothing, y[:3], LEVELS) == (None, metrics.NO_PICTURE)


def test_half_a_level_is_rounded_up_and_stays_in_the_scale() -> None:
    rounded = metrics.round_half_up(array(0.2, 1.5, 2.5, 2.4999999999999996, 4.5, 5.6), LEVELS)
    assert rounded.tolist() == [1, 2, 3, 2, 5, 5]
    assert metrics.round_half_up(array(0.49999999999999994), (0, 4)).tolist() == [0]
    assert metrics.accuracy(array(2.5, 3.4), array(3, 3.5), LEVELS).value == 0.5


def test_bias_is_above_0_where_predictions_are_too_high() -> None:
    assert metrics.bias(array(3, 4), array(2, 4)).value == 0.5


def test_coverage_counts_the_ends_and_leaves_out_missing_intervals() -> None:
    low, high = array(1, 2, 3, NAN), array(2, 3, 4, 5)
    assert metrics.coverage(low, high, array(1, 3, 2, 4)).value == pytest.approx(2 / 3)
    assert metrics.coverage(low[3:], high[3:], array(4)) == (None, metrics.NO_PICTURE)


def sample(n: int = 60) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(1)
    y = rng.integers(1, 6, n).astype(float)
    return y + rng.normal(0, 1, n), y


def test_the_same_seed_gives_the_same_interval() -> None:
    x, y = sample()
    first = metrics.bootstrap(metrics.spearman, x, y, seed=3, rounds=50)
    assert first == metrics.bootstrap(metrics.spearman, x, y, seed=3, rounds=50)
    assert first != metrics.bootstrap(metrics.spearman, x, y, seed=4, rounds=50)


def test_the_interval_is_that_of_scipy_up_to_the_draws() -> None:
    x, y = sample()
    ours = metrics.bootstrap(metrics.mse, x, y, rounds=4000).ends
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: np.mean((a - b) ** 2),
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(9),
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_an_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        errors = rng.normal(0.3, 1, 40)
        ends = metrics.bootstrap(metrics.bias, errors, np.zeros(40), seed=trial, rounds=200).ends
        assert ends is not None
        inside += ends[0] <= 0.3 <= ends[1]
    assert 0.89 <= inside / 200 <= 0.99


def test_without_a_figure_or_with_too_few_lucky_draws_there_is_no_interval() -> None:
    assert metrics.bootstrap(metrics.mae, array(), array()) == (None, metrics.NO_PICTURE)
    assert metrics.bootstrap(metrics.mae, array(1), array(2)).reason == (
        "only 1 of the pictures can be compared; 2 are needed"
    )
    x, y = array(1, 2, 3, 4), array(1, 1, 1, 2)  # a third of the draws has constant labels
    ends, reason = metrics.bootstrap(metrics.spearman, x, y, rounds=100)
    assert ends is None
    assert reason is not None
    assert reason.endswith("of 100 draws have no figure")
    assert metrics.bootstrap(metrics.mae, x, y, rounds=0).ends is None


def test_baselines_know_the_labels_and_no_picture() -> None:
    found = metrics.baselines(array(2, 2, 2, 4, NAN), LEVELS)
    assert found["mode"] == {
        "accuracy": (0.75, None),
        "mae": (0.5, None),
        "mse": (1.0, None),
        "qwk": (0.0, None),
    }
    assert found["mean"] == {"mse": (0.75, None), "mae": (0.75, None)}


def test_baselines_of_one_level_or_of_nothing_give_reasons() -> None:
    same = metrics.baselines(array(2, 2), LEVELS)
    assert same["mode"]["accuracy"] == (1.0, None)
    assert same["mode"]["qwk"] == (None, metrics.SAME_LEVEL)
    nothing = metrics.baselines(array(NAN), LEVELS)
    assert all(f.value is None and f.reason for group in nothing.values() for f in group.values())


def test_of_several_most_frequent_levels_the_lowest_is_said() -> None:
    found = metrics.baselines(array(4, 4, 2, 2, 5), LEVELS)["mode"]
    assert found["mae"].value == pytest.approx((2 + 2 + 3) / 5)


def test_every_pair_of_raters_is_listed_and_averaged() -> None:
    ratings = np.array([[1, 2, NAN], [2, 2, 1], [3, 5, 4], [4, 3, 4], [5, NAN, 5]], dtype=float)
    human = metrics.human_agreement(ratings, LEVELS)
    assert human is not None
    assert [(pair["raters"], pair["n"]) for pair in human["pairs"]] == [
        ([1, 2], 4),
        ([1, 3], 4),
        ([2, 3], 3),
    ]
    first = human["pairs"][0]
    one, other = ratings[:4, 0], ratings[:4, 1]
    assert agrees(first["spearman"], quietly(stats.spearmanr, one, other))
    assert agrees(first["qwk"], kappa_of_sklearn(one, other))
    assert first["accuracy"].value == 0.25
    assert first["bias"].value == -0.5
    for name in ("spearman", "qwk", "accuracy", "bias"):
        mean = np.mean([pair[name].value for pair in human["pairs"]])
        assert human[name].value == pytest.approx(mean, **EXACT)


def test_raters_without_a_picture_in_common_are_no_pair() -> None:
    apart = np.array([[1, NAN], [NAN, 2]])
    assert metrics.human_agreement(apart, LEVELS) is None
    assert metrics.human_agreement(np.ones((4, 1)), LEVELS) is None


def test_pairs_without_a_figure_do_not_enter_the_mean() -> None:
    ratings = np.array([[1, 1, 3], [2, 2, 3], [3, 3, 3]], dtype=float)
    human = metrics.human_agreement(ratings, LEVELS)
    assert human is not None
    assert human["spearman"].value == pytest.approx(1)
    assert [pair["spearman"].reason for pair in human["pairs"]] == [
        None,
        metrics.SAME_LABEL,
        metrics.SAME_LABEL,
    ]
    none = metrics.human_agreement(ratings[:, 1:] * 0 + 3, LEVELS)
    assert none is not None
    assert none["spearman"] == (None, metrics.SAME_PREDICTION)

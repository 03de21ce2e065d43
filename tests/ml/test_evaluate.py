from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.errors import EngineError
from ml.evaluate import METRICS, evaluate, evaluation_table

NAN = float("nan")
Run = Callable[..., dict[str, Any]]

# The layout of shared/data/rated_children_drawings, with made-up children and levels from 0 to 4.
RATED = """\
file,child_id,class_id,age,creativity_r1,creativity_r2,flag,note
images/G_1.png,1,1,5,3,3,,
images/I_1.png,1,1,5,0,1,,
images/G_2.png,2,1,6,2,2,,
images/I_2.png,2,1,6,4,3,,
images/G_3.png,3,2,4,,1,blank_or_unscorable,
images/I_3.png,3,2,4,,,blank_or_unscorable,
images/G_4.png,4,2,7,1,2,,
"""
PREDICTED = """\
name;creativity;creativity_low;creativity_high
G_1;2,6;2;3,5
I_1.png;0,4;0;1
G_2.png;;;
images/I_2.png;3,3;2,5;4
G_3.jpg;1,2;1,5;2
I_3.png;1;0;2
G_9.png;3;2;4
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def evaluated(predictions: str, labels: str, *options: str, status: int = 0) -> dict[str, Any]:
        assert main([*write(tmp_path, predictions, labels), "--json", *options]) == status
        result: dict[str, Any] = json.loads(
            capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON")
        )
        return result

    return evaluated


def write(folder: Path, predictions: str, labels: str) -> list[str]:
    paths = folder / "predictions.csv", folder / "labels.csv"
    for path, text in zip(paths, (predictions, labels), strict=True):
        path.write_text(text, encoding="utf-8")
    few = ["--rounds", "20"]
    return ["evaluate", "--predictions", str(paths[0]), "--labels", str(paths[1]), *few]


RATED_OPTIONS = ("--dimensions", "creativity", "--levels", "0", "4")


def test_the_json_has_this_shape(run: Run) -> None:
    result = run(PREDICTED, RATED, *RATED_OPTIONS)
    assert set(result) == {"dimensions", "macro", "missing"}
    figures = result["dimensions"]["creativity"]
    assert set(figures) == {"n", *METRICS, "baseline", "ci", "human", "reasons"}
    assert {key: set(group) for key, group in figures["baseline"].items()} == {
        "mode": {"accuracy", "mae", "mse", "qwk"},
        "mean": {"mse", "mae"},
    }
    assert set(figures["ci"]) == set(METRICS)
    assert set(figures["human"]) == {"spearman", "qwk", "accuracy", "bias", "pairs"}
    assert set(result["macro"]) == {*METRICS, "dimensions"}
    assert set(result["macro"]["dimensions"]) == set(METRICS)


def test_the_label_is_the_mean_of_the_raters_and_is_rounded_half_up(run: Run) -> None:
    figures = run(PREDICTED, RATED, *RATED_OPTIONS)["dimensions"]["creativity"]
    # Predicted 2.6, 0.4, 3.3, 1.2 for 3, 0.5, 3.5, 1: levels 3, 0, 3, 1 for 3, 1, 4, 1.
    assert figures["n"] == 4
    assert figures["mae"] == pytest.approx(0.225)
    assert figures["bias"] == pytest.approx(-0.125)
    assert figures["accuracy"] == 0.5
    assert figures["coverage"] == 0.75
    assert figures["spearman"] == pytest.approx(1)
    assert figures["baseline"]["mean"]["mse"] == pytest.approx(1.625)
    low, high = figures["ci"]["mae"]
    assert low <= figures["mae"] <= high


def test_raters_are_compared_with_each_other_on_the_same_pictures(run: Run) -> None:
    human = run(PREDICTED, RATED, *RATED_OPTIONS)["dimensions"]["creativity"]["human"]
    (pair,) = human["pairs"]
    assert (pair["raters"], pair["n"]) == ([1, 2], 3)
    assert human["accuracy"] == pytest.approx(1 / 3)
    assert human["bias"] == 0


def test_nothing_is_dropped_in_silence(run: Run) -> None:
    missing = run(PREDICTED, RATED, *RATED_OPTIONS)["missing"]
    by_name = {gap["name"]: (gap["dimension"], gap["side"], gap["reason"]) for gap in missing}
    assert by_name == {
        "G_9.png": (None, "label", "none by this name"),
        "images/G_4.png": (None, "prediction", "none by this name"),
        "G_2.png": ("creativity", "prediction", "abstained"),
        "I_3.png": ("creativity", "label", "nobody gave a level"),
    }
    assert len(missing) == len(by_name)


def test_a_name_that_fits_several_pictures_is_not_guessed(run: Run) -> None:
    labels = "name,realism\nx/1.png,1\ny/1.png,2\ny/2.png,3\n"
    result = run("name,realism\n1.png,4\n2.jpg,3\n", labels)
    assert result["dimensions"]["realism"]["n"] == 1
    assert [(gap["name"], gap["side"], gap["reason"]) for gap in result["missing"]] == [
        ("1.png", "label", "several could be meant by the name"),
        ("x/1.png", "prediction", "several could be meant by the name"),
        ("y/1.png", "prediction", "several could be meant by the name"),
    ]


def test_a_picture_without_an_interval_is_listed(run: Run) -> None:
    predictions = "name,realism,realism_low,realism_high\na,1,1,2\nb,2,,\n"
    result = run(predictions, "name,realism\na,1\nb,2\n")
    assert result["dimensions"]["realism"]["coverage"] == 1
    (gap,) = result["missing"]
    assert (gap["name"], gap["reason"]) == ("b", "no interval")


def test_a_dimension_of_one_file_only_is_listed_for_every_picture(run: Run) -> None:
    result = run("name,realism\na,1\nb,2\n", "name,realism,imagination\na,1\nb,2\n")
    figures = result["dimensions"]["imagination"]
    assert figures["n"] == 0
    assert figures["spearman"] is None
    assert figures["reasons"]["spearman"] == "no picture can be compared"
    assert [gap["name"] for gap in result["missing"] if gap["side"] == "prediction"] == ["a", "b"]
    assert result["macro"]["dimensions"]["mae"] == 1


def test_macro_means_are_over_the_dimensions_with_a_figure() -> None:
    y = np.array([1.0, 2, 3, 4])
    result = evaluate(
        {"a": y, "b": y[::-1], "c": np.full(4, 2.0)}, {"a": y, "b": y, "c": y}, rounds=5
    )
    macro = result["macro"]
    assert macro["spearman"] == pytest.approx(0)
    assert macro["dimensions"]["spearman"] == 2
    assert macro["mae"] == pytest.approx((0 + 2 + 1) / 3)
    assert macro["dimensions"]["mae"] == 3
    assert macro["coverage"] is None
    assert macro["dimensions"]["coverage"] == 0


def test_every_null_has_its_reason() -> None:
    figures = evaluate(
        {"a": np.full(4, 2.0)}, {"a": np.array([[3.0, 3], [3, 3], [3, 3], [3, 3]])}, rounds=5
    )["dimensions"]["a"]
    nulls = {name for name in METRICS if figures[name] is None}
    nulls |= {f"human.{name}" for name in ("spearman", "qwk") if figures["human"][name] is None}
    nulls.add("baseline.mode.qwk")
    assert nulls == {
        *("spearman", "pearson", "coverage", "human.spearman", "human.qwk", "baseline.mode.qwk")
    }
    assert set(figures["reasons"]) == nulls


def test_an_interval_that_cannot_be_drawn_has_its_reason() -> None:
    skewed = {"a": np.array([1.0, 1, 1, 2])}
    figures = evaluate({"a": np.array([1.0, 2, 3, 4])}, skewed, rounds=50)["dimensions"]["a"]
    assert figures["spearman"] is not None
    assert figures["ci"]["spearman"] is None
    assert "draws have no figure" in figures["reasons"]["ci.spearman"]


def test_the_same_seed_repeats_all_figures() -> None:
    rng = np.random.default_rng(0)
    x, y = {"a": rng.uniform(1, 5, 50)}, {"a": rng.integers(1, 6, 50).astype(float)}
    first = evaluate(x, y, seed=1, rounds=30)
    assert first == evaluate(x, y, seed=1, rounds=30)
    assert first != evaluate(x, y, seed=2, rounds=30)


def test_pictures_without_names_are_numbered() -> None:
    result = evaluate({"a": np.array([1.0, NAN])}, {"a": np.array([1.0, 2])}, rounds=0)
    assert [gap["name"] for gap in result["missing"]] == ["2"]
    assert evaluate({}, {})["dimensions"] == {}


@pytest.mark.parametrize(
    ("score", "ends"), [([np.inf, 1], [[1, 2], [1, 2]]), ([1, 1], [[1, 2], [2, 1]])]
)
def test_nonsense_is_refused(score: list[float], ends: list[list[float]]) -> None:
    y = np.array([1.0, 2])
    with pytest.raises(EngineError):
        evaluate({"a": np.array(score)}, {"a": y}, intervals={"a": np.array(ends, dtype=float)})


def test_the_table_has_baselines_beside_and_lists_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = "name,realism,imagination\n" + "".join(f"p{k},{1 + k % 2},\n" for k in range(30))
    predictions = "name,realism\n" + "".join(f"p{k},{1 + k % 3}\n" for k in range(20))
    assert main(write(tmp_path, predictions, labels)) == 0
    printed = capsys.readouterr().out
    assert "mode" in printed.splitlines()[0]
    assert "people" in printed.splitlines()[0]
    assert "of how many" in printed
    assert "prediction: none by this name (10): p20, p21" in printed
    assert "and 2 more" in printed
    assert "label of imagination: nobody gave a level (20)" in printed
    assert "coverage: the predictions have no intervals (realism)" in printed
    assert "nan" not in printed
    assert max(map(len, printed.partition("\nlow, high")[0].splitlines())) <= 104


def test_a_bias_that_rounds_to_nothing_has_no_sign() -> None:
    y = np.array([1.0, 2, 3])
    assert "-0.00" not in evaluation_table(evaluate({"a": y - 0.001}, {"a": y}, rounds=0))


def test_a_table_of_nothing_can_be_written() -> None:
    assert "Spearman" in evaluation_table(evaluate({}, {}))


def test_nothing_to_compare_is_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = write(tmp_path, "name,realism\na,1\n", "name,realism\nb,1\n")
    assert main([*arguments, "--plots", str(tmp_path / "plots")]) == 1
    assert not list((tmp_path / "plots").iterdir())
    printed = capsys.readouterr()
    assert printed.err == (
        "Nothing could be compared: no picture has both a prediction and a label.\n"
    )
    assert "label: none by this name (1): a" in printed.out


@pytest.mark.parametrize(
    ("predictions", "labels", "options", "sentence"),
    [
        ("realism\n1\n", "name,realism\na,1\n", [], "no column of picture names"),
        ("name,realism\na,1\n", "name,realism\na,6\n", [], "6 is not between 1 and 5"),
        ("name,realism\na,1\n", "name,mood\na,1\n", [], "--dimensions"),
        ("name,mood\na,1\n", "name,mood\na,1\n", ["--dimensions", "mood", "joy"], "column joy"),
        ("name,realism_r1,realism_r2\na,1,1\n", "name,realism\na,1\n", [], "several predictions"),
        ("name,realism,realism_low\na,1,1\n", "name,realism\na,1\n", [], "not the other end"),
        (
            "name,realism,realism_low,realism_high\na,1,2,1\n",
            "name,realism\na,1\n",
            [],
            "low end above its high end",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(
    predictions: str,
    labels: str,
    options: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*write(tmp_path, predictions, labels), *options]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("options", [["--levels", "5", "1"], ["--rounds", "-1"], ["--levels", "1"]])
def test_impossible_options_are_misuse(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*write(tmp_path, "name,realism\na,1\n", "name,realism\na,1\n"), *options])
    assert stopped.value.code == 2


def test_plots_are_one_picture_a_dimension_and_an_overview(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "plots"
    labels = RATED.replace("file,", "file,realism,").replace(".png,", ".png,,")
    run(PREDICTED, labels, *RATED_OPTIONS, "--dimensions", "creativity", "realism", "--plots",
        str(folder))  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == ["creativity.png", "overview.png"]
    for path in folder.iterdir():
        with Image.open(path) as picture:
            assert picture.width > 1000
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20


def test_the_name_of_a_dimension_cannot_lead_a_plot_out_of_its_folder(
    run: Run, tmp_path: Path
) -> None:
    text = "name,../mood\na,1\nb,2\n"
    run(text, text, "--dimensions", "../mood", "--plots", str(tmp_path / "plots"))
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "_mood.png",
        "overview.png",
    ]


def test_plots_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "name,realism\na,1\nb,2\n"
    arguments = write(tmp_path, text, text)
    assert main([*arguments, "--plots", str(tmp_path / "labels.csv")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_without_plots_neither_matplotlib_nor_torch_is_loaded(tmp_path: Path) -> None:
    text = "name,realism\na,1\nb,2\n"
    code = (
        f"import sys; from ml.__main__ import main; main({write(tmp_path, text, text)!r}); "
        "sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0

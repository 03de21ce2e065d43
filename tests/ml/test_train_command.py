"""``python -m ml train`` as a person runs it: real files, real processes, killed in the middle."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from ml.__main__ import main
from ml.methods import METHODS
from ml.profiles import ADAPTER_WEIGHTS, read_adapter_profile
from ml.rubric import KIDSART
from tests.ml.tiny_bundle import Bundle, draw

RECIPE = {"learning_rate": 0.02, "batch_size": 8, "epochs": 2, "dropout": 0.1}
Arguments = Callable[..., list[str]]


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 pictures with levels of two dimensions; one level and one picture are missing."""
    folder = tmp_path_factory.mktemp("drawings")
    (folder / "images").mkdir()
    rows = []
    for n in range(72):
        picture = draw(n)
        picture.save(folder / "images" / f"{n:02d}.png")
        red, _, blue = np.asarray(picture).mean((0, 1))
        level = int(np.clip(3 + (red - blue) / 20, 1, 5))
        rows.append([f"{n:02d}.png", n // 2, n % 4, level, 6 - level if n else ""])
    rows.append(["gone.png", 99, 1, 3, 3])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["name", "child_id", "grade", "color_richness", "realism"], *rows]
        )
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    return folder


@pytest.fixture
def arguments(drawings: Path, pristine: Bundle, tmp_path: Path) -> Arguments:
    def make(*more: str, out: str = "out") -> list[str]:
        given = {
            "labels": drawings / "labels.csv",
            "images": drawings / "images",
            "base": pristine.base,
            "out": tmp_path / out,
            "config": drawings / "recipe.json",
            "device": "cpu",
        }
        options = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        return ["train", *options, *more]

    return make


def weights_of(out: Path) -> dict[str, dict]:
    return {
        folder.name: load_file(folder / ADAPTER_WEIGHTS)
        for folder in sorted((out / "adapters").iterdir())
    }


def same_weights(one: Path, other: Path) -> bool:
    a, b = weights_of(one), weights_of(other)
    return a.keys() == b.keys() and all(
        bool((a[slug][key] == b[slug][key]).all()) for slug in a for key in a[slug]
    )


@pytest.mark.parametrize("layout", ["lora", "activated"])
def test_a_run_writes_adapters_that_score_and_figures_that_can_be_checked(
    layout: str,
    arguments: Arguments,
    drawings: Path,
    pristine: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments("--layout", layout)) == 0
    out = tmp_path / "out"
    assert {p.name for p in (out / "adapters").iterdir()} == {"color_richness", "realism"}
    profile = read_adapter_profile(out / "adapters" / "realism")
    assert profile.name == "out-realism"
    assert profile.calibration is None  # 11 held-out levels are too few, and it says so
    assert profile.metrics["n"] > 0
    assert "not for grading" in (out / "MODEL_CARD.md").read_text()
    run = json.loads((out / "run.json").read_text())
    assert [name for name, _ in run["left_out"]] == ["gone.png"]
    assert run["settings"]["recipe"]["learning_rate"] == 0.02
    capsys.readouterr()

    figures = json.loads((out / "metrics.json").read_text())["adapters"]
    evaluate = ["evaluate", "--predictions", str(out / "predictions" / "adapters.csv")]
    assert main([*evaluate, "--labels", str(drawings / "labels.csv"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["dimensions"]
    assert profile.metrics["spearman_95"] == figures["dimensions"]["realism"]["ci"]["spearman"]
    for slug, dimension in figures["dimensions"].items():
        assert again[slug]["n"] == dimension["n"]
        assert again[slug]["spearman"] == pytest.approx(dimension["spearman"], abs=1e-3)

    names = [r["name"] for r in csv.DictReader((out / "predictions/adapters.csv").open())]
    pictures = [str(drawings / "images" / name) for name in names[:3]]
    score = ["score", *pictures, "--json", "--base", str(pristine.base), "--device", "cpu"]
    main([*score, "--adapters", str(out / "adapters")])
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    told = next(csv.DictReader((out / "predictions" / "adapters.csv").open()))
    served = line["dimensions"]["realism"]
    assert served["adapter"] == "out-realism"
    if served["score"] is not None:  # the random model may not mean a level
        assert served["score"] == pytest.approx(float(told["realism"]), abs=1e-4)


def test_every_method_answers_on_the_same_pictures(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("--methods", *METHODS)) == 0
    printed = capsys.readouterr().out
    names = set()
    for method in METHODS:
        assert method in printed
        rows = list(csv.DictReader((tmp_path / "out/predictions" / f"{method}.csv").open()))
        names.add(tuple(row["name"] for row in rows))
        assert all(1 <= float(row["realism"]) <= 5 for row in rows)
    assert len(names) == 1
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures.keys() == METHODS.keys()


def test_with_folds_every_picture_is_told_once_and_no_adapter_is_written(
    arguments: Arguments, tmp_path: Path
) -> None:
    folds = ("--folds", "3", "--dimensions", "color_richness")
    assert main(arguments(*folds, "--methods", "adapters", "ridge-measures")) == 0
    for method in ("adapters", "ridge-measures"):
        rows = list(csv.DictReader((tmp_path / "out/predictions" / f"{method}.csv").open()))
        assert len(rows) == len({row["name"] for row in rows}) == 72
    assert not (tmp_path / "out" / "adapters").exists()


def test_the_same_seed_repeats_a_run_and_another_does_not(
    arguments: Arguments, tmp_path: Path
) -> None:
    for out, seed in (("one", "1"), ("two", "1"), ("three", "2")):
        main(arguments("--seed", seed, "--dimensions", "realism", out=out))
    assert same_weights(tmp_path / "one", tmp_path / "two")
    assert not same_weights(tmp_path / "one", tmp_path / "three")


def test_a_folder_with_a_run_is_neither_overwritten_nor_gone_on_with_otherwise(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--dimensions", "realism")
    assert main(arguments(*few)) == 0
    assert main(arguments(*few)) == 1
    assert "--resume" in capsys.readouterr().err
    assert main(arguments(*few, "--resume", "--seed", "5")) == 1
    assert "another recipe, seed" in capsys.readouterr().err
    assert main(arguments(*few, "--resume")) == 0


def run_in_a_process(arguments: list[str], *launcher: str) -> subprocess.Popen[bytes]:
    command = launcher or (sys.executable, "-m")
    return subprocess.Popen(
        [*command, "ml", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_run_killed_in_the_middle_goes_on_to_the_same_weights(
    arguments: Arguments, tmp_path: Path
) -> None:
    (tmp_path / "long.json").write_text(json.dumps({**RECIPE, "epochs": 8, "patience": 8}))
    longer = ("--config", str(tmp_path / "long.json"))
    assert main(arguments(*longer, out="whole")) == 0
    process = run_in_a_process(arguments(*longer, out="killed"))
    checkpoints = tmp_path / "killed" / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.rglob("checkpoint.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "metrics.json").exists()
    assert main(arguments(*longer, "--resume", out="killed")) == 0
    assert same_weights(tmp_path / "whole", tmp_path / "killed")
    told = [
        json.loads((tmp_path / out / "metrics.json").read_text()) for out in ("whole", "killed")
    ]
    assert told[0] == told[1]


def test_a_damaged_record_of_a_run_is_one_sentence(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text('{"settings": {"se')
    assert main(arguments("--resume")) == 1
    assert "damaged" in capsys.readouterr().err


def test_a_run_that_is_to_go_on_but_is_not_there_starts_and_says_so(
    arguments: Arguments, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(arguments("--resume", "--methods", "ridge-measures")) == 0
    assert "no run to go on with" in caplog.text


def test_a_file_is_no_folder_for_a_run(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("mine")
    assert main(arguments()) == 1
    assert "is a file" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("seed", ["-1", "one"])
def test_a_seed_is_a_whole_number(
    seed: str, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments("--seed", seed))
    assert "--seed" in capsys.readouterr().err


def test_folds_are_all_calibrated_or_none(
    arguments: Arguments, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    rows = list(csv.DictReader((drawings / "labels.csv").open()))[:71]
    with (tmp_path / "odd.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.setattr("ml.train.MIN_SCORES", 24)  # 71 in thirds: 24, 24 and 23
    few = ("--dimensions", "color_richness", "--folds", "3")
    assert main(arguments("--labels", str(tmp_path / "odd.csv"), *few)) == 0
    assert "23 held-out levels are too few" in caplog.text
    told = (tmp_path / "out" / "predictions" / "adapters.csv").read_text()
    assert "color_richness_low" not in told
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "no\nadapter was kept" in card or "no adapter was kept" in card


def test_the_card_says_when_nobody_knows_the_children(
    arguments: Arguments, drawings: Path, tmp_path: Path
) -> None:
    rows = list(csv.DictReader((drawings / "labels.csv").open()))
    lines = [f"{row['name']},{row['realism']}" for row in rows]
    (tmp_path / "alone.csv").write_text("name,realism\n" + "\n".join(lines[1:]) + "\n")
    labels = ("--labels", str(tmp_path / "alone.csv"))
    assert main(arguments(*labels, out="alone")) == 0
    assert main(arguments("--dimensions", "realism", out="known")) == 0
    cards = [(tmp_path / out / "MODEL_CARD.md").read_text() for out in ("alone", "known")]
    assert ["Nobody said which child" in card for card in cards] == [True, False]
    assert ["No child's pictures lie in two parts" in card for card in cards] == [False, True]


def test_a_dimension_without_a_level_to_report_keeps_its_ranges_and_is_said(
    arguments: Arguments, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    main(arguments("--methods", "ridge-measures", out="split"))
    record = json.loads((tmp_path / "split" / "run.json").read_text())
    reported = {record["pictures"][row] for row in record["split"][0]["test"]}
    rows = list(csv.DictReader((drawings / "labels.csv").open()))
    for row in rows:
        row["realism"] = "" if row["name"] in reported else row["realism"]
    with (tmp_path / "less.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert main(arguments("--labels", str(tmp_path / "less.csv"))) == 0
    assert "realism: no level among the pictures to report" in caplog.text
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())["adapters"]["dimensions"]
    assert figures["realism"]["n"] == 0
    assert figures["color_richness"]["n"] > 0


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one(arguments: Arguments, tmp_path: Path) -> None:
    assert main(arguments(out="one")) == 0
    accelerate = Path(sys.executable).with_name("accelerate")
    # "--multi_gpu" is how accelerate starts several processes; --device cpu keeps them off a GPU.
    launcher = (str(accelerate), "launch", "--multi_gpu", "--num_processes", "2")
    process = run_in_a_process(
        arguments(out="two"),
        *launcher,
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "-m",
    )
    assert process.wait(300) == 0
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    assert same_weights(tmp_path / "one", tmp_path / "two")
    told = [json.loads((tmp_path / out / "metrics.json").read_text()) for out in ("one", "two")]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"learning_speed": 1}, "no 'learning_speed'"),
        ({"epochs": "many"}, "epochs cannot be 'many'"),
        ({"augment": 1}, "augment cannot be 1"),
        ({"rank": True}, "rank cannot be True"),
        ([1], "not a JSON object"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_before_anything_is_loaded(
    config: object, sentence: str, arguments: Arguments, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(arguments("--config", str(tmp_path / "config.json"))) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_too_few_folds_are_refused(
    arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("--folds", "2")) == 1
    assert "at least 3 folds" in capsys.readouterr().err


def test_a_dimension_that_the_rubric_lacks_is_refused(
    arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("--dimensions", "glitter")) == 1
    assert "no dimension glitter" in capsys.readouterr().err


def test_a_dimension_with_hardly_any_levels_is_left_out_and_said(
    arguments: Arguments, drawings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = list(csv.DictReader((drawings / "labels.csv").open()))
    for row in rows[5:]:
        row["realism"] = ""
    with (tmp_path / "few.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert main(arguments("--labels", str(tmp_path / "few.csv"))) == 0
    assert {p.name for p in (tmp_path / "out" / "adapters").iterdir()} == {"color_richness"}
    assert "realism: " in caplog.text
    assert "too few to train on" in caplog.text


def test_a_rubric_of_one_s_own_is_trained_on_its_own_scale(
    arguments: Arguments, drawings: Path, tmp_path: Path
) -> None:
    rubric = {
        "slug": "own",
        "name": "Own",
        "first_level": 0,
        "dimensions": [
            {
                "slug": "warmth",
                "name": "Warmth",
                "group": "",
                "definition": "How warm the colors are.",
                "levels": ["cold", "cool", "even", "warm"],
            }
        ],
    }
    (tmp_path / "rubric.json").write_text(json.dumps(rubric))
    rows = list(csv.DictReader((drawings / "labels.csv").open()))
    lines = [f"{r['name']},{min(3, int(r['color_richness']) - 1)}" for r in rows]
    (tmp_path / "own.csv").write_text("name,warmth\n" + "\n".join(lines) + "\n")
    assert main(
        arguments("--rubric", str(tmp_path / "rubric.json"), "--labels", str(tmp_path / "own.csv"))
    ) == 0  # fmt: skip
    told = list(csv.DictReader((tmp_path / "out/predictions/adapters.csv").open()))
    assert all(0 <= float(row["warmth"]) <= 3 for row in told)
    assert KIDSART.slugs[0] not in told[0]

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.__main__ import main
from ml.rubric import KIDSART
from ml.scorer import TorchScorer
from tests.ml.tiny_bundle import Bundle

Draw = Callable[[int], list[Path]]


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_picture_is_one_json_object(
    pristine: Bundle, scorer: TorchScorer, drawn: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = drawn(3)
    arguments = ["score", *map(str, paths), "--json", "--base", str(pristine.base)]
    assert main([*arguments, "--batch", "2", "--device", "cpu"]) == 0
    lines = json_lines(capsys)
    assert [line["picture"] for line in lines] == [str(path) for path in paths]
    for line, result in zip(lines, scorer.score(paths), strict=True):
        assert set(line) == {"picture", "dimensions", "model", "demo"}
        assert (line["model"], line["demo"]) == ("tiny", True)
        assert tuple(line["dimensions"]) == KIDSART.slugs
        realism = line["dimensions"]["realism"]
        assert set(realism) == {
            "score",
            "level",
            "interval",
            "logits",
            "score_token_mass",
            "adapter",
            "abstained",
        }
        expected = result.dimensions["realism"]  # type: ignore[union-attr]
        assert realism["score"] == pytest.approx(expected.score, abs=1e-5)
        assert realism["logits"] == pytest.approx(expected.logits, abs=1e-5)
        assert realism["interval"] is None
        assert realism["adapter"] == "realism-test"


def test_one_bad_picture_is_said_on_its_line_and_in_the_exit_status(
    pristine: Bundle, drawn: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    good, other = drawn(2)
    arguments = ["score", str(good), "gone.png", str(other), "--json", "--base", str(pristine.base)]
    assert main(arguments) == 1
    lines = json_lines(capsys)
    assert lines[1] == {"picture": "gone.png", "error": "There is no such file."}
    assert "dimensions" in lines[0]
    assert "dimensions" in lines[2]


def test_without_json_a_table_is_printed(
    pristine: Bundle, drawn: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    (picture,) = drawn(1)
    assert main(["score", str(picture), "--base", str(pristine.base)]) == 0
    printed = capsys.readouterr().out
    assert "tiny, not for grading" in printed
    assert all(dimension.name in printed for dimension in KIDSART.dimensions)


def test_without_adapters_the_base_is_prompted(
    pristine: Bundle, drawn: Draw, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (picture,) = drawn(1)
    (tmp_path / "none").mkdir()
    arguments = ["score", str(picture), "--json", "--base", str(pristine.base)]
    assert main([*arguments, "--adapters", str(tmp_path / "none")]) == 0
    (line,) = json_lines(capsys)
    assert {score["adapter"] for score in line["dimensions"].values()} == {"prompted"}


@pytest.mark.parametrize("option", ["--base", "--adapters"])
def test_a_missing_folder_is_one_sentence(
    option: str, pristine: Bundle, drawn: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    (picture,) = drawn(1)
    base = [] if option == "--base" else ["--base", str(pristine.base)]
    assert main(["score", str(picture), *base, option, "nowhere"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "nowhere" in printed.err
    assert printed.err.count("\n") == 1


def test_a_device_that_is_not_there_is_one_sentence(
    pristine: Bundle, drawn: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    (picture,) = drawn(1)
    for device in ("cuda:7", "xpu", "toaster", "meta"):
        arguments = ["score", str(picture), "--base", str(pristine.base), "--device", device]
        assert main(arguments) == 1
        said = capsys.readouterr().err
        assert device in said
        assert said.count("\n") == 1


def test_many_pictures_are_written_in_their_order(
    pristine: Bundle,
    drawn: Draw,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("ml.score.AT_ONCE", 2)
    paths = drawn(5)
    main(["score", *map(str, paths), "--json", "--base", str(pristine.base)])
    assert [line["picture"] for line in json_lines(capsys)] == [str(path) for path in paths]


@pytest.mark.parametrize("arguments", [[], ["score"], ["score", "x.png", "--batch", "0"], ["fly"]])
def test_misuse_ends_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err

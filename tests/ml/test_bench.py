from __future__ import annotations

import json
from pathlib import Path

import pytest

from ml.bench import main
from tests.ml.tiny_bundle import Bundle


def test_the_bench_compares_every_path_with_the_published_one(
    pristine: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "bench" / "report.json"
    arguments = ["--bundle", str(pristine.folder), "--pictures", "2", "--repeats", "1"]
    assert main([*arguments, "--report", str(report)]) == 0
    rows = json.loads(report.read_text())
    assert [row["path"] for row in rows] == ["published", "exact", "exact"]
    assert rows[0]["ratio_to_published"] == 1
    printed = capsys.readouterr().out
    for row in rows:
        assert row["variant"] in printed
        assert row["images_per_s"] > 0
        assert row["max_difference"] < 1e-5

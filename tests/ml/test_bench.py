"""The benchmark reports every path against the published one and against its own oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ml.__main__ import main
from ml.bench_models import PROMPT_BY_LAYOUT, SHAPES, random_adapters, random_base
from ml.bundle import load_adapter
from ml.rubric import KIDSART
from tests.ml.tiny_bundle import Bundle

PATHS = ["published", "peft_mixed", "exact", "text_first", "shared_prefix"]
TINY = {
    "text": (64, 128, 2, 4, 2, 1024),
    "vision": (2, 32, 64, 2, [1]),
    "sections": [2, 3, 3],
}


@pytest.mark.slow
def test_every_path_is_measured_in_one_run_and_held_to_its_own_oracle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SHAPES, "middle", TINY)  # type: ignore[index]
    report = tmp_path / "bench" / "report.json"
    arguments = ["--px", "112", "168", "--dtype", "fp32", "bf16", "--repeats", "1"]
    assert main(["bench", *arguments, "--report", str(report)]) == 0
    rows = json.loads(report.read_text())
    assert [row["path"] for row in rows] == PATHS * 4
    assert {(row["px"], row["dtype"]) for row in rows} == {
        (px, dtype) for px in (112, 168) for dtype in ("fp32", "bf16")
    }
    printed = capsys.readouterr().out
    for row in rows:
        assert row["images_per_s"] > 0
        assert (row["ratio_to_published"] == 1) == (row["path"] == "published")
        if row["dtype"] == "fp32":
            assert row["max_difference"] < 1e-5
        else:
            assert row["max_difference"] < 0.02 or row["path"] in ("published", "peft_mixed")
        assert row["path"] in printed
    training = json.loads(report.with_name("training.json").read_text())
    assert [row["path"] for row in training] == ["published", "lora", "activated"] * 2


def test_a_bundle_on_disk_can_be_measured(bundle: Bundle, tmp_path: Path) -> None:
    base = bundle.load().base
    for slug, folder in bundle.adapters.items():
        assert folder.name == slug
    ordinary = PROMPT_BY_LAYOUT["image_first"]
    random_adapters(base, base.profile.image, ordinary, bundle.folder / "adapters")
    arguments = ["--bundle", str(bundle.folder), "--px", "112", "--dtype", "fp32", "--batch", "1"]
    report = tmp_path / "report.json"
    arguments += ["--repeats", "1", "--no-training", "--report", str(report)]
    assert main(["bench", *arguments]) == 0
    assert {row["model"] for row in json.loads(report.read_text())} == {"tiny"}


@pytest.mark.parametrize("layout", PROMPT_BY_LAYOUT)
def test_random_adapters_are_loaded_like_any_other(layout: str, tmp_path: Path) -> None:
    base = random_base(TINY, 112, torch.device("cpu"), torch.float32)
    folders = random_adapters(base, base.profile.image, PROMPT_BY_LAYOUT[layout], tmp_path)
    assert tuple(folders) == KIDSART.slugs
    adapter = load_adapter(folders["realism"], base, KIDSART, "realism")
    assert adapter.profile.prompt.layout == layout


@pytest.mark.parametrize(("shape", "billions"), [("3b", 3.75), ("7b", 8.29), ("32b", 33.45)])
def test_the_real_shapes_have_the_published_numbers_of_weights(shape: str, billions: float) -> None:
    """Counted on the meta device, which holds no numbers."""
    base = random_base(SHAPES[shape], 224, torch.device("meta"), torch.bfloat16)
    count = sum(p.numel() for p in base.model.parameters()) / 1e9
    assert count == pytest.approx(billions, rel=0.005)

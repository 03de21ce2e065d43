from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml.errors import BundleError
from ml.profiles import (
    AdapterProfile,
    BaseProfile,
    Calibration,
    ImageProfile,
    read_adapter_profile,
    read_base_profile,
    sha256_of_base,
    write_profile,
)
from ml.prompts import RUBRIC_PROMPT, PromptProfile

IMAGE = ImageProfile("square", 224, (1, 2, 3))
ADAPTER = AdapterProfile(
    name="realism-1",
    dimension="realism",
    rubric="kidsart",
    base_name="tiny",
    base_sha256="a" * 64,
    weights_sha256="b" * 64,
    prompt=PromptProfile("foreign", "", texts={"realism": "How real?"}),
    prompt_sha256="c" * 64,
    image=IMAGE,
    rank=8,
    alpha=16.0,
    calibration=Calibration(((1.0, 1.5), (5.0, 4.5)), 1.7, 0.2, 0.9, 2.4, 120),
    metrics={"spearman": 0.81},
)


def test_a_profile_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_profile(ADAPTER, tmp_path)
    assert read_adapter_profile(tmp_path) == ADAPTER
    base = BaseProfile("tiny", "a" * 64, IMAGE, RUBRIC_PROMPT, demo=True)
    write_profile(base, tmp_path)
    assert read_base_profile(tmp_path) == base


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "format 1"),
        ({"surprise": 1}, "unknown surprise"),
        ({"rank": ...}, "rank"),
        ({"prompt": None}, "PromptProfile is missing"),
        ({"image": {"name": "x", "size_px": 100}}, "multiple of 28"),
        ({"calibration": [1]}, "Calibration is missing or not an object"),
    ],
)
def test_a_profile_that_is_not_understood_is_refused(
    change: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    write_profile(ADAPTER, tmp_path)
    path = tmp_path / "profile.json"
    data = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not ...}))
    with pytest.raises(BundleError, match=complaint):
        read_adapter_profile(tmp_path)


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_a_missing_or_broken_profile_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "profile.json").write_text(content)
    with pytest.raises(BundleError):
        read_base_profile(tmp_path)


def test_the_hash_of_a_base_follows_what_decides_scores_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    before = sha256_of_base(tmp_path)
    (tmp_path / "README.md").write_text("words about it")
    assert sha256_of_base(tmp_path) == before
    (tmp_path / "config.json").write_text("{ }")
    assert sha256_of_base(tmp_path) != before


def test_a_base_without_safetensors_has_no_hash(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(BundleError, match="no safetensors"):
        sha256_of_base(tmp_path)


def test_the_web_process_can_read_profiles_without_torch() -> None:
    code = (
        "import sys, ml.profiles, ml.prompts, ml.rubric, ml.interface, ml.errors;"
        "sys.exit(bool({'torch', 'numpy', 'PIL', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

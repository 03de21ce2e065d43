"""A base folder is made whole, says where it is from, and holds no programs and no pickles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import RevisionNotFoundError
from safetensors.torch import load_file, save_file

from ml.__main__ import main
from ml.bases import KNOWN, prepare_base
from ml.bundle import load_base
from ml.errors import BundleError
from ml.profiles import PROFILE, read_base_profile, sha256_of_base
from tests.ml.tiny_bundle import Bundle

COMMIT = "cc594898137f460bfe9f0759e9844b3ce807cfb5"


@pytest.fixture
def downloaded(pristine: Bundle, tmp_path: Path) -> Path:
    """A folder as a hub gives it: without our profile, with things nobody needs here."""
    folder = tmp_path / "Tiny-VL"
    shutil.copytree(pristine.base, folder, ignore=shutil.ignore_patterns(PROFILE))
    (folder / "modeling_tiny.py").write_text("raise SystemExit('a program of the hub ran')")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "README.md").write_text("card")
    return folder


@pytest.fixture
def hub(downloaded: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A hub with one model; lists what was asked of it."""
    asked: list[dict[str, Any]] = []

    def model_info(_api: object, hub_id: str, revision: str | None = None) -> SimpleNamespace:
        asked.append({"info": hub_id, "revision": revision})
        return SimpleNamespace(sha=COMMIT)

    def snapshot_download(
        hub_id: str, revision: str, local_dir: Path, allow_patterns: list[str]
    ) -> str:
        asked.append({"download": hub_id, "revision": revision, "patterns": allow_patterns})
        for pattern in allow_patterns:
            for path in downloaded.glob(pattern):
                local_dir.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, local_dir)
        (local_dir / ".cache").mkdir()
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_a_local_folder_becomes_a_base_that_loads(downloaded: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle" / "base"
    assert main(["prepare-base", str(downloaded), "--out", str(out)]) == 0
    base = load_base(out, torch.device("cpu"), torch.float32)
    assert base.profile.name == "Tiny-VL"
    assert base.profile.sha256 == sha256_of_base(out)
    assert (base.profile.image.name, base.profile.image.size_px) == ("letterbox-448", 448)
    assert (base.profile.image.fit, base.profile.image.pad_color) == ("letterbox", (128,) * 3)
    assert (base.profile.demo, base.profile.writes) == (False, True)


def test_programs_pickles_and_cards_stay_behind(downloaded: Path, tmp_path: Path) -> None:
    prepare_base(str(downloaded), tmp_path / "base")
    suffixes = {path.suffix for path in (tmp_path / "base").iterdir()}
    assert suffixes <= {".safetensors", ".json", ".txt", ".jinja"}
    assert not (tmp_path / "base.part").exists()


def test_a_name_is_fetched_at_one_commit_which_is_written_down(
    hub: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "base"
    assert main(["prepare-base", "7b", "--out", str(out), "--revision", "main"]) == 0
    hub_id = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert hub == [
        {"info": hub_id, "revision": "main"},
        {
            "download": hub_id,
            "revision": COMMIT,
            "patterns": ["*.safetensors", "*.json", "*.txt", "*.jinja"],
        },
    ]
    profile = read_base_profile(out)
    assert profile.source == f"{hub_id}@{COMMIT}"
    assert profile.name == "Qwen2.5-VL-7B-Instruct"
    assert not (out / ".cache").exists()
    assert f"from {hub_id}@{COMMIT}, pictures at 448 px" in capsys.readouterr().out


def test_any_hub_id_can_be_fetched(hub: list[dict[str, Any]], tmp_path: Path) -> None:
    profile = prepare_base("somebody/Tiny-VL", tmp_path / "base", size_px=224, writes=False)
    assert profile.source == f"somebody/Tiny-VL@{COMMIT}"
    assert (profile.image.size_px, profile.writes) == (224, False)


class Cut(Exception):
    """What a library raises that knows nothing of ours."""


@pytest.mark.parametrize("error", [Cut("no route"), OSError("no space"), ConnectionError("off")])
def test_without_a_network_it_says_what_to_do(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(BundleError, match="On a machine with a network run `hf download Qwen/"):
        prepare_base("3b", tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_what_arrived_stays_when_the_network_fails(
    hub: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = huggingface_hub.snapshot_download

    def cut_off(*words: Any, local_dir: Path, **options: Any) -> None:
        local_dir.mkdir(parents=True)
        (local_dir / "half").write_text("of a file")
        raise Cut

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cut_off)
    with pytest.raises(BundleError):
        prepare_base("7b", tmp_path / "base")
    assert (tmp_path / "base.part" / "half").exists()
    monkeypatch.setattr(huggingface_hub, "snapshot_download", whole)
    assert prepare_base("7b", tmp_path / "base")


def test_a_revision_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RevisionNotFoundError("404", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(BundleError, match="does not give out Qwen/.+ at v9"):
        prepare_base("7b", tmp_path / "base", revision="v9")


def test_a_folder_is_prepared_in_its_place(downloaded: Path) -> None:
    profile = prepare_base(str(downloaded), downloaded, source="Qwen/Tiny@abc")
    assert read_base_profile(downloaded) == profile
    assert profile.source == "Qwen/Tiny@abc"
    assert (downloaded / "README.md").exists()


def test_preparing_twice_gives_the_same_profile(downloaded: Path, tmp_path: Path) -> None:
    one = prepare_base(str(downloaded), tmp_path / "one")
    assert prepare_base(str(downloaded), tmp_path / "two") == one


def test_nothing_is_overwritten(downloaded: Path, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "thesis.txt").write_text("the only copy")
    with pytest.raises(BundleError, match="holds something already"):
        prepare_base(str(downloaded), tmp_path / "base")
    assert (tmp_path / "base" / "thesis.txt").exists()


def remove(*patterns: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for pattern in patterns:
            for path in folder.glob(pattern):
                path.unlink()

    return change


def edit(name: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def lose_a_shard(folder: Path) -> None:
    names = list(load_file(folder / "model.safetensors"))
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00002.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def no_single_digit(folder: Path) -> None:
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    data["model"]["vocab"] = {
        {"5": "five"}.get(word, word): at for word, at in data["model"]["vocab"].items()
    }
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (remove("preprocessor_config.json"), "picture processor is missing"),
        (remove("tokenizer*.json"), "cannot be loaded|lacks <"),
        (remove("config.json"), "config.json cannot be read"),
        (remove("*.safetensors"), "no safetensors weights; pickles are not read"),
        (edit("config.json", model_type="qwen2_vl"), "is a qwen2_vl model, not Qwen2.5-VL"),
        (lose_a_shard, "lacks 1 weight files, first model-00001-of-00002"),
        (no_single_digit, "no single token for 5"),
    ],
    ids=["pictures", "tokenizer", "config", "weights", "family", "shard", "levels"],
)
def test_what_is_not_a_whole_qwen_with_eyes_is_refused(
    change: Callable[[Path], None], sentence: str, downloaded: Path, tmp_path: Path
) -> None:
    change(downloaded)
    with pytest.raises(BundleError, match=sentence):
        prepare_base(str(downloaded), tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_picture_size_that_the_model_cannot_take_is_refused(downloaded: Path) -> None:
    with pytest.raises(BundleError, match="multiple of 28"):
        prepare_base(str(downloaded), downloaded, size_px=450)


def test_a_word_that_is_neither_size_nor_folder_nor_hub_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no folder 13b; the sizes are 3b, 7b, 32b, 72b"):
        prepare_base("13b", tmp_path / "base")


def test_the_help_names_every_size_with_its_memory(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["prepare-base", "--help"])
    said = capsys.readouterr().out
    for base in KNOWN.values():
        assert base.hub_id in said
    assert "16.6 GB in bf16, 7.2 GB in 4 bits" in said


def test_the_files_are_copies_even_where_the_folder_holds_links(
    downloaded: Path, tmp_path: Path
) -> None:
    weights = downloaded / "model.safetensors"
    blob = weights.rename(tmp_path / "blob")
    weights.symlink_to(blob)
    prepare_base(str(downloaded), tmp_path / "base")
    save_file({"x": torch.zeros(1)}, blob)
    assert load_base(tmp_path / "base", torch.device("cpu"), torch.float32)

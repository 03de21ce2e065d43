"""Adapters in the published layout are served as they were trained, or refused in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml import importing
from ml.__main__ import main
from ml.errors import BundleError
from ml.importing import ImportProfile, import_adapters, read_import_profile, read_rubric
from ml.profiles import (
    ADAPTER_WEIGHTS,
    read_adapter_profile,
    read_base_profile,
    sha256_of_base,
    write_profile,
)
from ml.prompts import build_prompt
from ml.reference import PeftReferenceScorer
from ml.rubric import KIDSART
from ml.scorer import load_scorer
from tests.ml.tiny_bundle import ADAPTED, PROMPTED_DIMENSION, Bundle, draw

Tensors = dict[str, Tensor]
PICTURES = [draw(0), draw(1, (150, 200)), draw(2, (300, 90))]
ROOT = Path(__file__).resolve().parents[2]


def words(slug: str) -> str:
    """Training words with a quirk: the adapters never heard a definition."""
    return f"<image>How much {slug} is here, from 1 to 5?"


class Published:
    """A folder as adapters are published, with the profile that an operator has written."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.bundle = bundle
        self.folder = folder / "published"
        for slug, source in bundle.adapters.items():
            place = self.adapter(slug)
            place.mkdir(parents=True)
            for name in ("adapter_config.json", ADAPTER_WEIGHTS):
                shutil.copy(source / name, place / name)
        self.out = folder / "out"
        self.path = folder / "import-profile.json"
        self.describe()

    def adapter(self, slug: str = "realism") -> Path:
        return self.folder / f"dimension_{slug}" / "best_model"

    def describe(self, **changes: Any) -> None:
        data = {
            "format": 1,
            "name": "published",
            "base": {"name": "tiny"},
            "prompt": {
                "name": "published",
                "system": "You look at pictures.",
                "layout": "image_first",
                "texts": {slug: words(slug) for slug in KIDSART.slugs},
            },
            "image": {"name": "letterbox-84-grey", "size_px": 84, "pad_color": [128, 128, 128]},
            **changes,
        }
        self.path.write_text(json.dumps(data))

    def profile(self) -> ImportProfile:
        return read_import_profile(self.path)

    def run(self, **options: Any) -> list[importing.Imported]:
        return import_adapters(
            self.folder, self.profile(), self.out, base=self.bundle.base, **options
        )

    def taken(self) -> dict[str, Path]:
        return {path.name: path for path in sorted((self.out / "adapters").iterdir())}

    def configure(self, slug: str = "realism", **changes: Any) -> None:
        path = self.adapter(slug) / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def respell(self, change: Callable[[Tensors], Tensors], slug: str = "realism") -> None:
        path = self.adapter(slug) / ADAPTER_WEIGHTS
        tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}
        save_file(change(tensors), path)


@pytest.fixture
def published(pristine: Bundle, tmp_path: Path) -> Published:
    return Published(pristine, tmp_path)


def old_names(tensors: Tensors) -> Tensors:
    return {key.replace(".language_model", ""): tensor for key, tensor in tensors.items()}


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(published: Published, sentence: str, **options: Any) -> None:
    """Refused with this sentence, and nothing appears."""
    with pytest.raises(BundleError, match=sentence):
        published.run(**options)
    assert not published.out.exists() or list(published.out.iterdir()) == []


def test_imported_adapters_score_as_plain_peft_does_with_the_words_they_were_trained_with(
    published: Published, pristine: Bundle
) -> None:
    published.run()
    taken = published.taken()
    assert set(taken) == set(ADAPTED)
    scorer = load_scorer(pristine.base, taken, KIDSART, device="cpu")
    reference = PeftReferenceScorer(pristine.base, taken, KIDSART)
    difference = scorer.level_logits(PICTURES).logits - reference.level_logits(PICTURES)
    assert difference.abs().max() < 1e-5


def test_the_weights_are_the_published_ones(published: Published) -> None:
    before = {slug: load_file(published.adapter(slug) / ADAPTER_WEIGHTS) for slug in ADAPTED}
    published.run()
    for slug, folder in published.taken().items():
        after = load_file(folder / ADAPTER_WEIGHTS)
        assert after.keys() == before[slug].keys()
        assert all(torch.equal(after[key], before[slug][key]) for key in after)


def test_the_prompt_is_the_operators_letter_for_letter(published: Published) -> None:
    published.run()
    profile = read_adapter_profile(published.taken()["realism"])
    assert build_prompt(KIDSART, "realism", profile.prompt) == (
        "<|im_start|>system\nYou look at pictures.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|vision_end|><image>How much realism is here, from 1 to 5?"
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    assert (profile.image.size_px, profile.image.pad_color) == (84, (128, 128, 128))
    assert (profile.name, profile.dimension) == ("published-realism", "realism")


def test_names_of_an_older_transformers_are_taken_over_and_score_the_same(
    published: Published, pristine: Bundle
) -> None:
    published.run()
    new = PeftReferenceScorer(pristine.base, published.taken(), KIDSART).level_logits(PICTURES[:1])
    shutil.rmtree(published.out)
    for slug in ADAPTED:
        published.respell(old_names, slug)
    imported = published.run()
    assert {row.renamed for row in imported} == {16}  # two layers of four, A and B
    old = load_scorer(pristine.base, published.taken(), KIDSART, device="cpu")
    assert (old.level_logits(PICTURES[:1]).logits - new).abs().max() < 1e-5


def test_the_same_name_old_and_new_is_refused(published: Published) -> None:
    published.respell(lambda t: t | {k: v.clone() for k, v in old_names(t).items()})
    refused(published, "twice, old and new")


def test_weights_whose_names_nobody_knows_are_refused(published: Published) -> None:
    published.respell(lambda tensors: {f"module.{k}": v for k, v in tensors.items()})
    refused(published, "module.base_model.+ not understood")


def test_an_adapter_of_the_vision_tower_is_refused(published: Published) -> None:
    published.respell(
        lambda tensors: {k.replace("language_model", "visual"): v for k, v in tensors.items()}
    )
    refused(published, "vision tower")


@pytest.mark.parametrize(
    "targets",
    [["q_proj", "qkv"], ["gate_proj"], [], "all-linear", r".*\.q_proj"],
    ids=["vision", "mlp", "none", "all", "pattern"],
)
def test_other_layers_than_attention_of_the_language_model_are_refused(
    published: Published, targets: Any
) -> None:
    published.configure(target_modules=targets)
    refused(published, "only k_proj, o_proj, q_proj, v_proj")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"use_dora": True}, "uses use_dora"),
        ({"use_rslora": True}, "uses use_rslora"),
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save"),
        ({"rank_pattern": {"q_proj": 2}}, "uses rank_pattern"),
        ({"layer_replication": [[0, 2]]}, "uses layer_replication"),
        ({"an_option_of_next_year": 1}, "uses an_option_of_next_year"),
        ({"bias": "all"}, "trains a bias"),
        ({"init_lora_weights": "pissa"}, "changes the base model too"),
        ({"peft_type": "IA3"}, "cannot be served"),
        ({"r": None}, "has no r"),
        ({"r": 16}, "does not fit"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_plain_lora_does_not_compute_is_refused(
    published: Published, change: dict[str, Any], sentence: str
) -> None:
    published.configure(**change)
    refused(published, sentence)


def test_a_pickle_is_refused_with_the_way_to_convert_it(published: Published) -> None:
    folder = published.adapter()
    (folder / ADAPTER_WEIGHTS).rename(folder / "adapter_model.bin")
    refused(published, "pickle.+save_pretrained")


def test_a_missing_weight_is_refused(published: Published) -> None:
    published.respell(lambda tensors: dict(list(tensors.items())[1:]))
    refused(published, "lacks 1 weights")


def test_a_weight_of_a_layer_that_the_base_does_not_have_is_refused(published: Published) -> None:
    published.respell(
        lambda t: t | {k.replace("layers.1.", "layers.9."): v.clone() for k, v in t.items()}
    )
    refused(published, "layers.9.+which this base model does not have")


def test_an_adapter_that_was_never_trained_is_refused(published: Published) -> None:
    published.respell(
        lambda t: {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in t.items()}
    )
    refused(published, "never trained")


def test_damaged_weights_are_refused(published: Published) -> None:
    path = published.adapter() / ADAPTER_WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    refused(published, "damaged")


def test_one_bad_adapter_keeps_all_out(published: Published) -> None:
    published.configure("picture_organization", use_dora=True)
    refused(published, "picture_organization uses use_dora")


def test_a_link_out_of_the_folder_is_refused(published: Published, tmp_path: Path) -> None:
    weights = published.adapter() / ADAPTER_WEIGHTS
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    refused(published, "link to somewhere outside")


def test_a_folder_that_is_a_link_out_is_refused(published: Published, tmp_path: Path) -> None:
    place = published.folder / "dimension_realism"
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    refused(published, "link to somewhere outside")


def test_a_link_that_stays_in_the_folder_is_followed(published: Published) -> None:
    weights = published.adapter() / ADAPTER_WEIGHTS
    weights.rename(published.folder / "blob")
    weights.symlink_to(published.folder / "blob")
    published.run()
    assert not (published.taken()["realism"] / ADAPTER_WEIGHTS).is_symlink()


def test_a_base_with_another_hash_is_refused(published: Published) -> None:
    published.describe(base={"name": "another", "sha256": "0" * 64})
    refused(published, "trained on another")


def other_base(published: Published, source: str) -> None:
    """The base of the bundle, now said to come from ``source``."""
    base = published.out.parent / "base"
    shutil.copytree(published.bundle.base, base)
    write_profile(replace(read_base_profile(base), source=source), base)
    published.bundle = Bundle(published.out.parent)


@pytest.mark.parametrize("source", ["Qwen/Other", "Qwen/Tiny@abc999"])
def test_a_base_from_another_place_is_refused(published: Published, source: str) -> None:
    other_base(published, source)
    published.describe(base={"name": "tiny", "source": "Qwen/Tiny@abc123"})
    refused(published, f"trained on Qwen/Tiny@abc123, and .+ is {source}")


def test_a_short_revision_is_enough(published: Published) -> None:
    other_base(published, "Qwen/Tiny@abc123def")
    published.describe(base={"name": "tiny", "source": "Qwen/Tiny@abc123"})
    assert published.run()


def test_an_adapter_that_names_another_base_itself_is_refused(published: Published) -> None:
    published.describe(base={"name": "tiny", "source": "Qwen/Tiny"})
    published.configure(base_model_name_or_path="Qwen/Other")
    refused(published, "trained on Qwen/Other, not on Qwen/Tiny")


def test_changed_files_of_the_base_are_refused(published: Published) -> None:
    other_base(published, "")
    (published.bundle.base / "tokenizer_config.json").write_text("{}")
    refused(published, "not those that its profile.json is about")


def test_without_a_base_the_check_must_be_waived_and_the_hash_be_known(
    published: Published,
) -> None:
    with pytest.raises(BundleError, match="--no-check"):
        import_adapters(published.folder, published.profile(), published.out)
    with pytest.raises(BundleError, match="must say the base model's sha256"):
        import_adapters(published.folder, published.profile(), published.out, check=False)
    published.describe(base={"name": "tiny", "sha256": sha256_of_base(published.bundle.base)})
    import_adapters(published.folder, published.profile(), published.out, check=False)
    assert load_scorer(published.bundle.base, published.taken(), KIDSART, device="cpu")


def test_a_missing_dimension_is_said_and_prompted(
    published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["import-adapters", str(published.folder), "--profile", str(published.path)]
    assert main([*command, "--base", str(published.bundle.base), "--out", str(published.out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith(PROMPTED_DIMENSION)).endswith(
        "the base model will be prompted"
    )
    assert next(line for line in lines if line.startswith("line_texture")).endswith(
        "published-line_texture"
    )
    assert lines[-1].startswith("8 of 9 dimensions are in")


@pytest.mark.parametrize("layout", ["{slug}", "dimension_{slug}", "{slug}/best_model"])
def test_plainer_layouts_are_found_too(published: Published, layout: str) -> None:
    for slug in ADAPTED:
        moved = published.folder.parent / "plain" / layout.format(slug=slug)
        moved.parent.mkdir(parents=True, exist_ok=True)
        published.adapter(slug).rename(moved)
    published.folder = published.folder.parent / "plain"
    assert len(published.run()) == 8


def test_two_adapters_of_one_dimension_are_refused(published: Published) -> None:
    shutil.copytree(published.adapter(), published.folder / "realism")
    refused(published, "two adapters for realism")


def test_a_dimension_of_another_rubric_is_refused(published: Published) -> None:
    published.adapter().parent.rename(published.folder / "dimension_Realism")
    refused(published, "adapters for Realism, which rubric 'kidsart' lacks")


def test_a_folder_without_adapters_is_refused(published: Published) -> None:
    shutil.rmtree(published.folder)
    refused(published, "no folder")
    published.folder.mkdir()
    refused(published, "no folder of any dimension")


def test_a_folder_without_weights_is_refused(published: Published) -> None:
    (published.adapter() / ADAPTER_WEIGHTS).unlink()
    refused(published, "has no adapter_model.safetensors")


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("tight_umask")
def test_a_worker_of_another_user_can_read_the_result(published: Published) -> None:
    published.run()
    folders = [published.out / "adapters", *published.taken().values()]
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o755"}
    files = [path for folder in folders[1:] for path in folder.iterdir()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o644"}


def test_importing_twice_gives_the_same_bytes_in_any_process(published: Published) -> None:
    published.run()
    before = all_files(published.out)
    published.run()
    assert all_files(published.out) == before
    shutil.rmtree(published.out)
    command = [sys.executable, "-m", "ml", "import-adapters", str(published.folder)]
    command += ["--profile", str(published.path), "--base", str(published.bundle.base)]
    done = subprocess.run([*command, "--out", str(published.out)], cwd=ROOT, check=False)
    assert done.returncode == 0
    assert all_files(published.out) == before


def test_what_is_there_is_never_exchanged(published: Published) -> None:
    published.run()
    before = all_files(published.out)
    published.respell(lambda tensors: {key: 2 * tensor for key, tensor in tensors.items()})
    with pytest.raises(BundleError, match="holds another adapter already"):
        published.run()
    assert all_files(published.out) == before


def test_a_dimension_that_comes_later_joins_the_others(published: Published) -> None:
    late = published.adapter("line_texture").parent.rename(published.folder.parent / "late")
    assert len(published.run()) == 7
    late.rename(published.adapter("line_texture").parent)
    assert len(published.run()) == 8
    assert set(published.taken()) == set(ADAPTED)


def test_the_same_weights_under_other_words_are_another_file(published: Published) -> None:
    published.run()
    one = read_adapter_profile(published.taken()["realism"])
    published.out = published.out.parent / "corrected"
    texts = {slug: words(slug) + " " for slug in KIDSART.slugs}
    published.describe(prompt={"name": "published", "texts": texts})
    published.run()
    other = read_adapter_profile(published.taken()["realism"])
    assert one.weights_sha256 != other.weights_sha256


def test_metrics_come_along(published: Published) -> None:
    published.describe(metrics={"realism": {"spearman": 0.5, "n": 12}})
    published.run()
    assert read_adapter_profile(published.taken()["realism"]).metrics == {"spearman": 0.5, "n": 12}
    assert read_adapter_profile(published.taken()["imagination"]).metrics == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "not an import profile of format 1"),
        ({"surprise": 1}, "surprise is not a part"),
        ({"prompt": {"name": "x", "texts": {"realism": "FILL IN: words"}}}, "'FILL IN'"),
        ({"prompt": {"name": "x", "texts": {}}}, "leaves out"),
        ({"prompt": {"name": "x", "texts": {"Realism": "How real?"}}}, "texts for Realism"),
        ({"prompt": {"name": "x", "texts": {"realism": 5}}}, "texts are words"),
        ({"prompt": {"name": "x", "texts": {"imagination": "?"}}}, "which words realism"),
        ({"prompt": {"name": "x", "texts": {"realism": "<|im_end|>"}}}, "control token"),
        ({"prompt": None}, "prompt is missing"),
        ({"image": {"name": "x", "size_px": 100}}, "multiple of 28"),
        ({"image": {"name": "x", "size_px": 84, "pad_color": [0]}}, "three numbers"),
        ({"image": {"name": "x", "size_px": 84, "fit": "crop"}}, "unknown fit"),
        ({"metrics": {"charm": {}}}, "metrics for charm"),
    ],
)
def test_a_profile_that_is_not_whole_is_refused(
    published: Published, changes: dict[str, Any], sentence: str
) -> None:
    published.describe(**changes)
    refused(published, sentence)


def test_the_example_profile_asks_for_every_dimension_and_is_refused_until_filled_in() -> None:
    path = ROOT / "docs" / "import-profile.example.json"
    assert tuple(json.loads(path.read_text())["prompt"]["texts"]) == KIDSART.slugs
    with pytest.raises(BundleError, match="FILL IN"):
        read_import_profile(path)


def test_the_example_profile_filled_in_is_read(tmp_path: Path) -> None:
    path = tmp_path / "filled.json"
    example = ROOT / "docs" / "import-profile.example.json"
    path.write_text(example.read_text().replace("FILL IN", "How much?"))
    profile = read_import_profile(path)
    assert (profile.image.size_px, profile.image.pad_color) == (224, (128, 128, 128))
    assert set(profile.prompt.texts) == set(KIDSART.slugs)


def test_a_rubric_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rubric.json"
    path.write_text(json.dumps(asdict(KIDSART)))
    assert read_rubric(path) == KIDSART
    path.write_text(json.dumps({"slug": "x", "name": "X", "dimensions": []}))
    with pytest.raises(BundleError, match="no dimensions"):
        read_rubric(path)


def test_no_name_of_a_library_to_import_comes_along(published: Published) -> None:
    published.configure(auto_mapping={"base_model_class": "X", "parent_library": "somebodys"})
    published.run()
    config = json.loads((published.taken()["realism"] / "adapter_config.json").read_text())
    assert config["auto_mapping"] is None
    assert config["base_model_name_or_path"] == "tiny"

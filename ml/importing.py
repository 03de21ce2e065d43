"""``python -m ml import-adapters FOLDER --profile profile.json``: adapters trained elsewhere.

Takes PEFT adapters as KidsArtBench (arXiv 2512.12503) publishes them, one folder a dimension, and
writes a bundle that serves each exactly as it was trained:

    FOLDER/dimension_SLUG/best_model/{adapter_config.json, adapter_model.safetensors}
    (also FOLDER/dimension_SLUG/ and FOLDER/SLUG/, with or without best_model/)
    -> OUT/adapters/SLUG/{adapter_config.json, adapter_model.safetensors, profile.json}

An adapter does not say how its pictures and prompts looked; a profile file, written by whoever
imports it, does. ``docs/import-profile.example.json`` is one to fill in:

    format   1
    name     names the adapters: NAME-SLUG
    base     name; and, as far as known, source ("hub/id@revision") and sha256 (of its profile.json)
    prompt   name; system; layout ("image_first"); texts: for each dimension the user's words,
             letter for letter, quirks included: all but the picture and the chat's own tokens
    image    name; size_px; pad_color [r, g, b]; fit ("letterbox", published: "letterbox_floor")
    metrics  optional; for each dimension what is known of it, such as {"spearman": .6, "n": 157}
    notes    optional; for people

Nothing in FOLDER is executed, and only safetensors and JSON are opened. What PEFT would load
without a word and then compute otherwise is refused: here what concerns taking over (layouts of
older transformers, pickles, options nobody here knows), the rest by ``ml.bundle.load_adapter``,
which reads every result against the real base's shapes before anything appears under OUT.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from ml.bundle import LoadedBase, linear_shapes, load_adapter
from ml.errors import BundleError
from ml.processing import load_processor
from ml.profiles import (
    ADAPTER_WEIGHTS,
    FORMAT,
    PROFILE,
    AdapterProfile,
    BaseProfile,
    ImageProfile,
    read_base_profile,
    read_json,
    sha256_of_base,
    sha256_of_file,
    write_profile,
)
from ml.prompts import PromptProfile, build_prompt, prompt_sha256
from ml.rubric import KIDSART, Dimension, Rubric

T = TypeVar("T")
Tensors = dict[str, Tensor]

ADAPTER_CONFIG = "adapter_config.json"
BEST = "best_model"
TO_FILL_IN = "FILL IN"  # stands in the example profile wherever an operator has to write
TARGETS = ("k_proj", "o_proj", "q_proj", "v_proj")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# model.layers is what transformers up to 4.51 called what is model.language_model.layers since.
KEY = re.compile(
    r"base_model\.model\.model\.(?:language_model\.)?"
    r"(?P<rest>layers\.\d+\.self_attn\.[qkvo]_proj\.lora_[AB]\.weight)"
)
PREFIX = "base_model.model.model.language_model."
# Options of PEFT that leave alone what plain LoRA computes, or that are carried over and checked.
# Any other that is switched on is refused, so that one from a later PEFT cannot slip through.
KNOWN_OPTIONS = {
    *("r", "lora_alpha", "target_modules", "peft_type", "bias", "init_lora_weights"),  # looked at
    *("lora_dropout", "inference_mode", "task_type"),  # of training
    *("base_model_name_or_path", "revision", "auto_mapping", "peft_version"),  # where it is from
    *("megatron_core", "qalora_group_size", "layers_pattern"),  # settings of what is off
}
# PiSSA, OLoRA, CorDA and LoftQ change the base while they begin, so the adapter does not fit it.
PLAIN_BEGINNINGS = (None, True, False, "gaussian")


@dataclass(frozen=True)
class BaseNamed:
    """The base model that the adapters were trained on; what is empty is not known."""

    name: str
    sha256: str = ""
    source: str = ""


@dataclass(frozen=True)
class ImportProfile:
    """What the adapters were trained with. The module's docstring explains every field."""

    name: str
    base: BaseNamed
    prompt: PromptProfile
    image: ImageProfile
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Imported:
    dimension: str
    name: str
    rank: int
    alpha: float
    layers: int
    renamed: int  # keys that had the names of an older transformers
    measured: bool


def main(argv: Sequence[str]) -> int:
    """Returns the exit status; raises BundleError with the sentence of a refusal."""
    arguments = _parser().parse_args(argv)
    out = arguments.out or (arguments.base.resolve().parent if arguments.base else None)
    if out is None:
        raise BundleError("Say with --out where the adapters go, or with --base what they sit on.")
    rubric = read_rubric(arguments.rubric) if arguments.rubric else KIDSART
    profile = read_import_profile(arguments.profile, rubric)
    imported = import_adapters(
        arguments.folder, profile, out, rubric, arguments.base, check=arguments.check
    )
    sys.stdout.write(_report(imported, rubric, out, arguments.check))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml import-adapters",
        description="Takes over PEFT adapters that were trained elsewhere, one folder a dimension, "
        "so that they are served as they were trained. docs/import-adapters.md goes through it.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--profile", type=Path, required=True, help="what they were trained with (a JSON file)"
    )
    parser.add_argument("--base", type=Path, help="folder of the base model they are for")
    parser.add_argument(
        "--out", type=Path, help="gets adapters/SLUG/ (default: the folder that the base is in)"
    )
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="a rubric of your own (JSON)")
    parser.add_argument(
        "--no-check",
        dest="check",
        action="store_false",
        help="do not compare with the base model's files; scoring will compare all the same",
    )
    return parser


def import_adapters(
    folder: Path,
    profile: ImportProfile,
    out: Path,
    rubric: Rubric = KIDSART,
    base: Path | None = None,
    check: bool = True,
) -> list[Imported]:
    """Writes OUT/adapters/SLUG for every dimension that ``folder`` has an adapter for.

    All of them appear, or none. Doing it again changes nothing; other adapters than those that
    are there already are refused, since rows may point at them.

    Raises:
        BundleError: with a sentence that says what cannot be taken over, and why.
    """
    if check and base is None:
        raise BundleError(
            "Whether the adapters fit can only be seen beside their base model: name it with "
            "--base, or leave the check to the first scoring with --no-check."
        )
    found = find_adapters(folder, rubric)
    trained_on = _identity(profile.base, base)
    outline = _outline(base) if check and base else None
    out.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".import-", dir=out))
    try:
        imported = []
        for slug, source in found.items():
            target = aside / slug
            made = _take_over(source, folder, target, slug, profile, rubric, trained_on)
            if outline:
                load_adapter(target, outline, rubric, slug)
            imported.append(made)
        _put_in_place(aside, out / "adapters", list(found))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return imported


def find_adapters(folder: Path, rubric: Rubric) -> dict[str, Path]:
    """The folder of each dimension's adapter, in the rubric's order; dimensions may be missing."""
    if not folder.is_dir():
        raise BundleError(f"There is no folder {folder}.")
    named = {path.name.removeprefix("dimension_") for path in folder.glob("dimension_*")}
    if surplus := sorted(named - set(rubric.slugs)):
        raise BundleError(
            f"{folder} has adapters for {', '.join(surplus)}, which rubric {rubric.slug!r} lacks."
        )
    found = {}
    for slug in rubric.slugs:
        places = [p for p in (folder / f"dimension_{slug}", folder / slug) if p.is_dir()]
        if len(places) > 1:
            raise BundleError(f"{folder} has two adapters for {slug}; keep one of them.")
        for place in places:
            found[slug] = place / BEST if (place / BEST).is_dir() else place
    if not found:
        raise BundleError(
            f"{folder} has no folder of any dimension, such as dimension_{rubric.slugs[0]}/{BEST}."
        )
    return found


def read_import_profile(path: Path, rubric: Rubric = KIDSART) -> ImportProfile:
    """Raises BundleError if it is not whole, or still says "FILL IN" somewhere."""
    data = read_json(path)
    if data.pop("format", None) != FORMAT:
        raise BundleError(f"{path} is not an import profile of format {FORMAT}.")
    if TO_FILL_IN in json.dumps(data, ensure_ascii=False):
        raise BundleError(f"{path} still has places that say {TO_FILL_IN!r}; write what is true.")
    prompt = {"template": "", **_object(data, "prompt", path)}
    profile = _build(
        ImportProfile,
        {
            **data,
            "base": _build(BaseNamed, _object(data, "base", path), path),
            "prompt": _build(PromptProfile, prompt, path),
            "image": _build(ImageProfile, _tuples(_object(data, "image", path)), path),
        },
        path,
    )
    texts = profile.prompt.texts
    if len(profile.image.pad_color) != 3 or not all(isinstance(t, str) for t in texts.values()):
        raise BundleError(f"{path}: pad_color is three numbers, and texts are words.")
    for what, slugs in (("texts", texts), ("metrics", profile.metrics)):
        if unknown := sorted(set(slugs) - set(rubric.slugs)):
            raise BundleError(
                f"{path}: {what} for {', '.join(unknown)}, which rubric {rubric.slug!r} lacks."
            )
    return profile


def read_rubric(path: Path) -> Rubric:
    """A rubric as JSON: the fields of ``ml.rubric.Rubric``, with ``dimensions`` as objects."""
    data = read_json(path)
    dimensions = data.get("dimensions")
    if not isinstance(dimensions, list) or not dimensions:
        raise BundleError(f"{path} has no dimensions.")
    rows = tuple(_build(Dimension, _tuples(row), path) for row in dimensions)
    try:
        return _build(Rubric, {**data, "dimensions": rows}, path)
    except ValueError as error:
        raise BundleError(f"{path}: {error}.") from None


def _take_over(
    source: Path,
    root: Path,
    target: Path,
    slug: str,
    profile: ImportProfile,
    rubric: Rubric,
    base: BaseNamed,
) -> Imported:
    weights, config_path = _files(source, root, slug)
    config = read_json(config_path)
    _check_options(config, slug, base.source.partition("@")[0])
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise BundleError(f"The weights of {slug} are damaged: {error}") from None
    renamed = _renamed(tensors, slug)
    if slug not in profile.prompt.texts:
        raise BundleError(f"The profile does not say with which words {slug} was trained.")
    prompt = prompt_sha256(build_prompt(rubric, slug, profile.prompt))

    target.mkdir(mode=0o755)
    # The hash of the file tells versions apart. With what it is served with in its header, the
    # same weights under corrected words are another version.
    served_with = hashlib.sha256(f"{prompt} {asdict(profile.image)}".encode()).hexdigest()
    save_file(renamed, target / ADAPTER_WEIGHTS, metadata={"served_with": served_with})
    carried = {key: value for key, value in config.items() if key in KNOWN_OPTIONS}
    carried |= {"auto_mapping": None, "base_model_name_or_path": base.name, "revision": None}
    carried["target_modules"] = sorted(config["target_modules"])
    (target / ADAPTER_CONFIG).write_text(json.dumps(carried, indent=1, sort_keys=True) + "\n")
    made = AdapterProfile(
        name=f"{profile.name}-{slug}",
        dimension=slug,
        rubric=rubric.slug,
        base_name=base.name,
        base_sha256=base.sha256,
        weights_sha256=sha256_of_file(target / ADAPTER_WEIGHTS),
        prompt=profile.prompt,
        prompt_sha256=prompt,
        image=profile.image,
        rank=config["r"],
        alpha=config["lora_alpha"],
        metrics=profile.metrics.get(slug, {}),
    )
    write_profile(made, target)
    target.chmod(0o755)
    for path in target.iterdir():
        path.chmod(0o644)  # safetensors writes 0600, which a worker of another user cannot read
    return Imported(
        dimension=slug,
        name=made.name,
        rank=made.rank,
        alpha=made.alpha,
        layers=len(renamed) // 2,
        renamed=len(renamed.keys() - tensors.keys()),
        measured=bool(made.metrics),
    )


def _files(source: Path, root: Path, slug: str) -> tuple[Path, Path]:
    """Weights and configuration, both really inside ``root``."""
    weights, config = source / ADAPTER_WEIGHTS, source / ADAPTER_CONFIG
    if not weights.exists() and any(any(source.glob(pattern)) for pattern in PICKLES):
        raise BundleError(
            f"The weights of {slug} are a pickle, which can run any program when it is opened. On "
            "a machine where that does no harm, load it with peft and save it again with "
            f"save_pretrained(FOLDER, safe_serialization=True), which writes {ADAPTER_WEIGHTS}."
        )
    for path in (config, weights):
        if not path.resolve().is_relative_to(root.resolve()):
            raise BundleError(
                f"{path} is a link to somewhere outside {root}; copy the files themselves there."
            )
        if not path.is_file():
            raise BundleError(f"The folder of {slug}, {source}, has no {path.name}.")
    return weights, config


def _check_options(config: Mapping[str, Any], slug: str, hub_id: str) -> None:
    """What only an import can see. Kind, rank and shapes are for ``load_adapter``."""
    if unknown := sorted(key for key in config if key not in KNOWN_OPTIONS and config[key]):
        raise BundleError(f"The adapter of {slug} uses {unknown[0]}, which cannot be served.")
    if config.get("bias", "none") != "none":
        raise BundleError(f"The adapter of {slug} trains a bias, which cannot be served.")
    if config.get("init_lora_weights") not in PLAIN_BEGINNINGS:
        raise BundleError(
            f"The adapter of {slug} began with {config['init_lora_weights']!r}, which changes the "
            "base model too; convert it to plain LoRA with peft where it was trained."
        )
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not targets or any(t not in TARGETS for t in targets):
        raise BundleError(
            f"The adapter of {slug} is for {targets}; only {', '.join(TARGETS)} of the "
            "language model can be taken over."
        )
    for key in ("r", "lora_alpha"):
        if isinstance(config.get(key), bool) or not isinstance(config.get(key), int | float):
            raise BundleError(f"The {ADAPTER_CONFIG} of {slug} has no {key}.")
    trained_on = config.get("base_model_name_or_path")
    if not hub_id or not isinstance(trained_on, str) or not HUB_ID.fullmatch(trained_on):
        return  # one of the two is a folder of somebody's, which says nothing
    if trained_on.casefold() != hub_id.casefold():
        raise BundleError(f"The adapter of {slug} was trained on {trained_on}, not on {hub_id}.")


def _renamed(tensors: Mapping[str, Tensor], slug: str) -> Tensors:
    """The same weights under the names of today's transformers."""
    renamed: Tensors = {}
    for key, tensor in tensors.items():
        if "visual." in key:
            raise BundleError(
                f"The adapter of {slug} changes the vision tower ({key}), which all dimensions "
                "share."
            )
        match = KEY.fullmatch(key)
        if match is None:
            raise BundleError(f"The adapter of {slug} has weights called {key}: not understood.")
        name = PREFIX + match["rest"]
        if name in renamed:
            raise BundleError(f"The adapter of {slug} has {match['rest']} twice, old and new.")
        renamed[name] = tensor.contiguous()
    return renamed


def _identity(named: BaseNamed, folder: Path | None) -> BaseNamed:
    """The base model with all that is known of it; refuses one that is not the profile's."""
    if folder is None:
        if not named.sha256:
            raise BundleError("Without --base the profile must say the base model's sha256.")
        return named
    base = read_base_profile(folder)
    if named.sha256 and named.sha256 != base.sha256:
        raise BundleError(
            f"The adapters were trained on {named.name} ({named.sha256[:12]}), and {folder} is "
            f"{base.name} ({base.sha256[:12]})."
        )
    (hub_id, _, revision), (its_id, _, its_revision) = (
        source.casefold().partition("@") for source in (named.source, base.source)
    )
    same_revision = revision.startswith(its_revision) or its_revision.startswith(revision)
    if (hub_id and its_id and hub_id != its_id) or not same_revision:
        raise BundleError(
            f"The adapters were trained on {named.source}, and {folder} is {base.source}."
        )
    return BaseNamed(base.name, base.sha256, named.source or base.source)


def _outline(folder: Path) -> LoadedBase:
    """The base model without its weights: as much as a check of shapes needs, for any size."""
    profile: BaseProfile = read_base_profile(folder)
    if sha256_of_base(folder) != profile.sha256:
        raise BundleError(f"The files in {folder} are not those that its {PROFILE} is about.")
    config = Qwen2_5_VLConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config)
    return LoadedBase(model, load_processor(folder), profile, linear_shapes(model))


def _put_in_place(aside: Path, adapters: Path, slugs: Sequence[str]) -> None:
    """Renames into place what is new, after seeing that nothing else is in the way."""
    new = [slug for slug in slugs if not (adapters / slug).exists()]
    for slug in set(slugs) - set(new):
        if not _same_files(aside / slug, adapters / slug):
            raise BundleError(
                f"{adapters / slug} holds another adapter already, and scores may rest on it; "
                "choose another --out."
            )
    if not adapters.exists() and new:
        (aside / ".all").mkdir(mode=0o755)
        for slug in new:
            (aside / slug).rename(aside / ".all" / slug)
        (aside / ".all").chmod(0o755)
        (aside / ".all").rename(adapters)
        return
    for slug in new:
        (aside / slug).rename(adapters / slug)


def _same_files(one: Path, other: Path) -> bool:
    return all(
        (other / path.name).is_file() and path.read_bytes() == (other / path.name).read_bytes()
        for path in one.iterdir()
    )


def _report(imported: Sequence[Imported], rubric: Rubric, out: Path, checked: bool) -> str:
    rows = {row.dimension: row for row in imported}
    width = max(map(len, rubric.slugs))
    lines = [f"{'dimension':<{width}}  rank  alpha  layers  metrics  adapter"]
    for slug in rubric.slugs:
        if (row := rows.get(slug)) is None:
            lines.append(f"{slug:<{width}}  no adapter here: the base model will be prompted")
            continue
        old = f", {row.renamed} keys renamed" if row.renamed else ""
        said = "given" if row.measured else "none"
        lines.append(
            f"{slug:<{width}}  {row.rank:>4}  {row.alpha:>5g}  {row.layers:>6}  {said:<7}  "
            f"{row.name}{old}"
        )
    lines.append(
        f"{len(rows)} of {len(rubric.slugs)} dimensions are in {out / 'adapters'}"
        + (", checked against the base model." if checked else "; not checked against the base.")
    )
    return "\n".join(lines) + "\n"


def _object(data: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise BundleError(f"{path}: {key} is missing or not an object.")
    return value


def _build(kind: type[T], data: Mapping[str, Any], path: Path) -> T:
    surplus = data.keys() - {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if surplus:
        raise BundleError(f"{path}: {', '.join(sorted(surplus))} is not a part of a profile.")
    try:
        return kind(**data)
    except TypeError as error:
        raise BundleError(f"{path}: {error}") from None


def _tuples(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise BundleError("A profile or rubric has something else where an object belongs.")
    return {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}

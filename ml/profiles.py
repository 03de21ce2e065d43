"""What the JSON beside a base model and beside each adapter says. Standard library only.

``profile.json`` beside the weights names everything a score depends on, so that loading can refuse
what does not fit and every stored score can say where it came from. Layout of a bundle on disk:

    base/            config.json, *.safetensors, tokenizer and processor files, profile.json
    adapters/SLUG/   adapter_config.json, adapter_model.safetensors (PEFT), profile.json
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from ml.errors import BundleError
from ml.prompts import RUBRIC_PROMPT, PromptProfile

T = TypeVar("T")

PROFILE = "profile.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
FORMAT = 1
# Every file of a base folder that can change a score; a model card beside them may change freely.
BASE_FILES = ("*.safetensors", "config.json", "tokenizer*.json", "*processor_config.json")
PATCH_MULTIPLE_PX = 28  # Qwen2.5-VL: 14 px patches, merged two by two


@dataclass(frozen=True)
class ImageProfile:
    """How a picture is brought to the model's size: scaled to fit a square, centered, padded.

    "letterbox" rounds the shorter side to the nearest pixel; "letterbox_floor" rounds it down, as
    the published code of KidsArtBench does, for adapters that were trained with it.
    """

    name: str
    size_px: int
    pad_color: tuple[int, int, int] = (128, 128, 128)
    fit: Literal["letterbox", "letterbox_floor"] = "letterbox"

    def __post_init__(self) -> None:
        if self.size_px <= 0 or self.size_px % PATCH_MULTIPLE_PX:
            raise BundleError(
                f"Image profile {self.name!r} asks for {self.size_px} px; "
                f"the model needs a multiple of {PATCH_MULTIPLE_PX}."
            )
        if self.fit not in ("letterbox", "letterbox_floor"):
            raise BundleError(f"Image profile {self.name!r} has an unknown fit: {self.fit}.")


@dataclass(frozen=True)
class Calibration:
    """From what the model said to what teachers meant, fitted on held-out teacher scores.

    ``points`` are (RAIL expectation, calibrated expectation), both in levels and rising; straight
    lines join them. The interval is the calibrated expectation plus and minus
    ``quantile * max(sd, sd_floor)``, where sd is that of the restricted distribution over levels.
    """

    points: tuple[tuple[float, float], ...]
    quantile: float
    sd_floor: float
    coverage: float  # share of held-out scores the interval was made to hold
    unsure_width: float  # an interval at least this wide, in levels, is among the widest fifth
    count: int  # held-out scores used


@dataclass(frozen=True)
class BaseProfile:
    """One base model, and how a dimension is asked that has no adapter (the prompted base).

    ``recipe`` holds what training on this base needs different from ``ml.fitting.Recipe``.
    """

    name: str
    sha256: str  # sha256_of_base
    image: ImageProfile
    prompt: PromptProfile = RUBRIC_PROMPT
    demo: bool = False  # True: not for grading
    writes: bool = False  # True: can write sentences about a picture (ml.writer)
    source: str = ""  # hub id and revision, for example Qwen/Qwen2.5-VL-7B-Instruct@cc59489
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AdapterProfile:
    """One adapter: what it scores, what it needs to be served with, and how well it did.

    ``fresh`` marks an adapter that was never trained and equals the base on purpose; without it,
    weights that are all zero are refused.
    """

    name: str
    dimension: str
    rubric: str
    base_name: str
    base_sha256: str
    weights_sha256: str
    prompt: PromptProfile
    prompt_sha256: str  # of the rendered prompt, so a reworded rubric is noticed
    image: ImageProfile
    rank: int
    alpha: float
    calibration: Calibration | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = False


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_base(folder: Path) -> str:
    """One hash over names and contents of the files that decide a score (BASE_FILES)."""
    paths = {path for pattern in BASE_FILES for path in folder.glob(pattern)}
    if not any(path.suffix == ".safetensors" for path in paths):
        raise BundleError(f"{folder} holds no safetensors weights.")
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        digest.update(f"{path.name} {sha256_of_file(path)}\n".encode())
    return digest.hexdigest()


def write_profile(profile: BaseProfile | AdapterProfile, folder: Path) -> None:
    text = json.dumps({"format": FORMAT, **asdict(profile)}, indent=1, ensure_ascii=False)
    (folder / PROFILE).write_text(text + "\n", encoding="utf-8")


def read_base_profile(folder: Path) -> BaseProfile:
    """Raises BundleError if the profile is missing or not understood."""
    return _build(BaseProfile, _with_prompt_and_image(_read(folder), folder), folder)


def read_adapter_profile(folder: Path) -> AdapterProfile:
    """Raises BundleError if the profile is missing or not understood."""
    data = _with_prompt_and_image(_read(folder), folder)
    if data.get("calibration") is not None:
        data["calibration"] = _build(Calibration, data["calibration"], folder)
    return _build(AdapterProfile, data, folder)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BundleError: there is none, or it is something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} cannot be read: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise BundleError(f"{path} is not a JSON object.")
    return data


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PROFILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder} has no {PROFILE}, so it is unclear what it is.") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from None
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise BundleError(f"{path} is not a profile of format {FORMAT}.")
    return data


def _with_prompt_and_image(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    prompt = _build(PromptProfile, data.get("prompt"), folder)
    return {**data, "prompt": prompt, "image": _build(ImageProfile, data.get("image"), folder)}


def _build(kind: type[T], data: object, folder: Path) -> T:
    """Makes the dataclass ``kind`` from JSON, refusing unknown and missing keys."""
    path = folder / PROFILE
    if not isinstance(data, dict):
        raise BundleError(f"{path}: {kind.__name__} is missing or not an object.")
    surplus = data.keys() - {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if surplus:
        raise BundleError(f"{path}: {kind.__name__} has unknown {', '.join(sorted(surplus))}.")
    try:
        return kind(**{key: _frozen(value) for key, value in data.items()})
    except TypeError as error:
        raise BundleError(f"{path}: {error}") from None


def _frozen(value: object) -> object:
    """JSON arrays as tuples, so that a profile read equals the profile written."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value

"""``python -m ml prepare-base NAME --out FOLDER``: a base folder that the engine takes.

NAME is 3b, 7b, 32b or 72b, another hub id, or a folder with a downloaded model. What is needed of
it is fetched or copied, looked at, and described in a ``profile.json``: hashes, picture size, and
where it is from, to the revision. Only weights in safetensors and text files are taken; programs
and pickles of a repository are left where they are.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import (
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ml.errors import BundleError
from ml.processing import load_processor
from ml.profiles import BaseProfile, ImageProfile, read_json, sha256_of_base, write_profile
from ml.rubric import KIDSART
from ml.score_tokens import score_token_ids

PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.jinja")
INDEX = "model.safetensors.index.json"
MODEL_TYPE = "qwen2_5_vl"
DEFAULT_PX = 448
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class KnownBase:
    """A published size. Memory is that of the weights alone, counted from the shapes.

    In 4 bits: the linear layers of the language model at 4.5 bits a weight (NF4 with its scales),
    vision tower, embeddings and head in bf16. Pictures, prompts and adapters come on top.
    """

    hub_id: str
    layers: int  # of the language model
    width: int
    bf16_gb: float
    four_bit_gb: float
    license: str  # as on the model's page when this was written; read it there


# Source: config.json of each repository.
KNOWN = {
    "3b": KnownBase("Qwen/Qwen2.5-VL-3B-Instruct", 36, 2048, 7.5, 3.5, "Qwen Research"),
    "7b": KnownBase("Qwen/Qwen2.5-VL-7B-Instruct", 28, 3584, 16.6, 7.2, "Apache 2.0"),
    "32b": KnownBase("Qwen/Qwen2.5-VL-32B-Instruct", 64, 5120, 66.9, 22, "Apache 2.0"),
    "72b": KnownBase("Qwen/Qwen2.5-VL-72B-Instruct", 80, 8192, 146.8, 46, "Qwen"),
}


def main(argv: Sequence[str]) -> int:
    """Returns the exit status; raises BundleError with the sentence of a refusal."""
    arguments = _parser().parse_args(argv)
    profile = prepare_base(
        arguments.model,
        arguments.out,
        revision=arguments.revision,
        size_px=arguments.px,
        name=arguments.name,
        source=arguments.source,
        writes=arguments.writes,
    )
    sys.stdout.write(
        f"{arguments.out} is base model {profile.name!r}"
        + (f" from {profile.source}" if profile.source else "")
        + f", pictures at {profile.image.size_px} px, sha256 {profile.sha256[:12]}.\n"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    sizes = "\n".join(
        f"  {name:<4} {base.hub_id:<30} {base.layers} layers of {base.width}, about "
        f"{base.bf16_gb:g} GB in bf16, {base.four_bit_gb:g} GB in 4 bits; {base.license} license"
        for name, base in KNOWN.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m ml prepare-base",
        description="Makes a base folder from a Qwen2.5-VL model.",
        epilog=f"sizes:\n{sizes}\n\nGB are of the weights alone. A download that was cut off goes "
        "on where it was\nwhen the command is given again.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="NAME_OR_FOLDER", help="a size, a hub id, or a folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--revision", help="commit, tag or branch on the hub (default: the newest)")
    parser.add_argument(
        "--px",
        type=int,
        default=DEFAULT_PX,
        help=f"side of the pictures of new adapters, a multiple of 28 (default {DEFAULT_PX}); "
        "imported adapters keep their own",
    )
    parser.add_argument("--name", help="how pages call it (default: the model's own name)")
    parser.add_argument("--source", default="", help="hub id@revision that a folder came from")
    parser.add_argument(
        "--no-writing",
        dest="writes",
        action="store_false",
        help="it cannot write sentences; feedback is then composed from the rubric's words",
    )
    return parser


def prepare_base(
    model: str,
    out: Path,
    revision: str | None = None,
    size_px: int = DEFAULT_PX,
    name: str | None = None,
    source: str = "",
    writes: bool = True,
) -> BaseProfile:
    """Makes ``out`` a base folder, whole or not at all; a folder may be prepared in its place.

    Raises:
        BundleError: it is not Qwen2.5-VL, a part is missing, or it cannot be fetched.
    """
    image = ImageProfile(f"letterbox-{size_px}", size_px)
    folder = Path(model)
    hub_id = KNOWN[model].hub_id if model in KNOWN else model
    local = model not in KNOWN and folder.is_dir()
    if not local and not HUB_ID.fullmatch(hub_id):
        raise BundleError(
            f"There is no folder {model}; the sizes are {', '.join(KNOWN)}, and a hub id looks "
            f"like {KNOWN['7b'].hub_id}."
        )
    in_place = local and folder.resolve() == out.resolve()
    if not in_place and out.exists() and any(out.iterdir()):
        raise BundleError(f"{out} holds something already; choose an empty folder.")
    part = out if in_place else out.with_name(f"{out.name}.part")
    if local and not in_place:
        _copy(folder, part)
    elif not local:
        source = f"{hub_id}@{download(hub_id, revision, part)}"
    check_base(part)
    profile = BaseProfile(
        name=name or (folder.resolve().name if local else hub_id.rpartition("/")[2]),
        sha256=sha256_of_base(part),
        image=image,
        writes=writes,
        source=source,
    )
    write_profile(profile, part)
    if not in_place:
        if out.exists():
            out.rmdir()
        part.rename(out)
    return profile


def download(hub_id: str, revision: str | None, folder: Path) -> str:
    """Fetches what is needed into ``folder`` and returns the commit that it is of.

    What has arrived stays in ``folder`` when the network fails, and is not fetched again.
    """
    try:
        commit: str = huggingface_hub.HfApi().model_info(hub_id, revision=revision).sha or ""
        huggingface_hub.snapshot_download(
            hub_id, revision=commit, local_dir=folder, allow_patterns=list(PATTERNS)
        )
    except HFValidationError as error:
        raise BundleError(f"{hub_id} is no hub id: {error}") from None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:  # or its terms are not met
        raise BundleError(
            f"The hub does not give out {hub_id} at {revision or 'its newest revision'} "
            f"({type(error).__name__}); look at its page for its name, revisions and terms."
        ) from None
    except Exception as error:  # no network, half a one, HF_HUB_OFFLINE: each its own kind
        raise BundleError(
            f"{hub_id} cannot be fetched from here ({type(error).__name__}). On a machine with a "
            f"network run `hf download {hub_id} --local-dir FOLDER`, bring FOLDER here, and give "
            "it in place of the name."
        ) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the downloader's notes to itself
    return commit


def check_base(folder: Path) -> None:
    """Refuses, in a sentence, what is not a whole Qwen2.5-VL with tokenizer and picture half."""
    config = read_json(folder / "config.json")
    if config.get("model_type") != MODEL_TYPE:
        raise BundleError(f"{folder} is a {config.get('model_type')} model, not Qwen2.5-VL.")
    if (folder / INDEX).is_file():
        named = read_json(folder / INDEX).get("weight_map")
        files = set(named.values()) if isinstance(named, dict) else set()
        if absent := sorted(file for file in files if not (folder / str(file)).is_file()):
            raise BundleError(f"{folder} lacks {len(absent)} weight files, first {absent[0]}.")
    if not any(folder.glob("*.safetensors")):
        raise BundleError(f"{folder} holds no safetensors weights; pickles are not read.")
    processor = load_processor(folder)
    score_token_ids(processor.tokenizer, KIDSART.level_numbers)


def _copy(folder: Path, part: Path) -> None:
    """The files themselves, also where ``folder`` holds links into a cache."""
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and any(fnmatch(path.name, pattern) for pattern in PATTERNS):
            shutil.copyfile(path, part / path.name)

"""The one prompt builder. Training, serving, the benchmark and the demo all render prompts here.

Standard library only. A prompt is the full chat text of one picture and one dimension, in the
format of Qwen2.5-VL, ready for the tokenizer; the model's next token is the level.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml.errors import BundleError
from ml.rubric import Dimension, Rubric

IMAGE_TOKEN = "<|image_pad|>"
PICTURE = f"<|vision_start|>{IMAGE_TOKEN}<|vision_end|>"
Layout = Literal["image_first", "text_first"]
CONTROL_TOKEN = re.compile(r"<\|[a-z_]+\|>")


@dataclass(frozen=True)
class PromptProfile:
    """How the words around a picture are written.

    ``template`` may use {name}, {definition}, {first}, {last} and {levels}, and must use
    {definition}: a dimension the model was never told about cannot be scored. ``texts`` replaces
    the template for single dimensions, word for word; it is for adapters made elsewhere, which
    must be asked exactly as they were trained.
    """

    name: str
    template: str
    system: str = "You are a helpful assistant."
    layout: Layout = "image_first"
    texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "{definition}" not in self.template and not self.texts:
            raise BundleError(f"Prompt profile {self.name!r} leaves out the {{definition}}.")
        if self.layout not in ("image_first", "text_first"):
            raise BundleError(f"Prompt profile {self.name!r} has an unknown layout: {self.layout}.")


RUBRIC_PROMPT = PromptProfile(
    name="rubric-1",
    template="{name}: {definition} Which level, {first} to {last}?",
)


def build_prompt(rubric: Rubric, dimension: str, profile: PromptProfile = RUBRIC_PROMPT) -> str:
    """The full chat text for one picture, with a single IMAGE_TOKEN where the picture goes.

    Raises:
        BundleError: the words contain control tokens, which would let a rubric end its own turn
            or claim a second picture, or the profile has no words for this dimension.
    """
    text = _question(rubric, rubric[dimension], profile)
    for part in (text, profile.system):
        if CONTROL_TOKEN.search(part):
            raise BundleError(f"The words of {dimension!r} contain a control token of the model.")
    user = PICTURE + text if profile.layout == "image_first" else text + PICTURE
    return (
        f"<|im_start|>system\n{profile.system}<|im_end|>\n"
        f"<|im_start|>user\n{user}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def prompt_sha256(prompt: str) -> str:
    """Names the exact words an adapter was trained with, including those of its rubric."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def _question(rubric: Rubric, dimension: Dimension, profile: PromptProfile) -> str:
    if dimension.slug in profile.texts:
        return profile.texts[dimension.slug]
    if "{definition}" not in profile.template:
        raise BundleError(f"Prompt profile {profile.name!r} has no words for {dimension.slug!r}.")
    numbered = zip(rubric.level_numbers, dimension.levels, strict=True)
    values = {
        "name": dimension.name,
        "definition": dimension.definition,
        "first": str(rubric.first_level),
        "last": str(rubric.last_level),
        "levels": " ".join(f"{number}: {words}" for number, words in numbered),
    }
    # One pass, so that braces in a school's own words stay what they are.
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), profile.template)

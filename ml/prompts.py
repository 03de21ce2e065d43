"""The one prompt builder. Training, serving, the benchmark and the demo all render prompts here.

Standard library only. A prompt is the full chat text of one picture and one dimension, in the
format of Qwen2.5-VL, ready for the tokenizer; the model's next token is the level.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ml.errors import BundleError
from ml.rubric import Dimension, Rubric

IMAGE_TOKEN = "<|image_pad|>"
ANSWER_BEGINS = "<|im_start|>assistant\n"  # activated adapters act from here on
PICTURE = f"<|vision_start|>{IMAGE_TOKEN}<|vision_end|>"
Layout = Literal["image_first", "text_first", "activated"]
LAYOUTS = ("image_first", "text_first", "activated")
CONTROL_TOKEN = re.compile(r"<\|[a-z_]+\|>")


@dataclass(frozen=True)
class PromptProfile:
    """How the words around a picture are written.

    ``template`` may use {name}, {definition}, {first}, {last} and {levels}, and must use
    {definition}: a dimension the model was never told about cannot be scored. ``texts`` replaces
    the template for single dimensions, word for word; it is for adapters made elsewhere, which
    must be asked exactly as they were trained.

    The layout "activated" is for adapters that act on the end of the prompt only (activated LoRA,
    arXiv 2504.12397). All words but ``answer`` are then the same for every dimension: the template
    uses {rubric}, all names and definitions, and ``answer``, the beginning of the answer, says by
    {name} which dimension is meant. The words come before the picture, so that they are computed
    once for all pictures and the picture once for all dimensions.
    """

    name: str
    template: str
    system: str = "You are a helpful assistant."
    layout: Layout = "image_first"
    texts: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""

    def __post_init__(self) -> None:
        title = f"Prompt profile {self.name!r}"
        if self.layout not in LAYOUTS:
            raise BundleError(f"{title} has an unknown layout: {self.layout}.")
        if self.layout == "activated":
            own_words = set(re.findall(r"\{(name|definition|levels)\}", self.template))
            if own_words or self.texts or "{name}" not in self.answer:
                raise BundleError(
                    f"{title} must begin alike for all dimensions and name the dimension in its "
                    "answer, because its adapters act on the answer only."
                )
            if "{rubric}" not in self.template and "{definition}" not in self.answer:
                raise BundleError(f"{title} leaves out the definitions: it needs {{rubric}}.")
        elif not self.texts and "{definition}" not in self.template:
            raise BundleError(f"{title} leaves out the {{definition}}.")


RUBRIC_PROMPT = PromptProfile(
    name="rubric-1",
    template="{name}: {definition} Which level, {first} to {last}?",
)
TEXT_FIRST_PROMPT = replace(RUBRIC_PROMPT, name="rubric-text-first-1", layout="text_first")
LEVELS_PROMPT = PromptProfile(
    name="rubric-levels-1",
    template="{name}: {definition} {levels} Which level, {first} to {last}?",
)
ACTIVATED_PROMPT = PromptProfile(
    name="rubric-activated-1",
    template="{rubric} Which level, {first} to {last}?",
    layout="activated",
    answer="{name}:",
)

# What adapters trained here are asked with, by where they act.
PROMPT_OF: Mapping[str, PromptProfile] = {"lora": RUBRIC_PROMPT, "activated": ACTIVATED_PROMPT}


def build_prompt(rubric: Rubric, dimension: str, profile: PromptProfile = RUBRIC_PROMPT) -> str:
    """The full chat text for one picture, with a single IMAGE_TOKEN where the picture goes.

    Raises:
        BundleError: the words contain control tokens, which would let a rubric end its own turn
            or claim a second picture, or the profile has no words for this dimension.
    """
    text = _question(rubric, rubric[dimension], profile)
    answer = _filled(profile.answer, rubric, rubric[dimension])
    for part in (text, answer, profile.system):
        if CONTROL_TOKEN.search(part):
            raise BundleError(f"The words of {dimension!r} contain a control token of the model.")
    user = PICTURE + text if profile.layout == "image_first" else text + PICTURE
    return _turns(profile.system, user) + answer


def build_question(text: str, system: str) -> str:
    """The full chat text of a free question about one picture, which comes before ``text``.

    Raises:
        BundleError: the words contain control tokens.
    """
    if CONTROL_TOKEN.search(text) or CONTROL_TOKEN.search(system):
        raise BundleError("The words of a question contain a control token of the model.")
    return _turns(system, PICTURE + text)


def prompt_sha256(prompt: str) -> str:
    """Names the exact words an adapter was trained with, including those of its rubric."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def _turns(system: str, user: str) -> str:
    return (
        f"<|im_start|>system\n{system}<|im_end|>\n"
        f"<|im_start|>user\n{user}<|im_end|>\n"
        f"{ANSWER_BEGINS}"
    )


def _question(rubric: Rubric, dimension: Dimension, profile: PromptProfile) -> str:
    if dimension.slug in profile.texts:
        return profile.texts[dimension.slug]
    if profile.layout != "activated" and "{definition}" not in profile.template:
        raise BundleError(f"Prompt profile {profile.name!r} has no words for {dimension.slug!r}.")
    return _filled(profile.template, rubric, dimension)


def _filled(template: str, rubric: Rubric, dimension: Dimension) -> str:
    numbered = zip(rubric.level_numbers, dimension.levels, strict=True)
    values = {
        "name": dimension.name,
        "definition": dimension.definition,
        "first": str(rubric.first_level),
        "last": str(rubric.last_level),
        "levels": " ".join(f"{number}: {words}" for number, words in numbered),
        "rubric": " ".join(f"{d.name}: {d.definition}" for d in rubric.dimensions),
    }
    # One pass, so that braces in a school's own words stay what they are.
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)

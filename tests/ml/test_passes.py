"""What a prompt must be before adapters may share work on it, and whose words are kept."""

from __future__ import annotations

import pytest
import torch

from ml.bundle import LoadedBase, load_adapter, load_base
from ml.decoder import Decoder
from ml.errors import BundleError
from ml.lora_stack import LoraStack, stack_adapters
from ml.passes import ActivatedPass, OrdinaryPass, Question, _last_of, ask, invocation_tokens
from ml.prompts import (
    ACTIVATED_PROMPT,
    IMAGE_TOKEN,
    RUBRIC_PROMPT,
    PromptProfile,
    build_prompt,
)
from ml.rubric import KIDSART
from tests.ml.tiny_bundle import IMAGE, Bundle


@pytest.fixture(scope="module")
def base(pristine: Bundle) -> LoadedBase:
    return load_base(pristine.base, torch.device("cpu"), torch.float32)


def question(base: LoadedBase, slug: str, prompt: PromptProfile) -> Question:
    text = build_prompt(KIDSART, slug, prompt)
    return ask(base.processor, base.model.model, text, IMAGE.size_px)


@pytest.mark.parametrize("pictures", [0, 2])
def test_a_prompt_with_no_picture_or_with_two_is_refused(pictures: int, base: LoadedBase) -> None:
    prompt = build_prompt(KIDSART, "realism").replace(IMAGE_TOKEN, IMAGE_TOKEN * pictures)
    with pytest.raises(BundleError, match="exactly one picture"):
        ask(base.processor, base.model.model, prompt, IMAGE.size_px)


def test_words_kept_for_one_adapter_are_not_kept_for_the_next(
    base: LoadedBase, pristine: Bundle
) -> None:
    def stack(slug: str) -> LoraStack | None:
        weights = load_adapter(pristine.adapters[slug], base, KIDSART, slug).weights
        norm = base.model.model.language_model.norm.weight
        return stack_adapters([weights], base.model.config.text_config.num_hidden_layers, norm)

    run = OrdinaryPass(
        Decoder(base.model.model.language_model), [question(base, "realism", RUBRIC_PROMPT)]
    )
    fresh = run.prefix_of(stack("imagination"))
    for slug in ("realism", "imagination"):
        run.keep_prefix(stack(slug))
    for one, two in zip(run.prefix_of(None), fresh, strict=True):
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])


def test_activated_questions_that_begin_differently_are_refused(base: LoadedBase) -> None:
    decoder = Decoder(base.model.model.language_model)
    words = invocation_tokens(base.processor)
    one = question(base, "realism", ACTIVATED_PROMPT)
    ActivatedPass(decoder, [one, question(base, "imagination", ACTIVATED_PROMPT)], words)
    with pytest.raises(BundleError, match="share all words before the answer"):
        ActivatedPass(decoder, [one, question(base, "realism", RUBRIC_PROMPT)], words)


def test_an_answer_begins_where_its_words_stand_last() -> None:
    """As PEFT looks for it; it would score with the base where the words are missing."""
    assert _last_of(torch.tensor([7, 8, 1, 7, 8, 2]), [7, 8]) == 3
    with pytest.raises(BundleError, match="lacks the words"):
        _last_of(torch.tensor([7, 1, 8]), [7, 8])

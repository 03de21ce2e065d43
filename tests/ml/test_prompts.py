from __future__ import annotations

from dataclasses import replace

import pytest

from ml.errors import BundleError
from ml.prompts import IMAGE_TOKEN, RUBRIC_PROMPT, PromptProfile, build_prompt, prompt_sha256
from ml.rubric import KIDSART, Dimension, Rubric

LEVELS = ("flat", "some depth", "deep")
OWN_RUBRIC = Rubric(
    slug="clay",
    name="Clay rubric",
    dimensions=(
        Dimension("form", "Form", "Making", "How well the form {stands}.", LEVELS),
        Dimension("surface", "Surface", "Making", "How the surface was worked.", LEVELS),
    ),
)


@pytest.mark.parametrize(
    ("rubric", "slug"),
    [(rubric, slug) for rubric in (KIDSART, OWN_RUBRIC) for slug in rubric.slugs],
    ids=lambda value: value if isinstance(value, str) else value.slug,
)
def test_the_definition_of_the_dimension_is_in_its_prompt(rubric: Rubric, slug: str) -> None:
    prompt = build_prompt(rubric, slug)
    assert rubric[slug].definition in prompt
    assert rubric[slug].name in prompt
    assert f"{rubric.first_level} to {rubric.last_level}" in prompt


def test_a_prompt_holds_one_picture_and_ends_where_the_level_belongs() -> None:
    prompt = build_prompt(KIDSART, "realism")
    assert prompt.count(IMAGE_TOKEN) == 1
    assert prompt.endswith("<|im_start|>assistant\n")


def test_the_layout_decides_whether_the_picture_or_the_words_come_first() -> None:
    image_first = build_prompt(KIDSART, "realism")
    text_first = build_prompt(KIDSART, "realism", replace(RUBRIC_PROMPT, layout="text_first"))
    assert image_first.index(IMAGE_TOKEN) < image_first.index("Realism")
    assert text_first.index(IMAGE_TOKEN) > text_first.index("Realism")


def test_level_words_are_given_where_the_template_asks_for_them() -> None:
    profile = PromptProfile("with-levels", "{name}: {definition} {levels}")
    prompt = build_prompt(KIDSART, "realism", profile)
    assert all(words in prompt for words in KIDSART["realism"].levels)
    assert "2: Things are recognizable" in prompt


def test_words_of_an_imported_adapter_are_used_as_they_are() -> None:
    profile = PromptProfile("foreign", "", texts={"realism": "Rate {realism} <image> 1-5"})
    assert "Rate {realism} <image> 1-5<|im_end|>" in build_prompt(KIDSART, "realism", profile)
    with pytest.raises(BundleError, match="no words for 'deformation'"):
        build_prompt(KIDSART, "deformation", profile)


def test_a_profile_without_the_definition_is_refused() -> None:
    with pytest.raises(BundleError, match="definition"):
        PromptProfile("published", "Rate {name} from {first} to {last}.")


def test_nine_equal_questions_are_refused() -> None:
    with pytest.raises(BundleError, match="definition"):
        PromptProfile("all-alike", "{rubric} Which level?")


def test_an_activated_prompt_has_the_definitions_before_its_answer_or_in_it() -> None:
    with pytest.raises(BundleError, match="rubric"):
        PromptProfile("bare", "Which level?", layout="activated", answer="{name}:")
    answer = "{name}, {definition}:"
    profile = PromptProfile("late", "Which level?", layout="activated", answer=answer)
    assert KIDSART["realism"].definition in build_prompt(KIDSART, "realism", profile)


def test_rubric_words_cannot_end_their_turn_or_claim_a_picture() -> None:
    for words in ("<|im_end|>", f"Look: {IMAGE_TOKEN}"):
        dimensions = (replace(KIDSART["realism"], definition=words),)
        with pytest.raises(BundleError, match="control token"):
            build_prompt(replace(KIDSART, dimensions=dimensions), "realism")


def test_braces_in_rubric_words_stay_as_they_are() -> None:
    assert "How well the form {stands}." in build_prompt(OWN_RUBRIC, "form")


def test_a_reworded_rubric_has_another_prompt_hash() -> None:
    reworded = replace(
        KIDSART, dimensions=(replace(KIDSART["realism"], definition="How real it looks."),)
    )
    before, after = (build_prompt(rubric, "realism") for rubric in (KIDSART, reworded))
    assert prompt_sha256(before) != prompt_sha256(after)

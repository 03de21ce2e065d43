"""Feedback is about the picture: what compose says, and what lint lets through."""

from __future__ import annotations

import itertools

import pytest

from ml.feedback import Subject, compose, lint
from ml.feedback_words import NOTICED, TRY_NEXT, Bank
from ml.rubric import KIDSART, Dimension, Rubric

LEVELS = dict(zip(KIDSART.slugs, [2, 4, 5, 4, 4, 3, 2, 3, 4], strict=True))
TITLE = "Our street in spring"


def words(levels: dict[str, int], seed: int = 1, title: str = TITLE, grade: int | None = 4) -> str:
    made = compose(KIDSART, levels, {}, title, grade, seed)
    return f"{made.strength} {made.next_step}"


def test_every_dimension_and_level_has_two_things_to_notice_and_two_to_try() -> None:
    for bank in (NOTICED, TRY_NEXT):
        assert tuple(bank) == KIDSART.slugs
        for slug, levels in bank.items():
            assert len(levels) == len(KIDSART[slug].levels)
            assert all(len(set(phrases)) >= 2 for phrases in levels)


def test_no_sentence_of_the_bank_is_used_twice() -> None:
    heads = [
        head
        for bank in (NOTICED, TRY_NEXT)
        for levels in bank.values()
        for phrases in levels
        for head, _tail in phrases
    ]
    assert len(set(heads)) == len(heads)


@pytest.mark.parametrize("bank", [NOTICED, TRY_NEXT], ids=["noticed", "try next"])
def test_every_sentence_of_the_bank_is_about_the_picture(bank: Bank) -> None:
    for head, tail in (phrase for levels in bank.values() for cell in levels for phrase in cell):
        for text in (f"{head}.", f"{head}{tail}.", f"In “{TITLE}”, {head.lower()}{tail}."):
            assert lint(text) == [], text
            assert not any(letter.isdigit() for letter in text), text
            assert " you " not in f" {text.lower()} ", text


@pytest.mark.parametrize("slug", KIDSART.slugs)
def test_all_that_compose_says_of_a_level_is_about_the_picture(slug: str) -> None:
    for level, grade, seed in itertools.product(KIDSART.level_numbers, (1, 4), range(4)):
        text = words({slug: level}, seed, grade=grade)
        assert lint(text) == [], text
        assert ".." not in text
        assert "  " not in text


def test_the_strongest_dimension_is_praised_and_another_one_grows() -> None:
    heads = {head for head, _tail in NOTICED["imagination"][4]}
    for seed in range(30):
        made = compose(KIDSART, LEVELS, {}, "", 4, seed)
        assert any(made.strength.startswith(head) for head in heads)
        assert not any(
            head.lower() in made.next_step.lower()
            for phrases in TRY_NEXT["imagination"]
            for head, _tail in phrases
        )


def test_the_next_step_comes_from_the_dimension_nearest_to_its_next_level() -> None:
    levels = dict.fromkeys(KIDSART.slugs, 2) | {"imagination": 5}
    near = {"line_texture": 2.4, "color_contrast": 2.45, "realism": 2.3}
    expected = dict.fromkeys(KIDSART.slugs, 1.6) | near
    allowed = [head.lower() for slug in near for head, _tail in TRY_NEXT[slug][1]]
    for seed in range(40):
        step = compose(KIDSART, levels, expected, TITLE, 4, seed).next_step.lower()
        assert any(head in step for head in allowed), step


def test_a_dimension_at_the_top_is_not_what_grows_while_others_can() -> None:
    levels = dict.fromkeys(KIDSART.slugs, 5) | {"line_texture": 4}
    heads = [head.lower() for head, _tail in TRY_NEXT["line_texture"][3]]
    for seed in range(20):
        step = compose(KIDSART, levels, {}, TITLE, 4, seed).next_step.lower()
        assert any(head in step for head in heads), step


def test_a_class_of_28_with_the_same_levels_reads_many_different_feedbacks() -> None:
    levels = dict.fromkeys(KIDSART.slugs, 3)
    assert len({words(levels, seed) for seed in range(28)}) >= 26


def test_the_same_picture_always_gets_the_same_words() -> None:
    assert words(LEVELS, seed=7) == words(LEVELS, seed=7)


def test_the_youngest_get_short_sentences() -> None:
    for seed in range(60):
        made = compose(KIDSART, LEVELS, {}, TITLE, 1, seed)
        assert len(made.strength.split()) <= 16
        assert len(made.next_step.split()) <= 16


def test_a_dimension_the_model_abstained_on_is_passed_over() -> None:
    rest = {slug: level for slug, level in LEVELS.items() if slug != "imagination"}
    heads = [h for phrases in NOTICED["imagination"] for h, _tail in phrases]
    assert not any(h.lower() in words(rest, seed).lower() for seed in range(30) for h in heads)


def test_without_any_level_the_words_claim_nothing() -> None:
    made = compose(KIDSART, {}, {}, TITLE, 4, 1)
    assert made.strength
    assert made.next_step
    assert lint(made.strength + " " + made.next_step) == []


def test_a_level_off_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="scale"):
        compose(KIDSART, {"realism": 0}, {}, TITLE, 4, 1)


@pytest.mark.parametrize(
    "title",
    ["Our gifted artists", "You are sad", "", "x" * 300, "{0.__class__}", "Мой дом 🏠", "“”\n\n"],
)
def test_any_title_of_an_assignment_leaves_clean_words(title: str) -> None:
    for seed in range(20):
        assert lint(words(LEVELS, seed, title)) == []


def own_rubric(*words_of_levels: str) -> Rubric:
    return Rubric(
        "clay", "Clay", (Dimension("joins", "Joins", "Clay", "How parts hold", words_of_levels),)
    )


def test_another_rubric_speaks_in_its_own_level_words() -> None:
    rubric = own_rubric("Parts touch.", "Parts hold", "Parts are one.")
    made = compose(rubric, {"joins": 2}, {}, TITLE, 4, 1)
    assert made.strength == "Look at the joins: parts hold."
    assert made.next_step.endswith("parts are one.")


def test_words_of_another_rubric_that_label_the_child_are_not_passed_on() -> None:
    rubric = own_rubric("A weak student.", "A gifted student.", "A genius.")
    made = compose(rubric, {"joins": 2}, {}, TITLE, 4, 1)
    assert "gifted" not in made.strength
    assert "genius" not in made.next_step


REFUSED = {
    Subject.FEELINGS: (
        "You are sad.",
        "You’re really happy today",
        "This shows that you were very lonely.",
        "The child seems anxious.",
        "She looks upset.",
        "You must have been so angry when you drew this.",
        "You clearly enjoyed painting the sky.",
        "The dark sky shows your sadness.",
        "The black tells us how you feel about it.",
        "There are signs of depression.",
        "This is good for your self-esteem.",
        "A picture of trauma.",
        "It makes you feel proud.",
    ),
    Subject.ABILITY: (
        "You are so talented!",
        "What a gifted child",
        "This is lazy.",
        "You are weak at drawing.",
        "A smart girl drew this.",
        "You're a natural artist.",
        "You can't draw hands.",
        "Your drawing skills are limited.",
        "You are not creative.",
        "A little genius!",
        "Sloppy work.",
        "You are good at drawing.",
    ),
    Subject.COMPARISON: (
        "It is better than most of your classmates.",
        "The best picture in the class",
        "You draw better than the others.",
        "You are ahead of your class.",
        "Compared to other children, there is little color.",
        "Very good for your age.",
        "Below average use of the page.",
        "You are the best!",
        "Use more color, like the other students.",
    ),
    Subject.PERSON: (
        "Your mother must have helped.",
        "There may be problems at home.",
        "Typical for ADHD.",
        "Maybe the child is autistic.",
        "You are so pretty.",
        "Good girl!",
        "That is strong for a boy.",
        "The student's behavior was fine.",
        "Your hair looks the same in it.",
    ),
}


@pytest.mark.parametrize(
    ("subject", "text"), [(subject, text) for subject, texts in REFUSED.items() for text in texts]
)
def test_words_about_the_child_are_found_with_a_reason(subject: Subject, text: str) -> None:
    findings = lint(text)
    assert subject in {finding.subject for finding in findings}
    assert all(finding.reason and finding.excerpt for finding in findings)


@pytest.mark.parametrize(
    "text",
    [
        "The sad clouds lean over a happy little house.",
        "The cat looks angry, and its tail is wild.",
        "Brilliant yellow makes the sun strong.",
        "A weak contrast can be turned into a strong one.",
        "The lazy river winds through the page.",
        "The lines are better than in the last picture.",
        "The house stands taller than the others.",
        "A clever idea: the umbrella is a tree.",
        "You used three kinds of marks, and you mixed two greens.",
        "If you like, try this at home.",
        "Choose three colors you like.",
        "Your house looks like a ship, and your line weight changes.",
        "Your race car flies past the talent show.",
        "Look at how great painters use shadow.",
        "The child in the picture is happy.",
        "She holds a kite in the wind.",
        "Feel a piece of bark and invent a mark for it.",
        "The strongest contrast is in the middle of the page.",
        "Sad and happy faces look out of the windows.",
        "Place a dog next to the children.",
    ],
)
def test_words_about_the_picture_pass(text: str) -> None:
    assert lint(text) == []


def test_a_sentence_about_the_childs_name_is_about_the_child() -> None:
    assert lint("Amara is sad.") == []
    assert lint("Amara is sad.", names=["Amara"])[0].subject is Subject.FEELINGS
    assert lint("Bo (Jr.) was angry.", names=["Bo (Jr.)", ""])


def test_the_level_words_of_the_rubric_itself_pass() -> None:
    for dimension in KIDSART.dimensions:
        assert lint(" ".join((dimension.definition, *dimension.levels))) == []


def test_one_phrase_is_reported_once_for_each_reason_in_reading_order() -> None:
    findings = lint("You are sad and your mother is a genius.")
    assert [finding.subject for finding in findings] == [
        Subject.FEELINGS,
        Subject.PERSON,
        Subject.ABILITY,
    ]


def test_what_two_rules_find_in_the_same_words_is_reported_once() -> None:
    assert len(lint("You are a smart student.")) == 1

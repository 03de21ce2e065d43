"""A strength and a next step for one picture, put together from words. Standard library only.

Used at once for every picture, and kept where the model cannot write (``ml.writer``). It knows the
levels of the picture and nothing else of it, so it says nothing that the level does not say.
``lint`` checks all feedback, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ml.feedback_lint import Finding, Subject, lint
from ml.feedback_words import NOTICED, TRY_NEXT, Bank, Phrase
from ml.rubric import KIDSART, Dimension, Rubric

__all__ = [
    "Feedback",
    "Finding",
    "Focus",
    "Manner",
    "Subject",
    "chance_of",
    "choose_focus",
    "compose",
    "is_young",
    "lint",
    "reading_grade",
]

LAST_YOUNG_GRADE = 2  # up to here: the first half of each sentence, about ten words
MAX_TITLE_LETTERS = 60
FEWEST_WORDS = 12  # of which a reading level can be told
NEAREST = 3  # the next step is chosen among this many dimensions, so that a class reads variety

NOTICED_OPENINGS: tuple[str, ...] = ("", "In “{title}”, ")
YOUNG_NOTICED_OPENINGS: tuple[str, ...] = ("", "Look: ")
NEXT_OPENINGS = ("", "Next time, ", "In the next picture, ")
YOUNG_NEXT_OPENINGS = ("", "Next time, ")
NOTHING_NOTICED = (
    "There is a lot to look at in this picture.",
    "Every part of this picture counts.",
)
NOTHING_NEXT = (
    "Choose one part of the picture and work on it some more.",
    "Look at the picture from far away and choose one part to add to.",
)


@dataclass(frozen=True)
class Feedback:
    strength: str
    next_step: str


@dataclass(frozen=True)
class Manner:
    """How the words are put: warm ones lead in, plain ones do not; short ones are one half."""

    tone: str = "warm"  # warm or plain
    length: str = "usual"  # usual or short

    @property
    def plain(self) -> bool:
        return self.tone == "plain"

    @property
    def short(self) -> bool:
        return self.length == "short"


@dataclass(frozen=True)
class Focus:
    """What the words are about: one dimension to notice and one to work on."""

    strong: Dimension
    growing: Dimension


def compose(
    rubric: Rubric,
    levels: Mapping[str, int],
    expected: Mapping[str, float],
    title: str,
    grade: int | None,
    seed: int,
    manner: Manner = Manner(),  # noqa: B008  # frozen
) -> Feedback:
    """Words for the dimensions in ``levels``; those without a level are passed over in silence.

    ``expected`` (in levels) says which dimension is nearest to its next level; one that is missing
    counts as its level. ``grade`` is the school grade, None if unknown. The same arguments always
    give the same words.
    """
    chance = chance_of(seed)
    short = is_young(grade) or manner.short
    openings = Openings.of(grade, manner)
    title = " ".join(title.split())
    focus = choose_focus(rubric, levels, expected, chance)
    if focus is None:
        return Feedback(chance.choice(NOTHING_NOTICED), chance.choice(NOTHING_NEXT))
    strong, growing = focus.strong, focus.growing
    return Feedback(
        strength=_strength(
            strong, levels[strong.slug] - rubric.first_level, title, short, openings, chance
        ),
        next_step=_next_step(
            growing, levels[growing.slug] - rubric.first_level, short, openings, chance
        ),
    )


@dataclass(frozen=True)
class Openings:
    """What a sentence may begin with before its own words; the first is always nothing."""

    noticed: tuple[str, ...]
    next_step: tuple[str, ...]

    @staticmethod
    def of(grade: int | None, manner: Manner) -> Openings:
        if manner.plain:
            return Openings(("",), ("",))
        if is_young(grade):
            return Openings(YOUNG_NOTICED_OPENINGS, YOUNG_NEXT_OPENINGS)
        return Openings(NOTICED_OPENINGS, NEXT_OPENINGS)


def chance_of(seed: int) -> Random:
    return Random(f"feedback {seed}")  # neighboring numbers alone begin alike


def reading_grade(text: str) -> float | None:
    """The school grade in which a text is read with ease; None for too few words to say.

    Source: Coleman and Liau (1975), .0588 L - .296 S - 15.8, with letters and sentences per 100
    words. It counts letters, no syllables, so it needs no dictionary.
    """
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text)
    if len(words) < FEWEST_WORDS:
        return None
    letters = sum(char.isalpha() for char in text)
    sentences = len(re.findall(r"[.!?…]+(?=\s|$)", text)) or 1
    per_100 = 100 / len(words)
    return max(1.0, 0.0588 * letters * per_100 - 0.296 * sentences * per_100 - 15.8)


def is_young(grade: int | None) -> bool:
    return grade is not None and grade <= LAST_YOUNG_GRADE


def choose_focus(
    rubric: Rubric, levels: Mapping[str, int], expected: Mapping[str, float], chance: Random
) -> Focus | None:
    """None without any level. With ``chance_of`` the same seed, what ``compose`` speaks of."""
    seen = [d for d in rubric.dimensions if d.slug in levels]
    if any(levels[d.slug] not in rubric.level_numbers for d in seen):
        raise ValueError("a level is not on the scale of the rubric")
    if not seen:
        return None
    strong = _strongest(seen, levels, chance)
    return Focus(strong, _growing(seen, strong, levels, expected, rubric.last_level, chance))


def _strongest(seen: Sequence[Dimension], levels: Mapping[str, int], chance: Random) -> Dimension:
    best = max(levels[d.slug] for d in seen)
    return chance.choice([d for d in seen if levels[d.slug] == best])


def _growing(
    seen: Sequence[Dimension],
    strong: Dimension,
    levels: Mapping[str, int],
    expected: Mapping[str, float],
    last_level: int,
    chance: Random,
) -> Dimension:
    """One of those nearest to their next level, from the lower half of what can still grow.

    Path not taken: the lowest level. Realism is low in almost every picture of a young child, so a
    whole class would read the same advice.
    """
    others = [d for d in seen if d is not strong] or [strong]
    open_ended = [d for d in others if levels[d.slug] < last_level] or others
    middle = sorted(levels[d.slug] for d in open_ended)[len(open_ended) // 2]
    lower_half = [d for d in open_ended if levels[d.slug] <= middle]
    lower_half.sort(key=lambda d: levels[d.slug] - expected.get(d.slug, levels[d.slug]))
    return chance.choice(lower_half[:NEAREST])


def _strength(
    dimension: Dimension, at: int, title: str, short: bool, openings: Openings, chance: Random
) -> str:
    phrase = _phrase(NOTICED, dimension, at, chance)
    if phrase is None:
        return _first_clean(
            f"Look at the {_lower(dimension.name)}: {_lower(dimension.levels[at])}",
            f"There is a lot to see in the {_lower(dimension.name)} of this picture.",
            chance.choice(NOTHING_NOTICED),
        )
    choices = openings.noticed
    if not title or len(title) > MAX_TITLE_LETTERS:
        choices = choices[:1]
    opening = chance.choice(choices).format(title=title)
    # A title may hold any words; without it the sentence is the bank's own.
    return _first_clean(_sentence(opening, phrase, short), _sentence("", phrase, short))


def _next_step(
    dimension: Dimension, at: int, short: bool, openings: Openings, chance: Random
) -> str:
    phrase = _phrase(TRY_NEXT, dimension, at, chance)
    if phrase is not None:
        return _first_clean(_sentence(chance.choice(openings.next_step), phrase, short))
    name = _lower(dimension.name)
    if at + 1 == len(dimension.levels):
        return _first_clean(
            f"Take the {name} into a picture of something new.", chance.choice(NOTHING_NEXT)
        )
    return _first_clean(
        f"Work on the {name} next. This is where it can lead: {_lower(dimension.levels[at + 1])}",
        f"Work on the {name} next.",
        chance.choice(NOTHING_NEXT),
    )


def _phrase(bank: Bank, dimension: Dimension, at: int, chance: Random) -> Phrase | None:
    """From the bank, but only if the dimension means there what it means here."""
    if dimension.slug not in KIDSART.slugs or KIDSART[dimension.slug].levels != dimension.levels:
        return None
    return chance.choice(bank[dimension.slug][at])


def _sentence(opening: str, phrase: Phrase, short: bool) -> str:
    head, tail = phrase
    return opening + (_lower(head) if opening else head) + ("" if short else tail)


def _first_clean(*choices: str) -> str:
    """The first that passes the check, or the last; ended like a sentence."""
    text = next((text for text in choices if not lint(text)), choices[-1])
    return text if text[-1] in ".?!…" else text + "."


def _lower(text: str) -> str:
    """For the middle of a sentence; an abbreviation keeps its capitals."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]

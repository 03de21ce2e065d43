"""Finds words about the child in feedback that should be about the picture. Standard library only.

It reads English, by pattern. Clouds may be sad and colors brilliant: a rule needs the child as its
subject ("you", "the student", a name that was given), or a word that is never about a picture.
Path not taken: asking a language model. The answer must be the same every time, at once and in the
web process, and a teacher must be able to see which words it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ml.sentences import marked as _


class Subject(StrEnum):
    """What feedback on a picture has no business with."""

    FEELINGS = "feelings"
    ABILITY = "ability"
    COMPARISON = "comparison"
    PERSON = "person"


REASONS: Mapping[Subject, str] = {
    Subject.FEELINGS: _(
        "This guesses at what the child feels or thinks. Say what the picture shows instead."
    ),
    Subject.ABILITY: _(
        "This labels the child's ability. Say what can be seen in the picture, or what to try."
    ),
    Subject.COMPARISON: _(
        "This compares the child with others. Compare with the rubric or an earlier picture."
    ),
    Subject.PERSON: _(
        "This is about the child's person, health or family. Keep to what is on the page."
    ),
}


@dataclass(frozen=True)
class Finding:
    subject: Subject
    excerpt: str

    @property
    def reason(self) -> str:
        return REASONS[self.subject]


def lint(text: str, names: Sequence[str] = ()) -> list[Finding]:
    """Everything in ``text`` that is about the child rather than the picture, in reading order.

    ``names`` are names the child goes by. "He" and "she" count as the child only where a sentence
    begins with them, since a figure in the picture is "he" or "she", too.
    """
    text = text.replace("’", "'")
    found = [
        (match.start(), match.end(), subject, match.group(0))
        for subject, pattern in _rules(tuple(name for name in names if name.strip()))
        for match in pattern.finditer(text)
    ]
    findings: list[Finding] = []
    reached: dict[Subject, int] = {}
    for start, end, subject, excerpt in sorted(found):
        if start >= reached.get(subject, 0):
            findings.append(Finding(subject, excerpt.strip()))
            reached[subject] = end
    return findings


# Words the rules are made of. <child>, <seems> and the like are filled in by _rules.
WORDS: Mapping[str, str] = {
    "child": (
        r"(?:(?:\b(?:you|your child|(?:the|this|that) (?:child|kid|student|pupil|young artist)"
        r"(?! in (?:the|this|your) (?:picture|drawing|painting)))|"
        r"(?:^|(?<=[.!?]\s)|(?<=\n))(?:he|she)<names>)(?!\w))"
    ),
    "seems": (
        r"(?:'(?:re|s)|\s+(?:is|are|was|were|feels?|felt|seems?|seemed|looks?|looked|sounds?|"
        r"(?:must|might|may|could) (?:be|have been|feel|have felt)|(?:have|has) been|"
        r"(?:seems?|appears?) to be))"
    ),
    "adverb": (
        r"(?:\s+(?:very|really|so|quite|rather|too|a bit|a little|still|always|often|clearly|"
        r"obviously|probably|maybe|perhaps|deeply|naturally|truly|just|not|also|never|such|"
        r"a|an|the))*"
    ),
    "feeling": (
        r"(?:sad|unhappy|happy|angry|mad|lonely|anxious|worried|nervous|scared|afraid|frightened|"
        r"upset|stressed|depressed|troubled|insecure|confident|shy|excited|bored|frustrated|calm|"
        r"cheerful|joyful|jealous|proud|ashamed|embarrassed|relaxed|tired|hurt|moody|withdrawn|"
        r"glad|in love|homesick|grieving)\b"
    ),
    "trait": (
        r"(?:smart|clever|brilliant|bright|intelligent|weak|poor|strong|slow|careless|messy|sloppy|"
        r"excellent|amazing|good|great|bad|terrible|creative|uncreative|artistic|hopeless|special|"
        r"advanced|average|skilled|skillful|natural|born to)\b"
    ),
    "pupil": r"(?:child|kid|student|pupil|learner|boy|girl)",
    "people": (
        r"(?:children|kids|students|pupils|boys|girls|classmates?|peers?|friends?|everyone|"
        r"everybody|anyone|anybody)\b"
    ),
    "class": r"(?:your|the|this|our) (?:whole )?(?:class|grade|school|year)\b",
    "whose": r"\b(?:your|the (?:child|student|pupil)'s)",
}

RULES: Mapping[Subject, tuple[str, ...]] = {
    Subject.FEELINGS: (
        r"<child><seems><adverb>\s+<feeling>",
        r"<child>(?:\s+(?:clearly|really|obviously|surely|must have))*\s+"
        r"(?:loved|enjoyed|hated|feared|dreaded)\b",
        r"<child>\s+(?:clearly|really|obviously|surely|must)\s+(?:love|enjoy|hate|fear|dread)s?\b",
        r"\b(?:what|how|that|shows|because)\s+<child>\s+(?:feels?|felt)\b",
        r"\b(?:makes|made|making)\s+you(?:\s+feel)?\s+<feeling>",
        r"<whose>\s+(?:own\s+|inner\s+)?(?:feelings?|emotions?|moods?|sadness|anger|fears?|joy|"
        r"happiness|loneliness|anxiety|depression|worries|world of feelings|inner (?:life|world)|"
        r"state of mind|soul|subconscious)\b",
        r"\b(?:emotional|mental|psychological) "
        r"(?:state|health|problems?|issues?|distress|well-?being)\b",
        r"\b(?:signs? of|suffers? from|struggles? with) "
        r"(?:depression|anxiety|stress|sadness|anger)\b",
        r"\b(?:trauma\w*|self[- ]esteem|self[- ]confidence)\b",
    ),
    Subject.ABILITY: (
        r"\b(?:un)?talent(?:s|ed|less)?\b(?! shows?\b)",
        r"\bgifted(?:ness)?\b",
        r"\b(?:genius|prodigy|stupid|dumb|incompetent|slow learner)\b",
        r"\blazy\b(?! (?:rivers?|cats?|dogs?|lions?|bears?|sloths?|snails?|clouds?|sun|afternoons?|"
        r"days?|summers?|sundays?|curves?|waves?)\b)",
        r"<child><seems><adverb>\s+<trait>",
        r"\b<trait> (?:<pupil>s?|artist|painter)\b"
        r"(?! in (?:the|this|your) (?:picture|drawing|painting))",
        r"\b(?:weak|poor|careless|sloppy) (?:work|effort|attempt|performance|result|skills?)\b",
        r"\b(?:good|bad|weak|strong|poor|hopeless|great|terrible|best) at "
        r"(?:art|drawing|painting|coloring|making|this)\b",
        r"<whose> (?:(?:drawing|painting|art|artistic|creative|low|high|weak|natural) )?"
        r"(?:ability|abilities|skills?|intelligence|iq|potential|weakness(?:es)?)\b",
        r"<child> (?:can't|cannot|can not|could not|couldn't|will never|"
        r"(?:do not|don't) know how to) (?:draw|paint|color|concentrate)\b",
        r"\b(?:high|low)[- ]ability\b",
    ),
    Subject.COMPARISON: (
        r"\bthan (?:(?:the|your|all|most|any|many|some|other|of|rest) )*<people>",
        r"\bthan (?:(?:most|all|the|rest|others|other|ones) )*(?:in|of|at) <class>",
        r"<child>\b[^.!?\n]{0,40}\b(?:better|worse|faster|slower|(?:more|less) \w+) than "
        r"(?:the )?(?:others?|rest|most)\b",
        r"<child><seems> the (?:best|worst|weakest|top|finest)\b",
        r"\b(?:best|worst|weakest|strongest|top|finest|most \w+) "
        r"(?:(?:picture|work|drawing|painting|one|artist|student)s? )?(?:in|of) <class>",
        r"\b(?:ahead of|behind|above|below|top of|bottom of) "
        r"(?:<class>|(?:your|the) (?:peers|classmates))",
        r"\b(?:compared|in comparison) (?:to|with) (?:(?:the|your|all|most|other|rest|of) )*"
        r"(?:<people>|<class>|class\b)",
        r"\b(?:like|unlike|as well as) (?:(?:the|your|all|most) )*"
        r"(?:other <people>|classmates|peers)",
        r"\b(?:above|below) average\b|\bclass (?:average|rank)\b",
        r"\bfor (?:your|his|her|their) age\b|\bfor a child (?:of|your|that|this)\b",
    ),
    Subject.PERSON: (
        r"<whose> (?:(?:own|whole|older|younger|little|big|dark|light|long|curly|pretty) )?"
        r"(?:mother|father|mom|mum|mommy|dad|daddy|parents?|family|brother|sister|siblings?|grandma|"
        r"grandpa|grandmother|grandfather|upbringing|culture|religion|hair|skin|face|body|weight|"
        r"height|clothes|glasses|smile|accent|age|gender|race(?! cars?| track)|behaviou?r|attitude|"
        r"personality|temperament)\b",
        r"\bproblems? at home\b|\bhome life\b",
        r"\b(?:autis\w+|adhd|dyslexi\w+|dyspraxi\w+|diagnos\w+|syndrome|disab(?:led|ility)|"
        r"impairments?|special needs|on the spectrum|developmental(?:ly)? delay\w*|therapy|"
        r"therapist|(?:learning|attention|behaviou?ral|mental|eating|developmental|mood) "
        r"(?:deficit )?disorders?)\b",
        r"\b(?:im)?mature for\b|\bimmature\b",
        r"\bfor a (?:boy|girl)\b|\bgood (?:boy|girl)\b|\b(?:boys|girls) (?:usually|always) ",
        r"<child><seems><adverb>\s+(?:beautiful|pretty|handsome|cute|ugly|fat|skinny|sick|ill)\b",
    ),
}


@lru_cache(maxsize=64)
def _rules(names: tuple[str, ...]) -> tuple[tuple[Subject, re.Pattern[str]], ...]:
    called = "".join(rf"|(?<!\w){re.escape(name)}" for name in names)
    words = {**WORDS, "child": WORDS["child"].replace("<names>", called)}

    def filled(rule: str) -> str:
        for word, pattern in words.items():
            rule = rule.replace(f"<{word}>", pattern)
        return rule

    return tuple(
        (subject, re.compile(filled(rule), re.IGNORECASE))
        for subject, rules in RULES.items()
        for rule in rules
    )

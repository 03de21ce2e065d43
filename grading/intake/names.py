"""File names: shown safely, and matched to the students of a class."""

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

MAX_NAME_LENGTH = 120
_MAX_EXTENSION_LENGTH = 10


def safe_name(name: str) -> str:
    """The last part of a file name, fit to be stored and shown: no path, no control characters,
    nothing that turns the direction of the text, at most 120 characters with its extension."""
    name = unicodedata.normalize("NFC", _without_unsafe(name))
    name = re.split(r"[/\\]", name)[-1]
    name = _tidy(name)
    if len(name) > MAX_NAME_LENGTH:
        name = _shortened(name)
    return name or "picture"


def tidy_text(text: str) -> str:
    """One line of text without control characters, and with single spaces."""
    if text.isascii() and text.isprintable():  # most cells of a table
        return " ".join(text.split())
    return " ".join(_without_unsafe(unicodedata.normalize("NFC", text)).split())


def _without_unsafe(name: str) -> str:
    return "".join(_safe_character(character) for character in name)


# Zero-width joiners hold emoji and some scripts together.
_JOINERS = "\u200c\u200d"


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp") or character in "\t\r\n":
        return " "
    if category in ("Cc", "Cs", "Cn") or (category == "Cf" and not _is_harmless_format(character)):
        return ""
    return character


def _is_harmless_format(character: str) -> bool:
    # Tag characters spell the flags of England, Scotland and Wales.
    return character in _JOINERS or "\U000e0020" <= character <= "\U000e007f"


def _tidy(name: str) -> str:
    return re.sub(r" +", " ", name).strip(" .")


def _shortened(name: str) -> str:
    stem, extension = _split_extension(name)
    kept = stem[: MAX_NAME_LENGTH - len(extension)]
    # Do not leave half of a joined emoji behind.
    return kept.rstrip(" ." + _JOINERS) + extension


def _split_extension(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if dot and stem and extension.isalnum() and len(extension) < _MAX_EXTENSION_LENGTH:
        return stem, dot + extension
    return name, ""


@dataclass(frozen=True)
class RosterEntry(Generic[Key]):
    """A student of the class. `number` is the place on the class list or the school's number."""

    key: Key
    display_name: str
    number: str | int | None = None


def match_student(file_name: str, roster: Sequence[RosterEntry[Key]]) -> Key | None:
    """The one student whom a file name means, by name or by number; None when in any doubt.

    A wrong match costs more than none: the rest are matched by clicking.
    """
    stem = _stem(file_name)
    named = _named(stem, roster)
    numbered = _numbered(stem, roster)
    if named and numbered:
        found = [entry for entry in named if entry in numbered]
    else:
        found = named or numbered
    keys = {entry.key for entry in found}
    return keys.pop() if len(keys) == 1 else None


_COPY_MARK = re.compile(r"(?:\s*\(\d{1,3}\)|[\s_-]+copy(?:\s*\d{1,3})?)$", re.IGNORECASE)


def _stem(file_name: str) -> str:
    name = re.split(r"[/\\]", file_name)[-1]
    stem = re.sub(r"\.[A-Za-z]{3,5}$", "", name.strip())
    return _COPY_MARK.sub("", stem).strip()


# Letters that Unicode does not take apart into a base letter and an accent.
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe",
                        "ı": "i"})  # fmt: skip


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return plain.translate(_PLAIN)


def _words(text: str) -> list[str]:
    """Words of letters, folded; "BenT" is two words, digits and signs part words."""
    text = unicodedata.normalize("NFC", text).replace("'", "").replace("\u2019", "")
    text = re.sub(r"([^\W\d_A-Z])([A-Z])", r"\1 \2", text)
    letters = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in text)
    return [word for part in letters.split() if (word := _folded(part))]


@dataclass(frozen=True)
class _Name:
    words: tuple[str, ...]

    @property
    def has_initial(self) -> bool:
        return any(len(word) == 1 and word.isascii() for word in self.words)


def _named(stem: str, roster: Sequence[RosterEntry[Key]]) -> list[RosterEntry[Key]]:
    """The students whom the words may mean, by the best kind of match that anyone reaches."""
    words = _words(stem)
    names = [(entry, _Name(tuple(_words(entry.display_name)))) for entry in roster]
    full = [(entry, name) for entry, name in names if _has_full_name(words, name)]
    if full:
        return _longest(full)
    with_initial = [entry for entry, name in names if _has_name_with_initial(words, name)]
    if with_initial:
        return with_initial
    return [entry for entry, name in names if _has_first_name(words, name)]


def _has_full_name(words: Sequence[str], name: _Name) -> bool:
    if len(name.words) < 2:
        return False
    orders = {name.words, name.words[1:] + name.words[:1], name.words[-1:] + name.words[:-1]}
    if any(tuple(window) in orders for window in _windows(words, len(name.words))):
        return True
    # "Ben T" must not be found in "bent".
    if name.has_initial:
        return False
    joined = {"".join(order) for order in orders}
    return any("".join(w) in joined for n in range(1, len(words) + 1) for w in _windows(words, n))


def _longest(full: Sequence[tuple[RosterEntry[Key], _Name]]) -> list[RosterEntry[Key]]:
    """One student may be called "Ann Lee Park" and another one "Ann Lee"."""
    longest = max((name for _, name in full), key=lambda name: len(name.words))
    return [
        entry
        for entry, name in full
        if len(name.words) == len(longest.words) or not set(name.words) <= set(longest.words)
    ]


def _has_name_with_initial(words: Sequence[str], name: _Name) -> bool:
    """The file says "Ben T", the roster "Ben Turner"."""
    if len(name.words) < 2:
        return False
    first, last = name.words[0], name.words[-1]
    return any(window == [first, last[:1]] for window in _windows(words, 2))


def _has_first_name(words: Sequence[str], name: _Name) -> bool:
    if not name.words or (len(name.words[0]) == 1 and name.words[0].isascii()):
        return False
    first, rest = name.words[0], name.words[1:]
    for place, word in enumerate(words):
        if word != first:
            continue
        following = words[place + 1] if place + 1 < len(words) else ""
        other_initial = len(following) == 1 and bool(rest) and not rest[-1].startswith(following)
        if not other_initial:
            return True
    return False


def _windows(words: Sequence[str], length: int) -> Iterable[Sequence[str]]:
    return (words[at : at + length] for at in range(len(words) - length + 1))


# Numbers count only where a person wrote them as a student's number. A camera's counter
# (IMG_2034), a date and "3 cats" are none.
_NUMBER_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"^0*(\d{1,10})$",  # 07
        r"^\d{1,2}[a-z][\s_.-]+0*(\d{1,4})(?:$|[\s_.-]+(?!\d))",  # 3B-07
        r"^0+(\d{1,2})[\s_.-]+(?=[^\W\d_])",  # 07 spring
        r"^(\d{1,3})[_-]+(?=[^\W\d_])",  # 12_spring
        r"(?:#|\b(?:no|nr|number|student)[\s._-]*)0*(\d{1,10})\b",  # student 7
    )
)


def _numbered(stem: str, roster: Sequence[RosterEntry[Key]]) -> list[RosterEntry[Key]]:
    stem = _folded(stem).strip()
    found = [match.group(1) for pattern in _NUMBER_PATTERNS if (match := pattern.search(stem))]
    # A school's number may hold letters; then it must be all there is.
    said = {number.lstrip("0") for number in [stem, *found]}
    return [entry for entry in roster if _plain_number(entry) and _plain_number(entry) in said]


def _plain_number(entry: RosterEntry[Key]) -> str:
    return "" if entry.number is None else _folded(str(entry.number)).strip().lstrip("0")

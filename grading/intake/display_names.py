"""From the names of a list to what is kept of them: as little as tells a class apart."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from grading.intake.rosters import Entry

MAX_DISPLAY_NAME = 60


class Style(StrEnum):
    INITIAL = "initial"  # Amara B.
    FIRST = "first"  # Amara
    AS_IS = "as_is"  # Amara Bauer


def class_key(name: str) -> str:
    """By which "3B" and "3b" are one class."""
    return " ".join(name.split()).casefold()


Place = tuple[str, str]


def places_of(name: str, sourced_id: str) -> list[Place]:
    """Under which a class that is here is looked for: by its name, and by its id or as one that
    has none yet."""
    own = ("id", sourced_id) if sourced_id else ("bare", class_key(name))
    return [("name", class_key(name)), own]


def _places(entry: Entry) -> list[Place]:
    """Where to look for the class of a row: the first one that is known is it."""
    if entry.class_sourced_id:
        return [("id", entry.class_sourced_id), ("bare", class_key(entry.classroom))]
    return [("name", class_key(entry.classroom))]


@dataclass(eq=False)
class _Person:
    """A child of the list, in one class or several."""

    first: str
    last: str
    whole: str
    style: Style
    letters: int = 0

    @cached_property
    def core(self) -> str:
        return _core(self.last)

    @property
    def display(self) -> str:
        if self.style == Style.AS_IS or not (self.first and self.last):
            return self.whole or self.first or self.last
        if not self.letters:
            return self.first
        start = _start(self.core, self.letters)
        return f"{self.first} {start}" + ("" if start == self.core else ".")

    def lengthen(self) -> bool:
        """One letter more of the last name, if there is one."""
        if self.style == Style.AS_IS or not (self.first and self.last):
            return False
        before = _start(self.core, self.letters) if self.letters else ""
        if self.letters and before == self.core:
            return False
        if self.letters > MAX_DISPLAY_NAME:  # too long to be kept, and long to look for
            return False
        self.letters += 1
        return True


def _core(last: str) -> str:
    """ "van der Berg" goes by B."""
    parts = last.split()
    while len(parts) > 1 and parts[0][:1].islower():
        parts.pop(0)
    core = " ".join(parts)
    return core[:1].upper() + core[1:]


def _start(core: str, letters: int) -> str:
    """Its first letters; an accent that is a character of its own stays with its letter."""
    while letters < len(core) and (
        unicodedata.category(core[letters])[0] == "M" or core[letters - 1] in " -'’"
    ):
        letters += 1
    return core[:letters]


def same_person(entry: Entry) -> tuple[str, ...]:
    """Rows with the same one are of the same child."""
    if entry.sourced_id:
        return ("sourced", entry.sourced_id)
    if entry.number:
        return ("number", entry.number)
    return ("name", class_key(entry.classroom), _whole(entry).casefold())


def _whole(entry: Entry) -> str:
    return entry.full or " ".join(filter(None, (entry.first, entry.last)))


def display_names(
    entries: Iterable[Entry], style: Style, taken: Mapping[Place, Collection[str]]
) -> dict[tuple[str, ...], str]:
    """What each child of the list is called: two of one class never look the same, if their names
    have the letters for it. ``taken``: by class (see places_of), what others in it are called who
    are not in the list."""
    people: dict[tuple[str, ...], _Person] = {}
    classes: dict[Place, set[_Person]] = defaultdict(set)
    known: set[_Person] = set()
    for entry in entries:
        key = same_person(entry)
        person = people.setdefault(
            key,
            _Person(entry.first, entry.last, _whole(entry), style, int(style == Style.INITIAL)),
        )
        place, *others = _places(entry)
        classes[place].add(person)
        if place not in taken and others and others[0] in taken:
            taken = {**taken, place: taken[others[0]]}
        if entry.sourced_id or entry.number:
            known.add(person)
    while _lengthen_alike(classes, taken, known):
        pass
    return {key: person.display for key, person in people.items()}


def _lengthen_alike(
    classes: Mapping[Place, Collection[_Person]],
    taken: Mapping[Place, Collection[str]],
    known: Collection[_Person],
) -> bool:
    alike: set[_Person] = set()
    for place, people in classes.items():
        by_display: dict[str, list[_Person]] = defaultdict(list)
        for person in people:
            by_display[person.display.casefold()].append(person)
        others = {other.casefold() for other in taken.get(place, ())}
        for display, same in by_display.items():
            if len(same) > 1:
                alike.update(same)
            elif display in others and same[0] in known:
                alike.add(same[0])
    lengthened = [person.lengthen() for person in alike]  # all of them, before the next look
    return any(lengthened)


# ------------------------------------------------------------------------------------------ rows
@dataclass
class Row:
    """What is kept of one row of a list until it is applied or forgotten."""

    line: int
    file: str = ""
    name: str = ""  # as it will be shown
    number: str = ""
    sourced_id: str = ""
    grade: int | None = None
    classroom: str = ""
    class_sourced_id: str = ""
    class_grade: int | None = None
    leaves: bool = False
    gone: bool = False
    teacher: str = ""
    problem: str = ""  # why it is not taken: a key of grading.services.roster_plan.PROBLEMS
    other_line: int = 0

    def to_json(self) -> dict[str, str | int | bool]:
        return {name: value for name, value in vars(self).items() if value not in ("", None, False)}

    @property
    def names_a_class(self) -> bool:
        return bool(self.classroom or self.class_sourced_id)

    @property
    def person(self) -> tuple[str, ...]:
        if self.sourced_id:
            return ("sourced", self.sourced_id)
        if self.number:
            return ("number", self.number)
        return ("name", class_key(self.classroom), self.name.casefold())


AT_MOST = {"name": MAX_DISPLAY_NAME, "number": 20, "classroom": 80, "sourced_id": 120,
           "class_sourced_id": 120}  # fmt: skip


def minimised(
    entries: Iterable[Entry], style: Style, taken: Mapping[Place, Collection[str]]
) -> list[Row]:
    """The rows to keep. The names in full end here; so does what is wrong with a row by itself."""
    entries = list(entries)
    children = [e for e in entries if not e.teacher and e.problem != "class_deleted"]
    names = display_names(children, style, taken)
    first_whole: dict[tuple[str, ...], tuple[str, int]] = {}
    first_line: dict[tuple[str, ...], int] = {}
    rows = []
    for entry in entries:
        row = Row(
            line=entry.line, file=entry.file, number=entry.number, sourced_id=entry.sourced_id,
            grade=entry.grade, classroom=entry.classroom, class_sourced_id=entry.class_sourced_id,
            class_grade=entry.class_grade, leaves=entry.leaves, gone=entry.gone,
            teacher=entry.teacher, problem=entry.problem,
        )  # fmt: skip
        rows.append(row)
        if entry.teacher or entry.problem == "class_deleted":
            row.name = entry.full[:MAX_DISPLAY_NAME]
            continue
        person = same_person(entry)
        row.name = names[person]
        whole, line = first_whole.setdefault(person, (_whole(entry).casefold(), entry.line))
        if person[0] == "name":
            person = row.person  # told apart by nothing but how they look
        in_class = (*person, class_key(row.classroom), row.class_sourced_id, str(row.leaves))
        if _whole(entry).casefold() != whole:
            row.problem, row.other_line = "other_name", line
        elif not row.problem:
            row.problem = _fault(row)
            other = first_line.setdefault(in_class, entry.line)
            if not row.problem and other != entry.line:
                row.problem = "twice" if person[0] != "name" else "twice_name"
                row.other_line = other
    for row in rows:
        for name, most in AT_MOST.items():  # too long: said, and cut
            setattr(row, name, getattr(row, name)[:most])
    return rows


def _fault(row: Row) -> str:
    if not row.name and not row.sourced_id:
        return "no_name"
    if not row.classroom and not row.file:
        return "no_class"
    for name, most in AT_MOST.items():
        if len(getattr(row, name)) > most:
            return f"long_{name}"
    return ""

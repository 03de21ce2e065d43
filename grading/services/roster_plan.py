"""What applying a list would do: its rows, compared with the school as it is now.

Nothing here writes. A child is found by the other system's id, then by school number, then by the
same name in the same class; where that leaves a doubt the row is not taken, and says so.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from grading.intake.display_names import Row, class_key
from grading.intake.rosters import grade_of_class
from grading.models import (
    Classroom,
    Enrollment,
    GradeBand,
    Role,
    RosterImport,
    School,
    SchoolYear,
    Student,
    Teaching,
    User,
)

PROBLEMS = {
    "no_name": gettext_lazy("There is no name."),
    "no_class": gettext_lazy(
        "There is no class. Fill it in, or name one class for the whole list."
    ),
    "long_name": gettext_lazy("The name is too long (at most 60 characters)."),
    "long_number": gettext_lazy("The school number is too long (at most 20 characters)."),
    "long_classroom": gettext_lazy("The name of the class is too long (at most 80 characters)."),
    "long_sourced_id": gettext_lazy("The id of the student is too long (at most 120 characters)."),
    "long_class_sourced_id": gettext_lazy("The id of the class is too long."),
    "other_name": gettext_lazy(
        "Line %(line)s has the same number with another name. One of the two is wrong."
    ),
    "twice": gettext_lazy("The same student is in line %(line)s already."),
    "twice_name": gettext_lazy(
        "Line %(line)s has the same name in this class. If they are two children, give both a "
        "school number."
    ),
    "unknown_user": gettext_lazy("This student is not in users.csv."),
    "unknown_class": gettext_lazy("This class is not in the file, and not known here."),
    "unknown_student": gettext_lazy("Nobody here has this id, and the file has no name for it."),
    "in_no_class": gettext_lazy("This student is in no class of the file."),
    "class_deleted": gettext_lazy(
        "The class is marked as deleted. A list removes no class: archive its year instead."
    ),
    "class_taken": gettext_lazy(
        "Another class of this year has this name already. Rename one of the two."
    ),
    "other_year": gettext_lazy("The class belongs to an earlier school year."),
    "ambiguous_id": gettext_lazy("Several students here have this id."),
    "ambiguous_number": gettext_lazy(
        "Several students here have this school number. Correct it on their pages first."
    ),
    "ambiguous_name": gettext_lazy(
        "Several students of this class have this name. Give them school numbers, here and in the "
        "list."
    ),
    "number_taken": gettext_lazy("This school number belongs to another student here."),
    "number_zeros": gettext_lazy(
        "A student here has this number with zeros before it. A spreadsheet has cut them off: make "
        "the column text and save again."
    ),
    "same_student": gettext_lazy("This is the same student as in line %(line)s."),
}
HARMLESS = {
    "twice",
    "same_student",
    "class_deleted",
    "other_year",
    "in_no_class",
}  # it is known who is meant


@dataclass(eq=False)
class ClassPlan:
    name: str
    grade: int | None
    sourced_id: str
    classroom: Classroom | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    grades: set[int] = field(default_factory=set)
    has_students: bool = False

    @property
    def pk(self) -> int | None:
        return self.classroom.pk if self.classroom else None


@dataclass(eq=False)
class StudentPlan:
    """What becomes of one child; ``student`` is None for one that is new."""

    name: str
    student: Student | None
    line: int
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    joins: list[ClassPlan] = field(default_factory=list)
    leaves: list[Classroom] = field(default_factory=list)
    stays: list[Classroom] = field(default_factory=list)
    alike: str = ""  # class of another child of this name

    @property
    def changes_something(self) -> bool:
        return bool(self.after or self.joins or self.leaves)

    @property
    def words(self) -> list[str]:
        """What changes of the child's own row, for a person."""
        said = []
        for name, label in _FIELD_WORDS.items():
            if name in self.after and self.student:
                before, after = self.before[name] or "–", self.after[name] or "–"
                if name == "grade_band":
                    bands = dict(GradeBand.choices)
                    before, after = bands.get(before, before), bands.get(after, after)
                said.append(f"{label}: {before} → {after}")
        return said


_FIELD_WORDS = {
    "display_name": gettext_lazy("name"),
    "number": gettext_lazy("school number"),
    "grade_band": gettext_lazy("grade band"),
    "sourced_id": gettext_lazy("id of the other system"),
    "left_on": gettext_lazy("left the school on"),
}


@dataclass(frozen=True)
class Problem:
    line: int
    file: str
    name: str
    code: str
    other_line: int = 0

    @property
    def words(self) -> str:
        return str(PROBLEMS[self.code]) % {"line": self.other_line}

    @property
    def where(self) -> str:
        line = _("line %(line)s") % {"line": self.line}
        return f"{self.file}, {line}" if self.file else line


@dataclass
class Plan:
    classes: list[ClassPlan] = field(default_factory=list)
    students: list[StudentPlan] = field(default_factory=list)
    teachings: list[tuple[User, ClassPlan]] = field(default_factory=list)
    not_invited: list[tuple[str, str]] = field(default_factory=list)  # name, class
    problems: list[Problem] = field(default_factory=list)
    kept_classes: list[str] = field(default_factory=list)  # nobody leaves: a row is unclear
    unchanged: int = 0

    @cached_property
    def new_classes(self) -> list[ClassPlan]:
        return [c for c in self.classes if c.classroom is None]

    @cached_property
    def changed_classes(self) -> list[ClassPlan]:
        return [c for c in self.classes if c.classroom and c.after]

    @cached_property
    def added(self) -> list[StudentPlan]:
        return [s for s in self.students if s.student is None]

    @cached_property
    def moved(self) -> list[StudentPlan]:
        return [s for s in self.students if s.student and s.joins and s.leaves]

    @cached_property
    def joining(self) -> list[StudentPlan]:
        return [s for s in self.students if s.student and s.joins and not s.leaves]

    @cached_property
    def leaving(self) -> list[StudentPlan]:
        return [s for s in self.students if s.leaves and not s.joins]

    @cached_property
    def changed(self) -> list[StudentPlan]:
        return [s for s in self.students if s.student and s.after]

    @cached_property
    def only_changed(self) -> list[StudentPlan]:
        return [s for s in self.changed if not (s.joins or s.leaves)]

    @property
    def is_empty(self) -> bool:
        return not (self.students or self.new_classes or self.changed_classes or self.teachings)

    @cached_property
    def counts(self) -> dict[str, int]:
        lists = (
            "new_classes", "changed_classes", "added", "joining", "moved", "leaving", "changed",
            "teachings", "problems", "not_invited",
        )  # fmt: skip
        return {name: len(getattr(self, name)) for name in lists} | {"unchanged": self.unchanged}

    @cached_property
    def mark(self) -> str:
        """The same for two plans that do the same."""
        said = [
            [(c.pk, c.name, c.grade, c.sourced_id) for c in self.classes],
            [
                (
                    s.student and s.student.pk, s.line, s.before, s.after,
                    [c.name for c in s.joins], [c.pk for c in s.leaves],
                )
                for s in self.students
            ],
            [(user.pk, c.name) for user, c in self.teachings],
            [(p.line, p.file, p.code) for p in self.problems],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()[:32]


def plan_of(roster: RosterImport, *, locked: bool = False) -> Plan:
    """``locked``: inside the transaction that carries it out, no row changes any more."""
    rows = [Row(**row) for row in roster.rows]
    return _Planner(roster, _Snapshot(roster.school, roster.year, locked), localdate()).plan(rows)


class _Snapshot:
    """The school as it is, in a fixed number of queries."""

    def __init__(self, school: School, year: SchoolYear, locked: bool) -> None:
        students = Student.objects.filter(school=school).order_by("pk")
        classrooms = Classroom.objects.filter(school=school, year=year).order_by("pk")
        enrollments = Enrollment.objects.filter(classroom__in=classrooms, left_on=None)
        if locked:
            students, classrooms = students.select_for_update(), classrooms.select_for_update()
            enrollments = enrollments.select_for_update()
        self.students = {student.pk: student for student in students}
        self.classrooms = {classroom.pk: classroom for classroom in classrooms}
        self.by_id: dict[str, list[Student]] = defaultdict(list)
        self.by_number: dict[str, list[Student]] = defaultdict(list)
        self.by_bare_number: dict[str, list[Student]] = defaultdict(list)
        self.by_name: dict[str, list[Student]] = defaultdict(list)
        for student in self.students.values():
            self.by_name[student.display_name.casefold()].append(student)
            if student.sourced_id:
                self.by_id[student.sourced_id].append(student)
            if student.number:
                self.by_number[student.number].append(student)
                self.by_bare_number[student.number.lstrip("0")].append(student)
        self.classes_of: dict[int, set[int]] = defaultdict(set)
        self.students_of: dict[int, set[int]] = defaultdict(set)
        for student_pk, class_pk in enrollments.values_list("student", "classroom"):
            self.classes_of[student_pk].add(class_pk)
            self.students_of[class_pk].add(student_pk)
        members = User.objects.filter(memberships__school=school, memberships__role=Role.TEACHER)
        self.teachers = {str(user.code): user for user in members}
        self.teachings = set(
            Teaching.objects.filter(classroom__in=classrooms).values_list("user", "classroom")
        )


class _Planner:
    def __init__(self, roster: RosterImport, now: _Snapshot, today: date) -> None:
        self.now, self.today = now, today
        self.is_delta = bool(roster.mapping.get("delta"))
        self.removes = roster.removes_missing and not self.is_delta
        self.done = Plan()
        self.by_class_id: dict[str, ClassPlan] = {}
        self.by_class_key: dict[str, ClassPlan] = {}
        self.claimed: dict[int, int] = {}  # student -> line of the list
        self.unclear: set[str] = set()  # classes in which a row is not taken
        self.protected: set[int] = set()

    def plan(self, rows: Sequence[Row]) -> Plan:
        for row in rows:
            if row.problem:
                self._refuse(row, row.problem, row.other_line)
        good = [row for row in rows if not row.problem]
        self._resolve_ids(good)
        children: dict[tuple[str, ...], list[tuple[Row, ClassPlan | None]]] = {}
        for row in good:
            place = self._place(row)
            if place is None and row.names_a_class:
                self._refuse(row, "class_taken" if row.classroom else "unknown_class")
            elif row.teacher:
                if place:
                    self._teacher(row, place)
            else:
                children.setdefault(row.person, []).append((row, place))
                if place and not row.leaves:
                    place.has_students = True
        self._finish_classes()
        by_name = []
        for person, listed in children.items():
            if person[0] == "name" or not self._known_by_id(listed):
                by_name.append(listed)
        for listed in by_name:
            self._known_by_name(listed)
        self._missing()
        self.done.students.sort(key=lambda s: (s.line, s.student.pk if s.student else 0))
        self.done.problems.sort(key=lambda p: (p.file, p.line))
        return self.done

    def _refuse(self, row: Row, code: str, other_line: int = 0) -> None:
        self.done.problems.append(Problem(row.line, row.file, row.name, code, other_line))
        if code not in HARMLESS and not row.teacher:
            self.unclear.add(row.class_sourced_id or class_key(row.classroom))

    # --------------------------------------------------------------------------------- classes
    def _place(self, row: Row) -> ClassPlan | None:
        """The class of a row; None where it names none, or one that cannot be had."""
        if not row.names_a_class:
            return None
        if row.class_sourced_id:
            found = self.by_class_id.get(row.class_sourced_id)
        else:
            found = self._class_by_name(row)
        if found and row.class_grade is not None:
            found.grades.add(row.class_grade)
        return found

    def _resolve_ids(self, rows: Iterable[Row]) -> None:
        """The class of each id of the other system, and what it will be called.

        A class takes a new name only if nobody keeps that name; a new class likewise.
        """
        titles: dict[str, str] = {}
        for row in rows:
            if row.class_sourced_id:
                titles[row.class_sourced_id] = titles.get(row.class_sourced_id) or row.classroom
        mine = self.now.classrooms.values()
        known = {c.sourced_id: c for c in mine if c.sourced_id in titles}
        for key, title in titles.items():
            if key not in known and title:
                adopted = self._named(title, [c for c in mine if not c.sourced_id])
                if adopted and adopted not in known.values():
                    known[key] = adopted
        listed = {c.pk for c in known.values()}
        kept = {class_key(c.name) for c in mine if c.pk not in listed}
        wanted = {key: titles[key] or c.name for key, c in known.items()}
        while refused := self._held(wanted, known, kept):
            wanted |= {key: known[key].name for key in refused}
        taken = kept | {class_key(name) for name in wanted.values()}
        for key, title in titles.items():
            if key in known:
                plan = self._planned(known[key])
                plan.name = wanted[key]
            elif title and class_key(title) not in taken:
                plan = self._planned(None, title)
                taken.add(class_key(title))
            else:
                continue
            plan.sourced_id = key
            self.by_class_id[key] = plan

    @staticmethod
    def _held(wanted: dict[str, str], known: dict[str, Classroom], kept: set[str]) -> list[str]:
        """Ids of the classes that want the name which another one keeps."""
        keepers = kept | {class_key(c.name) for key, c in known.items() if wanted[key] == c.name}
        return [
            key for key, c in known.items()
            if wanted[key] != c.name and class_key(wanted[key]) in keepers - {class_key(c.name)}
        ]  # fmt: skip

    @staticmethod
    def _named(name: str, classrooms: Iterable[Classroom]) -> Classroom | None:
        same = [c for c in classrooms if class_key(c.name) == class_key(name)]
        exact = [c for c in same if c.name == name] or same
        return exact[0] if len(exact) == 1 else None

    def _class_by_name(self, row: Row) -> ClassPlan | None:
        key = class_key(row.classroom)
        if key not in self.by_class_key:
            mine = self.now.classrooms.values()
            known = self._named(row.classroom, mine)
            if known is None and any(class_key(c.name) == key for c in mine):
                return None  # several that differ in how they are spelled
            self.by_class_key[key] = self._planned(known, row.classroom)
        return self.by_class_key[key]

    def _planned(self, known: Classroom | None, name: str = "") -> ClassPlan:
        if known is None:
            plan = ClassPlan(name, grade_of_class(name), "")
        else:
            plan = ClassPlan(known.name, known.grade, known.sourced_id, known)
        self.done.classes.append(plan)
        return plan

    def _finish_classes(self) -> None:
        for plan in self.done.classes:
            if len(plan.grades) == 1:
                plan.grade = min(plan.grades)
            known = plan.classroom
            for name in ("name", "grade", "sourced_id") if known else ():
                before, after = getattr(known, name), getattr(plan, name)
                if before != after:
                    plan.before[name], plan.after[name] = before, after

    # -------------------------------------------------------------------------------- students
    def _known_by_id(self, listed: Sequence[tuple[Row, ClassPlan | None]]) -> bool:
        """Whether the child, or a problem with it, was found by id or number."""
        row = listed[0][0]
        number = next((r.number for r, _place in listed if r.number), "")
        same_id = self.now.by_id[row.sourced_id] if row.sourced_id else []
        same_number = self.now.by_number[number] if number else []
        if len(same_id) > 1:
            return self._doubt(listed, "ambiguous_id", same_id)
        if same_id:
            if any(other is not same_id[0] for other in same_number):
                return self._doubt(listed, "number_taken", same_id)
            return self._take(listed, same_id[0], by_id=True)
        if len(same_number) > 1:
            return self._doubt(listed, "ambiguous_number", same_number)
        if same_number:
            other_id = same_number[0].sourced_id
            if row.sourced_id and other_id and other_id != row.sourced_id:
                return self._doubt(listed, "number_taken", same_number)
            return self._take(listed, same_number[0], by_id=True)
        bare = self.now.by_bare_number[number.lstrip("0")] if number.lstrip("0") else []
        if any(len(s.number) > len(number) for s in bare):
            return self._doubt(listed, "number_zeros", bare)
        return False

    def _known_by_name(self, listed: Sequence[tuple[Row, ClassPlan | None]]) -> None:
        row = listed[0][0]
        same: dict[int, Student] = {}
        for one, place in listed:
            for pk in self.now.students_of[place.pk] if place and place.pk else ():
                student = self.now.students[pk]
                if student.display_name.casefold() == one.name.casefold() and _may_be(student, row):
                    same[pk] = student
        free = [student for pk, student in same.items() if pk not in self.claimed]
        if not row.name:
            self._doubt(listed, "unknown_student", [])
        elif len(free) > 1:
            self._doubt(listed, "ambiguous_name", free)
        elif free:
            self._take(listed, free[0], by_id=False)
        else:
            self._new(listed)

    def _doubt(
        self,
        listed: Iterable[tuple[Row, ClassPlan | None]],
        code: str,
        students: Iterable[Student],
        other_line: int = 0,
    ) -> bool:
        """The rows are not taken, and whoever may be meant by them stays where they are."""
        self.protected.update(student.pk for student in students)
        for row, _place in listed:
            self._refuse(row, code, other_line)
        return True

    def _new(self, listed: Sequence[tuple[Row, ClassPlan | None]]) -> None:
        row = listed[0][0]
        joins = [place for one, place in listed if place and not (one.leaves or one.gone)]
        if not joins:
            if not (row.gone or row.leaves):
                self._doubt(listed, "in_no_class", [])
            return
        after = {"display_name": row.name, "number": row.number, "sourced_id": row.sourced_id}
        alike = [s for s in self.now.by_name[row.name.casefold()] if _may_be(s, row)]
        classes = sorted(
            self.now.classrooms[pk].name for s in alike for pk in self.now.classes_of[s.pk]
        )
        self.done.students.append(
            StudentPlan(
                row.name, None, row.line, after=after | self._band(listed), joins=joins,
                alike=classes[0] if classes else "",
            )
        )  # fmt: skip

    def _take(
        self, listed: Sequence[tuple[Row, ClassPlan | None]], student: Student, *, by_id: bool
    ) -> bool:
        row = listed[0][0]
        if student.pk in self.claimed:
            return self._doubt(listed, "same_student", [student], self.claimed[student.pk])
        self.claimed[student.pk] = row.line
        gone = any(one.gone for one, _place in listed)
        wanted: dict[str, Any] = self._band(listed)
        wanted |= {"display_name": row.name} if by_id and row.name else {}
        wanted |= {"number": row.number} if row.number else {}
        wanted |= {"sourced_id": row.sourced_id} if row.sourced_id else {}
        mine = self.now.classes_of[student.pk]
        listed_for = [p for one, p in listed if p and not (one.leaves or gone)]
        told_to_leave = {p.pk for one, p in listed if p and one.leaves}
        if gone:
            wanted["left_on"] = student.left_on or self.today
            told_to_leave = set(mine)
        elif listed_for:
            wanted["left_on"] = None
        joins = [p for p in listed_for if p.pk not in mine]
        leaves = (told_to_leave - {p.pk for p in listed_for}) & mine
        if not self.is_delta and (joins or self.removes) and not gone:
            leaves |= self._elsewhere(mine - {p.pk for p in listed_for}, moved=bool(joins))
        after = {n: v for n, v in wanted.items() if v != getattr(student, n)}
        found = StudentPlan(
            student.display_name, student, row.line, {n: getattr(student, n) for n in after}, after,
            joins, self._classrooms(leaves),
            self._classrooms(mine - leaves) if joins else [],
        )  # fmt: skip
        if found.changes_something:
            self.done.students.append(found)
        else:
            self.done.unchanged += 1
        return True

    def _elsewhere(self, classes: set[int], *, moved: bool) -> set[int]:
        """Those of ``classes`` that the list is about, and in which it does not name the child."""
        return {
            plan.pk for plan in self.done.classes
            if plan.pk in classes and plan.has_students and (moved or not self._is_unclear(plan))
        }  # fmt: skip

    def _is_unclear(self, plan: ClassPlan) -> bool:
        return bool(self.unclear & {"", plan.sourced_id or "-", class_key(plan.name)})

    def _missing(self) -> None:
        """Who is on the list of a class, and not in this list."""
        leaves: dict[int, list[Classroom]] = defaultdict(list)
        for plan in self.done.classes if self.removes else ():
            if plan.classroom is None or not plan.has_students:
                continue
            missing = self.now.students_of[plan.classroom.pk] - self.claimed.keys() - self.protected
            if missing and self._is_unclear(plan):
                self.done.kept_classes.append(plan.name)
                continue
            for pk in missing:
                leaves[pk].append(plan.classroom)
        for pk, classrooms in sorted(leaves.items()):
            student = self.now.students[pk]
            self.done.students.append(
                StudentPlan(student.display_name, student, 0, leaves=classrooms)
            )

    def _classrooms(self, pks: Iterable[int | None]) -> list[Classroom]:
        return [self.now.classrooms[pk] for pk in sorted(pk for pk in pks if pk)]

    def _band(self, listed: Iterable[tuple[Row, ClassPlan | None]]) -> dict[str, str]:
        for row, place in listed:
            band = GradeBand.of_grade(row.grade) or GradeBand.of_grade(
                place.grade if place else None
            )
            if band and not row.leaves:
                return {"grade_band": band}
        return {}

    # -------------------------------------------------------------------------------- teachers
    def _teacher(self, row: Row, place: ClassPlan) -> None:
        user = self.now.teachers.get(row.teacher)
        if user is None:
            self.done.not_invited.append((row.name, place.name))
        elif (user.pk, place.pk) not in self.now.teachings and not any(
            user == other and place is there for other, there in self.done.teachings
        ):
            self.done.teachings.append((user, place))


def _may_be(student: Student, row: Row) -> bool:
    """Not, if both have a number, or both have an id, and not the same."""
    return not (
        (student.number and row.number and student.number != row.number)
        or (student.sourced_id and row.sourced_id and student.sourced_id != row.sourced_id)
    )

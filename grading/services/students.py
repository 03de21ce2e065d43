"""Students: known by a display name, on the lists of classes, and one day gone.

Leaving a class or the school moves no work: what was made stays in the class it was made in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from grading.models import AuditEvent, Classroom, Enrollment, GradeBand, School, Student, User
from grading.services.audit import record
from grading.services.structure import CannotSave, lock, refuse_archived

LONGEST_INITIAL = 2  # letters, as in “St.”


def looks_like_full_name(display_name: str) -> bool:
    """Whether a family name seems to be written out: “Amara Brown”, “Brown, Amara”.

    A hint, never in the way: it cannot know every name of the world. One word, an initial with or
    without its dot, and codes with a number in them pass.
    """
    words = display_name.replace(",", " , ").split()
    if "," in words:
        return True
    if len(words) < 2 or any(char.isdigit() for char in display_name):
        return False
    last = words[-1]
    letters = sum(char.isalpha() for char in last)
    return letters > 1 and not (last.endswith(".") and letters <= LONGEST_INITIAL)


def clashes_in(
    classrooms: Iterable[Classroom], names: Sequence[str], but: Student | None = None
) -> list[tuple[str, Classroom]]:
    """Which of ``names`` would stand twice on the list of a class, once they are all on it."""
    found = []
    for classroom in classrooms:
        students = classroom.students_now().exclude(pk=but.pk if but else None)
        there = Counter(n.casefold() for n in students.values_list("display_name", flat=True))
        there.update(name.casefold() for name in names)
        twice = dict.fromkeys(name for name in names if there[name.casefold()] > 1)
        found += [(name, classroom) for name in twice]
    return found


def names_that_stand_twice(students: Iterable[Student]) -> list[str]:
    """On one list: what the class has to tell apart by something else."""
    by_name: dict[str, list[str]] = {}
    for student in students:
        by_name.setdefault(student.display_name.casefold(), []).append(student.display_name)
    return [names[0] for names in by_name.values() if len(names) > 1]


def listed(
    school: School, *, search: str = "", classroom: Classroom | None = None, show: str = ""
) -> QuerySet[Student]:
    """Students by name. ``show``: those in ``none`` of the classes, who ``left``, or all here."""
    everybody = school.students.all()
    students = everybody.exclude(left_on=None) if show == "left" else everybody.here()
    if show == "none":
        students = students.in_no_class()
    if classroom:
        students = students.filter(
            pk__in=Enrollment.objects.current().filter(classroom=classroom).values("student")
        )
    for word in search.split():
        students = students.filter(Q(display_name__icontains=word) | Q(number__istartswith=word))
    return students.order_by("display_name", "pk")


# -------------------------------------------------------------------------------- add and change
@transaction.atomic
def add_students(
    school: School,
    names: Sequence[str],
    classrooms: Sequence[Classroom],
    by: User,
    *,
    code: UUID,
    number: str = "",
    grade_band: str = "",
) -> list[Student]:
    """Students of these names, on the lists of ``classrooms``. A number is for one student only.

    ``code`` comes with the form, so that a page sent twice adds nobody twice: then none come back.

    Raises:
        CannotSave: another student has the number, or a class was archived meanwhile.
    """
    lock(school)
    codes = [uuid5(code, str(n)) for n in range(len(names))]
    if Student.objects.filter(code__in=codes).exists():
        return []
    _refuse_number_of_another(school, number)
    band = grade_band or _band_of(classrooms)
    added = []
    for student_code, name in zip(codes, names, strict=True):
        student = Student.objects.create(
            code=student_code, school=school, display_name=name, number=number, grade_band=band
        )
        record(by, AuditEvent.Verb.CREATED, student, school)
        added.append(student)
    for classroom in classrooms:
        enroll(added, classroom, by)
    return added


def _band_of(classrooms: Sequence[Classroom]) -> str:
    bands = {GradeBand.of_grade(classroom.grade) for classroom in classrooms} - {""}
    return bands.pop() if len(bands) == 1 else ""


def _refuse_number_of_another(school: School, number: str, but: int | None = None) -> None:
    others = school.students.here()
    if but is not None:
        others = others.exclude(pk=but)
    if number and others.filter(number=number).exists():
        raise CannotSave(_("Another student has this school number."), "number")


@transaction.atomic
def change_student(student: Student, by: User) -> Student:
    """Save a display name, school number or grade band that was changed on ``student``.

    Raises:
        CannotSave: another student has the number.
    """
    lock(student.school)
    _refuse_number_of_another(student.school, student.number, student.pk)
    before = Student.objects.get(pk=student.pk)
    names = ("display_name", "number", "grade_band")
    changed = [name for name in names if getattr(before, name) != getattr(student, name)]
    if changed:
        student.save(update_fields=changed)
        record(by, AuditEvent.Verb.CHANGED, student, student.school, fields=changed)
    return student


# --------------------------------------------------------------------------- in and out of classes
@transaction.atomic
def enroll(students: Iterable[Student], classroom: Classroom, by: User) -> list[Student]:
    """Put students on the list of a class; returns those who were not on it.

    One who had left the class is on it again, from the day on that they first were.

    Raises:
        CannotSave: the year of the class was archived meanwhile.
    """
    refuse_archived(classroom.year)
    there = {e.student_id: e for e in classroom.enrollments.select_for_update()}
    new = []
    for student in students:
        enrollment = there.get(student.pk)
        if enrollment is None:
            enrollment = Enrollment.objects.create(classroom=classroom, student=student)
        elif enrollment.left_on is None:
            continue
        else:
            enrollment.left_on = None
            enrollment.save(update_fields=["left_on"])
        there[student.pk] = enrollment
        if not student.grade_band and (band := GradeBand.of_grade(classroom.grade)):
            student.grade_band = band
            student.save(update_fields=["grade_band"])
        record(by, AuditEvent.Verb.CHANGED, student, classroom.school, joined=str(classroom.code))
        new.append(student)
    return new


@transaction.atomic
def leave_class(student: Student, classroom: Classroom, by: User) -> bool:
    """Take a student off the list of a class; False if they are not on it. The work stays."""
    refuse_archived(classroom.year)
    here = Enrollment.objects.current().filter(student=student, classroom=classroom)
    if not here.update(left_on=localdate()):
        return False
    record(by, AuditEvent.Verb.CHANGED, student, classroom.school, left=str(classroom.code))
    return True


@transaction.atomic
def move_student(student: Student, old: Classroom, new: Classroom, by: User) -> bool:
    """From one class to another, in one step; False if the student is not in the old one."""
    if not leave_class(student, old, by):
        return False
    enroll([student], new, by)
    return True


@transaction.atomic
def leave_school(student: Student, day: date, by: User) -> bool:
    """Note that a student has left, and take them off the lists of all classes that are open.

    The lists of archived years stay as they were. False if the student has left already.
    """
    if not Student.objects.here().filter(pk=student.pk).update(left_on=day):
        return False
    enrollments = Enrollment.objects.current().in_open_years().filter(student=student)
    left = [str(e.classroom.code) for e in enrollments.select_related("classroom")]
    enrollments.update(left_on=day)
    record(
        by, AuditEvent.Verb.CHANGED, student, student.school,
        left_on=day.isoformat(), left_classes=left,
    )  # fmt: skip
    return True


@transaction.atomic
def come_back(student: Student, by: User) -> bool:
    """Take leaving back; the classes are chosen anew. False if the student has not left."""
    gone = Student.objects.filter(pk=student.pk).exclude(left_on=None)
    if not gone.update(left_on=None):
        return False
    record(by, AuditEvent.Verb.CHANGED, student, student.school, left_on=None)
    return True

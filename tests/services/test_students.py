"""Students are known by little, are in classes, leave, and come back; their work stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import localdate, now

from grading.models import (
    AuditEvent,
    Classroom,
    Enrollment,
    GradeBand,
    SchoolYear,
    Student,
)
from grading.services.structure import CannotSave
from grading.services.students import (
    add_students,
    change_student,
    clashes_in,
    come_back,
    enroll,
    leave_class,
    leave_school,
    listed,
    looks_like_full_name,
    move_student,
)


@pytest.fixture
def other(classroom) -> Classroom:
    return Classroom.objects.create(
        school=classroom.school, year=classroom.year, name="3C", grade=3
    )


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("Amara B.", False), ("Amara B", False), ("Mary Ann B.", False), ("Amara", False),
        ("Amara St.", False), ("K-17", False), ("Pupil 12", False), ("Amara de B.", False),
        ("Amara Brown", True), ("Brown, Amara", True), ("Brown,Amara", True), ("Ana Li", True),
        ("Ana María López", True), ("Søren Ødegård", True),
    ],
)  # fmt: skip
def test_a_family_name_written_out_is_noticed(name, looks):
    assert looks_like_full_name(name) is looks


class TestAdding:
    def test_names_become_students_on_the_lists_of_classes(self, school, classroom, administrator):
        add_students(school, ["Dana E.", "Emil F."], [classroom], administrator, code=uuid4())
        names = [s.display_name for s in classroom.students_now()]
        assert names == ["Amara B.", "Ben T.", "Chloé D.", "Dana E.", "Emil F."]
        assert Student.objects.get(display_name="Dana E.").grade_band == GradeBand.G3_5
        assert "Dana" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))

    def test_the_same_page_sent_twice_adds_nobody_twice(self, school, administrator):
        code = uuid4()
        assert len(add_students(school, ["Dana E."], [], administrator, code=code)) == 1
        assert add_students(school, ["Dana E."], [], administrator, code=code) == []
        assert Student.objects.count() == 1

    def test_a_number_belongs_to_one_student(self, school, classroom, student, administrator):
        with pytest.raises(CannotSave, match="Another student"):
            add_students(school, ["Dana E."], [], administrator, code=uuid4(), number="1")
        student.number = "2"
        with pytest.raises(CannotSave, match="Another student"):
            change_student(student, administrator)


def test_what_was_changed_is_noted_and_not_what_it_says(student, administrator):
    student.display_name = "Amara C."
    change_student(student, administrator)
    row = AuditEvent.objects.get()
    assert (row.verb, row.detail) == ("changed", {"fields": ["display_name"]})


class TestClasses:
    def test_a_student_can_be_in_several(self, student, classroom, other, administrator):
        assert enroll([student], other, administrator) == [student]
        assert enroll([student], other, administrator) == []
        assert student in classroom.students_now() and student in other.students_now()

    def test_moving_closes_one_and_opens_the_other(
        self, student, classroom, other, administrator, decide
    ):
        review = decide(student)
        assert move_student(student, classroom, other, administrator)
        assert classroom.enrollments.get(student=student).left_on == localdate()
        assert student not in classroom.students_now()
        assert student in other.students_now()
        assert review.artwork.assignment.classroom == classroom  # the work stays
        assert not move_student(student, classroom, other, administrator)  # pressed twice

    def test_back_in_a_class_is_the_same_row(self, student, classroom, administrator):
        leave_class(student, classroom, administrator)
        enroll([student], classroom, administrator)
        assert classroom.enrollments.get(student=student).left_on is None

    def test_nobody_is_put_into_a_class_archived_meanwhile(self, student, other, administrator):
        SchoolYear.objects.update(archived_at=now())
        with pytest.raises(CannotSave):
            enroll([student], other, administrator)
        with pytest.raises(CannotSave):
            leave_class(student, student.classrooms.get(), administrator)

    def test_two_of_one_name_are_noticed(self, student, classroom, other):
        assert clashes_in([classroom, other], ["amara b."]) == [("amara b.", classroom)]
        assert clashes_in([classroom], ["Amara B."], but=student) == []
        assert clashes_in([other], ["X. Y.", "x. y."])
        classroom.enrollments.filter(student=student).update(left_on=localdate())
        assert clashes_in([classroom], ["Amara B."]) == []


class TestLeaving:
    def test_closes_all_classes_but_those_of_archived_years(
        self, school, student, classroom, administrator
    ):
        old = SchoolYear.objects.create(
            school=school,
            name="old",
            starts_on=localdate() - timedelta(days=800),
            ends_on=localdate() - timedelta(days=500),
            archived_at=now(),
        )
        old_class = Classroom.objects.create(school=school, year=old, name="2B")
        Enrollment.objects.create(classroom=old_class, student=student)
        assert leave_school(student, localdate(), administrator)
        assert not leave_school(student, localdate(), administrator)
        assert student not in classroom.students_now()
        assert student in old_class.students_now()
        assert AuditEvent.objects.get().detail["left_classes"] == [str(classroom.code)]

    def test_who_comes_back_is_in_no_class_yet(self, school, student, administrator):
        leave_school(student, localdate(), administrator)
        assert come_back(student, administrator)
        assert not come_back(student, administrator)
        assert list(listed(school, show="none")) == [student]


def test_students_are_found_by_name_and_number(school, classroom):
    assert [s.display_name for s in listed(school, search="ben")] == ["Ben T."]
    assert [s.display_name for s in listed(school, search="3")] == ["Chloé D."]
    assert [s.display_name for s in listed(school, search="ben x")] == []
    assert listed(school, classroom=classroom).count() == 3

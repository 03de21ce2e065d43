"""What an administrator sets up: checked again where two could do it at once."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import localdate

from grading.models import (
    AuditEvent,
    Classroom,
    GradeBand,
    SchoolYear,
    Student,
    Teaching,
    Term,
)
from grading.services.rights import place_hold
from grading.services.structure import (
    CannotSave,
    Promotion,
    TermDates,
    let_teach,
    overview_of,
    promote_classes,
    promoted,
    save_class,
    save_year,
    stop_teaching,
    unfinished_in,
)
from grading.services.students import leave_school

FALL = TermDates(None, "Fall", date(2026, 8, 1), date(2026, 12, 20))
SPRING = TermDates(None, "Spring", date(2027, 1, 7), date(2027, 7, 31))


@pytest.fixture
def next_year(school) -> SchoolYear:
    return SchoolYear.objects.create(
        school=school, name="2027/28", starts_on=date(2027, 8, 1), ends_on=date(2028, 7, 31)
    )


class TestYears:
    def test_a_year_comes_with_its_terms_and_leaves_a_trace(self, school, administrator):
        year = SchoolYear(
            school=school, name="2026/27", starts_on=date(2026, 8, 1), ends_on=date(2027, 7, 31)
        )
        save_year(year, [FALL, SPRING], administrator)
        assert [term.name for term in year.terms.all()] == ["Fall", "Spring"]
        row = AuditEvent.objects.get()
        assert (row.verb, row.object_code, row.detail) == ("created", year.code, {"terms": 2})

    def test_saved_unchanged_it_leaves_no_trace(self, year, administrator):
        save_year(year, [FALL], administrator)
        AuditEvent.objects.all()._raw_delete("default")
        term = year.terms.get()
        same = TermDates(term, term.name, term.starts_on, term.ends_on)
        save_year(year, [same], administrator)
        assert not AuditEvent.objects.exists()

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (date(2027, 7, 31), date(2028, 7, 30)),  # from its last day on
            (date(2025, 8, 1), date(2026, 8, 1)),  # to its first day
            (date(2026, 10, 1), date(2026, 11, 1)),  # inside it
            (date(2026, 1, 1), date(2028, 1, 1)),  # around it
        ],
    )
    def test_two_years_do_not_overlap(self, year, administrator, start, end):
        other = SchoolYear(school=year.school, name="other", starts_on=start, ends_on=end)
        with pytest.raises(CannotSave, match="overlap the school year 2026/27"):
            save_year(other, [], administrator)
        assert SchoolYear.objects.count() == 1

    def test_years_of_two_schools_may(self, year, bob):
        hillside = bob.memberships.get().school
        other = SchoolYear(
            school=hillside, name=year.name, starts_on=year.starts_on, ends_on=year.ends_on
        )
        assert save_year(other, [], bob).pk

    def test_the_same_year_twice_is_refused_in_words(self, year, administrator):
        again = SchoolYear(
            school=year.school, name=year.name, starts_on=date(2030, 8, 1), ends_on=date(2031, 7, 1)
        )
        with pytest.raises(CannotSave, match="of this name already"):
            save_year(again, [], administrator)

    @pytest.mark.parametrize(
        ("terms", "why"),
        [
            ([FALL, TermDates(None, "Late", date(2026, 12, 20), date(2027, 2, 1))], "overlap"),
            ([TermDates(None, "Early", date(2026, 7, 31), date(2026, 9, 1))], "not inside"),
            ([TermDates(None, "Late", date(2027, 7, 1), date(2027, 8, 1))], "not inside"),
            ([TermDates(None, "Back", date(2027, 2, 1), date(2027, 1, 1))], "ends before"),
            ([FALL, TermDates(None, "fall", SPRING.starts_on, SPRING.ends_on)], "same name"),
        ],
    )
    def test_terms_lie_inside_the_year_and_apart(self, year, administrator, terms, why):
        with pytest.raises(CannotSave, match=why):
            save_year(year, terms, administrator)
        assert not Term.objects.exists()

    def test_two_terms_can_swap_their_names(self, year, administrator):
        save_year(year, [FALL, SPRING], administrator)
        first, second = year.terms.all()
        swapped = [
            TermDates(first, "Spring", first.starts_on, first.ends_on),
            TermDates(second, "Fall", second.starts_on, second.ends_on),
        ]
        save_year(year, swapped, administrator)
        assert [term.name for term in year.terms.all()] == ["Spring", "Fall"]
        assert set(year.terms.values_list("pk", flat=True)) == {first.pk, second.pk}

    def test_what_is_undecided_is_counted_before_a_year_is_archived(
        self, year, student, make_scored, decide
    ):
        make_scored(student)
        decide(student)
        assert unfinished_in(year).undecided == 1


class TestClasses:
    def test_a_class_made_twice_is_refused_in_words(self, classroom, administrator):
        again = Classroom(school=classroom.school, year=classroom.year, name="3B")
        with pytest.raises(CannotSave, match="a class “3B” in 2026/27 already"):
            save_class(again, administrator)

    def test_no_class_is_made_in_a_year_archived_meanwhile(self, year, administrator):
        classroom = Classroom(school=year.school, year=year, name="3C")
        SchoolYear.objects.update(archived_at="2027-08-01T00:00Z")
        with pytest.raises(CannotSave, match="archived"):
            save_class(classroom, administrator)

    def test_no_class_leaves_a_year_that_is_held(self, classroom, next_year, administrator):
        place_hold(classroom.year, "an inspection", administrator, uuid4())
        classroom.year = next_year
        with pytest.raises(CannotSave, match="A hold stands on the school year 2026/27"):
            save_class(classroom, administrator)

    @pytest.mark.parametrize(
        ("name", "grade", "new_name", "new_grade"),
        [
            ("3B", 3, "4B", 4),
            ("Grade 4 Kingfisher", 4, "Grade 5 Kingfisher", 5),
            ("Kingfisher", 4, "Kingfisher", 5),
            ("9a", 9, "10a", 10),
            ("13b", 3, "13b", 4),  # another number is not the grade
            ("Mixed", None, "Mixed", None),
            ("13A", 13, "13A", 13),
        ],
    )
    def test_promoted_is_one_grade_up(self, name, grade, new_name, new_grade):
        found = promoted(Classroom(name=name, grade=grade))
        assert (found.name, found.grade) == (new_name, new_grade)

    def promote(self, classroom, year, by, students=True, teachers=False):
        return promote_classes(
            [promoted(classroom)], year, by, with_students=students, with_teachers=teachers
        )

    def test_a_promoted_class_takes_who_is_on_its_list(
        self, classroom, next_year, administrator, student
    ):
        leave_school(student, localdate(), administrator)
        (new,) = self.promote(classroom, next_year, administrator)
        assert (new.name, new.grade, new.year) == ("4B", 4, next_year)
        assert [s.display_name for s in new.students_now()] == ["Ben T.", "Chloé D."]
        assert {s.grade_band for s in new.students_now()} == {GradeBand.G3_5}
        assert new.enrollments.first().since == next_year.starts_on
        assert classroom.students_now().count() == 2  # the old list stays
        assert not new.teachers.exists()

    def test_or_nobody(self, classroom, next_year, administrator):
        (new,) = self.promote(classroom, next_year, administrator, students=False)
        assert not new.students.exists()

    def test_its_teachers_come_along_if_wished_but_no_substitute(
        self, classroom, next_year, administrator, alice, colleague
    ):
        let_teach(classroom, colleague, localdate(), administrator)
        (new,) = self.promote(classroom, next_year, administrator, teachers=True)
        assert list(new.teachers.all()) == [alice]

    def test_promoted_twice_nothing_is_copied_the_second_time(
        self, classroom, next_year, administrator
    ):
        self.promote(classroom, next_year, administrator)
        fresh = Promotion(classroom, "4C", 4)
        with pytest.raises(CannotSave, match="4B"):
            promote_classes(
                [fresh, promoted(classroom)], next_year, administrator,
                with_students=True, with_teachers=False,
            )  # fmt: skip
        assert next_year.classrooms.count() == 1


class TestTeachers:
    def test_a_teacher_added_twice_teaches_once(self, classroom, colleague, administrator):
        for _time in range(2):
            let_teach(classroom, colleague, None, administrator)
        assert classroom.teachings.filter(user=colleague).count() == 1
        row = AuditEvent.objects.get(verb="permitted")
        assert row.detail == {"user": str(colleague.code), "until": None}

    def test_added_again_with_a_last_day_a_teacher_gets_it(
        self, classroom, colleague, administrator
    ):
        let_teach(classroom, colleague, None, administrator)
        let_teach(classroom, colleague, date(2027, 1, 1), administrator)
        assert classroom.teachings.get(user=colleague).until == date(2027, 1, 1)

    def test_removed_twice_is_removed_once(self, classroom, alice, administrator):
        teaching = classroom.teachings.get()
        assert stop_teaching(teaching, administrator)
        teaching.pk = teaching.pk or 1
        assert not stop_teaching(Teaching(pk=10**6, classroom=classroom, user=alice), administrator)
        row = AuditEvent.objects.get(verb="forbidden")
        assert row.detail == {"user": str(alice.code)}
        assert not Classroom.objects.for_user(alice).exists()

    def test_names_stand_in_no_row_of_the_audit_trail(self, classroom, colleague, administrator):
        let_teach(classroom, colleague, localdate(), administrator)
        assert "Carol" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


class TestOverview:
    def test_of_an_empty_school(self, school):
        found = overview_of(school)
        assert (found.year, found.classes, found.students, found.waits) == (None, 0, 0, False)

    def test_what_waits_for_the_administrator(self, school, classroom, alice, colleague):
        today = localdate()
        year = classroom.year
        year.starts_on, year.ends_on = today - timedelta(days=90), today + timedelta(days=90)
        year.save()
        old = SchoolYear.objects.create(
            school=school,
            name="old",
            starts_on=today - timedelta(days=400),
            ends_on=today - timedelta(days=91),
        )
        empty = Classroom.objects.create(school=school, year=year, name="3C")
        Classroom.objects.create(school=school, year=old, name="2B")  # over: nobody has to teach it
        loose = Student.objects.create(school=school, display_name="Dana E.")
        Student.objects.create(school=school, display_name="Emil F.", left_on=today)
        soon = Teaching.objects.create(
            classroom=classroom, user=colleague, until=today + timedelta(days=6)
        )
        found = overview_of(school)
        assert found.year == year
        assert found.without_teacher == [empty]
        assert (found.in_no_class, loose.left_on) == (1, None)
        assert found.students == 4
        assert found.ending == [soon]
        assert found.to_archive == [old]
        Teaching.objects.filter(pk=soon.pk).update(until=today + timedelta(days=7))
        assert overview_of(school).ending == []

    def test_a_class_whose_teacher_left_the_school_has_none(self, school, classroom, alice):
        SchoolYear.objects.update(ends_on=localdate() + timedelta(days=90))
        assert overview_of(school).without_teacher == []
        alice.memberships.all().delete()
        assert overview_of(school).without_teacher == [classroom]

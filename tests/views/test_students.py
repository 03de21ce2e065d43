"""The students of a school: found, added, changed, moved; and who has left shows up nowhere new."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from grading.models import Classroom, School, SchoolYear, Student, User
from grading.services.artworks import roster_of
from grading.services.classview import work_of
from grading.services.families import create_link
from grading.services.releases import release_class
from grading.services.students import leave_class, leave_school


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def adam(client, administrator) -> User:
    client.force_login(administrator)
    return administrator


@pytest.fixture
def other(classroom) -> Classroom:
    return Classroom.objects.create(
        school=classroom.school, year=classroom.year, name="3C", grade=3
    )


class TestTheList:
    def test_is_searched_by_name_number_and_class(self, client, adam, school, classroom, other):
        url = reverse("grading:school-students", args=[school.code])
        assert "3 students" in text(client.get(url))
        assert "Ben T." not in text(client.get(url, {"q": "amara"}))
        assert "Ben T." in text(client.get(url, {"q": "2"}))
        assert "Nobody found" in text(client.get(url, {"classroom": other.code}))
        assert "Nobody found" in text(client.get(url, {"show": "none"}))

    @pytest.mark.parametrize(
        "query", [{"page": "-7"}, {"page": "x"}, {"classroom": "x"}, {"show": "x"}, {"q": "\0%"}]
    )
    def test_nonsense_is_no_500(self, client, adam, school, classroom, query):
        url = reverse("grading:school-students", args=[school.code])
        assert client.get(url, query).status_code == 200

    def test_comes_in_pages_and_says_which(
        self, client, adam, school, django_assert_max_num_queries
    ):
        Student.objects.bulk_create(
            Student(school=school, display_name=f"Student {n:03}") for n in range(120)
        )
        url = reverse("grading:school-students", args=[school.code])
        with django_assert_max_num_queries(9):
            page = text(client.get(url, {"page": "2", "q": "student"}))
        assert "page 2 of 3" in page
        assert "q=student&amp;page=3" in page
        assert "Student 049" not in page and "Student 050" in page

    def test_several_are_put_into_a_class_at_once(
        self, client, adam, school, classroom, other, student
    ):
        ben = Student.objects.get(display_name="Ben T.")
        url = reverse("grading:put-students", args=[school.code])
        data = {"students": [student.code, ben.code], "classroom": other.code}
        response = client.post(f"{url}?q=a&show=", data)
        assert response["Location"].endswith("?q=a")
        assert list(other.students_now()) == [student, ben]

    def test_a_student_or_class_of_another_school_is_refused(
        self, client, adam, school, classroom, student
    ):
        hillside = School.objects.create(name="Hillside")
        year = hillside.years.create(name="1", starts_on="2026-08-01", ends_on="2027-07-31")
        theirs = Classroom.objects.create(school=hillside, year=year, name="X")
        stranger = Student.objects.create(school=hillside, display_name="Zoe")
        url = reverse("grading:put-students", args=[school.code])
        client.post(url, {"students": [student.code], "classroom": theirs.code})
        client.post(url, {"students": [stranger.code], "classroom": classroom.code})
        client.post(
            reverse("grading:put-student", args=[student.code]), {"classrooms": theirs.code}
        )
        client.post(
            reverse("grading:move-student", args=[student.code]),
            {"old": classroom.code, "new": theirs.code},
        )
        assert not theirs.students.exists()
        assert stranger not in classroom.students.all()
        assert student in classroom.students_now()


class TestAdding:
    def add(self, client, school, names, **more):
        data = {"code": str(uuid4()), "names": names, **more}
        return client.post(reverse("grading:new-students", args=[school.code]), data)

    def test_one_name_a_line(self, client, adam, school, classroom):
        response = self.add(
            client, school, "Dana E.\n\n  Emil   F. \n", classrooms=[classroom.code]
        )
        assert response["Location"] == reverse("grading:edit-class", args=[classroom.code])
        assert Student.objects.filter(display_name__in=["Dana E.", "Emil F."]).count() == 2
        assert classroom.students_now().count() == 5

    def test_a_full_name_is_asked_about_and_kept_if_wished(self, client, adam, school):
        response = self.add(client, school, "Dana Evans")
        assert response.status_code == 422
        assert "This looks like a full name: Dana Evans." in text(response)
        assert "Dana Evans</textarea>" in text(response)
        assert not Student.objects.exists()
        self.add(client, school, "Dana Evans", sure="on")
        assert Student.objects.get().display_name == "Dana Evans"

    def test_a_name_that_the_class_has_already_is_asked_about(
        self, client, adam, school, classroom
    ):
        response = self.add(client, school, "Ben T.", classrooms=[classroom.code])
        assert "Two students of 3B would be called Ben T." in text(response)
        assert self.add(client, school, "Ben T.").status_code == 302  # in no class: no matter

    def test_sent_twice_it_adds_nobody_twice(self, client, adam, school):
        data = {"code": str(uuid4()), "names": "Dana E."}
        url = reverse("grading:new-students", args=[school.code])
        client.post(url, data)
        assert client.post(url, data).status_code == 302
        assert Student.objects.count() == 1

    @pytest.mark.parametrize(
        ("names", "why"),
        [
            ("", "required"), ("\n \n", "required"), ("x" * 61, "longer than a name"),
            ("a\n" * 301, "At most 300"), ("Dana E. 12.05.2017", "Leave dates out"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_a_list_of_names_is_refused(self, client, adam, school, names, why):
        assert why in text(self.add(client, school, names))

    def test_a_number_is_for_one(self, client, adam, school, classroom):
        assert "for one student only" in text(self.add(client, school, "A\nB", number="9"))
        assert "Another student has" in text(self.add(client, school, "A", number="1"))

    def test_no_form_asks_for_a_birth_date(self, client, adam, school, student):
        for url in (
            reverse("grading:new-students", args=[school.code]),
            reverse("grading:edit-student", args=[student.code]),
        ):
            page = client.get(url).content.decode().lower()
            assert 'name="birth' not in page and "born" not in page

    def test_a_name_with_markup_stays_text(self, client, adam, school):
        self.add(client, school, "<script>alert(1)</script>", sure="on")
        page = client.get(reverse("grading:school-students", args=[school.code])).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;" in page


class TestOne:
    def edit(self, client, student, **data):
        fields = {"display_name": student.display_name, "number": student.number, "grade_band": ""}
        url = reverse("grading:edit-student", args=[student.code])
        return client.post(url, fields | data)

    def test_is_renamed(self, client, adam, student):
        assert self.edit(client, student, display_name="Amara  C.").status_code == 302
        student.refresh_from_db()
        assert student.display_name == "Amara C."

    def test_a_clash_in_a_class_is_asked_about(self, client, adam, student):
        response = self.edit(client, student, display_name="Ben T.")
        assert response.status_code == 422
        assert "Two students of 3B would be called Ben T." in text(response)
        assert 'value="Ben T."' in text(response)
        assert self.edit(client, student, display_name="Ben T.", sure="on").status_code == 302

    def test_the_number_of_another_is_refused(self, client, adam, student):
        assert "Another student has this school number." in text(
            self.edit(client, student, number="2")
        )

    def test_goes_into_several_classes_at_once(self, client, adam, student, classroom, other):
        third = Classroom.objects.create(school=other.school, year=other.year, name="Art")
        url = reverse("grading:put-student", args=[student.code])
        client.post(url, {"classrooms": [other.code, third.code]})
        assert student in other.students_now() and student in third.students_now()
        assert client.post(url, {}).status_code == 422

    def test_moves_and_leaves(self, client, adam, student, classroom, other):
        url = reverse("grading:move-student", args=[student.code])
        client.post(url, {"old": classroom.code, "new": other.code})
        assert student not in classroom.students_now() and student in other.students_now()
        client.post(url, {"old": other.code})
        assert student not in other.students_now()
        page = text(client.get(reverse("grading:edit-student", args=[student.code])))
        assert "In no class at the moment." in page

    def test_an_archived_class_takes_and_gives_nobody(
        self, client, adam, student, classroom, other
    ):
        old = SchoolYear.objects.create(
            school=other.school, name="old", starts_on="2020-08-01", ends_on="2021-07-31",
            archived_at=now(),
        )  # fmt: skip
        Classroom.objects.filter(pk=other.pk).update(year=old)
        client.post(reverse("grading:put-student", args=[student.code]), {"classrooms": other.code})
        url = reverse("grading:move-student", args=[student.code])
        client.post(url, {"old": classroom.code, "new": other.code})
        assert not other.students.exists()
        assert student in classroom.students_now()

    def test_leaves_the_school_and_comes_back(self, client, adam, student, classroom):
        url = reverse("grading:leave-school", args=[student.code])
        tomorrow = (localdate() + timedelta(days=1)).isoformat()
        assert "has not come yet" in text(client.post(url, {"day": tomorrow}))
        client.post(url, {"day": localdate().isoformat()})
        client.post(url, {"day": localdate().isoformat()})
        student.refresh_from_db()
        assert student.left_on == localdate()
        assert student not in classroom.students_now()
        students = reverse("grading:school-students", args=[student.school.code])
        client.get(students)  # with the message about it
        assert "Amara B." not in text(client.get(students))
        assert "Amara B." in text(client.get(students, {"show": "left"}))
        client.post(reverse("grading:come-back", args=[student.code]))
        student.refresh_from_db()
        assert student.left_on is None


class TestWhoHasLeftTheClass:
    @pytest.fixture
    def left(self, student, classroom, administrator) -> Student:
        leave_class(student, classroom, administrator)
        return student

    def test_is_not_on_the_class_page_nor_counted(self, client, alice, left, classroom):
        client.force_login(alice)
        page = text(client.get(reverse("grading:classroom", args=[classroom.code])))
        assert "Amara B." not in page and "Ben T." in page
        assert "2 students" in text(client.get("/"))

    def test_is_not_offered_for_matching(self, client, alice, left, assignment, make_scored):
        make_scored(None)
        client.force_login(alice)
        page = text(client.get(reverse("grading:match", args=[assignment.code])))
        assert "Amara B." not in page and "Ben T." in page

    def test_no_picture_finds_them_by_its_name(self, left, assignment):
        assert [entry.display_name for entry in roster_of(assignment)] == ["Ben T.", "Chloé D."]

    def test_is_not_missed_in_the_overview(self, left, assignment):
        (work,) = work_of(assignment.classroom, [assignment])
        assert [s.display_name for s in work.missing] == ["Ben T.", "Chloé D."]

    def test_keeps_the_portfolio_and_the_place_in_exports(
        self, client, alice, student, classroom, administrator, decide
    ):
        decide(student)
        export = reverse("grading:export-class", args=[classroom.code])
        leave_class(student, classroom, administrator)
        client.force_login(alice)
        assert "Amara B." in text(client.get(export))
        page = text(client.get(reverse("grading:student", args=[student.code])))
        assert "Task 0" in page

    def test_without_work_is_not_in_the_export(self, client, alice, left, classroom, decide):
        decide(Student.objects.get(display_name="Ben T."))
        client.force_login(alice)
        page = text(client.get(reverse("grading:export-class", args=[classroom.code])))
        assert "Amara B." not in page and "Ben T." in page

    def test_the_portfolio_says_since_when_a_student_is_gone(
        self, client, alice, student, administrator
    ):
        leave_school(student, localdate(), administrator)
        client.force_login(alice)
        page = text(client.get(reverse("grading:student", args=[student.code])))
        assert "Left the school on" in page


def test_the_school_number_is_on_no_page_of_a_family(client, alice, student, assignment, decide):
    Student.objects.filter(pk=student.pk).update(number="NUMBER77")
    student.refresh_from_db()
    review = decide(student, title="Our street")
    release_class(review.artwork.assignment, alice)
    _link, token = create_link(student, alice, days=30, code=uuid4())
    page = client.get(reverse("grading:family", args=[token])).content.decode()
    assert "Our street" in page and "NUMBER77" not in page
    ask = reverse("grading:family-appeal", args=[token, review.artwork.code])
    assert "NUMBER77" not in client.get(ask).content.decode()

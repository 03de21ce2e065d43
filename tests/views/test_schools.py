"""The administrator's pages: the overview, years, classes and who teaches them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from grading.models import Assignment, Classroom, Membership, Role, School, SchoolYear, Term, User
from grading.services.structure import let_teach
from tests.conftest import make_user


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def adam(client, administrator) -> User:
    client.force_login(administrator)
    return administrator


@pytest.fixture
def next_year(school) -> SchoolYear:
    return SchoolYear.objects.create(
        school=school, name="2027/28", starts_on="2027-08-01", ends_on="2028-07-31"
    )


def year_data(name="2026/27", start="2026-08-01", end="2027-07-31", terms=()) -> dict:
    data = {"name": name, "starts_on": start, "ends_on": end}
    data |= {"terms-TOTAL_FORMS": str(max(len(terms), 4)), "terms-INITIAL_FORMS": "0"}
    for n, term in enumerate(terms):
        data |= {f"terms-{n}-{field}": value for field, value in term.items()}
    return data


class TestOverview:
    def test_an_empty_school_is_told_what_comes_first(self, client, adam, school):
        page = text(client.get(reverse("grading:school", args=[school.code])))
        assert "First steps" in page
        assert reverse("grading:new-year", args=[school.code]) in page
        assert "every class has a teacher" not in page

    def test_each_thing_that_waits_leads_to_where_it_is_done(
        self, client, adam, school, classroom, alice, colleague
    ):
        SchoolYear.objects.update(
            starts_on=localdate() - timedelta(days=30), ends_on=localdate() + timedelta(days=90)
        )
        empty = Classroom.objects.create(school=school, year=classroom.year, name="3C")
        let_teach(classroom, colleague, localdate(), adam)
        school.students.create(display_name="Dana E.")
        page = text(client.get(reverse("grading:school", args=[school.code])))
        assert reverse("grading:edit-class", args=[empty.code]) in page
        assert "1 student is in no class." in page
        assert "Carol sees 3B until" in page
        assert "School year 2026/27" in page

    def test_a_year_that_is_over_can_be_archived(self, client, adam, school, classroom):
        SchoolYear.objects.update(starts_on="2020-08-01", ends_on="2021-07-31")
        page = text(client.get(reverse("grading:school", args=[school.code])))
        assert reverse("grading:archive-year", args=[classroom.year.code]) in page
        assert "Today is in no school year that is open." in page

    def test_an_administrator_without_classes_is_led_to_the_school(self, client, adam):
        assert reverse("grading:schools") in text(client.get("/"))

    def test_a_teacher_without_classes_is_not(self, client, alice):
        client.force_login(alice)
        assert reverse("grading:schools") not in text(client.get("/"))


class TestYears:
    def test_a_first_year_is_proposed_and_made_with_its_terms(self, client, adam, school):
        url = reverse("grading:new-year", args=[school.code])
        assert "08-01" in text(client.get(url))
        fall = {"name": "Fall", "starts_on": "2026-08-01", "ends_on": "2026-12-20"}
        response = client.post(url, year_data(terms=[fall]))
        year = SchoolYear.objects.get()
        assert response["Location"].endswith(f"?year={year.code}")
        assert year.terms.get().name == "Fall"

    def test_made_twice_it_says_so(self, client, adam, school, year):
        response = client.post(reverse("grading:new-year", args=[school.code]), year_data())
        assert response.status_code == 422
        assert "There is a school year of this name already." in text(response)

    def test_what_overlaps_is_refused_with_everything_still_on_the_page(self, client, adam, year):
        url = reverse("grading:new-year", args=[year.school.code])
        response = client.post(url, year_data("Other", "2027-01-01", "2027-12-31"))
        assert response.status_code == 422
        page = text(response)
        assert "overlap the school year 2026/27" in page
        assert 'value="Other"' in page

    def test_a_term_with_a_missing_date_is_pointed_at(self, client, adam, school):
        url = reverse("grading:new-year", args=[school.code])
        response = client.post(url, year_data(terms=[{"name": "Fall", "starts_on": "2026-08-01"}]))
        assert "A term needs a name, a first and a last day." in text(response)
        assert not SchoolYear.objects.exists()

    def test_a_year_that_ends_before_it_starts_is_no_500(self, client, adam, school):
        url = reverse("grading:new-year", args=[school.code])
        response = client.post(url, year_data(start="2027-08-01", end="2026-08-01"))
        assert response.status_code == 422

    @pytest.mark.parametrize("data", [{}, {"name": "x" * 99}, {"terms-TOTAL_FORMS": "9999"}])
    def test_nonsense_is_no_500(self, client, adam, school, data):
        response = client.post(reverse("grading:new-year", args=[school.code]), data)
        assert response.status_code == 422

    def test_terms_are_changed_and_removed(self, client, adam, year):
        fall = Term.objects.create(
            year=year, name="Fall", starts_on="2026-08-01", ends_on="2026-12-20"
        )
        spring = Term.objects.create(
            year=year, name="Spring", starts_on="2027-01-07", ends_on="2027-07-31"
        )
        lines = [
            {"code": str(fall.code), "name": "Autumn", "starts_on": "2026-08-01",
             "ends_on": "2026-12-19"},
            {"code": str(spring.code), "name": "Spring", "starts_on": "2027-01-07",
             "ends_on": "2027-07-31", "gone": "on"},
        ]  # fmt: skip
        data = year_data(terms=lines) | {"terms-INITIAL_FORMS": "2"}
        assert client.post(reverse("grading:edit-year", args=[year.code]), data).status_code == 302
        term = year.terms.get()
        assert (term.pk, term.name) == (fall.pk, "Autumn")

    def test_archiving_says_what_it_means_and_can_be_taken_back(
        self, client, adam, year, student, make_scored
    ):
        make_scored(student)
        url = reverse("grading:archive-year", args=[year.code])
        assert "1 picture is not confirmed." in text(client.get(url))
        client.post(url)
        client.post(url)  # pressed twice
        year.refresh_from_db()
        assert year.archived_at
        page = text(client.get(reverse("grading:school-classes", args=[year.school.code])))
        assert "archived" in page
        client.post(reverse("grading:open-year", args=[year.code]))
        year.refresh_from_db()
        assert year.archived_at is None

    def test_dates_of_an_archived_year_stay(self, client, adam, year):
        SchoolYear.objects.update(archived_at=now())
        url = reverse("grading:edit-year", args=[year.code])
        assert client.post(url, year_data("Other")).status_code == 409
        assert "Open it again" in text(client.get(url))


class TestClasses:
    def test_a_class_is_made_and_its_page_opens(self, client, adam, school, year):
        url = reverse("grading:new-class", args=[school.code])
        response = client.post(url, {"name": "3C", "grade": "3", "year": year.code})
        classroom = Classroom.objects.get()
        assert response["Location"] == reverse("grading:edit-class", args=[classroom.code])

    def test_made_twice_it_says_so(self, client, adam, classroom):
        url = reverse("grading:new-class", args=[classroom.school.code])
        response = client.post(url, {"name": " 3B ", "grade": "", "year": classroom.year.code})
        assert response.status_code == 422
        assert "There is a class “3B” in 2026/27 already." in text(response)

    def test_without_a_year_the_year_comes_first(self, client, adam, school):
        response = client.get(reverse("grading:new-class", args=[school.code]))
        assert response["Location"] == reverse("grading:new-year", args=[school.code])

    def test_a_year_of_another_school_or_an_archived_one_cannot_be_chosen(
        self, client, adam, school, year, next_year
    ):
        hillside = School.objects.create(name="Hillside")
        theirs = hillside.years.create(name="1", starts_on="2026-08-01", ends_on="2027-07-31")
        SchoolYear.objects.filter(pk=next_year.pk).update(archived_at=now())
        url = reverse("grading:new-class", args=[school.code])
        for other in (theirs, next_year):
            response = client.post(url, {"name": "3C", "year": other.code})
            assert "This school year is not open." in text(response)
        assert not Classroom.objects.exists()

    def test_renamed_to_a_taken_name_nothing_is_changed(self, client, adam, classroom):
        Classroom.objects.create(school=classroom.school, year=classroom.year, name="3C")
        url = reverse("grading:edit-class", args=[classroom.code])
        response = client.post(url, {"name": "3C", "year": classroom.year.code})
        assert response.status_code == 422
        classroom.refresh_from_db()
        assert classroom.name == "3B"

    def test_the_list_of_a_year_shows_teachers_and_students(self, client, adam, classroom):
        page = text(client.get(reverse("grading:school-classes", args=[classroom.school.code])))
        assert "3B" in page and "Alice" in page

    def test_the_pages_have_no_more_queries_with_more_classes(
        self, client, adam, classroom, django_assert_max_num_queries
    ):
        for n in range(8):
            Classroom.objects.create(
                school=classroom.school, year=classroom.year, name=f"4{n}"
            ).teachers.add(*User.objects.filter(name="Alice"))
        with django_assert_max_num_queries(9):
            client.get(reverse("grading:school-classes", args=[classroom.school.code]))
        with django_assert_max_num_queries(16):
            client.get(reverse("grading:school", args=[classroom.school.code]))


class TestPromoting:
    def lines(self, *lines) -> dict:
        data = {"classes-TOTAL_FORMS": str(len(lines)), "classes-INITIAL_FORMS": str(len(lines))}
        for n, line in enumerate(lines):
            data |= {f"classes-{n}-{field}": value for field, value in line.items()}
        return data

    def test_chosen_classes_go_on_with_their_students(self, client, adam, classroom, next_year):
        url = reverse("grading:promote-classes", args=[classroom.school.code])
        url += f"?year={classroom.year.code}"
        assert 'value="4B"' in text(client.get(url))
        stays = Classroom.objects.create(
            school=classroom.school, year=classroom.year, name="3C", grade=3
        )
        data = self.lines(
            {"chosen": "on", "code": classroom.code, "name": "4 Blue", "grade": "4"},
            {"code": stays.code, "name": "4C", "grade": "4"},
        ) | {"year": next_year.code, "with_students": "on"}
        response = client.post(url, data)
        assert response["Location"].endswith(f"?year={next_year.code}")
        new = next_year.classrooms.get()
        assert (new.name, new.students_now().count()) == ("4 Blue", 3)
        again = client.post(url, data)
        assert again.status_code == 422
        assert "already. Nothing was copied." in text(again)

    def test_nothing_chosen_is_said(self, client, adam, classroom, next_year):
        url = reverse("grading:promote-classes", args=[classroom.school.code])
        data = self.lines({"code": classroom.code, "name": "4B"}) | {"year": next_year.code}
        response = client.post(f"{url}?year={classroom.year.code}", data)
        assert "Choose at least one class." in text(response)

    def test_without_another_year_that_comes_first(self, client, adam, classroom):
        response = client.get(reverse("grading:promote-classes", args=[classroom.school.code]))
        assert response["Location"] == reverse("grading:new-year", args=[classroom.school.code])

    def test_a_class_of_another_school_is_not_copied(self, client, adam, classroom, next_year, bob):
        hillside = bob.memberships.get().school
        year = hillside.years.create(name="1", starts_on="2026-08-01", ends_on="2027-07-31")
        theirs = Classroom.objects.create(school=hillside, year=year, name="9X", grade=8)
        url = reverse("grading:promote-classes", args=[classroom.school.code])
        line = {"chosen": "on", "code": theirs.code, "name": "9X"}
        client.post(
            f"{url}?year={classroom.year.code}", self.lines(line) | {"year": next_year.code}
        )
        assert not next_year.classrooms.exists()


class TestTeachers:
    def test_a_substitute_is_added_with_a_last_day_and_shown_on_the_class_page(
        self, client, adam, classroom, colleague
    ):
        url = reverse("grading:add-teacher", args=[classroom.code])
        client.post(url, {"user": colleague.code, "until": localdate().isoformat()})
        client.force_login(colleague)
        page = text(client.get(reverse("grading:classroom", args=[classroom.code])))
        assert "Carol" in page and "substitute until" in page

    def test_the_last_day_cannot_be_over(self, client, adam, classroom, colleague):
        day = (localdate() - timedelta(days=1)).isoformat()
        url = reverse("grading:add-teacher", args=[classroom.code])
        response = client.post(url, {"user": colleague.code, "until": day})
        assert response.status_code == 422
        assert "The last day is over already." in text(response)
        teaching = classroom.teachings.get()
        client.post(reverse("grading:change-teaching", args=[teaching.code]), {"until": day})
        teaching.refresh_from_db()
        assert teaching.until is None

    @pytest.mark.parametrize("who", ["annotator", "bob", "administrator"])
    def test_only_teachers_of_the_school_can_be_chosen(self, client, adam, classroom, request, who):
        user = request.getfixturevalue(who)
        client.post(reverse("grading:add-teacher", args=[classroom.code]), {"user": user.code})
        assert classroom.teachings.count() == 1

    def test_a_removed_teacher_is_out_at_once(self, client, adam, classroom, alice):
        url = reverse("grading:remove-teacher", args=[classroom.teachings.get().code])
        assert client.post(url).status_code == 302
        assert client.post(url).status_code == 404  # pressed twice
        client.force_login(alice)
        assert client.get(reverse("grading:classroom", args=[classroom.code])).status_code == 404

    def test_who_is_no_longer_in_force_is_not_shown_as_a_teacher(
        self, client, adam, classroom, colleague
    ):
        let_teach(classroom, colleague, localdate() - timedelta(days=1), adam)
        for url in ("/", reverse("grading:classroom", args=[classroom.code])):
            page = text(client.get(url))
            assert "Alice" in page and "Carol" not in page
        page = text(client.get(reverse("grading:edit-class", args=[classroom.code])))
        assert "access has ended" in page


class TestClassPage:
    def test_assignments_stand_under_their_terms_the_newest_first(
        self, client, alice, classroom, assignment, rubric_version
    ):
        Term.objects.create(
            year=classroom.year, name="Fall", starts_on="2026-08-01", ends_on="2026-12-20"
        )
        Term.objects.create(
            year=classroom.year, name="Spring", starts_on="2027-01-07", ends_on="2027-07-31"
        )
        for title, day in (
            ("Leaves", "2026-10-01"),
            ("Tulips", "2027-04-01"),
            ("Ice", "2027-01-01"),
        ):
            Assignment.objects.create(
                classroom=classroom, rubric_version=rubric_version, title=title, made_on=day
            )
        Assignment.objects.filter(pk=assignment.pk).delete()
        client.force_login(alice)
        page = text(client.get(reverse("grading:classroom", args=[classroom.code])))
        places = [page.index(w) for w in (">Spring", "Tulips", "Outside the terms", "Ice", ">Fall")]
        assert places == sorted(places)
        assert page.index(">Fall") < page.index("Leaves")

    def test_administrators_get_to_its_administration_and_teachers_do_not(
        self, client, administrator, alice, classroom
    ):
        for user, there in ((administrator, True), (alice, False)):
            client.force_login(user)
            page = text(client.get(reverse("grading:classroom", args=[classroom.code])))
            assert (reverse("grading:edit-class", args=[classroom.code]) in page) is there


def test_an_administrator_of_another_school_gets_404(client, classroom, student, year):
    hillside = School.objects.create(name="Hillside")
    client.force_login(make_user(hillside, Role.ADMINISTRATOR, "Eve"))
    teaching = classroom.teachings.get()
    urls = [
        *(reverse(f"grading:{n}", args=[classroom.school.code]) for n in (
            "school", "school-classes", "new-class", "new-year", "promote-classes",
            "school-students", "new-students", "put-students")),
        *(reverse(f"grading:{n}", args=[year.code]) for n in (
            "edit-year", "archive-year", "open-year")),
        *(reverse(f"grading:{n}", args=[classroom.code]) for n in ("edit-class", "add-teacher")),
        *(reverse(f"grading:{n}", args=[teaching.code]) for n in (
            "change-teaching", "remove-teacher")),
        *(reverse(f"grading:{n}", args=[student.code]) for n in (
            "edit-student", "put-student", "move-student", "leave-school", "come-back")),
    ]  # fmt: skip
    for archived in (None, now()):
        SchoolYear.objects.update(archived_at=archived)
        for url in urls:
            assert client.get(url).status_code in (404, 405), url
            assert client.post(url).status_code in (404, 405), url


def test_an_administrator_of_two_schools_chooses(client, administrator):
    other = School.objects.create(name="Hillside")
    Membership.objects.create(user=administrator, school=other, role=Role.ADMINISTRATOR)
    client.force_login(administrator)
    assert "Hillside" in text(client.get(reverse("grading:schools")))

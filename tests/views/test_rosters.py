"""The pages of a list: choose, say what it holds, look, apply, undo."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from grading.models import (
    AuditEvent,
    Classroom,
    Enrollment,
    Membership,
    Role,
    RosterImport,
    School,
    SchoolYear,
    Student,
    Teaching,
    User,
)
from grading.services.roster_plan import plan_of
from tests.intake.test_oneroster import SCHOOL, a_class, enrolled, oneroster, user

LIST = "Vorname;Nachname;Nr.;Klasse;Geburtsdatum\nDev;Patelski;0007;3B;02.01.2018\n"


def text(response) -> str:
    return unescape(" ".join(response.content.decode().split()))


@pytest.fixture
def signed_in(client, administrator, classroom):
    client.force_login(administrator)
    return client


@pytest.fixture
def upload(signed_in, school):
    def send(content: bytes | str, name="list.csv"):
        content = content.encode() if isinstance(content, str) else content
        file = SimpleUploadedFile(name, content)
        return signed_in.post(reverse("grading:rosters", args=[school.code]), {"file": file})

    return send


@pytest.fixture
def columns(signed_in, school, year):
    """Answer the page of columns as it was filled in, but for ``said``."""

    def send(page, **said):
        html = page.content.decode()
        fields = {"packed": re.search(r'name="packed" value="([^"]*)"', html)[1],
                  "year": str(year.code), "style": "initial"}  # fmt: skip
        for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', html, re.S):
            chosen = re.search(r'value="([^"]*)" selected', options)
            fields[name] = chosen[1] if chosen else ""
        fields["one_class"] = ""
        fields.update(said)
        return signed_in.post(reverse("grading:roster-columns", args=[school.code]), fields)

    return send


@pytest.fixture
def apply(signed_in):
    def press(roster: RosterImport, action="apply", **said):
        said = {"seen": plan_of(roster).mark, **said} if action == "apply" else said
        return signed_in.post(
            reverse(f"grading:{action}-roster", args=[roster.code]), said, follow=True
        )

    return press


def test_the_page_offers_a_file_field_and_earlier_lists(signed_in, school):
    page = text(signed_in.get(reverse("grading:rosters", args=[school.code])))
    assert 'type="file"' in page
    assert "No list was uploaded yet." in page


def test_without_a_year_it_says_what_to_do_first(signed_in, administrator):
    other = School.objects.create(name="New")
    Membership.objects.create(user=administrator, school=other, role=Role.ADMINISTRATOR)
    page = text(signed_in.get(reverse("grading:rosters", args=[other.code])))
    assert "No school year yet" in page


def test_from_the_file_to_the_class_and_back(signed_in, upload, columns, apply, school):
    page = upload(LIST)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert "Left out at once, and never stored: <bdi>Geburtsdatum</bdi>" in text(page)
    assert "02.01.2018" not in page.content.decode()
    assert not RosterImport.objects.exists()
    response = columns(page)
    roster = RosterImport.objects.get()
    assert response["Location"] == reverse("grading:roster", args=[roster.code])
    assert "Patelski" not in f"{roster.rows}{roster.header}{roster.mapping}"
    shown = text(signed_in.get(response["Location"]))
    assert "What this list would change" in shown
    assert "Dev P." in shown
    assert not Student.objects.filter(display_name="Dev P.").exists()
    page = text(apply(roster))
    assert "Possible until" in page
    assert Student.objects.get(display_name="Dev P.").number == "0007"
    page = text(apply(roster, "undo"))
    assert "Undone." in page
    assert not Student.objects.filter(display_name="Dev P.").exists()


def test_the_same_list_again_has_nothing_to_change(signed_in, upload, columns, apply):
    columns(upload(LIST))
    apply(RosterImport.objects.get())
    page = text(signed_in.get(columns(upload(LIST))["Location"]))
    assert "Nothing to change" in page
    assert ">Apply<" not in page


def test_the_guess_is_corrected(signed_in, upload, columns):
    page = upload("A;B;C\nDev;Patel;4X\nElif;Kaya;4X\n")
    columns(page, first="1", last="0", classroom="2", header="0")
    assert [row["name"] for row in RosterImport.objects.get().rows] == ["Patel D.", "Kaya E."]


def test_another_line_holds_the_names_of_the_columns(signed_in, upload, columns):
    page = upload("Vorname;Klasse\nImię;Klasa\nDev;3B\n")
    again = columns(page, header="1", again="1")
    assert again.status_code == 200
    assert "Imię" in text(again)
    assert not RosterImport.objects.exists()
    columns(again, first="0", classroom="1")
    assert [row["name"] for row in RosterImport.objects.get().rows] == ["Dev"]


def test_one_class_for_all(signed_in, upload, columns):
    page = upload("Vorname;Nachname\nDev;Patel\n")
    refused = columns(page)
    assert refused.status_code == 422
    assert "Name the class" in text(refused)
    columns(refused, one_class=" 5C ")
    assert RosterImport.objects.get().rows[0]["classroom"] == "5C"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"first": "", "last": "1"}, "Say which column holds the names."),
        ({"first": "0", "last": "0"}, "This column is chosen twice."),
        ({"first": "99"}, "Select a valid choice"),
        ({"year": "00000000-0000-4000-8000-000000000000"}, "Select a valid choice"),
        ({"year": "x"}, "“x” is not a valid UUID"),
        ({"style": "loud"}, "Select a valid choice"),
        ({"header": "77"}, "Select a valid choice"),
    ],
)
def test_wrong_answers_are_said_and_nothing_is_lost(upload, columns, said, words):
    page = columns(upload(LIST), **said)
    assert page.status_code == 422
    assert words in text(page)
    assert 'name="packed" value="' in page.content.decode()
    assert not RosterImport.objects.exists()


@pytest.mark.parametrize("packed", ["", "nonsense", "a:b:c"])
def test_a_page_that_is_not_ours_leads_back(signed_in, school, packed):
    url = reverse("grading:roster-columns", args=[school.code])
    response = signed_in.post(url, {"packed": packed})
    assert response["Location"] == reverse("grading:rosters", args=[school.code])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"%PDF-1.7", "This is a PDF"), (b"", "empty"), (b"a,b\n" * 20_100, "too many rows")],
)
def test_what_is_no_list_is_refused_on_the_page(upload, content, words):
    page = upload(content)
    assert page.status_code == 422
    assert words in text(page)


def test_no_file_is_a_sentence(signed_in, school):
    page = signed_in.post(reverse("grading:rosters", args=[school.code]))
    assert page.status_code == 422
    assert "Choose a file first." in text(page)


def test_a_school_of_another_year_cannot_be_chosen(upload, columns, bob):
    other = bob.memberships.get().school
    year = SchoolYear.objects.create(
        school=other, name="2026/27", starts_on="2026-08-01", ends_on="2027-07-31"
    )
    assert columns(upload(LIST), year=str(year.code)).status_code == 422


def test_names_are_never_markup(signed_in, upload, columns, apply, classroom):
    page = upload("Name;Klasse\n<script>alert(1)</script>;<b>3B</b>\n")
    assert b"<script>alert" not in page.content
    location = columns(page, style="as_is")["Location"]
    assert b"<script>alert" not in signed_in.get(location).content
    apply(RosterImport.objects.get())
    made = Classroom.objects.get(name="<b>3B</b>")
    shown = signed_in.get(reverse("grading:classroom", args=[made.code])).content
    assert b"<script>alert" not in shown
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert b"<b>3B</b>" not in shown


def test_bad_rows_stand_on_the_page_with_their_lines(signed_in, upload, columns, apply):
    location = columns(upload(LIST + ";;0008;3B;\n"))["Location"]
    page = text(signed_in.get(location))
    assert "line 3" in page
    assert "There is no name." in page
    assert "Apply the rest" in page
    assert "There is no name." in text(apply(RosterImport.objects.get()))


def test_what_was_not_shown_is_not_applied(upload, columns, apply):
    columns(upload(LIST))
    page = apply(RosterImport.objects.get(), seen="another")
    assert page.status_code == 409
    assert "The school has changed meanwhile" in text(page)
    assert not Student.objects.filter(display_name="Dev P.").exists()


def test_pressed_twice_both_apply_and_undo_are_done_once(upload, columns, apply):
    columns(upload(LIST))
    roster = RosterImport.objects.get()
    for action in ("apply", "apply", "undo", "undo"):
        assert apply(roster, action).status_code == 200
    verbs = AuditEvent.objects.filter(verb__in=["imported", "restored"])
    assert [event.verb for event in verbs] == ["imported", "restored"]


def test_a_list_is_forgotten_before_it_is_applied_and_not_after(upload, columns, apply):
    columns(upload(LIST))
    roster = RosterImport.objects.get()
    assert "Nothing was changed." in text(apply(roster, "discard"))
    assert not RosterImport.objects.exists()
    columns(upload(LIST))
    roster = RosterImport.objects.get()
    apply(roster)
    assert "Undo it instead." in text(apply(roster, "discard"))
    assert RosterImport.objects.exists()


def test_what_is_forgotten_says_so(signed_in, upload, columns):
    location = columns(upload(LIST))["Location"]
    RosterImport.objects.update(rows=[], plan={}, header=[], mapping={})
    assert "no longer kept" in text(signed_in.get(location))


class TestOneRoster:
    @pytest.fixture(autouse=True)
    def _numbers(self, classroom):
        for old, number in (("1", "0071"), ("2", "0072")):
            Student.objects.filter(number=old).update(number=number)

    def test_students_classes_and_teachers(
        self, signed_in, upload, columns, apply, alice, classroom, student
    ):
        teaching = Teaching.objects.get(user=alice)
        teaching.delete()
        page = upload(oneroster(**SCHOOL), "roster.zip")
        assert "OneRoster 1.2, 5 enrollments" in text(page)
        location = columns(page)["Location"]
        roster = RosterImport.objects.get()
        assert "@" not in str(roster.rows)
        shown = text(signed_in.get(location))
        assert "Nora Newcomer" in shown
        assert "Teachers not invited yet" in shown
        apply(roster)
        student.refresh_from_db()
        classroom.refresh_from_db()
        assert classroom.sourced_id == "c1"
        assert Teaching.objects.get(classroom=classroom).user == alice
        event = AuditEvent.objects.get(verb="permitted")
        assert event.detail["person"] == str(alice.code)
        assert Student.objects.get(sourced_id="u2").display_name == "Ben T."
        assert "Nothing to change" in text(signed_in.get(columns(upload(oneroster(**SCHOOL)))[
            "Location"
        ]))  # fmt: skip
        apply(roster, "undo")
        assert not Teaching.objects.exists()
        assert AuditEvent.objects.filter(verb="forbidden").count() == 1

    def test_an_administrator_or_a_stranger_with_that_address_does_not_teach(
        self, upload, columns, apply, administrator, bob
    ):
        users = [*SCHOOL["users"], user("t3", "A", "B", email=administrator.email),
                 user("t4", "C", "D", email=bob.email)]  # fmt: skip
        rows = [enrolled("u1"), enrolled("t3", role="teacher"), enrolled("t4", role="teacher")]
        columns(upload(oneroster(**{**SCHOOL, "users": users, "enrollments": rows})))
        roster = RosterImport.objects.get()
        assert len(plan_of(roster).not_invited) == 2
        apply(roster)
        assert set(User.objects.filter(teachings__isnull=False)) == {User.objects.get(name="Alice")}

    def test_a_delta_moves_renames_and_lets_go(self, upload, columns, apply, classroom):
        columns(upload(oneroster(**SCHOOL)))
        apply(RosterImport.objects.get())
        delta = oneroster(
            "delta",
            users=[user("u1", "Amara", "Zander", status="active"),
                   user("u2", "", "", status="tobedeleted")],
            classes=[a_class("c3", "4A", status="active")],
            enrollments=[enrolled("u1", status="tobedeleted"), enrolled("u1", "c3")],
        )  # fmt: skip
        page = upload(delta)
        assert "This file holds only what has changed." in text(page)
        columns(page)
        roster = RosterImport.objects.first()
        plan = plan_of(roster)
        assert [s.name for s in plan.moved] == ["Amara B."]
        apply(roster)
        amara, ben = (Student.objects.get(sourced_id=key) for key in ("u1", "u2"))
        assert amara.display_name == "Amara Z."
        assert ben.left_on is not None
        assert set(Enrollment.objects.current().filter(student=ben)) == set()
        assert {e.classroom.name for e in Enrollment.objects.current().filter(student=amara)} == {
            "4A", "Art",
        }  # fmt: skip
        assert Student.objects.get(display_name="Chloé D.").left_on is None

    def test_a_class_is_renamed_and_not_made_twice(self, upload, columns, apply, classroom):
        columns(upload(oneroster(**SCHOOL)))
        apply(RosterImport.objects.get())
        swapped = [a_class(title="Art"), a_class("c2", "3B")]
        columns(upload(oneroster(**{**SCHOOL, "classes": swapped})))
        roster = RosterImport.objects.first()
        apply(roster)
        names = {c.sourced_id: c.name for c in Classroom.objects.all()}
        assert names == {"c1": "Art", "c2": "3B"}
        apply(roster, "undo")
        names = {c.sourced_id: c.name for c in Classroom.objects.all()}
        assert names == {"c1": "3B", "c2": "Art"}

    def test_of_several_schools_one_is_taken(self, upload, columns):
        classes = [a_class(), a_class("c2", "9Z", schoolSourcedId="s2")]
        tables = {
            **SCHOOL, "classes": classes,
            "orgs": [{"sourcedId": "s1", "name": "Riverside"}, {"sourcedId": "s2", "name": "Hill"}],
            "enrollments": [enrolled("u1"), enrolled("u2", "c2", schoolSourcedId="s2")],
        }  # fmt: skip
        page = upload(oneroster(**tables))
        assert "School in the file" in text(page)
        columns(page)
        assert {row["classroom"] for row in RosterImport.objects.get().rows} == {"3B"}

    def test_classes_of_an_earlier_year_are_left_out(self, upload, columns):
        classes = [a_class(termSourcedIds="y0"), a_class("c2", "Art", termSourcedIds="y1")]
        columns(upload(oneroster(**{**SCHOOL, "classes": classes})))
        plan = plan_of(RosterImport.objects.get())
        assert {p.code for p in plan.problems} == {"other_year"}
        assert [c.name for c in plan.new_classes] == ["Art"]

"""The page of a school's audit trail, and the file of it."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import localdate, now

from grading.chain import chain_head, verify_chain
from grading.models import AuditEvent, FamilyLink, Student, User
from grading.services import trail
from grading.services.annotations import confirm_review
from grading.services.audit import record

Verb = AuditEvent.Verb


@pytest.fixture
def page(client, administrator, school):
    """``page(verb="confirmed")``: the words of the page with this filter."""
    client.force_login(administrator)

    def get(status: int = 200, **query) -> str:
        response = client.get(reverse("grading:audit", args=[school.code]), query)
        assert response.status_code == status
        return response.content.decode()

    return get


def rows(html: str) -> list[str]:
    """The sentences, without their markup."""
    cells = re.findall(r'class="trail__what">(.*?)</td>', html, re.S)
    return [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in cells]


@pytest.fixture
def lines(client, administrator, school):
    client.force_login(administrator)

    def get(**query) -> list[list[str]]:
        response = client.get(reverse("grading:audit-file", args=[school.code]), query)
        assert response.status_code == 200
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))

    return get


def raw() -> QuerySet[AuditEvent]:
    return QuerySet(AuditEvent)


class TestRows:
    def test_they_are_sentences_with_the_names_of_today(self, page, make_scored, student, alice):
        confirm_review(make_scored(student).picture.artwork, alice)
        Student.objects.filter(pk=student.pk).update(display_name="Amara Q.")
        assert rows(page(verb="confirmed")) == ["Alice confirmed a picture of Amara Q."]

    def test_an_erased_student_has_no_name(self, page, student, alice, school):
        record(alice, Verb.VIEWED, student, school)
        student.delete()
        assert rows(page(verb="viewed"))[-1] == "Alice looked at an erased student."

    def test_an_erased_picture_has_none_either(self, page, make_artwork, student, alice, school):
        artwork = make_artwork(student)
        record(alice, Verb.REMOVED, artwork, school)
        artwork.delete()
        assert rows(page(verb="removed")) == ["Alice removed a picture that was erased."]

    def test_the_page_itself_is_a_view(self, page):
        assert rows(page()) == ["Adam looked at this audit trail."]
        page()
        assert AuditEvent.objects.count() == 1  # leafing through it is one view

    def test_whoever_saw_the_list_of_students_before_has_not_seen_the_trail(
        self, page, client, school
    ):
        client.force_login(school.memberships.get().user)
        client.get(reverse("grading:school-students", args=[school.code]))
        assert "Adam looked at this audit trail." in rows(page())

    def test_another_schools_rows_are_not_there(self, page, bob):
        other = bob.memberships.get().school
        record(bob, Verb.CHANGED, other, other)
        assert not any("Bob" in row for row in rows(page()))

    def test_sign_ins_of_members_are(self, page, alice, bob):
        record(alice, Verb.SIGNED_IN, alice, None)
        record(bob, Verb.SIGNED_IN, bob, None)
        record(None, Verb.SIGN_IN_FAILED, alice, None)
        said = rows(page())
        assert "Alice signed in." in said
        assert "Somebody tried to sign in with the account of Alice, and failed." in said
        assert len(said) == 3  # and that the page was looked at

    def test_a_stranger_who_put_a_model_into_use_has_no_name(self, page, installed, bob):
        record(bob, Verb.PROMOTED, installed[0], None, why="better")
        assert "Somebody of another school put the model for Realism 1 into use." in rows(page())

    def test_support_is_called_so(self, page, school, bob, student):
        record(bob, Verb.VIEWED, student, school, support=True)
        assert "Support (Bob) looked at Amara B." in rows(page())

    def test_names_cannot_bring_markup_or_places_along(self, page, student, alice, school):
        Student.objects.filter(pk=student.pk).update(display_name="<b>{who}</b> {0}")
        record(alice, Verb.VIEWED, student, school)
        html = page(verb="viewed")
        assert "&lt;b&gt;{who}&lt;/b&gt; {0}" in html
        assert "<b>{who}" not in html

    @pytest.mark.parametrize("verb", AuditEvent.Verb.values)
    def test_every_act_has_a_sentence_and_can_be_asked_for(self, page, school, alice, verb):
        assert verb in {value for _group, acts in trail.ACTS for value, _label in acts}
        record(alice, verb, school, school)
        assert rows(page(verb=verb))[-1].endswith(".")

    def test_a_kind_or_act_of_tomorrow_is_no_error(self, page, school, alice):
        raw().create(actor=alice, verb="juggled", object_kind="ball", school=school)
        assert "Alice: something." in rows(page())


class TestFilter:
    @pytest.fixture(autouse=True)
    def some(self, school, alice, colleague, student, make_artwork):
        self.artwork = make_artwork(student)
        record(alice, Verb.VIEWED, student, school)
        record(alice, Verb.MATCHED, self.artwork, school, student=str(student.code))
        record(colleague, Verb.VIEWED, school, school)

    def test_by_person(self, page, colleague):
        assert rows(page(person=colleague.code)) == ["Carol looked at the school."]

    def test_by_what_was_done(self, page):
        assert rows(page(verb="matched")) == ["Alice matched a picture of Amara B."]

    @pytest.mark.parametrize("asked", ["amara", "1", "code"])
    def test_by_student(self, page, student, asked):
        said = rows(page(student=student.code if asked == "code" else asked))
        assert said == ["Alice matched a picture of Amara B.", "Alice looked at Amara B."]

    def test_by_the_code_of_an_erased_student(self, page, student):
        code = student.code
        student.delete()
        assert rows(page(student=code)) == ["Alice looked at an erased student."]

    def test_by_days(self, page):
        today = localdate()
        raw().filter(verb="matched").update(at=F("at") - timedelta(days=3))
        old = str(today - timedelta(days=3))
        assert rows(page(until=old)) == ["Alice matched a picture of Amara B."]
        assert rows(page(since=old, until=old)) == ["Alice matched a picture of Amara B."]
        assert len(rows(page(since=str(today)))) == 3
        assert rows(page(until=str(today - timedelta(days=4)))) == []

    def test_somebody_who_has_left_can_be_asked_for(self, page, colleague):
        colleague.memberships.all().delete()
        assert f"?person={colleague.code}" in page()
        assert rows(page(person=colleague.code)) == ["Carol looked at the school."]

    @pytest.mark.parametrize(
        "query",
        [
            {"person": str(uuid.uuid4())},
            {"person": "x"},
            {"verb": "juggled"},
            {"student": "Nobody"},
            {"student": "x" * 61},
            {"since": "yesterday"},
            {"since": "2026-02-02", "until": "2026-02-01"},
        ],
    )
    def test_what_makes_no_sense_is_said_and_nothing_is_shown(self, page, query):
        html = page(status=422, **query)
        assert "errorlist" in html
        assert rows(html) == []
        assert "Download as CSV" not in html

    def test_a_person_of_another_school_is_unknown(self, page, bob):
        page(status=422, person=bob.code)

    def test_a_name_of_another_school_is_unknown(self, page, bob):
        other = bob.memberships.get().school
        Student.objects.create(school=other, display_name="Zelda Z.")
        page(status=422, student="Zelda")

    def test_too_many_of_a_name(self, page, school):
        for number in range(31):
            Student.objects.create(school=school, display_name=f"Kim {number}")
        assert "Write more of it" in page(status=422, student="kim")

    def test_what_was_asked_for_stays_in_the_form(self, page, alice):
        html = page(student="amara", person=alice.code)
        assert 'value="amara"' in html
        assert f'<option value="{alice.code}" selected>' in html


class TestPages:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(trail, "ROWS_A_PAGE", 3)

    def follow(self, client, html: str) -> str | None:
        found = re.search(r'href="([^"]+)" rel="next"', html)
        if found is None:
            return None
        return client.get(unescape(found[1])).content.decode()

    def all_rows(self, client, html: str | None) -> list[str]:
        said = []
        while html:
            said += rows(html)
            html = self.follow(client, html)
        return said

    def test_leafing_through_shows_every_row_once(self, client, page, alice, school):
        for number in range(8):
            record(alice, Verb.SIGNED_IN if number % 2 else Verb.CHANGED, alice, None)
        first = page()
        assert len(rows(first)) == 3
        assert len(self.all_rows(client, first)) == 9

    def test_rows_of_one_moment_are_not_parted(self, client, page, alice, school):
        for _ in range(7):
            record(alice, Verb.CHANGED, school, school)
        raw().filter(verb="changed").update(at=now() - timedelta(minutes=1))
        assert len(self.all_rows(client, page())) == 8

    def test_the_filter_stays_on_older_pages(self, client, page, alice, colleague, school):
        for _ in range(5):
            record(alice, Verb.CHANGED, school, school)
            record(colleague, Verb.CHANGED, school, school)
        said = self.all_rows(client, page(person=alice.code))
        assert said == ["Alice changed the school."] * 5

    @pytest.mark.parametrize("before", ["x", "2026-01-01", "9999-99-99T00:00:00+00:00"])
    def test_a_made_up_place_is_the_beginning(self, page, before):
        assert len(rows(page(before=before))) == 1


class TestCost:
    def test_more_rows_cost_no_more_queries(self, page, make_artwork, student, alice, school):
        def write(count: int) -> None:
            for color in range(count):
                record(alice, Verb.MATCHED, make_artwork(student, f"#0000{color:02}"), school)
                record(alice, Verb.VIEWED, student, school)

        page()
        write(1)
        with CaptureQueriesContext(connection) as few:
            page()
        write(10)
        with CaptureQueriesContext(connection) as many:
            page()
        assert len(many) == len(few) < 30

    @pytest.mark.parametrize("narrow", ["", "person", "verb", "student"])
    def test_an_index_leads_to_the_rows(self, school, alice, student, narrow):
        wanted = trail.Wanted(
            person=alice if narrow == "person" else None,
            verb="erased" if narrow == "verb" else "",
            students=[student.code] if narrow == "student" else None,
        )
        for part in trail.events_of(school, wanted):
            plan = part.values_list("at")[:51].explain()
            events = [line for line in plan.splitlines() if "grading_auditevent" in line]
            assert events
            assert all("USING" in line and "INDEX" in line for line in events), plan


class TestFile:
    def test_it_has_every_row_sealed_and_ends_with_the_head(self, lines, student, alice, school):
        record(alice, Verb.VIEWED, student, school)
        found = lines()
        assert tuple(found[0]) == trail.HEADER
        assert [row[5] for row in found[1:]] == ["viewed", "exported", "head"]
        assert [row[0] for row in found[1:-1]] == ["1", "2"]
        assert f"{found[-1][0]}:{found[-1][1]}" == str(chain_head())
        assert not verify_chain(chain_head()).faults

    def test_it_is_written_down(self, lines, administrator):
        lines()
        event = AuditEvent.objects.get()
        assert (event.actor, event.verb, event.detail) == (
            administrator, "exported", {"what": "trail"},
        )  # fmt: skip

    def test_the_filter_counts(self, lines, student, alice, school):
        record(alice, Verb.VIEWED, student, school)
        record(alice, Verb.CHANGED, school, school)
        assert [row[5] for row in lines(student="amara")[1:]] == ["viewed", "head"]

    def test_a_wrong_filter_gives_no_file(self, client, administrator, school):
        client.force_login(administrator)
        url = reverse("grading:audit-file", args=[school.code])
        assert client.get(url, {"verb": "juggled"}).status_code == 422
        assert not AuditEvent.objects.exists()

    def test_a_name_is_no_formula(self, lines, student, alice, school):
        User.objects.filter(pk=alice.pk).update(name="=1+1")
        record(alice, Verb.VIEWED, student, school)
        assert lines()[1][3] == "'=1+1"

    def test_it_is_read_in_batches(self, lines, alice, school, monkeypatch):
        monkeypatch.setattr(trail, "ROWS_A_BATCH", 2)
        for _ in range(5):
            record(alice, Verb.CHANGED, school, school)
        assert len(lines()) == 8

    def test_names_of_strangers_are_not_in_it(self, lines, installed, bob):
        record(bob, Verb.PROMOTED, installed[0], None)
        row = lines()[1]
        assert row[3:5] == ["Somebody of another school", ""]


def test_families_are_told_of_without_a_name(page, student, school, alice):
    link = FamilyLink(student=student, code=uuid.uuid4())
    record(None, Verb.OPENED, student, school, link=str(link.code))
    record(None, Verb.APPEALED, student, school, by_family=True)
    said = rows(page())
    assert "A family opened the link for Amara B." in said
    assert "A family asked for a second look: Amara B." in said

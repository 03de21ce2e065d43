from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from grading.models import AuditEvent, Rubric, RubricVersion, StudentNote
from grading.services.rights import place_hold


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def url(student) -> str:
    return reverse("grading:student", args=[student.code])


class TestThePage:
    def test_it_shows_works_radar_and_growth(self, signed_in, url, student, decide):
        for days in (30, 20, 10):
            decide(student, 3, days_ago=days)
        page = text(signed_in.get(url))
        assert page.count("filmstrip__picture") == 3
        assert "Then and now" in page
        assert page.count('class="trend"') == 9
        assert page.count("trend__line") == 9

    def test_sections_of_two_rubrics_have_names_of_their_own(self, signed_in, url, student, decide):
        rubric = Rubric.objects.create(slug="clay", name="Clay")
        version = RubricVersion.objects.create(rubric=rubric, number=1)
        dimension = version.dimensions.create(position=0, slug="form", name="Form")
        for level in version.levels:
            dimension.level_words.create(level=level, words=f"w{level}")
        decide(student, 3, days_ago=20)
        decide(student, 3, days_ago=10, version=version)
        page = text(signed_in.get(url))
        names = re.findall(
            r'<section [^>]*aria-labelledby="((?:words|then-now|trends)[^"]*)"', page
        )
        assert sorted(names) == sorted(
            f"{part}-{n} rubric-{n}" for n in (1, 2) for part in ("words", "then-now", "trends")
        )
        assert all(f'id="rubric-{n}"' in page for n in (1, 2))

    def test_two_works_have_no_line_and_a_sentence(self, signed_in, url, student, decide):
        for days in (20, 10):
            decide(student, 3, days_ago=days)
        page = text(signed_in.get(url))
        assert "trend__line" not in page
        assert "Two decided works show a difference, which may be chance" in page
        assert "Too early to say" in page

    def test_one_work_is_no_growth(self, signed_in, url, student, decide):
        decide(student, 3)
        page = text(signed_in.get(url))
        assert "One decided work shows no growth" in page
        assert 'class="trend"' not in page

    def test_without_works_it_says_where_they_come_from(self, signed_in, url):
        assert "No works yet" in text(signed_in.get(url))

    def test_what_the_model_said_is_not_shown(self, signed_in, url, student, make_scored):
        make_scored(student)
        page = text(signed_in.get(url))
        assert "Waits for your decision" in page
        assert "radar__svg" not in page

    def test_not_assessed_is_a_gap_and_said_in_the_table(self, signed_in, url, student, decide):
        for days in (30, 20, 10):
            decide(student, 3, days_ago=days, realism=None if days == 20 else 2)
        page = text(signed_in.get(url))
        assert page.count("trend__gap") == 1
        assert "<td>2</td><td>not assessed</td><td>2</td>" in page

    def test_first_and_latest_are_compared_unless_others_are_asked_for(
        self, signed_in, url, student, decide
    ):
        works = [decide(student, 3, days_ago=days) for days in (30, 20, 10)]
        section = signed_in.get(url).context["sections"][0]
        assert (section.then.review, section.now.review) == (works[0], works[2])
        asked = {"then": works[1].artwork.code, "now": works[0].artwork.code}
        section = signed_in.get(url, asked).context["sections"][0]
        assert (section.then.review, section.now.review) == (works[1], works[0])

    def test_an_unknown_work_is_asked_for_in_vain(self, signed_in, url, student, decide):
        works = [decide(student, 3, days_ago=days) for days in (20, 10)]
        section = signed_in.get(url, {"then": "nonsense"}).context["sections"][0]
        assert section.then.review == works[0]

    def test_the_rules_stand_on_the_page(self, signed_in, url, student, decide):
        decide(student, 3)
        page = text(signed_in.get(url))
        assert "the highest mean level of the latest three works" in page
        assert "at least one level above the mean of the first two" in page

    def test_looking_leaves_a_trace(self, signed_in, url, student, alice):
        signed_in.get(url)
        seen = AuditEvent.objects.get()
        assert (seen.verb, seen.object_code, seen.actor) == ("viewed", student.code, alice)

    def test_twelve_works_take_as_many_queries_as_two(
        self, signed_in, url, student, decide, django_assert_max_num_queries
    ):
        for days in range(12):
            decide(student, 3, days_ago=days, realism=None)
        with django_assert_max_num_queries(16):
            signed_in.get(url)


class TestNotes:
    def test_a_note_is_kept_with_its_writer(self, signed_in, student, alice):
        signed_in.post(reverse("grading:new-note", args=[student.code]), {"text": "Loves ink."})
        note = StudentNote.objects.get()
        assert (note.text, note.by) == ("Loves ink.", alice)
        assert AuditEvent.objects.get().verb == AuditEvent.Verb.NOTED

    @pytest.mark.parametrize("words", ["", "  ", "x" * 2001])
    def test_nothing_and_too_much_are_refused_in_words(self, signed_in, student, words):
        url = reverse("grading:new-note", args=[student.code])
        response = signed_in.post(url, {"text": words})
        assert response.status_code == 422
        assert "errorlist" in response.content.decode()
        assert not StudentNote.objects.exists()

    def test_only_the_writer_may_delete_it(self, client, alice, administrator, student):
        note = StudentNote.objects.create(student=student, by=alice, text="x")
        url = reverse("grading:remove-note", args=[note.code])
        client.force_login(administrator)
        assert client.post(url).status_code == 404
        client.force_login(alice)
        client.post(url)
        assert not StudentNote.objects.exists()
        assert AuditEvent.objects.get().detail["deleted"] is True

    def test_none_is_deleted_while_a_hold_stands(self, signed_in, alice, administrator, student):
        note = StudentNote.objects.create(student=student, by=alice, text="x")
        place_hold(student, "a dispute", administrator, uuid4())
        url = reverse("grading:remove-note", args=[note.code])
        assert "A hold stands" in signed_in.post(url, follow=True).content.decode()
        assert StudentNote.objects.exists()

    def test_markup_in_a_note_is_text(self, signed_in, url, student, alice):
        StudentNote.objects.create(student=student, by=alice, text="<b>bold</b>\nnext")
        assert "&lt;b&gt;bold&lt;/b&gt;<br>next" in signed_in.get(url).content.decode()


def test_the_class_page_leads_to_every_student_and_says_who_has_no_work(
    signed_in, classroom, student, decide
):
    decide(student, 3, days_ago=1)
    decide(student, 3, days_ago=2)
    page = text(signed_in.get(reverse("grading:classroom", args=[classroom.code])))
    assert reverse("grading:student", args=[student.code]) in page
    assert page.count("2 works") == 1
    assert page.count("no work yet") == 2

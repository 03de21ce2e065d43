"""Whatever changes something in an archived year is answered by one rule, in words."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from grading.models import Appeal, Assignment, AuditEvent, Review, RosterImport
from grading.services.annotations import confirm_review
from grading.services.appeals import ask_again
from grading.services.families import create_link
from grading.services.releases import release_class
from grading.services.structure import archive_year, open_year


@pytest.fixture
def archived(year, administrator):
    def now_archived():
        assert archive_year(year, administrator)

    return now_archived


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_a_form_of_an_archived_class_is_refused_in_words(client, alice, assignment, archived):
    archived()
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[assignment.classroom.code])
    response = client.post(url, {"title": "Trees", "made_on": "2026-11-24"})
    assert response.status_code == 409
    assert "This school year is archived" in text(response)
    assert Assignment.objects.count() == 1


def test_htmx_gets_a_message_that_the_page_shows(client, alice, student, make_scored, archived):
    artwork = make_scored(student).picture.artwork
    archived()
    client.force_login(alice)
    url = reverse("grading:level", args=[artwork.code, "realism"])
    response = client.post(url, {"level": 3}, headers={"HX-Request": "true"})
    assert response.status_code == 409
    assert response["HX-Retarget"] == "#toasts"
    assert "toast" in text(response) and "<html" not in text(response)


def test_a_removed_picture_is_not_put_back_into_an_archived_year(
    client, alice, make_artwork, archived
):
    artwork = make_artwork(removed_at=now())
    archived()
    client.force_login(alice)
    assert client.post(reverse("grading:restore", args=[artwork.code])).status_code == 409
    artwork.refresh_from_db()
    assert artwork.removed_at


def test_a_list_of_an_archived_year_is_neither_applied_nor_undone_but_can_be_forgotten(
    client, administrator, school, year, archived
):
    made = {"school": school, "year": year, "kind": "csv", "uploaded_by": administrator}
    waiting = RosterImport.objects.create(rows=[{"name": "Dev P."}], **made)
    done = RosterImport.objects.create(plan={"added": []}, applied_at=now(), **made)
    archived()
    client.force_login(administrator)
    assert client.post(reverse("grading:apply-roster", args=[waiting.code])).status_code == 409
    assert client.post(reverse("grading:undo-roster", args=[done.code])).status_code == 409
    assert client.post(reverse("grading:discard-roster", args=[waiting.code])).status_code == 302
    assert list(RosterImport.objects.all()) == [done]


def test_reports_of_an_archived_class_are_made(client, alice, assignment, archived):
    archived()
    client.force_login(alice)
    url = reverse("grading:report-class", args=[assignment.code])
    page = client.get(url)
    form = {name: field.initial or "" for name, field in page.context["form"].fields.items()}
    assert client.post(url, form).status_code in (200, 302, 422)


def test_opened_again_it_can_be_changed_again(client, alice, assignment, year, administrator):
    archive_year(year, administrator)
    year.refresh_from_db()
    assert open_year(year, administrator)
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[assignment.classroom.code])
    assert client.post(url, {"title": "Trees", "made_on": "2026-11-24"}).status_code == 302
    verbs = list(AuditEvent.objects.filter(object_kind="schoolyear").values_list("verb", flat=True))
    assert verbs == ["archived", "restored"]


class TestFamilies:
    @pytest.fixture
    def link(self, alice, assignment, student, make_scored):
        confirm_review(make_scored(student).picture.artwork, alice)
        release_class(assignment, alice)
        return create_link(student, alice, days=30, code=uuid4())[1]

    def test_go_on_seeing_what_was_released(self, client, link, archived):
        archived()
        page = text(client.get(reverse("grading:family", args=[link])))
        assert "Our street" in page
        assert "Ask for another look" not in page

    def test_cannot_ask_for_another_look(self, client, link, student, archived):
        archived()
        artwork = student.artworks.get()
        url = reverse("grading:family-appeal", args=[link, artwork.code])
        response = client.post(url, {"reason": "The roof?"})
        assert response.status_code == 409
        assert "Your question was not sent" in text(response)
        assert not Appeal.objects.exists()

    def test_a_wrong_token_learns_nothing(self, client, link, student, archived):
        archived()
        url = reverse("grading:family-appeal", args=["wrong", student.artworks.get().code])
        assert client.post(url, {"reason": "x"}).status_code == 404


def test_an_open_question_of_an_archived_year_waits_for_nobody(
    client, alice, colleague, assignment, student, make_scored, archived
):
    artwork = make_scored(student).picture.artwork
    review: Review = confirm_review(artwork, alice)
    appeal = ask_again(artwork, review, "Is it?", by=alice)
    archived()
    look = reverse("grading:appeal-look", args=[appeal.code])
    client.force_login(colleague)
    assert look not in text(client.get("/"))
    assert client.post(look, {}).status_code == 409
    client.force_login(alice)
    assert "Second looks" not in text(client.get("/"))


def test_the_home_page_shows_open_years_and_leads_to_earlier_ones(
    client, alice, colleague, assignment, archived
):
    client.force_login(alice)
    assert "Earlier years" not in text(client.get("/"))
    archived()
    page = text(client.get("/"))
    assert "3B" not in page
    assert reverse("grading:earlier-years") in page
    earlier = text(client.get(reverse("grading:earlier-years")))
    assert reverse("grading:classroom", args=[assignment.classroom.code]) in earlier
    client.force_login(colleague)
    assert "3B" not in text(client.get(reverse("grading:earlier-years")))


def test_an_archived_class_and_its_board_offer_nothing_to_change(
    client, alice, assignment, archived
):
    archived()
    client.force_login(alice)
    page = text(client.get(reverse("grading:classroom", args=[assignment.classroom.code])))
    assert "This school year is archived." in page
    assert reverse("grading:new-assignment", args=[assignment.classroom.code]) not in page
    board = text(client.get(reverse("grading:board", args=[assignment.code])))
    assert "This school year is archived." in board
    assert "board.js" not in board and 'id="upload"' not in board


def test_the_board_of_an_archived_class_does_not_ask_to_accept_drafts(
    client, alice, student, make_scored, assignment, archived
):
    make_scored(student)
    client.force_login(alice)
    url = reverse("grading:board", args=[assignment.code])
    assert "Accept the sure ones" in text(client.get(url))
    archived()
    assert "Accept the sure ones" not in text(client.get(url))

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from grading.models import Assignment, AuditEvent, DraftLevel, Student
from grading.services.annotations import confirm_review, set_level
from grading.services.artworks import remove_artwork
from grading.services.sheet import Order, sheet_of
from tests.views.test_review import UNSURE

HTMX = {"HX-Request": "true"}


@pytest.fixture
def students(classroom) -> list[Student]:
    return list(Student.objects.order_by("display_name"))


@pytest.fixture
def artworks(make_scored, students, rubric_version, alice):
    """Three pictures, all proposed at 3; the second is unsure, the third set to 5."""
    made = [
        make_scored(students[0], "red").picture.artwork,
        make_scored(students[1], "green", line_texture=UNSURE).picture.artwork,
        make_scored(students[2], "blue").picture.artwork,
    ]
    set_level(made[2], rubric_version.dimensions.get(slug="line_texture"), 5, alice)
    return made


@pytest.fixture
def line_texture(rubric_version):
    return rubric_version.dimensions.select_related("version").get(slug="line_texture")


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def url(assignment, query: str = "?dimension=line_texture") -> str:
    return reverse("grading:sheet", args=[assignment.code]) + query


def by_level(sheet) -> dict[int | None, list[str]]:
    return {
        column.level: [card.name for card in column.cards]
        for column in sheet.columns
        if column.cards
    }


def test_pictures_stand_under_their_level(artworks, assignment, line_texture):
    sheet = sheet_of(assignment, line_texture, Order.SCORE)
    assert by_level(sheet) == {3: ["Ben T.", "Amara B."], 5: ["Chloé D."]}  # 2.6 before 3.0
    assert [column.words for column in sheet.columns if column.level == 5] == [
        line_texture.level_words.get(level=5).words
    ]
    cards = {card.name: card for column in sheet.columns for card in column.cards}
    assert [cards[name].unsure for name in ("Amara B.", "Ben T.", "Chloé D.")] == [0, 1, 0]
    assert [cards[name].proposed for name in ("Amara B.", "Ben T.", "Chloé D.")] == [1, 1, 0]


def test_what_must_be_seen_blind_has_no_level_yet(artworks, assignment, line_texture):
    artworks[0].blind_first = True
    artworks[0].save()
    sheet = sheet_of(assignment, line_texture, Order.NAME)
    assert by_level(sheet) == {None: ["Amara B."], 3: ["Ben T."], 5: ["Chloé D."]}


def test_a_dimension_that_was_left_out_has_no_level_after_confirming(
    artworks, assignment, line_texture, alice
):
    set_level(artworks[0], line_texture, None, alice, not_assessed="Pencil only.")
    for _time in ("drafted", "confirmed"):
        assert by_level(sheet_of(assignment, line_texture, Order.NAME))[None] == ["Amara B."]
        confirm_review(artworks[0], alice)


def test_an_order_is_remembered_on_every_sheet(signed_in, artworks, assignment, alice):
    signed_in.get(url(assignment, "?dimension=realism&order=anonymous"))
    page = signed_in.get(url(assignment)).content.decode()
    assert "Ben T." not in page
    alice.refresh_from_db()
    assert alice.preferences["contact_order"] == "anonymous"
    signed_in.get(url(assignment, "?order=upside-down"))
    alice.refresh_from_db()
    assert alice.preferences["contact_order"] in ("anonymous", "score")


def test_a_shuffle_stays_and_differs_by_dimension(artworks, assignment, rubric_version):
    def order_of(slug: str) -> list[str]:
        dimension = rubric_version.dimensions.select_related("version").get(slug=slug)
        sheet = sheet_of(assignment, dimension, Order.RANDOM)
        return [card.name for column in sheet.columns for card in column.cards]

    slugs = [d.slug for d in rubric_version.dimensions.all()]
    assert all(order_of(slug) == order_of(slug) for slug in slugs)
    assert len({tuple(order_of(slug)) for slug in slugs}) > 1


def test_a_level_set_on_the_sheet_is_a_level_of_the_draft(signed_in, artworks, assignment):
    answer = signed_in.post(url(assignment), {"set": f"{artworks[0].code}:4:"}, headers=HTMX)
    level = DraftLevel.objects.get(draft__artwork=artworks[0])
    assert (level.dimension.slug, level.level) == ("line_texture", 4)
    column = re.search(r'<section[^>]* data-level="4".*?</section>', answer.content.decode(), re.S)
    assert column
    assert str(artworks[0].code) in column[0]
    signed_in.post(url(assignment), {"set": f"{artworks[0].code}::4"}, headers=HTMX)
    assert not DraftLevel.objects.filter(draft__artwork=artworks[0]).exists()


def test_the_sheet_does_not_overwrite_what_somebody_else_set_meanwhile(
    signed_in, artworks, assignment, line_texture, administrator
):
    page = signed_in.get(url(assignment)).content.decode()
    assert f'value="{artworks[0].code}:4:"' in page
    assert f'value="{artworks[2].code}:4:5"' in page
    set_level(artworks[0], line_texture, 1, administrator)
    stale = {"set": f"{artworks[0].code}:4:"}
    answer = signed_in.post(url(assignment), stale, headers=HTMX)
    assert answer.status_code == 409
    assert "Somebody else changed this meanwhile: Line texture" in answer.content.decode()
    followed = signed_in.post(url(assignment), stale, follow=True)
    assert "Somebody else changed this meanwhile" in followed.content.decode()
    assert DraftLevel.objects.get(draft__artwork=artworks[0]).level == 1


@pytest.mark.parametrize("query", ["?dimension=%00", "?dimension=" + "x" * 5000])
def test_a_nonsense_dimension_is_not_found(signed_in, assignment, query):
    assert signed_in.get(url(assignment, query)).status_code == 404


def test_without_javascript_the_sheet_opens_again_at_the_picture(signed_in, artworks, assignment):
    answer = signed_in.post(url(assignment), {"set": f"{artworks[0].code}:4:"})
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"?dimension=line_texture#card-{artworks[0].code}")


@pytest.mark.parametrize(
    "value",
    ["", "x:3:", "{code}:3", "{code}:9:", "{code}:three:", "{code}:3:9", "{other}:3:"],
)
def test_a_strange_form_sets_nothing(value, signed_in, artworks, assignment, student):
    code, other = artworks[0].code, student.code
    before = DraftLevel.objects.count()
    answer = signed_in.post(url(assignment), {"set": value.format(code=code, other=other)})
    assert answer.status_code in (400, 404)
    assert DraftLevel.objects.count() == before


def test_an_unknown_dimension_is_not_found(signed_in, assignment):
    assert signed_in.get(url(assignment, "?dimension=glitter")).status_code == 404


def test_the_number_of_queries_does_not_grow(
    signed_in, make_scored, students, assignment, django_assert_max_num_queries
):
    for color in ("red", "green", "blue", "teal", "pink", "gold"):
        make_scored(students[0], color)
    with django_assert_max_num_queries(12):
        signed_in.get(url(assignment))


def test_a_removed_picture_is_not_on_the_sheet(artworks, assignment, line_texture, alice):
    remove_artwork(artworks[0], alice)
    sheet = sheet_of(assignment, line_texture, Order.NAME)
    assert by_level(sheet) == {3: ["Ben T."], 5: ["Chloé D."]}


def test_a_picture_of_another_assignment_is_not_set_here(
    signed_in, artworks, make_picture, classroom, assignment, rubric_version
):
    other = Assignment.objects.create(
        classroom=classroom, rubric_version=rubric_version, title="Other", made_on=localdate()
    )
    artwork = make_picture(assignment=other).artwork
    answer = signed_in.post(url(assignment), {"set": f"{artwork.code}:4:"})
    assert answer.status_code == 404
    assert not DraftLevel.objects.filter(draft__artwork=artwork).exists()


def test_looking_at_the_sheet_leaves_a_trace(signed_in, assignment):
    signed_in.get(url(assignment))
    assert AuditEvent.objects.filter(verb="viewed", object_code=assignment.code).count() == 1

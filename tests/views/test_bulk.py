from __future__ import annotations

import uuid

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from grading.models import (
    AdapterVersion,
    AuditEvent,
    FeedbackDraft,
    PhotoProposal,
    Review,
    ReviewDraft,
    Student,
)
from grading.services.annotations import confirm_review, set_level
from grading.services.bulk import accept, candidates, undo
from grading.services.photos import answer_proposal
from grading.services.releases import hide_class, release_class
from ml.interface import DimensionScore
from tests.views.test_review import SILENT, UNSURE

RANGELESS = DimensionScore(
    score=3.0, level=3, interval=None, logits=(0.0,), score_token_mass=0.9, adapter="x"
)


@pytest.fixture
def trusted(installed) -> None:
    """People have measured that every adapter agrees with them."""
    measure(0.8)


def measure(spearman: float) -> None:
    """Past the guard of frozen rows, for a row that came so from its training."""
    QuerySet(AdapterVersion).update(metrics={"spearman": spearman})


@pytest.fixture
def students(classroom) -> list[Student]:
    return list(Student.objects.order_by("display_name"))


@pytest.fixture
def sure(trusted, make_scored, students):
    return make_scored(students[0]).picture.artwork


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def url(assignment) -> str:
    return reverse("grading:accept", args=[assignment.code])


def form(client, assignment, *left_out) -> dict[str, str | list[str]]:
    """What the list sends when it is sent as it was opened."""
    found = client.get(url(assignment)).context["candidates"]
    return {
        "artwork": [str(c.artwork.code) for c in found if c.artwork not in left_out],
        **{f"seen-{c.artwork.code}": c.mark for c in found},
    }


def test_a_photograph_that_could_be_straightened_is_looked_at_first(signed_in, assignment, sure):
    """The desk around it makes the model wrong, and sure of it."""
    proposal = PhotoProposal.objects.create(
        picture=sure.pictures.get(), edit={}, sure=True, reason="sheet"
    )
    assert candidates(assignment) == []
    assert "1 photo can be straightened" in signed_in.get(url(assignment)).content.decode()
    answer_proposal(proposal, False, sure.uploaded_by)
    assert [c.artwork for c in candidates(assignment)] == [sure]
    assert "can be straightened" not in signed_in.get(url(assignment)).content.decode()


def test_only_what_the_model_is_sure_of_in_every_dimension_is_offered(
    sure, make_scored, students, assignment
):
    make_scored(students[1], "red", line_texture=UNSURE)
    make_scored(students[2], "blue", line_texture=SILENT)
    make_scored(students[2], "gold", line_texture=RANGELESS)
    make_scored(None, "green")  # nobody's yet
    assert [c.artwork for c in candidates(assignment)] == [sure]


def test_a_dimension_that_agrees_little_with_people_keeps_every_picture_off_the_list(
    sure, assignment
):
    measure(0.59)
    assert candidates(assignment) == []


def test_what_somebody_has_begun_or_must_see_blind_is_not_offered(
    sure, assignment, alice, rubric_version
):
    set_level(sure, rubric_version.dimensions.get(slug="realism"), 4, alice)
    assert candidates(assignment) == []
    ReviewDraft.objects.all().delete()
    sure.blind_first = True
    sure.save()
    assert candidates(assignment) == []


def test_accepting_confirms_what_is_ticked_and_can_be_undone(
    signed_in, sure, make_scored, students, assignment
):
    other = make_scored(students[1], "red").picture.artwork
    answer = signed_in.post(url(assignment), form(signed_in, assignment, other), follow=True)
    review = Review.objects.standing().get()
    assert review.artwork == sure
    assert {a.origin for a in review.annotations.all()} == {"accepted"}
    assert "1 draft is accepted." in answer.content.decode()
    signed_in.post(reverse("grading:undo-accept", args=[review.batch]))
    assert not Review.objects.standing().exists()
    assert [c.artwork for c in candidates(assignment)] == [sure, other]


def test_nobody_takes_back_what_is_not_theirs_to_see(signed_in, sure, assignment, bob):
    signed_in.post(url(assignment), form(signed_in, assignment))
    assert undo(Review.objects.get().batch, bob) == 0
    assert Review.objects.standing().exists()


def test_what_was_looked_at_since_is_not_taken_back(
    signed_in, sure, assignment, alice, rubric_version
):
    signed_in.post(url(assignment), form(signed_in, assignment))
    first = Review.objects.get()
    set_level(sure, rubric_version.dimensions.get(slug="realism"), 5, alice)
    confirm_review(sure, alice)
    signed_in.post(reverse("grading:undo-accept", args=[first.batch]))
    assert Review.objects.standing().count() == 2


def test_a_picture_that_changed_since_the_list_was_made_is_left(
    signed_in, sure, make_scored, students, assignment, alice, rubric_version
):
    make_scored(students[1], "red")
    filled = form(signed_in, assignment)
    set_level(sure, rubric_version.dimensions.get(slug="realism"), 5, alice)
    answer = signed_in.post(url(assignment), filled, follow=True)
    assert "Amara B. was left: Something has changed" in answer.content.decode()
    assert Review.objects.count() == 1


def test_the_words_are_on_the_list_and_confirmed_as_they_were_read(
    signed_in, sure, assignment, alice
):
    score_set = sure.pictures.get().score_sets.get()
    FeedbackDraft.objects.create(
        score_set=score_set, origin="composed", strength="Wide palette.", next_step="Try dots."
    )
    filled = form(signed_in, assignment)
    assert "Wide palette. Try dots." in signed_in.get(url(assignment)).content.decode()
    FeedbackDraft.objects.create(
        score_set=score_set, origin="written", strength="Other.", next_step="Unread.", turn=1
    )
    answer = signed_in.post(url(assignment), filled, follow=True)
    assert "was left: Something has changed" in answer.content.decode()
    assert not Review.objects.exists()
    signed_in.post(url(assignment), form(signed_in, assignment))
    assert Review.objects.get().strength == "Other."


@pytest.mark.parametrize("what", ["changes a level", "confirms it"])
def test_what_somebody_does_while_the_list_is_being_accepted_is_left(
    what, sure, assignment, alice, administrator, rubric_version, monkeypatch
):
    (candidate,) = candidates(assignment)

    def then_somebody_comes(assignment):
        if what == "changes a level":
            set_level(sure, rubric_version.dimensions.get(slug="realism"), 1, administrator)
        else:
            confirm_review(sure, administrator)
        return [candidate]

    monkeypatch.setattr("grading.services.bulk.candidates", then_somebody_comes)
    done = accept(assignment, {sure.code: candidate.mark}, alice)
    assert done.reviews == []
    assert list(done.left) == [sure]
    assert not Review.objects.filter(reviewer=alice).exists()


def test_a_code_may_be_written_in_other_ways(signed_in, sure, assignment):
    (candidate,) = candidates(assignment)
    code = sure.code.hex.upper()
    data = {"artwork": [code], f"seen-{code}": candidate.mark}
    assert signed_in.post(url(assignment), data).status_code == 302
    assert Review.objects.get().artwork == sure


@pytest.mark.parametrize("data", [{}, {"artwork": ["x"]}, {"artwork": [str(uuid.uuid4())]}])
def test_a_strange_form_confirms_nothing(data, signed_in, sure, assignment):
    answer = signed_in.post(url(assignment), data, follow=True)
    assert "Nothing was confirmed." in answer.content.decode()
    assert not Review.objects.exists()


def test_the_list_and_each_confirmation_are_audited(signed_in, sure, assignment):
    signed_in.post(url(assignment), form(signed_in, assignment))
    verbs = AuditEvent.objects.values_list("verb", flat=True)
    assert {"viewed", "confirmed"} <= set(verbs)


def test_the_number_of_queries_does_not_grow(
    signed_in, trusted, make_scored, students, assignment, django_assert_max_num_queries
):
    for color in ("red", "green", "blue", "teal", "pink", "gold"):
        make_scored(students[0], color)
    with django_assert_max_num_queries(12):
        signed_in.get(url(assignment))


def test_what_families_see_already_is_not_undone(signed_in, assignment, sure, alice):
    signed_in.post(url(assignment), form(signed_in, assignment))
    release_class(assignment, alice)
    assert undo(Review.objects.get().batch, alice) == 0
    hide_class(assignment, alice)
    assert undo(Review.objects.get().batch, alice) == 1

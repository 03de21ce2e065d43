from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils.html import escape

from grading.models import BankComment, FeedbackDraft, FeedbackJob
from grading.services.annotations import decided, set_level, set_words
from grading.services.words import bank_of
from ml.feedback import lint
from tests.views.test_review import HTMX, form_of, open_page

OWN = "Lots of bold lines here."


@pytest.fixture
def score_set(make_scored, student):
    score_set = make_scored(student)
    FeedbackDraft.objects.create(
        score_set=score_set, origin="composed", strength="Wide palette.", next_step="Try dots."
    )
    return score_set


@pytest.fixture
def artwork(score_set):
    return score_set.picture.artwork


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def post(client, name: str, artwork, headers=HTMX, **fields):
    data = form_of(client, artwork) | fields
    return client.post(reverse(f"grading:{name}", args=[artwork.code]), data, headers=headers)


def again(client, artwork, tone="warm", length="usual", **fields):
    return post(client, "write-again", artwork, tone=tone, length=length, **fields)


def test_another_draft_takes_the_place_of_one_that_nobody_touched(signed_in, artwork, score_set):
    page = again(signed_in, artwork).content.decode()
    draft = score_set.feedback_drafts.last()
    assert (draft.turn, draft.origin) == (1, "composed")
    assert draft.strength != "Wide palette."
    assert draft.strength in page
    assert decided(artwork).strength is None


def test_own_words_stay_and_the_draft_is_shown_beside_them(signed_in, artwork, score_set):
    page = again(signed_in, artwork, strength=OWN).content.decode()
    assert decided(artwork).strength == OWN
    draft = score_set.feedback_drafts.last()
    assert f">{OWN}</textarea>" in page
    assert draft.next_step in page
    answer = post(signed_in, "take-draft", artwork, draft=draft.pk)
    assert f">{draft.strength}</textarea>" in answer.content.decode()


def test_it_writes_about_the_levels_as_they_stand(signed_in, artwork, score_set, alice):
    for dimension in artwork.assignment.rubric_version.dimensions.select_related("version"):
        set_level(artwork, dimension, 1 if dimension.slug != "imagination" else 5, alice)
    again(signed_in, artwork)
    from ml.feedback_words import NOTICED

    heads = [head for head, _tail in NOTICED["imagination"][4]]
    draft = score_set.feedback_drafts.last()
    assert any(head[1:] in draft.strength for head in heads)


def test_a_short_draft_is_shorter_and_the_choice_is_remembered(signed_in, artwork, alice):
    lengths = {}
    for length in ("usual", "short"):
        total = 0
        for _time in range(6):
            again(signed_in, artwork, tone="plain", length=length)
            draft = FeedbackDraft.objects.last()
            total += len(draft.strength + draft.next_step)
        lengths[length] = total
    assert lengths["short"] < 0.75 * lengths["usual"]
    alice.refresh_from_db()
    assert alice.preferences == {"tone": "plain", "length": "short"}
    assert '<option value="short" selected>' in open_page(signed_in, artwork)


def test_a_model_that_writes_is_asked_for_other_words_too(
    signed_in, artwork, score_set, monkeypatch, rung, django_capture_on_commit_callbacks
):
    monkeypatch.setattr("grading.tasks.can_write", lambda adapter_set: True)
    with django_capture_on_commit_callbacks(execute=True):
        again(signed_in, artwork, tone="plain")
    job = FeedbackJob.objects.get()
    assert (job.turn, job.tone, job.length) == (1, "plain", "usual")
    assert job.levels["realism"] == 3
    assert ("grading.tasks.write_feedback", job.pk) in rung


def test_without_any_level_there_is_nothing_to_write_about(signed_in, make_picture, student):
    artwork = make_picture(student).artwork
    answer = post(signed_in, "write-again", artwork, tone="warm", length="usual")
    assert "There is no level yet to write about." in answer.content.decode()


def test_of_what_is_left_without_a_level_nothing_is_written(signed_in, artwork, alice):
    for dimension in artwork.assignment.rubric_version.dimensions.select_related("version"):
        set_level(artwork, dimension, None, alice, not_assessed="Not seen.")
    answer = again(signed_in, artwork)
    assert "There is no level yet to write about." in answer.content.decode()


def test_a_bank_that_is_full_takes_no_more(signed_in, artwork, alice, monkeypatch):
    monkeypatch.setattr("grading.services.words.BANK_AT_MOST", 1)
    for text in ("One.", "Two."):
        answer = post(signed_in, "keep-words", artwork, keep="strength", marked=text)
    assert "your comments are full" in answer.content.decode()
    assert alice.bank_comments.get().text == "One."


def test_a_comment_is_kept_inserted_and_forgotten(signed_in, artwork, alice):
    answer = post(signed_in, "keep-words", artwork, keep="strength", strength=f"{OWN} And more.",
                  marked=OWN)  # fmt: skip
    comment = BankComment.objects.get()
    assert (comment.owner, comment.place, comment.text) == (alice, "strength", OWN)
    assert OWN in answer.content.decode()
    post(signed_in, "insert-comment", artwork, comment=comment.code, strength="Look!")
    assert decided(artwork).strength == f"Look! {OWN}"
    comment.refresh_from_db()
    assert comment.uses == 1
    post(signed_in, "forget-comment", artwork, comment=comment.code)
    assert not BankComment.objects.exists()


def test_comments_are_there_when_they_are_asked_for(signed_in, artwork, alice):
    BankComment.objects.create(owner=alice, place="strength", text=OWN)
    assert OWN not in open_page(signed_in, artwork)
    address = reverse("grading:comments", args=[artwork.code])
    assert OWN in signed_in.get(address, headers=HTMX).content.decode()
    page = signed_in.get(reverse("grading:review", args=[artwork.code]) + "?comments=1")
    assert OWN in page.content.decode()


def test_a_comment_can_be_about_a_dimension_and_stands_under_it(signed_in, artwork, alice):
    for text, about in (
        ("For anything.", ""),
        ("Three blues.", "color_richness"),
        ("Old.", "gone"),
    ):
        post(signed_in, "keep-words", artwork, keep="strength", marked=text, about=about)
    BankComment.objects.create(
        owner=alice, place="strength", text="Of another rubric.", dimension_slug="brushwork"
    )
    dimensions = list(artwork.assignment.rubric_version.dimensions.all())
    found = [
        (about and about.slug, [comment.text for comment in comments])
        for about, comments in bank_of(alice, dimensions)
    ]
    assert found == [
        ("color_richness", ["Three blues."]),
        (None, ["Of another rubric.", "Old.", "For anything."]),
    ]
    address = reverse("grading:comments", args=[artwork.code])
    page = signed_in.get(address, headers=HTMX).content.decode()
    assert page.index("Color richness") < page.index("Three blues.") < page.index("Any dimension")


def test_the_same_words_kept_again_are_about_what_was_said_last(signed_in, artwork):
    for about in ("realism", "line_texture"):
        post(signed_in, "keep-words", artwork, keep="strength", marked=OWN, about=about)
    assert BankComment.objects.get().dimension_slug == "line_texture"


ABOUT_THE_CHILD = "You are a talented artist."


def confirm(client, artwork, headers=None, **fields):
    return post(client, "confirm", artwork, headers, **fields)


@pytest.mark.parametrize("headers", [HTMX, None])
def test_words_about_the_child_are_refused_with_the_reason(signed_in, artwork, headers):
    answer = confirm(signed_in, artwork, headers, strength=ABOUT_THE_CHILD)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "about the child, not about the picture" in page
    assert escape(lint(ABOUT_THE_CHILD)[0].reason) in page
    assert not artwork.reviews.exists()
    assert decided(artwork).strength == ABOUT_THE_CHILD  # nothing typed is lost


def test_a_named_person_may_insist_on_them(signed_in, artwork):
    page = confirm(signed_in, artwork, strength=ABOUT_THE_CHILD).content.decode()
    kept = re.search(r'name="words_kept" value="(\w+)"', page)
    other = confirm(signed_in, artwork, strength="What a gifted child!", words_kept=kept[1])
    assert other.status_code == 422  # it was not these that they insisted on
    confirm(signed_in, artwork, strength=ABOUT_THE_CHILD, words_kept=kept[1])
    assert artwork.reviews.get().strength == ABOUT_THE_CHILD


def test_nobody_uses_or_removes_the_comments_of_another(signed_in, artwork, colleague):
    comment = BankComment.objects.create(owner=colleague, place="strength", text=OWN)
    for name in ("insert-comment", "forget-comment"):
        assert post(signed_in, name, artwork, comment=comment.code).status_code == 404
    assert OWN not in open_page(signed_in, artwork)


@pytest.mark.parametrize("name", ["write-again", "keep-words", "forget-comment", "insert-comment"])
def test_words_that_somebody_else_saved_meanwhile_are_not_overwritten(
    name, signed_in, artwork, colleague, alice
):
    comment = BankComment.objects.create(owner=alice, place="strength", text="Kept.")
    mine = form_of(signed_in, artwork) | {
        "strength": OWN, "tone": "warm", "length": "usual", "keep": "strength",
        "comment": comment.code,
    }  # fmt: skip
    set_words(artwork, "Hers.", "Hers, too.", colleague)
    url = reverse(f"grading:{name}", args=[artwork.code])
    answer = signed_in.post(url, mine, headers=HTMX)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Hers. Hers, too." in page
    assert f">{OWN}</textarea>" in page
    assert decided(artwork).strength == "Hers."
    assert BankComment.objects.count() == 1


def test_too_many_words_are_not_saved_and_not_lost(signed_in, artwork, alice):
    comment = BankComment.objects.create(owner=alice, place="strength", text="x" * 400)
    answer = post(signed_in, "insert-comment", artwork, comment=comment.code, strength="y" * 1000)
    assert answer.status_code == 422
    assert "y" * 1000 in answer.content.decode()
    assert decided(artwork).strength is None


@pytest.mark.parametrize("name", ["write-again", "take-draft"])
def test_as_long_as_the_model_is_hidden_no_draft_gives_its_levels_away(
    name, signed_in, artwork, score_set
):
    artwork.blind_first = True
    artwork.save()
    draft = score_set.feedback_drafts.get()
    answer = post(signed_in, name, artwork, draft=draft.pk, tone="warm", length="usual")
    assert "Wide palette." not in answer.content.decode()
    assert decided(artwork).strength is None
    assert FeedbackDraft.objects.count() == 1


def test_what_is_marked_may_hold_characters_that_no_database_takes(signed_in, artwork, alice):
    post(signed_in, "keep-words", artwork, keep="strength", marked="Bold\0 lines.")
    assert alice.bank_comments.get().text == "Bold lines."


def test_without_javascript_each_button_saves_the_levels_of_the_page_too(signed_in, artwork):
    data = {"level-realism": "2", "tone": "warm", "length": "usual"}
    post(signed_in, "write-again", artwork, headers={}, **data)
    assert artwork.review_draft.levels.get().level == 2


def test_without_javascript_typed_words_are_not_lost_either(signed_in, artwork, colleague):
    mine = form_of(signed_in, artwork) | {"strength": OWN, "tone": "warm", "length": "usual"}
    set_words(artwork, "Hers.", "", colleague)
    url = reverse("grading:write-again", args=[artwork.code])
    page = signed_in.post(url, mine, follow=True).content.decode()
    assert f">{OWN}</textarea>" in page
    assert "Hers." in page


def test_without_javascript_each_button_leads_back_to_the_page(signed_in, artwork):
    answer = post(signed_in, "write-again", artwork, headers={}, tone="warm", length="usual")
    assert answer.status_code == 302
    assert "Here is another draft." in open_page(signed_in, artwork)


def test_hard_words_are_said_to_be_hard(signed_in, artwork, alice):
    hard = (
        "Considerable experimentation with complementary pigmentation demonstrates extraordinary "
        "compositional understanding throughout."
    )
    set_words(artwork, hard, "Investigate alternative architectural arrangements.", alice)
    assert "That may be hard in grade 3" in open_page(signed_in, artwork)
    easy = "You drew a big red sun. The cat is on the mat and it has a hat. Now add some dots."
    set_words(artwork, easy, "", alice)
    page = open_page(signed_in, artwork)
    assert "Reads like grade 1" in page
    assert "may be hard" not in page

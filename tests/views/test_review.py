from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from grading.models import (
    Annotation,
    AuditEvent,
    Enrollment,
    FeedbackDraft,
    IntakeJob,
    LevelWords,
    Review,
    ReviewDraft,
    Rubric,
    RubricDimension,
    RubricVersion,
    ScoringJob,
    Student,
)
from grading.services.annotations import (
    CannotConfirm,
    confirm_review,
    finish_blind_look,
    is_hidden,
    set_level,
    set_words,
)
from grading.services.artworks import remove_artwork
from ml.interface import DimensionScore
from tests.conftest import scores_of

HTMX = {"HX-Request": "true"}
UNSURE = DimensionScore(
    score=2.6, level=3, interval=(1.4, 3.8), logits=(0.0,), score_token_mass=0.9, adapter="x",
    unsure=True,
)  # fmt: skip
SILENT = DimensionScore(
    score=None, level=None, interval=None, logits=(), score_token_mass=0.1, adapter="x",
    abstained="It did not answer with a level.",
)  # fmt: skip


@pytest.fixture
def score_set(make_scored, student):
    score_set = make_scored(student, line_texture=UNSURE)
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


def url(name: str, artwork, *more: str) -> str:
    return reverse(f"grading:{name}", args=[artwork.code, *more])


def open_page(client, artwork) -> str:
    response = client.get(url("review", artwork))
    assert response.status_code == 200
    return response.content.decode()


def form_of(client, artwork, **changed) -> dict[str, str]:
    """What the page sends when its form is sent as it was opened, but for ``changed``."""
    page = client.get(url("review", artwork)).context["page"]
    data = {
        "scores_seen": page.scores_mark,
        "words_before": page.words.mark,
        "strength": page.words.strength,
        "next_step": page.words.next_step,
    }
    for row in page.rows:
        data[f"before-{row.dimension.slug}"] = row.mark
        if row.mine is not None:
            data[f"level-{row.dimension.slug}"] = str(row.mine)
    return data | {name.replace("__", "-"): value for name, value in changed.items()}


class TestThePage:
    def test_it_shows_picture_levels_words_and_radar(self, signed_in, artwork, score_set):
        html = open_page(signed_in, artwork)
        assert reverse("grading:picture", args=[score_set.picture.code, "display"]) in html
        assert html.count('role="radiogroup"') == 9
        assert html.count('type="radio"') == 45
        assert "Wide palette." in html
        assert "Model, with its likely range" in html

    def test_a_proposed_level_is_not_yet_the_teachers(self, signed_in, artwork):
        html = open_page(signed_in, artwork)
        assert html.count("level--proposed") == 9
        assert " checked" not in html.split('id="keys"')[0]

    def test_a_level_set_before_is_the_teachers(self, signed_in, artwork, alice, rubric_version):
        set_level(artwork, rubric_version.dimensions.get(slug="realism"), 5, alice)
        row = signed_in.get(url("review", artwork)).context["page"].rows[0]
        assert [level.number for level in row.levels if level.mine] == [5]
        assert [level.number for level in row.levels if level.proposed] == [3]

    def test_every_score_says_where_it_comes_from(self, signed_in, artwork):
        html = open_page(signed_in, artwork)
        assert "by the adapter Realism 1 of the model tiny" in html
        assert "Demo model, not for grading" in html

    def test_a_score_without_an_adapter_says_so(self, signed_in, make_picture, rubric_version):
        picture = make_picture()
        job = ScoringJob.objects.claim(picture.scoring_jobs.get().pk)
        dimensions = {d.slug: d for d in rubric_version.dimensions.all()}
        job.succeed(scores_of(rubric_version), dimensions, {})
        assert "without an adapter" in open_page(signed_in, picture.artwork)

    def test_what_the_model_is_unsure_of_is_marked_and_first(self, signed_in, artwork):
        response = signed_in.get(url("review", artwork))
        assert response.context["current"] == "line_texture"
        assert "the model is unsure, anything from 1 to 4" in response.content.decode()
        assert "1 to check" in response.content.decode()

    def test_a_silent_model_gives_its_reason(self, signed_in, make_scored, student):
        artwork = make_scored(student, "red", realism=SILENT).picture.artwork
        assert "It did not answer with a level." in open_page(signed_in, artwork)

    def test_it_says_which_of_how_many(self, signed_in, artwork, make_artwork):
        make_artwork(Student.objects.get(display_name="Ben T."), "red")
        assert "1 of 2" in open_page(signed_in, artwork)

    def test_looking_leaves_a_trace(self, signed_in, artwork, alice):
        open_page(signed_in, artwork)
        event = AuditEvent.objects.get(verb=AuditEvent.Verb.VIEWED, object_code=artwork.code)
        assert event.actor == alice

    def test_a_picture_without_a_student_leads_to_matching(self, signed_in, make_scored):
        artwork = make_scored(None).picture.artwork
        html = open_page(signed_in, artwork)
        assert f"{reverse('grading:match', args=[artwork.assignment.code])}?artwork=" in html

    def test_the_average_waits_until_it_is_no_single_child(
        self, signed_in, artwork, make_scored, alice
    ):
        colors = ("red", "green", "blue")
        for color in colors[:2]:
            confirm_review(make_scored(None, color).picture.artwork, alice)
        assert "Class average" not in open_page(signed_in, artwork)
        confirm_review(make_scored(None, colors[2]).picture.artwork, alice)
        assert "Class average" in open_page(signed_in, artwork)

    def test_another_rubric_with_four_levels_is_followed(
        self, signed_in, make_picture, assignment, alice
    ):
        rubric = Rubric.objects.create(slug="short", name="Short")
        version = RubricVersion.objects.create(rubric=rubric, number=1, first_level=0, last_level=3)
        for position, name in enumerate(("Line", "Light")):
            dimension = RubricDimension.objects.create(
                version=version, position=position, slug=name.lower(), name=name, definition="…"
            )
            for number in version.levels:
                LevelWords.objects.create(dimension=dimension, level=number, words=f"w{number}")
        assignment.rubric_version = version
        assignment.save()
        artwork = make_picture().artwork
        assert open_page(signed_in, artwork).count('type="radio"') == 8
        for name in ("line", "light"):
            answer = signed_in.post(url("level", artwork, name), {"level": "0"}, headers=HTMX)
            assert answer.status_code == 200
        signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        assert {a.level for a in Annotation.objects.all()} == {0}

    def test_a_class_of_35_takes_eight_queries(
        self,
        signed_in,
        artwork,
        school,
        classroom,
        make_scored,
        alice,
        django_assert_max_num_queries,
    ):
        for number in range(34):
            student = Student.objects.create(school=school, display_name=f"S{number}")
            Enrollment.objects.create(classroom=classroom, student=student)
            other = make_scored(student, "red").picture.artwork
            if number % 2:
                confirm_review(other, alice)
        set_level(artwork, artwork.assignment.rubric_version.dimensions.first(), 5, alice)
        with django_assert_max_num_queries(8):
            open_page(signed_in, artwork)


class TestStates:
    def test_a_picture_that_is_being_prepared_asks_again(self, signed_in, make_artwork):
        artwork = make_artwork()
        html = open_page(signed_in, artwork)
        assert "being prepared" in html
        assert "every 2s" in html
        assert 'id="confirm"' not in html

    def test_while_the_model_works_the_answer_is_small_and_no_view_of_its_own(
        self, signed_in, make_picture
    ):
        artwork = make_picture().artwork
        open_page(signed_in, artwork)
        html = signed_in.get(url("review", artwork), headers=HTMX).content.decode()
        assert "waits for the model" in html
        assert "radiogroup" not in html
        assert AuditEvent.objects.filter(verb=AuditEvent.Verb.VIEWED).count() == 1

    def test_once_there_are_scores_the_page_opens_anew(self, signed_in, artwork):
        response = signed_in.get(url("review", artwork), headers=HTMX)
        assert response["HX-Refresh"] == "true"

    def test_a_failed_picture_says_why_and_can_be_tried_again(self, signed_in, make_artwork):
        artwork = make_artwork()
        IntakeJob.objects.claim(artwork.intake_jobs.get().pk).fail("The file ends too early.")
        html = open_page(signed_in, artwork)
        assert "The file ends too early." in html
        assert url("try-again", artwork) in html
        assert "every 2s" not in html

    def test_a_confirmed_picture_names_who_and_when(self, signed_in, artwork, alice):
        confirm_review(artwork, alice)
        html = open_page(signed_in, artwork)
        assert "Confirmed by Alice on" in html
        assert "to check" not in html

    def test_a_change_after_the_confirmation_is_said(self, signed_in, artwork, alice):
        confirm_review(artwork, alice)
        signed_in.post(url("level", artwork, "realism"), {"level": "1"})
        assert "Changed since it was confirmed" in open_page(signed_in, artwork)


class TestSettingALevel:
    def test_the_answer_is_the_row_the_radar_and_the_header(self, signed_in, artwork):
        response = signed_in.post(
            url("level", artwork, "line_texture"), {"level": "2"}, headers=HTMX
        )
        html = response.content.decode()
        assert 'name="before-line_texture" value="2"' in html
        assert 'id="review-radar" hx-swap-oob="true"' in html
        assert "Your levels" in html
        assert 'id="review-pills" hx-swap-oob="true"' in html
        assert "to check" not in html

    def test_without_a_script_the_page_comes_back(self, signed_in, artwork):
        response = signed_in.post(url("level", artwork, "realism"), {"level": "2"})
        assert response["Location"] == url("review", artwork)
        assert artwork.review_draft.levels.get().level == 2

    def test_empty_clears_it(self, signed_in, artwork):
        signed_in.post(url("level", artwork, "realism"), {"level": "2"})
        signed_in.post(url("level", artwork, "realism"), {"level": ""})
        assert not artwork.review_draft.levels.exists()

    @pytest.mark.parametrize("level", ["0", "6", "3.5", "three", "-1"])
    def test_what_is_no_level_is_refused(self, signed_in, artwork, level):
        response = signed_in.post(url("level", artwork, "realism"), {"level": level})
        assert response.status_code == 400
        assert not ReviewDraft.objects.exists()

    def test_without_a_level_nothing_is_cleared(self, signed_in, artwork):
        signed_in.post(url("level", artwork, "realism"), {"level": "2"})
        assert signed_in.post(url("level", artwork, "realism")).status_code == 400
        assert artwork.review_draft.levels.get().level == 2

    def test_an_unknown_dimension_is_not_found(self, signed_in, artwork):
        response = signed_in.post(url("level", artwork, "beauty"), {"level": "3"})
        assert response.status_code == 404
        assert not ReviewDraft.objects.exists()

    @pytest.mark.parametrize("role", ["bob", "colleague", "annotator"])
    def test_a_stranger_gets_404_and_changes_nothing(self, client, request, artwork, role):
        client.force_login(request.getfixturevalue(role))
        assert client.get(url("review", artwork)).status_code == 404
        assert client.post(url("level", artwork, "realism"), {"level": "3"}).status_code == 404
        assert client.post(url("words", artwork), {"strength": "x"}).status_code == 404
        assert client.post(url("confirm", artwork)).status_code == 404
        assert not ReviewDraft.objects.exists()
        assert not Review.objects.exists()

    def test_a_removed_picture_is_not_found(self, signed_in, artwork, alice):
        remove_artwork(artwork, alice)
        assert signed_in.get(url("review", artwork)).status_code == 404


class TestTheWords:
    def save(self, client, artwork, **words):
        data = form_of(client, artwork)
        sent = {name: data[name] for name in ("strength", "next_step", "words_before")} | words
        return client.post(url("words", artwork), sent, headers=HTMX)

    def test_they_are_saved_while_they_are_typed(self, signed_in, artwork):
        response = self.save(signed_in, artwork, strength="Your sun is huge.")
        assert "Saved just now" in response.content.decode()
        assert "Edited by you" in response.content.decode()
        assert artwork.review_draft.strength == "Your sun is huge."

    def test_words_nobody_touched_stay_the_drafts(self, signed_in, artwork):
        self.save(signed_in, artwork)
        assert not ReviewDraft.objects.exists()

    def test_lines_end_as_they_are_stored(self, signed_in, artwork):
        self.save(signed_in, artwork, strength="One.\r\nTwo.")
        assert artwork.review_draft.strength == "One.\nTwo."

    def test_words_about_the_child_get_a_hint_and_are_saved(self, signed_in, artwork):
        response = self.save(signed_in, artwork, strength="Amara is so talented.")
        assert "labels the child" in response.content.decode()
        assert artwork.review_draft.strength == "Amara is so talented."

    def test_other_words_saved_meanwhile_are_shown_and_kept(
        self, signed_in, artwork, administrator
    ):
        before = form_of(signed_in, artwork)["words_before"]
        set_words(artwork, "Theirs.", "", administrator)
        response = self.save(signed_in, artwork, strength="Mine.", words_before=before)
        assert response.status_code == 409
        assert "Adam saved other words" in response.content.decode()
        assert "Theirs." in response.content.decode()
        assert artwork.review_draft.strength == "Theirs."

    def test_too_many_words_are_not_saved_and_not_lost(self, signed_in, artwork):
        data = form_of(signed_in, artwork, strength="x" * 1300)
        response = signed_in.post(url("confirm", artwork), data)
        assert response.status_code == 422
        assert "x" * 1300 in response.content.decode()
        assert not Review.objects.exists()


class TestConfirming:
    def test_the_next_draft_in_the_order_of_the_board_opens(
        self, signed_in, artwork, make_scored, alice
    ):
        ben, chloe = Student.objects.exclude(pk=artwork.student_id).order_by("display_name")
        third = make_scored(chloe, "blue").picture.artwork
        second = make_scored(ben, "red").picture.artwork
        response = signed_in.post(url("confirm", second), form_of(signed_in, second))
        assert response["Location"] == url("review", third)

    def test_a_confirmed_picture_is_skipped(self, signed_in, artwork, make_scored, alice):
        ben, chloe = Student.objects.exclude(pk=artwork.student_id).order_by("display_name")
        confirm_review(make_scored(ben, "red").picture.artwork, alice)
        third = make_scored(chloe, "blue").picture.artwork
        response = signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        assert response["Location"] == url("review", third)

    def test_after_the_last_one_it_goes_on_from_the_beginning(
        self, signed_in, make_scored, artwork
    ):
        last = make_scored(Student.objects.get(display_name="Chloé D."), "red").picture.artwork
        response = signed_in.post(url("confirm", last), form_of(signed_in, last))
        assert response["Location"] == url("review", artwork)

    def test_when_no_draft_waits_the_board_opens_and_says_so(self, signed_in, artwork):
        response = signed_in.post(url("confirm", artwork), form_of(signed_in, artwork), follow=True)
        assert response.redirect_chain[-1][0] == reverse(
            "grading:board", args=[artwork.assignment.code]
        )
        assert "No other draft waits for you here." in response.content.decode()

    def test_a_script_is_sent_on_by_a_header(self, signed_in, artwork):
        response = signed_in.post(
            url("confirm", artwork), form_of(signed_in, artwork), headers=HTMX
        )
        assert response["HX-Redirect"] == reverse("grading:board", args=[artwork.assignment.code])

    def test_what_was_set_and_typed_on_the_page_is_saved_with_it(self, signed_in, artwork):
        data = form_of(signed_in, artwork, level__realism="5", strength="Typed last.")
        signed_in.post(url("confirm", artwork), data)
        review = Review.objects.get()
        assert review.strength == "Typed last."
        assert review.annotations.get(dimension__slug="realism").level == 5
        assert review.annotations.get(dimension__slug="realism").origin == "chosen"
        assert review.annotations.get(dimension__slug="imagination").origin == "accepted"

    def test_twice_makes_one_review(self, signed_in, artwork):
        data = form_of(signed_in, artwork, level__realism="5")
        first = signed_in.post(url("confirm", artwork), data)
        second = signed_in.post(url("confirm", artwork), data)
        assert (first.status_code, second.status_code) == (302, 302)
        assert Review.objects.count() == 1
        assert not ReviewDraft.objects.exists()

    def test_missing_levels_are_named_and_what_was_typed_is_kept(
        self, signed_in, make_scored, student
    ):
        artwork = make_scored(student, "red", realism=SILENT).picture.artwork
        data = form_of(signed_in, artwork, strength="Typed.", level__imagination="2")
        response = signed_in.post(url("confirm", artwork), data)
        assert response.status_code == 422
        assert "Choose a level for: Realism." in response.content.decode()
        assert artwork.review_draft.strength == "Typed."
        assert artwork.review_draft.levels.get().level == 2
        assert not Review.objects.exists()

    def test_scores_that_came_meanwhile_are_looked_at_first(self, signed_in, make_picture):
        picture = make_picture()
        version = picture.artwork.assignment.rubric_version
        data = form_of(signed_in, picture.artwork)
        for dimension in version.dimensions.all():
            data[f"level-{dimension.slug}"] = "2"
        job = ScoringJob.objects.claim(picture.scoring_jobs.get().pk)
        job.succeed(scores_of(version), {d.slug: d for d in version.dimensions.all()}, {})
        response = signed_in.post(url("confirm", picture.artwork), data)
        assert response.status_code == 422
        assert "scored this picture since" in response.content.decode()
        assert picture.artwork.review_draft.levels.count() == 9

    def test_a_level_somebody_else_set_meanwhile_wants_a_look(
        self, signed_in, artwork, administrator
    ):
        data = form_of(signed_in, artwork)
        realism = artwork.assignment.rubric_version.dimensions.get(slug="realism")
        set_level(artwork, realism, 5, administrator)
        response = signed_in.post(url("confirm", artwork), data)
        assert response.status_code == 409
        assert "Somebody else changed this meanwhile: Realism" in response.content.decode()
        assert not Review.objects.exists()

    def test_a_level_by_key_does_not_overwrite_one_that_somebody_else_set(
        self, signed_in, artwork, administrator, rubric_version
    ):
        realism = rubric_version.dimensions.get(slug="realism")
        set_level(artwork, realism, 5, administrator)
        address, data = url("level", artwork, "realism"), {"level": "2", "before-realism": ""}
        response = signed_in.post(address, data, headers=HTMX)
        assert response.status_code == 409
        assert response["HX-Retarget"] == "#row-realism"
        page = response.content.decode()
        assert "Somebody else changed this meanwhile: Realism" in page
        assert 'name="before-realism" value="5"' in page
        assert artwork.review_draft.levels.get().level == 5
        response = signed_in.post(address, data)
        assert (response.status_code, artwork.review_draft.levels.get().level) == (409, 5)
        signed_in.post(address, data | {"before-realism": "5"}, headers=HTMX)
        assert artwork.review_draft.levels.get().level == 2

    def test_a_picture_that_is_not_ready_cannot_be_confirmed(self, signed_in, make_artwork):
        artwork = make_artwork()
        response = signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        assert response.status_code == 422
        assert "not ready yet" in response.content.decode()

    def test_a_form_with_a_level_off_the_scale_is_refused(self, signed_in, artwork):
        data = form_of(signed_in, artwork, level__realism="9")
        assert signed_in.post(url("confirm", artwork), data).status_code == 400
        assert not Review.objects.exists()

    def test_coming_back_from_the_sign_in_page_opens_the_picture(self, signed_in, artwork):
        assert signed_in.get(url("confirm", artwork))["Location"] == url("review", artwork)


class TestWithoutAScript:
    def test_saving_keeps_everything_and_confirms_nothing(self, signed_in, artwork):
        data = form_of(signed_in, artwork, level__realism="4", next_step="Mine.")
        response = signed_in.post(url("review", artwork), data)
        assert response["Location"] == url("review", artwork)
        assert artwork.review_draft.levels.get().level == 4
        assert artwork.review_draft.next_step == "Mine."
        assert not Review.objects.exists()

    def test_a_level_is_cleared_by_its_button_and_the_others_are_saved(self, signed_in, artwork):
        signed_in.post(url("level", artwork, "realism"), {"level": "4"})
        data = form_of(signed_in, artwork, clear="realism", level__imagination="1")
        signed_in.post(url("review", artwork), data)
        levels = artwork.review_draft.levels.values_list("dimension__slug", "level")
        assert list(levels) == [("imagination", 1)]

    def test_leaving_a_row_out_saves_the_rest_of_the_page_too(self, signed_in, artwork):
        data = form_of(signed_in, artwork, level__imagination="1", level__realism="2")
        data |= {"strength": "My own.", "not_assessed": "realism", "why-realism": "Not seen."}
        signed_in.post(url("level", artwork, "realism"), data)
        assert artwork.review_draft.strength == "My own."
        levels = artwork.review_draft.levels.values_list("dimension__slug", "level", "not_assessed")
        assert sorted(levels) == [("imagination", 1, ""), ("realism", None, "Not seen.")]

    def test_a_row_that_was_left_out_stays_so_until_it_is_cleared(
        self, signed_in, artwork, alice, rubric_version
    ):
        realism = rubric_version.dimensions.get(slug="realism")
        set_level(artwork, realism, None, alice, not_assessed="Not seen.")
        signed_in.post(url("review", artwork), form_of(signed_in, artwork))
        assert artwork.review_draft.levels.get().not_assessed == "Not seen."
        signed_in.post(url("review", artwork), form_of(signed_in, artwork, clear="realism"))
        assert not artwork.review_draft.levels.exists()


def test_a_confirmed_picture_scored_again_keeps_its_levels_and_says_so(
    signed_in, artwork, alice, rubric_version
):
    confirm_review(artwork, alice)
    job = ScoringJob.objects.request(artwork.pictures.get())
    ScoringJob.objects.filter(pk=job.pk).update(created_at=now() - timedelta(minutes=1))
    job = ScoringJob.objects.claim(job.pk)
    dimensions = {d.slug: d for d in rubric_version.dimensions.all()}
    job.succeed(scores_of(rubric_version, level=5), dimensions, {})
    page = signed_in.get(url("review", artwork)).context["page"]
    assert page.scored_since_confirmed
    assert {row.mine for row in page.rows} == {3}
    assert {row.proposed for row in page.rows} == {5}


def test_the_next_picture_is_fetched_while_this_one_is_looked_at(signed_in, artwork, make_scored):
    following = make_scored(None, "red").picture
    address = reverse("grading:picture", args=[following.code, "display"])
    assert f'<link rel="prefetch" as="image" href="{address}">' in open_page(signed_in, artwork)


class TestBlindFirst:
    @pytest.fixture
    def artwork(self, artwork):
        artwork.blind_first = True
        artwork.save()
        return artwork

    def set_all(self, artwork, alice, level: int = 4) -> None:
        for dimension in artwork.assignment.rubric_version.dimensions.select_related("version"):
            set_level(artwork, dimension, level, alice)

    def test_nothing_the_model_said_is_on_the_page(self, signed_in, artwork):
        page = open_page(signed_in, artwork)
        assert "Your eyes first" in page
        assert "level--proposed" not in page
        assert "Wide palette." not in page
        assert 'data-fill="0"' in page
        assert not re.search(r'data-fill="[1-4]"', page)
        assert "radar__model" not in page

    def test_own_levels_come_before_the_model_s(self, signed_in, artwork, alice):
        answer = signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        assert answer.status_code == 422
        assert "Choose a level for: " in answer.content.decode()
        self.set_all(artwork, alice)
        data = form_of(signed_in, artwork)
        answer = signed_in.post(url("confirm", artwork), data, follow=True)
        page = answer.content.decode()
        assert "These are the levels of the model, beside yours." in page
        assert "level--proposed" in page
        look = artwork.blind_looks.get()
        assert (look.by, look.purpose) == (alice, "first")
        assert AuditEvent.objects.filter(verb="changed", detail__blind=True).count() == 1
        assert finish_blind_look(artwork, alice) == look
        assert {(a.level, a.origin) for a in look.annotations.all()} == {(4, "blind")}
        assert not Review.objects.exists()

    def test_what_is_sent_twice_shows_the_model_s_levels_and_confirms_nothing(
        self, signed_in, artwork, alice
    ):
        self.set_all(artwork, alice)
        set_words(artwork, "My own.", "My own, too.", alice)
        data = form_of(signed_in, artwork)
        for _click in range(2):
            answer = signed_in.post(url("confirm", artwork), data, follow=True)
            assert "These are the levels of the model" in answer.content.decode()
        assert artwork.blind_looks.count() == 1
        assert not Review.objects.exists()

    def test_after_looking_the_picture_is_confirmed_like_any_other(self, signed_in, artwork, alice):
        self.set_all(artwork, alice)
        signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        data = form_of(signed_in, artwork)
        signed_in.post(url("confirm", artwork), data | {"level-realism": "3"})
        levels = dict(Review.objects.get().annotations.values_list("dimension__slug", "level"))
        assert levels.pop("realism") == 3
        assert set(levels.values()) == {4}
        assert artwork.blind_looks.get().annotations.get(dimension__slug="realism").level == 4

    def test_nobody_can_confirm_past_it(self, artwork, alice):
        with pytest.raises(CannotConfirm, match="your own levels first"):
            confirm_review(artwork, alice)

    def test_what_was_decided_is_not_hidden(self, artwork, alice):
        type(artwork).objects.update(blind_first=False)
        artwork.refresh_from_db()
        confirm_review(artwork, alice)
        artwork.blind_first = True
        assert not is_hidden(artwork)

    def test_the_board_gives_nothing_away(self, signed_in, artwork, assignment):
        board = signed_in.get(reverse("grading:board", args=[assignment.code])).content.decode()
        assert "Your eyes first" in board
        assert "<polygon" not in board


class TestNotAssessed:
    def leave_out(self, client, artwork, **fields):
        data = {"not_assessed": "realism"} | fields
        return client.post(url("level", artwork, "realism"), data, headers=HTMX)

    def test_a_row_can_be_left_without_a_level_and_confirmed(self, signed_in, artwork):
        page = self.leave_out(signed_in, artwork, **{"why-realism": "  Only   pencil "})
        assert "Not assessed: Only pencil" in page.content.decode()
        signed_in.post(url("confirm", artwork), form_of(signed_in, artwork))
        review = Review.objects.get()
        assert review.annotations.count() == 8
        assert "Not assessed: Only pencil" in open_page(signed_in, artwork)

    def test_a_level_takes_its_place(self, signed_in, artwork):
        self.leave_out(signed_in, artwork, **{"why-realism": "Only pencil"})
        signed_in.post(url("level", artwork, "realism"), {"level": "2"}, headers=HTMX)
        page = signed_in.get(url("review", artwork)).context["page"]
        row = next(row for row in page.rows if row.dimension.slug == "realism")
        assert (row.mine, row.not_assessed) == (2, "")

    def test_without_a_reason_that_is_said(self, signed_in, artwork):
        assert "No reason given" in self.leave_out(signed_in, artwork).content.decode()

    def test_the_page_s_own_form_keeps_it(self, signed_in, artwork):
        """Without JavaScript the whole form comes with the confirmation."""
        self.leave_out(signed_in, artwork, **{"why-realism": "Only pencil"})
        data = form_of(signed_in, artwork) | {"why-realism": "Only pencil"}
        signed_in.post(url("review", artwork), data)
        page = signed_in.get(url("review", artwork)).context["page"]
        assert [row.not_assessed for row in page.rows if row.not_assessed] == ["Only pencil"]


def test_a_dimension_that_agrees_little_with_people_is_marked(signed_in, artwork):
    assert "low reliability" in open_page(signed_in, artwork)  # nobody has measured these adapters

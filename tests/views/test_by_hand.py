"""A school switches the model off: all works by hand, and what was proposed is out of sight."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from grading import tasks
from grading.models import (
    AdapterVersion,
    Artwork,
    FeedbackDraft,
    FeedbackJob,
    Review,
    School,
    ScoreSet,
    ScoringJob,
)
from grading.services.annotations import (
    CannotConfirm,
    confirm_review,
    is_hidden,
    newest_proposal,
    proposal_mark,
    set_level,
)
from grading.services.board import State, board_of
from grading.services.bulk import accept, candidates
from grading.services.exports import Kind, export_of, table
from grading.services.governance import save_settings
from grading.services.releases import release_class
from grading.services.scoring import request_scoring, try_again
from grading.services.words import WordsSwitchedOff, write_again
from ml.feedback import Feedback
from tests.conftest import scores_of


@pytest.fixture
def switch(school, administrator):
    def turn(**changed: bool) -> School:
        save_settings(school, changed, administrator)
        school.refresh_from_db()
        return school

    return turn


@pytest.fixture
def off(switch) -> School:
    return switch(scoring_on=False)


@pytest.fixture
def model(monkeypatch, rubric_version):
    """Answers, and does something else meanwhile."""

    def use(meanwhile=lambda: None):
        class Scorer:
            def score(self, paths):
                meanwhile()
                return [scores_of(rubric_version, 4) for _path in paths]

        monkeypatch.setattr(tasks, "_scorer", lambda adapter_set, rubric: Scorer())

    return use


def text(response) -> str:
    return " ".join(response.content.decode().split())


def set_all(artwork: Artwork, by, level: int = 4) -> None:
    for dimension in artwork.assignment.rubric_version.dimensions.select_related("version"):
        set_level(artwork, dimension, level, by)


def fresh(artwork: Artwork) -> Artwork:
    return Artwork.objects.get(pk=artwork.pk)


class TestNoModelIsAsked:
    def test_an_upload_is_prepared_and_waits_for_a_person(
        self, off, make_artwork, installed, assignment
    ):
        tasks.prepare_picture(make_artwork().intake_jobs.get().pk)
        assert not ScoringJob.objects.exists()
        (tile,) = board_of(assignment).tiles
        assert (tile.state, tile.under_way) == (State.BY_HAND, False)

    def test_the_sweep_does_not_ask_again(self, switch, make_picture, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
        picture = make_picture()
        switch(scoring_on=False)
        tasks.sweep()
        assert not picture.scoring_jobs.open().exists()
        assert picture.scoring_jobs.count() == 1

    def test_asked_for_by_hand_it_is_not_asked_either(self, off, make_picture):
        picture = make_picture()
        assert request_scoring(picture) is None

    def test_a_stale_button_to_try_again_does_nothing(self, make_picture, switch, alice):
        artwork = make_picture().artwork
        switch(scoring_on=False)
        assert try_again(fresh(artwork), alice) is None

    def test_a_job_that_was_made_in_the_same_moment_is_not_run(self, make_picture, model, school):
        job = make_picture().scoring_jobs.get()
        School.objects.filter(pk=school.pk).update(scoring_on=False)  # past the stop
        model(lambda: pytest.fail("the model was asked"))
        tasks.score_pictures(job.pk)
        job.refresh_from_db()
        assert job.status == "failed"
        assert not ScoreSet.objects.exists()

    def test_what_was_under_way_is_not_recorded(self, make_picture, model, switch, assignment):
        job = make_picture().scoring_jobs.get()
        model(lambda: switch(scoring_on=False))
        tasks.score_pictures(job.pk)
        job.refresh_from_db()
        assert job.status == "failed"
        assert not ScoreSet.objects.exists()
        assert board_of(fresh(job.picture.artwork).assignment).failed == 0

    def test_switched_on_again_open_pictures_are_scored_and_decided_ones_left(
        self, make_picture, switch, alice, student, monkeypatch
    ):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
        waiting, decided = make_picture(student), make_picture(student, "red")
        switch(scoring_on=False)
        artwork = fresh(decided.artwork)
        set_all(artwork, alice)
        confirm_review(artwork, alice)
        switch(scoring_on=True)
        tasks.sweep()
        tasks.sweep()
        assert waiting.scoring_jobs.open().count() == 1
        assert not decided.scoring_jobs.open().exists()

    def test_another_schools_pictures_go_on(self, make_picture, rubric_version, model, bob):
        job = make_picture().scoring_jobs.get()
        School.objects.filter(name="Hillside").update(scoring_on=False)
        model()
        tasks.score_pictures(job.pk)
        assert ScoreSet.objects.count() == 1


class TestByHand:
    def test_the_whole_way_from_picture_to_family(
        self, client, off, make_picture, alice, student, assignment
    ):
        artwork = fresh(make_picture(student).artwork)
        client.force_login(alice)
        assert "1 picture waits for your levels." in text(client.get(reverse("grading:home")))
        board = text(client.get(reverse("grading:board", args=[assignment.code])))
        assert "No model proposes levels at your school." in board
        assert "Look at 1 picture" in board
        assert "Accept the sure ones" not in board
        assert "Demo model" not in board
        review = text(client.get(reverse("grading:review", args=[artwork.code])))
        assert "No model proposes levels at your school." in review
        assert "9 levels to set" in review
        set_all(artwork, alice)
        slugs = assignment.rubric_version.dimensions.values_list("slug", flat=True)
        levels = {f"{what}-{slug}": "4" for slug in slugs for what in ("before", "level")}
        words = {"strength": "Bold lines.", "next_step": "Try ink."}
        url = reverse("grading:confirm", args=[artwork.code])
        client.post(url, {"scores_seen": "none", **levels, **words})
        decided = Review.objects.get()
        assert (decided.score_set, decided.strength) == (None, "Bold lines.")
        assert release_class(assignment, alice).works.count() == 1
        report = text(client.get(reverse("grading:report-class", args=[assignment.code])))
        assert "No computer model was used" in report
        assert "/about/" in report

    def test_open_proposals_are_out_of_sight_and_do_not_count(
        self, client, make_scored, switch, alice, student, assignment
    ):
        artwork = make_scored(student).picture.artwork
        switch(scoring_on=False)
        artwork = fresh(artwork)
        assert newest_proposal(artwork).levels == {}
        with pytest.raises(CannotConfirm, match="Choose a level for"):
            confirm_review(artwork, alice)
        (tile,) = board_of(fresh(artwork).assignment).tiles
        assert (tile.state, tile.levels, tile.to_check) == (State.BY_HAND, {}, 0)
        client.force_login(alice)
        page = text(client.get(reverse("grading:review", args=[artwork.code])))
        assert "radar__layer--model" not in page
        assert "level--proposed" not in page
        head, *lines = table(Kind.LONG, export_of(Artwork.objects.kept()))
        assert {line[head.index("model_score")] for line in lines} == {None}

    def test_a_page_from_before_the_switch_cannot_confirm_proposals(
        self, make_scored, switch, alice
    ):
        said = make_scored()
        switch(scoring_on=False)
        artwork = fresh(said.picture.artwork)
        with pytest.raises(CannotConfirm, match="switched the model off"):
            confirm_review(artwork, alice, proposal_mark(said))

    def test_nothing_can_be_accepted_together_and_it_says_why(
        self, client, make_scored, switch, alice, student, assignment, installed
    ):
        make_scored(student)
        switch(scoring_on=False)
        client.force_login(alice)
        page = text(client.get(reverse("grading:accept", args=[assignment.code])))
        assert "No model proposes levels at your school, so there is nothing to accept." in page
        assert candidates(assignment) == []
        artwork = Artwork.objects.get()
        assert accept(assignment, {artwork.code: "x"}, alice).reviews == []

    def test_nobody_has_to_look_first_where_there_is_nothing_to_see_after(
        self, make_picture, switch
    ):
        artwork = make_picture().artwork
        artwork.blind_first = True
        artwork.save()
        assert is_hidden(fresh(artwork))
        switch(scoring_on=False)
        assert not is_hidden(fresh(artwork))
        (tile,) = board_of(fresh(artwork).assignment).tiles
        assert not tile.hidden

    def test_what_was_confirmed_before_stays_as_it_is(self, make_scored, switch, alice, student):
        artwork = make_scored(student).picture.artwork
        review = confirm_review(artwork, alice)
        switch(scoring_on=False)
        assert confirm_review(fresh(artwork), alice) == review
        assert review.score_set is not None


class TestWords:
    def test_no_words_are_drafted(self, make_picture, model, switch):
        job = make_picture().scoring_jobs.get()
        switch(drafts_on=False)
        model()
        tasks.score_pictures(job.pk)
        assert ScoreSet.objects.count() == 1
        assert not FeedbackDraft.objects.exists()

    def test_none_are_written_while_the_switch_is_off(self, make_scored, school, monkeypatch):
        job = FeedbackJob.objects.create(score_set=make_scored())
        School.objects.filter(pk=school.pk).update(drafts_on=False)  # past the stop
        monkeypatch.setattr(tasks, "_writer", lambda adapter_set: pytest.fail("it was asked"))
        tasks.write_feedback(job.pk)
        job.refresh_from_db()
        assert job.status == "failed"
        assert not FeedbackDraft.objects.exists()

    def test_what_was_being_written_is_not_recorded(self, make_scored, switch, monkeypatch):
        job = FeedbackJob.objects.create(score_set=make_scored())

        class Writer:
            def write(self, requests):
                switch(drafts_on=False)
                return [
                    SimpleNamespace(
                        feedback=Feedback("Bold.", "Ink."), origin="written", reason="", seed=7
                    )
                ]

        monkeypatch.setattr(tasks, "_writer", lambda adapter_set: Writer())
        monkeypatch.setattr(FeedbackJob.objects, "must_stand_back", lambda: False)
        tasks.write_feedback(job.pk)
        job.refresh_from_db()
        assert job.status == "failed"
        assert not FeedbackDraft.objects.exists()

    def test_words_from_before_stay_on_record_and_out_of_sight(
        self, client, make_scored, switch, alice, student
    ):
        said = make_scored(student)
        draft = FeedbackDraft.objects.create(
            score_set=said, origin="composed", strength="Bold lines.", next_step="Try ink."
        )
        switch(drafts_on=False)
        artwork = fresh(said.picture.artwork)
        client.force_login(alice)
        page = text(client.get(reverse("grading:review", args=[artwork.code])))
        assert "Bold lines." not in page
        assert "No words are proposed at your school; write your own." in page
        assert "Write again" not in page
        assert "My comments" in page
        assert confirm_review(artwork, alice).strength == ""
        assert FeedbackDraft.objects.filter(pk=draft.pk).exists()

    def test_other_words_are_refused_and_what_was_typed_is_saved(
        self, client, make_scored, switch, alice, student
    ):
        artwork = make_scored(student).picture.artwork
        switch(drafts_on=False)
        with pytest.raises(WordsSwitchedOff):
            write_again(fresh(artwork), "warm", "short", alice)
        client.force_login(alice)
        for name in ("write-again", "take-draft"):
            response = client.post(
                reverse(f"grading:{name}", args=[artwork.code]),
                {"tone": "warm", "length": "short", "draft": "1", "strength": f"Mine, {name}.",
                 "next_step": "", "words_before": ""},
                headers={"HX-Request": "true"},
            )  # fmt: skip
            assert "Your school has switched off that words are proposed." in text(response)
            assert f"Mine, {name}." in text(response)
            assert fresh(artwork).review_draft.strength == f"Mine, {name}."

    def test_a_list_of_sure_drafts_shows_and_confirms_no_words(
        self, make_scored, switch, student, alice, assignment, installed
    ):
        QuerySet(AdapterVersion).update(metrics={"spearman": 0.7})  # past the guard of frozen rows
        said = make_scored(student)
        FeedbackDraft.objects.create(
            score_set=said, origin="composed", strength="Bold.", next_step="Ink."
        )
        assert candidates(assignment)[0].words.strength == "Bold."
        switch(drafts_on=False)
        fresh_one = fresh(said.picture.artwork).assignment
        (candidate,) = candidates(fresh_one)
        assert candidate.words.strength == ""
        done = accept(fresh_one, {candidate.artwork.code: candidate.mark}, alice)
        assert [review.strength for review in done.reviews] == [""]

import pytest

from grading.models import Annotation, AuditEvent, FeedbackDraft, Review, ReviewDraft
from grading.services.annotations import (
    LEFT_OUT,
    CannotConfirm,
    LevelChange,
    WordsChanged,
    confirm_review,
    decided,
    newest_proposal,
    proposal_mark,
    save_levels,
    set_level,
    set_words,
    withdraw_review,
    words_in_force,
)
from grading.services.photos import turn_picture
from ml.interface import DimensionScore

SILENT = DimensionScore(
    score=None, level=None, interval=None, logits=(), score_token_mass=0.1, adapter="x",
    abstained="It did not answer with a level.",
)  # fmt: skip


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
def dimensions(rubric_version):
    return list(rubric_version.dimensions.all())


@pytest.fixture
def realism(rubric_version):
    return rubric_version.dimensions.get(slug="realism")


def changes_of(artwork) -> int:
    return AuditEvent.objects.filter(verb=AuditEvent.Verb.CHANGED, object_code=artwork.code).count()


def mark_of(artwork) -> str:
    return words_in_force(decided(artwork), newest_proposal(artwork).feedback).mark


def test_what_nobody_touched_is_confirmed_as_proposed(artwork, alice):
    review = confirm_review(artwork, alice)
    assert {a.level for a in review.annotations.all()} == {3}
    assert {a.origin for a in review.annotations.all()} == {Annotation.Origin.ACCEPTED}
    assert (review.strength, review.next_step) == ("Wide palette.", "Try dots.")


def test_a_level_of_a_person_is_marked_as_chosen(artwork, alice, realism):
    set_level(artwork, realism, 5, alice)
    chosen = confirm_review(artwork, alice).annotations.get(dimension=realism)
    assert (chosen.level, chosen.origin) == (5, Annotation.Origin.CHOSEN)


def test_what_the_model_said_is_never_changed(artwork, alice, realism, score_set):
    set_level(artwork, realism, 5, alice)
    set_words(artwork, "Mine.", "Also mine.", alice)
    confirm_review(artwork, alice)
    assert score_set.scores.get(dimension=realism).level == 3
    assert FeedbackDraft.objects.get(score_set=score_set).strength == "Wide palette."


def test_clearing_a_level_lets_the_proposal_stand_again(artwork, alice, realism):
    set_level(artwork, realism, 5, alice)
    set_level(artwork, realism, None, alice)
    assert decided(artwork).levels == {}
    assert confirm_review(artwork, alice).annotations.get(dimension=realism).level == 3


def test_a_level_off_the_scale_is_refused(artwork, alice, realism):
    with pytest.raises(ValueError, match="not a level"):
        set_level(artwork, realism, 6, alice)
    assert not ReviewDraft.objects.exists()


def test_the_same_level_twice_is_one_change(artwork, alice, realism):
    set_level(artwork, realism, 5, alice)
    set_level(artwork, realism, 5, alice)
    assert changes_of(artwork) == 1


def test_a_save_that_arrives_after_the_confirmation_does_not_open_the_picture_again(
    artwork, alice, realism
):
    set_level(artwork, realism, 5, alice)
    set_words(artwork, "Mine.", "", alice)
    confirm_review(artwork, alice)
    set_level(artwork, realism, 5, alice)
    set_words(artwork, "Mine.", "", alice)
    assert not ReviewDraft.objects.exists()


def test_confirming_twice_makes_one_review(artwork, alice):
    first = confirm_review(artwork, alice)
    assert confirm_review(artwork, alice) == first
    assert Review.objects.count() == 1
    assert AuditEvent.objects.filter(verb=AuditEvent.Verb.CONFIRMED).count() == 1


def test_a_confirmed_picture_is_changed_by_another_review(artwork, alice, realism):
    first = confirm_review(artwork, alice)
    set_level(artwork, realism, 1, alice)
    second = confirm_review(artwork, alice)
    assert second != first
    assert first.annotations.get(dimension=realism).level == 3
    assert second.annotations.get(dimension=realism).level == 1
    assert second.annotations.count() == 9


def test_without_a_level_from_anybody_the_missing_dimensions_are_named(make_scored, student, alice):
    artwork = make_scored(student, "red", realism=SILENT, deformation=SILENT).picture.artwork
    with pytest.raises(CannotConfirm, match="Realism, Deformation"):
        confirm_review(artwork, alice)
    assert not Review.objects.exists()


def test_a_teacher_can_confirm_without_the_model(make_picture, student, alice, rubric_version):
    artwork = make_picture(student).artwork
    for dimension in rubric_version.dimensions.all():
        set_level(artwork, dimension, 2, alice)
    review = confirm_review(artwork, alice)
    assert review.score_set is None
    assert {a.level for a in review.annotations.all()} == {2}


def test_scores_that_came_after_the_look_are_not_confirmed_unseen(artwork, alice, score_set):
    with pytest.raises(CannotConfirm, match="look once more"):
        confirm_review(artwork, alice, scores_seen=proposal_mark(None))
    confirm_review(artwork, alice, scores_seen=proposal_mark(score_set))


def test_two_people_who_change_different_dimensions_both_keep_theirs(
    artwork, alice, administrator, rubric_version
):
    realism, deformation = rubric_version.dimensions.all()[:2]
    assert save_levels(artwork, {realism: LevelChange("", "5")}, alice) == []
    assert save_levels(artwork, {deformation: LevelChange("", "1")}, administrator) == []
    assert decided(artwork).levels == {realism.pk: 5, deformation.pk: 1}


@pytest.mark.parametrize("after", ["", "1"])
def test_a_level_somebody_else_set_meanwhile_stands_and_is_named(
    artwork, alice, administrator, realism, after
):
    set_level(artwork, realism, 5, administrator)
    assert save_levels(artwork, {realism: LevelChange("", after)}, alice) == [realism]
    assert decided(artwork).levels == {realism.pk: 5}


def test_a_dimension_somebody_else_left_out_meanwhile_stays_so_and_is_named(
    artwork, alice, administrator, realism
):
    set_level(artwork, realism, None, administrator, not_assessed="Not seen.")
    assert save_levels(artwork, {realism: LevelChange("", "4")}, alice) == [realism]
    assert decided(artwork).not_assessed == {realism.pk: "Not seen."}
    assert save_levels(artwork, {realism: LevelChange(LEFT_OUT, "4")}, alice) == []
    assert decided(artwork).levels == {realism.pk: 4}


def test_words_equal_to_the_draft_open_nothing(artwork, alice):
    set_words(artwork, "Wide palette.", "Try dots.", alice)
    assert not ReviewDraft.objects.exists()


def test_words_somebody_else_saved_meanwhile_are_not_overwritten(artwork, alice, administrator):
    begun_with = mark_of(artwork)
    set_words(artwork, "Theirs.", "", administrator, begun_with)
    with pytest.raises(WordsChanged) as clash:
        set_words(artwork, "Mine.", "", alice, begun_with)
    assert clash.value.words.strength == "Theirs."
    assert clash.value.by == administrator
    assert decided(artwork).strength == "Theirs."


def test_words_are_saved_by_who_has_seen_the_others(artwork, alice, administrator):
    set_words(artwork, "Theirs.", "", administrator)
    set_words(artwork, "Mine.", "", alice, mark_of(artwork))
    assert decided(artwork).strength == "Mine."


def test_emptied_words_stay_empty(artwork, alice):
    set_words(artwork, "", "", alice)
    review = confirm_review(artwork, alice)
    assert (review.strength, review.next_step) == ("", "")


def test_a_dimension_can_be_left_without_a_level_for_a_reason(score_set, alice, dimensions):
    artwork = score_set.picture.artwork
    set_level(artwork, dimensions[0], None, alice, not_assessed="Only pencil was allowed.")
    review = confirm_review(artwork, alice)
    assert review.annotations.count() == len(dimensions) - 1
    assert [n.reason for n in review.not_assessed.all()] == ["Only pencil was allowed."]
    set_level(artwork, dimensions[1], 5, alice)  # looking again keeps it
    assert list(
        confirm_review(artwork, alice).not_assessed.values_list("dimension", flat=True)
    ) == [dimensions[0].pk]
    set_level(artwork, dimensions[0], 2, alice)
    assert confirm_review(artwork, alice).annotations.count() == len(dimensions)


def test_a_confirmation_that_is_taken_back_counts_no_more(score_set, alice, dimensions):
    artwork = score_set.picture.artwork
    first = confirm_review(artwork, alice)
    set_level(artwork, dimensions[0], 5, alice)
    second = confirm_review(artwork, alice)
    assert not withdraw_review(first, alice)  # it is not the one that stands
    assert withdraw_review(second, alice)
    assert artwork.reviews.standing().last() == first
    assert AuditEvent.objects.filter(verb="withdrawn", object_code=artwork.code).count() == 1


def test_a_picture_that_is_just_being_changed_is_not_confirmed(score_set, artwork, alice):
    turn_picture(artwork, alice)
    with pytest.raises(CannotConfirm):
        confirm_review(artwork, alice, scores_seen=proposal_mark(score_set))


@pytest.mark.parametrize("consent", [True, False])
def test_adapters_learn_only_from_work_that_may_be_used_for_it(artwork, student, alice, consent):
    student.consents.create(given=consent, source="paper")
    artwork.refresh_from_db()
    review = confirm_review(artwork, alice)
    assert set(review.annotations.values_list("training_consent", flat=True)) == {consent}

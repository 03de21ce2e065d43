"""Figures about a class, and about how its teachers and the model agree."""

from __future__ import annotations

import numpy as np
import pytest

from grading.models import Annotation, Assignment, BlindLook, ScoringJob, Student
from grading.services.annotations import confirm_review, set_level
from grading.services.artworks import remove_artwork
from grading.services.classview import (
    Chosen,
    Moves,
    choices_of,
    class_view,
    move,
    rank_correlation,
    work_of,
)
from ml.interface import DimensionScore
from ml.metrics import spearman
from tests.conftest import scores_of


@pytest.fixture
def view(classroom, assignment):
    return lambda: class_view(
        classroom, Chosen(assignment.rubric_version, [assignment], str(assignment.code))
    )


@pytest.fixture
def confirm(make_scored, alice, rubric_version):
    """The model says 3 of everything; ``realism`` is what the teacher makes of it."""

    def make(color: str, realism: int | None = None):
        artwork = make_scored(None, color).picture.artwork
        if realism is not None:
            set_level(artwork, rubric_version.dimensions.get(slug="realism"), realism, alice)
        return confirm_review(artwork, alice)

    return make


def score(expected: float, level: int) -> DimensionScore:
    return DimensionScore(
        score=expected, level=level, interval=None, logits=(0.0,), score_token_mass=1.0, adapter="x"
    )


COLORS = ("red", "green", "blue", "pink", "gold", "navy", "gray", "lime", "plum", "tan")


class TestDistribution:
    def test_it_counts_confirmed_levels_only(self, view, confirm, make_scored):
        confirm("red", realism=5)
        confirm("green")
        make_scored(None, "blue")
        realism = view().distributions[0]
        assert realism.counts == {1: 0, 2: 0, 3: 1, 4: 0, 5: 1}

    def test_a_mean_is_of_three_or_more(self, view, confirm):
        for color, level in (("red", 1), ("green", 2)):
            confirm(color, realism=level)
        assert not view().has_average
        confirm("blue", realism=3)
        assert view().distributions[0].mean == 2

    def test_not_assessed_is_counted_beside_the_levels(self, view, decide, assignment, student):
        decide(student, 3, title=assignment.title, realism=None)
        realism = view().distributions[0]
        assert (realism.count, realism.not_assessed) == (0, 1)


class TestAgreement:
    def test_unchanged_is_the_level_that_was_proposed(self, view, confirm):
        confirm("red", realism=5)
        confirm("green")
        realism, deformation = view().agreements[:2]
        assert (realism.unchanged, realism.count) == (1, 2)
        assert deformation.unchanged == 2

    def test_it_compares_with_the_scores_that_were_there_then(self, view, confirm, rubric_version):
        picture = confirm("red", realism=5).picture
        job = ScoringJob.objects.claim(ScoringJob.objects.request(picture).pk)
        dimensions = {d.slug: d for d in rubric_version.dimensions.all()}
        job.succeed(scores_of(rubric_version, 1), dimensions, {})
        assert view().agreements[0].pairs == [(3.0, 3, 5)]

    def test_bias_is_positive_where_the_model_is_higher(self, view, confirm):
        for color in COLORS:
            confirm(color, realism=1)
        realism = view().agreements[0]
        assert realism.bias == 2
        assert realism.reading == "the model is higher"

    @pytest.fixture
    def in_order(self, make_scored, alice):
        """Confirmed pictures whose levels rise with the model's scores."""

        def make(count: int) -> None:
            for n, color in enumerate(COLORS[:count]):
                scores = make_scored(None, color, realism=score(1 + n / 3, 1 + n // 3))
                confirm_review(scores.picture.artwork, alice)

        return make

    def test_of_nine_pictures_nothing_is_said(self, view, in_order):
        in_order(9)
        realism = view().agreements[0]
        assert realism.spearman is None
        assert realism.reading == "too few to say"

    def test_from_ten_on_there_is_a_rank_correlation(self, view, in_order):
        in_order(10)
        assert view().agreements[0].spearman > 0.9

    def test_where_the_model_says_the_same_of_all_there_is_none(self, view, confirm):
        for color in COLORS:
            confirm(color)
        assert view().agreements[0].spearman is None

    def test_a_picture_that_the_model_never_scored_is_not_compared(
        self, view, decide, assignment, student
    ):
        decide(student, 3, title=assignment.title)
        assert view().agreements == []


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.2, 2.2, 2.2, 4.0, 3.1], [1, 2, 3, 4, 4]),
        ([5, 4, 3, 2, 1], [1, 2, 3, 4, 5]),
        ([1, 1, 2, 2, 3, 3, 1], [2, 1, 2, 2, 1, 3, 1]),
    ],
)
def test_the_rank_correlation_is_that_of_the_engine(x, y):
    expected = spearman(np.array(x, dtype=float), np.array(y, dtype=float)).value
    assert rank_correlation(x, y) == pytest.approx(expected)


def test_a_constant_side_has_no_rank_correlation():
    assert rank_correlation([3, 3, 3], [1, 2, 3]) is None


@pytest.mark.parametrize(
    ("blind", "model", "decided", "moves"),
    [
        (3, 3, 5, Moves(same=1)),
        (2, 4, 2, Moves(stayed=1)),
        (2, 4, 3, Moves(toward=1)),
        (2, 4, 4, Moves(toward=1)),
        (2, 4, 1, Moves(away=1)),
        (2, 3, 4, Moves(away=1)),  # past it
    ],
)
def test_where_a_level_went_once_the_models_was_seen(blind, model, decided, moves):
    assert move(blind, model, decided) == moves


class TestBlindLooks:
    def look(self, artwork, by, level, purpose=BlindLook.Purpose.FIRST):
        picture = artwork.pictures.last()
        look = BlindLook.objects.create(artwork=artwork, picture=picture, by=by, purpose=purpose)
        dimension = artwork.assignment.rubric_version.dimensions.get(slug="realism")
        Annotation.objects.create(
            look=look, picture=picture, picture_sha256="f" * 64, dimension=dimension, annotator=by,
            level=level, first_level=1, last_level=5, origin="blind", training_consent=False,
        )  # fmt: skip

    def test_the_way_from_the_blind_look_to_the_decision_is_counted(self, view, make_scored, alice):
        artwork = make_scored().picture.artwork
        self.look(artwork, alice, 1)
        confirm_review(artwork, alice)
        found = view()
        assert [(d.slug, m) for d, m in found.moves] == [("realism", Moves(toward=1))]
        assert (found.blind_pictures, found.all_moves.toward_percent) == (1, 100)

    def test_somebody_elses_look_is_no_move(self, view, make_scored, alice, administrator):
        artwork = make_scored().picture.artwork
        self.look(artwork, administrator, 1)
        confirm_review(artwork, alice)
        assert view().moves == []

    def test_a_second_look_that_was_asked_for_is_no_first_look(self, view, make_scored, alice):
        artwork = make_scored().picture.artwork
        self.look(artwork, alice, 1, BlindLook.Purpose.APPEAL)
        confirm_review(artwork, alice)
        assert view().moves == []

    def test_blind_levels_are_no_decisions(self, view, make_scored, alice):
        self.look(make_scored().picture.artwork, alice, 1)
        assert view().decided == 0
        assert view().distributions[0].count == 0


class TestChoices:
    def test_a_rubric_with_one_assignment_has_no_sum(self, assignment):
        assert [choice.key for choice in choices_of([assignment])] == [str(assignment.code)]

    def test_versions_of_a_rubric_stay_apart(self, assignment, classroom, rubric_version):
        other = rubric_version.rubric.versions.create(number=99)
        both = [
            assignment,
            Assignment.objects.create(
                classroom=classroom, rubric_version=other, title="B", made_on=assignment.made_on
            ),
        ]
        assert all(choice.single for choice in choices_of(both))


def test_who_has_no_work_yet(classroom, assignment, student, make_artwork):
    make_artwork(student)
    make_artwork(None, "red")
    [work] = work_of(classroom, [assignment])
    assert work.works == 2
    assert work.missing == list(Student.objects.exclude(pk=student.pk))


def test_a_removed_picture_counts_nowhere(view, confirm, classroom, assignment, alice):
    remove_artwork(confirm("red", realism=5).artwork, alice)
    assert (view().works, view().decided) == (0, 0)
    assert work_of(classroom, [assignment])[0].works == 0

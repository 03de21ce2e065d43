"""The rules behind the words of a portfolio, as docs/decisions/0013 states them."""

from __future__ import annotations

import pytest

from grading.models import LevelWords, Rubric, RubricDimension, RubricVersion
from grading.services.annotations import confirm_review, set_level, withdraw_review
from grading.services.portfolio import portfolio_of


@pytest.fixture
def works_of(student, alice):
    return lambda: portfolio_of(student, alice).rubrics[0]


def names(dimensions) -> list[str]:
    return [dimension.slug for dimension in dimensions]


class TestWhichWorksCount:
    def test_only_confirmed_ones_have_levels(self, student, alice, make_scored):
        make_scored(student)
        portfolio = portfolio_of(student, alice)
        assert [work.levels for work in portfolio.works] == [{}]
        assert portfolio.rubrics == []
        assert portfolio.waiting == 1

    def test_a_withdrawn_confirmation_no_longer_counts(self, student, alice, decide):
        withdraw_review(decide(student), alice)
        assert portfolio_of(student, alice).rubrics == []

    def test_the_newest_standing_confirmation_counts(self, student, alice, decide, works_of):
        review = decide(student, 3)
        set_level(review.artwork, works_of().dimensions[0], 5, alice)
        confirm_review(review.artwork, alice)
        assert works_of().series("realism") == [5]

    def test_they_are_in_the_order_of_their_assignments(self, student, decide, works_of):
        decide(student, 4, days_ago=1)
        decide(student, 2, days_ago=90)
        assert works_of().series("realism") == [2, 4]

    def test_what_a_teacher_may_not_see_is_counted_and_not_shown(
        self, student, colleague, school, decide, classroom
    ):
        decide(student)
        other = school.classrooms.create(name="Club", year=school.years.get())
        other.teachers.add(colleague)
        other.enrollments.create(student=student)
        portfolio = portfolio_of(student, colleague)
        assert (portfolio.works, portfolio.elsewhere) == ([], 1)


class TestStrongest:
    def test_it_is_the_highest_mean_of_the_latest_three(self, student, decide, works_of):
        decide(student, 1, days_ago=40, realism=5)
        for days in (30, 20, 10):
            decide(student, 3, days_ago=days, line_texture=4)
        assert names(works_of().strongest) == ["line_texture"]

    def test_all_that_tie_are_named(self, student, decide, works_of):
        decide(student, 3, realism=5, imagination=5)
        assert names(works_of().strongest) == ["realism", "imagination"]

    def test_nothing_is_named_where_all_are_alike(self, student, decide, works_of):
        decide(student, 3)
        assert works_of().strongest == []

    def test_one_high_level_among_works_not_assessed_is_none(self, student, decide, works_of):
        decide(student, 3, days_ago=30, realism=5)
        for days in (20, 10):
            decide(student, 3, days_ago=days, realism=None, imagination=4)
        assert names(works_of().strongest) == ["imagination"]


class TestGrowing:
    def levels(self, decide, student, *realism):
        for at, level in enumerate(realism):
            decide(student, 3, days_ago=100 - at, realism=level)

    def test_three_works_say_nothing(self, student, decide, works_of):
        self.levels(decide, student, 1, 1, 5)
        assert not works_of().can_say_growth
        assert works_of().growing == []

    def test_a_whole_level_between_the_first_two_and_the_last_two_is_growth(
        self, student, decide, works_of
    ):
        self.levels(decide, student, 1, 2, 2, 3)
        [growing] = works_of().growing
        assert (growing.dimension.slug, growing.before, growing.after) == ("realism", 1.5, 2.5)

    def test_half_a_level_is_none(self, student, decide, works_of):
        self.levels(decide, student, 1, 2, 2, 2)
        assert works_of().can_say_growth
        assert works_of().growing == []

    def test_a_gap_is_left_out_and_not_a_zero(self, student, decide, works_of):
        self.levels(decide, student, 2, 2, None, 2, 2)
        assert works_of().growing == []

    def test_the_steepest_comes_first(self, student, decide, works_of):
        for at, (one, other) in enumerate([(1, 1), (1, 1), (2, 4), (2, 4)]):
            decide(student, 3, days_ago=100 - at, realism=one, imagination=other)
        assert [g.dimension.slug for g in works_of().growing] == ["imagination", "realism"]


class TestNextStep:
    def test_it_has_the_words_of_the_level_above(self, student, decide, works_of):
        decide(student, 3, line_texture=2)
        [step] = works_of().next_steps
        assert (step.dimension.slug, step.level) == ("line_texture", 2)
        assert step.above == works_of().words["line_texture"][3]

    def test_of_several_it_is_the_one_that_was_lowest_before(self, student, decide, works_of):
        decide(student, 3, days_ago=10, realism=1)
        decide(student, 3, realism=2, line_texture=2)
        assert [s.dimension.slug for s in works_of().next_steps] == ["realism"]

    def test_at_the_highest_level_there_is_none(self, student, decide, works_of):
        decide(student, 5)
        assert works_of().next_steps == []


def test_two_scales_are_never_mixed(student, alice, decide):
    rubric = Rubric.objects.create(slug="short", name="Short")
    version = RubricVersion.objects.create(rubric=rubric, number=1, first_level=0, last_level=3)
    longer = RubricVersion.objects.create(rubric=rubric, number=2, first_level=1, last_level=5)
    for each in (version, longer):
        dimension = RubricDimension.objects.create(
            version=each, position=0, slug="line", name="Line", definition="…"
        )
        for number in each.levels:
            LevelWords.objects.create(dimension=dimension, level=number, words=f"w{number}")
    decide(student, 3, days_ago=30)
    decide(student, 2, days_ago=20, version=version)
    decide(student, 4, days_ago=10, version=longer)
    groups = portfolio_of(student, alice).rubrics
    assert [group.version for group in groups][:2] == [longer, version]
    assert [len(group.works) for group in groups] == [1, 1, 1]


def test_versions_of_one_scale_go_together(student, alice, decide, rubric_version):
    newer = RubricVersion.objects.create(rubric=rubric_version.rubric, number=99)
    dimension = RubricDimension.objects.create(
        version=newer, position=0, slug="realism", name="Realism", definition="…"
    )
    for number in newer.levels:
        LevelWords.objects.create(dimension=dimension, level=number, words=f"new {number}")
    decide(student, 2, days_ago=20)
    decide(student, 3, days_ago=10, version=newer)
    [group] = portfolio_of(student, alice).rubrics
    assert group.series("realism") == [2, 3]
    assert group.next_steps[0].above == "new 4"

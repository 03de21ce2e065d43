from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.urls import reverse

from grading.models import ExampleAnswer, ExampleLevel, ExamplePicture
from grading.services import examples
from grading.services.examples import draw_examples, drawn_levels
from grading.services.practice import Habit, practice_sets
from tests.conftest import jpeg


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def make_example(rubric_version):
    def make(title: str = "A street", level: int = 3, school=None) -> ExamplePicture:
        example = ExamplePicture.objects.create(
            rubric_version=rubric_version, title=title, school=school, width=320, height=240,
            position=ExamplePicture.objects.count(), display=ContentFile(jpeg(), name="d.jpg"),
        )  # fmt: skip
        ExampleLevel.objects.bulk_create(
            ExampleLevel(example=example, dimension=d, level=level, why=f"{d.name} is so.")
            for d in rubric_version.dimensions.all()
        )
        return example

    return make


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def url(example) -> str:
    return reverse("grading:practice-example", args=[example.code])


def answers(rubric_version, level: int, **special) -> dict[str, str]:
    return {d.slug: str(special.get(d.slug, level)) for d in rubric_version.dimensions.all()}


class TestAnswering:
    def test_the_agreed_levels_are_hidden_until_all_are_set(self, signed_in, make_example):
        page = text(signed_in.get(url(make_example())))
        assert page.count('type="radio"') == 45
        assert "Realism is so." not in page

    def test_a_missing_level_is_named_and_the_others_stay(
        self, signed_in, make_example, rubric_version
    ):
        sent = answers(rubric_version, 4)
        del sent["realism"]
        response = signed_in.post(url(make_example()), sent)
        assert response.status_code == 422
        assert "Choose a level for: Realism." in text(response)
        assert text(response).count(" checked") == 8
        assert "Realism is so." not in text(response)
        assert not ExampleAnswer.objects.exists()

    def test_a_level_off_the_scale_is_none(self, signed_in, make_example, rubric_version):
        assert signed_in.post(url(make_example()), answers(rubric_version, 9)).status_code == 422

    def test_then_both_stand_beside_each_other_with_the_reason(
        self, signed_in, make_example, rubric_version
    ):
        example = make_example()
        sent = answers(rubric_version, 3, realism=4, imagination=1)
        page = text(signed_in.post(url(example), sent, follow=True))
        assert "7 of 9 the same" in page
        assert "you 4, agreed 3" in page
        assert page.count("one off") == 1
        assert page.count("2 off") == 1
        assert "Realism is so." in page

    def test_it_leads_to_the_next_open_one_and_then_to_the_summary(
        self, signed_in, make_example, rubric_version
    ):
        first, second = make_example(), make_example("Trees")
        page = text(signed_in.post(url(second), answers(rubric_version, 3), follow=True))
        assert url(first) in page
        page = text(signed_in.post(url(first), answers(rubric_version, 3), follow=True))
        assert "How I read the rubric" in page

    def test_the_newest_answer_counts_and_the_older_ones_stay(
        self, signed_in, alice, make_example, rubric_version
    ):
        example = make_example()
        signed_in.post(url(example), answers(rubric_version, 5))
        assert "Read the words" in text(signed_in.get(url(example) + "?again"))
        signed_in.post(url(example), answers(rubric_version, 3))
        assert ExampleAnswer.objects.count() == 18
        assert practice_sets(alice)[0].examples[0].hits == 9

    def test_nobody_elses_answers_are_shown(
        self, signed_in, colleague, make_example, rubric_version
    ):
        example = make_example()
        signed_in.post(url(example), answers(rubric_version, 3))
        signed_in.force_login(colleague)
        assert "Read the words" in text(signed_in.get(url(example)))


class TestSummary:
    def test_without_examples_it_says_how_to_get_them(self, signed_in):
        assert "draw_examples" in text(signed_in.get(reverse("grading:practice")))

    def test_a_habit_is_named_from_four_pictures_on(self, signed_in, make_example, rubric_version):
        made = [make_example(str(n)) for n in range(4)]
        for example in made[:3]:
            signed_in.post(url(example), answers(rubric_version, 3, realism=4))
        page = text(signed_in.get(reverse("grading:practice")))
        assert page.count("too few to say") == 9
        signed_in.post(url(made[3]), answers(rubric_version, 3, realism=4))
        page = text(signed_in.get(reverse("grading:practice")))
        assert page.count("you see more than was agreed, by 1.0 levels") == 1
        assert page.count("close to what was agreed") == 8

    @pytest.mark.parametrize(
        ("differences", "higher", "lower"),
        [
            ([1, 1, 0, 0], True, False),
            ([-1, -1, 0, 0], False, True),
            ([1, 0, 0, 0], False, False),
            ([1, 1, 1], False, False),
        ],
    )
    def test_a_habit_is_half_a_level(self, rubric_version, differences, higher, lower):
        habit = Habit(rubric_version.dimensions.first(), differences)
        assert (habit.higher, habit.lower) == (higher, lower)


def test_examples_of_another_school_are_not_there(client, bob, school, make_example):
    ours, everyones = make_example("Ours", school=school), make_example("For all")
    client.force_login(bob)
    assert client.get(url(ours)).status_code == 404
    assert client.get(reverse("grading:practice-picture", args=[ours.code])).status_code == 404
    assert client.get(url(everyones)).status_code == 200
    assert "Ours" not in text(client.get(reverse("grading:practice")))


def test_an_annotator_may_practice_too(client, annotator, make_example):
    example = make_example()
    client.force_login(annotator)
    picture = client.get(reverse("grading:practice-picture", args=[example.code]))
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/jpeg")


class TestDrawn:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(examples, "DRAWN_PX", 64)
        monkeypatch.setattr(examples, "DRAWN", examples.DRAWN[:5])

    def test_they_are_drawn_once_and_only_what_is_missing(self, rubric_version):
        assert draw_examples(rubric_version) == 5
        assert draw_examples(rubric_version) == 0
        ExamplePicture.objects.first().delete()
        call_command("draw_examples")
        assert ExamplePicture.objects.count() == 5

    def test_every_dimension_goes_through_its_whole_scale(self, rubric_version):
        draw_examples(rubric_version)
        for dimension in rubric_version.dimensions.all():
            levels = ExampleLevel.objects.filter(dimension=dimension)
            assert sorted(levels.values_list("level", flat=True)) == [1, 2, 3, 4, 5]

    def test_the_page_says_that_the_program_drew_them(self, signed_in, rubric_version):
        draw_examples(rubric_version)
        page = text(signed_in.get(url(ExamplePicture.objects.first())))
        assert "Drawn by the program, not by a child" in page

    def test_another_rubric_has_no_drawings(self, school):
        version = school.rubric_set.create(slug="ours", name="Ours").versions.create(number=1)
        assert draw_examples(version) == 0

    def test_the_levels_are_the_same_everywhere(self, rubric_version):
        assert drawn_levels(rubric_version, 8) == drawn_levels(rubric_version, 8)

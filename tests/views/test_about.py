"""Pages for everybody: nothing of a school, a class or a person is on them."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from grading.models import (
    AdapterVersion,
    BaseModel,
    Promotion,
    Rubric,
    RubricDimension,
    RubricVersion,
    TrainingItem,
    TrainingSet,
)
from grading.services.cards import card_of, cards, figures_of


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def real(installed) -> list[AdapterVersion]:
    """Adapters that are not the demo's, and were measured."""
    QuerySet(BaseModel).update(is_demo=False)
    metrics = {"n": 157, "spearman": 0.66, "qwk": 0.58, "mae": 0.4, "bias": 0.02, "coverage": 0.91}
    QuerySet(AdapterVersion).update(metrics=metrics)  # past the guard of frozen rows
    return list(AdapterVersion.objects.order_by("pk"))


def measured(adapter: AdapterVersion, **metrics: object) -> str:
    QuerySet(AdapterVersion).filter(pk=adapter.pk).update(metrics=metrics)
    return reverse("grading:about-model", args=[adapter.code])


class TestHowThisWorks:
    def test_anybody_can_read_it_and_it_names_nobody(self, client, alice, student, school):
        page = text(client.get(reverse("grading:about")))
        assert "How this works" in page
        assert "No ranking of children" in page
        assert "Picture organization" in page
        for name in (alice.name, alice.email, student.display_name, school.name):
            assert name not in page

    def test_it_says_that_a_demo_model_is_not_for_grading(self, client, installed):
        assert "It is not for grading" in text(client.get(reverse("grading:about")))

    def test_without_a_model_it_says_so(self, client, db):
        assert "No model is installed here" in text(client.get(reverse("grading:about")))
        assert "No model is installed here" in text(client.get(reverse("grading:about-models")))

    @pytest.mark.parametrize("name", ["grading:about", "grading:about-models"])
    def test_it_sets_no_cookie(self, client, db, name):
        assert not client.get(reverse(name)).cookies.get("kidsart_session")

    def test_the_sign_in_page_leads_to_it(self, client, db):
        page = text(client.get(reverse("sign-in")))
        assert reverse("grading:about") in page

    def test_the_page_of_the_models_leads_to_the_cards(self, client, alice, installed):
        client.force_login(alice)
        page = text(client.get(reverse("grading:models")))
        assert reverse("grading:about-models") in page
        assert reverse("grading:about-model", args=[installed[0].code]) in page


class TestCards:
    def test_the_words_come_before_the_figures(self, client, real):
        page = text(client.get(reverse("grading:about-model", args=[real[0].code])))
        assert page.index("What it looks at") < page.index("Spearman")
        assert "about as well as two people do" in page
        assert "Its ranges held 91 of 100 levels that people gave." in page
        assert "Demo model" not in page

    def test_a_demo_model_is_not_for_grading_wherever_it_stands(self, client, installed):
        for url in ("/about/models/", reverse("grading:about-model", args=[installed[0].code])):
            page = text(client.get(url))
            assert "Demo model, not for grading." in page
            assert "never seen a child's drawing" in page

    @pytest.mark.parametrize("metrics", [{}, {"spearman": None}, {"spearman": "high", "n": True}])
    def test_what_was_not_measured_is_said_to_be_so(self, client, real, metrics):
        page = text(client.get(measured(real[0], **metrics)))
        assert "Nobody has measured how well it agrees with people" in page
        assert page.count("<td>not measured</td>") == 8
        assert "not measured" in text(client.get(reverse("grading:about-models")))

    @pytest.mark.parametrize(
        ("metrics", "words"),
        [
            ({"spearman": 0.41}, "less than two people agree"),
            ({"spearman": 0.7, "bias": 0.3}, "its levels are too high"),
            ({"spearman": 0.7, "bias": -0.3}, "its levels are too low"),
            ({"spearman": 0.7, "coverage": 0.7}, "it is surer than it should be"),
            ({"spearman": 0.7, "within_one": 0.9}, "In about 9 of 10 pictures."),
        ],
    )
    def test_where_it_is_weak_is_said_in_words(self, client, real, metrics, words):
        assert words in text(client.get(measured(real[0], **metrics)))

    def test_how_often_it_is_less_than_a_level_off_follows_from_two_shares(self):
        metrics = {"unsure_share": 0.2, "off_by_one_if_unsure": 0.5, "off_by_one_otherwise": 0.1}
        assert figures_of(metrics).within_one_percent == pytest.approx(82)

    def test_who_put_it_into_use_is_a_role_and_never_a_name(self, client, real, administrator):
        adapter = AdapterVersion.objects.create(
            base=real[0].base, dimension=real[0].dimension, number=2, path="x", sha256="a" * 64
        )
        Promotion.objects.create(adapter=adapter, by=administrator, why="Adam likes it better")
        page = text(client.get(reverse("grading:about-model", args=[adapter.code])))
        assert "put into use by an administrator" in page
        assert "Adam" not in page

    def test_an_earlier_version_has_its_time_and_its_card(self, client, real):
        first = real[0]
        second = AdapterVersion.objects.create(
            base=first.base, dimension=first.dimension, number=2, path="x", sha256="a" * 64
        )
        Promotion.objects.create(adapter=second, why="better")
        old, new = card_of(first), card_of(second)
        assert (old.in_use, new.in_use) == (False, True)
        assert old.periods[0].until == new.periods[0].since
        row = cards().dimensions[0]
        assert (row.in_use.adapter, [c.adapter for c in row.earlier]) == (second, [first])
        url = reverse("grading:about-model", args=[first.code])
        assert url in text(client.get(reverse("grading:about-models")))
        assert "not in use" in text(client.get(url))

    def test_put_into_use_again_and_again_is_told_once(self, real):
        Promotion.objects.create(adapter=real[0], why="once more")
        assert len(card_of(real[0]).periods) == 1

    def test_a_dimension_without_an_adapter_is_prompted(self, client, db):
        BaseModel.objects.create(name="tiny", path="nowhere", sha256="0" * 64)
        page = text(client.get(reverse("grading:about-models")))
        assert page.count("prompted</span>") == 9

    def test_it_counts_the_consenting_pictures_it_learned_from(self, client, real, student):
        training_set = TrainingSet.objects.create(rubric_version=real[0].dimension.version)
        training_set.adapters.add(real[0])
        for code in ("1" * 32, "1" * 32, "2" * 32):
            TrainingItem.objects.create(
                training_set=training_set, student_code=student.code, artwork_code=code
            )
        page = text(client.get(reverse("grading:about-model", args=[real[0].code])))
        assert "2 pictures by children whose families had said yes" in page
        assert str(student.code) not in page

    def test_the_demo_model_says_how_many_pictures_were_drawn_for_it(self, installed, settings):
        base = installed[0].base
        base.path = str(settings.DEMO_MODEL_DIR / "base")
        base.save()
        adapter = AdapterVersion.objects.get(pk=installed[0].pk)
        assert card_of(adapter).learned_from == 4000

    def test_an_adapter_of_a_schools_own_rubric_has_no_public_card(self, client, school, real):
        rubric = Rubric.objects.create(slug="ours", name="Ours", school=school)
        dimension = RubricDimension.objects.create(
            version=RubricVersion.objects.create(rubric=rubric, number=1),
            position=1, slug="courage", name="Courage", definition="How bold it is.",
        )  # fmt: skip
        adapter = AdapterVersion.objects.create(
            base=real[0].base, dimension=dimension, number=1, path="x", sha256="b" * 64
        )
        Promotion.objects.create(adapter=adapter, why="ours")
        assert client.get(reverse("grading:about-model", args=[adapter.code])).status_code == 404
        assert "Courage" not in text(client.get(reverse("grading:about-models")))

    def test_the_queries_do_not_grow_with_the_versions(
        self, client, real, django_assert_max_num_queries
    ):
        for number in range(2, 8):
            adapter = AdapterVersion.objects.create(
                base=real[0].base, dimension=real[0].dimension, number=number, path="x",
                sha256=f"{number:064}",
            )  # fmt: skip
            Promotion.objects.create(adapter=adapter, why="more")
        with django_assert_max_num_queries(30):
            client.get(reverse("grading:about-models"))

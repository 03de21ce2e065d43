"""Help, the guides of the first days, and a person's own preferences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import get_resolver, reverse

from grading.models import AdapterVersion, BaseModel, Promotion
from grading.screens import BY_URL, GUIDES, SCREENS

ROOT = Path(__file__).resolve().parents[2]
NO_PAGE = {  # answers that are files, parts of a page, or lead somewhere else
    *("progress", "picture", "preview", "appeal-picture", "practice-picture"),
    *("export-everything", "student-record-file", "lift-hold"),
    *("report-file", "export-file", "export-class-file", "audit-file"),
    *("match-student", "try-again", "replace", "remove", "restore", "undo-accept", "turn"),
    *("level", "words", "confirm", "write-again", "take-draft", "insert-comment"),
    *("keep-words", "forget-comment", "photo-answer", "review-time"),
    *("invite", "invite-again", "revoke-invitation", "remove-person", "invitation"),
    *("apply-roster", "undo-roster", "discard-roster"),
    *("hide", "revoke-family-link", "new-note", "remove-note", "preferences", "help"),
    *("schools", "open-year", "change-teaching", "remove-teacher"),
    *("put-students", "move-student", "come-back"),
    *("about", "about-models", "about-model"),  # for everybody: they are help themselves
}


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def preferences(client, **sent):
    return client.post(reverse("grading:preferences"), sent)


class TestHelp:
    @pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.slug)
    def test_every_screen_has_a_short_page(self, signed_in, screen, rubric_version):
        page = text(signed_in.get(reverse("grading:help", args=[screen.slug])))
        words = page.split("help__text")[1].split("</article>")[0].split()
        assert 30 < len(words) < 420

    def test_all_pages_are_listed(self, signed_in):
        page = text(signed_in.get(reverse("grading:help")))
        for screen in SCREENS:
            assert reverse("grading:help", args=[screen.slug]) in page

    def test_an_unknown_page_is_not_there(self, signed_in):
        assert signed_in.get(reverse("grading:help", args=["nothing"])).status_code == 404

    def test_each_page_leads_to_its_own_help(self, signed_in, student):
        page = text(signed_in.get(reverse("grading:student", args=[student.code])))
        assert reverse("grading:help", args=["portfolio"]) in page

    def test_a_page_without_help_of_its_own_leads_to_all_of_it(self, signed_in):
        page = text(signed_in.get("/nowhere/"))
        assert page.count(f'href="{reverse("grading:help")}"') in (0, 2)


class TestWeakness:
    def page(self, client) -> str:
        return text(client.get(reverse("grading:help", args=["scores"])))

    @pytest.fixture
    def grown_up(self, installed) -> list[AdapterVersion]:
        BaseModel.objects.update(is_demo=False)
        return installed

    def measured(self, adapter: AdapterVersion, spearman: float) -> None:
        """Another version of the adapter, with this figure."""
        better = AdapterVersion.objects.create(
            base=adapter.base, dimension=adapter.dimension, number=2, path="nowhere",
            sha256=f"{adapter.pk:064}", metrics={"spearman": spearman},
        )  # fmt: skip
        Promotion.objects.create(adapter=better, why="measured")

    def test_a_dimension_below_six_tenths_is_called_weak(self, signed_in, grown_up):
        self.measured(grown_up[0], 0.59)
        self.measured(grown_up[1], 0.6)
        page = self.page(signed_in)
        assert "<b>Realism</b> (0.59)" in page
        assert "<b>Deformation</b> (" not in page
        assert (
            "agreed about as well as two people do (Spearman .6 or more) in: Deformation." in page
        )

    def test_what_nobody_measured_is_treated_as_weak(self, signed_in, grown_up):
        assert "Nobody has measured how well these are scored" in self.page(signed_in)

    def test_a_dimension_without_an_adapter_is_named(self, signed_in, rubric_version):
        BaseModel.objects.create(name="big", path="nowhere", sha256="0" * 64)
        page = self.page(signed_in)
        assert "9 dimensions have no adapter of their own" in page

    def test_adapters_of_another_base_model_stand_aside(self, signed_in, grown_up):
        self.measured(grown_up[1], 0.5)
        base = BaseModel.objects.create(name="big", path="nowhere", sha256="1" * 64)
        newest = AdapterVersion.objects.create(
            base=base, dimension=grown_up[0].dimension, number=1, path="nowhere", sha256="c" * 64,
            metrics={"spearman": 0.7},
        )  # fmt: skip
        Promotion.objects.create(adapter=newest, why="larger")
        page = self.page(signed_in)
        assert "8 dimensions have no adapter of their own" in page
        assert "(0.50)" not in page

    def test_figures_of_the_demo_model_are_not_shown_as_agreement(self, signed_in, installed):
        self.measured(installed[0], 0.9)
        page = self.page(signed_in)
        assert "do not grade with it" in page
        assert "about as well as two people" not in page

    def test_without_a_model_it_says_so(self, signed_in, rubric_version):
        assert "No model is installed" in self.page(signed_in)


class TestGuides:
    def test_the_first_page_has_one_until_it_is_put_away(self, signed_in, alice, classroom):
        assert 'id="guide"' in text(signed_in.get(reverse("grading:home")))
        response = preferences(signed_in, guide_done="home", next="/")
        assert response["Location"] == "/"
        assert 'id="guide"' not in text(signed_in.get(reverse("grading:home")))

    def test_putting_one_away_leaves_the_others(self, signed_in, assignment):
        preferences(signed_in, guide_done="home")
        assert 'id="guide"' in text(signed_in.get(reverse("grading:board", args=[assignment.code])))

    def test_they_come_back_when_asked_for(self, signed_in, alice, classroom):
        preferences(signed_in, guide_done="home")
        preferences(signed_in, guides_again="1")
        assert 'id="guide"' in text(signed_in.get(reverse("grading:home")))

    def test_htmx_gets_no_page(self, signed_in):
        response = signed_in.post(
            reverse("grading:preferences"), {"guide_done": "home"}, headers={"HX-Request": "true"}
        )
        assert (response.status_code, response.content) == (200, b"")


class TestPreferences:
    def test_what_was_not_sent_stays(self, signed_in, alice):
        preferences(signed_in, theme="dark")
        preferences(signed_in, guide_done="home")
        alice.refresh_from_db()
        assert alice.preferences == {"theme": "dark", "guide": ["home"]}

    @pytest.mark.parametrize("sent", [{"theme": "pink"}, {"guide_done": "x"}])
    def test_what_is_unknown_is_refused_in_words(self, signed_in, alice, sent):
        page = text(signed_in.post(reverse("grading:preferences"), sent, follow=True))
        assert "That choice is not known." in page
        alice.refresh_from_db()
        assert alice.preferences == {}

    def test_nothing_else_can_be_written(self, signed_in, alice):
        preferences(signed_in, is_staff="1", theme="dark")
        alice.refresh_from_db()
        assert alice.preferences == {"theme": "dark"}
        assert not alice.is_staff

    def test_it_leads_to_no_other_host(self, signed_in):
        response = preferences(signed_in, theme="dark", next="https://evil.example/")
        assert response["Location"] == reverse("grading:home")

    def test_the_theme_is_that_of_every_page(self, signed_in):
        preferences(signed_in, theme="dark")
        assert 'data-theme="dark"' in text(signed_in.get(reverse("grading:home")))


def url_names() -> set[str]:
    keys = get_resolver().namespace_dict["grading"][1].reverse_dict
    return {key for key in keys if isinstance(key, str)}


def test_every_guide_is_of_a_page_that_there_is():
    assert set(GUIDES) <= {f"grading:{name}" for name in url_names()}
    assert set(GUIDES) <= set(BY_URL)


def test_every_page_of_the_staff_has_its_help():
    pages = {name for name in url_names() if not name.startswith("family")} | {"family-links"}
    assert {f"grading:{name}" for name in pages - NO_PAGE} == {
        name for name in BY_URL if name.startswith("grading:")
    }


@pytest.mark.parametrize("template", ["help/keys.html", "_review_keys.html"])
def test_the_keys_that_are_listed_are_those_that_there_are(template):
    script = (ROOT / "static/js/review.js").read_text()
    keys = re.search(r"const KEYS = \{(.*?)\n\};", script, re.DOTALL)[1]
    letters = set(re.findall(r'^  "?([a-z?])"?: ', keys, re.MULTILINE))
    assert {"z", "r", "y", "x", "?"} <= letters
    words = (ROOT / "templates/grading" / template).read_text()
    listed = set(re.findall(r"<kbd>([a-z?])</kbd>", words)) - {"a", "b"}  # of the rows
    assert listed == letters

"""The page of the models: what scores, since when, by whose decision, how well; and the atlas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from grading.heatmap import MAX_SHADE, heatmap, short
from grading.models import (
    AdapterSet,
    AdapterVersion,
    BaseModel,
    Membership,
    Promotion,
    Role,
)
from grading.services.training import install_bundle, promote_adapter
from grading.views.adapters import figures_of
from ml.rubric import KIDSART
from ml.score import DEMO_BUNDLE
from tests.test_design import contrast, themes


def text(response) -> str:
    return " ".join(response.content.decode().split())


def page(client, user, query: str = "") -> str:
    client.force_login(user)
    response = client.get(reverse("grading:models") + query)
    assert response.status_code == 200
    return text(response)


def row_of(page: str, name: str) -> str:
    """The part of the page that is about one dimension."""
    rows = page.split('<li class="adapter">')[1:]
    return next(row for row in rows if f">{name}</h3>" in row)


def matrix(diagonal: float, elsewhere: float, size: int = 9) -> list[list[float]]:
    return [[diagonal if i == j else elsewhere for j in range(size)] for i in range(size)]


@pytest.fixture
def better(installed) -> AdapterVersion:
    old = installed[0]
    return AdapterVersion.objects.create(
        base=old.base,
        dimension=old.dimension,
        number=2,
        path="nowhere",
        sha256="b" * 64,
        metrics={"spearman": 0.613, "spearman_95": [0.55, 0.68], "qwk": 0.5, "mae": 0.41,
                 "n": 157, "coverage": 0.9},
    )  # fmt: skip


@pytest.fixture
def bundle(installed, tmp_path: Path) -> Path:
    """The folder of the base in use; an atlas would lie here."""
    BaseModel.objects.update(path=str(tmp_path / "bundle" / "base"))
    (tmp_path / "bundle").mkdir()
    return tmp_path / "bundle"


def write_atlas(bundle: Path, **changes: Any) -> None:
    data = {
        "slugs": list(KIDSART.slugs),
        "subspace": matrix(1, 0.07),
        "states": matrix(1, -0.25),
        "cross": matrix(0.61, 0.32),
        "pictures": 400,
        "made_at": "2099-05-03T10:00:00+00:00",
        "reading": ["Realism stands alone.", "<b>Not markup</b>"],
    }
    (bundle / "atlas.json").write_text(json.dumps(data | changes))


def test_a_teacher_sees_which_adapter_scores_since_when_by_whom_and_why(
    client, alice, administrator, better
):
    promote_adapter(better, administrator, "better on the gold set")
    seen = page(client, alice)
    assert "Scored by tiny" in seen
    realism = row_of(seen, "Realism")
    assert "version 2" in realism
    assert "by Adam: <q>better on the gold set</q>" in realism
    assert f"{better.promotions.get().at:%B}"[:3] in realism


def test_its_figures_are_said_and_what_is_missing_is_said_too(client, alice, better):
    Promotion.objects.create(adapter=better, why="better")
    seen = page(client, alice)
    realism = row_of(seen, "Realism")
    for figure in ("0.61", "between 0.55 and 0.68", "0.50", "0.41 levels off", "157 pictures",
                   "90 % within the range"):  # fmt: skip
        assert figure in realism
    assert "Not measured" not in realism.split("<details")[0]
    assert "Not measured" in row_of(seen, "Imagination").split("<details")[0]


def test_a_figure_without_a_number_of_pictures_says_so(client, alice, installed):
    AdapterVersion.objects.create(
        base=installed[0].base, dimension=installed[0].dimension, number=2, path="x",
        sha256="c" * 64, metrics={"spearman": -0.2},
    )  # fmt: skip
    realism = row_of(page(client, alice), "Realism")
    assert "-0.20" in realism or "−0.20" in realism
    assert "number of pictures not given" in realism


@pytest.mark.parametrize(
    "metrics", [{}, {"spearman": "good"}, {"qwk": None}, {"n": 100}, {"mae": True}]
)
def test_what_is_not_a_figure_is_not_measured(metrics):
    assert not figures_of(metrics).any


def test_a_dimension_without_an_adapter_is_prompted(client, alice, installed, rubric_version):
    other = BaseModel.objects.create(name="7B", path="x", sha256="7" * 64)
    realism = installed[0].dimension
    new = AdapterVersion.objects.create(
        base=other, dimension=realism, number=1, path="x", sha256="c" * 64
    )
    Promotion.objects.create(adapter=new, why="larger")
    seen = page(client, alice)
    assert "Scored by 7B" in seen
    assert "version 1" in row_of(seen, "Realism")
    imagination = row_of(seen, "Imagination")
    assert "prompted" in imagination
    assert "No adapter: the base model is asked" in imagination
    assert "for tiny" in imagination  # the version of the other base stays in the history


@pytest.mark.parametrize("case", ["first", "promoted", "rolled back", "other base", "no promotion"])
def test_the_page_names_what_the_next_picture_is_scored_with(
    client, alice, installed, better, rubric_version, case
):
    if case != "first":
        Promotion.objects.create(adapter=better, why="better")
    if case == "rolled back":
        Promotion.objects.create(adapter=installed[0], why="worse")
    if case == "other base":
        other = BaseModel.objects.create(name="7B", path="x", sha256="7" * 64)
        line = installed[6].dimension
        new = AdapterVersion.objects.create(
            base=other, dimension=line, number=1, path="x", sha256="c" * 64
        )
        Promotion.objects.create(adapter=new, why="larger")
    if case == "no promotion":
        Promotion.objects.all().delete()
    client.force_login(alice)
    shown = client.get(reverse("grading:models")).context
    in_use = AdapterSet.objects.in_use(rubric_version)
    assert shown["base"] == in_use.base
    assert {row.in_use.version for row in shown["rows"] if row.in_use} == set(in_use.adapters.all())


def test_every_version_is_in_the_history_with_its_promotions(
    client, alice, administrator, installed, better
):
    promote_adapter(better, administrator, "better on the gold set")
    promote_adapter(installed[0], administrator, "was not better in class")
    history = row_of(page(client, alice), "Realism").split("<details")[1]
    assert "2 versions" in history
    assert history.index("Version 2") < history.index("Version 1")
    assert "better on the gold set" in history
    assert "was not better in class" in history
    assert "from the command line: <q>test</q>" in history


def test_the_name_of_another_schools_administrator_is_not_said(client, bob, administrator, better):
    promote_adapter(better, administrator, "better")
    seen = page(client, bob)
    assert "Adam" not in seen
    assert "another school" in seen


def test_calibration_prompt_and_picture_come_from_the_adapters_own_files(
    client, alice, rubric_version
):
    install_bundle(DEMO_BUNDLE, rubric_version, by=None, why="set up")
    seen = page(client, alice)
    realism = row_of(seen, "Realism")
    assert "Calibrated on 1500 scores" in realism
    assert re.search(r"Asked with prompt \S+, picture \S+ \(168 px\), (the|acting)", realism)
    assert "Demo model, not for grading" in seen


def test_the_demo_model_never_claims_to_agree_with_people(client, alice, rubric_version, better):
    BaseModel.objects.update(is_demo=False)
    assert "Agreement with people" in page(client, alice)
    install_bundle(DEMO_BUNDLE, rubric_version, by=None, why="set up")
    seen = page(client, alice)
    assert "Agreement with people" not in seen
    assert "trained on what people decided" not in seen
    assert "Agreement with made-up levels" in seen


def test_an_adapter_without_calibration_says_so(client, alice, rubric_version, tmp_path):
    import shutil

    shutil.copytree(DEMO_BUNDLE, tmp_path / "bundle")
    path = tmp_path / "bundle" / "adapters" / "realism" / "profile.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"calibration": None}))
    install_bundle(tmp_path / "bundle", rubric_version, by=None, why="set up")
    seen = page(client, alice)
    assert "Not calibrated: no likely range is shown" in row_of(seen, "Realism")
    assert "Not calibrated" not in row_of(seen, "Imagination")


def test_files_on_another_machine_are_said(client, alice, installed):
    assert "Its files are not on this machine." in row_of(page(client, alice), "Realism")


def test_files_that_were_exchanged_are_not_believed(client, alice, rubric_version):
    install_bundle(DEMO_BUNDLE, rubric_version, by=None, why="set up")
    other = AdapterVersion.objects.create(
        base=BaseModel.objects.get(),
        dimension=rubric_version.dimensions.get(slug="realism"),
        number=2,
        path=str(DEMO_BUNDLE / "adapters" / "realism"),
        sha256="d" * 64,
    )
    Promotion.objects.create(adapter=other, why="test")
    assert "Its files are not on this machine." in row_of(page(client, alice), "Realism")


def test_without_any_model_the_page_says_so(client, alice, rubric_version):
    seen = page(client, alice)
    assert "No model is installed" in seen
    assert "How the adapters differ" not in seen


def test_nothing_is_added_up_over_dimensions(client, alice, installed, better):
    Promotion.objects.create(adapter=better, why="better")
    seen = page(client, alice)
    assert "There is no total and no average here" in seen
    assert not re.search(r"(?i)overall|macro|mean of|in total", seen)


@pytest.mark.parametrize("role", ["alice", "administrator", "bob"])
def test_teachers_and_administrators_find_the_page_in_the_navigation(db, client, request, role):
    client.force_login(request.getfixturevalue(role))
    seen = text(client.get(reverse("grading:models")))
    assert '<a class="topbar__link" href="/models/" aria-current="page">Models</a>' in seen
    assert '<a class="topbar__link" href="/">Classes</a>' in seen


def test_annotators_have_neither_page_nor_link(client, annotator):
    client.force_login(annotator)
    assert client.get(reverse("grading:models")).status_code == 404
    assert "/models/" not in text(client.get("/"))


def test_whoever_looks_after_the_server_sees_it_without_a_school(client, bob):
    bob.memberships.all().delete()
    bob.is_staff = True
    bob.save()
    assert "Models" in page(client, bob)


def test_an_annotator_who_also_teaches_sees_it(client, annotator, school):
    Membership.objects.create(user=annotator, school=school, role=Role.TEACHER)
    page(client, annotator)


def test_eight_queries_at_most(
    client, alice, administrator, bundle, better, django_assert_max_num_queries
):
    write_atlas(bundle)
    promote_adapter(better, administrator, "better")
    client.force_login(alice)
    with django_assert_max_num_queries(8):
        client.get(reverse("grading:models"))


class TestAtlas:
    def test_without_one_the_page_says_how_it_is_made(self, client, alice, bundle):
        seen = page(client, alice)
        assert "Nobody has compared these adapters yet" in seen
        assert '<svg class="heat' not in seen

    def test_the_first_map_is_drawn_with_its_values_and_a_table(self, client, alice, bundle):
        write_atlas(bundle)
        seen = page(client, alice)
        assert seen.count('<rect class="heat__square heat__square--plus"') == 72 + 5  # and the key
        assert seen.count('<rect class="heat__square heat__square--same"') == 9
        assert ">.07</text>" in seen
        assert seen.count('<td class="num">0.07</td>') == 72
        assert "in the same directions?" in seen
        assert "Measured on 400 pictures" in seen

    def test_its_sentences_are_words_and_not_markup(self, client, alice, bundle):
        write_atlas(bundle)
        seen = page(client, alice)
        assert "Realism stands alone." in seen
        assert "&lt;b&gt;Not markup" in seen

    def test_a_link_shows_another_map(self, client, alice, bundle):
        write_atlas(bundle)
        seen = page(client, alice, "?map=states")
        assert 'href="?map=states#atlas" aria-current="true"' in seen
        assert ">−.25</text>" in seen
        assert "below zero: amber, with a minus" in seen
        assert seen.count("heat__square--minus") == 72

    def test_an_adapter_and_its_own_dimension_are_outlined(self, client, alice, bundle):
        write_atlas(bundle)
        seen = page(client, alice, "?map=cross")
        assert seen.count("heat__square--own") == 9
        assert seen.count('class="heat__square heat__square--plus') == 81 + 5
        assert "outlined: its own dimension" in seen
        assert "<title>Realism, Realism: 0.61</title>" in seen

    def test_without_labels_the_third_map_is_not_measured(self, client, alice, bundle):
        write_atlas(bundle, cross=None)
        seen = page(client, alice, "?map=cross")
        assert "Scores and levels: not measured" in seen
        assert "in the same directions?" in seen

    def test_a_map_that_nobody_knows_is_the_first(self, client, alice, bundle):
        write_atlas(bundle)
        assert "in the same directions?" in page(client, alice, "?map=__class__")

    def test_a_value_that_could_not_be_computed_is_none_and_not_zero(self, client, alice, bundle):
        cross = matrix(0.6, 0.3)
        cross[0][1] = None
        write_atlas(bundle, cross=cross)
        seen = page(client, alice, "?map=cross")
        assert "<title>Realism, Deformation: none</title>" in seen
        assert seen.count("heat__square--none") == 1
        assert '<td class="num">none</td>' in seen

    def test_an_atlas_of_other_dimensions_keeps_their_slugs(self, client, alice, bundle):
        small = {key: matrix(1, 0.5, 2) for key in ("subspace", "states", "cross")}
        write_atlas(bundle, slugs=["realism", "shine"], **small)
        seen = page(client, alice)
        assert "<title>Realism, shine: 0.50</title>" in seen

    def test_adapters_that_came_later_are_said(self, client, alice, bundle):
        write_atlas(bundle)
        assert "Adapters have changed since." not in page(client, alice)
        write_atlas(bundle, made_at="2001-01-01")
        assert "Adapters have changed since." in page(client, alice)

    @pytest.mark.parametrize(
        "content",
        [
            "{",
            "[]",
            '{"slugs": ["a", "b"]}',
            '{"slugs": ["a", "b"], "subspace": [[1]], "states": [[1]]}',
            '{"slugs": ["a", "b"], "subspace": [[1, 5], [5, 1]], "states": [[1, 0], [0, 1]]}',
            '{"slugs": ["a", "b"], "subspace": [[1, "x"], [0, 1]], "states": [[1, 0], [0, 1]]}',
            '{"slugs": ["a", "a"], "subspace": [[1, 0], [0, 1]], "states": [[1, 0], [0, 1]]}',
            '{"slugs": ["a", "b"], "subspace": [[1, 0], [0, 1]], "states": [[1, 0], [0, 1]]}'
            + " " * 1_000_000,
        ],
        ids=["broken", "list", "half", "size", "range", "words", "twice", "large"],
    )
    def test_a_damaged_atlas_is_said_and_the_page_stands(self, client, alice, bundle, content):
        (bundle / "atlas.json").write_text(content)
        seen = page(client, alice)
        assert "it cannot be read" in seen
        assert "Dimension by dimension" in seen


class TestHeatmap:
    def test_squares_are_as_dark_as_their_value_and_no_rank(self):
        drawn = heatmap(["a", "b"], [[0.2, 0.1], [1, None]], ident="m", title="t", symmetric=False)
        shades = [square.shade for row in drawn.rows for square in row.squares]
        assert shades == [f"{MAX_SHADE * value:.2f}" for value in (0.2, 0.1, 1, 0)]

    def test_a_matrix_of_another_size_is_a_mistake(self):
        with pytest.raises(ValueError, match="one row and one column"):
            heatmap(["a", "b"], [[1, 2]], ident="m", title="t", symmetric=False)

    @pytest.mark.parametrize(
        ("value", "words"),
        [(0.345, ".34"), (-0.2, "−.20"), (1.0, "1"), (0.999, "1"), (-0.001, ".00"), (0, ".00")],
    )
    def test_values_are_short_and_never_minus_zero(self, value, words):
        assert short(value) == words

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("color", ["model", "check"])
    def test_the_value_on_the_darkest_square_is_legible(self, theme, color):
        colors = themes()[theme]
        front, ground = colors[color], colors["surface"]
        channels = (
            MAX_SHADE * int(front[i : i + 2], 16) + (1 - MAX_SHADE) * int(ground[i : i + 2], 16)
            for i in (1, 3, 5)
        )
        mixed = "#" + "".join(f"{round(channel):02x}" for channel in channels)
        assert contrast(colors["ink"], mixed) >= 4.5

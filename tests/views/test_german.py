"""What the program brought is shown in German on German pages; what a school wrote is not."""

from __future__ import annotations

import io
import json

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from pypdf import PdfReader

from grading import tasks
from grading.models import (
    ExampleLevel,
    ExamplePicture,
    IntakeJob,
    LevelWords,
    ReportJob,
    Rubric,
    RubricDimension,
    RubricVersion,
)
from grading.services.annotations import set_words
from grading.services.examples import WHY
from grading.services.families import create_link
from grading.services.releases import release_class
from ml.drawing.causes import CAUSES, look
from ml.feedback_lint import REASONS
from ml.interface import DimensionScore
from ml.rubric import KIDSART
from tests.conftest import jpeg

REALISM, REALISM_3 = KIDSART["realism"].name, KIDSART["realism"].levels[2]
REALITÄTSNÄHE = "Realitätsnähe"
REALITÄTSNÄHE_3 = "Die wichtigsten Teile haben passende Formen und Größen"


@pytest.fixture
def german(client, alice):
    client.force_login(alice)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    yield client
    translation.deactivate()


def text(client, name: str, *args, query: str = "") -> str:
    response = client.get(reverse(f"grading:{name}", args=args) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


# ---------------------------------------------------------------------------------------- rubric
def test_every_word_of_the_built_in_rubric_has_a_german_one():
    with translation.override("de"):
        for d in KIDSART.dimensions:
            for words in (d.name, d.definition, *d.levels):
                assert translation.gettext(words) != words


def test_the_rows_that_the_program_brought_know_it(rubric_version):
    assert all(d.built_in for d in rubric_version.dimensions.all())


def test_a_rubric_follows_the_language_of_the_reader(rubric_version):
    realism = rubric_version.dimensions.get(slug="realism")
    assert (realism.shown_name, rubric_version.rubric.shown_name) == (REALISM, "KidsArt rubric")
    assert realism.level_words.get(level=3).shown_words == REALISM_3
    with translation.override("de"):
        assert realism.shown_name == REALITÄTSNÄHE
        assert realism.shown_definition.startswith("Wie genau Formen, Proportionen")
        assert realism.level_words.get(level=3).shown_words.startswith(REALITÄTSNÄHE_3)
        assert rubric_version.rubric.shown_name == "KidsArt-Raster"


def test_a_schools_own_rubric_is_shown_as_it_was_written(school):
    """Even where it says the same as the program's."""
    rubric = Rubric.objects.create(slug="own", name="KidsArt rubric", school=school)
    version = RubricVersion.objects.create(rubric=rubric, number=1)
    realism = RubricDimension.objects.create(
        version=version, position=0, slug="realism", name=REALISM,
        definition=KIDSART["realism"].definition,
    )  # fmt: skip
    words = LevelWords.objects.create(dimension=realism, level=3, words=REALISM_3)
    with translation.override("de"):
        assert str(rubric) == "KidsArt rubric"
        assert (realism.shown_name, words.shown_words) == (REALISM, REALISM_3)
        assert realism.shown_definition == KIDSART["realism"].definition


def test_review_and_contact_sheet_read_german(german, student, make_scored, assignment):
    artwork = make_scored(student).picture.artwork
    for html in (text(german, "review", artwork.code), text(german, "sheet", assignment.code)):
        assert REALITÄTSNÄHE_3 in html
        assert REALITÄTSNÄHE in html
        assert REALISM not in html


def test_pages_about_decided_work_read_german(german, student, decide, classroom):
    for days_ago in (3, 2, 1):
        assignment = decide(student, days_ago=days_ago).artwork.assignment
    for name, code in (
        ("student", student.code),
        ("class-view", classroom.code),
        ("report-class", assignment.code),
    ):
        html = text(german, name, code)
        assert REALITÄTSNÄHE in html
        assert REALISM not in html


def test_a_family_reads_german_words_and_dates(german, student, decide, alice):
    work = decide(student, 3)
    release_class(work.artwork.assignment, alice)
    link = create_link(student, alice, days=30, code=work.artwork.code)
    assert link
    html = text(german, "family", link[1])
    assert REALITÄTSNÄHE_3 in html
    assert REALISM_3 not in html
    with translation.override("de"):
        assert date_format(work.artwork.assignment.made_on) in html


def test_a_report_is_written_in_the_language_it_was_asked_for_in(student, decide, alice):
    decide(student, 3)
    job = ReportJob.objects.create(student=student, asked_by=alice, language="de")
    tasks.make_report(job.pk)
    job.refresh_from_db()
    words = " ".join(PdfReader(io.BytesIO(job.file.read())).pages[0].extract_text().split())
    assert REALITÄTSNÄHE in words
    assert REALITÄTSNÄHE_3 in words


def test_an_export_keeps_slugs_and_stored_words(german, student, decide):
    assignment = decide(student, 3).artwork.assignment
    for kind in ("long", "canvas"):
        url = reverse("grading:export-file", args=[assignment.code, kind])
        content = german.get(url).getvalue().decode()
        assert REALITÄTSNÄHE not in content
        assert ("realism" if kind == "long" else REALISM) in content


# ------------------------------------------------------------------------- sentences of the engine
@pytest.mark.parametrize("reason", REASONS.values())
def test_reasons_of_the_linter_have_german_words(reason):
    with translation.override("de"):
        assert translation.gettext(reason) != reason


def test_a_hint_about_the_words_says_why_in_german(german, student, make_scored, alice):
    artwork = make_scored(student).picture.artwork
    set_words(artwork, "You are so talented!", "Try a second blue.", alice)
    html = text(german, "review", artwork.code)
    assert "Das stempelt ab, was das Kind kann." in html
    assert "This labels the child" not in html


def test_where_the_model_is_silent_it_says_why_in_german(german, student, make_scored):
    silent = DimensionScore(None, None, None, (0.0,) * 5, 0.1, "a", abstained="blank page")
    artwork = make_scored(student, realism=silent).picture.artwork
    assert "Das Modell gibt keine Stufe: ein leeres Blatt" in text(german, "review", artwork.code)


def test_a_failure_that_a_worker_wrote_down_is_read_in_german(german, make_artwork):
    artwork = make_artwork()
    job = IntakeJob.objects.claim(artwork.intake_jobs.get().pk)
    job.fail("The uploaded file is no longer there. Upload it again.")
    html = text(german, "board", artwork.assignment.code)
    assert "Die hochgeladene Datei ist nicht mehr da." in html


# -------------------------------------------------------------------------------------- practice
def drawn_example(rubric_version, **fields) -> ExamplePicture:
    example = ExamplePicture.objects.create(
        rubric_version=rubric_version, title="Under water", width=320, height=240,
        display=ContentFile(jpeg(), name="d.jpg"), **fields,
    )  # fmt: skip
    meaning = look([0.5] * len(CAUSES))
    for dimension in rubric_version.dimensions.all():
        sentence, values = WHY[dimension.slug]
        ExampleLevel.objects.create(
            example=example, dimension=dimension, level=3, why=sentence, why_values=values(meaning)
        )
    return example


def test_the_programs_own_examples_speak_german(german, rubric_version):
    example = drawn_example(rubric_version)
    levels = {d.slug: "3" for d in rubric_version.dimensions.all()}
    german.post(reverse("grading:practice-example", args=[example.code]), levels)
    html = text(german, "practice-example", example.code)
    assert "Unter Wasser" in html
    assert "Alles ist 29 % des Weges in eine Ecke gerutscht." in html
    assert "%(" not in html


def test_a_schools_example_keeps_its_title(school, rubric_version):
    example = drawn_example(rubric_version, school=school)
    with translation.override("de"):
        assert str(example) == "Under water"


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_why_has_its_values(language):
    with translation.override(language):
        for sentence, values in WHY.values():
            level = ExampleLevel(why=sentence, why_values=values(look([0.5] * len(CAUSES))))
            assert json.loads(json.dumps(level.why_values)) == level.why_values
            assert "%(" not in level.shown_why


# --------------------------------------------------------------------------------------- formats
def test_a_language_is_offered_under_its_own_name(german):
    html = text(german, "home")
    assert ">English</button>" in html
    assert ">Deutsch</button>" in html


def test_the_days_of_a_link_are_counted_in_german(german, student):
    assert "30 Tage" in text(german, "family-links", student.code)


def test_a_link_that_works_is_not_a_work(german, student, alice, assignment):
    create_link(student, alice, days=30, code=assignment.code)
    assert ">gilt</span>" in text(german, "family-links", student.code)


def test_the_help_says_what_stays_english(german):
    assert "Die Entwürfe sind auf Englisch geschrieben" in text(german, "help", "feedback")

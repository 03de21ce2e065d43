"""The small school that most tests play in. Alice teaches 3B; Bob must see nothing of hers."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core import serializers
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import translation
from django.utils.timezone import localdate
from PIL import Image, ImageDraw

from grading import tasks
from grading.models import (
    AdapterVersion,
    Artwork,
    Assignment,
    BaseModel,
    Classroom,
    Enrollment,
    IntakeJob,
    Membership,
    Picture,
    Promotion,
    Review,
    Role,
    RubricVersion,
    School,
    SchoolYear,
    ScoreSet,
    ScoringJob,
    Student,
    User,
)
from grading.services.annotations import confirm_review, set_level
from ml.interface import DimensionScore, PictureScores


@pytest.fixture(autouse=True)
def _settings(settings, tmp_path):
    translation.deactivate()  # what the last request of another test has left behind
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ERASURES_FILE = tmp_path / "erasures.jsonl"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def _seeded(request, django_db_blocker):
    """A test with real transactions empties every table behind it: put back what migrations made.

    Set up before the database's own fixture, so torn down after it; a mark would come too early.
    """
    mark = request.node.get_closest_marker("django_db")
    assert not (mark and mark.kwargs.get("transaction")), "use the fixture transactional_db"
    if "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("django_db_setup")
    models = apps.get_app_config("grading").get_models()
    with django_db_blocker.unblock():
        seeds = serializers.serialize("json", [row for m in models for row in m.objects.all()])
    yield
    with django_db_blocker.unblock():
        connection.creation.deserialize_db_from_string(seeds)


@pytest.fixture(autouse=True)
def rung(monkeypatch) -> list[tuple[str, int]]:
    """Doorbells that were rung, as (task name, id); no broker is needed."""
    rings: list[tuple[str, int]] = []
    monkeypatch.setattr(tasks, "send", lambda task, pk: rings.append((task.name, pk)))
    return rings


def make_user(school: School, role: str, name: str) -> User:
    user = User.objects.create_user(f"{name.lower()}@example.org", "pass-word-1", name=name)
    Membership.objects.create(user=user, school=school, role=role)
    return user


@pytest.fixture
def school(db) -> School:
    return School.objects.create(name="Riverside", blind_percent=0, drafts_on=True)


@pytest.fixture
def year(school) -> SchoolYear:
    return SchoolYear.objects.create(
        school=school, name="2026/27", starts_on=date(2026, 8, 1), ends_on=date(2027, 7, 31)
    )


@pytest.fixture
def alice(school) -> User:
    return make_user(school, Role.TEACHER, "Alice")


@pytest.fixture
def administrator(school) -> User:
    return make_user(school, Role.ADMINISTRATOR, "Adam")


@pytest.fixture
def annotator(school) -> User:
    return make_user(school, Role.ANNOTATOR, "Anna")


@pytest.fixture
def colleague(school) -> User:
    """Another teacher of the same school, with a class of her own."""
    return make_user(school, Role.TEACHER, "Carol")


@pytest.fixture
def bob(db) -> User:
    """A teacher of another school."""
    return make_user(School.objects.create(name="Hillside"), Role.TEACHER, "Bob")


@pytest.fixture
def rubric_version(db) -> RubricVersion:
    return RubricVersion.objects.newest("kidsart")


@pytest.fixture
def classroom(school, year, alice) -> Classroom:
    classroom = Classroom.objects.create(school=school, name="3B", grade=3, year=year)
    classroom.teachers.add(alice)
    for number, name in enumerate(("Amara B.", "Ben T.", "Chloé D."), start=1):
        student = Student.objects.create(school=school, display_name=name, number=str(number))
        Enrollment.objects.create(classroom=classroom, student=student)
    return classroom


@pytest.fixture
def student(classroom) -> Student:
    return Student.objects.get(display_name="Amara B.")


@pytest.fixture
def assignment(classroom, rubric_version) -> Assignment:
    return Assignment.objects.create(
        classroom=classroom, rubric_version=rubric_version, title="Our street", made_on=localdate()
    )


@pytest.fixture
def installed(rubric_version) -> list[AdapterVersion]:
    """Nine adapters of a demo base model are in use; nothing of them lies on the disk."""
    base = BaseModel.objects.create(name="tiny", path="nowhere", sha256="0" * 64, is_demo=True)
    adapters = [
        AdapterVersion.objects.create(
            base=base, dimension=d, number=1, path="nowhere", sha256=f"{d.position:064}"
        )
        for d in rubric_version.dimensions.all()
    ]
    for adapter in adapters:
        Promotion.objects.create(adapter=adapter, why="test")
    return adapters


def jpeg(color: str = "teal", size: tuple[int, int] = (320, 240)) -> bytes:
    """A small picture with something on it; another color is another picture."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).ellipse((40, 40, size[0] - 40, size[1] - 40), fill=color)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def make_artwork(assignment, alice) -> Callable[..., Artwork]:
    """An artwork whose file was stored and waits to be prepared."""

    def make(student: Student | None = None, color: str = "teal", **fields) -> Artwork:
        artwork = Artwork.objects.create(
            assignment=fields.pop("assignment", assignment),
            student=student,
            original_name=f"{color}.jpg",
            original=ContentFile(jpeg(color), name="x"),
            media_type="image/jpeg",
            size_bytes=len(jpeg(color)),
            content_sha256=f"{Artwork.objects.count():064}",
            uploaded_by=alice,
            **fields,
        )
        IntakeJob.objects.create(artwork=artwork)
        return artwork

    return make


@pytest.fixture
def make_picture(make_artwork, installed) -> Callable[..., Picture]:
    """A prepared picture that waits for the model."""

    def make(student: Student | None = None, color: str = "teal", **fields) -> Picture:
        artwork = make_artwork(student, color, **fields)
        job = IntakeJob.objects.claim(artwork.intake_jobs.get().pk)
        files = {
            name: ContentFile(jpeg(color), name=f"{name}.jpg")
            for name in ("full", "display", "thumbnail")
        }
        picture = job.succeed(width=320, height=240, sha256="f" * 64, **files)
        ScoringJob.objects.request(picture)
        return picture

    return make


def scores_of(rubric_version: RubricVersion, level: int = 3, **special) -> PictureScores:
    """Every dimension at ``level``; ``special`` replaces single dimensions."""
    return PictureScores(
        {
            d.slug: special.get(d.slug)
            or DimensionScore(
                score=float(level),
                level=level,
                interval=(max(1.0, level - 0.8), min(5.0, level + 0.8)),
                logits=(0.0, 0.1, 0.2, 0.1, 0.0),
                score_token_mass=0.97,
                adapter=f"{d.slug} 1",
            )
            for d in rubric_version.dimensions.all()
        }
    )


@pytest.fixture
def make_scored(make_picture, rubric_version) -> Callable[..., ScoreSet]:
    """A picture the model has spoken about."""

    def make(student: Student | None = None, color: str = "teal", **scores) -> ScoreSet:
        picture = make_picture(student, color)
        job = ScoringJob.objects.claim(picture.scoring_jobs.get().pk)
        dimensions = {d.slug: d for d in rubric_version.dimensions.all()}
        adapters = {a.dimension.slug: a for a in job.adapter_set.adapters.all()}
        return job.succeed(scores_of(rubric_version, **scores), dimensions, adapters)

    return make


@pytest.fixture
def media(settings) -> Path:
    return Path(settings.MEDIA_ROOT)


@pytest.fixture
def decide(classroom, rubric_version, make_picture, alice) -> Callable[..., Review]:
    """``decide(student, 3, realism=None)``: every dimension at 3, realism not assessed."""

    def make(
        student: Student,
        level: int = 3,
        *,
        title: str = "",
        days_ago: int = 0,
        version=None,
        by: User | None = None,
        **special: int | None,
    ) -> Review:
        assignment, _new = Assignment.objects.get_or_create(
            classroom=classroom,
            title=title or f"Task {days_ago}",
            defaults={
                "rubric_version": version or rubric_version,
                "made_on": localdate() - timedelta(days=days_ago),
            },
        )
        artwork: Artwork = make_picture(student, assignment=assignment).artwork
        for dimension in assignment.rubric_version.dimensions.select_related("version"):
            chosen = special.get(dimension.slug, level)
            why = "" if chosen is not None else "The task left no room for it."
            set_level(artwork, dimension, chosen, by or alice, why)
        return confirm_review(artwork, by or alice)

    return make


@pytest.fixture
def lived(student, make_scored, alice, colleague, administrator) -> Student:
    """Amara, with at least one row of every kind that can lead to a student."""
    from tests.a_year import live_a_year

    live_a_year(student, make_scored, alice, colleague, administrator)
    return student

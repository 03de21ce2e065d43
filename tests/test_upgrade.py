"""A database of the release before is brought up to date, and nothing in it is lost."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import localdate

BEFORE = [("grading", "0004_review_portfolio_reports")]


@pytest.fixture
def old(transactional_db):
    """The models as they were; the newest migrations are applied again afterwards."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps.get_model
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def upgrade():
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_years_teachers_and_consent_of_a_school_become_rows(old):
    school = old("grading", "School").objects.create(name="Riverside")
    alice = old("grading", "User").objects.create(email="alice@example.org", name="Alice")
    for name in ("3B", "3B", "4A"):  # two of one name and year could be made before
        room = old("grading", "Classroom").objects.create(
            school=school, name=name, year="2025/26" if name == "4A" else "2026/27"
        )
        room.teachers.add(alice)
    Student = old("grading", "Student")
    Student.objects.create(school=school, display_name="Amara B.", training_consent=True)
    Student.objects.create(school=school, display_name="Ben T.")

    upgrade()

    from grading.models import Classroom, School, Student, User, consenting_students

    school, alice = School.objects.get(), User.objects.get()
    names = sorted((room.year.name, room.name) for room in Classroom.objects.all())
    assert names == [("2025/26", "4A"), ("2026/27", "3B"), ("2026/27", "3B (2)")]
    assert school.years.get(name="2026/27").starts_on.isoformat() == "2026-08-01"
    assert all(list(room.teachers.all()) == [alice] for room in Classroom.objects.all())
    assert Student.objects.get(display_name="Amara B.").training_consent
    assert not Student.objects.get(display_name="Ben T.").training_consent
    assert Student.objects.get(display_name="Amara B.").consents.get().said_on == localdate()
    assert not consenting_students().exists()  # the school has not switched training on
    assert school.drafts_on  # what it had before stays

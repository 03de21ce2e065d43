"""A database of the release before is brought up to date, and nothing in it is lost."""

import json
import os
import subprocess
import sys

SCHOOL = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("grading", "0004_review_portfolio_reports")]
call_command("migrate", *BEFORE[0], verbosity=0)
old = MigrationExecutor(connection).loader.project_state(BEFORE).apps.get_model
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
"""

UPGRADED = """
import json
import django
django.setup()
from grading.models import Classroom, School, Student, consenting_students

rooms = Classroom.objects.order_by("name")
print(json.dumps({
    "rooms": [[r.year.name, r.name, [str(t) for t in r.teachers.all()]] for r in rooms],
    "first_day": str(School.objects.get().years.get(name="2026/27").starts_on),
    "consents": {s.display_name: s.training_consent for s in Student.objects.all()},
    "sources": [c.source for s in Student.objects.all() for c in s.consents.all()],
    "may_train": consenting_students().count(),
    "drafts_on": School.objects.get().drafts_on,
    "kept_days": School.objects.get().kept_days,
}))
"""


def test_years_teachers_and_consent_of_a_school_become_rows(tmp_path):
    """In processes of its own: going back would take the seeded rubric from other tests."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KIDSART_", "DATABASE_"))}
    env |= {
        "DJANGO_SETTINGS_MODULE": "kidsart_web.settings",
        "KIDSART_DATA_DIR": str(tmp_path),
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    run("-c", SCHOOL)
    run("manage.py", "migrate", "--verbosity", "0")
    assert json.loads(run("-c", UPGRADED)) == {
        "rooms": [
            ["2026/27", "3B", ["Alice"]],
            ["2026/27", "3B (2)", ["Alice"]],
            ["2025/26", "4A", ["Alice"]],
        ],
        "first_day": "2026-08-01",
        "consents": {"Amara B.": True, "Ben T.": False},
        "sources": ["school"],
        "may_train": 0,  # the school has not switched training on
        "drafts_on": True,  # what it had before stays
        "kept_days": 3650,  # nothing goes in the first night
    }

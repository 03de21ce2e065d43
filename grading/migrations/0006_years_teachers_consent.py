"""What was a text or a flag becomes rows: school years, who teaches, who agreed to training."""

import re
import uuid
from datetime import date

from django.db import migrations
from django.utils.timezone import localdate


def years(apps, schema_editor):
    SchoolYear = apps.get_model("grading", "SchoolYear")
    for classroom in apps.get_model("grading", "Classroom").objects.order_by("pk"):
        name = classroom.year_name.strip() or "?"
        first = re.match(r"\d{4}", name)
        start = int(first.group()) if first else 0
        if not 1900 < start < 2200:  # no year that a school has had
            start = localdate().year
        year, _new = SchoolYear.objects.get_or_create(
            school_id=classroom.school_id,
            name=name,
            defaults={"starts_on": date(start, 8, 1), "ends_on": date(start + 1, 7, 31)},
        )
        classroom.year = year
        same = year.classrooms.filter(school_id=classroom.school_id)
        taken, wanted, n = set(same.values_list("name", flat=True)), classroom.name, 2
        while classroom.name in taken:  # two classes of one name and year: from now on two names
            classroom.name, n = f"{wanted[:74]} ({n})", n + 1
        classroom.save()


def teachers(apps, schema_editor):
    through = apps.get_model("grading", "Classroom").teachers.through
    Teaching = apps.get_model("grading", "Teaching")
    for row in through.objects.all():
        Teaching.objects.create(classroom_id=row.classroom_id, user_id=row.user_id)


def consents(apps, schema_editor):
    Consent = apps.get_model("grading", "Consent")
    for student in apps.get_model("grading", "Student").objects.filter(training_consent=True):
        Consent.objects.create(student=student, given=True, source="school")


def switches(apps, schema_editor):
    """A school that has proposed words keeps them; only a new one begins without."""
    apps.get_model("grading", "School").objects.update(drafts_on=True)


def times(apps, schema_editor):
    """What is here is kept as long as can be, until the school says for how long: the days of the
    years above are a guess, and the first night would erase by it what cannot be brought back."""
    apps.get_model("grading", "School").objects.update(kept_days=3650)


def codes(apps, schema_editor):
    AdapterVersion = apps.get_model("grading", "AdapterVersion")
    for adapter in AdapterVersion.objects.all():
        AdapterVersion.objects.filter(pk=adapter.pk).update(code=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("grading", "0005_schools_people_privacy")]

    operations = [
        migrations.RunPython(step, migrations.RunPython.noop)
        for step in (years, teachers, consents, switches, times, codes)
    ]

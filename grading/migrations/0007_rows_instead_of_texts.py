"""The texts and flags that 0006 made rows of go; what had to be empty for a moment must be there."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("grading", "0006_years_teachers_consent")]

    operations = [
        migrations.RemoveField(model_name="student", name="training_consent"),
        migrations.RemoveField(model_name="classroom", name="teachers"),
        migrations.AddField(
            model_name="classroom",
            name="teachers",
            field=models.ManyToManyField(
                related_name="classrooms", through="grading.Teaching", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.RemoveField(model_name="classroom", name="year_name"),
        migrations.AlterField(
            model_name="classroom",
            name="year",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="classrooms",
                to="grading.schoolyear",
            ),
        ),
        migrations.AddConstraint(
            model_name="classroom",
            constraint=models.UniqueConstraint(
                fields=("school", "year", "name"), name="one_class_of_a_name"
            ),
        ),
        migrations.AlterField(
            model_name="adapterversion",
            name="code",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
    ]

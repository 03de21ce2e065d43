"""The nine dimensions of KidsArt as rows. Other words are another version, in a later migration."""

from django.db import migrations

from ml.rubric import KIDSART


def add_rubric(apps, schema_editor):
    Rubric, Version, Dimension, Words = (
        apps.get_model("grading", name)
        for name in ("Rubric", "RubricVersion", "RubricDimension", "LevelWords")
    )
    rubric = Rubric.objects.create(slug=KIDSART.slug, name=KIDSART.name)
    version = Version.objects.create(
        rubric=rubric,
        number=1,
        first_level=KIDSART.first_level,
        last_level=KIDSART.last_level,
    )
    for position, d in enumerate(KIDSART.dimensions):
        dimension = Dimension.objects.create(
            version=version,
            position=position,
            slug=d.slug,
            name=d.name,
            group=d.group,
            definition=d.definition,
        )
        Words.objects.bulk_create(
            Words(dimension=dimension, level=level, words=words)
            for level, words in zip(KIDSART.level_numbers, d.levels, strict=True)
        )


class Migration(migrations.Migration):
    dependencies = [("grading", "0001_initial")]
    operations = [migrations.RunPython(add_rubric, migrations.RunPython.noop)]

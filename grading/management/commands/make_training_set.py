from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from grading.models import RubricVersion, User
from grading.services.training import (
    NothingToLearnFrom,
    freeze_training_set,
    write_training_set,
)


class Command(BaseCommand):
    help = (
        "Freeze what may be learned from at this moment, and write labels.csv and pictures/ for "
        "`python -m ml train`. No name and no school number is in them; delete the folder when the "
        "training is done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rubric", default="kidsart", help="slug of the rubric")
        parser.add_argument("--out", type=Path, required=True, help="a folder that is not there")
        parser.add_argument("--by", metavar="E-MAIL", help="who decides so (for the audit trail)")

    def handle(self, rubric: str, out: Path, **options) -> None:
        try:
            version = RubricVersion.objects.newest(rubric)
        except RubricVersion.DoesNotExist:
            raise CommandError(f"There is no rubric {rubric!r}.") from None
        if out.exists():
            raise CommandError(f"{out} is there already; name a new folder.")
        by = None
        if options["by"] and not (by := User.objects.filter(email=options["by"].lower()).first()):
            raise CommandError(f"Nobody here has the e-mail address {options['by']}.")
        try:
            training_set = freeze_training_set(version, by)
            pictures = write_training_set(training_set, out)
        except NothingToLearnFrom:
            raise CommandError(
                "Nothing may be learned from: no school has switched training on and has decided "
                "work of a student whose family says yes."
            ) from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error}.") from error
        self.stdout.write(
            f"{pictures} pictures, {training_set.items.count()} levels in {out}\n"
            f"python -m ml train --labels {out / 'labels.csv'} --images {out / 'pictures'} ...\n"
            f"Training set {training_set.code}: name it with --training-set when what was trained "
            "from it is installed."
        )

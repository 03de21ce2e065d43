from argparse import ArgumentParser
from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from grading.models import RubricVersion
from grading.services.training import install_bundle, training_set_of_code
from ml.errors import BundleError


class Command(BaseCommand):
    help = "Put a base model and its adapters (FOLDER/base, FOLDER/adapters/SLUG) into use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--rubric", default="kidsart", help="slug of the rubric they score")
        parser.add_argument("--why", default="installed by an administrator")
        parser.add_argument("--training-set", type=UUID, help="code of what it was trained from")

    def handle(self, folder: Path, rubric: str, why: str, **options) -> None:
        version = RubricVersion.objects.newest(rubric)
        try:
            learned_from = training_set_of_code(options["training_set"])
            adapters = install_bundle(folder, version, None, why, learned_from)
        except (BundleError, OSError, LookupError) as error:
            raise CommandError(str(error)) from error
        for adapter in adapters:
            self.stdout.write(f"{adapter} of {adapter.base} is in use")

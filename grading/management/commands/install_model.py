from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from grading.models import RubricVersion
from grading.services.training import install_bundle
from ml.errors import BundleError


class Command(BaseCommand):
    help = "Put a base model and its adapters (FOLDER/base, FOLDER/adapters/SLUG) into use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--rubric", default="kidsart", help="slug of the rubric they score")
        parser.add_argument("--why", default="installed by an administrator")

    def handle(self, folder: Path, rubric: str, why: str, **options) -> None:
        version = RubricVersion.objects.newest(rubric)
        try:
            adapters = install_bundle(folder, version, by=None, why=why)
        except (BundleError, OSError) as error:
            raise CommandError(str(error)) from error
        for adapter in adapters:
            self.stdout.write(f"{adapter} of {adapter.base} is in use")

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from grading.services.rights import erase_again


class Command(BaseCommand):
    help = (
        "After a backup was restored: erase once more who had been erased since it was made "
        "(docs/privacy/erasure.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="default: KIDSART_ERASURES_FILE")

    def handle(self, file: Path | None, **options) -> None:
        path = file or settings.ERASURES_FILE
        try:
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
            found = Counter(again.outcome for again in erase_again(lines))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{path} is not a list of erasures: {error!r}") from error
        self.stdout.write(
            f"{found['erased']} erased again, {found['gone']} were gone, {found['held']} held"
        )
        if found["held"]:
            raise CommandError("A hold stands in the restored database: lift it, and run again.")

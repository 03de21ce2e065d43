import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from grading.models import AdapterSet, AdapterVersion, RubricVersion, User
from grading.services.adapters import install_adapter, install_base
from grading.services.training import (
    promote_adapters,
    record_learned_from,
    training_set_of_code,
)
from ml.errors import BundleError


class Command(BaseCommand):
    help = (
        "Take over adapters that were trained elsewhere (docs/import-adapters.md), and put them "
        "into use. All of them are in use at the end, or nothing has changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--profile", type=Path, required=True, help="what they were made with")
        parser.add_argument("--base", type=Path, help="folder of their base model, if not in use")
        parser.add_argument("--rubric", default="kidsart", help="slug of the rubric they score")
        parser.add_argument("--why", default="imported by an administrator")
        parser.add_argument("--by", metavar="E-MAIL", help="who decides so (for the audit trail)")
        parser.add_argument("--training-set", type=UUID, help="code of what they learned from")

    def handle(
        self, folder: Path, profile: Path, base: Path | None, rubric: str, why: str, **options
    ) -> None:
        try:
            version = RubricVersion.objects.newest(rubric)
        except RubricVersion.DoesNotExist:
            raise CommandError(f"There is no rubric {rubric!r}.") from None
        by = _person(options["by"])
        try:
            learned_from = training_set_of_code(options["training_set"])
        except LookupError as error:
            raise CommandError(str(error)) from error
        base = base or _base_in_use(version)
        out = _place(profile)
        self.stdout.write(_taken_over(folder, profile, base, out, version))
        try:
            promoted, adapters = _into_use(base, out, version, by, why)
        except (BundleError, OSError) as error:
            raise CommandError(str(error)) from error
        if learned_from:
            record_learned_from(adapters, learned_from)
        for adapter in adapters:
            since = "is in use now" if adapter in promoted else "was in use already"
            self.stdout.write(f"{adapter} of {adapter.base} {since}")


def _person(email: str | None) -> User | None:
    if email is None:
        return None
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        raise CommandError(f"Nobody here has the e-mail address {email}.") from None


def _base_in_use(version: RubricVersion) -> Path:
    in_use = AdapterSet.objects.in_use(version)
    if in_use is None:
        raise CommandError("No base model is in use yet; name one with --base.")
    return in_use.base.folder


def _place(profile: Path) -> Path:
    """A folder for what this profile says: corrected words are other adapters."""
    try:
        return (
            settings.DATA_DIR
            / "models"
            / f"imported-{sha256(profile.read_bytes()).hexdigest()[:12]}"
        )
    except OSError as error:
        raise CommandError(f"{profile} cannot be read: {error.strerror}.") from None


def _taken_over(folder: Path, profile: Path, base: Path, out: Path, version: RubricVersion) -> str:
    """What the engine says, from a process of its own: nothing here may load torch."""
    with tempfile.TemporaryDirectory() as aside:
        rubric = Path(aside) / "rubric.json"
        rubric.write_text(json.dumps(asdict(version.as_ml_rubric())), encoding="utf-8")
        return run_engine(
            *("import-adapters", str(folder.resolve()), "--profile", str(profile.resolve())),
            *("--base", str(base.resolve()), "--out", str(out), "--rubric", str(rubric)),
        )


def run_engine(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ml", *words],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(done.stderr.strip() or "The engine stopped without a word.")
    return done.stdout


@transaction.atomic
def _into_use(
    base_folder: Path, out: Path, version: RubricVersion, by: User | None, why: str
) -> tuple[Sequence[AdapterVersion], Sequence[AdapterVersion]]:
    """Those that came into use just now, and all that were imported."""
    base = install_base(base_folder)
    adapters = [
        install_adapter(path, base, version) for path in sorted((out / "adapters").iterdir())
    ]
    in_use = AdapterSet.objects.in_use(version)
    current = set(in_use.adapters.all()) if in_use else set()
    if new := [adapter for adapter in adapters if adapter not in current]:
        promote_adapters(new, version, by, why)
    return new, adapters

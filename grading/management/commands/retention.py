from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from grading.models import School
from grading.services.accounts import forget_ended_sessions
from grading.services.retention import (
    apply_retention,
    doom_unled_files,
    held_gone_students,
    plan_of,
)


class Command(BaseCommand):
    help = "Erase what schools keep no longer (as every night), or only say what would go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, dry_run: bool, **options) -> None:
        failed = 0
        for school in School.objects.order_by("pk"):
            if dry_run:
                self._say_what_would_go(school)
                continue
            done = apply_retention(school)
            failed += done.failed
            self.stdout.write(
                f"{school}: {len(done.receipts)} receipts, {done.held} held, {done.failed} failed"
            )
        if not dry_run:
            self.stdout.write(f"{doom_unled_files()} files that no row led to")
            forget_ended_sessions()
        if failed:
            raise CommandError(f"{failed} could not be erased; the log says why.")

    def _say_what_would_go(self, school: School) -> None:
        for plan in plan_of(school):
            what = f"{plan.works} works of {plan.students} students"
            if plan.hold:
                what += f", held by {plan.hold.placed_by}"
            elif plan.held_students:
                what += f", {plan.held_students} of them held"
            when = "now" if plan.goes_now else f"from {plan.goes_on:%Y-%m-%d}"
            self.stdout.write(f"{school}, {plan.year}: {what}, {when}")
        free, held = held_gone_students(school)
        self.stdout.write(f"{school}: {len(free)} students who left, {len(held)} more held")

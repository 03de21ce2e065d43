"""Walks along the audit chain, and says which row was changed, removed or put in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from grading.chain import Head, seal_events, verify_chain


class Command(BaseCommand):
    help = (
        "Seal what was written since, then check every row of the audit trail against the chain. "
        "Prints its head: note it where nobody who can change the database can, and pass it later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect", metavar="POSITION:DIGEST", help="a head that was noted earlier"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            expected = Head.parse(options["expect"]) if options["expect"] else None
        except ValueError as error:
            raise CommandError(str(error)) from None
        seal_events()
        found = verify_chain(expected)
        for sentence in found.late:
            self.stdout.write(f"Ask about this: {sentence}")
        for sentence in found.faults:
            self.stderr.write(sentence)
        self.stdout.write(f"head {found.head}")
        if found.fault_count:
            raise CommandError(
                f"The audit trail is not whole: {found.fault_count} faults in {found.rows} rows."
            )
        self.stdout.write(
            f"The audit trail is whole: {found.rows} rows after row {found.begins.position}"
            + (", with the head that was noted." if expected else ".")
        )

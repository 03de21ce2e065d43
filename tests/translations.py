"""Collects the sentences of the program and compiles what is translated: `make translations`.

Prints what is still to be translated, and exits with 1 while there is something.
"""

from __future__ import annotations

import subprocess
import sys

import polib

from tests.test_translations import LANGUAGES, LOCALE, ROOT


def main() -> int:
    missing = 0
    for language in LANGUAGES:
        options = ["-l", language, "--no-location", "--no-wrap", "--no-obsolete", "-i", "var/*"]
        command = [sys.executable, "manage.py", "makemessages", *options, "-i", "tests/*"]
        subprocess.run(command, cwd=ROOT, check=True)
        path = LOCALE / language / "LC_MESSAGES" / "django.po"
        po = polib.pofile(str(path), wrapwidth=0)
        po.metadata.pop("POT-Creation-Date", None)  # the same sentences make the same file
        po.save(str(path))
        po.save_as_mofile(str(path.with_suffix(".mo")))
        for entry in [*po.untranslated_entries(), *po.fuzzy_entries()]:
            sys.stdout.write(f"{language}: {entry.msgid}\n")
            missing += 1
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main())

from django.core.management.base import BaseCommand
from django.template.loader import render_to_string
from django.utils import translation

from grading.services.datamap import data_map


class Command(BaseCommand):
    help = (
        "Print what is stored where, why, for how long, and who sees it, as Markdown: "
        "manage.py data_map > docs/privacy/data-map.md"
    )

    def handle(self, *args, **options) -> None:
        self.stdout.write(page(), ending="")


def page() -> str:
    """In English and for any school, so that the same program makes the same page."""
    with translation.override("en"):
        return render_to_string("docs/data-map.md", {"sections": data_map()})

from django.core.management.base import BaseCommand

from grading.models import RubricVersion
from grading.services.examples import draw_examples


class Command(BaseCommand):
    help = "Draw the example pictures of the practice set. What is there already stays as it is."

    def handle(self, *args, **options) -> None:
        count = draw_examples(RubricVersion.objects.newest("kidsart"))
        self.stdout.write(f"{count} example pictures drawn")

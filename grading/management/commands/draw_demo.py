from django.conf import settings
from django.core.management.base import BaseCommand

from grading.models import RubricVersion, School
from grading.services.demo import confirm_earlier_work, draw_folder, draw_pictures
from grading.services.examples import draw_examples


class Command(BaseCommand):
    help = "Draw the demo school's pictures and upload them, as its teacher would."

    def handle(self, *args, **options) -> None:
        school = School.objects.get(is_demo=True)
        self.stdout.write(f"{draw_pictures(school)} pictures drawn and uploaded")
        draw_examples(RubricVersion.objects.newest("kidsart"))
        draw_folder(school, settings.DATA_DIR / "demo-pictures")
        confirm_earlier_work(school)

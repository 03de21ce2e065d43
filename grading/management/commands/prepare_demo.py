from django.conf import settings
from django.core.management.base import BaseCommand

from grading.services.demo import demo_accounts, prepare_school


class Command(BaseCommand):
    help = "Set up the demo school and its sign-ins. What is there already stays as it is."

    def handle(self, *args, **options) -> None:
        prepare_school()
        for account in demo_accounts(settings.DEMO_ACCOUNTS_FILE):
            self.stdout.write("{role:14} {email:32} {password}".format(**account))

from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "grading"
    verbose_name = "KidsArt"

    def ready(self) -> None:
        import grading.checks  # noqa: PLC0415  all need the models to be loaded
        import grading.heartbeat  # noqa: PLC0415  connects signals of the worker
        import grading.services.accounts  # noqa: F401, PLC0415  connects signals of sign-ins

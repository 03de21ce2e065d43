from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "grading"
    verbose_name = "KidsArt"

    def ready(self) -> None:
        import grading.checks  # noqa: PLC0415  both need the models to be loaded
        import grading.heartbeat  # noqa: F401, PLC0415  connects signals of the worker

from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "grading"
    verbose_name = "KidsArt"

    def ready(self) -> None:
        import grading.heartbeat  # noqa: F401, PLC0415  connects worker signals; needs the models

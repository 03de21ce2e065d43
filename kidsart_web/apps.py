from django.contrib.admin.apps import AdminConfig


class SupportConfig(AdminConfig):
    """Django's support pages, entered by our own sign-in."""

    default_site = "grading.support.SupportSite"

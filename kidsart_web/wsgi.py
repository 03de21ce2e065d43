import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kidsart_web.settings")
application = get_wsgi_application()

from grading.checks import refuse_demo_data  # noqa: E402  its models need the line above

refuse_demo_data()

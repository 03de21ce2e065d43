"""What a request is once middleware and login_required are through with it, for the types."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from grading.models import User


class SignedInRequest(HttpRequest):
    user: User
    htmx: HtmxDetails

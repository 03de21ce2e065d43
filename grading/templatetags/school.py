from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template import Library
from django.urls import reverse

from grading.models import School
from grading.screens import SCHOOL_SECTIONS

register = Library()


@register.filter
def sections(school: School, request: HttpRequest) -> list[dict[str, Any]]:
    """The sections of a school's administration, and which of them this page belongs to."""
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        {
            "label": section.label,
            "url": reverse(f"grading:{section.url}", args=[school.code]),
            "current": here.removeprefix("grading:") in section.pages,
        }
        for section in SCHOOL_SECTIONS
    ]

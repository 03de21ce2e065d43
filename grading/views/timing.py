from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from grading.forms.timing import TimeForm
from grading.models import Artwork
from grading.services.timing import record_time
from grading.views.requests import SignedInRequest


@login_required
@require_POST
def review_time(request: SignedInRequest, code: UUID) -> HttpResponse:
    """What static/js/time.js measured since it last said something."""
    artwork = get_object_or_404(Artwork.objects.for_user(request.user), code=code)
    form = TimeForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest()
    record_time(artwork, request.user, form.cleaned_data["seconds"])
    return HttpResponse(status=204)

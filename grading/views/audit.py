"""A school's audit trail: who did what, when and from where, for its administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.http import content_disposition_header
from django.utils.timezone import is_aware, localdate, now
from django.views.decorators.http import require_GET

from grading.chain import chain_head, seal_events
from grading.forms.audit import TrailForm
from grading.intake.names import safe_name
from grading.models import AuditEvent, School
from grading.services.audit import record, record_view
from grading.services.exports import csv_lines
from grading.services.limits import EXPORTS, refuse_too_many
from grading.services.trail import page_of, told, trail_rows
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@login_required
@require_GET
def audit(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    record_view(request.user, school, school, trail=True)
    form = TrailForm(request.GET, school=school)
    if not form.is_valid():
        return _page(request, school, form, rows=[], status=422)
    page = page_of(school, form.wanted, _moment(request.GET))
    older = _address(form, before=page.older.isoformat()) if page.older else ""
    return _page(request, school, form, rows=told(school, page.events), older=older)


@login_required
@require_GET
def audit_file(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    """The rows that are asked for as a file, sealed, with the head of the chain."""
    school = administered_school(request, code)
    form = TrailForm(request.GET, school=school)
    if not form.is_valid():
        return _page(request, school, form, rows=[], status=422)
    refuse_too_many(request.user, EXPORTS)
    record(request.user, AuditEvent.Verb.EXPORTED, school, school, what="trail")
    seal_events()
    rows = trail_rows(school, form.wanted, chain_head(), now())
    response = StreamingHttpResponse(
        csv_lines(rows, bom=True), content_type="text/csv; charset=utf-8"
    )
    name = safe_name(f"{school} audit {localdate().isoformat()}.csv".replace("/", "-"))
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "no-store"
    return response


def _page(
    request: SignedInRequest, school: School, form: TrailForm, status: int = 200, **context: Any
) -> HttpResponse:
    context |= {
        "school": school,
        "form": form,
        "asked": _address(form),
        "begun": "before" in request.GET,
        "head": chain_head(),
        "kept_days": settings.AUDIT_KEPT_DAYS,
    }
    return render(request, "grading/audit.html", context, status=status)


def _address(form: TrailForm, **more: str) -> str:
    """The query that asks for the same once more."""
    asked = {name: form.data[name] for name in form.fields if form.data.get(name)}
    return urlencode(asked | more)


def _moment(query: QueryDict) -> datetime | None:
    """Where the page begins; anything else than a moment is the newest."""
    try:
        moment = parse_datetime(query.get("before", ""))
    except ValueError:
        return None
    return moment if moment and is_aware(moment) else None

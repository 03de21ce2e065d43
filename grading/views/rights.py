"""Privacy: what an administrator answers a family, an inspector or an auditor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.rights import (
    AmendmentForm,
    ConsentForm,
    EraseForm,
    ExportForm,
    HoldForm,
    YearHoldForm,
)
from grading.intake.names import safe_name
from grading.models import (
    AuditEvent,
    ErasureReceipt,
    LegalHold,
    SchoolYear,
    Student,
    StudentExport,
)
from grading.records import by_group
from grading.services.audit import record, record_view
from grading.services.consent import record_consent, training_use_of
from grading.services.holds import Held, holds_on
from grading.services.limits import EXPORTS, refuse_too_many
from grading.services.rights import (
    NOBODY,
    add_amendment,
    erase_student,
    lift_hold,
    place_hold,
    request_export,
    what_goes,
)
from grading.services.training import adapters_that_saw
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school

FOUND_AT_MOST = 30
RECEIPTS_AT_MOST = 200


# -------------------------------------------------------------------------------------- the school
@login_required
@require_GET
def school_privacy(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    asked = request.GET.get("q", "").replace("\0", "").strip()
    students = school.students.filter(Q(display_name__icontains=asked) | Q(number__iexact=asked))
    context = {
        "school": school,
        "asked": asked,
        "found": students[:FOUND_AT_MOST] if asked else [],
        "found_more": asked and students.count() > FOUND_AT_MOST,
        "classes": training_use_of(school),
        "holds": school.holds.standing().count(),
        "receipts": school.erasures.count(),
    }
    return render(request, "grading/privacy.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def holds(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    form = YearHoldForm(request.POST or None, school=school)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        _place(request, said["year"], said)
        return redirect("grading:holds", school.code)
    rows = school.holds.select_related("student", "year", "placed_by", "lifted_by")
    context = {
        "school": school,
        "holds": rows,
        "form": form,
        "has_years": school.years.exists(),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/holds.html", context, status=status)


@login_required
@require_POST
def lift(request: SignedInRequest, code: UUID) -> HttpResponse:
    holds = LegalHold.objects.for_user(request.user).select_related("student", "year", "school")
    hold = get_object_or_404(holds, code=code)
    if lift_hold(hold, request.user):
        messages.success(request, _("The hold is lifted."))
    if hold.student and "student" in request.POST:
        return redirect("grading:student-privacy", hold.student.code)
    return redirect("grading:holds", hold.school.code)


@login_required
@require_GET
def receipts(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    rows = school.erasures.select_related("by")[:RECEIPTS_AT_MOST]
    context = {
        "school": school,
        "receipts": rows,
        "nobody": NOBODY,
        "total": school.erasures.count(),
    }
    return render(request, "grading/receipts.html", context)


@login_required
@require_GET
def receipt(request: SignedInRequest, code: UUID) -> HttpResponse:
    receipts = ErasureReceipt.objects.for_user(request.user).select_related("school", "by")
    receipt = get_object_or_404(receipts, code=code)
    context = {
        "school": receipt.school,
        "receipt": receipt,
        "groups": by_group(receipt.counts),
        "files": receipt.counts.get("files", 0),
        "waiting": receipt.doomed_files.count(),
        "nobody": NOBODY,
    }
    return render(request, "grading/receipt.html", context)


# ------------------------------------------------------------------------------------- one student
def _student(request: SignedInRequest, code: UUID) -> Student:
    students = Student.objects.administered_by(request.user).select_related("school")
    return get_object_or_404(students, code=code)


@login_required
@require_GET
def student_privacy(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, student, student.school, privacy=True)
    return _page(request, student)


def _page(request: SignedInRequest, student: Student, **bound: forms.BaseForm) -> HttpResponse:
    """The page with empty forms, but for one that was sent and has to be sent again."""
    if bound:
        record_view(request.user, student, student.school, privacy=True)
    context: dict[str, Any] = {
        "school": student.school,
        "student": student,
        "consents": student.consents.select_related("recorded_by"),
        "adapters": adapters_that_saw(student),
        "amendments": student.amendments.select_related("by"),
        "holds": student.holds.select_related("placed_by", "lifted_by"),
        "exports": student.exports.filter(asked_by=request.user).order_by("-pk")[:5],
        "consent_form": ConsentForm(auto_id="consent_%s"),
        "amendment_form": AmendmentForm(auto_id="amendment_%s"),
        "hold_form": HoldForm(auto_id="hold_%s"),
        "export_form": ExportForm(auto_id="export_%s"),
        **bound,
    }
    return render(
        request, "grading/student_privacy.html", context, status=422 if bound else 200
    )  # fmt: skip


@login_required
@require_POST
def consent(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = ConsentForm(request.POST, auto_id="consent_%s")
    if not form.is_valid():
        return _page(request, student, consent_form=form)
    said = form.cleaned_data
    record_consent(student, form.is_yes, said["source"], said["said_on"], request.user)
    messages.success(request, _("The answer is recorded."))
    return redirect("grading:student-privacy", student.code)


@login_required
@require_POST
def amend(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = AmendmentForm(request.POST, auto_id="amendment_%s")
    if not form.is_valid():
        return _page(request, student, amendment_form=form)
    said = form.cleaned_data
    add_amendment(student, said["text"], said["asked_by"], request.user, said["code"])
    messages.success(request, _("The amendment stands beside the record now."))
    return redirect("grading:student-privacy", student.code)


@login_required
@require_POST
def hold_student(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = HoldForm(request.POST, auto_id="hold_%s")
    if not form.is_valid():
        return _page(request, student, hold_form=form)
    _place(request, student, form.cleaned_data)
    return redirect("grading:student-privacy", student.code)


def _place(request: SignedInRequest, on: Student | SchoolYear, said: dict[str, Any]) -> None:
    place_hold(on, said["reason"], request.user, said["code"])
    messages.success(request, _("The hold stands. Nothing it covers is erased until it is lifted."))


# ------------------------------------------------------------------------------------------- export
@login_required
@require_POST
def export_everything(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    refuse_too_many(request.user, EXPORTS)
    form = ExportForm(request.POST)
    form.full_clean()
    export = request_export(student, request.user, form.cleaned_data["with_names"])
    return redirect("grading:student-record", export.code)


def _export(request: SignedInRequest, code: UUID) -> StudentExport:
    exports = StudentExport.objects.for_user(request.user).select_related("student__school")
    return get_object_or_404(exports, code=code)


@login_required
@require_GET
def export_state(request: SignedInRequest, code: UUID) -> HttpResponse:
    """How far it is; asks again by itself until it is there or failed."""
    job = _export(request, code)
    template = "grading/_record_state.html" if request.htmx else "grading/record_state.html"
    context = {"job": job, "student": job.student, "school": job.student.school}
    return render(request, template, context)


@login_required
@require_GET
def export_everything_file(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    job = _export(request, code)
    refuse_too_many(request.user, EXPORTS)
    if not job.is_there:
        return redirect("grading:student-record", code)
    try:
        file = job.file.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    record(
        request.user, AuditEvent.Verb.EXPORTED, job.student, job.student.school,
        what="everything", export=str(job.code), fetched=True,
    )  # fmt: skip
    name = safe_name(job.student.display_name.replace("/", "-"))
    response = FileResponse(file, as_attachment=True, filename=f"{name}.zip")
    response["Cache-Control"] = "no-store"
    return response


# ------------------------------------------------------------------------------------------ erasure
@login_required
@require_http_methods(["GET", "POST"])
def erase(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Sent twice, the second one finds the receipt of the first."""
    students = Student.objects.administered_by(request.user).select_related("school")
    student = students.filter(code=code).first()
    if student is None:
        return _receipt_of(request, code)
    form = EraseForm(request.POST or None, student=student)
    if request.method == "POST" and form.is_valid():
        try:
            receipt = erase_student(student, request.user)
        except Student.DoesNotExist:
            return _receipt_of(request, code)
        except Held:
            pass  # the page says by whom
        else:
            messages.success(request, _("The student is erased. This is the receipt."))
            return redirect("grading:receipt", receipt.code)
    record_view(request.user, student, student.school)
    context = {
        "school": student.school,
        "student": student,
        "goes": what_goes(student),
        "holds": holds_on(student),
        "form": form,
    }
    record_view(request.user, student, student.school, privacy=True)
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/erase.html", context, status=status)


def _receipt_of(request: SignedInRequest, code: UUID) -> HttpResponse:
    receipts = ErasureReceipt.objects.for_user(request.user).filter(student_code=code, year_name="")
    if receipt := receipts.first():
        return redirect("grading:receipt", receipt.code)
    raise Http404

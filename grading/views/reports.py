"""Reports: a page that prints well, and the same as PDF from a worker."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from grading.forms.reports import ReportForm
from grading.intake.names import safe_name
from grading.models import Assignment, AuditEvent, ReportJob, Student
from grading.services.audit import record
from grading.services.limits import EXPORTS, REPORTS, refuse_too_many
from grading.services.reports import request_report, school_of, years_of
from grading.views.requests import SignedInRequest
from grading.works import ai_use, report_title, reviews_in, with_amendments, works_of


@login_required
@require_http_methods(["GET", "POST"])
def report_student(request: SignedInRequest, code: UUID) -> HttpResponse:
    students = Student.objects.for_user(request.user).select_related("school")
    student = get_object_or_404(students, code=code)
    job = ReportJob(student=student, asked_by=request.user)
    return _report(request, job, years_of(student, request.user))


@login_required
@require_http_methods(["GET", "POST"])
def report_class(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignments = Assignment.objects.for_user(request.user).select_related("classroom__school")
    assignment = get_object_or_404(assignments, code=code)
    return _report(request, ReportJob(assignment=assignment, asked_by=request.user))


def _report(request: SignedInRequest, job: ReportJob, years: Sequence[str] = ()) -> HttpResponse:
    """A POST asks for the PDF; a GET is the page that prints, of the same works."""
    if request.method == "POST":
        refuse_too_many(request.user, REPORTS)
        asked = request_report(ReportForm(request.POST, instance=job, years=years).job())
        return redirect("grading:report", asked.code)
    said = request.GET or {"year": years[0] if years else ""}
    form = ReportForm(said, instance=job, years=years)
    works = with_amendments(works_of(reviews_in(form.job())))
    about = job.student or job.assignment
    assert about is not None
    record(request.user, AuditEvent.Verb.VIEWED, about, school_of(job), report=True)
    context = {
        "student": job.student,
        "assignment": job.assignment,
        "title": report_title(job),
        "form": form,
        "works": works,
        "amendments": job.student.amendments.all() if job.student else [],
        "ai_use": ai_use(works),
        "demo_model": any(work.demo for work in works),
        "without_picture_owner": sum(work.student is None for work in works),
    }
    return render(request, "grading/report.html", context)


@login_required
@require_GET
def report(request: SignedInRequest, code: UUID) -> HttpResponse:
    """How far a PDF is; asks again by itself until it is there or failed."""
    job = _job(request, code)
    template = "grading/_report_state.html" if request.htmx else "grading/report_state.html"
    return render(request, template, {"job": job, "title": report_title(job)})


@login_required
@require_GET
def report_file(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    job = _job(request, code)
    if not job.is_there:
        return redirect("grading:report", code)
    refuse_too_many(request.user, EXPORTS)
    try:
        file = job.file.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    about = job.student or job.assignment
    assert about is not None
    record(request.user, AuditEvent.Verb.EXPORTED, about, school_of(job), what="report")
    name = safe_name(report_title(job).replace("/", "-"))
    response = FileResponse(file, as_attachment=True, filename=f"{name}.{job.form}")
    response["Cache-Control"] = "no-store"
    return response


def _job(request: SignedInRequest, code: UUID) -> ReportJob:
    jobs = ReportJob.objects.for_user(request.user).select_related(
        "student__school", "assignment__classroom__school"
    )
    return get_object_or_404(jobs, code=code)

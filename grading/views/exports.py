"""Levels as files, each with a sentence on what it is for. Every download leaves a trace."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.utils.timezone import localdate
from django.views.decorators.http import require_GET

from grading.intake.names import safe_name
from grading.models import Artwork, Assignment, AuditEvent, Classroom, Student
from grading.services.audit import record
from grading.services.exports import (
    Export,
    Kind,
    csv_lines,
    export_of,
    student_record,
    table,
    workbook,
)
from grading.services.limits import EXPORTS, refuse_too_many
from grading.views.requests import SignedInRequest

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@login_required
@require_GET
def export(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = _assignment(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    context = {
        "assignment": assignment,
        "classroom": assignment.classroom,
        "kinds": list(Kind),
        "export": export_of(assignment.artworks.kept()),
    }
    return render(request, "grading/export.html", context)


@login_required
@require_GET
def export_file(request: SignedInRequest, code: UUID, kind: str) -> HttpResponseBase:
    assignment = _assignment(request, code)
    chosen = _kind(kind)
    refuse_too_many(request.user, EXPORTS)
    export = export_of(assignment.artworks.kept())
    record(
        request.user, AuditEvent.Verb.EXPORTED, assignment, assignment.classroom.school,
        what=chosen, pictures=len(export.rows),
    )  # fmt: skip
    name = f"{assignment.classroom.name} {assignment.title} {chosen}"
    return _file(chosen, export, name)


@login_required
@require_GET
def export_class(request: SignedInRequest, code: UUID) -> HttpResponse:
    classroom = _classroom(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, classroom, classroom.school)
    context = {
        "classroom": classroom,
        "students": _students(classroom),
        "kinds": list(Kind),
        "export": export_of(_artworks(classroom)),
    }
    return render(request, "grading/export.html", context)


@login_required
@require_GET
def export_class_file(request: SignedInRequest, code: UUID, kind: str) -> HttpResponseBase:
    classroom = _classroom(request, code)
    chosen = _kind(kind)
    refuse_too_many(request.user, EXPORTS)
    export = export_of(_artworks(classroom))
    record(
        request.user, AuditEvent.Verb.EXPORTED, classroom, classroom.school,
        what=chosen, pictures=len(export.rows),
    )  # fmt: skip
    return _file(chosen, export, f"{classroom.name} {classroom.year} {chosen}")


@login_required
@require_GET
def export_student(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    """One student's work as JSON, as far as the user may see it."""
    students = Student.objects.for_user(request.user).select_related("school")
    student = get_object_or_404(students, code=code)
    refuse_too_many(request.user, EXPORTS)
    export = export_of(Artwork.objects.for_user(request.user).filter(student=student))
    record(
        request.user, AuditEvent.Verb.EXPORTED, student, student.school,
        what="json", pictures=len(export.rows),
    )  # fmt: skip
    response = JsonResponse(
        student_record(student, export), json_dumps_params={"ensure_ascii": False, "indent": 2}
    )
    return _named(response, f"{student.display_name}.json")


def _assignment(request: SignedInRequest, code: UUID) -> Assignment:
    assignments = Assignment.objects.for_user(request.user)
    return get_object_or_404(assignments.select_related("classroom__school"), code=code)


def _classroom(request: SignedInRequest, code: UUID) -> Classroom:
    classrooms = Classroom.objects.for_user(request.user)
    return get_object_or_404(classrooms.select_related("school"), code=code)


def _students(classroom: Classroom) -> QuerySet[Student]:
    """Who is on the list today, and who left work behind."""
    on_the_list = Q(pk__in=classroom.students_now().values("pk"))
    return Student.objects.filter(
        on_the_list | Q(pk__in=_artworks(classroom).order_by().values("student"))
    )


def _artworks(classroom: Classroom):
    return Artwork.objects.kept().filter(assignment__classroom=classroom)


def _kind(kind: str) -> Kind:
    try:
        return Kind(kind)
    except ValueError:
        raise Http404 from None


def _file(kind: Kind, export: Export, name: str) -> HttpResponseBase:
    response: HttpResponseBase
    if kind == Kind.XLSX:
        response = FileResponse(workbook(export), content_type=XLSX)
    else:
        lines = csv_lines(table(kind, export), bom=kind.is_for_excel)
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    return _named(response, f"{name} {localdate().isoformat()}.{kind.suffix}")


def _named(response: HttpResponseBase, name: str) -> HttpResponseBase:
    header = content_disposition_header(True, safe_name(name.replace("/", "-")))
    response["Content-Disposition"] = header or "attachment"
    response["Cache-Control"] = "no-store"
    return response

"""The students of a school: found, added, changed, put into classes, gone, and back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.students import (
    AddStudentsForm,
    LeaveForm,
    MoveForm,
    PutForm,
    PutSeveralForm,
    StudentForm,
    StudentSearchForm,
)
from grading.models import AuditEvent, Classroom, Enrollment, School, Student
from grading.services.audit import record, record_view
from grading.services.structure import CannotSave
from grading.services.students import (
    add_students,
    change_student,
    clashes_in,
    come_back,
    enroll,
    leave_class,
    leave_school,
    listed,
    move_student,
)
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school

A_PAGE = 50


@login_required
@require_GET
def students(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, school, school, what="students")
    return _list_page(request, school)


@login_required
@require_POST
def put_several(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The ticked students of the list into one class."""
    school = administered_school(request, code)
    form = PutSeveralForm(request.POST, school=school)
    if form.is_valid():
        try:
            _put(request, form.cleaned_data["students"], [form.cleaned_data["classroom"]])
        except CannotSave as error:
            messages.error(request, str(error))
    else:
        said = [str(error) for errors in form.errors.values() for error in errors]
        messages.error(request, " ".join(said))
    return redirect(f"{reverse('grading:school-students', args=[code])}?{_asked(request.GET)}")


@login_required
@require_http_methods(["GET", "POST"])
def new_students(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    initial = {"classrooms": request.GET.getlist("class")}
    form = AddStudentsForm(request.POST or None, school=school, initial=initial)
    if request.method == "POST" and form.is_valid() and not form.asks and _add(request, form):
        chosen = form.cleaned_data["classrooms"]
        if len(chosen) == 1:
            return redirect("grading:edit-class", chosen[0].code)
        return redirect("grading:school-students", code)
    context = {"school": school, "form": form, "cancel": _came_from(request, school)}
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/school_students_new.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def edit_student(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = StudentForm(request.POST or None, instance=student)
    if request.method == "POST":
        if form.is_valid() and not form.asks and _change(request, form):
            messages.success(request, _("Saved."))
            return redirect("grading:edit-student", code)
        return _student_page(request, _student(request, code), form=form, status=422)
    record(request.user, AuditEvent.Verb.VIEWED, student, student.school)
    return _student_page(request, student, form=form)


@login_required
@require_POST
def put(request: SignedInRequest, code: UUID) -> HttpResponse:
    """One student into several classes at once."""
    student = _student(request, code)
    form = PutForm(request.POST, school=student.school)
    if not form.is_valid():
        return _student_page(request, student, put_form=form, status=422)
    try:
        _put(request, [student], form.cleaned_data["classrooms"])
    except CannotSave as error:
        messages.error(request, str(error))
    return redirect("grading:edit-student", code)


@login_required
@require_POST
def move(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Out of one class, and into another if one is named."""
    student = _student(request, code)
    form = MoveForm(request.POST, student=student)
    if not form.is_valid():
        messages.error(request, _("That class is not open any more. Nothing was changed."))
        return redirect("grading:edit-student", code)
    old, new = form.cleaned_data["old"], form.cleaned_data["new"]
    if new and new != old:
        moved = move_student(student, old, new, request.user)
        said = _("%(student)s is in %(classroom)s now. Earlier works stay in %(old)s.")
        _say_clashes(request, [student], [new])
    else:
        moved = new is None and leave_class(student, old, request.user)
        said = _("%(student)s has left %(old)s. The works stay there.")
    if moved:
        messages.success(request, said % {"student": student, "classroom": new, "old": old})
    return redirect("grading:edit-student", code)


@login_required
@require_POST
def leave(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    form = LeaveForm(request.POST)
    if not form.is_valid():
        return _student_page(request, student, leave_form=form, status=422)
    if leave_school(student, form.cleaned_data["day"], request.user):
        messages.success(
            request,
            _("%(student)s has left the school, and all classes. The works are kept.")
            % {"student": student},
        )
    return redirect("grading:edit-student", code)


@login_required
@require_POST
def back(request: SignedInRequest, code: UUID) -> HttpResponse:
    student = _student(request, code)
    if come_back(student, request.user):
        messages.success(
            request, _("%(student)s is back. Choose the classes.") % {"student": student}
        )
    return redirect("grading:edit-student", code)


def _student(request: SignedInRequest, code: UUID) -> Student:
    students = Student.objects.administered_by(request.user).select_related("school")
    return get_object_or_404(students, code=code)


# ---------------------------------------------------------------------------------------- the list
def _list_page(request: SignedInRequest, school: School) -> HttpResponse:
    search = StudentSearchForm(request.GET, school=school)
    search.is_valid()
    said = search.cleaned_data
    found = listed(
        school,
        search=said.get("q", ""),
        classroom=said.get("classroom"),
        show=said.get("show", ""),
    )
    here = Enrollment.objects.current().in_open_years().select_related("classroom")
    rows = found.prefetch_related(Prefetch("enrollments", queryset=here, to_attr="now"))
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "school": school,
        "search": search,
        "page": page,
        "asked": _asked(request.GET),
        "searched": any(said.get(name) for name in ("q", "classroom", "show")),
        "left": said.get("show") == "left",
        "put_form": PutSeveralForm(school=school, auto_id="put_%s"),
    }
    return render(request, "grading/school_students.html", context)


def _asked(data: Any) -> str:
    """What the list was asked for, to come back to the same one."""
    said = {name: data.get(name, "")[:60] for name in ("q", "classroom", "show")}
    return urlencode({name: value for name, value in said.items() if value})


def _put(request: SignedInRequest, students: Any, classrooms: Any) -> None:
    students = list(students)
    for classroom in classrooms:
        new = enroll(students, classroom, request.user)
        messages.success(
            request,
            ngettext(
                "%(n)d student put into %(classroom)s.",
                "%(n)d students put into %(classroom)s.",
                len(new),
            )
            % {"n": len(new), "classroom": classroom}
            if new
            else _("Already in %(classroom)s. Nothing was changed.") % {"classroom": classroom},
        )
    _say_clashes(request, students, classrooms)


def _say_clashes(request: SignedInRequest, students: list[Student], classrooms: Any) -> None:
    for student in students:
        for name, classroom in clashes_in(classrooms, [student.display_name], but=student):
            messages.warning(
                request,
                _("Two students of %(classroom)s are called %(name)s now. Tell them apart.")
                % {"classroom": classroom, "name": name},
            )


# -------------------------------------------------------------------------------------- one student
def _add(request: SignedInRequest, form: AddStudentsForm) -> bool:
    said = form.cleaned_data
    try:
        added = add_students(
            form.school, said["names"], list(said["classrooms"]), request.user,
            code=said["code"], number=said["number"],
        )  # fmt: skip
    except CannotSave as error:
        form.add_error(error.field, str(error))
        return False
    if added:
        words = ngettext("%(n)d student added.", "%(n)d students added.", len(added))
        messages.success(request, words % {"n": len(added)})
    else:
        messages.info(request, _("These students were added before, by the same page."))
    return True


def _change(request: SignedInRequest, form: StudentForm) -> bool:
    try:
        change_student(form.instance, request.user)
    except CannotSave as error:
        form.add_error(error.field, str(error))
        return False
    return True


def _came_from(request: SignedInRequest, school: School) -> str:
    """Back to the class that the page was opened for, or else to all students."""
    asked = Classroom.objects.administered_by(request.user)
    for code in request.GET.getlist("class")[:1]:
        try:
            return reverse("grading:edit-class", args=[asked.get(code=UUID(code)).code])
        except (ValueError, Classroom.DoesNotExist):
            break
    return reverse("grading:school-students", args=[school.code])


def _student_page(
    request: SignedInRequest,
    student: Student,
    *,
    form: StudentForm | None = None,
    put_form: PutForm | None = None,
    leave_form: LeaveForm | None = None,
    status: int = 200,
) -> HttpResponse:
    school = student.school
    if request.method == "POST":
        record_view(request.user, student, school)
    enrollments = student.enrollments.select_related("classroom__year").order_by(
        "-classroom__year__starts_on", "classroom__name"
    )
    rows = list(enrollments)
    now = [e for e in rows if e.left_on is None and not e.classroom.is_archived]
    if put_form is None:
        put_form = PutForm(school=school)
    others = put_form.fields["classrooms"]
    others.queryset = others.queryset.exclude(pk__in=[e.classroom_id for e in now])  # type: ignore[attr-defined]
    context = {
        "school": school,
        "student": student,
        "form": form or StudentForm(instance=student),
        "now": now,
        "before": [e for e in rows if e not in now],
        "others": others.queryset,  # type: ignore[attr-defined]
        "put_form": put_form,
        "leave_form": leave_form or LeaveForm(),
    }
    return render(request, "grading/school_student.html", context, status=status)

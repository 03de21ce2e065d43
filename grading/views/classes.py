"""The classes of a school: made, changed, taken into the next year, and who teaches them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import BaseFormSet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.structure import (
    ClassForm,
    LastDayForm,
    PromoteForm,
    PromoteLine,
    TeacherForm,
    promote_lines,
    promotions_said,
)
from grading.models import AuditEvent, Classroom, School, SchoolYear, Teaching
from grading.services.audit import record, record_view
from grading.services.structure import (
    CannotSave,
    classes_of,
    let_teach,
    promote_classes,
    save_class,
    stop_teaching,
    teachers_of,
    years_of,
)
from grading.services.students import names_that_stand_twice
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@login_required
@require_GET
def classes(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Years, and the classes of one of them: the one asked for, today's, or else the latest."""
    school = administered_school(request, code)
    years = list(years_of(school))
    year = _asked_year(request, years)
    context = {
        "school": school,
        "years": years,
        "year": year,
        "classes": classes_of(school, year) if year else [],
        "today": localdate(),
    }
    return render(request, "grading/school_classes.html", context)


def _asked_year(request: SignedInRequest, years: list[SchoolYear]) -> SchoolYear | None:
    today, asked = localdate(), request.GET.get("year", "")
    by_code = {str(year.code): year for year in years}
    if asked in by_code:
        return by_code[asked]
    open_ones = [year for year in years if year.archived_at is None]
    current = [year for year in open_ones if year.starts_on <= today <= year.ends_on]
    return next(iter(current or open_ones or years), None)


@login_required
@require_http_methods(["GET", "POST"])
def new_class(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    years = list(school.years.open())
    if not years:
        messages.info(request, _("A class belongs to a school year. Make the year first."))
        return redirect("grading:new-year", school.code)
    form = ClassForm(request.POST or None, instance=Classroom(school=school))
    form.initial.setdefault("year", getattr(_asked_year(request, years), "code", None))
    if request.method == "POST" and form.is_valid() and _save(request, form):
        messages.success(
            request, _("The class is made. Now say who teaches it, and put the students in.")
        )
        return redirect("grading:edit-class", form.instance.code)
    context = {"school": school, "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/school_class_new.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def edit_class(request: SignedInRequest, code: UUID) -> HttpResponse:
    classroom = _classroom(request, code)
    form = ClassForm(request.POST or None, instance=classroom)
    if request.method == "POST":
        if form.is_valid() and _save(request, form):
            messages.success(request, _("The class is saved."))
            return redirect("grading:edit-class", code)
        return _class_page(request, _classroom(request, code), form=form, status=422)
    record(request.user, AuditEvent.Verb.VIEWED, classroom, classroom.school)
    return _class_page(request, classroom, form=form)


@login_required
@require_POST
def add_teacher(request: SignedInRequest, code: UUID) -> HttpResponse:
    classroom = _classroom(request, code)
    form = TeacherForm(request.POST, classroom=classroom)
    if not form.is_valid():
        return _class_page(request, classroom, teacher_form=form, status=422)
    user, until = form.cleaned_data["user"], form.cleaned_data["until"]
    let_teach(classroom, user, until, request.user)
    messages.success(
        request,
        _("%(name)s teaches %(classroom)s now.") % {"name": user, "classroom": classroom},
    )
    return redirect("grading:edit-class", code)


@login_required
@require_POST
def change_teaching(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Another last day, or none."""
    teaching = _teaching(request, code)
    form = LastDayForm(request.POST)
    if form.is_valid():
        let_teach(teaching.classroom, teaching.user, form.cleaned_data["until"], request.user)
        messages.success(request, _("The last day is saved."))
    else:
        messages.error(request, " ".join(str(error) for error in form.errors["until"]))
    return redirect("grading:edit-class", teaching.classroom.code)


@login_required
@require_POST
def remove_teacher(request: SignedInRequest, code: UUID) -> HttpResponse:
    teaching = _teaching(request, code)
    if stop_teaching(teaching, request.user):
        messages.success(
            request,
            _("%(name)s does not see %(classroom)s any more.")
            % {"name": teaching.user, "classroom": teaching.classroom},
        )
    return redirect("grading:edit-class", teaching.classroom.code)


@login_required
@require_http_methods(["GET", "POST"])
def promote(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Classes of one year go on in another: chosen, named anew, with or without their students."""
    school = administered_school(request, code)
    years = list(school.years.filter(classrooms__isnull=False).distinct())
    old = _asked_year(request, years)
    if old is None or not school.years.open().exclude(pk=old.pk).exists():
        messages.info(request, _("Classes go on in another school year. Make that year first."))
        return redirect("grading:new-year", school.code)
    rooms = list(classes_of(school, old))
    form = PromoteForm(request.POST or None, old=old)
    lines = promote_lines(rooms, request.POST or None)
    valid = request.method == "POST" and form.is_valid() and lines.is_valid()
    if valid and (done := _promote(request, form, lines, rooms)):
        return done
    context = {
        "school": school, "years": years, "old": old, "form": form, "lines": lines,
        "pairs": list(zip(rooms, lines, strict=False)),
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/school_promote.html", context, status=status)


def _promote(
    request: SignedInRequest,
    form: PromoteForm,
    lines: BaseFormSet[PromoteLine],
    rooms: list[Classroom],
) -> HttpResponse | None:
    year, chosen = form.cleaned_data["year"], promotions_said(lines, rooms)
    if not chosen:
        form.add_error(None, _("Choose at least one class."))
        return None
    try:
        made = promote_classes(
            chosen, year, request.user,
            with_students=form.cleaned_data["with_students"],
            with_teachers=form.cleaned_data["with_teachers"],
        )  # fmt: skip
    except CannotSave as error:
        form.add_error(None, f"{error} {_('Nothing was copied.')}")
        return None
    messages.success(
        request,
        ngettext("%(n)d class goes on in %(year)s.", "%(n)d classes go on in %(year)s.", len(made))
        % {"n": len(made), "year": year},
    )
    return redirect(
        f"{reverse('grading:school-classes', args=[year.school.code])}?year={year.code}"
    )


def _classroom(request: SignedInRequest, code: UUID) -> Classroom:
    classrooms = Classroom.objects.administered_by(request.user)
    return get_object_or_404(classrooms.select_related("school", "year"), code=code)


def _teaching(request: SignedInRequest, code: UUID) -> Teaching:
    classrooms = Classroom.objects.administered_by(request.user)
    teachings = Teaching.objects.filter(classroom__in=classrooms)
    return get_object_or_404(teachings.select_related("user", "classroom__school"), code=code)


def _save(request: SignedInRequest, form: ClassForm) -> bool:
    try:
        save_class(form.instance, request.user)
    except CannotSave as error:
        form.add_error(error.field, str(error))
        return False
    return True


def _class_page(
    request: SignedInRequest,
    classroom: Classroom,
    *,
    form: ClassForm | None = None,
    teacher_form: TeacherForm | None = None,
    status: int = 200,
) -> HttpResponse:
    school: School = classroom.school
    if request.method == "POST":
        record_view(request.user, classroom, school)
    teachings = classroom.teachings.select_related("user").order_by("until", "user__name")
    students = list(classroom.students_now())
    in_force = set(Teaching.objects.in_force().filter(classroom=classroom).values_list("pk"))
    context = {
        "school": school,
        "classroom": classroom,
        "form": form or ClassForm(instance=classroom),
        "teachings": [(t, (t.pk,) in in_force) for t in teachings],
        "teacher_form": teacher_form or TeacherForm(classroom=classroom),
        "has_teachers": teachers_of(school).exists(),
        "students": students,
        "twice": names_that_stand_twice(students),
        "today": localdate(),
    }
    return render(request, "grading/school_class.html", context, status=status)

"""School years and their terms: made, changed, archived, opened again."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import BaseFormSet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from grading.forms.structure import TermForm, YearForm, terms_formset, terms_said
from grading.models import School, SchoolYear
from grading.services.structure import (
    CannotSave,
    archive_year,
    open_year,
    save_year,
    unfinished_in,
)
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@login_required
@require_http_methods(["GET", "POST"])
def new_year(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    return _year_page(request, _next_year(school))


@login_required
@require_http_methods(["GET", "POST"])
def edit_year(request: SignedInRequest, code: UUID) -> HttpResponse:
    return _year_page(request, _year(request, code))


@login_required
@require_http_methods(["GET", "POST"])
def archive(request: SignedInRequest, code: UUID) -> HttpResponse:
    """What archiving means, and what would be left unfinished; then it is done."""
    year = _year(request, code)
    if request.method == "POST":
        if archive_year(year, request.user):
            messages.success(
                request, _("%(year)s is archived. It can be opened again.") % {"year": year}
            )
        return redirect("grading:school-classes", year.school.code)
    context = {"school": year.school, "year": year, "unfinished": unfinished_in(year)}
    return render(request, "grading/school_archive.html", context)


@login_required
@require_POST
def open_again(request: SignedInRequest, code: UUID) -> HttpResponse:
    year = _year(request, code)
    if open_year(year, request.user):
        messages.success(request, _("%(year)s is open again.") % {"year": year})
    return redirect(_classes_of(year))


def _year(request: SignedInRequest, code: UUID) -> SchoolYear:
    years = SchoolYear.objects.for_user(request.user).select_related("school")
    return get_object_or_404(years, code=code)


def _classes_of(year: SchoolYear) -> str:
    return f"{reverse('grading:school-classes', args=[year.school.code])}?year={year.code}"


def _next_year(school: School) -> SchoolYear:
    """A proposal: the year after the latest, or the one that today is in."""
    latest = school.years.first()
    start = latest.ends_on + timedelta(days=1) if latest else _first_of_august()
    end = _years_later(start, 1) - timedelta(days=1)
    name = f"{start.year}/{end.year % 100:02d}" if end.year > start.year else str(start.year)
    return SchoolYear(school=school, name=name, starts_on=start, ends_on=end)


def _first_of_august() -> date:
    today = localdate()
    return date(today.year if today.month >= 8 else today.year - 1, 8, 1)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + years, day=28)


def _year_page(request: SignedInRequest, year: SchoolYear) -> HttpResponse:
    new = year.pk is None
    form = YearForm(request.POST or None, instance=year)
    formset = terms_formset(year, request.POST or None)
    valid = request.method == "POST" and form.is_valid() and formset.is_valid()
    if valid and _saved(request, form, formset):
        said = _("%(year)s is made.") if new else _("%(year)s is saved.")
        messages.success(request, said % {"year": year})
        return redirect(_classes_of(year))
    shown = SchoolYear.objects.get(pk=year.pk) if not new else None  # not what the form has set
    context = {"school": year.school, "year": shown, "form": form, "formset": formset}
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/school_year.html", context, status=status)


def _saved(request: SignedInRequest, form: YearForm, formset: BaseFormSet[TermForm]) -> bool:
    try:
        save_year(form.instance, terms_said(formset, form.instance), request.user)
    except CannotSave as error:
        form.add_error(error.field, str(error))
        return False
    return True

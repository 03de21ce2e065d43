"""What an administrator writes down about years, classes and who teaches them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.timezone import localdate
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from grading.models import Classroom, School, SchoolYear, Term, User
from grading.services.structure import Promotion, TermDates, promoted, teachers_of

TERMS_AT_MOST = 8


def date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class YearForm(forms.ModelForm):
    class Meta:
        model = SchoolYear
        fields = ["name", "starts_on", "ends_on"]
        widgets = {"starts_on": date_input(), "ends_on": date_input()}
        help_texts = {"name": _("For example: 2026/27")}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("starts_on"), cleaned.get("ends_on")
        if start and end and end <= start:
            self.add_error("ends_on", gettext("The last day has to come after the first."))
        return cleaned


class TermForm(forms.Form):
    """One line of the terms of a year; an empty line says nothing, a ticked one goes."""

    code = forms.UUIDField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=40, required=False)
    starts_on = forms.DateField(label=_("First day"), required=False, widget=date_input())
    ends_on = forms.DateField(label=_("Last day"), required=False, widget=date_input())
    gone = forms.BooleanField(label=_("Remove"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        said = [cleaned.get(name) for name in ("name", "starts_on", "ends_on")]
        if not cleaned.get("gone") and not self.errors and any(said) and not all(said):
            raise forms.ValidationError(gettext("A term needs a name, a first and a last day."))
        return cleaned


TermFormSet = formset_factory(
    TermForm, extra=0, max_num=TERMS_AT_MOST, absolute_max=TERMS_AT_MOST, validate_max=True
)


def terms_formset(year: SchoolYear, data: Any = None) -> BaseFormSet[TermForm]:
    """A line for each term, and empty ones below them."""
    lines: list[dict[str, Any]] = [
        {"code": t.code, "name": t.name, "starts_on": t.starts_on, "ends_on": t.ends_on}
        for t in (year.terms.all() if year.pk else [])
    ]
    spare = min(TERMS_AT_MOST, max(len(lines) + 1, 4)) - len(lines)
    return TermFormSet(data, initial=lines + [{} for _line in range(spare)], prefix="terms")


def terms_said(formset: BaseFormSet[TermForm], year: SchoolYear) -> list[TermDates]:
    """Of a valid formset. A term that is gone by now comes back as a new one."""
    known = {term.code: term for term in (year.terms.all() if year.pk else [])}
    found = []
    for form in formset:
        said = form.cleaned_data
        if said and said.get("name") and not said.get("gone"):
            term: Term | None = known.get(said["code"])
            found.append(TermDates(term, said["name"], said["starts_on"], said["ends_on"]))
    return found


class OpenYearField(forms.ModelChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SchoolYear.objects.none(), to_field_name="code", **kwargs)

    def of(self, school: School) -> None:
        self.queryset = school.years.open()


class ClassForm(forms.ModelForm):
    year = OpenYearField(
        label=_("School year"),
        empty_label=None,
        error_messages={"invalid_choice": _("This school year is not open.")},
    )

    class Meta:
        model = Classroom
        fields = ["name", "grade", "year"]
        help_texts = {
            "name": _("As everybody at school calls it. For example: 3B"),
            "grade": _("A number; 0 for kindergarten. Leave it empty for a mixed class."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        year = self.fields["year"]
        assert isinstance(year, OpenYearField)
        year.of(self.instance.school)
        if self.instance.year_id:
            self.initial["year"] = self.instance.year.code

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class TeacherForm(forms.Form):
    """Who teaches a class: for good, or as a substitute up to a last day."""

    user = forms.ModelChoiceField(
        User.objects.none(), label=_("Teacher"), to_field_name="code", empty_label=None
    )
    until = forms.DateField(
        label=_("Last day, for a substitute"),
        required=False,
        widget=date_input(),
        help_text=_("After this day they see nothing of the class. Empty: teaches the class."),
    )

    def __init__(self, *args: Any, classroom: Classroom, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.fields["user"]
        assert isinstance(user, forms.ModelChoiceField)
        user.queryset = teachers_of(classroom.school)

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until and until < localdate():
            raise forms.ValidationError(gettext("The last day is over already."))
        return until


class LastDayForm(forms.Form):
    until = forms.DateField(label=_("Last day"), required=False, widget=date_input())

    clean_until = TeacherForm.clean_until


class PromoteLine(forms.Form):
    """One class of the old year, as it goes on in the new one."""

    chosen = forms.BooleanField(required=False)
    code = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(label=_("New name"), max_length=80, required=False)
    grade = forms.IntegerField(label=_("New grade"), min_value=0, max_value=13, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("chosen") and not self.errors and not cleaned.get("name"):
            self.add_error("name", gettext("The class needs a name."))
        return cleaned


class PromoteForm(forms.Form):
    """Into which year, and what comes along."""

    year = OpenYearField(label=_("Into the school year"), empty_label=None)
    with_students = forms.BooleanField(
        label=_("The students come along"), required=False, initial=True
    )
    with_teachers = forms.BooleanField(label=_("Their teachers come along"), required=False)

    def __init__(self, *args: Any, old: SchoolYear, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        year = self.fields["year"]
        assert isinstance(year, OpenYearField)
        year.queryset = old.school.years.open().exclude(pk=old.pk)
        self.initial.setdefault("year", getattr(_following(year.queryset, old), "code", None))


def _following(years: Any, old: SchoolYear) -> SchoolYear | None:
    return years.filter(starts_on__gt=old.starts_on).order_by("starts_on").first()


PromoteFormSet = formset_factory(PromoteLine, extra=0, max_num=500, absolute_max=500)


def promote_lines(classes: list[Classroom], data: Any = None) -> BaseFormSet[PromoteLine]:
    proposals = [promoted(classroom) for classroom in classes]
    lines = [
        {"code": p.classroom.code, "name": p.name, "grade": p.grade, "chosen": not _at_top(p)}
        for p in proposals
    ]
    return PromoteFormSet(data, initial=lines, prefix="classes")


def _at_top(promotion: Promotion) -> bool:
    grade = promotion.classroom.grade
    return grade is not None and grade == promotion.grade


def promotions_said(formset: BaseFormSet[PromoteLine], classes: list[Classroom]) -> list[Promotion]:
    """Of a valid formset: the chosen classes of these."""
    known = {classroom.code: classroom for classroom in classes}
    return [
        Promotion(known[said["code"]], " ".join(said["name"].split()), said["grade"])
        for said in (form.cleaned_data for form in formset)
        if said.get("chosen") and said.get("code") in known
    ]

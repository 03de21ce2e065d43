from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from grading.models import AuditEvent, School, Student, User
from grading.services.trail import ACTS, Wanted

MATCHES_AT_MOST = 30


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class TrailForm(forms.Form):
    """What of a school's audit trail is asked for. Everything may stay empty."""

    person = forms.ModelChoiceField(
        label=_("Person"),
        queryset=User.objects.none(),
        to_field_name="code",
        required=False,
        empty_label=_("everybody"),
    )
    verb = forms.ChoiceField(label=_("What was done"), required=False)
    since = forms.DateField(label=_("From"), required=False, widget=DayInput())
    until = forms.DateField(label=_("To"), required=False, widget=DayInput())
    student = forms.CharField(
        label=_("Student"),
        max_length=60,
        required=False,
        help_text=_("A part of the name, the school number, or the code on a receipt."),
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.school = school
        person, verb = self.fields["person"], self.fields["verb"]
        assert isinstance(person, forms.ModelChoiceField)
        assert isinstance(verb, forms.ChoiceField)
        person.queryset = self._people()
        verb.choices = [("", _("everything")), *ACTS]

    def _people(self) -> QuerySet[User]:
        """Who belongs to the school, and whoever is asked for and has done something in it."""
        people = Q(memberships__school=self.school)
        if code := _as_code(self.data.get("person", "")):
            acted = AuditEvent.objects.filter(school=self.school, actor=OuterRef("pk"))
            asked = User.objects.filter(Exists(acted), code=code)
            people |= Q(pk__in=[user.pk for user in asked])
        return User.objects.filter(people).distinct().order_by("name")

    def clean_student(self) -> list[UUID] | None:
        """Codes of those who are meant; a code is taken as it is, since they may be erased."""
        text = self.cleaned_data["student"].strip()
        if not text:
            return None
        if code := _as_code(text):
            return [code]
        named = Student.objects.filter(school=self.school).filter(
            Q(display_name__icontains=text) | Q(number=text)
        )
        codes = list(named.values_list("code", flat=True)[: MATCHES_AT_MOST + 1])
        if not codes:
            raise forms.ValidationError(_("No student of this school has this name."))
        if len(codes) > MATCHES_AT_MOST:
            raise forms.ValidationError(_("Many students have this name. Write more of it."))
        return codes

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first."))
        return self.cleaned_data

    @property
    def wanted(self) -> Wanted:
        data = self.cleaned_data
        return Wanted(data["person"], data["verb"], data["student"], data["since"], data["until"])

    @property
    def is_narrow(self) -> bool:
        """Something is filled in."""
        return any(self.data.get(name) for name in self.fields)


def _as_code(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""What an administrator records about consent and rights, one small form for each."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from grading.models import Amendment, Consent, LegalHold, School, SchoolYear, Student

YES_OR_NO = [("yes", _("Yes")), ("no", _("No"))]


class SaidForm(forms.Form):
    """How and when something was said."""

    source = forms.ChoiceField(label=_("How it was said"), choices=Consent.Source.choices)
    said_on = forms.DateField(
        label=_("Date"),
        initial=localdate,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The date on the form or of the message, not today's."),
    )

    def clean_said_on(self) -> Any:
        day = self.cleaned_data["said_on"]
        if day > localdate():
            raise forms.ValidationError(_("This day has not come yet."))
        return day


class ConsentForm(SaidForm):
    given = forms.ChoiceField(
        label=_("Work may be used for training"), choices=YES_OR_NO, widget=forms.RadioSelect
    )
    field_order = ["given", "source", "said_on"]

    @property
    def is_yes(self) -> bool:
        return self.cleaned_data["given"] == "yes"


class ClassConsentForm(SaidForm):
    """One pile of forms that say the same. The button pressed says what."""

    students = forms.ModelMultipleChoiceField(
        Student.objects.none(),
        to_field_name="code",
        error_messages={
            "required": _("Tick the students whose forms these are."),
            "invalid_choice": _("One of these students is no longer on the list of this class."),
            "invalid_pk_value": _("One of these students is no longer on the list of this class."),
        },
    )
    given = forms.ChoiceField(choices=YES_OR_NO)

    def __init__(self, *args: Any, students: QuerySet[Student], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["students"].queryset = students  # type: ignore[attr-defined]

    @property
    def is_yes(self) -> bool:
        return self.cleaned_data["given"] == "yes"


class OnceForm(forms.ModelForm):
    """``code`` is made with the page, so that sending it twice makes one row."""

    code = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AmendmentForm(OnceForm):
    class Meta:
        model = Amendment
        fields = ["text", "asked_by"]
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "dir": "auto"})}
        labels = {"text": _("What should stand beside the record"), "asked_by": _("Who asks")}
        help_texts = {
            "text": _(
                "Nothing in the record is changed. Everybody who reads it, or a report of it, "
                "reads this too. Once it is here, it stays."
            ),
            "asked_by": _("For example: mother, or the school"),
        }


class HoldForm(OnceForm):
    class Meta:
        model = LegalHold
        fields = ["reason"]
        labels = {"reason": _("Why it has to be kept")}


class YearHoldForm(HoldForm):
    year = forms.ModelChoiceField(
        SchoolYear.objects.none(), label=_("School year"), to_field_name="code", empty_label=None
    )
    field_order = ["year", "reason"]

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["year"].queryset = school.years.all()  # type: ignore[attr-defined]


class ExportForm(forms.Form):
    with_names = forms.BooleanField(
        label=_("With the names of teachers and other staff; without, only their roles"),
        required=False,
        initial=True,
    )


class EraseForm(forms.Form):
    """The name is typed, so that nobody erases the wrong child by a slip of the hand."""

    name = forms.CharField(
        label=_("The student's name, as it stands above"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    def __init__(self, *args: Any, student: Student, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.student = student

    def clean_name(self) -> str:
        typed, name = (
            " ".join(text.split()).casefold()
            for text in (self.cleaned_data["name"], self.student.display_name)
        )
        if typed != name:
            raise forms.ValidationError(_("This is not the name above. Nothing was erased."))
        return typed

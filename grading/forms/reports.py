from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import ReportJob

WHICH = [
    ("confirmed", _("all confirmed work")),
    ("released", _("released work only")),
]


class ReportForm(forms.ModelForm):
    """What is in a report and how it is printed. The page shows the same works as the file."""

    which = forms.ChoiceField(label=_("works"), choices=WHICH, required=False)

    class Meta:
        model = ReportJob
        fields = ["year", "paper", "form"]

    field_order = ["year", "which", "paper", "form"]

    def __init__(self, *args: Any, years: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["paper"].required = False
        self.fields["form"].required = False
        if self.instance.student is None:
            del self.fields["year"]
        else:
            del self.fields["form"]
            choices = [(year, year) for year in years]
            self.fields["year"] = forms.ChoiceField(
                label=_("school year"), choices=[*choices, ("", _("all years"))], required=False
            )
            self.order_fields(self.field_order)

    def job(self) -> ReportJob:
        """The report that was asked for; nonsense in a field falls back to what is usual."""
        self.full_clean()
        job, said = self.instance, self.cleaned_data
        job.year = said.get("year", "")
        job.only_released = said.get("which") == "released"
        job.paper = said.get("paper") or ReportJob.Paper.A4
        job.form = said.get("form") or ReportJob.Form.ONE_FILE
        return job

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from grading.models import Appeal, FamilyLink


def day_choices() -> list[tuple[int, str]]:
    """Made for each page, as it has a language."""
    return [
        (days, ngettext("%(count)d day", "%(count)d days", days) % {"count": days})
        for days in (7, 30, 90, 365)
    ]


class FamilyLinkForm(forms.ModelForm):
    """A new link. ``code`` is made with the page, so that sending it twice makes one link."""

    code = forms.UUIDField(widget=forms.HiddenInput)
    days = forms.TypedChoiceField(label=_("works for"), coerce=int, choices=day_choices, initial=30)

    class Meta:
        model = FamilyLink
        fields = ["note"]


class AskAgainForm(forms.ModelForm):
    class Meta:
        model = Appeal
        fields = ["reason"]
        widgets = {"reason": forms.Textarea(attrs={"rows": 4, "dir": "auto"})}

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import School
from grading.screens import GUIDES


class SchoolForm(forms.ModelForm):
    """What an administrator decides for the whole school."""

    class Meta:
        model = School
        fields = ["blind_percent", "minutes_before", "minutes_measured"]
        labels = {
            "blind_percent": _("Pictures looked at without the model first, in percent"),
            "minutes_before": _("Minutes a picture took to assess before"),
            "minutes_measured": _("These minutes were measured with a clock, not estimated"),
        }
        help_texts = {
            "blind_percent": _(
                "For this share, chosen by chance, the model's levels stay hidden until the "
                "teacher's own are in. It keeps the eye sharp, and shows how far the model pulls."
            ),
            "minutes_before": _(
                "Assess ten pictures in the old way with a clock and enter the mean. Leave it "
                "empty if nobody knows: then no saving is shown."
            ),
        }


THEMES = [("", _("as the device says")), ("light", _("light")), ("dark", _("dark"))]


class PreferencesForm(forms.Form):
    """How pages look to one person. Only what was sent is set."""

    theme = forms.ChoiceField(choices=THEMES, required=False)
    guide_done = forms.ChoiceField(
        choices=[(slug, slug) for slug in GUIDES.values()], required=False
    )
    guides_again = forms.BooleanField(required=False)

    def merged(self, preferences: dict) -> dict:
        """``preferences`` with what was sent."""
        found = dict(preferences)
        if "theme" in self.data:
            found["theme"] = self.cleaned_data["theme"]
        done = self.cleaned_data["guide_done"]
        if self.cleaned_data["guides_again"]:
            found["guide"] = []
        elif done:
            found["guide"] = sorted({*found.get("guide", []), done})
        return found

from __future__ import annotations

from django import forms

from grading.models import Length, Tone


class MannerForm(forms.Form):
    """How a draft should sound."""

    tone = forms.ChoiceField(choices=Tone.choices)
    length = forms.ChoiceField(choices=Length.choices)

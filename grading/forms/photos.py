from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.intake.edits import Corners, Edit, Gains

CORNERS = ("top_left", "top_right", "bottom_right", "bottom_left")


class EditForm(forms.Form):
    """Corners in percent of the untouched picture; ``crop`` and ``light`` say what is wanted."""

    crop = forms.BooleanField(required=False)
    light = forms.BooleanField(required=False)
    turn = forms.TypedChoiceField(choices=[(n, n) for n in range(4)], coerce=int, required=False)

    def __init__(self, *args: Any, gains: Gains | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gains = gains  # what the light would be
        for corner in CORNERS:
            for axis in "xy":
                self.fields[f"{corner}_{axis}"] = forms.FloatField(
                    required=False, min_value=0, max_value=100
                )

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        corners: Corners | None = None
        if data.get("crop"):
            shares = [data.get(f"{corner}_{axis}") for corner in CORNERS for axis in "xy"]
            numbers = [share / 100 for share in shares if share is not None]
            if len(numbers) < len(shares):
                raise forms.ValidationError(_("Each corner needs two numbers from 0 to 100."))
            a, b, c, d = zip(numbers[::2], numbers[1::2], strict=True)
            corners = (a, b, c, d)
        try:
            edit = Edit(corners, self.gains if data.get("light") else None, data.get("turn") or 0)
        except ValueError as error:
            raise forms.ValidationError(_(str(error))) from None
        return {**data, "edit": edit}

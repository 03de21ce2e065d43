from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.forms.annotations import LevelField
from grading.models import RubricDimension


class ExampleForm(forms.Form):
    """A level for every dimension; nothing is shown before all are there."""

    def __init__(self, *args: Any, dimensions: Iterable[RubricDimension], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dimensions = list(dimensions)
        for dimension in self.dimensions:
            self.fields[dimension.slug] = LevelField(dimension.version.levels)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        missing = [d.shown_name for d in self.dimensions if data.get(d.slug) is None]
        if missing:
            raise forms.ValidationError(
                _("Choose a level for: %(names)s."), params={"names": ", ".join(missing)}
            )
        return data

    @property
    def levels(self) -> dict[RubricDimension, int]:
        return {d: self.cleaned_data[d.slug] for d in self.dimensions}

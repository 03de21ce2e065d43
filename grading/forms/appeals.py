from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import Appeal, RubricDimension

UNSURE = "none"


class LookForm(forms.Form):
    """Nine rows of levels; every row wants an answer, which may be "I cannot tell"."""

    comment = forms.CharField(
        label=_("comment"),
        required=False,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )

    def __init__(self, *args: Any, dimensions: Iterable[RubricDimension], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dimensions = list(dimensions)
        for dimension in self.dimensions:
            choices = [(str(w.level), w.shown_words) for w in dimension.level_words.all()]
            self.fields[f"level-{dimension.slug}"] = forms.ChoiceField(
                label=dimension.shown_name,
                choices=[*choices, (UNSURE, _("I cannot tell"))],
                widget=forms.RadioSelect,
                error_messages={"required": _("Choose a level, or “I cannot tell”.")},
            )

    @property
    def rows(self) -> list[tuple[RubricDimension, forms.BoundField]]:
        return [(d, self[f"level-{d.slug}"]) for d in self.dimensions]

    @property
    def levels(self) -> dict[RubricDimension, int]:
        said = {d: self.cleaned_data[f"level-{d.slug}"] for d in self.dimensions}
        return {d: int(level) for d, level in said.items() if level != UNSURE}


class OutcomeForm(forms.ModelForm):
    class Meta:
        model = Appeal
        fields = ["outcome"]
        labels = {"outcome": _("your answer")}
        widgets = {"outcome": forms.Textarea(attrs={"rows": 3, "dir": "auto"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome"].required = True

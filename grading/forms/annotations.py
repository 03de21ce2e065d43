from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import RubricDimension
from grading.models.annotations import REASON_AT_MOST
from grading.services.annotations import LEFT_OUT, LevelChange

WORDS_AT_MOST = 1200


class LevelField(forms.TypedChoiceField):
    """One level of a scale; empty for none."""

    def __init__(self, levels: Iterable[int], **kwargs: Any) -> None:
        super().__init__(
            choices=[(level, level) for level in levels],
            coerce=int,
            required=False,
            empty_value=None,
            **kwargs,
        )


class MarkField(forms.ChoiceField):
    """What a page showed of a dimension, as services.annotations.level_mark says it."""

    def __init__(self, levels: Iterable[int]) -> None:
        marks = [*map(str, levels), LEFT_OUT]
        super().__init__(choices=[(mark, mark) for mark in marks], required=False)


class LevelForm(forms.Form):
    """One level of one dimension, an empty one to clear it, or why there is none."""

    def __init__(self, *args: Any, dimension: RubricDimension, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.why, self.before = f"why-{dimension.slug}", f"before-{dimension.slug}"
        self.fields["level"] = LevelField(dimension.version.levels)
        self.fields[self.before] = MarkField(dimension.version.levels)
        self.fields[self.why] = forms.CharField(required=False, max_length=REASON_AT_MOST)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = {"level": None, "not_assessed": ""}
        if "not_assessed" in self.data:
            reason = " ".join(self.cleaned_data.get(self.why, "").split())
            data["not_assessed"] = reason or str(_("No reason given"))
        elif "level" in self.data:
            data["level"] = self.cleaned_data.get("level")
        else:
            raise forms.ValidationError(_("Choose a level."))
        data["begun_with"] = (
            self.cleaned_data.get(self.before) if self.before in self.data else None
        )
        return data


class WordsField(forms.CharField):
    """Lines end as they are stored, whatever the browser sent."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=WORDS_AT_MOST)

    def to_python(self, value: Any) -> str:
        return str(super().to_python((value or "").replace("\r\n", "\n")))


class WordsForm(forms.Form):
    strength = WordsField()
    next_step = WordsField()
    words_before = forms.CharField(required=False)  # mark of the words the page began with


class ReviewForm(WordsForm):
    """The whole picture page at once: every level, as it was and as it is, and the words."""

    scores_seen = forms.CharField(required=False)
    clear = forms.SlugField(required=False)  # go back to the proposed level of this dimension
    not_assessed = forms.SlugField(required=False)  # this one is left out: not saved here

    def __init__(self, *args: Any, dimensions: Iterable[RubricDimension], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dimensions = list(dimensions)
        for dimension in self.dimensions:
            self.fields[f"level-{dimension.slug}"] = LevelField(dimension.version.levels)
            self.fields[f"before-{dimension.slug}"] = MarkField(dimension.version.levels)

    def changes(self) -> dict[RubricDimension, LevelChange]:
        found = {}
        for dimension in self.dimensions:
            if dimension.slug == self.cleaned_data["not_assessed"]:
                continue
            level = self.cleaned_data[f"level-{dimension.slug}"]
            before = self.cleaned_data[f"before-{dimension.slug}"]
            after = "" if level is None else str(level)
            if dimension.slug == self.cleaned_data["clear"]:
                after = ""
            elif before == LEFT_OUT and not after:  # no button is pressed in a row that is left out
                after = LEFT_OUT
            found[dimension] = LevelChange(before, after)
        return found

    @property
    def only_words_are_wrong(self) -> bool:
        return self.errors.keys() <= {"strength", "next_step"}

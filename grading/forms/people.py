from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from grading.models import School
from grading.screens import GUIDES


@dataclass(frozen=True)
class Group:
    title: Promise
    about: Promise
    fields: tuple[str, ...]


SETTINGS: tuple[Group, ...] = (
    Group(
        _("What the machine may do"),
        _(
            "Each switch works at once, for every class. What was proposed and decided before "
            "stays on record either way."
        ),
        ("scoring_on", "drafts_on", "training_on"),
    ),
    Group(
        _("Second opinions"),
        _("They keep eyes sharp, and show how far the model pulls."),
        ("blind_percent",),
    ),
    Group(
        _("Time"),
        _("What the program saves is shown in the overview of a class."),
        ("minutes_before", "minutes_measured"),
    ),
    Group(
        _("Keeping"),
        _("Work that is older goes by itself, unless a hold stands over it."),
        ("kept_days",),
    ),
)


class SchoolForm(forms.ModelForm):
    """What an administrator decides for the whole school."""

    class Meta:
        model = School
        fields = [name for group in SETTINGS for name in group.fields]
        labels = {
            "scoring_on": _("A model proposes levels"),
            "drafts_on": _("Words of feedback are proposed"),
            "training_on": _("Decisions may train the model"),
            "kept_days": _("Days that work is kept after its school year has ended"),
            "blind_percent": _("Pictures looked at without the model first, in percent"),
            "minutes_before": _("Minutes a picture took to assess before"),
            "minutes_measured": _("These minutes were measured with a clock, not estimated"),
        }
        help_texts = {
            "scoring_on": _(
                "A model that runs at the school looks at each picture and proposes levels; a "
                "teacher decides. Switched off, waiting pictures are no longer looked at, open "
                "proposals are hidden, and every level is set by hand. Switched on again, the "
                "pictures that nobody has decided about are looked at within a minute."
            ),
            "drafts_on": _(
                "A strength and a next step are drafted from the proposed levels, for the teacher "
                "to change. Switched off, or while no model proposes levels, the teacher begins "
                "with an empty field and their own comments."
            ),
            "training_on": _(
                "What teachers decided may train the adapters, for students whose family said yes "
                "and for no others. Switched off, nothing of this school is in the next training, "
                "whatever families said. It stays in the school either way."
            ),
            "kept_days": _(
                "Between 30 days and ten years. After that, pictures, levels and words of the "
                "year are erased, with a receipt."
            ),
            "blind_percent": _(
                "For this share, chosen by chance, the model's levels stay hidden until the "
                "teacher's own are in. 0 switches it off, and it rests while no model proposes."
            ),
            "minutes_before": _(
                "Assess ten pictures in the old way with a clock and enter the mean. Leave it "
                "empty if nobody knows: then no saving is shown."
            ),
        }

    @property
    def groups(self) -> list[tuple[Group, list[forms.BoundField]]]:
        return [(group, [self[name] for name in group.fields]) for group in SETTINGS]

    @property
    def as_opened(self) -> list[tuple[str, str]]:
        """Hidden fields: what the page showed when it was opened."""
        return [
            (key := f"opened-{name}", self.data.get(key, str(self[name].initial)))
            for name in self.fields
        ]

    @property
    def set_by_hand(self) -> list[str]:
        """Fields that this person changed. What somebody else has changed since the page was
        opened is left as theirs."""
        return [
            name
            for name in self.changed_data
            if self.data.get(f"opened-{name}") != str(self.cleaned_data[name])
        ]


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

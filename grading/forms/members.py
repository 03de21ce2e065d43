from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import Role


class InvitationForm(forms.Form):
    """``code`` is made with the page, so that sending it twice invites once."""

    code = forms.UUIDField(widget=forms.HiddenInput)
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "dir": "ltr"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one role, or remove the person from the school.")
        },
    )

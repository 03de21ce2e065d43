"""The forms of allauth with our words. What they check is allauth's, but where a line says so."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from grading.letters import send_letter
from grading.models import User
from grading.services.accounts import claim_step


def said_differently(form: forms.Form, **labels: Any) -> None:
    """Our labels; no placeholders, which vanish as one types, and no links in help texts."""
    for name, field in form.fields.items():
        field.label = labels.get(name, field.label)
        field.widget.attrs.pop("placeholder", None)
        field.help_text = ""


class SignInForm(account.LoginForm):
    """Signs in by e-mail address. One message for every mistake, so that nothing is given away."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, login=_("E-mail address"), password=_("Password"))
        self.fields["login"].widget.attrs.update(autocomplete="username", autofocus=True)

    def add_prefix(self, field_name: str) -> str:
        """What password managers and scripts have always known this field by."""
        return super().add_prefix("username" if field_name == "login" else field_name)


class ForgottenForm(account.ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, email=_("E-mail address"))
        self.fields["email"].widget.attrs.update(autocomplete="username", autofocus=True)

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """A letter goes out in any case: so the page is equally fast without an account."""
        email: str = self.cleaned_data["email"]
        if self.users:
            return super().save(request, **kwargs)
        send_letter("no_account", email)
        return email


class ResetLinkForm(account.UserTokenForm):
    def _get_user(self, uidb36: str | None) -> User | None:
        try:
            return User.objects.filter(code=uidb36 or "", is_active=True).first()
        except ValidationError:
            return None


class NewPasswordForm(account.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, password1=_("New password"), password2=_("The same again"))


class ChangePasswordForm(account.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(
            self,
            oldpassword=_("Your password until now"),
            password1=_("New password"),
            password2=_("The same again"),
        )


class PasswordAgainForm(account.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, password=_("Password"))
        self.fields["password"].widget.attrs["autofocus"] = True


# ------------------------------------------------------------------------------ second factor
class OneUseMixin:
    """A code counts once, whichever web process sees it (RFC 6238, 5.2)."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        factor: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if factor.type == Authenticator.Type.TOTP and not claim_step(factor, _step(factor, code)):
            raise mfa.get_adapter().validation_error("incorrect_code")
        return code


def _step(factor: Authenticator, code: str) -> int:
    """The time step that the code, which is known to be right, is of."""
    secret, digits = decrypt(factor.data["secret"]), int("".join(c for c in code if c.isdigit()))
    steps = list(yield_hotp_counters_from_time())
    return next((step for step in steps if hotp_value(secret, step) == digits), steps[0])


class CodeForm(OneUseMixin, mfa.AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, code=_("Code"))
        self.fields["code"].widget.attrs.update(autofocus=True, inputmode="numeric", dir="ltr")


class CodeAgainForm(OneUseMixin, mfa.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, code=_("Code"))
        self.fields["code"].widget.attrs.update(autofocus=True, inputmode="numeric", dir="ltr")


class FirstCodeForm(totp.ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said_differently(self, code=_("The code that the app shows now"))
        self.fields["code"].widget.attrs.update(inputmode="numeric", dir="ltr")


# -------------------------------------------------------------------------------- invitations
class JoinForm(forms.Form):
    """Makes the account of somebody who was invited."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
    )
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=_("The same again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        password = found.get("password1")
        if password and password != found.get("password2"):
            self.add_error("password2", _("The two passwords differ."))
        elif password:
            person = User(email=self.email, name=found.get("name", ""))
            try:
                password_validation.validate_password(password, person)
            except ValidationError as weak:
                self.add_error("password1", weak)
        return found

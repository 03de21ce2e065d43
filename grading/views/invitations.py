"""What whoever holds an invitation sees. The token says which; it opens nothing else."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from grading.forms.accounts import JoinForm
from grading.models import Invitation
from grading.services.invitations import (
    NotForYou,
    NotUsable,
    accept_invitation,
    invited_account,
    join_as_new,
)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Unknown, used, taken back and run out look exactly alike."""
    found = Invitation.objects.by_token(token)
    if found is None or not found.is_usable:
        return _gone(request)
    try:
        if request.user.is_authenticated:
            return _for_a_member(request, found)
        if invited_account(found):
            url = f"{reverse('sign-in')}?{urlencode({'next': request.path})}"
            return _page(request, "invitation_sign_in", found, url=url)
        return _for_a_newcomer(request, found)
    except NotUsable:
        return _gone(request)
    except NotForYou:
        return redirect(request.path)


def _for_a_member(request: HttpRequest, found: Invitation) -> HttpResponse:
    assert request.user.is_authenticated
    if request.user.email != found.email:
        return _page(request, "invitation_other", found, status=403)
    if request.method == "GET":
        return _page(request, "invitation", found)
    accept_invitation(found, request.user)
    _welcome(request, found)
    return redirect("grading:home")


def _for_a_newcomer(request: HttpRequest, found: Invitation) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = JoinForm(sent, email=found.email)
    if not form.is_valid():
        return _page(request, "invitation", found, form=form, status=422 if form.errors else 200)
    name, password = form.cleaned_data["name"], form.cleaned_data["password1"]
    user = join_as_new(found, name=name, password=password)
    _welcome(request, found)
    return perform_login(request, user, redirect_url=reverse("grading:home"))


def _welcome(request: HttpRequest, found: Invitation) -> None:
    words = _("Welcome to %(school)s. Your role: %(role)s.")
    messages.success(request, words % {"school": found.school, "role": found.get_role_display()})


def _page(
    request: HttpRequest, name: str, found: Invitation, status: int = 200, **context: Any
) -> HttpResponse:
    context |= {"invitation": found, "school": found.school}
    response = render(request, f"grading/{name}.html", context, status=status)
    response["Cache-Control"] = "no-store"
    # The address, which holds the token, goes nowhere. With "no-referrer" a browser would send the
    # form as coming from nowhere, which Django refuses.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _gone(request: HttpRequest) -> HttpResponse:
    response = render(request, "grading/invitation_gone.html", status=404)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response

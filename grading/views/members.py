"""The people of a school: who is there as what, and who is invited."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.forms.members import InvitationForm, RolesForm
from grading.letters import send_letter
from grading.models import Invitation, Membership, School, User
from grading.services.invitations import (
    AlreadyInvited,
    AlreadyMember,
    invite,
    invite_again,
    revoke_invitation,
)
from grading.services.members import LastAdministrator, set_roles
from grading.views.requests import SignedInRequest
from grading.views.schools import administered_school


@dataclass(frozen=True)
class NewLink:
    """Shown once, in the answer that made it."""

    invitation: Invitation
    address: str
    sent: bool


@login_required
@require_GET
def people(request: SignedInRequest, code: UUID) -> HttpResponse:
    return _people_page(request, administered_school(request, code))


@login_required
@require_POST
def invite_person(request: SignedInRequest, code: UUID) -> HttpResponse:
    school = administered_school(request, code)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _people_page(request, school, form, status=422)
    try:
        made = invite(school, request.user, **form.cleaned_data)
    except AlreadyMember:
        form.add_error("email", _("This person has this role already."))
        return _people_page(request, school, form, status=422)
    except AlreadyInvited:
        form.add_error("email", _("This address is invited already. You can send it again below."))
        return _people_page(request, school, form, status=422)
    if made is None:
        messages.info(request, _("This invitation was made before, and its link shown once."))
        return redirect("grading:people", code)
    return _people_page(request, school, made=_deliver(request, *made))


@login_required
@require_POST
def send_again(request: SignedInRequest, code: UUID) -> HttpResponse:
    invitations = Invitation.objects.for_user(request.user).select_related("school")
    invitation = get_object_or_404(invitations, code=code)
    token = invite_again(invitation, request.user, request.POST.get("seen", "-"))
    if token is None:
        messages.info(request, _("This invitation has changed in the meantime. Look again."))
        return redirect("grading:people", invitation.school.code)
    invitation.refresh_from_db()
    return _people_page(request, invitation.school, made=_deliver(request, invitation, token))


@login_required
@require_POST
def take_back(request: SignedInRequest, code: UUID) -> HttpResponse:
    invitations = Invitation.objects.for_user(request.user).select_related("school")
    invitation = get_object_or_404(invitations, code=code)
    if revoke_invitation(invitation, request.user):
        messages.success(request, _("The invitation is taken back. Its link opens nothing."))
    return redirect("grading:people", invitation.school.code)


@login_required
@require_http_methods(["GET", "POST"])
def person(request: SignedInRequest, code: UUID, person: UUID) -> HttpResponse:
    school = administered_school(request, code)
    member = get_object_or_404(_members(school), code=person)
    roles = [membership.role for membership in member.memberships.filter(school=school)]
    sent = request.POST if request.method == "POST" else None
    form = RolesForm(sent, initial={"roles": roles})
    if form.is_valid():
        if _change(request, school, member, form.cleaned_data["roles"]):
            messages.success(request, _("The roles are saved, and count from now on."))
        return _onward(request, school)
    context = {"school": school, "member": member, "form": form}
    return render(request, "grading/person.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def remove_person(request: SignedInRequest, code: UUID, person: UUID) -> HttpResponse:
    school = administered_school(request, code)
    member = get_object_or_404(_members(school), code=person)
    if _change(request, school, member, []):
        messages.success(request, _("Removed. Nothing of the school opens to them any more."))
    return _onward(request, school)


def _onward(request: SignedInRequest, school: School) -> HttpResponse:
    """To the people; or away, for whoever has just stepped down."""
    if School.objects.administered_by(request.user).filter(pk=school.pk).exists():
        return redirect("grading:people", school.code)
    return redirect("grading:home")


def _change(request: SignedInRequest, school: School, member: User, roles: list[str]) -> bool:
    try:
        return set_roles(school, member, roles, request.user)
    except LastAdministrator:
        words = _("A school needs an administrator. Make somebody else one first.")
        messages.error(request, words)
        return False


def _members(school: School) -> QuerySet[User]:
    here = Membership.objects.filter(school=school).order_by("role")
    factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    return (
        User.objects.filter(Exists(here.filter(user=OuterRef("pk"))))
        .annotate(second_factor=Exists(factor))
        .prefetch_related(Prefetch("memberships", here, to_attr="roles_here"))
        .order_by("name", "pk")
    )


def _deliver(request: SignedInRequest, invitation: Invitation, token: str) -> NewLink:
    address = request.build_absolute_uri(reverse("grading:invitation", args=[token]))
    sent = send_letter(
        "invitation",
        invitation.email,
        url=address,
        school=invitation.school,
        inviter=request.user,
        role=invitation.get_role_display(),
        until=invitation.expires_at,
    )
    return NewLink(invitation, address, sent)


def _people_page(
    request: SignedInRequest,
    school: School,
    form: InvitationForm | None = None,
    made: NewLink | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "school": school,
        "members": _members(school),
        "invitations": school.invitations.open().select_related("invited_by"),
        "form": form or InvitationForm(initial={"code": uuid4()}),
        "made": made,
    }
    response = render(request, "grading/people.html", context, status=status)
    if made:
        response["Cache-Control"] = "no-store"
    return response

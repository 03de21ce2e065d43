"""How somebody is invited into a school, and comes in.

The token is shown to whoever invites and sent by e-mail; only its hash is kept. It counts once.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from grading.models import AuditEvent, Invitation, Membership, School, User
from grading.services.audit import record

WORKS_FOR = timedelta(days=7)
Verb = AuditEvent.Verb


class AlreadyMember(Exception):
    """The person has this role at this school."""


class AlreadyInvited(Exception):
    """A link to this role is under way to this address. It can be sent again."""


class NotUsable(Exception):
    """Used, taken back or run out, perhaps a moment ago."""


class NotForYou(Exception):
    """The invitation is for another address."""


@transaction.atomic
def invite(
    school: School, by: User, *, email: str, role: str, code: UUID
) -> tuple[Invitation, str] | None:
    """The invitation and its token; None if ``code``, which comes with the form, has made one."""
    School.objects.select_for_update().get(pk=school.pk)  # two who invite take turns
    if Invitation.objects.filter(code=code).exists():
        return None
    email = email.strip().lower()
    if Membership.objects.filter(school=school, user__email=email, role=role).exists():
        raise AlreadyMember
    before = Invitation.objects.open().filter(school=school, email=email, role=role)
    if before.filter(expires_at__gt=now()).exists():
        raise AlreadyInvited
    before.update(revoked_at=now())  # what ran out makes room
    token = Invitation.new_token()
    invitation = Invitation.objects.create(
        code=code,
        school=school,
        email=email,
        role=role,
        token_sha256=Invitation.digest(token),
        invited_by=by,
        expires_at=now() + WORKS_FOR,
    )
    record(by, Verb.INVITED, invitation, school, role=role)
    return invitation, token


@transaction.atomic
def invite_again(invitation: Invitation, by: User, seen: str) -> str | None:
    """A new token for seven more days; the one before opens nothing any more.

    ``seen`` comes with the page, so that pressing twice does not spoil the first link.
    """
    token = Invitation.new_token()
    same = Invitation.objects.open().filter(pk=invitation.pk, token_sha256__startswith=seen)
    if not same.update(token_sha256=Invitation.digest(token), expires_at=now() + WORKS_FOR):
        return None
    record(by, Verb.INVITED, invitation, invitation.school, role=invitation.role, again=True)
    return token


@transaction.atomic
def revoke_invitation(invitation: Invitation, by: User) -> bool:
    """False if it was used or taken back before."""
    if not Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=now()):
        return False
    record(by, Verb.REVOKED, invitation, invitation.school, role=invitation.role)
    return True


def invited_account(invitation: Invitation) -> User | None:
    return User.objects.filter(email=invitation.email).first()


@transaction.atomic
def accept_invitation(invitation: Invitation, user: User) -> None:
    if user.email != invitation.email:
        raise NotForYou
    _claim(invitation)
    _join(invitation, user)


@transaction.atomic
def join_as_new(invitation: Invitation, *, name: str, password: str) -> User:
    """Make the account of somebody who has none."""
    _claim(invitation)
    if invited_account(invitation):
        raise NotForYou  # made a moment ago: sign in with it
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, name=name)
    except IntegrityError:  # by an invitation of another school, in this moment
        raise NotForYou from None
    _join(invitation, user)
    return user


def _claim(invitation: Invitation) -> None:
    """Of two who use the same link at the same time, one comes through."""
    usable = Invitation.objects.usable().filter(pk=invitation.pk)
    if not usable.update(accepted_at=now()):
        raise NotUsable


def _join(invitation: Invitation, user: User) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)
    Membership.objects.get_or_create(user=user, school=invitation.school, role=invitation.role)
    record(user, Verb.JOINED, invitation, invitation.school, role=invitation.role)

"""Who is at a school, and as what. A role that is taken away ends what it opened at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from grading.models import AuditEvent, Invitation, Membership, Role, School, User
from grading.services.audit import record
from grading.services.invitations import revoke_invitation


class LastAdministrator(Exception):
    """Somebody has to be able to let people in."""


@transaction.atomic
def set_roles(school: School, person: User, roles: Iterable[str], by: User) -> bool:
    """Give and take roles so that the person has these; none takes them out of the school.

    False if nothing changed. What they taught stays on record, and opens nothing without a role.
    An invitation that would bring back what is taken is taken back, too.
    """
    School.objects.select_for_update().get(pk=school.pk)  # two administrators take turns
    mine = Membership.objects.filter(school=school, user=person)
    before, after = set(mine.values_list("role", flat=True)), set(roles)
    if before - after:
        if Role.ADMINISTRATOR in before - after and not _others_administer(school, person):
            raise LastAdministrator
        mine.filter(role__in=before - after).delete()
        _revoke_invitations(school, person, before - after if after else set(Role), by)
        _tell(AuditEvent.Verb.FORBIDDEN, school, person, before - after, by)
    if after - before:
        Membership.objects.bulk_create(
            Membership(school=school, user=person, role=role) for role in sorted(after - before)
        )
        _tell(AuditEvent.Verb.PERMITTED, school, person, after - before, by)
    return before != after


def _others_administer(school: School, person: User) -> bool:
    administrators = Membership.objects.filter(school=school, role=Role.ADMINISTRATOR)
    return administrators.exclude(user=person).filter(user__is_active=True).exists()


def _revoke_invitations(school: School, person: User, roles: Iterable[str], by: User) -> None:
    sent = Invitation.objects.open().filter(school=school, email=person.email, role__in=roles)
    for invitation in sent:
        revoke_invitation(invitation, by)


def _tell(verb: AuditEvent.Verb, school: School, person: User, roles: set[str], by: User) -> None:
    record(by, verb, person, school, roles=sorted(roles))

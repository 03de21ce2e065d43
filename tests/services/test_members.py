"""Roles are given and taken; what is taken ends at once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grading.models import (
    AuditEvent,
    Classroom,
    Membership,
    Role,
    School,
    Student,
    Teaching,
)
from grading.services.invitations import NotUsable, accept_invitation, invite
from grading.services.members import LastAdministrator, set_roles


def roles(user, school) -> set[str]:
    return set(user.memberships.filter(school=school).values_list("role", flat=True))


def test_a_person_may_have_several(school, alice, administrator):
    assert set_roles(school, alice, ["teacher", "administrator"], administrator)
    assert roles(alice, school) == {"teacher", "administrator"}


def test_the_trail_tells_what_was_given_and_taken(school, alice, administrator):
    set_roles(school, alice, ["annotator"], administrator)
    taken, given = AuditEvent.objects.order_by("pk")
    assert (taken.verb, taken.detail) == ("forbidden", {"roles": ["teacher"]})
    assert (given.verb, given.detail) == ("permitted", {"roles": ["annotator"]})
    assert {taken.object_code, given.object_code} == {alice.code}
    assert {taken.school, given.school} == {school}


def test_the_same_again_changes_nothing(school, alice, administrator):
    assert not set_roles(school, alice, ["teacher"], administrator)
    assert not AuditEvent.objects.exists()


def test_who_is_removed_does_not_come_back_by_an_older_link(school, alice, administrator):
    made = invite(school, administrator, email=alice.email, role=Role.ANNOTATOR, code=uuid4())
    set_roles(school, alice, [], administrator)
    with pytest.raises(NotUsable):
        accept_invitation(made[0], alice)
    assert not alice.memberships.exists()
    assert AuditEvent.objects.filter(verb="revoked", object_code=made[0].code).exists()


def test_a_role_taken_away_does_not_come_back_by_an_older_link(school, alice, administrator):
    """Invited as an administrator, made one directly meanwhile, and taken back."""
    links = {
        role: invite(school, administrator, email=alice.email, role=role, code=uuid4())[0]
        for role in (Role.ADMINISTRATOR, Role.ANNOTATOR)
    }
    set_roles(school, alice, ["teacher", "administrator"], administrator)
    set_roles(school, alice, ["teacher"], administrator)
    with pytest.raises(NotUsable):
        accept_invitation(links[Role.ADMINISTRATOR], alice)
    accept_invitation(links[Role.ANNOTATOR], alice)
    assert roles(alice, school) == {"teacher", "annotator"}


def test_invitations_to_another_school_stay(school, alice, bob, administrator):
    other = bob.memberships.get().school
    made = invite(other, bob, email=alice.email, role=Role.TEACHER, code=uuid4())
    set_roles(school, alice, [], administrator)
    accept_invitation(made[0], alice)
    assert roles(alice, other) == {"teacher"}


def test_the_last_administrator_stays(school, administrator):
    for wanted in ([], ["teacher"]):
        with pytest.raises(LastAdministrator):
            set_roles(school, administrator, wanted, administrator)
    assert roles(administrator, school) == {"administrator"}


def test_one_whose_account_is_closed_does_not_count_as_another(school, alice, administrator):
    set_roles(school, alice, ["administrator"], administrator)
    alice.is_active = False
    alice.save()
    with pytest.raises(LastAdministrator):
        set_roles(school, administrator, [], administrator)


def test_an_administrator_of_another_school_does_not_count(school, alice, bob, administrator):
    other = bob.memberships.get().school
    Membership.objects.create(user=alice, school=other, role=Role.ADMINISTRATOR)
    with pytest.raises(LastAdministrator):
        set_roles(school, administrator, [], administrator)


def test_with_another_one_the_first_may_go(school, alice, administrator):
    set_roles(school, alice, ["administrator"], administrator)
    assert set_roles(school, administrator, [], administrator)


def test_who_is_removed_sees_nothing_though_what_they_taught_stays(
    school, classroom, alice, administrator
):
    assert Classroom.objects.for_user(alice).exists()
    set_roles(school, alice, [], administrator)
    assert Teaching.objects.filter(user=alice, classroom=classroom).exists()
    assert not Classroom.objects.for_user(alice).exists()
    assert not Student.objects.for_user(alice).exists()


def test_roles_count_at_their_school_only(school, alice, bob, administrator):
    """One person, a teacher here and an administrator there."""
    hillside: School = bob.memberships.get().school
    Membership.objects.create(user=alice, school=hillside, role=Role.ADMINISTRATOR)
    assert list(School.objects.administered_by(alice)) == [hillside]
    set_roles(school, alice, [], administrator)
    assert roles(alice, hillside) == {"administrator"}

"""A link by e-mail lets one person in, once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from grading.models import AuditEvent, Invitation, Membership, Role, User
from grading.services import invitations
from grading.services.invitations import (
    AlreadyInvited,
    AlreadyMember,
    NotForYou,
    NotUsable,
    accept_invitation,
    invite,
    invite_again,
    join_as_new,
    revoke_invitation,
)

NEW = "new@example.org"


@pytest.fixture
def made(school, administrator):
    return invite(school, administrator, email=NEW, role=Role.TEACHER, code=uuid4())


@pytest.fixture
def invitation(made) -> Invitation:
    return made[0]


@pytest.fixture
def newcomer(db) -> User:
    return User.objects.create_user(NEW, "pass-word-1", name="Nora")


def roles(user, school) -> set[str]:
    return set(user.memberships.filter(school=school).values_list("role", flat=True))


def test_only_the_hash_of_the_token_is_kept(made):
    invitation, token = made
    assert token not in str(Invitation.objects.values().get())
    assert Invitation.objects.by_token(token) == invitation


def test_it_works_for_seven_days(invitation):
    assert timedelta(days=6) < invitation.expires_at - now() <= timedelta(days=7)


def test_the_trail_tells_of_it_without_the_address(invitation, administrator, school):
    event = AuditEvent.objects.get(verb="invited")
    assert (event.actor, event.school, event.object_code) == (
        administrator, school, invitation.code,
    )  # fmt: skip
    assert event.detail == {"role": "teacher"}


def test_a_page_sent_twice_invites_once(school, administrator):
    code = uuid4()
    assert invite(school, administrator, email=NEW, role=Role.TEACHER, code=code)
    assert invite(school, administrator, email=NEW, role=Role.TEACHER, code=code) is None
    assert Invitation.objects.count() == 1


def test_the_same_address_is_not_invited_twice_however_it_is_written(invitation, administrator):
    with pytest.raises(AlreadyInvited):
        invite(invitation.school, administrator, email=NEW.upper(), role=Role.TEACHER, code=uuid4())


def test_nor_a_member_with_the_same_role(school, administrator, alice):
    with pytest.raises(AlreadyMember):
        invite(school, administrator, email=alice.email, role=Role.TEACHER, code=uuid4())
    invite(school, administrator, email=alice.email, role=Role.ADMINISTRATOR, code=uuid4())


def test_one_that_ran_out_makes_room(invitation, administrator):
    Invitation.objects.update(expires_at=now())
    assert invite(invitation.school, administrator, email=NEW, role=Role.TEACHER, code=uuid4())
    assert Invitation.objects.open().count() == 1


def test_sending_again_makes_the_first_link_useless(made, administrator):
    invitation, token = made
    Invitation.objects.update(expires_at=now())
    another = invite_again(invitation, administrator, invitation.token_sha256[:16])
    assert Invitation.objects.by_token(token) is None
    assert Invitation.objects.by_token(another).is_usable


def test_pressing_again_twice_sends_once(invitation, administrator):
    seen = invitation.token_sha256[:16]
    assert invite_again(invitation, administrator, seen)
    assert invite_again(invitation, administrator, seen) is None


def test_what_is_taken_back_is_neither_sent_nor_accepted(made, administrator, newcomer):
    invitation, _token = made
    assert revoke_invitation(invitation, administrator)
    assert not revoke_invitation(invitation, administrator)
    assert invite_again(invitation, administrator, invitation.token_sha256[:16]) is None
    with pytest.raises(NotUsable):
        accept_invitation(invitation, newcomer)
    assert not newcomer.memberships.exists()


def test_whoever_was_invited_joins_with_the_role(invitation, newcomer, school):
    accept_invitation(invitation, newcomer)
    assert roles(newcomer, school) == {"teacher"}
    invitation.refresh_from_db()
    assert invitation.accepted_by == newcomer
    event = AuditEvent.objects.get(verb="joined")
    assert (event.actor, event.school, event.detail) == (newcomer, school, {"role": "teacher"})


def test_it_counts_once(invitation, newcomer):
    accept_invitation(invitation, newcomer)
    with pytest.raises(NotUsable):
        accept_invitation(invitation, newcomer)
    assert AuditEvent.objects.filter(verb="joined").count() == 1


def test_nobody_else_can_use_it(invitation, bob, school):
    with pytest.raises(NotForYou):
        accept_invitation(invitation, bob)
    assert roles(bob, school) == set()
    invitation.refresh_from_db()
    assert invitation.is_usable


def test_one_that_ran_out_lets_nobody_in(invitation, newcomer):
    Invitation.objects.update(expires_at=now())
    with pytest.raises(NotUsable):
        accept_invitation(invitation, newcomer)


def test_a_newcomer_gets_an_account(invitation, school):
    user = join_as_new(invitation, name="Nora", password="seven quiet lanterns")
    assert (user.email, user.name) == (NEW, "Nora")
    assert user.check_password("seven quiet lanterns")
    assert roles(user, school) == {"teacher"}


def test_an_account_that_is_there_is_never_taken_over(invitation, newcomer):
    with pytest.raises(NotForYou):
        join_as_new(invitation, name="Mallory", password="seven quiet lanterns")
    newcomer.refresh_from_db()
    assert newcomer.name == "Nora"
    assert newcomer.check_password("pass-word-1")
    invitation.refresh_from_db()
    assert invitation.is_usable


def test_an_account_made_in_this_very_moment_is_not_taken_over_either(
    invitation, newcomer, monkeypatch
):
    """Two schools invited the same person, who has both pages open."""
    monkeypatch.setattr(invitations, "invited_account", lambda _invitation: None)
    with pytest.raises(NotForYou):
        join_as_new(invitation, name="Nora", password="seven quiet lanterns")
    invitation.refresh_from_db()
    assert invitation.is_usable


def test_a_member_with_the_role_by_other_means_keeps_it(invitation, newcomer, school):
    Membership.objects.create(user=newcomer, school=school, role=Role.TEACHER)
    accept_invitation(invitation, newcomer)
    assert newcomer.memberships.count() == 1


AT_ONCE = """
import threading
from uuid import uuid4
from django.db import connections
from grading.models import *
from grading.services.invitations import *

school = School.objects.create(name="Riverside")
boss = User.objects.create_user("adam@example.org", "pass-word-1", name="Adam")
nora = User.objects.create_user("nora@example.org", "pass-word-1", name="Nora")
gate = threading.Barrier(6)

def run(task):
    gate.wait(20)
    try:
        task()
    except (NotUsable, NotForYou) as refused:
        print(type(refused).__name__)
    else:
        print("joined")
    connections.close_all()

known, _ = invite(school, boss, email=nora.email, role="teacher", code=uuid4())
unknown, _ = invite(school, boss, email="new@example.org", role="teacher", code=uuid4())
tasks = [lambda: accept_invitation(known, nora)] * 3
tasks += [lambda: join_as_new(unknown, name="New", password="seven quiet lanterns")] * 3
threads = [threading.Thread(target=run, args=[task]) for task in tasks]
[thread.start() for thread in threads]
[thread.join(60) for thread in threads]
print("memberships", Membership.objects.count(), "people", User.objects.count())
print("told", AuditEvent.objects.filter(verb="joined").count())
"""


@pytest.mark.slow
def test_of_several_who_accept_at_the_same_moment_one_comes_in(tmp_path):
    """On a database of its own, which several connections write to."""
    env = {**os.environ, "KIDSART_DATA_DIR": str(tmp_path)}
    env["DJANGO_SETTINGS_MODULE"] = "kidsart_web.settings"

    def manage(*command: str) -> str:
        argv = [sys.executable, "manage.py", *command]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("migrate", "--verbosity", "0")
    said = manage("shell", "--verbosity", "0", "-c", AT_ONCE).splitlines()
    assert sorted(said[:6]) == ["NotUsable"] * 4 + ["joined"] * 2
    assert said[6:] == ["memberships 2 people 3", "told 2"]

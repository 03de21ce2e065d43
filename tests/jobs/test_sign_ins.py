"""What is left behind by sign-ins goes each night, and nobody who is signed in is signed out."""

from __future__ import annotations

from datetime import timedelta

from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from grading import tasks


def session(key: str, user, hours: int) -> None:
    Session.objects.create(session_key=key, expire_date=now() + timedelta(hours=hours))
    UserSession.objects.create(user=user, session_key=key, ip="192.0.2.1", user_agent="a browser")
    UserSession.objects.update(created_at=now() - timedelta(hours=13))


def test_sessions_that_have_ended_are_forgotten_with_where_they_were(alice):
    session("over", alice, hours=-1)
    session("open", alice, hours=1)
    tasks.forget_sign_ins()
    assert [s.session_key for s in Session.objects.all()] == ["open"]
    assert [s.session_key for s in UserSession.objects.all()] == ["open"]


def test_a_failure_is_forgotten_once_it_locks_nobody_out(db):
    for name, hours in (("long ago", 25), ("lately", 0)):
        attempt = AccessAttempt.objects.create(
            username=name, ip_address="192.0.2.1", failures_since_start=1
        )
        moment = now() - timedelta(hours=hours)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=moment)
    tasks.forget_sign_ins()
    assert [a.username for a in AccessAttempt.objects.all()] == ["lately"]

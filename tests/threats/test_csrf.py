"""No other site makes a teacher's browser do anything here."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from grading.models import AuditEvent
from tests.test_permissions import ADMINISTRATORS, NAMES


def test_every_url_refuses_a_form_without_the_token(url_of, alice, administrator):
    before = AuditEvent.objects.count()
    for name in NAMES:
        client = Client(enforce_csrf_checks=True)
        client.force_login(administrator if name in ADMINISTRATORS else alice)
        assert client.post(url_of(name), {"level": "1"}).status_code == 403, name
    assert AuditEvent.objects.count() == before


def test_a_script_without_the_header_is_refused_too(url_of, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    headers = {"HX-Request": "true", "X-Requested-With": "XMLHttpRequest"}
    assert client.post(url_of("grading:remove"), headers=headers).status_code == 403


def test_the_token_of_another_person_is_of_no_use(url_of, alice, bob):
    mine, theirs = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    mine.force_login(alice)
    theirs.force_login(bob)
    theirs.get("/")
    token = theirs.cookies["csrftoken"].value
    said = {"csrfmiddlewaretoken": token}
    assert mine.post(url_of("grading:remove"), said).status_code == 403


def test_a_form_that_comes_from_another_address_is_refused(url_of, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.get("/")
    said = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    evil = client.post(url_of("grading:remove"), said, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403
    assert client.post(url_of("grading:remove"), said).status_code == 302


def test_nothing_is_changed_by_following_a_link(url_of, client, alice):
    """Every change is a POST: an address in a picture or a mail does nothing but leave a trace."""
    client.force_login(alice)
    seen = {AuditEvent.Verb.VIEWED, AuditEvent.Verb.EXPORTED, AuditEvent.Verb.OPENED}
    before = AuditEvent.objects.count()
    for name in NAMES:
        client.get(url_of(name))
    verbs = {event.verb for event in AuditEvent.objects.order_by("pk")[before:]}
    assert verbs <= seen


def test_cookies_are_not_sent_along_from_other_sites(client, alice, settings):
    assert settings.SESSION_COOKIE_SAMESITE == settings.CSRF_COOKIE_SAMESITE == "Lax"
    response = client.get(reverse("sign-in"))
    assert response.cookies["csrftoken"]["samesite"] == "Lax"

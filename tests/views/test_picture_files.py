from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import now

from grading.models import Artwork, AuditEvent, Picture
from tests.conftest import jpeg


def url(picture, version: str = "thumbnail") -> str:
    return reverse("grading:picture", args=[picture.code, version])


@pytest.mark.parametrize("version", ["full", "display", "thumbnail"])
def test_the_teacher_gets_the_picture(client, alice, student, make_picture, version):
    client.force_login(alice)
    response = client.get(url(make_picture(student), version))
    assert b"".join(response.streaming_content) == jpeg()
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == "inline"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_browser_that_has_it_gets_304(client, alice, make_picture):
    client.force_login(alice)
    picture = make_picture()
    etag = client.get(url(picture))["ETag"]
    response = client.get(url(picture), headers={"If-None-Match": etag})
    assert response.status_code == 304
    assert client.get(url(picture, "full"), headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize("who", ["bob", "colleague", "annotator"])
def test_nobody_else_gets_it(client, request, make_picture, who):
    client.force_login(request.getfixturevalue(who))
    assert client.get(url(make_picture())).status_code == 404


def test_a_removed_picture_is_gone(client, alice, make_picture):
    picture = make_picture()
    Artwork.objects.update(removed_at=now())
    client.force_login(alice)
    assert client.get(url(picture)).status_code == 404


def test_an_unknown_version_is_404(client, alice, make_picture):
    client.force_login(alice)
    assert client.get(url(make_picture(), "original")).status_code == 404


def test_a_file_missing_on_the_disk_is_404(client, alice, make_picture):
    picture = make_picture()
    picture.thumbnail.storage.delete(picture.thumbnail.name)
    client.force_login(alice)
    assert client.get(url(picture)).status_code == 404


def test_the_web_server_can_be_asked_to_send_it(client, alice, make_picture, settings):
    settings.ACCEL_REDIRECT_PREFIX = "/protected/"
    picture = make_picture()
    client.force_login(alice)
    response = client.get(url(picture))
    assert response["X-Accel-Redirect"] == f"/protected/{picture.thumbnail.name}"
    assert response.content == b""
    assert response["Content-Type"] == "image/jpeg"


def test_the_web_server_is_not_asked_for_a_strangers_picture(client, bob, make_picture, settings):
    settings.ACCEL_REDIRECT_PREFIX = "/protected/"
    client.force_login(bob)
    response = client.get(url(make_picture()))
    assert response.status_code == 404
    assert not response.has_header("X-Accel-Redirect")


def test_a_thumbnail_on_an_opened_page_leaves_no_trace_of_its_own(client, alice, make_picture):
    client.force_login(alice)
    picture = make_picture()
    client.get(reverse("grading:board", args=[picture.artwork.assignment.code]))
    client.get(url(picture))
    assert AuditEvent.objects.filter(verb="viewed").count() == 1


def test_whoever_asks_for_a_picture_alone_has_looked_at_it(client, alice, make_picture):
    client.force_login(alice)
    picture = make_picture()
    client.get(url(picture))
    client.get(url(picture))
    event = AuditEvent.objects.get()
    assert (event.actor, event.verb, event.object_code) == (alice, "viewed", picture.artwork.code)


def test_a_page_that_was_opened_long_ago_is_another_view(client, alice, make_picture):
    client.force_login(alice)
    client.get(url(make_picture()))
    QuerySet(AuditEvent).update(at=now() - timedelta(minutes=31))
    client.get(url(Picture.objects.get()))
    assert AuditEvent.objects.count() == 2

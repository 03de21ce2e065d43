"""The site answers under its own name only, in no frame, and with the type it says."""

from __future__ import annotations

import uuid

import pytest
from django.core.exceptions import DisallowedHost
from django.test import RequestFactory
from django.urls import reverse


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "testserver.evil.example",
        "testserver@evil.example",
        "testserver:80@evil.example",
        "testserver\n.evil",
        "",
        "a b",
        "*",
    ],
)
def test_another_name_in_the_host_header_is_refused(host):
    with pytest.raises(DisallowedHost):
        RequestFactory().get("/", headers={"Host": host}).get_host()


def test_the_name_that_a_proxy_is_said_to_have_seen_is_not_believed(client, alice, student):
    """The address of a family link is made of the name the site was asked by."""
    client.force_login(alice)
    response = client.post(
        reverse("grading:family-links", args=[student.code]),
        {"days": 30, "code": uuid.uuid4()},
        headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
    )
    assert "http://testserver/f/" in response.content.decode()
    assert "evil.example" not in response.content.decode()


def test_the_web_server_is_one_that_refuses_ambiguous_requests():
    """Both lengths at once, two lengths, bare line feeds: gunicorn before 22 took some of them."""
    import gunicorn

    assert gunicorn.version_info >= (22, 0)


@pytest.mark.parametrize("url", ["/", "/sign-in/", "/nothing/", "/f/nothing/"])
def test_no_page_can_be_put_into_a_frame(client, alice, url):
    if url == "/":
        client.force_login(alice)
    response = client.get(url)
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_a_style_sheet_or_a_script_comes_from_here_and_is_what_it_says(client, settings):
    from django.contrib.staticfiles import finders

    assert finders.find("js/base.js")
    assert settings.MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") == 0

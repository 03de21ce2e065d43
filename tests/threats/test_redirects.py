"""Nobody is sent to another site by an address that looks like ours."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest
from django.shortcuts import resolve_url
from django.urls import reverse

EVIL = (
    "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example",
    "http:evil.example", "javascript:alert(1)", "https://testserver@evil.example",
    "https://testserver.evil.example", "\thttps://evil.example", "/\t/evil.example",
    "data:text/html,x", "%2f%2fevil.example",
)  # fmt: skip


def stays(response) -> bool:
    """As a browser reads it: tabs are nothing, and a backslash is a slash."""
    address = re.sub(r"[\t\r\n]", "", response.headers.get("Location", "/")).replace("\\", "/")
    target = urlsplit(urljoin("http://testserver/a/", address.strip()))
    return (target.scheme, target.netloc) == ("http", "testserver")


@pytest.mark.parametrize("evil", EVIL)
def test_choosing_a_language_or_a_theme_leads_nowhere_else(client, alice, evil):
    client.force_login(alice)
    for name, field in (("set-language", "language"), ("grading:preferences", "theme")):
        for headers in ({}, {"Referer": evil.strip()}):
            said = {field: "de" if field == "language" else "dark", "next": evil}
            response = client.post(reverse(name), said, headers=headers)
            assert stays(response), (name, response.headers.get("Location"))


@pytest.mark.parametrize("evil", EVIL)
def test_signing_in_leads_nowhere_else(client, alice, settings, evil):
    url = resolve_url(settings.LOGIN_URL)
    client.get(url, {"next": evil})
    said = {"username": alice.email, "login": alice.email, "password": "pass-word-1", "next": evil}
    assert stays(client.post(f"{url}", said))
    client.force_login(alice)
    assert stays(client.get(url, {"next": evil}))


def test_signing_out_leads_nowhere_else(client, alice):
    client.force_login(alice)
    assert stays(client.post("/sign-out/?next=https://evil.example", {"next": EVIL[0]}))


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/%2e%2e", "/\\evil.example"])
def test_a_missing_slash_is_not_added_to_an_address_elsewhere(client, db, path):
    assert stays(client.get(path))

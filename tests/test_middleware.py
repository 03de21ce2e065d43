"""Where a request comes from: what a visitor says of it is believed of nobody but our proxies."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from grading.middleware import address_of

PROXY, VISITOR = "10.0.0.1", "203.0.113.9"


def address(said: str | None, remote: str = PROXY) -> str | None:
    headers = {} if said is None else {"X-Forwarded-For": said}
    return address_of(RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers))


def test_without_a_proxy_the_header_is_not_looked_at():
    assert address("6.6.6.6", remote=VISITOR) == VISITOR


@pytest.mark.parametrize(
    ("proxies", "said", "found"),
    [
        (1, VISITOR, VISITOR),
        (1, f"6.6.6.6, {VISITOR}", VISITOR),  # the visitor sent the first himself
        (2, f"6.6.6.6, {VISITOR}, 10.0.0.2", VISITOR),
        (1, " 2001:db8::1 ", "2001:db8::1"),
    ],
)
def test_behind_proxies_it_is_what_the_outermost_one_saw(settings, proxies, said, found):
    settings.TRUSTED_PROXIES = proxies
    assert address(said) == found


@pytest.mark.parametrize(
    ("proxies", "said"),
    [
        (1, None), (1, ""), (1, ","), (1, "unknown"), (1, "203.0.113.9:5000"),
        (1, "203.0.113.9\n6.6.6.6"), (1, "<script>"), (1, "1" * 5000), (2, VISITOR),
    ],
)  # fmt: skip
def test_what_is_no_address_is_none_and_never_that_of_the_proxy(settings, proxies, said):
    settings.TRUSTED_PROXIES = proxies
    assert address(said) is None


def test_a_unix_socket_has_no_address():
    assert address(None, remote="") is None

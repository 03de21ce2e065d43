"""What is not yours looks exactly like what is not there."""

from __future__ import annotations

import re
import uuid

from django.urls import reverse

from grading.models import Picture
from tests.test_permissions import SCOPED

CODE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_not_yours_and_not_there_are_the_same_answer(client, bob, url_of):
    client.force_login(bob)
    for name in SCOPED:
        url = url_of(name)
        missing = CODE.sub(lambda _code: str(uuid.uuid4()), url)
        assert missing != url, f"{name}: an address is made of codes, never of numbers"
        for method in ("get", "post"):
            theirs, nobodys = (getattr(client, method)(address) for address in (url, missing))
            assert theirs.status_code == nobodys.status_code in (404, 405), name
            assert theirs.content == nobodys.content, name
            assert dict(theirs.headers) == dict(nobodys.headers), name


def test_a_browser_that_once_saw_a_picture_learns_nothing_once_it_is_a_strangers(
    client, alice, bob, make_picture
):
    """A request with the right mark of the picture would be answered 304, which gives it away."""
    picture: Picture = make_picture()
    url = reverse("grading:picture", args=[picture.code, "full"])
    client.force_login(alice)
    etag = client.get(url)["ETag"]
    client.force_login(bob)
    for headers in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Match": etag},
                    {"If-Modified-Since": "Wed, 21 Oct 2035 07:28:00 GMT"},
                    {"Range": "bytes=0-10"}):  # fmt: skip
        response = client.get(url, headers=headers)
        assert response.status_code == 404
        assert not response.has_header("ETag")
        assert "no-store" in response["Cache-Control"]


def test_no_shared_cache_keeps_a_picture_or_mixes_two_people_up(client, alice, make_picture):
    client.force_login(alice)
    response = client.get(reverse("grading:picture", args=[make_picture().code, "full"]))
    assert response["Cache-Control"].startswith("private")
    assert "Cookie" in response["Vary"]


def test_what_a_search_is_told_of_another_school_it_does_not_find(
    client, bob, assignment, make_picture
):
    """Filters of a page take codes; those of another school are as good as none."""
    make_picture()
    client.force_login(bob)
    page = client.get(
        "/", {"q": "Amara B.", "class": str(assignment.classroom.code)}
    ).content.decode()
    assert "Amara B." not in page
    assert str(assignment.code) not in page

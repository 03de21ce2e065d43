"""What goes out with every answer, and how much may come in with a request."""

from __future__ import annotations

import io
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from grading.guards import refuse_large_bodies
from grading.models import Artwork, User
from grading.services.annotations import confirm_review
from grading.services.families import create_link
from grading.services.releases import release_class
from tests.conftest import jpeg

MB = 1024 * 1024
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "frame-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


# --------------------------------------------------------------------------------------- headers
@pytest.fixture
def answers(client, alice, student, make_scored, assignment, rubric_version):
    """A page, a picture, a family page, and pages that say that something went wrong."""
    artwork = make_scored(student).picture.artwork
    review = confirm_review(artwork, alice)
    release_class(assignment, alice)
    made = create_link(student, alice, days=30, code=uuid.uuid4())
    assert made
    family = reverse("grading:family", args=[made[1]])
    sign_in = client.get(reverse("sign-in"))
    client.force_login(alice)
    client.raise_request_exception = False
    return {
        "sign-in": sign_in,
        "page": client.get(reverse("grading:board", args=[assignment.code])),
        "picture": client.get(reverse("grading:picture", args=[review.picture.code, "display"])),
        "export": client.get(reverse("grading:export-file", args=[assignment.code, "long"])),
        "family": client.get(family),
        "no such link": client.get("/f/nothing/"),
        "not found": client.get("/nothing/"),
        "not allowed": client.get(reverse("sign-out")),
        "too large": client.post("/", b"x" * 11 * MB, content_type="text/plain"),
    }


def test_every_answer_carries_the_same_protection(answers):
    expected = {"picture": 200, "no such link": 404, "not found": 404, "too large": 413}
    for name, response in answers.items():
        assert response.status_code == expected.get(name, response.status_code), name
        for header, value in EVERYWHERE.items():
            assert response[header] == value, (name, header)
        assert "camera=()" in response["Permissions-Policy"], name
        assert "geolocation=()" in response["Permissions-Policy"], name
        assert response["Referrer-Policy"] in ("same-origin", "no-referrer"), name
        policy = dict(part.strip().split(" ", 1) for part in csp(response))
        assert policy == POLICY, name


def csp(response) -> list[str]:
    return [part for part in response["Content-Security-Policy"].split(";") if part.strip()]


def test_nothing_about_children_is_kept_by_a_cache_that_others_share(answers):
    for name, response in answers.items():
        said = response["Cache-Control"]
        assert "no-store" in said or said.startswith("private, max-age"), name
        assert "public" not in said, name
    assert answers["page"]["Cache-Control"] == "private, no-store"
    assert answers["family"]["Cache-Control"] == "no-store"
    assert answers["family"]["Referrer-Policy"] == "no-referrer"


def test_a_page_that_failed_is_protected_as_well(client, alice, monkeypatch):
    client.force_login(alice)
    client.raise_request_exception = False
    monkeypatch.setattr("grading.views.people.machinery_health", lambda: 1 / 0)
    response = client.get("/")
    assert response.status_code == 500
    assert all(response[header] == value for header, value in EVERYWHERE.items())
    assert csp(response)


def test_signing_out_empties_the_browsers_store(client, alice):
    staff = User.objects.create_user("staff@example.org", "x", name="Stan", is_staff=True)
    client.force_login(alice)
    assert client.post(reverse("sign-out"))["Clear-Site-Data"] == '"cache", "storage"'
    client.force_login(staff)
    assert client.post("/support/logout/")["Clear-Site-Data"] == '"cache", "storage"'
    assert not client.get(reverse("sign-in")).has_header("Clear-Site-Data")
    strict = Client(enforce_csrf_checks=True)
    assert not strict.post(reverse("sign-out")).has_header("Clear-Site-Data")


def test_pictures_are_not_sniffed_and_not_named_by_the_visitor(answers):
    picture = answers["picture"]
    assert picture["Content-Type"] == "image/jpeg"
    assert picture["Content-Disposition"] == "inline"


# ----------------------------------------------------------------------------------------- sizes
def test_before_sign_in_a_large_body_is_refused_unread(client, db):
    response = client.post("/sign-in/", b"x" * 300_000, content_type="text/plain")
    assert response.status_code == 413
    assert "too large for this page" in response.content.decode()


def test_not_a_byte_of_what_is_refused_is_read(alice):
    class Unread(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("the body was read")

    request = RequestFactory().post("/", CONTENT_LENGTH=str(1024 * MB))
    request._stream = Unread()  # type: ignore[attr-defined]
    request.user = alice
    reached: list[object] = []
    response = refuse_large_bodies(lambda r: reached.append(r))(request)  # type: ignore[arg-type,func-returns-value,return-value]
    assert (response.status_code, reached) == (413, [])


def test_a_page_that_takes_files_takes_them_from_who_is_signed_in_only(client, alice, assignment):
    url = reverse("grading:upload", args=[assignment.code])

    def send():
        padded = jpeg() + b"\0" * 11 * MB
        return client.post(url, {"pictures": SimpleUploadedFile("a.jpg", padded)})

    assert send().status_code == 413
    assert not Artwork.objects.exists()
    client.force_login(alice)
    assert send().status_code == 200
    assert Artwork.objects.exists()


def test_a_session_that_ended_during_an_upload_is_told_so_not_that_it_is_too_large(
    client, assignment
):
    url = reverse("grading:upload", args=[assignment.code])
    script = {"X-Requested-With": "XMLHttpRequest"}
    photo = SimpleUploadedFile("a.jpg", jpeg() + b"\0" * MB)
    assert client.post(url, {"pictures": photo}, headers=script).status_code == 401


def test_no_other_page_takes_a_body_of_many_megabytes(client, alice):
    client.force_login(alice)
    body = b"x" * 11 * MB
    for headers in ({}, {"HX-Request": "true"}):
        response = client.post("/preferences/", body, content_type="text/plain", headers=headers)
        assert response.status_code == 413
        assert ("<h1>" in response.content.decode()) == (not headers)


def test_a_body_without_a_length_is_refused(client, alice):
    client.force_login(alice)
    assert client.post("/preferences/", headers={"Transfer-Encoding": "chunked"}).status_code == 411


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 5000, "²"])
def test_a_length_that_is_none_is_refused(client, alice, length):
    client.force_login(alice)
    assert client.post("/preferences/", CONTENT_LENGTH=length).status_code == 400


def test_the_fields_of_a_form_are_limited_in_size_and_number(client, alice):
    client.force_login(alice)
    url = reverse("grading:preferences")
    assert client.post(url, {"theme": "x" * 2 * MB}).status_code == 400
    many = "&".join(f"a{n}=1" for n in range(2001))
    form = "application/x-www-form-urlencoded"
    assert client.post(url, many, content_type=form).status_code == 400
    fits = "&".join(f"a{n}=1" for n in range(1990))
    assert client.post(url, fits, content_type=form).status_code == 302


def test_the_number_of_files_is_limited(client, alice, assignment, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    client.force_login(alice)
    files = [SimpleUploadedFile(f"{n}.jpg", b"x") for n in range(4)]
    url = reverse("grading:upload", args=[assignment.code])
    assert client.post(url, {"pictures": files}).status_code == 400

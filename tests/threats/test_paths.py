"""No name leads out of the folder it is for."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from grading.intake.names import safe_name
from grading.models import Artwork, Picture
from grading.services.artworks import Outcome, accept_files
from grading.views.artworks import is_stored_picture
from tests.conftest import jpeg

OUT = (
    "../../evil.jpg", "/etc/evil.jpg", "..\\..\\evil.jpg", "C:\\evil.jpg", "a/../../evil.jpg",
    "\\\\server\\share\\evil.jpg",
)  # fmt: skip


def test_a_zip_writes_nowhere_and_says_which_name_was_refused(alice, assignment, media, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n, name in enumerate(OUT):
            archive.writestr(name, jpeg(size=(320 + n, 240)))
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    outcomes = accept_files(assignment, [SimpleUploadedFile("a.zip", buffer.getvalue())], alice)
    refused = [o for o in outcomes if o.outcome == Outcome.REFUSED]
    assert len(refused) >= len(OUT)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.parent for path in written} <= {media / "originals"}
    for artwork in Artwork.objects.all():
        assert safe_name(artwork.original_name) == artwork.original_name


def test_the_name_of_an_upload_is_never_the_name_of_a_file(client, alice, assignment, media):
    client.force_login(alice)
    file = SimpleUploadedFile("x", jpeg())
    file._name = "../../../evil.jpg"
    client.post(reverse("grading:upload", args=[assignment.code]), {"pictures": file})
    artwork = Artwork.objects.get()
    assert "evil" not in artwork.original.name
    assert artwork.original_name == "evil.jpg"


@pytest.mark.parametrize(
    "version", ["..", "..%2f..%2fdb.sqlite3", "full/../../x", "%2e%2e", "full%00"]
)
def test_the_address_of_a_picture_leads_to_nothing_else(client, alice, make_picture, version):
    client.force_login(alice)
    assert client.get(f"/pictures/{make_picture().code}/{version}/").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "", "pictures", "originals/ab", "../secret", "pictures/../originals/ab", "/etc/passwd",
        "pictures//etc/passwd", "pictures/a/./b.jpg", "pictures/a\nX-Evil: 1", "pictures/a%2e%2e/b",
        "pictures/a\\b.jpg", "http://evil.example/pictures/a", "pictures/.hidden",
    ],
)  # fmt: skip
def test_the_web_server_is_handed_no_name_outside_the_pictures(
    client, alice, make_picture, settings, name
):
    assert not is_stored_picture(name)
    settings.ACCEL_REDIRECT_PREFIX = "/protected/"
    picture = make_picture()
    Picture.objects.update(full=name)
    client.force_login(alice)
    response = client.get(reverse("grading:picture", args=[picture.code, "full"]))
    assert response.status_code == 404
    assert not response.has_header("X-Accel-Redirect")


def test_what_is_stored_is_handed_over(make_picture):
    assert is_stored_picture(make_picture().full.name)
    assert is_stored_picture("examples/0a1b/display.jpg")


def test_no_file_is_stored_where_a_web_server_would_serve_it(settings):
    assert settings.MEDIA_URL in ("", "/")
    assert not settings.STATIC_ROOT.is_relative_to(settings.MEDIA_ROOT)

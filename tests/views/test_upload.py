from __future__ import annotations

import errno
import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from grading.models import Artwork, AuditEvent, IntakeJob
from tests.conftest import jpeg

SCRIPT = {"X-Requested-With": "XMLHttpRequest"}


@pytest.fixture
def send(client, alice, assignment):
    client.force_login(alice)

    def send(*files: SimpleUploadedFile) -> str:
        url = reverse("grading:upload", args=[assignment.code])
        response = client.post(url, {"pictures": files}, headers=SCRIPT)
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    return send


def picture(name: str = "picture.jpg", color: str = "teal") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg(color))


def archive(**members: bytes) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "."), content)
    return SimpleUploadedFile("class.zip", buffer.getvalue())


def test_a_picture_is_stored_and_queued(send, alice, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(picture())
    artwork = Artwork.objects.get()
    assert 'data-outcome="accepted"' in answer
    assert "It still needs a student." in answer
    assert rung == [("grading.tasks.prepare_picture", IntakeJob.objects.get().pk)]
    assert AuditEvent.objects.get(verb="uploaded").object_code == artwork.code


def test_the_file_name_finds_the_student(send):
    assert "Matched to Ben T." in send(picture("Ben T. street.jpg"))
    assert Artwork.objects.get().student.display_name == "Ben T."


def test_the_same_file_twice_is_said_and_stored_once(send):
    answer = send(picture("one.jpg"), picture("two.jpg"))
    assert "This is the same picture as “one.jpg”" in answer
    assert Artwork.objects.count() == 1


def test_the_same_form_sent_twice_stores_once(send):
    send(picture("a.jpg", "red"), picture("b.jpg", "blue"))
    answer = send(picture("a.jpg", "red"), picture("b.jpg", "blue"))
    assert answer.count('data-outcome="duplicate"') == 2
    assert Artwork.objects.count() == 2


def test_one_bad_file_does_not_keep_the_others_out(send):
    bad = [
        SimpleUploadedFile("empty.jpg", b""),
        SimpleUploadedFile("text.jpg", b"this is not a picture"),
        SimpleUploadedFile("cut.jpg", jpeg()[:20]),
        SimpleUploadedFile("bomb.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
    ]
    answer = send(bad[0], picture(), *bad[1:])
    assert answer.count('data-outcome="refused"') == 4
    assert answer.count('data-outcome="accepted"') == 1
    assert Artwork.objects.get().original_name == "picture.jpg"


@pytest.mark.parametrize("name", ["n" * 300 + ".jpg", "🎨🦄.jpg", "../../etc/passwd", "‮gpj.exe"])
def test_odd_names_are_no_obstacle(send, name):
    assert 'data-outcome="accepted"' in send(picture(name))
    assert len(Artwork.objects.get().original_name) <= 120


def test_a_zip_answers_for_every_file_in_it(send):
    answer = send(archive(Amara_B__jpg=jpeg("red"), Ben_T__jpg=jpeg("blue"), notes__txt=b"hello"))
    assert "Matched to Amara B." in answer
    assert "Matched to Ben T." in answer
    assert "This is a text file" in answer
    assert Artwork.objects.count() == 2


def test_a_broken_zip_is_said(send):
    assert "This ZIP file is damaged" in send(SimpleUploadedFile("a.zip", b"PK\x03\x04broken"))


def test_a_file_over_the_limit_is_refused(send, settings):
    settings.UPLOAD_MAX_PICTURE_BYTES = 1000
    assert "too large" in send(picture())
    assert not Artwork.objects.exists()


def test_a_school_without_space_is_told(send, settings):
    settings.SCHOOL_QUOTA_BYTES = len(jpeg("red")) + 10
    answer = send(picture("a.jpg", "red"), picture("b.jpg", "blue"))
    assert answer.count('data-outcome="accepted"') == 1
    assert "space for pictures is used up" in answer


def test_a_full_disk_is_said_for_the_file_it_hit(send, monkeypatch):
    from django.core.files.storage import FileSystemStorage

    save, calls = FileSystemStorage._save, []

    def full_once(self, name, content):
        calls.append(name)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", full_once)
    answer = send(picture("a.jpg", "red"), picture("b.jpg", "blue"))
    assert "could not be stored just now" in answer
    assert Artwork.objects.get().original_name == "b.jpg"


def test_a_row_that_cannot_be_written_leaves_no_file_behind(send, media, monkeypatch):
    from django.db import DatabaseError

    def locked(**fields):
        raise DatabaseError("database is locked")

    monkeypatch.setattr(IntakeJob.objects, "create", locked)
    assert "could not be stored just now" in send(picture())
    assert not Artwork.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_no_file_at_all_is_said(send):
    assert "No file arrived" in send()


def test_a_script_is_told_when_the_session_ended(client, assignment):
    url = reverse("grading:upload", args=[assignment.code])
    response = client.post(url, {"pictures": picture()}, headers=SCRIPT)
    assert response.status_code == 401


def test_a_form_is_sent_to_the_sign_in_page(client, assignment):
    response = client.post(reverse("grading:upload", args=[assignment.code]))
    assert response["Location"].startswith(reverse("sign-in"))


def test_without_a_script_the_answers_fill_a_page(client, alice, assignment):
    client.force_login(alice)
    url = reverse("grading:upload", args=[assignment.code])
    page = client.post(url, {"pictures": [picture(), picture("again.jpg")]}).content.decode()
    assert "What became of your files" in page
    assert "Already here" in page
    assert reverse("grading:board", args=[assignment.code]) in page


def test_a_stranger_gets_404_and_stores_nothing(client, bob, assignment):
    client.force_login(bob)
    url = reverse("grading:upload", args=[assignment.code])
    assert client.post(url, {"pictures": picture()}, headers=SCRIPT).status_code == 404
    assert not Artwork.objects.exists()


def test_an_upload_without_the_token_is_refused(alice, assignment):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    url = reverse("grading:upload", args=[assignment.code])
    assert strict.post(url, {"pictures": picture()}, headers=SCRIPT).status_code == 403
    assert not Artwork.objects.exists()

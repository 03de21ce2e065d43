"""How much one person may do within an hour: a long day at school passes, a robot does not."""

from __future__ import annotations

import io
import uuid
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.timezone import now

from grading.models import Artwork, AuditEvent, FamilyLink, ReportJob
from grading.services import limits
from grading.services.artworks import Outcome, accept_files
from grading.services.audit import record
from grading.services.limits import EXPORTS, LINKS, REPORTS, UPLOADS, TooMany, refuse_too_many
from tests.conftest import jpeg

SCRIPT = {"X-Requested-With": "XMLHttpRequest"}
COLORS = ("teal", "gold", "red", "navy")


def test_ten_classes_of_thirty_pass_every_limit(settings):
    for limit, count in ((UPLOADS, 600), (EXPORTS, 120), (REPORTS, 300), (LINKS, 300)):
        assert getattr(settings, limit.setting) > count, limit.setting


def test_it_counts_what_this_person_did_within_the_hour(settings, alice, bob, student, monkeypatch):
    settings.EXPORTS_AN_HOUR = 2
    for _number in range(2):
        refuse_too_many(alice, EXPORTS)
        record(alice, AuditEvent.Verb.EXPORTED, student, None)
    with pytest.raises(TooMany):
        refuse_too_many(alice, EXPORTS)
    refuse_too_many(bob, EXPORTS)
    refuse_too_many(alice, UPLOADS)
    monkeypatch.setattr(limits, "now", lambda: now() + timedelta(minutes=61))
    refuse_too_many(alice, EXPORTS)


def test_counting_is_one_query_by_the_index(alice, django_assert_num_queries):
    with django_assert_num_queries(1):
        refuse_too_many(alice, UPLOADS)


def test_of_a_zip_those_before_the_last_place_are_taken(settings, alice, assignment):
    settings.UPLOADS_AN_HOUR = 2
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for color in COLORS:
            archive.writestr(f"{color}.jpg", jpeg(color))
    file = SimpleUploadedFile("class.zip", buffer.getvalue())
    outcomes = accept_files(assignment, [file], alice)
    assert [o.outcome for o in outcomes] == [Outcome.ACCEPTED] * 2 + [Outcome.REFUSED] * 2
    assert "a little later" in outcomes[-1].message
    assert Artwork.objects.count() == 2


@pytest.mark.parametrize("headers", [{}, SCRIPT], ids=["page", "script"])
def test_an_upload_over_the_limit_is_429_with_a_sentence(
    client, settings, alice, assignment, headers
):
    settings.UPLOADS_AN_HOUR = 0
    client.force_login(alice)
    url = reverse("grading:upload", args=[assignment.code])
    file = SimpleUploadedFile("a.jpg", jpeg())
    response = client.post(url, {"pictures": file}, headers=headers)
    assert response.status_code == 429
    assert "Add the others a little later." in response.content.decode()
    assert ("<h1>" in response.content.decode()) == (headers == {})
    assert not Artwork.objects.exists()


def test_a_replacement_over_the_limit_leaves_the_picture(client, settings, alice, make_artwork):
    settings.UPLOADS_AN_HOUR = 0
    artwork = make_artwork()
    client.force_login(alice)
    url = reverse("grading:replace", args=[artwork.code])
    file = SimpleUploadedFile("a.jpg", jpeg("gold"))
    page = client.post(url, {"picture": file}, follow=True).content.decode()
    assert "Add the others a little later." in page
    assert Artwork.objects.kept().get() == artwork


@pytest.mark.parametrize("name", ["export-file", "export-class-file", "export-student"])
def test_a_download_over_the_limit_is_429(
    client, settings, alice, assignment, classroom, student, name
):
    settings.EXPORTS_AN_HOUR = 0
    client.force_login(alice)
    arguments = {
        "export-file": [assignment.code, "long"],
        "export-class-file": [classroom.code, "long"],
        "export-student": [student.code],
    }
    response = client.get(reverse(f"grading:{name}", args=arguments[name]))
    assert response.status_code == 429
    assert not AuditEvent.objects.filter(verb=AuditEvent.Verb.EXPORTED).exists()


def test_a_report_over_the_limit_is_429_and_not_asked_for(client, settings, alice, student):
    settings.REPORTS_AN_HOUR = 0
    client.force_login(alice)
    response = client.post(reverse("grading:report-student", args=[student.code]))
    assert response.status_code == 429
    assert not ReportJob.objects.exists()


def test_a_link_over_the_limit_is_429_and_what_was_filled_in_stays(
    client, settings, alice, student
):
    settings.FAMILY_LINKS_AN_HOUR = 0
    client.force_login(alice)
    url = reverse("grading:family-links", args=[student.code])
    response = client.post(url, {"note": "grandmother", "days": 30, "code": uuid.uuid4()})
    assert response.status_code == 429
    page = response.content.decode()
    assert "Make the others a little later." in page
    assert "grandmother" in page
    assert not FamilyLink.objects.exists()


def test_a_stranger_over_the_limit_still_gets_404(client, settings, bob, assignment):
    settings.EXPORTS_AN_HOUR = settings.UPLOADS_AN_HOUR = 0
    client.force_login(bob)
    assert (
        client.get(reverse("grading:export-file", args=[assignment.code, "long"])).status_code
        == 404
    )
    assert client.post(reverse("grading:upload", args=[assignment.code])).status_code == 404

"""A whole class's paper forms, as they come back in a pile."""

from __future__ import annotations

import pytest
from django.urls import reverse

from grading.models import Consent, Enrollment, Student

SAID = {"given": "yes", "source": "paper", "said_on": "2026-09-01"}


@pytest.fixture
def page(client, administrator, classroom) -> str:
    client.force_login(administrator)
    return reverse("grading:class-consents", args=[classroom.code])


def codes(*names: str) -> list[str]:
    return [str(s.code) for s in Student.objects.filter(display_name__in=names)]


def test_those_who_are_checked_get_the_answer_and_no_others(client, page, administrator):
    client.post(page, SAID | {"students": codes("Amara B.", "Ben T.")})
    assert Consent.objects.filter(given=True, recorded_by=administrator).count() == 2
    client.post(page, SAID | {"given": "no", "students": codes("Ben T.")})
    consents = {s.display_name: s.training_consent for s in Student.objects.all()}
    assert consents == {"Amara B.": True, "Ben T.": False, "Chloé D.": False}


def test_sent_twice_it_is_recorded_once(client, page):
    for _time in range(2):
        assert client.post(page, SAID | {"students": codes("Amara B.")}).status_code == 302
    assert Consent.objects.count() == 1


def test_with_nobody_checked_nothing_is_recorded(client, page):
    response = client.post(page, SAID)
    assert response.status_code == 422
    assert "Tick the students whose forms these are." in response.content.decode()


def test_what_was_checked_stays_checked_when_the_date_is_wrong(client, page):
    (code,) = codes("Ben T.")
    response = client.post(page, SAID | {"students": [code], "said_on": "2999-01-01"})
    assert response.status_code == 422
    assert f'value="{code}" checked' in response.content.decode()
    assert not Consent.objects.exists()


@pytest.mark.parametrize("wrong", ["nonsense", "00000000-0000-0000-0000-000000000001"])
def test_a_student_of_another_class_is_refused(client, page, wrong):
    response = client.post(page, SAID | {"students": [wrong]})
    assert response.status_code == 422 and not Consent.objects.exists()


def test_who_has_left_the_class_is_not_on_the_list(client, page, student):
    Enrollment.objects.filter(student=student).update(left_on="2026-10-01")
    assert "Amara" not in client.get(page).content.decode()
    assert client.post(page, SAID | {"students": [str(student.code)]}).status_code == 422

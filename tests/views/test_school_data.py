"""The page for an impact assessment, and the notes to print."""

from __future__ import annotations

import pytest
from django.urls import reverse

from grading.services.datamap import entries
from grading.services.governance import save_settings


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def signed_in(client, administrator):
    client.force_login(administrator)
    return client


@pytest.fixture
def url(school) -> str:
    return reverse("grading:school-data", args=[school.code])


@pytest.fixture
def notes(school) -> str:
    return reverse("grading:assessment-notes", args=[school.code])


def test_it_tells_of_everything_that_is_stored(signed_in, url):
    page = text(signed_in.get(url))
    for entry in entries():
        if entry.is_row:
            assert entry.key in page


def test_the_drawing_has_a_twin_in_words(signed_in, url):
    page = text(signed_in.get(url))
    assert 'role="img"' in page
    assert 'aria-describedby="flow-steps"' in page
    assert '<ol class="flow-steps" id="flow-steps">' in page
    assert page.count("flow__step--person") == 4
    assert "flow__step--model" in page


def test_a_model_that_is_switched_off_is_drawn_as_off(signed_in, url, school, administrator):
    save_settings(school, {"scoring_on": False}, administrator)
    page = text(signed_in.get(url))
    assert "flow__step--off" in page
    assert "flow__step--model" not in page
    assert "Switched off at this school." in page


def test_times_are_the_schools_own(signed_in, url, school, administrator):
    save_settings(school, {"kept_days": 45}, administrator)
    assert "45 days after its school year has ended" in text(signed_in.get(url))


def test_it_leads_to_the_overview_of_each_class(signed_in, url, classroom):
    assert reverse("grading:class-view", args=[classroom.code]) in text(signed_in.get(url))


def test_it_names_no_child(signed_in, url, notes, classroom, student):
    for address in (url, notes):
        assert student.display_name not in text(signed_in.get(address))


def test_the_notes_hold_the_state_of_today(
    signed_in, notes, school, administrator, installed, alice
):
    save_settings(school, {"training_on": True}, administrator)
    page = text(signed_in.get(notes))
    assert 'Decisions may train the model</dt><dd>On <span class="muted">since' in page
    assert "Demo model, not for grading." in page
    assert "Teacher</dt><dd>1 person" in page
    assert "365 days after its school year has ended" in page
    assert page.count('class="blank"') == 9


def test_the_notes_need_no_model(signed_in, notes):
    assert "None: every level is a person's." in text(signed_in.get(notes))

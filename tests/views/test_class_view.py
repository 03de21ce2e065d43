from __future__ import annotations

import pytest
from django.urls import reverse

from grading.models import Assignment, AuditEvent, ReviewTime, School
from grading.services.annotations import confirm_review
from grading.services.timing import record_time


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def url(classroom) -> str:
    return reverse("grading:class-view", args=[classroom.code])


class TestThePage:
    def test_a_class_without_assignments_is_told_what_will_be_here(self, signed_in, url):
        assert "No assignments yet" in text(signed_in.get(url))

    def test_an_assignment_without_pictures_counts_nothing(self, signed_in, url, assignment):
        page = text(signed_in.get(url))
        assert "No work is confirmed yet" in page
        assert "no pictures yet" in page

    def test_it_opens_with_the_newest_assignment_that_has_pictures(
        self, signed_in, url, assignment, make_scored, classroom
    ):
        make_scored()
        Assignment.objects.create(
            classroom=classroom, rubric_version=assignment.rubric_version, title="Later",
            made_on="2099-01-01",
        )  # fmt: skip
        assert signed_in.get(url).context["view"].chosen.single == assignment

    def test_all_assignments_of_a_rubric_can_be_seen_together(
        self, signed_in, url, decide, student, rubric_version
    ):
        for days in (1, 2):
            decide(student, 3, days_ago=days)
        view = signed_in.get(url, {"of": f"rubric-{rubric_version.pk}"}).context["view"]
        assert view.decided == 2

    def test_an_unknown_choice_is_the_usual_one(self, signed_in, url, assignment):
        assert signed_in.get(url, {"of": "nonsense"}).context["view"].chosen.single == assignment

    def test_a_mean_of_two_is_not_shown(self, signed_in, url, make_scored, alice):
        for color in ("red", "green"):
            confirm_review(make_scored(None, color).picture.artwork, alice)
        page = text(signed_in.get(url))
        assert "A mean is shown from 3 confirmed works on" in page
        assert "radar__svg" not in page
        confirm_review(make_scored(None, "blue").picture.artwork, alice)
        assert "radar__svg" in text(signed_in.get(url))

    def test_who_has_no_work_is_named(self, signed_in, url, make_scored, student):
        make_scored(student)
        missing = signed_in.get(url).content.decode().split('class="missing"')[1]
        assert "Ben T." in missing
        assert "Amara B." not in missing.split("</section>")[0]

    def test_looking_leaves_a_trace(self, signed_in, url, classroom):
        signed_in.get(url)
        assert AuditEvent.objects.get().object_code == classroom.code

    def test_thirty_pictures_take_as_many_queries_as_three(
        self, signed_in, url, make_scored, alice, django_assert_max_num_queries
    ):
        for n in range(30):
            confirm_review(make_scored(None, f"#0000{n:02}").picture.artwork, alice)
        with django_assert_max_num_queries(18):
            signed_in.get(url)


class TestTime:
    def test_the_sum_is_in_view(self, signed_in, url, make_scored, alice, school):
        school.minutes_before, school.minutes_measured = 6, True
        school.save()
        for color, seconds in (("red", 30), ("green", 90)):
            artwork = make_scored(None, color).picture.artwork
            record_time(artwork, alice, seconds)
            confirm_review(artwork, alice)
        page = text(signed_in.get(url))
        assert "2 pictures × (6.0 min before − 1.0 min measured) = 10 min" in page
        assert "Measured at 2 of 2 confirmed pictures" in page
        assert "were measured at your school" in page

    def test_an_estimate_is_called_one(self, signed_in, url, make_scored, alice, school):
        school.minutes_before = 6
        school.save()
        artwork = make_scored().picture.artwork
        record_time(artwork, alice, 30)
        confirm_review(artwork, alice)
        assert "are an estimate of your school" in text(signed_in.get(url))

    def test_without_a_time_before_it_says_how_to_state_one(
        self, client, url, make_scored, alice, administrator, school
    ):
        artwork = make_scored().picture.artwork
        record_time(artwork, alice, 30)
        confirm_review(artwork, alice)
        settings = reverse("grading:school-settings", args=[school.code])
        client.force_login(administrator)
        page = text(client.get(url))
        assert "nobody has said how long a picture took before" in page
        assert settings in page
        client.force_login(alice)
        assert settings not in text(client.get(url))

    def test_a_script_may_say_how_long(self, signed_in, make_scored, student):
        url = reverse("grading:review-time", args=[make_scored(student).picture.artwork.code])
        assert signed_in.post(url, {"seconds": "41"}).status_code == 204
        assert ReviewTime.objects.get().seconds == 41

    @pytest.mark.parametrize("seconds", ["", "-3", "many", "1e9", "9" * 40])
    def test_nonsense_is_no_time(self, signed_in, make_scored, student, seconds):
        url = reverse("grading:review-time", args=[make_scored(student).picture.artwork.code])
        response = signed_in.post(url, {"seconds": seconds})
        assert response.status_code in (204, 400)
        assert all(row.seconds <= 600 for row in ReviewTime.objects.all())


class TestSettings:
    def test_what_changed_is_saved_and_leaves_a_trace(self, client, administrator, school):
        client.force_login(administrator)
        url = reverse("grading:school-settings", args=[school.code])
        kept = {"scoring_on": "on", "drafts_on": "on", "kept_days": "365"}
        client.post(url, {"blind_percent": "20", "minutes_before": "5.5"} | kept)
        school.refresh_from_db()
        assert (school.blind_percent, float(school.minutes_before)) == (20, 5.5)
        event = AuditEvent.objects.get(verb=AuditEvent.Verb.CHANGED)
        assert event.detail == {"blind_percent": "20", "minutes_before": "5.5"}

    @pytest.mark.parametrize(
        "sent",
        [
            {"blind_percent": "101"},
            {"blind_percent": ""},
            {"blind_percent": "10", "minutes_before": "-1"},
            {"blind_percent": "10", "minutes_before": "a while"},
        ],
    )
    def test_nonsense_is_refused_in_words(self, client, administrator, school, sent):
        client.force_login(administrator)
        response = client.post(reverse("grading:school-settings", args=[school.code]), sent)
        assert "errorlist" in response.content.decode()
        assert School.objects.get(pk=school.pk).blind_percent == 0

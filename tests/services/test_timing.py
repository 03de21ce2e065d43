from __future__ import annotations

import pytest

from grading.models import ReviewTime
from grading.services.annotations import confirm_review
from grading.services.timing import MeasuredTime, measured_time, record_time, time_back


@pytest.fixture
def artwork(make_scored, student):
    return make_scored(student).picture.artwork


def seconds() -> list[int]:
    return list(ReviewTime.objects.values_list("seconds", flat=True))


def test_one_message_says_ten_minutes_at_most(artwork, alice):
    record_time(artwork, alice, 100_000)
    assert seconds() == [600]


def test_an_hour_at_one_picture_is_enough(artwork, alice):
    for _message in range(8):
        record_time(artwork, alice, 500)
    assert sum(seconds()) == 3600


def test_the_hour_is_each_person_s_own(artwork, alice, administrator):
    for _message in range(8):
        record_time(artwork, alice, 500)
    record_time(artwork, administrator, 30)
    assert sum(seconds()) == 3630


def test_no_time_is_no_row(artwork, alice):
    record_time(artwork, alice, 0)
    assert seconds() == []


def test_several_messages_and_people_add_up_to_one_picture(artwork, alice, administrator):
    record_time(artwork, alice, 20)
    record_time(artwork, alice, 30)
    record_time(artwork, administrator, 10)
    confirm_review(artwork, alice)
    assert measured_time([artwork.pk]) == MeasuredTime((60,), 1)


def test_hours_given_back_are_the_sum_on_the_page(school):
    school.minutes_before = 6
    back = time_back(school, MeasuredTime((54,) * 28, 30))
    assert (back.pictures, back.now_min) == (28, 0.9)
    assert back.minutes == pytest.approx(142.8)
    assert back.hours == pytest.approx(2.38)


def test_more_time_than_before_is_said_to_be_more(school):
    school.minutes_before = 1
    assert time_back(school, MeasuredTime((120,), 1)).is_loss


def test_without_a_time_before_nothing_is_invented(school):
    assert time_back(school, MeasuredTime((54,), 1)) is None


def test_without_a_measurement_nothing_is_invented(school):
    school.minutes_before = 6
    assert time_back(school, MeasuredTime((), 5)) is None

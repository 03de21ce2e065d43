"""What the demo teacher does; how the demo school starts is in tests/run."""

import pytest

from grading.models import User
from grading.services.demo import ACCOUNTS, TASKS, confirm_earlier_work


@pytest.mark.parametrize("blind", [False, True])
def test_earlier_work_is_confirmed_also_where_the_teacher_looks_first(
    blind, make_scored, assignment, school, alice
):
    User.objects.filter(pk=alice.pk).update(email=ACCOUNTS[0][2])
    assignment.title = TASKS[0].title
    assignment.save()
    artwork = make_scored().picture.artwork
    artwork.blind_first = blind
    artwork.save()
    confirm_earlier_work(school, patience_s=0.1)
    assert artwork.reviews.count() == 1
    assert artwork.blind_looks.count() == blind

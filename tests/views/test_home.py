from __future__ import annotations

from django.urls import reverse
from django.utils.timezone import now

from grading.models import Assignment, AuditEvent, Heartbeat
from grading.services.annotations import confirm_review


def workers_alive() -> None:
    Heartbeat.objects.create(worker="w", queue="gpu,io", seen_at=now(), broker_seen_at=now())


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_a_teacher_sees_her_classes_and_what_waits(
    client, alice, student, make_scored, make_picture
):
    make_scored(student)
    make_picture(None, "red")
    workers_alive()
    client.force_login(alice)
    page = text(client.get(reverse("grading:home")))
    assert "3B" in page
    assert "3 students" in page
    assert "1 draft waits for your review." in page
    assert "1 picture is being scored." in page
    assert "No worker is running" not in page


def test_a_confirmed_picture_no_longer_waits(client, alice, student, make_scored):
    confirm_review(make_scored(student).picture.artwork, alice)
    client.force_login(alice)
    page = text(client.get(reverse("grading:home")))
    assert "Nothing waits for you." in page
    assert "1 of 1 confirmed" in page


def test_the_administrator_sees_every_class_with_its_teachers(client, administrator, classroom):
    client.force_login(administrator)
    page = text(client.get(reverse("grading:home")))
    assert "3B" in page
    assert "Alice" in page


def test_a_stranger_sees_nothing_of_it(client, bob, classroom):
    client.force_login(bob)
    page = text(client.get(reverse("grading:home")))
    assert str(classroom.code) not in page
    assert "No classes yet" in page


def test_an_annotator_is_told_that_nothing_waits(client, annotator, classroom):
    client.force_login(annotator)
    page = text(client.get(reverse("grading:home")))
    assert "No pictures wait for a second opinion" in page
    assert str(classroom.code) not in page


def test_a_class_without_assignments_offers_the_first_one(client, alice, classroom):
    client.force_login(alice)
    page = text(client.get(reverse("grading:home")))
    assert "No assignments yet" in page
    assert reverse("grading:new-assignment", args=[classroom.code]) in page


def test_home_says_when_no_worker_is_alive(client, alice, assignment):
    client.force_login(alice)
    assert "No worker is running" in text(client.get(reverse("grading:home")))


def test_the_queries_of_home_do_not_grow_with_the_assignments(
    client, alice, assignment, student, make_scored, django_assert_max_num_queries
):
    make_scored(student)
    for number in range(12):
        Assignment.objects.create(
            classroom=assignment.classroom,
            rubric_version=assignment.rubric_version,
            title=f"Task {number}",
            made_on=assignment.made_on,
        )
    client.force_login(alice)
    with django_assert_max_num_queries(12):
        page = text(client.get(reverse("grading:home")))
    assert "All 13 assignments" in page


def test_the_class_page_lists_students_and_assignments_and_leaves_a_trace(
    client, alice, classroom, assignment
):
    client.force_login(alice)
    page = text(client.get(reverse("grading:classroom", args=[classroom.code])))
    assert "Chloé D." in page
    assert "Our street" in page
    seen = AuditEvent.objects.get()
    assert (seen.verb, seen.object_code, seen.actor) == ("viewed", classroom.code, alice)


def test_a_new_assignment_gets_the_newest_rubric_and_opens_its_board(
    client, alice, classroom, rubric_version
):
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[classroom.code])
    response = client.post(url, {"title": "Trees", "made_on": "2026-11-24", "medium": "pen"})
    assignment = Assignment.objects.get()
    assert response["Location"] == reverse("grading:board", args=[assignment.code])
    assert assignment.rubric_version == rubric_version
    assert assignment.classroom == classroom


def test_an_assignment_without_a_title_is_not_made(client, alice, classroom):
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[classroom.code])
    response = client.post(url, {"title": " ", "made_on": "2026-11-24"})
    assert response.status_code == 200
    assert not Assignment.objects.exists()


def test_the_rubric_is_asked_for_only_where_there_is_a_choice(client, alice, classroom, school):
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[classroom.code])
    assert "rubric_version" not in text(client.get(url))
    own = school.rubric_set.create(slug="ours", name="Ours").versions.create(number=1)
    assert "Ours 1" in text(client.get(url))
    client.post(url, {"title": "Trees", "made_on": "2026-11-24", "rubric_version": own.pk})
    assert Assignment.objects.get().rubric_version == own


def test_the_rubric_of_another_school_cannot_be_chosen(client, alice, classroom, school, bob):
    school.rubric_set.create(slug="ours", name="Ours").versions.create(number=1)
    hillside = bob.memberships.get().school
    theirs = hillside.rubric_set.create(slug="theirs", name="Theirs").versions.create(number=1)
    client.force_login(alice)
    url = reverse("grading:new-assignment", args=[classroom.code])
    client.post(url, {"title": "Trees", "made_on": "2026-11-24", "rubric_version": theirs.pk})
    assert not Assignment.objects.exists()

"""Every URL, for every role and for a stranger. A new URL is walked on the day it is added."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils.timezone import localdate, now

from grading.intake.edits import Edit
from grading.models import (
    AdapterVersion,
    AuditEvent,
    ErasureReceipt,
    ExamplePicture,
    Membership,
    PhotoProposal,
    ReportJob,
    Role,
    RosterImport,
    SchoolYear,
    Teaching,
    User,
)
from grading.services.annotations import confirm_review
from grading.services.appeals import ask_again
from grading.services.families import create_link
from grading.services.invitations import invite
from grading.services.releases import release_class
from grading.services.rights import place_hold, request_export
from tests.asking import taken_back
from tests.conftest import jpeg

OPEN = {  # for everybody; signing out and the language take POST only
    "sign-in", "account_login", "sign-out", "set-language", "mfa_authenticate",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "grading:about", "grading:about-models", "grading:about-model",
}  # fmt: skip
EVERYBODY_SIGNED_IN = {  # shows each person their own, or nothing of anybody
    "grading:home", "grading:help", "grading:preferences", "grading:practice",
    "grading:earlier-years",
    "account_change_password", "account_reauthenticate", "usersessions_list",
    "mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_generate_recovery_codes",
}  # fmt: skip
OWN_SECOND_FACTOR = {"mfa_deactivate_totp", "mfa_view_recovery_codes"}  # 404 without one
MEMBERS_OF_THE_SCHOOL = {"grading:practice-example", "grading:practice-picture"}
ADMINISTRATORS = {
    "grading:schools", "grading:school", "grading:school-settings",
    "grading:school-privacy", "grading:retention", "grading:holds", "grading:receipts",
    "grading:receipt", "grading:lift-hold", "grading:class-consents",
    "grading:student-privacy", "grading:consent", "grading:amend", "grading:hold-student",
    "grading:export-everything", "grading:erase",
    "grading:student-record", "grading:student-record-file",  # and of these, only who asked
    "grading:school-data", "grading:assessment-notes",
    "grading:school-classes", "grading:new-year", "grading:edit-year", "grading:archive-year",
    "grading:open-year", "grading:new-class", "grading:edit-class", "grading:promote-classes",
    "grading:add-teacher", "grading:change-teaching", "grading:remove-teacher",
    "grading:school-students", "grading:new-students", "grading:put-students",
    "grading:edit-student", "grading:put-student", "grading:move-student",
    "grading:leave-school", "grading:come-back",
    "grading:people", "grading:invite", "grading:person", "grading:remove-person",
    "grading:invite-again", "grading:revoke-invitation",
    "grading:rosters", "grading:roster-columns", "grading:roster", "grading:apply-roster",
    "grading:undo-roster", "grading:discard-roster",
}  # fmt: skip
BY_TOKEN = {  # no account
    "grading:family", "grading:family-picture", "grading:family-appeal", "grading:invitation",
}  # fmt: skip
ADMINISTRATORS |= {"grading:audit", "grading:audit-file"}
SECOND_LOOK = {"grading:appeal-look", "grading:appeal-picture"}  # for those not of the class, too
TEACHERS_OF_ANY_SCHOOL = {"grading:models"}  # and administrators; it shows nothing of a school
ONLY_WHO_ASKED = {"grading:report", "grading:report-file"}
INSIDERS = ("alice", "administrator")
STRANGERS = ("colleague", "bob", "annotator")


def named_patterns() -> list[tuple[str, URLPattern]]:
    """(full name, pattern) of every URL but Django's own support pages."""
    return [(name, pattern) for name, pattern, _route in routes()]


def routes() -> list[tuple[str, URLPattern, str]]:
    """The same, and the whole address with what it is included under."""
    found = []

    def walk(resolver: URLResolver, namespace: str, under: str) -> None:
        for pattern in resolver.url_patterns:
            route = f"{under}{pattern.pattern}"
            if isinstance(pattern, URLResolver):
                if pattern.app_name != "admin":
                    inner = f"{pattern.namespace}:" if pattern.namespace else namespace
                    walk(pattern, inner, route)
            else:
                found.append((f"{namespace}{pattern.name}", pattern, route))

    walk(get_resolver(), "", "")
    return found


NAMES = [name for name, _pattern in named_patterns()]
SPECIAL = (
    OPEN | EVERYBODY_SIGNED_IN | TEACHERS_OF_ANY_SCHOOL | MEMBERS_OF_THE_SCHOOL | ADMINISTRATORS
    | BY_TOKEN | SECOND_LOOK | OWN_SECOND_FACTOR
)  # fmt: skip
SCOPED = [name for name in NAMES if name not in SPECIAL]


@pytest.fixture
def url_of(assignment, student, make_scored, school, alice, administrator):
    """The URL of a name, for objects of Alice's class."""
    score_set = make_scored(student)
    PhotoProposal.objects.create(
        picture=score_set.picture, edit=Edit(turn=1).to_json(), sure=True, reason="sheet",
        preview=ContentFile(b"", name="preview.jpg"),
    )  # fmt: skip
    batch = uuid.uuid4()
    confirm_review(make_scored(student, "gold").picture.artwork, alice, batch=batch)
    artwork = score_set.picture.artwork
    artwork_in_question = make_scored(student, "red").picture.artwork
    review = confirm_review(artwork_in_question, alice)
    report = ReportJob.objects.create(assignment=assignment, asked_by=alice, language="en")
    release_class(assignment, alice)
    link, token = create_link(student, alice, days=30, code=uuid.uuid4())
    invitation, invitation_token = invite(
        school, alice, email="new@example.org", role=Role.TEACHER, code=uuid.uuid4()
    )
    others = {
        "person": alice.code, "uidb36": alice.code, "key": "a-token",
        "version": "thumbnail", "dimension": "realism", "kind": "long", "token": token,
        "batch": batch, "slug": "board",
    }  # fmt: skip
    example = ExamplePicture.objects.create(
        rubric_version=assignment.rubric_version,
        school=school,
        title="Ours",
        display=ContentFile(jpeg(), name="display.jpg"),
        width=320,
        height=240,
    )
    owners = {
        "appeals": ask_again(artwork_in_question, review, "Is it?", by=alice).code,
        "f": artwork_in_question.code,
        "invitations": invitation.code,
        "links": link.code,
        "reports": report.code,
        "artworks": artwork.code,
        "assignments": assignment.code,
        "classes": assignment.classroom.code,
        "pictures": score_set.picture.code,
        "students": student.code,
        "notes": student.notes.create(by=alice, text="Loves ink.").code,
        "school": school.code,
        "records": request_export(student, administrator, with_names=True).code,
        "holds": place_hold(assignment.classroom.year, "a case", administrator, uuid.uuid4()).code,
        "receipts": ErasureReceipt.objects.create(
            school=school, student_code=uuid.uuid4(), reason="asked"
        ).code,
        "about": AdapterVersion.objects.earliest("pk").code,
        "years": assignment.classroom.year.code,
        "teachings": assignment.classroom.teachings.get().code,
        "rosters": RosterImport.objects.create(
            school=school, year=assignment.classroom.year, kind="csv", uploaded_by=alice
        ).code,
        "practice": example.code,
    }

    def url(name: str) -> str:
        pattern = dict(named_patterns())[name]
        route = str(pattern.pattern)
        if name == "grading:family-picture":
            return reverse(name, args=[token, review.picture.code, "thumbnail"])
        if name == "grading:invitation":
            return reverse(name, args=[invitation_token])
        kwargs = {}
        for argument in pattern.pattern.converters:
            kwargs[argument] = (
                owners[route.split("/")[0]] if argument == "code" else others[argument]
            )
        try:
            return reverse(name, kwargs=kwargs)
        except NoReverseMatch as error:
            raise AssertionError(f"teach this test about {route}") from error

    return url


# One school for all addresses of a test: what a request changes is taken back after it.
@pytest.mark.parametrize("role", STRANGERS)
def test_a_stranger_gets_404(client: Client, request, url_of, role):
    client.force_login(request.getfixturevalue(role))
    for name in SCOPED:
        for method in ("get", "post"):
            assert getattr(client, method)(url_of(name)).status_code in (404, 405), (name, method)


def test_without_signing_in_one_is_sent_to_the_sign_in_page(client: Client, url_of):
    for name in SCOPED + sorted(SPECIAL - OPEN - BY_TOKEN):
        for method in ("get", "post"):
            response = getattr(client, method)(url_of(name))
            if response.status_code != 405:
                assert response.status_code == 302, (name, method)
                assert response["Location"].startswith(reverse("sign-in")), (name, method)


@pytest.mark.parametrize("role", INSIDERS)
def test_the_class_teacher_and_the_administrator_get_in(client: Client, request, url_of, role):
    client.force_login(request.getfixturevalue(role))
    for name in SCOPED + sorted(EVERYBODY_SIGNED_IN | TEACHERS_OF_ANY_SCHOOL):
        if name in ONLY_WHO_ASKED and role != "alice":
            continue  # see the next test
        with taken_back():
            response = client.get(url_of(name))
        assert response.status_code in (200, 302, 405), name
        if response.status_code == 302:
            assert not response["Location"].startswith(reverse("sign-in")), name


@pytest.mark.parametrize("name", sorted(ONLY_WHO_ASKED))
def test_a_report_is_for_the_person_who_asked_for_it(client, administrator, url_of, name):
    client.force_login(administrator)
    assert client.get(url_of(name)).status_code == 404


@pytest.mark.parametrize("name", sorted(SECOND_LOOK))
@pytest.mark.parametrize(
    ("role", "status"),
    [("alice", 404), ("administrator", 200), ("colleague", 200), ("annotator", 404), ("bob", 404)],
)
def test_a_second_look_is_for_the_other_teachers_of_the_school(
    client, request, url_of, role, status, name
):
    client.force_login(request.getfixturevalue(role))
    assert client.get(url_of(name)).status_code == status


@pytest.mark.parametrize("name", sorted(BY_TOKEN))
def test_what_has_a_token_needs_no_account_and_what_has_a_wrong_one_is_404(client, url_of, name):
    url = url_of(name)
    assert client.get(url).status_code == 200
    token = url.split("/")[2]
    assert client.get(url.replace(token, token.swapcase())).status_code == 404


def test_no_form_of_the_class_teacher_answers_500(client: Client, alice, url_of):
    client.raise_request_exception = False
    client.force_login(alice)
    for name in SCOPED:
        with taken_back():
            assert client.post(url_of(name)).status_code < 500, name


@pytest.mark.parametrize("name", sorted(TEACHERS_OF_ANY_SCHOOL))
@pytest.mark.parametrize(("role", "status"), [("colleague", 200), ("bob", 200), ("annotator", 404)])
def test_what_is_of_no_school_is_for_every_teacher_and_for_no_annotator(
    client: Client, request, url_of, name, role, status
):
    client.force_login(request.getfixturevalue(role))
    assert client.get(url_of(name)).status_code == status


@pytest.mark.parametrize("name", sorted(MEMBERS_OF_THE_SCHOOL))
@pytest.mark.parametrize(("role", "status"), [("colleague", 200), ("annotator", 200), ("bob", 404)])
def test_what_is_of_a_school_is_for_its_members(
    client: Client, request, url_of, name, role, status
):
    client.force_login(request.getfixturevalue(role))
    assert client.get(url_of(name)).status_code == status


@pytest.mark.parametrize("role", ["alice", "colleague", "bob", "annotator", "administrator"])
def test_the_settings_of_a_school_are_for_its_administrators(client: Client, request, url_of, role):
    client.force_login(request.getfixturevalue(role))
    for name in sorted(ADMINISTRATORS):
        for method in ("get", "post"):
            with taken_back():
                status = getattr(client, method)(url_of(name)).status_code
            if status != 405:
                assert (status == 404) == (role != "administrator"), (name, method)


@pytest.mark.parametrize("name", ["grading:student-record", "grading:student-record-file"])
def test_a_copy_of_everything_is_for_the_administrator_who_asked_for_it(
    client, school, url_of, name
):
    other = User.objects.create_user("other@example.org", "pass-word-1", name="Olga")
    Membership.objects.create(user=other, school=school, role=Role.ADMINISTRATOR)
    client.force_login(other)
    assert client.get(url_of(name)).status_code == 404


@pytest.mark.parametrize("name", ["grading:about", "grading:about-models", "grading:about-model"])
@pytest.mark.parametrize("role", ["", "alice", "bob", "annotator"])
def test_how_this_works_is_for_everybody(client: Client, request, url_of, name, role):
    if role:
        client.force_login(request.getfixturevalue(role))
    assert client.get(url_of(name)).status_code == 200


def test_a_teacher_who_left_the_school_sees_nothing_of_it(client, alice, url_of):
    alice.memberships.all().delete()
    client.force_login(alice)
    for name in SCOPED + sorted(TEACHERS_OF_ANY_SCHOOL):
        assert client.get(url_of(name)).status_code in (404, 405), name


def test_a_substitute_is_in_on_the_last_day_and_out_on_the_next(client, alice, url_of):
    teachings = Teaching.objects.filter(user=alice)
    client.force_login(alice)
    teachings.update(until=localdate())
    for name in SCOPED:
        assert client.get(url_of(name)).status_code in (200, 302, 405), name
    teachings.update(until=localdate() - timedelta(days=1))
    for name in SCOPED:
        for method in ("get", "post"):
            assert getattr(client, method)(url_of(name)).status_code in (404, 405), name


# What may be done in an archived year, and why. Everything else that takes a POST is refused.
CHANGES_NOTHING_OF_A_CLASS = {
    "grading:report-class", "grading:report-student",  # they make a file
    "grading:family-links", "grading:revoke-family-link",  # of the student, in every year
    "grading:new-note", "grading:remove-note",
    "grading:edit-student", "grading:put-student", "grading:move-student",
    "grading:leave-school", "grading:come-back",
    "grading:archive-year", "grading:open-year",
    "grading:new-year", "grading:new-class", "grading:promote-classes",  # of the school
    "grading:new-students", "grading:put-students", "grading:school-settings",
    "grading:practice-example",
    "grading:consent", "grading:amend", "grading:hold-student",
    "grading:export-everything", "grading:erase",  # rights, of the student in every year
    "grading:holds", "grading:lift-hold",
    "grading:rosters", "grading:roster-columns", "grading:discard-roster",
    "grading:invite", "grading:person", "grading:remove-person", "grading:invite-again",
    "grading:revoke-invitation", "grading:invitation",
    "grading:preferences",  # of the person
    "account_change_password", "account_reauthenticate", "usersessions_list",
    "mfa_reauthenticate", "mfa_activate_totp", "mfa_generate_recovery_codes",
} | OPEN | OWN_SECOND_FACTOR  # fmt: skip


def test_nothing_is_changed_in_an_archived_year(client, administrator, url_of):
    SchoolYear.objects.update(archived_at=now())
    client.force_login(administrator)
    before = AuditEvent.objects.count()
    for name in sorted(set(NAMES) - CHANGES_NOTHING_OF_A_CLASS - OPEN):
        status = client.post(url_of(name)).status_code
        assert status in (405, 409), f"{name}: teach grading.archived.PLACES about it"
    assert AuditEvent.objects.count() == before


def test_what_changes_nothing_of_a_class_is_not_refused(client, administrator, url_of):
    SchoolYear.objects.update(archived_at=now())
    client.force_login(administrator)
    for name in sorted(CHANGES_NOTHING_OF_A_CLASS):
        assert client.post(url_of(name)).status_code != 409, name


def test_everything_in_an_archived_year_can_be_read(client, alice, url_of):
    SchoolYear.objects.update(archived_at=now())
    client.force_login(alice)
    for name in SCOPED:
        assert client.get(url_of(name)).status_code in (200, 302, 405), name


def test_a_stranger_is_not_told_that_a_year_is_archived(client, bob, url_of):
    SchoolYear.objects.update(archived_at=now())
    client.force_login(bob)
    for name in SCOPED:
        assert client.post(url_of(name)).status_code in (404, 405), name


def test_the_support_pages_are_for_staff_only(client, alice, administrator):
    for user in (alice, administrator):
        client.force_login(user)
        assert client.get("/support/").status_code == 302


def test_every_url_is_walked():
    assert len(SCOPED) >= 10
    assert set(NAMES) == set(SCOPED) | SPECIAL

"""Privacy pages: what an administrator sees, types and gets."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from grading import tasks
from grading.models import (
    Amendment,
    AuditEvent,
    Consent,
    ErasureReceipt,
    LegalHold,
    Student,
    StudentExport,
)
from grading.services.consent import record_consent
from grading.services.rights import NOBODY, add_amendment, erase_student, place_hold
from grading.services.training import freeze_training_set, record_learned_from


def text(response) -> str:
    return " ".join(response.content.decode().split())


def url(name: str, code) -> str:
    return reverse(f"grading:{name}", args=[code])


@pytest.fixture
def signed_in(client, administrator):
    client.force_login(administrator)
    return client


SAID = {"given": "yes", "source": "paper", "said_on": "2026-09-01"}


class TestTheSchoolsPage:
    def test_a_student_is_found_by_name_or_number(self, signed_in, school, student, bob):
        Student.objects.create(school=bob.memberships.get().school, display_name="Amara Z.")
        for asked in ("amara", "1"):
            page = text(signed_in.get(url("school-privacy", school.code), {"q": asked}))
            assert url("student-privacy", student.code) in page
            assert "Ben T." not in page and "Amara Z." not in page

    def test_nobody_is_listed_unasked(self, signed_in, school, student):
        assert "Amara" not in text(signed_in.get(url("school-privacy", school.code)))

    @pytest.mark.parametrize("asked", ["%", "\0", "'; --", "x" * 500, "<script>"])
    def test_nonsense_finds_nobody_and_breaks_nothing(self, signed_in, school, student, asked):
        page = text(signed_in.get(url("school-privacy", school.code), {"q": asked}))
        assert "Amara" not in page and "<script>" not in page

    def test_classes_say_how_many_answered(self, signed_in, school, classroom):
        page = text(signed_in.get(url("school-privacy", school.code)))
        assert url("class-consents", classroom.code) in page


class TestConsent:
    def test_an_answer_is_recorded_and_shown(self, signed_in, student, administrator):
        response = signed_in.post(url("consent", student.code), SAID)
        assert response["Location"] == url("student-privacy", student.code)
        consent = Consent.objects.get()
        assert (consent.given, consent.said_on.isoformat()) == (True, "2026-09-01")
        assert consent.recorded_by == administrator
        assert "signed form on paper" in text(signed_in.get(response["Location"]))

    @pytest.mark.parametrize(
        "wrong",
        [{"given": ""}, {"given": "maybe"}, {"source": "dream"}, {"said_on": "yesterday"},
         {"said_on": "2999-01-01"}, {"said_on": ""}],
    )  # fmt: skip
    def test_what_cannot_be_is_refused_and_nothing_typed_is_lost(self, signed_in, student, wrong):
        response = signed_in.post(url("consent", student.code), SAID | wrong)
        assert response.status_code == 422
        assert "errorlist" in text(response)
        assert not Consent.objects.exists()

    def test_the_page_names_the_adapters_that_saw_the_work(
        self, signed_in, student, school, decide, installed, rubric_version, administrator
    ):
        decide(student)
        school.training_on = True
        school.save()
        record_consent(student, True, "paper", localdate(), administrator)
        record_learned_from(installed[:1], freeze_training_set(rubric_version, None))
        record_consent(student, False, "email", localdate(), administrator)
        page = text(signed_in.get(url("student-privacy", student.code)))
        assert str(installed[0]) in page and "The next training leaves the work out" in page

    def test_a_teacher_reads_the_state_and_cannot_change_it(
        self, client, alice, student, administrator
    ):
        record_consent(student, True, "paper", localdate(), administrator)
        client.force_login(alice)
        page = text(client.get(url("student", student.code)))
        assert "Work may be used for training: <b>yes</b>" in page
        assert url("student-privacy", student.code) not in page
        assert client.post(url("consent", student.code), SAID).status_code == 404

    def test_the_privacy_page_is_a_view_in_the_trail(self, signed_in, student):
        signed_in.get(url("student-privacy", student.code))
        assert AuditEvent.objects.filter(object_code=student.code, detail__privacy=True).exists()


class TestAmendments:
    def sent(self, **other):
        return {"text": "Drawn at home", "asked_by": "mother", "code": str(uuid.uuid4()), **other}

    def test_it_stands_on_the_page_of_the_student_and_in_the_report(
        self, signed_in, client, alice, student, decide
    ):
        decide(student)
        sent = self.sent()
        for _time in range(2):
            signed_in.post(url("amend", student.code), sent)
        assert Amendment.objects.count() == 1
        client.force_login(alice)
        for name in ("student", "report-student"):
            assert "Drawn at home" in text(client.get(url(name, student.code))), name

    def test_it_stands_with_the_work_in_a_report_of_the_class(
        self, client, alice, student, administrator, decide
    ):
        review = decide(student)
        add_amendment(student, "Drawn at home", "mother", administrator, uuid.uuid4())
        client.force_login(alice)
        page = text(client.get(url("report-class", review.artwork.assignment.code)))
        assert page.count("Drawn at home") == 1

    @pytest.mark.parametrize(
        "wrong", [{"text": ""}, {"text": "x" * 1001}, {"asked_by": ""}, {"code": "x"}]
    )
    def test_what_cannot_be_is_refused(self, signed_in, student, wrong):
        response = signed_in.post(url("amend", student.code), self.sent(**wrong))
        assert response.status_code == 422 and not Amendment.objects.exists()


class TestACopy:
    def test_it_is_asked_for_made_and_fetched(self, signed_in, student, decide, administrator):
        decide(student)
        response = signed_in.post(url("export-everything", student.code), {"with_names": "on"})
        export = StudentExport.objects.get()
        assert response["Location"] == url("student-record", export.code)
        assert "Being made" in text(signed_in.get(response["Location"]))
        file = url("student-record-file", export.code)
        assert signed_in.get(file)["Location"] == response["Location"]
        tasks.export_student(export.pk)
        assert file in text(signed_in.get(response["Location"]))
        answer = signed_in.get(file)
        assert answer["Content-Disposition"].startswith('attachment; filename="Amara B.zip"')
        assert answer["Cache-Control"] == "no-store"
        assert b"".join(answer.streaming_content)[:2] == b"PK"
        events = AuditEvent.objects.filter(verb="exported", object_code=student.code)
        assert [e.detail.get("fetched", False) for e in events] == [False, True]

    def test_one_that_ran_out_cannot_be_fetched(self, signed_in, student):
        signed_in.post(url("export-everything", student.code))
        export = StudentExport.objects.get()
        tasks.export_student(export.pk)
        StudentExport.objects.update(expires_at="2020-01-01T00:00Z")
        assert signed_in.get(url("student-record-file", export.code)).status_code == 302
        page = text(signed_in.get(url("student-record", export.code)))
        assert "no longer kept" in page

    def test_who_is_no_longer_an_administrator_cannot_fetch_it(
        self, signed_in, student, administrator
    ):
        signed_in.post(url("export-everything", student.code))
        export = StudentExport.objects.get()
        tasks.export_student(export.pk)
        administrator.memberships.update(role="teacher")
        assert signed_in.get(url("student-record-file", export.code)).status_code == 404


class TestErasing:
    def test_the_page_says_what_goes_and_changes_nothing(self, signed_in, student, decide):
        decide(student)
        page = text(signed_in.get(url("erase", student.code)))
        assert "Decisions, levels and words of teachers" in page
        assert Student.objects.filter(pk=student.pk).exists()

    @pytest.mark.parametrize("typed", ["", "Amara", "Ben T.", "amara b"])
    def test_another_name_erases_nothing(self, signed_in, student, typed):
        response = signed_in.post(url("erase", student.code), {"name": typed})
        assert response.status_code == 422
        assert Student.objects.filter(pk=student.pk).exists()

    def test_the_name_erases_and_the_receipt_prints(self, signed_in, student, decide):
        decide(student)
        response = signed_in.post(url("erase", student.code), {"name": " amara  B."})
        receipt = ErasureReceipt.objects.get()
        assert response["Location"] == url("receipt", receipt.code)
        page = text(signed_in.get(response["Location"]))
        assert str(student.code) in page and "Amara" not in page
        assert "All files are deleted." in page or "could not be deleted yet" in page

    def test_sent_twice_the_second_finds_the_receipt(self, signed_in, student):
        for _time in range(2):
            response = signed_in.post(url("erase", student.code), {"name": "Amara B."})
        assert response["Location"] == url("receipt", ErasureReceipt.objects.get().code)

    def test_a_hold_refuses_and_says_whose_it_is(self, signed_in, student, year, administrator):
        place_hold(year, "an inspection", administrator, uuid.uuid4())
        response = signed_in.post(url("erase", student.code), {"name": "Amara B."})
        page = text(response)
        assert response.status_code == 422
        assert "Adam placed a hold on the school year" in page and "an inspection" in page
        assert "Erase for good" not in page

    def test_receipts_are_listed_and_know_no_name(self, signed_in, student, school):
        erase_student(student, None)
        ErasureReceipt.objects.create(
            school=school, student_code=NOBODY, reason="retention", year_name="2020/21"
        )
        page = text(signed_in.get(url("receipts", school.code)))
        assert str(student.code) in page and "Amara" not in page
        assert "works that belonged to nobody" in page and "the nightly job" in page


class TestHolds:
    def test_a_student_is_held_and_let_go(self, signed_in, student):
        sent = {"reason": "a dispute", "code": str(uuid.uuid4())}
        for _time in range(2):
            signed_in.post(url("hold-student", student.code), sent)
        hold = LegalHold.objects.get()
        assert "a dispute" in text(signed_in.get(url("student-privacy", student.code)))
        response = signed_in.post(url("lift-hold", hold.code), {"student": "1"})
        assert response["Location"] == url("student-privacy", student.code)
        assert "lifted by" in text(signed_in.get(response["Location"]))

    def test_a_year_is_held(self, signed_in, school, year):
        sent = {"year": str(year.code), "reason": "an inspection", "code": str(uuid.uuid4())}
        response = signed_in.post(url("holds", school.code), sent)
        assert response.status_code == 302
        assert LegalHold.objects.get().year == year
        assert "an inspection" in text(signed_in.get(response["Location"]))
        assert "held" in text(signed_in.get(url("retention", school.code)))

    def test_the_year_of_another_school_cannot_be_held(self, signed_in, school, bob):
        other = bob.memberships.get().school.years.create(
            name="x", starts_on="2020-08-01", ends_on="2021-07-31"
        )
        sent = {"year": str(other.code), "reason": "x", "code": str(uuid.uuid4())}
        assert signed_in.post(url("holds", school.code), sent).status_code == 422
        assert not LegalHold.objects.exists()

    def test_a_hold_needs_a_reason(self, signed_in, student):
        response = signed_in.post(
            url("hold-student", student.code), {"reason": " ", "code": str(uuid.uuid4())}
        )
        assert response.status_code == 422 and not LegalHold.objects.exists()


class TestRetention:
    def test_the_dry_run_says_what_goes_tonight(self, signed_in, school, year, decide, student):
        decide(student)
        page = text(signed_in.get(url("retention", school.code)))
        assert "stays" in page and "goes tonight" not in page
        year.starts_on, year.ends_on = "2000-08-01", "2001-07-31"
        year.save()
        assert "goes tonight" in text(signed_in.get(url("retention", school.code)))
        assert not ErasureReceipt.objects.exists()


def test_without_a_school_year_there_is_none_to_hold(client, administrator, school):
    client.force_login(administrator)
    page = client.get(reverse("grading:holds", args=[school.code])).content.decode()
    assert "Place the hold" not in page

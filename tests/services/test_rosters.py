"""A list is applied, applied again, and undone; in doubt a row is not taken."""

from __future__ import annotations

import secrets
import time
from datetime import date, timedelta

import pytest
from django.core import serializers
from django.db import transaction
from django.utils.timezone import localdate, now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grading.intake.checks import RefusedUpload
from grading.intake.display_names import Style
from grading.intake.rosters import Line, Table, entries_of, guess
from grading.models import (
    AuditEvent,
    Classroom,
    Consent,
    Enrollment,
    LegalHold,
    RosterImport,
    SchoolYear,
    Student,
    StudentNote,
    Teaching,
)
from grading.services.roster_plan import plan_of
from grading.services.rosters import (
    PAGE_BYTES,
    ChangedMeanwhile,
    NotPossible,
    Upload,
    apply_roster,
    forget_child,
    keep_list,
    packed,
    read_upload,
    undo_roster,
    unpacked,
)
from grading.tasks import sweep
from tests.intake.test_oneroster import a_class, enrolled, oneroster, user


@pytest.fixture
def keep(school, year, administrator):
    """``keep("First;Last;...", "Amara;Bauer;...")``: the list, kept and not applied."""

    def make(*lines: str, removes=False, style=Style.INITIAL, one_class="", content=None):
        upload = read_upload(content or "\n".join(lines).encode(), "list.csv", school)
        upload = unpacked(packed(upload, school), school)
        said = guess(upload.table)
        entries = entries_of(upload.table, said.header, said.mapping, one_class)
        return keep_list(
            upload, entries, year, administrator, style=style, removes=removes,
            mapping=said.mapping,
        )  # fmt: skip

    return make


@pytest.fixture
def apply(administrator):
    def carry_out(roster: RosterImport):
        plan = apply_roster(roster, administrator, plan_of(roster).mark)
        roster.refresh_from_db()
        return plan

    return carry_out


def dump() -> str:
    rows = [
        *Classroom.objects.order_by("pk"), *Student.objects.order_by("pk"),
        *Enrollment.objects.order_by("pk"), *Teaching.objects.order_by("pk"),
    ]  # fmt: skip
    return serializers.serialize("json", rows)


def in_class(name: str) -> set[str]:
    return {s.display_name for s in Classroom.objects.get(name=name).students_now()}


def counts(roster) -> dict[str, int]:
    return {name: n for name, n in plan_of(roster).counts.items() if n}


HEAD = "First;Last;Number;Class"


def test_what_a_page_holds_it_can_send_again(school, settings):
    """A form brings at most DATA_UPLOAD_MAX_MEMORY_SIZE; what is larger is said before."""
    room = settings.DATA_UPLOAD_MAX_MEMORY_SIZE - PAGE_BYTES
    assert room > 20_000, "the other fields of the page of columns"
    lines = [Line(n, [secrets.token_hex(40)]) for n in range(20_000)]
    with pytest.raises(RefusedUpload):
        packed(Upload("list.csv", RosterImport.Kind.CSV, table=Table(lines)), school)


class TestApply:
    def test_a_list_fills_classes_that_are_there_and_new_ones(self, keep, apply, classroom):
        roster = keep(
            "First;Last;Number;Class;Grade", "Amara;Bauer;1;3B;3", "Dev;Patel;0007;3b;3",
            "Elif;Kaya;8;4A;4",
        )  # fmt: skip
        assert counts(roster) == {"new_classes": 1, "added": 2, "changed": 1}
        apply(roster)
        assert in_class("3B") == {"Amara B.", "Ben T.", "Chloé D.", "Dev P."}
        assert in_class("4A") == {"Elif K."}
        dev = Student.objects.get(display_name="Dev P.")
        assert (dev.number, dev.grade_band) == ("0007", "3-5")
        assert Classroom.objects.get(name="4A").grade == 4

    def test_nothing_changes_before_it_is_applied(self, keep, classroom):
        before = dump()
        plan_of(keep(HEAD, "Dev;Patel;7;3B", removes=True))
        assert dump() == before

    def test_the_same_list_twice_changes_nothing(self, keep, apply, classroom):
        lines = (HEAD, "Amara;Bauer;1;3B", "Amara;Berg;9;3B", "Dev;Patel;7;4A", "Jo;F;;3B")
        apply(keep(*lines))
        again = plan_of(keep(*lines))
        assert again.is_empty
        assert again.unchanged == 4

    def test_a_number_finds_who_moved_and_who_has_a_new_name(self, keep, apply, classroom, student):
        Enrollment.objects.create(
            classroom=Classroom.objects.create(school=classroom.school, name="4A",
                                               year=classroom.year),
            student=Student.objects.create(school=classroom.school, display_name="Zoe"),
        )  # fmt: skip
        plan = plan_of(keep(HEAD, "Amara;Zander;1;4A", "Ben;Tan;2;3B"))
        assert [(s.name, s.joins[0].name, s.leaves[0].name) for s in plan.moved] == [
            ("Amara B.", "4A", "3B")
        ]
        apply(keep(HEAD, "Amara;Zander;1;4A", "Ben;Tan;2;3B"))
        student.refresh_from_db()
        assert student.display_name == "Amara Z."
        assert in_class("4A") == {"Amara Z.", "Zoe"}
        assert "Amara Z." not in in_class("3B")

    def test_a_list_of_another_class_alone_takes_nobody_out_of_theirs(self, keep, apply, classroom):
        plan = apply(keep(HEAD, "Amara;Bauer;1;Art club"))
        assert [c.name for c in plan.joining[0].stays] == ["3B"]
        assert "Amara B." in in_class("3B") & in_class("Art club")

    def test_nobody_is_removed_unless_it_is_chosen(self, keep, apply, classroom):
        apply(keep(HEAD, "Amara;Bauer;1;3B"))
        assert len(in_class("3B")) == 3
        plan = apply(keep(HEAD, "Amara;Bauer;1;3B", removes=True))
        assert {s.name for s in plan.leaving} == {"Ben T.", "Chloé D."}
        assert in_class("3B") == {"Amara B."}
        assert Enrollment.objects.filter(left_on=localdate()).count() == 2

    def test_classes_that_are_not_in_the_list_are_left_alone(self, keep, apply, classroom):
        apply(keep(HEAD, "Elif;Kaya;8;4A", removes=True))
        assert len(in_class("3B")) == 3

    def test_who_comes_back_gets_the_old_place_again(self, keep, apply, classroom, student):
        Enrollment.objects.filter(student=student).update(left_on=date(2026, 9, 1))
        Student.objects.filter(pk=student.pk).update(left_on=date(2026, 9, 1))
        apply(keep(HEAD, "Amara;Bauer;1;3B"))
        student.refresh_from_db()
        assert student.left_on is None
        assert Enrollment.objects.get(student=student).left_on is None

    def test_grade_and_letter_make_a_class(self, keep, apply, year):
        apply(keep("Name;Klasse;Stufe", "Bauer, Amara;b;3", "Tan, Ben;b;4"))
        assert (in_class("3b"), in_class("4b")) == ({"Amara B."}, {"Ben T."})

    def test_pressed_twice_it_is_applied_once(self, keep, apply, administrator, classroom):
        roster = keep(HEAD, "Dev;Patel;7;3B")
        mark = plan_of(roster).mark
        apply_roster(roster, administrator, mark)
        with pytest.raises(NotPossible):
            apply_roster(roster, administrator, mark)
        assert Student.objects.filter(display_name="Dev P.").count() == 1

    def test_what_was_not_shown_is_not_applied(self, keep, administrator, classroom, student):
        roster = keep(HEAD, "Amara;Zander;1;3B")
        mark = plan_of(roster).mark
        Student.objects.filter(pk=student.pk).update(display_name="Somebody else")
        before = dump()
        with pytest.raises(ChangedMeanwhile):
            apply_roster(roster, administrator, mark)
        assert dump() == before

    def test_an_archived_year_takes_no_list(self, keep, administrator, classroom):
        roster = keep(HEAD, "Dev;Patel;7;3B")
        SchoolYear.objects.update(archived_at=now())
        with pytest.raises(NotPossible):
            apply_roster(roster, administrator, plan_of(roster).mark)

    def test_the_audit_trail_gets_counts_and_no_names(self, keep, apply, administrator, classroom):
        roster = keep(HEAD, "Dev;Patel;7;3B", ";;8;3B")
        apply(roster)
        undo_roster(roster, administrator)
        imported, restored = AuditEvent.objects.order_by("pk")
        assert (imported.verb, restored.verb) == ("imported", "restored")
        assert imported.object_code == restored.object_code == roster.code
        assert imported.detail["added"] == imported.detail["problems"] == 1
        assert "Dev" not in str([imported.detail, restored.detail])

    def test_another_school_with_the_same_numbers_is_not_touched(self, keep, apply, bob, classroom):
        other = bob.memberships.get().school
        theirs = Student.objects.create(school=other, display_name="Zed", number="77")
        apply(keep(HEAD, "Dev;Patel;77;3B"))
        theirs.refresh_from_db()
        assert theirs.display_name == "Zed"
        assert Student.objects.filter(number="77").count() == 2


class TestDoubt:
    def problems(self, roster) -> list[tuple[int, str]]:
        plan = plan_of(roster)
        assert all(problem.words for problem in plan.problems)
        return [(p.line, p.code) for p in plan.problems]

    def test_bad_rows_are_named_and_the_rest_goes_through(self, keep, apply, classroom):
        roster = keep(HEAD, "Dev;Patel;7;3B", ";;8;3B", "Elif;Kaya;9;3B")
        assert self.problems(roster) == [(3, "no_name")]
        apply(roster)
        assert {"Dev P.", "Elif K."} <= in_class("3B")

    def test_two_of_a_name_are_never_guessed(self, keep, classroom):
        for number in ("", ""):
            twin = Student.objects.create(
                school=classroom.school, display_name="Ida M.", number=number
            )
            Enrollment.objects.create(classroom=classroom, student=twin)
        roster = keep("First;Last;Class", "Ida;Moor;3B", removes=True)
        assert self.problems(roster) == [(2, "ambiguous_name")]
        plan = plan_of(roster)
        assert not plan.added
        assert "Ida M." not in {s.name for s in plan.leaving}

    def test_two_with_one_number_here_are_never_guessed(self, keep, classroom):
        Student.objects.filter(display_name="Ben T.").update(number="1")
        assert self.problems(keep(HEAD, "Amara;Bauer;1;3B")) == [(2, "ambiguous_number")]

    def test_who_may_be_meant_by_an_unclear_row_stays_wherever_they_are(self, keep, classroom):
        Student.objects.filter(display_name="Ben T.").update(number="1")
        rows = ("Amara;Bauer;1;4A", "Chloé;Diaz;3;3B", "Jo;F;7;4A")
        plan = plan_of(keep(HEAD, *rows, removes=True))
        assert [p.code for p in plan.problems] == ["ambiguous_number"]
        assert plan.leaving == []

    def test_a_number_that_lost_its_zeros_is_no_new_student(self, keep, classroom, student):
        Student.objects.filter(pk=student.pk).update(number="0071")
        assert self.problems(keep(HEAD, "Amara;Bauer;71;3B")) == [(2, "number_zeros")]

    def test_another_number_is_another_child_of_the_same_name(self, keep, apply, classroom):
        apply(keep(HEAD, "Amara;Bo;99;3B"))
        assert {"Amara B.", "Amara Bo"} <= in_class("3B")

    def test_an_unclear_row_keeps_everybody_in_its_class(self, keep, classroom):
        plan = plan_of(keep(HEAD, "Amara;Bauer;1;3B", ";;;3B", "Jo;F;7;4A", removes=True))
        assert plan.kept_classes == [] or plan.kept_classes == ["3B"]
        plan = plan_of(keep(HEAD, "Amara;Bauer;1;3B", f"{'x' * 70};F;;3B", removes=True))
        assert plan.leaving == []
        assert plan.kept_classes == ["3B"]

    def test_a_child_of_another_class_with_this_name_is_pointed_out(self, keep, classroom):
        plan = plan_of(keep("First;Last;Class", "Amara;Bauer;4A", "Ben;Tan;4A"))
        assert [s.alike for s in plan.added] == ["3B", "3B"]


class TestUndo:
    def test_everything_is_as_before(self, keep, apply, administrator, classroom):
        Enrollment.objects.filter(student__number="3").update(left_on=date(2026, 9, 1))
        before = dump()
        roster = keep(
            "First;Last;Number;Class;Grade", "Amara;Zander;1;4A;4", "Dev;Patel;7;3B;5",
            "Chloé;Diaz;3;3B;5", removes=True,
        )  # fmt: skip
        apply(roster)
        assert dump() != before
        undone = undo_roster(roster, administrator)
        assert dump() == before
        assert (undone.students_kept, undone.classes_kept, undone.changed_since) == (0, 0, 0)
        with pytest.raises(NotPossible):
            undo_roster(roster, administrator)

    @pytest.mark.parametrize("what", ["note", "consent", "hold", "work", "class"])
    def test_an_added_student_with_something_only_leaves(
        self, keep, apply, administrator, alice, classroom, make_artwork, what
    ):
        roster = keep(HEAD, "Dev;Patel;7;3B", "Elif;Kaya;8;3B")
        apply(roster)
        dev = Student.objects.get(display_name="Dev P.")
        if what == "note":
            StudentNote.objects.create(student=dev, by=alice, text="Loves ink.")
        elif what == "consent":
            Consent.objects.create(student=dev, given=False, source="paper")
        elif what == "hold":
            LegalHold.objects.create(
                school=dev.school, student=dev, reason="x", placed_by=administrator
            )
        elif what == "work":
            make_artwork(dev)
        else:
            other = Classroom.objects.create(school=dev.school, name="Art", year=classroom.year)
            Enrollment.objects.create(classroom=other, student=dev)
        undone = undo_roster(roster, administrator)
        assert undone.students_kept == 1
        assert Student.objects.filter(pk=dev.pk).exists()
        assert not Student.objects.filter(display_name="Elif K.").exists()
        assert Enrollment.objects.get(student=dev, classroom=classroom).left_on == localdate()

    def test_a_held_year_loses_no_row(self, keep, apply, administrator, classroom, year):
        roster = keep(HEAD, "Dev;Patel;7;3B")
        apply(roster)
        LegalHold.objects.create(school=year.school, year=year, reason="x", placed_by=administrator)
        assert undo_roster(roster, administrator).students_kept == 1
        assert Enrollment.objects.get(student__number="7").left_on == localdate()

    def test_what_somebody_changed_since_stays(
        self, keep, apply, administrator, classroom, student
    ):
        roster = keep(HEAD, "Amara;Zander;1;3B", "Ben;Xu;2;3B")
        apply(roster)
        Student.objects.filter(pk=student.pk).update(display_name="Amy")
        assert undo_roster(roster, administrator).changed_since == 1
        student.refresh_from_db()
        assert student.display_name == "Amy"
        assert Student.objects.get(number="2").display_name == "Ben T."

    def test_a_name_that_another_class_has_by_now_is_not_given_back(
        self, keep, apply, administrator, classroom, year
    ):
        """The other one was in the list, too: only its grade was changed by it."""
        Classroom.objects.filter(pk=classroom.pk).update(sourced_id="c1")
        other = Classroom.objects.create(school=year.school, year=year, name="4A", sourced_id="c2")
        roster = keep(HEAD, "Dev;Patel;7;3B")
        apply(roster)
        Classroom.objects.filter(pk=classroom.pk).update(name="3C")
        roster.plan["classes_changed"] = [
            {"code": str(classroom.code), "before": {"name": "3B"}, "after": {"name": "3C"}},
            {"code": str(other.code), "before": {"grade": None}, "after": {"grade": 4}},
        ]
        roster.save()
        Classroom.objects.filter(pk=other.pk).update(name="3B", grade=4)
        assert undo_roster(roster, administrator).changed_since == 1
        assert [c.name for c in (classroom, other) if c.refresh_from_db() is None] == ["3C", "3B"]

    def test_a_new_class_in_use_stays(self, keep, apply, administrator, classroom, assignment):
        roster = keep(HEAD, "Dev;Patel;7;4A")
        apply(roster)
        assignment.classroom = Classroom.objects.get(name="4A")
        assignment.save()
        assert undo_roster(roster, administrator).classes_kept == 1
        assert in_class("4A") == set()

    def test_after_its_days_a_list_is_forgotten_and_cannot_be_undone(
        self, keep, apply, administrator, classroom, settings, monkeypatch
    ):
        monkeypatch.setattr("grading.tasks._messages_in", lambda queue: 1)
        roster = keep(HEAD, "Dev;Patel;7;3B")
        apply(roster)
        sweep()
        roster.refresh_from_db()
        assert roster.rows
        RosterImport.objects.update(
            uploaded_at=now() - timedelta(days=settings.ROSTER_KEPT_DAYS, minutes=1)
        )
        sweep()
        roster.refresh_from_db()
        assert (roster.rows, roster.plan, roster.header, roster.mapping) == ([], {}, [], {})
        with pytest.raises(NotPossible):
            undo_roster(roster, administrator)


class TestPrivacy:
    def test_only_what_is_needed_is_stored(self, keep, apply, classroom):
        roster = keep(
            "First;Last;Number;Class;Date of birth;E-mail;Street;Remark?",
            "Dev;Patelski;7;3B;2018-01-02;dev@home.example;Elm Street 5;Loud",
        )  # fmt: skip
        apply(roster)
        kept = serializers.serialize("json", [roster]) + dump()
        for secret in ("Patelski", "2018-01-02", "dev@home", "Elm Street", "Loud"):
            assert secret not in kept
        assert "Dev P." in kept

    def test_what_looks_like_a_formula_is_text(self, keep, apply, classroom, assignment):
        from grading.services.exports import harmless

        apply(keep(HEAD, "=1+1;Patel;7;3B", "@SUM(A1);;8;3B", "+49;;9;3B", "-2;;10;3B"))
        names = in_class("3B") - {"Amara B.", "Ben T.", "Chloé D."}
        assert names == {"=1+1 P.", "@SUM(A1)", "+49", "-2"}
        assert all(str(harmless(name)).startswith("'") for name in names)

    def test_an_erased_child_is_taken_out_of_lists_too(
        self, keep, apply, administrator, classroom, student
    ):
        roster = keep(HEAD, "Amara;Zander;1;3B", "Amara;Zander;1;3B", "Dev;Patel;7;3B")
        apply(roster)
        waiting = keep(HEAD, "Amara;Zander;1;3B", "Ben;Tan;2;3B")
        student.refresh_from_db()
        with transaction.atomic():
            assert forget_child(student) == 2
            student.delete()
        for one in (roster, waiting):
            one.refresh_from_db()
            assert "Amara" not in f"{one.rows}{one.plan}"
        undo_roster(roster, administrator)
        assert not Student.objects.filter(number__in=("1", "7")).exists()

    def test_a_page_of_another_school_is_not_taken(self, keep, school, bob):
        from grading.intake.checks import RefusedUpload

        text = packed(read_upload(b"Name;Class\nAmara;3B", "x.csv", school), school)
        with pytest.raises(RefusedUpload):
            unpacked(text, bob.memberships.get().school)
        with pytest.raises(RefusedUpload):
            unpacked(text[:-3] + "abc", school)


NAMES = st.sampled_from(["Amara", "Ben", "Zoë", "Jürgen", "O'Neill", "=x", "Li"])
LASTS = st.sampled_from(["Bauer", "Baum", "Berg", "van der Berg", "Tan", "Bo", ""])
TABLES = st.lists(
    st.tuples(
        NAMES, LASTS, st.sampled_from(["", "1", "2", "3", "7", "8", "9", "007"]),
        st.sampled_from(["3B", "3b", "4A", "Art", ""]),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=TABLES, removes=st.booleans(), style=st.sampled_from(list(Style)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "mac_roman"]),
    separator=st.sampled_from([";", ",", "\t", "|"]),
)  # fmt: skip
def test_any_list_is_applied_once_and_undone_without_a_trace(
    keep, apply, administrator, classroom, rows, removes, style, encoding, separator
):
    lines = [separator.join(("First", "Last", "Number", "Class")), *map(separator.join, rows)]
    content = "\r\n".join(lines).encode(encoding)
    with transaction.atomic():
        before = dump()
        roster = keep(content=content, removes=removes, style=style)
        again = keep(content=content, removes=removes, style=style)
        if not plan_of(roster).is_empty:
            apply(roster)
            plan = plan_of(keep(content=content, removes=removes, style=style))
            assert plan.is_empty, (rows, plan)
            assert plan_of(again).is_empty
            undo_roster(roster, administrator)
        assert dump() == before
        transaction.set_rollback(True)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lists=st.lists(st.tuples(TABLES, st.booleans()), min_size=2, max_size=4))
def test_lists_one_after_the_other_are_undone_in_turn(keep, apply, administrator, classroom, lists):
    with transaction.atomic():
        states, applied = [], []
        for rows, removes in lists:
            roster = keep("First;Last;Number;Class", *map(";".join, rows), removes=removes)
            if not plan_of(roster).is_empty:
                states.append(dump())
                apply(roster)
                applied.append(roster)
                again = keep("First;Last;Number;Class", *map(";".join, rows), removes=removes)
                assert plan_of(again).is_empty
        while applied:
            undone = undo_roster(applied.pop(), administrator)
            assert (undone.students_kept, undone.classes_kept, undone.changed_since) == (0, 0, 0)
            assert dump() == states.pop()
        transaction.set_rollback(True)


USERS = [("u1", "Amara", "Bauer"), ("u2", "Amara", "Berg"), ("u3", "Ben", "Tan"), ("u4", "Li", "")]
ENROLLMENTS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3", "u4", "u9"]), st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["", "active", "tobedeleted"]),
    ),
    min_size=1, max_size=10,
)  # fmt: skip
TITLES = st.permutations(["3B", "4A", "Art"])
ONEROSTERS = st.tuples(ENROLLMENTS, TITLES, st.sampled_from(["bulk", "delta"]), st.booleans())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.lists(ONEROSTERS, min_size=1, max_size=3))
def test_any_oneroster_files_are_applied_once_and_undone(
    school, year, administrator, apply, classroom, files
):
    def kept(enrollments, titles, mode, removes):
        content = oneroster(
            mode,
            users=[user(*u, identifier=str(n)) for n, u in enumerate(USERS, start=1)],
            classes=[a_class(f"c{n}", title) for n, title in enumerate(titles, start=1)],
            enrollments=[enrolled(u, c, status=s) for u, c, s in enrollments],
        )
        upload = unpacked(packed(read_upload(content, "x.zip", school), school), school)
        return keep_list(
            upload, upload.entries, year, administrator, style=Style.INITIAL, removes=removes
        )

    with transaction.atomic():
        states, applied = [], []
        for file in files:
            roster = kept(*file)
            if plan_of(roster).is_empty:
                continue
            states.append(dump())
            apply(roster)
            applied.append(roster)
            assert plan_of(kept(*file)).is_empty, file
        while applied:
            undo_roster(applied.pop(), administrator)
            assert dump() == states.pop()
        transaction.set_rollback(True)


def test_two_thousand_students_are_applied_in_a_few_seconds(keep, apply, administrator, school):
    lines = [f"Kid{n};Name{n};{n:05};{n // 25}A" for n in range(2000)]
    started = time.monotonic()
    roster = keep(HEAD, *lines)
    kept = time.monotonic()
    apply(roster)
    applied = time.monotonic()
    undo_roster(roster, administrator)
    print(
        f"kept in {kept - started:.1f} s, applied in {applied - kept:.1f} s, "
        f"undone in {time.monotonic() - applied:.1f} s"
    )
    assert applied - kept < 15
    assert Student.objects.count() == 0

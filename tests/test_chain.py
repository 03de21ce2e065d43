"""What the audit chain finds, what it lets go, and that nothing else touches a row of it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from grading import chain, tasks
from grading.chain import Head, chain_head, let_go_of_old_events, seal_events, verify_chain
from grading.checks import audit_is_kept
from grading.models import AuditAnchor, AuditEvent, FrozenError, LegalHold
from grading.services.audit import record


def raw() -> QuerySet[AuditEvent]:
    """As somebody with the database's password would write."""
    return QuerySet(AuditEvent)


@pytest.fixture
def write(school, alice):
    """``write(3, days_ago=800)``: so many rows, unsealed."""

    def make(count: int = 1, days_ago: float = 0) -> None:
        for _ in range(count):
            event = record(alice, AuditEvent.Verb.VIEWED, school, school, edit={"gains": [1.0, 2]})
            raw().filter(pk=event.pk).update(at=F("at") - timedelta(days=days_ago))

    return make


@pytest.fixture
def sealed(write):
    """Ten rows that are sealed."""
    write(10)
    seal_events()


def faults(**options) -> str:
    return "\n".join(verify_chain(**options).faults)


class TestSeal:
    def test_rows_are_numbered_in_the_order_they_were_written(self, write):
        write(3)
        assert seal_events() == 3
        rows = AuditEvent.objects.order_by("pk").values_list("position", flat=True)
        assert list(rows) == [1, 2, 3]
        assert not verify_chain().faults

    def test_sealing_again_changes_nothing(self, sealed):
        before = list(AuditEvent.objects.order_by("pk").values())
        assert seal_events() == 0
        assert list(AuditEvent.objects.order_by("pk").values()) == before

    def test_a_row_that_was_committed_late_gets_a_later_position(self, write):
        write(2)
        late = AuditEvent.objects.order_by("pk").first()
        values = AuditEvent.objects.filter(pk=late.pk).values().get()
        raw().filter(pk=late.pk).delete()
        seal_events()
        AuditEvent.objects.create(**values)
        seal_events()
        assert AuditEvent.objects.get(pk=late.pk).position == 2
        assert not verify_chain().faults

    def test_many_rows_are_sealed_in_several_transactions(self, write, monkeypatch):
        monkeypatch.setattr(chain, "SEALED_AT_ONCE", 2)
        write(5)
        assert seal_events(at_most=4) == 4
        assert seal_events() == 1
        assert not verify_chain().faults

    def test_a_second_sealer_waits_for_the_first(self, sealed, write):
        write()
        with CaptureQueriesContext(connection) as asked:
            seal_events()
        locks = [q for q in asked if "auditanchor" in q["sql"] and '"position" = 0' in q["sql"]]
        assert locks  # select_for_update: SQLite takes the whole file instead

    def test_the_sweep_seals(self, write, monkeypatch):
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
        write(2)
        tasks.sweep()
        assert chain_head().position == 2

    def test_a_seal_that_fails_does_not_keep_the_sweep_from_its_work(self, write, monkeypatch):
        def broken(at_most):
            raise tasks.DatabaseError

        asked = []
        monkeypatch.setattr(tasks, "_messages_in", lambda queue: asked.append(queue) or 1)
        monkeypatch.setattr(tasks, "seal_events", broken)
        tasks.sweep()
        assert asked


class TestFrozen:
    def test_no_manager_changes_or_deletes_a_row(self, sealed):
        event = AuditEvent.objects.first()
        for attempt in (
            lambda: AuditEvent.objects.update(verb="viewed"),
            lambda: AuditEvent.objects.filter(pk=event.pk).delete(),
            lambda: AuditEvent.objects.all().delete(),
            lambda: AuditEvent.objects.bulk_update([event], ["verb"]),
            event.delete,
            event.save,
            lambda: AuditAnchor.objects.all().delete(),
            AuditAnchor.objects.first().delete,
        ):
            with pytest.raises(FrozenError):
                attempt()
        assert AuditEvent.objects.count() == 10

    def test_the_seal_fills_only_what_is_empty(self, sealed):
        raw().filter(position=4).update(position=None)  # its digest stays
        assert seal_events() == 0
        assert AuditEvent.objects.filter(position=None).count() == 1


class TestVerify:
    def test_a_whole_chain_has_no_fault(self, sealed):
        found = verify_chain()
        assert (found.rows, found.faults, found.head) == (10, [], chain_head())

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("at", now() - timedelta(days=1)),
            ("actor_id", None),
            ("school_id", None),
            ("verb", "released"),
            ("object_kind", "artwork"),
            ("object_code", uuid.uuid4()),
            ("ip_address", "203.0.113.7"),
            ("detail", {"edit": {"gains": [1.0, 3]}}),
            ("digest", "0" * 64),
            ("id", 999),
        ],
    )
    def test_a_changed_row_is_named(self, sealed, name, value):
        raw().filter(position=4).update(**{name: value})
        assert "Row 4 (" in faults()

    def test_a_changed_row_with_a_fitting_digest_gives_itself_away_by_the_next(self, sealed):
        raw().filter(position=4).update(verb="released")
        before = AuditEvent.objects.get(position=3).digest
        row = AuditEvent.objects.filter(position=4).values(*chain.FIELDS).get()
        raw().filter(position=4).update(digest=chain.digest_of(before, row))
        assert "Row 5 (" in faults()
        assert "or row 4 was" in faults()

    def test_removed_rows_are_named(self, sealed):
        raw().filter(position__in=[4, 5]).delete()
        assert faults() == "Rows 4 to 5 are missing: removed after the seal."

    def test_one_removed_row_is_named(self, sealed):
        raw().filter(position=1).delete()
        assert faults() == "Row 1 is missing: removed after the seal."

    def test_rows_that_changed_places_are_found(self, sealed):
        for one, other in ((4, 100), (5, 4), (100, 5)):
            raw().filter(position=one).update(position=other)
        assert "Row 4 (" in faults()

    def test_a_row_put_in_between_is_found(self, sealed, write):
        for position in range(10, 4, -1):
            raw().filter(position=position).update(position=position + 1)
        write()
        raw().filter(position=None).update(position=5, digest="a" * 64)
        assert "Row 5 (" in faults()

    def test_a_row_without_its_position_is_found(self, sealed):
        raw().filter(position=10).update(position=None)
        assert "1 rows have a digest but no position" in faults()

    def test_a_row_before_the_beginning_is_found(self, sealed):
        raw().filter(position=10).update(position=0)
        assert "1 rows stand before the beginning" in faults()

    def test_a_row_added_with_an_old_date_is_asked_about_and_no_fault(self, sealed, write):
        write(days_ago=3)
        seal_events()
        found = verify_chain()
        assert not found.faults
        assert "Row 11 (" in found.late[0]

    def test_a_cut_end_is_found_with_a_head_noted_before(self, sealed, write):
        noted = chain_head()
        raw().filter(position__gt=7).delete()
        assert not faults()  # nothing in the database says so
        assert "the end was cut off" in faults(expected=noted)
        write(5)
        seal_events()
        assert "was written anew" in faults(expected=noted)

    def test_a_chain_written_anew_is_found_with_a_head_noted_before(self, sealed):
        noted = chain_head()
        raw().filter(position=4).update(verb="released")
        raw().update(position=None, digest="")
        seal_events()
        assert not faults()
        assert "the chain was written anew" in faults(expected=noted)

    def test_a_head_of_any_earlier_moment_fits(self, sealed, write):
        noted = chain_head()
        write(3)
        seal_events()
        assert not faults(expected=noted)
        assert not faults(expected=Head(0, chain.NOTHING))

    def test_it_reads_in_batches(self, sealed, monkeypatch):
        monkeypatch.setattr(chain, "READ_AT_ONCE", 3)
        with CaptureQueriesContext(connection) as asked:
            found = verify_chain()
        assert (found.rows, found.faults) == (10, [])
        assert sum("LIMIT 3" in q["sql"] for q in asked) == 5

    def test_of_many_faults_the_first_are_kept_and_all_are_counted(self, write, monkeypatch):
        monkeypatch.setattr(chain, "FAULTS_KEPT", 2)
        write(6)
        seal_events()
        raw().filter(position__gt=1).update(verb="released")
        found = verify_chain()
        assert (found.fault_count, len(found.faults)) == (5, 2)


class TestLettingGo:
    @pytest.fixture
    def aged(self, write):
        """Four old rows, three new ones."""
        write(4, days_ago=800)
        write(3)
        seal_events()

    def test_old_rows_go_and_the_rest_can_be_verified(self, aged):
        fourth = AuditEvent.objects.get(position=4)
        assert let_go_of_old_events() == 4
        anchor = AuditAnchor.objects.latest("position")
        assert (anchor.position, anchor.digest, anchor.rows) == (4, fourth.digest, 4)
        found = verify_chain()
        assert (found.faults, found.begins.position, found.rows) == ([], 4, 4)  # one says so

    def test_it_goes_on_the_next_night(self, aged, write):
        let_go_of_old_events()
        assert let_go_of_old_events() == 0
        raw().filter(position__lte=8).update(at=now() - timedelta(days=900))
        raw().update(position=None, digest="")
        seal_events()  # the chain goes on from the same anchor
        write()
        seal_events()
        assert let_go_of_old_events() == 4
        assert not verify_chain().faults

    def test_an_old_row_behind_a_newer_one_stays(self, aged, write):
        write(days_ago=800)
        seal_events()
        assert let_go_of_old_events() == 4
        assert AuditEvent.objects.filter(position=8).exists()

    def test_everything_may_be_old(self, write):
        write(3, days_ago=800)
        seal_events()
        assert let_go_of_old_events() == 3
        write()
        seal_events()
        assert not verify_chain().faults

    def test_what_is_not_whole_is_not_let_go(self, aged):
        raw().filter(position=2).update(verb="released")
        with pytest.raises(chain.BrokenChain, match="Row 2"):
            let_go_of_old_events()
        assert AuditEvent.objects.count() == 7

    def test_the_nightly_job_says_so_and_notes_the_head(self, aged, caplog):
        raw().filter(position=2).update(verb="released")
        caplog.set_level("INFO")
        tasks.keep_audit()
        assert "Row 2" in caplog.text
        assert f"head of the audit trail: {chain_head()}" in caplog.text

    def test_while_a_hold_stands_nothing_goes(self, aged, school, student, alice):
        hold = LegalHold.objects.create(
            school=school, student=student, reason="a court", placed_by=alice
        )
        assert let_go_of_old_events() == 0
        LegalHold.objects.filter(pk=hold.pk).update(lifted_at=now())
        assert let_go_of_old_events() == 4

    def test_an_anchor_that_nobody_vouches_for_is_found(self, sealed):
        fourth = AuditEvent.objects.get(position=4)
        raw().filter(position__lte=4).delete()
        AuditAnchor.objects.create(position=4, digest=fourth.digest, rows=4)
        assert "no row in it says that the rows before were let go" in faults()

    def test_a_head_from_before_can_no_longer_be_compared(self, aged):
        noted = Head(2, AuditEvent.objects.get(position=2).digest)
        at_the_cut = Head(4, AuditEvent.objects.get(position=4).digest)
        let_go_of_old_events()
        assert "cannot be compared any more" in faults(expected=noted)
        assert not faults(expected=at_the_cut)

    def test_how_long_they_are_kept_is_half_a_year_or_more(self, settings):
        settings.AUDIT_KEPT_DAYS = 179
        assert [error.id for error in audit_is_kept(None)] == ["kidsart.E019"]
        settings.AUDIT_KEPT_DAYS = 180
        assert not audit_is_kept(None)


class TestCommand:
    def test_it_seals_and_prints_the_head(self, write, capsys):
        write(2)
        call_command("verify_audit")
        said = capsys.readouterr().out
        assert f"head {chain_head()}" in said
        assert "is whole: 2 rows" in said

    def test_it_fails_with_a_sentence_which_row(self, sealed, capsys):
        raw().filter(position=4).update(verb="released")
        with pytest.raises(CommandError, match="not whole: 1 faults in 10 rows"):
            call_command("verify_audit")
        assert "Row 4 (" in capsys.readouterr().err

    def test_it_compares_with_a_head_from_elsewhere(self, sealed, capsys):
        call_command("verify_audit", expect=str(chain_head()))
        assert "with the head that was noted" in capsys.readouterr().out
        with pytest.raises(CommandError):
            call_command("verify_audit", expect=f"11:{'a' * 64}")

    @pytest.mark.parametrize("text", ["x", "1:2", "-1:" + "a" * 64, "1:" + "g" * 64])
    def test_what_is_no_head_is_refused(self, db, text):
        with pytest.raises(CommandError, match="POSITION:DIGEST"):
            call_command("verify_audit", expect=text)

    def test_an_empty_trail_is_whole(self, db, capsys):
        call_command("verify_audit")
        assert "is whole: 0 rows" in capsys.readouterr().out

"""Everything of a student is in the copy, and nothing is left of one who was erased."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.utils.timezone import localdate, now

from grading import tasks
from grading.models import (
    Amendment,
    Annotation,
    Appeal,
    AuditEvent,
    Classroom,
    Consent,
    DoomedFile,
    ErasureReceipt,
    FamilyLink,
    LegalHold,
    Membership,
    Picture,
    ReportJob,
    RosterImport,
    Student,
    StudentExport,
    TrainingItem,
    User,
)
from grading.records import KEPT, NOT_EXPORTED, OF_STUDENTS, OF_WORKS
from grading.services.appeals import ask_again
from grading.services.artworks import match_artwork
from grading.services.releases import release_class
from grading.services.rights import (
    Held,
    add_amendment,
    erase_again,
    erase_student,
    lift_hold,
    place_hold,
    request_export,
    what_goes,
)

KINDS = {kind.model for kind in (*OF_WORKS, *OF_STUDENTS)}


def paths_to_student() -> dict[type[Model], list[str]]:
    """Every model of ours with all ways of foreign keys by which its rows lead to a student."""
    found: dict[type[Model], list[str]] = {Student: ["pk"]}
    models = list(apps.get_app_config("grading").get_models())
    before = -1
    while before != (before := sum(map(len, found.values()))):
        for model in models:
            for field in model._meta.concrete_fields:
                for path in list(found.get(field.related_model, ())):  # type: ignore[call-overload]
                    way = field.name if path == "pk" else f"{field.name}__{path}"
                    known = found.setdefault(model, [])
                    if way not in known and not is_a_circle(model, way):
                        known.append(way)
    return {model: paths for model, paths in found.items() if paths}


def is_a_circle(model: type[Model], way: str) -> bool:
    seen = [model]
    for name in way.split("__"):
        seen.append(seen[-1]._meta.get_field(name).related_model)
    return len(seen) != len(set(seen))


PATHS = paths_to_student()


def rows_by_path(student: Student) -> Iterator[tuple[type[Model], set[int]]]:
    for model, paths in PATHS.items():
        keys: set[int] = set()
        for path in paths:
            keys.update(
                model._base_manager.filter(**{path: student.pk}).values_list("pk", flat=True)
            )
        yield model, keys


def everything_stored() -> str:
    """The text of every row of every table."""
    rows = []
    for model in apps.get_models():
        rows += [repr(row) for row in model._base_manager.values_list()]
    return "\n".join(rows)


def stored_files(media: Path) -> set[str]:
    return {str(p.relative_to(media)) for p in media.rglob("*") if p.is_file()}


# ------------------------------------------------------------------------------------ the one list
def test_every_model_that_leads_to_a_student_is_in_the_list():
    assert set(PATHS) == KINDS | set(KEPT)


def test_every_model_that_leads_to_a_student_is_in_the_copy_or_says_why_not():
    assert set(NOT_EXPORTED) <= set(PATHS)
    assert all(NOT_EXPORTED.values()) and all(KEPT.values())


def test_the_year_of_these_tests_has_a_row_of_every_kind(lived):
    assert {model.__name__ for model, keys in rows_by_path(lived) if not keys} == set()


def test_the_list_leads_to_every_row_that_the_models_lead_to(lived):
    artworks = list(lived.artworks.values_list("pk", flat=True))
    listed: dict[type[Model], set[int]] = {}
    for kind in OF_WORKS:
        listed.setdefault(kind.model, set()).update(
            kind.rows(artworks).values_list("pk", flat=True)
        )
    for kind in OF_STUDENTS:
        found = kind.rows([lived.pk]).values_list("pk", flat=True)
        listed.setdefault(kind.model, set()).update(found)
    for model, keys in rows_by_path(lived):
        if model not in KEPT:
            assert listed[model] == keys, model


# ------------------------------------------------------------------------------------------ a copy
def opened(export: StudentExport) -> zipfile.ZipFile:
    export.refresh_from_db()
    assert export.status == StudentExport.Status.SUCCEEDED, export.error
    return zipfile.ZipFile(io.BytesIO(export.file.read()))


@pytest.fixture
def copy(lived, administrator) -> zipfile.ZipFile:
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    return opened(export)


def test_the_copy_holds_a_row_of_every_kind(copy):
    rows = json.loads(copy.read("record.json"))["rows"]
    expected = {m._meta.model_name for m in set(PATHS) - set(NOT_EXPORTED)}
    assert set(rows) == expected
    assert all(rows[name] for name in expected)
    assert {f"tables/rows/{name}.csv" for name in expected} <= set(copy.namelist())


def test_the_copy_holds_the_pictures_in_full(copy, lived):
    names = json.loads(copy.read("record.json"))["pictures"]
    pictures = Picture.objects.filter(artwork__student=lived)
    assert pictures.count() == 2
    for picture in pictures:
        assert copy.read(names[str(picture.pk)]) == picture.full.read()
    assert [name for name in copy.namelist() if name.startswith("pictures/original ")]


def test_the_copy_says_who_gave_each_level_and_which_adapter(copy):
    levels = copy.read("tables/levels.csv").decode("utf-8-sig")
    assert "realism 1 (tiny)" in levels
    assert "Alice (Teacher)" in levels and "Carol (Teacher)" in levels


def test_a_parent_can_read_the_copy(copy):
    page = copy.read("index.html").decode()
    for words in (
        *("Amara B.", "Our street", "It was drawn at home", "Amara B. left early"),
        *("Decided by Alice (Teacher)", "taken back later", "signed form on paper"),
    ):
        assert words in page
    assert 'src="http' not in page and "<script" not in page


def test_the_copy_says_who_saw_it(client, lived, alice, administrator):
    client.force_login(alice)
    client.get(f"/students/{lived.code}/")
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    trail = json.loads(opened(export).read("record.json"))["who_saw_it"]
    assert {"Alice (Teacher)", "Adam (Administrator)"} <= {row["who"] for row in trail}
    assert "Viewed" in {row["did"] for row in trail}


def test_no_token_and_nothing_of_another_child_is_in_the_copy(lived, administrator, make_scored):
    other = Student.objects.get(display_name="Ben T.")
    make_scored(other, "navy")
    mistaken = make_scored(other, "olive").picture.artwork
    match_artwork(mistaken, lived, administrator)  # the trail says whose it was before
    digest = lived.family_links.get().token_sha256
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    archive = opened(export)
    text = "".join(
        archive.read(name).decode("utf-8-sig")
        for name in archive.namelist()
        if not name.startswith("pictures/")
    )
    for secret in (digest, "Ben T.", str(other.code), "127.0.0.1"):
        assert secret not in text


def test_what_another_family_saw_and_wrote_before_it_was_matched_anew_is_theirs(
    decide, student, alice, administrator, forget
):
    ben = Student.objects.get(display_name="Ben T.")
    review = decide(ben)
    assignment = review.artwork.assignment
    release_class(assignment, alice)
    link = FamilyLink.objects.create(
        student=ben, token_sha256="0" * 64, created_by=alice, expires_at=now()
    )
    ask_again(review.artwork, review, "Ben drew the moon.", family_link=link)
    match_artwork(review.artwork, student, administrator)
    rows = {}
    for one in (student, ben):
        export = request_export(one, administrator, with_names=True)
        tasks.export_student(export.pk)
        rows[one] = json.loads(opened(export).read("record.json"))["rows"]
    assert rows[student]["review"] and not rows[ben]["review"]
    assert rows[student]["appeal"] == [] and rows[student]["releasedwork"] == []
    assert [row["reason"] for row in rows[ben]["appeal"]] == ["Ben drew the moon."]
    forget(ben, administrator)
    assert not Appeal.objects.exists()
    assert student.artworks.exists()


def test_a_file_with_a_picture_that_turned_out_to_be_anothers_can_be_fetched_no_more(
    lived, administrator, alice, django_capture_on_commit_callbacks
):
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    assignment = lived.artworks.all()[0].assignment
    reports = [
        ReportJob.objects.create(asked_by=alice, **{field: row}, status="running", attempt=1)
        for field, row in (("student", lived), ("assignment", assignment))
    ]
    for report in reports:
        assert report.succeed(ContentFile(b"%PDF")) and report.is_there
    match_artwork(
        lived.artworks.all()[0], Student.objects.get(display_name="Ben T."), administrator
    )
    for made in (export, *reports):
        made.refresh_from_db()
        assert made.file and not made.is_there


def test_without_names_staff_are_what_they_are(lived, administrator):
    export = request_export(lived, administrator, with_names=False)
    tasks.export_student(export.pk)
    archive = opened(export)
    text = archive.read("record.json").decode() + archive.read("index.html").decode()
    assert "Alice" not in text and "Carol" not in text and "Adam" not in text
    assert "Teacher 1" in text and "Teacher 2" in text


def test_a_cell_that_a_spreadsheet_would_compute_is_text(lived, alice, administrator):
    lived.notes.create(by=alice, text="=HYPERLINK(1)")
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    notes = opened(export).read("tables/rows/studentnote.csv").decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in notes


def test_a_picture_whose_file_is_gone_does_not_stop_the_copy(lived, administrator):
    default_storage.delete(Picture.objects.filter(artwork__student=lived)[0].full.name)
    export = request_export(lived, administrator, with_names=True)
    tasks.export_student(export.pk)
    assert len([n for n in opened(export).namelist() if n.startswith("pictures/0")]) == 1


def test_asked_for_twice_the_copy_is_made_once(student, administrator):
    assert request_export(student, administrator, True) == request_export(
        student, administrator, True
    )
    asked = AuditEvent.objects.filter(verb=AuditEvent.Verb.EXPORTED, object_code=student.code)
    assert asked.count() == 1


# --------------------------------------------------------------------------------------- forgotten
@pytest.fixture
def forget(django_capture_on_commit_callbacks):
    def erase(student: Student, by: User | None) -> ErasureReceipt:
        with django_capture_on_commit_callbacks(execute=True):
            return erase_student(student, by)

    return erase


def test_no_row_with_a_path_to_the_student_remains(lived, administrator, forget):
    before = dict(rows_by_path(lived))
    forget(lived, administrator)
    for model, keys in before.items():
        left = model._base_manager.filter(pk__in=keys).count()
        assert left == (len(keys) if model in KEPT else 0), model
    assert not TrainingItem.objects.exclude(annotation=None).exists()


def test_no_file_remains_and_those_of_others_do(lived, administrator, forget, make_scored, media):
    mine = stored_files(media)
    make_scored(Student.objects.get(display_name="Ben T."), "navy")
    others = stored_files(media) - mine
    assert len(mine) >= 11 and others
    receipt = forget(lived, administrator)
    assert stored_files(media) == others
    assert receipt.counts["files"] == len(mine)
    assert not DoomedFile.objects.exists()
    assert not [p for p in (media / "pictures").glob("*/*") if not any(p.iterdir())]


def test_the_name_is_nowhere_in_the_database(lived, administrator, forget):
    kind = ContentType.objects.get_for_model(Student)
    LogEntry.objects.create(
        user=administrator, content_type=kind, object_id=str(lived.pk), object_repr=str(lived),
        action_flag=CHANGE, change_message="Changed name to Amara B.",
    )  # fmt: skip
    assert "Amara" in everything_stored()
    forget(lived, administrator)
    assert "Amara" not in everything_stored()


def test_it_is_said_beforehand_where_else_the_name_stands(lived, alice):
    assert what_goes(lived).elsewhere == 0  # their own notes and words go with them
    other = Student.objects.get(display_name="Ben T.")
    other.notes.create(by=alice, text="Sat beside AMARA B. today")
    assert what_goes(lived).elsewhere == 1


def test_other_students_stay_as_they_are(lived, administrator, forget, decide):
    review = decide(Student.objects.get(display_name="Ben T."))
    before = {name: model._base_manager.filter(**{path: review.artwork.student_id}).count()
              for name, model, path in ways()}  # fmt: skip
    forget(lived, administrator)
    after = {name: model._base_manager.filter(**{path: review.artwork.student_id}).count()
             for name, model, path in ways()}  # fmt: skip
    assert after == before


def ways():
    return [(f"{m.__name__} {path}", m, path) for m, paths in PATHS.items() for path in paths]


def test_the_receipt_counts_what_went_and_names_nobody(lived, administrator, forget):
    expected = {m._meta.model_name: len(k) for m, k in rows_by_path(lived) if m not in KEPT}
    code, going = lived.code, what_goes(lived)
    receipt = forget(lived, administrator)
    counts = dict(receipt.counts)
    assert counts.pop("files") == going.files + 1  # and the report of the class
    assert counts == expected
    assert receipt.student_code == code
    assert receipt.adapters == ["realism 1 (tiny)"]
    assert (receipt.by, receipt.reason, receipt.year_name) == (administrator, "asked", "")
    (event,) = AuditEvent.objects.filter(verb=AuditEvent.Verb.ERASED)
    assert event.detail == {"student": str(code), "reason": "asked", "year": ""}
    assert event.object_code == receipt.code


def test_the_audit_trail_of_a_whole_year_knows_no_name_and_stays(lived, administrator, forget):
    before = AuditEvent.objects.count()
    for event in AuditEvent.objects.all():
        assert "Amara" not in json.dumps(event.detail), event.verb
    forget(lived, administrator)
    assert AuditEvent.objects.count() == before + 1


def test_a_report_of_the_class_goes_and_its_asker_is_told(lived, administrator, alice, forget):
    (ready,) = ReportJob.objects.exclude(assignment=None)
    open_one = ReportJob.objects.create(assignment=ready.assignment, asked_by=alice, language="en")
    forget(lived, administrator)
    ready.refresh_from_db()
    open_one.refresh_from_db()
    assert not ready.is_there and not ready.file
    assert open_one.status == ReportJob.Status.FAILED and "erased" in open_one.error


def test_imported_lists_name_the_student_no_more(student, year, administrator, forget):
    rows = [{"name": name, "number": ""} for name in ("Amara B.", "Ben T.")]
    plan = {"added": [str(student.code)], "problems": [{"name": "Amara B."}]}
    roster = RosterImport.objects.create(
        school=student.school, year=year, kind="csv", file_name="list.csv",
        rows=rows, plan=plan, uploaded_by=administrator,
    )  # fmt: skip
    forget(student, administrator)
    roster.refresh_from_db()
    assert [row["name"] for row in roster.rows] == ["Ben T."]
    assert roster.plan == {"added": [], "problems": []}


def test_a_crash_between_rows_and_files_leaves_no_file(
    lived,
    administrator,
    forget,
    media,
    monkeypatch,
):
    def broken(name):
        raise OSError("the disk is away")

    with monkeypatch.context() as away:
        away.setattr(default_storage, "delete", broken)
        receipt = forget(lived, administrator)
    assert stored_files(media)
    assert receipt.doomed_files.count() == receipt.counts["files"]
    monkeypatch.setattr(tasks, "_messages_in", lambda queue: 1)
    tasks.sweep()
    assert not stored_files(media)
    assert not DoomedFile.objects.exists()


def test_without_the_commit_no_file_is_touched(lived, administrator, media):
    before = stored_files(media)
    erase_student(lived, administrator)  # the test's transaction is never committed
    assert stored_files(media) == before


def test_erased_twice_there_is_one_receipt(student, administrator, forget):
    forget(student, administrator)
    with pytest.raises(Student.DoesNotExist):
        forget(student, administrator)
    assert ErasureReceipt.objects.count() == 1


# ------------------------------------------------------------------------------------------- holds
def test_a_hold_on_the_student_refuses(lived, administrator):
    hold = place_hold(lived, "a court asks", administrator, uuid.uuid4())
    with pytest.raises(Held) as refused:
        erase_student(lived, administrator)
    assert refused.value.holds == [hold]
    lift_hold(hold, administrator)
    erase_student(lived, administrator)


def test_a_hold_on_a_year_they_were_there_refuses(student, year, school, administrator):
    place_hold(year, "an inspection", administrator, uuid.uuid4())
    with pytest.raises(Held):
        erase_student(student, administrator)
    assert Student.objects.filter(pk=student.pk).exists()


def test_a_hold_on_another_year_refuses_nothing(student, school, administrator):
    other = school.years.create(name="2020/21", starts_on="2020-08-01", ends_on="2021-07-31")
    place_hold(other, "an inspection", administrator, uuid.uuid4())
    erase_student(student, administrator)


def test_a_hold_sent_twice_is_one_and_leaves_traces_without_its_reason(student, administrator):
    code = uuid.uuid4()
    assert place_hold(student, "a secret", administrator, code) == place_hold(
        student, "a secret", administrator, code
    )
    hold = LegalHold.objects.get()
    assert lift_hold(hold, administrator)
    assert not lift_hold(hold, administrator)
    events = AuditEvent.objects.filter(object_kind="student", object_code=student.code)
    assert [e.verb for e in events] == ["held", "lifted"]
    assert all(e.detail == {"hold": str(hold.code)} for e in events)


# -------------------------------------------------------------------------------------- amendments
def test_an_amendment_sent_twice_is_one(student, administrator):
    code = uuid.uuid4()
    for _time in range(2):
        add_amendment(student, "Drawn at home", "mother", administrator, code)
    assert Amendment.objects.count() == 1
    (event,) = AuditEvent.objects.filter(verb=AuditEvent.Verb.AMENDED)
    assert event.detail == {"amendment": str(code)}


# ------------------------------------------------------------------------------- after a restoring
def test_what_a_restored_backup_brings_back_is_erased_again(
    student, school, administrator, forget, settings, capsys
):
    forget(student, administrator)
    Student.objects.create(school=school, display_name="Amara B.", code=student.code)
    call_command("erase_again")
    assert "1 erased again" in capsys.readouterr().out
    assert not Student.objects.filter(code=student.code).exists()
    lines = [json.loads(line) for line in settings.ERASURES_FILE.read_text().splitlines()]
    assert {again.outcome for again in erase_again(lines)} == {"gone"}
    assert "Amara" not in settings.ERASURES_FILE.read_text()


def test_a_hold_that_the_backup_brings_back_is_said(student, school, administrator, forget, capsys):
    forget(student, administrator)
    again = Student.objects.create(school=school, display_name="Amara B.", code=student.code)
    place_hold(again, "from before", administrator, uuid.uuid4())
    with pytest.raises(CommandError, match="hold"):
        call_command("erase_again")
    assert "1 held" in capsys.readouterr().out


def test_a_file_that_is_no_list_of_erasures_is_refused(tmp_path, db):
    (tmp_path / "x").write_text('{"a": 1}\n')
    with pytest.raises(CommandError, match="not a list"):
        call_command("erase_again", str(tmp_path / "x"))


def test_consent_and_annotations_of_nobody_else_are_touched(lived, administrator, forget):
    other = Student.objects.get(display_name="Ben T.")
    Consent.objects.create(student=other, given=True, source="paper", said_on=localdate())
    forget(lived, administrator)
    assert Consent.objects.count() == 1
    assert not Annotation.objects.exists()
    assert Classroom.objects.exists() and Membership.objects.exists()

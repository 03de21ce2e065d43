"""What a family and the law may ask for: a copy, a correction, a hold, and to be forgotten."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from grading import tasks
from grading.models import (
    AdapterVersion,
    Amendment,
    Artwork,
    AuditEvent,
    DoomedFile,
    ErasureReceipt,
    Job,
    LegalHold,
    ReportJob,
    School,
    SchoolYear,
    Student,
    StudentExport,
    User,
)
from grading.records import Kind, by_group, file_names, named_elsewhere, rows_of
from grading.services.audit import record
from grading.services.holds import Held, years_of_student
from grading.services.rosters import forget_child
from grading.services.training import adapters_that_saw

log = logging.getLogger(__name__)

NOBODY = UUID(int=0)  # in a receipt: pictures that were matched to no student


# ------------------------------------------------------------------------------------- corrections
@transaction.atomic
def add_amendment(student: Student, text: str, asked_by: str, by: User, code: UUID) -> Amendment:
    """``code`` is made with the page: what is sent twice stands there once."""
    amendment, new = Amendment.objects.get_or_create(
        code=code, defaults={"student": student, "text": text, "asked_by": asked_by, "by": by}
    )
    if new:
        record(by, AuditEvent.Verb.AMENDED, student, student.school, amendment=str(code))
    return amendment


# ------------------------------------------------------------------------------------------- holds
@transaction.atomic
def place_hold(on: Student | SchoolYear, reason: str, by: User, code: UUID) -> LegalHold:
    """From now on nothing of this student, or of this year, is erased by anybody.

    Raises:
        DoesNotExist: it was erased in this moment.
    """
    locked: Any = type(on)._default_manager.select_for_update().get(pk=on.pk)
    field = "student" if isinstance(on, Student) else "year"
    hold, new = LegalHold.objects.get_or_create(
        code=code,
        defaults={"school": locked.school, field: locked, "reason": reason, "placed_by": by},
    )
    if new:
        record(by, AuditEvent.Verb.HELD, locked, locked.school, hold=str(hold.code))
    return hold


@transaction.atomic
def lift_hold(hold: LegalHold, by: User) -> bool:
    """False if it was lifted already."""
    standing = LegalHold.objects.standing().filter(pk=hold.pk)
    if not standing.update(lifted_by=by, lifted_at=now()):
        return False
    about = hold.student or hold.year
    assert about is not None
    record(by, AuditEvent.Verb.LIFTED, about, hold.school, hold=str(hold.code))
    return True


# ------------------------------------------------------------------------------------------ a copy
@transaction.atomic
def request_export(student: Student, by: User, with_names: bool) -> StudentExport:
    """Ask a worker for everything about one student; asked for twice, it is made once."""
    if existing := student.exports.filter(asked_by=by, status__in=Job.OPEN).first():
        return existing
    try:
        with transaction.atomic():
            export = StudentExport.objects.create(
                student=student,
                asked_by=by,
                with_names=with_names,
                language=get_language() or settings.LANGUAGE_CODE,
            )
    except IntegrityError:  # another request was first: the partial unique index says so
        return student.exports.get(asked_by=by, status__in=Job.OPEN)
    record(
        by, AuditEvent.Verb.EXPORTED, student, student.school,
        what="everything", export=str(export.code),
    )  # fmt: skip
    tasks.send_on_commit(tasks.export_student, export.pk)
    return export


# ------------------------------------------------------------------------------------- to be erased
@dataclass(frozen=True)
class WhatGoes:
    """What an erasure would take, for the page that asks whether to."""

    groups: list[tuple[Any, int]]
    files: int
    adapters: list[AdapterVersion]
    elsewhere: int  # texts about others that name the student: they stay


def what_goes(student: Student) -> WhatGoes:
    artworks = student.artworks.values_list("pk", flat=True)
    rows = [(kind, some) for kind, some in rows_of(artworks, [student.pk])]
    counts = {kind.name: some.count() for kind, some in _once(rows)}
    files = file_names(some for _kind, some in rows)
    adapters = list(adapters_that_saw(student))
    return WhatGoes(by_group(counts), len(files), adapters, named_elsewhere(student))


def erase_student(
    student: Student,
    by: User | None,
    reason: ErasureReceipt.Reason = ErasureReceipt.Reason.ASKED,
) -> ErasureReceipt:
    """Forget a student: every row that leads to them, and every file.

    Raises:
        Held: a hold stands on the student, or on a year they were there.
        Student.DoesNotExist: somebody else has just done it.
    """
    return _erase(student.school, student, None, by, reason)


def erase_works_of_year(
    year: SchoolYear,
    student: Student | None,
    by: User | None,
    reason: ErasureReceipt.Reason = ErasureReceipt.Reason.RETENTION,
) -> ErasureReceipt:
    """Forget the works of one student (None: of nobody yet) in the classes of one year.

    Raises:
        Held, Student.DoesNotExist: as ``erase_student``.
    """
    return _erase(year.school, student, year, by, reason)


@transaction.atomic
def _erase(
    school: School,
    student: Student | None,
    year: SchoolYear | None,  # None: everything of the student
    by: User | None,
    reason: ErasureReceipt.Reason,
) -> ErasureReceipt:
    """Locks first (see ``_lock``), then counts, files and rows; the files go on commit."""
    if student:
        student = Student.objects.select_for_update().get(pk=student.pk)
    of_year = {"assignment__classroom__year": year} if year else {}
    works = Artwork.objects.filter(student=student, **of_year)
    _refuse_if_held(student, year)
    artworks = _lock(works)
    students = [student.pk] if student and year is None else []
    for made in (ReportJob, StudentExport):  # a worker may be storing one of them just now
        list(made.objects.filter(student__in=students).select_for_update().values_list("pk"))
    rows = list(rows_of(artworks, students))
    counts = Counter({kind.name: some.count() for kind, some in _once(rows)})
    files = file_names(some for _kind, some in rows)
    files += _forget_reports(artworks, student, year)
    adapters = adapters_that_saw(student) if student else AdapterVersion.objects.none()
    receipt = ErasureReceipt.objects.create(
        school=school,
        student_code=student.code if student else NOBODY,
        reason=reason,
        year_name=year.name if year else "",
        counts={**{name: n for name, n in counts.items() if n}, "files": len(files)},
        adapters=[f"{a.dimension.slug} {a.number} ({a.base.name})" for a in adapters],
        by=by,
    )
    if student and year is None:
        forget_child(student)
    for _kind, some in rows:
        _forget_in_support_log(some)
        some.delete()
    _doom(files, receipt)
    about = {"student": str(receipt.student_code), "reason": str(reason)}
    record(by, AuditEvent.Verb.ERASED, receipt, school, **about, year=receipt.year_name)
    transaction.on_commit(partial(_note_outside, receipt), robust=True)
    return receipt


def _refuse_if_held(student: Student | None, year: SchoolYear | None) -> None:
    """The years are locked like the student: a hold is placed before this, or after it."""
    years = SchoolYear.objects.filter(pk=year.pk) if year else years_of_student(student)  # type: ignore[arg-type]
    pks = sorted(years.values_list("pk", flat=True))
    list(SchoolYear.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
    holds = LegalHold.objects.standing().filter(Q(year__in=pks) | Q(student=student, year=None))
    if found := list(holds.select_related("placed_by", "year", "student")):
        raise Held(found)


def _lock(works: QuerySet[Artwork]) -> list[int]:
    """Keys of those that still are theirs once locked: one that was matched to another child in
    this moment is not. Jobs are locked before artworks, as workers lock them.

    A worker that finishes first has added its rows by then; one that finishes later finds its job
    gone, and stores nothing.
    """
    pks = list(works.values_list("pk", flat=True))
    for kind, rows in rows_of(pks):
        if issubclass(kind.model, Job):
            list(rows.order_by("pk").select_for_update().values_list("pk"))
    locked = works.select_for_update(of=("self",)).filter(pk__in=pks).only("pk")
    return [work.pk for work in locked]


def _once(rows: Iterable[tuple[Kind, QuerySet[Any]]]) -> list[tuple[Kind, QuerySet[Any]]]:
    """Rows that two ways lead to are counted once."""
    found: dict[type[Model], tuple[Kind, QuerySet[Any]]] = {}
    for kind, some in rows:
        before = found.get(kind.model)
        found[kind.model] = (kind, (before[1] | some).distinct() if before else some)
    return list(found.values())


def _forget_reports(
    artworks: Iterable[int], student: Student | None, year: SchoolYear | None
) -> list[str]:
    """Files of reports that show one of these works. Reports of the class can be made again; the
    student's own go with the student."""
    mine = Q(assignment__artworks__in=list(artworks))
    if student and year:
        mine |= Q(student=student, year__in=["", year.name])
    keys = ReportJob.objects.filter(mine).values("pk")
    jobs = list(ReportJob.objects.select_for_update().filter(pk__in=keys))
    for job in jobs:
        if job.status in Job.OPEN:  # the worker that has begun it finds it closed
            job.status = Job.Status.FAILED
            job.error = _("A student's work was erased meanwhile. Make the report again.")
            job.finished_at, job.lease_until = now(), None
    names = [job.file.name for job in jobs if job.file.name]
    for job in jobs:
        job.file.name, job.expires_at = "", now()
        fields = ["status", "error", "finished_at", "lease_until", "file", "expires_at"]
        job.save(update_fields=fields)
    return names


def _forget_in_support_log(rows: QuerySet[Any]) -> None:
    """The support pages write down what was edited, by what it was called."""
    kind = ContentType.objects.get_for_model(rows.model)
    if LogEntry.objects.filter(content_type=kind).exists():
        keys = [str(pk) for pk in rows.values_list("pk", flat=True)]
        entries = LogEntry.objects.filter(content_type=kind, object_id__in=keys)
        entries.update(object_repr="-", change_message="")


def _doom(names: Iterable[str], receipt: ErasureReceipt) -> None:
    """The files go when the rows have gone for good; what fails then is left to the sweep."""
    doomed = DoomedFile.objects.bulk_create(
        DoomedFile(name=name, receipt=receipt) for name in sorted(set(names))
    )
    files = DoomedFile.objects.filter(pk__in=[file.pk for file in doomed])
    transaction.on_commit(partial(tasks.delete_doomed_files, files), robust=True)


def _note_outside(receipt: ErasureReceipt) -> None:
    """One line in a file beside the database: a restored backup does not know this receipt."""
    line = {
        "receipt": str(receipt.code),
        "school": str(receipt.school.code),
        "student": str(receipt.student_code),
        "year": receipt.year_name,
        "reason": receipt.reason,
        "at": receipt.at.isoformat(),
    }
    try:
        settings.ERASURES_FILE.parent.mkdir(parents=True, exist_ok=True)
        with settings.ERASURES_FILE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        log.exception("%s could not be written: note receipt %s", settings.ERASURES_FILE, receipt)


@dataclass(frozen=True)
class Again:
    """What became of one line of the list of erasures, after a backup was restored."""

    student_code: str
    outcome: str  # erased, gone, held


def erase_again(lines: Iterable[dict[str, Any]]) -> list[Again]:
    """Erase what a restored backup has brought back. Can be repeated; a hold is respected."""
    found = []
    for line in lines:
        outcome = "gone"
        reason = ErasureReceipt.Reason(line["reason"])
        student = Student.objects.filter(code=line["student"]).first()
        year = SchoolYear.objects.filter(school__code=line["school"], name=line["year"]).first()
        try:
            if student and not line["year"]:
                erase_student(student, None, reason)
                outcome = "erased"
            elif year and (student or UUID(line["student"]) == NOBODY):
                works = Artwork.objects.filter(
                    student=student, assignment__classroom__year=year,
                    uploaded_at__lt=line["at"],
                )  # fmt: skip
                if works.exists():
                    erase_works_of_year(year, student, None, reason)
                    outcome = "erased"
        except Held:
            outcome = "held"
        found.append(Again(line["student"], outcome))
    return found

"""What a teacher does with files: upload, match to a student, take away, replace."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils.timezone import now
from django.utils.translation import gettext as _

from grading import tasks
from grading.intake.archive import RefusedMember, is_archive, open_archive
from grading.intake.checks import Limits, RefusedUpload, UploadFacts, check_upload
from grading.intake.names import RosterEntry, match_student, safe_name
from grading.models import (
    Artwork,
    Assignment,
    AuditEvent,
    IntakeJob,
    ReportJob,
    School,
    Student,
    User,
)
from grading.models.artworks import is_blind_first
from grading.services.audit import record
from grading.services.limits import UPLOADS, TooMany, refuse_too_many

log = logging.getLogger(__name__)


class AlreadyUploaded(Exception):
    """The same content is in this assignment already; nothing was stored."""

    def __init__(self, artwork: Artwork) -> None:
        self.artwork = artwork
        super().__init__(
            _("This is the same picture as “%(name)s”, which is already here.")
            % {"name": artwork.original_name}
        )


def upload_limits() -> Limits:
    return Limits(
        max_bytes=settings.UPLOAD_MAX_PICTURE_BYTES,
        max_pixels=settings.UPLOAD_MAX_PIXELS,
        max_archive_bytes=settings.UPLOAD_MAX_ARCHIVE_BYTES,
    )


def roster_of(assignment: Assignment) -> list[RosterEntry]:
    students = assignment.classroom.students_now()
    return [RosterEntry(s.pk, s.display_name, s.number) for s in students]


def accept_upload(
    assignment: Assignment,
    content: BinaryIO,
    name: str,
    size_bytes: int,
    by: User,
    student: Student | None = None,
) -> Artwork:
    """Check one file, store it and queue it; only its header is read here.

    Raises:
        RefusedUpload: it is not a picture that can be taken, or the school's space is used up.
        AlreadyUploaded: the same content is in this assignment already.
    """
    facts = check_upload(content, name, size_bytes, upload_limits())
    return _accept_checked(assignment, content, name, facts, by, student)


def _accept_checked(
    assignment: Assignment,
    content: BinaryIO,
    name: str,
    facts: UploadFacts,
    by: User,
    student: Student | None = None,
) -> Artwork:
    refuse_over_quota(assignment.classroom.school, facts.size_bytes)
    _refuse_too_many(by)
    if same := _same_content(assignment, facts):
        raise AlreadyUploaded(same)
    try:
        return _store(assignment, content, name, facts, by, student)
    except IntegrityError:  # the same file came twice at once: the database let one through
        if same := _same_content(assignment, facts):
            raise AlreadyUploaded(same) from None
        raise


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # already here, nothing was stored
    REFUSED = "refused"


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file that was uploaded, or of one file in a ZIP."""

    name: str
    outcome: Outcome
    message: str
    artwork: Artwork | None = None  # the new one, or the one that was here already


def accept_files(
    assignment: Assignment, files: Iterable[UploadedFile], by: User
) -> list[FileOutcome]:
    """Take what can be taken; every file, also of a ZIP, gets an answer of its own."""
    return [outcome for file in files for outcome in _outcomes_of(assignment, file, by)]


def _outcomes_of(assignment: Assignment, file: UploadedFile, by: User) -> Iterator[FileOutcome]:
    name, content = safe_name(file.name or ""), cast(BinaryIO, file)
    try:
        if not is_archive(content):
            facts = check_upload(content, name, file.size or 0, upload_limits())
            yield _outcome_of(assignment, content, name, facts, by)
            return
        for member in open_archive(content, upload_limits()):
            if isinstance(member, RefusedMember):
                yield FileOutcome(member.name, Outcome.REFUSED, str(member.reason))
            else:
                yield _outcome_of(assignment, member.file, member.name, member.facts, by)
    except RefusedUpload as refused:
        yield FileOutcome(name, Outcome.REFUSED, str(refused.reason))


def _outcome_of(
    assignment: Assignment, content: BinaryIO, name: str, facts: UploadFacts, by: User
) -> FileOutcome:
    try:
        artwork = _accept_checked(assignment, content, name, facts, by)
    except RefusedUpload as refused:
        return FileOutcome(name, Outcome.REFUSED, str(refused.reason))
    except AlreadyUploaded as already:
        return FileOutcome(name, Outcome.DUPLICATE, str(already), already.artwork)
    except (OSError, DatabaseError):  # a full disk, say: the other files still get their turn
        log.exception("could not store an upload for assignment %s", assignment.pk)
        sentence = _("This picture could not be stored just now. Try it again in a minute.")
        return FileOutcome(name, Outcome.REFUSED, sentence)
    if artwork.student:
        message = _("Matched to %(student)s") % {"student": artwork.student}
    else:
        message = _("It still needs a student.")
    if facts.notice:
        message = f"{message} · {facts.notice}"
    return FileOutcome(name, Outcome.ACCEPTED, message, artwork)


@transaction.atomic
def make_assignment(assignment: Assignment, by: User) -> Assignment:
    assignment.save()
    record(by, AuditEvent.Verb.CREATED, assignment, assignment.classroom.school)
    return assignment


def _same_content(assignment: Assignment, facts: UploadFacts) -> Artwork | None:
    return assignment.artworks.kept().filter(content_sha256=facts.content_sha256).first()


def refuse_over_quota(school: School, size_bytes: int) -> None:
    used = Artwork.objects.kept().filter(assignment__classroom__school=school)
    total = used.aggregate(total=Sum("size_bytes"))["total"] or 0
    if total + size_bytes > settings.SCHOOL_QUOTA_BYTES:
        raise RefusedUpload(
            _("The school's space for pictures is used up. Ask an administrator for more."),
            code="quota",
        )


def _refuse_too_many(by: User) -> None:
    """Of a ZIP, those before the last place are taken, and each other one is told."""
    try:
        refuse_too_many(by, UPLOADS)
    except TooMany as too_many:
        raise RefusedUpload(str(too_many), code="too_many") from too_many


def _store(
    assignment: Assignment,
    content: BinaryIO,
    name: str,
    facts: UploadFacts,
    by: User,
    student: Student | None,
) -> Artwork:
    content.seek(0)
    if student is None and (key := match_student(name, roster_of(assignment))):
        student = Student.objects.get(pk=key)
    artwork = Artwork(
        assignment=assignment,
        student=student,
        original_name=safe_name(name),
        original=File(content, name="original"),
        media_type=facts.format.content_type,
        size_bytes=facts.size_bytes,
        content_sha256=facts.content_sha256,
        uploaded_by=by,
    )
    school = assignment.classroom.school
    artwork.blind_first = is_blind_first(
        facts.content_sha256, school.blind_seed, school.blind_percent
    )
    try:
        with transaction.atomic():
            artwork.save()
            job = IntakeJob.objects.create(artwork=artwork)
            record(by, AuditEvent.Verb.UPLOADED, artwork, assignment.classroom.school)
            tasks.send_on_commit(tasks.prepare_picture, job.pk)
    except DatabaseError:
        _forget_file(artwork)  # no row leads to it
        raise
    return artwork


def _forget_file(artwork: Artwork) -> None:
    if name := artwork.original.name:
        artwork.original.storage.delete(name)


@transaction.atomic
def match_artwork(artwork: Artwork, student: Student | None, by: User) -> Student | None:
    """Say whose picture this is (None: nobody's yet); returns whose it was, for undo."""
    artwork = Artwork.objects.select_for_update().get(pk=artwork.pk)
    before = artwork.student
    artwork.student = student
    artwork.save(update_fields=["student"])
    if before and before != student:
        _expire_files_that_show(artwork, before)
    record(
        by,
        AuditEvent.Verb.MATCHED,
        artwork,
        artwork.assignment.classroom.school,
        student=str(student.code) if student else None,
        before=str(before.code) if before else None,
    )
    return before


def _expire_files_that_show(artwork: Artwork, student: Student) -> None:
    """A picture that turned out to be another child's is in no file that can still be fetched."""
    with_it = Q(student=student) | Q(assignment=artwork.assignment)
    ReportJob.objects.filter(with_it).exclude(file="").update(expires_at=now())
    student.exports.exclude(file="").update(expires_at=now())


@transaction.atomic
def remove_artwork(artwork: Artwork, by: User) -> None:
    """Take an artwork off the board. Its rows stay, so that this can be undone."""
    Artwork.objects.filter(pk=artwork.pk).update(removed_at=now())
    record(by, AuditEvent.Verb.REMOVED, artwork, artwork.assignment.classroom.school)


def replace_artwork(
    artwork: Artwork, content: BinaryIO, name: str, size_bytes: int, by: User
) -> Artwork:
    """Put another file in the place of this artwork, for the same student.

    Raises:
        RefusedUpload, AlreadyUploaded: the artwork stays as it is.
    """
    with transaction.atomic():
        new = accept_upload(
            artwork.assignment, content, name, size_bytes, by, student=artwork.student
        )
        remove_artwork(artwork, by)
    return new


@transaction.atomic
def restore_artwork(artwork: Artwork, by: User) -> None:
    """Undo a removal.

    Raises:
        AlreadyUploaded: the same content came again in the meantime, and stands in its place.
    """
    same = artwork.assignment.artworks.kept().filter(content_sha256=artwork.content_sha256).first()
    if same:
        raise AlreadyUploaded(same)
    Artwork.objects.filter(pk=artwork.pk).update(removed_at=None)
    record(by, AuditEvent.Verb.RESTORED, artwork, artwork.assignment.classroom.school)

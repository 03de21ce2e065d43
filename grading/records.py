"""Which rows are a child's: the one list that exporting, erasing and retention go through.

A test walks the model graph and fails for a model that leads to a student and is not named here.
Kept apart from the services, because workers read it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from grading.models import (
    Amendment,
    Annotation,
    Appeal,
    Artwork,
    Assignment,
    AuditEvent,
    BlindLook,
    Classroom,
    Consent,
    DimensionScore,
    DraftLevel,
    EditJob,
    Enrollment,
    FamilyLink,
    FamilyLinkOpening,
    FeedbackDraft,
    FeedbackJob,
    IntakeJob,
    LegalHold,
    NotAssessed,
    PhotoProposal,
    Picture,
    ReleasedWork,
    ReportJob,
    Review,
    ReviewDraft,
    ReviewTime,
    ReviewWithdrawal,
    ScoreSet,
    ScoringJob,
    Student,
    StudentExport,
    StudentNote,
    TrainingItem,
)

WORKS = _("works")
PICTURES = _("pictures and versions of them")
PROPOSED = _("levels and words that a model proposed")
DECIDED = _("decisions, levels and words of teachers")
ASKED_AGAIN = _("requests to look again")
FAMILY = _("what the family was shown, and links to it")
CLASSES = _("entries in class lists")
CONSENTS = _("answers about training use")
NOTES = _("notes and amendments")
FILES_MADE = _("reports and exports")
HOLDS = _("holds that were lifted")
ENTRY = _("the student's own entry")
GROUPS = (
    WORKS, PICTURES, PROPOSED, DECIDED, ASKED_AGAIN, FAMILY, CLASSES, CONSENTS, NOTES, FILES_MADE,
    HOLDS, ENTRY,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """Rows of one model, and how they lead to an artwork or to a student."""

    model: type[Model]
    path: str
    group: Promise

    @property
    def name(self) -> str:
        return self.model._meta.model_name or ""

    def rows(self, of: Iterable[int]) -> QuerySet[Any]:
        return self.model._default_manager.filter(**{f"{self.path}__in": list(of)})


# In the order in which they can be deleted: whatever PROTECTs another row goes before it.
OF_WORKS = (
    Kind(Appeal, "artwork", ASKED_AGAIN),
    Kind(ReleasedWork, "artwork", FAMILY),
    Kind(NotAssessed, "review__artwork", DECIDED),
    Kind(ReviewWithdrawal, "review__artwork", DECIDED),
    Kind(Annotation, "picture__artwork", DECIDED),
    Kind(Review, "artwork", DECIDED),
    Kind(BlindLook, "artwork", DECIDED),
    Kind(DraftLevel, "draft__artwork", DECIDED),
    Kind(ReviewDraft, "artwork", DECIDED),
    Kind(ReviewTime, "artwork", DECIDED),
    Kind(FeedbackDraft, "score_set__picture__artwork", PROPOSED),
    Kind(FeedbackJob, "score_set__picture__artwork", PROPOSED),
    Kind(DimensionScore, "score_set__picture__artwork", PROPOSED),
    Kind(ScoreSet, "picture__artwork", PROPOSED),
    Kind(ScoringJob, "picture__artwork", PROPOSED),
    Kind(PhotoProposal, "picture__artwork", PICTURES),
    Kind(EditJob, "picture__artwork", PICTURES),
    Kind(Picture, "artwork", PICTURES),
    Kind(IntakeJob, "artwork", PICTURES),
    Kind(Artwork, "pk", WORKS),
)
OF_STUDENTS = (
    # Of a work that was matched to another child since: what this family saw, and what it wrote.
    Kind(Appeal, "family_link__student", ASKED_AGAIN),
    Kind(ReleasedWork, "student", FAMILY),
    Kind(FamilyLinkOpening, "link__student", FAMILY),
    Kind(FamilyLink, "student", FAMILY),
    Kind(Enrollment, "student", CLASSES),
    Kind(Consent, "student", CONSENTS),
    Kind(StudentNote, "student", NOTES),
    Kind(Amendment, "student", NOTES),
    Kind(ReportJob, "student", FILES_MADE),
    Kind(StudentExport, "student", FILES_MADE),
    Kind(LegalHold, "student", HOLDS),  # one that stands refuses all of this
    Kind(Student, "pk", ENTRY),
)
KEPT = {  # model that leads to a student, and stays when the student goes: why
    TrainingItem: "names works by codes that lead nowhere then; tells which adapters saw them",
}
NOT_EXPORTED = {  # model that leads to a student, and is in no export: why
    LegalHold: "why something is held may be part of a proceeding: the school answers in person",
    TrainingItem: "has a list of its own, by set and adapter",
}
GROUP_OF = {kind.name: kind.group for kind in (*OF_WORKS, *OF_STUDENTS)}


def by_group(counts: dict[str, int]) -> list[tuple[Promise, int]]:
    """Counts by model, summed up as a person reads them; what is not there is left out."""
    sums: dict[Promise, int] = {}
    for name, count in counts.items():
        if group := GROUP_OF.get(name):
            sums[group] = sums.get(group, 0) + count
    return [(group, sums[group]) for group in GROUPS if sums.get(group)]


def rows_of(
    artworks: Iterable[int], students: Iterable[int] = ()
) -> Iterator[tuple[Kind, QuerySet[Any]]]:
    """Every kind with its rows, in the order in which they can be deleted."""
    of_works, of_students = list(artworks), list(students)
    for kind in OF_WORKS:
        yield kind, kind.rows(of_works)
    if of_students:
        for kind in OF_STUDENTS:
            yield kind, kind.rows(of_students)


def file_names(rows: Iterable[QuerySet[Any]]) -> list[str]:
    """Names of all files that these rows lead to, by whatever field."""
    found: list[str] = []
    for some in rows:
        for field in file_fields(some.model):
            found += some.exclude(**{field: ""}).values_list(field, flat=True)
    return sorted({name for name in found if name})


def file_fields(model: type[Model]) -> list[str]:
    return [f.name for f in model._meta.concrete_fields if isinstance(f, models.FileField)]


# What people write freely: it may name a child in what is another child's, or nobody's.
WRITTEN = (
    (StudentNote, "text", "student__school"),
    (Amendment, "text", "student__school"),
    (NotAssessed, "reason", "review__artwork__assignment__classroom__school"),
    (Review, "strength", "artwork__assignment__classroom__school"),
    (Review, "next_step", "artwork__assignment__classroom__school"),
    (BlindLook, "comment", "artwork__assignment__classroom__school"),
    (Appeal, "reason", "artwork__assignment__classroom__school"),
    (Appeal, "outcome", "artwork__assignment__classroom__school"),
    (Artwork, "original_name", "assignment__classroom__school"),
    (Assignment, "title", "classroom__school"),
    (Assignment, "task", "classroom__school"),
)


def named_elsewhere(student: Student) -> int:
    """Texts of the school that have the name in them, and are not the student's own."""
    own: dict[type[Model], set[int]] = {}
    for kind, rows in rows_of(student.artworks.values_list("pk", flat=True), [student.pk]):
        own.setdefault(kind.model, set()).update(rows.values_list("pk", flat=True))
    return sum(
        model._default_manager.filter(
            **{f"{field}__icontains": student.display_name, school: student.school_id}
        )
        .exclude(pk__in=own.get(model, ()))
        .count()
        for model, field, school in WRITTEN
    )


def codes_of(student: Student) -> set[str]:
    """Every code by which the audit trail may name this student or something of theirs."""
    artworks = student.artworks.values_list("pk", flat=True)
    codes: set[str] = set()
    for kind, rows in rows_of(artworks, [student.pk]):
        if any(field.name == "code" for field in kind.model._meta.concrete_fields):
            codes.update(str(code) for code in rows.values_list("code", flat=True))
    return codes


def trail_of(student: Student) -> QuerySet[AuditEvent]:
    """What the audit trail says of the student and their works, and of pages they were on among
    others: those of their classes and assignments."""
    codes = codes_of(student)
    among_others = Q(object_kind="assignment", object_code__in=_codes(student, Assignment)) | Q(
        object_kind="classroom", object_code__in=_codes(student, Classroom)
    )
    named = Q(detail__student=str(student.code)) | Q(detail__before=str(student.code))
    return AuditEvent.objects.filter(Q(object_code__in=codes) | named | among_others)


def _codes(student: Student, model: type[Assignment] | type[Classroom]) -> QuerySet[Any, Any]:
    rows = (
        Assignment.objects.filter(artworks__student=student)
        if model is Assignment
        else Classroom.objects.filter(enrollments__student=student)
    )
    return rows.values("code")

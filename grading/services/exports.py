"""Levels as tables: for a spreadsheet, for statistics, for the gradebooks of three platforms.

One column a dimension, never a total or an average: the dimensions measure different things.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from io import BytesIO
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment

from grading.models import (
    Annotation,
    Artwork,
    Assignment,
    DimensionScore,
    NotAssessed,
    ReleasedWork,
    Review,
    ReviewTime,
    RubricDimension,
    Student,
)
from grading.services.board import in_board_order, with_state
from grading.tables import Cell, csv_lines, harmless, printable
from grading.works import AiUse, ai_statement

__all__ = [
    "Export",
    "Kind",
    "Row",
    "csv_lines",
    "export_of",
    "harmless",
    "student_record",
    "table",
    "workbook",
]


class Kind(StrEnum):
    XLSX = "xlsx"
    WIDE = "wide"
    LONG = "long"
    CANVAS = "canvas"
    MOODLE = "moodle"
    CLASSROOM = "classroom"

    @property
    def suffix(self) -> str:
        return "xlsx" if self == Kind.XLSX else "csv"

    @property
    def is_for_excel(self) -> bool:
        """Canvas and Moodle read plain UTF-8; a person opens the others."""
        return self not in (Kind.CANVAS, Kind.MOODLE)

    @property
    def name_for_people(self) -> str:
        return str(_KINDS[self][0])

    @property
    def purpose(self) -> str:
        return str(_KINDS[self][1])


_KINDS = {
    Kind.XLSX: (
        _("Excel workbook"),
        _(
            "Both tables below in one file, to look through in Excel, LibreOffice or Numbers, and "
            "a sheet that says whether a model made proposals."
        ),
    ),
    Kind.WIDE: (
        _("One row for each picture (CSV)"),
        _("The levels you confirmed, side by side. Good for a look at the whole class."),
    ),
    Kind.LONG: (
        _("One row for each dimension (CSV)"),
        _(
            "Everything: the model's score and likely range, your level, why a dimension was not "
            "assessed, the adapter version, the seconds of review. Good for statistics."
        ),
    ),
    Kind.CANVAS: (
        _("Canvas gradebook (CSV)"),
        _(
            "Canvas: Grades, Import. Students are found by their school number (SIS User ID), or "
            "else by name. Each dimension becomes an assignment; set those to not count toward "
            "the final grade, or Canvas adds them up."
        ),
    ),
    Kind.MOODLE: (
        _("Moodle gradebook (CSV)"),
        _(
            "Moodle: Grades, Import, CSV file; map “ID number” to the ID number and each column "
            "to a grade item whose maximum is the highest level. Students without a school number "
            "are left out: Moodle could give their levels to somebody else."
        ),
    ),
    Kind.CLASSROOM: (
        _("For Google Classroom (CSV)"),
        _(
            "Google Classroom reads no file with grades. This table opens in Google Sheets, to "
            "read from or to share beside the assignment. There is no total in it to type in."
        ),
    ),
}


@dataclass
class Row:
    """One picture with everything that is exported of it."""

    artwork: Any
    review: Review | None
    dimensions: Sequence[RubricDimension]
    levels: dict[int, int] = field(default_factory=dict)  # by dimension
    reasons: dict[int, str] = field(default_factory=dict)
    scores: dict[int, DimensionScore] = field(default_factory=dict)
    seconds: int | None = None
    released: bool = False

    @property
    def assignment(self) -> Assignment:
        return self.artwork.assignment

    @property
    def student(self) -> Student | None:
        return self.artwork.student

    @property
    def model_was_used(self) -> bool:
        """A model proposed levels, which the person had before them."""
        return self.review is not None and self.review.score_set_id is not None

    @property
    def feedback(self) -> str:
        review = self.review
        return " ".join(filter(None, (review.strength, review.next_step))) if review else ""


@dataclass
class Export:
    rows: list[Row]

    @cached_property
    def confirmed(self) -> list[Row]:
        return [row for row in self.rows if row.review and row.student]

    @cached_property
    def without_number(self) -> list[Student]:
        """Students whose levels Moodle cannot take."""
        students = {row.student for row in self.confirmed if row.student}
        return sorted((s for s in students if not s.number), key=lambda s: s.display_name)


def export_of(artworks: QuerySet[Artwork]) -> Export:
    """In a fixed number of queries, however large the class and the year are."""
    found: list[Any] = list(
        in_board_order(with_state(artworks).filter(picture_id__isnull=False)).select_related(
            "student", "assignment__classroom__year", "assignment__rubric_version"
        )
    )
    found.sort(key=lambda a: (a.assignment.made_on, a.assignment.pk))  # stable: by student within
    reviews = Review.objects.select_related("reviewer").in_bulk(
        [a.review_id for a in found if a.review_id]
    )
    score_sets = {a.pk: _score_set(a, reviews.get(a.review_id)) for a in found}
    levels, reasons = _levels(reviews), _reasons(reviews)
    scores = _scores(key for key in score_sets.values() if key)
    times = ReviewTime.objects.filter(artwork__in=[a.pk for a in found]).order_by()
    seconds = dict(times.values_list("artwork").annotate(Sum("seconds")))
    released = set(
        ReleasedWork.objects.standing().filter(review__in=reviews).values_list("review", flat=True)
    )
    dimensions = _dimensions({a.assignment.rubric_version_id for a in found})
    return Export(
        [
            Row(
                artwork,
                reviews.get(artwork.review_id),
                dimensions[artwork.assignment.rubric_version_id],
                levels.get(artwork.review_id, {}),
                reasons.get(artwork.review_id, {}),
                scores.get(score_sets[artwork.pk] or 0, {}),
                seconds.get(artwork.pk),
                artwork.review_id in released,
            )
            for artwork in found
        ]
    )


def _score_set(artwork: Any, review: Review | None) -> int | None:
    """Of the scores that the person had before them; of an undecided picture, of the newest.

    Where a person is to look first without scores, an export does not give them away; where the
    school has switched the model off, what it once proposed is no proposal any more.
    """
    if review:
        return review.score_set_id
    return None if artwork.hidden or not artwork.scoring_on else artwork.score_set_id


def _levels(reviews: Iterable[int]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = Annotation.objects.filter(review__in=list(reviews))
    for review, dimension, level in rows.values_list("review", "dimension", "level"):
        found[review][dimension] = level
    return found


def _reasons(reviews: Iterable[int]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = defaultdict(dict)
    rows = NotAssessed.objects.filter(review__in=list(reviews))
    for review, dimension, reason in rows.values_list("review", "dimension", "reason"):
        found[review][dimension] = reason
    return found


def _scores(score_sets: Iterable[int]) -> dict[int, dict[int, DimensionScore]]:
    found: dict[int, dict[int, DimensionScore]] = defaultdict(dict)
    rows = DimensionScore.objects.filter(score_set__in=list(score_sets)).select_related(
        "adapter__dimension", "score_set__job__adapter_set__base"
    )
    for score in rows:
        found[score.score_set_id][score.dimension_id] = score
    return found


def _dimensions(versions: set[int]) -> dict[int, list[RubricDimension]]:
    found: dict[int, list[RubricDimension]] = defaultdict(list)
    for dimension in RubricDimension.objects.filter(version__in=versions).order_by("position"):
        found[dimension.version_id].append(dimension)
    return found


# ---------------------------------------------------------------------------------------- tables
def table(kind: Kind, export: Export) -> Iterator[list[Cell]]:
    """The rows of one kind, the header first."""
    return {
        Kind.LONG: _long,
        Kind.WIDE: _wide,
        Kind.CANVAS: _canvas,
        Kind.MOODLE: _moodle,
        Kind.CLASSROOM: _classroom,
    }[kind](export)


_PICTURE = ["picture", "student", "class", "year", "assignment", "made_on"]
_DECISION = ["confirmed_by", "confirmed_on", "released", "review_seconds", "model_proposed"]


def _picture(row: Row) -> list[Cell]:
    classroom = row.assignment.classroom
    return [
        str(row.artwork.code), row.student.display_name if row.student else "", classroom.name,
        classroom.year.name, row.assignment.title, row.assignment.made_on.isoformat(),
    ]  # fmt: skip


def _decision(row: Row) -> list[Cell]:
    review = row.review
    if review is None:
        return ["", "", "", row.seconds, ""]
    day = localdate(review.confirmed_at).isoformat()
    return [
        str(review.reviewer), day, _yes_or_no(row.released), row.seconds,
        _yes_or_no(row.model_was_used),
    ]  # fmt: skip


def _yes_or_no(said: bool) -> str:
    """Not in the language of the page: a script reads it."""
    return "yes" if said else "no"


def _long(export: Export) -> Iterator[list[Cell]]:
    yield [
        *_PICTURE, "dimension", "model_score", "interval_low", "interval_high", "model_abstained",
        "teacher_level", "not_assessed", "model", "adapter_version", *_DECISION,
    ]  # fmt: skip
    for row in export.rows:
        for dimension in row.dimensions:
            score = row.scores.get(dimension.pk)
            yield [
                *_picture(row),
                dimension.slug,
                *_score(score),
                row.levels.get(dimension.pk),
                row.reasons.get(dimension.pk, ""),
                *_model(score),
                *_decision(row),
            ]


def _score(score: DimensionScore | None) -> list[Cell]:
    if score is None:
        return [None, None, None, ""]
    numbers = (score.expected, score.interval_low, score.interval_high)
    return [*(None if n is None else round(n, 3) for n in numbers), score.abstained]


def _model(score: DimensionScore | None) -> list[Cell]:
    if score is None:
        return ["", ""]
    base = score.score_set.job.adapter_set.base
    name = f"{base.name} (demo, not for grading)" if base.is_demo else base.name
    return [name, str(score.adapter.number) if score.adapter else "prompted"]


def _wide(export: Export) -> Iterator[list[Cell]]:
    slugs = list(dict.fromkeys(d.slug for row in export.rows for d in row.dimensions))
    yield [*_PICTURE, *slugs, "not_assessed", "strength", "next_step", *_DECISION]
    for row in export.rows:
        levels = {d.slug: row.levels.get(d.pk) for d in row.dimensions}
        reasons = [f"{d.slug}: {row.reasons[d.pk]}" for d in row.dimensions if d.pk in row.reasons]
        words = [row.review.strength, row.review.next_step] if row.review else ["", ""]
        yield [
            *_picture(row), *(levels.get(slug) for slug in slugs), "; ".join(reasons), *words,
            *_decision(row),
        ]  # fmt: skip


# ------------------------------------------------------------------------------------ gradebooks
@dataclass(frozen=True)
class _Column:
    assignment: int
    dimension: int
    title: str
    points: int


@dataclass
class _Gradebook:
    """Confirmed levels by student; of two pictures of one assignment, the one confirmed last."""

    export: Export
    by_student: dict[Student, dict[int, Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = sorted(self.export.confirmed, key=lambda r: r.review.pk if r.review else 0)
        for row in rows:
            assert row.student
            self.by_student.setdefault(row.student, {})[row.assignment.pk] = row

    @cached_property
    def assignments(self) -> dict[int, Row]:
        """A row of each assignment, oldest first."""
        return {row.assignment.pk: row for row in reversed(self.export.confirmed)}

    @cached_property
    def titles(self) -> dict[int, str]:
        titles: dict[int, str] = {}
        for pk, row in sorted(self.assignments.items(), key=lambda i: i[1].assignment.made_on):
            title = row.assignment.title
            if title in titles.values():
                title = f"{title} ({row.assignment.made_on.isoformat()})"
            titles[pk] = title if title not in titles.values() else f"{title} {pk}"
        return titles

    @cached_property
    def columns(self) -> list[_Column]:
        return [
            _Column(pk, d.pk, f"{title}: {d.name}", row.assignment.rubric_version.last_level)
            for pk, title in self.titles.items()
            for row in (self.assignments[pk],)
            for d in row.dimensions
        ]

    @property
    def students(self) -> list[tuple[Student, dict[int, Row]]]:
        return sorted(self.by_student.items(), key=lambda item: item[0].display_name)

    def levels(self, rows: dict[int, Row]) -> list[Cell]:
        return [
            rows[c.assignment].levels.get(c.dimension) if c.assignment in rows else None
            for c in self.columns
        ]

    def words(self, rows: dict[int, Row]) -> list[Cell]:
        return [rows[pk].feedback if pk in rows else "" for pk in self.titles]

    @property
    def heads(self) -> list[Cell]:
        return [c.title for c in self.columns]

    @property
    def word_heads(self) -> list[Cell]:
        return [f"{title}: feedback" for title in self.titles.values()]


def _canvas(export: Export) -> Iterator[list[Cell]]:
    """As Canvas exports it. "ID" is Canvas's own number for a person and stays empty: a school
    number there would be taken for somebody else's."""
    book = _Gradebook(export)
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *book.heads]
    yield ["    Points Possible", "", "", "", "", *(c.points for c in book.columns)]
    for student, rows in book.students:
        section = next(iter(rows.values())).assignment.classroom.name
        yield [student.display_name, "", student.number, "", section, *book.levels(rows)]


def _moodle(export: Export) -> Iterator[list[Cell]]:
    """A row without an identifier would be counted for the student of the row before it."""
    book = _Gradebook(export)
    yield ["ID number", "Student", *book.heads, *book.word_heads]
    for student, rows in book.students:
        if student.number:
            yield [
                student.number, student.display_name, *book.levels(rows), *book.words(rows)
            ]  # fmt: skip


def _classroom(export: Export) -> Iterator[list[Cell]]:
    book = _Gradebook(export)
    yield ["Student", *book.heads, *book.word_heads]
    for student, rows in book.students:
        yield [student.display_name, *book.levels(rows), *book.words(rows)]


# --------------------------------------------------------------------------------------- writing
def about(export: Export) -> list[str]:
    """What a table cannot say by itself: whether a model was at work, and what a level is not."""
    confirmed = [row for row in export.rows if row.review]
    proposed = sum(row.model_was_used for row in confirmed)
    drafted = any(row.review and row.review.feedback_draft_id for row in confirmed)
    use = AiUse(proposed, len(confirmed) - proposed, drafted)
    said = ai_statement(use) if confirmed else _("Nobody has decided about these pictures yet.")
    return [str(sentence) for sentence in (said, *_ABOUT_COLUMNS)]


_ABOUT_COLUMNS = (
    _("The column “model_proposed” says of each picture whether a model had proposed levels."),
    _("“model_score” is what the model proposed; “teacher_level” is what a person decided."),
    _("No column may be added up or averaged: the dimensions measure different things."),
)


def workbook(export: Export) -> BytesIO:
    """Both tables, and what they are. Text is stored as text: "=1+1" is shown, not computed."""
    book = Workbook(write_only=True)
    for title, kind in (("Pictures", Kind.WIDE), ("Dimensions", Kind.LONG)):
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for row in table(kind, export):
            sheet.append([_as_cell(sheet, value) for value in row])
    sheet = book.create_sheet("About")
    sheet.column_dimensions["A"].width = 100
    for sentence in about(export):
        cell = _as_cell(sheet, sentence)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.append([cell])
    file = BytesIO()
    book.save(file)
    file.seek(0)
    return file


def _as_cell(sheet: Any, value: Cell) -> Any:
    cell = WriteOnlyCell(sheet, printable(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


# ---------------------------------------------------------------------------------- one student
def student_record(student: Student, export: Export) -> dict[str, Any]:
    """Everything there is about one student's work, for whoever has a right to ask for it."""
    return {
        "student": {
            "code": str(student.code),
            "name": student.display_name,
            "school_number": student.number,
            "school": student.school.name,
            "work_may_be_used_for_training": student.training_consent,
        },
        "about": about(export),
        "works": [_work_record(row) for row in export.rows],
    }


def _work_record(row: Row) -> dict[str, Any]:
    review = row.review
    return {
        "picture": str(row.artwork.code),
        "file_name": row.artwork.original_name,
        "uploaded_at": row.artwork.uploaded_at.isoformat(),
        "assignment": row.assignment.title,
        "class": row.assignment.classroom.name,
        "year": row.assignment.classroom.year.name,
        "made_on": row.assignment.made_on.isoformat(),
        "dimensions": {d.slug: _dimension_record(row, d) for d in row.dimensions},
        "decision": {
            "confirmed_by": str(review.reviewer),
            "confirmed_at": review.confirmed_at.isoformat(),
            "strength": review.strength,
            "next_step": review.next_step,
            "released": row.released,
            "model_had_proposed_levels": row.model_was_used,
        }
        if review
        else None,
    }


def _dimension_record(row: Row, dimension: RubricDimension) -> dict[str, Any]:
    score = row.scores.get(dimension.pk)
    model = None
    if score:
        name, adapter = _model(score)
        model = {
            "score": score.expected,
            "interval": [score.interval_low, score.interval_high],
            "abstained": score.abstained,
            "model": name,
            "adapter_version": adapter,
        }
    return {
        "teacher_level": row.levels.get(dimension.pk),
        "not_assessed": row.reasons.get(dimension.pk, ""),
        "model": model,
    }

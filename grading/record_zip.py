"""Everything there is about one student, as a ZIP that a family can read and a program can, too.

Made by workers, for the administrator who asked. Nothing in it is of another child: no class
average, no token of a link, no address of a computer.
"""

from __future__ import annotations

import json
import shutil
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import IO, Any

from django.conf import settings
from django.db.models import Model, Q
from django.template.loader import render_to_string
from django.utils.timezone import localtime, now
from django.utils.translation import get_language, get_language_bidi, gettext_lazy
from django.utils.translation import gettext as _

from grading.intake.names import safe_name
from grading.models import (
    AdapterVersion,
    Annotation,
    Appeal,
    DimensionScore,
    Membership,
    Picture,
    ReleasedWork,
    Review,
    Student,
    StudentExport,
    TrainingItem,
    User,
)
from grading.records import NOT_EXPORTED, OF_STUDENTS, OF_WORKS, rows_of, trail_of
from grading.tables import Cell, csv_lines

_MINE = {kind.model for kind in (*OF_WORKS, *OF_STUDENTS)}  # rows name these by id
STYLE_SHEET = settings.BASE_DIR / "static" / "css" / "record.css"
# What no one outside needs, or may have: the machinery of jobs, and what opens a link.
LEFT_OUT = {"lease_until", "attempt", "token_sha256", "file", "full", "display", "thumbnail"} | {
    "original", "preview", "batch",
}  # fmt: skip
_KINDS = {
    "student": gettext_lazy("the student's own pages"),
    "artwork": gettext_lazy("a work"),
    "assignment": gettext_lazy("pages of an assignment of the class, with the works of others"),
    "classroom": gettext_lazy("pages of the class, with other students"),
    "legalhold": gettext_lazy("a hold"),
    "trainingset": gettext_lazy("a list of works to learn from"),
}


class People:
    """Names of grown-ups, or only what they are: as the school decided for this export."""

    def __init__(self, export: StudentExport) -> None:
        self.with_names = export.with_names
        self.numbers: dict[tuple[str, int], str] = {}
        self.roles: dict[int, str] = {}
        members = Membership.objects.filter(school=export.student.school).order_by("-role")
        for member in members:
            self.roles[member.user_id] = str(member.get_role_display())

    def called(self, user: User | None) -> str:
        if user is None:
            return ""
        role = self.roles.get(user.pk, _("Former member of the school"))
        if self.with_names:
            return f"{user.name or user.email} ({role})"
        mine = (role, user.pk)
        same = sum(1 for other, _pk in self.numbers if other == role)
        return self.numbers.setdefault(mine, f"{role} {same + 1}")


class Record:
    """The rows of one student, read once and written in several forms."""

    def __init__(self, export: StudentExport) -> None:
        self.export, self.student = export, export.student
        self.people = People(export)
        self.artworks = list(self.student.artworks.values_list("pk", flat=True))

    @cached_property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Every kind of row, as it is stored; they name each other by ``id``."""
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for kind, rows in rows_of(self.artworks, [self.student.pk]):
            if kind.model in NOT_EXPORTED:
                continue
            keys = [f.name for f in kind.model._meta.concrete_fields if f.many_to_one]
            rows = rows.exclude(_of_another_child(kind.model, self.student)).order_by("pk")
            rows = rows.select_related(*[key for key in keys if key != "student"])
            mine = found.setdefault(kind.name, {})
            mine.update((row.pk, self._as_dict(row)) for row in rows)
        return {name: list(rows.values()) for name, rows in found.items()}

    def _as_dict(self, row: Model) -> dict[str, Any]:
        values = {}
        for field in row._meta.concrete_fields:
            if field.name in LEFT_OUT:
                continue
            if not field.is_relation:
                values[field.name] = _plain(getattr(row, field.name))
            elif field.related_model in _MINE:
                values[field.name] = getattr(row, field.attname)
            else:
                values[field.name] = self._named(getattr(row, field.name))
        return values

    def _named(self, other: Model | None) -> str | None:
        if other is None:
            return None
        if isinstance(other, User):
            return self.people.called(other)
        if isinstance(other, AdapterVersion):
            return adapter_name(other)
        return str(other)

    @cached_property
    def learned_from(self) -> list[dict[str, Any]]:
        """Lists that works were on when adapters learned, and those adapters."""
        items = TrainingItem.objects.of_student(self.student)
        sets: dict[int, dict[str, Any]] = {}
        for item in items.select_related("training_set").order_by("pk"):
            one = sets.setdefault(
                item.training_set_id,
                {
                    "training_set": str(item.training_set.code),
                    "made_at": _plain(item.training_set.made_at),
                    "levels": 0,
                    "works": set(),
                    "adapters": [adapter_name(a) for a in item.training_set.adapters.all()],
                },
            )
            one["levels"] += 1
            one["works"].add(str(item.artwork_code))
        return [{**one, "works": sorted(one["works"])} for one in sets.values()]

    @cached_property
    def trail(self) -> list[dict[str, Any]]:
        """Who saw, changed or sent what. Details that name other records are left out."""
        events = trail_of(self.student).select_related("actor").order_by("pk")
        return [
            {
                "at": _plain(event.at),
                "who": self.people.called(event.actor) or _("the program, or a family by its link"),
                "did": str(event.get_verb_display()),
                "what": str(_KINDS.get(event.object_kind, event.object_kind)),
                "code": str(event.object_code or ""),
                "more": {k: v for k, v in event.detail.items() if _is_plain(v)},
            }
            for event in events
        ]

    @cached_property
    def files(self) -> dict[int, str]:
        """Picture -> its name in the ZIP, numbered in the order in which they were made."""
        pictures = Picture.objects.filter(artwork__in=self.artworks)
        ordered = pictures.select_related("artwork__assignment").order_by(
            "artwork__assignment__made_on", "artwork", "pk"
        )
        return {
            picture.pk: f"pictures/{n:03} "
            + safe_name(f"{picture.artwork.assignment.title}.jpg".replace("/", "-"))
            for n, picture in enumerate(ordered, start=1)
        }

    @cached_property
    def works(self) -> list[dict[str, Any]]:
        """For people: each work with its pictures, and each decision about it in full."""
        reviews = Review.objects.filter(artwork__in=self.artworks).select_related("reviewer")
        by_artwork: dict[int, list[dict[str, Any]]] = {}
        for review in reviews.select_related("withdrawal").order_by("pk"):
            by_artwork.setdefault(review.artwork_id, []).append(
                {
                    "review": review,
                    "by": self.people.called(review.reviewer),
                    "withdrawn": hasattr(review, "withdrawal"),
                    "annotations": review.annotations.select_related("dimension"),
                    "not_assessed": review.not_assessed.select_related("dimension"),
                }
            )
        found = []
        artworks = self.student.artworks.select_related("assignment__classroom__year")
        for artwork in artworks.order_by("assignment__made_on", "pk"):
            pictures = list(artwork.pictures.all())
            found.append(
                {
                    "artwork": artwork,
                    "files": [self.files[p.pk] for p in pictures],
                    "decisions": by_artwork.get(artwork.pk, []),
                    "uploaded_by": self.people.called(artwork.uploaded_by),
                }
            )
        return found

    def levels(self) -> Iterator[list[Cell]]:
        """One line for each level that a model proposed or a person gave, the header first."""
        yield [
            "picture", "assignment", "made_on", "dimension", "said_by", "level", "score",
            "likely_from", "likely_to", "model_or_origin", "at",
        ]  # fmt: skip
        scores = DimensionScore.objects.filter(score_set__picture__artwork__in=self.artworks)
        for score in scores.order_by("score_set", "dimension__position").select_related(
            "dimension", "adapter__dimension", "adapter__base",
            "score_set__picture__artwork__assignment", "score_set__job__adapter_set__base",
        ):  # fmt: skip
            base = score.score_set.job.adapter_set.base
            yield [
                *self._of(score.score_set.picture),
                score.dimension.slug,
                "model",
                score.level,
                *(
                    None if number is None else round(number, 3)
                    for number in (score.expected, score.interval_low, score.interval_high)
                ),
                score.abstained
                or (adapter_name(score.adapter) if score.adapter else f"{base}, prompted"),
                _plain(score.score_set.created_at),
            ]
        annotations = Annotation.objects.filter(picture__artwork__in=self.artworks)
        for one in annotations.order_by("pk").select_related(
            "dimension", "annotator", "picture__artwork__assignment"
        ):
            yield [
                *self._of(one.picture),
                one.dimension.slug,
                self.people.called(one.annotator),
                one.level,
                None,
                None,
                None,
                str(one.get_origin_display()),
                _plain(one.created_at),
            ]

    def _of(self, picture: Picture) -> list[Cell]:
        assignment = picture.artwork.assignment
        return [self.files[picture.pk], assignment.title, assignment.made_on.isoformat()]


def write_record(export: StudentExport, out: IO[bytes]) -> None:
    """The whole ZIP. A picture whose file is gone is named in the tables and missing here."""
    record = Record(export)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        context = {
            "record": record,
            "student": record.student,
            "school": record.student.school,
            "made_at": localtime(),
            "language": get_language(),
            "bidi": get_language_bidi(),
        }
        archive.writestr("index.html", render_to_string("records/index.html", context))
        archive.writestr("style.css", STYLE_SHEET.read_text(encoding="utf-8"))
        archive.writestr("record.json", _json(record))
        archive.writestr("tables/levels.csv", _csv(record.levels()))
        archive.writestr("tables/who-saw-it.csv", _csv(_lines(record.trail)))
        for name, rows in record.tables.items():
            if rows:
                archive.writestr(f"tables/rows/{name}.csv", _csv(_lines(rows)))
        for picture in Picture.objects.filter(artwork__in=record.artworks):
            _copy(archive, picture.full, record.files[picture.pk])
        for artwork in record.student.artworks.exclude(original=""):  # not prepared yet
            name = safe_name(artwork.original_name.replace("/", "-"))
            _copy(archive, artwork.original, f"pictures/original {artwork.code.hex[:8]} {name}")


def _of_another_child(model: type[Model], student: Student) -> Q:
    """While a work was matched to another child, that child's family may have seen it, and may
    have written about it: neither is for this one."""
    if model is ReleasedWork:
        return ~Q(student=student)
    if model is Appeal:
        return Q(family_link__isnull=False) & ~Q(family_link__student=student)
    return Q(pk__in=[])


def adapter_name(adapter: AdapterVersion) -> str:
    return f"{adapter.dimension.slug} {adapter.number} ({adapter.base.name})"


def _copy(archive: zipfile.ZipFile, stored: Any, name: str) -> None:
    try:
        source = stored.open("rb")
    except FileNotFoundError:
        return
    # JPEG is compressed already.
    info = zipfile.ZipInfo(name, date_time=localtime().timetuple()[:6])
    with source, archive.open(info, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target)


def _json(record: Record) -> str:
    about = {
        "student": {
            "code": str(record.student.code),
            "name": record.student.display_name,
            "school_number": record.student.number,
            "grade_band": record.student.grade_band,
            "left_on": _plain(record.student.left_on),
            "school": record.student.school.name,
        },
        "made_at": _plain(now()),
        "rows": record.tables,
        "pictures": {str(pk): name for pk, name in record.files.items()},
        "learned_from": record.learned_from,
        "who_saw_it": record.trail,
    }
    return json.dumps(about, ensure_ascii=False, indent=1)


def _csv(rows: Iterable[Sequence[Cell]]) -> str:
    return "".join(csv_lines(rows, bom=True))


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[list[Cell]]:
    """A table of records that all have the same keys."""
    if not rows:
        return
    yield list(rows[0])
    for row in rows:
        yield [_cell(value) for value in row.values()]


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _plain(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, datetime):
        return localtime(value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, uuid.UUID) else value


def _is_plain(value: Any) -> bool:
    """Not a code, which could be another child's."""
    try:
        uuid.UUID(str(value))
    except ValueError:
        return not isinstance(value, dict | list)
    return False

"""How long work is kept: some time after its school year has ended, and then it is erased."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.utils.timezone import localdate, now

from grading import tasks
from grading.models import (
    Artwork,
    DoomedFile,
    Enrollment,
    ErasureReceipt,
    LegalHold,
    School,
    SchoolYear,
    Student,
)
from grading.records import file_fields
from grading.services.holds import Held, holds_on
from grading.services.rights import erase_student, erase_works_of_year

log = logging.getLogger(__name__)
FOLDERS = ("originals", "pictures", "reports", "records", "examples")
UNLED_FOR = timedelta(days=1)  # a file younger than this may wait for its row


@dataclass(frozen=True)
class YearPlan:
    """One year of a school: when its works go, and which go today."""

    year: SchoolYear
    goes_on: date
    works: int
    students: int
    unmatched: int  # works that belong to no student yet
    hold: LegalHold | None
    held_students: int

    @property
    def kept_until(self) -> date:
        """The last day."""
        return self.goes_on - timedelta(days=1)

    @property
    def is_due(self) -> bool:
        return self.goes_on <= localdate()

    @property
    def goes_now(self) -> bool:
        return self.is_due and self.works > 0 and self.hold is None


@dataclass
class Done:
    """What a run of the nightly job did."""

    receipts: list[ErasureReceipt] = field(default_factory=list)
    held: int = 0
    failed: int = 0


def goes_on(year: SchoolYear) -> date:
    """The first day on which the works of a year are kept no longer."""
    return year.ends_on + timedelta(days=year.school.kept_days + 1)


def due_years(school: School) -> list[SchoolYear]:
    """The oldest first."""
    years = school.years.select_related("school").order_by("ends_on", "pk")
    return [year for year in years if goes_on(year) <= localdate()]


def works_of_year(year: SchoolYear) -> QuerySet[Artwork]:
    return Artwork.objects.filter(assignment__classroom__year=year)


def plan_of(school: School) -> list[YearPlan]:
    """Every year, whether anything of it is due or not."""
    plans = []
    for year in school.years.select_related("school"):
        works = works_of_year(year)
        students = Student.objects.filter(artworks__in=works).distinct()
        on_hold = students.filter(holds__in=LegalHold.objects.standing()).distinct()
        plans.append(
            YearPlan(
                year,
                goes_on(year),
                works.count(),
                students.count(),
                works.filter(student=None).count(),
                LegalHold.objects.standing().filter(year=year).select_related("placed_by").first(),
                on_hold.count(),
            )
        )
    return plans


def gone_students(school: School) -> list[Student]:
    """Who left longer ago than work is kept, and has nothing that is still kept."""
    due = due_years(school)
    left = school.students.filter(left_on__lt=localdate() - timedelta(days=school.kept_days))
    elsewhere = Artwork.objects.exclude(assignment__classroom__year__in=due)
    on_a_list = Enrollment.objects.exclude(classroom__year__in=due)
    kept = Q(pk__in=elsewhere.exclude(student=None).values("student")) | Q(
        pk__in=on_a_list.values("student")
    )
    return list(left.exclude(kept).order_by("pk"))


def apply_retention(school: School) -> Done:
    """Erase what is due. Holds are respected, and one student who resists stops no other.

    Of who left and cannot go as a whole, because one year is held, the works of the others go.
    """
    done = Done()
    gone, held = held_gone_students(school)
    for year in due_years(school):
        works = works_of_year(year).exclude(student__in=gone)
        for pk in works.order_by("student").values_list("student", flat=True).distinct():
            student = Student.objects.filter(pk=pk).first() if pk else None
            if pk is None or student:
                _try(done, student, year)
    for student in [*gone, *held]:
        _try(done, student, None)
    return done


def _try(done: Done, student: Student | None, year: SchoolYear | None) -> None:
    try:
        if year is None:
            assert student
            receipt = erase_student(student, None, ErasureReceipt.Reason.RETENTION)
        else:
            receipt = erase_works_of_year(year, student, None)
        done.receipts.append(receipt)
    except Held:
        done.held += 1
    except Student.DoesNotExist:
        pass  # erased in this moment by a person
    except Exception:
        log.exception("not erased: %s of %s", student.code if student else "unmatched", year)
        done.failed += 1


def held_gone_students(school: School) -> tuple[list[Student], list[Student]]:
    """Who would be erased as a whole, and who would be but for a hold."""
    free: list[Student] = []
    held: list[Student] = []
    for student in gone_students(school):
        (held if holds_on(student).exists() else free).append(student)
    return free, held


# ------------------------------------------------------------------------------ files without a row
def doom_unled_files() -> int:
    """Find stored files that no row leads to, and have them deleted; returns how many.

    What a process that was killed left behind, or somebody who deleted rows by hand.
    """
    known: set[str] = set()
    for model in apps.get_app_config("grading").get_models():
        for name in file_fields(model):
            known.update(model._default_manager.values_list(name, flat=True).iterator())
    known.update(DoomedFile.objects.values_list("name", flat=True))
    since = now() - UNLED_FOR
    unled = [
        name
        for folder in FOLDERS
        for name, changed_at in _files_in(folder)
        if name not in known and changed_at < since
    ]
    doomed = DoomedFile.objects.bulk_create(DoomedFile(name=name) for name in unled)
    tasks.delete_doomed_files(doomed)
    return len(unled)


def _files_in(folder: str) -> Iterator[tuple[str, datetime]]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        try:
            yield f"{folder}/{name}", default_storage.get_modified_time(f"{folder}/{name}")
        except FileNotFoundError:
            continue  # deleted in this moment
    for name in folders:
        yield from _files_in(f"{folder}/{name}")

"""The end of the loop: what adapters may learn from, and how they come into use.

Work that still waits is scored by what is in use then.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from grading.models import (
    AdapterSet,
    AdapterVersion,
    Annotation,
    Artwork,
    AuditEvent,
    BlindLook,
    Promotion,
    RubricVersion,
    School,
    ScoringJob,
    Student,
    TrainingItem,
    TrainingSet,
    User,
    consenting_students,
)
from grading.services.adapters import install_adapter, install_base
from grading.services.audit import record
from grading.tables import Cell, csv_lines
from grading.works import newest_reviews


class NothingToLearnFrom(Exception):
    """No work may be used for training: no consent, no decision, or the school says no."""


def promote_adapter(adapter: AdapterVersion, by: User, why: str) -> None:
    promote_adapters([adapter], adapter.dimension.version, by, why)


@transaction.atomic
def promote_adapters(
    adapters: Sequence[AdapterVersion], version: RubricVersion, by: User | None, why: str
) -> None:
    """Put adapters of one rubric into use together.

    Waiting jobs take the new set; what was scored keeps its scores.
    """
    for adapter in adapters:
        Promotion.objects.create(adapter=adapter, by=by, why=why)
        record(by, AuditEvent.Verb.PROMOTED, adapter, None, why=why)
    ScoringJob.objects.waiting().filter(adapter_set__rubric_version=version).update(
        adapter_set=AdapterSet.objects.in_use(version)
    )


@transaction.atomic
def install_bundle(
    folder: Path,
    version: RubricVersion,
    by: User | None,
    why: str,
    training_set: TrainingSet | None = None,
) -> list[AdapterVersion]:
    """Install ``folder``/base and ``folder``/adapters/*, and put into use what never was.

    ``training_set`` is what they were trained from, where that was work of this server's schools.

    Raises:
        BundleError: a profile is missing, or does not fit the others.
    """
    base = install_base(folder / "base")
    adapters = [
        install_adapter(path, base, version)
        for path in sorted((folder / "adapters").iterdir())
        if path.is_dir()
    ]
    if new := [adapter for adapter in adapters if not adapter.promotions.exists()]:
        promote_adapters(new, version, by, why)
    if training_set:
        record_learned_from(adapters, training_set)
    return adapters


# ----------------------------------------------------------------------------- what is learned from
def usable_annotations(version: RubricVersion) -> QuerySet[Annotation]:
    """What adapters may learn from at this moment, by everything that is known at this moment.

    The school and the family say yes, whatever they said when the annotation was made; the work
    is there, and belongs to that student now; the decision is the newest about it, and was not
    taken back. Blind looks count beside it, as another person's eye.
    """
    artworks = Artwork.objects.kept().filter(student__in=consenting_students())
    looks = BlindLook.objects.filter(artwork__in=artworks)
    return Annotation.objects.filter(
        Q(review__in=newest_reviews(artworks)) | Q(look__in=looks), dimension__version=version
    )


@transaction.atomic
def freeze_training_set(version: RubricVersion, by: User | None) -> TrainingSet:
    """Write down what a run that begins now may learn from.

    Raises:
        NothingToLearnFrom: no work may be used.
    """
    usable = usable_annotations(version).select_related("picture__artwork__student__school")
    # One level a person: who looked blind first and then decided is no second opinion.
    rows = {(a.picture_id, a.annotator_id, a.dimension_id): a for a in usable.order_by("pk")}
    if not rows:
        raise NothingToLearnFrom
    training_set = TrainingSet.objects.create(rubric_version=version, made_by=by)
    items, schools = [], Counter[School]()
    for row in rows.values():
        artwork = row.picture.artwork
        assert artwork.student
        schools[artwork.student.school] += 1
        items.append(
            TrainingItem(
                training_set=training_set,
                annotation=row,
                student_code=artwork.student.code,
                artwork_code=artwork.code,
            )
        )
    TrainingItem.objects.bulk_create(items, batch_size=500)
    for school, count in schools.items():
        record(by, AuditEvent.Verb.EXPORTED, training_set, school, what="training", items=count)
    return training_set


def pseudonym(training_set: TrainingSet, code: UUID) -> str:
    """What a child, a picture or a person is called in the files of one training set, and only
    there: whoever knows the set's code and theirs can find them again, to take them out."""
    return hashlib.sha256(f"{training_set.code} {code}".encode()).hexdigest()[:16]


def write_training_set(training_set: TrainingSet, out: Path) -> int:
    """``out``/labels.csv and ``out``/pictures, as ``python -m ml train`` reads them.

    No name, school number or word about a child is in it. Returns the number of pictures; items
    that were erased since are left out.
    """
    pictures = out / "pictures"
    pictures.mkdir(parents=True)
    slugs = [d.slug for d in training_set.rubric_version.dimensions.all()]
    lines: dict[tuple[str, str], dict[str, Cell]] = {}
    written: set[str] = set()
    for item in _items(training_set):
        row, assignment = item.annotation, item.annotation.picture.artwork.assignment
        name = f"{pseudonym(training_set, row.picture.code)}{Path(row.picture.full.name).suffix}"
        if name not in written:
            try:
                source = row.picture.full.open("rb")
            except FileNotFoundError:  # erased in this moment
                continue
            with source, (pictures / name).open("wb") as target:
                shutil.copyfileobj(source, target)
            written.add(name)
        rater = pseudonym(training_set, row.annotator.code)
        line = lines.setdefault(
            (name, rater),
            {
                "name": name,
                "rater": rater,
                "child": pseudonym(training_set, item.student_code),
                "grade": assignment.classroom.grade,
            },
        )
        line[row.dimension.slug] = row.level
    head = ["name", "rater", "child", "grade", *slugs]
    table = [[line.get(column, "") for column in head] for line in lines.values()]
    with (out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines([head, *table], bom=False))
    about = {"training_set": str(training_set.code), "rubric": str(training_set.rubric_version)}
    (out / "training_set.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return len(written)


def _items(training_set: TrainingSet) -> Iterator[Any]:
    items = training_set.items.exclude(annotation=None).order_by("annotation__picture", "pk")
    return items.select_related(
        "annotation__dimension",
        "annotation__annotator",
        "annotation__picture__artwork__assignment__classroom",
    ).iterator()


@transaction.atomic
def record_learned_from(adapters: Iterable[AdapterVersion], training_set: TrainingSet) -> None:
    """Say from what adapters were trained; saying it again changes nothing."""
    training_set.adapters.add(*adapters)


def training_set_of_code(code: UUID | None) -> TrainingSet | None:
    """Raises: LookupError, for a code that no set has."""
    if code is None:
        return None
    if found := TrainingSet.objects.filter(code=code).first():
        return found
    raise LookupError(f"There is no training set {code}.")


def adapters_that_saw(student: Student) -> QuerySet[AdapterVersion]:
    """Adapters that learned from a work of this student."""
    sets = TrainingItem.objects.of_student(student).values("training_set")
    adapters = AdapterVersion.objects.filter(training_sets__in=sets).distinct()
    return adapters.select_related("dimension", "base").order_by("pk")

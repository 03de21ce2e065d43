"""A training set: pictures, what people said of them, and a split that repeats.

Pictures by one child never lie in two parts of a split, or a model would be praised for knowing
the child's hand; school grades are spread evenly, because some dimensions rise with them. A
missing level leaves a picture out of that dimension only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ml.errors import EngineError, UnreadablePicture
from ml.images import fit_picture, load_picture
from ml.labels import Floats, Labels, find_pictures, mean_of_raters, read_labels
from ml.profiles import ImageProfile, sha256_of_file
from ml.rubric import Rubric

CHILD_COLUMNS = ("child_id", "child", "student_id", "student")
GRADE_COLUMNS = ("grade", "school_grade", "age")
SHARES = (0.7, 0.15, 0.15)  # of pictures to train on, to stop and calibrate by, and to report
PLAIN, MIRRORED, TONED = range(3)
# Brightness and warmth of a photograph cannot change these; color and light dimensions they can.
TONE_SAFE = frozenset(
    ("deformation", "imagination", "line_combination", "line_texture", "picture_organization")
    + ("transformation",)
)


@dataclass(frozen=True)
class Split:
    """Row numbers; no child in two parts."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """N pictures that can be read, with the levels of one rubric."""

    rubric: Rubric
    names: tuple[str, ...]
    paths: tuple[Path, ...]
    hashes: tuple[str, ...]  # sha256 of each file
    ratings: dict[str, Floats]  # per dimension (N, R), nan where missing
    children: tuple[str, ...] | None
    grades: tuple[str, ...] | None
    comments: dict[str, tuple[str, ...]]  # per dimension, or under "" for the whole picture
    skipped: tuple[tuple[str, str], ...]  # (name, why) of pictures that cannot be used

    def levels(self, slug: str) -> Floats:
        """(N,) mean of the raters, nan where nobody said anything."""
        return mean_of_raters(self.ratings[slug])

    def labeled(self, slug: str, rows: Sequence[int]) -> list[int]:
        levels = self.levels(slug)
        return [row for row in rows if not np.isnan(levels[row])]


def read_dataset(labels: Path, images: Path, rubric: Rubric, slugs: Sequence[str]) -> Dataset:
    """Reads a CSV of levels and finds its pictures.

    Raises:
        EngineError: ``ml.labels`` refuses the CSV, or no picture at all can be used.
    """
    table = read_labels(labels, slugs, (rubric.first_level, rubric.last_level))
    found, absent = find_pictures(table.names, images)
    skipped = [(name, "no picture by this name") for name in absent]
    rows, hashes = [], []
    for row, name in enumerate(table.names):
        if name not in found:
            continue
        try:
            load_picture(found[name])
        except UnreadablePicture as error:
            skipped.append((name, str(error)))
            continue
        rows.append(row)
        hashes.append(sha256_of_file(found[name]))
    if not rows:
        raise EngineError(f"None of the {len(table.names)} pictures of {labels.name} is usable.")
    return Dataset(
        rubric,
        tuple(table.names[row] for row in rows),
        tuple(found[table.names[row]] for row in rows),
        tuple(hashes),
        {slug: table.ratings[slug][rows] for slug in slugs if slug in table.ratings},
        _column(table, rows, *CHILD_COLUMNS),
        _column(table, rows, *GRADE_COLUMNS),
        _comments(table, rows, slugs),
        tuple(skipped),
    )


def split_dataset(data: Dataset, seed: int, shares: Sequence[float] = SHARES) -> list[list[int]]:
    """Rows in as many parts as ``shares``, in order: same data and seed, same parts.

    Whole children at a time, grade by grade; each goes to the part that lacks most. A picture of
    which no child is known stands for itself, together with copies of its file.

    Raises:
        EngineError: there are too few children for so many parts.
    """
    chance = np.random.default_rng(seed)
    children = data.children or ("",) * len(data.names)
    first = {digest: row for row, digest in reversed(list(enumerate(data.hashes)))}
    members: dict[tuple[str, str], list[int]] = {}
    for row, child in enumerate(children):
        alone = "" if child else str(first[data.hashes[row]])
        members.setdefault((child, alone), []).append(row)
    groups = sorted(members.items())
    grades = data.grades or ("",) * len(data.names)
    strata: dict[str, list[list[int]]] = {}
    for _, rows in groups:
        strata.setdefault(grades[rows[0]], []).append(rows)
    parts: list[list[int]] = [[] for _ in shares]
    for _, stratum in sorted(strata.items()):
        for index in chance.permutation(len(stratum)):
            lacks = [
                share * (sum(map(len, parts)) + len(stratum[index])) - len(part)
                for share, part in zip(shares, parts, strict=True)
            ]
            parts[int(np.argmax(lacks))] += stratum[index]
    if not all(parts):
        raise EngineError(
            f"{len(data.names)} usable pictures by {len(groups)} children (or of unknown ones) are "
            f"too few for {len(shares)} parts that have no child in common."
        )
    return [sorted(part) for part in parts]


def splits(data: Dataset, seed: int, folds: int = 0) -> list[Split]:
    """One split, or with ``folds`` as many: each picture is then in the test part of one."""
    if not folds:
        return [Split(*(tuple(part) for part in split_dataset(data, seed)))]
    parts = split_dataset(data, seed, [1 / folds] * folds)
    return [
        Split(
            tuple(
                sorted(
                    row
                    for k, part in enumerate(parts)
                    if k not in (fold, (fold + 1) % folds)
                    for row in part
                )
            ),
            tuple(parts[(fold + 1) % folds]),
            tuple(parts[fold]),
        )
        for fold in range(folds)
    ]


def variants_of(slug: str, rubric: Rubric) -> tuple[int, ...]:
    """The versions of a picture that cannot change its level in a dimension."""
    safe = rubric.slug == "kidsart" and slug in TONE_SAFE
    return (PLAIN, MIRRORED, TONED) if safe else (PLAIN, MIRRORED)


def read_variant(path: Path, variant: int, image: ImageProfile) -> Image.Image:
    """One version of a picture, fitted; the same file always gives the same."""
    picture = load_picture(path)
    if variant == TONED:
        digest = hashlib.sha256(path.read_bytes()).digest()
        light, contrast, warmth = (0.88 + 0.24 * byte / 255 for byte in digest[:3])
        picture = ImageEnhance.Brightness(picture).enhance(light)
        picture = ImageEnhance.Contrast(picture).enhance(contrast)
        red, green, blue = picture.split()
        red = red.point([min(255, round(value * warmth)) for value in range(256)])
        picture = Image.merge("RGB", (red, green, blue))
    fitted = fit_picture(picture, image)
    return ImageOps.mirror(fitted) if variant == MIRRORED else fitted


def _column(table: Labels, rows: Sequence[int], *names: str) -> tuple[str, ...] | None:
    values = table.column(*names)
    return tuple(values[row] for row in rows) if values else None


def _comments(
    table: Labels, rows: Sequence[int], slugs: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    named = {"": "comment"} | {slug: f"comment_{slug}" for slug in slugs}
    found = {slug: _column(table, rows, name) for slug, name in named.items()}
    return {slug: values for slug, values in found.items() if values}

"""Reading what people said about pictures: a CSV of levels, and the pictures its names mean.

Standard library and numpy only. Knows no rubric beyond the slugs of ``KIDSART``, and never fills
in a level: a missing one stays missing (nan), and what cannot be read is said with its line.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ml.errors import EngineError
from ml.rubric import KIDSART

Floats = NDArray[np.float64]
Rows = list[tuple[int, list[str]]]  # line number and cells

NAME_COLUMNS = ("name", "file", "filename", "image", "picture")
MISSING = ("", "na", "nan")
LARGEST = 1e6  # beyond it, squares and sums would overflow sooner or later
PICTURE_SUFFIXES = (  # what ml.images reads
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"),
    *(".heic", ".heif"),
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
RATER_COLUMN = re.compile(r"(.+)_r(\d+)")


@dataclass(frozen=True)
class Labels:
    """The levels of N pictures, each rater kept apart.

    ``ratings`` has an array (N, R) per dimension, in levels, nan where that rater said nothing; R
    may differ from dimension to dimension. ``columns`` has N texts per further column, by its
    header as written.
    """

    names: tuple[str, ...]
    ratings: Mapping[str, Floats]
    columns: Mapping[str, tuple[str, ...]]

    def mean(self, slug: str) -> Floats:
        """(N,) the mean of the raters who said something, nan where nobody did."""
        return mean_of_raters(self.ratings[slug])

    def column(self, *names: str) -> tuple[str, ...] | None:
        """The first of these further columns that there is, whatever its capitals; or None."""
        found = {_plain(header): values for header, values in self.columns.items()}
        return next((found[_plain(name)] for name in names if _plain(name) in found), None)


def mean_of_raters(ratings: Floats) -> Floats:
    """(N, R) to (N,): the mean without the missing ones, nan where all are missing."""
    given = ~np.isnan(ratings)
    count = given.sum(axis=1)  # (N,)
    total = np.where(given, ratings, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(ratings), math.nan), where=count > 0)


def read_labels(path: Path, slugs: Sequence[str] | None, levels: tuple[int, int] | None) -> Labels:
    """Reads a CSV with a header: one column of picture names, and levels in one of three forms.

    A column per dimension, named like its slug; or one per rater, ``slug_r1``, ``slug_r2``; or
    several rows per picture and a ``rater`` column, the raters then being in order of appearance.
    In that last form a further column holds the different texts of the rows, one a line.

    UTF-8 with or without BOM; comma, semicolon or tab between cells; a decimal comma where cells
    are not separated by commas. An empty cell, NA and nan are missing.

    Args:
        slugs: dimensions to read; those without a column are left out. None: those of KIDSART.
        levels: first and last level allowed, or None for any number.

    Raises:
        EngineError: with the line and the column where something cannot be read.
    """
    header, rows, decimal_comma = _read_rows(path)
    plain = [_plain(cell) for cell in header]
    name_column = next((plain.index(name) for name in NAME_COLUMNS if name in plain), None)
    if name_column is None:
        raise EngineError(
            f"{path.name} has no column of picture names; call it one of {', '.join(NAME_COLUMNS)}."
        )
    places = _dimension_columns(path, plain, slugs)
    rater_column = plain.index("rater") if "rater" in plain else None
    if rater_column is not None and any(len(columns) > 1 for columns in places.values()):
        raise EngineError(f"{path.name} has both a rater column and columns per rater; keep one.")
    whose = _pictures_and_raters(path, rows, name_column, rater_column)
    pictures = _numbered(name for name, _ in whose)
    raters = _numbered(rater for _, rater in whose)

    ratings = {
        slug: np.full((len(pictures), max(len(columns), len(raters))), math.nan)
        for slug, columns in places.items()
    }
    for (line, row), (name, rater) in zip(rows, whose, strict=True):
        for slug, columns in places.items():
            for k, column in enumerate(columns):
                where = f"{path.name}, line {line}, column {header[column]}"
                level = _level(row[column], decimal_comma, levels, where)
                ratings[slug][pictures[name], raters[rater] + k] = level
    used = {name_column, rater_column}.union(*places.values())
    further = {
        header[k]: _texts((name, row[k]) for (_, row), (name, _) in zip(rows, whose, strict=True))
        for k in range(len(header))
        if k not in used and header[k]
    }
    return Labels(tuple(pictures), ratings, further)


def find_pictures(names: Iterable[str], folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The picture each name means in a folder and those below it, and the names without one.

    A name is compared as ``match_names`` says. Absolute names and names with ``..`` have no
    picture, and only files below ``folder`` are ever returned; hidden files are passed over.

    Raises:
        EngineError: there is no such folder.
    """
    if not folder.is_dir():
        raise EngineError(f"There is no folder {folder}.")
    pictures = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    }
    wanted = list(dict.fromkeys(names))
    match = match_names([name for name in wanted if not _leads_out(name)], list(pictures))
    found = {name: pictures[match[name]] for name in wanted if name in match}
    return found, [name for name in wanted if name not in found]


def match_names(wanted: Sequence[str], there: Sequence[str]) -> dict[str, str]:
    """Pairs names of pictures: by the whole path, else by the file's name, else by its stem.

    A pair is made only if that part is found once on each side, so that ``1/cat.png`` and
    ``2/cat.png`` never share a picture. The same path with another extension goes before the same
    file's name in another folder. Names without a pair are left out.
    """
    pairs: dict[str, str] = {}
    for part in (_whole, _without_suffix, _base, picture_stem):
        left, right = _by_part(wanted, part), _by_part(there, part)
        taken = set(pairs.values())
        for key, names in left.items():
            others = right.get(key, [])
            unique = len(names) == len(others) == 1
            if unique and names[0] not in pairs and others[0] not in taken:
                pairs[names[0]] = others[0]
    return pairs


def _by_part(names: Sequence[str], part: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(part(name), []).append(name)
    return groups


def _whole(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _without_suffix(name: str) -> str:
    path = PurePosixPath(_whole(name))
    return str(path.with_suffix("")) if path.suffix.lower() in PICTURE_SUFFIXES else str(path)


def _base(name: str) -> str:
    return PurePosixPath(_whole(name)).name


def picture_stem(name: str) -> str:
    """The name without folders and without the extension of a picture."""
    return _base(_without_suffix(name))


def _leads_out(name: str) -> bool:
    whole = _whole(name)
    return whole.startswith("/") or whole[1:2] == ":" or ".." in PurePosixPath(whole).parts


def _plain(header: str) -> str:
    """``Color richness`` and ``color_richness`` are the same column."""
    return re.sub(r"[\s-]+", "_", header.strip().lower())


def _read_rows(path: Path) -> tuple[list[str], Rows, bool]:
    """The header, the rows that are not blank with their line numbers, and: decimal commas?"""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError:
        raise EngineError(f"{path} cannot be read.") from None
    except UnicodeDecodeError:
        raise EngineError(f"{path.name} is not UTF-8 text; save it as CSV UTF-8.") from None
    if not text.strip(" \t\r\n,;"):
        raise EngineError(f"{path.name} is empty.")
    first_line = re.sub('"[^"]*"', "", text.lstrip().splitlines()[0])
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: Rows = []
    before = 0
    try:
        for row in reader:
            line, before = before + 1, reader.line_num  # a cell may hold several lines
            if any(cell.strip() for cell in row):
                rows.append((line, row))
    except csv.Error as error:
        raise EngineError(f"{path.name}, line {reader.line_num}: {error}.") from None
    header = [cell.strip() for cell in rows.pop(0)[1]] if rows else []
    if not rows:
        raise EngineError(f"{path.name} has a header and no rows.")
    plain = [_plain(cell) for cell in header]
    if twice := [cell for cell in plain if cell and plain.count(cell) > 1]:
        raise EngineError(f"{path.name} has two columns called {twice[0]}.")
    for line, row in rows:
        if any(cell.strip() for cell in row[len(header) :]):
            raise EngineError(f"{path.name}, line {line}: more cells than the header has columns.")
        row.extend([""] * (len(header) - len(row)))
    return header, rows, separator != ","


def _pictures_and_raters(
    path: Path, rows: Rows, name_column: int, rater_column: int | None
) -> list[tuple[str, str]]:
    """Which picture each row is about, and whose it is: "" if rows do not say."""
    lines: dict[tuple[str, str], int] = {}
    for line, row in rows:
        where = f"{path.name}, line {line}"
        name = row[name_column].strip()
        rater = "" if rater_column is None else row[rater_column].strip()
        if not name:
            raise EngineError(f"{where}: the picture has no name.")
        if rater_column is not None and not rater:
            raise EngineError(f"{where}: the row does not say which rater it is.")
        before = lines.setdefault((name, rater), line)
        if before != line:
            by = f" by rater {rater}" if rater else ""
            also = "" if rater else "; several raters need a rater column"
            raise EngineError(f"{where}: {name}{by} is already on line {before}{also}.")
    return list(lines)


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    return {text: k for k, text in enumerate(dict.fromkeys(texts))}


def _dimension_columns(
    path: Path, plain: Sequence[str], slugs: Sequence[str] | None
) -> dict[str, list[int]]:
    """Per dimension that occurs, the places of its columns: one, or one per rater."""
    per_rater: dict[str, list[tuple[int, int]]] = {}
    for place, header in enumerate(plain):
        if match := RATER_COLUMN.fullmatch(header):
            per_rater.setdefault(match[1], []).append((int(match[2]), place))
    places = {}
    for slug in KIDSART.slugs if slugs is None else slugs:
        header = _plain(slug)
        if header in plain and header in per_rater:
            raise EngineError(f"{path.name} has a column {slug} and columns per rater; keep one.")
        if header in plain:
            places[slug] = [plain.index(header)]
        elif header in per_rater:
            places[slug] = [place for _, place in sorted(per_rater[header])]
    if not places:
        hint = "name the dimensions with --dimensions" if slugs is None else "see its header"
        raise EngineError(f"{path.name} has no column of a known dimension; {hint}.")
    return places


def _level(text: str, decimal_comma: bool, levels: tuple[int, int] | None, where: str) -> float:
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    number = text.replace(",", ".") if decimal_comma else text
    value = float(number) if NUMBER.fullmatch(number) else math.inf
    if abs(value) > LARGEST:
        raise EngineError(f"{where}: “{text[:40]}” is not a number that can be a level.")
    if levels and not levels[0] <= value <= levels[1]:
        raise EngineError(f"{where}: {text} is not between {levels[0]} and {levels[1]}.")
    return value


def _texts(cells: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """One text per picture; different ones of several raters on a line each."""
    texts: dict[str, list[str]] = {}
    for name, cell in cells:
        own = texts.setdefault(name, [])
        if cell.strip() and cell.strip() not in own:
            own.append(cell.strip())
    return tuple("\n".join(own) for own in texts.values())

"""OneRoster 1.2 as a ZIP of CSV files: who is in which class, and who teaches it.

Source: 1EdTech OneRoster 1.2, CSV binding: the names of files and columns, "bulk" and "delta",
status "tobedeleted". Only the columns named here are read; demographics, addresses, results and
whatever else such a file may hold are never opened.
"""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from zipfile import ZipFile, ZipInfo

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from grading.intake.archive import leaves_its_folder, readable_path
from grading.intake.checks import RefusedUpload, looks_like_zip
from grading.intake.names import tidy_text
from grading.intake.rosters import (
    MAX_CELL,
    MAX_ROWS,
    Entry,
    grade_of,
    opened_zip,
    read_member,
    require_size,
)

NEEDED = {  # of each file, the columns without which it says nothing
    "users.csv": ("sourcedId", "givenName", "familyName"),
    "classes.csv": ("sourcedId", "title"),
    "enrollments.csv": ("sourcedId", "classSourcedId", "userSourcedId", "role"),
}
OPTIONAL = {"orgs.csv": ("sourcedId", "name"), "roles.csv": ("userSourcedId", "role"),
            "academicSessions.csv": ("sourcedId", "endDate")}  # fmt: skip
GONE = "tobedeleted"

Row = dict[str, str]


@dataclass(frozen=True)
class OneRoster:
    """Entries of students and of teachers; a teacher's e-mail address is only in ``emails``."""

    entries: list[Entry]
    schools: dict[str, str]  # sourcedId -> name, of those that have classes here
    is_delta: bool
    emails: dict[str, str] = field(default_factory=dict)  # sourcedId of a teacher -> address


def is_oneroster(content: bytes) -> bool:
    if not looks_like_zip(content[:4]):
        return False
    names = {name.rsplit("/", 1)[-1] for name in opened_zip(content).namelist()}
    return "manifest.csv" in names or "enrollments.csv" in names


def read_oneroster(content: bytes, today: date) -> OneRoster:
    """Raises RefusedUpload where the ZIP is unsafe, of another version, or lacks what it needs."""
    require_size(content)
    members = _safe_members(opened_zip(content))
    files = {name: read_member(archive, info) for name, (archive, info) in members.items()}
    modes = _manifest(files)
    tables = {
        name: _rows(name, files[name], needed) if name in files and modes(name) != "absent" else []
        for name, needed in (NEEDED | OPTIONAL).items()
    }
    is_delta = any(modes(name) == "delta" for name in NEEDED)
    missing = [name for name in NEEDED if name not in files and modes(name) != "absent"]
    if missing and not is_delta:
        raise RefusedUpload(
            format_lazy(_("{file} is missing in this OneRoster file."), file=missing[0]), "missing"
        )
    return _Reading(tables, is_delta, today).result()


def _safe_members(archive: ZipFile) -> dict[str, tuple[ZipFile, ZipInfo]]:
    """By name. One member that is not what it should be, and nothing of the ZIP is taken."""
    found: dict[str, tuple[ZipFile, ZipInfo]] = {}
    folders = set()
    for info in archive.infolist():
        path = readable_path(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if leaves_its_folder(path) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise RefusedUpload(
                _("A file in this ZIP points outside of it. The ZIP was not opened."), "unsafe_path"
            )
        if path.lower().endswith(".zip"):
            raise RefusedUpload(
                _("There is a ZIP inside this ZIP. Upload the inner one."), "nested_archive"
            )
        folder, _slash, name = path.rpartition("/")
        if name not in NEEDED | OPTIONAL | {"manifest.csv": ()}:
            continue
        if name in found:
            raise RefusedUpload(
                format_lazy(_("{file} is in this ZIP twice."), file=name), "duplicate_name"
            )
        folders.add(folder)
        found[name] = (archive, info)
    if len(folders) > 1:
        raise RefusedUpload(_("The files of a OneRoster ZIP belong in one folder."), "folders")
    return found


class _Modes:
    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = said

    def __call__(self, file_name: str) -> str:
        return self.said.get(f"file.{file_name.removesuffix('.csv')}", "bulk").lower()


def _manifest(files: Mapping[str, bytes]) -> _Modes:
    if "manifest.csv" not in files:
        raise RefusedUpload(
            _("manifest.csv is missing in this OneRoster file. It says which version this is."),
            "no_manifest",
        )
    rows = _rows("manifest.csv", files["manifest.csv"], ("propertyName", "value"))
    said = {row["propertyName"]: row["value"] for row in rows}
    version = said.get("oneroster.version", "?")
    if version != "1.2":
        raise RefusedUpload(
            format_lazy(
                _("This file is OneRoster {version}. Ask for an export in version 1.2, or as CSV."),
                version=version[:10],
            ),
            "version",
        )
    return _Modes(said)


def _rows(name: str, content: bytes, needed: Iterable[str]) -> list[Row]:
    """The rows of one file. UTF-8 and commas are what the standard asks for."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        header = [cell.strip() for cell in next(reader, [])]
        absent = [column for column in needed if column not in header]
        if absent:
            raise RefusedUpload(
                format_lazy(_("{file} has no column “{column}”."), file=name, column=absent[0]),
                "columns",
            )
        rows: list[Row] = []
        line = reader.line_num + 1
        for cells in reader:
            if any(cells):
                row = dict(zip(header, (tidy_text(c[:MAX_CELL]) for c in cells), strict=False))
                rows.append({**dict.fromkeys(header, ""), **row, "line": str(line)})
            line = reader.line_num + 1
            if len(rows) > MAX_ROWS * 5:  # a student in five classes
                raise RefusedUpload(
                    format_lazy(_("{file} has too many rows."), file=name), "too_many_rows"
                )
    except (UnicodeError, csv.Error) as error:
        raise RefusedUpload(
            format_lazy(_("{file} is not a CSV file in UTF-8, as OneRoster asks for."), file=name),
            "damaged",
        ) from error
    return rows


class _Reading:
    """Joins the tables. Users, classes and sessions are looked up; enrollments are gone through."""

    def __init__(self, tables: Mapping[str, list[Row]], is_delta: bool, today: date) -> None:
        self.tables, self.is_delta, self.today = tables, is_delta, today
        self.users = {row["sourcedId"]: row for row in tables["users.csv"]}
        self.classes = {row["sourcedId"]: row for row in tables["classes.csv"]}
        self.sessions = {r["sourcedId"]: r["endDate"] for r in tables["academicSessions.csv"]}
        self.titles = _titles(tables["classes.csv"])

    def result(self) -> OneRoster:
        entries: list[Entry] = []
        emails: dict[str, str] = {}
        for row in self.tables["enrollments.csv"]:
            role = row["role"].lower()
            if role == "student":
                entries.append(self._student(row))
            elif role == "teacher" and row.get("status", "").lower() != GONE:
                entry = self._in_class(row)
                user = self.users.get(row["userSourcedId"], {})
                entry.sourced_id, entry.teacher = row["userSourcedId"], "?"
                entry.full = _name(user)
                emails[row["userSourcedId"]] = user.get("email", "").lower()
                if user.get("status", "").lower() != GONE:
                    entries.append(entry)
        entries += self._without_enrollment({e.sourced_id for e in entries})
        entries += self._deleted_classes()
        orgs = {row["sourcedId"]: row["name"] for row in self.tables["orgs.csv"]}
        schools = {e.org: orgs.get(e.org, e.org) for e in entries if e.org}
        return OneRoster(entries, schools, self.is_delta, emails)

    def _in_class(self, row: Row) -> Entry:
        key = row["classSourcedId"]
        known = self.classes.get(key, {})
        title = self.titles.get(key, "")
        grade = _grade(known.get("grades", ""))
        terms = _listed(known.get("termSourcedIds", ""))
        return Entry(
            line=int(row["line"]),
            file="enrollments.csv",
            classroom=title,
            class_sourced_id=key,
            class_grade=grade,
            org=known.get("schoolSourcedId", "") or row.get("schoolSourcedId", ""),
            ends=max((self.sessions.get(term, "") for term in terms), default=""),
        )

    def _student(self, row: Row) -> Entry:
        entry = self._in_class(row)
        entry.sourced_id = row["userSourcedId"]
        user = self.users.get(entry.sourced_id)
        _identify(entry, user or {})
        ended = bool(row.get("endDate")) and row["endDate"] < self.today.isoformat()
        entry.leaves = row.get("status", "").lower() == GONE or ended
        entry.gone = (user or {}).get("status", "").lower() == GONE
        if user is None and not self.is_delta:
            entry.problem = "unknown_user"
        elif entry.class_sourced_id not in self.classes and not self.is_delta:
            entry.problem = "unknown_class"
        return entry

    def _without_enrollment(self, enrolled: set[str]) -> list[Entry]:
        """Of a delta: a new name, or one who is gone. In a bulk file they are in no class."""
        students = {r["userSourcedId"] for r in self.tables["roles.csv"] if r["role"] == "student"}
        found = []
        for row in self.tables["users.csv"]:
            gone = row.get("status", "").lower() == GONE
            if row["sourcedId"] in enrolled or not (gone or row["sourcedId"] in students):
                continue
            entry = Entry(line=int(row["line"]), file="users.csv", sourced_id=row["sourcedId"])
            _identify(entry, row)
            entry.gone = gone
            found.append(entry)
        return found

    def _deleted_classes(self) -> list[Entry]:
        return [
            Entry(
                line=int(row["line"]), file="classes.csv", classroom=self.titles[row["sourcedId"]],
                class_sourced_id=row["sourcedId"], problem="class_deleted",
                org=row.get("schoolSourcedId", ""),
            )
            for row in self.tables["classes.csv"]
            if row.get("status", "").lower() == GONE
        ]  # fmt: skip


def _identify(entry: Entry, user: Row) -> None:
    entry.first = user.get("preferredGivenName") or user.get("givenName", "")
    entry.last = user.get("preferredFamilyName") or user.get("familyName", "")
    entry.number = user.get("identifier", "")
    entry.grade = _grade(user.get("grades", ""))


def _name(user: Row) -> str:
    return " ".join(filter(None, (user.get("givenName", ""), user.get("familyName", ""))))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _grade(text: str) -> int | None:
    """Of a list of grades the first; None of several, as for a class of many."""
    grades = {grade_of(part) for part in _listed(text)}
    return grades.pop() if len(grades) == 1 else None


def _titles(rows: Iterable[Row]) -> dict[str, str]:
    """Titles, with the class's code behind those that several classes have."""
    rows = list(rows)
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["title"].casefold()] = seen.get(row["title"].casefold(), 0) + 1
    titles = {}
    for row in rows:
        title = row["title"]
        if seen[title.casefold()] > 1:
            title = f"{title} ({row.get('classCode') or row['sourcedId']})"
        titles[row["sourcedId"]] = title
    return titles

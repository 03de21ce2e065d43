"""A list of students, as a table: bytes in, rows of text out, and a guess at what the columns are.

Knows CSV in the shapes that programs of schools write it, and XLSX. Knows no models.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import struct
import unicodedata
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from grading.intake.checks import MB, RefusedUpload, looks_like_zip
from grading.intake.names import tidy_text

MAX_BYTES = 5 * MB
MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_LINES = 200_000  # of a sheet, most of them empty
MAX_CELL = 500  # characters
MAX_INFLATED_BYTES = 60 * MB
MAX_MEMBERS = 200
SEPARATORS = ("\t", ";", "|", ",")  # the comma last: it also stands inside names


@dataclass(frozen=True)
class Line:
    """One row that is not empty. ``number`` is where it begins in the file, counted from 1."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    lines: list[Line]

    @property
    def width(self) -> int:
        return max((len(line.cells) for line in self.lines), default=0)


def read_table(content: bytes) -> Table:
    """Raises RefusedUpload, with a sentence, for what is no table or is too large."""
    require_size(content)
    if looks_like_zip(content[:4]):
        return _finished(_sheet_lines(content))
    return _finished(_text_lines(decoded(content)))


def require_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise RefusedUpload(
            format_lazy(
                _(
                    "This file is too large (at most {limit} MB). Delete the columns that are not "
                    "needed, or split it into several."
                ),
                limit=MAX_BYTES // MB,
            ),
            "too_large",
        )
    if not content.strip():
        raise RefusedUpload(_("This file is empty."), "empty")


def _finished(lines: Iterable[Line]) -> Table:
    """Tidy cells, without empty rows and without columns that are empty all the way down."""
    kept: list[Line] = []
    for line in lines:
        cells = [tidy_text(cell[:MAX_CELL]) for cell in line.cells]
        cells = [cell.strip(";,|") and cell for cell in cells]  # nothing but separators
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(kept) >= MAX_ROWS + 20:  # some for titles
            raise _too_many_rows()
        if len(cells) > MAX_COLUMNS:
            raise RefusedUpload(
                format_lazy(
                    _("Line {line} has more than {limit} columns. Is this a list of students?"),
                    line=line.number,
                    limit=MAX_COLUMNS,
                ),
                "too_wide",
            )
        kept.append(Line(line.number, cells))
    if not kept:
        raise RefusedUpload(_("There is nothing in this file."), "empty")
    width = max(len(line.cells) for line in kept)
    return Table([Line(one.number, one.cells + [""] * (width - len(one.cells))) for one in kept])


def _too_many_rows() -> RefusedUpload:
    return RefusedUpload(
        format_lazy(
            _("This list has too many rows (at most {limit}). Split it into several."),
            limit=MAX_ROWS,
        ),
        "too_many_rows",
    )


# ------------------------------------------------------------------------------------------ text
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SINGLE_BYTE = ("cp1252", "mac_roman", "cp850")
# What is written in the languages of schools that still send such files, by how often.
_LIKELY = dict.fromkeys("äöüßéèçñáíóúàâêôîûëïåøæãõ", 3) | dict.fromkeys("ÄÖÜÉÈÇÑÁÍÓÅØœš žý’", 1)
_STRANGER = (
    (b"%PDF", _("This is a PDF, not a table. Ask for the list as CSV or XLSX.")),
    (
        b"\xd0\xcf\x11\xe0",
        _("This is a file of an old Excel. Open it and save it as XLSX or CSV."),
    ),
    (b"{\\rtf", _("This is a text document, not a table. Save the list as CSV or XLSX.")),
    (b"<", _("This is a web page, not a table. Save the list as CSV or XLSX.")),
)


def decoded(content: bytes) -> str:
    """Text, whatever the encoding. Without a mark at the start it is guessed from the letters."""
    for start, words in _STRANGER:
        if content.lstrip().startswith(start):
            raise RefusedUpload(words, "no_table")
    encoding = _marked(content) or _two_byte(content) or "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeError:
        text = _guessed(content)
    text = text.removeprefix("\ufeff")
    odd = sum(1 for c in text[:20_000] if c == "\0" or (c < " " and c not in "\t\r\n\x0b\x0c"))
    if odd > max(3, len(text[:20_000]) / 100):
        raise RefusedUpload(
            _("This is not a table. Save the list as CSV or XLSX and upload that."), "no_table"
        )
    return text


def _marked(content: bytes) -> str:
    return next((name for bom, name in _BOMS if content.startswith(bom)), "")


def _two_byte(content: bytes) -> str:
    """UTF-16 without a mark: every other byte of Western text is zero."""
    head = content[:2000]
    if len(head) < 4 or len(content) % 2:
        return ""
    zeros = [
        sum(1 for byte in head[start::2] if byte == 0) / len(head[start::2]) for start in (0, 1)
    ]
    if zeros[1] > 0.4 and zeros[0] < 0.1:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.4 and zeros[1] < 0.1 else ""


def _guessed(content: bytes) -> str:
    """The old encoding in which the letters that are not ASCII look most like names."""
    found = []
    for place, encoding in enumerate(_SINGLE_BYTE):
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        found.append((_likeness(text), -place, text))
    return max(found)[2] if found else content.decode("latin-1")


def _likeness(text: str) -> int:
    total = 0
    for before, letter, after in re.findall(r"(?s)(.?)([^\x00-\x7f])(?=(.?))", text):
        total += _LIKELY.get(letter, 0 if letter.isalpha() else -2)
        if letter.isupper() and before.islower():
            total -= 2  # mÜller
        if not letter.isalpha() and before.isalpha() and after.isalpha() and letter != "’":
            total -= 2
    return total


def _text_lines(text: str) -> Iterable[Line]:
    said = re.match(r"sep=(.)\r?\n?", text)  # Excel's own first line
    separator = said[1] if said else _separator(text)
    rows = _csv_rows(text, separator, csv.QUOTE_MINIMAL)
    if any(cell.count("\n") + cell.count("\r") > 4 for _n, cells in rows for cell in cells):
        rows = _csv_rows(text, separator, csv.QUOTE_NONE)  # a quotation mark that never ends
    if separator == "," and _is_one_column(text, rows):
        rows = [(number, [", ".join(cells)]) for number, cells in rows]
    return [Line(number, cells) for number, cells in rows if not (said and number == 1)]


def _csv_rows(text: str, separator: str, quoting: Any) -> list[tuple[int, list[str]]]:
    # universal newlines, but as they are: a line may end in a bare CR
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=quoting,
        skipinitialspace=quoting != csv.QUOTE_NONE,
    )
    rows: list[tuple[int, list[str]]] = []
    number = 1
    try:
        for cells in reader:
            if any(cells):
                rows.append((number, cells))
            number = reader.line_num + 1
            if len(rows) > MAX_ROWS + 20:
                raise _too_many_rows()
    except csv.Error as error:
        if quoting != csv.QUOTE_NONE:
            return _csv_rows(text, separator, csv.QUOTE_NONE)
        raise RefusedUpload(
            format_lazy(_("Line {line} cannot be read as a row of a table."), line=number),
            "no_table",
        ) from error
    return rows


def _separator(text: str) -> str:
    """The one that cuts most rows into equally many columns."""
    sample = text[:60_000]
    best, best_score = ",", 0.0
    for separator in SEPARATORS:
        try:
            rows = _csv_rows(sample, separator, csv.QUOTE_MINIMAL)[:400]
        except RefusedUpload:
            continue
        widths = Counter(len(cells) for _number, cells in rows)
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        share = count / len(rows) if rows else 0
        score = share + min(width, 4) / 100  # several columns, where two would do as well
        if width > 1 and score > best_score + 0.02:
            best, best_score = separator, score
    return best


def _is_one_column(text: str, rows: Sequence[tuple[int, list[str]]]) -> bool:
    """A list of "Last, First", one a line: its comma belongs to the name."""
    if '"' in text:
        return False
    two = [cells for _number, cells in rows if len(cells) == 2]
    others = [cells for _number, cells in rows if len(cells) != 2]  # titles and a header
    if not two or len(others) > max(3, len(rows) * 0.1) or any(len(c) > 2 for c in others):
        return False
    return text.count(", ") >= len(two) and not any(c[1][:1].isdigit() for c in two)


# ------------------------------------------------------------------------------------------ XLSX
def _sheet_lines(content: bytes) -> list[Line]:
    _require_workbook(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible" and (lines := _lines_of(sheet)):
                return lines
    except RefusedUpload:
        raise
    except (
        InvalidFileException, zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError,
        IndexError, AttributeError, OSError, EOFError, struct.error, ET.ParseError, RuntimeError,
        NotImplementedError, OverflowError, AssertionError,
    ) as error:  # fmt: skip
        raise _damaged() from error
    raise RefusedUpload(_("There is nothing in this file."), "empty")


def _lines_of(sheet: Any) -> list[Line]:
    sheet.reset_dimensions()  # what a file says of its own size is not believed
    lines: list[Line] = []
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), start=1):
        if number > MAX_LINES or len(lines) > MAX_ROWS + 20:
            raise _too_many_rows()
        texts = [_cell_text(cell) for cell in cells]
        if any(texts):
            lines.append(Line(number, texts))
    return lines


def _cell_text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        shown = str(cell.number_format or "")
        return str(value).zfill(len(shown)) if shown and set(shown) == {"0"} else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return str(value)


def _require_workbook(content: bytes) -> None:
    archive = opened_zip(content)
    names = set(archive.namelist())
    if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
        raise RefusedUpload(
            _("This is neither a table nor a OneRoster file. Save the list as CSV or XLSX."),
            "no_table",
        )
    for info in archive.infolist():
        if info.filename.endswith((".xml", ".rels")):
            head = read_member(archive, info)
            if b"<!DOCTYPE" in head.replace(b"\0", b""):
                raise _damaged()


def opened_zip(content: bytes) -> zipfile.ZipFile:
    """The ZIP, if all of it may be unpacked: what it says of its sizes is the most that is read."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
        raise _damaged() from error
    if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_INFLATED_BYTES:
        raise RefusedUpload(
            _("This file grows far too large when it is unpacked. It was not opened."), "bomb"
        )
    return archive


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.flag_bits & 1:
        raise RefusedUpload(
            _("This file is locked with a password. Save it without one."), "encrypted"
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _damaged()
    try:
        with archive.open(info) as member:
            return member.read(MAX_INFLATED_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error,
            RuntimeError, NotImplementedError) as error:  # fmt: skip
        raise _damaged() from error


def _damaged() -> RefusedUpload:
    return RefusedUpload(
        _("This file is damaged or not what its name says. Save it again, as CSV if you can."),
        "damaged",
    )


# --------------------------------------------------------------------------------------- columns
FIRST, LAST, FULL, NUMBER, CLASS, GRADE = "first", "last", "full", "number", "classroom", "grade"
FIELDS = (FIRST, LAST, FULL, NUMBER, CLASS, GRADE)

_WORDS: dict[str, str] = {
    FIRST: "first name,firstname,first,given name,givenname,given,given names,forename,"
    "preferred name,preferred first name,student first name,known as,"
    "vorname,vornamen,rufname,schülervorname,prénom,prenom,nombre,nombres",
    LAST: "last name,lastname,last,surname,family name,familyname,family,student last name,"
    "legal surname,nachname,familienname,zuname,schülernachname,nom de famille,nom,apellido,"
    "apellidos",
    FULL: "name,full name,fullname,student,student name,students,pupil,pupil name,learner,child,"
    "display name,last name first name,name first last,schüler,schülerin,schülername,"
    "schüler in,schülerinnen,schülerinnen und schüler,kind,kinder,name vorname,nachname vorname,"
    "vorname nachname,vor und nachname,vorname name,vor und zuname,élève,alumno",
    NUMBER: "id,student id,studentid,number,no,nr,student number,student no,school number,sis id,"
    "sis user id,pupil number,pupil id,local id,admission number,admission no,identifier,"
    "id number,external id,schülernummer,schülernr,schüler nr,schüler id,schülerid,nummer,"
    "kennung,matrikelnummer,personalnummer,interne id,externe id,numéro,matricule",
    CLASS: "class,classes,class name,classname,homeroom,home room,hr,form,form group,"
    "registration group,reg group,reg,tutor group,section,section name,room,group,klasse,"
    "klassen,klassenname,klassenbezeichnung,lerngruppe,gruppe,kurs,stammklasse,schulklasse,"
    "classe,clase,grupo",
    GRADE: "grade,grade level,gradelevel,grades,year,year group,yeargroup,level,nc year,"
    "jahrgang,jahrgangsstufe,stufe,klassenstufe,schulstufe,schuljahrgang,schulbesuchsjahr,"
    "niveau,grado,curso",
}  # fmt: skip
_MEANING = {word: name for name, words in _WORDS.items() for word in words.split(",")}
# Never needed here. A column whose name holds one of these is left out before anything else.
_PRIVATE = re.compile(
    r"birth|\bdob\b|geburt|geboren|\bgeb\b|\bage\b|\balter\b|e ?mail|\bmails?\b|phone|telefon|"
    r"\btel\b|mobil|handy|address|adress|anschrift|stra(ß|ss)e|street|\bplz\b|\bzip\b|post ?code|"
    r"postal|postleit|\bort\b|wohnort|\bcity\b|\btown\b|gender|\bsex\b|geschlecht|relig|konfess|"
    r"bekenntnis|national|staatsang|migra|guardian|parent|mother|father|eltern|mutter|vater|"
    r"erziehung|sorgebe|contact|kontakt|emergency|notfall|medic|health|allerg|krank|arzt|ethnic|"
    r"race|\bssn\b|social sec|passwor|username|user name|login|benutzer|lunch|\bsen\b|\bfsm\b|"
    r"förder|special|disab|foto|photo|bemerk|\bnotes?\b|comment|notiz"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.\w+")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\s?\d{1,2}[-/.]\s?\d{2,4}")
_CLASS = re.compile(
    r"(?:(?:class|grade|klasse|form|year)\s*)?\d{1,2}\s?[-./]?\s?[A-Za-zÄÖÜäöü]?\d?|"
    r"(?:class|grade|klasse|form|year)\s*\d{1,2}\b.{0,30}",
    re.IGNORECASE,
)
_GRADE = re.compile(r"(?:0?\d|1[0-3]|K|KG|PK|TK)", re.IGNORECASE)
_COMMON_FIRST_NAMES = (
    "ada alex ali amelia amara amy andrea anna anne anton ava ben benjamin carla carlos charlie "
    "chloe clara daniel david dylan elena elias ella emil emilia emily emma ethan eva fatima felix "
    "finn frieda george grace hannah harry henry ida isabella jack jakob james jana jonas jonathan "
    "josef jun karl kofi lara laura lea lena leon leonie liam lily lina lisa louis luca lucas luis "
    "luisa lukas marie maria max maximilian mia michael mila mohamed muhammad nadia noah nora "
    "oliver olivia oscar paul paula peter quinn rosa sam samuel sara sarah sofia sophia sophie "
    "thomas tim tom william yusuf zoe"
)
_COMMON_FIRST = frozenset(_COMMON_FIRST_NAMES.split())


@dataclass(frozen=True)
class Guess:
    """``header`` is the index, among the lines, of the names of the columns; -1 where none are."""

    header: int
    mapping: dict[str, int]
    private: list[int] = field(default_factory=list)
    classroom: str = ""  # out of a title above the table


def word(text: str) -> str:
    """A column's name as it is looked up: "Vor- und Nachname:" is "vor und nachname"."""
    text = unicodedata.normalize("NFC", text).casefold().replace("*", " ")
    text = re.sub(r"([a-z])\(?/?[:*_/-]?innen\b", r"\1innen", text)
    return " ".join(re.sub(r"[^\w]+|_", " ", text).split())


def guess(table: Table, header: int | None = None) -> Guess:
    """What the columns are. ``header``: where somebody said that their names are."""
    if header is None:
        header = _header_of(table)
    lines = table.lines[header + 1 :]
    names = table.lines[header].cells if header >= 0 else [""] * table.width
    columns = [[line.cells[k] for line in lines if line.cells[k]] for k in range(table.width)]
    private = [k for k in range(table.width) if _is_private(names[k], columns[k])]
    mapping = _by_name(names, private)
    if mapping.get(NUMBER, -1) >= 0 and _is_running(columns[mapping[NUMBER]]):
        del mapping[NUMBER]
    _by_contents(mapping, names, columns, private)
    title = _class_in_title(table.lines[: max(header, 0)]) if CLASS not in mapping else ""
    return Guess(header, mapping, private, title)


def _header_of(table: Table) -> int:
    """The one of the first lines with the most cells that name a column; -1 if there is none."""
    best, most = -1, 0
    for index, line in enumerate(table.lines[:15]):
        words = [word(cell) for cell in line.cells if cell]
        known = sum(1 for w in words if w in _MEANING or (len(w) < 40 and _PRIVATE.search(w)))
        if known > most and known * 3 >= len(words):
            best, most = index, known
    return best


def _is_private(name: str, cells: Sequence[str]) -> bool:
    if _PRIVATE.search(word(name)):
        return True
    if not cells:
        return False
    odd = sum(1 for c in cells if _EMAIL.fullmatch(c) or _DATE.fullmatch(c))
    return odd >= len(cells) * 0.5


def _by_name(names: Sequence[str], private: Sequence[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for k, name in enumerate(names):
        meaning = _MEANING.get(word(name))
        if meaning and k not in private:
            found.setdefault(meaning, k)
    if FULL in found and FIRST in found and LAST not in found:
        found[LAST] = found.pop(FULL)  # Name, Vorname
    if FIRST in found and LAST in found:
        found.pop(FULL, None)
    return found


def _is_running(cells: Sequence[str]) -> bool:
    """1, 2, 3 ... down the page, perhaps anew in each class, numbers lines and not people."""
    try:
        numbers = [int(cell.rstrip(".")) for cell in cells]
    except ValueError:
        return False
    follows = all(b in (a + 1, 1) for a, b in zip(numbers, numbers[1:], strict=False))
    return len(numbers) > 2 and numbers[0] == 1 and follows


def _by_contents(
    mapping: dict[str, int],
    names: Sequence[str],
    columns: Sequence[Sequence[str]],
    private: Sequence[int],
) -> None:
    """Fill in what the names of the columns did not say."""
    free = [k for k, c in enumerate(columns) if c and k not in private and not names[k]]
    free = [k for k in free if k not in mapping.values() and not _is_running(columns[k])]
    if FIRST not in mapping and FULL not in mapping:
        _name_columns(mapping, free, columns)
        free = [k for k in free if k not in mapping.values()]
    for k in free:
        cells = columns[k]
        distinct = len(set(cells)) / len(cells)
        if CLASS not in mapping and _share(_CLASS, cells) >= 0.8 and distinct < 0.7:
            bare = _share(_GRADE, cells) >= 0.8
            mapping.setdefault(GRADE if bare and _another(_CLASS, free, k, columns) else CLASS, k)
        elif GRADE not in mapping and _share(_GRADE, cells) >= 0.9 and distinct < 0.7:
            mapping[GRADE] = k
        elif (
            NUMBER not in mapping
            and distinct == 1
            and _share(re.compile(r"[A-Za-z]{0,4}[-.]?\d[\w.-]{0,18}"), cells) >= 0.9
        ):
            mapping[NUMBER] = k


def _share(pattern: re.Pattern[str], cells: Sequence[str]) -> float:
    return sum(1 for cell in cells if pattern.fullmatch(cell)) / len(cells)


def _another(
    pattern: re.Pattern[str], free: Sequence[int], mine: int, columns: Sequence[Sequence[str]]
) -> bool:
    """A column like it comes later, and not of bare grades: then that one names the class."""
    return any(
        _share(pattern, columns[k]) >= 0.8 and _share(_GRADE, columns[k]) < 0.8
        for k in free
        if k > mine
    )


def _name_columns(
    mapping: dict[str, int], free: Sequence[int], columns: Sequence[Sequence[str]]
) -> None:
    letters = [
        k for k in free
        if sum(1 for c in columns[k] if not re.search(r"[\d@]", c)) >= len(columns[k]) * 0.9
        and len(set(columns[k])) >= min(len(columns[k]), 3)
    ]  # fmt: skip
    if not letters:
        return
    whole = [
        k for k in letters
        if sum(1 for c in columns[k] if len(c.split()) > 1) >= len(columns[k]) * 0.7
    ]  # fmt: skip
    if whole and (len(letters) == 1 or LAST not in mapping and whole[0] == letters[0]):
        mapping.setdefault(FULL, whole[0])
    elif LAST in mapping or len(letters) == 1:
        mapping[FIRST if LAST in mapping else FULL] = letters[0]
    else:
        one, other = letters[:2]
        votes = [sum(1 for c in columns[k] if c.casefold() in _COMMON_FIRST) for k in (one, other)]
        first, last = (other, one) if votes[1] > votes[0] else (one, other)
        mapping[FIRST], mapping[LAST] = first, last


def _class_in_title(lines: Sequence[Line]) -> str:
    """ "Class list 3B" says nothing for sure; "Klasse: 3b" does."""
    for line in lines:
        said = " ".join(filter(None, line.cells))
        found = re.search(r"(?i)\b(?:class|klasse|homeroom|form)\s*:?\s+(\d\S{0,10})\b", said)
        if found:
            return found[1]
    return ""


def without(table: Table, private: Sequence[int]) -> Table:
    """The table with these columns emptied: they keep their place, and nothing of them is kept."""
    gone = set(private)
    return Table(
        [
            Line(one.number, ["" if k in gone else cell for k, cell in enumerate(one.cells)])
            for one in table.lines
        ]
    )


# --------------------------------------------------------------------------------------- entries
@dataclass
class Entry:
    """One row of a list, with names in full. Lives only while a request does."""

    line: int
    file: str = ""  # of a OneRoster file: which of its tables
    first: str = ""
    last: str = ""
    full: str = ""  # as the file has it, if it is one column
    number: str = ""
    sourced_id: str = ""
    grade: int | None = None
    classroom: str = ""
    class_sourced_id: str = ""
    class_grade: int | None = None
    leaves: bool = False  # this class
    gone: bool = False  # from the school
    teacher: str = ""  # code of the member who teaches the class, or "?"
    org: str = ""
    ends: str = ""  # last day of the term of the class
    problem: str = ""


def entries_of(
    table: Table, header: int, mapping: Mapping[str, int], one_class: str
) -> list[Entry]:
    """The rows below the header, each with what the mapped columns say and nothing else."""

    def cell(line: Line, name: str) -> str:
        column = mapping.get(name, -1)
        return line.cells[column] if 0 <= column < len(line.cells) else ""

    found = []
    for line in table.lines[header + 1 :]:
        texts = {name: cell(line, name) for name in FIELDS}
        if not any(texts.values()):
            continue  # a footer, or only columns that are left out
        grade = grade_of(texts[GRADE])
        classroom = texts[CLASS] or one_class
        if grade is not None and re.fullmatch(r"[^\W\d_]{1,2}", texts[CLASS]):
            classroom = f"{grade}{texts[CLASS]}"  # grade 3, class B
        first, last = texts[FIRST], texts[LAST]
        if not first and texts[FULL]:
            first, last = split_name(texts[FULL])
        found.append(
            Entry(
                line=line.number,
                first=first,
                last=last,
                full=texts[FULL],
                number=texts[NUMBER],
                grade=grade,
                classroom=classroom,
                class_grade=grade,
            )
        )
    return found


def split_name(full: str) -> tuple[str, str]:
    """First and last name of "Bauer, Amara", "Amara Bauer" and "BAUER Amara"."""
    if full.count(",") == 1:
        last, first = (part.strip() for part in full.split(","))
        return (first, last) if first else (last, "")
    words = full.replace(",", " ").split()
    if len(words) < 2:
        return full, ""
    shouted = [w for w in words if len(w) > 1 and w.isupper()]
    if words[0] in shouted and len(shouted) < len(words):
        rest = [w for w in words if w not in shouted]
        return " ".join(rest), " ".join(shouted)
    return words[0], words[-1]


_KINDERGARTEN = {"k", "kg", "kindergarten", "r", "reception", "pk", "tk", "pr", "it"}


def grade_of(text: str) -> int | None:
    """0 is kindergarten. None where it is no grade from 0 to 13."""
    said = word(text)
    if said in _KINDERGARTEN:
        return 0
    found = re.fullmatch(
        r"(?:(?:grade|year|klasse|class|jahrgang|stufe|jahrgangsstufe)\s*)?0*(\d{1,2})"
        r"(?:st|nd|rd|th)?(?:\s*(?:grade|year|klasse|class|jahrgang|stufe))?",
        said,
    )
    return int(found[1]) if found and int(found[1]) <= 13 else None


def grade_of_class(name: str) -> int | None:
    """Of "3B", "Grade 4 Kingfisher" and "Klasse 10c"; None of "Art 2" and of "12345"."""
    found = re.match(r"(?i)(?:(?:grade|year|klasse|class|form)\s*)?0?(\d{1,2})(?!\d)", name.strip())
    return int(found[1]) if found and int(found[1]) <= 13 else None

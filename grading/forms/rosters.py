from __future__ import annotations

from typing import Any

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from grading.intake.display_names import Style
from grading.intake.rosters import (
    CLASS,
    FIELDS,
    FIRST,
    FULL,
    GRADE,
    LAST,
    NUMBER,
    Entry,
    Guess,
    Table,
    entries_of,
)
from grading.models import School, SchoolYear
from grading.services.rosters import Upload

HEADER_LINES = 10  # among which the names of the columns may be
STYLES = [
    (Style.INITIAL.value, gettext_lazy("First name and initial: Amara B.")),
    (Style.FIRST.value, gettext_lazy("First name only: Amara")),
    (Style.AS_IS.value, gettext_lazy("As it is in the file")),
]
LABELS = {
    FIRST: gettext_lazy("First name"),
    LAST: gettext_lazy("Last name"),
    FULL: gettext_lazy("Whole name in one column"),
    NUMBER: gettext_lazy("School number"),
    CLASS: gettext_lazy("Class"),
    GRADE: gettext_lazy("Grade"),
}


class RosterFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, XLSX, or a OneRoster 1.2 ZIP; at most 5 MB and 20,000 rows."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.zip"}),
        error_messages={"required": gettext_lazy("Choose a file first.")},
    )


class RosterForm(forms.Form):
    """Where a list goes, and how its children are called."""

    year = forms.ModelChoiceField(
        label=gettext_lazy("School year"),
        queryset=SchoolYear.objects.none(),
        to_field_name="code",
        empty_label=None,
    )
    style = forms.ChoiceField(
        label=gettext_lazy("What children are called here"),
        choices=STYLES,
        widget=forms.RadioSelect,
        initial=Style.INITIAL.value,
        help_text=gettext_lazy(
            "Two children of one class who would look the same get more letters. The rest of the "
            "name is not kept."
        ),
    )
    removes = forms.BooleanField(
        label=gettext_lazy("Students who are not in the list leave the classes that are in it"),
        required=False,
        help_text=gettext_lazy("Only for a complete list. Their work stays where it is."),
    )

    def __init__(self, *args: Any, school: School, upload: Upload, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload = upload
        years = self.fields["year"]
        assert isinstance(years, forms.ModelChoiceField)
        years.queryset = SchoolYear.objects.filter(school=school, archived_at=None)
        today = localdate()
        years.initial = years.queryset.current(today).first() or years.queryset.first()
        if upload.is_delta:
            del self.fields["removes"]

    @property
    def removes_missing(self) -> bool:
        return bool(self.cleaned_data.get("removes"))


class OneRosterForm(RosterForm):
    """Of a file of several schools, which of them this is."""

    org = forms.ChoiceField(label=gettext_lazy("School in the file"), required=False)
    field_order = ["org", "year"]

    def __init__(self, *args: Any, school: School, upload: Upload, **kwargs: Any) -> None:
        super().__init__(*args, school=school, upload=upload, **kwargs)
        choices = [(key, name or key) for key, name in upload.schools]
        if len(choices) < 2:
            del self.fields["org"]
            return
        org = self.fields["org"]
        assert isinstance(org, forms.ChoiceField)
        org.choices = choices
        org.required = True
        same = [key for key, name in choices if name.casefold() == school.name.casefold()]
        org.initial = same[0] if same else choices[0][0]

    def entries(self) -> list[Entry]:
        org = self.cleaned_data.get("org", "")
        return [e for e in self.upload.entries if not org or e.org in ("", org)]

    def kept_mapping(self) -> tuple[list[str], dict[str, int]]:
        return [], {}


class TableForm(RosterForm):
    """What the columns of a table are. ``said``: what they look like."""

    header = forms.TypedChoiceField(
        label=gettext_lazy("The names of the columns are in"), coerce=int, required=False
    )
    one_class = forms.CharField(
        label=gettext_lazy("One class for the whole list"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("Also for rows in which the cell of the class is empty."),
    )

    def __init__(
        self, *args: Any, school: School, upload: Upload, said: Guess, **kwargs: Any
    ) -> None:
        super().__init__(*args, school=school, upload=upload, **kwargs)
        assert upload.table
        self.table: Table = upload.table
        self.names = column_names(self.table, said.header)
        header = self.fields["header"]
        assert isinstance(header, forms.TypedChoiceField)
        header.choices = [(-1, _("no line: it begins with a student")), *self._header_lines()]
        header.initial = said.header
        self.said_header = said.header
        below = self.table.lines[said.header + 1 :]
        # Private columns were emptied: there is nothing in them to choose.
        self.filled = [k for k in range(self.table.width) if any(one.cells[k] for one in below)]
        columns = [(str(k), self.names[k]) for k in self.filled]
        for name in FIELDS:
            self.fields[name] = forms.TypedChoiceField(
                label=LABELS[name],
                choices=[("", _("– not in this list –")), *columns],
                coerce=int,
                empty_value=None,
                required=False,
                initial=said.mapping.get(name, ""),
            )
        self.fields["one_class"].initial = said.classroom
        self.order_fields([*FIELDS, "one_class", "year", "style", "removes", "header"])

    def _header_lines(self) -> list[tuple[int, str]]:
        lines = []
        for index, line in enumerate(self.table.lines[:HEADER_LINES]):
            shown = " | ".join(cell for cell in line.cells if cell)[:60]
            lines.append(
                (index, _("line %(line)s: %(words)s") % {"line": line.number, "words": shown})
            )
        return lines

    @property
    def header_index(self) -> int:
        said = self.cleaned_data["header"]
        return self.said_header if said in ("", None) else int(said)

    @property
    def mapping(self) -> dict[str, int]:
        found = {name: self.cleaned_data.get(name) for name in FIELDS}
        return {name: column for name, column in found.items() if column is not None}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        mapping = self.mapping
        for name, column in mapping.items():
            if any(other != name and column == k for other, k in mapping.items()):
                self.add_error(name, _("This column is chosen twice."))
        if FIRST not in mapping and FULL not in mapping and not self.errors.keys() & {FIRST, FULL}:
            self.add_error(FIRST, _("Say which column holds the names."))
        if CLASS not in mapping and not data.get("one_class", "").strip():
            self.add_error("one_class", _("Name the class, or say which column holds it."))
        return data

    def entries(self) -> list[Entry]:
        one_class = " ".join(self.cleaned_data["one_class"].split())
        return entries_of(self.table, self.header_index, self.mapping, one_class)

    def kept_mapping(self) -> tuple[list[str], dict[str, int]]:
        """Names of the columns that were taken, and where they were; of the others nothing."""
        mapping = self.mapping
        header = [self.names[column] for column in sorted(mapping.values())]
        return (header if self.header_index >= 0 else []), mapping

    def columns_shown(self) -> list[tuple[str, Any]]:
        """Name of each column, and what it is taken for as the form stands."""
        meanings = {str(self[name].value()): LABELS[name] for name in FIELDS}
        return [(self.names[k], meanings.get(str(k))) for k in self.filled]

    def rows_shown(self) -> list[list[str]]:
        lines = self.table.lines[self.said_header + 1 :][:5]
        return [[line.cells[k] for k in self.filled] for line in lines]


def column_names(table: Table, header: int) -> list[str]:
    """As the file calls them; a column without a name by its letter and its first words."""
    names = table.lines[header].cells if 0 <= header < len(table.lines) else [""] * table.width
    found = []
    for k, name in enumerate(names):
        if not name:
            first = next((one.cells[k] for one in table.lines[header + 1 :] if one.cells[k]), "")
            name = _("column %(number)s") % {"number": k + 1}
            name = f"{name} ({first[:20]} …)" if first else name
        found.append(name[:60])
    return found

"""What an administrator writes down about students: as little as the work needs."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from grading.forms.structure import date_input
from grading.models import Classroom, School, Student
from grading.services.students import clashes_in, looks_like_full_name

LINES_AT_MOST = 300
NAME_AT_MOST = 60
NUMBER_AT_MOST = 20
DATE = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")


def refuse_date(name: str) -> None:
    """A birth date has no place here, also where it was pasted along with the name."""
    if DATE.search(name):
        raise forms.ValidationError(gettext("Leave dates out: a name or a code is enough."))


def open_classes(school: School) -> Any:
    return school.classrooms.open().select_related("year")


class ClassLabel:
    """“3B · 2026/27”: names come back every year."""

    def label_from_instance(self, classroom: Classroom) -> str:
        return f"{classroom.name} · {classroom.year}"


class ClassField(ClassLabel, forms.ModelChoiceField):
    pass


class ClassesField(ClassLabel, forms.ModelMultipleChoiceField):
    pass


class WithDoubts(forms.Form):
    """A form that asks once more about names that may say too much, or that a class has twice."""

    sure = forms.BooleanField(label=_("Save it like this"), required=False)
    doubts: list[str]

    def doubt(self, names: list[str], classrooms: Any, but: Student | None = None) -> None:
        """Refuse, in words that are no error, unless the person has said to be sure."""
        self.doubts = []
        full = [name for name in names if looks_like_full_name(name)]
        if full:
            self.doubts.append(
                gettext("This looks like a full name: %(names)s.") % {"names": ", ".join(full[:10])}
                + " "
                + gettext("First name and initial, or a code, is enough.")
            )
        for name, classroom in clashes_in(classrooms, names, but)[:10]:
            self.doubts.append(
                gettext("Two students of %(classroom)s would be called %(name)s.")
                % {"classroom": classroom.name, "name": name}
            )

    @property
    def asks(self) -> bool:
        return bool(getattr(self, "doubts", [])) and not self.cleaned_data.get("sure")


class AddStudentsForm(WithDoubts):
    """One student, or many: one name a line."""

    code = forms.UUIDField(widget=forms.HiddenInput)
    names = forms.CharField(
        label=_("Names, one a line"),
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        max_length=LINES_AT_MOST * (NAME_AT_MOST + 2),
        help_text=_("First name and initial, or a code, is enough. For example: Amara B."),
    )
    number = forms.CharField(
        label=_("School number"),
        max_length=NUMBER_AT_MOST,
        required=False,
        help_text=_("For one student only. Families never see it."),
    )
    classrooms = ClassesField(
        Classroom.objects.none(),
        label=_("Classes"),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("One of these classes is not open any more.")},
    )

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("code", uuid4())
        self.school = school
        classes = self.fields["classrooms"]
        assert isinstance(classes, ClassesField)
        classes.queryset = open_classes(school)

    def clean_names(self) -> list[str]:
        lines = [" ".join(line.split()) for line in self.cleaned_data["names"].splitlines()]
        names = [line for line in lines if line]
        if len(names) > LINES_AT_MOST:
            raise forms.ValidationError(
                gettext("At most %(count)d names at once.") % {"count": LINES_AT_MOST}
            )
        for name in names:
            refuse_date(name)
        if long := next((name for name in names if len(name) > NAME_AT_MOST), None):
            raise forms.ValidationError(
                gettext("This line is longer than a name: %(line)s…") % {"line": long[:30]}
            )
        return names

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        names = cleaned.get("names") or []
        if cleaned.get("number") and len(names) > 1:
            self.add_error("number", gettext("A school number is for one student only."))
        if not self.errors:
            self.doubt(names, cleaned["classrooms"])
        return cleaned


class StudentForm(WithDoubts, forms.ModelForm):
    class Meta:
        model = Student
        fields = ["display_name", "number", "grade_band"]
        help_texts = {
            "display_name": _("First name and initial, or a code, is enough."),
            "number": _("Families never see it, and no training uses it."),
            "grade_band": _("For comparisons of works by children of about the same age."),
        }
        widgets = {
            "display_name": forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
            "number": forms.TextInput(attrs={"autocomplete": "off"}),
        }

    def clean_display_name(self) -> str:
        name = " ".join(self.cleaned_data["display_name"].split())
        refuse_date(name)
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and "display_name" in self.changed_data:
            classes = Classroom.objects.open().filter(
                enrollments__student=self.instance, enrollments__left_on=None
            )
            self.doubt([cleaned["display_name"]], classes, but=self.instance)
        return cleaned


class PutForm(forms.Form):
    """Into which classes, one student or several."""

    classrooms = ClassesField(
        Classroom.objects.none(),
        label=_("Classes"),
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose a class."),
            "invalid_choice": _("That class is not open any more."),
        },
    )

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = self.fields["classrooms"]
        assert isinstance(classes, ClassesField)
        classes.queryset = open_classes(school)


class PutSeveralForm(forms.Form):
    """Several students of a list into one class."""

    students = forms.ModelMultipleChoiceField(
        Student.objects.none(),
        to_field_name="code",
        error_messages={
            "required": _("Choose the students first."),
            "invalid_choice": _("One of these students is not here any more."),
        },
    )
    classroom = ClassField(
        Classroom.objects.none(),
        label=_("Class"),
        to_field_name="code",
        error_messages={
            "required": _("Choose a class."),
            "invalid_choice": _("That class is not open any more."),
        },
    )

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        students, classroom = self.fields["students"], self.fields["classroom"]
        assert isinstance(students, forms.ModelMultipleChoiceField)
        assert isinstance(classroom, ClassField)
        students.queryset = school.students.here()
        classroom.queryset = open_classes(school)


class MoveForm(forms.Form):
    """From one class to another; to none: the student leaves the class."""

    old = ClassField(Classroom.objects.none(), to_field_name="code")
    new = ClassField(
        Classroom.objects.none(),
        label=_("To"),
        to_field_name="code",
        required=False,
        error_messages={"invalid_choice": _("That class is not open any more.")},
    )

    def __init__(self, *args: Any, student: Student, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        old, new = self.fields["old"], self.fields["new"]
        assert isinstance(old, ClassField) and isinstance(new, ClassField)
        classes = open_classes(student.school)
        old.queryset = classes.filter(enrollments__student=student)
        new.queryset = classes


class LeaveForm(forms.Form):
    day = forms.DateField(label=_("Last day at school"), widget=date_input())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["day"].initial = localdate

    def clean_day(self) -> Any:
        day = self.cleaned_data["day"]
        if day > localdate():
            raise forms.ValidationError(gettext("This day has not come yet. Note it when it has."))
        return day


class StudentSearchForm(forms.Form):
    """Of a list of students: whom to show. What makes no sense is as if it were not said."""

    q = forms.CharField(label=_("Name or number"), max_length=60, required=False)
    classroom = ClassField(
        Classroom.objects.none(), label=_("Class"), to_field_name="code", required=False,
        empty_label=_("all classes"),
    )  # fmt: skip
    show = forms.ChoiceField(
        label=_("Show"),
        choices=[
            ("", _("everybody at school")),
            ("none", _("those in no class")),
            ("left", _("those who have left")),
        ],
        required=False,
    )

    def __init__(self, *args: Any, school: School, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classroom = self.fields["classroom"]
        assert isinstance(classroom, ClassField)
        classroom.queryset = open_classes(school)

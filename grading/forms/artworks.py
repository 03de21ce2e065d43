from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Max, Q
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from grading.models import Artwork, Assignment, Classroom, RubricVersion, Student


class AssignmentForm(forms.ModelForm):
    """A new assignment of one class. The rubric is asked for only where there is a choice."""

    class Meta:
        model = Assignment
        fields = ["title", "task", "medium", "made_on", "rubric_version"]
        widgets = {
            "task": forms.Textarea(attrs={"rows": 3}),
            "made_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        labels = {"rubric_version": _("rubric")}
        help_texts = {
            "title": _("For example: Our street in spring"),
            "task": _("One sentence is enough. The feedback refers to it."),
            "medium": _("For example: crayon, poster paint, pen"),
        }

    def __init__(self, *args: Any, classroom: Classroom, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.classroom = classroom
        self.fields["made_on"].initial = localdate
        rubric = self.fields["rubric_version"]
        assert isinstance(rubric, forms.ModelChoiceField)
        rubric.queryset = newest_rubric_versions(classroom)
        rubric.empty_label = None
        rubric.initial = rubric.queryset.filter(rubric__slug="kidsart").first()
        if rubric.queryset.count() < 2:
            del self.fields["rubric_version"]
            self.instance.rubric_version = rubric.queryset.get()


def newest_rubric_versions(classroom: Classroom) -> Any:
    """The newest version of every rubric that this class may use."""
    usable = RubricVersion.objects.filter(
        Q(rubric__school=None) | Q(rubric__school=classroom.school_id)
    )
    newest = usable.values("rubric").annotate(newest=Max("number")).values("rubric", "newest")
    chosen = Q(pk=None)
    for row in newest:
        chosen |= Q(rubric=row["rubric"], number=row["newest"])
    return usable.filter(chosen).select_related("rubric").order_by("rubric__name")


class StudentForm(forms.Form):
    """Whose picture it is; empty: nobody's yet."""

    student = forms.ModelChoiceField(
        queryset=Student.objects.none(), to_field_name="code", required=False
    )

    def __init__(self, *args: Any, assignment: Assignment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        student = self.fields["student"]
        assert isinstance(student, forms.ModelChoiceField)
        student.queryset = assignment.classroom.students_now()


class MatchForm(StudentForm):
    """One picture of the assignment, and whose it is."""

    artwork = forms.ModelChoiceField(
        queryset=Artwork.objects.none(),
        to_field_name="code",
        error_messages={
            "required": _("Choose a picture first, then the student."),
            "invalid_choice": _("That picture is no longer here."),
        },
    )

    def __init__(self, *args: Any, assignment: Assignment, **kwargs: Any) -> None:
        super().__init__(*args, assignment=assignment, **kwargs)
        artwork = self.fields["artwork"]
        assert isinstance(artwork, forms.ModelChoiceField)
        artwork.queryset = assignment.artworks.kept()

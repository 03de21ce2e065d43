"""No form takes an object from outside of what its page is about: every choice field is walked."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import uuid
from collections.abc import Iterator
from datetime import date

import pytest
from django import forms

import grading.forms
from grading.intake.rosters import guess
from grading.models import (
    Artwork,
    Assignment,
    Classroom,
    Enrollment,
    Rubric,
    RubricVersion,
    SchoolYear,
    Student,
)
from grading.services.rosters import read_upload

# Parameters that a form may ask for which no object of a school is chosen by.
PLAIN = {"years": (), "gains": None, "dimensions": (), "language": "en"}


def form_classes() -> list[type[forms.BaseForm]]:
    found = []
    for module in pkgutil.iter_modules(grading.forms.__path__):
        loaded = importlib.import_module(f"grading.forms.{module.name}")
        for _name, one in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(one, forms.BaseForm) and one.__module__ == loaded.__name__:
                found.append(one)
    return found


@pytest.fixture
def scope(school, year, classroom, assignment, alice, student, rubric_version, make_artwork):
    """What forms are made for, by the name of the parameter."""
    make_artwork(student)
    upload = read_upload(b"First,Last,Class\nDev,Patel,3B\n", "list.csv", school)
    return PLAIN | {
        "school": school, "year": year, "classroom": classroom, "assignment": assignment,
        "user": alice, "by": alice, "student": student, "request": None,
        "dimension": rubric_version.dimensions.first(),
        "students": classroom.students_now(), "old": year, "email": "new@example.org",
        "upload": upload, "said": guess(upload.table),
    }  # fmt: skip


@pytest.fixture
def foreign(bob, rubric_version):
    """One object of each kind, of Bob's school."""
    school = bob.memberships.get().school
    year = SchoolYear.objects.create(
        school=school, name="2026/27", starts_on=date(2026, 8, 1), ends_on=date(2027, 7, 31)
    )
    classroom = Classroom.objects.create(school=school, year=year, name="1A")
    student = Student.objects.create(school=school, display_name="Zelda Z.")
    Enrollment.objects.create(classroom=classroom, student=student)
    rubric = Rubric.objects.create(slug="theirs", name="Theirs", school=school)
    version = RubricVersion.objects.create(rubric=rubric, number=1)
    work = Assignment.objects.create(
        classroom=classroom, rubric_version=rubric_version, title="T", made_on=date(2026, 9, 1)
    )
    artwork = Artwork.objects.create(
        assignment=work, student=student, original_name="z.jpg", media_type="image/jpeg",
        size_bytes=1, content_sha256="z", uploaded_by=bob,
    )  # fmt: skip
    return [school, year, classroom, student, version, work, artwork, bob]


def made(form_class: type[forms.BaseForm], scope: dict, data=None) -> forms.BaseForm:
    kwargs = {}
    for name, parameter in inspect.signature(form_class.__init__).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            assert name in scope or parameter.default is not parameter.empty, (
                f"teach this test what {form_class.__name__} is made for: {name}"
            )
            if name in scope:
                kwargs[name] = scope[name]
    if getattr(getattr(form_class, "_meta", None), "model", None) is Classroom:
        kwargs["instance"] = scope["classroom"]
    return form_class(data, **kwargs) if data is not None else form_class(**kwargs)


def choice_fields(form: forms.BaseForm) -> Iterator[tuple[str, forms.ModelChoiceField]]:
    for name, one in form.fields.items():
        if isinstance(one, forms.ModelChoiceField):
            yield name, one


def chosen_by_objects(form_class: type[forms.BaseForm]) -> bool:
    source = inspect.getsource(form_class)
    return "ModelChoiceField" in source or any(
        isinstance(one, forms.ModelChoiceField) for one in form_class.base_fields.values()
    )


def test_an_object_of_another_school_is_no_choice_and_is_refused(scope, foreign):
    walked = []
    for form_class in filter(chosen_by_objects, form_classes()):
        empty = made(form_class, scope)
        for name, one in choice_fields(empty):
            strangers = [obj for obj in foreign if isinstance(obj, one.queryset.model)]
            assert strangers, f"teach this test about {one.queryset.model.__name__}"
            key = one.to_field_name or "pk"
            for stranger in strangers:
                assert not one.queryset.filter(pk=stranger.pk).exists(), (form_class, name)
                sent = made(form_class, scope, {name: str(getattr(stranger, key))})
                assert name in sent.errors, (form_class, name)
            unknown = made(form_class, scope, {name: str(uuid.uuid4()) if key == "code" else "0"})
            assert name in unknown.errors
            walked.append((form_class.__name__, name))
    assert ("MatchForm", "artwork") in walked
    assert ("TrailForm", "person") in walked


def test_no_choice_is_named_by_a_number(scope):
    """But rubrics, which are the same for everybody or the school's own."""
    numbered = [
        (form_class.__name__, name)
        for form_class in filter(chosen_by_objects, form_classes())
        for name, one in choice_fields(made(form_class, scope))
        if one.to_field_name != "code" and one.queryset.model is not RubricVersion
    ]
    assert numbered == []


def test_a_rubric_of_another_school_is_no_choice(scope, foreign, school, rubric_version):
    from grading.forms.artworks import AssignmentForm

    ours = Rubric.objects.create(slug="ours", name="Ours", school=school)
    RubricVersion.objects.create(rubric=ours, number=1)
    offered = AssignmentForm(classroom=scope["classroom"]).fields["rubric_version"].queryset
    assert {version.rubric.slug for version in offered} == {"kidsart", "ours"}

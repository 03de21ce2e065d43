"""The practice set: one picture at a time, blind, then beside the agreed levels."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from grading.forms.practice import ExampleForm
from grading.models import ExamplePicture, RubricDimension
from grading.services.practice import (
    BIAS_FROM,
    Example,
    PracticeSet,
    answer_example,
    practice_sets,
)
from grading.views.artworks import send_file
from grading.views.requests import SignedInRequest


@dataclass(frozen=True)
class Choice:
    """One dimension of the form."""

    dimension: RubricDimension
    chosen: str  # what was sent, where the form comes back

    @property
    def levels(self) -> list[tuple[int, str, bool]]:
        words = self.dimension.level_words.all()
        return [(w.level, w.words, str(w.level) == self.chosen) for w in words]


@login_required
@require_GET
def practice(request: SignedInRequest) -> HttpResponse:
    context = {"sets": practice_sets(request.user), "bias_from": BIAS_FROM}
    return render(request, "grading/practice.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def example(request: SignedInRequest, code: UUID) -> HttpResponse:
    picture = get_object_or_404(ExamplePicture.objects.for_user(request.user), code=code)
    dimensions = picture.rubric_version.dimensions.select_related("version").prefetch_related(
        "level_words"
    )
    form = ExampleForm(request.POST or None, dimensions=dimensions)
    if request.method == "POST" and form.is_valid():
        answer_example(picture, form.levels, request.user)
        return redirect("grading:practice-example", picture.code)
    practice_set, found = _place(practice_sets(request.user), picture)
    asking = request.method == "POST" or not found.answered or "again" in request.GET
    context = {
        "set": practice_set,
        "example": found,
        "next": _after(practice_set, found),
        "asking": asking,
        "form": form,
        "choices": [Choice(d, form.data.get(d.slug, "")) for d in form.dimensions],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "grading/practice_example.html", context, status=status)


def _place(sets: list[PracticeSet], picture: ExamplePicture) -> tuple[PracticeSet, Example]:
    return next(
        (one, example) for one in sets for example in one.examples if example.picture == picture
    )


def _after(practice_set: PracticeSet, example: Example) -> Example | None:
    """The next one that is open, seen from here; else none: the summary follows."""
    at = example.number
    others = practice_set.examples[at:] + practice_set.examples[: at - 1]
    return next((other for other in others if not other.answered), None)


@login_required
@require_GET
def example_picture(request: SignedInRequest, code: UUID) -> HttpResponseBase:
    picture = get_object_or_404(ExamplePicture.objects.for_user(request.user), code=code)
    response = send_file(picture.display)
    response["Content-Disposition"] = "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=86400"
    return response

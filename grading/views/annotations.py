"""The picture page: look, change, confirm, next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from grading.charts import Axis, Layer, RadarContext, radar
from grading.forms.annotations import WORDS_AT_MOST, LevelForm, ReviewForm, WordsForm
from grading.models import Artwork, AuditEvent, Length, RubricDimension, Tone, User
from grading.services.annotations import (
    UNSEEN,
    CannotConfirm,
    LevelChanged,
    Words,
    WordsChanged,
    confirm_review,
    finish_blind_look,
    is_hidden,
    save_levels,
    set_level,
    set_words,
)
from grading.services.audit import record, record_artwork_view
from grading.services.board import demo_in_use
from grading.services.review import PicturePage, for_picture_page, picture_page
from grading.services.words import bank_of, reading_of
from grading.views.requests import SignedInRequest
from ml.feedback import Finding, lint

# One key selects a row, one sets its level. Left out: the keys the page has another use for.
ROW_KEYS = "abcdeghilmnopqstuv"


@login_required
@require_http_methods(["GET", "POST"])
def review(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The page; a POST saves everything on it, for browsers without JavaScript."""
    artwork = the_artwork(request, code)
    if request.method == "POST":
        if refusal := save_page(request, artwork):
            return refusal
        messages.success(request, _("Saved."))
        return redirect("grading:review", artwork.code)
    if request.htmx:
        return _still_waiting(request, artwork)
    record(request.user, AuditEvent.Verb.VIEWED, artwork, artwork.assignment.classroom.school)
    return _page(request, artwork)


@login_required
@require_POST
def level(request: SignedInRequest, code: UUID, dimension: str) -> HttpResponse:
    artwork = to_change(request, code)
    chosen = _dimension(artwork, dimension)
    form = LevelForm(request.POST, dimension=chosen)
    if not form.is_valid():
        return HttpResponseBadRequest()
    if "strength" in request.POST and (refusal := save_page(request, artwork)):
        return refusal
    try:
        set_level(artwork, chosen, by=request.user, **form.cleaned_data)
    except LevelChanged:
        return _level_clash(request, artwork, chosen)
    if not request.htmx:
        return redirect("grading:review", code)
    context = _row_context(request, code, chosen)
    return render(request, "grading/_level_saved.html", context)


def _level_clash(
    request: SignedInRequest, artwork: Artwork, dimension: RubricDimension
) -> HttpResponse:
    """The row as it is by now, and that it was somebody else; choosing again sets it."""
    problem = somebody_changed([dimension])
    if not request.htmx:
        return _page(request, the_artwork(request, artwork.code), [problem], status=409)
    context = _row_context(request, artwork.code, dimension) | {"problem": problem, "current": ""}
    response = render(request, "grading/_level_clash.html", context, status=409)
    response["HX-Retarget"], response["HX-Reswap"] = f"#row-{dimension.slug}", "outerHTML"
    return response


def _row_context(
    request: SignedInRequest, code: UUID, dimension: RubricDimension
) -> dict[str, Any]:
    context = _context(request, picture_page(the_artwork(request, code)))
    row, key = next(pair for pair in context["rows"] if pair[0].dimension == dimension)
    return context | {"row": row, "key": key}


@login_required
@require_POST
def words(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = to_change(request, code)
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _page(request, artwork, [_too_long()], form, status=422)
    clash = _save_words(request, artwork, form)
    if not request.htmx:
        if clash:
            return _page(request, artwork, [somebody_wrote(clash)], form, status=409)
        return redirect("grading:review", code)
    context = _context(request, picture_page(the_artwork(request, code))) | {"saved": clash is None}
    if clash:
        context |= {"clash": clash, "problem": somebody_wrote(clash)}
    status = 409 if clash else 200
    return render(request, "grading/_words_saved.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def confirm(request: SignedInRequest, code: UUID) -> HttpResponse:
    """Save what is on the page, confirm it, and open the next picture that waits."""
    artwork = to_change(request, code)
    if request.method == "GET":  # somebody signed in again on the way here
        return redirect("grading:review", code)
    form = _review_form(request, artwork)
    if refusal := _refusal(request, artwork, form) or _save(request, artwork, form):
        return refusal
    seen = form.cleaned_data["scores_seen"] or None
    try:
        if hidden := is_hidden(artwork):
            finish_blind_look(artwork, request.user)
        if hidden or seen == UNSEEN:  # sent twice, or somebody else was first: nothing was seen yet
            return _show(request, artwork, _now_shown(artwork))
        if refusal := _unfit_words(request, artwork, form):
            return refusal
        confirm_review(artwork, request.user, seen)
    except CannotConfirm as error:
        return _page(request, artwork, [str(error)], form, status=422)
    return _open_next(request, picture_page(the_artwork(request, code)))


def to_change(request: SignedInRequest, code: UUID) -> Artwork:
    """Enough of it to save something; ``the_artwork`` comes with all that the page shows."""
    artworks = Artwork.objects.for_user(request.user).select_related(
        "student", "assignment__classroom__school", "assignment__rubric_version"
    )
    return get_object_or_404(artworks, code=code)


def the_artwork(request: SignedInRequest, code: UUID) -> Artwork:
    artwork = for_picture_page(Artwork.objects.for_user(request.user)).filter(code=code).first()
    if artwork is None:
        raise Http404
    return artwork


def _dimension(artwork: Artwork, slug: str) -> RubricDimension:
    dimensions = artwork.assignment.rubric_version.dimensions.select_related("version")
    return get_object_or_404(dimensions, slug=slug)


def _review_form(request: SignedInRequest, artwork: Artwork) -> ReviewForm:
    dimensions = artwork.assignment.rubric_version.dimensions.select_related("version")
    return ReviewForm(request.POST, dimensions=dimensions)


# -------------------------------------------------------------------------------- saving a page
def save_page(request: SignedInRequest, artwork: Artwork) -> HttpResponse | None:
    """Save everything that a page without a script has sent with any of its buttons."""
    form = _review_form(request, artwork)
    return _refusal(request, artwork, form) or _save(request, artwork, form)


def _refusal(request: SignedInRequest, artwork: Artwork, form: ReviewForm) -> HttpResponse | None:
    if form.is_valid():
        return None
    if not form.only_words_are_wrong:
        return HttpResponseBadRequest()
    return _page(request, artwork, [_too_long()], form, status=422)


def _save(request: SignedInRequest, artwork: Artwork, form: ReviewForm) -> HttpResponse | None:
    """Save what was changed; the page again where a person has to look before going on."""
    others = save_levels(artwork, form.changes(), request.user)
    clash = _save_words(request, artwork, form)
    problems = []
    if others:
        problems.append(somebody_changed(others))
    if clash:
        problems.append(somebody_wrote(clash))
    return _page(request, artwork, problems, form, status=409) if problems else None


def _save_words(request: SignedInRequest, artwork: Artwork, form: WordsForm) -> WordsChanged | None:
    data = form.cleaned_data
    begun_with = data["words_before"] or None
    try:
        set_words(artwork, data["strength"], data["next_step"], request.user, begun_with)
    except WordsChanged as clash:
        return clash
    return None


def _unfit_words(
    request: SignedInRequest, artwork: Artwork, form: ReviewForm
) -> HttpResponse | None:
    """Words about the child instead of the picture are refused, until a person insists on them."""
    words = Words(form.cleaned_data["strength"], form.cleaned_data["next_step"])
    if request.POST.get("words_kept") == words.mark or not _findings(artwork, words):
        return None
    problem = _(
        "Some of these words are about the child, not about the picture; the reasons stand below "
        "them. Change them, or confirm once more to keep them."
    )
    return _page(request, artwork, [problem], form, status=422)


def _too_long() -> str:
    return _("These words are too long; %(count)d characters fit. They are not saved.") % {
        "count": WORDS_AT_MOST
    }


def somebody_changed(dimensions: Sequence[RubricDimension]) -> str:
    names = ", ".join(dimension.shown_name for dimension in dimensions)
    return _("Somebody else changed this meanwhile: %(names)s. Please look once more.") % {
        "names": names
    }


def somebody_wrote(clash: WordsChanged) -> str:
    """Both versions stay: theirs is in this sentence, and the fields hold the person's own."""
    return _(
        "%(name)s saved other words while you were writing: “%(words)s” "
        "Your own are still in the fields; change them or save once more to keep them."
    ) % {
        "name": clash.by or _("Somebody"),
        "words": " ".join(filter(None, (clash.words.strength, clash.words.next_step))),
    }


def _now_shown(artwork: Artwork) -> str:
    if artwork.assignment.classroom.school.scoring_on:
        return _("These are the levels of the model, beside yours.")
    return _("Your school has switched the model off meanwhile. Your levels are saved.")


def _show(request: SignedInRequest, artwork: Artwork, words: str) -> HttpResponse:
    """The page of this picture once more, from the beginning."""
    messages.success(request, words)
    url = reverse("grading:review", args=[artwork.code])
    return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else redirect(url)


def _open_next(request: SignedInRequest, page: PicturePage) -> HttpResponse:
    name = page.artwork.student or page.artwork.original_name
    following = page.next_to_review
    if following:
        messages.success(request, _("%(name)s is confirmed.") % {"name": name})
        url = reverse("grading:review", args=[following.code])
    else:
        words = _("%(name)s is confirmed. No other draft waits for you here.")
        messages.success(request, words % {"name": name})
        url = reverse("grading:board", args=[page.artwork.assignment.code])
    if not request.htmx:
        return redirect(url)
    return HttpResponse(headers={"HX-Redirect": url})


# ------------------------------------------------------------------------------------- the page
def _page(
    request: SignedInRequest,
    artwork: Artwork,
    problems: Sequence[str] = (),
    form: WordsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """``form`` keeps the words that were typed and could not be saved."""
    page = picture_page(the_artwork(request, artwork.code) if form else artwork)
    context = _context(request, page) | {"problems": problems}
    if form:
        typed = Words(form.data.get("strength", ""), form.data.get("next_step", ""))
        context |= {"words": typed, "findings": _findings(artwork, typed), "words_kept": typed.mark}
    template = "grading/_review.html" if request.htmx else "grading/review.html"
    return render(request, template, context, status=status)


def _still_waiting(request: SignedInRequest, artwork: Artwork) -> HttpResponse:
    """What the page asks for while the model is at work; the whole page again once it is done."""
    page = picture_page(artwork)
    if not page.under_way:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "grading/_review_waiting.html", _context(request, page))


def page_context(request: SignedInRequest, artwork: Artwork) -> dict[str, Any]:
    return _context(request, picture_page(artwork))


def _context(request: SignedInRequest, page: PicturePage) -> dict[str, Any]:
    if request.htmx or request.method == "POST":  # a part of the page, or the page once more
        record_artwork_view(request.user, page.artwork)
    wanting = page.to_check + page.missing
    school = page.artwork.assignment.classroom.school
    return {
        "school": school,
        "page": page,
        "artwork": page.artwork,
        "assignment": page.artwork.assignment,
        "rows": list(zip_longest(page.rows, ROW_KEYS[: len(page.rows)], fillvalue="")),
        "current": (wanting or page.rows)[0].dimension.slug,
        "radar": _radar(page),
        "words": page.words,
        "findings": _findings(page.artwork, page.words),
        "words_at_most": WORDS_AT_MOST,
        "reading": reading_of(page.words, page.artwork.assignment.classroom.grade),
        "show_bank": "comments" in request.GET,
        "bank": SimpleLazyObject(lambda: bank_of(request.user, [r.dimension for r in page.rows])),
        "tones": Tone.choices,
        "lengths": Length.choices,
        "manner": _manner(request.user),
        "demo_model": page.demo or (page.hidden and demo_in_use(school)),
    }


def _manner(user: User) -> dict[str, str]:
    """How the last draft that this person asked for should sound."""
    chosen = {"tone": Tone.WARM.value, "length": Length.USUAL.value}
    return chosen | {key: user.preferences[key] for key in chosen if key in user.preferences}


def _findings(artwork: Artwork, words: Words) -> list[Finding]:
    """What should be said in another way."""
    student = artwork.student
    names = [student.display_name, student.display_name.split()[0]] if student else []
    return list(dict.fromkeys(lint(f"{words.strength}\n{words.next_step}", names)))


def _radar(page: PicturePage) -> RadarContext | None:
    """None for a rubric with too few dimensions to draw one."""
    if len(page.rows) < 3:
        return None
    average = page.class_average
    layers = []
    if any(row.mine is not None for row in page.rows):
        layers.append(Layer("mine", [row.mine for row in page.rows]))
    if page.score_set:
        layers.append(
            Layer(
                "model",
                [row.score.expected if row.score else None for row in page.rows],
                [row.interval for row in page.rows],
            )
        )
    if average:
        layers.append(Layer("average", [average.get(row.dimension.pk) for row in page.rows]))
    version = page.artwork.assignment.rubric_version
    return radar(
        [Axis(row.dimension.shown_name, row.dimension.slug) for row in page.rows],
        layers,
        version.first_level,
        version.last_level,
    )

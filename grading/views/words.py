"""Help with the words of a picture: other drafts, and the teacher's own comments.

Each answer draws the fields anew. What was typed and not saved yet is saved first, so that nothing
is lost; where somebody else has saved other words meanwhile, theirs and the typed ones both stay.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from grading.forms.annotations import WordsForm
from grading.forms.words import MannerForm
from grading.models import Artwork, BankComment, FeedbackDraft
from grading.services.annotations import Words, WordsChanged, is_hidden, set_words
from grading.services.words import (
    NothingToWriteAbout,
    WordsSwitchedOff,
    bank_of,
    keep_comment,
    with_comment,
    write_again,
)
from grading.views.annotations import (
    page_context,
    save_page,
    somebody_wrote,
    the_artwork,
    to_change,
)
from grading.views.requests import SignedInRequest


@login_required
@require_POST
def write_words_again(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = to_change(request, code)
    form = MannerForm(request.POST)
    if not form.is_valid():
        return _answer(request, code, _("Choose how the words should sound."))
    if refusal := _save(request, artwork, _typed(request)):
        return refusal
    request.user.preferences |= form.cleaned_data  # the next picture begins with the same choice
    request.user.save(update_fields=["preferences"])
    try:
        write_again(artwork, by=request.user, **form.cleaned_data)
    except NothingToWriteAbout:
        return _answer(request, code, _("There is no level yet to write about."))
    except WordsSwitchedOff:
        return _answer(request, code, _switched_off())
    return _answer(request, code, _("Here is another draft."))


@login_required
@require_POST
def take_draft(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The words of a draft in the place of what is written."""
    artwork = to_change(request, code)
    if is_hidden(artwork):
        raise Http404
    if not artwork.assignment.classroom.school.proposes_words:  # a page from before the switch
        return _save(request, artwork, _typed(request)) or _answer(request, code, _switched_off())
    drafts = FeedbackDraft.objects.filter(score_set__picture__artwork=artwork)
    key = request.POST.get("draft", "")
    draft = get_object_or_404(drafts, pk=key if key.isdecimal() and len(key) < 16 else 0)
    if refusal := _save(request, artwork, Words(draft.strength, draft.next_step)):
        return refusal
    return _answer(request, code, _("The draft's words are in the fields."))


@login_required
@require_GET
def comments(request: SignedInRequest, code: UUID) -> HttpResponse:
    """The teacher's own comments, asked for when they are opened."""
    artwork = to_change(request, code)
    dimensions = artwork.assignment.rubric_version.dimensions.all()
    context = {"artwork": artwork, "bank": bank_of(request.user, list(dimensions))}
    return render(request, "grading/_bank.html", context)


@login_required
@require_POST
def insert_comment(request: SignedInRequest, code: UUID) -> HttpResponse:
    """One of the teacher's own comments at the end of its field."""
    artwork = to_change(request, code)
    comment = _comment(request)
    if refusal := _save(request, artwork, with_comment(_typed(request), comment)):
        return refusal
    return _answer(request, code, _("The comment is in its field."))


@login_required
@require_POST
def keep_words(request: SignedInRequest, code: UUID) -> HttpResponse:
    """What is written (or marked) in one field becomes a comment of the teacher's own."""
    artwork = to_change(request, code)
    place = request.POST.get("keep", "")
    if place not in BankComment.Place.values:
        return _answer(request, code, _("Say which words to keep."))
    if refusal := _save(request, artwork, _typed(request)):
        return refusal
    text = request.POST.get("marked", "").strip() or request.POST.get(place, "")
    about = artwork.assignment.rubric_version.dimensions.filter(slug=request.POST.get("about"))
    if keep_comment(request.user, BankComment.Place(place), text, about.first()) is None:
        return _answer(request, code, _("There is nothing to keep, or your comments are full."))
    return _answer(request, code, _("Kept among your comments."))


@login_required
@require_POST
def forget_comment(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = to_change(request, code)
    comment = _comment(request)
    if refusal := _save(request, artwork, _typed(request)):
        return refusal
    comment.delete()
    return _answer(request, code, _("The comment is gone."))


def _switched_off() -> str:
    return _("Your school has switched off that words are proposed. Yours are saved.")


def _comment(request: SignedInRequest) -> BankComment:
    try:
        code = UUID(request.POST.get("comment", ""))
    except ValueError:
        code = UUID(int=0)
    return get_object_or_404(request.user.bank_comments, code=code)


def _typed(request: SignedInRequest) -> Words:
    return Words(request.POST.get("strength", ""), request.POST.get("next_step", ""))


def _save(request: SignedInRequest, artwork: Artwork, words: Words) -> HttpResponse | None:
    """None once the words are saved; else the fields as they were typed, and what is wrong.

    Without a script the button sent the whole page, which is saved first.
    """
    if "strength" not in request.POST:
        return None
    if not request.htmx and (refusal := save_page(request, artwork)):
        return refusal
    form = WordsForm(
        {**request.POST.dict(), "strength": words.strength, "next_step": words.next_step}
    )
    if not form.is_valid():
        return _answer(request, artwork.code, _("There is no room for so many words."), words, 422)
    data = form.cleaned_data
    begun_with = (data["words_before"] or None) if request.htmx else None
    try:
        set_words(artwork, data["strength"], data["next_step"], request.user, begun_with)
    except WordsChanged as clash:
        said = somebody_wrote(clash)
        return _answer(request, artwork.code, said, _typed(request), 409, clash)
    return None


def _answer(
    request: SignedInRequest,
    code: UUID,
    said: str,
    words: Words | None = None,
    status: int = 200,
    clash: WordsChanged | None = None,
) -> HttpResponse:
    if not request.htmx:
        messages.info(request, said)
        return redirect("grading:review", code)
    context = page_context(request, the_artwork(request, code))
    context |= {"said": said, "clash": clash, "show_bank": True}
    if words:
        context["words"] = words
    return render(request, "grading/_feedback_again.html", context, status=status)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from grading.intake.checks import RefusedUpload
from grading.models import Artwork, Assignment, AuditEvent, Review
from grading.services.artworks import (
    AlreadyUploaded,
    remove_artwork,
    replace_artwork,
    restore_artwork,
    upload_limits,
)
from grading.services.audit import record, record_view
from grading.services.board import Board, Tile, board_of, demo_in_use
from grading.services.health import machinery_health
from grading.services.scoring import try_again as do_again
from grading.views.requests import SignedInRequest

KEY, MARK = 8, 4  # characters of Tile.key and Tile.mark
LAST_REMOVED = 20
HEADER_LIMIT = 8000  # web servers refuse longer header lines; room for 666 tiles


@login_required
@require_GET
def board(request: SignedInRequest, code: UUID) -> HttpResponse:
    assignment = _assignment(request, code)
    record(request.user, AuditEvent.Verb.VIEWED, assignment, assignment.classroom.school)
    board = board_of(assignment)
    context = _board_context(board) | {
        "removed": _removed(assignment) if "removed" in request.GET else [],
        "limits": upload_limits(),
        "accepted": _accepted(request, assignment),
        # The scores may come while the page is open.
        "demo_model": board.demo or demo_in_use(assignment.classroom.school),
    }
    return render(request, "grading/board.html", context)


def _removed(assignment: Assignment) -> list[Artwork]:
    removed = assignment.artworks.exclude(removed_at=None).select_related("student")
    return list(removed.order_by("-removed_at")[:LAST_REMOVED])


def _accepted(request: SignedInRequest, assignment: Assignment) -> dict[str, Any] | None:
    """What was accepted together a moment ago, and can be taken back."""
    try:
        batch = UUID(request.GET.get("accepted", ""))
    except ValueError:
        return None
    reviews = Review.objects.standing().filter(batch=batch, artwork__assignment=assignment)
    count = reviews.count()
    return {"batch": batch, "count": count} if count else None


@login_required
@require_GET
def progress(request: SignedInRequest, code: UUID) -> HttpResponse:
    """What has changed since the page was last told, which it says in X-Have: hundreds of tiles
    would be too long for an address."""
    return _changes(request, _assignment(request, code))


@login_required
@require_POST
def try_again(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = _artwork(request, code)
    do_again(artwork, request.user)
    return _done(request, artwork.assignment, Notice(_("Trying it once more.")))


@login_required
@require_POST
def replace(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = _artwork(request, code)
    file = request.FILES.get("picture")
    if file is None:
        notice = Notice(_("Choose the file that shall take the place of this picture."), "error")
        return _done(request, artwork.assignment, notice)
    try:
        content = cast(BinaryIO, file)
        new = replace_artwork(artwork, content, file.name or "", file.size or 0, request.user)
    except RefusedUpload as refused:
        notice = Notice(str(refused.reason), "error")
    except AlreadyUploaded as already:
        notice = Notice(str(already), "error")
    else:
        words = _("“%(old)s” is replaced by “%(new)s”.")
        names = {"old": artwork.original_name, "new": new.original_name}
        notice = Notice(words % names, "success")
    return _done(request, artwork.assignment, notice)


@login_required
@require_POST
def remove(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = _artwork(request, code)
    remove_artwork(artwork, request.user)
    words = _("“%(name)s” is removed.") % {"name": artwork.original_name}
    return _done(request, artwork.assignment, Notice(words, undo=artwork))


@login_required
@require_POST
def restore(request: SignedInRequest, code: UUID) -> HttpResponse:
    artwork = get_object_or_404(
        Artwork.objects.filter(assignment__in=Assignment.objects.for_user(request.user))
        .exclude(removed_at=None)
        .select_related("assignment__classroom__school"),
        code=code,
    )
    try:
        restore_artwork(artwork, request.user)
    except AlreadyUploaded as already:
        return _done(request, artwork.assignment, Notice(str(already), "error"))
    words = _("“%(name)s” is back.") % {"name": artwork.original_name}
    return _done(request, artwork.assignment, Notice(words, "success"))


@dataclass(frozen=True)
class Notice:
    """One sentence about what was just done, and perhaps the way back."""

    words: str
    kind: str = "info"  # as of django.contrib.messages
    undo: Artwork | None = None


def _assignment(request: SignedInRequest, code: UUID) -> Assignment:
    removed = Artwork.objects.filter(assignment=OuterRef("pk")).exclude(removed_at=None)
    assignments = Assignment.objects.for_user(request.user).annotate(has_removed=Exists(removed))
    return get_object_or_404(
        assignments.select_related("classroom__school", "classroom__year", "rubric_version"),
        code=code,
    )


def _artwork(request: SignedInRequest, code: UUID) -> Artwork:
    artworks = Artwork.objects.for_user(request.user)
    return get_object_or_404(
        artworks.select_related(
            "student", "assignment__classroom__school", "assignment__rubric_version"
        ),
        code=code,
    )


def _board_context(board: Board) -> dict[str, Any]:
    health = machinery_health()
    have = "".join(tile.key + tile.mark for tile in board.tiles)
    live = board.under_way > 0 or not health.ok
    return {
        "board": board,
        "assignment": board.assignment,
        "health": health,
        "machinery": health.summary + "m" * board.without_model + "h" * board.by_hand,
        "polling": live and len(have) <= HEADER_LIMIT,
        "have": have,
        "demo_model": board.demo,
    }


def _done(request: SignedInRequest, assignment: Assignment, notice: Notice) -> HttpResponse:
    if request.htmx:
        return _changes(request, assignment, notice)
    messages.add_message(request, messages.DEFAULT_LEVELS[notice.kind.upper()], notice.words)
    return redirect("grading:board", assignment.code)


def _changes(
    request: SignedInRequest, assignment: Assignment, notice: Notice | None = None
) -> HttpResponse:
    record_view(request.user, assignment, assignment.classroom.school)
    board = board_of(assignment)
    context = _board_context(board)
    said = request.GET if request.method == "GET" else request.POST
    have = said.get("have") or request.headers.get("X-Have", "")
    if said.get("polling") and not board.under_way and notice is None:
        notice = _all_done(board)
    context |= {
        "notice": notice,
        "machinery_changed": said.get("machinery") != context["machinery"],
        **_tile_changes(have, board.tiles),
    }
    return render(request, "grading/_board_changes.html", context)


def _all_done(board: Board) -> Notice | None:
    if not board.to_review:
        return None
    words = _("All pictures are through. Drafts that wait for you: %(count)d.")
    if board.by_hand:
        words = _("All pictures are prepared. Those that wait for you: %(count)d.")
    return Notice(words % {"count": len(board.to_review)}, "success")


@dataclass(frozen=True)
class NewTile:
    tile: Tile
    after: str  # key of the tile it follows; empty at the beginning


def _tile_changes(have: str, tiles: list[Tile]) -> dict[str, Any]:
    """What the page must change so that it shows ``tiles``. Only that is sent, and what stays is
    left alone: nobody loses the focus, the place on the page, or a file already chosen."""
    pairs = [have[i : i + KEY + MARK] for i in range(0, len(have), KEY + MARK)]
    marks = {pair[:KEY]: pair[KEY:] for pair in pairs}
    changed, added = [], []
    after = ""
    for tile in tiles:
        if tile.key not in marks:
            added.append(NewTile(tile, after))
        elif tile.mark != marks[tile.key]:
            changed.append(tile)
        after = tile.key
    gone = [key for key in marks if key not in {t.key for t in tiles}]
    return {"changed_tiles": changed, "new_tiles": added, "gone_keys": gone}

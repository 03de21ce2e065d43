"""The contact sheet: one dimension across a class, so that standards stay even."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from grading.models import Assignment, DimensionScore, RubricDimension
from grading.services.annotations import level_mark
from grading.services.board import State, Tile, in_board_order, tiles_of


class Order(StrEnum):
    SCORE = "score"
    NAME = "name"
    RANDOM = "random"
    ANONYMOUS = "anonymous"  # random, and without names

    @property
    def label(self) -> str:
        return str(_LABELS[self])


_LABELS = {
    Order.SCORE: _("by score"),
    Order.NAME: _("by name"),
    Order.RANDOM: _("shuffled"),
    Order.ANONYMOUS: _("shuffled, without names"),
}


@dataclass(frozen=True)
class Card:
    """One picture with its level in the dimension."""

    tile: Tile
    level: int | None  # a person's, else the model's
    value: float | None  # what to sort by: a person's level, else the model's expectation
    proposed: bool  # nobody has decided
    unsure: bool
    name: str  # empty if the sheet is anonymous
    mark: str  # of what a person has said

    @property
    def code(self) -> UUID:
        return self.tile.artwork.code

    @property
    def confirmed(self) -> bool:
        return self.tile.state == State.CONFIRMED


@dataclass(frozen=True)
class Column:
    level: int | None  # None: no level yet
    words: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class Sheet:
    assignment: Assignment
    dimension: RubricDimension
    dimensions: Sequence[RubricDimension]
    order: Order
    columns: Sequence[Column]  # one for each level, and one for pictures without one

    @property
    def anonymous(self) -> bool:
        return self.order == Order.ANONYMOUS

    @property
    def count(self) -> int:
        return sum(len(column.cards) for column in self.columns)


def sheet_of(assignment: Assignment, dimension: RubricDimension, order: Order) -> Sheet:
    """A fixed number of queries, however large the class is."""
    tiles = [tile for tile in tiles_of(in_board_order(assignment.artworks.kept())) if tile.picture]
    unsure = _unsure(tiles, dimension)
    cards = [_card(tile, dimension, order, unsure) for tile in tiles]
    if order == Order.SCORE:
        cards.sort(key=lambda card: (card.value is None, card.value or 0.0))
    elif order in (Order.RANDOM, Order.ANONYMOUS):
        cards.sort(key=lambda card: _lot(card.code, dimension.slug))
    words = {w.level: w.shown_words for w in dimension.level_words.all()}
    version = assignment.rubric_version
    columns = [
        Column(level, words.get(level, ""), [card for card in cards if card.level == level])
        for level in version.levels
    ]
    if none := [card for card in cards if card.level is None]:
        columns.insert(0, Column(None, "", none))
    return Sheet(assignment, dimension, list(version.dimensions.all()), order, columns)


def _card(tile: Tile, dimension: RubricDimension, order: Order, unsure: set[int]) -> Card:
    value = tile.levels.get(dimension.slug)
    decided = dimension.slug in tile.decided
    first, last = dimension.version.first_level, dimension.version.last_level
    level = None if value is None else min(max(int(value + 0.5), first), last)
    name = "" if order == Order.ANONYMOUS else str(tile.artwork.student or "")
    unsure_here = not decided and not tile.hidden and tile.artwork.pk in unsure
    left_out = "left out" if decided and level is None else ""
    mark = level_mark(level if decided else None, left_out)
    return Card(tile, level, value, not decided, unsure_here, name, mark)


def _unsure(tiles: Sequence[Tile], dimension: RubricDimension) -> set[int]:
    found = DimensionScore.objects.filter(
        score_set__in=[tile.score_set_id for tile in tiles if tile.score_set_id],
        dimension=dimension,
        unsure=True,
    )
    return set(found.values_list("score_set__picture__artwork", flat=True))


def _lot(code: UUID, slug: str) -> bytes:
    """A place in the shuffle that stays while the page is used, and differs by dimension."""
    return hashlib.sha256(f"{slug} {code.hex}".encode()).digest()

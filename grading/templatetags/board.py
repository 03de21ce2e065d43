from __future__ import annotations

from django.template import Library
from django.utils.safestring import SafeString, mark_safe

from grading.charts import Kind, mini_radar
from grading.models import RubricVersion
from grading.services.board import State, Tile

register = Library()


@register.simple_tag
def tile_shape(tile: Tile, version: RubricVersion) -> SafeString:
    """The small radar of a tile; nothing while there is too little to make a shape of."""
    if sum(value is not None for value in tile.levels.values()) < 3:
        return mark_safe("")
    by_person = tile.state in (State.CONFIRMED, State.BY_HAND)
    kind: Kind = "mine" if by_person else "model"
    return mini_radar(list(tile.levels.values()), version.first_level, version.last_level, kind)

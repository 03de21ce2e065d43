"""The atlas that ``python -m ml atlas`` leaves beside a bundle: read with care, without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from grading.models import BaseModel

ATLAS = "atlas.json"
MAX_SIZE_BYTES = 1_000_000
Matrix = tuple[tuple[float | None, ...], ...]


class UnreadableAtlas(ValueError):
    """There is a file, and it is not an atlas."""


@dataclass(frozen=True)
class Atlas:
    """K adapters compared with each other; matrices are K x K."""

    slugs: tuple[str, ...]
    subspace: Matrix  # 0..1: overlap of what two adapters change
    states: Matrix  # -1..1: likeness of the last hidden states
    cross: Matrix | None  # -1..1: scores of the row's adapter against labels of the column
    pictures: int
    made_at: date | None
    reading: tuple[str, ...]


def atlas_path(base: BaseModel) -> Path:
    return base.folder.parent / ATLAS


def read_atlas(path: Path) -> Atlas | None:
    """None where none was made.

    Raises:
        UnreadableAtlas: it is there, but damaged or of another kind.
    """
    try:
        if path.stat().st_size > MAX_SIZE_BYTES:
            raise UnreadableAtlas("too large")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnreadableAtlas(str(error)) from error
    try:
        return _atlas(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableAtlas(f"not an atlas: {error!r}") from error


def _atlas(data: dict[str, Any]) -> Atlas:
    slugs = tuple(str(slug) for slug in data["slugs"])
    if len(slugs) < 2 or len(set(slugs)) != len(slugs):
        raise UnreadableAtlas("an atlas compares two adapters or more")
    cross = data.get("cross")
    return Atlas(
        slugs=slugs,
        subspace=_matrix(data["subspace"], len(slugs)),
        states=_matrix(data["states"], len(slugs)),
        cross=None if cross is None else _matrix(cross, len(slugs)),
        pictures=int(data.get("pictures") or 0),
        made_at=_day(data.get("made_at")),
        reading=tuple(str(sentence) for sentence in data.get("reading") or ()),
    )


def _matrix(rows: Sequence[Sequence[Any]], size: int) -> Matrix:
    matrix = tuple(tuple(_value(value) for value in row) for row in rows)
    if len(matrix) != size or any(len(row) != size for row in matrix):
        raise UnreadableAtlas(f"a matrix is not {size} by {size}")
    return matrix


def _value(value: Any) -> float | None:
    """None for what could not be computed; rounding past 1 is put right."""
    if value is None or math.isnan(value):
        return None
    if not abs(value) <= 1.001:
        raise UnreadableAtlas(f"{value} is not between -1 and 1")
    return max(-1.0, min(1.0, float(value)))


def _day(text: Any) -> date | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).date()

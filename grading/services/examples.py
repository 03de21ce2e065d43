"""The practice set's own examples: drawn by the program, with the generator's levels.

Only commands draw; the web process has no need of numpy.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from django.core.files.base import ContentFile
from django.db import transaction

from grading.models import ExampleLevel, ExamplePicture, RubricDimension, RubricVersion
from ml.drawing import CAUSES, draw
from ml.drawing.causes import Look, look

DRAWN_PX = 640
DRAWN = (  # subject of ml.drawing, title
    ("our street", "A street"),
    ("under water", "Under water"),
    ("my family", "A family"),
    ("night sky", "At night"),
    ("the garden", "A garden"),
    ("animals", "Animals"),
    ("a castle", "A castle"),
    ("by the sea", "By the sea"),
)

# What was put into the drawing, for each dimension; said to who has just compared.
WHY: dict[str, Callable[[Look], str]] = {
    "realism": lambda it: (
        f"Outlines tremble by {1000 * it.tremble:.0f} thousandths of the page's width; light and "
        f"shadow have {100 * it.shade:.0f} % of their strength."
    ),
    "deformation": lambda it: f"Shapes are bent by {100 * it.bend:.0f} % of what is possible.",
    "imagination": lambda it: f"Things that cannot be there: {it.visitors}.",
    "color_richness": lambda it: f"Colors in the palette: {it.hues}.",
    "color_contrast": lambda it: f"Colors have {100 * it.pressure:.0f} % of their full strength.",
    "line_combination": lambda it: f"Long lines that cross and loop: {it.strings}.",
    "line_texture": lambda it: (
        f"Fields filled with marks: {it.textured}, of {it.textures} kinds at most."
    ),
    "picture_organization": lambda it: (
        f"Everything has slid {100 * it.collapse:.0f} % of the way into one corner."
    ),
    "transformation": lambda it: f"Things that became something or somebody else: {it.remade}.",
}


def drawn_levels(version: RubricVersion, count: int) -> list[list[int]]:
    """Levels (count, 9) by chance, but each dimension goes through its whole scale."""
    rng = np.random.default_rng(11)
    scale = np.resize(version.levels, count)
    return np.stack([rng.permutation(scale) for _slug in CAUSES], axis=1).tolist()


def draw_examples(version: RubricVersion) -> int:
    """Draw and store what is missing of the program's own examples; returns how many.

    The levels are the generator's: each cause stands in the middle of its level.
    """
    dimensions = {d.slug: d for d in version.dimensions.all()}
    if set(dimensions) != set(CAUSES):
        return 0
    count = 0
    for position, levels in enumerate(drawn_levels(version, len(DRAWN))):
        subject, title = DRAWN[position]
        if ExamplePicture.objects.filter(
            rubric_version=version, school=None, position=position
        ).exists():
            continue
        steps = len(version.levels)
        causes = [(level - version.first_level + 0.5) / steps for level in levels]
        image = draw(1000 + position, subject, causes, DRAWN_PX)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        _store(version, position, title, buffer.getvalue(), levels, dimensions, look(causes))
        count += 1
    return count


@transaction.atomic
def _store(
    version: RubricVersion,
    position: int,
    title: str,
    content: bytes,
    levels: list[int],
    dimensions: Mapping[str, RubricDimension],
    meaning: Look,
) -> None:
    example = ExamplePicture.objects.create(
        rubric_version=version,
        title=title,
        position=position,
        display=ContentFile(content, name="display.jpg"),
        width=DRAWN_PX,
        height=DRAWN_PX,
    )
    ExampleLevel.objects.bulk_create(
        ExampleLevel(
            example=example, dimension=dimensions[slug], level=level, why=WHY[slug](meaning)
        )
        for slug, level in zip(CAUSES, levels, strict=True)
    )

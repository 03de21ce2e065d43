"""The practice set's own examples: drawn by the program, with the generator's levels.

Only commands draw; the web process has no need of numpy.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext_noop as _

from grading.models import ExampleLevel, ExamplePicture, RubricDimension, RubricVersion
from ml.drawing import CAUSES, draw
from ml.drawing.causes import Look, look

DRAWN_PX = 640
DRAWN = (  # subject of ml.drawing, title
    ("our street", _("A street")),
    ("under water", _("Under water")),
    ("my family", _("A family")),
    ("night sky", _("At night")),
    ("the garden", _("A garden")),
    ("animals", _("Animals")),
    ("a castle", _("A castle")),
    ("by the sea", _("By the sea")),
)

# What was put into the drawing, for each dimension; said to who has just compared.
WHY: dict[str, tuple[str, Callable[[Look], dict[str, int]]]] = {
    "realism": (
        _(
            "Outlines tremble by %(tremble)s thousandths of the page's width; light and shadow "
            "have %(shade)s %% of their strength."
        ),
        lambda it: {"tremble": round(1000 * it.tremble), "shade": round(100 * it.shade)},
    ),
    "deformation": (
        _("Shapes are bent by %(bend)s %% of what is possible."),
        lambda it: {"bend": round(100 * it.bend)},
    ),
    "imagination": (
        _("Things that cannot be there: %(visitors)s."),
        lambda it: {"visitors": it.visitors},
    ),
    "color_richness": (_("Colors in the palette: %(hues)s."), lambda it: {"hues": it.hues}),
    "color_contrast": (
        _("Colors have %(pressure)s %% of their full strength."),
        lambda it: {"pressure": round(100 * it.pressure)},
    ),
    "line_combination": (
        _("Long lines that cross and loop: %(strings)s."),
        lambda it: {"strings": it.strings},
    ),
    "line_texture": (
        _("Fields filled with marks: %(textured)s, of %(textures)s kinds at most."),
        lambda it: {"textured": it.textured, "textures": it.textures},
    ),
    "picture_organization": (
        _("Everything has slid %(collapse)s %% of the way into one corner."),
        lambda it: {"collapse": round(100 * it.collapse)},
    ),
    "transformation": (
        _("Things that became something or somebody else: %(remade)s."),
        lambda it: {"remade": it.remade},
    ),
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
            example=example,
            dimension=dimensions[slug],
            level=level,
            why=WHY[slug][0],
            why_values=WHY[slug][1](meaning),
        )
        for slug, level in zip(CAUSES, levels, strict=True)
    )

"""Rubrics: dimensions, what they mean, and the words of each level. Standard library only.

A rubric is data. The nine dimensions below are the default: their slugs, order and grouping are
those of KidsArtBench (arXiv 2512.12503); the definitions and level words are our own. The web app
seeds its first rubric from ``KIDSART`` and keeps every later one as rows; the engine takes any
``Rubric``, so nothing may assume nine dimensions or five levels.
"""

from __future__ import annotations

from dataclasses import dataclass

from ml.sentences import marked as _


@dataclass(frozen=True)
class Dimension:
    """One thing a teacher looks at.

    ``levels`` holds the words of each level, lowest first. They describe the picture, never the
    child, and say what is there rather than what is missing.
    """

    slug: str
    name: str
    group: str
    definition: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Rubric:
    slug: str
    name: str
    dimensions: tuple[Dimension, ...]
    first_level: int = 1

    def __post_init__(self) -> None:
        counts = {len(d.levels) for d in self.dimensions}
        if len(counts) != 1 or not 3 <= next(iter(counts)) <= 7:
            raise ValueError("every dimension of a rubric needs the same number of levels, 3 to 7")
        if len({d.slug for d in self.dimensions}) != len(self.dimensions):
            raise ValueError("two dimensions of a rubric share a slug")
        if self.first_level < 0 or self.last_level > 9:
            raise ValueError("levels are single digits, 0 to 9")

    @property
    def last_level(self) -> int:
        return self.first_level + len(self.dimensions[0].levels) - 1

    @property
    def level_numbers(self) -> tuple[int, ...]:
        return tuple(range(self.first_level, self.last_level + 1))

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(d.slug for d in self.dimensions)

    def __getitem__(self, slug: str) -> Dimension:
        return next(d for d in self.dimensions if d.slug == slug)


KIDSART = Rubric(
    slug="kidsart",
    name=_("KidsArt rubric"),
    dimensions=(
        Dimension(
            "realism",
            _("Realism"),
            "Formative creativity",
            _(
                "How closely shapes, proportions, light and space match what can be seen in the "
                "world."
            ),
            (
                _("Simple signs stand for things: a circle is a head, a triangle is a roof."),
                _("Things are recognizable; sizes and places are still free."),
                _("Main parts have fitting shapes and sizes; a few details were observed."),
                _(
                    "Proportions hold together, with observed details and some light, shadow or "
                    "overlap."
                ),
                _("Form, light and space are observed closely and look convincing throughout."),
            ),
        ),
        Dimension(
            "deformation",
            _("Deformation"),
            "Formative creativity",
            _("How far shapes are stretched, bent or exaggerated on purpose to say something."),
            (
                _("Shapes keep their usual form."),
                _("One shape is a little larger, longer or bent than usual."),
                _("Some shapes are clearly changed, and it can be guessed why."),
                _("Several exaggerated shapes carry the mood or the idea of the picture."),
                _("Bold changes of shape run through the whole picture and make its message."),
            ),
        ),
        Dimension(
            "imagination",
            _("Imagination"),
            "Formative creativity",
            _("How much of the idea is invented: unusual things, places or combinations."),
            (
                _("The picture shows an everyday scene as it is known."),
                _("An everyday scene holds one small surprise."),
                _("Real and invented things meet in the same picture."),
                _("An invented idea leads the picture, and several details belong to it."),
                _(
                    "A whole invented world, with ideas not seen elsewhere, is worked out in "
                    "detail."
                ),
            ),
        ),
        Dimension(
            "color_richness",
            _("Color richness"),
            "Color expressiveness",
            _("How many colors and shades are used, and how well they live together."),
            (
                _("One color, or hardly any, is used."),
                _("Two or three colors are used, each in its own place."),
                _("Several colors are used; some were chosen to go together."),
                _("Many colors and some mixed shades make a varied palette."),
                _("A wide palette of colors and shades is mixed, varied and held together."),
            ),
        ),
        Dimension(
            "color_contrast",
            _("Color contrast"),
            "Color expressiveness",
            _("How strongly light and dark, warm and cool, or opposite colors set each other off."),
            (
                _("Colors are close to each other or to the paper."),
                _("Some things stand out a little from what is around them."),
                _("Light and dark or warm and cool separate the main things."),
                _("Clear contrasts lead the eye to what matters."),
                _("Strong, planned contrasts give the whole picture its force."),
            ),
        ),
        Dimension(
            "line_combination",
            _("Line combination"),
            "Line work richness",
            _("How lines join, cross, loop and repeat to build forms and rhythm."),
            (
                _("Single lines stand alone."),
                _("Lines meet to close simple shapes."),
                _("Lines join and cross to build larger forms."),
                _("Many lines work together in patterns, loops or rhythms."),
                _("Lines weave through the whole page and bind it into one."),
            ),
        ),
        Dimension(
            "line_texture",
            _("Line texture"),
            "Line work richness",
            _(
                "How many kinds of marks are used, such as dots, waves and hatching, and how they "
                "show surfaces."
            ),
            (
                _("One kind of line is used everywhere."),
                _("A second kind of mark appears in one place."),
                _("Two or three kinds of marks show different surfaces."),
                _("Several kinds of marks are chosen to fit what they show."),
                _("A rich range of marks gives every surface a character of its own."),
            ),
        ),
        Dimension(
            "picture_organization",
            _("Picture organization"),
            "Conceptual thinking",
            _("How the page is used: placement, balance, and what is near and far."),
            (
                _("Things are placed where there was room."),
                _("Some things stand in a row or on a ground line."),
                _("Most of the page is used, and the main thing has its place."),
                _("The parts are balanced, and near and far can be told apart."),
                _("Every part has its place, and together they lead the eye through the page."),
            ),
        ),
        Dimension(
            "transformation",
            _("Transformation"),
            "Conceptual thinking",
            _("How familiar things are turned into something new, or made out of other things."),
            (
                _("Things are what they usually are."),
                _("One thing has a new feature, such as a face on the sun."),
                _("A few things are changed into something else or given a new use."),
                _("Several things are remade from other things, with one idea behind them."),
                _("The whole picture turns familiar things into something new and unexpected."),
            ),
        ),
    ),
)

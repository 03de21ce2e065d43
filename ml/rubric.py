"""Rubrics: dimensions, what they mean, and the words of each level. Standard library only.

A rubric is data. The nine dimensions below are the default: their slugs, order and grouping are
those of KidsArtBench (arXiv 2512.12503); the definitions and level words are our own. The web app
seeds its first rubric from ``KIDSART`` and keeps every later one as rows; the engine takes any
``Rubric``, so nothing may assume nine dimensions or five levels.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    name="KidsArt rubric",
    dimensions=(
        Dimension(
            "realism",
            "Realism",
            "Formative creativity",
            "How closely shapes, proportions, light and space match what can be seen in the world.",
            (
                "Simple signs stand for things: a circle is a head, a triangle is a roof.",
                "Things are recognizable; sizes and places are still free.",
                "Main parts have fitting shapes and sizes; a few details were observed.",
                "Proportions hold together, with observed details and some light, shadow or "
                "overlap.",
                "Form, light and space are observed closely and look convincing throughout.",
            ),
        ),
        Dimension(
            "deformation",
            "Deformation",
            "Formative creativity",
            "How far shapes are stretched, bent or exaggerated on purpose to say something.",
            (
                "Shapes keep their usual form.",
                "One shape is a little larger, longer or bent than usual.",
                "Some shapes are clearly changed, and it can be guessed why.",
                "Several exaggerated shapes carry the mood or the idea of the picture.",
                "Bold changes of shape run through the whole picture and make its message.",
            ),
        ),
        Dimension(
            "imagination",
            "Imagination",
            "Formative creativity",
            "How much of the idea is invented: unusual things, places or combinations.",
            (
                "The picture shows an everyday scene as it is known.",
                "An everyday scene holds one small surprise.",
                "Real and invented things meet in the same picture.",
                "An invented idea leads the picture, and several details belong to it.",
                "A whole invented world, with ideas not seen elsewhere, is worked out in detail.",
            ),
        ),
        Dimension(
            "color_richness",
            "Color richness",
            "Color expressiveness",
            "How many colors and shades are used, and how well they live together.",
            (
                "One color, or hardly any, is used.",
                "Two or three colors are used, each in its own place.",
                "Several colors are used; some were chosen to go together.",
                "Many colors and some mixed shades make a varied palette.",
                "A wide palette of colors and shades is mixed, varied and held together.",
            ),
        ),
        Dimension(
            "color_contrast",
            "Color contrast",
            "Color expressiveness",
            "How strongly light and dark, warm and cool, or opposite colors set each other off.",
            (
                "Colors are close to each other or to the paper.",
                "Some things stand out a little from what is around them.",
                "Light and dark or warm and cool separate the main things.",
                "Clear contrasts lead the eye to what matters.",
                "Strong, planned contrasts give the whole picture its force.",
            ),
        ),
        Dimension(
            "line_combination",
            "Line combination",
            "Line work richness",
            "How lines join, cross, loop and repeat to build forms and rhythm.",
            (
                "Single lines stand alone.",
                "Lines meet to close simple shapes.",
                "Lines join and cross to build larger forms.",
                "Many lines work together in patterns, loops or rhythms.",
                "Lines weave through the whole page and bind it into one.",
            ),
        ),
        Dimension(
            "line_texture",
            "Line texture",
            "Line work richness",
            "How many kinds of marks are used, such as dots, waves and hatching, and how they "
            "show surfaces.",
            (
                "One kind of line is used everywhere.",
                "A second kind of mark appears in one place.",
                "Two or three kinds of marks show different surfaces.",
                "Several kinds of marks are chosen to fit what they show.",
                "A rich range of marks gives every surface a character of its own.",
            ),
        ),
        Dimension(
            "picture_organization",
            "Picture organization",
            "Conceptual thinking",
            "How the page is used: placement, balance, and what is near and far.",
            (
                "Things are placed where there was room.",
                "Some things stand in a row or on a ground line.",
                "Most of the page is used, and the main thing has its place.",
                "The parts are balanced, and near and far can be told apart.",
                "Every part has its place, and together they lead the eye through the page.",
            ),
        ),
        Dimension(
            "transformation",
            "Transformation",
            "Conceptual thinking",
            "How familiar things are turned into something new, or made out of other things.",
            (
                "Things are what they usually are.",
                "One thing has a new feature, such as a face on the sun.",
                "A few things are changed into something else or given a new use.",
                "Several things are remade from other things, with one idea behind them.",
                "The whole picture turns familiar things into something new and unexpected.",
            ),
        ),
    ),
)

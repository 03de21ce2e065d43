"""The nine causes of a drawing, each in [0, 1], and the numbers each of them sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.rubric import KIDSART

CAUSES = KIDSART.slugs
LEVELS = len(KIDSART.level_numbers)


def between(table: Sequence[float], cause: float) -> float:
    """Piecewise linear: the first entry at cause 0, the last at cause 1."""
    return float(np.interp(cause, np.linspace(0, 1, len(table)), table))


def count(table: Sequence[float], cause: float) -> int:
    return round(between(table, cause))


@dataclass(frozen=True)
class Look:
    """What the nine causes mean on paper. Lengths are shares of the page's width."""

    tremble: float  # realism: how far an outline shakes
    miss: float  # realism: how far color lands beside its outline
    shade: float  # realism: strength of light, dark and cast shadows
    bend: float  # deformation: how far things bend and stretch
    head: float  # deformation: radius of the main figure's head
    arm: float  # deformation: length of its arms
    visitors: int  # imagination: things that cannot be there
    hues: int  # color richness
    hue_span: float
    pressure: float  # color contrast: 1 = full color, 0 = paper
    strings: int  # line combination: long lines that cross and loop
    textured: int  # line texture: fields filled with marks
    textures: int  # ... of how many kinds
    collapse: float  # picture organization: how far everything slid into one corner
    jitter: float
    tilt: float
    remade: int  # transformation: things that became something or somebody else


def look(causes: Sequence[float]) -> Look:
    """The steps between levels are wider where a small vision tower needs them to be."""
    u = dict(zip(CAUSES, causes, strict=True))
    return Look(
        tremble=between([0.016, 0.0115, 0.0072, 0.004, 0.0014], u["realism"]),
        miss=between([0.05, 0.034, 0.018, 0.005, 0], u["realism"]),
        shade=between([0, 0.06, 0.25, 0.6, 0.95], u["realism"]),
        bend=between([0, 0.22, 0.48, 0.75, 1], u["deformation"]),
        head=between([0.046, 0.07, 0.1, 0.135, 0.172], u["deformation"]),
        arm=between([0.08, 0.13, 0.2, 0.28, 0.36], u["deformation"]),
        visitors=count([0, 1.4, 2.9, 4.5, 6], u["imagination"]),
        hues=max(1, count([1, 2, 4, 6, 9], u["color_richness"])),
        hue_span=between([0, 0.14, 0.36, 0.64, 0.9], u["color_richness"]),
        pressure=between([0.3, 0.45, 0.62, 0.81, 1], u["color_contrast"]),
        strings=count([0, 2, 4.4, 7.6, 11], u["line_combination"]),
        textured=count([0, 1.6, 3, 4.6, 6], u["line_texture"]),
        textures=count([1, 1.4, 2.6, 4, 6], u["line_texture"]),
        collapse=between([0.6, 0.45, 0.29, 0.14, 0], u["picture_organization"]),
        jitter=between([0.1, 0.08, 0.05, 0.025, 0.006], u["picture_organization"]),
        tilt=between([0.55, 0.4, 0.22, 0.08, 0], u["picture_organization"]),
        remade=count([0, 1.5, 3.2, 5, 7], u["transformation"]),
    )


_normal_cdf = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))


def sample(
    n: int, seed: int, correlation: float = 0.15, label_noise: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """Causes (n, 9) in [0, 1] and the levels 1..5 (n, 9) that a slightly noisy rater would give.

    Any two causes correlate by ``correlation``, as levels of real drawings do; ``label_noise`` is
    in levels.
    """
    rng = np.random.default_rng(seed)
    shared = math.sqrt(correlation) * rng.normal(size=(n, 1))
    own = math.sqrt(1 - correlation) * rng.normal(size=(n, len(CAUSES)))
    causes = _normal_cdf(shared + own)
    noisy = 0.5 + LEVELS * causes + label_noise * rng.normal(size=causes.shape)
    return causes, np.clip(np.rint(noisy), 1, LEVELS).astype(int)

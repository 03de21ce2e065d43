"""What crosses the door between ``grading.tasks`` and the engine. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROMPTED = "prompted"  # DimensionScore.adapter of a dimension scored by the base model alone


@dataclass(frozen=True)
class DimensionScore:
    """What the model said about one dimension of one picture; never filled in when it did not say.

    ``score`` is the expected level (RAIL) in [first level, last level] after calibration, and
    ``level`` the whole level nearest to it. Both are None exactly when ``abstained`` says why.
    """

    score: float | None
    level: int | None
    interval: tuple[float, float] | None  # calibrated 90 % range, in levels; None if not calibrated
    logits: tuple[float, ...]  # one per level, fp32; empty if the picture never reached the model
    score_token_mass: float | None  # probability of all level tokens together, in [0, 1]
    adapter: str  # AdapterProfile.name, or PROMPTED
    abstained: str | None = None
    unsure: bool = False  # the interval is among the widest fifth of the held-out ones

    def __post_init__(self) -> None:
        if (self.score is None) != (self.abstained is not None):
            raise ValueError("a score and a reason to abstain exclude each other")


@dataclass(frozen=True)
class PictureScores:
    """All dimensions of one picture, keyed by dimension slug in the rubric's order."""

    dimensions: Mapping[str, DimensionScore]


@dataclass(frozen=True)
class PictureFailure:
    """A picture that could not be scored, and why, in one sentence for a teacher."""

    error: str


class Scorer(Protocol):
    """One loaded base model with the adapters of one rubric."""

    model: str  # name of the base model
    demo: bool  # True: not for grading

    def score(self, pictures: Sequence[Path]) -> list[PictureScores | PictureFailure]:
        """Scores in the order of ``pictures``; one bad picture never spoils the others."""
        ...

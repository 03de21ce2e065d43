"""Model cards: what an adapter is, how well it did, and where it is weak. For anybody to read.

Nothing of a school, a child or a person is on a card: who put an adapter into use is said by role,
and why they did is not said at all, since those are their own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from grading.models import (
    AdapterVersion,
    BaseModel,
    Promotion,
    RubricDimension,
    RubricVersion,
    TrainingItem,
)
from grading.services.adapters import WEAK_BELOW, reliability_of
from ml.errors import BundleError
from ml.profiles import AdapterProfile, read_adapter_profile, read_json

LEANS_FROM = 0.15  # levels of bias, from which a card says that it scores high or low
NARROW_BELOW = 0.85  # coverage of ranges that are meant to hold nine in ten


@dataclass(frozen=True)
class Figures:
    """What of AdapterVersion.metrics is known; None where it was not measured."""

    spearman: float | None
    low: float | None  # ends of the interval of spearman
    high: float | None
    qwk: float | None
    mae: float | None
    count: int | None
    coverage_percent: float | None
    bias: float | None = None  # in levels; above 0: it scores higher than people do
    accuracy_percent: float | None = None
    within_one_percent: float | None = None  # less than one level off
    unsure_percent: float | None = None

    @property
    def any(self) -> bool:
        return (self.spearman, self.qwk, self.mae, self.coverage_percent) != (None,) * 4

    @property
    def bar(self) -> str:
        """Length of the bar, 0 to 100; a negative correlation has none."""
        return f"{100 * max(0.0, min(1.0, self.spearman or 0.0)):.0f}"

    @property
    def within_one_in_ten(self) -> int | None:
        """Of ten pictures, so many are less than one level off."""
        share = self.within_one_percent
        return None if share is None else round(share / 10)


def figures_of(metrics: Mapping[str, object]) -> Figures:
    count = _number(metrics, "n")
    interval = metrics.get("spearman_95")
    low, high = interval if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return Figures(
        spearman=_number(metrics, "spearman"),
        low=low if isinstance(low, int | float) else None,
        high=high if isinstance(high, int | float) else None,
        qwk=_number(metrics, "qwk"),
        mae=_number(metrics, "mae"),
        count=int(count) if count else None,
        coverage_percent=_percent(_number(metrics, "coverage")),
        bias=_number(metrics, "bias"),
        accuracy_percent=_percent(_number(metrics, "accuracy")),
        within_one_percent=_percent(_within_one(metrics)),
        unsure_percent=_percent(_number(metrics, "unsure_share")),
    )


def _number(metrics: Mapping[str, object], key: str) -> float | None:
    value = metrics.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _within_one(metrics: Mapping[str, object]) -> float | None:
    """Stored as such, or as the shares of those that were and were not marked unsure."""
    if (stored := _number(metrics, "within_one")) is not None:
        return stored
    unsure = _number(metrics, "unsure_share")
    far_if, far_else = (_number(metrics, f"off_by_one_{k}") for k in ("if_unsure", "otherwise"))
    if unsure is None or far_if is None or far_else is None:
        return None
    return 1 - unsure * far_if - (1 - unsure) * far_else


class Learned(StrEnum):
    """What kind of pictures an adapter learned from."""

    DRAWN = "drawn"  # by this program, with levels that it made up
    CONSENTED = "consented"  # children's, whose families had said yes to it
    ELSEWHERE = "elsewhere"  # where it was trained; this server knows no more


@dataclass(frozen=True)
class Period:
    since: datetime
    until: datetime | None  # None: it is in use
    by_person: bool  # an administrator; else at set-up, from the command line


@dataclass(frozen=True)
class Card:
    adapter: AdapterVersion
    figures: Figures
    periods: tuple[Period, ...]  # of use, newest first
    in_use: bool
    learned: Learned
    learned_from: int | None  # pictures

    @property
    def dimension(self) -> RubricDimension:
        return self.adapter.dimension

    @property
    def demo(self) -> bool:
        return self.adapter.base.is_demo

    @property
    def weak(self) -> bool:
        return self.figures.spearman is not None and self.figures.spearman < WEAK_BELOW

    @property
    def leans(self) -> str:
        """ "high" or "low" where it scores otherwise than people on the whole; else empty."""
        bias = self.figures.bias
        if bias is None or abs(bias) < LEANS_FROM:
            return ""
        return "high" if bias > 0 else "low"

    @property
    def too_sure(self) -> bool:
        """Its ranges hold fewer of people's levels than they are meant to."""
        share = self.figures.coverage_percent
        return share is not None and share < 100 * NARROW_BELOW

    @cached_property
    def profile(self) -> AdapterProfile | None:
        """What it was trained with; None where its files are not on this machine."""
        try:
            profile = read_adapter_profile(self.adapter.folder)
        except (BundleError, OSError):
            return None
        return profile if profile.weights_sha256 == self.adapter.sha256 else None


@dataclass(frozen=True)
class DimensionCards:
    dimension: RubricDimension
    in_use: Card | None  # None: the base model is prompted
    earlier: tuple[Card, ...]  # that were in use once, newest first


@dataclass(frozen=True)
class Cards:
    base: BaseModel | None
    dimensions: tuple[DimensionCards, ...]


def cards() -> Cards:
    """Of the adapters that are in use for the program's own rubric, and that were before."""
    base, rows = reliability_of(RubricVersion.objects.newest("kidsart"))
    used = {row.adapter.pk for row in rows if row.adapter}
    known: dict[int, list[Card]] = {}
    adapters = (
        AdapterVersion.objects.filter(dimension__in=[row.dimension for row in rows])
        .exclude(promotions=None)
        .select_related("base", "dimension__version")
        .distinct()
        .order_by("-pk")
    )
    for card in _cards_of(list(adapters), used):
        known.setdefault(card.dimension.pk, []).append(card)
    return Cards(
        base,
        tuple(
            DimensionCards(
                row.dimension,
                next((c for c in known.get(row.dimension.pk, ()) if c.in_use), None),
                tuple(c for c in known.get(row.dimension.pk, ()) if not c.in_use),
            )
            for row in rows
        ),
    )


def card_of(adapter: AdapterVersion) -> Card:
    _base, rows = reliability_of(adapter.dimension.version)
    used = {row.adapter.pk for row in rows if row.adapter}
    return _cards_of([adapter], used)[0]


def _cards_of(adapters: list[AdapterVersion], used: set[int]) -> list[Card]:
    promotions: dict[int, list[Promotion]] = {}
    dimensions = {adapter.dimension_id for adapter in adapters}
    rows = Promotion.objects.filter(adapter__dimension__in=dimensions).select_related("adapter")
    for promotion in rows.order_by("pk"):
        promotions.setdefault(promotion.adapter.dimension_id, []).append(promotion)
    return [
        Card(
            adapter=adapter,
            figures=figures_of(adapter.metrics),
            periods=_periods(adapter, promotions.get(adapter.dimension_id, []), used),
            in_use=adapter.pk in used,
            learned=(learned := _learned(adapter))[0],
            learned_from=learned[1],
        )
        for adapter in adapters
    ]


def _periods(
    adapter: AdapterVersion, of_dimension: list[Promotion], used: set[int]
) -> tuple[Period, ...]:
    """``of_dimension`` oldest first. Put into use twice in a row is one period."""
    found: list[Period] = []
    for number, promotion in enumerate(of_dimension):
        before = of_dimension[number - 1].adapter_id if number else None
        if promotion.adapter_id != adapter.pk or before == adapter.pk:
            continue
        later = (p for p in of_dimension[number + 1 :] if p.adapter_id != adapter.pk)
        following = next(later, None)
        end = following.at if following else None
        found.append(Period(promotion.at, end, promotion.by_id is not None))
    return tuple(reversed(found))


def _learned(adapter: AdapterVersion) -> tuple[Learned, int | None]:
    if adapter.base.is_demo:
        return Learned.DRAWN, _drawn(adapter.base)
    items = TrainingItem.objects.filter(training_set__adapters=adapter)
    if count := items.values("artwork_code").distinct().count():
        return Learned.CONSENTED, count
    train = _number(adapter.metrics, "train")
    return Learned.ELSEWHERE, int(train) if train else None


def _drawn(base: BaseModel) -> int | None:
    """How many pictures were drawn to train the demo model, as it says beside itself."""
    try:
        plan = read_json(base.folder.parent / "metrics.json").get("plan", {})
    except BundleError:
        return None
    count = plan.get("train_pictures") if isinstance(plan, dict) else None
    return count if isinstance(count, int) else None

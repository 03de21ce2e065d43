"""How long pictures are really looked at. Measured in the browser, without the time away.

Every figure carries its number of pictures: where no script ran, nothing was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median

from django.db.models import Sum

from grading.models import Artwork, ReviewTime, School, User

SECONDS_AT_MOST = 600  # of one message; a page left open says no more than this at once
PICTURE_AT_MOST = 3600  # of one person at one picture, all in all


def record_time(artwork: Artwork, user: User, seconds: int) -> ReviewTime | None:
    """None for what is nothing, or more than anybody looks at one picture."""
    seconds = min(seconds, SECONDS_AT_MOST)
    rows = ReviewTime.objects.filter(artwork=artwork, user=user)
    before = rows.aggregate(total=Sum("seconds"))["total"] or 0
    seconds = min(seconds, PICTURE_AT_MOST - before)
    if seconds < 1:
        return None
    return ReviewTime.objects.create(artwork=artwork, user=user, seconds=seconds)


@dataclass(frozen=True)
class MeasuredTime:
    """Of decided pictures. ``seconds`` holds one number a picture that was measured."""

    seconds: tuple[int, ...]
    decided: int

    @property
    def measured(self) -> int:
        return len(self.seconds)

    @property
    def total_min(self) -> float:
        return sum(self.seconds) / 60

    @property
    def mean_min(self) -> float:
        return fmean(self.seconds) / 60

    @property
    def median_s(self) -> int:
        return round(median(self.seconds))


@dataclass(frozen=True)
class TimeBack:
    """Hours given back, with everything the sum is made of."""

    pictures: int
    before_min: float
    now_min: float
    measured_before: bool  # else it was estimated

    @property
    def minutes(self) -> float:
        return self.pictures * (self.before_min - self.now_min)

    @property
    def hours(self) -> float:
        return abs(self.minutes) / 60

    @property
    def is_loss(self) -> bool:
        return self.minutes < 0


def measured_time(decided: Iterable[int]) -> MeasuredTime:
    """What everybody together spent at each of these artworks, given by primary key."""
    keys = list(decided)
    rows = ReviewTime.objects.filter(artwork__in=keys).values("artwork").annotate(s=Sum("seconds"))
    return MeasuredTime(tuple(row["s"] for row in rows), len(keys))


def time_back(school: School, time: MeasuredTime) -> TimeBack | None:
    """None without a measurement, or where the school has not said how long it took before."""
    if school.minutes_before is None or not time.seconds:
        return None
    before = float(school.minutes_before)
    return TimeBack(time.measured, before, time.mean_min, school.minutes_measured)

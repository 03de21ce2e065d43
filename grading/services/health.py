"""Is somebody there to do the work? Read from what the workers last said, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.timezone import now

from grading.models import Heartbeat


@dataclass(frozen=True)
class Health:
    """Which parts of the machinery have spoken lately."""

    scoring_alive: bool
    intake_alive: bool
    broker_reached: bool

    @property
    def ok(self) -> bool:
        return self.scoring_alive and self.intake_alive and self.broker_reached

    @property
    def summary(self) -> str:
        """One letter for each part that does not work; the page compares it with what it shows."""
        parts = {"s": self.scoring_alive, "i": self.intake_alive, "b": self.broker_reached}
        return "".join(letter for letter, works in parts.items() if not works) or "ok"


def machinery_health() -> Health:
    recent = now() - timedelta(seconds=4 * settings.HEARTBEAT_S)
    alive = list(Heartbeat.objects.filter(seen_at__gte=recent))
    queues = {queue for beat in alive for queue in beat.queue.split(",")}
    return Health(
        scoring_alive="gpu" in queues,
        intake_alive="io" in queues,
        broker_reached=not alive
        or any(b.broker_seen_at and b.broker_seen_at >= recent for b in alive),
    )

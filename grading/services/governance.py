"""What the machine may do at a school: the switches, what they stop at once, and who set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from grading.models import AuditEvent, FeedbackJob, School, ScoringJob, User
from grading.services.audit import record

LAST_CHANGES = 12
SWITCHES = ("scoring_on", "drafts_on", "training_on")
STOP_WORK = ("scoring_on", "drafts_on")  # switches that stop jobs when they go off


@transaction.atomic
def save_settings(school: School, changed: Mapping[str, Any], by: User) -> None:
    """Save these settings of a school and no others; a switch that goes off stops what waits."""
    if not changed:
        return
    School.objects.filter(pk=school.pk).update(**changed)
    stopped = 0
    if changed.get("scoring_on") is False:
        stopped += ScoringJob.objects.stop(school)
    if False in (changed.get("scoring_on"), changed.get("drafts_on")):
        stopped += FeedbackJob.objects.stop(school)
    detail = {name: str(value) for name, value in changed.items()}
    if stopped:
        detail["stopped"] = str(stopped)
    record(by, AuditEvent.Verb.CHANGED, school, school, **detail)


@dataclass(frozen=True)
class Change:
    """One setting, changed by somebody."""

    at: datetime
    by: User | None
    setting: str  # name of the field
    value: str
    stopped: int  # jobs that waited, and were stopped with it


def last_changes(school: School, settings: set[str]) -> list[Change]:
    """From the audit trail, newest first. ``settings`` are the fields that are told of."""
    events = AuditEvent.objects.filter(
        school=school, verb=AuditEvent.Verb.CHANGED, object_kind="school", object_code=school.code
    ).select_related("actor")
    found = []
    for event in events.order_by("-pk")[:LAST_CHANGES]:
        stopped = int(event.detail.get("stopped", 0))
        for name in (name for name in event.detail if name in settings):
            value = str(event.detail[name])
            told = stopped if value == "False" and name in STOP_WORK else 0
            found.append(Change(event.at, event.actor, name, value, told))
    return found[:LAST_CHANGES]


@dataclass(frozen=True)
class Switch:
    setting: str  # name of the field
    on: bool
    since: datetime | None  # None: as it was from the beginning, or the trail goes less far back


def switches_of(school: School) -> list[Switch]:
    """The switches as they stand, and since when."""
    changes = last_changes(school, set(SWITCHES))
    found = []
    for name in SWITCHES:
        since = next((change.at for change in changes if change.setting == name), None)
        found.append(Switch(name, getattr(school, name), since))
    return found

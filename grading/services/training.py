"""The end of the loop: an adapter comes into use, and work that still waits is scored by it."""

from __future__ import annotations

from django.db import transaction

from grading.models import AdapterSet, AdapterVersion, AuditEvent, Promotion, ScoringJob, User
from grading.services.audit import record


@transaction.atomic
def promote_adapter(adapter: AdapterVersion, by: User, why: str) -> Promotion:
    """Put an adapter into use. Waiting jobs take the new set; what was scored keeps its scores."""
    promotion = Promotion.objects.create(adapter=adapter, by=by, why=why)
    version = adapter.dimension.version
    in_use = AdapterSet.objects.in_use(version)
    ScoringJob.objects.waiting().filter(adapter_set__rubric_version=version).update(
        adapter_set=in_use
    )
    record(by, AuditEvent.Verb.PROMOTED, adapter, None, why=why)
    return promotion

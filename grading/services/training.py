"""The end of the loop: adapters come into use, and work that still waits is scored by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from grading.models import (
    AdapterSet,
    AdapterVersion,
    AuditEvent,
    Promotion,
    RubricVersion,
    ScoringJob,
    User,
)
from grading.services.adapters import install_adapter, install_base
from grading.services.audit import record


def promote_adapter(adapter: AdapterVersion, by: User, why: str) -> None:
    promote_adapters([adapter], adapter.dimension.version, by, why)


@transaction.atomic
def promote_adapters(
    adapters: Sequence[AdapterVersion], version: RubricVersion, by: User | None, why: str
) -> None:
    """Put adapters of one rubric into use together.

    Waiting jobs take the new set; what was scored keeps its scores.
    """
    for adapter in adapters:
        Promotion.objects.create(adapter=adapter, by=by, why=why)
        record(by, AuditEvent.Verb.PROMOTED, adapter, None, why=why)
    ScoringJob.objects.waiting().filter(adapter_set__rubric_version=version).update(
        adapter_set=AdapterSet.objects.in_use(version)
    )


@transaction.atomic
def install_bundle(
    folder: Path, version: RubricVersion, by: User | None, why: str
) -> list[AdapterVersion]:
    """Install ``folder``/base and ``folder``/adapters/*, and put into use what never was.

    Raises:
        BundleError: a profile is missing, or does not fit the others.
    """
    base = install_base(folder / "base")
    adapters = [
        install_adapter(path, base, version)
        for path in sorted((folder / "adapters").iterdir())
        if path.is_dir()
    ]
    if new := [adapter for adapter in adapters if not adapter.promotions.exists()]:
        promote_adapters(new, version, by, why)
    return adapters

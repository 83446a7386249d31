"""Reads that are events: whoever looks at rows of people leaves a trace."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.schemas import QUARANTINE_READ
from zhizhi.apps.catalogue.selectors.sources import whole_region
from zhizhi.apps.journal.services import record


def quarantine_read(actor: Actor, *, dataset: str, rows: int, now: datetime) -> None:
    """Write down that a post looked at bad rows of a dataset."""
    actor.require(Permission.QUARANTINE_VIEW)
    with transaction.atomic():
        record(actor, QUARANTINE_READ, now=now, region=whole_region(), subjects=[f"dataset:{dataset}"], details={"rows": rows})

"""Write events: always inside the transaction of the change that they tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from zhizhi.apps.actors import Actor
from zhizhi.apps.journal.models import Event, EventSubject
from zhizhi.apps.journal.schemas import Fact, known

BATCH = 2_000


def record(actor: Actor, name: str, *, now: datetime, **fact: Any) -> int:
    """Write one event and return its id.

    Args:
        actor: who did it.
        name: a declared event name.
        now: when.
        fact: fields of ``Fact``: subjects, region, details, package, package_version, purpose.

    Raises:
        UsageError: ``journal.event-unknown``.
        RuntimeError: called outside a transaction; change and event must stand or fall together.
    """
    return record_many(actor, [Fact(name, **fact)], now=now)[0]


def record_many(actor: Actor, facts: Iterable[Fact], *, now: datetime) -> list[int]:
    """Write many events of one actor and moment in few statements; return their ids in order."""
    if not connection.in_atomic_block:
        raise RuntimeError("an event is written in the transaction of the change that it tells")
    listed = list(facts)
    events = Event.objects.bulk_create(
        [
            Event(
                name=known(fact.name),
                at=now,
                user_id=actor.user_id,
                post_id=actor.post_id,
                role=actor.role.value if actor.role else "",
                actor=actor.name,
                via=actor.via,
                region=fact.region,
                purpose=fact.purpose,
                package=fact.package,
                package_version=fact.package_version,
                details=dict(fact.details),
            )
            for fact in listed
        ],
        batch_size=BATCH,
    )
    EventSubject.objects.bulk_create(
        [
            EventSubject(event=event, subject=subject)
            for event, fact in zip(events, listed, strict=True)
            for subject in fact.subjects
        ],
        batch_size=BATCH,
    )
    return [event.pk for event in events]

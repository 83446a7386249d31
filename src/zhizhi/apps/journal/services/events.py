"""Write events: always inside the transaction of the change that they tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from zhizhi.apps.actors import Actor
from zhizhi.apps.journal.models import Event, EventSubject
from zhizhi.apps.journal.schemas import Fact, known
from zhizhi.backends.rows import insert_rows, insert_with_parts, next_ids
from zhizhi.engines.ledger.entries import plain

MANY = 20
_COLUMNS = (
    "id", "name", "at", "user_id", "post_id", "role", "actor", "via", "region", "purpose", "package", "package_version",
    "details",
)  # fmt: skip
_RESIDENT_OR_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:[1-9]\d{16}[\dXx]|1[3-9]\d{9})(?![0-9A-Za-z])")


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
        ValueError: details that are not JSON, or hold what looks like a resident's or telephone number.
    """
    return record_many(actor, [Fact(name, **fact)], now=now)[0]


def record_many(actor: Actor, facts: Iterable[Fact], *, now: datetime) -> list[int]:
    """Write many events of one actor and moment in few statements; return their ids in order."""
    if not connection.in_atomic_block:
        raise RuntimeError("an event is written in the transaction of the change that it tells")
    listed = list(facts)
    if len(listed) >= MANY:
        return _write_at_once(actor, listed, now)
    return [_write(actor, fact, now) for fact in listed]


def _write(actor: Actor, fact: Fact, now: datetime) -> int:
    return insert_with_parts(
        connection,
        Event._meta.db_table,
        {
            "name": known(fact.name),
            "at": now,
            "user_id": actor.user_id,
            "post_id": actor.post_id,
            "role": actor.role.value if actor.role else "",
            "actor": actor.name,
            "via": actor.via,
            "region": fact.region,
            "purpose": fact.purpose,
            "package": fact.package,
            "package_version": fact.package_version,
            "details": _details(fact.details),
        },
        EventSubject._meta.db_table,
        ("event_id", "subject"),
        list(dict.fromkeys(fact.subjects)),
    )


def _write_at_once(actor: Actor, facts: Sequence[Fact], now: datetime) -> list[int]:
    """Write a large number of events without an object for each row."""
    ids = next_ids(connection, Event._meta.db_table, len(facts))
    who = (actor.user_id, actor.post_id, actor.role.value if actor.role else "", actor.name, actor.via)
    insert_rows(
        connection,
        Event._meta.db_table,
        _COLUMNS,
        [
            (pk, known(one.name), now, *who, one.region, one.purpose, one.package, one.package_version, _details(one.details))
            for pk, one in zip(ids, facts, strict=True)
        ],
    )
    subjects = ((pk, subject) for pk, one in zip(ids, facts, strict=True) for subject in dict.fromkeys(one.subjects))
    insert_rows(connection, EventSubject._meta.db_table, ("event_id", "subject"), subjects)
    return ids


def _details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details as both databases give them back; a number that names a person does not get in."""
    if not details:
        return {}
    kept: dict[str, Any] = plain(details)
    if _RESIDENT_OR_PHONE.search(json.dumps(kept, ensure_ascii=False)):
        raise ValueError("details of an event may not hold a resident's or telephone number")
    return kept

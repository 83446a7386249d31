"""Events as the ledger takes them: the row with its subjects, read in two statements a batch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast

from zhizhi.apps.journal.models import Event, EventSubject
from zhizhi.engines.ledger.entries import EventRow, details_text, moment, text_of

FIELDS = (
    "id", "at", "name", "user_id", "post_id", "role", "actor", "via", "region", "purpose", "package", "package_version",
    "details",
)  # fmt: skip


def with_subjects(events: QuerySet[Event], about: QuerySet[EventSubject]) -> list[EventRow]:
    """Return the rows of ``events`` with their subjects; ``about`` holds at least the subjects of these events."""
    subjects: dict[int, list[str]] = defaultdict(list)
    for event, subject in about.values_list("event_id", "subject"):
        subjects[event].append(subject)
    empty: tuple[str, ...] = ()
    rows: Iterable[Any] = events.values_list(*FIELDS)
    return [EventRow(*(*row, subjects.get(row[0], empty))) for row in rows]


def by_ids(ids: list[int]) -> dict[int, EventRow]:
    """Return id -> row of the events that are there, for up to a few hundred ids."""
    rows = with_subjects(Event.objects.filter(pk__in=ids), EventSubject.objects.filter(event_id__in=ids))
    return {row.id: row for row in rows}


def texts_by_leaf(start: int, end: int) -> dict[int, tuple[int, str]]:
    """Return leaf -> (id, row text) of the sealed events with ``start <= leaf < end``.

    Reads what the database holds without making models, moments and mappings of it first: this runs over a million rows.
    """
    events = Event.objects.filter(leaf__gte=start, leaf__lt=end)
    at = Cast("at", TextField()) if connection.vendor == "sqlite" else F("at")
    rows = _raw(events.values_list("leaf", "id", at, *FIELDS[2:]))
    if not rows:
        return {}
    first, last = min(row[1] for row in rows), max(row[1] for row in rows)
    near = last - first < 4 * len(rows)  # ids nearly follow the leaves: no join is needed
    about = (
        EventSubject.objects.filter(event_id__gte=first, event_id__lte=last)
        if near
        else EventSubject.objects.filter(event__leaf__gte=start, event__leaf__lt=end)
    )
    subjects: dict[int, list[str]] = {}
    for event, subject in _raw(about.values_list("event_id", "subject")):
        if event in subjects:
            subjects[event].append(subject)
        else:
            subjects[event] = [subject]
    empty: list[str] = []
    return {
        row[0]: (row[1], text_of(row[1], _moment(row[2]), *(*row[3:13], _details(row[13]), subjects.get(row[1], empty))))
        for row in rows
    }


def _raw(rows: Any) -> list[Any]:
    """Rows as the driver gives them."""
    with connection.cursor() as cursor:
        cursor.execute(*rows.query.sql_with_params())
        return list(cursor.fetchall())


def _moment(value: datetime | str) -> str:
    """A moment as the ledger writes it. SQLite keeps text in UTC, without a fraction where that is nought."""
    if isinstance(value, datetime):
        return moment(value)
    return f"{value[:10]}T{value[11:]}Z" if len(value) == 26 else f"{value[:10]}T{value[11:]}.000000Z"


@lru_cache(maxsize=16_384)
def _details(text: str) -> str:
    """Details as the ledger writes them. The same few come again and again."""
    return details_text(json.loads(text))

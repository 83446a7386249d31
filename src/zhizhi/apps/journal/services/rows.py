"""Events as the ledger takes them: the row with its subjects, read in two statements a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from zhizhi.apps.journal.models import Event, EventSubject
from zhizhi.engines.ledger.entries import EventRow

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


def by_leaf(start: int, end: int) -> dict[int, EventRow]:
    """Return leaf -> row of the sealed events with ``start <= leaf < end``."""
    events = Event.objects.filter(leaf__gte=start, leaf__lt=end).order_by("leaf")
    rows = with_subjects(events, EventSubject.objects.filter(event__leaf__gte=start, event__leaf__lt=end))
    leaves = events.values_list("leaf", flat=True)
    return {int(leaf): row for leaf, row in zip(leaves, rows, strict=True) if leaf is not None}

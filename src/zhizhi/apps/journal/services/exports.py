"""The list of events as a workbook: exactly what the filters show, and an event that it was taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction
from openpyxl import Workbook

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import EVENTS_EXPORTED, EventView, label_of
from zhizhi.apps.journal.selectors import EventFilter, event_list
from zhizhi.apps.journal.services.events import record
from zhizhi.backends.workbooks import text_cell, workbook_bytes
from zhizhi.kernel.errors import UsageError

MOST = 50_000
COLUMNS = ("event", "at", "what", "who", "role", "place", "about", "purpose", "package", "leaf")


def events_export(
    actor: Actor, *, wanted: EventFilter, now: datetime, t: Callable[[str], str], names: Callable[[set[str]], Mapping[str, str]]
) -> bytes:
    """Return an ``.xlsx`` of the events that the filters show.

    Args:
        actor: needs ``JOURNAL_EXPORT`` and ``JOURNAL_VIEW``.
        wanted: the filters.
        now: when.
        t: code -> label in the language of the request.
        names: region codes -> names in that language.

    Raises:
        RefusedError: ``accounts.refused``. UsageError: ``journal.too-many``.
    """
    actor.require(Permission.JOURNAL_EXPORT)
    events, total = event_list(actor, wanted, limit=MOST + 1)
    if len(events) > MOST:
        raise UsageError("journal.too-many", most=MOST)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(t("journal.events"))
    sheet.append([text_cell(sheet, t(f"journal.column-{name}"), bold=True) for name in COLUMNS])
    places = names({event.region for event in events if event.region})
    for event in events:
        sheet.append([text_cell(sheet, value) for value in _cells(event, t, places)])
    data = workbook_bytes(book)
    with transaction.atomic():
        region = wanted.region or actor.region
        details = {"events": total, "name": wanted.name, "subject": bool(wanted.subject)}
        record(actor, EVENTS_EXPORTED, now=now, region=region or str(configuration().region), details=details)
    return data


def _cells(event: EventView, t: Callable[[str], str], places: Mapping[str, str]) -> list[str]:
    role = t(f"accounts.role-{event.role}") if event.role else ""
    package = f"{event.package}@{event.package_version}" if event.package else ""
    return [
        str(event.id), event.at.strftime("%Y-%m-%dT%H:%M:%SZ"), t(label_of(event.name)), event.actor, role,
        places.get(event.region, event.region), " ".join(event.subjects), event.purpose, package,
        "" if event.leaf is None else str(event.leaf),
    ]  # fmt: skip

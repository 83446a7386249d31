"""Seal events into the ledger, in groups, off the path of any request.

For each group: read unsealed events in the order of their ids, write tiles and bundles, publish the signed checkpoint by a
rename, then give the events their leaves in the database. A process that dies before the rename has changed nothing that counts;
one that dies after it leaves entries whose events have no leaf yet, which the next round finds by comparing the checkpoint with
the last ``Seal`` row. So no event is lost and none goes in twice. Order is that of ids, not of the clock.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.models import Event, EventSubject, Seal
from zhizhi.apps.journal.schemas import LEDGER_UNMATCHED, Sealed
from zhizhi.apps.journal.services.events import record
from zhizhi.apps.journal.services.ledger_keys import LedgerKeys, ledger_keys
from zhizhi.apps.journal.services.rows import by_ids, with_subjects
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.checkpoints import Checkpoint
from zhizhi.engines.ledger.entries import EventRow, entry_of, stated_in
from zhizhi.kernel.errors import LedgerError

GROUP = 10_000
MOST = 500_000
"""So many events one round seals at most; the next round goes on."""


def ledger_seal(*, now: datetime, group: int = GROUP, most: int = MOST) -> Sealed:
    """Seal what waits, in groups. Run by ``zhizhi work`` every few seconds.

    Raises:
        LedgerError: keys or files are gone or do not fit; nothing was changed.
        UnavailableError: ``ledger.busy``.
        OSError: the disk is full; what was sealed before stands.
    """
    settings = configuration()
    keys = ledger_keys(settings)
    folder = LedgerFolder(settings.ledger)
    sealed = 0
    with folder.lock():
        size = _reconciled(folder, keys, settings.region, now)
        while sealed < most:
            rows = _waiting(group)
            if not rows:
                break
            point = folder.append([entry_of(row, keys.commitment) for row in rows], keys.signing)
            _mark(folder, point, [(size + n, row.id) for n, row in enumerate(rows)], len(rows), 0, now)
            size, sealed = point.size, sealed + len(rows)
    return Sealed(size, sealed)


def _waiting(limit: int) -> list[EventRow]:
    ids = list(Event.objects.filter(leaf__isnull=True).order_by("id").values_list("id", flat=True)[:limit])
    if not ids:
        return []
    span = {"pk__gte": ids[0], "pk__lte": ids[-1]}
    about = EventSubject.objects.filter(event_id__gte=ids[0], event_id__lte=ids[-1], event__leaf__isnull=True)
    seen = set(ids)
    # An event that was written meanwhile with an id in between is left for the next round.
    return [row for row in with_subjects(Event.objects.filter(leaf__isnull=True, **span).order_by("id"), about) if row.id in seen]


def _runs(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(first id, last id, leaf - id) of stretches in which leaf and id rise together."""
    runs: list[tuple[int, int, int]] = []
    for leaf, event in pairs:
        if runs and runs[-1][1] == event - 1 and runs[-1][2] == leaf - event:
            runs[-1] = (runs[-1][0], event, leaf - event)
        else:
            runs.append((event, event, leaf - event))
    return runs


def _mark(
    folder: LedgerFolder, point: Checkpoint, pairs: Sequence[tuple[int, int]], events: int, unmatched: int, now: datetime
) -> None:
    note = folder.note()
    with transaction.atomic():
        for first, last, shift in _runs(pairs):
            Event.objects.filter(pk__gte=first, pk__lte=last, leaf__isnull=True).update(leaf=F("pk") + shift)
        Seal.objects.create(
            size=point.size,
            root=base64.b64encode(point.root).decode(),
            note=note.encode().decode() if note else "",
            at=now,
            events=events,
            unmatched=unmatched,
        )


def _reconciled(folder: LedgerFolder, keys: LedgerKeys, region: str, now: datetime) -> int:
    """Return the size of the ledger after giving leaves to events that are in it and do not know yet."""
    point = folder.checkpoint(keys.public)
    size = point.size if point else 0
    last = Seal.objects.order_by("-size").first()
    marked = last.size if last else 0
    if marked > size:
        raise LedgerError("ledger.shorter", ledger=size, journal=marked)
    if point is None or marked == size:
        if point is not None and last is not None and base64.b64decode(last.root) != point.root:
            raise LedgerError("ledger.forked", size=size)
        return size
    pairs, unmatched = _matched(folder, keys, marked, size)
    with transaction.atomic():
        _mark(folder, point, pairs, size - marked, unmatched, now)
        if unmatched:
            record(
                Actor.system("ledger", region),
                LEDGER_UNMATCHED,
                now=now,
                subjects=["ledger:1"],
                region=region,
                details={"from": marked, "to": size, "unmatched": unmatched},
            )
    return size


def _matched(folder: LedgerFolder, keys: LedgerKeys, start: int, end: int) -> tuple[list[tuple[int, int]], int]:
    """(leaf, id) of the entries that are still in the journal word for word, and how many are not."""
    pairs: list[tuple[int, int]] = []
    batch: list[tuple[int, int, bytes]] = []
    unmatched = 0

    def compare() -> int:
        rows = by_ids([event for _, event, _ in batch])
        found = [
            (leaf, event) for leaf, event, entry in batch if event in rows and entry_of(rows[event], keys.commitment) == entry
        ]
        pairs.extend(found)
        return len(batch) - len(found)

    for leaf, entry in enumerate(folder.entries(start, end), start):
        batch.append((leaf, stated_in(entry)["event"], entry))
        if len(batch) == 500:
            unmatched += compare()
            batch.clear()
    return pairs, unmatched + compare()

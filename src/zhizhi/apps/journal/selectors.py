"""Reads of the journal: events within the reader's scope, who read a household's file, and where the ledger stands."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Cosigner, Event, EventSubject, Seal, Verification
from zhizhi.apps.journal.schemas import (
    CosignerView,
    EventView,
    LedgerStatus,
    VerificationView,
    declared,
    is_read,
    known,
)
from zhizhi.apps.journal.services.ledger_keys import ledger_keys, public_key
from zhizhi.apps.journal.services.rows import by_ids
from zhizhi.apps.journal.services.witnesses import witnesses
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.entries import commits_to, row_text, salt_of, stated_in
from zhizhi.engines.ledger.event_receipts import Checked, check
from zhizhi.engines.ledger.receipts import RECEIPT_LIMIT
from zhizhi.engines.ledger.tiles import WIDTH, read_entries
from zhizhi.kernel.errors import InputError, LedgerError, NotFoundError, UsageError

_CODE = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
LATE = 300.0
"""Seconds after which an event that waits to be sealed is an alarm."""
PEOPLE = ("household:", "person:", "member:")
COUNT_LIMIT = 10_000
"""Beyond this many, a list says "more than" and is not counted to its end."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is looked for; empty fields ask for everything. ``since`` and ``until`` are days of this place, both included."""

    name: str = ""
    actor: str = ""
    subject: str = ""
    region: str = ""
    since: date | None = None
    until: date | None = None

    @staticmethod
    def of(asked: Mapping[str, Any]) -> EventFilter:
        """Read filters as they come in an address.

        Raises:
            UsageError: ``journal.filter-unknown``, ``journal.filter-day``, ``journal.filter-code``, ``journal.event-unknown``.
        """
        given = {name: str(value).strip() for name, value in asked.items() if str(value).strip()}
        unknown = sorted(set(given) - {"name", "actor", "subject", "region", "since", "until"})
        if unknown:
            raise UsageError("journal.filter-unknown", name=unknown[0])
        if "name" in given:
            known(given["name"])
        if "region" in given and not _CODE.fullmatch(given["region"]):
            raise UsageError("journal.filter-code", seen=given["region"][:20])
        return EventFilter(
            name=given.get("name", ""),
            actor=given.get("actor", "")[:64],
            subject=given.get("subject", "")[:80],
            region=given.get("region", ""),
            since=_day(given.get("since", "")),
            until=_day(given.get("until", "")),
        )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
        if day is not None and not 1900 <= day.year <= 2200:
            raise ValueError(text)
    except ValueError as error:
        raise UsageError("journal.filter-day", seen=text[:20]) from error
    return day


def _visible(actor: Actor) -> Q:
    """Events of the reader's regions; those without a place (log-ins, system) only to who sees the whole installation."""
    whole = Q(region="") if actor.sees(configuration().region) else Q(pk__in=[])
    return in_scope(actor) | whole


def _filtered(actor: Actor, wanted: EventFilter) -> QuerySet[Event]:
    actor.require(Permission.JOURNAL_VIEW)
    rows = Event.objects.filter(_visible(actor))
    if wanted.name:
        rows = rows.filter(name=wanted.name)
    if wanted.actor:
        rows = rows.filter(actor=wanted.actor)
    if wanted.region:
        rows = rows.filter(in_scope(actor.within(wanted.region))) if actor.sees(wanted.region) else rows.none()
    if wanted.subject:
        about = EventSubject.objects.filter(event_id=OuterRef("pk"), subject=wanted.subject)
        rows = rows.filter(Exists(about))
    if wanted.since:
        rows = rows.filter(at__gte=_midnight(wanted.since))
    if wanted.until:
        rows = rows.filter(at__lt=_midnight(wanted.until + timedelta(days=1)))
    return rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def event_list(
    actor: Actor, wanted: EventFilter, *, before: int | None = None, start: int = 0, limit: int = 50
) -> tuple[list[EventView], int]:
    """Return events, newest first by their order of writing, and how many there are (counted up to ``COUNT_LIMIT`` + 1).

    Args:
        actor: needs ``JOURNAL_VIEW``; sees events of her regions.
        wanted: filters.
        before: only events with smaller ids (for paging by cursor).
        start: how many to leave out.
        limit: how many to return.
    """
    rows = _filtered(actor, wanted)
    total = rows.values("pk")[: COUNT_LIMIT + 1].count()
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _views(actor, rows.order_by("-pk")[start : start + limit]), total


def event_get(actor: Actor, event: int) -> EventView:
    """Return one event.

    Raises:
        NotFoundError: ``journal.no-event``, also for events outside the reader's scope.
    """
    actor.require(Permission.JOURNAL_VIEW)
    found = _views(actor, Event.objects.filter(_visible(actor), pk=event))
    if not found:
        raise NotFoundError("journal.no-event", event=event)
    return found[0]


def event_sealed(actor: Actor, event: int) -> tuple[Mapping[str, Any], bool] | None:
    """Return what the ledger holds of an event, and whether the journal's row is still what it committed to; None if unsealed.

    Raises:
        NotFoundError: ``journal.no-event``. LedgerError: the ledger's files or keys are not sound.
    """
    seen = event_get(actor, event)
    if seen.leaf is None:
        return None
    settings = configuration()
    keys, folder = ledger_keys(settings), LedgerFolder(settings.ledger)
    point = folder.checkpoint(keys.public)
    if point is None or seen.leaf >= point.size:
        raise LedgerError("ledger.index-beyond", index=seen.leaf, size=point.size if point else 0)
    index, place = divmod(seen.leaf, WIDTH)
    entry = read_entries(folder.read, index, min(WIDTH, point.size - index * WIDTH))[place]
    row = by_ids([event])[event]
    return stated_in(entry), commits_to(entry, salt_of(keys.commitment, event), row_text(row))


def events_about(actor: Actor, subject: str, *, limit: int = 200) -> list[EventView]:
    """Return the events about a subject within the reader's regions, newest first, for a page that she may see anyway.

    The caller has checked that the actor may see the subject itself (a case's page shows that case's events).
    """
    rows = Event.objects.filter(in_scope(actor), subjects__subject=subject).order_by("-pk")
    return _views(actor, rows[:limit], shown=subject)


def reads_of(actor: Actor, household: str, *, limit: int = 100) -> list[EventView]:
    """Return who read a household's file, newest first: the events about it whose names tell of looking.

    The caller has checked that the actor may see the household; readers elsewhere are shown too, for it is the family's right to
    know all of them.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    names = [name for name in declared() if is_read(name)]
    rows = Event.objects.filter(subjects__subject=f"household:{household}", name__in=names).order_by("-pk")
    return _views(actor, rows[:limit], shown=f"household:{household}")


def event_names() -> list[str]:
    """Return the names of all declared events, sorted."""
    return sorted(declared())


def _views(actor: Actor, rows: QuerySet[Event], shown: str = "") -> list[EventView]:
    clear = actor.may(Permission.HOUSEHOLD_VIEW)
    return [
        EventView(
            row.pk, row.name, row.at, row.actor, row.role, row.via, row.region, row.purpose, row.package, row.package_version,
            row.details, tuple(_masked(one.subject, clear or one.subject == shown) for one in row.subjects.all()), row.leaf,
        )
        for row in rows.prefetch_related("subjects")
    ]  # fmt: skip


def _masked(subject: str, clear: bool) -> str:
    """A person's or household's pseudonym in full only to those who may open household files; the first six digits to others."""
    if clear or not subject.startswith(PEOPLE):
        return subject
    kind, _, pseudonym = subject.partition(":")
    return f"{kind}:{pseudonym[:6]}…"


def ledger_status(actor: Actor, *, now: datetime) -> LedgerStatus:
    """Return where the ledger stands, read from its files and the journal; a fault of the files is told, not raised."""
    actor.require(Permission.JOURNAL_VIEW)
    settings = configuration()
    size, root, fault, params = _standing(settings)
    key = public_key(settings)
    seal = Seal.objects.order_by("-size").first()
    waiting = Event.objects.filter(leaf__isnull=True)
    oldest = waiting.order_by("pk").values_list("at", flat=True).first()
    seconds = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    latest = Verification.objects.order_by("-pk").first()
    return LedgerStatus(
        origin=settings.origin,
        vkey=key.vkey() if key else "",
        size=size,
        root=root,
        sealed_at=seal.at if seal else None,
        waiting=waiting.count(),
        waiting_seconds=seconds,
        late=seconds > LATE,
        witnesses=[
            CosignerView(w.name, w.size, max(0, size - w.size), w.cosigned_at, w.failing_since, w.failure, w.params)
            for w in Cosigner.objects.order_by("name")
        ],
        verification=_verification(latest) if latest else None,
        fault=fault,
        params=params,
    )


def _standing(settings: Configuration) -> tuple[int, str, str, Mapping[str, Any]]:
    key = public_key(settings)
    try:
        point = LedgerFolder(settings.ledger).checkpoint(key) if key else None
    except LedgerError as error:
        return 0, "", error.code, error.params
    marked = Seal.objects.order_by("-size").values_list("size", flat=True).first() or 0
    size = point.size if point else 0
    if marked > size:
        return size, "", "ledger.shorter", {"ledger": size, "journal": marked}
    return size, base64.b64encode(point.root).decode() if point else "", "", {}


def _verification(row: Verification) -> VerificationView:
    return VerificationView(row.at, row.actor, row.size, row.events, row.found, row.findings, row.seconds)


def verification_list(actor: Actor, *, limit: int = 20) -> list[VerificationView]:
    """Return past verifications, newest first."""
    actor.require(Permission.JOURNAL_VIEW)
    return [_verification(row) for row in Verification.objects.order_by("-pk")[:limit]]


def receipt_check(actor: Actor, data: bytes) -> Checked:
    """Verify a receipt with this ledger's public key and the keys of its witnesses.

    Raises:
        InputError: ``journal.receipt-large``.
        LedgerError: ``ledger.empty`` and what ``check`` raises.
    """
    actor.require(Permission.JOURNAL_VIEW)
    if len(data) > RECEIPT_LIMIT:
        raise InputError("journal.receipt-large", limit=RECEIPT_LIMIT // 1_000_000)
    settings = configuration()
    key = public_key(settings)
    if key is None:
        raise LedgerError("ledger.empty")
    return check(data, key, [witness.key for witness in witnesses(settings)[0]])

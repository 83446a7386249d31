"""Names of events: each is declared once by the app that writes it, and has its label in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zhizhi.kernel.errors import UsageError

_NAME = re.compile(r"[a-z]+(\.[a-z][a-z-]*){2,}")
_declared: set[str] = set()
READS = frozenset({"read", "viewed", "exported", "revealed"})
"""Last words of events that tell of looking, not of changing."""


def declare(name: str) -> str:
    """Declare an event's name, a dotted past fact such as ``casework.case.closed``, and return it.

    Its label in both languages is ``<app>.event-<rest with dots as hyphens>``: ``casework.event-case-closed``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"an event is named app.thing.happened, not {name!r}")
    _declared.add(name)
    return name


def declared() -> frozenset[str]:
    """Return the names of all events."""
    return frozenset(_declared)


def label_of(name: str) -> str:
    """Return the catalogue code of an event's label."""
    app, rest = name.split(".", 1)
    return f"{app}.event-{rest.replace('.', '-')}"


def is_read(name: str) -> bool:
    """Whether an event tells that somebody looked: its last word is one of ``READS``."""
    return name.rsplit(".", 1)[1] in READS


def known(name: str) -> str:
    """Return ``name``, or raise ``UsageError`` (``journal.event-unknown``)."""
    if name not in _declared:
        raise UsageError("journal.event-unknown", name=name)
    return name


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to be written: its name, subjects, place, and details without personal data."""

    name: str
    subjects: Sequence[str] = ()
    region: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    package: str = ""
    package_version: str = ""
    purpose: str = ""


LEDGER_VERIFIED = declare("journal.ledger.verified")
LEDGER_EXPORTED = declare("journal.ledger.exported")
LEDGER_UNMATCHED = declare("journal.ledger.unmatched")
EVENTS_EXPORTED = declare("journal.events.exported")
RECEIPT_MADE = declare("journal.receipt.made")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a round of sealing did: the size of the ledger after it, and how many events went in."""

    size: int
    events: int


@dataclass(frozen=True, slots=True)
class CosignerView:
    """How it stands with a witness; ``behind`` is how many entries it has not cosigned."""

    name: str
    size: int
    behind: int
    cosigned_at: datetime | None
    failing_since: datetime | None
    failure: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VerificationView:
    """One verification of the whole ledger."""

    at: datetime
    actor: str
    size: int
    events: int
    found: int
    findings: Sequence[Mapping[str, Any]]
    seconds: float


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """Where the ledger stands: size, root, checkpoint, what waits to be sealed and for how long, witnesses, last verification."""

    origin: str
    vkey: str
    size: int
    root: str
    sealed_at: datetime | None
    waiting: int
    waiting_seconds: float
    late: bool
    witnesses: Sequence[CosignerView]
    verification: VerificationView | None
    fault: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventView:
    """One event as it is listed; subjects are shown as the reader may see them."""

    id: int
    name: str
    at: datetime
    actor: str
    role: str
    via: str
    region: str
    purpose: str
    package: str
    package_version: str
    details: Mapping[str, Any]
    subjects: Sequence[str]
    leaf: int | None

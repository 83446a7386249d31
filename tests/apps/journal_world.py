"""Events to test the journal with, and a second reading of what the ledger holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import Fact, declare
from zhizhi.apps.journal.services import record_many
from zhizhi.backends.ledger_folder import LedgerFolder

CLOSED = declare("casework.case.closed")
READ = declare("assistance.household.read")
HOUSEHOLD = "household:" + "0a1b2c3d" * 3


def facts(numbers: Iterable[int], region: str = "330106109") -> list[Fact]:
    """One closed case a number, about one household."""
    return [
        Fact(CLOSED, subjects=[f"case:{n}", HOUSEHOLD], region=region, details={"outcome": "granted", "visits": n % 3})
        for n in numbers
    ]


def write(actor: Actor, numbers: Iterable[int], now: datetime, region: str = "330106109") -> list[int]:
    """Write events as a service does, and return their ids once they are committed."""
    with transaction.atomic():
        return record_many(actor, facts(numbers, region), now=now)


def sealed_ids() -> list[int]:
    """Ids of the events in the ledger, in its order, read from the files alone."""
    folder = LedgerFolder(configuration().ledger)
    note = folder.note()
    size = int(note.text.split("\n")[1]) if note else 0
    return [json.loads(entry)["event"] for entry in folder.entries(0, size)]

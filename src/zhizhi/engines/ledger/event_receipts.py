"""One receipt for several events, such as all of a case: a ``.tlog-proof`` of the newest, with the others as its extra data.

A standard client verifies the newest entry. Ours verifies each of them against the same signed checkpoint, and, where the receipt
opens an event, that the opened row is the one that the entry commits to. Nothing in the extra data is believed before that.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zhizhi.engines.ledger.checkpoints import Checkpoint, witnesses_of
from zhizhi.engines.ledger.entries import ABOUT_LIMIT, PUBLIC_KINDS, commits_to, stated_in
from zhizhi.engines.ledger.notes import PublicKey, decode64, parse_note
from zhizhi.engines.ledger.receipts import Receipt
from zhizhi.kernel.errors import LedgerError

FORM = 1
ROW_FIELDS = (
    "id", "at", "name", "user", "post", "role", "actor", "via", "region", "purpose", "package", "version", "details", "subjects",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proven:
    """One entry with its path; ``salt`` and ``row`` open what it commits to."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    salt: bytes | None = None
    row: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """What one entry says, and the whole event where the receipt opens it."""

    index: int
    stated: dict[str, Any]
    row: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A receipt that holds: checkpoint, subject (empty if it cannot be told), events, name -> POSIX time of known witnesses."""

    checkpoint: Checkpoint
    subject: str
    events: tuple[ProvenEvent, ...]
    witnesses: dict[str, int]


def receipt_of(subject: str, proven: Sequence[Proven], checkpoint: bytes) -> Receipt:
    """Return the receipt of ``proven``, which is not empty; the last of them is the one that a standard client verifies."""
    events = [
        {"index": one.index, "entry": one.entry.decode(), "path": [base64.b64encode(step).decode() for step in one.path]}
        | ({"salt": base64.b64encode(one.salt).decode(), "row": one.row} if one.salt and one.row is not None else {})
        for one in proven
    ]
    extra = json.dumps({"form": FORM, "subject": subject, "events": events}, ensure_ascii=False, separators=(",", ":")).encode()
    return Receipt(proven[-1].index, proven[-1].path, checkpoint, extra)


def check(data: bytes, key: PublicKey, witnesses: Sequence[PublicKey] = ()) -> Checked:
    """Verify a receipt with nothing but the log's public key (and those of witnesses, where known).

    Raises:
        LedgerError: ``ledger.receipt``, ``ledger.receipt-bare`` (a receipt of another program, without entries), and what
            ``Receipt.verify`` and ``witnesses_of`` raise; ``ledger.row-differs``, ``ledger.receipt-subject``.
    """
    receipt = Receipt.parse(data)
    if receipt.extra is None:
        raise LedgerError("ledger.receipt-bare")
    subject, proven = _read(receipt.extra)
    main = proven[-1]
    if (main.index, main.path) != (receipt.index, receipt.path):
        raise LedgerError("ledger.receipt")
    events = []
    checkpoint = receipt.verify(main.entry, key, key.name)
    for one in proven:
        Receipt(one.index, one.path, receipt.checkpoint).verify(one.entry, key, key.name)
        events.append(ProvenEvent(one.index, stated_in(one.entry), _opened(one)))
    subject = _vouched(subject, events)
    return Checked(checkpoint, subject, tuple(events), witnesses_of(parse_note(receipt.checkpoint), witnesses))


def _vouched(subject: str, events: Sequence[ProvenEvent]) -> str:
    """The subject that the receipt claims, if every entry is about it; empty where entries that are not opened hide theirs."""
    open_kind = subject.partition(":")[0] in PUBLIC_KINDS
    for event in events:
        if event.row is not None:
            about = event.row["subjects"]
        elif open_kind and len(event.stated["about"]) < ABOUT_LIMIT:
            about = event.stated["about"]
        else:
            return ""
        if subject not in about:
            raise LedgerError("ledger.receipt-subject", subject=subject[:80], index=event.index)
    return subject


def _opened(one: Proven) -> dict[str, Any] | None:
    if one.salt is None or one.row is None:
        return None
    if not commits_to(one.entry, one.salt, one.row):
        raise LedgerError("ledger.row-differs", index=one.index)
    return dict(zip(ROW_FIELDS, json.loads(one.row), strict=True))


def _read(extra: bytes) -> tuple[str, list[Proven]]:
    try:
        told = json.loads(extra)
        proven = [
            Proven(
                int(one["index"]),
                str(one["entry"]).encode(),
                tuple(decode64(step) for step in one["path"]),
                decode64(one["salt"]) if "salt" in one else None,
                str(one["row"]) if "row" in one else None,
            )
            for one in told["events"]
        ]
        if told["form"] == FORM and proven:
            return str(told["subject"]), proven
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    raise LedgerError("ledger.receipt-bare")

"""Verify everything: the ledger's files against the signed checkpoint, and the journal's rows against the ledger's entries."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.models import Event, Seal, Verification
from zhizhi.apps.journal.schemas import LEDGER_VERIFIED, VerificationView
from zhizhi.apps.journal.services.events import record
from zhizhi.apps.journal.services.ledger_keys import ledger_keys
from zhizhi.apps.journal.services.rows import texts_by_leaf
from zhizhi.apps.journal.services.witnesses import witnesses
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.audit import Audit, audit
from zhizhi.engines.ledger.checkpoints import witnesses_of
from zhizhi.engines.ledger.entries import commits_to, salt_of, stated_in
from zhizhi.engines.ledger.hashing import EMPTY_ROOT
from zhizhi.engines.ledger.tiles import Hashes
from zhizhi.kernel.errors import LedgerError

BATCH = 4_096
SEALS = 1_000
"""So many of the newest checkpoints are held against the tree."""


def ledger_verify(actor: Actor, *, now: datetime, timer: Callable[[], float] = time.perf_counter) -> VerificationView:
    """Verify the ledger and the journal, and keep what was found.

    Args:
        actor: needs ``LEDGER_VERIFY``.
        now: when.
        timer: seconds that only rise.
    """
    actor.require(Permission.LEDGER_VERIFY)
    began = timer()
    result, compared = _verified()
    findings = [{"code": error.code, "params": {k: str(v) for k, v in error.params.items()}} for error in result.findings]
    with transaction.atomic():
        row = Verification.objects.create(
            at=now,
            actor=actor.name,
            size=result.size,
            events=compared,
            found=result.found,
            findings=findings,
            seconds=timer() - began,
        )
        details = {"size": result.size, "found": result.found}
        record(actor, LEDGER_VERIFIED, now=now, subjects=["ledger:1"], region=configuration().region, details=details)
    return VerificationView(row.at, row.actor, row.size, row.events, row.found, findings, row.seconds)


def _verified() -> tuple[Audit, int]:
    settings = configuration()
    folder = LedgerFolder(settings.ledger)
    try:
        keys = ledger_keys(settings)
        point = folder.checkpoint(keys.public)
    except LedgerError as error:
        broken = Audit(0)
        broken.add(error)
        return broken, 0
    size, root = (point.size, point.root) if point else (0, EMPTY_ROOT)
    comparer = _Comparer(keys.commitment)
    result = audit(folder.read, size, root, comparer.take)
    comparer.flush()
    for finding in comparer.findings:
        result.add(finding)
    beyond = Event.objects.filter(leaf__gte=size).count()
    if beyond:
        result.add(LedgerError("ledger.leaf-beyond", n=beyond))
    _check_checkpoints(folder, result)
    return result, comparer.compared


def _check_checkpoints(folder: LedgerFolder, result: Audit) -> None:
    """Hold the checkpoints that were noted, and the witnesses' cosignatures of the newest, against the tree."""
    hashes = Hashes(folder.read, result.size)
    for seal in Seal.objects.filter(size__lte=result.size).order_by("-size")[:SEALS]:
        try:
            if hashes.root(seal.size) != base64.b64decode(seal.root):
                result.add(LedgerError("ledger.seal-differs", size=seal.size))
        except LedgerError as error:
            result.add(error)
            break
    try:
        note = folder.note()
        if note is not None:
            witnesses_of(note, [witness.key for witness in witnesses(configuration())[0]])
    except LedgerError as error:
        result.add(error)


class _Comparer:
    """Holds entries against the journal's rows, a few thousand at a time."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._start = 0
        self._waiting: list[bytes] = []
        self.compared = 0
        self.findings: list[LedgerError] = []

    def take(self, start: int, entries: list[bytes]) -> None:
        """Take the entries of one bundle."""
        self._waiting += entries
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Compare what waits."""
        start, entries = self._start, self._waiting
        rows = texts_by_leaf(start, start + len(entries)) if entries else {}
        key = self._key
        for leaf, entry in enumerate(entries, start):
            row = rows.get(leaf)
            if row is None or not commits_to(entry, salt_of(key, row[0]), row[1]):
                code = "ledger.row-missing" if row is None else "ledger.row-changed"
                self.findings.append(_finding(code, leaf, entry))
        self.compared += len(rows)
        self._start, self._waiting = start + len(entries), []


def _finding(code: str, leaf: int, entry: bytes) -> LedgerError:
    try:
        stated = stated_in(entry)
    except LedgerError:
        stated = {"event": "?", "name": "?"}
    if code == "ledger.row-missing":
        return LedgerError("ledger.row-missing", index=leaf, event=stated["event"], name=stated["name"])
    return LedgerError("ledger.row-changed", index=leaf, event=stated["event"], name=stated["name"])

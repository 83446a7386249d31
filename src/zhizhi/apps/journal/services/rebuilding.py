"""Make the tail of a ledger again that was lost with its folder: from the journal, and only if the signed root comes out."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.models import Event, EventSubject, Seal
from zhizhi.apps.journal.services.ledger_keys import ledger_keys
from zhizhi.apps.journal.services.rows import with_subjects
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.entries import entry_of
from zhizhi.engines.ledger.hashing import leaf_hashes
from zhizhi.engines.ledger.tiles import CHECKPOINT, Edge
from zhizhi.kernel.errors import LedgerError

BATCH = 5_000


def ledger_rebuild() -> int:
    """Bring a ledger folder that is older than the journal to the newest signed size; return how many entries were made again.

    First the root is worked out without writing anything; only if it is the one that was signed are the files written.

    Raises:
        LedgerError: ``ledger.rebuild-differs``: an event of the tail was changed or deleted; nothing was written.
    """
    settings = configuration()
    keys = ledger_keys(settings)
    folder = LedgerFolder(settings.ledger)
    with folder.lock():
        point = folder.checkpoint(keys.public)
        size = point.size if point else 0
        target = Seal.objects.order_by("-size").first()
        if target is None or target.size <= size:
            return 0
        edge = Edge.read(folder.read, size)
        for entries in _entries(size, target.size, keys.commitment):
            edge.append(leaf_hashes(entries))
        if edge.size != target.size or edge.root() != base64.b64decode(target.root):
            raise LedgerError("ledger.rebuild-differs", size=target.size)
        for entries in _entries(size, target.size, keys.commitment):
            folder.append(entries, keys.signing)
        folder.write({CHECKPOINT: target.note.encode()})
    return target.size - size


def _entries(start: int, end: int, key: bytes) -> Iterator[list[bytes]]:
    for at in range(start, end, BATCH):
        until = min(at + BATCH, end)
        events = Event.objects.filter(leaf__gte=at, leaf__lt=until).order_by("leaf")
        about = EventSubject.objects.filter(event__leaf__gte=at, event__leaf__lt=until)
        yield [entry_of(row, key) for row in with_subjects(events, about)]

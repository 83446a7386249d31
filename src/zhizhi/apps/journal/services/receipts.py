"""Receipts for what the ledger holds about a subject, and copies of the whole ledger."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Event, Seal
from zhizhi.apps.journal.schemas import LEDGER_EXPORTED, RECEIPT_MADE
from zhizhi.apps.journal.services.events import record
from zhizhi.apps.journal.services.ledger_keys import PUBLIC, ledger_keys, public_key
from zhizhi.apps.journal.services.rows import by_ids
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.checkpoints import Checkpoint, open_checkpoint
from zhizhi.engines.ledger.entries import row_text, salt_of
from zhizhi.engines.ledger.event_receipts import Proven, receipt_of
from zhizhi.engines.ledger.notes import Note, parse_note
from zhizhi.engines.ledger.proofs import inclusion_proof
from zhizhi.engines.ledger.tiles import CHECKPOINT, WIDTH, Hashes, parse_path, paths_of, read_entries, read_tile
from zhizhi.engines.ledger.tiles import bundle as bundled
from zhizhi.kernel.errors import LedgerError, NotFoundError, RefusedError

EVENTS_LIMIT = 500


def receipt_make(actor: Actor, *, subject: str, now: datetime, opened: bool = False) -> bytes:
    """Return a ``.tlog-proof`` of every sealed event about ``subject`` that the actor sees (the newest 500).

    Args:
        actor: needs ``JOURNAL_VIEW``, or for a case ``CASE_VIEW``; to open contents, ``JOURNAL_EXPORT``.
        subject: such as ``case:12``.
        now: when.
        opened: whether the receipt shows the whole events, names of officials and pseudonyms of households among them.

    Raises:
        RefusedError: ``accounts.refused``.
        NotFoundError: ``journal.nothing-sealed``.
    """
    if opened:
        actor.require(Permission.JOURNAL_EXPORT)
    elif not (actor.may(Permission.JOURNAL_VIEW) or (subject.startswith("case:") and actor.may(Permission.CASE_VIEW))):
        raise RefusedError("accounts.refused", permission=Permission.JOURNAL_VIEW.value, role=actor.role or "-")
    settings = configuration()
    keys = ledger_keys(settings)
    folder = LedgerFolder(settings.ledger)
    point = folder.checkpoint(keys.public)
    found = Event.objects.filter(in_scope(actor), subjects__subject=subject, leaf__isnull=False).order_by("-leaf")
    leaves = [(leaf, event) for leaf, event in found.values_list("leaf", "pk")[:EVENTS_LIMIT] if leaf is not None]
    if not leaves or point is None:
        raise NotFoundError("journal.nothing-sealed", subject=subject)
    note = _best_note(folder, leaves[0][0], settings)
    point = open_checkpoint(note, keys.public, keys.public.name)
    rows = by_ids([event for _, event in leaves]) if opened else {}
    hashes = Hashes(folder.read, point.size)
    proven = []
    for leaf, event in sorted(leaves):
        entry = _entry(folder, leaf, point.size)
        opening = (salt_of(keys.commitment, event), row_text(rows[event])) if opened else (None, None)
        proven.append(Proven(leaf, entry, tuple(inclusion_proof(hashes.subtree, leaf, point.size)), *opening))
    data = receipt_of(subject, proven, note.encode()).encode()
    with transaction.atomic():
        details = {"events": len(proven), "size": point.size, "opened": opened}
        region = Event.objects.values_list("region", flat=True).get(pk=leaves[0][1])
        record(actor, RECEIPT_MADE, now=now, subjects=[subject], region=region, details=details)
    return data


def _best_note(folder: LedgerFolder, leaf: int, settings: Configuration) -> Note:
    """The newest checkpoint that covers a leaf and carries a cosignature, where witnesses are asked; else the newest."""
    newest = folder.note()
    if newest is None:
        raise LedgerError("ledger.empty")
    if len(newest.signatures) < 2 and (settings.witness_key_file or settings.witness_url):
        for seal in Seal.objects.filter(size__gt=leaf).order_by("-size")[:100]:
            note = parse_note(seal.note.encode())
            if len(note.signatures) > 1:
                return note
    return newest


def _entry(folder: LedgerFolder, leaf: int, size: int) -> bytes:
    index, place = divmod(leaf, WIDTH)
    width = min(WIDTH, size - index * WIDTH)
    return read_entries(folder.read, index, width)[place]


def ledger_files(actor: Actor, *, now: datetime) -> tuple[Checkpoint, Iterator[tuple[str, bytes]]]:
    """Return the newest checkpoint and every file of the ledger at that size, checkpoint last; it is journaled.

    Raises:
        LedgerError: ``ledger.empty`` and what reading raises.
    """
    actor.require(Permission.JOURNAL_EXPORT)
    settings = configuration()
    folder = LedgerFolder(settings.ledger)
    key, note = public_key(settings), folder.note()
    point = folder.checkpoint(key) if key else None
    if key is None or note is None or point is None:
        raise LedgerError("ledger.empty")
    with transaction.atomic():
        record(actor, LEDGER_EXPORTED, now=now, subjects=["ledger:1"], region=settings.region, details={"size": point.size})
    return point, _files(folder, point, {PUBLIC: f"{key.vkey()}\n".encode(), CHECKPOINT: note.encode()})


def _files(folder: LedgerFolder, point: Checkpoint, last: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for path in paths_of(point.size):
        yield path, _file(folder, path)
    yield from last.items()


def _file(folder: LedgerFolder, path: str) -> bytes:
    """One file; a partial one that was replaced meanwhile is cut from the full one."""
    try:
        return folder.read(path)
    except FileNotFoundError:
        level, index, width = parse_path(path)
        if level == "entries":
            return bundled(read_entries(folder.read, index, width))
        return read_tile(folder.read, int(level), index, width)


def ledger_export(actor: Actor, *, target: Path, now: datetime) -> Checkpoint:
    """Copy the ledger into a folder, as a web server would serve it; files that are already there are not written again."""
    point, files = ledger_files(actor, now=now)
    copy = LedgerFolder(target)
    for path, data in files:
        if not ((target / path).is_file() and (target / path).stat().st_size == len(data) and path.startswith("tile/")):
            copy.write({path: data})
    return point


def ledger_archive(actor: Actor, *, now: datetime) -> tuple[Checkpoint, Iterator[bytes]]:
    """Return the ledger as the pieces of one tar file."""
    point, files = ledger_files(actor, now=now)
    return point, _tar(files, int(now.timestamp()))


def _tar(files: Iterator[tuple[str, bytes]], seconds: int) -> Iterator[bytes]:
    for path, data in files:
        member = tarfile.TarInfo(f"ledger/{path}")
        member.size, member.mtime, member.mode = len(data), seconds, 0o644
        yield member.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)

"""The folder of a ledger: files that appear whole or not at all, in an order that survives the loss of the process at any point.

Tiles and bundles are written first, then the checkpoint that needs them takes its place by a rename. What was written after the
last checkpoint belongs to nobody and is written over by the next group. One writer at a time: a lock that dies with its holder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from zhizhi.engines.ledger.checkpoints import Checkpoint, open_checkpoint
from zhizhi.engines.ledger.hashing import leaf_hashes
from zhizhi.engines.ledger.notes import Note, PublicKey, SecretKey, Signature, parse_note
from zhizhi.engines.ledger.tiles import CHECKPOINT, WIDTH, Edge, bundle, read_entries, tile_path, widths
from zhizhi.kernel.errors import LedgerError, UnavailableError

WAIT = 20.0
"""Seconds that a writer waits for another one."""


class LedgerFolder:
    """A ledger on disk, in the layout of C2SP tlog-tiles."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the ledger; ``FileNotFoundError`` where there is none."""
        return (self.root / path).read_bytes()

    def note(self) -> Note | None:
        """Return the newest checkpoint as it is signed and cosigned, or None for a ledger that has none yet.

        Raises:
            LedgerError: ``ledger.note``.
        """
        try:
            return parse_note(self.read(CHECKPOINT))
        except FileNotFoundError:
            return None

    def checkpoint(self, key: PublicKey) -> Checkpoint | None:
        """Return the newest checkpoint after verifying the log's signature.

        Raises:
            LedgerError: as ``open_checkpoint``.
        """
        note = self.note()
        return None if note is None else open_checkpoint(note, key, key.name)

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield entries ``start`` to ``end`` of a ledger that has at least ``end``."""
        full, part = widths(end)
        for index in range(start // WIDTH, full + (part > 0)):
            piece = read_entries(self.read, index, WIDTH if index < full else part)
            yield from piece[max(0, start - index * WIDTH) :]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the ledger alone.

        Raises:
            UnavailableError: ``ledger.busy``, another process has held it for 20 seconds.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + WAIT
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        raise UnavailableError("ledger.busy") from error
                    time.sleep(0.01)
            yield
        finally:
            os.close(handle)

    def append(self, entries: Sequence[bytes], key: SecretKey) -> Checkpoint:
        """Append a group of entries durably and publish the signed checkpoint. The caller holds the lock.

        The right edge is read from disk and must give the root of the last checkpoint: nothing is built on a damaged tree.

        Raises:
            LedgerError: what ``checkpoint`` and reading tiles raise, and ``ledger.edge``.
            OSError: the disk is full or gone; the last checkpoint stands.
        """
        last = self.checkpoint(key.public)
        old = last.size if last else 0
        edge = Edge.read(self.read, old)
        if last is not None and edge.root() != last.root:
            raise LedgerError("ledger.edge", size=old)
        files = self._bundles(old, entries)
        files.update(edge.append(leaf_hashes(entries)))
        self.write(files)
        checkpoint = Checkpoint(key.name, edge.size, edge.root())
        self.write({CHECKPOINT: checkpoint.sign(key).encode()})
        self._prune(files)
        return checkpoint

    def cosign(self, signatures: Sequence[Signature], key: PublicKey, size: int) -> bool:
        """Add cosignatures to the checkpoint of ``size``; False if the ledger has gone on since. The caller holds the lock."""
        note, last = self.note(), self.checkpoint(key)
        if note is None or last is None or last.size != size:
            return False
        self.write({CHECKPOINT: note.adding(signatures).encode()})
        return True

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files so that each is there whole or as it was before, and there to stay when this returns."""
        folders: set[Path] = set()
        for path, data in files.items():
            target = self.root / path
            self._make(target.parent, folders)
            waiting = target.with_name(f".{target.name}.part")
            handle = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(waiting, target)
            folders.add(target.parent)
        for folder in sorted(folders, reverse=True):
            _sync_folder(folder)

    def _make(self, folder: Path, made: set[Path]) -> None:
        while not folder.is_dir():
            made.add(folder.parent)
            try:
                folder.mkdir()
            except FileNotFoundError:
                self._make(folder.parent, made)
            except FileExistsError:
                break

    def _bundles(self, old: int, entries: Sequence[bytes]) -> dict[str, bytes]:
        index, part = widths(old)
        before = read_entries(self.read, index, part) if part else []
        pending = [*before, *entries]
        files = {}
        for at in range(0, len(pending), WIDTH):
            piece = pending[at : at + WIDTH]
            files[tile_path("entries", index, len(piece))] = bundle(piece)
            index += 1
        return files

    def _prune(self, files: Mapping[str, bytes]) -> None:
        """Remove the partial tiles that a full one has replaced; what cannot be removed does no harm."""
        for path in files:
            if path.startswith("tile/") and ".p/" not in path:
                shutil.rmtree(self.root / f"{path}.p", ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Receipts that need nothing but themselves and the log's public key: C2SP tlog-proof."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from zhizhi.engines.ledger.checkpoints import Checkpoint, number, open_checkpoint
from zhizhi.engines.ledger.hashing import HASH_SIZE, leaf_hash
from zhizhi.engines.ledger.notes import PublicKey, decode64
from zhizhi.engines.ledger.proofs import includes
from zhizhi.kernel.errors import LedgerError

HEADER = "c2sp.org/tlog-proof@v1"
PATH_LIMIT = 63
RECEIPT_LIMIT = 4_000_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """Entry ``index`` of a log, its path to the root, the checkpoint that was signed, and data that nobody vouches for."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the receipt as a ``.tlog-proof`` file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(step).decode() for step in self.path]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint

    @staticmethod
    def parse(data: bytes) -> Receipt:
        """Read a ``.tlog-proof`` file; nothing is verified yet.

        Raises:
            LedgerError: ``ledger.receipt``.
        """
        head, empty, checkpoint = data.partition(b"\n\n")
        if len(data) > RECEIPT_LIMIT or not empty or not checkpoint:
            raise LedgerError("ledger.receipt")
        try:
            header, *lines = head.decode("ascii").split("\n")
            extra = decode64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
            word, index = lines.pop(0).split(" ")
            path = tuple(decode64(line) for line in lines)
            receipt = Receipt(number(index), path, checkpoint, extra)
        except (ValueError, IndexError) as error:
            raise LedgerError("ledger.receipt") from error
        if header != HEADER or word != "index" or len(path) > PATH_LIMIT or any(len(step) != HASH_SIZE for step in path):
            raise LedgerError("ledger.receipt")
        return receipt

    def verify(self, entry: bytes, key: PublicKey, origin: str | None = None) -> Checkpoint:
        """Return the checkpoint after verifying that the log, by its signature, contains ``entry`` at this index.

        Raises:
            LedgerError: as ``open_checkpoint``, and ``ledger.not-included``.
        """
        checkpoint = open_checkpoint(self.checkpoint, key, origin)
        if not includes(leaf_hash(entry), self.index, checkpoint.size, self.path, checkpoint.root):
            raise LedgerError("ledger.not-included", index=self.index, size=checkpoint.size)
        return checkpoint

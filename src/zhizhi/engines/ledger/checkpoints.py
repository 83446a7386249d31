"""Checkpoints (C2SP tlog-checkpoint) and cosignatures of witnesses (C2SP tlog-cosignature, cosignature/v1)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from zhizhi.engines.ledger.hashing import HASH_SIZE
from zhizhi.engines.ledger.notes import (
    COSIGNATURE,
    Note,
    PublicKey,
    SecretKey,
    Signature,
    decode64,
    open_note,
    parse_note,
    sign_note,
)
from zhizhi.kernel.errors import LedgerError

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


def number(text: str) -> int:
    """Read a decimal number without leading noughts.

    Raises:
        ValueError: anything else.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name (origin), how many entries it has, and their root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the lines that are signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    def sign(self, key: SecretKey) -> Note:
        """Return the checkpoint as a note signed by the log."""
        return sign_note(self.text(), [key])

    @staticmethod
    def parse(text: str) -> Checkpoint:
        """Read the text of a checkpoint.

        Raises:
            LedgerError: ``ledger.checkpoint``.
        """
        lines = text.split("\n")
        try:
            origin, size, root, *extensions, end = lines
            checkpoint = Checkpoint(origin, number(size), decode64(root), tuple(extensions))
        except ValueError as error:
            raise LedgerError("ledger.checkpoint") from error
        if end or not origin or not all(extensions) or len(checkpoint.root) != HASH_SIZE:
            raise LedgerError("ledger.checkpoint")
        return checkpoint


def open_checkpoint(note: Note | bytes, key: PublicKey, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint of a note after verifying the log's signature and name.

    Raises:
        LedgerError: ``ledger.note``, ``ledger.not-signed``, ``ledger.signature``, ``ledger.checkpoint``, ``ledger.origin``.
    """
    opened = parse_note(note) if isinstance(note, bytes) else note
    checkpoint = Checkpoint.parse(open_note(opened, key))
    if origin is not None and checkpoint.origin != origin:
        raise LedgerError("ledger.origin", seen=checkpoint.origin, expected=origin)
    return checkpoint


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosign(note: Note, key: SecretKey, seconds: int) -> Signature:
    """Return a witness's cosignature of a checkpoint, at a POSIX time given by the caller."""
    if key.kind != COSIGNATURE:
        raise LedgerError("ledger.not-a-witness", key=key.name)
    signed = seconds.to_bytes(8, "big") + key.sign(_cosigned(note.text, seconds))
    return Signature(key.name, key.public.id, signed)


def cosigned_at(note: Note, key: PublicKey) -> int | None:
    """Return the POSIX time of a witness's cosignature, or None where it has not cosigned.

    Raises:
        LedgerError: ``ledger.signature`` when a line of this witness does not verify.
    """
    newest = None
    for signature in note.by(key):
        seconds, bare = int.from_bytes(signature.signed[:8], "big"), signature.signed[8:]
        if key.kind != COSIGNATURE or not key.verifies(_cosigned(note.text, seconds), bare):
            raise LedgerError("ledger.signature", key=key.name)
        newest = max(seconds, newest or 0)
    return newest


def witnesses_of(note: Note, witnesses: Iterable[PublicKey]) -> dict[str, int]:
    """Return name -> POSIX time of the known witnesses whose cosignature the note carries."""
    times = {key.name: cosigned_at(note, key) for key in witnesses}
    return {name: seconds for name, seconds in times.items() if seconds is not None}

"""What a witness does (C2SP tlog-witness): cosign a checkpoint only if the log merely grew since the last one it saw.

Pure: what the witness remembers comes in and goes out; keeping it, before the cosignature is handed over, is the caller's work.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from zhizhi.engines.ledger.checkpoints import Checkpoint, cosign, number, open_checkpoint
from zhizhi.engines.ledger.hashing import EMPTY_ROOT, HASH_SIZE
from zhizhi.engines.ledger.notes import Note, PublicKey, SecretKey, Signature, decode64, parse_note
from zhizhi.engines.ledger.proofs import continues
from zhizhi.kernel.errors import LedgerError

SIZE_TYPE = "text/x.tlog.size"
PROOF_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Request:
    """A call of ``add-checkpoint``: the size that the witness saw last, the proof from there, and the checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def encode(self) -> bytes:
        """Return the body of the call."""
        lines = [f"old {self.old}", *(base64.b64encode(step).decode() for step in self.proof)]
        return "\n".join(lines).encode() + b"\n\n" + self.note.encode()

    @staticmethod
    def parse(body: bytes) -> Request:
        """Read the body of a call.

        Raises:
            LedgerError: ``ledger.witness-request``, ``ledger.note``.
        """
        head, empty, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
            word, size = first.split(" ")
            request = Request(number(size), tuple(decode64(line) for line in lines), parse_note(note))
        except ValueError as error:
            raise LedgerError("ledger.witness-request") from error
        proof = request.proof
        if not empty or word != "old" or len(proof) > PROOF_LIMIT or any(len(step) != HASH_SIZE for step in proof):
            raise LedgerError("ledger.witness-request")
        return request


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: HTTP status, body, and what it must remember before it answers (None: as before)."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    remember: Checkpoint | None = None


def consider(body: bytes, logs: Mapping[str, PublicKey], seen: Mapping[str, Checkpoint], key: SecretKey, seconds: int) -> Answer:
    """Answer a call of ``add-checkpoint``.

    Args:
        body: the call.
        logs: origin -> key of the logs that this witness serves.
        seen: origin -> the newest checkpoint that it cosigned.
        key: the witness's own key.
        seconds: POSIX time of the cosignature.
    """
    try:
        request = Request.parse(body)
        origin = Checkpoint.parse(request.note.text).origin
    except LedgerError:
        return Answer(400)
    if origin not in logs:
        return Answer(404)
    try:
        checkpoint = open_checkpoint(request.note, logs[origin], origin)
    except LedgerError:
        return Answer(403)
    if request.old > checkpoint.size:
        return Answer(400)
    last = seen.get(origin) or Checkpoint(origin, 0, EMPTY_ROOT)
    if request.old != last.size or (checkpoint.size == last.size and checkpoint.root != last.root):
        return Answer(409, f"{last.size}\n".encode(), SIZE_TYPE)
    if not continues(last.size, last.root, checkpoint.size, checkpoint.root, request.proof):
        return Answer(422)
    return Answer(200, cosign(request.note, key, seconds).line().encode(), remember=checkpoint)


def parse_cosignatures(body: bytes) -> tuple[Signature, ...]:
    """Read the signature lines that a witness answered.

    Raises:
        LedgerError: ``ledger.note``.
    """
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError as error:
        raise LedgerError("ledger.note") from error
    if lines.pop() or not lines:
        raise LedgerError("ledger.note")
    return tuple(Signature.parse(line) for line in lines)

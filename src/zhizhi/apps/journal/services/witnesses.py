"""Ask witnesses to cosign the newest checkpoint. What goes wrong with one is written down and tried again; nothing waits for it.

Two kinds: a key file that a second office keeps (its last seen checkpoint stands beside it, so that it refuses a ledger that was
set back), and a witness service by HTTP (C2SP tlog-witness).
"""

from __future__ import annotations

import fcntl
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Cosigner, Seal
from zhizhi.apps.journal.services.ledger_keys import public_key
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.checkpoints import Checkpoint, cosigned_at, open_checkpoint
from zhizhi.engines.ledger.notes import Note, PublicKey, SecretKey, Signature
from zhizhi.engines.ledger.proofs import consistency_proof
from zhizhi.engines.ledger.tiles import Hashes
from zhizhi.engines.ledger.witness import Answer, Request, consider, parse_cosignatures
from zhizhi.kernel.errors import LedgerError, ZhizhiError

PAUSE = timedelta(seconds=15)
"""After a failure a witness is left alone for so long."""
TIMEOUT = 5.0
ANSWER_LIMIT = 65_536
Ask = Callable[[bytes, datetime], Answer]


@dataclass(frozen=True, slots=True)
class Witness:
    """A configured witness: its public key and how it is asked."""

    key: PublicKey
    ask: Ask


def witnesses(settings: Configuration) -> tuple[list[Witness], dict[str, Exception]]:
    """Return the configured witnesses, and place -> fault of those that cannot be used."""
    found: list[Witness] = []
    faults: dict[str, Exception] = {}
    for place, make in (
        (str(settings.witness_key_file), _with_key_file),
        (str(settings.witness_url), _with_service),
    ):
        if place:
            try:
                found.append(make(settings))
            except (OSError, ZhizhiError) as error:
                faults[place] = error
    return found, faults


def _with_key_file(settings: Configuration) -> Witness:
    path = settings.path("witness_key_file")
    secret = SecretKey.parse(path.read_text(encoding="utf-8"))
    return Witness(secret.public, _local(path, secret, settings))


def _with_service(settings: Configuration) -> Witness:
    if not settings.witness_vkey:
        raise LedgerError("ledger.witness-key")
    return Witness(PublicKey.parse(settings.witness_vkey), _remote(settings.witness_url))


def witnesses_ask(*, now: datetime) -> int:
    """Ask every witness that has not cosigned the newest checkpoint; return how many did. Run by ``zhizhi work``."""
    settings = configuration()
    log_key = public_key(settings)
    folder = LedgerFolder(settings.ledger)
    note = folder.note()
    if log_key is None or note is None:
        return 0
    configured, faults = witnesses(settings)
    if not faults:
        Cosigner.objects.exclude(name__in=[witness.key.name for witness in configured]).delete()
    for place, error in faults.items():
        _failed(place, error, now)
    return sum(_asked(witness, folder, log_key, now) for witness in configured)


def _asked(witness: Witness, folder: LedgerFolder, log_key: PublicKey, now: datetime) -> bool:
    state, _ = Cosigner.objects.get_or_create(name=witness.key.name)
    if state.failed_at is not None and abs(now - state.failed_at) < PAUSE:
        return False
    try:
        note = folder.note()
        if note is None or witness.key.id in {signature.key for signature in note.signatures}:
            return False
        checkpoint = open_checkpoint(note, log_key, log_key.name)
        signatures = _cosignatures(witness, folder, note, checkpoint, state.size, now)
        with folder.lock():
            if folder.cosign(signatures, log_key, checkpoint.size):
                Seal.objects.filter(pk=checkpoint.size).update(note=(folder.note() or note).encode().decode())
    except (ZhizhiError, OSError, http.client.HTTPException, ValueError) as error:
        _failed(witness.key.name, error, now)
        return False
    state.size, state.cosigned_at = checkpoint.size, now
    state.failed_at = state.failing_since = None
    state.failure, state.params = "", {}
    state.save()
    return True


def _cosignatures(
    witness: Witness, folder: LedgerFolder, note: Note, checkpoint: Checkpoint, old: int, now: datetime
) -> tuple[Signature, ...]:
    hashes = Hashes(folder.read, checkpoint.size)
    answer = Answer(0)
    for _ in range(2):
        old = min(old, checkpoint.size)
        body = Request(old, tuple(consistency_proof(hashes.subtree, old, checkpoint.size)), note).encode()
        answer = witness.ask(body, now)
        remembered = answer.body.strip()
        if answer.status != 409 or not remembered.isdigit() or int(remembered) > checkpoint.size:
            break
        old = int(remembered)
    if answer.status != 200:
        raise LedgerError("ledger.witness-refused", status=answer.status)
    own = tuple(one for one in parse_cosignatures(answer.body) if (one.name, one.key) == (witness.key.name, witness.key.id))
    if cosigned_at(Note(note.text, own), witness.key) is None:
        raise LedgerError("ledger.witness-silent")
    return own


def _failed(name: str, error: Exception, now: datetime) -> None:
    if isinstance(error, ZhizhiError):
        code, params = error.code, {key: str(value) for key, value in error.params.items()}
    else:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
        code, params = "ledger.witness-away", {"reason": str(reason)[:120]}
    state, _ = Cosigner.objects.get_or_create(name=name[:200])
    state.failed_at, state.failing_since = now, state.failing_since or now
    state.failure, state.params = code, params
    state.save()


def _local(path: Path, secret: SecretKey, settings: Configuration) -> Ask:
    """A witness whose key file is at hand; what it saw last is kept beside the key, before the cosignature is used."""

    def ask(body: bytes, now: datetime) -> Answer:
        key = public_key(settings)
        seen_path = path.with_name(f"{path.name}.seen")
        with open(seen_path.with_name(f"{seen_path.name}.lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            seen, seconds = _remembered(seen_path)
            moment = max(int(now.timestamp()), seconds)
            logs = {key.name: key} if key else {}
            answer = consider(body, logs, {seen.origin: seen} if seen else {}, secret, moment)
            if answer.remember is not None:
                _remember(seen_path, answer.remember, moment)
        return answer

    return ask


def _remembered(path: Path) -> tuple[Checkpoint | None, int]:
    """The checkpoint that a witness cosigned last, and when; a cosignature is never dated before another one."""
    try:
        seconds, _, text = path.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None, 0
    return Checkpoint.parse(text), int(seconds)


def _remember(path: Path, checkpoint: Checkpoint, seconds: int) -> None:
    waiting = path.with_name(f"{path.name}.part")
    with open(waiting, "w", encoding="utf-8") as file:
        file.write(f"{seconds}\n{checkpoint.text()}")
        file.flush()
        os.fsync(file.fileno())
    os.replace(waiting, path)


def _remote(url: str) -> Ask:
    if not url.startswith(("https://", "http://")):
        raise LedgerError("ledger.witness-away", reason=url)

    def ask(body: bytes, now: datetime) -> Answer:
        request = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", data=body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return Answer(response.status, response.read(ANSWER_LIMIT))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(ANSWER_LIMIT))

    return ask

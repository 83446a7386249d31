"""The ledger's keys: one that signs checkpoints, one that commits to events. Files in the home that only their owner reads.

A key is made once, while the ledger is empty. A ledger that has entries and no key is never given another one by itself: that
would be a second ledger under the same name.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from zhizhi.apps.configuration import Configuration
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.notes import ED25519, PublicKey, SecretKey
from zhizhi.kernel.errors import LedgerError

SIGNING = "ledger.key"
PUBLIC = "ledger.vkey"
COMMITMENT = "commitment.key"


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """Both secrets; ``public`` is what everybody may have."""

    signing: SecretKey
    commitment: bytes

    @property
    def public(self) -> PublicKey:
        """The key that verifies checkpoints."""
        return self.signing.public

    def __repr__(self) -> str:
        return "LedgerKeys()"


def ledger_keys(configuration: Configuration) -> LedgerKeys:
    """Return the keys of the home; an empty ledger is given keys.

    Raises:
        LedgerError: ``ledger.key-gone``, ``ledger.origin-set``, ``ledger.secret-key``.
    """
    folder = configuration.keys
    try:
        signing = SecretKey.parse((folder / SIGNING).read_text(encoding="utf-8"))
        commitment = bytes.fromhex((folder / COMMITMENT).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return _made(configuration)
    except ValueError as error:
        raise LedgerError("ledger.secret-key") from error
    if signing.name != configuration.origin:
        raise LedgerError("ledger.origin-set", seen=signing.name, wanted=configuration.origin)
    if len(commitment) != 32:
        raise LedgerError("ledger.secret-key")
    return LedgerKeys(signing, commitment)


def public_key(configuration: Configuration) -> PublicKey | None:
    """Return the key that verifies checkpoints, or None before there is one."""
    try:
        return PublicKey.parse((configuration.keys / PUBLIC).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _made(configuration: Configuration) -> LedgerKeys:
    folder = configuration.keys
    ledger = LedgerFolder(configuration.ledger)
    with ledger.lock():
        if ledger.note() is not None:
            raise LedgerError("ledger.key-gone", folder=folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        signing = SecretKey(configuration.origin, ED25519, secrets.token_bytes(32))
        _keep(folder / SIGNING, signing.text())
        _keep(folder / COMMITMENT, secrets.token_hex(32))
        kept = SecretKey.parse((folder / SIGNING).read_text(encoding="utf-8"))
        public = folder / f".{PUBLIC}.part"
        public.write_text(kept.public.vkey() + "\n", encoding="utf-8")
        os.replace(public, folder / PUBLIC)
    return ledger_keys(configuration)


def _keep(path: Path, text: str) -> None:
    """Write a secret where there is none; two processes that start together end up with one."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(waiting, path)
    except FileExistsError:
        pass
    finally:
        waiting.unlink()

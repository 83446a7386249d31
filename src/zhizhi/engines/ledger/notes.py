"""Signed notes and their keys (C2SP signed-note), with Ed25519.

A note is a text, an empty line, and signature lines. A key has a name and a four-byte id; a signature of an unknown key is
passed over, a wrong signature of a known key spoils the note.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from zhizhi.kernel.errors import LedgerError

ED25519 = 0x01
COSIGNATURE = 0x04
SIGNATURE_LIMIT = 64
NOTE_LIMIT = 1_000_000
_PRIVATE = "PRIVATE+KEY+"


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the four bytes that name a key in a signature line."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _checked_name(name: str) -> str:
    if not name or "+" in name or any(letter.isspace() or ord(letter) < 0x20 for letter in name):
        raise LedgerError("ledger.key-name", name=name)
    return name


def decode64(text: str) -> bytes:
    """Return the bytes of standard base64, strictly.

    Raises:
        ValueError: not base64, or not the one canonical way to write it.
    """
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies: its name, what its signatures are (note or cosignature) and 32 bytes of Ed25519."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The key's id in signature lines."""
        return key_id(self.name, self.kind, self.public)

    def vkey(self) -> str:
        """Return the key as the line that is published."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @staticmethod
    def parse(vkey: str) -> PublicKey:
        """Read a published key line.

        Raises:
            LedgerError: ``ledger.vkey``, ``ledger.key-name``.
        """
        parts = vkey.strip().split("+", 2)
        try:
            name, named, encoded = parts
            material = decode64(encoded)
        except ValueError as error:
            raise LedgerError("ledger.vkey", key=vkey.strip()[:80]) from error
        key = PublicKey(_checked_name(name), material[0] if material else 0, material[1:])
        if key.kind not in (ED25519, COSIGNATURE) or len(key.public) != 32 or key.id.hex() != named:
            raise LedgerError("ledger.vkey", key=vkey.strip()[:80])
        return key

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether a bare Ed25519 signature of this key is over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that signs: 32 bytes of seed, drawn by the caller."""

    name: str
    kind: int
    seed: bytes

    def __repr__(self) -> str:
        return f"SecretKey({self.name!r})"

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(_checked_name(self.name), self.kind, self._key().public_key().public_bytes_raw())

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, message: bytes) -> bytes:
        """Return a bare Ed25519 signature."""
        return self._key().sign(message)

    def text(self) -> str:
        """Return the key as one line, to be kept secret; the form that Go's ``note`` package writes."""
        encoded = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.public.id.hex()}+{encoded}"

    @staticmethod
    def parse(text: str) -> SecretKey:
        """Read a secret key line.

        Raises:
            LedgerError: ``ledger.secret-key``; the line is never shown.
        """
        try:
            name, named, encoded = text.strip().removeprefix(_PRIVATE).split("+", 2)
            material = decode64(encoded)
            key = SecretKey(_checked_name(name), material[0], material[1:])
            if not text.startswith(_PRIVATE) or key.kind not in (ED25519, COSIGNATURE) or key.public.id.hex() != named:
                raise ValueError("fields do not match")
        except (ValueError, IndexError) as error:
            raise LedgerError("ledger.secret-key") from error
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, with which key, and the bytes."""

    name: str
    key: bytes
    signed: bytes

    def line(self) -> str:
        """Return the line, with its newline."""
        return f"— {self.name} {base64.b64encode(self.key + self.signed).decode()}\n"

    @staticmethod
    def parse(line: str) -> Signature:
        """Read one signature line without its newline.

        Raises:
            LedgerError: ``ledger.note``.
        """
        try:
            dash, name, encoded = line.split(" ")
            data = decode64(encoded)
        except (ValueError, binascii.Error) as error:
            raise LedgerError("ledger.note") from error
        if dash != "—" or len(data) < 5:
            raise LedgerError("ledger.note")
        return Signature(_checked_name(name), data[:4], data[4:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text (ending in a newline) and its signature lines."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the note as it is stored and sent."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()

    def adding(self, more: Iterable[Signature]) -> Note:
        """Return the note with further signatures; a key signs once, its newest signature counts."""
        kept = {(signature.name, signature.key): signature for signature in (*self.signatures, *more)}
        return Note(self.text, tuple(kept.values()))

    def by(self, key: PublicKey) -> list[Signature]:
        """Return the signatures that say to be of ``key``."""
        return [signature for signature in self.signatures if (signature.name, signature.key) == (key.name, key.id)]


def parse_note(data: bytes) -> Note:
    """Read a note; nothing is verified yet.

    Raises:
        LedgerError: ``ledger.note``.
    """
    if len(data) > NOTE_LIMIT:
        raise LedgerError("ledger.note")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise LedgerError("ledger.note") from error
    body, empty, tail = text.rpartition("\n\n")
    lines = tail.split("\n")
    if not empty or not body or lines.pop() or not lines or any(ord(c) < 0x20 and c != "\n" for c in text):
        raise LedgerError("ledger.note")
    if len(lines) > SIGNATURE_LIMIT:
        raise LedgerError("ledger.note")
    return Note(body + "\n", tuple(Signature.parse(line) for line in lines))


def sign_note(text: str, keys: Sequence[SecretKey]) -> Note:
    """Return ``text`` as a note signed by each of ``keys``."""
    return Note(text, tuple(Signature(key.name, key.public.id, key.sign(text.encode())) for key in keys))


def open_note(note: Note, key: PublicKey) -> str:
    """Return the text of a note after verifying that ``key`` signed it.

    Raises:
        LedgerError: ``ledger.not-signed`` or ``ledger.signature``.
    """
    signatures = note.by(key)
    if not signatures:
        raise LedgerError("ledger.not-signed", key=key.name)
    if not all(key.verifies(note.text.encode(), signature.signed) for signature in signatures):
        raise LedgerError("ledger.signature", key=key.name)
    return note.text

"""Keys and identities: keyed pseudonyms that link people, cipher texts that keep their numbers, and the way back.

The key lies in a file outside the lake. From it two keys are derived (HKDF-SHA256): one for pseudonyms (the first 24 hex digits
of HMAC-SHA256 over ``person:<id>`` or ``household:<number>``) and one for cipher texts (AES-256-SIV, RFC 5297: deterministic,
so that the same file gives the same bytes).
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zhizhi.kernel.errors import LakeError, Place

if TYPE_CHECKING:
    from zhizhi.backends.lake import Lake

_HEAD = "zhizhi-key-1"
_BLOCK = 64


def key_path(lake: Path, given: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """Return where the key of ``lake`` lies: ``given``, else ``ZHIZHI_KEY_FILE`` of ``environment``, else ``<lake>.key``."""
    named = (environment or {}).get("ZHIZHI_KEY_FILE")
    return given or (Path(named) if named else lake.absolute().parent / f"{lake.absolute().name}.key")


class Vault:
    """Holds the derived keys of one key file."""

    def __init__(self, secret: bytes) -> None:
        self._link = HKDF(SHA256(), 32, None, b"zhizhi pseudonyms").derive(secret)
        self._siv = AESSIV(HKDF(SHA256(), 64, None, b"zhizhi cipher texts").derive(secret))
        self.fingerprint = hmac.digest(self._link, b"fingerprint", "sha256").hex()[:16]

    @classmethod
    def open(cls, path: Path) -> Vault:
        """Read a key file.

        Raises:
            LakeError: there is none, or it is not one of ours.
        """
        try:
            head, _, body = path.read_text(encoding="ascii").strip().partition("\n")
            secret = base64.b64decode(body, validate=True)
        except FileNotFoundError as error:
            raise LakeError("lake.key-missing", Place(str(path))) from error
        except (OSError, ValueError) as error:
            raise LakeError("lake.key-damaged", Place(str(path))) from error
        if head != _HEAD or len(secret) != 32:
            raise LakeError("lake.key-damaged", Place(str(path)))
        return cls(secret)

    @classmethod
    def create(cls, path: Path) -> Vault:
        """Make a new key file, readable by its owner only; an existing file is never overwritten."""
        secret = secrets.token_bytes(32)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise LakeError("lake.key-exists", Place(str(path))) from error
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{_HEAD}\n{base64.b64encode(secret).decode()}\n")
            file.flush()
            os.fsync(file.fileno())
        return cls(secret)

    def pseudonym(self, kind: str, value: str) -> str:
        """Return the pseudonym of one value."""
        return hmac.digest(self._link, f"{kind}:{value}".encode(), "sha256").hex()[:24]

    def pseudonyms(self, kind: str, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Return the pseudonyms of an Arrow array of strings, computed once per distinct value; null stays null."""
        encoded = pc.dictionary_encode(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
        known = pa.array([self.pseudonym(kind, value) for value in encoded.dictionary.to_pylist()], pa.string())
        return pc.take(known, encoded.indices)

    def install(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give ``connection`` the SQL function ``pseudonym(kind, value)``; the key stays in a variable of the connection."""
        padded = self._link.ljust(_BLOCK, b"\0")
        connection.execute("SET VARIABLE zhizhi_inner = ?", [bytes(b ^ 0x36 for b in padded)])
        connection.execute("SET VARIABLE zhizhi_outer = ?", [bytes(b ^ 0x5C for b in padded)])
        connection.execute(
            "CREATE OR REPLACE TEMP MACRO pseudonym(kind, value) AS "
            "CASE WHEN value IS NOT NULL THEN substr(sha256(getvariable('zhizhi_outer') || "
            "unhex(sha256(getvariable('zhizhi_inner') || encode(kind || ':' || value)))), 1, 24) END"
        )

    def seal(self, value: str) -> str:
        """Return the cipher text of ``value``, base64."""
        return base64.b64encode(self._siv.encrypt(value.encode(), None)).decode() if value else ""

    def unseal(self, cipher: str) -> str:
        """Return the value of a cipher text.

        Raises:
            LakeError: it was not made with this key.
        """
        try:
            return self._siv.decrypt(base64.b64decode(cipher), None).decode() if cipher else ""
        except (InvalidTag, ValueError) as error:
            raise LakeError("lake.key-other") from error

    def sealed(self, values: Iterable[str]) -> list[str]:
        """Return the cipher texts of many values."""
        encrypt, encode = self._siv.encrypt, base64.b64encode
        return [encode(encrypt(value.encode(), None)).decode() if value else "" for value in values]

    def reveal(self, lake: Lake, pseudonyms: Iterable[str]) -> dict[str, str]:
        """Return pseudonym -> clear value of those that the lake knows."""
        wanted = sorted({value for value in pseudonyms if value})
        rows: list[dict[str, Any]] = lake.identities(wanted)
        return {row["pseudonym"]: self.unseal(row["cipher"]) for row in rows}

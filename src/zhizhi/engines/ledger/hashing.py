"""Hashes of RFC 6962, section 2.1: a leaf and a node can never be taken for each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of many entries, in order."""
    hashed = sha256
    return [hashed(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of equally tall subtrees; the last of them may be lower than the others.

    Pairing neighbours and carrying an odd last one up gives the same tree as splitting at the largest power of two
    (RFC 6962, 2.1), without recursion.
    """
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    hashed = sha256
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [hashed(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
        row += odd
    return row[0]

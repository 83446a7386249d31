"""A second verifier, written from the recursive definitions of RFC 6962, section 2.1, and sharing nothing with the engine."""

from __future__ import annotations

import hashlib


def tree_hash(entries: list[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = power_below(len(entries))
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = power_below(len(entries))
    if m < k:
        return [*path(m, entries[:k]), tree_hash(entries[k:])]
    return [*path(m - k, entries[k:]), tree_hash(entries[:k])]


def proof(m: int, entries: list[bytes]) -> list[bytes]:
    return subproof(m, entries, True) if 0 < m < len(entries) else []


def subproof(m: int, entries: list[bytes], whole: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if whole else [tree_hash(entries)]
    k = power_below(n)
    if m <= k:
        return [*subproof(m, entries[:k], whole), tree_hash(entries[k:])]
    return [*subproof(m - k, entries[k:], False), tree_hash(entries[:k])]


def root_by_path(entry: bytes, m: int, n: int, steps: list[bytes]) -> bytes | None:
    """The root that a path leads to, by recursion from the top; None where the path has the wrong length."""
    if n == 1:
        return hashlib.sha256(b"\x00" + entry).digest() if not steps else None
    if not steps:
        return None
    k = power_below(n)
    inner = root_by_path(entry, m, k, steps[:-1]) if m < k else root_by_path(entry, m - k, n - k, steps[:-1])
    if inner is None:
        return None
    pair = inner + steps[-1] if m < k else steps[-1] + inner
    return hashlib.sha256(b"\x01" + pair).digest()

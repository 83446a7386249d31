"""Proofs that an entry is in a tree, and that a tree only grew: made from stored hashes, verified from nothing but the roots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhizhi.engines.ledger.hashing import EMPTY_ROOT, node_hash
from zhizhi.kernel.errors import LedgerError

Subtree = Callable[[int, int], bytes]
"""(height, index) -> hash of the perfect subtree over leaves ``index * 2**height`` to ``(index + 1) * 2**height``."""


def range_root(subtree: Subtree, start: int, end: int) -> bytes:
    """Return the root over leaves ``start`` to ``end``; ``start`` is a multiple of the largest power of two that fits."""
    if start == end:
        return EMPTY_ROOT
    pieces = []
    at = start
    while at < end:
        height = (end - at).bit_length() - 1
        pieces.append(subtree(height, at >> height))
        at += 1 << height
    root = pieces.pop()
    while pieces:
        root = node_hash(pieces.pop(), root)
    return root


def _split(size: int) -> int:
    """Largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Return the path of leaf ``index`` in a tree of ``size`` leaves, from its sibling up (RFC 6962, 2.1.1).

    Raises:
        LedgerError: ``ledger.index-beyond``.
    """
    if not 0 <= index < size:
        raise LedgerError("ledger.index-beyond", index=index, size=size)
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(subtree, middle, end))
            end = middle
        else:
            path.append(range_root(subtree, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of ``new`` leaves continues the tree of ``old`` leaves (RFC 6962, 2.1.2).

    Raises:
        LedgerError: ``ledger.size-beyond``.
    """
    if not 0 <= old <= new:
        raise LedgerError("ledger.size-beyond", old=old, new=new)
    if old in (0, new):
        return []
    path = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(subtree, middle, end))
            end = middle
        else:
            path.append(range_root(subtree, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_root(subtree, start, end))
    return path[::-1]


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that ``path`` leads to from the hash of leaf ``index``, or None where the path does not fit the size.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        node >>= 1
        last >>= 1
    return found if last == 0 else None


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the leaf with this hash is entry ``index`` of the tree."""
    return inclusion_root(leaf, index, size, path) == root


def continues(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the newer tree begins with all leaves of the older one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            after = node_hash(after, step)
        node >>= 1
        last >>= 1
    return last == 0 and before == old_root and after == new_root

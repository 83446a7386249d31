"""Verify a whole ledger: every entry against its tile, every tile against the one above, the root against the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from zhizhi.engines.ledger.hashing import HASH_SIZE, leaf_hashes, root_of
from zhizhi.engines.ledger.tiles import WIDTH, Read, levels, read_entries, read_tile, tile_path, widths
from zhizhi.kernel.errors import LedgerError

FINDING_LIMIT = 100


@dataclass(slots=True)
class Audit:
    """What a verification found: entries read, the root they give, and findings as errors (at most 100 are kept)."""

    size: int
    root: bytes = b""
    findings: list[LedgerError] = field(default_factory=list)
    found: int = 0

    def add(self, error: LedgerError) -> None:
        """Note one finding."""
        self.found += 1
        if self.found <= FINDING_LIMIT:
            self.findings.append(error)


def _pieces(size: int, level: int) -> Iterator[tuple[int, int]]:
    """(index, width) of each tile of a level."""
    full, part = widths(size, level)
    yield from ((index, WIDTH) for index in range(full))
    if part:
        yield full, part


def audit(read: Read, size: int, root: bytes, look: Callable[[int, list[bytes]], None] | None = None) -> Audit:
    """Verify all entries and tiles of a stored tree of ``size`` leaves against ``root``.

    Args:
        read: path -> bytes.
        size: tree size of the checkpoint.
        root: root of the checkpoint.
        look: called with (index of the first entry, entries) of each bundle, to hold them against something else.
    """
    result = Audit(size)
    carried: list[bytes] = []
    for index, width in _pieces(size, 0):
        try:
            entries = read_entries(read, index, width)
        except LedgerError as error:
            result.add(error)
            return result
        hashes = leaf_hashes(entries)
        _compare(result, read, 0, index, hashes)
        carried.append(root_of(hashes))
        if look is not None:
            look(index * WIDTH, entries)
    for level in range(1, levels(size)):
        complete = carried[: size >> (8 * level)]
        above = []
        for index, width in _pieces(size, level):
            hashes = complete[index * WIDTH : index * WIDTH + width]
            _compare(result, read, level, index, hashes)
            above.append(root_of(hashes))
        carried = above if len(complete) == len(carried) else _with_rest(above, complete, carried)
    result.root = root_of(carried)
    if result.root != root:
        result.add(LedgerError("ledger.root", size=size))
    return result


def _with_rest(above: list[bytes], complete: list[bytes], carried: list[bytes]) -> list[bytes]:
    """Roots of a level whose last subtree is not complete: it belongs below the last tile, or stands for itself."""
    rest = carried[-1]
    part = len(complete) % WIDTH
    if part == 0:
        return [*above, rest]
    return [*above[:-1], root_of([*complete[-part:], rest])]


def _compare(result: Audit, read: Read, level: int, index: int, hashes: list[bytes]) -> None:
    path = tile_path(level, index, len(hashes))
    try:
        tile = read_tile(read, level, index, len(hashes))
    except LedgerError as error:
        result.add(error)
        return
    if tile == b"".join(hashes):
        return
    wrong = next(n for n in range(len(hashes)) if tile[n * HASH_SIZE : (n + 1) * HASH_SIZE] != hashes[n])
    first = (index * WIDTH + wrong) << (8 * level)
    result.add(LedgerError("ledger.tile-differs", path=path, index=first))

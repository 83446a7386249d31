"""The tree as files that never change: hash tiles and entry bundles of C2SP tlog-tiles.

A tile holds up to 256 hashes of one level; each hash of a level above stands for one full tile below. Paths are relative to
the log's folder or address, so the same bytes serve a folder, a web server and an export.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from zhizhi.engines.ledger.hashing import HASH_SIZE, root_of
from zhizhi.engines.ledger.proofs import range_root
from zhizhi.kernel.errors import LedgerError

WIDTH = 256
HEIGHT = 8
ENTRY_LIMIT = 0xFFFF
CHECKPOINT = "checkpoint"
Read = Callable[[str], bytes]
"""Path -> bytes; raises ``FileNotFoundError`` or ``KeyError`` for a path that is not there."""

_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


def index_path(index: int) -> str:
    """Return a tile's index as path elements of three digits.

    >>> index_path(1234067)
    'x001/x234/067'
    """
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the path of a hash tile (``level`` 0-63) or of an entry bundle (``level`` ``entries``).

    >>> tile_path(0, 273, 112)
    'tile/0/273.p/112'
    """
    return f"tile/{level}/{index_path(index)}" + (f".p/{width}" if width != WIDTH else "")


def parse_path(path: str) -> tuple[str, int, int]:
    """Return (level or ``entries``, index, width) of a path.

    Raises:
        LedgerError: ``ledger.path``.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise LedgerError("ledger.path", path=path)
    level, digits, part = match.groups()
    index, width = int(re.sub(r"[x/]", "", digits)), int(part or WIDTH)
    if not 1 <= width <= WIDTH or (level != "entries" and int(level) > 63) or tile_path(level, index, width) != path:
        raise LedgerError("ledger.path", path=path)
    return level, index, width


def widths(size: int, level: int = 0) -> tuple[int, int]:
    """Return how many full tiles a tree of ``size`` leaves has at ``level``, and the width of the partial one after them.

    >>> widths(70_000), widths(70_000, 1), widths(70_000, 2)
    ((273, 112), (1, 17), (0, 1))
    """
    return divmod(size >> (HEIGHT * level), WIDTH)


def levels(size: int) -> int:
    """Return how many levels of tiles a tree of ``size`` leaves has."""
    return 0 if size == 0 else (size.bit_length() - 1) // HEIGHT + 1


def paths_of(size: int) -> Iterator[str]:
    """Yield the path of every tile and bundle that makes up a tree of ``size`` leaves."""
    kinds: list[tuple[int | str, int]] = [(level, level) for level in range(levels(size))]
    for name, level in [("entries", 0), *kinds]:
        full, part = widths(size, level)
        yield from (tile_path(name, index) for index in range(full))
        if part:
            yield tile_path(name, full, part)


def split_hashes(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as a bundle: each after its length in two bytes, big-endian.

    Raises:
        LedgerError: ``ledger.entry-long``; an entry has at most 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_LIMIT:
            raise LedgerError("ledger.entry-long", size=len(entry), limit=ENTRY_LIMIT)
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def unbundle(data: bytes, path: str = "") -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        LedgerError: ``ledger.bundle`` when lengths and bytes do not match.
    """
    entries = []
    at, end = 0, len(data)
    while at + 2 <= end:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        entries.append(data[start:at])
    if at != end:
        raise LedgerError("ledger.bundle", path=path)
    return entries


def read_tile(read: Read, level: int, index: int, width: int) -> bytes:
    """Return the first ``width`` hashes of a tile: of the partial tile, or of the full one that has replaced it.

    Raises:
        LedgerError: ``ledger.tile-missing``, ``ledger.tile-size``.
    """
    data = _read(read, level, index, width)
    if len(data) < width * HASH_SIZE or len(data) % HASH_SIZE:
        raise LedgerError("ledger.tile-size", path=tile_path(level, index, width), size=len(data))
    return data[: width * HASH_SIZE]


def read_entries(read: Read, index: int, width: int) -> list[bytes]:
    """Return the first ``width`` entries of a bundle, as ``read_tile``.

    Raises:
        LedgerError: ``ledger.tile-missing``, ``ledger.bundle``, ``ledger.bundle-width``.
    """
    path = tile_path("entries", index, width)
    entries = unbundle(_read(read, "entries", index, width), path)
    if len(entries) < width:
        raise LedgerError("ledger.bundle-width", path=path, found=len(entries), expected=width)
    return entries[:width]


def _read(read: Read, level: int | str, index: int, width: int) -> bytes:
    for candidate in dict.fromkeys((width, WIDTH)):
        try:
            return read(tile_path(level, index, candidate))
        except (FileNotFoundError, KeyError):
            continue
    raise LedgerError("ledger.tile-missing", path=tile_path(level, index, width))


class Hashes:
    """Hashes of a stored tree of ``size`` leaves, read tile by tile and kept while this object lives."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.size = size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def _tile(self, level: int, index: int) -> bytes:
        found = self._tiles.get((level, index))
        if found is None:
            full, part = widths(self.size, level)
            width = WIDTH if index < full else part if index == full else 0
            if width == 0:
                raise LedgerError("ledger.tile-missing", path=tile_path(level, index))
            found = self._tiles[level, index] = read_tile(self._read, level, index, width)
        return found

    def subtree(self, height: int, index: int) -> bytes:
        """Return the hash of a perfect subtree, as ``proofs.Subtree`` says."""
        level, inside = divmod(height, HEIGHT)
        first = index << inside
        tile = self._tile(level, first // WIDTH)
        start = first % WIDTH * HASH_SIZE
        piece = tile[start : start + (HASH_SIZE << inside)]
        if len(piece) != HASH_SIZE << inside:
            raise LedgerError("ledger.size-beyond", old=(index + 1) << height, new=self.size)
        return piece if inside == 0 else root_of(split_hashes(piece))

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree, or of its first ``size`` leaves."""
        return range_root(self.subtree, 0, self.size if size is None else size)


class Edge:
    """The right edge of a tree: the hashes of its partial tiles, level by level. All that appending needs.

    It is the compact range of the tree with 256 instead of two children a node.
    """

    def __init__(self, size: int = 0, rows: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self._rows = [list(row) for row in rows]

    @classmethod
    def read(cls, read: Read, size: int) -> Edge:
        """Return the edge of a stored tree of ``size`` leaves: one small file a level."""
        rows = []
        for level in range(levels(size)):
            full, part = widths(size, level)
            rows.append(split_hashes(read_tile(read, level, full, part)) if part else [])
        return cls(size, rows)

    def append(self, hashes: Iterable[bytes]) -> list[tuple[str, bytes]]:
        """Add leaf hashes; return (path, bytes) of every tile that is new, full ones first within a level.

        Tiles are returned from the leaves up. Nothing that was returned before is returned with other bytes.
        """
        tiles: list[tuple[str, bytes]] = []
        carried = list(hashes)
        self.size += len(carried)
        level = 0
        while carried:
            if level == len(self._rows):
                self._rows.append([])
            row = self._rows[level]
            row += carried
            index = (self.size >> (HEIGHT * level)) // WIDTH - len(row) // WIDTH
            carried = []
            at = 0
            while len(row) - at >= WIDTH:
                full = row[at : at + WIDTH]
                tiles.append((tile_path(level, index), b"".join(full)))
                carried.append(root_of(full))
                index, at = index + 1, at + WIDTH
            del row[:at]
            if row:
                tiles.append((tile_path(level, index, len(row)), b"".join(row)))
            level += 1
        return tiles

    def root(self) -> bytes:
        """Return the root of the tree."""
        below: list[bytes] = []
        for row in self._rows:
            if row or below:
                below = [root_of(row + below)]
        return root_of(below)

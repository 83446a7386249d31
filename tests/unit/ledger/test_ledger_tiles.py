"""Tiles: paths, widths, appending in groups, reading back, and finding what was altered."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path

import pytest
import reference_tree as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.ledger.audit import audit
from zhizhi.engines.ledger.hashing import EMPTY_ROOT, leaf_hash, leaf_hashes
from zhizhi.engines.ledger.proofs import consistency_proof, continues, includes, inclusion_proof
from zhizhi.engines.ledger.tiles import (
    WIDTH,
    Edge,
    Hashes,
    bundle,
    index_path,
    levels,
    parse_path,
    paths_of,
    read_entries,
    tile_path,
    unbundle,
    widths,
)
from zhizhi.kernel.errors import LedgerError

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "ledger" / "golden_trees.json").read_text(encoding="utf-8"))


def stored(entries: list[bytes], groups: list[int] | None = None) -> tuple[dict[str, bytes], Edge]:
    """Append ``entries`` in groups as a log does, and return its files and its edge."""
    files: dict[str, bytes] = {}
    edge = Edge()
    at = 0
    for group in [*(groups or []), len(entries)]:
        end = min(at + group, len(entries))
        for path, data in edge.append(leaf_hashes(entries[at:end])):
            assert files.setdefault(path, data) == data, f"{path} was written twice with different bytes"
        at = end
    full, part = widths(len(entries))
    for index in range(full + (part > 0)):
        piece = entries[index * WIDTH : (index + 1) * WIDTH]
        files[tile_path("entries", index, len(piece))] = bundle(piece)
    return files, edge


def numbered(size: int) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(size)]


def test_paths_of_the_specification() -> None:
    assert index_path(1234067) == "x001/x234/067"
    assert index_path(0) == "000"
    assert index_path(999) == "999"
    assert index_path(1000) == "x001/000"
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 273, 112) == "tile/entries/273.p/112"
    assert parse_path("tile/entries/x001/x234/067.p/8") == ("entries", 1234067, 8)
    assert parse_path("tile/63/000") == ("63", 0, 256)


@pytest.mark.parametrize(
    "path",
    ["tile/64/000", "tile/00/000", "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/001/000",
     "tile/0/x001", "tile/0/x000/001", "tile/0/../000", "checkpoint", "/tile/0/000", "tile/0/000\n"],
)  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(LedgerError) as refused:
        parse_path(path)
    assert refused.value.code == "ledger.path"


def test_the_tree_of_seventy_thousand_has_the_tiles_that_the_specification_counts() -> None:
    assert [widths(70_000, level) for level in range(3)] == [(273, 112), (1, 17), (0, 1)]
    assert levels(70_000) == 3
    assert (levels(0), levels(1), levels(255), levels(256), levels(65_536)) == (0, 1, 1, 2, 3)
    paths = list(paths_of(70_000))
    assert len(paths) == 2 * 274 + 2 + 1
    assert {"tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"} <= set(paths)
    assert list(paths_of(256)) == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(paths_of(0)) == []


@pytest.mark.parametrize("size", [257, 70_000])
def test_tiles_equal_those_of_the_checksum_database(size: int) -> None:
    files, edge = stored(numbered(size), [1, 255, 3, 1000])
    golden = {row["path"]: row["sha256"] for row in GOLDEN["tiles"] if row["size"] == size}
    assert {path: base64.b64encode(hashlib.sha256(files[path]).digest()).decode() for path in golden} == golden
    roots = {row["size"]: base64.b64decode(row["root"]) for row in GOLDEN["roots"]}
    assert edge.root() == roots[size]
    assert {n: Hashes(files.__getitem__, size).root(n) for n in roots if n <= size} == {
        n: r for n, r in roots.items() if n <= size
    }


def test_a_bundle_is_lengths_and_bytes() -> None:
    entries = [b"", b"a", bytes(300), bytes(65_535)]
    data = bundle(entries)
    assert data[:3] == b"\x00\x00\x00"
    assert unbundle(data) == entries
    with pytest.raises(LedgerError) as long:
        bundle([bytes(65_536)])
    assert long.value.code == "ledger.entry-long"
    for broken in (data[:-1], data + b"\x00", b"\x01"):
        with pytest.raises(LedgerError) as wrong:
            unbundle(broken)
        assert wrong.value.code == "ledger.bundle"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1200), st.lists(st.integers(1, 700), max_size=6))
def test_how_a_log_is_grouped_changes_nothing(size: int, groups: list[int]) -> None:
    entries = numbered(size)
    files, edge = stored(entries, groups)
    at_once, _ = stored(entries)
    root = reference.tree_hash(entries)
    assert edge.size == size
    assert edge.root() == root
    assert set(paths_of(size)) <= set(files)
    assert {path: files[path] for path in at_once} == at_once
    reopened = Edge.read(files.__getitem__, size)
    assert reopened.root() == root
    assert reopened.append([leaf_hash(b"next")]) == edge.append([leaf_hash(b"next")])
    result = audit(files.__getitem__, size, root)
    assert (result.findings, result.root) == ([], root)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 900), st.data())
def test_proofs_from_tiles_verify(size: int, data: st.DataObject) -> None:
    entries = numbered(size)
    files, edge = stored(entries)
    hashes = Hashes(files.__getitem__, size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    path = inclusion_proof(hashes.subtree, index, size)
    assert reference.root_by_path(entries[index], index, size, path) == edge.root()
    assert includes(leaf_hash(entries[index]), index, size, path, edge.root())
    proof = consistency_proof(hashes.subtree, old, size)
    assert continues(old, hashes.root(old), size, edge.root(), proof)
    assert hashes.root(old) == reference.tree_hash(entries[:old])


@pytest.mark.parametrize("size", [70_000, 66_000, 65_536, 65_537, 512, 300])
def test_the_audit_of_a_sound_ledger_finds_nothing(size: int) -> None:
    files, edge = stored(numbered(size))
    result = audit(files.__getitem__, size, edge.root())
    assert (result.findings, result.found, result.root) == ([], 0, edge.root())


def test_an_older_checkpoint_is_verified_from_the_full_tiles_that_replaced_its_partial_ones() -> None:
    files, edge = stored(numbered(300))
    root = Hashes(files.__getitem__, 300).root(200)
    assert read_entries(files.__getitem__, 0, 200) == numbered(200)
    assert audit(files.__getitem__, 200, root).findings == []
    assert Edge.read(files.__getitem__, 200).root() == root != edge.root()


def damaged(files: dict[str, bytes], path: str, at: int) -> dict[str, bytes]:
    data = bytearray(files[path])
    data[at] ^= 1
    return {**files, path: bytes(data)}


def test_the_audit_names_what_was_altered() -> None:
    files, edge = stored(numbered(70_000))
    root = edge.root()

    def codes(changed: dict[str, bytes], size: int = 70_000) -> list[str]:
        return [error.code for error in audit(changed.__getitem__, size, root).findings]

    in_entry = damaged(files, "tile/entries/001", 600)
    assert codes(in_entry) == ["ledger.tile-differs", "ledger.tile-differs", "ledger.tile-differs", "ledger.root"]
    first = audit(in_entry.__getitem__, 70_000, root).findings[0]
    assert first.params["path"] == "tile/0/001"
    assert 256 <= int(str(first.params["index"])) < 512
    assert codes(damaged(files, "tile/0/003", 0)) == ["ledger.tile-differs"]
    assert codes(damaged(files, "tile/1/001.p/17", 40)) == ["ledger.tile-differs"]
    assert codes({path: data for path, data in files.items() if path != "tile/0/005"}) == ["ledger.tile-missing"]
    assert codes({path: data for path, data in files.items() if path != "tile/entries/005"}) == ["ledger.tile-missing"]
    assert codes({**files, "tile/entries/005": b"\x00"}) == ["ledger.bundle"]
    assert codes({**files, "tile/entries/273.p/112": files["tile/entries/000"][:20]}) == ["ledger.bundle"]
    assert codes({**files, "tile/0/005": b"\x00"}) == ["ledger.tile-size"]
    assert "ledger.root" in codes(files, 65_536)
    dropped = unbundle(files["tile/entries/002"])
    assert codes({**files, "tile/entries/002": bundle(dropped[1:])}) == ["ledger.bundle-width"]


def test_swapped_entries_are_found_even_when_all_tiles_are_rewritten() -> None:
    entries = numbered(1000)
    _, edge = stored(entries)
    entries[10], entries[900] = entries[900], entries[10]
    forged, _ = stored(entries)
    assert [error.code for error in audit(forged.__getitem__, 1000, edge.root()).findings] == ["ledger.root"]


def test_an_empty_ledger() -> None:
    assert Edge().root() == EMPTY_ROOT
    assert audit({}.__getitem__, 0, EMPTY_ROOT).findings == []
    assert Edge().append([]) == []


def test_the_audit_of_many_entries_is_quick() -> None:
    """A million take a few seconds (benchmarks/desk_ledger.py); here a tenth, with room for a busy machine."""
    entries = [b'{"at":"2026-11-22T07:00:00.000000Z","event":%d,"name":"casework.case.closed"}' % n for n in range(100_000)]
    files, edge = stored(entries)
    began = time.perf_counter()
    assert audit(files.__getitem__, len(entries), edge.root()).findings == []
    assert time.perf_counter() - began < 3

"""Trees and proofs: golden values from outside, the recursive definitions, and what must never verify."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import reference_tree as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.ledger.hashing import EMPTY_ROOT, leaf_hash, leaf_hashes, root_of
from zhizhi.engines.ledger.proofs import consistency_proof, continues, includes, inclusion_proof, range_root
from zhizhi.kernel.errors import LedgerError

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "ledger" / "golden_trees.json").read_text(encoding="utf-8"))

# The eight entries and roots that Certificate Transparency's implementations have tested with since 2013.
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
N = {
    name: bytes.fromhex(text)
    for name, text in {
        "1": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "0": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "01": "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "23": "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "4": "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "45": "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "67": "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "4567": "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        "0123": "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    }.items()
}


class Stored:
    """A tree whose hashes are kept as plain lists, one a height."""

    def __init__(self, entries: list[bytes]) -> None:
        self.size = len(entries)
        self.rows = [leaf_hashes(entries)]
        while len(self.rows[-1]) > 1:
            row = self.rows[-1]
            self.rows.append([root_of(row[at : at + 2]) for at in range(0, len(row) - 1, 2)])

    def subtree(self, height: int, index: int) -> bytes:
        return self.rows[height][index]


@pytest.fixture(scope="module")
def seventy_thousand() -> Stored:
    return Stored([f"entry {n}".encode() for n in range(70_000)])


def decoded(steps: list[str] | None) -> list[bytes]:
    return [base64.b64decode(step) for step in steps or []]


def test_the_roots_of_the_eight_entries() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(leaf_hashes(ENTRIES[:n])).hex() for n in range(1, 9)] == ROOTS


@pytest.mark.parametrize(
    ("index", "size", "nodes"),
    [
        (0, 1, ""),
        (0, 2, "1"),
        (1, 2, "0"),
        (2, 3, "01"),
        (1, 5, "0 23 4"),
        (0, 8, "1 23 4567"),
        (5, 8, "4 67 0123"),
    ],
)
def test_inclusion_proofs_of_the_reference_implementation(index: int, size: int, nodes: str) -> None:
    stored = Stored(ENTRIES[:size])
    expected = [N[name] for name in nodes.split()]
    assert inclusion_proof(stored.subtree, index, size) == expected
    assert includes(leaf_hash(ENTRIES[index]), index, size, expected, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "nodes"), [(1, 1, ""), (1, 8, "1 23 4567"), (2, 5, "23 4"), (6, 8, "45 67 0123")])
def test_consistency_proofs_of_the_reference_implementation(old: int, new: int, nodes: str) -> None:
    stored = Stored(ENTRIES[:new])
    expected = [N[name] for name in nodes.split()]
    assert consistency_proof(stored.subtree, old, new) == expected
    assert continues(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), expected)


def test_roots_and_proofs_equal_those_of_the_checksum_database(seventy_thousand: Stored) -> None:
    subtree = seventy_thousand.subtree
    roots = {row["size"]: base64.b64decode(row["root"]) for row in GOLDEN["roots"]}
    assert {size: range_root(subtree, 0, size) for size in roots} == roots
    for row in GOLDEN["inclusions"]:
        path = inclusion_proof(subtree, row["index"], row["size"])
        assert path == decoded(row["path"])
        assert includes(leaf_hash(f"entry {row['index']}".encode()), row["index"], row["size"], path, roots[row["size"]])
    for row in GOLDEN["consistencies"]:
        path = consistency_proof(subtree, row["old"], row["new"])
        assert path == decoded(row["path"])
        assert continues(row["old"], range_root(subtree, 0, row["old"]), row["new"], roots[row["new"]], path)


GARBAGE = base64.b64decode("q6yroAAAAAAAAAAAAAAAAAAAAAAAAAAAAGAGHgASNFY=")


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (1, 8, ["1", "23", "4567"]),
        (-1, 8, ["1", "23", "4567"]),
        (2, 8, ["1", "23", "4567"]),
        (0, 16, ["1", "23", "4567"]),
        (0, 4, ["1", "23", "4567"]),
        (0, 8, ["1", "23"]),
        (0, 8, ["1", "23", "4567", "4567"]),
        (0, 8, ["23", "1", "4567"]),
        (0, 0, []),
        (8, 8, ["1", "23", "4567"]),
    ],
)
def test_the_wrong_inclusions_of_the_reference_vectors_are_refused(index: int, size: int, path: list[str]) -> None:
    root = bytes.fromhex(ROOTS[7])
    assert not includes(N["0"], index, size, [N[name] for name in path], root)


def test_garbage_in_a_path_is_refused() -> None:
    good = [N["1"], N["23"], N["4567"]]
    root = bytes.fromhex(ROOTS[7])
    assert includes(N["0"], 0, 8, good, root)
    for at in range(4):
        assert not includes(N["0"], 0, 8, [*good[:at], GARBAGE, *good[at:]], root)
        assert not includes(N["0"], 0, 8, [*good[:at], b"", *good[at:]], root)
        assert not includes(N["0"], 0, 8, [*good[:at], root, *good[at:]], root)


def test_the_wrong_consistencies_of_the_reference_vectors_are_refused() -> None:
    two, five, good = bytes.fromhex(ROOTS[1]), bytes.fromhex(ROOTS[4]), [N["23"], N["4"]]
    assert continues(2, two, 5, five, good)
    assert not continues(2, five, 5, two, good)
    assert not continues(2, two, 5, five, [*good, b""])
    assert not continues(2, two, 5, five, [b"", *good])
    assert not continues(2, two, 5, five, [])
    assert not continues(2, two, 5, five, good[:1])
    assert not continues(2, two, 5, five, [two, *good])
    assert not continues(1, two, 5, five, good)
    assert not continues(3, two, 5, five, good)
    assert not continues(2, two, 4, five, good)
    assert not continues(2, two, 10, five, good)
    assert not continues(5, five, 2, two, [])
    assert not continues(0, two, 5, five, [])
    assert continues(0, EMPTY_ROOT, 5, five, [])
    assert not continues(5, five, 5, two, [])


def test_proofs_of_what_is_not_there_are_errors() -> None:
    stored = Stored(ENTRIES)
    with pytest.raises(LedgerError) as beyond:
        inclusion_proof(stored.subtree, 8, 8)
    assert beyond.value.code == "ledger.index-beyond"
    with pytest.raises(LedgerError) as shrunk:
        consistency_proof(stored.subtree, 8, 5)
    assert shrunk.value.code == "ledger.size-beyond"


entries_lists = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


@settings(max_examples=120, deadline=None)
@given(entries_lists, st.data())
def test_everything_equals_the_recursive_definitions(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    stored, root = Stored(entries), reference.tree_hash(entries)
    assert root_of(leaf_hashes(entries)) == range_root(stored.subtree, 0, size) == root
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(stored.subtree, index, size)
    assert path == reference.path(index, entries)
    assert reference.root_by_path(entries[index], index, size, path) == root
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(stored.subtree, old, size)
    assert proof == reference.proof(old, entries)
    assert continues(old, reference.tree_hash(entries[:old]), size, root, proof)


@settings(max_examples=150, deadline=None)
@given(entries_lists, st.data())
def test_no_changed_bit_verifies(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    stored, root = Stored(entries), reference.tree_hash(entries)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(stored.subtree, index, size)
    leaf = leaf_hash(entries[index])
    assert not includes(leaf_hash(entries[index] + b"!"), index, size, path, root)
    bit = data.draw(st.integers(0, 255))

    def flip(node: bytes) -> bytes:
        return (int.from_bytes(node, "big") ^ 1 << bit).to_bytes(32, "big")

    assert not includes(flip(leaf), index, size, path, root)
    assert not includes(leaf, index, size, path, flip(root))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not includes(leaf, index, size, [*path[:at], flip(path[at]), *path[at + 1 :]], root)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(stored.subtree, old, size)
    before = reference.tree_hash(entries[:old])
    if old < size:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not continues(old, before, size, root, [*proof[:at], flip(proof[at]), *proof[at + 1 :]])
        assert not continues(old, flip(before), size, root, proof)
    assert not continues(old, before, size, flip(root), proof)

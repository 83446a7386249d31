"""Clients that others wrote read our folder, checkpoint, cosignature and receipts. Each runs where it is installed.

Go's checksum-database packages: Debian's ``golang-go`` and ``golang-golang-x-mod-dev``. Python: ``tlog-scales`` from PyPI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from zhizhi.engines.ledger.checkpoints import Checkpoint, cosign
from zhizhi.engines.ledger.hashing import leaf_hashes
from zhizhi.engines.ledger.notes import COSIGNATURE, ED25519, SecretKey
from zhizhi.engines.ledger.proofs import consistency_proof, inclusion_proof
from zhizhi.engines.ledger.receipts import Receipt
from zhizhi.engines.ledger.tiles import WIDTH, Edge, Hashes, bundle, tile_path, widths

CLIENT = Path(__file__).parents[2] / "data" / "ledger" / "standard_client.go"
GO_PATH = Path("/usr/share/gocode")
LOG = SecretKey("zhizhi.local/330106", ED25519, bytes(range(32)))
WITNESS = SecretKey("audit.example/witness", COSIGNATURE, bytes(range(32, 64)))
SIZE = 1_300
ENTRIES = [b'{"event":%d,"name":"casework.case.closed"}' % n for n in range(SIZE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger as it is served: tiles, bundles, a cosigned checkpoint, the receipt of entry 1234."""
    home = tmp_path_factory.mktemp("ledger")
    edge, files = Edge(), {}
    for at in range(0, SIZE, 100):
        files.update(edge.append(leaf_hashes(ENTRIES[at : at + 100])))
    full, part = widths(SIZE)
    for index in range(full + (part > 0)):
        piece = ENTRIES[index * WIDTH : (index + 1) * WIDTH]
        files[tile_path("entries", index, len(piece))] = bundle(piece)
    note = Checkpoint(LOG.name, SIZE, edge.root()).sign(LOG)
    files["checkpoint"] = note.adding([cosign(note, WITNESS, 1_700_000_000)]).encode()
    path = inclusion_proof(Hashes(files.__getitem__, SIZE).subtree, 1234, SIZE)
    files["case.tlog-proof"] = Receipt(1234, tuple(path), files["checkpoint"], b"opaque").encode()
    files["entry"] = ENTRIES[1234]
    for name, data in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    return home


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None or not (GO_PATH / "src" / "golang.org" / "x" / "mod" / "sumdb").is_dir():
        pytest.skip("Go and golang.org/x/mod are not installed here")
    built = tmp_path_factory.mktemp("client") / "client"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_PATH),
        "GOFLAGS": "",
        "GOCACHE": str(built.parent / "cache"),
    }
    subprocess.run(["go", "build", "-o", str(built), str(CLIENT)], env=environment, check=True)
    return built


def run(client: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(client), *map(str, words)], capture_output=True, text=True, check=False)


def test_the_checksum_database_of_go_verifies_the_folder(go: Path, folder: Path) -> None:
    done = run(go, "verify", folder, LOG.public.vkey())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "verified 1300 entries, 202 inclusion proofs, 49 consistency proofs\n"


def test_the_checksum_database_of_go_refuses_what_was_altered(go: Path, folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(["checkpoint", "tile/entries/002", "tile/0/003", "tile/1/000.p/5"]):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        data = bytearray((copy / name).read_bytes())
        data[30] ^= 1
        (copy / name).write_bytes(bytes(data))
        done = run(go, "verify", copy, LOG.public.vkey())
        assert done.returncode == 1, name
        assert done.stderr.startswith("REFUSED:"), name
    stranger = SecretKey(LOG.name, ED25519, bytes(32)).public.vkey()
    assert run(go, "verify", folder, stranger).returncode == 1


def test_the_checksum_database_of_go_verifies_a_receipt(go: Path, folder: Path, tmp_path: Path) -> None:
    done = run(go, "receipt", folder / "case.tlog-proof", LOG.public.vkey(), folder / "entry")
    assert (done.returncode, done.stdout) == (0, "verified entry 1234 of 1300\n")
    (tmp_path / "other").write_bytes(ENTRIES[1233])
    assert run(go, "receipt", folder / "case.tlog-proof", LOG.public.vkey(), tmp_path / "other").returncode == 1


def test_tlog_scales_reads_the_folder_and_makes_the_same_proofs(folder: Path) -> None:
    backend = pytest.importorskip("tlog_scales.backend", reason="tlog-scales is not installed here")
    reader_module, signing = pytest.importorskip("tlog_scales.reader"), pytest.importorskip("tlog_scales.signing")
    reader = reader_module.TilesReader(backend.LocalBackend(folder))
    point = reader.get_checkpoint()
    reader.set_size(point.size)
    assert (point.origin, point.size) == (LOG.name, SIZE)
    assert reader.calculate_root_hash() == point.root_hash
    some = (0, 255, 256, 1234, 1299)
    assert [reader.get_entry(n) for n in some] == [ENTRIES[n] for n in some]
    hashes = Hashes(lambda name: (folder / name).read_bytes(), SIZE)
    for index in (0, 511, 1234):
        assert list(reader.get_inclusion_proof(index, SIZE).node_hashes) == inclusion_proof(hashes.subtree, index, SIZE)
    for old in (1, 256, 1000):
        assert list(reader.get_consistency_proof(old, SIZE).node_hashes) == consistency_proof(hashes.subtree, old, SIZE)
    for key in (LOG.public, WITNESS.public):
        point.verify(signing.Vkey.from_string(key.vkey()))
    with pytest.raises(RuntimeError):
        point.verify(signing.Vkey.from_string(SecretKey(LOG.name, ED25519, bytes(32)).public.vkey()))

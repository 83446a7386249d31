"""A witness cosigns a log that grew, and nothing else."""

from __future__ import annotations

import pytest

from zhizhi.engines.ledger.checkpoints import Checkpoint, cosigned_at
from zhizhi.engines.ledger.hashing import leaf_hashes
from zhizhi.engines.ledger.notes import COSIGNATURE, ED25519, SecretKey
from zhizhi.engines.ledger.proofs import consistency_proof
from zhizhi.engines.ledger.tiles import Edge, Hashes
from zhizhi.engines.ledger.witness import Answer, Request, consider, parse_cosignatures
from zhizhi.kernel.errors import LedgerError

LOG = SecretKey("zhizhi.local/330106", ED25519, bytes(range(32)))
WITNESS = SecretKey("audit.example/witness", COSIGNATURE, bytes(range(32, 64)))
LOGS = {LOG.name: LOG.public}
FILES: dict[str, bytes] = {}
EDGE = Edge()
for entry in leaf_hashes([b"entry %d" % n for n in range(300)]):
    FILES.update(EDGE.append([entry]))
HASHES = Hashes(FILES.__getitem__, 300)


def point(size: int) -> Checkpoint:
    return Checkpoint(LOG.name, size, HASHES.root(size))


def request(old: int, new: Checkpoint, signer: SecretKey = LOG) -> bytes:
    proof = consistency_proof(HASHES.subtree, old, new.size) if old <= new.size <= 300 else []
    return Request(old, tuple(proof), new.sign(signer)).encode()


def ask(body: bytes, seen: int | None = None) -> Answer:
    remembered = {LOG.name: point(seen)} if seen is not None else {}
    return consider(body, LOGS, remembered, WITNESS, 1_800_000_000)


def test_it_cosigns_what_grew() -> None:
    for old, new in [(None, 0), (None, 3), (3, 3), (3, 200), (200, 300)]:
        answer = ask(request(old or 0, point(new)), old)
        assert answer.status == 200
        assert answer.remember == point(new)
        note = point(new).sign(LOG)
        assert cosigned_at(note.adding(parse_cosignatures(answer.body)), WITNESS.public) == 1_800_000_000


def test_it_refuses_the_rest() -> None:
    assert ask(b"rubbish").status == 400
    assert ask(request(5, point(3)), 5).status == 400
    stranger = SecretKey("elsewhere", ED25519, bytes(32))
    elsewhere = Checkpoint("elsewhere", 3, point(3).root)
    assert ask(request(0, elsewhere, stranger)).status == 404
    assert ask(request(0, point(3), SecretKey(LOG.name, ED25519, bytes(32)))).status == 403
    behind = ask(request(0, point(300)), 200)
    assert (behind.status, behind.body, behind.content_type, behind.remember) == (409, b"200\n", "text/x.tlog.size", None)
    forked = Checkpoint(LOG.name, 300, bytes(32))
    assert ask(request(200, forked), 200).status == 422
    assert ask(request(300, forked), 300).status == 409
    shrunk = ask(request(100, point(150)), 200)
    assert (shrunk.status, shrunk.remember) == (409, None)
    assert ask(Request(200, (), point(300).sign(LOG)).encode(), 200).status == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"old 1", b"old 01\n\nx", b"new 1\n\nx", b"old 1\nAAAA\n\n" + point(3).sign(LOG).encode(), b"old 1\n\nnot a note"],
)
def test_malformed_requests(body: bytes) -> None:
    with pytest.raises(LedgerError) as refused:
        Request.parse(body)
    assert refused.value.code in ("ledger.witness-request", "ledger.note")


def test_a_request_reads_back() -> None:
    body = request(200, point(300))
    assert Request.parse(body).encode() == body


@pytest.mark.parametrize("body", [b"", b"\xff\n", b"no line\n", b"\xe2\x80\x94 a AAAAAAAA"])
def test_malformed_answers(body: bytes) -> None:
    with pytest.raises(LedgerError):
        parse_cosignatures(body)

"""Signed notes, checkpoints, cosignatures and receipts, against keys and texts made by others."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhizhi.engines.ledger.checkpoints import Checkpoint, cosign, cosigned_at, open_checkpoint, witnesses_of
from zhizhi.engines.ledger.hashing import leaf_hash, leaf_hashes, root_of
from zhizhi.engines.ledger.notes import COSIGNATURE, ED25519, PublicKey, SecretKey, Signature, open_note, parse_note, sign_note
from zhizhi.engines.ledger.receipts import Receipt
from zhizhi.kernel.errors import LedgerError

# From the documentation of golang.org/x/mod/sumdb/note.
SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The checksum database of Go, and a witness of the public witness network.
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
# The example of C2SP tlog-cosignature.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""

LOG = SecretKey("zhizhi.local/330106", ED25519, bytes(range(32)))
WITNESS = SecretKey("audit.example/witness", COSIGNATURE, bytes(range(32, 64)))


def code_of(call: object) -> str:
    with pytest.raises(LedgerError) as refused:
        call()  # type: ignore[operator]
    return refused.value.code


def test_a_key_and_signature_of_go_are_read_written_and_verified() -> None:
    secret, public = SecretKey.parse(SECRET), PublicKey.parse(VKEY)
    assert (secret.public, secret.text(), public.vkey()) == (public, SECRET, VKEY)
    assert open_note(parse_note(SIGNED.encode()), public) == TEXT
    assert sign_note(TEXT, [secret]).encode() == SIGNED.encode()


@pytest.mark.parametrize("vkey", [SUMDB, REMORA, VKEY])
def test_published_keys_are_read(vkey: str) -> None:
    assert PublicKey.parse(vkey + "\n").vkey() == vkey


def test_no_part_of_a_key_line_and_no_changed_letter_is_a_key() -> None:
    for start in range(len(VKEY)):
        for end in range(start, len(VKEY)):
            assert code_of(lambda: PublicKey.parse(VKEY[start:end])) in ("ledger.vkey", "ledger.key-name")  # noqa: B023
    for at in range(len(VKEY)):
        changed = VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :]
        assert code_of(lambda: PublicKey.parse(changed)) in ("ledger.vkey", "ledger.key-name")  # noqa: B023
        spoiled = SECRET[:at] + chr(ord(SECRET[at]) + 1) + SECRET[at + 1 :]
        assert code_of(lambda: SecretKey.parse(spoiled)) == "ledger.secret-key"  # noqa: B023
    assert SECRET not in repr(SecretKey.parse(SECRET))
    assert "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM" not in repr(SecretKey.parse(SECRET))


def test_the_example_of_the_cosignature_specification_is_read() -> None:
    note = parse_note(COSIGNED.encode())
    assert Checkpoint.parse(note.text).size == 20852163
    assert note.encode() == COSIGNED.encode()
    assert int.from_bytes(note.signatures[1].signed[:8], "big") == 1679315147


def test_the_message_that_a_witness_signs_is_that_of_the_specification() -> None:
    note = parse_note(COSIGNED.encode())
    signature = cosign(note, WITNESS, 1679315147)
    message = (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert signature.signed[:8] == (1679315147).to_bytes(8, "big")
    assert WITNESS.public.verifies(message, signature.signed[8:])


def checkpoint(entries: list[bytes]) -> Checkpoint:
    return Checkpoint(LOG.name, len(entries), root_of(leaf_hashes(entries)))


def test_a_checkpoint_is_signed_cosigned_and_opened() -> None:
    point = checkpoint([b"a", b"b", b"c"])
    note = point.sign(LOG)
    both = note.adding([cosign(note, WITNESS, 1_700_000_000)])
    again = parse_note(both.encode())
    assert open_checkpoint(again, LOG.public, LOG.name) == point
    assert witnesses_of(again, [WITNESS.public]) == {WITNESS.name: 1_700_000_000}
    assert witnesses_of(note, [WITNESS.public]) == {}
    newer = both.adding([cosign(note, WITNESS, 1_700_000_009)])
    assert len(newer.signatures) == 2
    assert cosigned_at(newer, WITNESS.public) == 1_700_000_009


def test_what_a_checkpoint_must_not_be() -> None:
    note = checkpoint([b"a"]).sign(LOG)
    other = SecretKey(LOG.name, ED25519, bytes(32))
    assert code_of(lambda: open_checkpoint(note, other.public)) == "ledger.not-signed"
    assert code_of(lambda: open_checkpoint(note, LOG.public, "elsewhere")) == "ledger.origin"
    forged = parse_note(note.encode().replace(b"\n1\n", b"\n2\n"))
    assert code_of(lambda: open_checkpoint(forged, LOG.public)) == "ledger.signature"
    cosigned = note.adding([cosign(note, WITNESS, 5)])
    late = cosigned.signatures[1].signed[:7] + b"\x06" + cosigned.signatures[1].signed[8:]
    backdated = note.adding([Signature(WITNESS.name, WITNESS.public.id, late)])
    assert code_of(lambda: cosigned_at(backdated, WITNESS.public)) == "ledger.signature"
    assert code_of(lambda: cosign(note, LOG, 5)) == "ledger.not-a-witness"
    for text in (
        "",
        "o\n",
        "o\n1\n",
        "o\n01\nAAAA\n",
        "o\n-1\nAAAA\n",
        "o\n1\nAAAA\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n1\nA A\n",
    ):
        assert code_of(lambda: Checkpoint.parse(text)) == "ledger.checkpoint"  # noqa: B023
    extended = Checkpoint.parse(checkpoint([b"a"]).text() + "more\n")
    assert extended.extensions == ("more",)


SIGNATURE_LINE = "— a AAAAAAAA\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n" + SIGNATURE_LINE,
        b"text\n\n- a AAAAAAAA\n",
        "text\n\n— a AAAA\n".encode(),
        b"text\n\n" + SIGNATURE_LINE[:-1],
        "text\n\n— a !!!!\n".encode(),
        b"te\x07xt\n\n" + SIGNATURE_LINE,
        b"\xff\n\n" + SIGNATURE_LINE,
        b"text\n\n" + SIGNATURE_LINE * 65,
        "text\n\n— a AAAAAAB=\n".encode(),
    ],
)
def test_what_a_note_must_not_be(data: bytes) -> None:
    assert code_of(lambda: parse_note(data)) == "ledger.note"


def test_signatures_of_strangers_are_passed_over() -> None:
    note = sign_note(TEXT, [LOG, SecretKey.parse(SECRET)])
    assert open_note(note, LOG.public) == open_note(note, PublicKey.parse(VKEY)) == TEXT
    spoiled = note.adding([Signature("PeterNeumann", PublicKey.parse(VKEY).id, bytes(64))])
    assert open_note(spoiled, LOG.public) == TEXT
    assert code_of(lambda: open_note(spoiled, PublicKey.parse(VKEY))) == "ledger.signature"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb"])
def test_names_that_a_key_cannot_have(name: str) -> None:
    assert code_of(lambda: SecretKey(name, ED25519, bytes(32)).public) == "ledger.key-name"


# Receipts: the forms of the specification's own tests (transparency-dev/formats, proof).
H1 = base64.b64encode(hashlib.sha256(b"hash1").digest()).decode()


def test_receipts_are_written_as_others_write_them() -> None:
    step = base64.b64decode(H1)
    assert Receipt(5, (step, step), b"test checkpoint\n").encode().decode() == (
        f"c2sp.org/tlog-proof@v1\nindex 5\n{H1}\n{H1}\n\ntest checkpoint\n"
    )
    with_extra = Receipt(10, (step,), b"checkpoint data\n", b"extra information").encode().decode()
    extra = base64.b64encode(b"extra information").decode()
    assert with_extra == f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 10\n{H1}\n\ncheckpoint data\n"
    assert Receipt(0, (), b"checkpoint\n").encode() == b"c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"


@pytest.mark.parametrize(
    "body",
    [
        "\n\ncheckpoint\n",
        "index notanumber\n\ncheckpoint\n",
        "index -5\n\ncheckpoint\n",
        "index 05\n\ncheckpoint\n",
        "index  0\n\ncheckpoint\n",
        "index 0\n",
        "index 0\n\n",
        "index 0\n!!notbase64!!\n\ncheckpoint\n",
        "index 0\n" + base64.b64encode(bytes(64)).decode() + "\n\ncheckpoint\n",
        "index 0\n" + (H1 + "\n") * 64 + "\ncheckpoint\n",
        "extra !!notbase64!!\nindex 0\n\ncheckpoint\n",
    ],
)
def test_what_a_receipt_must_not_be(body: str) -> None:
    assert code_of(lambda: Receipt.parse(f"c2sp.org/tlog-proof@v1\n{body}".encode())) == "ledger.receipt"
    assert code_of(lambda: Receipt.parse(b"wrong-header\nindex 0\n\ncheckpoint\n")) == "ledger.receipt"


def test_a_receipt_verifies_and_a_changed_one_does_not() -> None:
    entries = [b"a", b"b", b"c"]
    note = checkpoint(entries).sign(LOG).encode()
    receipt = Receipt(2, (root_of(leaf_hashes([b"a", b"b"])),), note, b"anything")
    again = Receipt.parse(receipt.encode())
    assert again == receipt
    assert again.verify(b"c", LOG.public, LOG.name).size == 3
    assert code_of(lambda: again.verify(b"d", LOG.public)) == "ledger.not-included"
    moved = Receipt(1, receipt.path, note)
    assert code_of(lambda: moved.verify(b"c", LOG.public)) == "ledger.not-included"
    assert code_of(lambda: again.verify(b"c", PublicKey.parse(VKEY))) == "ledger.not-signed"
    assert code_of(lambda: again.verify(b"c", LOG.public, "elsewhere")) == "ledger.origin"
    longer = Receipt(2, (*receipt.path, leaf_hash(b"")), note)
    assert code_of(lambda: longer.verify(b"c", LOG.public)) == "ledger.not-included"


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (parse_note, Receipt.parse):
        with suppress(LedgerError):
            read(data)

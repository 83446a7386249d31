"""What an entry says of an event, how it commits to the rest, and receipts of several events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhizhi.engines.ledger.checkpoints import Checkpoint
from zhizhi.engines.ledger.entries import (
    ABOUT_LIMIT,
    EventRow,
    commits_to,
    entry_of,
    moment,
    plain,
    row_text,
    salt_of,
    stated_in,
)
from zhizhi.engines.ledger.event_receipts import Proven, check, receipt_of
from zhizhi.engines.ledger.hashing import leaf_hashes
from zhizhi.engines.ledger.notes import ED25519, SecretKey
from zhizhi.engines.ledger.proofs import inclusion_proof
from zhizhi.engines.ledger.receipts import Receipt
from zhizhi.engines.ledger.tiles import Edge, Hashes
from zhizhi.kernel.errors import LedgerError

KEY = bytes(range(32))
LOG = SecretKey("zhizhi.local/330106", ED25519, bytes(range(32)))
ROW = EventRow(
    id=7,
    at=datetime(2026, 3, 4, 10, 0, tzinfo=timezone(timedelta(hours=8))),
    name="casework.case.closed",
    user_id=1,
    post_id=4,
    role="village-worker",
    actor="王芳",
    via="page",
    region="330106109",
    purpose='says "so"',
    package="social-assistance",
    package_version="1.2.0",
    details={"b": 2.0, "a": [True, None, 0.25]},
    subjects=["household:0a1b", "case:12"],
)


def test_an_entry_is_canonical_json_that_anybody_can_recompute() -> None:
    entry = entry_of(ROW, KEY)
    stated = json.loads(entry)
    assert entry == json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    salt = hmac.new(KEY, b"event 7", hashlib.sha256).digest()
    text = json.dumps(
        [7, "2026-03-04T02:00:00.000000Z", "casework.case.closed", 1, 4, "village-worker", "王芳", "page", "330106109",
         'says "so"', "social-assistance", "1.2.0", {"a": [True, None, 0.25], "b": 2}, ["case:12", "household:0a1b"]],
        separators=(",", ":"),
        ensure_ascii=False,
    )  # fmt: skip
    assert row_text(ROW) == text
    assert stated["row"] == hashlib.sha256(salt + text.encode()).hexdigest()
    assert stated["about"] == ["case:12", "~" + hashlib.sha256(salt + b"household:0a1b").hexdigest()[:32]]
    assert (stated["at"], stated["post"], stated["package"]) == ("2026-03-04T02:00:00.000000Z", 4, "social-assistance@1.2.0")
    assert commits_to(entry, salt_of(KEY, 7), row_text(ROW))
    assert stated_in(entry) == stated


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "x"},
        {"user_id": None},
        {"purpose": ""},
        {"details": {}},
        {"subjects": ["case:12"]},
        {"at": ROW.at + timedelta(microseconds=1)},
    ],
)
def test_another_row_is_not_committed_to(change: dict[str, object]) -> None:
    other = replace(ROW, **change)  # type: ignore[arg-type]
    assert not commits_to(entry_of(ROW, KEY), salt_of(KEY, 7), row_text(other))
    assert not commits_to(entry_of(ROW, KEY), salt_of(KEY, 8), row_text(ROW))
    assert not commits_to(b"", salt_of(KEY, 7), row_text(ROW))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=20), st.text(max_size=20), st.dictionaries(st.text(max_size=5), json_values, max_size=3))
def test_whatever_is_written_reads_back_and_commits_the_same(actor: str, purpose: str, details: dict[str, object]) -> None:
    row = replace(ROW, actor=actor, purpose=purpose, details=details)
    told = json.loads(row_text(row))
    assert (told[6], told[9]) == (actor, purpose)
    again = replace(row, details=json.loads(json.dumps(plain(details))))
    assert entry_of(again, KEY) == entry_of(row, KEY)
    assert json.loads(entry_of(row, KEY))["event"] == 7


def test_moments_are_in_utc_to_the_microsecond() -> None:
    assert moment(datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == "1999-12-31T23:59:59.000001Z"


def test_long_lists_of_subjects_are_cut_in_the_entry_and_not_in_the_commitment() -> None:
    row = replace(ROW, subjects=[f"case:{n}" for n in range(1000)])
    entry = entry_of(row, KEY)
    assert len(json.loads(entry)["about"]) == ABOUT_LIMIT
    assert len(entry) < 1000
    fewer = replace(row, subjects=row.subjects[:-1])
    assert not commits_to(entry, salt_of(KEY, 7), row_text(fewer))


@pytest.mark.parametrize(
    "entry", [b"", b"{}", b"[]", b'{"leaf":2,"event":1,"name":"a"}', b'{"leaf":1,"event":"1","name":"a"}', b"[" * 99999]
)
def test_what_an_entry_must_not_be(entry: bytes) -> None:
    with pytest.raises(LedgerError) as refused:
        stated_in(entry)
    assert refused.value.code == "ledger.entry"


# Receipts of several events.
ROWS = [replace(ROW, id=n, subjects=[f"case:{n % 3}", "household:0a1b"]) for n in range(1, 301)]
ENTRIES = [entry_of(row, KEY) for row in ROWS]
EDGE = Edge()
FILES = dict(EDGE.append(leaf_hashes(ENTRIES)))
NOTE = Checkpoint(LOG.name, 300, EDGE.root()).sign(LOG).encode()


def proven(index: int, opened: bool = False) -> Proven:
    path = tuple(inclusion_proof(Hashes(FILES.__getitem__, 300).subtree, index, 300))
    opening = (salt_of(KEY, index + 1), row_text(ROWS[index])) if opened else (None, None)
    return Proven(index, ENTRIES[index], path, *opening)


def code_of(data: bytes) -> str:
    with pytest.raises(LedgerError) as refused:
        check(data, LOG.public)
    return refused.value.code


def test_a_receipt_of_a_case_proves_each_of_its_events() -> None:
    data = receipt_of("case:1", [proven(0), proven(3), proven(297, opened=True)], NOTE).encode()
    checked = check(data, LOG.public)
    assert (checked.subject, checked.checkpoint.size) == ("case:1", 300)
    assert [event.index for event in checked.events] == [0, 3, 297]
    assert [event.row is not None for event in checked.events] == [False, False, True]
    assert checked.events[2].row is not None
    assert checked.events[2].row["actor"] == "王芳"
    assert Receipt.parse(data).verify(ENTRIES[297], LOG.public).size == 300  # what a standard client checks


def changed(data: bytes, **extra: object) -> bytes:
    receipt = Receipt.parse(data)
    assert receipt.extra is not None
    return replace(receipt, extra=json.dumps(json.loads(receipt.extra) | extra).encode()).encode()


def test_nothing_in_the_extra_data_is_believed() -> None:
    data = receipt_of("case:1", [proven(0, opened=True), proven(3, opened=True)], NOTE).encode()
    events = json.loads(Receipt.parse(data).extra or b"")["events"]
    assert code_of(changed(data, subject="case:2")) == "ledger.receipt-subject"
    assert code_of(changed(data, form=2)) == "ledger.receipt-bare"
    assert code_of(changed(data, events=[])) == "ledger.receipt-bare"
    assert code_of(changed(data, events=[{**events[0], "index": 1e999}, events[1]])) == "ledger.receipt-bare"
    assert code_of(changed(data, events=[{**events[0], "index": 1}, events[1]])) == "ledger.not-included"
    assert code_of(changed(data, events=[{**events[0], "entry": events[1]["entry"]}, events[1]])) == "ledger.not-included"
    assert code_of(changed(data, events=events[:1])) == "ledger.receipt"
    forged = events[1]["row"].replace("王芳", "李明")
    assert code_of(changed(data, events=[events[0], {**events[1], "row": forged}])) == "ledger.row-differs"
    salt = base64.b64encode(bytes(32)).decode()
    assert code_of(changed(data, events=[{**events[0], "salt": salt}, events[1]])) == "ledger.row-differs"
    assert code_of(replace(Receipt.parse(data), extra=None).encode()) == "ledger.receipt-bare"
    assert code_of(replace(Receipt.parse(data), extra=b"[" * 99999).encode()) == "ledger.receipt-bare"


def test_a_hidden_subject_is_not_claimed() -> None:
    closed = receipt_of("household:0a1b", [proven(0), proven(3)], NOTE).encode()
    assert check(closed, LOG.public).subject == ""
    opened = receipt_of("household:0a1b", [proven(0, opened=True), proven(3, opened=True)], NOTE).encode()
    assert check(opened, LOG.public).subject == "household:0a1b"

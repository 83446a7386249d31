"""From event to leaf: groups, recovery, order, keys, faults of disk and files."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from journal_world import CLOSED, HOUSEHOLD, sealed_ids, write

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Event, EventSubject, Seal
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record, record_many
from zhizhi.apps.journal.services.ledger_keys import ledger_keys, public_key
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.notes import PublicKey
from zhizhi.kernel.errors import LedgerError, UsageError

pytestmark = pytest.mark.django_db


def found(actor: Actor, now: datetime) -> list[str]:
    return [str(finding["code"]) for finding in ledger_verify(actor, now=now).findings]


def test_events_become_leaves_in_the_order_of_writing(system: Actor, now: datetime) -> None:
    first = write(system, range(700), now)
    sealed = ledger_seal(now=now)
    assert (sealed.size, sealed.events) == (700, 700)
    assert ledger_seal(now=now).events == 0
    second = write(system, range(700, 1000), now - timedelta(days=400))  # the clock was set back
    assert ledger_seal(now=now - timedelta(days=400), group=100).size == 1000
    assert sealed_ids() == first + second
    assert dict(Event.objects.filter(pk__in=first + second).values_list("pk", "leaf")) == {
        event: leaf for leaf, event in enumerate(first + second)
    }
    assert list(Seal.objects.order_by("size").values_list("size", flat=True)) == [700, 800, 900, 1000]
    assert found(system, now) == []


def test_an_entry_names_no_person(system: Actor, now: datetime, home: Configuration) -> None:
    actor = Actor(5, 9, "李建国", None, "330106", via="page")
    with transaction.atomic():
        record(
            actor,
            CLOSED,
            now=now,
            subjects=["case:3", HOUSEHOLD, "user:5"],
            region="330106109",
            purpose="入户核查",
            details={"n": 1},
        )
        record(actor, CLOSED, now=now, subjects=["case:4", HOUSEHOLD, "user:5"], region="330106109")
    ledger_seal(now=now)
    entries = [json.loads(entry) for entry in LedgerFolder(home.ledger).entries(0, 2)]
    text = json.dumps(entries, ensure_ascii=False)
    for secret in ("李建国", HOUSEHOLD, HOUSEHOLD[10:], "user:5", "入户核查"):
        assert secret not in text
    assert [entry["about"][0] for entry in entries] == ["case:3", "case:4"]
    assert all(about.startswith("~") for entry in entries for about in entry["about"][1:])
    assert not set(entries[0]["about"]) & set(entries[1]["about"]), "entries about one household can be told to be so"
    assert (entries[0]["event"], entries[0]["post"], entries[0]["region"]) == (Event.objects.order_by("pk")[0].pk, 9, "330106109")


def test_a_group_that_reached_the_ledger_but_not_the_database_gets_its_leaves(system: Actor, now: datetime) -> None:
    ids = write(system, range(300), now)
    ledger_seal(now=now, group=100)
    # as if the process had died after publishing 300 and before marking the last 200
    Seal.objects.filter(size__gt=100).delete()
    Event.objects.filter(leaf__gte=100).update(leaf=None)
    more = write(system, range(300, 320), now)
    assert ledger_seal(now=now).size == 320
    assert sealed_ids() == ids + more
    assert found(system, now) == []


def test_what_was_written_beyond_the_checkpoint_is_written_over(system: Actor, now: datetime, home: Configuration) -> None:
    write(system, range(250), now)
    ledger_seal(now=now)
    folder = LedgerFolder(home.ledger)
    # as if a process had died after writing the tiles of a group that never was
    folder.write(
        {
            "tile/0/000": b"\1" * 8192,
            "tile/entries/000": b"\0\1x" * 256,
            "tile/1/000.p/1": b"\2" * 32,
            "tile/0/001.p/9": b"\3" * 288,
        }
    )
    (home.ledger / ".checkpoint.part").write_bytes(b"half a check")
    write(system, range(250, 400), now)
    assert ledger_seal(now=now).size == 400
    assert found(system, now) == []


def test_an_event_committed_late_with_a_smaller_id_comes_in_the_next_group(system: Actor, now: datetime) -> None:
    ids = write(system, range(10), now)
    late = Event.objects.get(pk=ids[4])
    subjects = list(late.subjects.values_list("subject", flat=True))
    late.delete()
    ledger_seal(now=now)
    late.pk = ids[4]
    late.save(force_insert=True)
    EventSubject.objects.bulk_create([EventSubject(event=late, subject=subject) for subject in subjects])
    assert ledger_seal(now=now).size == 10
    assert sealed_ids() == [*ids[:4], *ids[5:], ids[4]]
    assert found(system, now) == []


def test_a_database_set_back_to_an_older_state_keeps_what_matches_and_says_what_does_not(system: Actor, now: datetime) -> None:
    ids = write(system, range(100), now)
    ledger_seal(now=now, group=50)
    # the database of an hour ago: neither the last fifty events nor their seal
    Seal.objects.filter(size=100).delete()
    Event.objects.filter(pk__in=ids[80:]).delete()
    Event.objects.filter(pk__in=ids[50:80]).update(leaf=None)
    Event.objects.filter(pk=ids[60]).update(purpose="another past")
    assert ledger_seal(now=now).events == 2  # the event that grew another past, and the event that tells of it
    unmatched = Event.objects.get(name="journal.ledger.unmatched")
    assert unmatched.details == {"from": 50, "to": 100, "unmatched": 21}
    assert Event.objects.get(pk=ids[60]).leaf == 100
    assert found(system, now).count("ledger.row-missing") == 21


def test_a_ledger_set_back_to_an_older_state_stops_sealing(
    system: Actor, now: datetime, home: Configuration, tmp_path: Path
) -> None:
    write(system, range(100), now)
    ledger_seal(now=now)
    shutil.copytree(home.ledger, tmp_path / "old")
    write(system, range(100, 200), now)
    ledger_seal(now=now)
    shutil.rmtree(home.ledger)
    shutil.copytree(tmp_path / "old", home.ledger)
    with pytest.raises(LedgerError) as stopped:
        ledger_seal(now=now)
    assert (stopped.value.code, stopped.value.params) == ("ledger.shorter", {"ledger": 100, "journal": 200})
    assert "ledger.leaf-beyond" in found(system, now)


def test_an_exchanged_ledger_of_the_same_size_stops_sealing(system: Actor, now: datetime, home: Configuration) -> None:
    write(system, range(5), now)
    ledger_seal(now=now)
    keys = ledger_keys(home)
    shutil.rmtree(home.ledger)
    folder = LedgerFolder(home.ledger)
    with folder.lock():
        folder.append([b'{"event":1,"leaf":1,"name":"a"}'] * 5, keys.signing)
    with pytest.raises(LedgerError) as stopped:
        ledger_seal(now=now)
    assert stopped.value.code == "ledger.forked"
    assert "ledger.seal-differs" in found(system, now)


def test_a_damaged_edge_is_not_built_on(system: Actor, now: datetime, home: Configuration) -> None:
    write(system, range(5), now)
    ledger_seal(now=now)
    write(system, range(5, 9), now)
    tile = home.ledger / "tile/0/000.p/5"
    tile.write_bytes(b"\0" * len(tile.read_bytes()))
    with pytest.raises(LedgerError) as stopped:
        ledger_seal(now=now)
    assert stopped.value.code == "ledger.edge"
    assert Event.objects.filter(leaf__isnull=True).count() == 4


def test_keys_are_made_once_and_never_anew(system: Actor, now: datetime, home: Configuration) -> None:
    write(system, range(3), now)
    ledger_seal(now=now)
    keys = home.keys
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir() if path.name != "ledger.vkey"} == {
        "ledger.key": 0o600,
        "commitment.key": 0o600,
    }
    assert keys.stat().st_mode & 0o777 == 0o700
    assert public_key(home) == ledger_keys(home).public
    assert PublicKey.parse((keys / "ledger.vkey").read_text()).name == "zhizhi.local/330100"
    (keys / "ledger.key").unlink()
    with pytest.raises(LedgerError) as gone:
        ledger_seal(now=now)
    assert gone.value.code == "ledger.key-gone"
    assert found(system, now) == ["ledger.key-gone"]


def test_the_ledger_keeps_its_name(system: Actor, now: datetime, home: Configuration) -> None:
    write(system, range(3), now)
    ledger_seal(now=now)
    (home.home / "zhizhi.toml").write_text('region = "330100"\nledger_origin = "elsewhere"\n', encoding="utf-8")
    configuration.cache_clear()
    with pytest.raises(LedgerError) as changed:
        ledger_seal(now=now)
    assert (changed.value.code, changed.value.params["seen"]) == ("ledger.origin-set", "zhizhi.local/330100")


def test_a_full_disk_loses_nothing(system: Actor, now: datetime, home: Configuration) -> None:
    ids = write(system, range(3), now)
    ledger_seal(now=now)
    more = write(system, range(3, 600), now)
    blocked = home.ledger / "tile" / "0" / "001"  # a folder where the full tile belongs: the write fails half way
    blocked.mkdir()
    (blocked / "x").touch()
    with pytest.raises(IsADirectoryError):
        ledger_seal(now=now)
    assert sealed_ids() == ids
    shutil.rmtree(blocked)
    assert ledger_seal(now=now).size == 600
    assert sealed_ids() == ids + more
    assert found(system, now) == []


def test_an_event_outside_a_transaction_or_with_a_number_that_names_a_person_is_a_fault(system: Actor, now: datetime) -> None:
    for details in ({"id": "11010519491231002X"}, {"list": ["call 13800138000 now"]}, {"n": float("nan")}, {"when": now}):
        with pytest.raises(ValueError, match=r"JSON|finite|number"), transaction.atomic():
            record(system, CLOSED, now=now, details=details)
    with pytest.raises(UsageError), transaction.atomic():
        record(system, "casework.case.vanished", now=now)
    assert Event.objects.count() == 0
    with transaction.atomic():
        record(system, CLOSED, now=now, details={"household": "0a1b2c3d" * 3, "share": 0.25, "whole": 3.0, "k": {1: None}})
    assert Event.objects.get().details == {"household": "0a1b2c3d" * 3, "share": 0.25, "whole": 3, "k": {"1": None}}


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_the_transaction_of_its_change(now: datetime) -> None:
    with pytest.raises(RuntimeError):
        record(Actor.system("tests", "330100"), CLOSED, now=now)
    assert not connection.in_atomic_block


def test_a_subject_named_twice_is_one_subject(system: Actor, now: datetime) -> None:
    with transaction.atomic():
        (event,) = record_many(system, [Fact(CLOSED, subjects=["case:1", "case:1"], region="330106")], now=now)
    assert Event.objects.get(pk=event).subjects.count() == 1

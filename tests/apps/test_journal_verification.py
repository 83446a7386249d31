"""What verification finds: every way to change the past that we could think of, in the database and in the files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from journal_world import HOUSEHOLD, write

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.configuration import Configuration
from zhizhi.apps.journal.models import Event, EventSubject, Seal, Verification
from zhizhi.apps.journal.services.rebuilding import ledger_rebuild
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.engines.ledger.tiles import bundle, unbundle
from zhizhi.kernel.errors import LedgerError, RefusedError

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(system: Actor, now: datetime) -> list[int]:
    """Six hundred sealed events."""
    ids = write(system, range(600), now)
    ledger_seal(now=now, group=128)
    return ids


def found(actor: Actor, now: datetime) -> list[str]:
    return [
        f"{finding['code']} {finding['params'].get('index', '')}".strip() for finding in ledger_verify(actor, now=now).findings
    ]


CHANGES: dict[str, Callable[[int], object]] = {
    "actor": lambda event: Event.objects.filter(pk=event).update(actor="somebody else"),
    "post": lambda event: Event.objects.filter(pk=event).update(post_id=99),
    "user": lambda event: Event.objects.filter(pk=event).update(user_id=99),
    "name": lambda event: Event.objects.filter(pk=event).update(name="casework.case.opened"),
    "time": lambda event: Event.objects.filter(pk=event).update(at=Event.objects.get(pk=event).at + timedelta(microseconds=1)),
    "place": lambda event: Event.objects.filter(pk=event).update(region="330106002"),
    "purpose": lambda event: Event.objects.filter(pk=event).update(purpose="x"),
    "package": lambda event: Event.objects.filter(pk=event).update(package_version="9"),
    "details": lambda event: Event.objects.filter(pk=event).update(details={"outcome": "declined", "visits": 1}),
    "a subject left out": lambda event: EventSubject.objects.filter(event_id=event, subject=HOUSEHOLD).delete(),
    "a subject more": lambda event: EventSubject.objects.create(event_id=event, subject="case:777"),
    "a subject changed": lambda event: EventSubject.objects.filter(event_id=event, subject=HOUSEHOLD).update(
        subject="household:x"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_found(sealed: list[int], system: Actor, now: datetime, change: str) -> None:
    CHANGES[change](sealed[300])
    assert found(system, now) == ["ledger.row-changed 300"]


def test_a_deleted_row_and_a_row_that_was_never_sealed_are_found(sealed: list[int], system: Actor, now: datetime) -> None:
    Event.objects.filter(pk=sealed[5]).delete()
    (more,) = write(system, [1], now)
    Event.objects.filter(pk=more).update(leaf=5)  # put in its place
    assert found(system, now) == ["ledger.row-changed 5"]
    Event.objects.filter(pk=more).update(leaf=70_000)
    assert found(system, now) == ["ledger.row-missing 5", "ledger.leaf-beyond"]


def test_two_rows_that_changed_places_are_found(sealed: list[int], system: Actor, now: datetime) -> None:
    Event.objects.filter(pk=sealed[1]).update(leaf=None)
    Event.objects.filter(pk=sealed[2]).update(leaf=1)
    Event.objects.filter(pk=sealed[1]).update(leaf=2)
    assert found(system, now) == ["ledger.row-changed 1", "ledger.row-changed 2"]


def test_changed_and_missing_files_are_found(
    sealed: list[int], system: Actor, now: datetime, home: Configuration, tmp_path: Path
) -> None:
    shutil.copytree(home.ledger, tmp_path / "sound")

    def with_file(path: str, data: bytes | None) -> list[str]:
        shutil.rmtree(home.ledger)
        shutil.copytree(tmp_path / "sound", home.ledger)
        if data is None:
            (home.ledger / path).unlink()
        else:
            (home.ledger / path).write_bytes(data)
        return found(system, now)

    entries = unbundle((home.ledger / "tile/entries/001").read_bytes())
    forged = bundle([*entries[:9], entries[9].replace(b"closed", b"opened"), *entries[10:]])
    assert with_file("tile/entries/001", forged)[0] == "ledger.tile-differs 265"
    assert with_file("tile/entries/001", None) == ["ledger.tile-missing"]
    assert with_file("tile/0/000", bytes(8192))[0] == "ledger.tile-differs 0"
    note = (home.ledger / "checkpoint").read_bytes()
    assert with_file("checkpoint", note.replace(b"\n600\n", b"\n599\n")) == ["ledger.signature"]
    assert with_file("checkpoint", b"nothing") == ["ledger.note"]
    assert with_file("checkpoint", note) == []


def test_a_verification_is_kept_and_journaled(sealed: list[int], actors: dict[Role, Actor], now: datetime) -> None:
    ticks = iter([10.0, 12.5])
    Event.objects.filter(pk=sealed[0]).update(actor="x")
    seen = ledger_verify(actors[Role.AUDITOR], now=now, timer=lambda: next(ticks))
    assert (seen.found, seen.size, seen.events, seen.seconds) == (1, 600, 600, 2.5)
    kept = Verification.objects.get()
    assert (kept.actor, kept.found, kept.findings[0]["code"]) == ("auditor", 1, "ledger.row-changed")
    told = Event.objects.get(name="journal.ledger.verified")
    assert (told.details, told.actor) == ({"size": 600, "found": 1}, "auditor")
    with pytest.raises(RefusedError):
        ledger_verify(actors[Role.COUNTY_MANAGER], now=now)


def test_a_lost_ledger_is_made_again_from_the_journal(
    sealed: list[int], system: Actor, now: datetime, home: Configuration, tmp_path: Path
) -> None:
    checkpoint = (home.ledger / "checkpoint").read_bytes()
    files = {path.relative_to(home.ledger): path.read_bytes() for path in home.ledger.rglob("0*") if path.is_file()}
    shutil.rmtree(home.ledger)
    assert ledger_rebuild() == 600
    assert (home.ledger / "checkpoint").read_bytes() == checkpoint
    assert {name: (home.ledger / name).read_bytes() for name in files} == files
    assert ledger_rebuild() == 0
    assert found(system, now) == []
    write(system, range(5), now)
    assert ledger_seal(now=now).size >= 605


def test_a_ledger_is_not_made_again_from_a_changed_journal(sealed: list[int], now: datetime, home: Configuration) -> None:
    Event.objects.filter(pk=sealed[599]).update(actor="x")
    shutil.rmtree(home.ledger)
    with pytest.raises(LedgerError) as refused:
        ledger_rebuild()
    assert refused.value.code == "ledger.rebuild-differs"
    assert not (home.ledger / "checkpoint").exists()
    assert Seal.objects.count() == 5


def test_moments_are_read_from_the_database_to_the_microsecond(system: Actor, now: datetime) -> None:
    for at in (now, now + timedelta(microseconds=1), now + timedelta(microseconds=120_000), now - timedelta(days=365 * 90)):
        write(system, range(2), at)
        write(system, range(200), at)
    ledger_seal(now=now)
    assert found(system, now) == []
    assert connection.vendor in ("sqlite", "postgresql")

"""Witnesses: a key file of a second office, a witness service by HTTP, and what happens when either is away or refuses."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from journal_world import write

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Cosigner, Event, Seal
from zhizhi.apps.journal.selectors import ledger_status, receipt_check
from zhizhi.apps.journal.services.ledger_keys import public_key
from zhizhi.apps.journal.services.receipts import receipt_make
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.apps.journal.services.witnesses import PAUSE, witnesses_ask
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.checkpoints import Checkpoint, cosigned_at
from zhizhi.engines.ledger.notes import COSIGNATURE, Note, SecretKey, parse_note
from zhizhi.engines.ledger.witness import consider

pytestmark = pytest.mark.django_db
OFFICE = SecretKey("audit.hangzhou.example/witness", COSIGNATURE, bytes(range(32)))
SERVICE = SecretKey("witness.example/w1", COSIGNATURE, bytes(range(32, 64)))


def set_up(home: Configuration, **values: str) -> None:
    """Write settings into the home."""
    lines = ['region = "330100"', *(f'{name} = "{value}"' for name, value in values.items())]
    (home.home / "zhizhi.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    configuration.cache_clear()


@pytest.fixture
def office(home: Configuration, tmp_path: Path) -> Path:
    """The folder of a second office with its witness's key."""
    folder = tmp_path / "second-office"
    folder.mkdir()
    (folder / "witness.key").write_text(OFFICE.text() + "\n", encoding="utf-8")
    set_up(home, witness_key_file=str(folder / "witness.key"))
    return folder


class WitnessServer(ThreadingHTTPServer):
    """A C2SP witness on this machine; ``broken`` makes it answer that status, ``seen`` is what it remembers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: dict[str, Checkpoint] = {}
        self.broken = 0
        self.asked = 0
        self.home: Configuration | None = None


class Handler(BaseHTTPRequestHandler):
    server: WitnessServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        key = public_key(self.server.home) if self.server.home else None
        if self.path != "/add-checkpoint" or key is None or self.server.broken:
            self.send_response(self.server.broken or 404)
            self.end_headers()
            return
        answer = consider(body, {key.name: key}, self.server.seen, SERVICE, 1_800_000_000)
        if answer.remember is not None:
            self.server.seen[key.name] = answer.remember
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def service(home: Configuration) -> Iterator[WitnessServer]:
    """A witness service that the home is set to ask."""
    server = WitnessServer()
    server.home = home
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    set_up(home, witness_url=f"http://127.0.0.1:{server.server_port}/", witness_vkey=SERVICE.public.vkey())
    yield server
    server.shutdown()
    server.server_close()


def note_of(home: Configuration) -> Note:
    note = LedgerFolder(home.ledger).note()
    assert note is not None
    return note


def test_a_second_office_cosigns_each_checkpoint(office: Path, home: Configuration, system: Actor, now: datetime) -> None:
    assert witnesses_ask(now=now) == 0  # nothing is sealed yet
    for day in range(3):
        write(system, range(day * 300, day * 300 + 300), now)
        ledger_seal(now=now)
        assert witnesses_ask(now=now + timedelta(days=day)) == 1
        assert witnesses_ask(now=now + timedelta(days=day)) == 0
    assert cosigned_at(note_of(home), OFFICE.public) == int((now + timedelta(days=2)).timestamp())
    assert parse_note(Seal.objects.get(size=900).note.encode()) == note_of(home)
    assert (office / "witness.key.seen").read_text().split("\n")[1:3] == ["zhizhi.local/330100", "900"]
    assert ledger_verify(system, now=now).findings == []


def test_a_cosignature_is_never_dated_before_another(office: Path, home: Configuration, system: Actor, now: datetime) -> None:
    write(system, range(3), now)
    ledger_seal(now=now)
    witnesses_ask(now=now)
    write(system, range(3), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now - timedelta(days=30)) == 1
    assert cosigned_at(note_of(home), OFFICE.public) == int(now.timestamp())


def test_a_rewritten_ledger_gets_no_cosignature(office: Path, home: Configuration, system: Actor, now: datetime) -> None:
    write(system, range(50), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now) == 1
    # somebody with every key of this office rewrites the past and makes files and database fit again
    Event.objects.filter(leaf=7).update(actor="nobody was there")
    shutil.rmtree(home.ledger)
    Seal.objects.all().delete()
    Event.objects.update(leaf=None)
    ledger_seal(now=now)
    assert ledger_verify(system, now=now).findings == []  # alone, the office could
    write(system, range(5), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now + PAUSE) == 0
    state = Cosigner.objects.get()
    assert (state.failure, state.params) == ("ledger.witness-refused", {"status": "422"})
    assert len(note_of(home).signatures) == 1


def test_a_key_that_is_away_does_not_stop_sealing_and_recovers(
    office: Path, home: Configuration, system: Actor, now: datetime, actors: dict[Role, Actor]
) -> None:
    (office / "witness.key").rename(office / "locked-away")
    write(system, range(5), now)
    size = ledger_seal(now=now).size
    assert size > 0
    assert witnesses_ask(now=now) == 0
    (witness,) = ledger_status(actors[Role.AUDITOR], now=now).witnesses
    assert (witness.failing_since, witness.failure) == (now, "ledger.witness-away")
    (office / "locked-away").rename(office / "witness.key")
    # nothing new is waiting: the witness is asked all the same
    assert witnesses_ask(now=now + timedelta(seconds=5)) == 1
    (witness,) = ledger_status(actors[Role.AUDITOR], now=now).witnesses
    assert (witness.name, witness.failure, witness.behind) == (OFFICE.name, "", 0)


def test_a_service_cosigns_and_a_receipt_carries_it(
    service: WitnessServer, home: Configuration, system: Actor, now: datetime, actors: dict[Role, Actor]
) -> None:
    write(system, range(300), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now) == 1
    assert cosigned_at(note_of(home), SERVICE.public) == 1_800_000_000
    write(system, range(300, 310), now)
    ledger_seal(now=now)  # newer, and not cosigned yet
    receipt = receipt_make(system, subject="case:17", now=now)
    assert receipt_check(actors[Role.AUDITOR], receipt).witnesses == {SERVICE.name: 1_800_000_000}


@pytest.mark.parametrize("status", [403, 404, 422, 500])
def test_a_service_that_refuses_is_told_and_asked_again_after_a_pause(
    service: WitnessServer, system: Actor, now: datetime, status: int
) -> None:
    write(system, range(3), now)
    ledger_seal(now=now)
    service.broken = status
    assert witnesses_ask(now=now) == 0
    state = Cosigner.objects.get()
    assert (state.failure, state.params["status"], state.failing_since) == ("ledger.witness-refused", str(status), now)
    asked = service.asked
    assert witnesses_ask(now=now + PAUSE / 2) == 0
    assert service.asked == asked, "left alone for a while"
    service.broken = 0
    assert witnesses_ask(now=now + PAUSE) == 1
    assert Cosigner.objects.get().failing_since is None


def test_a_service_that_is_gone_does_not_stop_sealing(service: WitnessServer, system: Actor, now: datetime) -> None:
    service.shutdown()
    service.server_close()
    write(system, range(3), now)
    assert ledger_seal(now=now).events >= 3
    assert witnesses_ask(now=now) == 0
    assert Cosigner.objects.get().failure == "ledger.witness-away"
    write(system, range(3), now)
    assert ledger_seal(now=now).events == 3


def test_a_service_that_remembers_another_size_is_given_the_proof_from_there(
    service: WitnessServer, home: Configuration, system: Actor, now: datetime
) -> None:
    write(system, range(20), now)
    ledger_seal(now=now)
    witnesses_ask(now=now)
    Cosigner.objects.all().delete()  # we forgot what it saw
    write(system, range(500), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now) == 1
    assert service.asked == 3
    assert cosigned_at(note_of(home), SERVICE.public) is not None


def test_an_answer_that_does_not_verify_is_not_taken(
    service: WitnessServer, home: Configuration, system: Actor, now: datetime
) -> None:
    other = SecretKey(SERVICE.name, COSIGNATURE, bytes(32))
    set_up(home, witness_url=f"http://127.0.0.1:{service.server_port}", witness_vkey=other.public.vkey())
    write(system, range(3), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now) == 0
    assert Cosigner.objects.get().failure == "ledger.witness-silent"
    assert len(note_of(home).signatures) == 1


def test_a_service_without_its_key_is_told(service: WitnessServer, home: Configuration, system: Actor, now: datetime) -> None:
    set_up(home, witness_url=f"http://127.0.0.1:{service.server_port}")
    write(system, range(3), now)
    ledger_seal(now=now)
    assert witnesses_ask(now=now) == 0
    assert Cosigner.objects.get().failure == "ledger.witness-key"

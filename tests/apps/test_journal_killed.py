"""A sealer killed 200 times at random points: no acknowledged event is lost, none goes in twice, the tree only grows."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime

import pytest
from django.db import connections
from journal_world import sealed_ids, write

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import Configuration
from zhizhi.apps.journal.models import Event, Seal
from zhizhi.apps.journal.services.ledger_keys import public_key
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.engines.ledger.checkpoints import Checkpoint
from zhizhi.engines.ledger.proofs import consistency_proof, continues
from zhizhi.engines.ledger.tiles import Hashes

KILLS = 200
SEED = 20260304


def work(actor: Actor, now: datetime, acknowledged: int, seed: int) -> None:
    """Write groups of events, say which are committed, and seal, until killed."""
    chance = random.Random(seed)
    while True:
        ids = write(actor, range(chance.choice((1, 3, 40, 300))), now)
        os.write(acknowledged, "".join(f"{event}\n" for event in ids).encode())
        ledger_seal(now=now, group=chance.choice((7, 100, 1000)))


def killed_after(seconds: float, actor: Actor, now: datetime, seed: int) -> list[int]:
    """Run ``work`` in a process of its own, kill it after so long, and return the ids of events that it acknowledged."""
    connections.close_all()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            work(actor, now, writing, seed)
        finally:
            os._exit(70)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    # an event counts as acknowledged when its whole line came through
    return [int(line) for line in told.split("\n")[:-1]]


def grown(last: Checkpoint | None, home: Configuration) -> Checkpoint | None:
    """Return the newest checkpoint after proving that it continues ``last``."""
    key = public_key(home)
    folder = LedgerFolder(home.ledger)
    newest = folder.checkpoint(key) if key else None
    if last is not None:
        assert newest is not None
        proof = consistency_proof(Hashes(folder.read, newest.size).subtree, last.size, newest.size)
        assert continues(last.size, last.root, newest.size, newest.root, proof), "the tree was rewritten"
    return newest


@pytest.mark.django_db(transaction=True)
def test_two_hundred_kills(home: Configuration, now: datetime) -> None:
    actor = Actor.system("tests", "330100")
    chance = random.Random(SEED)
    acknowledged: list[int] = []
    last: Checkpoint | None = None
    behind = 0
    for kill in range(KILLS):
        acknowledged += killed_after(chance.uniform(0.004, 0.12), actor, now, SEED + kill)
        last = grown(last, home)
        seal = Seal.objects.order_by("-size").first()
        behind += last is not None and (seal.size if seal else 0) < last.size
        connections.close_all()
    ledger_seal(now=now)
    final = grown(last, home)
    in_ledger = sealed_ids()
    assert final is not None
    assert len(in_ledger) == len(set(in_ledger)) == final.size, "an event went in twice"
    assert set(acknowledged) <= set(in_ledger), "an acknowledged event was lost"
    assert set(in_ledger) == set(Event.objects.values_list("pk", flat=True)), "the ledger has what the journal has not"
    leaves = dict(Event.objects.values_list("leaf", "pk"))
    assert leaves == dict(enumerate(in_ledger))
    assert ledger_verify(actor, now=now).findings == []
    assert len(acknowledged) > KILLS
    print(f"{KILLS} kills; {len(acknowledged)} acknowledged of {len(in_ledger)} sealed; {behind} between checkpoint and leaves")

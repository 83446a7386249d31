"""The ledger: durable appends a second in groups, sealing beside requests, and verifying 1,000,000 events.

Run: ``python benchmarks/desk_ledger.py [--events 1000000] [--group 5000] [--json FILE]``. With ``DATABASE_URL`` the database is
that PostgreSQL (a test database of its own is made there), else SQLite in a file as the product uses it. An append is an event
with two subjects, committed, sealed into the ledger with fsync, and given its leaf.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any


def django_in(home: Path) -> None:
    """Set Django up with an empty database for ``home``."""
    os.environ["ZHIZHI_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
    import django  # noqa: PLC0415 - after the home is known
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    django.setup()
    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
    else:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


def tidy() -> None:
    """Drop the database that was made on a server."""
    from django.db import connection  # noqa: PLC0415

    if connection.vendor != "sqlite":
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--group", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhizhi-ledger-") as folder:
        home = Path(folder)
        (home / "zhizhi.toml").write_text('region = "330106"\n', encoding="utf-8")
        django_in(home)
        measured = measure(asked.events, asked.group, home)
        tidy()
    print(json.dumps(measured, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def measure(events: int, group: int, home: Path) -> dict[str, Any]:
    from django.db import connection, transaction  # noqa: PLC0415 - after Django is set up
    from django.utils import timezone  # noqa: PLC0415

    from zhizhi.apps.actors import Actor  # noqa: PLC0415
    from zhizhi.apps.configuration import configuration  # noqa: PLC0415
    from zhizhi.apps.journal.schemas import Fact, declare  # noqa: PLC0415
    from zhizhi.apps.journal.services import record, record_many  # noqa: PLC0415
    from zhizhi.apps.journal.services.ledger_keys import ledger_keys  # noqa: PLC0415
    from zhizhi.apps.journal.services.sealing import ledger_seal  # noqa: PLC0415
    from zhizhi.apps.journal.services.verification import ledger_verify  # noqa: PLC0415
    from zhizhi.backends.ledger_folder import LedgerFolder  # noqa: PLC0415
    from zhizhi.engines.ledger.audit import audit  # noqa: PLC0415

    closed = declare("casework.case.closed")
    actor = Actor.system("benchmark", "330106")
    appended: list[float] = []
    began, busy = time.perf_counter(), time.process_time()
    for start in range(0, events, group):
        at = time.perf_counter()
        with transaction.atomic():
            facts = [
                Fact(closed, subjects=[f"case:{n}", f"household:{n:024x}"], region="330106109", details={"outcome": "granted"})
                for n in range(start, min(events, start + group))
            ]
            record_many(actor, facts, now=timezone.now())
        ledger_seal(now=timezone.now())
        appended.append(time.perf_counter() - at)
    appending, append_busy = time.perf_counter() - began, time.process_time() - busy

    settings = configuration()
    tree = LedgerFolder(settings.ledger)
    point = tree.checkpoint(ledger_keys(settings).public)
    at, busy = time.perf_counter(), time.process_time()
    audited = audit(tree.read, point.size, point.root)
    files, files_busy = time.perf_counter() - at, time.process_time() - busy
    assert audited.found == 0

    at, busy = time.perf_counter(), time.process_time()
    verified = ledger_verify(actor, now=timezone.now())
    everything, everything_busy = time.perf_counter() - at, time.process_time() - busy
    assert (verified.found, verified.size) == (0, events), verified

    def single(seal: bool) -> float:
        times = []
        for n in range(300):
            at = time.perf_counter()
            with transaction.atomic():
                record(actor, closed, now=timezone.now(), subjects=[f"case:{n}"], region="330106109")
            times.append(time.perf_counter() - at)
            if seal and n % 20 == 0:
                ledger_seal(now=timezone.now())
        return statistics.quantiles(times, n=100)[98] * 1000

    return {
        "database": connection.vendor,
        "events": events,
        "group": group,
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "durable appends a second": round(events / appending),
        "appends a second of processor time": round(events / append_busy),
        "slowest group, ms": round(max(appended) * 1000),
        "verify the ledger's files, s": round(files, 2),
        "the same, s of processor time": round(files_busy, 2),
        "verify files and journal rows, s": round(everything, 2),
        "the same in all, s of processor time": round(everything_busy, 2),
        "one event p99 without sealing, ms": round(single(False), 2),
        "one event p99 with sealing between, ms": round(single(True), 2),
        "ledger on disk, MB": round(sum(f.stat().st_size for f in settings.ledger.rglob("*") if f.is_file()) / 1e6),
    }


if __name__ == "__main__":
    main()

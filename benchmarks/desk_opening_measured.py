"""What `desk_opening` measures. Loaded after Django is set up."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from zhizhi.apps.accounts.services.people import post_grant, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.runs import opening_latest, run_latest
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.assistance.services.opening import alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_do
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.backends.triage import alerts_path, make_alerts, read_alerts

DOORS = 10


def empty() -> None:
    """Empty the benchmark's own database."""

    if connection.vendor == "postgresql" and not str(settings.DATABASES["default"]["NAME"]).startswith("bench"):
        sys.exit("The database is emptied: its name must begin with bench.")
    if connection.vendor == "sqlite":
        Path(settings.DATABASES["default"]["NAME"]).unlink(missing_ok=True)
    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)


def people_who_visit(actor: Any, regions: Counter[str], now: datetime) -> int:
    """Make as many workers in each town as its doors of one day need."""

    number = 0
    for region, doors in sorted(regions.items()):
        for _ in range(-(-doors // DOORS)):
            number += 1
            user = user_create(actor, username=f"w{number}", display_name=f"走访员{number}", password=None, now=now)
            post_grant(actor, user_id=user, role=Role.VILLAGE_WORKER, region=region, grade=3, now=now)
    return number


@contextmanager
def lap(name: str, laps: dict[str, float]) -> Iterator[None]:
    started, worked = time.perf_counter(), time.process_time()
    yield
    laps[name] = round(time.perf_counter() - started, 2)
    laps[f"{name}: processor"] = round(time.process_time() - worked, 2)
    print(f"{name}: {laps[name]} s, processor {laps[f'{name}: processor']} s", flush=True)


def measure() -> dict[str, Any]:
    """Screen, then merge and rank, then open, each once."""

    actor, now, laps = Actor.system("benchmark", "330000", via="cli"), datetime.now(UTC), dict[str, float]()
    with transaction.atomic():
        package_install(actor, package=package_in_use(), now=now)
    with lap("screening (or what is kept of it)", laps):
        screening_do(actor, now=now)
    lake, package, triage = lake_in_use(), package_in_use(), triage_in_use()
    kept = latest_run(state_folder(lake, package))
    run = run_latest(actor)
    assert kept is not None
    assert run is not None
    assert run.on is not None
    path = alerts_path(kept[0], triage, run.on)
    with transaction.atomic():
        workers = people_who_visit(actor, Counter(alert.region for alert in read_alerts(path)), now)
    path.unlink()
    with lap("merged and ranked", laps):
        make_alerts(lake, package, triage, kept)
    with lap("opened as cases", laps):
        opened = alerts_give_out(actor, now=now)
    made = opening_latest(actor)
    with lap("given out again, nothing new", laps):
        alerts_give_out(actor, now=now)
    return {
        "database": connection.vendor,
        "people": run.people,
        "households": run.households,
        "alerts": made.alerts if made else 0,
        "workers": workers,
        "cases opened": opened,
        "seconds": laps,
        "merged, ranked and opened, seconds": round(laps["merged and ranked"] + laps["opened as cases"], 2),
    }

"""Screen the lake and keep what was found; a failure is kept too, and what was found before stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.models import Run, RunCount, RunPlace
from zhizhi.apps.assistance.schemas import SCREENING_ASKED, SCREENING_FAILED, SCREENING_FINISHED
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services import record
from zhizhi.backends.lake import Lake
from zhizhi.backends.screening_whole import Whole, screen_whole
from zhizhi.kernel.errors import UnavailableError, ZhizhiError
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.triage_file import Triage

BATCH = 2_000
TRIES = 3


def run_key(package: Package, triage: Triage, on: date, snapshot: Mapping[str, int]) -> str:
    """Return what makes a screening the same: package, weights, date, and the version of every dataset."""
    parts = [package.id, package.digest, triage.digest, on.isoformat(), sorted(snapshot.items())]
    return sha256(json.dumps(parts).encode()).hexdigest()


def screening_ask(actor: Actor, *, now: datetime) -> bool:
    """Write that somebody wants the lake screened now; return whether there is anything to screen (then queue the job).

    Raises:
        RefusedError: the post may not. PackageError, LakeError: there is nothing to screen with, and why.
    """
    actor.require(Permission.SCREENING_RUN)
    package = package_in_use()
    triage = triage_in_use()
    lake = Lake.open(configuration().lake_path)
    key = run_key(package, triage, screening_date(now), lake.versions())
    if Run.objects.filter(key=key, state="done").exists():
        return False
    with transaction.atomic():
        record(actor, SCREENING_ASKED, now=now, region=actor.region, package=package.id, package_version=package.version)
    return True


def screening_do(actor: Actor, *, now: datetime, name: str = "") -> int:
    """Screen the lake with a package in use and return the run's id. The same state of the world is screened once.

    A worker that is killed leaves nothing half done: the kept result appears whole, the run is written in one transaction.

    Raises:
        ZhizhiError: the package, the lake or one of its files cannot be read. The run is kept as failed, with the reason.
    """
    actor.require(Permission.SCREENING_RUN)
    seen: dict[str, Any] = {}
    try:
        package, triage = package_in_use(name), triage_in_use(name)
        seen["package_digest"] = package.digest
        lake = Lake.open(configuration().lake_path)
        on = screening_date(now)
        for _ in range(TRIES):
            seen["snapshot"] = snapshot = lake.versions()
            key = run_key(package, triage, on, snapshot)
            done = Run.objects.filter(key=key, state="done").first()
            whole = screen_whole(lake, package, triage, on)
            if dict(whole.versions) == snapshot:
                return done.pk if done else _keep(actor, key, package, whole, lake.synthetic, now)
    except ZhizhiError as error:
        _failed(actor, error, name, seen, now)
        raise
    raise UnavailableError("assistance.lake-moves")


def _keep(actor: Actor, key: str, package: Package, whole: Whole, synthetic: bool, now: datetime) -> int:
    with transaction.atomic():
        values = {
            "package": package.id,
            "package_version": package.version,
            "package_digest": package.digest,
            "on": date.fromisoformat(whole.record["on"]),
            "snapshot": dict(whole.versions),
            "kept": whole.folder.name,
            "mode": whole.mode,
            "state": "done",
            "synthetic": synthetic,
            "households": whole.households,
            "people": whole.people,
            "alerts": whole.alerts_made,
            "error": None,
            "asked_at": now,
            "finished_at": now,
        }
        run, new = Run.objects.get_or_create(key=key, defaults=values)
        if not new:  # another worker was quicker
            return run.pk
        RunCount.objects.bulk_create([_count(run, item) for item in whole.counts], batch_size=BATCH)
        RunPlace.objects.bulk_create(
            [RunPlace(run=run, region=region, people=n, households=m) for region, (n, m) in whole.places.items()],
            batch_size=BATCH,
        )
        record(
            actor,
            SCREENING_FINISHED,
            now=now,
            subjects=[f"run:{run.pk}"],
            region=actor.region,
            package=package.id,
            package_version=package.version,
            details={
                "on": whole.record["on"],
                "mode": whole.mode,
                "households": whole.households,
                "alerts": whole.alerts_made,
                "snapshot": dict(whole.versions),
                "digest": package.digest,
            },
        )
    return run.pk


def _count(run: Run, item: Any) -> RunCount:
    return RunCount(
        run=run,
        region=item.region,
        policy=item.policy,
        finding=item.finding,
        households=item.households,
        subjects=item.subjects,
    )


def _failed(actor: Actor, error: ZhizhiError, name: str, seen: Mapping[str, Any], now: datetime) -> None:
    """Keep a failure, once a day and reason, so that a night of tries does not fill the list."""
    wanted = name or next((str(item) for item in configuration().packages), "")
    told = {
        "code": error.code,
        "params": {name: str(value) for name, value in error.params.items()},
        "place": str(error.place or ""),
    }
    values = {"package": Path(wanted).name[-64:], **seen}
    key = sha256(json.dumps(["failed", wanted, told, now.date().isoformat()], ensure_ascii=False).encode()).hexdigest()
    with transaction.atomic():
        run, new = Run.objects.update_or_create(
            key=key,
            defaults={"finished_at": now, **seen},
            create_defaults={"state": "failed", "error": told, "asked_at": now, "finished_at": now, **values},
        )
        if new:
            record(
                actor, SCREENING_FAILED, now=now, subjects=[f"run:{run.pk}"], region=actor.region, details={"error": error.code}
            )

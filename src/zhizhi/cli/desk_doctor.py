"""The checks of ``zhizhi doctor``: each looks at one thing and says in a sentence what it found. Loaded after Django is set up.

A check that cannot even look (the database is gone) says so; the others go on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from zhizhi.apps.accounts.selectors.posts import administrator_exists
from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.jobs.selectors import duty_list, job_counts, worker_list
from zhizhi.apps.journal.selectors import EventFilter, event_list, ledger_status
from zhizhi.backends.borders import borders_source
from zhizhi.backends.lake import Lake
from zhizhi.backends.vault import Vault
from zhizhi.cli.desk_checks import tables_missing
from zhizhi.kernel.errors import ZhizhiError
from zhizhi.kernel.messages import render
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.shipped import find_package

GOOD, ATTENTION, BAD = "good", "attention", "bad"
LOCAL = {"localhost", "127.0.0.1", "[::1]"}
GIGABYTE = 1_000_000_000
STATIC = Path(__file__).parents[1] / "web" / "static" / "vendor" / "echarts.min.js"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``code`` is its sentence, which names the remedy where one is needed."""

    name: str
    state: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, speak: str) -> str:
        """Return the sentence in ``zh`` or ``en``."""
        return render(self.code, speak, self.params)


def look() -> Iterator[Finding]:
    """Yield what every check found."""
    settings = configuration()
    actor = Actor.system("doctor", settings.region, via="cli")
    for name, check in CHECKS.items():
        try:
            for state, code, params in check(settings, actor):
                yield Finding(name, state, code, params)
        except (DatabaseError, InterfaceError) as error:
            yield Finding(name, BAD, "doctor.database-gone", {"reason": _first_line(error)})
        except ZhizhiError as error:
            yield Finding(name, BAD, error.code, error.params)
        except OSError as error:
            yield Finding(name, BAD, "doctor.unreadable", {"path": error.filename or "", "reason": error.strerror or str(error)})


Said = Iterator[tuple[str, str, Mapping[str, Any]]]


def _home(settings: Configuration, _actor: Actor) -> Said:
    folders = (settings.home, settings.files, settings.uploads, settings.ledger, settings.keys)
    missing = [folder.name for folder in folders if not folder.is_dir()]
    closed = [folder.name for folder in folders if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)]
    if missing:
        yield BAD, "doctor.folder-missing", {"names": ", ".join(missing), "home": settings.home}
    if closed:
        yield BAD, "doctor.folder-closed", {"names": ", ".join(closed)}
    if not missing and not closed:
        yield GOOD, "doctor.home-good", {"home": settings.home}


def _keys(settings: Configuration, _actor: Actor) -> Said:
    files = [settings.keys, settings.home / "db.sqlite3", settings.key_path]
    files += sorted(settings.keys.iterdir()) if settings.keys.is_dir() else []
    open_to_others = [path.name for path in files if path.exists() and path.suffix != ".vkey" and path.stat().st_mode & 0o077]
    if not (settings.keys / "secret").is_file():
        yield BAD, "doctor.secret-missing", {"home": settings.home}
    elif open_to_others:
        yield BAD, "doctor.keys-open", {"names": ", ".join(open_to_others)}
    else:
        yield GOOD, "doctor.keys-good", {}


def _disk(settings: Configuration, _actor: Actor) -> Said:
    free = {path: shutil.disk_usage(path).free for path in {settings.home, settings.lake_path} if path.exists()}
    path, least = min(free.items(), key=lambda item: item[1])
    params = {"free": f"{least / GIGABYTE:.1f} GB", "folder": path}
    if least < GIGABYTE:
        yield BAD, "doctor.disk-full", params
    elif least < 10 * GIGABYTE:
        yield ATTENTION, "doctor.disk-low", params
    else:
        yield GOOD, "doctor.disk-good", params


def _database(settings: Configuration, _actor: Actor) -> Said:
    missing, newer = tables_missing()
    if newer:
        yield BAD, "serve.database-newer", {"names": ", ".join(newer[:3])}
    elif missing:
        yield BAD, "serve.migrate-first", {"n": missing, "home": settings.home}
    else:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                row = cursor.execute("PRAGMA journal_mode").fetchone()
                if row[0] != "wal":
                    yield ATTENTION, "doctor.database-no-wal", {"mode": row[0]}
        yield GOOD, "doctor.database-good", {"name": connection.vendor, "version": ".".join(map(str, _version()))}


def _version() -> tuple[int, ...]:
    return tuple(connection.get_database_version())


def _people(_settings: Configuration, _actor: Actor) -> Said:
    if administrator_exists():
        yield GOOD, "doctor.people-good", {}
    else:
        yield BAD, "doctor.people-none", {"home": configuration().home}


def _lake(settings: Configuration, _actor: Actor) -> Said:
    if not settings.lake_path.exists():
        yield ATTENTION, "doctor.lake-none", {"lake": settings.lake_path}
        return
    lake = Lake.open(settings.lake_path)
    vault = Vault.open(settings.key_path)
    if lake.fingerprint and lake.fingerprint != vault.fingerprint:
        yield BAD, "doctor.lake-other-key", {"key": settings.key_path}
        return
    gone = [
        Path(file).name for dataset, version in lake.versions().items() for file in lake.files(dataset, version)
        if not Path(file).is_file()
    ]  # fmt: skip
    if gone:
        yield BAD, "doctor.lake-files-gone", {"n": len(gone), "first": gone[0]}
    else:
        yield GOOD, "doctor.lake-good", {"n": len(lake.versions())}


def _packages(settings: Configuration, _actor: Actor) -> Said:
    for named in settings.packages:
        package = read_package(find_package(str(named)))
        yield GOOD, "doctor.package-good", {"name": package.id, "version": package.version, "n": len(package.policies)}


def _worker(_settings: Configuration, actor: Actor) -> Said:
    now = timezone.now()
    alive = [worker for worker in worker_list(actor, now=now) if worker.alive]
    counts = job_counts(actor)
    if not alive:
        yield BAD, "doctor.worker-none", {"n": counts["waiting"]}
    else:
        yield GOOD, "doctor.worker-good", {"n": len(alive), "waiting": counts["waiting"]}
    if counts["failed"]:
        yield ATTENTION, "doctor.jobs-failed", {"n": counts["failed"]}
    for duty in duty_list(actor):
        if duty.failure:
            yield ATTENTION, "doctor.duty-failed", {"name": duty.name, "failure": duty.failure}


def _ledger(_settings: Configuration, actor: Actor) -> Said:
    status = ledger_status(actor, now=timezone.now())
    if status.fault:
        yield BAD, status.fault, status.params
    elif status.late:
        yield BAD, "doctor.ledger-late", {"n": status.waiting, "minutes": int(status.waiting_seconds // 60)}
    else:
        yield GOOD, "doctor.ledger-good", {"n": status.size, "waiting": status.waiting}


def _clock(_settings: Configuration, actor: Actor) -> Said:
    newest, _ = event_list(actor, EventFilter(), limit=1)
    now = timezone.now()
    if newest and newest[0].at > now + timedelta(minutes=1):
        ahead = newest[0].at - now
        yield BAD, "doctor.clock-back", {"minutes": int(ahead.total_seconds() // 60) + 1}
    else:
        yield GOOD, "doctor.clock-good", {"now": timezone.localtime(now).strftime("%Y-%m-%d %H:%M")}


def _pages(settings: Configuration, _actor: Actor) -> Said:
    if STATIC.is_file():
        yield GOOD, "doctor.pages-good", {}
    else:
        yield ATTENTION, "doctor.pages-no-charts", {}
    own = settings.path("region_geojson") if settings.region_geojson else None
    if own is not None and not own.is_file():
        yield BAD, "doctor.borders-file", {"path": own}
    elif not borders_source(own):
        yield ATTENTION, "doctor.borders-none", {}
    else:
        yield GOOD, "doctor.borders-good", {"source": borders_source(own)}


def _safety(settings: Configuration, _actor: Actor) -> Said:
    elsewhere = set(settings.hosts) - LOCAL
    if settings.debug:
        yield BAD, "doctor.safety-debug", {}
    if settings.demo and elsewhere:
        yield BAD, "doctor.safety-demo", {"hosts": ", ".join(sorted(elsewhere))}
    if "*" in settings.hosts:
        yield BAD, "doctor.safety-any-host", {}
    elif elsewhere and not settings.https:
        yield BAD, "doctor.safety-no-https", {"hosts": ", ".join(sorted(elsewhere))}
    else:
        yield GOOD, "doctor.safety-good", {"hosts": ", ".join(settings.hosts)}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


CHECKS: dict[str, Callable[[Configuration, Actor], Said]] = {
    "home": _home,
    "keys": _keys,
    "disk": _disk,
    "database": _database,
    "people": _people,
    "lake": _lake,
    "packages": _packages,
    "worker": _worker,
    "ledger": _ledger,
    "clock": _clock,
    "pages": _pages,
    "safety": _safety,
}
"""Name (label ``doctor.check-<name>``) and check, in the order in which they are told."""

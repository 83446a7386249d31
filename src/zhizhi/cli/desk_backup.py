"""Make a backup of the home in use, and bring a restored one to life. Loaded after Django is set up.

What is copied fits together: ledger and database are copied while nothing can be sealed; the lake while nothing can be loaded.
The tables may be older than the program: a backup is what one makes before an upgrade. Attachments are named by their content
and never change, so that copying them after the database leaves none out.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.schemas import VerificationView
from zhizhi.apps.journal.services.ledger_keys import public_key
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.backends.database_copy import postgres_dump, postgres_restore, sqlite_copy
from zhizhi.backends.lake import Lake
from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.cli.desk_checks import tables_missing
from zhizhi.cli.desk_making import tables
from zhizhi.cli.desk_unpack import SETTINGS, Manifest, Unpacked, digests, keys_beside
from zhizhi.kernel.errors import LakeError, UnavailableError, UsageError
from zhizhi.kernel.messages import render

PATIENCE = 120.0
"""Seconds to wait for a load that is under way."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    folder: Path
    keys: Path
    manifest: Manifest

    def params(self) -> Mapping[str, Any]:
        """Return what its sentence names."""
        total = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        size = f"{self.manifest.size:,}"
        return {"folder": self.folder, "n": len(self.manifest.files), "size": size, "mb": f"{total / 1e6:,.1f}"}


@dataclass(frozen=True, slots=True)
class Awake:
    """A restored home, its ledger verified."""

    home: Path
    made_at: str
    verification: VerificationView

    def params(self) -> Mapping[str, Any]:
        """Return what its sentence names."""
        return {"home": self.home, "made": self.made_at[:16].replace("T", " "), "size": f"{self.verification.size:,}"}

    @property
    def told(self) -> str:
        """Return the code of its sentence."""
        return "backup.restored-faulty" if self.verification.found else "backup.restored"

    def faults(self, speak: str) -> Iterator[str]:
        """Yield what the verification of the ledger found."""
        for finding in self.verification.findings:
            yield render(finding["code"], speak, finding["params"])


def backup(folder: Path, keys: Path | None) -> Made:
    """Copy everything of the home in use.

    Raises:
        UsageError: ``backup.folder-in-use``.
        UnavailableError: the disk is full, the database gone, the ledger or the lake busy; nothing is left of the attempt.
    """
    secrets = keys or keys_beside(folder)
    for place in (folder, secrets):
        if place.exists() and any(place.iterdir()):
            raise UsageError("backup.folder-in-use", folder=place)
    try:
        return _copied(configuration(), folder, secrets)
    except OSError as error:
        _remove(folder, secrets)
        raise UnavailableError("backup.cannot-write", folder=folder, reason=error.strerror or str(error)) from error
    except BaseException:
        _remove(folder, secrets)
        raise


def _remove(*places: Path) -> None:
    for place in places:
        shutil.rmtree(place, ignore_errors=True)


def _copied(home: Configuration, folder: Path, secrets: Path) -> Made:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    secrets.mkdir(parents=True, exist_ok=True)
    secrets.chmod(0o700)
    with LedgerFolder(home.ledger).lock():
        if connection.vendor == "sqlite":
            sqlite_copy(home.home / "db.sqlite3", folder / "db.sqlite3")
        else:
            postgres_dump(server(), folder / "database.pgdump")
        key = public_key(home)
        point = LedgerFolder(home.ledger).checkpoint(key) if key else None
        _tree(home.ledger, folder / "ledger")
    for tree in (home.files, home.uploads):
        _tree(tree, folder / tree.name)
    if home.lake_path.exists():
        with _still(Lake.open(home.lake_path)):
            _tree(home.lake_path, folder / "lake")
    _tree(home.keys, secrets / "keys")
    shutil.copy2(home.home / SETTINGS, secrets / SETTINGS)  # it may name the database's password
    if home.key_path.exists():
        shutil.copy2(home.key_path, secrets / "lake.key")
    manifest = Manifest(
        made_at=timezone.now().isoformat(),
        version=version("zhizhi"),
        database=connection.vendor,
        region=home.region,
        size=point.size if point else 0,
        migrations=sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()),
        files=digests(folder),
        keys=digests(secrets),
    )
    manifest.write(folder)
    return Made(folder, secrets, manifest)


def awaken(unpacked: Unpacked) -> Awake:
    """Fill the database of a restored home, bring its tables up to this version, and verify its ledger.

    Raises:
        UnavailableError: the database is of a later version, in use, or cannot be reached.
    """
    if (unpacked.manifest.database == "sqlite") != (connection.vendor == "sqlite"):
        raise UsageError("backup.other-database", was=unpacked.manifest.database, is_now=connection.vendor)
    if unpacked.dump is not None:
        if connection.introspection.table_names():
            raise UsageError("backup.database-in-use")
        connection.close()
        postgres_restore(server(), unpacked.dump)
        unpacked.dump.unlink()
    missing, newer = tables_missing()
    if newer:
        raise UnavailableError("serve.database-newer", names=", ".join(newer[:3]))
    if missing:
        tables()
    verification = ledger_verify(_actor(), now=timezone.now())
    return Awake(unpacked.home, unpacked.manifest.made_at, verification)


def server() -> dict[str, str]:
    """Return the variables of PostgreSQL's tools for the database in use."""
    database = django_settings.DATABASES["default"]
    options = database.get("OPTIONS") or {}
    named = {
        "PGHOST": database.get("HOST"),
        "PGPORT": database.get("PORT"),
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGDATABASE": database.get("NAME"),
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
    }
    return {name: str(value) for name, value in named.items() if value}


@contextmanager
def _still(lake: Lake) -> Iterator[None]:
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            holding = lake.writing()
            holding.__enter__()
            break
        except LakeError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)
    try:
        yield
    finally:
        holding.__exit__(None, None, None)


def _tree(source: Path, target: Path) -> None:
    if source.exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".lock", ".*.part"))


def _actor() -> Actor:
    return Actor.system("backup", configuration().region, via="cli")

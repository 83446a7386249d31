"""One consistent copy of the relational database, and the way back: SQLite by its backup interface, PostgreSQL by its own tools.

Passwords travel in the environment of the tools, never in their arguments.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from zhizhi.kernel.errors import UnavailableError

PAGES = 4_096
"""Pages copied at a time, so that writers of a large SQLite database are not kept waiting."""


def sqlite_copy(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use.

    Raises:
        UnavailableError: ``backup.database``.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            target.chmod(0o600)
            old.backup(new, pages=PAGES)
            (found,) = new.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise UnavailableError("backup.database", reason=str(error)) from error
    if found != "ok":
        raise UnavailableError("backup.database", reason=str(found))


def postgres_dump(server: Mapping[str, str], target: Path) -> None:
    """Dump a PostgreSQL database with ``pg_dump`` (custom format: compressed, one consistent snapshot).

    Args:
        server: variables that PostgreSQL's tools read: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE.
        target: file to write.

    Raises:
        UnavailableError: ``backup.tool-missing``, ``backup.database``.
    """
    target.touch(0o600)
    _run("pg_dump", server, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def postgres_restore(server: Mapping[str, str], source: Path) -> None:
    """Restore a dump into an empty database, in one transaction: all of it or nothing.

    Raises:
        UnavailableError: ``backup.tool-missing``, ``backup.database``.
    """
    flags = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    _run("pg_restore", server, *flags, f"--dbname={server['PGDATABASE']}", str(source))


def _run(tool: str, server: Mapping[str, str], *given: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise UnavailableError("backup.tool-missing", tool=tool)
    done = subprocess.run([found, *given], env=os.environ | server, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError("backup.database", reason=done.stderr.strip()[-500:])

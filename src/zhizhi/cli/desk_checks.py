"""What has to be true of the database before anything is served or worked. Loaded after Django is set up."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from zhizhi.apps.configuration import configuration
from zhizhi.kernel.errors import UnavailableError


def tables_missing() -> tuple[int, list[str]]:
    """Return how many migrations are still to be applied, and the names of applied ones that this version does not know.

    Raises:
        UnavailableError: ``init.database-refused``.
    """
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        ours = {app for app, _ in executor.loader.disk_migrations}
        known = executor.loader.disk_migrations
        applied = [key for key in executor.loader.applied_migrations if key[0] in ours]
        replaced = {key for migration in known.values() for key in migration.replaces}
    except (DatabaseError, InterfaceError) as error:
        raise UnavailableError("init.database-refused", reason=str(error).strip()) from error
    newer = sorted(f"{app}.{name}" for app, name in applied if (app, name) not in known and (app, name) not in replaced)
    return len(plan), newer


def require_tables() -> None:
    """Refuse to go on with tables of another version.

    Raises:
        UnavailableError: ``serve.migrate-first``, ``serve.database-newer``.
    """
    missing, newer = tables_missing()
    if newer:
        raise UnavailableError("serve.database-newer", names=", ".join(newer[:3]))
    if missing:
        raise UnavailableError("serve.migrate-first", n=missing, home=configuration().home)

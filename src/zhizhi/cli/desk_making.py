"""The steps of ``zhizhi init`` that need the database; each can be done again without harm. Loaded after Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone, translation

from zhizhi.apps.accounts.selectors.posts import administrator_exists
from zhizhi.apps.accounts.services.people import post_grant, regions_put, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services.ledger_keys import ledger_keys
from zhizhi.cli.desk_regions import places_for
from zhizhi.kernel.errors import PackageError, UnavailableError
from zhizhi.kernel.messages import render
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.shipped import find_package

__all__ = ["administrator", "administrator_exists", "ledger", "packages", "regions", "tables", "weaknesses"]

LOCK = 7_190_231_584_000_001
"""Key of PostgreSQL's advisory lock: one migration at a time, also from two machines."""


def installer() -> Actor:
    """Return the actor that makes the home: it sees everything."""
    return Actor.system("init", configuration().region, via="cli")


def tables() -> None:
    """Bring the tables of the database up to date.

    Raises:
        UnavailableError: ``init.database-refused``.
    """
    try:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    except (DatabaseError, InterfaceError) as error:
        raise UnavailableError("init.database-refused", reason=str(error).strip()) from error
    if connection.vendor == "sqlite":
        database = configuration().home / "db.sqlite3"
        database.chmod(0o600)


def regions(file: Path | None) -> int:
    """Put the regions into the tree and return how many; places of a code that is there are replaced."""
    places = places_for(configuration().region, file)
    everywhere = Actor.system("init", "", via="cli")
    return regions_put(everywhere, places=places)


def packages() -> Iterator[tuple[str, int, PackageError | None]]:
    """Install the workflows and the working calendar of every package in use.

    Yields:
        the package's name, how many years its calendar knows, and the error if it cannot be read: the rest goes on without it.
    """
    for named in configuration().packages:
        try:
            package = read_package(find_package(str(named)))
            package_install(installer(), package=package, now=timezone.now())
        except PackageError as error:
            yield str(named), 0, error
        else:
            yield package.id, len(package.calendar.years) if package.calendar else 0, None


def ledger() -> None:
    """Make the ledger's keys where there are none."""
    ledger_keys(configuration())


def weaknesses(name: str, password: str, speak: str) -> list[str]:
    """Return why a password cannot be used, in the reader's language; nothing if it can."""
    with translation.override("zh-hans" if speak == "zh" else "en"):
        try:
            validate_password(password)
        except ValidationError as error:
            return [str(message) for message in error.messages]
    return [render("init.password-name", speak, {})] if name.lower() in password.lower() else []


def administrator(name: str, password: str) -> None:
    """Make the first administrator."""
    actor, now = installer(), timezone.now()
    user = user_create(actor, username=name, display_name=name, password=password, now=now)
    post_grant(actor, user_id=user, role=Role.ADMINISTRATOR, region=configuration().region, now=now, grade=1)

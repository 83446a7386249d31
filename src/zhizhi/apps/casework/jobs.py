"""Casework that runs outside a request; each job can be done twice without harm."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone
from django_tasks import task

from zhizhi.apps.actors import Actor
from zhizhi.apps.casework.services.attachments import unused_files_remove
from zhizhi.apps.casework.services.clock import cases_escalate, cases_resume, deadlines_renew
from zhizhi.apps.casework.services.tallies import tally_compact
from zhizhi.apps.configuration import configuration


@task()
def watch_the_clock() -> str:
    """End pauses that have lasted too long and escalate what is overdue."""
    now = timezone.now()
    resumed = cases_resume(_system(), now=now)
    return f"resumed {resumed}, escalated {cases_escalate(_system(), now=now)}"


@task()
def renew_deadlines() -> str:
    """Work out running deadlines anew; asked for whenever the working calendar was edited."""
    return f"moved {deadlines_renew(_system(), now=timezone.now())}"


@task()
def tidy() -> str:
    """Sum up the tallies, remove files that nothing names, let SQLite look at its tables again."""
    rows, files = tally_compact(), unused_files_remove(now=timezone.now())
    _look_again()
    return f"rows {rows}, files {files}"


def _look_again() -> None:
    """Renew the statistics that SQLite plans its queries by; PostgreSQL does so by itself.

    Without them it answers the cockpit's questions about 100,000 open cases from the wrong index, in seconds.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 2000")
            cursor.execute("PRAGMA optimize = 0x10002")


def _system() -> Actor:
    return Actor.system("casework", configuration().region)

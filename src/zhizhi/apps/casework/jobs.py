"""Casework that runs outside a request; each job can be done twice without harm."""

from __future__ import annotations

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
    """Sum up the tallies and remove files that nothing names."""
    return f"rows {tally_compact()}, files {unused_files_remove(now=timezone.now())}"


def _system() -> Actor:
    return Actor.system("casework", configuration().region)

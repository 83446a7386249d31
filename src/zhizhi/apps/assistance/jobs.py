"""Work of assistance that runs outside a request; each job can be done twice without harm."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django_tasks import task

from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.selectors.runs import screened, screening_due
from zhizhi.apps.assistance.services.opening import alerts_give_out
from zhizhi.apps.assistance.services.policies import whatif_work_out
from zhizhi.apps.assistance.services.runs import screening_do
from zhizhi.apps.assistance.services.thresholds import curve_work_out
from zhizhi.apps.configuration import configuration


@task()
def work_out_whatif(whatif: int) -> str:
    """Work out one try of other figures."""
    return whatif_work_out(whatif=whatif)


@task()
def screen(name: str = "") -> int:
    """Screen the lake with a package in use, then give out what it found."""
    now, actor = timezone.now(), _actor()
    run = screening_do(actor, now=now, name=name)
    alerts_give_out(actor, now=timezone.now(), name=name)
    return run


@task()
def give_out(name: str = "") -> int:
    """Give out the doors of the day among the alerts that wait."""
    return alerts_give_out(_actor(), now=timezone.now(), name=name)


def screening_duty(now: datetime) -> bool:
    """Queue a screening if the package, the lake or the day changed since the last one; return whether it was queued.

    For ``zhizhi work``, every few minutes: a load is screened soon after it, and every night for the new date.
    """
    if not screening_due(now=now):
        return False
    screen.enqueue()
    return True


def giving_out_duty(_now: datetime) -> None:
    """Queue the giving-out of the day. For ``zhizhi work``, every morning."""
    if screened():
        give_out.enqueue()


def _actor() -> Actor:
    return Actor.system("screening", configuration().region)


@task()
def work_out_curve(curve_id: int) -> str:
    """Work out what other thresholds of a warning would find."""
    return curve_work_out(curve_id=curve_id, now=timezone.now())

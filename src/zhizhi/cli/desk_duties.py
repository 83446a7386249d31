"""What ``zhizhi work`` does again and again, beside the jobs that people and loads ask for. Loaded after Django is set up."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.jobs import giving_out_duty, screening_duty
from zhizhi.apps.casework.jobs import tidy
from zhizhi.apps.casework.services.clock import cases_escalate, cases_resume
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.catalogue.services.uploads import uploads_expire
from zhizhi.apps.jobs import services
from zhizhi.apps.jobs.schemas import Daily, Every, Round
from zhizhi.apps.journal.jobs import verify_ledger
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.witnesses import witnesses_ask

KEPT = timedelta(days=30)
"""So long the list of jobs reaches back."""


def rounds(actor: Actor, lease: timedelta) -> list[Round]:
    """Return the duties of a worker that acts as ``actor``; the reaper looks four times a lease."""

    def reap(now: datetime) -> None:
        services.lapsed_return(actor, now=now, lease=lease)

    def prune(now: datetime) -> None:
        services.finished_prune(before=now - KEPT)

    def seal(now: datetime) -> None:
        ledger_seal(now=now)
        witnesses_ask(now=now)

    def escalate(now: datetime) -> None:
        cases_resume(actor, now=now)
        cases_escalate(actor, now=now)

    def sync(now: datetime) -> None:
        catalogue_sync(actor, now=now)
        uploads_expire(now=now)

    return [
        Round("seal", Every(timedelta(seconds=2)), seal),
        Round("escalate", Every(timedelta(minutes=1)), escalate),
        Round("catalogue", Every(timedelta(minutes=1)), sync),
        Round("screening", Every(timedelta(minutes=5)), screening_duty),
        Round("doors", Daily(time(6, 0)), giving_out_duty),
        Round("verify-ledger", Daily(time(3, 0)), lambda now: verify_ledger.enqueue()),
        Round("tidy", Daily(time(3, 30)), lambda now: tidy.enqueue()),
        Round("reap", Every(lease / 4), reap),
        Round("prune", Every(timedelta(hours=6)), prune),
    ]

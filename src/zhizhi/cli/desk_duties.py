"""What ``zhizhi work`` does again and again, beside the jobs that people and loads ask for. Loaded after Django is set up."""

from __future__ import annotations

from datetime import datetime, timedelta

from zhizhi.apps.actors import Actor
from zhizhi.apps.jobs import services
from zhizhi.apps.jobs.schemas import Every, Round

KEPT = timedelta(days=30)
"""So long the list of jobs reaches back."""


def rounds(actor: Actor, lease: timedelta) -> list[Round]:
    """Return the duties of a worker that acts as ``actor``; the reaper looks four times a lease."""

    def reap(now: datetime) -> None:
        services.lapsed_return(actor, now=now, lease=lease)

    def prune(now: datetime) -> None:
        services.finished_prune(before=now - KEPT)

    return [
        Round("reap", Every(lease / 4), reap),
        Round("prune", Every(timedelta(hours=6)), prune),
    ]

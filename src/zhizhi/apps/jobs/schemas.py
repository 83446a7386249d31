"""What the worker and the pages are handed: jobs, workers, duties, and when a duty comes round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from zhizhi.apps.journal.schemas import declare

TASK_RETURNED = declare("jobs.task.returned")
TASK_FAILED = declare("jobs.task.failed")

LEASE = timedelta(seconds=90)
"""A job whose worker has not been heard of for so long is given to another. Longer than a writer waits for SQLite (20 s)."""

ATTEMPTS = 3
"""So often a job is tried before it counts as failed."""


@dataclass(frozen=True, slots=True)
class Every:
    """Due again so long after it was last done."""

    period: timedelta

    def after(self, now: datetime) -> datetime:
        """Return when it is due next."""
        return now + self.period

    @property
    def longest(self) -> timedelta:
        """No due date lies further ahead; one that does was written before the clock was set back."""
        return self.period


@dataclass(frozen=True, slots=True)
class Daily:
    """Due once a day at a time of this place; one that was missed is made up for."""

    at: time

    def after(self, now: datetime) -> datetime:
        """Return the next such moment; ``now`` is in the time of this place."""
        today = now.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)

    @property
    def longest(self) -> timedelta:
        """As for ``Every``; an hour more for a change of summer time."""
        return timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Round:
    """One duty: its name (label ``jobs.duty-<name>``), when it comes round, and what is done."""

    name: str
    when: Every | Daily
    work: Callable[[datetime], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that a worker holds."""

    id: UUID
    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is listed; ``seconds`` is how long its last attempt ran."""

    id: UUID
    path: str
    name: str
    state: str
    attempts: int
    enqueued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worker: str
    failure: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took; None while it has not ended."""
        return (self.finished_at - self.started_at).total_seconds() if self.started_at and self.finished_at else None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker: alive if its heartbeat is younger than a lease."""

    id: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class DutyView:
    """A duty as it is listed."""

    name: str
    due_at: datetime
    ended_at: datetime | None
    failure: str

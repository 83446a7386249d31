"""Jobs, workers and duties as an administrator sees them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.jobs.models import Duty, Lease, Worker
from zhizhi.apps.jobs.schemas import LEASE, DutyView, JobView, WorkerView
from zhizhi.kernel.errors import UsageError

STATES = {
    "waiting": TaskResultStatus.READY,
    "running": TaskResultStatus.RUNNING,
    "done": TaskResultStatus.SUCCESSFUL,
    "failed": TaskResultStatus.FAILED,
}
WORDS = {str(status): word for word, status in STATES.items()}


def job_list(
    actor: Actor, *, state: str = "", start: int = 0, limit: int = 50, after: tuple[datetime, UUID] | None = None
) -> tuple[list[JobView], int]:
    """Return jobs, newest first, and how many there are in all.

    Args:
        actor: needs ``JOBS_VIEW``.
        state: one of ``STATES``; empty means all.
        start: how many to leave out.
        limit: how many to return.
        after: when the last job of the page before was asked for, and its id.

    Raises:
        UsageError: ``jobs.state-unknown``.
    """
    actor.require(Permission.JOBS_VIEW)
    rows = DBTaskResult.objects.order_by("-enqueued_at", "pk")
    if state:
        if state not in STATES:
            raise UsageError("jobs.state-unknown", state=state, known=", ".join(STATES))
        rows = rows.filter(status=STATES[state])
    total = rows.count()
    if after is not None:
        rows = rows.filter(Q(enqueued_at__lt=after[0]) | Q(enqueued_at=after[0], pk__gt=after[1]))
    shown = list(rows[start : start + limit])
    leases = {held.pk: held for held in Lease.objects.filter(pk__in=[row.pk for row in shown])}
    return [_job(row, leases.get(row.pk)) for row in shown], total


def job_counts(actor: Actor) -> dict[str, int]:
    """Return how many jobs are in each state."""
    actor.require(Permission.JOBS_VIEW)
    return {word: DBTaskResult.objects.filter(status=status).count() for word, status in STATES.items()}


def worker_list(actor: Actor, *, now: datetime, lease: timedelta = LEASE) -> list[WorkerView]:
    """Return the workers that have not been stopped and were heard of in the last day, newest heartbeat first."""
    actor.require(Permission.JOBS_VIEW)
    rows = Worker.objects.filter(stopped_at__isnull=True, seen_at__gt=now - timedelta(days=1)).order_by("-seen_at")
    return [WorkerView(row.pk, row.host, row.pid, row.started_at, row.seen_at, row.seen_at > now - lease) for row in rows]


def duty_list(actor: Actor) -> list[DutyView]:
    """Return all duties, by name."""
    actor.require(Permission.JOBS_VIEW)
    return [DutyView(row.name, row.due_at, row.ended_at, row.failure) for row in Duty.objects.order_by("name")]


def _job(row: DBTaskResult[Any, Any], held: Lease | None) -> JobView:
    failure = held.failure if held else ""
    return JobView(
        id=row.pk,
        path=row.task_path,
        name=row.task_path.rpartition(".")[2].replace("_", "-"),
        state=WORDS[str(row.status)],
        attempts=held.attempts if held else len(row.worker_ids),
        enqueued_at=row.enqueued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        worker=held.worker if held else (row.worker_ids[-1] if row.worker_ids else ""),
        failure=failure or ("jobs.fault" if row.status == TaskResultStatus.FAILED else ""),
        params=held.params if held else {},
    )

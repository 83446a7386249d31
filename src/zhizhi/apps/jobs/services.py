"""Take, keep, return and end jobs and duties. A worker that dies holds nothing for longer than its lease.

A result counts only while the lease is held (``task_succeed`` and ``task_fail`` say whether it was): a worker that was stopped
for longer than its lease and wakes up overwrites nothing. Jobs can therefore run twice, and each must bear that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from zhizhi.apps.actors import Actor
from zhizhi.apps.jobs.models import Duty, Lease, Worker
from zhizhi.apps.jobs.schemas import ATTEMPTS, LEASE, TASK_FAILED, TASK_RETURNED, Round, Taken
from zhizhi.apps.journal.services import record

GRACE = timedelta(minutes=10)
"""A duty that its worker took and never ended may be taken by another after this long."""


def worker_register(*, worker: str, host: str, pid: int, now: datetime) -> None:
    """Write down a worker that starts."""
    Worker.objects.update_or_create(
        pk=worker, defaults={"host": host, "pid": pid, "started_at": now, "seen_at": now, "stopped_at": None}
    )


def worker_beat(*, worker: str, now: datetime, lease: timedelta = LEASE) -> None:
    """Say that a worker lives, and lengthen the leases that it holds."""
    with transaction.atomic():
        Worker.objects.filter(pk=worker).update(seen_at=now)
        Lease.objects.filter(worker=worker, expires_at__isnull=False).update(expires_at=now + lease)


def worker_stop(*, worker: str, now: datetime) -> None:
    """Write down that a worker ended of its own accord."""
    Worker.objects.filter(pk=worker).update(seen_at=now, stopped_at=now)


def task_take(*, worker: str, now: datetime, lease: timedelta = LEASE) -> Taken | None:
    """Take the next job that is ready, with a lease on it; None if there is none."""
    ready = DBTaskResult.objects.ready()
    if not ready.exists():  # asked without a lock, so that an idle worker leaves the database alone
        return None
    with transaction.atomic():
        row = ready.select_for_update(skip_locked=True).first()
        if row is None:
            return None
        held, _ = Lease.objects.get_or_create(pk=row.pk, defaults={"worker": worker})
        held.worker, held.expires_at, held.attempts = worker, now + lease, held.attempts + 1
        held.save(update_fields=["worker", "expires_at", "attempts"])
        row.status, row.started_at, row.worker_ids = TaskResultStatus.RUNNING, now, [*row.worker_ids, worker]
        row.save(update_fields=["status", "started_at", "worker_ids"])
    return Taken(row.pk, row.task_path, tuple(row.args_kwargs["args"]), row.args_kwargs["kwargs"], held.attempts)


def task_succeed(*, task: UUID, worker: str, value: Any, now: datetime) -> bool:
    """Write a job's result; False (and nothing written) if the lease has passed to another."""
    with transaction.atomic():
        if not _release(task, worker, "", {}):
            return False
        DBTaskResult.objects.filter(pk=task).update(
            status=TaskResultStatus.SUCCESSFUL, finished_at=now, return_value=value, exception_class_path="", traceback=""
        )
    return True


def task_fail(
    actor: Actor,
    *,
    task: UUID,
    worker: str,
    failure: str,
    params: dict[str, str],
    kind: str,
    trace: str,
    again: bool,
    now: datetime,
) -> bool:
    """Write that an attempt failed; with ``again`` the job waits and is tried once more, up to ``ATTEMPTS`` times.

    Args:
        actor: the worker's.
        task: the job.
        worker: who held it.
        failure: code of the error's sentence.
        params: what the sentence names.
        kind: dotted class of the exception.
        trace: its traceback.
        again: whether trying again may help (the database was gone, the disk full, the lake busy).
        now: when.
    """
    with transaction.atomic():
        held = _release(task, worker, failure, params)
        if held is None:
            return False
        row = DBTaskResult.objects.get(pk=task)
        if again and held.attempts < ATTEMPTS:
            _return(row, now + timedelta(seconds=15 * 4**held.attempts))
        else:
            _failed(actor, row, failure, kind, trace, held.attempts, now)
    return True


def task_give_back(*, task: UUID, worker: str, now: datetime) -> bool:
    """Give a job back because the worker is told to stop; the attempt does not count."""
    with transaction.atomic():
        held = _release(task, worker, "", {})
        if held is None:
            return False
        Lease.objects.filter(pk=task).update(attempts=held.attempts - 1)
        _return(DBTaskResult.objects.get(pk=task), now)
    return True


def lapsed_return(actor: Actor, *, now: datetime, lease: timedelta = LEASE) -> tuple[int, int]:
    """Give jobs whose lease has run out back to the queue, or fail them after ``ATTEMPTS``; return how many of each.

    A running job without a lease (its worker died between two statements, or another program started it) counts from its start.
    A lease from the future was written before the clock was set back: it is shortened, so that nobody waits for it.
    """
    returned = failed = 0
    Lease.objects.filter(expires_at__gt=now + 2 * lease).update(expires_at=now + lease)
    with transaction.atomic():
        running = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING).select_for_update(skip_locked=True)
        leases = {held.pk: held for held in Lease.objects.filter(pk__in=[row.pk for row in running])}
        for row in running:
            held = leases.get(row.pk)
            ends = held.expires_at if held else (row.started_at or now) + lease
            if ends is not None and ends >= now:
                continue
            attempts = held.attempts if held else 1
            Lease.objects.update_or_create(
                pk=row.pk, defaults={"expires_at": None, "attempts": attempts, "failure": "jobs.lapsed", "params": {}}
            )
            if attempts < ATTEMPTS:
                _return(row, now)
                record(actor, TASK_RETURNED, now=now, subjects=[f"job:{row.pk}"], details={"task": row.task_path})
                returned += 1
            else:
                _failed(actor, row, "jobs.lapsed", "", "", attempts, now)
                failed += 1
    return returned, failed


def duty_take(*, duty: Round, worker: str, now: datetime) -> bool:
    """Take a duty if it is due: whoever gets True does it now, everybody else leaves it alone until it comes round."""
    Duty.objects.get_or_create(pk=duty.name, defaults={"due_at": _first(duty, now)})
    from_the_future = now + max(duty.when.longest, GRACE) + timedelta(minutes=1)
    due = Duty.objects.filter(Q(due_at__lte=now) | Q(due_at__gt=from_the_future), pk=duty.name)
    return bool(due.exists() and due.update(due_at=now + GRACE, worker=worker, started_at=now))


def duty_end(*, duty: Round, worker: str, now: datetime, failure: str = "") -> None:
    """Write how a duty went, and when it is due again."""
    changed = {"due_at": duty.when.after(now), "ended_at": now, "failure": failure}
    Duty.objects.filter(pk=duty.name, worker=worker).update(**changed)


def finished_prune(*, before: datetime) -> int:
    """Delete jobs that ended before a moment, and workers not heard of since; return how many jobs."""
    with transaction.atomic():
        gone = DBTaskResult.objects.finished().filter(finished_at__lt=before)
        Lease.objects.filter(pk__in=gone.values("pk")).delete()
        deleted, _ = gone.delete()
        Worker.objects.filter(seen_at__lt=before).delete()
    return int(deleted)


def _first(duty: Round, now: datetime) -> datetime:
    return now if duty.when.longest < timedelta(hours=1) else duty.when.after(now)


def _release(task: UUID, worker: str, failure: str, params: dict[str, str]) -> Lease | None:
    held = Lease.objects.select_for_update().filter(pk=task, worker=worker, expires_at__isnull=False).first()
    if held is not None:
        held.expires_at, held.failure, held.params = None, failure, params
        held.save(update_fields=["expires_at", "failure", "params"])
    return held


def _return(row: DBTaskResult[Any, Any], run_after: datetime) -> None:
    row.status, row.started_at, row.run_after = TaskResultStatus.READY, None, run_after
    row.save(update_fields=["status", "started_at", "run_after"])


def _failed(actor: Actor, row: DBTaskResult[Any, Any], failure: str, kind: str, trace: str, attempts: int, now: datetime) -> None:
    row.status, row.finished_at = TaskResultStatus.FAILED, now
    row.exception_class_path, row.traceback = kind, trace
    row.save(update_fields=["status", "finished_at", "exception_class_path", "traceback"])
    details = {"task": row.task_path, "failure": failure, "attempts": attempts}
    record(actor, TASK_FAILED, now=now, subjects=[f"job:{row.pk}"], details=details)

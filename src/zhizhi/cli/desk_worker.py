"""The loop of ``zhizhi work``: one thread works jobs, one says that the worker lives, one does the duties that come round.

Loaded after Django is set up. A worker that dies at any point leaves a lease that runs out; nobody has to tidy up after it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import FrameType
from typing import TypeVar
from uuid import uuid4

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks.base import Task

from zhizhi.apps.actors import Actor
from zhizhi.apps.jobs import services
from zhizhi.apps.jobs.schemas import LEASE, Round, Taken
from zhizhi.kernel.errors import LakeError, UnavailableError, ZhizhiError
from zhizhi.web.errors import translated

log = logging.getLogger("zhizhi.work")
T = TypeVar("T")
GONE = (OperationalError, InterfaceError)


class Told(BaseException):
    """The worker is told a second time to stop: the job in hand goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the worker looks: for jobs, for duties, and after how long a silent worker's jobs are taken from it."""

    jobs: float = 1.0
    duties: float = 1.0
    lease: timedelta = LEASE


class Worker:
    """One worker process.

    Args:
        actor: who the journal says did it.
        rounds: duties that come round.
        pace: how often it looks.
        once: stop as soon as no job is ready (for scripts and tests).
        parent: id of the process that started it; when that process is gone, the worker stops.
    """

    def __init__(self, actor: Actor, rounds: Sequence[Round], pace: Pace, once: bool = False, parent: int = 0) -> None:
        self.actor, self.rounds, self.pace, self.once, self.parent = actor, rounds, pace, once, parent
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid4().hex[:8]}"
        self.stopping = threading.Event()
        self.busy = False

    def run(self) -> None:
        """Work until told to stop."""
        signal.signal(signal.SIGTERM, self._told)
        # Beside a server, Ctrl+C reaches the whole group: the server tells its worker to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN if self.parent else self._told)
        self._until_there(
            lambda: services.worker_register(worker=self.name, host=socket.gethostname(), pid=os.getpid(), now=_now())
        )
        log.info("worker %s works", self.name)
        threads = [threading.Thread(target=self._beat, name="beat", daemon=True)]
        if not self.once:
            threads.append(threading.Thread(target=self._go_round, name="duties", daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._work()
        except Told:
            pass
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join(timeout=10)
            try:
                services.worker_stop(worker=self.name, now=_now())
            except GONE:
                log.warning("the database is gone; the leases of worker %s will run out", self.name)
        log.info("worker %s ends", self.name)

    def _told(self, _signal: int, _frame: FrameType | None) -> None:
        again = self.stopping.is_set()
        self.stopping.set()
        if again and self.busy:
            raise Told

    def _work(self) -> None:
        wait = self.pace.jobs
        while not self.stopping.is_set():
            close_old_connections()
            try:
                taken = services.task_take(worker=self.name, now=_now(), lease=self.pace.lease)
            except GONE as error:
                wait = self._gone(error, wait)
                continue
            wait = self.pace.jobs
            if taken is not None:
                self._do(taken)
            elif self.once:
                return
            else:
                self.stopping.wait(wait)

    def _do(self, taken: Taken) -> None:
        self.busy = True
        try:
            try:
                task = import_string(taken.path)
                if not isinstance(task, Task):
                    raise TypeError(f"{taken.path} is no job")
                value = task.call(*taken.args, **taken.kwargs)
            except Exception as error:
                self._failed(taken, error)
            else:
                kept = self._until_there(lambda: services.task_succeed(task=taken.id, worker=self.name, value=value, now=_now()))
                if kept is False:
                    log.warning("job %s was given to another worker meanwhile; this result is dropped", taken.id)
        except Told:
            services.task_give_back(task=taken.id, worker=self.name, now=_now())
            raise
        finally:
            self.busy = False

    def _failed(self, taken: Taken, error: Exception) -> None:
        known = translated(error)
        log.warning("job %s (%s) failed: %s", taken.id, taken.path, error, exc_info=known is None)
        held: ZhizhiError | None = known
        self._until_there(
            lambda: services.task_fail(
                self.actor,
                task=taken.id,
                worker=self.name,
                failure=held.code if held else "jobs.fault",
                params={name: str(value) for name, value in held.params.items()} if held else {},
                kind=f"{type(error).__module__}.{type(error).__qualname__}",
                trace="".join(traceback.format_exception(error)),
                again=isinstance(held, (UnavailableError, LakeError)),
                now=_now(),
            )
        )

    def _until_there(self, write: Callable[[], T]) -> T | None:
        """Write; while the database is gone try again, as long as the lease may last."""
        wait, ends = 0.5, timezone.now() + self.pace.lease
        while True:
            try:
                return write()
            except GONE as error:
                if timezone.now() > ends:
                    log.warning("the database stayed away; the job's lease will run out and it will be done again")
                    return None
                wait = self._gone(error, wait)

    def _gone(self, error: Exception, wait: float) -> float:
        log.warning("the database cannot be used: %s", str(error).strip().splitlines()[0] if str(error) else error)
        connection.close()
        self.stopping.wait(wait)
        return min(wait * 2, 15.0)

    def _beat(self) -> None:
        while not self.stopping.wait(self.pace.lease.total_seconds() / 6):
            if self.parent and os.getppid() != self.parent:
                log.warning("the process that started this worker is gone; it ends after the job in hand")
                self.stopping.set()
            self._in_thread(lambda: services.worker_beat(worker=self.name, now=_now(), lease=self.pace.lease))
        self._beat_until_idle()
        connection.close()

    def _beat_until_idle(self) -> None:
        while self.busy:
            self._in_thread(lambda: services.worker_beat(worker=self.name, now=_now(), lease=self.pace.lease))
            threading.Event().wait(1)

    def _go_round(self) -> None:
        while not self.stopping.wait(self.pace.duties):
            for duty in self.rounds:
                if self.stopping.is_set():
                    break
                self._in_thread(lambda duty=duty: self._one_round(duty))  # type: ignore[misc]
        connection.close()

    def _one_round(self, duty: Round) -> None:
        if not services.duty_take(duty=duty, worker=self.name, now=_now()):
            return
        failure = ""
        try:
            duty.work(_now())
        except Exception as error:
            known = translated(error)
            failure = known.code if known else "jobs.fault"
            log.warning("duty %s failed: %s", duty.name, error, exc_info=known is None)
        services.duty_end(duty=duty, worker=self.name, now=_now(), failure=failure)

    def _in_thread(self, what: Callable[[], object]) -> None:
        close_old_connections()
        try:
            what()
        except GONE as error:
            log.warning("the database cannot be used: %s", str(error).strip().splitlines()[0] if str(error) else error)
            connection.close()


def _now() -> datetime:
    return timezone.localtime()

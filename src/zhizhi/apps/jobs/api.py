"""Jobs, workers and duties through the API, for monitoring."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.apps.jobs import selectors
from zhizhi.apps.paging import Cursor, Limit, Page, cursor_read, page_of
from zhizhi.kernel.errors import UsageError

router = Router()
State = Annotated[str, Query("", max_length=16, description="waiting, running, done or failed; empty: all.")]


class JobOut(Schema):
    """One job."""

    id: UUID
    name: str
    state: str
    attempts: int
    enqueued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failure: str = Field(description="Code of what went wrong last; empty: nothing.")


class WorkerOut(Schema):
    """One worker."""

    id: str
    host: str
    started_at: datetime
    seen_at: datetime
    alive: bool


class DutyOut(Schema):
    """One duty that comes round."""

    name: str
    due_at: datetime
    ended_at: datetime | None
    failure: str


@router.get("/", response=Page[JobOut], summary="Jobs")
@gate.api(Permission.JOBS_VIEW)
def jobs_get(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "", state: State = "") -> dict[str, Any]:
    """List jobs, newest first."""
    found, total = selectors.job_list(gate.who(request), state=state, limit=limit + 1, after=_after(cursor))
    return page_of(found, limit, lambda job: (job.enqueued_at.isoformat(), job.id.hex), total)


@router.get("/workers", response=list[WorkerOut], summary="Workers")
@gate.api(Permission.JOBS_VIEW)
def workers_get(request: HttpRequest) -> Any:
    """List the workers of the last day, and whether each lives."""
    return selectors.worker_list(gate.who(request), now=timezone.now())


@router.get("/duties", response=list[DutyOut], summary="Duties")
@gate.api(Permission.JOBS_VIEW)
def duties_get(request: HttpRequest) -> Any:
    """List what is done again and again: when it is due, and how it went last."""
    return selectors.duty_list(gate.who(request))


def _after(cursor: str) -> tuple[datetime, UUID] | None:
    key = cursor_read(cursor, str, str)
    if key is None:
        return None
    try:
        moment = datetime.fromisoformat(key[0])
        if moment.tzinfo is None:
            raise ValueError(key[0])
        return moment, UUID(hex=key[1])
    except ValueError as error:
        raise UsageError("web.cursor-unknown") from error

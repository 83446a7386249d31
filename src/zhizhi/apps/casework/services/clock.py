"""What the clock does to cases: overdue ones are brought to a higher role, pauses end, edited calendars move deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.casework.models import Case, Entry
from zhizhi.apps.casework.schemas import ESCALATED
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.workflows import workflow_in
from zhizhi.apps.casework.services.change import read_pauses
from zhizhi.apps.casework.services.steps import case_resume
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record_many
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.deadlines import allowed, due
from zhizhi.engines.workflow.definition import Escalation
from zhizhi.kernel.errors import ConflictError

BATCH = 500


def cases_escalate(actor: Actor, *, now: datetime) -> int:
    """Bring overdue cases to the role that their step names, once a step; return how many. Safe to run twice at once."""
    actor.require(Permission.CASE_ASSIGN)
    calendar, done, last = calendar_now(), 0, (None, 0)
    while True:
        with transaction.atomic():
            rows = _rows(actor).filter(due__lt=now, escalated_at__isnull=True, closed_at__isnull=True).order_by("due", "id")
            if last[0] is not None:
                rows = rows.filter(due__gte=last[0]).exclude(due=last[0], id__lte=last[1])
            batch = list(rows[:BATCH])
            ready = [(case, rule) for case in batch if (rule := _rule(case, calendar, now)) is not None]
            for case, rule in ready:
                case.escalated_at, case.escalated_to = now, rule.to
            Case.objects.bulk_update([case for case, _ in ready], ["escalated_at", "escalated_to"], batch_size=200)
            _write(actor, [case for case, _ in ready], now)
        done += len(ready)
        if len(batch) < BATCH:
            return done
        last = (batch[-1].due, batch[-1].pk)


def cases_resume(actor: Actor, *, now: datetime) -> int:
    """End the pauses whose longest time is over; return how many."""
    actor.require(Permission.CASE_WORK)
    done = 0
    rows = Case.objects.filter(in_scope(actor), paused_at__isnull=False, pause_until__lt=now)
    for pk, version, until in list(rows.values_list("pk", "version", "pause_until")):
        try:
            case_resume(actor, case_id=pk, version=version, now=now, ended=until)
        except ConflictError:  # somebody resumed it meanwhile: that stands
            continue
        done += 1
    return done


def deadlines_renew(actor: Actor, *, now: datetime) -> int:
    """Work out every running deadline anew after the calendar was edited; return how many moved."""
    actor.require(Permission.CALENDAR_MANAGE)
    calendar, moved, last = calendar_now(), 0, 0
    known: dict[tuple[Any, ...], datetime] = {}
    while True:
        with transaction.atomic():
            batch = list(_rows(actor).filter(due__isnull=False, closed_at__isnull=True, pk__gt=last).order_by("pk")[: BATCH * 4])
            changed = []
            for case in batch:
                limit = workflow_in(case.digest, case.region).steps[case.state].limit
                key = (limit, case.step_started, str(case.pauses))
                if key not in known:
                    known[key] = due(limit, case.step_started, calendar, read_pauses(case.pauses))
                if case.due != known[key]:
                    case.due, case.changed_at = known[key], now
                    changed.append(case)
            Case.objects.bulk_update(changed, ["due", "changed_at"], batch_size=200)
        moved += len(changed)
        if len(batch) < BATCH * 4:
            return moved
        last = batch[-1].pk


def _rows(actor: Actor) -> QuerySet[Any]:
    rows = Case.objects.filter(in_scope(actor)).annotate(digest=F("workflow__digest"), package=F("workflow__package"))
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(of=("self",), skip_locked=skip) if skip else rows


def _rule(case: Any, calendar: WorkingCalendar, now: datetime) -> Escalation | None:
    """Return the escalation of a case's step if its time has come."""
    step = workflow_in(case.digest, case.region).steps.get(case.state)
    rule = step.escalation if step else None
    if rule is None:
        return None
    if rule.after is not None and calendar.later(case.due, allowed(rule.after, calendar)) >= now:
        return None
    return rule


def _write(actor: Actor, cases: Sequence[Any], now: datetime) -> None:
    Entry.objects.bulk_create(
        [
            Entry(
                case_id=case.pk,
                kind="escalated",
                at=now,
                actor=actor.name,
                user_id=actor.user_id,
                post_id=actor.post_id,
                role=actor.role.value if actor.role else "",
                state_from=case.state,
                state_to=case.state,
                details={"to": case.escalated_to, "due": case.due.isoformat()},
            )
            for case in cases
        ],
        batch_size=BATCH,
    )
    record_many(
        actor,
        [
            Fact(
                ESCALATED,
                subjects=[f"case:{case.pk}", f"household:{case.household}"],
                region=case.region,
                details={"state": case.state, "to": case.escalated_to},
                package=case.package,
                package_version=case.package_version,
            )
            for case in cases
        ],
        now=now,
    )

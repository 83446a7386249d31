"""Take a step, stop the clock, open a closed case again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Attachment, Case
from zhizhi.apps.casework.schemas import (
    CLOSED,
    MOVED,
    PAUSED,
    REOPENED,
    RESUMED,
    RETURNED,
    STAYED,
    FormError,
    Moved,
)
from zhizhi.apps.casework.services.change import Work, find, findings_mark, reason_of, require_hand, save, sent_before
from zhizhi.apps.casework.services.tallies import closed, tally_add
from zhizhi.engines.workflow.deadlines import due as due_of
from zhizhi.engines.workflow.definition import RETURN, STAY, Step, Transition
from zhizhi.engines.workflow.forms import asked, read_form, strangers
from zhizhi.engines.workflow.moves import may_take, outcome_of, way
from zhizhi.kernel.errors import ConflictError, InvalidError, RefusedError, UsageError


def case_move(
    actor: Actor,
    *,
    case_id: int,
    version: int,
    way_id: str,
    now: datetime,
    answers: Mapping[str, Any] | None = None,
    reason: str = "",
    outcome: str = "",
    key: str | None = None,
) -> Moved:
    """Go a way out of the case's step: onward, back, or staying in it.

    Args:
        actor: must have a role of the step and hold the case, or nobody does.
        case_id: the case.
        version: the version that the form showed.
        way_id: id of the transition.
        now: when.
        answers: of the form, by field id.
        reason: required on ways that ask for one.
        outcome: where the case closes.
        key: an idempotency key: the same form sent twice counts once.

    Raises:
        NotFoundError: outside scope. RefusedError: not this role's step, or another holds it.
        ConflictError: stale (names who did what when), closed or paused. InvalidError, FormError: what was sent lacks something.
    """
    actor.require(Permission.CASE_WORK)
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        step, case = work.step, work.case
        chosen = way(work.workflow, case.state, way_id, actor.role.value if actor.role else "")
        require_hand(actor, work)
        if case.paused_at is not None:
            raise ConflictError("casework.paused-now", number=case.pk)
        values = _answers(work, step, chosen, answers or {})
        note = reason_of(reason, required=chosen.reason or chosen.kind == RETURN)
        ends = outcome_of(work.workflow, chosen, outcome)
        hands = _hands(case, actor)
        if ends:
            changes = _closing(work, chosen.target, ends, now)
            kind, event = "closed", CLOSED
        elif chosen.kind == STAY:
            changes = {"tried_on": work.calendar.day_of(now), **_holder_fields(actor)}
            kind, event = "stayed", STAYED
        else:
            changes = _entering(work, work.workflow.steps[chosen.target], hands, now)
            kind, event = ("returned", RETURNED) if chosen.kind == RETURN else ("moved", MOVED)
        moved = save(
            actor,
            work,
            kind=kind,
            event=event,
            now=now,
            changes={**changes, "hands": hands},
            entry={"way": chosen.id, "answers": values, "note": note, "outcome": ends, "key": key},
            details={"way": chosen.id, **({"outcome": ends} if ends else {})},
        )
        if ends and not moved.again:
            tally_add(closed(case, findings_mark(case.pk, is_open=False), changes["closed_on"], ends))
        return moved


def case_pause(
    actor: Actor, *, case_id: int, version: int, reason_id: str, now: datetime, note: str = "", key: str | None = None
) -> Moved:
    """Stop the clock of a case for a declared reason, at most for as long as the workflow allows it.

    Raises:
        InvalidError: ``casework.pause-unknown``. ConflictError: stale, closed or paused already.
    """
    actor.require(Permission.CASE_WORK)
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        _require_step(actor, work)
        require_hand(actor, work)
        if work.case.paused_at is not None:
            raise ConflictError("casework.paused-now", number=case_id)
        reason = work.workflow.pauses.get(reason_id)
        if reason is None:
            raise InvalidError(
                "casework.pause-unknown", field="reason", value=reason_id[:40], known=", ".join(work.workflow.pauses)
            )
        until = due_of(reason.longest, now, work.calendar)
        text = reason_of(note, required=False, field="note")
        return save(
            actor,
            work,
            kind="paused",
            event=PAUSED,
            now=now,
            changes={"paused_at": now, "pause_reason": reason_id, "pause_until": until, "due": None},
            entry={"note": text, "details": {"reason": reason_id, "until": until.isoformat()}, "key": key},
            details={"reason": reason_id},
        )


def case_resume(
    actor: Actor, *, case_id: int, version: int, now: datetime, key: str | None = None, ended: datetime | None = None
) -> Moved:
    """Let the clock of a paused case run on: the working time of the pause, which ended now or at ``ended``, is not counted."""
    actor.require(Permission.CASE_WORK)
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        if actor.role is not None:
            _require_step(actor, work)
            require_hand(actor, work)
        if work.case.paused_at is None:
            raise ConflictError("casework.not-paused", number=case_id)
        end = max(ended or now, work.case.paused_at)
        pauses = [*work.case.pauses, [work.case.paused_at.isoformat(), end.isoformat()]]
        return save(
            actor,
            work,
            kind="resumed",
            event=RESUMED,
            now=now,
            changes={
                "paused_at": None,
                "pause_reason": "",
                "pause_until": None,
                "pauses": pauses,
                "due": work.due_of(work.step, work.case.step_started, pauses),
            },
            entry={"key": key},
        )


def case_reopen(actor: Actor, *, case_id: int, version: int, reason: str, now: datetime, key: str | None = None) -> Moved:
    """Open a closed case again within the workflow's window. It is no longer counted as closed.

    Raises:
        RefusedError: ``casework.reopen-role``. ConflictError: ``casework.not-closed``, ``casework.reopen-late``,
            ``casework.open-exists``. InvalidError: no reason.
    """
    actor.require(Permission.CASE_REOPEN)
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        case, rule = work.case, work.workflow.reopening
        if case.closed_at is None or case.closed_on is None:
            raise ConflictError("casework.not-closed", number=case_id)
        if rule is None or case.merged_into_id is not None:
            raise ConflictError("casework.reopen-never", number=case_id)
        if actor.role is not None and actor.role.value not in rule.roles:
            raise RefusedError("casework.reopen-role")
        if (work.calendar.day_of(now) - case.closed_on).days > rule.days:
            raise ConflictError("casework.reopen-late", days=rule.days, closed=case.closed_on.isoformat())
        note = reason_of(reason, required=True)
        other = Case.objects.filter(household=case.household, kind=case.kind, closed_at__isnull=True).first()
        if other is not None:
            raise ConflictError("casework.open-exists", number=other.pk)
        tally_add(closed(case, findings_mark(case.pk, is_open=True), case.closed_on, case.outcome), sign=-1)
        entering = _entering(work, work.workflow.steps[rule.to], case.hands, now)
        return save(
            actor,
            work,
            kind="reopened",
            event=REOPENED,
            now=now,
            changes={**entering, "outcome": "", "closed_at": None, "closed_on": None, "reopened": case.reopened + 1},
            entry={"note": note, "key": key, "details": {"outcome": case.outcome, "closed_on": case.closed_on.isoformat()}},
            details={"outcome": case.outcome},
        )


def _answers(work: Work, step: Step, chosen: Transition, answers: Mapping[str, Any]) -> dict[str, Any]:
    fields = asked(step, chosen)
    unknown = strangers(step.form, answers)
    if unknown:
        known = ", ".join(field.id for field in fields) or "–"
        raise UsageError("casework.answer-unknown", names=", ".join(unknown)[:120], known=known)
    values, lacks = read_form(fields, answers)
    if lacks:
        raise FormError(lacks)
    for field in fields:
        if field.type == "file" and field.id in values:
            wanted = set(values[field.id])
            here = Attachment.objects.filter(case_id=work.case.pk, pk__in=wanted, removed_at=None).count()
            if here != len(wanted):
                raise InvalidError("casework.file-elsewhere", field=field.id)
    return values


def _hands(case: Case, actor: Actor) -> dict[str, Any]:
    """Return who last acted in each role, so that a case comes back to the same hands."""
    if actor.role is None or actor.post_id is None:
        return dict(case.hands)
    return {**case.hands, actor.role.value: [actor.post_id, actor.user_id, actor.name]}


def _holder_fields(actor: Actor) -> dict[str, Any]:
    return {"holder_post": actor.post_id, "holder_user": actor.user_id, "holder_name": actor.name}


def _entering(work: Work, step: Step, hands: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the changes of a case that enters ``step``: its clock begins; whoever had it in a role of the step has it again."""
    role = next((item for item in step.roles if item in hands), "")
    post, user, name = hands[role] if role else (None, None, "")
    return {
        "state": step.id,
        "role": role or step.roles[0],
        "holder_post": post,
        "holder_user": user,
        "holder_name": name,
        "step_started": now,
        "due": work.due_of(step, now, []),
        "pauses": [],
        "escalated_at": None,
        "escalated_to": "",
        "tried_on": None,
    }


def _closing(work: Work, state: str, outcome: str, now: datetime) -> dict[str, Any]:
    return {
        "state": state,
        "role": "",
        "due": None,
        "outcome": outcome,
        "closed_at": now,
        "closed_on": work.calendar.day_of(now),
        "escalated_at": None,
        "escalated_to": "",
    }


def _require_step(actor: Actor, work: Work) -> None:
    """Refuse whoever has no role in the step."""
    if not may_take(work.workflow, work.step.id, actor.role.value if actor.role else ""):
        raise RefusedError("casework.step-role")

"""Answers of owners about bad rows: mended, or right as it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.models import Answer, AnsweredRow, Mark
from zhizhi.apps.catalogue.schemas import ANSWER_WITHDRAWN, QUARANTINE_ANSWERED, VERDICTS
from zhizhi.apps.catalogue.selectors.quarantine import NEED_ANSWER, Line, lines
from zhizhi.apps.catalogue.selectors.sources import lake_or_none, whole_region
from zhizhi.apps.journal.services import record
from zhizhi.backends.holdings import last_load
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError

BATCH = 2_000
SHORTEST = 4
"""Characters that a reason must have at least."""
LONGEST = 500


def answer_give(
    actor: Actor, *, dataset: str, rule: str, verdict: str, reason: str = "", rows: Sequence[str] = (), now: datetime
) -> list[int]:
    """Answer for bad rows of one rule; return the answers' ids, one an owner.

    Args:
        actor: needs ``QUARANTINE_ANSWER`` and be of the department that owns the rows.
        dataset: which.
        rule: the rule that the rows bear.
        verdict: ``fixed`` (the mended row comes with the next file, which then closes the answer) or ``right`` (it stays in
            quarantine as right; the reason stands beside it until the row changes or the rule does).
        reason: must be given with ``right``.
        rows: digests; empty means all rows of the rule that wait for an answer.
        now: when.

    Raises:
        InvalidError: ``catalogue.verdict-unknown``, ``catalogue.reason-missing``, ``catalogue.reason-long``.
        NotFoundError: ``catalogue.row-unknown``: one of the rows is not there, or another department's.
        ConflictError: ``catalogue.answered-already``: somebody answered since the page was shown.
    """
    actor.require(Permission.QUARANTINE_ANSWER)
    reason = reason.strip()
    if verdict not in VERDICTS:
        raise InvalidError("catalogue.verdict-unknown", field="verdict", seen=verdict)
    if verdict == "right" and len(reason) < SHORTEST:
        raise InvalidError("catalogue.reason-missing", field="reason", least=SHORTEST)
    if len(reason) > LONGEST:
        raise InvalidError("catalogue.reason-long", field="reason", most=LONGEST)
    lake = lake_or_none()
    if lake is None:
        raise NotFoundError("catalogue.row-unknown")
    with transaction.atomic():
        _hold(now)
        mine = [item for item in lines(actor, dataset) if item.line["rule"] == rule]
        chosen = _chosen(mine, rows)
        sequence = last_load(lake, [dataset])[dataset][0]
        return [
            _write(actor, dataset, rule, owner, verdict, reason, not rows, items, sequence, now)
            for owner, items in _by_owner(chosen).items()
        ]


def answer_withdraw(actor: Actor, *, answer: int, now: datetime) -> str:
    """Take an answer back and return its dataset; its rows wait for an answer again. Said twice, it is done once.

    Raises:
        NotFoundError: ``catalogue.answer-unknown``: there is none, or another department's.
    """
    actor.require(Permission.QUARANTINE_ANSWER)
    with transaction.atomic():
        row = Answer.objects.select_for_update().filter(pk=answer).first()
        if row is None or (actor.department and row.owner != actor.department):
            raise NotFoundError("catalogue.answer-unknown")
        if row.withdrawn_at is None:
            row.withdrawn_at = now
            row.save(update_fields=["withdrawn_at"])
            record(
                actor,
                ANSWER_WITHDRAWN,
                now=now,
                region=whole_region(),
                subjects=[f"dataset:{row.dataset}"],
                details={"answer": row.pk},
            )
    return row.dataset


def _hold(now: datetime) -> None:
    """Let answers be written one after the other, and not while a new load is held against them."""
    Mark.objects.get_or_create(pk=1, defaults={"seen": "", "at": now})
    Mark.objects.select_for_update().get(pk=1)


def _chosen(mine: Sequence[Line], rows: Sequence[str]) -> list[Line]:
    waiting = [item for item in mine if item.state in NEED_ANSWER]
    if not rows:
        if not waiting:
            raise ConflictError("catalogue.answered-already") if mine else NotFoundError("catalogue.row-unknown")
        return waiting
    if not set(rows) <= {item.line["digest"] for item in mine}:
        raise NotFoundError("catalogue.row-unknown")
    if not set(rows) <= {item.line["digest"] for item in waiting}:
        raise ConflictError("catalogue.answered-already")
    return [item for item in waiting if item.line["digest"] in set(rows)]


def _by_owner(chosen: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for item in chosen:
        found.setdefault(str(item.line["owner"]), []).append(item)
    return found


def _write(
    actor: Actor,
    dataset: str,
    rule: str,
    owner: str,
    verdict: str,
    reason: str,
    whole: bool,
    items: Sequence[Line],
    sequence: int,
    now: datetime,
) -> int:
    digests = sorted({str(item.line["digest"]) for item in items})
    answer = Answer.objects.create(
        dataset=dataset,
        rule=rule,
        owner=owner,
        whole_rule=whole,
        verdict=verdict,
        reason=reason,
        sequence=sequence,
        rows=len(items),
        user_id=actor.user_id,
        post_id=actor.post_id,
        person=actor.name,
        answered_at=now,
    )
    state = "waiting" if verdict == "fixed" else "standing"
    AnsweredRow.objects.bulk_create(
        [AnsweredRow(answer=answer, dataset=dataset, rule=rule, digest=digest, state=state) for digest in digests],
        batch_size=BATCH,
    )
    record(
        actor,
        QUARANTINE_ANSWERED,
        now=now,
        region=whole_region(),
        subjects=[f"dataset:{dataset}"],
        details={"answer": answer.pk, "rule": rule, "verdict": verdict, "rows": len(items)},
    )
    return int(answer.pk)

"""Cases that have to do with each other, and two cases that are one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Case, CaseFinding, CaseLink
from zhizhi.apps.casework.schemas import LINK_KINDS, LINKED, MERGE_OUTCOME, MERGED, TALLY_CLOSED, Moved
from zhizhi.apps.casework.services.change import add_entry, find, findings_mark, reason_of, save, sent_before, tell
from zhizhi.apps.casework.services.tallies import tally_add
from zhizhi.kernel.errors import ConflictError, InvalidError


def case_link(actor: Actor, *, case_id: int, other_id: int, kind: str, now: datetime) -> None:
    """Link two cases that the actor sees. Linking them again changes nothing but the kind.

    Raises:
        InvalidError: ``casework.link-kind`` or ``casework.link-self``. NotFoundError: one of them is not in sight.
    """
    actor.require(Permission.CASE_LINK)
    if kind not in LINK_KINDS:
        raise InvalidError("casework.link-kind", field="kind", value=kind[:40], known=", ".join(LINK_KINDS))
    if case_id == other_id:
        raise InvalidError("casework.link-self", field="other")
    with transaction.atomic():
        first, second = find(actor, case_id).case, find(actor, other_id).case
        one, other = sorted((first.pk, second.pk))
        found, made = CaseLink.objects.get_or_create(one_id=one, other_id=other, defaults={"kind": kind, "at": now})
        if not made and found.kind == kind:
            return
        CaseLink.objects.filter(pk=found.pk).update(kind=kind, at=now)
        for case, peer in ((first, second), (second, first)):
            details = {"other": peer.pk, "kind": kind}
            add_entry(actor, case, "linked", now, state_to=case.state, details=details)
            tell(actor, case, LINKED, now, details)


def case_merge(
    actor: Actor, *, case_id: int, version: int, into_id: int, reason: str, now: datetime, key: str | None = None
) -> Moved:
    """Close an open case because it is the same matter as ``into_id``, which takes over what was found.

    A merged case is closed without an outcome of its own and counts neither for nor against a policy.

    Raises:
        ConflictError: stale, or ``casework.closed``. InvalidError: ``casework.link-self``, no reason.
    """
    actor.require(Permission.CASE_LINK)
    if case_id == into_id:
        raise InvalidError("casework.link-self", field="into")
    note = reason_of(reason, required=True)
    with transaction.atomic():
        for pk in sorted((case_id, into_id)):  # both in one order, so that two merges cannot wait for each other
            Case.objects.select_for_update().filter(pk=pk).first()
        work, target = find(actor, case_id), find(actor, into_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        if not (work.step and target.step):
            raise ConflictError("casework.closed", number=case_id)
        today = work.calendar.day_of(now)
        moved = save(
            actor,
            work,
            kind="merged",
            event=MERGED,
            now=now,
            changes={
                "state": next(iter(work.workflow.final)),
                "role": "",
                "due": None,
                "paused_at": None,
                "pause_until": None,
                "pause_reason": "",
                "escalated_at": None,
                "escalated_to": "",
                "outcome": MERGE_OUTCOME,
                "closed_at": now,
                "closed_on": today,
                "merged_into_id": into_id,
            },
            entry={"note": note, "key": key, "outcome": MERGE_OUTCOME, "details": {"into": into_id}},
            details={"into": into_id},
        )
        if moved.again:
            return moved
        tally_add([(TALLY_CLOSED, MERGE_OUTCOME, "", today, work.case.region)])
        findings_mark(case_id, is_open=False)
        _take_over(target.case, work.case, now)
        add_entry(actor, target.case, "merged", now, state_to=target.case.state, note=note, details={"from": case_id})
        tell(actor, target.case, MERGED, now, {"from": case_id})
        return moved


def _take_over(target: Case, source: Case, now: datetime) -> None:
    known = {str(item["policy"]) for item in target.findings}
    new = [item for item in source.findings if str(item["policy"]) not in known]
    Case.objects.filter(pk=target.pk).update(
        findings=[*target.findings, *new],
        severity=max(target.severity, source.severity),
        score=max(target.score, source.score),
        changed_at=now,
    )
    CaseFinding.objects.bulk_create(
        [
            CaseFinding(case_id=target.pk, policy=item["policy"], finding=item.get("finding", ""), region=target.region)
            for item in new
        ],
        ignore_conflicts=True,
    )

"""A person says that a finding needs no visit. Her word stands until she takes it back or the values behind it change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.assistance.models import Dismissal, Waiting
from zhizhi.apps.assistance.schemas import FINDING_DISMISSED, FINDING_RESTORED, REASONS
from zhizhi.apps.assistance.selectors.found import found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader, lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record, record_many
from zhizhi.backends.found import Found
from zhizhi.backends.screening_whole import facts_of
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError
from zhizhi.scenarios.package import Package

MOST = 500
NOTE = 2_000
Key = tuple[str, str, str]


def findings_dismiss(actor: Actor, *, keys: Sequence[Key], reason: str, note: str = "", now: datetime) -> int:
    """Dismiss findings, given by (subject, policy, finding), with one reason; return how many were not dismissed before.

    Raises:
        InvalidError: ``assistance.dismiss-reason``, ``assistance.dismiss-note``, ``assistance.nothing-chosen``,
            ``assistance.too-many``. NotFoundError: ``assistance.finding-unknown``: one of them is not in the latest screening
            or not in the post's sight; none is dismissed.
        ConflictError: ``assistance.dismissed-meanwhile``: a colleague was first.
    """
    actor.require(Permission.FINDING_DISMISS)
    wanted = list(dict.fromkeys(keys))
    note = note.strip()[:NOTE]
    if reason not in REASONS:
        raise InvalidError("assistance.dismiss-reason", field="reason", known=", ".join(REASONS))
    if reason == "other" and not note:
        raise InvalidError("assistance.dismiss-note", field="note")
    if not wanted:
        raise InvalidError("assistance.nothing-chosen", field="keys")
    if len(wanted) > MOST:
        raise InvalidError("assistance.too-many", field="keys", n=len(wanted), most=MOST)
    reader = found_reader()
    found = reader.some(found_sight(actor), wanted) if reader is not None else []
    if len(found) != len(wanted):
        raise NotFoundError("assistance.finding-unknown")
    package = package_in_use()
    facts = facts_of(lake_in_use(), package, [(item.kind, item.subject, item.policy, item.household) for item in found])
    try:
        return _dismiss(actor, found, facts, package, reason, note, now)
    except IntegrityError as error:
        raise ConflictError("assistance.dismissed-meanwhile") from error


def _dismiss(
    actor: Actor,
    found: Sequence[Found],
    facts: Mapping[tuple[str, str], str],
    package: Package,
    reason: str,
    note: str,
    now: datetime,
) -> int:
    with transaction.atomic():
        fresh = [item for item in found if not _stands(item)]
        Dismissal.objects.bulk_create(
            [
                Dismissal(
                    household=item.household,
                    region=item.region,
                    kind=item.kind,
                    subject=item.subject,
                    policy=item.policy,
                    finding=item.finding,
                    facts=facts[item.subject, item.policy],
                    reason=reason,
                    note=note,
                    package=package.id,
                    at=now,
                    user_id=actor.user_id,
                    actor=actor.name,
                )
                for item in fresh
            ]
        )
        _no_longer_waiting(fresh)
        record_many(
            actor,
            [
                Fact(
                    FINDING_DISMISSED,
                    subjects=[f"household:{item.household}"],
                    region=item.region,
                    details={"policy": item.policy, "finding": item.finding, "reason": reason},
                    package=package.id,
                    package_version=package.version,
                )
                for item in fresh
            ],
            now=now,
        )
    return len(fresh)


def _stands(item: Found) -> bool:
    return Dismissal.objects.filter(
        subject=item.subject, policy=item.policy, finding=item.finding, ended_at__isnull=True
    ).exists()


def _no_longer_waiting(fresh: Sequence[Found]) -> None:
    """Take households off the list of those who wait once nothing that they wait for is left."""
    for row in Waiting.objects.filter(household__in={item.household for item in fresh}):
        gone = {item.policy for item in fresh if item.household == row.household}
        row.policies = [policy for policy in row.policies if policy not in gone]
        if row.policies:
            row.save(update_fields=["policies"])
        else:
            row.delete()


def finding_restore(actor: Actor, *, dismissal_id: int, note: str = "", now: datetime) -> None:
    """Take back a dismissal: the finding counts again from the next giving-out on.

    Raises:
        NotFoundError: ``assistance.dismissal-unknown``. ConflictError: ``assistance.dismissal-ended``.
    """
    actor.require(Permission.FINDING_DISMISS)
    with transaction.atomic():
        row = Dismissal.objects.select_for_update().filter(in_scope(actor), pk=dismissal_id).first()
        if row is None:
            raise NotFoundError("assistance.dismissal-unknown")
        if row.ended_at is not None:
            raise ConflictError("assistance.dismissal-ended")
        row.ended_at, row.ended_why, row.ended_note = now, "restored", note.strip()[:NOTE]
        row.save(update_fields=["ended_at", "ended_why", "ended_note"])
        record(
            actor,
            FINDING_RESTORED,
            now=now,
            subjects=[f"household:{row.household}", f"dismissal:{row.pk}"],
            region=row.region,
            details={"policy": row.policy, "finding": row.finding},
            package=row.package,
        )

"""Write down aid that was given: money, goods, services, with date, source and value. A wrong line is withdrawn, not deleted."""

from __future__ import annotations

from datetime import date, datetime

from django.db import IntegrityError, transaction

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.assistance.models import AidGiven
from zhizhi.apps.assistance.schemas import AID_KINDS, AID_RECORDED, AID_WITHDRAWN
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.places import place_of
from zhizhi.apps.assistance.selectors.triage import projects_in_use
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.journal.services import record
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError

MOST_FEN = 100_000_000_00
"""A hundred million yuan: whoever writes more has misplaced a comma."""
FIRST = date(1990, 1, 1)
TITLE, SOURCE, QUANTITY, REASON, KEY = 120, 80, 60, 200, 64


def aid_record(
    actor: Actor,
    *,
    household: str,
    kind: str,
    given_on: date,
    source: str,
    now: datetime,
    title: str = "",
    project: str = "",
    policy: str = "",
    value_fen: int | None = None,
    quantity: str = "",
    case_id: int | None = None,
    key: str | None = None,
) -> int:
    """Write down one piece of aid and return its id; the same ``key`` writes it once.

    Args:
        actor: who writes it down.
        household: pseudonym.
        kind: money, goods or service.
        given_on: the day on which the household had it.
        source: who gave it.
        now: when it is written down.
        title: what it was, where it is neither a policy nor a project.
        project: an aid project of the package.
        policy: a policy of the package.
        value_fen: its value; needed for money.
        quantity: how much in words, such as 2 袋.
        case_id: the case in which it was given.
        key: an idempotency key.

    Raises:
        InvalidError: ``assistance.aid-…`` with the field. NotFoundError: ``assistance.household-unknown``.
    """
    actor.require(Permission.AID_RECORD)
    title, source, quantity = title.strip(), source.strip(), quantity.strip()
    group = _group(project, policy)
    _check(kind, title, project or policy, source, value_fen, quantity)
    if not FIRST <= given_on <= calendar_now().day_of(now):
        raise InvalidError("assistance.aid-date", field="given_on")
    row = AidGiven(
        household=household,
        region=place_of(actor, household),
        kind=kind,
        title=title,
        group=group,
        project=project,
        policy=policy,
        value_fen=value_fen,
        quantity=quantity,
        given_on=given_on,
        source=source,
        case_id=case_id,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        key=key[:KEY] if key else None,
    )
    try:
        return _write(actor, row, now)
    except IntegrityError:  # the same form came twice at the same moment: the other one is in by now
        return _sent_before(row) or _write(actor, row, now)


def _write(actor: Actor, row: AidGiven, now: datetime) -> int:
    with transaction.atomic():
        again = _sent_before(row)
        if again is not None:
            return again
        row.save()
        subjects = [f"household:{row.household}", f"aid:{row.pk}"] + ([f"case:{row.case_id}"] if row.case_id else [])
        details = {name: getattr(row, name) for name in ("kind", "project", "policy", "value_fen")}
        details["on"] = row.given_on.isoformat()
        record(actor, AID_RECORDED, now=now, subjects=subjects, region=row.region, details=details)
    return int(row.pk)


def _sent_before(row: AidGiven) -> int | None:
    """Return the id under which the same form was written down before.

    Raises:
        ConflictError: ``assistance.aid-key``: its key belongs to another household.
    """
    if row.key is None:
        return None
    found = AidGiven.objects.filter(key=row.key).values_list("pk", "household").first()
    if found is not None and found[1] != row.household:
        raise ConflictError("assistance.aid-key")
    return found[0] if found else None


def _group(project: str, policy: str) -> str:
    """Return the sub-class that a project or policy belongs to, after making sure that there is such a thing."""
    base = projects_in_use()
    if project:
        found = base.project(project)
        if found is None:
            raise InvalidError("assistance.aid-project", field="project", project=project[:48])
        return found[0].id
    if policy:
        if policy not in package_in_use().policies:
            raise InvalidError("assistance.aid-policy", field="policy", policy=policy[:64])
        group = base.of_policy(policy)
        return group.id if group else ""
    return ""


def _check(kind: str, title: str, named: str, source: str, value_fen: int | None, quantity: str) -> None:
    if kind not in AID_KINDS:
        raise InvalidError("assistance.aid-kind", field="kind", known=", ".join(AID_KINDS))
    if not (title or named) or len(title) > TITLE or "\x00" in title:
        raise InvalidError("assistance.aid-what", field="title")
    if not source or len(source) > SOURCE or "\x00" in source:
        raise InvalidError("assistance.aid-source", field="source")
    if value_fen is None and kind == "money":
        raise InvalidError("assistance.aid-value-missing", field="value")
    if value_fen is not None and not 0 <= value_fen <= MOST_FEN:
        raise InvalidError("assistance.aid-value", field="value", most=f"{MOST_FEN // 100:,}")
    if len(quantity) > QUANTITY or "\x00" in quantity:
        raise InvalidError("assistance.aid-what", field="quantity")


def aid_withdraw(actor: Actor, *, aid_id: int, reason: str, now: datetime) -> None:
    """Withdraw a line that was wrong; it stays to be seen, with the reason, and counts no more.

    Raises:
        NotFoundError: ``assistance.aid-unknown``. ConflictError: ``assistance.aid-withdrawn``. InvalidError: no reason.
    """
    actor.require(Permission.AID_RECORD)
    reason = reason.strip()
    if not reason or len(reason) > REASON:
        raise InvalidError("assistance.withdraw-reason", field="reason")
    with transaction.atomic():
        row = AidGiven.objects.select_for_update().filter(in_scope(actor), pk=aid_id).first()
        if row is None:
            raise NotFoundError("assistance.aid-unknown")
        if row.withdrawn_at is not None:
            raise ConflictError("assistance.aid-withdrawn")
        row.withdrawn_at, row.withdrawn_why = now, reason
        row.save(update_fields=["withdrawn_at", "withdrawn_why"])
        record(
            actor,
            AID_WITHDRAWN,
            now=now,
            subjects=[f"household:{row.household}", f"aid:{row.pk}"],
            region=row.region,
            details={"kind": row.kind},
        )

"""Open cases: one or twenty thousand, each with its line, its event and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Case, CaseFinding, Entry, WorkflowVersion
from zhizhi.apps.casework.schemas import FOUND, OPENED, SEVERITIES, CaseDraft
from zhizhi.apps.casework.selectors.calendars import calendar_digest, calendar_of
from zhizhi.apps.casework.selectors.workflows import workflow_current, workflow_in
from zhizhi.apps.casework.services.change import entry_row
from zhizhi.apps.casework.services.tallies import opened, tally_add
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record_many
from zhizhi.backends.rows import insert_row, insert_rows, next_ids
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.deadlines import due
from zhizhi.kernel.errors import ConflictError, InvalidError

MANY = 50
CHUNK = 5_000


@dataclass(slots=True)
class _Opening:
    """What all drafts of one workflow and region have in common: step, role and deadline are worked out once."""

    version: int
    package_version: str
    state: str
    role: str
    due: datetime


def case_open(actor: Actor, *, draft: CaseDraft, now: datetime) -> int:
    """Open one case and return its id.

    Raises:
        ConflictError: ``casework.open-exists``: the household has an open case of this kind.
        InvalidError: the draft cannot be right.
    """
    actor.require(Permission.CASE_OPEN)
    with transaction.atomic():
        if draft.key:
            again = Case.objects.filter(key=draft.key).values_list("pk", flat=True).first()
            if again is not None:
                return again
        found = _already_open([draft]).get((draft.household, draft.kind))
        if found is not None:
            raise ConflictError("casework.open-exists", number=found)
        return case_open_many(actor, drafts=[draft], now=now)[0]


def case_open_many(actor: Actor, *, drafts: Sequence[CaseDraft], now: datetime) -> list[int]:
    """Open a case for each draft, in order, and return their ids.

    A household that has an open case of the same kind gets no second one: what is new of the findings is added to it, and
    its id stands in the answer. So the same drafts may be sent again after an interruption.

    Raises:
        InvalidError: a draft cannot be right; none is opened. RefusedError: a region outside the actor's.
        UnavailableError: no workflow or calendar is installed.
    """
    actor.require(Permission.CASE_OPEN)
    for draft in drafts:
        _check(actor, draft)
    ids: list[int] = []
    for start in range(0, len(drafts), CHUNK):
        part = drafts[start : start + CHUNK]
        try:
            with transaction.atomic():
                ids += _open_chunk(actor, part, now)
        except IntegrityError:  # somebody opened one of them at the same moment: now it is there to be seen
            with transaction.atomic():
                ids += _open_chunk(actor, part, now)
    return ids


def _open_chunk(actor: Actor, drafts: Sequence[CaseDraft], now: datetime) -> list[int]:
    calendar = calendar_of(calendar_digest())
    today = calendar.day_of(now)
    standing = _already_open(drafts)
    versions: dict[tuple[str, str], tuple[int, str, str]] = {}
    ready: dict[tuple[str, str, str], _Opening] = {}
    fresh: dict[tuple[str, str], dict[str, Any]] = {}
    more: list[tuple[tuple[str, str], CaseDraft]] = []
    for draft in drafts:
        home = (draft.household, draft.kind)
        if home in standing or home in fresh:
            more.append((home, draft))
            continue
        place, flow = (draft.package, draft.workflow, draft.region), (draft.package, draft.workflow)
        if flow not in versions:
            versions[flow] = workflow_current(*flow)
        if place not in ready:
            ready[place] = _opening(versions[flow], draft.region, calendar, now)
        fresh[home] = _row(draft, ready[place], now, today)
    made = list(fresh.values())
    _insert(Case, made)
    _follow(actor, made, now)
    known = standing | {home: row["id"] for home, row in fresh.items()}
    if more:
        _add_findings(actor, [(known[home], draft) for home, draft in more], now)
    return [known[draft.household, draft.kind] for draft in drafts]


def _opening(version: tuple[int, str, str], region: str, calendar: WorkingCalendar, now: datetime) -> _Opening:
    pk, digest, package_version = version
    workflow = workflow_in(digest, region)
    step = workflow.steps[workflow.start]
    return _Opening(pk, package_version, step.id, step.roles[0], due(step.limit, now, calendar))


def _row(draft: CaseDraft, opening: _Opening, now: datetime, today: date) -> dict[str, Any]:
    """Return a new case's columns, all but the id."""
    post, user, name = draft.holder or (None, None, "")
    return {
        "kind": draft.kind,
        "workflow_id": opening.version,
        "package_version": draft.package_version or opening.package_version,
        "household": draft.household,
        "region": draft.region,
        "title_zh": draft.title_zh,
        "title_en": draft.title_en,
        "card": dict(draft.card),
        "findings": [dict(finding) for finding in draft.findings],
        "severity": draft.severity,
        "score": draft.score,
        "state": opening.state,
        "role": opening.role,
        "holder_post": post,
        "holder_user": user,
        "holder_name": name,
        "hands": {opening.role: [post, user, name]} if post is not None else {},
        "version": 1,
        "opened_at": now,
        "opened_on": today,
        "step_started": now,
        "due": opening.due,
        "pause_reason": "",
        "pauses": [],
        "escalated_to": "",
        "outcome": "",
        "reopened": 0,
        "changed_at": now,
        "key": draft.key,
    }


def _insert(model: type[Model], rows: list[dict[str, Any]]) -> None:
    """Insert rows of one shape and put their ids on them; many of them without an object for each."""
    if len(rows) < MANY:
        for row in rows:
            row["id"] = insert_row(connection, model._meta.db_table, row)
        return
    table = model._meta.db_table
    for row, pk in zip(rows, next_ids(connection, table, len(rows)), strict=True):
        row["id"] = pk
    insert_rows(connection, table, list(rows[0]), (list(row.values()) for row in rows))


def _follow(actor: Actor, made: Sequence[dict[str, Any]], now: datetime) -> None:
    """Write what goes with new cases: findings, first lines, numbers, events."""
    policies = {row["id"]: _policies(row["findings"]) for row in made}
    _insert(CaseFinding, [_finding(row["id"], row["region"], *item) for row in made for item in policies[row["id"]].items()])
    _insert(
        Entry,
        [
            entry_row(
                actor,
                now,
                case_id=row["id"],
                kind="opened",
                state_to=row["state"],
                version=1,
                details={"holder": row["holder_name"], "policies": list(policies[row["id"]])},
            )
            for row in made
        ],
    )
    tally_add(opened(row["region"], row["opened_on"]) for row in made)
    packages = dict(WorkflowVersion.objects.values_list("id", "package"))
    record_many(
        actor,
        [
            Fact(
                OPENED,
                subjects=[f"case:{row['id']}", f"household:{row['household']}"],
                region=row["region"],
                details={"state": row["state"], "policies": list(policies[row["id"]]), "severity": row["severity"]},
                package=packages[row["workflow_id"]],
                package_version=row["package_version"],
            )
            for row in made
        ],
        now=now,
    )


def _finding(case_id: int, region: str, policy: str, finding: str) -> dict[str, Any]:
    return {"case_id": case_id, "policy": policy, "finding": finding, "region": region, "is_open": True}


def _add_findings(actor: Actor, more: Sequence[tuple[int, CaseDraft]], now: datetime) -> None:
    """Add what is new of the findings of drafts to cases that are open already."""
    cases = {case.pk: case for case in Case.objects.select_for_update().filter(pk__in={pk for pk, _ in more})}
    facts = []
    for pk, draft in more:
        case = cases[pk]
        known = _policies(case.findings)
        new = [dict(item) for item in draft.findings if str(item["policy"]) not in known]
        if not new:
            continue
        case.findings = [*case.findings, *new]
        case.severity = max(case.severity, draft.severity)
        case.score = max(case.score, draft.score)
        Case.objects.filter(pk=pk).update(findings=case.findings, severity=case.severity, score=case.score, changed_at=now)
        policies = _policies(new)
        CaseFinding.objects.bulk_create(
            [CaseFinding(**_finding(pk, case.region, *item)) for item in policies.items()], ignore_conflicts=True
        )
        line = {"case_id": pk, "kind": "found", "state_from": case.state, "state_to": case.state}
        Entry.objects.create(**entry_row(actor, now, **line, details={"policies": list(policies)}))
        subjects = [f"case:{pk}", f"household:{case.household}"]
        facts.append(Fact(FOUND, subjects=subjects, region=case.region, details={"policies": list(policies)}))
    record_many(actor, facts, now=now)


def _already_open(drafts: Sequence[CaseDraft]) -> dict[tuple[str, str], int]:
    """Return (household, kind) -> id of the open cases among the drafts' households."""
    wanted = [draft.household for draft in drafts]
    most = 30_000 if connection.vendor == "postgresql" else 500
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(wanted), most):
        rows = Case.objects.filter(closed_at__isnull=True, household__in=wanted[start : start + most])
        found |= {(household, kind): pk for household, kind, pk in rows.values_list("household", "kind", "pk")}
    return found


def _policies(findings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(item["policy"]): str(item.get("finding", "")) for item in findings}


def _check(actor: Actor, draft: CaseDraft) -> None:
    actor.require_sight(draft.region)
    if not draft.household or len(draft.household) > 64:
        raise InvalidError("casework.draft", field="household")
    if not draft.region.isdigit() or not 6 <= len(draft.region) <= 12:
        raise InvalidError("casework.draft", field="region")
    for name, most in (("title_zh", 200), ("title_en", 300), ("kind", 16)):
        text = getattr(draft, name)
        if not text.strip() or len(text) > most or "\x00" in text:
            raise InvalidError("casework.draft", field=name)
    if draft.severity not in SEVERITIES:
        raise InvalidError("casework.draft", field="severity")
    if not all(item.get("policy") for item in draft.findings):
        raise InvalidError("casework.draft", field="findings")
    if draft.key is not None and not 0 < len(draft.key) <= 64:
        raise InvalidError("casework.draft", field="key")

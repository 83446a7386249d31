"""Policies, tries of other figures and drafts through the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.apps.assistance.jobs import work_out_whatif
from zhizhi.apps.assistance.selectors.policies import PolicyRow, policy_get, policy_list, policy_places
from zhizhi.apps.assistance.selectors.whatifs import Draft, Tried, draft_get, whatif_get, whatif_list
from zhizhi.apps.assistance.services.policies import draft_save, whatif_ask
from zhizhi.apps.paging import Sent

router = Router()


class PolicyOut(Schema):
    """One policy or warning's rule; ``illustrative`` counts figures and legal bases whose source was not read."""

    id: str
    kind: Literal["policy", "warning"]
    title: dict[str, str]
    department: str
    group: dict[str, str]
    subject: str
    in_force: bool
    tests: int
    illustrative: int


class FigureOut(Schema):
    """A figure that the rule reads."""

    key: str
    title: dict[str, str]
    value: dict[str, str]
    verified: bool


class ConditionOut(Schema):
    """One condition as a sentence and as a formula in words."""

    label: dict[str, str]
    rule: dict[str, str]


class PolicyDetailOut(PolicyOut):
    """One policy with its rule in words."""

    conditions: list[ConditionOut]
    amount: dict[str, str] | None
    figures: list[FigureOut]
    failing_tests: list[str]


class PlaceOut(Schema):
    """Whom a policy touches in one place; null where nobody says who receives it."""

    region: str
    eligible: int
    receiving: int | None
    missed: int | None
    leaking: int | None
    payable: float | None


class WhatIfIn(Sent):
    """Figures set otherwise: ``dibao_line=1600`` everywhere, ``dibao_line@330122=1600`` in one county."""

    policy: str = Field(max_length=64)
    settings: list[str] = Field(min_length=1, max_length=12)


class WhatIfOut(Schema):
    """A try; ``outcome`` is null until it is done."""

    id: int
    policy: str
    region: str
    on: date
    asked_at: datetime
    settings: list[str]
    state: Literal["waiting", "running", "done", "failed"]
    outcome: dict[str, Any] | None
    error: dict[str, Any] | None
    draft: int | None


class DraftIn(Sent):
    """What a draft is called, why, and from when it would be in force."""

    title: str = Field(max_length=120)
    note: str = Field("", max_length=2_000)
    starts_on: date


class DraftOut(Schema):
    """A draft with the tests that no longer hold under its figures."""

    id: int
    whatif: int
    title: str
    note: str
    department: str
    starts_on: date
    saved_at: datetime
    tests: int
    failing: list[str]


@router.get("/policies", response=list[PolicyOut], summary="Policies")
@gate.api(Permission.POLICY_VIEW)
def policies_get(
    request: HttpRequest, kind: Literal["policy", "warning"] = "policy", department: str = "", group: str = "", q: str = ""
) -> list[PolicyOut]:
    """List the policies, or the warnings' rules, of the package in use."""
    rows = policy_list(gate.who(request), now=timezone.now(), kind=kind, department=department, group=group, text=q)
    return [PolicyOut(**_row(row)) for row in rows]


@router.get("/policies/{slug:policy_id}", response=PolicyDetailOut, summary="One policy")
@gate.api(Permission.POLICY_VIEW)
def policy_detail_get(request: HttpRequest, policy_id: str) -> PolicyDetailOut:
    """Return one policy: its conditions in words, its figures, the tests that fail."""
    page = policy_get(gate.who(request), policy_id, now=timezone.now())
    return PolicyDetailOut(
        **_row(page.row),
        conditions=[ConditionOut(label=dict(one["label"]), rule=dict(one["rule"])) for one in page.conditions],
        amount=dict(page.amount) if page.amount else None,
        figures=[FigureOut(key=f.key, title=dict(f.title), value=dict(f.value), verified=f.verified) for f in page.figures],
        failing_tests=[test.name for test in page.tests if test.problems],
    )


@router.get("/policies/{slug:policy_id}/places", response=list[PlaceOut], summary="Whom a policy touches")
@gate.api(Permission.POLICY_VIEW)
def policy_places_get(request: HttpRequest, policy_id: str) -> list[PlaceOut]:
    """Count who is eligible, receives, is missed or leaks, by the places below the caller's region."""
    actor = gate.who(request)
    policy_get(actor, policy_id, now=timezone.now())
    return [PlaceOut.from_orm(place) for place in policy_places(actor, policy_id)]


@router.get("/whatifs", response=list[WhatIfOut], summary="Tries of other figures")
@gate.api(Permission.POLICY_TRY)
def whatifs_get(request: HttpRequest, policy: str = "") -> list[WhatIfOut]:
    """List the latest tries of a policy, or of all, without their outcomes."""
    return [_tried(row) for row in whatif_list(gate.who(request), policy=policy)]


@router.post("/whatifs", response={202: WhatIfOut}, summary="Try other figures")
@gate.api(Permission.POLICY_TRY)
def whatif_post(request: HttpRequest, body: WhatIfIn) -> WhatIfOut:
    """Ask what other figures would do to the caller's region; a job works it out. The same question is worked out once."""
    actor = gate.who(request)
    tried, new = whatif_ask(actor, policy=body.policy, settings=body.settings, now=timezone.now())
    if new:
        work_out_whatif.enqueue(whatif=tried)
    return _tried(whatif_get(actor, tried))


@router.get("/whatifs/{int:whatif_id}", response=WhatIfOut, summary="One try")
@gate.api(Permission.POLICY_TRY)
def whatif_one_get(request: HttpRequest, whatif_id: int) -> WhatIfOut:
    """Return a try with its outcome: gainers, losers, cost and errors by policy, and by place, age and sex."""
    return _tried(whatif_get(gate.who(request), whatif_id))


@router.post("/whatifs/{int:whatif_id}/draft", response={201: DraftOut}, summary="Keep a try as a draft")
@gate.api(Permission.POLICY_DRAFT)
def draft_post(request: HttpRequest, whatif_id: int, body: DraftIn) -> DraftOut:
    """Keep a try as a draft, with the package's tests run under its figures. It does not put anything in force."""
    actor = gate.who(request)
    kept = draft_save(actor, whatif=whatif_id, title=body.title, note=body.note, starts_on=body.starts_on, now=timezone.now())
    return _draft(draft_get(actor, kept))


@router.get("/drafts/{int:draft_id}", response=DraftOut, summary="One draft")
@gate.api(Permission.POLICY_TRY)
def draft_one_get(request: HttpRequest, draft_id: int) -> DraftOut:
    """Return a draft and the tests that no longer hold under its figures."""
    return _draft(draft_get(gate.who(request), draft_id))


def _row(row: PolicyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "title": dict(row.title),
        "department": row.department,
        "group": dict(row.group),
        "subject": row.subject,
        "in_force": row.in_force,
        "tests": row.tests,
        "illustrative": row.illustrative,
    }


def _tried(row: Tried) -> WhatIfOut:
    return WhatIfOut.from_orm(row)


def _draft(draft: Draft) -> DraftOut:
    return DraftOut(
        id=draft.id,
        whatif=draft.tried.id,
        title=draft.title,
        note=draft.note,
        department=draft.department,
        starts_on=draft.starts_on,
        saved_at=draft.saved_at,
        tests=len(draft.tests),
        failing=[test["name"] for test in draft.failing],
    )

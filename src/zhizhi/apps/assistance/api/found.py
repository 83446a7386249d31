"""Findings and household files for programs: the same selectors and services as the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Path, Query, Router, Schema

from zhizhi.apps.actors import Permission
from zhizhi.apps.assistance.schemas import PURPOSES, REASONS
from zhizhi.apps.assistance.selectors.found import FindingRow, finding_list, wanted_from
from zhizhi.apps.assistance.selectors.household import Entitlement, Member, household_file
from zhizhi.apps.assistance.selectors.packages import screening_date
from zhizhi.apps.assistance.services.by_hand import cases_open_for
from zhizhi.apps.assistance.services.dismissals import findings_dismiss
from zhizhi.apps.assistance.services.households import household_read
from zhizhi.apps.gate import api, who
from zhizhi.apps.paging import Cursor, Limit, Page, Sent, cursor_read, cursor_write
from zhizhi.apps.wording import lang
from zhizhi.kernel.errors import NotFoundError

router = Router()
Kind = Literal["missed", "leaking", "near-miss", "unknown", "warning"]
Severity = Literal["high", "medium", "low"]
Words = dict[str, str]
Pseudonym = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
Code = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Several = Annotated[list[Kind], Query([], description="Kinds of findings; none for all.")]
Region = Annotated[
    str, Query("", pattern=r"^([0-9]{6}|[0-9]{9}|[0-9]{12})?$", description="Code of a region; its whole subtree.")
]
FURTHEST = 1_000_000
"""A cursor of this list is a place in it; nobody pages further than this."""


class HeadOut(Schema):
    """The head of a household, masked."""

    name: str
    age: int | None
    members: int


class FindingOut(Schema):
    """One finding."""

    subject: str
    kind: Literal["household", "person"]
    policy: str
    title: Words
    finding: Kind
    household: str
    region: str
    severity: str
    payable: Decimal | None = Field(description="Yuan.")
    receives: Decimal | None = Field(description="Yuan.")
    missing: list[str]
    new: bool
    head: HeadOut | None
    case: int | None
    dismissed: str


class CountsOut(Schema):
    """How many findings each value of each filter would give, the other filters kept."""

    total: int
    households: int
    finding: dict[str, int]
    policy: dict[str, int]
    department: dict[str, int]
    severity: dict[str, int]
    kind: dict[str, int]
    regions: dict[str, int]
    new: int


class FactOut(Schema):
    """One fact of a member, with its source."""

    name: str
    title: Words
    value: str
    state: Literal["known", "missing"]
    dataset: str
    owner: Words
    loaded: date | None


class MemberOut(Schema):
    """A member; names are masked."""

    place: int
    relation: str
    name: str
    age: int | None
    facts: list[FactOut]
    hidden: int = Field(description="Facts above the data grade of the post.")


class LackOut(Schema):
    """A field without which nobody can decide, and who has it."""

    name: str
    title: str
    owner: str


class ReasonOut(Schema):
    """One condition and its result; null: cannot be said."""

    label: str
    result: bool | None
    hidden: bool
    missing: list[LackOut]


class EntitlementOut(Schema):
    """What one policy or warning says of the household or of a member."""

    policy: str
    kind: Literal["policy", "warning"]
    title: Words
    whose: str
    decision: Literal["eligible", "not eligible", "unknown", "not in force"]
    payable_fen: int | None
    receives_fen: int | None
    receiving: bool
    finding: str
    reasons: list[ReasonOut]


class HouseholdOut(Schema):
    """The file of a household."""

    household: str
    region: str
    on: date
    synthetic: bool
    members: list[MemberOut]
    entitlements: list[EntitlementOut]


class KeyIn(Sent):
    """What names a finding."""

    subject: Pseudonym
    policy: Code
    finding: Kind


class DismissIn(Sent):
    """Findings that need no visit, and why."""

    findings: list[KeyIn] = Field(min_length=1, max_length=200)
    reason: Literal[REASONS]  # type: ignore[valid-type]
    note: str = Field("", max_length=2_000)


class OpenIn(Sent):
    """Households for which cases are opened."""

    households: list[Pseudonym] = Field(min_length=1, max_length=200)
    reason: str = Field("", max_length=2_000)
    post: int | None = Field(None, ge=1, lt=2**63)


class NumberOut(Schema):
    """How many were dealt with."""

    number: int


class CasesOut(Schema):
    """Ids of cases."""

    cases: list[int]


@router.get("/findings", response=Page[FindingOut], summary="Findings of the latest screening")
@api(Permission.FINDING_VIEW)
def findings_get(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    finding: Several = [],  # noqa: B006 - ninja reads the default and changes nothing
    policy: Annotated[str, Query("", max_length=64)] = "",
    department: Annotated[str, Query("", max_length=48)] = "",
    severity: Severity | None = None,
    region: Region = "",
    new: bool = False,
    q: Annotated[str, Query("", max_length=100)] = "",
) -> Any:
    """Return the findings that the post sees, with names as far as its data grade reaches."""
    wanted, order = wanted_from(_query(finding, policy, department, severity, region, new, q))
    listed = finding_list(who(request), wanted=wanted, order=order, on=screening_date(timezone.now()))
    if listed is None:
        return {"items": [], "next": None, "count": 0}
    rows, counts = listed
    key = cursor_read(cursor, int)
    start = min(max(0, key[0]), FURTHEST) if key else 0
    shown = rows[start : start + limit] if start < counts.total else []
    further = start + len(shown) < counts.total and len(shown) == limit
    return {
        "items": [_finding(row) for row in shown],
        "next": cursor_write(start + limit) if further else None,
        "count": counts.total,
    }


@router.get("/findings/counts", response=CountsOut, summary="Findings counted beside every filter")
@api(Permission.FINDING_VIEW)
def finding_counts_get(
    request: HttpRequest,
    finding: Several = [],  # noqa: B006
    policy: Annotated[str, Query("", max_length=64)] = "",
    department: Annotated[str, Query("", max_length=48)] = "",
    severity: Severity | None = None,
    region: Region = "",
    new: bool = False,
    q: Annotated[str, Query("", max_length=100)] = "",
) -> Any:
    """Return what each value of each filter would give."""
    wanted, order = wanted_from(_query(finding, policy, department, severity, region, new, q))
    listed = finding_list(who(request), wanted=wanted, order=order, on=screening_date(timezone.now()))
    if listed is None:
        raise NotFoundError("assistance.none-screened")
    counts = listed[1]
    return {
        "total": counts.total,
        "households": counts.households,
        "finding": {name.replace(" ", "-"): number for name, number in counts.finding.items()},
        "policy": counts.policy,
        "department": counts.department,
        "severity": counts.severity,
        "kind": counts.kind,
        "regions": counts.regions,
        "new": counts.since_last.get("new", 0),
    }


@router.post("/findings/dismiss", response=NumberOut, summary="Say that findings need no visit")
@api(Permission.FINDING_DISMISS)
def findings_dismiss_post(request: HttpRequest, body: DismissIn) -> Any:
    """Dismiss findings with a reason; it stands until the data that caused them changes."""
    keys = [(item.subject, item.policy, item.finding.replace("-", " ")) for item in body.findings]
    return {"number": findings_dismiss(who(request), keys=keys, reason=body.reason, note=body.note, now=timezone.now())}


@router.post("/findings/open", response={201: CasesOut}, summary="Open cases for households that were found")
@api(Permission.CASE_OPEN)
def findings_open_post(request: HttpRequest, body: OpenIn) -> Any:
    """Open a case for each household. A case asks somebody to go and see; nothing is granted by it."""
    ids = cases_open_for(who(request), households=body.households, now=timezone.now(), reason=body.reason, post_id=body.post)
    return 201, {"cases": ids}


@router.get("/households/{household}", response=HouseholdOut, summary="The file of a household")
@api(Permission.HOUSEHOLD_VIEW)
def household_get(
    request: HttpRequest,
    household: Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")],
    purpose: Literal[PURPOSES] = "check",  # type: ignore[valid-type]
) -> Any:
    """Return who they are, what they get and what they could get. Reading it is an event, with its purpose."""
    actor, now = who(request), timezone.now()
    household_read(actor, household=household, purpose=purpose, now=now)
    file = household_file(actor, household, on=screening_date(now), lang=lang())
    return {
        "household": file.household,
        "region": file.region,
        "on": file.on,
        "synthetic": file.synthetic,
        "members": [_member(member) for member in file.members],
        "entitlements": [_entitlement(row) for row in (*file.entitlements, *file.rest)],
    }


def _query(
    finding: Sequence[str], policy: str, department: str, severity: str | None, region: str, new: bool, q: str
) -> dict[str, str]:
    return {
        "finding": ",".join(finding),
        "policy": policy,
        "department": department,
        "severity": severity or "",
        "region": region,
        "since": "new" if new else "",
        "q": q,
    }


def _finding(row: FindingRow) -> dict[str, Any]:
    found = row.found
    return {
        "subject": found.subject,
        "kind": found.kind,
        "policy": found.policy,
        "title": dict(row.policy),
        "finding": row.code,
        "household": found.household,
        "region": found.region,
        "severity": found.severity,
        "payable": found.payable,
        "receives": found.receives,
        "missing": list(found.missing),
        "new": bool(found.since_last),
        "head": {"name": row.head.name, "age": row.head.age, "members": row.head.members} if row.head else None,
        "case": row.standing.case,
        "dismissed": row.standing.dismissed,
    }


def _member(member: Member) -> dict[str, Any]:
    facts = [fact for group in member.groups for fact in group.facts]
    return {
        "place": member.place + 1,
        "relation": member.relation,
        "name": member.name,
        "age": member.age,
        "hidden": member.others,
        "facts": [
            {
                "name": fact.name,
                "title": dict(fact.title),
                "value": fact.value,
                "state": fact.state,
                "dataset": fact.source.dataset,
                "owner": dict(fact.source.owner),
                "loaded": fact.source.loaded,
            }
            for fact in facts
        ],
    }


def _entitlement(row: Entitlement) -> dict[str, Any]:
    return {
        "policy": row.policy,
        "kind": row.kind,
        "title": dict(row.title),
        "whose": row.whose,
        "decision": row.decision,
        "payable_fen": row.payable_fen,
        "receives_fen": row.receives_fen,
        "receiving": row.receipt,
        "finding": row.finding,
        "reasons": [
            {
                "label": reason.label,
                "result": reason.result,
                "hidden": reason.hidden,
                "missing": [{"name": lack.name, "title": lack.title, "owner": lack.owner} for lack in reason.lacks],
            }
            for reason in row.reasons
        ],
    }

"""Screenings, visits that wait, dismissals, aid and outcomes for programs: the same selectors and services as the pages."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Path, Query, Router, Schema

from zhizhi.apps.actors import Permission
from zhizhi.apps.assistance.jobs import screen
from zhizhi.apps.assistance.schemas import AID_KINDS
from zhizhi.apps.assistance.selectors.aid import aid_list
from zhizhi.apps.assistance.selectors.dismissals import dismissals_of
from zhizhi.apps.assistance.selectors.outcomes import finding_outcomes
from zhizhi.apps.assistance.selectors.packages import screening_date
from zhizhi.apps.assistance.selectors.places import place_of
from zhizhi.apps.assistance.selectors.projects import project_base
from zhizhi.apps.assistance.selectors.queries import data_queries
from zhizhi.apps.assistance.selectors.runs import (
    missed_by_place,
    opening_latest,
    run_list,
    run_trend,
    waiting_count,
    waiting_list,
)
from zhizhi.apps.assistance.selectors.scores import score_formula
from zhizhi.apps.assistance.services.aid import MOST_FEN, aid_record, aid_withdraw
from zhizhi.apps.assistance.services.dismissals import finding_restore
from zhizhi.apps.assistance.services.runs import screening_ask
from zhizhi.apps.gate import api, who
from zhizhi.apps.paging import Cursor, Limit, Page, Sent, cursor_read, page_of
from zhizhi.kernel.errors import NotFoundError, UsageError

router = Router()
Kind = Literal["missed", "leaking", "near-miss", "unknown", "warning"]
Region = Annotated[
    str, Query("", pattern=r"^([0-9]{6}|[0-9]{9}|[0-9]{12})?$", description="Code of a region; its whole subtree.")
]
Policy = Annotated[str, Query("", max_length=64)]
Household = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")]
Id = Annotated[int, Path(ge=1, lt=2**63)]
Words = dict[str, str]
FURTHEST = 1_000_000


class RunOut(Schema):
    """A screening. ``error`` says why one failed; what was found before stands."""

    id: int
    package: str
    package_version: str
    on: date | None
    snapshot: dict[str, int]
    mode: str
    state: str
    synthetic: bool
    households: int
    people: int
    alerts: int
    error: dict[str, Any] | None
    asked_at: datetime
    finished_at: datetime | None


class AskedOut(Schema):
    """Whether a screening was queued; not where the same state of the world was screened already."""

    queued: bool


class PointOut(Schema):
    """What one run found."""

    on: date
    run: int
    households: int
    subjects: int


class RateOut(Schema):
    """Households of one place with a finding; ``per_1000`` people, null where nobody lives."""

    region: str
    households: int
    people: int
    per_1000: float | None


class OpeningOut(Schema):
    """What became of all alerts when they were last given out; the parts add up to ``alerts``."""

    at: datetime
    run: int
    alerts: int
    opened: int
    added: int
    standing: int
    waiting: int
    nobody: int
    resting: int
    dismissed: int
    nowhere: int


class WaitingOut(Schema):
    """A household that waits for a visit: ``why`` is budget or nobody."""

    household: str
    region: str
    rank: int
    score: float
    why: str
    policies: list[str]


class QueryOut(Schema):
    """A field to ask its owner for, and who waits for it."""

    name: str
    title: Words
    owner: Words
    households: int
    findings: int
    policies: list[str]


class DismissalOut(Schema):
    """A person's word on a finding."""

    id: int
    household: str
    subject: str
    policy: str
    finding: str
    reason: str
    note: str
    at: datetime
    by: str
    ended_at: datetime | None
    ended_why: str


class NoteIn(Sent):
    """Why, in a few words."""

    note: str = Field("", max_length=2000)


class AidOut(Schema):
    """One piece of aid; ``id`` is null for what a department's list says."""

    id: int | None
    kind: str
    title: Words
    group: str
    policy: str
    value_fen: int | None
    monthly: bool
    quantity: str
    given_on: date | None
    source: Words
    recorded_by: str
    case_id: int | None
    this_year_fen: int | None
    estimated: bool
    hidden: bool


class AidListOut(Schema):
    """The aid of a household; ``totals`` of the year by kind: fen of money and goods, a number of services."""

    year: int
    rows: list[AidOut]
    totals: dict[str, int]


class AidIn(Sent):
    """Aid that was given: of a policy, of a project, or named."""

    kind: Literal[AID_KINDS]  # type: ignore[valid-type]
    given_on: date
    source: str = Field(min_length=1, max_length=80)
    title: str = Field("", max_length=120)
    project: str = Field("", max_length=48)
    policy: str = Field("", max_length=64)
    value_fen: int | None = Field(None, ge=0, le=MOST_FEN)
    quantity: str = Field("", max_length=60)
    case_id: int | None = Field(None, ge=1, lt=2**63)
    key: str | None = Field(None, min_length=1, max_length=64)


class IdOut(Schema):
    """The id of what was made."""

    id: int


class WithdrawIn(Sent):
    """Why a line is withdrawn."""

    reason: str = Field(min_length=1, max_length=200)


class OutcomeOut(Schema):
    """How the closed cases of a policy or warning ended; ``share`` is null where it cannot be told yet."""

    policy: str
    closed: int
    confirmed: int
    denied: int
    least: int
    share: float | None
    low: float | None
    high: float | None
    outcomes: dict[str, int]


class WeightOut(Schema):
    """One declared weight of the score."""

    name: str
    label: Words
    value: int
    unit: str
    from_date: str
    source: str
    status: str


class ProjectOut(Schema):
    """Something that stands ready to be given."""

    id: str
    kind: str
    title: Words


class GroupOut(Schema):
    """A sub-class of the aid-project base."""

    id: str
    title: Words
    source: str
    status: str
    policies: list[str]
    projects: list[ProjectOut]


class ClassOut(Schema):
    """A class with its sub-classes."""

    id: str
    title: Words
    groups: list[GroupOut]


# screenings --------------------------------------------------------------------------------------------------------


@router.get("/runs", response=list[RunOut], summary="Screenings, finished and failed, newest first")
@api(Permission.FINDING_VIEW)
def runs_get(request: HttpRequest, limit: Limit = 50) -> Any:
    """Return the latest screenings."""
    return [asdict(run) for run in run_list(who(request), limit)]


@router.post("/runs", response={202: AskedOut}, summary="Screen the lake now")
@api(Permission.SCREENING_RUN)
def runs_post(request: HttpRequest) -> Any:
    """Queue a screening if the lake, the package or the day changed since the last one."""
    queued = screening_ask(who(request), now=timezone.now())
    if queued:
        screen.enqueue()
    return 202, {"queued": queued}


@router.get("/runs/trend", response=list[PointOut], summary="What the last runs found")
@api(Permission.FINDING_VIEW)
def trend_get(request: HttpRequest, finding: Kind = "missed", policy: Policy = "", region: Region = "") -> Any:
    """Return one point a date, oldest first; by policy down to the county, of all policies down to the town."""
    kind = finding.replace("-", " ")
    return [asdict(point) for point in run_trend(who(request), finding=kind, policy=policy, region=region)]


@router.get("/runs/places", response=list[RateOut], summary="Findings of the places below, and for 1,000 people")
@api(Permission.FINDING_VIEW)
def places_get(request: HttpRequest, finding: Kind = "missed", region: Region = "") -> Any:
    """Return the households with a finding in each place right below a region."""
    return [asdict(row) for row in missed_by_place(who(request), finding=finding.replace("-", " "), region=region)]


@router.get("/opening", response=OpeningOut, summary="What became of the alerts")
@api(Permission.FINDING_VIEW)
def opening_get(request: HttpRequest) -> Any:
    """Return how many alerts became cases, wait, rest or stand dismissed."""
    found = opening_latest(who(request))
    if found is None:
        raise NotFoundError("assistance.none-screened")
    return asdict(found)


@router.get("/waiting", response=Page[WaitingOut], summary="Households that wait for a visit, the most pressing first")
@api(Permission.FINDING_VIEW)
def waiting_get(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "", region: Region = "") -> Any:
    """Return those for whom no worker had a door left, or where nobody visits."""
    actor = who(request)
    key = cursor_read(cursor, int)
    start = key[0] if key else 0
    if not 0 <= start <= FURTHEST:
        raise UsageError("web.cursor-unknown")
    rows = [asdict(row) for row in waiting_list(actor, region=region, offset=start, limit=limit + 1)]
    count = waiting_count(actor, region=region)
    return page_of(rows, limit, lambda row: (start + limit,), count)


@router.get("/queries", response=list[QueryOut], summary="Fields that are missing, with their owners")
@api(Permission.FINDING_VIEW)
def queries_get(request: HttpRequest, region: Region = "") -> Any:
    """Return what departments should be asked for, those that most households wait for first."""
    return [asdict(row) for row in data_queries(who(request), region=region)]


# dismissals --------------------------------------------------------------------------------------------------------


@router.get("/households/{household}/dismissals", response=list[DismissalOut], summary="What was said of findings")
@api(Permission.FINDING_VIEW)
def dismissals_get(request: HttpRequest, household: Household) -> Any:
    """Return every dismissal of a household's findings, newest first."""
    actor = who(request)
    place_of(actor, household)
    return [asdict(row) for row in dismissals_of(actor, household=household)]


@router.post("/dismissals/{dismissal}/restore", response={204: None}, summary="Take back a dismissal")
@api(Permission.FINDING_DISMISS)
def dismissal_restore_post(request: HttpRequest, dismissal: Id, body: NoteIn) -> Any:
    """Let a finding count again."""
    finding_restore(who(request), dismissal_id=dismissal, note=body.note, now=timezone.now())
    return 204, None


# aid ---------------------------------------------------------------------------------------------------------------


@router.get("/households/{household}/aid", response=AidListOut, summary="The aid of a household")
@api(Permission.HOUSEHOLD_VIEW)
def aid_get(request: HttpRequest, household: Household) -> Any:
    """Return all aid with source and date, and what it comes to this year."""
    return asdict(aid_list(who(request), household=household, on=screening_date(timezone.now())))


@router.post("/households/{household}/aid", response={201: IdOut}, summary="Write down aid")
@api(Permission.AID_RECORD)
def aid_post(request: HttpRequest, household: Household, body: AidIn) -> Any:
    """Write down one piece of aid; with a key, sending twice writes once."""
    return 201, {"id": aid_record(who(request), household=household, now=timezone.now(), **body.dict())}


@router.post("/aid/{aid}/withdraw", response={204: None}, summary="Withdraw a record of aid")
@api(Permission.AID_RECORD)
def aid_withdraw_post(request: HttpRequest, aid: Id, body: WithdrawIn) -> Any:
    """Withdraw a line that was wrong; it stays to be seen."""
    aid_withdraw(who(request), aid_id=aid, reason=body.reason, now=timezone.now())
    return 204, None


@router.get("/projects", response=list[ClassOut], summary="The aid-project base")
@api(Permission.POLICY_VIEW)
def projects_get(request: HttpRequest) -> Any:
    """Return the classes with their sub-classes, policies and projects."""
    return [
        asdict(item) | {"groups": [asdict(g) | {"policies": [name for name, _ in g.policies]} for g in item.groups]}
        for item in project_base()
    ]


# how it turned out -------------------------------------------------------------------------------------------------


@router.get("/outcomes", response=list[OutcomeOut], summary="How findings turned out, with intervals")
@api(Permission.WARNING_VIEW)
def outcomes_get(request: HttpRequest, region: Region = "") -> Any:
    """Return precision by policy and warning; null where too few cases have a verdict."""
    found = finding_outcomes(who(request), on=screening_date(timezone.now()), region=region)
    return [
        asdict(row) | {"share": row.precision.share, "low": row.precision.low, "high": row.precision.high}
        for row in found.values()
    ]


@router.get("/weights", response=list[WeightOut], summary="The weights of the score")
@api(Permission.WARNING_VIEW)
def weights_get(request: HttpRequest) -> Any:
    """Return every declared weight with its date, source and status."""
    return [asdict(row) for row in score_formula(screening_date(timezone.now()))]

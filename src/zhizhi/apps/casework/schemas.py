"""What goes into casework and what comes out: drafts, views, filters, names of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from zhizhi.apps.journal.schemas import declare
from zhizhi.engines.workflow.definition import Field, Transition, Workflow
from zhizhi.engines.workflow.forms import Lack
from zhizhi.kernel.errors import InvalidError, UsageError

OPENED = declare("casework.case.opened")
FOUND = declare("casework.case.found-again")
ASSIGNED = declare("casework.case.assigned")
HANDED_OVER = declare("casework.case.handed-over")
MOVED = declare("casework.case.moved")
STAYED = declare("casework.case.stayed")
RETURNED = declare("casework.case.returned")
CLOSED = declare("casework.case.closed")
REOPENED = declare("casework.case.reopened")
PAUSED = declare("casework.case.paused")
RESUMED = declare("casework.case.resumed")
ESCALATED = declare("casework.case.escalated")
LINKED = declare("casework.case.linked")
MERGED = declare("casework.case.merged")
COMMENTED = declare("casework.case.commented")
ATTACHED = declare("casework.case.attached")
DETACHED = declare("casework.case.detached")
CALENDAR_CHANGED = declare("casework.calendar.changed")
WORKFLOW_INSTALLED = declare("casework.workflow.installed")

SEVERITIES = {1: "low", 2: "medium", 3: "high"}
STATUSES = ("open", "overdue", "today", "soon", "paused", "unassigned", "mine", "escalated", "closed", "all")
SORTS = ("due", "score", "opened", "closed")
LINK_KINDS = ("related", "duplicate", "follow-up")
MERGE_OUTCOME = "merged"
TALLY_OPENED, TALLY_CLOSED, TALLY_POLICY = "opened", "closed", "policy"


class FormError(InvalidError):
    """A form cannot be taken as it is; ``lacks`` says what is wrong with which field, in both languages."""

    def __init__(self, lacks: Sequence[Lack]) -> None:
        self.lacks = tuple(lacks)
        super().__init__("casework.form", n=len(self.lacks), fields=", ".join(lack.field.id for lack in self.lacks))


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """A case that is to be opened.

    Args:
        household: pseudonym.
        region: code of the household's town or village.
        title_zh: one line that says what it is about, without names.
        title_en: the same in English.
        severity: 1 low, 2 medium, 3 high.
        score: expected need, for the ranking; larger is more pressing.
        findings: mappings with at least ``policy`` and ``finding``; kept as they are and shown on the case.
        card: what a worker's card shows, masked: ``name``, ``age``, ``address``, ``reason`` {zh, en}, ``asks`` and ``entitled``.
        package: id of the scenario package. ``workflow`` names one of its workflows.
        package_version: the version that found the household.
        holder: the post that is to have it, as (post id, user id, name); None leaves it to whoever may take it.
        key: an idempotency key: opening twice with one key opens once.
    """

    household: str
    region: str
    title_zh: str
    title_en: str
    kind: str = "assistance"
    severity: int = 1
    score: float = 0.0
    findings: Sequence[Mapping[str, Any]] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    package: str = "social-assistance"
    package_version: str = ""
    workflow: str = "household-aid"
    holder: tuple[int, int, str] | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a list of cases is narrowed by; empty means not narrowed. `filter_from` reads one from a query string."""

    status: str = "open"
    state: str = ""
    region: str = ""
    severity: int = 0
    policy: str = ""
    outcome: str = ""
    kind: str = ""
    holder: int = 0
    household: str = ""
    opened_from: date | None = None
    opened_to: date | None = None
    closed_from: date | None = None
    closed_to: date | None = None
    q: str = ""
    sort: str = ""


def filter_from(given: Mapping[str, str]) -> CaseFilter:
    """Return the filter of a query string.

    Raises:
        UsageError: ``casework.filter-unknown`` or ``casework.filter-value``. A filter that is not known never means "all".
    """
    known = CaseFilter.__dataclass_fields__
    values: dict[str, Any] = {}
    for name, raw in given.items():
        if name not in known:
            raise UsageError("casework.filter-unknown", name=name, known=", ".join(known))
        text = raw.strip()
        if not text:
            continue
        try:
            values[name] = _filter_value(name, text)
        except ValueError:
            raise UsageError("casework.filter-value", name=name, value=text[:60]) from None
    found = CaseFilter(**values)
    if (found.outcome or found.closed_from or found.closed_to) and found.status not in ("closed", "all"):
        raise UsageError("casework.filter-value", name="status", value=found.status)
    return found


def _filter_value(name: str, text: str) -> Any:
    if name in ("severity", "holder"):
        number = int(text)
        if not 0 <= number < 2**63 or (name == "severity" and number not in SEVERITIES):
            raise ValueError
        return number
    if name.endswith(("_from", "_to")):
        return date.fromisoformat(text)
    if (name == "status" and text not in STATUSES) or (name == "sort" and text not in SORTS):
        raise ValueError
    if name == "region" and not (text.isdigit() and 2 <= len(text) <= 12):
        raise ValueError
    if "\x00" in text or len(text) > 200:
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in a list. ``status`` is closed, paused, overdue, today, soon or running: shown as word and icon."""

    id: int
    number: str
    title: Mapping[str, str]
    household: str
    region: str
    state: str
    state_title: Mapping[str, str]
    status: str
    severity: int
    score: float
    opened_on: date
    due: datetime | None
    role: str
    holder_post: int | None
    holder_name: str
    outcome: str
    outcome_title: Mapping[str, str]
    closed_on: date | None
    version: int
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CasePage:
    """One page of a list. ``after`` is the cursor of the next page, empty at the end; ``total`` counts all pages exactly."""

    rows: Sequence[CaseRow]
    total: int
    after: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of the timeline, with what it is called and the answers as label and text."""

    id: int
    kind: str
    at: datetime
    actor: str
    post_id: int | None
    role: str
    state_from: str
    state_to: str
    way: str
    way_title: Mapping[str, str]
    outcome: str
    note: str
    answers: Sequence[tuple[Field, Any]]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A stored file of a case."""

    id: int
    name: str
    media_type: str
    size: int
    at: datetime
    actor: str
    digest: str
    is_image: bool


@dataclass(frozen=True, slots=True)
class LinkView:
    """Another case that has to do with this one."""

    case_id: int
    number: str
    kind: str
    title: Mapping[str, str]
    state: str
    closed: bool


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything about one case that its page shows, and what this actor may do with it now."""

    row: CaseRow
    kind: str
    package: str
    package_version: str
    workflow: Workflow
    findings: Sequence[Mapping[str, Any]]
    step_started: datetime
    pauses: Sequence[tuple[datetime, datetime]]
    paused_at: datetime | None
    pause_reason: str
    pause_until: datetime | None
    escalated_to: str
    reopened: int
    merged_into: int | None
    deadline: Sequence[str]
    timeline: Sequence[EntryView]
    attachments: Sequence[AttachmentView]
    links: Sequence[LinkView]
    ways: Sequence[Transition]
    may_work: bool
    may_take: bool
    may_hand_over: bool
    may_pause: bool
    may_resume: bool
    may_reopen: bool
    may_link: bool
    may_comment: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What a change led to: the case's new version and state; ``again`` if the same form had been sent before."""

    id: int
    version: int
    state: str
    due: datetime | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Doors:
    """A worker's day: at most so many doors, best first; what was tried today already; how many more wait."""

    day: date
    rows: Sequence[CaseRow]
    tried: Sequence[CaseRow]
    more: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of the cockpit, each with the filter of the list that counts the same cases."""

    open: int
    overdue: int
    today: int
    soon: int
    paused: int
    unassigned: int
    opened_month: int
    opened_before: int
    closed_month: int
    closed_before: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Open cases by days since they were opened: ``least`` to ``most`` days (None: no end), with the filter of its list."""

    least: int
    most: int | None
    count: int
    overdue: int
    opened_from: date | None
    opened_to: date


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many cases were opened and closed on one day. Reopened cases are not counted as closed."""

    day: date
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """The cases of one region below the one that is looked at."""

    region: str
    open: int
    overdue: int
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class PolicyOutcomes:
    """How the closed cases that a policy or warning found ended: ``confirmed`` and ``denied`` are what precision is made of."""

    policy: str
    closed: int
    confirmed: int
    denied: int
    outcomes: Mapping[str, int]

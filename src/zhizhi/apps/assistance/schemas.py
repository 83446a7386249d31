"""What assistance hands to pages and API, and the names of its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from zhizhi.apps.journal.schemas import declare
from zhizhi.engines.screening.precision import Precision

SCREENING_ASKED = declare("assistance.screening.asked")
SCREENING_FINISHED = declare("assistance.screening.finished")
SCREENING_FAILED = declare("assistance.screening.failed")
ALERTS_OPENED = declare("assistance.alerts.given-out")
FINDING_DISMISSED = declare("assistance.finding.dismissed")
FINDING_RESTORED = declare("assistance.finding.restored")
FINDING_LAPSED = declare("assistance.finding.dismissal-lapsed")
CASES_OPENED = declare("assistance.cases.opened-by-hand")
HOUSEHOLD_READ = declare("assistance.household.read")
AID_RECORDED = declare("assistance.aid.recorded")
AID_WITHDRAWN = declare("assistance.aid.withdrawn")

Words = Mapping[str, str]
REASONS = ("already-receiving", "data-wrong", "known", "not-in-need", "declined", "moved", "other")
"""Why a finding needs no visit; labels ``assistance.dismiss-<code>``."""
PURPOSES = ("visit", "case", "complaint", "check", "other")
"""Why a household's file is read; labels ``assistance.purpose-<code>``."""
AID_KINDS = ("money", "goods", "service")


@dataclass(frozen=True, slots=True)
class RunView:
    """A screening. ``error`` is code, params and place where it failed; ``state`` waiting, running, done or failed."""

    id: int
    package: str
    package_version: str
    on: date | None
    snapshot: Mapping[str, int]
    kept: str
    mode: str
    state: str
    synthetic: bool
    households: int
    people: int
    alerts: int
    error: Mapping[str, Any] | None
    asked_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """What one run found, for a line over time."""

    on: date
    run: int
    households: int
    subjects: int


@dataclass(frozen=True, slots=True)
class PlaceRate:
    """Households of one place with a finding, and how many that is per 1,000 people (None where nobody lives)."""

    region: str
    households: int
    people: int
    per_1000: float | None


@dataclass(frozen=True, slots=True)
class OpeningView:
    """What became of the alerts when they were last given out, over the whole installation; the parts add up to ``alerts``."""

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


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A household that waits: ``why`` is budget (doors are given out) or nobody (no worker is there). ``score`` in points."""

    household: str
    region: str
    rank: int
    score: float
    why: str
    policies: Sequence[str]


@dataclass(frozen=True, slots=True)
class DismissalView:
    """A person's word on a finding; ``ended_why`` is restored or data once it no longer stands."""

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

    @property
    def stands(self) -> bool:
        """Whether it is still in force."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One part of a score with its points."""

    label: Words
    points: float


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One declared weight: its points from a date on, its source, and whether it is verified or illustrative."""

    name: str
    label: Words
    value: int
    unit: str
    from_date: str
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class ProjectView:
    """Something that stands ready to be given."""

    id: str
    kind: str
    title: Words


@dataclass(frozen=True, slots=True)
class GroupView:
    """A sub-class of the aid-project base."""

    id: str
    title: Words
    source: str
    status: str
    policies: Sequence[tuple[str, Words]]
    projects: Sequence[ProjectView]


@dataclass(frozen=True, slots=True)
class ClassView:
    """A class with its sub-classes."""

    id: str
    title: Words
    groups: Sequence[GroupView]


@dataclass(frozen=True, slots=True)
class AidRow:
    """One piece of aid that a household has. ``id`` is set where a person wrote it down.

    ``value_fen`` is a month's money where ``monthly``; ``this_year_fen`` what it comes to since 1 January, ``estimated`` where
    that is worked out of a monthly amount and its first day. ``hidden``: there is an amount, above the post's grade.
    """

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
    id: int | None
    this_year_fen: int | None
    estimated: bool
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class AidList:
    """All aid of a household; ``totals`` of this year: fen for money and goods, a number of services, by kind."""

    year: int
    rows: Sequence[AidRow]
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """How the closed cases of a policy or warning ended; precision cannot be told from fewer than ``least`` with a verdict."""

    policy: str
    closed: int
    confirmed: int
    denied: int
    precision: Precision
    least: int
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataQuery:
    """A field to ask its owner for: how many households and findings wait for it, of which policies."""

    name: str
    title: Words
    owner: Words
    households: int
    findings: int
    policies: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClassNeed:
    """What speaks for one class of aid, and what of it could be given."""

    id: str
    title: Words
    points: int
    clues: Sequence[tuple[Words, int]]
    suggestions: Sequence[GroupView]

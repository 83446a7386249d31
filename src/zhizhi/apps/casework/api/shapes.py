"""What the API of casework takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Field, Schema

LARGEST = 2**53


class Label(Schema):
    """A text in both languages."""

    zh: str = ""
    en: str = ""


class CaseOut(Schema):
    """A case as lists show it."""

    id: int
    number: str
    title: Label
    household: str
    region: str
    state: str
    state_title: Label
    status: str
    severity: int
    score: float
    opened_on: date
    due: datetime | None
    role: str
    holder_post: int | None
    holder_name: str
    outcome: str
    outcome_title: Label
    closed_on: date | None
    version: int
    card: dict[str, Any]


class FilterIn(Schema):
    """What a list of cases may be narrowed by. A filter that is not named here is an error, never ignored."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=300)
    status: str = Field("", description="open, overdue, today, soon, paused, unassigned, mine, escalated, closed or all")
    state: str = Field("", max_length=32, description="a step of the workflow")
    region: str = Field("", description="digits of a region's code")
    severity: str = Field("", description="1 low, 2 medium, 3 high")
    policy: str = Field("", max_length=64)
    outcome: str = Field("", max_length=32, description="with status closed or all")
    kind: str = Field("", max_length=16)
    holder: str = Field("", description="id of a post")
    household: str = Field("", max_length=64, description="a pseudonym")
    opened_from: str = Field("", description="2025-09-01")
    opened_to: str = ""
    closed_from: str = Field("", description="with status closed or all")
    closed_to: str = ""
    q: str = Field("", max_length=200, description="a case number, a pseudonym, or words of an open case's title")
    sort: str = Field("", description="due, score, opened or closed")


class CasePageOut(Schema):
    """One page of cases; ``cursor`` leads to the next, and is empty at the end."""

    items: list[CaseOut]
    total: int
    cursor: str


class FieldOut(Schema):
    """One question of a step."""

    id: str
    type: str
    label: Label
    help: Label
    required: bool
    unit: str
    choices: list[str]


class WayOut(Schema):
    """A way that the caller may go now, and the fields that it asks."""

    id: str
    target: str
    title: Label
    kind: str
    outcomes: list[str]
    reason: bool
    fields: list[FieldOut]


class EntryOut(Schema):
    """One line of the timeline."""

    id: int
    kind: str
    at: datetime
    actor: str
    role: str
    state_from: str
    state_to: str
    way: str
    outcome: str
    note: str
    answers: dict[str, Any]
    details: dict[str, Any]


class FileOut(Schema):
    """A file of a case."""

    id: int
    name: str
    media_type: str
    size: int
    at: datetime
    actor: str
    digest: str


class LinkOut(Schema):
    """A case that has to do with this one."""

    case_id: int
    number: str
    kind: str
    title: Label
    state: str
    closed: bool


class CaseDetailOut(CaseOut):
    """One case with all that its page shows."""

    kind: str
    package: str
    package_version: str
    findings: list[dict[str, Any]]
    deadline: list[str]
    paused_at: datetime | None
    pause_reason: str
    pause_until: datetime | None
    escalated_to: str
    reopened: int
    merged_into: int | None
    timeline: list[EntryOut]
    attachments: list[FileOut]
    links: list[LinkOut]
    ways: list[WayOut]


class MovedOut(Schema):
    """What a change led to; ``again`` if the same form had been sent before and nothing was done twice."""

    id: int
    version: int
    state: str
    due: datetime | None
    again: bool


class DraftIn(Schema):
    """A case to be opened by hand."""

    household: str = Field(min_length=1, max_length=64)
    region: str = Field(pattern=r"^[0-9]{6,12}$")
    title_zh: str = Field(min_length=1, max_length=200)
    title_en: str = Field(min_length=1, max_length=300)
    severity: int = Field(1, ge=1, le=3)
    score: float = Field(0, ge=0, le=1_000_000)
    findings: list[dict[str, str]] = Field(default_factory=list, max_length=60)
    card: dict[str, Any] = Field(default_factory=dict)
    package: str = Field("social-assistance", max_length=64)
    workflow: str = Field("household-aid", max_length=48)
    key: str | None = Field(None, min_length=1, max_length=64)


class IdOut(Schema):
    """The id of what was made."""

    id: int


class ChangeIn(Schema):
    """What every change names: the version that was seen, and if wanted a key by which the same form counts once."""

    version: int = Field(ge=1, le=2**31 - 1)
    key: str | None = Field(None, min_length=1, max_length=64)


class MoveIn(ChangeIn):
    """A way out of a step with the answers of its form."""

    way: str = Field(min_length=1, max_length=32)
    answers: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    outcome: str = Field("", max_length=32)


class ToPostIn(ChangeIn):
    """The post that is to have the case."""

    post: int = Field(ge=1, le=LARGEST)
    note: str = ""


class PauseIn(ChangeIn):
    """Why the clock is stopped."""

    reason: str = Field(min_length=1, max_length=40)
    note: str = ""


class ReasonIn(ChangeIn):
    """A reason."""

    reason: str


class MergeIn(ReasonIn):
    """The case that takes this one over, and why."""

    into: int = Field(ge=1, le=LARGEST)


class LinkIn(Schema):
    """The other case, and how the two belong together."""

    other: int = Field(ge=1, le=LARGEST)
    kind: str = Field("related", max_length=16)


class CommentIn(Schema):
    """A comment."""

    text: str
    key: str | None = Field(None, min_length=1, max_length=64)


class PostOut(Schema):
    """A post that could take a case."""

    id: int
    user_name: str
    role: str
    region: str


class DoorsOut(Schema):
    """A worker's day."""

    day: date
    rows: list[CaseOut]
    tried: list[CaseOut]
    more: int


class CountsOut(Schema):
    """The figures of the cockpit."""

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
    outcomes: dict[str, int]


class BandOut(Schema):
    """Open cases of one age."""

    least: int
    most: int | None
    count: int
    overdue: int


class DayOut(Schema):
    """Opened and closed on one day."""

    day: date
    opened: int
    closed: int


class PlaceOut(Schema):
    """The cases of one region."""

    region: str
    open: int
    overdue: int
    opened: int
    closed: int


class PolicyOut(Schema):
    """How the cases of a policy ended."""

    policy: str
    closed: int
    confirmed: int
    denied: int
    outcomes: dict[str, int]


class CalendarDayOut(Schema):
    """One day of the calendar that is no ordinary one."""

    day: date
    free: bool
    zh: str
    en: str
    edited: bool


class CalendarOut(Schema):
    """One year of the working calendar; ``digest`` goes with every change."""

    digest: str
    hours: list[str]
    years: list[int]
    year: int
    status: str
    source: str
    days: list[CalendarDayOut]


class CalendarDayIn(Schema):
    """What a day is to be."""

    free: bool
    zh: str = Field(min_length=1, max_length=60)
    en: str = Field(min_length=1, max_length=90)
    digest: str = Field("", max_length=64)


class HoursIn(Schema):
    """Opening hours of working days, written ``08:30-12:00``."""

    hours: list[str] = Field(min_length=1, max_length=6)


class YearIn(Schema):
    """Whether a year's holidays are published and entered, and from which notice."""

    published: bool
    source: str = Field("", max_length=300)

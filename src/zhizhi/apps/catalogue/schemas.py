"""What the catalogue hands out, and the names of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zhizhi.apps.journal.schemas import declare

UPLOAD_RECEIVED = declare("catalogue.upload.received")
UPLOAD_CANCELLED = declare("catalogue.upload.cancelled")
UPLOAD_CONFIRMED = declare("catalogue.upload.confirmed")
UPLOAD_REFUSED = declare("catalogue.upload.refused")
DATASET_LOADED = declare("catalogue.dataset.loaded")
QUARANTINE_READ = declare("catalogue.quarantine.read")
QUARANTINE_ANSWERED = declare("catalogue.quarantine.answered")
ANSWER_WITHDRAWN = declare("catalogue.answer.withdrawn")
ANSWER_SETTLED = declare("catalogue.answer.settled")

Names = Mapping[str, str]
"""A text in both languages: ``{"zh": …, "en": …}``."""

STATES = ("missing", "overdue", "idle", "faulty", "good")
"""Never loaded; its new file is late; a rule was not run; rows stand in quarantine; nothing to say. The worst is shown."""
UNFIT = ("missing", "overdue", "idle")
"""States in which a dataset is not fit for use."""
VERDICTS = ("fixed", "right")
ROW_STATES = ("open", "back", "waiting", "standing", "closed")
UPLOAD_STATES = ("received", "checking", "shown", "confirmed", "loading", "loaded", "refused", "failed", "cancelled", "expired")
UNDER_WAY = ("received", "checking", "confirmed", "loading")


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One dataset as it stands in the list. ``rows`` are those of the lake; ``bad`` those of its loads in quarantine."""

    id: str
    title: Names
    owner: str
    owner_name: Names
    grade: str
    update: str
    mode: str
    state: str
    loaded_at: datetime | None
    due: datetime | None
    rows: int | None
    bad: int
    read: int
    version: int | None
    passed: int
    failed: int
    idle: int
    purpose: Names = field(default_factory=dict)

    @property
    def bad_share(self) -> float | None:
        """Share of the rows read that stand in quarantine; None where nothing was read."""
        return self.bad / self.read if self.read and self.bad else None

    @property
    def fit(self) -> bool:
        """Whether policies may rely on it."""
        return self.state not in UNFIT


@dataclass(frozen=True, slots=True)
class Reader:
    """Something that reads a field: ``kind`` is policy, warning, variable, register or enrolment."""

    kind: str
    id: str
    title: Names


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a dataset, and what reads it."""

    name: str
    header: str
    title: Names
    type: str
    unit: str
    grade: str
    owner: str
    owner_name: Names
    required: bool
    key: bool
    identifier: str
    protect: str
    codes: int
    readers: tuple[Reader, ...]

    @property
    def policies(self) -> list[Reader]:
        """The policies and warnings that read it."""
        return [reader for reader in self.readers if reader.kind in ("policy", "warning")]

    @property
    def variables(self) -> list[Reader]:
        """The variables made of it."""
        return [reader for reader in self.readers if reader.kind not in ("policy", "warning")]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule over the loads that make up a dataset: passed, failed or idle (not run), and how many rows broke it."""

    name: str
    title: Names
    check: str
    severity: str
    status: str
    rows: int
    named: int
    against: str
    outdated: bool
    fields: tuple[Names, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadRow:
    """One load, or one version of the table that no load of ours made. ``current``: the present version is made of it."""

    load: str
    file: str
    mode: str
    read: int
    good: int
    bad: int
    idle: int
    version: int
    at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything about one dataset that is no personal data."""

    row: DatasetRow
    fields: tuple[FieldRow, ...]
    rules: tuple[RuleRow, ...]
    loads: tuple[LoadRow, ...]
    file: str
    contract_version: str


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One bad row: where it stands in the file, the value (cut to the reader's grade), the rule, and what was answered."""

    digest: str
    file: str
    row: int
    column: str
    value: str
    hidden: bool
    rule: str
    title: Names
    check: str
    also: str
    owner: str
    owner_name: Names
    state: str
    answer: AnswerView | None


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer of an owner: verdict, reason, who and when, and how many of its rows are in which state."""

    id: int
    rule: str
    title: Names
    verdict: str
    reason: str
    whole_rule: bool
    rows: int
    person: str
    answered_at: datetime
    settled_at: datetime | None
    settled_by: str
    withdrawn: bool
    waiting: int
    back: int
    closed: int
    standing: int

    @property
    def state(self) -> str:
        """The state that wants attention most: back, waiting, standing, closed or withdrawn."""
        if self.withdrawn:
            return "withdrawn"
        return next((name for name in ("back", "waiting", "standing") if getattr(self, name)), "closed")


@dataclass(frozen=True, slots=True)
class UploadView:
    """One upload as it is shown; ``figures`` are counts only, ``failure`` a message with its ``params``."""

    id: str
    dataset: str
    title: Names
    file: str
    size: int
    state: str
    person: str
    received_at: datetime
    changed_at: datetime
    figures: Mapping[str, Any]
    failure: str
    params: Mapping[str, str]
    load: str
    version: int | None

    @property
    def under_way(self) -> bool:
        """Whether a job works on it."""
        return self.state in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a preview; ``hidden`` says that the reader's grade does not reach."""

    value: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The first good rows of an upload: titles with grades, rows of cells."""

    fields: tuple[tuple[str, Names, str], ...]
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]
    bad: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One hit of a search: a dataset, or a field or rule in it."""

    dataset: str
    kind: str
    name: str
    title: Names
    dataset_title: Names

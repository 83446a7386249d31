"""Whether a warning earns its place: how often it was right, how much work it makes, what other thresholds would find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

from django.utils.timezone import localtime

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.models import Curve
from zhizhi.apps.assistance.schemas import OutcomeView, Words
from zhizhi.apps.assistance.selectors.found import found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.outcomes import finding_outcomes
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.casework.selectors.counts import opened_per_week
from zhizhi.apps.casework.selectors.visits import Waits, time_to_visit
from zhizhi.backends.found import Wanted
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import figure_on
from zhizhi.engines.rules.wording import unit_text, value_text
from zhizhi.engines.screening.precision import Z95
from zhizhi.kernel.errors import NotFoundError, UsageError

WEEKS = 12
RECENT = timedelta(days=180)
"""Cases opened within this time say how long a visit takes."""
STUCK = timedelta(minutes=10)
"""A curve on which nothing happened for so long may be asked for again."""
NARROW = 0.05
"""Half the width of an interval that is narrow enough to act upon."""
ALARM = Wanted(finding=("warning",))
SORTS = ("standing", "precision", "cases")


@dataclass(frozen=True, slots=True)
class WarningRow:
    """One warning. ``standing`` households raise it now, ``new`` of them since the matching before; None without a matching.

    ``missing`` verdicts more and its precision can be told; ``narrow`` in all make its interval plus or minus five points.
    """

    id: str
    title: Words
    department: Words
    severity: str
    cooldown_days: int
    in_force: bool
    standing: int | None
    new: int | None
    outcome: OutcomeView
    missing: int
    narrow: int | None
    weeks: Sequence[tuple[date, int]]
    waits: Waits

    @property
    def span(self) -> int:
        """Weeks from the first one shown that has a case to this one; 0 without any."""
        counts = [count for _, count in self.weeks]
        return next((len(counts) - place for place, count in enumerate(counts) if count), 0)

    @property
    def per_week(self) -> float:
        """Cases opened a week, since the first of the weeks shown that has one: a new warning is not diluted by its past."""
        return sum(count for _, count in self.weeks) / self.span if self.span else 0.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure of a warning that can be set otherwise."""

    name: str
    title: Words
    value: Words
    unit: Words


@dataclass(frozen=True, slots=True)
class CurveView:
    """What other values of a threshold would find, or how far that has got."""

    id: int
    figure: str
    state: str
    on: date
    current: float
    points: Sequence[Mapping[str, Any]]
    error: Mapping[str, Any] | None
    asked_at: datetime
    stuck: bool


@dataclass(frozen=True, slots=True)
class WarningPage:
    """Everything that the page of one warning shows."""

    row: WarningRow
    asks: Words
    department_id: str
    conditions: Sequence[Words]
    thresholds: Sequence[Threshold]
    curves: Sequence[CurveView]
    on: date


def warning_list(actor: Actor, *, now: datetime, sort: str = "") -> list[WarningRow]:
    """Return the warnings of the package in use with how they did in the actor's region.

    Raises:
        UsageError: ``web.filter-unknown``: no such order.
    """
    actor.require(Permission.WARNING_VIEW)
    if sort and sort not in SORTS:
        raise UsageError("web.filter-unknown", name="sort", known=", ".join(SORTS))
    rows = _rows(actor, [item for item in package_in_use().policies.values() if item.kind == "warning"], now)
    if sort == "precision":
        return sorted(rows, key=lambda row: (row.outcome.precision.share is None, row.outcome.precision.share or 0.0, row.id))
    if sort == "cases":
        return sorted(rows, key=lambda row: (-row.per_week, row.id))
    return sorted(rows, key=lambda row: (-(row.standing or 0), row.id))


def warning_get(actor: Actor, warning: str, *, now: datetime) -> WarningPage:
    """Return one warning.

    Raises:
        NotFoundError: ``warnings.unknown``.
    """
    actor.require(Permission.WARNING_VIEW)
    found = warning_of(warning)
    [row] = _rows(actor, [found], now)
    return WarningPage(
        row=row,
        asks=found.asks,
        department_id=found.department,
        conditions=[condition.label for condition in found.conditions],
        thresholds=thresholds(warning),
        curves=curves_of(actor, warning, now=now),
        on=screening_date(now),
    )


def warning_of(warning: str) -> Policy:
    """Return a warning of the package in use.

    Raises:
        NotFoundError: ``warnings.unknown``; also for a policy that is no warning.
    """
    found = package_in_use().policies.get(warning)
    if found is None or found.kind != "warning":
        raise NotFoundError("warnings.unknown")
    return found


def thresholds(warning: str) -> list[Threshold]:
    """Return the numeric figures of a warning's own that its conditions read."""
    found = warning_of(warning)
    nodes = [part for condition in found.conditions for part in ir.walk(condition.node)]
    read = {part.name for part in nodes if isinstance(part, ir.Param) and part.owner == found.id}
    listed = []
    for name, parameter in found.params.items():
        if name in read and parameter.type.kind == "number":
            told = parameter.sources.get("", {})
            value = figure_on(parameter, max(date.fromisoformat(start) for start in parameter.values))
            listed.append(
                Threshold(
                    name,
                    {lang: told.get(lang) or _title(found, name, lang) for lang in ("zh", "en")},
                    {lang: value_text(value, parameter.type, lang) for lang in ("zh", "en")},
                    {lang: unit_text(parameter.type, lang) for lang in ("zh", "en")},
                )
            )
    return listed


def _title(found: Policy, name: str, lang: str) -> str:
    """Return the label of the first condition that reads a figure, for a figure without a title of its own."""
    for condition in found.conditions:
        if any(isinstance(part, ir.Param) and part.name == name for part in ir.walk(condition.node)):
            return condition.label.get(lang) or name
    return name


def curves_of(actor: Actor, warning: str, *, now: datetime) -> list[CurveView]:
    """Return the latest curve of each threshold of a warning for the actor's own region, of the package as it is now."""
    actor.require(Permission.WARNING_VIEW)
    rows = Curve.objects.filter(policy=warning, region=actor.region, package_digest=package_in_use().digest)
    found: dict[str, Curve] = {}
    for row in rows.order_by("-asked_at", "-id")[:40]:
        found.setdefault(row.figure, row)
    return [
        CurveView(
            id=row.pk,
            figure=row.figure,
            state=row.state,
            on=row.on,
            current=row.current,
            points=row.points,
            error=row.error,
            asked_at=row.asked_at,
            stuck=row.state in ("waiting", "running") and row.changed_at < now - STUCK,
        )
        for row in found.values()
    ]


def _rows(actor: Actor, policies: Sequence[Policy], now: datetime) -> list[WarningRow]:
    package, on = package_in_use(), screening_date(now)
    outcomes = finding_outcomes(actor, on=on)
    total, new = _standing(actor)
    first = localtime(now).date() - RECENT
    return [
        WarningRow(
            id=item.id,
            title=item.title_in(actor.region),
            department=package.departments.get(item.department, {"zh": item.department, "en": item.department}),
            severity=item.severity,
            cooldown_days=item.cooldown_days,
            in_force=item.in_force(on),
            standing=total.get(item.id, 0) if total is not None else None,
            new=new.get(item.id, 0) if new is not None else None,
            outcome=outcomes[item.id],
            missing=max(0, outcomes[item.id].least - outcomes[item.id].precision.decided),
            narrow=enough(outcomes[item.id].precision.share),
            weeks=opened_per_week(actor, policy=item.id, now=now, weeks=WEEKS),
            waits=time_to_visit(actor, policy=item.id, first=first),
        )
        for item in policies
    ]


def enough(share: float | None) -> int | None:
    """Return about how many verdicts make the interval of a share plus or minus five points; None where there is no share.

    >>> enough(0.5), enough(0.9)
    (385, 139)
    """
    if share is None:
        return None
    careful = min(max(share, NARROW), 1 - NARROW)
    return ceil(Z95 * Z95 * careful * (1 - careful) / (NARROW * NARROW))


def _standing(actor: Actor) -> tuple[Mapping[str, int] | None, Mapping[str, int] | None]:
    reader = found_reader()
    if reader is None:
        return None, None
    sight = found_sight(replace(actor, department=""))  # counts alone: which department owns a warning hides none of them
    return reader.counts(sight, ALARM).policy, reader.counts(sight, replace(ALARM, since_last=("new",))).policy

"""Where a region stands: one figure a question, each the exact count of a list, and the same figures for the places below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from zhizhi.apps.accounts.selectors.regions import Place, region_children, region_get, region_path
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.selectors.found import Words, found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.casework.schemas import AgeBand, Counts
from zhizhi.apps.casework.selectors.counts import backlog, by_place, counts, trend
from zhizhi.apps.catalogue.selectors.datasets import dataset_counts
from zhizhi.backends.found import RegionCount, Wanted
from zhizhi.kernel.errors import NotFoundError, UsageError

MEASURES = ("missed", "open", "overdue", "closed")
WEEKS = 12
MOST_WARNINGS = 8
MISSED = Wanted(finding=("missed",))
ALARM = Wanted(finding=("warning",))


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """One place below: missed households, cases, and the people that were looked at there (0 where that is not known)."""

    code: str
    name: str
    people: int
    missed: int | None
    open: int
    overdue: int
    closed: int
    below: bool
    """Whether there are places below it to look at."""

    def count(self, measure: str) -> int | None:
        """Return the figure of one of ``MEASURES``."""
        found: int | None = getattr(self, measure)
        return found

    def rate(self, measure: str) -> float | None:
        """Return the figure for each 1,000 people, or None where either is not known."""
        count = self.count(measure)
        return None if count is None or not self.people else round(count * 1000 / self.people, 2)


@dataclass(frozen=True, slots=True)
class Week:
    """Cases opened and closed from a Monday on, up to today."""

    first: date
    last: date
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class WarningFigures:
    """One kind of warning: how often it stands here, and how many of these are new since the matching before."""

    policy: str
    title: Words
    department: Words
    total: int
    new: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the cockpit shows of one region. ``missed`` is None where nothing was screened yet."""

    place: Place
    path: Sequence[Place]
    on: str
    package_version: str
    missed: int | None
    missed_new: int
    cases: Counts
    overdue_new: int
    """Overdue now, but not yet a week ago."""
    unfit: Mapping[str, int]
    places: Sequence[PlaceFigures]
    ages: Sequence[AgeBand]
    weeks: Sequence[Week]
    warnings: Sequence[WarningFigures]
    warnings_total: int


def cockpit_board(actor: Actor, *, region: str, now: datetime, lang: str) -> Board:
    """Return the figures of ``region`` (empty: the post's own) and of the places right below it.

    Figures are counts, open to every post with the cockpit; whether it may also open the lists behind them is for the lists
    to say.

    Raises:
        RefusedError: the post has no cockpit.
        NotFoundError: ``web.not-found``: no such place, or it lies outside the post's sight.
    """
    actor.require(Permission.COCKPIT_VIEW)
    place = region_get(region or actor.region)
    if place is None or not actor.sees(place.code):
        raise NotFoundError("web.not-found")
    here = replace(actor, region=place.code)
    reader = found_reader()
    found: Mapping[str, RegionCount] = {}
    missed, missed_new = None, 0
    warnings: list[WarningFigures] = []
    record: Mapping[str, Any] = {}
    if reader is not None:
        sight, record = found_sight(here), reader.record
        totals = reader.counts(sight, MISSED)
        missed, missed_new = totals.households, reader.counts(sight, replace(MISSED, since_last=("new",))).households
        found = reader.by_region(sight, MISSED)
        warnings = _warnings(reader.counts(sight, ALARM).policy, reader.counts(sight, replace(ALARM, since_last=("new",))).policy)
    cases = counts(here, now=now)
    own = [step for step in region_path(place.code) if actor.sees(step.code)]
    return Board(
        place=place,
        path=own,
        on=str(record.get("on", "")),
        package_version=str(record.get("package_version", "")),
        missed=missed,
        missed_new=missed_new,
        cases=cases,
        overdue_new=cases.overdue - counts(here, now=now - timedelta(days=7)).overdue,
        unfit=dataset_counts(actor, now=now),
        places=_places(actor, place, found, screened=reader is not None, now=now, lang=lang),
        ages=backlog(here, now=now),
        weeks=_weeks(here, now),
        warnings=warnings[:MOST_WARNINGS],
        warnings_total=sum(item.total for item in warnings),
    )


def measure_from(given: str) -> str:
    """Return the measure that a query string names, the first by default.

    Raises:
        UsageError: ``cockpit.measure-unknown``.
    """
    if given and given not in MEASURES:
        raise UsageError("cockpit.measure-unknown", value=given[:40], known=", ".join(MEASURES))
    return given or MEASURES[0]


def _warnings(totals: Mapping[str, int], new: Mapping[str, int]) -> list[WarningFigures]:
    package = package_in_use()
    figures = []
    for name, total in totals.items():
        policy = package.policies[name]
        figures.append(WarningFigures(name, policy.title, package.departments[policy.department], total, new.get(name, 0)))
    return sorted(figures, key=lambda item: (-item.new, -item.total, item.policy))


def _places(
    actor: Actor, place: Place, found: Mapping[str, RegionCount], *, screened: bool, now: datetime, lang: str
) -> list[PlaceFigures]:
    listed = {child.code: child for child in region_children(actor, place.code)}
    figures = []
    for row in by_place(actor, region=place.code, now=now):
        child = listed.get(row.region)
        seen = found.get(row.region)
        people = seen.people if seen and seen.people else (child.people if child and child.people else 0)
        figures.append(
            PlaceFigures(
                code=row.region,
                name=child.name(lang) if child else "",
                people=people or 0,
                missed=(seen.households if seen else 0) if screened and child else None,
                open=row.open,
                overdue=row.overdue,
                closed=row.closed,
                below=child is not None and child.level in ("province", "city", "county"),
            )
        )
    return figures


def _weeks(here: Actor, now: datetime) -> list[Week]:
    days = trend(here, now=now, days=WEEKS * 7 + 6)
    weeks: dict[date, list[int]] = {}
    for day in days:
        sums = weeks.setdefault(day.day - timedelta(days=day.day.weekday()), [0, 0])
        sums[0] += day.opened
        sums[1] += day.closed
    today = days[-1].day
    return [
        Week(monday, min(monday + timedelta(days=6), today), opened, closed)
        for monday, (opened, closed) in sorted(weeks.items())[-WEEKS:]
    ]

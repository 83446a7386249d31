"""When a step is due, and why on that day: the skipped days, the make-up workdays, the pauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from zhizhi.engines.workflow.calendar import DAY, WEEKENDS_ONLY, WorkingCalendar, days
from zhizhi.engines.workflow.definition import DAYS, TimeLimit
from zhizhi.kernel.messages import render

Pause = tuple[datetime, datetime]
WEEKEND = "weekend"
HOLIDAY = "holiday"


def clock_start(limit: TimeLimit, started: datetime, calendar: WorkingCalendar) -> datetime:
    """Return the instant from which working time counts: at once for hours, the next working day's opening for days."""
    return calendar.opening_after(calendar.day_of(started)) if limit.unit == DAYS else started


def allowed(limit: TimeLimit, calendar: WorkingCalendar) -> timedelta:
    """Return a limit as working time."""
    return limit.amount * calendar.day_length if limit.unit == DAYS else timedelta(hours=limit.amount)


def due(limit: TimeLimit, started: datetime, calendar: WorkingCalendar, pauses: Sequence[Pause] = ()) -> datetime:
    """Return when a step is due.

    While a step is paused its clock stands: the working time inside a pause does not count. A pause that begins after the
    step was already overdue changes nothing.

    Args:
        limit: the step's time limit.
        started: when the step began.
        calendar: the region's working calendar.
        pauses: closed intervals in order of time, not overlapping.

    Example:
        >>> from datetime import UTC, time
        >>> plain = WorkingCalendar(UTC, ((time(9), time(17)),))
        >>> due(TimeLimit(3), datetime(2025, 9, 4, 10, tzinfo=UTC), plain).isoformat()
        '2025-09-09T17:00:00+00:00'
    """
    start = clock_start(limit, started, calendar)
    span = allowed(limit, calendar)
    end = calendar.later(start, span)
    for begin, finish in pauses:
        if begin >= end or finish <= start:
            continue
        span += calendar.working_time(max(begin, start), finish)
        end = calendar.later(start, span)
    return end


def is_overdue(when: datetime | None, now: datetime) -> bool:
    """Return whether the instant ``when`` has passed; a step whose clock stands (None) is not overdue."""
    return when is not None and now > when


@dataclass(frozen=True, slots=True)
class Skipped:
    """A run of days that were not counted: why, and the holiday's name."""

    first: date
    last: date
    why: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeadlineReasons:
    """Everything that makes a deadline what it is, for people to read."""

    limit: TimeLimit
    started: datetime
    due: datetime
    skipped: tuple[Skipped, ...]
    made_up: tuple[tuple[date, Mapping[str, str]], ...]
    pauses: tuple[tuple[datetime, datetime, timedelta], ...]
    unpublished: tuple[int, ...]
    sources: tuple[str, ...]

    def sentences(self, calendar: WorkingCalendar, lang: str) -> list[str]:
        """Return the reasons as sentences in ``lang``, the rule first."""
        local = calendar.local
        opening = "workflow.limit-days" if self.limit.unit == DAYS else "workflow.limit-hours"
        lines = [render(opening, lang, {"n": self.limit.amount, "started": f"{local(self.started):%Y-%m-%d %H:%M}"})]
        for run in self.skipped:
            span = _span(run.first, run.last, lang)
            known = {"days": span, "label": run.label.get(lang, "")}
            lines.append(render("workflow.skipped-holiday" if run.why == HOLIDAY else "workflow.skipped-weekend", lang, known))
        for day, label in self.made_up:
            lines.append(render("workflow.made-up", lang, {"day": day.isoformat(), "label": label.get(lang, "")}))
        for begin, finish, worth in self.pauses:
            shown = {"from": f"{local(begin):%Y-%m-%d %H:%M}", "to": f"{local(finish):%Y-%m-%d %H:%M}", "hours": _hours(worth)}
            lines.append(render("workflow.paused", lang, shown))
        lines.append(render("workflow.due", lang, {"due": f"{local(self.due):%Y-%m-%d %H:%M}"}))
        for year in self.unpublished:
            lines.append(render("workflow.year-unpublished", lang, {"year": year}))
        return lines


def reasons(limit: TimeLimit, started: datetime, calendar: WorkingCalendar, pauses: Sequence[Pause] = ()) -> DeadlineReasons:
    """Return why a step is due when it is; arguments as for `due`."""
    end = due(limit, started, calendar, pauses)
    first, last = calendar.day_of(started), calendar.day_of(end)
    span = list(days(first, last + DAY))
    free = [day for day in span if not calendar.is_working(day)]
    years = sorted({day.year for day in span})
    start = clock_start(limit, started, calendar)
    counted = tuple(
        (begin, finish, calendar.working_time(max(begin, start), finish))
        for begin, finish in pauses
        if begin < end and finish > start
    )
    return DeadlineReasons(
        limit=limit,
        started=started,
        due=end,
        skipped=_runs(free, calendar),
        made_up=tuple((day, calendar.workdays[day]) for day in span if day in calendar.workdays and day != first),
        pauses=counted,
        unpublished=tuple(year for year in years if calendar.status(year) == WEEKENDS_ONLY),
        sources=tuple(calendar.years[year].source for year in years if year in calendar.years),
    )


def _runs(free: Sequence[date], calendar: WorkingCalendar) -> tuple[Skipped, ...]:
    """Join free days that follow each other for the same reason."""

    def key(item: tuple[int, date]) -> tuple[int, str, str]:
        number, day = item
        label = calendar.holidays.get(day)
        return day.toordinal() - number, HOLIDAY if label else WEEKEND, label["zh"] if label else ""

    found = []
    for (_, why, _), group in groupby(enumerate(free), key=key):
        listed = [day for _, day in group]
        found.append(Skipped(listed[0], listed[-1], why, calendar.holidays.get(listed[0], {})))
    return tuple(found)


def _span(first: date, last: date, lang: str) -> str:
    if first == last:
        return first.isoformat()
    return f"{first.isoformat()} 至 {last.isoformat()}" if lang == "zh" else f"{first.isoformat()} to {last.isoformat()}"


def _hours(worth: timedelta) -> str:
    return f"{worth.total_seconds() / 3600:.1f}".removesuffix(".0")

"""Working time: opening hours, weekends, holidays and make-up workdays as a value, and exact arithmetic over it.

All sums are taken on the region's own clock. Opening hours never hold the hour in which a clock is put forward or
back, so wall-clock differences inside them are true differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

Label = Mapping[str, str]
DAY = timedelta(days=1)
NOTHING = timedelta(0)

PUBLISHED = "published"
WEEKENDS_ONLY = "weekends-only"


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """What is known of one year: ``published`` (holidays and make-up workdays stand) or ``weekends-only``, and from where."""

    status: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """When offices are open.

    Args:
        zone: the region's time zone.
        hours: opening hours of a working day, in order, not overlapping.
        weekend: days of the week that are free, Monday = 0.
        holidays: free days that are no mere weekend, each with its name.
        workdays: days of a weekend on which offices work, each with the reason; they win over ``holidays``.
        years: what is known of each year; a year that is not named is taken as ``weekends-only``.
    """

    zone: tzinfo
    hours: tuple[tuple[time, time], ...]
    weekend: frozenset[int] = frozenset({5, 6})
    holidays: Mapping[date, Label] = field(default_factory=dict)
    workdays: Mapping[date, Label] = field(default_factory=dict)
    years: Mapping[int, CalendarYear] = field(default_factory=dict)

    def is_working(self, day: date) -> bool:
        """Return whether offices are open on ``day``."""
        if day in self.workdays:
            return True
        return day not in self.holidays and day.weekday() not in self.weekend

    def status(self, year: int) -> str:
        """Return ``published`` or ``weekends-only``."""
        known = self.years.get(year)
        return known.status if known else WEEKENDS_ONLY

    @property
    def day_length(self) -> timedelta:
        """The working time of one working day."""
        return sum((_at(date.min, end) - _at(date.min, start) for start, end in self.hours), NOTHING)

    def local(self, instant: datetime) -> datetime:
        """Return the region's wall clock at ``instant``, without a zone; ``instant`` must have one."""
        if instant.tzinfo is None:
            raise ValueError("an instant without a time zone")
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def instant(self, wall: datetime) -> datetime:
        """Return the instant, in UTC, at which the region's clock shows ``wall``."""
        return wall.replace(tzinfo=self.zone).astimezone(UTC)

    def day_of(self, instant: datetime) -> date:
        """Return the region's calendar day at ``instant``: what *today* means there."""
        return self.local(instant).date()

    def opening_after(self, day: date) -> datetime:
        """Return the instant at which offices open on the first working day after ``day``."""
        day += DAY
        while not self.is_working(day):
            day += DAY
        return self.instant(_at(day, self.hours[0][0]))

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from ``start`` to ``end``; negative where ``end`` comes first.

        Additive: ``working_time(a, b) + working_time(b, c) == working_time(a, c)`` for any order of the three.
        """
        if end < start:
            return -self.working_time(end, start)
        first, last = self.local(start), self.local(end)
        if first.date() == last.date():
            return self._within(first.date(), first.time(), last.time())
        whole = sum(self.is_working(day) for day in days(first.date() + DAY, last.date()))
        head = self._within(first.date(), first.time(), time.max) if first.time() else self._whole(first.date())
        return head + whole * self.day_length + self._within(last.date(), time.min, last.time())

    def later(self, start: datetime, span: timedelta) -> datetime:
        """Return the earliest instant by which ``span`` of working time has passed since ``start``.

        A span that ends exactly at closing time ends that evening, not the next morning. Monotone in both arguments, and
        ``later(later(s, a), b) == later(s, a + b)``.

        Raises:
            ValueError: ``span`` is negative, or an instant has no time zone.

        Example:
            >>> hours = ((time(8, 30), time(12)), (time(13, 30), time(17, 30)))
            >>> plain = WorkingCalendar(UTC, hours)
            >>> friday = datetime(2025, 9, 5, 16, 30, tzinfo=UTC)
            >>> plain.later(friday, timedelta(hours=2)).isoformat()
            '2025-09-08T09:30:00+00:00'
        """
        if span < NOTHING:
            raise ValueError("working time cannot be taken back")
        wall = self.local(start)
        if span == NOTHING:
            return start.astimezone(UTC)
        day, left = wall.date(), span
        here = self._within(day, wall.time(), time.max)
        if here < left:
            left -= here
            day, left = self._skip_whole_days(day + DAY, left)
            return self.instant(self._into(day, time.min, left))
        return self.instant(self._into(day, wall.time(), left))

    def _skip_whole_days(self, day: date, left: timedelta) -> tuple[date, timedelta]:
        length = self.day_length
        while True:
            if self.is_working(day):
                if left <= length:
                    return day, left
                left -= length
            day += DAY

    def _into(self, day: date, since: time, left: timedelta) -> datetime:
        """Return the wall clock at which ``left`` has been worked on ``day`` since the time ``since``."""
        for start, end in self.hours:
            begin = max(start, since)
            if begin >= end:
                continue
            here = _at(day, end) - _at(day, begin)
            if left <= here:
                return _at(day, begin) + left
            left -= here
        raise AssertionError("the day is too short for the time that is left")

    def _within(self, day: date, since: time, until: time) -> timedelta:
        if not self.is_working(day):
            return NOTHING
        total = NOTHING
        for start, end in self.hours:
            begin, finish = max(start, since), min(end, until)
            if begin < finish:
                total += _at(day, finish) - _at(day, begin)
        return total

    def _whole(self, day: date) -> timedelta:
        return self.day_length if self.is_working(day) else NOTHING


def days(first: date, last: date) -> Iterator[date]:
    """Yield each day from ``first`` up to, not including, ``last``."""
    while first < last:
        yield first
        first += DAY


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock)

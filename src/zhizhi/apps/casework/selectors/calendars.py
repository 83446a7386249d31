"""The working calendar, kept in memory as long as its digest stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from zhizhi.apps.casework.models import Calendar, CalendarDay, CalendarYear
from zhizhi.engines.workflow import calendar as engine
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.kernel.errors import UnavailableError
from zhizhi.scenarios.calendar_file import parse_hours


@dataclass(frozen=True, slots=True)
class DayView:
    """One day that is no ordinary one: a holiday (``free``) or a worked weekend day; ``edited`` if entered here."""

    day: date
    free: bool
    zh: str
    en: str
    edited: bool


@dataclass(frozen=True, slots=True)
class YearView:
    """A year of the calendar for the administrator's page: its days, what is known of it, and from where."""

    year: int
    status: str
    source: str
    edited: bool
    days: tuple[DayView, ...]


def calendar_digest() -> str:
    """Return the digest of the calendar in force.

    Raises:
        UnavailableError: ``casework.no-calendar``: none has been installed.
    """
    digest = Calendar.objects.filter(pk=1).values_list("digest", flat=True).first()
    if digest is None:
        raise UnavailableError("casework.no-calendar")
    return digest


def calendar_now() -> WorkingCalendar:
    """Return the calendar in force."""
    return calendar_of(calendar_digest())


@lru_cache(maxsize=8)
def calendar_of(digest: str | None) -> WorkingCalendar:
    """Return the calendar in force, whose digest the caller has just read."""
    if digest is None:
        raise UnavailableError("casework.no-calendar")
    row = Calendar.objects.get(pk=1)
    listed = list(CalendarDay.objects.all())
    return WorkingCalendar(
        zone=ZoneInfo(row.zone),
        hours=parse_hours(row.hours),
        holidays={item.day: {"zh": item.zh, "en": item.en} for item in listed if item.free},
        workdays={item.day: {"zh": item.zh, "en": item.en} for item in listed if not item.free},
        years={item.year: engine.CalendarYear(item.status, item.source) for item in CalendarYear.objects.all()},
    )


def calendar_hours() -> list[str]:
    """Return the opening hours as they are written: ``08:30-12:00``."""
    found = Calendar.objects.filter(pk=1).values_list("hours", flat=True).first()
    return list(found or [])


def calendar_year(year: int) -> YearView:
    """Return one year; a year of which nothing is known is ``weekends-only`` and empty."""
    row = CalendarYear.objects.filter(pk=year).first()
    listed = CalendarDay.objects.filter(day__year=year).order_by("day")
    return YearView(
        year=year,
        status=row.status if row else engine.WEEKENDS_ONLY,
        source=row.source if row else "",
        edited=bool(row and row.edited),
        days=tuple(DayView(item.day, item.free, item.zh, item.en, item.edited) for item in listed),
    )


def calendar_years() -> list[int]:
    """Return the years of which something is known, in order."""
    return list(CalendarYear.objects.order_by("year").values_list("year", flat=True))

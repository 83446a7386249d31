"""The working calendar: seeded from the package, edited by administrators, each change an event."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, time

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Calendar, CalendarDay, CalendarYear
from zhizhi.apps.casework.schemas import CALENDAR_CHANGED
from zhizhi.apps.journal.services import record
from zhizhi.engines.workflow.calendar import PUBLISHED, WEEKENDS_ONLY, WorkingCalendar
from zhizhi.kernel.errors import ConflictError, InvalidError, PackageError
from zhizhi.scenarios.calendar_file import parse_hours


def calendar_seed(actor: Actor, *, calendar: WorkingCalendar, now: datetime) -> None:
    """Take the package's calendar; years and days that were edited here stand."""
    with transaction.atomic():
        first = not Calendar.objects.filter(pk=1).exists()
        edited_years = set(CalendarYear.objects.filter(edited=True).values_list("year", flat=True))
        edited_days = set(CalendarDay.objects.filter(edited=True).values_list("day", flat=True))
        CalendarYear.objects.bulk_create(
            [
                CalendarYear(year=year, status=item.status, source=item.source)
                for year, item in calendar.years.items()
                if year not in edited_years
            ],
            update_conflicts=True,
            unique_fields=["year"],
            update_fields=["status", "source"],
        )
        years = [year for year in calendar.years if year not in edited_years]
        CalendarDay.objects.filter(day__year__in=years, edited=False).delete()
        CalendarDay.objects.bulk_create(
            [
                CalendarDay(day=day, free=free, zh=label["zh"], en=label["en"])
                for free, listed in ((True, calendar.holidays), (False, calendar.workdays))
                for day, label in listed.items()
                if day.year in years and day not in edited_days
            ]
        )
        if first:
            hours = [f"{_clock(start)}-{_clock(end)}" for start, end in calendar.hours]
            Calendar.objects.create(pk=1, zone=str(calendar.zone), hours=hours, digest="", changed_at=now)
        _seal(actor, now, {"change": "seeded", "years": sorted(years)})


def calendar_hours_change(actor: Actor, *, hours: Sequence[str], now: datetime) -> None:
    """Change the opening hours of working days, written ``08:30-12:00``.

    Raises:
        InvalidError: ``casework.calendar-hours``.
    """
    actor.require(Permission.CALENDAR_MANAGE)
    try:
        parsed = parse_hours([text.strip() for text in hours if text.strip()])
    except PackageError as error:
        raise InvalidError("casework.calendar-hours", field="hours", value=error.params.get("value", "–")) from None
    written = [f"{_clock(start)}-{_clock(end)}" for start, end in parsed]
    with transaction.atomic():
        Calendar.objects.filter(pk=1).update(hours=written)
        _seal(actor, now, {"change": "hours", "hours": written})


def calendar_day_set(actor: Actor, *, day: date, free: bool, zh: str, en: str, now: datetime, expected: str = "") -> None:
    """Make ``day`` a holiday or a worked day, with its name in both languages.

    Args:
        actor: needs ``casework.calendar.manage``.
        day: the day.
        free: True for a holiday, False for a day that is worked.
        zh: why, in Chinese; ``en`` the same in English.
        en: see ``zh``.
        now: when.
        expected: digest of the calendar that the form showed; if another change came first, ``ConflictError``.

    Raises:
        InvalidError: ``casework.calendar-name``. ConflictError: ``casework.calendar-stale``.
    """
    actor.require(Permission.CALENDAR_MANAGE)
    if not zh.strip() or not en.strip():
        raise InvalidError("casework.calendar-name", field="zh" if not zh.strip() else "en")
    with transaction.atomic():
        _unchanged(expected)
        CalendarDay.objects.update_or_create(
            day=day, defaults={"free": free, "zh": zh.strip()[:60], "en": en.strip()[:90], "edited": True}
        )
        _seal(actor, now, {"change": "day-set", "day": day.isoformat(), "free": free})


def calendar_day_clear(actor: Actor, *, day: date, now: datetime, expected: str = "") -> None:
    """Make ``day`` an ordinary day again: free on a weekend, worked otherwise."""
    actor.require(Permission.CALENDAR_MANAGE)
    with transaction.atomic():
        _unchanged(expected)
        CalendarDay.objects.filter(day=day).delete()
        CalendarYear.objects.filter(year=day.year).update(edited=True)
        _seal(actor, now, {"change": "day-cleared", "day": day.isoformat()})


def calendar_year_set(actor: Actor, *, year: int, published: bool, source: str, now: datetime) -> None:
    """Say whether a year's holidays are published and entered, and from which notice.

    Raises:
        InvalidError: ``casework.calendar-source`` (published without a source) or ``casework.calendar-year``.
    """
    actor.require(Permission.CALENDAR_MANAGE)
    if not 2000 <= year <= 2200:
        raise InvalidError("casework.calendar-year", field="year", year=year)
    if published and not source.strip():
        raise InvalidError("casework.calendar-source", field="source", year=year)
    status = PUBLISHED if published else WEEKENDS_ONLY
    with transaction.atomic():
        CalendarYear.objects.update_or_create(
            year=year, defaults={"status": status, "source": source.strip()[:300], "edited": True}
        )
        _seal(actor, now, {"change": "year", "year": year, "status": status})


def _unchanged(expected: str) -> None:
    row = Calendar.objects.select_for_update().get(pk=1)
    if expected and row.digest != expected:
        raise ConflictError("casework.calendar-stale")


def _seal(actor: Actor, now: datetime, details: dict[str, object]) -> None:
    """Put the digest of all that the calendar says on it, and record the change if there was one."""
    row = Calendar.objects.get(pk=1)
    days = [[str(item.day), item.free, item.zh, item.en] for item in CalendarDay.objects.order_by("day")]
    years = [[item.year, item.status, item.source] for item in CalendarYear.objects.order_by("year")]
    content = json.dumps([row.zone, row.hours, days, years], ensure_ascii=False)
    digest = hashlib.sha256(content.encode()).hexdigest()
    if digest == row.digest:
        return
    Calendar.objects.filter(pk=1).update(digest=digest, changed_at=now)
    record(actor, CALENDAR_CHANGED, now=now, details={**details, "digest": digest})


def _clock(value: time) -> str:
    return f"{value:%H:%M}"

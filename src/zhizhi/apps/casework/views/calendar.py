"""The working calendar, for those who keep it: holidays, worked weekends, office hours, and where each year is known from."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.actors import Permission
from zhizhi.apps.casework.jobs import renew_deadlines
from zhizhi.apps.casework.selectors.calendars import calendar_digest, calendar_hours, calendar_now, calendar_year, calendar_years
from zhizhi.apps.casework.services.calendars import (
    calendar_day_clear,
    calendar_day_set,
    calendar_hours_change,
    calendar_year_set,
)
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import ConflictError, InvalidError, UsageError


@never_cache
@page(Permission.CALENDAR_MANAGE, filters=("year",))
def calendar(request: HttpRequest) -> HttpResponse:
    """Show one year."""
    return _page(request, _year(request.GET.get("year", "")))


def _page(request: HttpRequest, year: int, status: int = 200, **more: Any) -> HttpResponse:
    known = calendar_years()
    context = {
        "year": calendar_year(year),
        "years": sorted({*known, year, timezone.localdate().year + 1}),
        "months": _months(year),
        "week": t("workdays.week").split(),
        "opening": "\n".join(calendar_hours()),
        "digest": calendar_digest(),
        "today": timezone.localdate(),
    }
    return render(request, "casework/calendar.html", {**context, **more}, status=status)


def _months(year: int) -> list[dict[str, Any]]:
    """Return twelve months as weeks of seven cells, Monday first; each day says whether it is worked and why."""
    working = calendar_now()
    months = []
    for month in range(1, 13):
        first, days = date(year, month, 1), monthrange(year, month)[1]
        cells: list[dict[str, Any] | None] = [None] * first.weekday()
        for offset in range(days):
            day = first + timedelta(days=offset)
            named = working.holidays.get(day) or working.workdays.get(day)
            kind = (
                "holiday"
                if day in working.holidays
                else "makeup"
                if day in working.workdays
                else "weekend"
                if day.weekday() > 4
                else ""
            )
            cells.append({"day": day, "kind": kind, "name": named.get(lang(), "") if named else ""})
        cells += [None] * (-len(cells) % 7)
        months.append({"first": first, "weeks": [cells[start : start + 7] for start in range(0, len(cells), 7)]})
    return months


@page(Permission.CALENDAR_MANAGE)
@require_POST
def day(request: HttpRequest) -> HttpResponse:
    """Make a day a holiday or a worked day."""
    given = request.POST

    def change() -> None:
        calendar_day_set(
            who(request),
            day=_day(given.get("day", "")),
            free=given.get("free") != "no",
            zh=given.get("zh", ""),
            en=given.get("en", ""),
            expected=given.get("digest", ""),
            now=timezone.now(),
        )

    return _change(request, change)


@page(Permission.CALENDAR_MANAGE)
@require_POST
def day_clear(request: HttpRequest) -> HttpResponse:
    """Make a day an ordinary one again."""
    given = request.POST
    return _change(
        request,
        lambda: calendar_day_clear(
            who(request), day=_day(given.get("day", "")), expected=given.get("digest", ""), now=timezone.now()
        ),
    )


@page(Permission.CALENDAR_MANAGE)
@require_POST
def year(request: HttpRequest) -> HttpResponse:
    """Say whether a year's holidays are published, and from which notice."""
    given = request.POST
    return _change(
        request,
        lambda: calendar_year_set(
            who(request),
            year=_year(given.get("year", "")),
            published=given.get("published") == "yes",
            source=given.get("source", ""),
            now=timezone.now(),
        ),
    )


@page(Permission.CALENDAR_MANAGE)
@require_POST
def hours(request: HttpRequest) -> HttpResponse:
    """Change the office hours."""
    return _change(
        request,
        lambda: calendar_hours_change(who(request), hours=request.POST.get("hours", "").split("\n"), now=timezone.now()),
    )


def _change(request: HttpRequest, change: Callable[[], None]) -> HttpResponse:
    """Change the calendar and have the deadlines worked out again; what cannot be taken is told with what was typed kept."""
    shown = _year(request.POST.get("year", "") or request.POST.get("day", "")[:4])
    try:
        change()
    except (InvalidError, ConflictError, UsageError) as error:
        status = 409 if isinstance(error, ConflictError) else 422
        return _page(request, shown, status, told=error.text(lang()), kept=request.POST.dict())
    renew_deadlines.enqueue()
    messages.success(request, t("workdays.changed"))
    return HttpResponseRedirect(f"{reverse('casework:calendar')}?year={shown}")


def _year(text: str) -> int:
    return int(text) if text.isdigit() and 2000 <= int(text) <= 2200 else timezone.localdate().year


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidError("workdays.day", field="day", seen=text[:20]) from None

"""Figures of the desk, a worker's day, the working calendar."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from django.utils import timezone
from ninja import Field, Path, Query, Router, Status

from zhizhi.apps.actors import Permission as P
from zhizhi.apps.casework.api.cases import Request
from zhizhi.apps.casework.api.shapes import (
    BandOut,
    CalendarDayIn,
    CalendarOut,
    CountsOut,
    DayOut,
    DoorsOut,
    HoursIn,
    PlaceOut,
    PolicyOut,
    YearIn,
)
from zhizhi.apps.casework.jobs import renew_deadlines
from zhizhi.apps.casework.selectors.calendars import calendar_digest, calendar_hours, calendar_year, calendar_years
from zhizhi.apps.casework.selectors.counts import backlog, by_place, counts, outcomes_by_policy, trend
from zhizhi.apps.casework.selectors.doors import doors
from zhizhi.apps.casework.services.calendars import (
    calendar_day_clear,
    calendar_day_set,
    calendar_hours_change,
    calendar_year_set,
)
from zhizhi.apps.gate import api

router = Router()
Days = Query[Annotated[int, Field(ge=1, le=400)]]
Year = Path[Annotated[int, Field(ge=2000, le=2200)]]
RegionCode = Path[Annotated[str, Field(pattern=r"^[0-9]{6,12}$")]]


@router.get("/doors", response=DoorsOut, summary="My doors today")
@api(P.DOORS_VIEW)
def doors_today(request: Request) -> Any:
    """Return the doors of the day of the caller's post."""
    found = doors(request.actor, now=timezone.now())
    rows, tried = [asdict(row) for row in found.rows], [asdict(row) for row in found.tried]
    return {"day": found.day, "rows": rows, "tried": tried, "more": found.more}


@router.get("/counts", response=CountsOut, summary="The figures of the cockpit")
@api(P.COCKPIT_VIEW)
def figures(request: Request) -> Any:
    """Return the counts of the caller's region."""
    return counts(request.actor, now=timezone.now())


@router.get("/backlog", response=list[BandOut], summary="Open cases by age")
@api(P.COCKPIT_VIEW)
def ages(request: Request) -> Any:
    """Return the open cases by days since they were opened."""
    return backlog(request.actor, now=timezone.now())


@router.get("/trend", response=list[DayOut], summary="Opened and closed by day")
@api(P.COCKPIT_VIEW)
def days(request: Request, days: Days = 60) -> Any:
    """Return cases opened and closed on each of the last days."""
    return trend(request.actor, now=timezone.now(), days=days)


@router.get("/places/{region}", response=list[PlaceOut], summary="Counts of the regions below one")
@api(P.COCKPIT_VIEW)
def places(request: Request, region: RegionCode) -> Any:
    """Return the figures of each region right below ``region``."""
    return by_place(request.actor, region=region, now=timezone.now())


@router.get("/outcomes", response=list[PolicyOut], summary="How the cases of each policy ended")
@api(P.COCKPIT_VIEW)
def outcomes(request: Request, first: date | None = None, last: date | None = None) -> Any:
    """Return outcomes by policy: what precision is made of."""
    return outcomes_by_policy(request.actor, first=first, last=last)


@router.get("/calendar/{year}", response=CalendarOut, summary="One year of the working calendar")
@api(P.SELF)
def calendar(request: Request, year: Year) -> Any:
    """Return a year of the calendar by which deadlines are counted."""
    head = {"digest": calendar_digest(), "hours": calendar_hours(), "years": calendar_years()}
    return head | asdict(calendar_year(year))


@router.put("/calendar/days/{day}", response={204: None}, summary="Make a day free or worked")
@api(P.CALENDAR_MANAGE)
def day_set(request: Request, day: date, body: CalendarDayIn) -> Any:
    """Make a day a holiday or a worked one; running deadlines follow."""
    now = timezone.now()
    calendar_day_set(request.actor, day=day, free=body.free, zh=body.zh, en=body.en, now=now, expected=body.digest)
    renew_deadlines.enqueue()
    return Status(204, None)


@router.delete("/calendar/days/{day}", response={204: None}, summary="Make a day an ordinary one again")
@api(P.CALENDAR_MANAGE)
def day_clear(request: Request, day: date) -> Any:
    """Make a day an ordinary one again; running deadlines follow."""
    calendar_day_clear(request.actor, day=day, now=timezone.now())
    renew_deadlines.enqueue()
    return Status(204, None)


@router.put("/calendar/years/{year}", response={204: None}, summary="Say whether a year is published")
@api(P.CALENDAR_MANAGE)
def year_set(request: Request, year: Year, body: YearIn) -> Any:
    """Say whether a year's holidays are entered, and from which notice."""
    calendar_year_set(request.actor, year=year, published=body.published, source=body.source, now=timezone.now())
    return Status(204, None)


@router.put("/opening-hours", response={204: None}, summary="Change the opening hours")
@api(P.CALENDAR_MANAGE)
def hours_change(request: Request, body: HoursIn) -> Any:
    """Change the opening hours of working days; running deadlines follow."""
    calendar_hours_change(request.actor, hours=body.hours, now=timezone.now())
    renew_deadlines.enqueue()
    return Status(204, None)

"""``calendar/``: opening hours, and for each year the holidays and make-up workdays with their source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zhizhi.engines.workflow.calendar import PUBLISHED, WEEKENDS_ONLY, CalendarYear, WorkingCalendar, days
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.document import Document, read_document, schema_faults

HOURS = "hours.yaml"


def read_calendar(folder: Path) -> WorkingCalendar | None:
    """Read the working calendar of a package; None where it has none.

    Raises:
        PackageError: the first of `calendar_faults`.
    """
    paths = calendar_files(folder)
    if not paths:
        return None
    documents = [read_document(path, folder) for path in paths]
    for document in documents:
        for fault in calendar_faults(document):
            raise fault
    hours = documents[0].data
    holidays: dict[date, Mapping[str, str]] = {}
    workdays: dict[date, Mapping[str, str]] = {}
    years: dict[int, CalendarYear] = {}
    for document in documents[1:]:
        data = document.data
        years[int(data["year"])] = CalendarYear(data["status"], data.get("source", ""))
        for spec in data.get("holidays") or ():
            holidays |= dict.fromkeys(days(spec["from"], spec["to"] + timedelta(days=1)), _label(spec))
        workdays |= {spec["day"]: _label(spec) for spec in data.get("workdays") or ()}
    return WorkingCalendar(
        ZoneInfo(hours["zone"]), parse_hours(hours["hours"]), holidays=holidays, workdays=workdays, years=years
    )


def calendar_faults(document: Document) -> Iterator[PackageError]:
    """Yield all that is wrong with one file of the calendar: its structure first; if that is sound, its days."""
    about_hours = Path(document.name).name == HOURS
    faults = list(schema_faults(document, "hours" if about_hours else "calendar"))
    yield from faults
    if faults:
        return
    yield from _hours_faults(document) if about_hours else _year_faults(document)


def calendar_files(folder: Path) -> list[Path]:
    """Return the files of a package's calendar, the opening hours first."""
    years = sorted(path for path in (folder / "calendar").glob("*.yaml") if path.name != HOURS)
    hours = folder / "calendar" / HOURS
    return [hours, *years] if years or hours.exists() else []


def parse_hours(texts: Sequence[str], place: Place | None = None) -> tuple[tuple[time, time], ...]:
    """Return opening hours written as ``08:30-12:00``.

    Raises:
        PackageError: ``workflow.calendar-hours``.
    """
    found: list[tuple[time, time]] = []
    for text in texts:
        try:
            start, end = (time.fromisoformat(part.strip()) for part in str(text).split("-"))
        except ValueError:
            raise PackageError("workflow.calendar-hours", place, value=text) from None
        if start >= end or start.tzinfo or end.tzinfo or (found and start < found[-1][1]):
            raise PackageError("workflow.calendar-hours", place, value=text)
        found.append((start, end))
    if not found:
        raise PackageError("workflow.calendar-hours", place, value="–")
    return tuple(found)


def _label(spec: Mapping[str, Any]) -> dict[str, str]:
    return {"zh": spec["zh"], "en": spec["en"]}


def _hours_faults(document: Document) -> Iterator[PackageError]:
    try:
        parse_hours(document.data["hours"], document.place("hours"))
    except PackageError as error:
        yield error
    try:
        ZoneInfo(document.data["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        zone = document.data["zone"]
        yield PackageError("workflow.calendar-zone", document.place("zone"), zone=zone)


def _year_faults(document: Document) -> Iterator[PackageError]:
    data = document.data
    year, stem = int(data["year"]), Path(document.name).stem
    if str(year) != stem:
        yield PackageError("workflow.calendar-file", document.place("year"), year=year, file=stem)
    holidays, workdays = data.get("holidays") or [], data.get("workdays") or []
    if data["status"] == WEEKENDS_ONLY and (holidays or workdays):
        yield PackageError("workflow.calendar-weekends-only", document.place("status"), year=year)
    if data["status"] == PUBLISHED and not data.get("source"):
        yield PackageError("workflow.calendar-source", document.place("status"), year=year)
    free: set[date] = set()
    for number, spec in enumerate(holidays):
        bad = list(_day_faults(document, ("holidays", number), spec, ("from", "to"), year))
        yield from bad
        if bad:
            continue
        if spec["to"] < spec["from"]:
            place = document.place("holidays", number)
            yield PackageError("workflow.calendar-order", place, first=spec["from"], last=spec["to"])
        free.update(days(spec["from"], spec["to"] + timedelta(days=1)))
    for number, spec in enumerate(workdays):
        bad = list(_day_faults(document, ("workdays", number), spec, ("day",), year))
        yield from bad
        place = document.place("workdays", number)
        if not bad and spec["day"] in free:
            yield PackageError("workflow.calendar-both", place, day=spec["day"])
        elif not bad and spec["day"].weekday() < 5:
            yield PackageError("workflow.calendar-not-weekend", place, day=spec["day"])


def _day_faults(
    document: Document, path: tuple[str | int, ...], spec: Mapping[str, Any], keys: Sequence[str], year: int
) -> Iterator[PackageError]:
    for key in keys:
        place = document.place(*path, key)
        if not isinstance(spec[key], date):
            yield PackageError("workflow.calendar-date", place, value=spec[key])
        elif spec[key].year != year:
            yield PackageError("workflow.calendar-year", place, year=year, day=spec[key])

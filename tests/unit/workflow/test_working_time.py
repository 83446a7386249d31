"""Working time: laws that must hold for every calendar, and days of the real calendars of 2025 and 2026."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.deadlines import clock_start, due, is_overdue, reasons
from zhizhi.engines.workflow.definition import DAYS, HOURS, TimeLimit
from zhizhi.scenarios.calendar_file import read_calendar

SHIPPED = Path(__file__).resolve().parents[3] / "scenarios" / "social-assistance"
CHINA = ZoneInfo("Asia/Shanghai")
LABEL = {"zh": "假", "en": "holiday"}
DAY = timedelta(days=1)

ORIGIN = date(2025, 1, 1)
instants = st.integers(0, 700 * 86_400).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
spans = st.integers(0, 60 * 8 * 3600).map(lambda seconds: timedelta(seconds=seconds))
limits = st.builds(TimeLimit, st.integers(1, 30), st.sampled_from([DAYS, HOURS]))
near_days = st.integers(0, 800).map(lambda number: ORIGIN + timedelta(days=number))


@st.composite
def opening_hours(draw: st.DrawFn) -> tuple[tuple[time, time], ...]:
    marks = sorted(draw(st.sets(st.integers(0, 24 * 60 - 1), min_size=2, max_size=6)))
    clocks = [time(mark // 60, mark % 60) for mark in marks[: len(marks) // 2 * 2]]
    return tuple(zip(clocks[::2], clocks[1::2], strict=True))


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    free = draw(st.sets(near_days, max_size=40))
    made_up = draw(st.sets(near_days, max_size=10))
    return WorkingCalendar(
        zone=draw(st.sampled_from([CHINA, UTC, timezone(timedelta(hours=-7))])),
        hours=draw(opening_hours()),
        weekend=draw(st.sampled_from([frozenset({5, 6}), frozenset({4}), frozenset()])),
        holidays=dict.fromkeys(free, LABEL),
        workdays=dict.fromkeys(made_up, LABEL),
    )


@st.composite
def pauses(draw: st.DrawFn, begin: datetime) -> list[tuple[datetime, datetime]]:
    marks = sorted(draw(st.sets(st.integers(0, 40 * 86_400), max_size=8)))
    ends = [begin + timedelta(seconds=mark) for mark in marks[: len(marks) // 2 * 2]]
    return list(zip(ends[::2], ends[1::2], strict=True))


@given(calendars(), instants, instants, instants)
def test_working_time_is_additive_in_any_order(calendar: WorkingCalendar, a: datetime, b: datetime, c: datetime) -> None:
    assert calendar.working_time(a, b) + calendar.working_time(b, c) == calendar.working_time(a, c)


@given(calendars(), instants, spans, spans)
def test_later_is_additive(calendar: WorkingCalendar, start: datetime, one: timedelta, two: timedelta) -> None:
    assert calendar.later(calendar.later(start, one), two) == calendar.later(start, one + two)


@given(calendars(), instants, spans)
def test_later_and_working_time_undo_each_other_at_the_earliest_instant(
    calendar: WorkingCalendar, start: datetime, span: timedelta
) -> None:
    end = calendar.later(start, span)
    assert calendar.working_time(start, end) == span
    if span:
        assert calendar.working_time(start, end - timedelta(seconds=1)) < span


@given(calendars(), instants, instants, spans, spans)
def test_later_is_monotone(calendar: WorkingCalendar, a: datetime, b: datetime, one: timedelta, two: timedelta) -> None:
    assert calendar.later(min(a, b), min(one, two)) <= calendar.later(max(a, b), max(one, two))


@given(calendars(), limits, instants, instants)
def test_whoever_begins_later_is_never_due_earlier(calendar: WorkingCalendar, limit: TimeLimit, a: datetime, b: datetime) -> None:
    assert due(limit, min(a, b), calendar) <= due(limit, max(a, b), calendar)


@given(calendars(), instants, st.integers(1, 20), st.integers(1, 20))
def test_a_longer_limit_is_never_due_earlier(calendar: WorkingCalendar, start: datetime, one: int, two: int) -> None:
    assert due(TimeLimit(min(one, two)), start, calendar) <= due(TimeLimit(max(one, two)), start, calendar)


@given(st.data(), calendars(), limits, instants)
@settings(max_examples=150)
def test_a_pause_adds_exactly_the_working_time_inside_it(
    data: st.DataObject, calendar: WorkingCalendar, limit: TimeLimit, start: datetime
) -> None:
    stops = data.draw(pauses(start))
    end = due(limit, start, calendar, stops)
    begin = clock_start(limit, start, calendar)
    stood = sum((calendar.working_time(max(a, begin), max(b, begin)) for a, b in stops if a < end and b > begin), timedelta())
    allowed = calendar.working_time(begin, due(limit, start, calendar))
    assert calendar.working_time(begin, end) - stood == allowed


@given(calendars(), limits, instants, st.integers(0, 30 * 86_400))
def test_a_pause_outside_opening_hours_changes_nothing(
    calendar: WorkingCalendar, limit: TimeLimit, start: datetime, offset: int
) -> None:
    stop = start + timedelta(seconds=offset)
    resume = stop + timedelta(hours=6)
    if calendar.working_time(stop, resume):
        return
    assert due(limit, start, calendar, [(stop, resume)]) == due(limit, start, calendar)


@given(st.data(), calendars(), limits, instants)
def test_two_pauses_that_touch_are_one(data: st.DataObject, calendar: WorkingCalendar, limit: TimeLimit, start: datetime) -> None:
    a, b, c = sorted(start + timedelta(seconds=data.draw(st.integers(0, 10 * 86_400))) for _ in range(3))
    assert due(limit, start, calendar, [(a, b), (b, c)]) == due(limit, start, calendar, [(a, c)])


@given(calendars(), limits, instants)
def test_the_reasons_name_every_free_day_between_and_no_other(
    calendar: WorkingCalendar, limit: TimeLimit, start: datetime
) -> None:
    why = reasons(limit, start, calendar)
    named = [run.first + timedelta(days=n) for run in why.skipped for n in range((run.last - run.first).days + 1)]
    first, last = calendar.day_of(start), calendar.day_of(why.due)
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert named == [day for day in span if not calendar.is_working(day)]
    assert why.due == due(limit, start, calendar)


@pytest.fixture(scope="module")
def shipped() -> WorkingCalendar:
    calendar = read_calendar(SHIPPED)
    assert calendar is not None
    return calendar


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("limit", "started", "expected"),
    [
        # three working days over the eight days of National Day and Mid-Autumn 2025; Saturday 11 October is worked
        (TimeLimit(3), "2025-09-30 16:00", "2025-10-11 17:30"),
        (TimeLimit(1), "2025-09-27 10:00", "2025-09-28 17:30"),  # Sunday 28 September is worked
        (TimeLimit(2), "2025-01-24 09:00", "2025-01-27 17:30"),  # Sunday 26 January is worked
        (TimeLimit(3), "2025-01-26 09:00", "2025-02-06 17:30"),  # then Spring Festival, 28 January to 4 February
        (TimeLimit(5), "2025-04-25 11:00", "2025-05-06 17:30"),  # Sunday 27 April is worked, 1 to 5 May is not
        (TimeLimit(2), "2025-12-31 09:00", "2026-01-05 17:30"),  # Sunday 4 January 2026 is worked
        (TimeLimit(3), "2026-02-13 09:00", "2026-02-25 17:30"),  # Saturday 14 February is worked, 15 to 23 is not
        (TimeLimit(1), "2026-04-03 09:00", "2026-04-07 17:30"),
        (TimeLimit(4), "2026-09-18 09:00", "2026-09-23 17:30"),  # Sunday 20 September is worked
        (TimeLimit(1), "2026-09-24 18:00", "2026-09-28 17:30"),
        (TimeLimit(4, HOURS), "2025-09-30 16:00", "2025-10-09 11:00"),
        (TimeLimit(2, HOURS), "2025-09-30 12:10", "2025-09-30 15:30"),
        (TimeLimit(8, HOURS), "2025-10-11 08:00", "2025-10-13 09:00"),  # 7.5 hours on the made-up Saturday
    ],
)
def test_days_of_the_real_calendar(shipped: WorkingCalendar, limit: TimeLimit, started: str, expected: str) -> None:
    assert due(limit, at(started), shipped) == at(expected)


def test_the_shipped_years_agree_with_a_second_published_table(shipped: WorkingCalendar) -> None:
    table = pytest.importorskip("chinese_calendar", reason="the cross-check needs the package chinesecalendar")
    day = date(2025, 1, 1)
    while day.year < 2027:
        assert shipped.is_working(day) == table.is_workday(day), day
        day += DAY
    assert (shipped.status(2025), shipped.status(2026), shipped.status(2027)) == ("published", "published", "weekends-only")


def test_the_explanation_says_which_days_were_skipped_and_why(shipped: WorkingCalendar) -> None:
    lines = reasons(TimeLimit(3), at("2025-09-26 16:00"), shipped).sentences(shipped, "zh")
    assert lines == [
        "2025-09-26 16:00 开始，限 3 个工作日办完；开始当天不算，最后一天到下班为止。",
        "2025-09-27 是双休日，不算。",
        "2025-09-28 虽是双休日，但要上班（国庆节、中秋节调休），算工作日。",
        "所以应在 2025-09-30 17:30 前办完。",
    ]
    lines = reasons(TimeLimit(2), at("2025-09-30 09:00"), shipped).sentences(shipped, "en")
    assert "2025-10-01 to 2025-10-08 is a holiday (National Day and Mid-Autumn Festival) and not counted." in lines


def test_a_deadline_in_a_year_without_a_notice_says_so(shipped: WorkingCalendar) -> None:
    why = reasons(TimeLimit(3), at("2026-12-30 09:00"), shipped)
    assert why.unpublished == (2027,)
    assert any("2027" in line and "尚未录入" in line for line in why.sentences(shipped, "zh"))


def test_a_pause_is_explained_with_its_hours(shipped: WorkingCalendar) -> None:
    stop = [(at("2025-09-02 14:30"), at("2025-09-03 10:30"))]
    why = reasons(TimeLimit(2), at("2025-09-01 09:00"), shipped, stop)
    assert why.due == at("2025-09-04 15:00")
    assert "2025-09-02 14:30 至 2025-09-03 10:30 暂停计时，扣除 5 个工作小时。" in why.sentences(shipped, "zh")


def test_today_is_the_day_of_the_region_not_of_greenwich(shipped: WorkingCalendar) -> None:
    assert shipped.day_of(datetime(2025, 9, 1, 16, 30, tzinfo=UTC)) == date(2025, 9, 2)
    with pytest.raises(ValueError, match="time zone"):
        shipped.day_of(datetime(2025, 9, 1))


def test_what_stands_still_is_not_overdue() -> None:
    now = datetime(2025, 9, 1, tzinfo=UTC)
    assert not is_overdue(None, now)
    assert not is_overdue(now, now)
    assert is_overdue(now - timedelta(seconds=1), now)


def test_working_time_is_not_taken_back(shipped: WorkingCalendar) -> None:
    with pytest.raises(ValueError, match="taken back"):
        shipped.later(datetime(2025, 9, 1, tzinfo=UTC), -DAY)

"""The working calendar: seeded from the package, edited by administrators, deadlines follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from casework_world import draft, shipped
from django.test import Client

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.models import Calendar, Case
from zhizhi.apps.casework.selectors.calendars import calendar_digest, calendar_hours, calendar_now, calendar_year, calendar_years
from zhizhi.apps.casework.selectors.detail import case_get
from zhizhi.apps.casework.services.calendars import (
    calendar_day_clear,
    calendar_day_set,
    calendar_hours_change,
    calendar_seed,
    calendar_year_set,
)
from zhizhi.apps.casework.services.cases import case_open, case_open_many
from zhizhi.apps.casework.services.clock import deadlines_renew
from zhizhi.apps.casework.services.steps import case_pause
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import ConflictError, InvalidError, RefusedError, UnavailableError

pytestmark = pytest.mark.django_db
FRIDAY = date(2026, 3, 6)


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    package_install(system, package=shipped(), now=now)
    return {role.value: actor for role, actor in actors.items()}


def test_the_calendar_is_that_of_the_package(people: dict[str, Actor]) -> None:
    year = calendar_year(2026)
    assert (year.status, len([day for day in year.days if day.free]), len([day for day in year.days if not day.free])) == (
        "published", 33, 6,
    )  # fmt: skip
    assert "国务院办公厅" in year.source
    assert calendar_year(2031).status == "weekends-only"
    assert calendar_years() == [2025, 2026, 2027]
    assert calendar_hours() == ["08:30-12:00", "13:30-17:30"]
    assert not calendar_now().is_working(date(2026, 10, 1))


def test_without_a_calendar_nothing_is_guessed(actors: dict[Role, Actor], now: datetime) -> None:
    with pytest.raises(UnavailableError):
        calendar_now()


def test_a_day_made_free_moves_the_deadlines_that_run_over_it(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    admin = people["administrator"]
    one, two, still = case_open_many(system, drafts=[draft(1), draft(2), draft(3)], now=now)
    case_pause(replace(people["village-worker"]), case_id=still, version=1, reason_id="disaster", now=now)
    before = Case.objects.get(pk=one).due
    assert before is not None
    calendar_day_set(admin, day=FRIDAY, free=True, zh="防汛停工", en="Closed for the flood", now=now)
    assert deadlines_renew(system, now=now) == 2
    assert deadlines_renew(system, now=now) == 0
    assert Case.objects.get(pk=two).due == before + timedelta(days=1)
    assert Case.objects.get(pk=still).due is None
    detail = case_get(people["town-officer"], case_id=one, now=now)
    assert "2026-03-06 放假（防汛停工），不算。" in detail.deadline
    fresh = case_open(system, draft=draft(4), now=now)
    assert Case.objects.get(pk=fresh).due == before + timedelta(days=1)
    calendar_day_clear(admin, day=FRIDAY, now=now)
    assert deadlines_renew(system, now=now) == 3
    assert Case.objects.get(pk=one).due == before
    changes = [event.details["change"] for event in Event.objects.filter(name="casework.calendar.changed").order_by("id")]
    assert changes == ["seeded", "day-set", "day-cleared"]


def test_what_was_edited_here_outlasts_the_package(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    admin = people["administrator"]
    calendar_day_set(admin, day=FRIDAY, free=True, zh="停工", en="Closed", now=now)
    calendar_year_set(admin, year=2027, published=True, source="国务院办公厅通知（2026-11）", now=now)
    calendar_day_set(admin, day=date(2027, 10, 1), free=True, zh="国庆节", en="National Day", now=now)
    digest = calendar_digest()
    events = Event.objects.count()
    calendar = shipped().calendar
    assert calendar is not None
    calendar_seed(system, calendar=calendar, now=now + timedelta(days=1))
    assert calendar_digest() == digest
    assert Event.objects.count() == events
    assert calendar_year(2027).status == "published"


def test_opening_hours_can_be_changed_and_must_make_sense(people: dict[str, Actor], now: datetime) -> None:
    admin = people["administrator"]
    calendar_hours_change(admin, hours=["8:30-11:30".replace("8", "08"), " 14:00-17:30 "], now=now)
    assert calendar_hours() == ["08:30-11:30", "14:00-17:30"]
    assert calendar_now().day_length == timedelta(hours=6.5)
    for hours in ([], ["17:00-09:00"], ["09:00-12:00", "11:00-14:00"], ["nine to five"]):
        with pytest.raises(InvalidError):
            calendar_hours_change(admin, hours=hours, now=now)


def test_what_cannot_be_right_is_refused(people: dict[str, Actor], now: datetime) -> None:
    admin = people["administrator"]
    with pytest.raises(InvalidError):
        calendar_day_set(admin, day=FRIDAY, free=True, zh="停工", en=" ", now=now)
    with pytest.raises(InvalidError):
        calendar_year_set(admin, year=2028, published=True, source=" ", now=now)
    with pytest.raises(InvalidError):
        calendar_year_set(admin, year=1066, published=False, source="", now=now)
    with pytest.raises(RefusedError):
        calendar_day_set(people["county-manager"], day=FRIDAY, free=True, zh="停工", en="Closed", now=now)
    shown = calendar_digest()
    calendar_day_set(admin, day=FRIDAY, free=True, zh="停工", en="Closed", now=now, expected=shown)
    with pytest.raises(ConflictError):
        calendar_day_set(admin, day=FRIDAY, free=False, zh="上班", en="Worked", now=now, expected=shown)
    assert Calendar.objects.count() == 1


def test_the_calendar_through_the_api(client_for: Callable[[Role], Client], people: dict[str, Actor]) -> None:
    admin = client_for(Role.ADMINISTRATOR)
    path = "/api/v1/casework/calendar"
    shown = admin.get(f"{path}/2026").json()
    assert shown["status"] == "published"
    body = {"free": True, "zh": "停工", "en": "Closed", "digest": shown["digest"]}
    assert admin.put(f"{path}/days/2026-03-06", body, content_type="application/json").status_code == 204
    again = admin.put(f"{path}/days/2026-03-06", body, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "casework.calendar-stale")
    assert admin.delete(f"{path}/days/2026-03-06").status_code == 204
    hours = admin.put("/api/v1/casework/opening-hours", {"hours": ["09:00-17:00"]}, content_type="application/json")
    assert hours.status_code == 204
    assert admin.get(f"{path}/1999").status_code == 422
    worker = client_for(Role.VILLAGE_WORKER)
    assert worker.get(f"{path}/2026").json()["hours"] == ["09:00-17:00"]
    assert (
        worker.put("/api/v1/casework/opening-hours", {"hours": ["09:00-10:00"]}, content_type="application/json").status_code
        == 403
    )

"""A worker that dies, hangs or wakes up late, a clock that is set back: no job is lost, none counts twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks import task

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.jobs import selectors, services
from zhizhi.apps.jobs.schemas import ATTEMPTS, LEASE, Daily, Every, JobView, Round, Taken
from zhizhi.kernel.errors import RefusedError, UsageError

pytestmark = pytest.mark.django_db


@task()
def count_doors(n: int) -> int:
    return n + 1


@pytest.fixture
def clock() -> datetime:
    """The real clock: the queue itself compares with it."""
    return timezone.now()


def the_job(actors: dict[Role, Actor], job: UUID) -> JobView:
    jobs, _ = selectors.job_list(actors[Role.ADMINISTRATOR])
    return next(found for found in jobs if found.id == job)


def take(worker: str, now: datetime) -> Taken:
    taken = services.task_take(worker=worker, now=now)
    assert taken is not None
    return taken


def fail(system: Actor, taken: Taken, worker: str, now: datetime, **given: Any) -> bool:
    about = {"failure": "web.disk-full", "params": {}, "kind": "X", "trace": "", "again": True} | given
    return services.task_fail(system, task=taken.id, worker=worker, now=now, **about)


def test_a_job_is_taken_once_and_its_result_kept(actors: dict[Role, Actor], clock: datetime) -> None:
    asked = count_doors.enqueue(4)
    taken = take("a", clock)
    assert (taken.args, taken.attempt) == ((4,), 1)
    assert services.task_take(worker="b", now=clock) is None
    assert services.task_succeed(task=taken.id, worker="a", value=5, now=clock)
    asked.refresh()
    assert asked.return_value == 5
    assert the_job(actors, taken.id).state == "done"


def test_a_dead_workers_job_goes_back_and_the_journal_says_so(actors: dict[Role, Actor], system: Actor, clock: datetime) -> None:
    count_doors.enqueue(4)
    taken = take("killed", clock)
    assert services.lapsed_return(system, now=clock + LEASE - timedelta(seconds=1)) == (0, 0)
    assert services.lapsed_return(system, now=clock + LEASE + timedelta(seconds=1)) == (1, 0)
    seen = the_job(actors, taken.id)
    assert (seen.state, seen.failure, seen.attempts) == ("waiting", "jobs.lapsed", 1)


def test_a_job_that_kills_its_worker_every_time_fails_at_last(actors: dict[Role, Actor], system: Actor, clock: datetime) -> None:
    job = UUID(str(count_doors.enqueue(4).id))
    for attempt in range(1, ATTEMPTS + 1):
        moment = clock - timedelta(hours=6 - attempt)
        services.task_take(worker=f"killed-{attempt}", now=moment)
        services.lapsed_return(system, now=moment + 2 * LEASE)
    seen = the_job(actors, job)
    assert (seen.state, seen.failure, seen.attempts) == ("failed", "jobs.lapsed", ATTEMPTS)
    assert services.task_take(worker="next", now=clock) is None


def test_a_worker_that_wakes_up_after_its_lease_overwrites_nothing(
    actors: dict[Role, Actor], system: Actor, clock: datetime
) -> None:
    count_doors.enqueue(4)
    late = take("sleeper", clock - 3 * LEASE)
    services.lapsed_return(system, now=clock - LEASE)
    again = take("other", clock)
    assert services.task_succeed(task=late.id, worker="sleeper", value="old", now=clock) is False
    assert fail(system, late, "sleeper", clock) is False
    assert services.task_succeed(task=again.id, worker="other", value="new", now=clock)
    assert the_job(actors, late.id).attempts == 2


def test_a_heartbeat_keeps_the_lease(system: Actor, clock: datetime) -> None:
    count_doors.enqueue(4)
    services.worker_register(worker="a", host="h", pid=1, now=clock)
    take("a", clock)
    services.worker_beat(worker="a", now=clock + LEASE)
    assert services.lapsed_return(system, now=clock + LEASE + timedelta(seconds=5)) == (0, 0)


def test_a_running_job_without_a_lease_is_found_as_well(actors: dict[Role, Actor], system: Actor, clock: datetime) -> None:
    count_doors.enqueue(4)
    taken = take("a", clock)
    services.Lease.objects.all().delete()
    assert services.lapsed_return(system, now=clock + 2 * LEASE) == (1, 0)
    assert the_job(actors, taken.id).state == "waiting"


def test_what_may_pass_is_tried_again_and_what_cannot_is_not(actors: dict[Role, Actor], system: Actor, clock: datetime) -> None:
    count_doors.enqueue(4)
    taken = take("a", clock)
    assert fail(system, taken, "a", clock)
    seen = the_job(actors, taken.id)
    assert (seen.state, seen.failure) == ("waiting", "web.disk-full")
    assert services.task_take(worker="a", now=clock) is None, "not at once: the disk is still full"
    count_doors.enqueue(5)
    other = take("a", clock)
    assert fail(system, other, "a", clock, failure="jobs.fault", again=False)
    assert the_job(actors, other.id).state == "failed"


def test_a_job_given_back_because_the_worker_stops_loses_no_attempt(actors: dict[Role, Actor], clock: datetime) -> None:
    count_doors.enqueue(4)
    taken = take("a", clock)
    assert services.task_give_back(task=taken.id, worker="a", now=clock - timedelta(seconds=1))
    assert take("b", clock).attempt == 1


def test_a_clock_set_back_makes_no_lease_eternal(system: Actor, clock: datetime) -> None:
    count_doors.enqueue(4)
    take("killed", clock + timedelta(days=2))  # then the clock was put right
    assert services.lapsed_return(system, now=clock) == (0, 0)
    assert services.lapsed_return(system, now=clock + LEASE + timedelta(seconds=1)) == (1, 0)


def test_a_duty_is_done_by_one_worker_only_and_comes_round(clock: datetime) -> None:
    duty = Round("reap", Every(timedelta(seconds=30)), lambda now: None)
    assert services.duty_take(duty=duty, worker="a", now=clock)
    assert not services.duty_take(duty=duty, worker="b", now=clock)
    services.duty_end(duty=duty, worker="a", now=clock)
    assert not services.duty_take(duty=duty, worker="b", now=clock + timedelta(seconds=29))
    assert services.duty_take(duty=duty, worker="b", now=clock + timedelta(seconds=31))


def test_a_duty_whose_worker_died_is_taken_by_another(clock: datetime) -> None:
    duty = Round("reap", Every(timedelta(seconds=30)), lambda now: None)
    assert services.duty_take(duty=duty, worker="killed", now=clock)
    assert services.duty_take(duty=duty, worker="b", now=clock + services.GRACE)


def test_a_duty_does_not_stand_still_when_the_clock_is_set_back(clock: datetime) -> None:
    duty = Round("reap", Every(timedelta(seconds=30)), lambda now: None)
    services.duty_take(duty=duty, worker="a", now=clock + timedelta(days=1))
    services.duty_end(duty=duty, worker="a", now=clock + timedelta(days=1))
    assert services.duty_take(duty=duty, worker="a", now=clock)


def test_nightly_means_the_next_night_and_a_missed_night_is_made_up_for(clock: datetime) -> None:
    evening = timezone.localtime(clock).replace(hour=20, minute=0)
    duty = Round("night", Daily(time(2, 30)), lambda now: None)
    assert not services.duty_take(duty=duty, worker="a", now=evening), "not at the moment of installing"
    assert not services.duty_take(duty=duty, worker="a", now=evening + timedelta(hours=6))
    assert services.duty_take(duty=duty, worker="a", now=evening + timedelta(hours=14)), "switched on at ten in the morning"
    services.duty_end(duty=duty, worker="a", now=evening + timedelta(hours=14))
    assert not services.duty_take(duty=duty, worker="a", now=evening + timedelta(hours=15))


def test_the_page_shows_what_failed_in_words_and_that_no_worker_lives(
    client_for: Callable[[Role], Client], system: Actor, clock: datetime
) -> None:
    count_doors.enqueue(4)
    fail(system, take("a", clock), "a", clock, again=False)
    page = client_for(Role.ADMINISTRATOR).get("/zh-hans/jobs/").content.decode()
    assert "没有工作进程在运行" in page
    assert "磁盘已满" in page
    assert "web.disk-full" in page
    services.worker_register(worker="a", host="h", pid=1, now=clock)
    page = client_for(Role.ADMINISTRATOR).get("/en/jobs/?state=failed").content.decode()
    assert "No worker is running" not in page


@pytest.mark.parametrize("query", ["?state=strange", "?page=0", "?page=x", "?colour=red"])
def test_an_unknown_filter_is_an_error(client_for: Callable[[Role], Client], query: str) -> None:
    assert client_for(Role.ADMINISTRATOR).get(f"/en/jobs/{query}").status_code == 400


def test_only_administrators_see_jobs(actors: dict[Role, Actor], client_for: Callable[[Role], Client]) -> None:
    for role, actor in actors.items():
        if role is not Role.ADMINISTRATOR:
            with pytest.raises(RefusedError):
                selectors.job_list(actor)
    assert client_for(Role.COUNTY_MANAGER).get("/en/jobs/").status_code == 403
    with pytest.raises(UsageError):
        selectors.job_list(actors[Role.ADMINISTRATOR], state="strange")


def test_old_records_are_cleared_away_and_waiting_jobs_are_not(actors: dict[Role, Actor], clock: datetime) -> None:
    count_doors.enqueue(4)
    services.task_succeed(task=take("a", clock).id, worker="a", value=5, now=clock)
    count_doors.enqueue(5)
    assert services.finished_prune(before=clock - timedelta(days=1)) == 0
    assert services.finished_prune(before=clock + timedelta(days=1)) == 1
    assert [job.state for job in selectors.job_list(actors[Role.ADMINISTRATOR])[0]] == ["waiting"]


def test_the_api_lists_what_the_page_lists_page_by_page(client_for: Callable[[Role], Client]) -> None:
    for n in range(5):
        count_doors.enqueue(n)
    client, seen, cursor = client_for(Role.ADMINISTRATOR), [], ""
    for _ in range(3):
        page = client.get(f"/api/v1/jobs/?limit=2&cursor={cursor}").json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next"] or ""
    assert (len(seen), len(set(seen)), page["next"], page["count"]) == (5, 5, None, 5)
    assert client.get("/api/v1/jobs/?state=strange").status_code == 400
    assert client.get("/api/v1/jobs/?cursor=strange").status_code == 400
    assert client.get("/api/v1/jobs/workers").json() == []
    assert client_for(Role.AUDITOR).get("/api/v1/jobs/").status_code == 403

"""Two people, two processes, at the same moment: one is first, the other is told, nothing is done twice or lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from casework_world import FORMS, draft, shipped
from django.db import connection, connections

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.models import Case, Entry, Tally
from zhizhi.apps.casework.selectors.counts import reconcile
from zhizhi.apps.casework.services.cases import case_open, case_open_many
from zhizhi.apps.casework.services.clock import cases_escalate
from zhizhi.apps.casework.services.links import case_merge
from zhizhi.apps.casework.services.steps import case_move, case_pause
from zhizhi.apps.casework.services.tallies import tally_compact
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import ConflictError, ZhizhiError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    package_install(system, package=shipped(), now=now)
    return {role.value: actor for role, actor in actors.items()}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start together; return what each gave or raised, in order."""
    gate = threading.Barrier(len(calls))
    given: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait()
            given[number] = call()
        except Exception as error:
            given[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number, call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return given


def test_two_people_act_at_once_and_the_second_is_told(people: dict[str, Actor], now: datetime) -> None:
    officer, worker = people["town-officer"], people["village-worker"]
    for number in range(6):
        case = case_open(officer, draft=draft(number), now=now)
        given = at_once(
            lambda case=case: case_move(worker, case_id=case, version=1, way_id="reached", answers=FORMS["reached"], now=now),
            lambda case=case: case_move(officer, case_id=case, version=1, way_id="declined", reason="不愿意", now=now),
        )
        errors = [one for one in given if isinstance(one, Exception)]
        assert len(errors) == 1, given
        assert isinstance(errors[0], ConflictError)
        assert errors[0].code in ("casework.stale-moved", "casework.stale-closed")
        assert errors[0].params["who"] in (officer.name, worker.name)
        assert Entry.objects.filter(case_id=case).count() == 2
        assert Event.objects.filter(subjects__subject=f"case:{case}").count() == 2
        assert Case.objects.get(pk=case).version == 2
    assert all(tally == counted for tally, counted in reconcile(officer).values())


def test_one_form_sent_by_two_requests_counts_once(people: dict[str, Actor], now: datetime) -> None:
    worker = people["village-worker"]
    for number in range(6):
        case = case_open(people["town-officer"], draft=draft(number), now=now)

        def send(case: int = case) -> Any:
            return case_move(worker, case_id=case, version=1, way_id="moved", reason="搬走了", key="one-form", now=now)

        given = at_once(send, send, send)
        assert [one.version for one in given] == [2, 2, 2], given
        assert sorted(one.again for one in given) == [False, True, True]
        assert Entry.objects.filter(case_id=case, kind="closed").count() == 1
    assert sum(Tally.objects.filter(measure="closed").values_list("count", flat=True)) == 6


def test_a_household_is_opened_once_by_two_jobs(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    drafts = [draft(number) for number in range(80)]
    given = at_once(
        lambda: case_open_many(system, drafts=drafts, now=now), lambda: case_open_many(system, drafts=drafts[::-1], now=now)
    )
    assert all(isinstance(one, list) for one in given), given
    assert given[0] == given[1][::-1]
    assert Case.objects.count() == 80
    again = case_open_many(system, drafts=drafts, now=now)
    assert sorted(again) == sorted(Case.objects.values_list("pk", flat=True))
    assert reconcile(system)["opened"] == (80, 80)
    assert Event.objects.filter(name="casework.case.opened").count() == 80


def test_two_watchers_escalate_each_case_once(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    case_open_many(system, drafts=[draft(number) for number in range(60)], now=now)
    late = now + timedelta(days=30)
    given = at_once(lambda: cases_escalate(system, now=late), lambda: cases_escalate(system, now=late))
    assert all(isinstance(one, int) for one in given), given
    left = cases_escalate(system, now=late)
    assert sum(given) + left == 60
    assert Entry.objects.filter(kind="escalated").count() == 60


def test_merging_two_cases_into_each_other_leaves_one_open(people: dict[str, Actor], now: datetime) -> None:
    officer = people["town-officer"]
    one, two = case_open_many(officer, drafts=[draft(1), draft(2)], now=now)
    given = at_once(
        lambda: case_merge(officer, case_id=one, version=1, into_id=two, reason="同一户", now=now),
        lambda: case_merge(officer, case_id=two, version=1, into_id=one, reason="同一户", now=now),
    )
    assert sum(isinstance(one, ZhizhiError) for one in given) == 1, given
    assert Case.objects.filter(closed_at__isnull=True).count() == 1


def test_summing_up_while_cases_are_opened_loses_no_number(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    def open_some(first: int) -> Any:
        return [case_open(system, draft=draft(number), now=now) for number in range(first, first + 15)]

    given = at_once(lambda: open_some(0), lambda: open_some(100), lambda: [tally_compact() for _ in range(10)])
    assert not [one for one in given if isinstance(one, Exception)], given
    assert reconcile(system)["opened"] == (30, 30)
    tally_compact()
    assert reconcile(system)["opened"] == (30, 30)


def test_a_broken_write_leaves_nothing_of_the_step(people: dict[str, Actor], now: datetime) -> None:
    """A line of the timeline that cannot be written takes the change, the number and the event with it."""
    worker = people["village-worker"]
    case = case_open(people["town-officer"], draft=draft(), now=now)
    table = "journal_eventsubject"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        with pytest.raises(Exception, match=table):
            case_pause(worker, case_id=case, version=1, reason_id="disaster", now=now)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    row = Case.objects.get(pk=case)
    assert (row.version, row.paused_at) == (1, None)
    assert Entry.objects.filter(case_id=case).count() == 1
    case_pause(worker, case_id=case, version=1, reason_id="disaster", now=now)
